//! A stream that ends when one message is too large: the protocol's own limit is 2 GiB.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that came in since a message was complete.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread(Arc<AtomicUsize>);

impl Unread {
    /// A message was complete.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// The stream.
pub(super) struct Guarded<S> {
    inner: S,
    unread: Unread,
    limit: usize,
}

impl<S> Guarded<S> {
    pub(super) fn new(inner: S, limit: usize) -> (Self, Unread) {
        let unread = Unread::default();
        (Self { inner, unread: unread.clone(), limit }, unread)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.0.load(Ordering::Relaxed) > self.limit {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too large")));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        self.unread.0.fetch_add(read, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
