//! Whether a sandbox can answer, and what to do where it cannot.

use std::sync::Arc;

use serde::Serialize;

use crate::ledger::Book;
use crate::operator::keys::rotate::signer;
use crate::operator::law::in_force::Studies;
use crate::operator::query::vocabulary::View;
use crate::operator::sandbox::EpochFile;
use crate::operator::shelf::epoch_selection::{closed, find};
use crate::operator::{Adopted, Analyst, ErrorKind, Operator, OperatorError, Reader, SandboxState};
use crate::policy::{Decision, Reason, decide};
use crate::types::{Days, EpochId, RecipientId, StudyId, Timestamp};

/// Whether a sandbox can answer its recipients, by [`Operator::health`], [`Analyst::health`] or [`Reader::health`].
///
/// # Privacy
/// A function of the law, the public files, the budget and the clock. It holds no number about people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether nothing is in the way of any recipient that was looked at.
    pub answers: bool,
    /// What is in the way.
    pub obstacles: Vec<Obstacle>,
}

/// What keeps a sandbox, or one of its recipients, from an answer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Obstacle {
    /// The study, where it is one study's.
    pub study: Option<StudyId>,
    /// The recipient, where it is one recipient's.
    pub recipient: Option<RecipientId>,
    /// What is in the way.
    pub cause: Cause,
    /// What to do.
    pub action: Action,
}

/// What keeps a sandbox from an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// Nothing is left of the budget that the recipient draws on. Answers that were given before are still given.
    BudgetSpent {
        /// When a renewal of the pool may be signed, if it may be renewed and nothing is left of the pool itself.
        renewable_from: Option<Timestamp>,
    },
    /// The newest epoch of the study answers no more: its retention or the study's `max_age` is over.
    EpochOver {
        /// The epoch.
        epoch: EpochId,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// No epoch is sealed under the study.
    NothingSealed,
    /// The newest epoch was sealed under another text of the study.
    OtherText {
        /// The epoch.
        epoch: EpochId,
    },
    /// Policy refuses the use today.
    Refused {
        /// All reasons.
        reasons: Vec<Reason>,
    },
    /// The budget ledger, the audit log, a key or a file of the folder cannot be used.
    Unusable {
        /// What kind of error a query would have.
        kind: ErrorKind,
        /// Its text.
        message: String,
    },
}

/// What to do about an obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Adopt a study that is permitted.
    Adopt,
    /// Renew the pool, or ask what was answered before.
    Renew,
    /// Drop the handle and open the sandbox again.
    Reopen,
    /// Restore the folder, or the key, from a copy that is trusted.
    Restore,
    /// Seal an epoch.
    Seal,
}

impl Operator {
    /// Whether the sandbox can answer, for every recipient of every study in force. Writes nothing.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health(None)
    }
}

impl Analyst {
    /// Whether the sandbox can answer this recipient. Writes nothing, and waits for no slot.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health(Some((&self.study, &self.recipient)))
    }
}

impl Reader {
    /// Whether the sandbox can answer, as far as it shows beside the process that writes, which alone knows whether a step of the disk
    /// failed. The key that signs the log is looked for, too.
    #[must_use]
    pub fn health(&self) -> Health {
        let others = match self.shelf.epochs() {
            Err(error) => vec![Obstacle::unusable(error)],
            Ok(epochs) => HealthCheck {
                studies: &self.law.studies,
                accounting: self.accounting,
                book: &*self.books.book,
                epochs: &epochs,
                now: self.now(),
            }
            .obstacles(None),
        };
        let signs = signer(&*self.storage, &self.shelf.keyring, &self.law.file).err();
        Health::of(signs.into_iter().map(Obstacle::unusable).chain(others).collect())
    }
}

impl SandboxState {
    fn health(&self, of: Option<(&StudyId, &RecipientId)>) -> Health {
        let law = self.law.in_force();
        let usable = || {
            if self.books.log()?.is_poisoned() {
                return Err(crate::audit::AuditError::Poisoned.into());
            }
            self.check_folders()?;
            self.shelf.epochs()
        };
        Health::of(match usable() {
            Err(error) => vec![Obstacle::unusable(error)],
            Ok(epochs) => {
                let (book, now) = (&*self.books.ledger as &dyn Book, self.clock.now());
                HealthCheck {
                    studies: &law.studies,
                    accounting: self.law.accounting,
                    book,
                    epochs: &epochs,
                    now,
                }
                .obstacles(of)
            }
        })
    }
}

/// What decides whether there are answers.
pub(in crate::operator) struct HealthCheck<'a> {
    pub(in crate::operator) studies: &'a Studies,
    pub(in crate::operator) accounting: crate::dp::Accounting,
    pub(in crate::operator) book: &'a dyn Book,
    pub(in crate::operator) epochs: &'a [EpochFile],
    pub(in crate::operator) now: Timestamp,
}

impl HealthCheck<'_> {
    /// What is in the way of all recipients, or of one.
    fn obstacles(&self, of: Option<(&StudyId, &RecipientId)>) -> Vec<Obstacle> {
        let mut all = Vec::new();
        for adopted in self.studies.values() {
            let study = &adopted.study;
            let recipients = study.recipients.iter().map(|recipient| &recipient.id);
            let wanted = |id: &&RecipientId| of.is_none_or(|of| of == (&study.id, *id));
            let recipients: Vec<&RecipientId> = recipients.filter(wanted).collect();
            if !recipients.is_empty() {
                all.extend(self.of_epoch(adopted));
            }
            for recipient in recipients {
                match self.of_recipient(adopted, recipient) {
                    Ok(found) => all.extend(found),
                    // The ledger is the same for all of them.
                    Err(error) => return vec![Obstacle::unusable(error)],
                }
            }
        }
        all
    }

    fn of_epoch(&self, adopted: &Adopted) -> Option<Obstacle> {
        let study = &adopted.study.id;
        let cause = match find(self.epochs, None, adopted, self.now) {
            Ok(epoch) => {
                let reasons = closed(&epoch, adopted, self.now);
                (!reasons.is_empty()).then_some(Cause::EpochOver { epoch: epoch.epoch, reasons })?
            }
            Err(OperatorError::OtherText { epoch, .. }) => match EpochId::new(&epoch) {
                Ok(epoch) => Cause::OtherText { epoch },
                Err(_) => Cause::NothingSealed,
            },
            Err(_) => Cause::NothingSealed,
        };
        Some(Obstacle { study: Some(study.clone()), recipient: None, cause, action: Action::Seal })
    }

    fn of_recipient(
        &self,
        adopted: &std::sync::Arc<Adopted>,
        id: &RecipientId,
    ) -> Result<Vec<Obstacle>, OperatorError> {
        let study = &adopted.study;
        let mut all = Vec::new();
        let mut add = |cause, action| {
            all.push(Obstacle { study: Some(study.id.clone()), recipient: Some(id.clone()), cause, action });
        };
        let known = study.recipient(id).ok_or(OperatorError::Bug("a study names its recipient"))?;
        if let Decision::Deny(reasons) = decide(study, &adopted.regime, known, self.now) {
            add(Cause::Refused { reasons }, Action::Adopt);
        }
        let view = View {
            adopted: std::sync::Arc::clone(adopted),
            recipient: id,
            accounting: self.accounting,
            book: self.book,
            epochs: Arc::default(),
            now: self.now,
        };
        let left = view.remaining()?;
        if left.left() == 0 {
            let pool = self.book.pool()?;
            let window = pool.window_days.and_then(Days::new).filter(|_| left.spent >= left.limit);
            let renewable_from = window.map(|window| pool.opened_at.saturating_add(window));
            add(Cause::BudgetSpent { renewable_from }, Action::Renew);
        }
        Ok(all)
    }
}

impl Health {
    fn of(obstacles: Vec<Obstacle>) -> Self {
        Self { answers: obstacles.is_empty(), obstacles }
    }
}

impl Obstacle {
    fn unusable(error: OperatorError) -> Self {
        let kind = error.kind();
        let action = if kind == ErrorKind::Damaged { Action::Restore } else { Action::Reopen };
        let cause = Cause::Unusable { kind, message: error.to_string() };
        Self { study: None, recipient: None, cause, action }
    }
}
