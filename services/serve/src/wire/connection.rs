//! One connection: TLS, login within a time, then message by message until the client leaves, is idle too long, or the drain begins.

use std::io;
use std::sync::{Arc, OnceLock};

use futures::{SinkExt, StreamExt};
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{ClientInfo, ConnectionManager, NoopHandler, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::server::{PgWireMessageServerCodec, negotiate_tls, process_error, process_message};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::{Framed, FramedParts};

use super::error::info;
use super::extended::Extended;
use super::guarded::{Guarded, Unread};
use super::session::Session;
use super::simple::Simple;
use super::startup::Startup;
use super::statement::Prepared;
use crate::catalogue::Catalogue;
use crate::door::Drain;
use crate::service::Service;
use crate::tokens::Caller;

/// How clients cancel the statements of their connections.
#[derive(Debug, Clone, Default)]
pub struct Cancels(pub(super) Arc<ConnectionManager>);

/// What the handlers of one connection share.
pub(super) struct Connection {
    pub(super) service: Arc<Service>,
    pub(super) cancels: Cancels,
    /// Whether passwords may come without TLS: on loopback, or where the operator said so.
    pub(super) needs_tls: bool,
    pub(super) session: Session,
    pub(super) login: OnceLock<Login>,
}

/// Who logged in, and what they see.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) caller: Caller,
    pub(super) catalogue: Arc<Catalogue>,
}

type Talk<S> = Framed<Guarded<S>, PgWireMessageServerCodec<Prepared>>;

/// Serves one connection, in a task of its own: `pgwire` panics at some messages that are shorter than they say, which ends this task and
/// nothing else.
pub async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    cancels: Cancels,
    drain: Drain,
) {
    let _connected = service.monitoring.connection("postgres");
    let needs_tls = tls.is_some();
    let limits = service.limits().clone();
    let Ok(Ok(Some(negotiated))) = timeout(limits.client_time(), negotiate_tls(stream, tls)).await else {
        return;
    };
    let parts = negotiated.into_parts();
    // What came before TLS stood could have been put there by someone on the way.
    if parts.codec.client_info.is_secure && !parts.read_buf.is_empty() {
        return;
    }
    let (io, unread) = Guarded::new(parts.io, limits.request_bytes.size());
    let mut guarded = FramedParts::new::<PgWireBackendMessage>(io, parts.codec);
    guarded.read_buf = parts.read_buf;
    guarded.write_buf = parts.write_buf;
    let session = Session::new(limits.query_time());
    let connection = Connection { service, cancels, needs_tls, session, login: OnceLock::new() };
    // A client that broke off is none of our errors.
    let _ = talk(Framed::from_parts(guarded), unread, Arc::new(connection), drain).await;
}

async fn talk<S>(
    mut socket: Talk<S>,
    unread: Unread,
    connection: Arc<Connection>,
    mut drain: Drain,
) -> io::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + Sync + 'static,
{
    let limits = connection.service.limits().clone();
    let startup = Arc::new(Startup(Arc::clone(&connection)));
    let simple = Arc::new(Simple(Arc::clone(&connection)));
    let extended = Arc::new(Extended::new(Arc::clone(&connection)));
    let cancel = Arc::new(DefaultCancelHandler::new(Arc::clone(&connection.cancels.0)));
    let login_until = tokio::time::Instant::now() + limits.client_time();
    // Between the first message of a batch and its Sync, what is under way is finished first.
    let mut in_batch = false;
    loop {
        let until = match connection.login.get() {
            None => login_until,
            Some(_) => tokio::time::Instant::now() + limits.idle_time(),
        };
        let message = tokio::select! {
            biased;
            () = drain.begun(), if !in_batch => {
                let stop = info("FATAL", "57P01", "the service is being stopped");
                socket.send(PgWireBackendMessage::ErrorResponse(stop.into())).await?;
                return socket.close().await;
            }
            message = tokio::time::timeout_at(until, socket.next()) => message,
        };
        let Ok(Some(Ok(message))) = message else { return Ok(()) };
        unread.reset();
        if matches!(message, PgWireFrontendMessage::Terminate(_)) {
            return Ok(());
        }
        let awaits_sync = message.is_extended_query();
        in_batch = match &message {
            PgWireFrontendMessage::Sync(_) => false,
            _ => awaits_sync,
        };
        let processed = process_message(
            message,
            &mut socket,
            Arc::clone(&startup),
            Arc::clone(&simple),
            Arc::clone(&extended),
            Arc::new(NoopHandler),
            Arc::clone(&cancel),
        );
        if let Err(error) = processed.await {
            let is_login = !matches!(
                socket.state(),
                PgWireConnectionState::ReadyForQuery
                    | PgWireConnectionState::QueryInProgress
                    | PgWireConnectionState::AwaitingSync
            );
            if is_login {
                // Nothing goes on after a login that failed.
                let refused: ErrorInfo = error.into();
                socket.send(PgWireBackendMessage::ErrorResponse(refused.into())).await?;
                return socket.close().await;
            }
            let error: PgWireError = super::error::cleaned(error);
            let is_fatal = matches!(&error, PgWireError::UserError(info) if info.is_fatal());
            process_error(&mut socket, error, awaits_sync).await?;
            if is_fatal {
                return Ok(());
            }
        }
    }
}
