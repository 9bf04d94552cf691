//! Why the register cannot be read or written, sorted by who can fix it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::keys::SealError;
use crate::storage::StorageError;
use crate::types::codec::CodecError;

/// Why an act on the register failed; nothing of the act is there. Never holds an id, a pseudonym or a cell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Bytes are not what the register wrote, or the key is another one.
    #[error("the consent register is damaged, forged or rolled back at {place}")]
    Damaged {
        /// Where, such as `its head`.
        place: &'static str,
    },
    /// An event cannot be encoded.
    #[error("an event does not fit its encoding")]
    Encoding(#[source] CodecError),
    /// An earlier step failed in the storage: what is durable is known only after opening again.
    #[error("the consent register failed before and must be opened again")]
    Poisoned,
    /// An event cannot be sealed.
    #[error("an event cannot be sealed")]
    Sealing(#[source] SealError),
    /// The folder failed.
    #[error("the consent register cannot be reached")]
    Storage(#[from] StorageError),
    /// The embedded store failed.
    #[error("the store of the consent register failed")]
    Store(#[source] RegisterFault),
    /// A number left its range.
    #[error("the consent register is full")]
    TooLarge,
}

/// The error of the embedded store.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RegisterFault(redb::Error);

impl RegisterError {
    /// Whether it is not known what is durable: the register must be opened again, in a sandbox that is.
    #[must_use]
    pub const fn poisons(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Storage(_) | Self::Store(_))
    }
}

/// What an error of the store means.
pub(super) fn fault(error: impl Into<redb::Error>) -> RegisterError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error.into() {
        // What the store says of a file that is not its own, or is cut short.
        redb::Error::Io(error) if matches!(error.kind(), InvalidData | UnexpectedEof) => damaged("the store"),
        error @ (redb::Error::Io(_) | redb::Error::Backend(_) | redb::Error::PreviousIo) => {
            RegisterError::Store(RegisterFault(error))
        }
        _ => damaged("the store"),
    }
}

pub(super) const fn damaged(place: &'static str) -> RegisterError {
    RegisterError::Damaged { place }
}

/// A panic inside the store means bytes that it did not expect.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, RegisterError>) -> Result<T, RegisterError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged("the store")))
}
