//! Sealed epochs: their files, keys in memory, join diagnostics, openings of inputs, retirement.

pub(super) mod epoch_selection;
pub(super) mod epochs;
pub(super) mod figures;
pub(super) mod inputs;
pub(super) mod retire;
pub(super) mod sealed;
