//! Checking a sandbox as a whole.

pub(super) mod charges;
pub(super) mod epochs;
pub(super) mod files;
pub(super) mod law;
pub(super) mod renewals;
pub(super) mod sandbox;
