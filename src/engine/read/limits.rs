//! Limits of one file, whatever its format.

/// The most columns of a file.
pub(super) const MOST_COLUMNS: usize = 10_000;
/// The most bytes of one record; memory is bounded by it.
pub(super) const LONGEST_RECORD: u64 = 16 << 20;
