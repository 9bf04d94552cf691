//! The operator hands the description of a seal and its keys to executors, over a connection that both ends prove their role on, and that
//! stays open as long as the seal runs: when it closes, the executor ends and removes what it wrote.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hushtag::AuditorPublicKey;
use hushtag::engine::cluster::Job;
use hushtag::types::Secret;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use zeroize::Zeroizing;

use crate::certificates::{Certificates, Role};
use crate::encryption::JobKey;
use crate::error::Error;
use crate::functions::Work;
use crate::objects::{Objects, Stores};
use crate::progress::Ran;

/// The build of an executor has to be that of the operator: states have no other contract.
pub(crate) const BUILD: &str =
    concat!("hushtag-cluster ", env!("CARGO_PKG_VERSION"), " ballista 55.0.0 datafusion 55.2.0 states 2");

/// The largest description of a seal.
const LARGEST: u64 = 64 << 20;
/// How long an executor waits before it connects again.
const AGAIN: Duration = Duration::from_millis(200);

/// Hands the work of one seal to every executor that connects.
pub(crate) struct Handover {
    /// How many executors have it, and hold their connection.
    holding: Arc<AtomicUsize>,
    /// How many had it, and ended or lost their connection.
    ended: Arc<AtomicUsize>,
    changed: Arc<Notify>,
    server: tokio::task::JoinHandle<()>,
}

impl Handover {
    /// Listens, and hands over until it is dropped. `ran` is called with what executors say that they ran.
    pub(crate) async fn start(
        listen: SocketAddr,
        certificates: &Certificates,
        message: Zeroizing<Vec<u8>>,
        ran: Arc<dyn Fn(Ran) + Send + Sync>,
    ) -> Result<(Self, SocketAddr), Error> {
        let place = listen.to_string();
        let wrong =
            |error: std::io::Error| Error::Connection { place: place.clone(), why: error.to_string() };
        let listener = TcpListener::bind(listen).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let acceptor = TlsAcceptor::from(certificates.key_server()?);
        let [holding, ended] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let changed = Arc::new(Notify::new());
        let message = Arc::new(message);
        let held = Held {
            holding: Arc::clone(&holding),
            ended: Arc::clone(&ended),
            changed: Arc::clone(&changed),
            ran,
        };
        let server = tokio::spawn(async move {
            // Dropped with the task, which closes every connection.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (acceptor, message, held) = (acceptor.clone(), Arc::clone(&message), held.clone());
                connections.spawn(async move {
                    // Of who fails here nothing is known: neither a certificate nor a build that counts.
                    let _ = hand_over(&acceptor, stream, &message, &held).await;
                });
            }
        });
        Ok((Self { holding, ended, changed, server }, address))
    }

    /// Waits until so many executors have the work.
    pub(crate) async fn executors(&self, wanted: usize) {
        while self.holding.load(Ordering::SeqCst) < wanted {
            // A change between the look and the wait is not missed for long.
            let _ = tokio::time::timeout(AGAIN, self.changed.notified()).await;
        }
    }

    /// How many executors have the work now.
    pub(crate) fn holding(&self) -> usize {
        self.holding.load(Ordering::SeqCst)
    }

    /// How many executors had the work and are gone.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Counts the executors that have the work, and takes what they say.
#[derive(Clone)]
struct Held {
    holding: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    changed: Arc<Notify>,
    ran: Arc<dyn Fn(Ran) + Send + Sync>,
}

async fn hand_over(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    message: &[u8],
    held: &Held,
) -> Result<(), std::io::Error> {
    let mut stream = acceptor.accept(stream).await?;
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    if !certificate.is_some_and(|certificate| Role::Executor.is_of(certificate)) {
        return Ok(());
    }
    let mut build = vec![0; BUILD.len()];
    stream.read_exact(&mut build).await?;
    if build != BUILD.as_bytes() {
        return stream.write_all(&[0]).await;
    }
    stream.write_all(&[1]).await?;
    stream.write_all(&(message.len() as u64).to_le_bytes()).await?;
    stream.write_all(message).await?;
    stream.flush().await?;
    held.holding.fetch_add(1, Ordering::SeqCst);
    held.changed.notify_waiters();
    // What follows says what was run. It ends when either side does.
    let mut message = [0; 5];
    while stream.read_exact(&mut message).await.is_ok() {
        if let Some(ran) = Ran::from_bytes(message) {
            (held.ran)(ran);
        }
    }
    held.ended.fetch_add(1, Ordering::SeqCst);
    held.holding.fetch_sub(1, Ordering::SeqCst);
    held.changed.notify_waiters();
    Ok(())
}

/// What is handed over: the job, the key of its states, the key that totals are encrypted to, and which files are objects.
pub(crate) fn message(
    job: &Job,
    key: &JobKey,
    result: &AuditorPublicKey,
    objects: &Objects,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let described = job.to_bytes()?;
    let result = result.to_string();
    let objects = serde_json::to_string(objects).map_err(|error| Error::Engine(error.to_string()))?;
    let texts = [&result, &objects];
    let length: usize = texts.iter().map(|text| 8 + text.len()).sum();
    // A vector that grew would leave copies of the keys behind.
    let mut message = Zeroizing::new(Vec::with_capacity(32 + length + described.len()));
    message.extend_from_slice(key.secret().expose());
    for text in texts {
        message.extend_from_slice(&(text.len() as u64).to_le_bytes());
        message.extend_from_slice(text.as_bytes());
    }
    message.extend_from_slice(&described);
    Ok(message)
}

/// The first text of a message, and what follows it.
fn text(message: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = message.split_first_chunk::<8>()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn work(message: &[u8], folder: &Path) -> Result<Work, Error> {
    let (key, rest) = message.split_first_chunk::<32>().ok_or(Error::Changed)?;
    let (result, rest) = text(rest).ok_or(Error::Changed)?;
    let (objects, described) = text(rest).ok_or(Error::Changed)?;
    let result = result.parse().map_err(|_| Error::Changed)?;
    let objects = serde_json::from_str(objects).map_err(|_| Error::Changed)?;
    let job = Arc::new(Job::from_bytes(described)?);
    let (key, stores) = (JobKey::new(Secret::new(*key)), Stores::default());
    Ok(Work { job, key, result, objects, stores, folder: folder.to_owned() })
}

/// The connection of an executor that has the work of a seal.
pub(crate) struct Connected {
    stream: TlsStream<TcpStream>,
}

impl Connected {
    /// Says what is run, until the operator closes it.
    pub(crate) async fn until_closed(self, mut ran: UnboundedReceiver<Ran>) {
        let (mut operator, mut says) = tokio::io::split(self.stream);
        let mut rest = [0; 1];
        let closed = operator.read(&mut rest);
        let saying = async {
            while let Some(ran) = ran.recv().await {
                if says.write_all(&ran.to_bytes()).await.is_err() || says.flush().await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = closed => {}
            () = saying => {}
        }
    }
}

/// Connects to the operator, again and again until it is there, and takes the work of its seal, with `folder` for what it fetches.
///
/// # Errors
/// [`Error::Connection`] for an operator of another build, and for a description that this build does not understand.
pub(crate) async fn take(
    operator: &str,
    certificates: &Certificates,
    folder: &Path,
) -> Result<(Arc<Work>, Connected), Error> {
    let connector = TlsConnector::from(certificates.key_client()?);
    let wrong = |why: &str| Error::Connection { place: operator.to_owned(), why: why.to_owned() };
    let name = ServerName::try_from(Role::Operator.domain()).map_err(|_| wrong("no name"))?;
    loop {
        let connected = async {
            let stream = TcpStream::connect(operator).await?;
            let mut stream = connector.connect(name.clone(), stream).await?;
            stream.write_all(BUILD.as_bytes()).await?;
            stream.flush().await?;
            let mut is_taken = [0; 1];
            stream.read_exact(&mut is_taken).await?;
            Ok::<_, std::io::Error>((stream, is_taken == [1]))
        };
        let Ok((mut stream, is_taken)) = connected.await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        if !is_taken {
            return Err(wrong("the operator runs another build of hushtag-cluster"));
        }
        let cut = |_: std::io::Error| wrong("the connection ended while the work was handed over");
        let mut length = [0; 8];
        stream.read_exact(&mut length).await.map_err(cut)?;
        let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= LARGEST);
        let length =
            length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| wrong("too long"))?;
        let mut message = Zeroizing::new(vec![0; length]);
        stream.read_exact(&mut message).await.map_err(cut)?;
        return Ok((Arc::new(work(&message, folder)?), Connected { stream }));
    }
}

#[cfg(test)]
mod tests {
    use super::{BUILD, text};

    #[test]
    fn a_text_of_a_message_is_whole_or_refused() {
        let (first, rest) = ("x25519:00", b"rest".as_slice());
        let whole = [&(first.len() as u64).to_le_bytes()[..], first.as_bytes(), rest].concat();
        assert_eq!(text(&whole), Some((first, rest)));
        for end in 0..8 + first.len() {
            assert_eq!(text(&whole[..end]), None, "cut at {end}");
        }
        let length = |length: u64| [&length.to_le_bytes()[..], first.as_bytes()].concat();
        assert_eq!(text(&length(u64::MAX)), None);
        assert_eq!(text(&[&1_u64.to_le_bytes()[..], &[0xff]].concat()), None, "no UTF-8");
    }

    #[test]
    fn a_build_names_the_versions_that_it_stands_on() {
        assert!(BUILD.contains(&format!("ballista {}", ballista_core::BALLISTA_VERSION)), "{BUILD}");
        assert!(BUILD.contains(&format!("datafusion {}", datafusion::DATAFUSION_VERSION)), "{BUILD}");
    }
}
