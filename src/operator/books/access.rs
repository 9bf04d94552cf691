//! Entries of the log for acts that read and that no entry of another kind names, and for seals that failed.

use serde_json::{Map, json};

use crate::audit::{Entry, Kind};
use crate::engine::EngineError;
use crate::operator::{Operator, OperatorError, SandboxState};
use crate::release::ReleaseError;
use crate::types::{EpochId, Timestamp};

/// An act that reads, by its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// The consent register was written to a file.
    ConsentExport,
    /// Somebody looked at the consents of one person.
    ConsentStatus,
    /// Somebody asked whether a file was used in an epoch.
    OpenInput,
    /// A bundle of an answer was made.
    Prove,
    /// The auditor's page was made.
    Report,
}

impl Act {
    /// Its word in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsentExport => "consent-export",
            Self::ConsentStatus => "consent-status",
            Self::OpenInput => "open-input",
            Self::Prove => "prove",
            Self::Report => "report",
        }
    }
}

/// With whose key an act was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator of the sandbox.
    Operator,
    /// The holder of the auditor's key.
    Auditor,
}

impl Role {
    /// Its word in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

impl Operator {
    /// Logs an act before what it reads is shown; gives the index of the entry. The library logs `prove`, `export` and `open_input`
    /// itself; a service that shows anyone the consents of a person or a page logs that by this.
    ///
    /// # Errors
    /// [`OperatorError`]; nothing may be shown then.
    ///
    /// # Privacy
    /// The entry holds the act, the role and the time: no id, no path, no number.
    pub fn log_access(&self, act: Act, role: Role) -> Result<u64, OperatorError> {
        self.inner.log_access(act, role, None)
    }
}

impl SandboxState {
    pub(in crate::operator) fn log_access(
        &self,
        act: Act,
        role: Role,
        epoch: Option<&EpochId>,
    ) -> Result<u64, OperatorError> {
        let mut body = Map::new();
        body.insert("act".into(), json!(act.as_str()));
        body.insert("role".into(), json!(role.as_str()));
        body.extend(epoch.map(|epoch| ("epoch".to_owned(), json!(epoch))));
        self.books.append(Kind::Access, self.clock.now(), body)
    }

    /// Logs that a seal failed, and by what kind of error. If the log cannot be written either, the error of the seal is the one that
    /// is reported.
    pub(in crate::operator) fn log_failed_seal(&self, epoch: &EpochId, at: Timestamp, error: &OperatorError) {
        let Entry { kind, body, .. } = failed_seal(epoch, failed(error), at);
        let _ = self.books.append(kind, at, body);
    }
}

/// The entry of a seal that failed.
pub(in crate::operator) fn failed_seal(epoch: &EpochId, failed: &str, at: Timestamp) -> Entry {
    let mut body = Map::new();
    body.insert("act".into(), json!("seal"));
    body.insert("role".into(), json!(Role::Operator.as_str()));
    body.insert("epoch".into(), json!(epoch));
    body.insert("failed".into(), json!(failed));
    Entry { kind: Kind::Access, at, ledger_seq: None, body }
}

/// The kind of an error that stopped a seal: a word of a closed list, and nothing of a file.
fn failed(error: &OperatorError) -> &'static str {
    match error {
        error if error.is_damage() => "damaged",
        OperatorError::Engine(EngineError::Cancelled) => "stopped",
        OperatorError::Engine(_) | OperatorError::Invalid(_) => "input",
        OperatorError::Refused(_) => "refused",
        OperatorError::Register(_) => "register",
        OperatorError::Key(_) => "key",
        OperatorError::Ledger(_) | OperatorError::Release(ReleaseError::Ledger(_)) => "ledger",
        OperatorError::Storage(_) => "storage",
        _ => "other",
    }
}
