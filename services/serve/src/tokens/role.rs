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
}

impl Role {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
            Self::Monitor => "monitor",
        }
    }
}
