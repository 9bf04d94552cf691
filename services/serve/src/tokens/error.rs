//! Why tokens cannot be read, made or revoked.

use crate::sandbox::{LockError, SandboxError, StorageError};

/// Why tokens cannot be read, made or revoked. Holds no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file is not what was written.
    #[error("`tokens.toml` cannot be read")]
    Damaged(#[source] Box<toml::de::Error>),
    /// The file is not UTF-8.
    #[error("`tokens.toml` is not UTF-8")]
    NotText,
    /// The role opens nothing of the service whose settings these are.
    #[error(
        "tokens of role `{0}` open nothing here: `requester` is for services with [evaluation], all others are for those with `sandbox`"
    )]
    Role(&'static str),
    /// An analyst is one of a recipient.
    #[error("a token of role `analyst` is of a recipient: add --recipient")]
    NoRecipient,
    /// The end is in the past, or too far away.
    #[error("a token lasts from 1 to 366 days")]
    Days,
    /// The recipient or study is not known.
    #[error("{0}")]
    Sandbox(#[from] SandboxError),
    /// Another command changes the tokens.
    #[error("{0}")]
    Lock(#[from] LockError),
    /// The folder failed.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// No token has this id.
    #[error("there is no token `{0}`")]
    Unknown(String),
    /// The file cannot be written as text.
    #[error("`tokens.toml` cannot be written")]
    Write(#[from] toml::ser::Error),
}
