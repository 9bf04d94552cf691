//! The durable steps of a release. Concurrent queries take each of them together, and wait for the disk once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, TryLockError};

use super::group_commit::{Group, UnderWay};
use super::releaser::{ChargedQuery, ReleaseError, Releaser};
use crate::audit::{Entry, Recorded};
use crate::ledger::{Charge, Done, Ledger, LedgerError, LogHead, Request, Reservation, Step, StoredAnswer};
use crate::policy::Permit;
use crate::types::Timestamp;

/// A step that wants the head of the log and the time at which it is taken.
type Wanted = Box<dyn FnOnce(LogHead, Timestamp) -> Step + Send>;

/// Groups the durable steps of concurrent queries. One for each budget ledger and audit log.
#[derive(Default)]
pub struct CommitQueue {
    pub(super) under_way: UnderWay,
    ledger: Group<Wanted, Result<(Done, Timestamp), ReleaseError>>,
    log: Group<Entry, Result<Recorded, ReleaseError>>,
    /// The last head that was seen durable, for a query that arrives while the log is being written.
    head: Mutex<Option<LogHead>>,
    /// Answers that the log has, by their charges, which the ledger is to note with its next step.
    marks: Mutex<BTreeMap<u64, u64>>,
}

impl CommitQueue {
    /// Notes in the ledger where the log has the answers that are not marked yet. If we stop before it, the next open finds
    /// them in the log.
    ///
    /// # Errors
    /// As [`Ledger::take`].
    pub fn mark(&self, ledger: &dyn Ledger) -> Result<(), LedgerError> {
        let marks = self.marks();
        if marks.is_empty() {
            return Ok(());
        }
        ledger.take(marks)?.into_iter().try_for_each(|done| done.map(drop))
    }

    /// The steps that mark what is not marked yet.
    fn marks(&self) -> Vec<Step> {
        let marks = std::mem::take(&mut *self.marks.lock().unwrap_or_else(PoisonError::into_inner));
        marks.into_iter().map(|(seq, log_index)| Step::Commit { seq, log_index }).collect()
    }

    /// Where the log has the answer of a charge that is not marked yet.
    pub(super) fn marked(&self, seq: u64) -> Option<u64> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).get(&seq).copied()
    }
}

pub(super) const STOPPED: ReleaseError = ReleaseError::Bug("a thread stopped in the middle of a step");
const OTHER: ReleaseError = ReleaseError::Bug("a step of the ledger has the outcome of its kind");

impl Releaser<'_> {
    /// Step 2: the charge, and its time.
    pub(super) fn reserve(
        &self,
        permit: &Permit,
        question: &ChargedQuery<'_>,
        key: [u8; 32],
    ) -> Result<(Reservation, Timestamp), ReleaseError> {
        let (study, recipient) = (permit.study().clone(), permit.recipient().clone());
        let (epoch, units) = (question.epoch.clone(), question.units);
        let (study_cap, recipient_cap, began) = (question.study_cap, question.recipient_cap, question.began);
        let request = move |log_head, now| {
            Step::Reserve(Request {
                key,
                study,
                recipient,
                epoch,
                units,
                study_cap,
                recipient_cap,
                log_head,
                now,
                began,
            })
        };
        let (done, now) = self.take(Box::new(request))?;
        Ok((done.reserved().ok_or(OTHER)?, began.unwrap_or(now)))
    }

    /// Step 4.
    pub(super) fn store(&self, charge: Charge, sealed: Vec<u8>) -> Result<StoredAnswer, ReleaseError> {
        let (done, _) = self.take(Box::new(move |_, _| Step::Store(charge, sealed)))?;
        done.stored().ok_or(OTHER)
    }

    /// Step 6: it is taken with the next step of the ledger, and needs no wait of its own for the disk. Until then, and if we
    /// stop, the entry in the log says the same.
    pub(super) fn commit(&self, seq: u64, log_index: u64) {
        self.queue.marks.lock().unwrap_or_else(PoisonError::into_inner).insert(seq, log_index);
    }

    /// Takes a step of the ledger together with all that are queued. One group follows another, so that charges are in the
    /// order of their times and of the heads that they saw.
    fn take(&self, step: Wanted) -> Result<(Done, Timestamp), ReleaseError> {
        let taken = self.queue.ledger.join(step, |steps| {
            each(steps.len(), || {
                let (head, now) = (self.head()?, self.clock.now());
                let marks = self.queue.marks();
                let marked = marks.len();
                let steps = marks.into_iter().chain(steps.into_iter().map(|step| step(head, now))).collect();
                let mut done = self.ledger.take(steps)?.into_iter();
                done.by_ref().take(marked).try_for_each(|mark| mark.map(drop))?;
                Ok(done.map(|done| Ok((done?, now))).collect())
            })
        });
        taken.ok_or(STOPPED)?
    }

    /// The newest head of the log that is durable, without waiting for one that is being written.
    fn head(&self) -> Result<LogHead, ReleaseError> {
        let mut known = self.queue.head.lock().map_err(|_| STOPPED)?;
        let log = match (self.log.try_lock(), *known) {
            (Ok(log), _) => log,
            (Err(TryLockError::WouldBlock), Some(head)) => return Ok(head),
            (Err(TryLockError::WouldBlock), None) => self.log()?,
            (Err(TryLockError::Poisoned(_)), _) => return Err(STOPPED),
        };
        let (size, root) = log.head();
        Ok(*known.insert(LogHead { size, root }))
    }

    /// Step 5: one checkpoint for the entries of all that are queued.
    pub(super) fn append(&self, entry: Entry) -> Result<Recorded, ReleaseError> {
        let recorded = self.queue.log.join(entry, |entries| {
            each(entries.len(), || {
                let mut log = self.log()?;
                let recorded = log.append_all(&entries, self.signer)?;
                let (size, root) = log.head();
                drop(log);
                *self.queue.head.lock().map_err(|_| STOPPED)? = Some(LogHead { size, root });
                Ok(recorded.into_iter().map(Ok).collect())
            })
        });
        recorded.ok_or(STOPPED)?
    }
}

/// The outcomes of one step for `count` queries. When the step fails as a whole, one of them gets the reason.
fn each<T>(
    count: usize,
    step: impl FnOnce() -> Result<Vec<Result<T, ReleaseError>>, ReleaseError>,
) -> Vec<Result<T, ReleaseError>> {
    step().unwrap_or_else(|error| {
        let others = std::iter::repeat_with(|| Err(ReleaseError::Group));
        std::iter::once(Err(error)).chain(others).take(count).collect()
    })
}
