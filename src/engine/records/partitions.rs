//! What accumulates for everybody, range by range of people; ranges are added while tables bring new people.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use super::accumulator::{Gathered, Kernel};
use super::partition_buffer::{RANGE, Together};
use crate::engine::error::EngineError;
use crate::engine::memory::{Held, MemoryBudget};

/// What is gathered for the people of one range, kernel by kernel.
type Range = Mutex<Vec<Gathered>>;

/// All ranges of one dataset, filled by several threads.
pub(super) struct Ranges {
    list: RwLock<Vec<Range>>,
    /// Bytes of the sets of distinct values, which grow with values.
    sets: AtomicUsize,
    held: Mutex<Held>,
}

impl Ranges {
    /// None yet.
    pub(in crate::engine) fn new(memory: &MemoryBudget) -> Self {
        Self { list: RwLock::default(), sets: AtomicUsize::new(0), held: Mutex::new(memory.nothing()) }
    }

    /// Adds empty ranges until there is one for everybody numbered `0..people`.
    ///
    /// # Errors
    /// [`EngineError::Memory`]
    pub(in crate::engine) fn grow(&self, people: usize, kernels: &[Kernel]) -> Result<(), EngineError> {
        let wanted = people.div_ceil(RANGE);
        let mut count = self.list.read().unwrap_or_else(PoisonError::into_inner).len();
        if count < wanted {
            let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
            let range = || Mutex::new(kernels.iter().map(|kernel| kernel.what.start(RANGE)).collect());
            let missing = wanted.saturating_sub(list.len());
            list.extend(std::iter::repeat_with(range).take(missing));
            count = list.len();
        }
        let of_person: usize = kernels.iter().map(|kernel| kernel.what.bytes_of_person()).sum();
        let bytes = count * RANGE * of_person + self.sets.load(Ordering::Relaxed);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).set(bytes)
    }

    /// Observes rows of one range.
    pub(in crate::engine) fn observe(&self, range: usize, kernels: &[Kernel], rows: &Together<'_>) {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let Some(range) = list.get(range) else { return };
        let mut range = range.lock().unwrap_or_else(PoisonError::into_inner);
        for (kernel, gathered) in kernels.iter().zip(range.iter_mut()) {
            let before = gathered.bytes_of_sets();
            gathered.hear(kernel, rows);
            self.sets.fetch_add(gathered.bytes_of_sets().saturating_sub(before), Ordering::Relaxed);
        }
    }

    /// Range by range, in the order of people.
    pub(in crate::engine) fn finish(self) -> impl Iterator<Item = Vec<Gathered>> {
        let list = self.list.into_inner().unwrap_or_else(PoisonError::into_inner);
        list.into_iter().map(|range| range.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
