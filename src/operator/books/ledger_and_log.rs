//! The budget ledger and the audit log of an open sandbox, and whatever writes into them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::audit::{Entry, Kind, Log, Signer};
use crate::ledger::{Book, Ledger};
use crate::operator::{NamedKey, OperatorError};
use crate::release::{CommitQueue, Releaser};
use crate::storage::AnchorFile;
use crate::types::{Clock, Secret, Timestamp};

/// The first part of a sandbox: budget ledger, audit log, the key that signs it, the anchor, and the queue of those who wait for a durable
/// step. Lock order: log, then signer.
pub(in crate::operator) struct Books {
    pub(in crate::operator) ledger: Box<dyn Ledger>,
    log: Mutex<Log>,
    signer: Mutex<Arc<NamedKey>>,
    pub(in crate::operator) anchor: Option<AnchorFile>,
    /// The key under which answers are stored.
    pub(in crate::operator) answers: Secret,
    commits: CommitQueue,
}

/// The same part for a reader: the ledger and the log as they were when they were read.
pub(in crate::operator) struct BooksRead {
    pub(in crate::operator) book: Box<dyn Book>,
    pub(in crate::operator) log: Log,
    /// The key under which answers are stored.
    pub(in crate::operator) answers: Secret,
}

impl Books {
    pub(in crate::operator) fn new(
        ledger: Box<dyn Ledger>,
        log: Log,
        signer: NamedKey,
        anchor: Option<AnchorFile>,
        answers: Secret,
    ) -> Self {
        let (log, signer) = (Mutex::new(log), Mutex::new(Arc::new(signer)));
        Self { ledger, log, signer, anchor, answers, commits: CommitQueue::default() }
    }

    /// The log, once no other thread has it.
    pub(in crate::operator) fn log(&self) -> Result<MutexGuard<'_, Log>, OperatorError> {
        self.log.lock().map_err(|_| OperatorError::Bug("a thread stopped while it held the log"))
    }

    /// The key that signs the log now. An appender takes it while holding the log: a rotation changes both under that lock.
    pub(in crate::operator) fn signer(&self) -> Arc<NamedKey> {
        Arc::clone(&self.signer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another key signs from here on, for who holds the log and has appended the entry that says so.
    pub(in crate::operator) fn set_signer(&self, _log: &MutexGuard<'_, Log>, signer: NamedKey) {
        *self.signer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(signer);
    }

    /// Writes an entry that belongs to no charge, and anchors it.
    pub(in crate::operator) fn append(
        &self,
        kind: Kind,
        at: Timestamp,
        body: Map<String, Value>,
    ) -> Result<u64, OperatorError> {
        let mut log = self.log()?;
        let entry = Entry { kind, at, ledger_seq: None, body };
        let index = log.append(&entry, &*self.signer())?.index();
        if let Some(anchor) = &self.anchor {
            log.advance_anchor(anchor)?;
        }
        Ok(index)
    }

    /// Runs `release` with the trust boundary between ledger and log.
    ///
    /// The caller keeps the law as it is until it returns ([`Law::unchanged`](crate::operator::law::in_force::Law::unchanged)), so the key does not change either.
    pub(in crate::operator) fn with_door<T>(
        &self,
        sandbox: &str,
        clock: &dyn Clock,
        release: impl FnOnce(&Releaser<'_>) -> T,
    ) -> T {
        let signer = self.signer();
        release(&Releaser {
            sandbox,
            ledger: &*self.ledger,
            log: &self.log,
            signer: &*signer as &(dyn Signer + Send + Sync),
            answers: &self.answers,
            anchor: self.anchor.as_ref(),
            clock,
            queue: &self.commits,
        })
    }
}

impl Drop for Books {
    /// If we stop before it, or it fails, the next open finds in the log what is not marked.
    fn drop(&mut self) {
        let _ = self.commits.mark(&*self.ledger);
    }
}
