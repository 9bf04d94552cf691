//! Rows of each owner, counted from one party's tables alone, so that no owner has more than a seal takes.
//!
//! A row names at most one target and holds one value of each field, so the limit of rows is also one of distinct names.

use super::numbers::NO_PERSON;
use crate::engine::error::EngineError;
use crate::policy::Dataset;

/// The most events of one person in one consent input: a file, or all parts of a folder.
const MOST_EVENTS: u32 = 1_000_000;

/// How many rows each owner has, by the number of the id as it is written: links join ids of other tables.
#[derive(Default)]
pub(in crate::engine) struct OwnerRows(Vec<u32>);

impl OwnerRows {
    /// No rows yet. There is room for everybody whom earlier tables name, so that memory does not depend on whether they name the
    /// owners of this one.
    pub(in crate::engine) fn new(known: usize) -> Self {
        Self(vec![0; known])
    }

    /// Makes room for all ids that are known.
    pub(in crate::engine) fn cover(&mut self, known: usize) {
        if self.0.len() < known {
            self.0.resize(known, 0);
        }
    }

    /// Counts the rows of one batch; a row without an owner is not counted.
    pub(in crate::engine) fn add(&mut self, owners: impl Iterator<Item = u32> + Clone) {
        let Some(last) = owners.clone().filter(|owner| *owner != NO_PERSON).max() else { return };
        if self.0.len() <= last as usize {
            self.0.resize(last as usize + 1, 0);
        }
        for owner in owners {
            if let Some(count) = self.0.get_mut(owner as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Adds what another thread has counted.
    pub(in crate::engine) fn and(&mut self, other: Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(other.0).for_each(|(all, more)| *all = all.saturating_add(more));
    }

    /// Bytes that are held.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
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
        self.0.iter().filter(|count| **count > limit).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_across_batches_and_threads_and_nobodys_are_not() {
        let mut one = OwnerRows::default();
        one.add([3, NO_PERSON, 3, 0].into_iter());
        let mut other = OwnerRows::default();
        other.add([5, 3, NO_PERSON, NO_PERSON].into_iter());
        one.and(other);
        assert_eq!(one.0, [1, 0, 0, 3, 0, 1]);
        assert_eq!([0, 1, 2, 3].map(|limit| one.above(limit)), [3, 1, 1, 0]);
    }
}
