//! Why a request was not evaluated; never a point, an id or a key.

use hushtag::OperatorError;
use hushtag::sandbox::KeyError;
use hushtag::tokens::BlindTokenError;

use crate::sandbox::{LockError, StorageError};
use crate::tokens::TokenError;

/// Why a platform cannot evaluate, or did not evaluate a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The request, the study, the key or the book.
    #[error("{0}")]
    BlindToken(#[from] BlindTokenError),
    /// Another request is evaluated.
    #[error("another request is evaluated")]
    Busy,
    /// A file of the request or the reply failed.
    #[error("a request or a reply cannot be kept")]
    File(#[source] std::io::Error),
    /// The key cannot be used.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Another service has the folder.
    #[error("{0}")]
    Lock(#[from] LockError),
    /// Another process holds the book, or the folder failed.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The work stopped, which is a bug.
    #[error("a bug: the work stopped")]
    Stopped,
    /// The study cannot be read.
    #[error("{0}")]
    Study(#[from] OperatorError),
    /// The tokens cannot be read.
    #[error("{0}")]
    Token(#[from] TokenError),
}

/// Whose fault it is, and so what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request, which the client can make anew.
    Request,
    /// Another request was evaluated under the session.
    Session,
    /// The limit of the study.
    Limit,
    /// Nothing is wrong: try again.
    Busy,
    /// The platform that evaluates.
    Own,
}

impl EvaluationError {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        let Self::BlindToken(error) = self else {
            return if matches!(self, Self::Busy) { Fault::Busy } else { Fault::Own };
        };
        match error {
            BlindTokenError::Count { .. }
            | BlindTokenError::Element { .. }
            | BlindTokenError::Format { .. }
            | BlindTokenError::Namespace(_)
            | BlindTokenError::OtherStudy { .. }
            | BlindTokenError::Parties { .. }
            | BlindTokenError::Repeated { .. }
            | BlindTokenError::Signature { .. } => Fault::Request,
            BlindTokenError::SessionUsed { .. } => Fault::Session,
            BlindTokenError::OverLimit { .. } => Fault::Limit,
            _ => Fault::Own,
        }
    }
}
