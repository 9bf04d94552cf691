//! How the tables of a seal are read, and how far reading has come.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ingest_report::MaxBadRows;
use super::work::Step;
use super::{Input, known_rows};
use crate::engine::memory::MemoryBudget;

/// The most threads that one dataset is read by where no number is given.
const MOST_THREADS: usize = 4;

/// How the tables of a seal are read. Cubes do not depend on it.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// How many bad rows a file may have.
    pub max_bad_rows: MaxBadRows,
    /// Whether identical records are counted, which decodes all declared fields and takes 8 bytes a record.
    pub count_identical: bool,
    /// Whether the figures that the auditor opens are counted, too.
    pub figures: bool,
    /// Threads; `None` for as many as the machine has, within reason.
    pub threads: Option<NonZeroUsize>,
    /// What the other studies of the sandbox know, so that their rows in a shared consent file are not unknown ones.
    pub elsewhere: Elsewhere,
    /// How much memory people, rows and pairs may take.
    pub memory: MemoryBudget,
    /// Where somebody else can see how far it has come.
    pub progress: Option<Arc<Progress>>,
    /// What was done, for tests that compare seals.
    #[cfg(test)]
    pub(crate) work: Arc<super::work::Work>,
}

/// Names that other studies of a sandbox give.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// Namespaces of ids.
    pub namespaces: BTreeSet<String>,
    /// Legal ids and ids of recipients.
    pub recipients: BTreeSet<String>,
}

impl Reading {
    /// Counts so much work.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "counts in tests alone"))]
    #[inline]
    pub(in crate::engine) fn count(&self, step: Step, many: usize) {
        #[cfg(test)]
        self.work.add(step, many);
        #[cfg(not(test))]
        let _ = (step, many);
    }

    pub(in crate::engine) fn threads(&self) -> usize {
        let known = || std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        self.threads.map_or_else(known, usize::from)
    }

    /// Counts so many more rows as read.
    pub(in crate::engine) fn count_rows(&self, rows: usize) {
        if let Some(progress) = &self.progress {
            progress.add(rows as u64);
        }
    }

    /// Sets how many rows there will be, if all inputs state it.
    pub(in crate::engine) fn expect<'a>(&self, inputs: impl Iterator<Item = &'a Input>) {
        if let Some(progress) = &self.progress {
            let rows: Option<Vec<u64>> = inputs.map(known_rows).collect();
            progress
                .expect(rows.and_then(|rows| rows.into_iter().try_fold(0, u64::checked_add)).unwrap_or(0));
        }
    }
}

/// How many rows of files a seal or an import has read, or entries of a log were verified; another thread may look at any time.
///
/// # Privacy
/// Rows are counted as they are read, whoever they are of: a function of the files alone, as the ingest report is.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many more rows follow; 0 if it is unknown.
    pub(crate) fn expect(&self, rows: u64) {
        self.expected.store(self.rows().saturating_add(rows), Ordering::Relaxed);
    }

    /// Rows that there are; `None` while it is unknown, as when a file does not say how many it has.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        Some(self.expected.load(Ordering::Relaxed)).filter(|expected| *expected > self.rows())
    }
}
