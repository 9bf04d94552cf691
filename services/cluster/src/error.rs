//! Why a process of the cluster stopped.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use hushtag::engine::EngineError;
use hushtag::engine::cluster::ClusterError;

/// Why a process of the cluster stopped. No value, id or key is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A state was changed, cut or of another seal.
    #[error("a state was changed, cut, or is one of another seal")]
    Changed,
    /// The cryptographic library failed.
    #[error("encrypting failed: no randomness, or too many messages")]
    Cryptography,
    /// Work was asked of a process that holds no keys.
    #[error("this process holds no key of a seal")]
    NoKey,
    /// A step of the seal.
    #[error(transparent)]
    Step(#[from] ClusterError),
    /// Reading a file.
    #[error(transparent)]
    Read(#[from] EngineError),
    /// A plan that is not the one of a seal.
    #[error("refused: {0}")]
    Plan(String),
    /// A file of certificates.
    #[error("{}: {why}", .file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A folder of work.
    #[error("{}: {why}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The other end of a connection.
    #[error("{place}: {why}")]
    Connection {
        /// Which one.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// What is written like the address of an object. It is not repeated: it may hold a secret.
    #[error("an address of an object cannot be used: {why}")]
    Address {
        /// What is wrong.
        why: &'static str,
    },
    /// An object of a store.
    #[error("{place}: {why}")]
    Object {
        /// Its address.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The engine.
    #[error("{0}")]
    Engine(String),
}

/// Marks, in what the engine says of a failed task, where our own words begin.
pub(crate) const MARK: &str = "hushtag: ";

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::Execution(format!("{MARK}{error}"))
    }
}

/// Our own words in what the engine says, or all of them.
pub(crate) fn own_words(text: &str) -> String {
    let own = text.rsplit(MARK).next().unwrap_or(text);
    // What the engine puts behind them begins in a line of its own, or with its marks.
    let end = own.find(['\n', '"']).unwrap_or(own.len());
    own.get(..end).unwrap_or(own).trim().to_owned()
}
