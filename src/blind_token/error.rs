//! Why a request, an evaluation or an unblinding stops. Never a point, an id or a key.

use crate::keys::{KeyError, SealError};
use crate::storage::StorageError;

/// Why blind tokens were not made. Nothing of what was under way is left under its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlindTokenError {
    /// The evaluation book was changed, cut inside a record, or is that of another key.
    #[error("{file}: {why}")]
    Book {
        /// The book.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file is another one than when it was checked.
    #[error("{file}: changed while it was read")]
    Changed {
        /// The file.
        file: String,
    },
    /// Another number of points than the padding allows.
    #[error(
        "{file}: {count} points of namespace `{namespace}` are no multiple of the study's padding, {padding}"
    )]
    Count {
        /// The file.
        file: String,
        /// The namespace.
        namespace: String,
        /// How many points the file has of it.
        count: u64,
        /// The study's padding.
        padding: u32,
    },
    /// A point that is none, or the identity.
    #[error("{file}: point {number} is not the encoding of a group element other than the identity")]
    Element {
        /// The file.
        file: String,
        /// Which point, from 1.
        number: u64,
    },
    /// Something has the name of a result.
    #[error("{0}: is there already")]
    Exists(String),
    /// The key is not one that the study pins.
    #[error("the study pins no `token_key` of this key")]
    ForeignKey,
    /// Not a whole file of its kind.
    #[error("{file}: {fault}")]
    Format {
        /// The file.
        file: String,
        /// Why.
        fault: FormatFault,
    },
    /// A key file or the system's randomness.
    #[error("the key cannot be used")]
    Key(#[from] KeyError),
    /// There is no such file.
    #[error("{0}: is not there")]
    Missing(String),
    /// The study declares no such namespace.
    #[error("the study declares no namespace `{0}`")]
    Namespace(String),
    /// The study pins no keys of blind tokens.
    #[error("the study pins no `token_key`: its handlers make no blind tokens")]
    NoTokenKeys,
    /// A file of another session or request.
    #[error("{file}: belongs to another request")]
    OtherRequest {
        /// The file.
        file: String,
    },
    /// A file under another study, or a changed one.
    #[error("{file}: belongs to another study, or to this one before it was changed")]
    OtherStudy {
        /// The file.
        file: String,
    },
    /// More ids than the study allows in all sessions.
    #[error(
        "{asked} ids in this request after {counted} in all sessions before it are more than `max_ids`, {limit}"
    )]
    OverLimit {
        /// Ids of all sessions so far, padding included.
        counted: u64,
        /// Ids of this one.
        asked: u64,
        /// The limit.
        limit: u64,
    },
    /// A file between other handlers, or in the other direction.
    #[error("{file}: is not from `{from}` to `{to}`")]
    Parties {
        /// The file.
        file: String,
        /// Who requests.
        from: String,
        /// Who evaluates.
        to: String,
    },
    /// Points that were not multiplied with the pinned key, or not those of the request, or not in its order.
    #[error(
        "{file}: proof {number} does not hold: its points are not those of the request under the pinned key"
    )]
    Proof {
        /// The file.
        file: String,
        /// Which proof, from 1.
        number: u64,
    },
    /// The same point twice.
    #[error("{file}: holds a point twice, which no honest request does")]
    Repeated {
        /// The file.
        file: String,
    },
    /// Another request was evaluated under the same session.
    #[error("{file}: another request of the same session was evaluated before")]
    SessionUsed {
        /// The file.
        file: String,
    },
    /// Not signed by the requesting handler's pinned key, or changed after it was.
    #[error("{file}: the signature is not that of `{from}`, or the file was changed")]
    Signature {
        /// The file.
        file: String,
        /// Who should have signed.
        from: String,
    },
    /// The state file does not open.
    #[error("{file}: does not open: made with another key, or changed")]
    State {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A table of the other handler.
    #[error("dataset `{table}` is of handler `{handler}`, and the key is that of `{own}`")]
    Table {
        /// The dataset.
        table: String,
        /// Who hands it in.
        handler: String,
        /// Whose key it is.
        own: String,
    },
    /// A thread stopped.
    #[error("a thread of the work stopped")]
    Stopped,
    /// The system failed.
    #[error("a file cannot be used")]
    Storage(#[from] StorageError),
    /// Another process writes the same file, or one was killed while it did.
    #[error("{0}: another process writes it, or one was killed while it did")]
    Unfinished(String),
}

/// Why bytes are not a file of their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatFault {
    /// The first bytes are not those of the kind.
    #[error("is not {0}")]
    Kind(&'static str),
    /// Fewer or more bytes than the header says.
    #[error("has {found} bytes instead of {wanted}: it is cut off, or something follows")]
    Length {
        /// The length of the file.
        found: u64,
        /// The length that its header makes.
        wanted: u64,
    },
    /// The header cannot be.
    #[error("has a header that is none")]
    Header,
}

impl BlindTokenError {
    /// What kind of error it is, in a word: `input`, `refused`, `damaged`, `exists`, `key`, `study` or `storage`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OverLimit { .. } => "refused",
            Self::Book { .. } => "damaged",
            Self::Exists(_) => "exists",
            Self::ForeignKey | Self::Key(_) | Self::State { .. } => "key",
            Self::NoTokenKeys => "study",
            Self::Storage(_) | Self::Unfinished(_) | Self::Stopped => "storage",
            _ => "input",
        }
    }
}
