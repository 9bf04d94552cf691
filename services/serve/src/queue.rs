//! Turns: a recipient has its own, so that one cannot starve another, and all have some together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settings::Limits;

/// Too many queries of this recipient wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many queries of this recipient wait for their turn")]
pub struct Busy;

/// The turns of one recipient.
struct Line {
    running: Arc<Semaphore>,
    /// Those that run and those that wait.
    places: Arc<Semaphore>,
}

/// A turn: its holder may work; it ends when it is dropped.
#[derive(Debug)]
pub struct Turn {
    _place: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
}

/// All turns.
pub struct Queue {
    shared: Arc<Semaphore>,
    running: usize,
    places: usize,
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

impl Queue {
    /// Turns within these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let running = limits.queries_of_recipient.size();
        Self {
            shared: Arc::new(Semaphore::new(limits.queries.size())),
            running,
            places: running.saturating_add(limits.waiting_of_recipient.size()),
            lines: Mutex::default(),
        }
    }

    /// Waits for a turn of `recipient`: first for its own, then for one of all. Both are handed out in the order of arrival.
    ///
    /// # Errors
    /// [`Busy`], at once, if too many wait.
    pub async fn turn(&self, recipient: &str) -> Result<Turn, Busy> {
        let line = self.line(recipient);
        let place = Arc::clone(&line.places).try_acquire_owned().map_err(|_| Busy)?;
        let own = Arc::clone(&line.running).acquire_owned().await.map_err(|_| Busy)?;
        let shared = Arc::clone(&self.shared).acquire_owned().await.map_err(|_| Busy)?;
        Ok(Turn { _place: place, _own: own, _shared: shared })
    }

    /// Recipients are those of the study, so the lines are few.
    fn line(&self, recipient: &str) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(recipient.to_owned()).or_insert_with(|| {
            let (running, places) = (Semaphore::new(self.running), Semaphore::new(self.places));
            Arc::new(Line { running: Arc::new(running), places: Arc::new(places) })
        });
        Arc::clone(line)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Bounded;

    #[tokio::test]
    async fn one_recipient_waits_for_itself_and_not_for_another() {
        let limits = Limits {
            queries: Bounded::of(3),
            queries_of_recipient: Bounded::of(2),
            waiting_of_recipient: Bounded::of(1),
            ..Limits::default()
        };
        let queue = Arc::new(Queue::new(&limits));
        let first = queue.turn("a").await.unwrap();
        let _second = queue.turn("a").await.unwrap();
        let third = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.turn("a").await.map(drop) }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!third.is_finished(), "it waits");
        assert_eq!(queue.turn("a").await.unwrap_err(), Busy, "and no more than one may");
        let other = tokio::time::timeout(Duration::from_secs(5), queue.turn("b")).await;
        assert!(other.unwrap().is_ok(), "another recipient does not");
        drop(first);
        third.await.unwrap().unwrap();
    }
}
