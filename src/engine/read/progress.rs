//! How far reading has come.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many rows of files a seal or an import has read, or entries of a log were verified; another thread may look at any time, or
/// the progress calls an observer.
///
/// # Privacy
/// Rows are counted as they are read, for every person alike: a function of the files alone, as the ingest report is.
#[derive(Default)]
pub struct Progress {
    rows: AtomicU64,
    expected: AtomicU64,
    observer: Option<Box<Observer>>,
}

type Observer = dyn Fn(&Progress) + Send + Sync;

impl Progress {
    /// A progress that calls `observer` whenever more was read: from the threads that read, often and at the same time. It must return
    /// soon, and not act on the same sandbox.
    pub fn observed(observer: impl Fn(&Self) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Box::new(observer)), ..Self::default() }
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// So many more rows were read.
    pub fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        if let Some(observer) = &self.observer {
            observer(self);
        }
    }

    /// So many more rows follow; 0 if it is unknown.
    pub fn expect(&self, rows: u64) {
        self.expected.store(self.rows().saturating_add(rows), Ordering::Relaxed);
    }

    /// Rows that there are; `None` while it is unknown, as when a file does not say how many it has.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        Some(self.expected.load(Ordering::Relaxed)).filter(|expected| *expected > self.rows())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("rows", &self.rows()).finish_non_exhaustive()
    }
}
