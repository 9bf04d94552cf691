//! Limits of one JSON text of consents.

/// The most bytes of one record.
pub(super) const LONGEST_RECORD: u64 = 16 << 20;
/// The most bytes of one text that is read.
pub(super) const LONGEST_VALUE: usize = 64 << 10;
/// The most rows that one record may expand to: lists multiply.
pub(super) const MOST_ROWS: usize = 10_000;
/// How deep objects and lists may lie in each other.
pub(super) const DEEPEST: usize = 32;
