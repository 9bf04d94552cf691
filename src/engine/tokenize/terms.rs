//! What is tokenised and how, and why it is not.

use std::path::PathBuf;

use crate::blind_token::{BlindTokenError, BlindTokens, NamespaceTokens};
use crate::deidentify::{Token, TokenKey, TokenKeyId, Tokens};
use crate::engine::error::EngineError;
use crate::engine::read::reading::Reading;
use crate::engine::read::{BlindSession, ReadError};
use crate::policy::{Regime, Study};
use crate::types::Timestamp;

/// The name by which consent events are tokenised.
pub(super) const CONSENTS: &str = "consents";

/// What is tokenised, and how.
pub struct TokeniseTerms<'a> {
    /// The study that both parties have; its declarations say what is written.
    pub study: &'a Study,
    /// The regime of the study; its thresholds make bands of birth years.
    pub regime: &'a Regime,
    /// A table of the study, or `consents`.
    pub table: &'a str,
    /// What tokens are made with.
    pub tokens: TokenSource<'a>,
    /// Ages are those of this day.
    pub as_of: Timestamp,
    /// How the table is read.
    pub reading: Reading,
}

/// What tokens are made with.
#[derive(Clone, Copy)]
pub enum TokenSource<'a> {
    /// The tokens that a reply of the other platform gave (version 2).
    Blind(&'a BlindTokens),
    /// A key that the parties agreed on (version 1).
    Shared(&'a TokenKey),
}

/// The tokens of one namespace.
pub(super) enum IdTokens<'a> {
    /// Those that were asked for, if any were.
    Blind(Option<&'a NamespaceTokens>),
    Shared(Tokens),
}

impl<'a> TokenSource<'a> {
    pub(super) fn namespace(self, namespace: &str) -> IdTokens<'a> {
        match self {
            Self::Blind(tokens) => IdTokens::Blind(tokens.namespace(namespace)),
            Self::Shared(key) => IdTokens::Shared(key.namespace(namespace)),
        }
    }

    /// The name of the key, or of the two keys.
    pub(super) fn key_id(self) -> TokenKeyId {
        match self {
            Self::Blind(tokens) => tokens.key_id(),
            Self::Shared(key) => key.id(),
        }
    }

    pub(super) fn session(self) -> Option<BlindSession> {
        match self {
            Self::Blind(tokens) => {
                Some(BlindSession { session: tokens.session().to_string(), ids: tokens.padded_ids() })
            }
            Self::Shared(_) => None,
        }
    }
}

impl IdTokens<'_> {
    /// The token of an id; `None` for a blind one that was not asked for.
    pub(super) fn token(&self, id: &[u8]) -> Option<Token> {
        match self {
            Self::Blind(tokens) => tokens.as_ref()?.token(id),
            Self::Shared(tokens) => Some(tokens.token(id)),
        }
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokeniseError {
    /// A request for blind tokens cannot take an id.
    #[error("{0}")]
    Blind(#[from] BlindTokenError),
    /// The table cannot be read as it is declared, or has too many bad rows.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What a column holds cannot be written as Parquet.
    #[error("{}: a column cannot be written as Parquet", .0.display())]
    Encode(PathBuf),
    /// Something has the name of the result.
    #[error("{}: is there already", .0.display())]
    Exists(PathBuf),
    /// The name of the result does not end in `.parquet`.
    #[error("{}: is written as Parquet, so its name must end in .parquet", .0.display())]
    NotParquet(PathBuf),
    /// Another process writes the same file, or one was killed while it did.
    #[error("{}: another process writes it, or one was killed while it did", .0.display())]
    Unfinished(PathBuf),
    /// The study declares no such table.
    #[error("the study declares no dataset `{name}`{}", .nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    UnknownTable {
        /// The name.
        name: String,
        /// The nearest declared one.
        nearest: Option<String>,
    },
    /// The result cannot be written.
    #[error("{}: cannot be written", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
}

impl From<ReadError> for TokeniseError {
    fn from(error: ReadError) -> Self {
        Self::Engine(error.into())
    }
}

/// Whether a table of this name is that of consent events.
pub(super) fn is_consents(table: &str) -> bool {
    table == CONSENTS
}
