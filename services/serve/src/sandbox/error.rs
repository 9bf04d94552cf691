//! Why the sandbox did not answer; never anything that depends on people.

use hushtag::answer::Problem;
use hushtag::{ErrorKind, OperatorError};

use super::QueryError;

/// Why the sandbox did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// What was given as a name is none.
    #[error("`{given}` is no name of a {what}")]
    Name {
        /// `recipient`, `study` or `epoch`.
        what: &'static str,
        /// What was given, cut to a line.
        given: String,
    },
    /// The library refused or failed.
    #[error("{0}")]
    Operator(#[from] OperatorError),
}

impl SandboxError {
    pub(super) fn name(what: &'static str, given: &str) -> Self {
        let plain = given.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        Self::Name { what, given: plain.take(60).collect() }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name { .. } => ErrorKind::Unknown,
            Self::Operator(error) => error.kind(),
        }
    }

    /// The query that is outside the language or the vocabulary, with its place and hint.
    #[must_use]
    pub const fn question(&self) -> Option<&QueryError> {
        match self {
            Self::Operator(OperatorError::Query(error)) => Some(error),
            _ => None,
        }
    }

    /// Why policy refuses, if it does.
    #[must_use]
    pub fn reasons(&self) -> &[super::Reason] {
        match self {
            Self::Operator(OperatorError::Refused(reasons)) => reasons,
            _ => &[],
        }
    }

    /// Whether a client can do something about it; everything else is the operator's, and its text stays in the log.
    #[must_use]
    pub fn is_for_clients(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Query | ErrorKind::Unknown | ErrorKind::Expired | ErrorKind::Refused | ErrorKind::Busy
        )
    }

    /// What a client is shown where the cause is the operator's.
    #[must_use]
    pub fn for_clients(&self) -> &'static str {
        match self.kind() {
            // A full disk, or a clock that was set back.
            ErrorKind::Storage => {
                "answers cannot be recorded at present; what was charged is kept, and asking again gives it at no cost"
            }
            _ => "the operator finds the cause in the log of the service",
        }
    }

    /// The SQLSTATE of a query that is outside the language or the vocabulary.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self.question().map(|question| &question.what) {
            Some(Problem::UnknownName { .. }) => "42703",
            Some(
                Problem::UnknownLabel { .. }
                | Problem::BadSetting { .. }
                | Problem::UnusedPrice { .. }
                | Problem::NoDefault { .. }
                | Problem::EmptySelection,
            ) => "22023",
            Some(
                Problem::TooManyCells { .. }
                | Problem::TooManyColumns
                | Problem::TooDeep
                | Problem::TooLong
                | Problem::TooMany,
            ) => "54000",
            _ => "0A000",
        }
    }
}
