//! Why a seal on a cluster stopped.

use super::refusal::Refusal;
use crate::engine::records::accumulator::NotMerged;
use crate::types::codec::CodecError;

/// Why a seal on a cluster stopped. Names files, datasets and steps; never a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Something that the cluster does not do yet.
    #[error("a cluster does not do this yet: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// What all executors made does not add up to what they read. No cube is written.
    #[error("the cluster lost or repeated {what}, so there is no cube: seal again")]
    NotConserved {
        /// What does not add up.
        what: &'static str,
    },
    /// Executors that do not have the keys, the study or the build of the operator.
    #[error("an executor worked under other keys, another study or another build than the operator")]
    Foreign,
    /// Bytes that are no state of this seal.
    #[error("a state of the cluster is not one of this seal")]
    Malformed,
    /// Bytes that are no state at all.
    #[error("a state of the cluster cannot be decoded")]
    Codec(#[source] CodecError),
    /// States of two people under one key.
    #[error("states of two people came under one key")]
    TwoPeople,
    /// More than 2^32 - 1 records, or people who list them, of one person.
    #[error("one person has more than 4,294,967,295 records, or people who list them")]
    TooManyRows,
    /// The seal was described otherwise than the executor understands it.
    #[error("the description of the seal is not one that this executor understands: {0}")]
    Job(String),
    /// The engine that runs the cluster failed.
    #[error("the cluster failed: {0}")]
    Failed(String),
}

impl From<CodecError> for ClusterError {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

impl From<NotMerged> for ClusterError {
    fn from(error: NotMerged) -> Self {
        match error {
            NotMerged::Other => Self::Malformed,
            NotMerged::TooManyRows => Self::TooManyRows,
        }
    }
}
