//! A runtime of its own for plans over released rows: a busy plan never holds the task of a connection, so that cancelling and time
//! limits are seen.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// The runtime.
pub struct Work(Option<Runtime>);

impl Default for Work {
    fn default() -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("outer").enable_time().build();
        Self(runtime.inspect_err(|error| tracing::error!("no threads for plans: {error}")).ok())
    }
}

/// Work under way; dropped, it is stopped at its next step.
struct Running<T>(JoinHandle<T>);

impl Work {
    /// Runs `work`; `None` where there are no threads, or it stopped.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut running = Running(self.0.as_ref()?.spawn(work));
        (&mut running.0).await.ok()
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
