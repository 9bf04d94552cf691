//! What is in force: studies, regimes, signatures, how they are adopted, checked and replayed.

pub(super) mod adopt;
pub(super) mod check;
pub(super) mod documents;
pub(super) mod in_force;
pub(super) mod replay;
pub(super) mod source;
