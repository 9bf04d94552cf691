//! Rows of people and of records in; a code for each person and field, and a value for each person and own measure, out.
//!
//! Batches become [rows](rows), rows are collected in [buffers by partition of people](partition_buffer) and accumulated partition by
//! partition ([`partitions`], [`accumulator`]). Rows of all owners are read alike, whether or not their owner is covered.

pub(super) mod accumulator;
pub(super) mod ages;
pub(super) mod differing;
pub(super) mod distinct;
pub(super) mod measures;
pub(super) mod partition_buffer;
pub(super) mod partitions;
pub(super) mod people;
pub(super) mod rows;
pub(super) mod values;
