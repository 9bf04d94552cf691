//! The drain: no new work begins, and what is under way is finished.

use tokio::sync::watch;

/// Begins the drain.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// Watches for the drain.
#[derive(Debug, Clone)]
pub struct Drain(watch::Receiver<bool>);

impl Drain {
    /// A drain, and what begins it.
    #[must_use]
    pub fn new() -> (Stop, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stop(sender), Self(receiver))
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it begins. A dropped [`Stop`] begins it too.
    pub async fn begun(&mut self) {
        let _ = self.0.wait_for(|begun| *begun).await;
    }
}

impl Stop {
    /// Begins it.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}
