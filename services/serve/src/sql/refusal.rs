//! What a statement asks that is not answered: SQLSTATE, what, what to write instead, and the word it is about.

use datafusion::common::DataFusionError;

/// A statement that is refused before anything is charged. Depends on the statement and the vocabulary alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The SQLSTATE.
    pub code: &'static str,
    /// What is refused.
    pub message: String,
    /// What to write instead.
    pub hint: String,
    /// The word of the statement that it is about, by which its place is found.
    pub word: Option<String>,
}

/// Something of the language that is not offered.
pub(super) const UNSUPPORTED: &str = "0A000";
/// Something that policy does not release.
pub(super) const FORBIDDEN: &str = "42501";
/// A value that cannot be.
pub(super) const BAD_VALUE: &str = "22023";
/// More than the limits allow.
pub(super) const TOO_LARGE: &str = "54000";

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), word: None }
    }

    pub(super) fn at(mut self, word: impl Into<String>) -> Self {
        self.word = Some(word.into());
        self
    }
}

impl From<Refusal> for DataFusionError {
    fn from(refusal: Refusal) -> Self {
        Self::External(Box::new(refusal))
    }
}
