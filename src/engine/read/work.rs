//! Deterministic counts of what a seal does, so that tests can compare seals that differ in who is in.
//!
//! Outside tests counting is an empty function.

/// One unit of work.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Step {
    /// A row that is kept for its owner.
    Row,
    /// A value that is looked up in the set of distinct values of its owner, or a pair in a set of pairs.
    Insert,
    /// A pair of a list: as read, after the cut, and turned around.
    Pair,
    /// A contribution that is computed for its target.
    Contribution,
    /// A person whose values are computed for a cube, or for the figures of the auditor.
    Person,
}

/// What was counted, step by step.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Work([std::sync::atomic::AtomicU64; 5]);

#[cfg(test)]
impl Work {
    pub(super) fn add(&self, step: Step, many: usize) {
        self.0[step as usize].fetch_add(many as u64, std::sync::atomic::Ordering::Relaxed);
    }

    /// All counts.
    pub(crate) fn counts(&self) -> [u64; 5] {
        self.0.each_ref().map(|count| count.load(std::sync::atomic::Ordering::Relaxed))
    }
}
