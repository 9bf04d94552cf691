//! Rows of each owner, counted from one party's tables alone, so that no owner has more than a seal takes.
//!
//! A row names at most one target and holds one value of each field, so the limit of rows is also one of distinct names.

use crate::engine::error::EngineError;
use crate::policy::Dataset;

/// The most events of one person in one consent input: a file, or all parts of a folder.
pub(in crate::engine) const MOST_EVENTS: u32 = 1_000_000;

/// How many rows each owner has, by the number of the id as it is written: links join ids of other tables. A byte for each owner, so
/// that most of them are in the processor's cache, and an entry for every 256 rows of one.
#[derive(Default)]
pub(in crate::engine) struct OwnerRows {
    /// The rows of each owner, less those that are carried.
    rest: Vec<u8>,
    /// Owners of so many rows more, once for each time.
    carried: Vec<u32>,
}

/// The rows of an entry.
const CARRY: u32 = 1 << u8::BITS;

impl OwnerRows {
    /// No rows yet. There is room for everybody whom earlier tables name, so that memory does not depend on whether they name the
    /// owners of this one.
    pub(in crate::engine) fn new(known: usize) -> Self {
        Self { rest: vec![0; known], carried: Vec::new() }
    }

    /// Makes room for all ids that are known.
    pub(in crate::engine) fn cover(&mut self, known: usize) {
        if self.rest.len() < known {
            self.rest.resize(known, 0);
        }
    }

    /// Counts the rows of one batch; a row without an owner is not counted.
    pub(in crate::engine) fn add(&mut self, owners: impl Iterator<Item = u32> + Clone) {
        // One more than the number of no person is 0.
        self.cover(owners.clone().map(|owner| owner.wrapping_add(1)).max().unwrap_or(0) as usize);
        for owner in owners {
            if let Some(rest) = self.rest.get_mut(owner as usize) {
                *rest = rest.wrapping_add(1);
                if *rest == 0 {
                    self.carried.push(owner);
                }
            }
        }
    }

    /// Adds rows that were counted for the owners from one on.
    pub(in crate::engine) fn add_counts(&mut self, first: u32, counts: &[u32]) {
        self.cover(first as usize + counts.len());
        for ((owner, rest), more) in (first..).zip(self.rest.iter_mut().skip(first as usize)).zip(counts) {
            let all = u64::from(*rest) + u64::from(*more);
            let [low, ..] = all.to_le_bytes();
            *rest = low;
            self.carried.extend((0..all / u64::from(CARRY)).map(|_| owner));
        }
    }

    /// Adds what another thread has counted.
    pub(in crate::engine) fn and(&mut self, other: Self) {
        let counts: Vec<u32> = other.rest.into_iter().map(u32::from).collect();
        self.add_counts(0, &counts);
        self.carried.extend(other.carried);
    }

    /// Bytes that are held.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.rest.capacity() + self.carried.capacity() * size_of::<u32>()
    }

    /// The rows of each owner.
    pub(in crate::engine) fn counts(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.rest.iter().copied().map(u32::from).collect();
        for owner in &self.carried {
            if let Some(count) = all.get_mut(*owner as usize) {
                *count = count.saturating_add(CARRY);
            }
        }
        all
    }

    /// # Errors
    /// [`EngineError::RowsPerOwner`], with the number of owners who have too many rows in all files of the dataset.
    pub(in crate::engine) fn check(&self, dataset: &Dataset) -> Result<(), EngineError> {
        let limit = dataset.max_rows_per_owner;
        match self.above(limit) {
            0 => Ok(()),
            owners => Err(EngineError::RowsPerOwner { dataset: dataset.name.to_string(), owners, limit }),
        }
    }

    /// # Errors
    /// [`EngineError::EventsPerPerson`], with the number of people who have too many events in this input.
    pub(in crate::engine) fn check_events(&self, file: &str) -> Result<(), EngineError> {
        match self.above(MOST_EVENTS) {
            0 => Ok(()),
            people => Err(EngineError::EventsPerPerson { file: file.to_owned(), people, limit: MOST_EVENTS }),
        }
    }

    fn above(&self, limit: u32) -> u64 {
        self.counts().into_iter().filter(|count| *count > limit).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ids::numbers::NO_PERSON;

    #[test]
    fn rows_are_counted_across_batches_and_threads_and_no_ones_are_not() {
        let mut one = OwnerRows::default();
        one.add([3, NO_PERSON, 3, 0].into_iter());
        let mut other = OwnerRows::default();
        other.add([5, 3, NO_PERSON, NO_PERSON].into_iter());
        one.and(other);
        assert_eq!(one.counts(), [1, 0, 0, 3, 0, 1]);
        one.add_counts(5, &[2, 1]);
        assert_eq!(one.counts(), [1, 0, 0, 3, 0, 3, 1]);
        assert_eq!([0, 1, 2, 3].map(|limit| one.above(limit)), [4, 2, 2, 0]);
    }

    /// Guards the entries of owners with many rows, however they come.
    #[test]
    fn many_rows_of_one_owner_are_counted_to_the_last() {
        for rows in [255_u32, 256, 257, 511, 512, 100_000] {
            let (mut one, mut other) = (OwnerRows::new(3), OwnerRows::default());
            one.add(std::iter::repeat_n(2, rows as usize));
            assert_eq!((one.above(rows - 1), one.above(rows)), (1, 0));
            other.add_counts(1, &[7, rows]);
            other.add([1, 2].into_iter());
            one.and(other);
            assert_eq!(one.counts(), [0, 8, 2 * rows + 1]);
        }
    }
}
