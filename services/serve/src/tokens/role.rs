//! What a token lets its holder do.

use serde::{Deserialize, Serialize};

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks queries of its recipient, over the PostgreSQL wire and HTTP
    Analyst,
    /// Reads the log: checkpoint, tiles and entries
    Auditor,
    /// Reads the numbers of `/metrics`
    Monitor,
    /// Has blind tokens evaluated: the other platform, of a service with `[evaluation]`
    Requester,
}

impl Role {
    /// Whether it opens anything of a platform that evaluates blind tokens; all others are of a sandbox.
    #[must_use]
    pub const fn is_of_evaluation(self) -> bool {
        matches!(self, Self::Requester)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
            Self::Monitor => "monitor",
            Self::Requester => "requester",
        }
    }
}
