//! The doors themselves: listening, counting connections, TLS, and draining.

mod drain;
mod error;
mod socket;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use drain::{Drain, Stop};
pub use error::DoorError;
pub use socket::Socket;
pub use tls::acceptor;

use crate::settings::SettingsError;

/// What a door lets in.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Connections at a time; one more is closed at once.
    pub connections: usize,
    /// How long a stop waits for those that are open.
    pub drain: Duration,
}

/// What connections come in by.
pub trait Listen: Send + 'static {
    /// A connection.
    type Stream: Send + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = std::io::Result<Self::Stream>> + Send;
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    async fn next(&self) -> std::io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;
    async fn next(&self) -> std::io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Binds the address of a door.
///
/// # Errors
/// [`DoorError::Settings`] for an address on the network without TLS, unless `insecure`; [`DoorError::Listen`].
pub async fn bind(listen: SocketAddr, has_tls: bool, insecure: bool) -> Result<TcpListener, DoorError> {
    if !has_tls && !insecure && !listen.ip().is_loopback() {
        return Err(SettingsError::Insecure(listen).into());
    }
    TcpListener::bind(listen).await.map_err(|error| DoorError::Listen(listen, error))
}

/// Lets connections in until the drain begins, then waits for those that are open, each of which watches the drain itself.
pub async fn run<L, F, Served>(listener: L, terms: Terms, mut drain: Drain, serve: F)
where
    L: Listen,
    F: Fn(L::Stream) -> Served,
    Served: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(terms.connections));
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = drain.begun() => break,
            Some(_) = open.join_next() => {}
            accepted = listener.next() => match accepted {
                Ok(stream) => {
                    // Without a place the stream is dropped, and so closed.
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                    let served = serve(stream);
                    open.spawn(async move {
                        let _place = place;
                        served.await;
                    });
                }
                // Out of file descriptors, most likely: those that are open go on, and so does the door.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let waited = tokio::time::timeout(terms.drain, async { while open.join_next().await.is_some() {} });
    if waited.await.is_err() {
        tracing::warn!(open = open.len(), "connections were cut at the end of the drain");
    }
}
