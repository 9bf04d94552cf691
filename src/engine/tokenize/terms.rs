//! What is tokenised and how, and why it is not.

use std::path::PathBuf;

use crate::deidentify::TokenKey;
use crate::engine::error::EngineError;
use crate::engine::read::ReadError;
use crate::engine::read::reading::Reading;
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
    /// The key that the parties agreed on.
    pub key: &'a TokenKey,
    /// Ages are those of this day.
    pub as_of: Timestamp,
    /// How the table is read.
    pub reading: Reading,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokeniseError {
    /// The table cannot be read as it is declared, or has too many bad rows.
    #[error("{0}")]
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
