//! Changes of the key that signs the log, and of the root key.

pub(super) mod rotate;
pub(super) mod rotate_root;
