//! What is public about a sandbox: epochs, recipients, budget.

use std::collections::BTreeMap;

use crate::audit::VerifierKey;
use crate::dp::Accounting;
use crate::ledger::{Book, Pool, Totals};
use crate::operator::law::in_force::Studies;
use crate::operator::sandbox::{EpochFile, SandboxFile};
use crate::operator::shelf::epoch_selection::{is_under, until};
use crate::operator::{Approval, Operator, OperatorError, accounting};
use crate::types::{AsOf, EpochId, RecipientId, StudyId, Timestamp, Zone};

/// A sealed epoch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EpochStatus {
    /// Its id.
    pub id: EpochId,
    /// Consents and windows as of.
    pub as_of: Timestamp,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// Whole hours since then.
    pub hours_since_seal: i64,
    /// When the shortest retention of its studies is over: nothing is answered from then on, and the next act of a writer destroys
    /// its key.
    pub ends: Timestamp,
    /// The entry of the log by which its key was destroyed, if it was.
    pub retired: Option<u64>,
    /// When it stops answering under each study in force whose text it was sealed under: at its end, or after the study's
    /// `max_age`.
    pub answers_until: BTreeMap<StudyId, Timestamp>,
    /// Whether it still answers under any of them.
    pub answers: bool,
}

impl EpochStatus {
    /// The longest time from a withdrawal to its effect under each study, in seconds: of one right after as-of, until the epoch answers
    /// no more. A person who withdraws is left out at the next seal; until then only the end of the epoch stops it (PIPL art. 15, 47).
    ///
    /// # Privacy
    /// A function of public constants: it does not depend on withdrawals.
    #[must_use]
    pub fn longest_to_stop(&self) -> BTreeMap<StudyId, i64> {
        let longest = |until: &Timestamp| until.seconds().saturating_sub(self.as_of.seconds()).max(0);
        self.answers_until.iter().map(|(study, until)| (study.clone(), longest(until))).collect()
    }
}

/// What is public about a sandbox.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    /// Its id.
    pub sandbox: String,
    /// The key with which its log is verified.
    pub vkey: VerifierKey,
    /// Every recipient with its study.
    pub recipients: Vec<(RecipientId, StudyId)>,
    /// Epochs, oldest seal first.
    pub epochs: Vec<EpochStatus>,
    /// How the pool counts.
    pub accounting: Accounting,
    /// The pool in force.
    pub pool: Pool,
    /// What was spent of it, in its units.
    pub totals: Totals,
    /// Entries in the log.
    pub log_size: u64,
    /// Whether an anchor outside the folder holds the newest head.
    pub anchored: bool,
    /// What a study needs to take effect.
    pub approval: Approval,
}

impl Operator {
    /// The instant that an as-of means here: a day is one of the time zone that all studies in force have.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for a day that is several instants in the time zones of the studies.
    pub fn instant(&self, as_of: AsOf) -> Result<Timestamp, OperatorError> {
        instant(&self.inner.law.in_force().studies, as_of)
    }

    /// What is public about the sandbox. An epoch whose retention is over is retired before.
    ///
    /// # Errors
    /// [`OperatorError`]; [`OperatorError::Damaged`] where the folder of an epoch is not what the log says was sealed.
    pub fn status(&self) -> Result<Status, OperatorError> {
        let inner = &*self.inner;
        inner.retire_ended()?;
        inner.check_folders()?;
        let (epochs, size) = (inner.shelf.epochs()?, inner.books.log()?.head().0);
        status(
            &inner.law.in_force().file,
            &inner.law.in_force().studies,
            &epochs,
            &*inner.books.ledger,
            size,
            inner.clock.now(),
        )
    }
}

/// The instant that an as-of means under these studies.
pub(in crate::operator) fn instant(studies: &Studies, as_of: AsOf) -> Result<Timestamp, OperatorError> {
    let mut instants = studies.values().map(|adopted| adopted.study.instant(as_of));
    let first = instants.next().unwrap_or_else(|| as_of.at(&Zone::utc()));
    if instants.all(|other| other == first) {
        return Ok(first);
    }
    let why = "the studies have different time zones, so a bare date is several instants; give an instant with its offset";
    Err(OperatorError::Invalid(why.to_owned()))
}

/// What is public about a sandbox, from its parts.
pub(in crate::operator) fn status(
    file: &SandboxFile,
    studies: &Studies,
    epochs: &[EpochFile],
    book: &dyn Book,
    log_size: u64,
    now: Timestamp,
) -> Result<Status, OperatorError> {
    let recipients = studies.values().flat_map(|adopted| {
        let study = &adopted.study;
        study.recipients.iter().map(|recipient| (recipient.id.clone(), study.id.clone()))
    });
    let answers_until = |epoch: &EpochFile| -> BTreeMap<StudyId, Timestamp> {
        let under = studies.iter().filter(|(_, adopted)| is_under(epoch, adopted));
        under.map(|(id, adopted)| (id.clone(), until(epoch, adopted))).collect()
    };
    let epochs = epochs.iter().map(|epoch| EpochStatus {
        as_of: epoch.as_of(),
        sealed_at: epoch.sealed_at(),
        ends: epoch.ends(),
        retired: epoch.retired,
        answers: epoch.retired.is_none() && answers_until(epoch).values().any(|until| now < *until),
        answers_until: answers_until(epoch),
        hours_since_seal: (now.seconds() - epoch.sealed_at().seconds()).max(0) / 3600,
        id: epoch.epoch.clone(),
    });
    let pool = book.pool()?;
    Ok(Status {
        sandbox: file.id.clone(),
        vkey: file.log_key()?,
        recipients: recipients.collect(),
        epochs: epochs.collect(),
        accounting: accounting(&pool.accounting)?,
        pool,
        totals: book.spent()?,
        log_size,
        anchored: file.anchor.is_some(),
        approval: file.pinned()?.map_or(Approval::None, |_| Approval::Signatures),
    })
}
