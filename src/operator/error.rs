//! Why an operator's act failed, sorted by who can fix it.

use std::path::PathBuf;

use crate::audit::{ApprovalFault, AuditError, VerifyError};
use crate::engine::EngineError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::policy::{Reason, RegimeError, StudyError};
use crate::query::QueryError;
use crate::register::{EventFault, RegisterError};
use crate::release::ReleaseError;
use crate::storage::{LockError, StorageError};

/// Why an act on a sandbox failed. Never says anything that depends on people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// A study that not every handler has signed.
    #[error("study `{study}`: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Approval {
        /// The study.
        study: String,
        /// Everything that is missing or wrong.
        faults: Vec<ApprovalFault>,
    },
    /// The log failed.
    #[error("the audit log failed")]
    Audit(#[from] AuditError),
    /// Something that cannot be.
    #[error("a bug: {0}")]
    Bug(&'static str),
    /// A book or a sealed file is missing, damaged, rolled back or forged.
    #[error("{place}: {why}")]
    Damaged {
        /// Which file or record.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The input of a seal.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An epoch of this id was sealed before.
    #[error("epoch `{0}` is already sealed, and an epoch is sealed once")]
    EpochExists(String),
    /// An event that is not recorded.
    #[error(transparent)]
    Event(#[from] EventFault),
    /// A file that people wrote cannot be read.
    #[error("`{}` cannot be read", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// Joined figures that were not kept, or that another key opens.
    #[error("{0}")]
    Figures(String),
    /// An as-of that is not yet.
    #[error("as-of {0} lies in the future")]
    Future(String),
    /// A setting of `init` that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A key is missing or does not fit.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The ledger failed.
    #[error("the budget ledger failed")]
    Ledger(#[from] LedgerError),
    /// Another process writes.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// An epoch that answers no more.
    #[error(
        "epoch `{epoch}` was sealed under another text of study `{study}` and answers no more: seal it again"
    )]
    OtherText {
        /// The epoch.
        epoch: String,
        /// The study.
        study: String,
    },
    /// The folder holds no sandbox.
    #[error("`{0}` is not a sandbox")]
    NotASandbox(String),
    /// Nothing can be asked before the first seal.
    #[error("no epoch is sealed yet under study `{study}`")]
    NothingSealed {
        /// The study.
        study: String,
    },
    /// A question outside the language or the vocabulary.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Policy refuses the act; logged.
    #[error("refused: {}", .0.iter().map(|reason| reason.because.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Reason>),
    /// A study names a regime that cannot be used.
    #[error(transparent)]
    Regime(#[from] RegimeError),
    /// A study names a file as its regime that may not be one.
    #[error("{study}: regime `{regime}`: {why}")]
    RegimePath {
        /// The study file.
        study: String,
        /// What it names.
        regime: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The consent register failed.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The door failed.
    #[error("no answer left")]
    Release(#[from] ReleaseError),
    /// Everything that a check found, more than one fault.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Self>),
    /// The key that signs the log is lost: nothing can be written, and everything can still be read.
    #[error(
        "the key that signs the log, `keys/sign.key`, {why}: nothing can be asked, sealed, adopted, renewed or proved"
    )]
    SigningKey {
        /// What is wrong with the file.
        why: String,
    },
    /// The folder failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A broken study file.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// Another process wrote at every try to verify the folder, so nothing is known of it.
    #[error("a writer was at work in the sandbox while it was verified: try again, or stop it")]
    WriterAtWork,
    /// There is none of that name.
    #[error("unknown {kind} `{name}`{}", if .known.is_empty() { String::new() } else { format!(": there are {}", .known.join(", ")) })]
    Unknown {
        /// `recipient`, `study`, `epoch`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// What kind of failure an [`OperatorError`] is, for services that map errors to statuses of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something else holds the sandbox; try again.
    Busy,
    /// The caller cancelled it.
    Cancelled,
    /// A ledger, log, register or sealed file is missing, damaged, rolled back or forged.
    Damaged,
    /// It is there already.
    Exists,
    /// The epoch was sealed under another text of the study, or nothing is sealed yet.
    Expired,
    /// The data or consent files of a seal or an import.
    Input,
    /// A program error: something that cannot be.
    Internal,
    /// A setting that cannot be.
    Invalid,
    /// A key is missing or does not fit.
    Key,
    /// A query outside the language or the vocabulary.
    Query,
    /// Policy, consent or budget refuses.
    Refused,
    /// A file or folder cannot be read or written.
    Storage,
    /// A study or regime file, or its signatures.
    Study,
    /// Nothing has that name.
    Unknown,
}

impl ErrorKind {
    /// The kind as a word, as `--format json` prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
            Self::Damaged => "damaged",
            Self::Exists => "exists",
            Self::Expired => "expired",
            Self::Input => "input",
            Self::Internal => "internal",
            Self::Invalid => "invalid",
            Self::Key => "key",
            Self::Query => "query",
            Self::Refused => "refused",
            Self::Storage => "storage",
            Self::Study => "study",
            Self::Unknown => "unknown",
        }
    }
}

impl OperatorError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            _ if self.is_damage() => ErrorKind::Damaged,
            Self::Approval { .. } | Self::Study(_) | Self::Regime(_) | Self::RegimePath { .. } => {
                ErrorKind::Study
            }
            Self::Bug(_) => ErrorKind::Internal,
            Self::Engine(EngineError::Cancelled) => ErrorKind::Cancelled,
            Self::Engine(_) | Self::Event(_) => ErrorKind::Input,
            Self::EpochExists(_) | Self::Key(KeyError::Exists(_)) => ErrorKind::Exists,
            Self::Figures(_) | Self::Key(_) => ErrorKind::Key,
            Self::Future(_) | Self::Invalid(_) => ErrorKind::Invalid,
            Self::Lock(LockError::Held { .. }) => ErrorKind::Busy,
            Self::OtherText { .. } | Self::NothingSealed { .. } => ErrorKind::Expired,
            Self::NotASandbox(_) | Self::Unknown { .. } => ErrorKind::Unknown,
            Self::Query(_) => ErrorKind::Query,
            Self::Refused(_) => ErrorKind::Refused,
            // They come from a check of files only: one that is not of the input decides, for it is to be dealt with first.
            Self::Several(all) => {
                let of_others = all.iter().map(Self::kind).find(|kind| *kind != ErrorKind::Input);
                of_others.unwrap_or(ErrorKind::Input)
            }
            _ => ErrorKind::Storage,
        }
    }

    /// The damage that `place` shows.
    pub(super) fn damaged(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), why: why.into() }
    }

    /// One fault as itself, more of them as [`OperatorError::Several`].
    pub(super) fn of_all(mut all: Vec<Self>) -> Self {
        match all.pop() {
            Some(only) if all.is_empty() => only,
            last => {
                all.extend(last);
                Self::Several(all)
            }
        }
    }

    /// Whether a book or a sealed file is missing, damaged, rolled back or forged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let ledger = |error: &LedgerError| {
            matches!(error, LedgerError::Damaged { .. } | LedgerError::Missing | LedgerError::AnotherSandbox)
        };
        let audit = |error: &AuditError| matches!(error, AuditError::Damaged(_));
        match self {
            Self::Damaged { .. } | Self::SigningKey { .. } => true,
            Self::Several(all) => all.iter().any(Self::is_damage),
            Self::Register(error) => matches!(error, RegisterError::Damaged { .. }),
            Self::Ledger(error) | Self::Release(ReleaseError::Ledger(error)) => ledger(error),
            Self::Audit(error) | Self::Release(ReleaseError::Audit(error)) => audit(error),
            Self::Release(ReleaseError::Damaged | ReleaseError::RolledBack) => true,
            Self::Key(KeyError::Sealed { .. }) => true,
            // The root key may live elsewhere; every other key is a sealed file of the folder.
            Self::Key(KeyError::Absent(place)) => place != "keys/root.key",
            _ => false,
        }
    }
}

impl From<VerifyError> for OperatorError {
    fn from(fault: VerifyError) -> Self {
        Self::Damaged { place: fault.place.clone(), why: fault.kind.to_string() }
    }
}
