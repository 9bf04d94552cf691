//! What can be wrong with a log, and where.

use std::error::Error;
use std::fmt;

use super::entry::EntryError;
use super::fields::FieldFault;
use super::note::NoteError;
use super::rotation::RotationFault;
use crate::storage::StorageError;

/// What is wrong at a place of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The checkpoint is no note by the key, or states no head.
    #[error("the checkpoint is not signed by the key or states no head")]
    Checkpoint(#[source] NoteError),
    /// An entry breaks off, or entries follow where none should.
    #[error("the bundle does not hold the entries it should")]
    Bundle,
    /// An entry is not one.
    #[error("the entry is not in its canonical form")]
    Entry(#[source] EntryError),
    /// An entry is not text.
    #[error("the entry is not text")]
    NotText,
    /// An entry is not the one that was recorded.
    #[error("the entry is not the one that the checkpoint covers")]
    Changed,
    /// A tile does not hold the hashes of the entries.
    #[error("the tile does not hold the hashes of the entries")]
    Tile,
    /// The entries and tiles agree with each other and not with the checkpoint.
    #[error("the entries do not have the root that the checkpoint states")]
    Root,
    /// A file that the checkpoint asks for is not there.
    #[error("the file is missing")]
    Missing,
    /// A file that the checkpoint does not ask for: never part of the log, left by a stopped append, or newer than a
    /// checkpoint that was put back.
    #[error("the file does not belong to the log at this checkpoint")]
    Stray,
    /// The anchor states a head that the log does not begin with.
    #[error(
        "the anchor is at `{anchor}` and the log at `{log}`: the folder was put back, or another copy of it went on"
    )]
    Anchor {
        /// Size and root of the anchor.
        anchor: String,
        /// Size and root of the log.
        log: String,
    },
    /// A witness that was named has not cosigned the checkpoint, or a line that claims to be its is not.
    #[error("the witness `{name}` that was named has not cosigned the checkpoint")]
    Witness {
        /// The name of its key.
        name: String,
        /// What is wrong with its line.
        #[source]
        error: NoteError,
    },
    /// A `key` entry changes no key, or the keys do not lead to the one that signed the checkpoint.
    #[error("the key of the log was not changed so: {0}")]
    Rotation(#[source] RotationFault),
    /// An entry with other fields than those of its kind.
    #[error(transparent)]
    Fields(FieldFault),
    /// An `init` entry behind the first entry.
    #[error("the log begins a second time")]
    SecondInit,
    /// The charges of all answers do not fit into 128 bits.
    #[error("the sum of the charges is too large")]
    Charges,
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Storage(#[source] StorageError),
}

/// A damaged place of the log: the path of a file, with the entry or hash in it where that is known.
#[derive(Debug)]
pub struct VerifyError {
    /// Such as `log/tile/entries/000.p/5, entry 3`; entries and hashes count from 0 within their file.
    pub place: String,
    /// What is wrong there.
    pub kind: VerifyErrorKind,
}

impl VerifyError {
    pub(super) fn new(place: impl fmt::Display, kind: VerifyErrorKind) -> Self {
        Self { place: place.to_string(), kind }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place, self.kind)
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// Why the log did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// There is a log already.
    #[error("there is a log in this folder already")]
    Exists,
    /// The entry cannot be written; nothing was.
    #[error("the entry cannot be written")]
    Entry(#[source] EntryError),
    /// The signer is not the one whose log this is, or cannot sign; nothing was written.
    #[error("the log cannot be signed with this key")]
    Signer(#[source] NoteError),
    /// The log has no entry or head of this number.
    #[error("the log has {size} entries, none at {index}")]
    NoEntry {
        /// What was asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The log is missing, damaged or forged.
    #[error("the log is damaged")]
    Damaged(#[source] VerifyError),
    /// The storage failed. What was being appended may be recorded or not; the handle is poisoned.
    #[error("the log cannot be stored")]
    Storage(#[source] StorageError),
    /// An earlier failure left it open what is durable: open the log again.
    #[error("the log failed earlier and has to be opened again")]
    Poisoned,
}

impl AuditError {
    /// A file that could not be read is a failure of the storage, not of the log.
    pub(super) fn of(fault: VerifyError) -> Self {
        match fault.kind {
            VerifyErrorKind::Storage(error) => Self::Storage(error),
            _ => Self::Damaged(fault),
        }
    }
}

impl From<StorageError> for AuditError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
