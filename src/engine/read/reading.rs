//! How the tables of a seal are read, and how far reading has come.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::ingest_report::MaxBadRows;
use super::progress::Progress;
use super::work::Step;
use super::{Input, known_rows};
use crate::engine::error::EngineError;
use crate::engine::memory::MemoryBudget;
use crate::types::CancelToken;

/// The most threads that one dataset is read by where no number is given.
const MOST_THREADS: usize = 4;

/// How the tables of a seal are read. Cubes do not depend on it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
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
    /// Where someone else can see how far it has come.
    pub progress: Option<Arc<Progress>>,
    /// Stops the reading.
    pub cancel: CancelToken,
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
    /// So many bad rows are allowed in a file.
    #[must_use]
    pub fn with_max_bad_rows(mut self, allowed: MaxBadRows) -> Self {
        self.max_bad_rows = allowed;
        self
    }

    /// Identical records are counted.
    #[must_use]
    pub fn counting_identical(mut self) -> Self {
        self.count_identical = true;
        self
    }

    /// So many threads read.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// People, rows and pairs take no more memory than this.
    #[must_use]
    pub fn with_memory(mut self, budget: MemoryBudget) -> Self {
        self.memory = budget;
        self
    }

    /// Somebody else can see how far it has come.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Reading stops soon after `token` is cancelled: at the next batch of rows, so not while a pipe or a reader of the caller gives
    /// none.
    #[must_use]
    pub fn cancelled_by(mut self, token: &CancelToken) -> Self {
        self.cancel = token.clone();
        self
    }

    /// Counts so much work.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "counts in tests alone"))]
    #[inline]
    pub(in crate::engine) fn count(&self, step: Step, many: usize) {
        #[cfg(test)]
        self.work.add(step, many);
        #[cfg(not(test))]
        let _ = (step, many);
    }

    pub(crate) fn threads(&self) -> usize {
        let known = || std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        self.threads.map_or_else(known, usize::from)
    }

    /// Counts so many more rows as read, and stops there if the reading was cancelled.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`]
    pub(in crate::engine) fn count_rows(&self, rows: usize) -> Result<(), EngineError> {
        if let Some(progress) = &self.progress {
            progress.add(rows as u64);
        }
        self.uncancelled()
    }

    /// Whether it goes on.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`]
    pub(crate) fn uncancelled(&self) -> Result<(), EngineError> {
        if self.cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
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
