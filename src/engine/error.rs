//! Why a seal or an import stopped.

use super::cluster::ClusterError;
use super::read::{ReadError, RowPlace};

/// Why a seal stopped. Names the file, row, column and reason; never a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// More bad rows than allowed.
    #[error(
        "{file}: {bad} of {rows} rows are bad, more than the allowed {allowed} %; the first: {}",
        .first.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    BadRows {
        /// The file.
        file: String,
        /// Bad rows in it.
        bad: u64,
        /// All rows in it.
        rows: u64,
        /// The limit in percent.
        allowed: String,
        /// The first places.
        first: Vec<RowPlace>,
    },
    /// Rows of a consent file without a person. Each may be a withdrawal, so that no limit of bad rows holds for them.
    #[error(
        "{file}: {bad} of {rows} rows cannot be attributed to a person, and one may be a withdrawal; the first: {}",
        .first.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    UnattributedConsents {
        /// The file.
        file: String,
        /// Such rows in it.
        bad: u64,
        /// All rows in it.
        rows: u64,
        /// The first places.
        first: Vec<RowPlace>,
    },
    /// A seal on a cluster stopped.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The caller cancelled it.
    #[error("cancelled by the caller")]
    Cancelled,
    /// A text column that identifies people directly.
    #[error(
        "{file}: column `{column}` identifies people directly: {count} of the {of} texts that were looked at are {like}"
    )]
    DirectIdentifier {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What its texts look like.
        like: &'static str,
        /// How many do.
        count: u64,
        /// How many were looked at.
        of: u64,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A dataset that a study declares was not handed in.
    #[error("no file for dataset `{dataset}`")]
    MissingDataset {
        /// The dataset.
        dataset: String,
    },
    /// Ids of one namespace that can never meet.
    #[error(
        "{}: {}, and {}: {}: no person of namespace `{namespace}` would be the same in both",
        .files[0].0, .files[0].1, .files[1].0, .files[1].1
    )]
    MixedTokens {
        /// The namespace.
        namespace: String,
        /// Two files, and what the ids of each are.
        files: [(String, String); 2],
    },
    /// Blind tokens of other keys than those of the study's handlers.
    #[error("{file}: blind tokens of keys {keys}, which are not those that the study pins as `token_key`")]
    ForeignTokens {
        /// The file.
        file: String,
        /// The name of its keys.
        keys: String,
    },
    /// A dataset that no study declares was handed in.
    #[error("no study declares a dataset `{dataset}`{}", .nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    UnknownDataset {
        /// The dataset.
        dataset: String,
        /// The nearest declared name.
        nearest: Option<String>,
    },
    /// A file of one person's events that names two.
    #[error("{file}: holds the events of several people")]
    SeveralPeople {
        /// The file.
        file: String,
    },
    /// More events than one person has.
    #[error("{file}: more than 100,000 rows are not one person's events")]
    LongPersonFile {
        /// The file.
        file: String,
    },
    /// Owners with more rows in a dataset than its study allows.
    #[error(
        "dataset `{dataset}`: {owners} of its owners have more than {limit} rows each (`max_rows_per_owner`)"
    )]
    RowsPerOwner {
        /// The dataset.
        dataset: String,
        /// How many owners.
        owners: u64,
        /// The limit for each.
        limit: u32,
    },
    /// People with more events in one consent input than a seal takes.
    #[error("{file}: {people} people have more than {limit} consent events each")]
    EventsPerPerson {
        /// The file, or the first part of a folder.
        file: String,
        /// How many people.
        people: u64,
        /// The limit for each.
        limit: u32,
    },
    /// More memory than the budget of a seal. A function of the tables and the study, never of who is in.
    #[error(
        "people, rows and pairs need at least {needed} MiB of memory, more than the {limit} MiB that the seal may use"
    )]
    Memory {
        /// Mebibytes that were needed when the seal stopped, rounded up.
        needed: u64,
        /// Mebibytes of the budget, rounded down.
        limit: u64,
    },
    /// More than 2^32 - 2 distinct ids.
    #[error("too many distinct ids for one seal")]
    TooManyIds,
    /// A thread that read a file stopped: a bug.
    #[error("a thread that read a file stopped; this is a bug")]
    Stopped,
    /// A vocabulary whose cube does not fit memory.
    #[error("the cube of a tag set does not fit memory")]
    TooManyCells,
}
