//! What all folds of the cluster have in common: dense groups, bytes in, bytes out.

use super::error::ClusterError;

/// By what parts are grouped: the pseudonym of a person, or the key of a file's report.
pub type GroupKey = [u8; 16];

/// Parts, each with its key.
pub type KeyedParts = Vec<(GroupKey, Vec<u8>)>;

/// States of groups numbered from 0, merged in any order and split anywhere.
pub trait Fold: Send {
    /// Adds a state of one group.
    ///
    /// # Errors
    /// [`ClusterError`] for bytes that are none, and for those of another person than the group's.
    fn merge(&mut self, group: usize, state: &[u8]) -> Result<(), ClusterError>;

    /// Takes out the states of all groups, in their order, and is empty after it.
    ///
    /// # Errors
    /// [`ClusterError`] for a state that is too large to be written.
    fn take_states(&mut self) -> Result<Vec<Vec<u8>>, ClusterError>;

    /// Bytes that are held, for the budget of memory.
    fn bytes(&self) -> usize;
}
