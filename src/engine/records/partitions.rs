//! What accumulates for everybody, partition by partition of people; partitions are added while tables bring new people.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use super::accumulator::{Accumulator, MeasureKernel};
use super::partition_buffer::{PARTITION_SIZE, PartitionBatch};
use crate::engine::error::EngineError;
use crate::engine::memory::{Held, MemoryBudget};

/// What is accumulator for the people of one partition, kernel by kernel.
type Range = Mutex<Vec<Accumulator>>;

/// All partitions of one dataset, filled by several threads.
pub(super) struct Partitions {
    list: RwLock<Vec<Range>>,
    /// Bytes of the sets of distinct values, which grow with values.
    sets: AtomicUsize,
    held: Mutex<Held>,
}

impl Partitions {
    /// None yet.
    pub(in crate::engine) fn new(memory: &MemoryBudget) -> Self {
        Self { list: RwLock::default(), sets: AtomicUsize::new(0), held: Mutex::new(memory.nothing()) }
    }

    /// Adds empty partitions until there is one for everybody numbered `0..people`.
    ///
    /// # Errors
    /// [`EngineError::Memory`]
    pub(in crate::engine) fn grow(
        &self,
        people: usize,
        kernels: &[MeasureKernel],
    ) -> Result<(), EngineError> {
        let wanted = people.div_ceil(PARTITION_SIZE);
        let mut count = self.list.read().unwrap_or_else(PoisonError::into_inner).len();
        if count < wanted {
            let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
            let partition =
                || Mutex::new(kernels.iter().map(|kernel| kernel.op.start(PARTITION_SIZE)).collect());
            let missing = wanted.saturating_sub(list.len());
            list.extend(std::iter::repeat_with(partition).take(missing));
            count = list.len();
        }
        let of_person: usize = kernels.iter().map(|kernel| kernel.op.bytes_of_person()).sum();
        let bytes = count * PARTITION_SIZE * of_person + self.sets.load(Ordering::Relaxed);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).set(bytes)
    }

    /// Observes rows of one partition.
    pub(in crate::engine) fn observe(
        &self,
        partition: usize,
        kernels: &[MeasureKernel],
        rows: &PartitionBatch<'_>,
    ) {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let Some(partition) = list.get(partition) else { return };
        let mut partition = partition.lock().unwrap_or_else(PoisonError::into_inner);
        for (kernel, accumulator) in kernels.iter().zip(partition.iter_mut()) {
            let before = accumulator.bytes_of_sets();
            accumulator.accumulate(kernel, rows);
            self.sets.fetch_add(accumulator.bytes_of_sets().saturating_sub(before), Ordering::Relaxed);
        }
    }

    /// Range by partition, in the order of people.
    pub(in crate::engine) fn finish(self) -> impl Iterator<Item = Vec<Accumulator>> {
        let list = self.list.into_inner().unwrap_or_else(PoisonError::into_inner);
        list.into_iter().map(|partition| partition.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
