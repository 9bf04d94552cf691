//! Who asks and who reads: analyst, reader, vocabulary, metrics, status.

pub(super) mod analyst;
pub(super) mod health;
pub(super) mod metrics;
pub(super) mod post_processing;
pub(super) mod prepared;
pub(super) mod reader;
pub(super) mod released_history;
pub(super) mod status;
pub(super) mod vocabulary;
