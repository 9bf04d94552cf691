//! What a seal may do, and the seal.

pub(super) mod epoch;
pub(super) mod permitted;
