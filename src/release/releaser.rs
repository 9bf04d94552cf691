//! The door. Every line between a permit and an answer is here; read it from top to bottom.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value as Json, json};
use zeroize::{Zeroize, Zeroizing};

use super::body::{Body, BodyPart};
use super::durable_steps::{CommitQueue, STOPPED};
use super::released::{AnswerLayout, BudgetView, Released};
use super::render::{Evidence, render};
use super::stored_answer::{StoredAnswers, place};
use super::{Cube, CubeShape, Exact};
use crate::audit::{AuditError, Entry, Kind, Log, Signer, commit};
use crate::dp::PrivacyClaim;
use crate::keys::{KeyError, SealError, random_secret, seal_padded};
use crate::ledger::{Charge, Ledger, LedgerError, OverBudget, Reservation, StoredAnswer};
use crate::policy::Permit;
use crate::storage::AnchorFile;
use crate::types::{Clock, EpochId, Secret, Timestamp};

/// Why no answer left. Depends on the question, the policy, the books and the machine, never on people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The log failed.
    #[error("the audit log failed")]
    Audit(#[from] AuditError),
    /// Something that cannot be.
    #[error("a bug: {0}")]
    Bug(&'static str),
    /// A stored answer does not open.
    #[error("a stored answer is damaged or forged")]
    Damaged,
    /// The system gives no random numbers.
    #[error("no key could be made")]
    Key(#[from] KeyError),
    /// The ledger failed.
    #[error("the budget ledger failed")]
    Ledger(#[from] LedgerError),
    /// The permit is for another question.
    #[error("the permit is for another query")]
    OtherQuestion,
    /// The durable step that this answer shared with others failed; one of them has the reason.
    #[error("the durable step that this answer shared with others failed")]
    Group,
    /// The log has an answer that the ledger does not.
    #[error("the log has an answer that the ledger has lost: the ledger was rolled back")]
    RolledBack,
    /// The answer could not be sealed.
    #[error("the answer could not be sealed")]
    Seal(#[from] SealError),
}

/// What a vector adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The cube's counts at these positions, each a number of its own in every cell.
    Counts(Range<usize>),
    /// The sum at this position of the cube's sums.
    Sum(usize),
}

impl Value {
    /// How many characters its longest number can have: one of fewer than 2^48 people with noise inside 2^63, or the sum of as many
    /// values inside 2^62.
    pub(super) const fn digits(&self) -> usize {
        match self {
            Self::Counts(_) => 20,
            Self::Sum(_) => 35,
        }
    }

    /// How many numbers it has in every cell.
    fn width(&self) -> usize {
        match self {
            Self::Counts(columns) => columns.len(),
            Self::Sum(_) => 1,
        }
    }
}

/// Which cells of the cube go into which cell of the answer; made from the question and the vocabulary alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// How many cells the vocabulary has that it was made for.
    pub of: usize,
    /// The cells that the filter lets pass, each with its group.
    pub cells: Vec<(u32, u32)>,
    /// What each part of the claim adds up.
    pub values: Vec<Value>,
}

/// A question at the door.
pub struct ChargedQuery<'a> {
    /// The study's cap inside the pool, in units of the pool.
    pub study_cap: Option<u128>,
    /// The recipient's share of the pool, in units of the pool.
    pub recipient_cap: Option<u128>,
    /// The epoch.
    pub epoch: &'a EpochId,
    /// The canonical text.
    pub text: &'a str,
    /// What it costs and draws.
    pub claim: &'a PrivacyClaim,
    /// The charge, in units of the pool: the cost of the claim under the pool's accounting.
    pub units: u128,
    /// Which cells it reads.
    pub selection: &'a Selection,
    /// The shape of the cube.
    pub shape: &'a CubeShape,
    /// How its reader sees it.
    pub layout: &'a AnswerLayout,
    /// When the act began that asks it, if it is part of one: its charge and its entry have this time, and not the one at which
    /// the act came to it.
    pub began: Option<Timestamp>,
}

/// What became of a permitted question.
#[derive(Debug)]
pub enum Outcome {
    /// The answer.
    Released(Box<Released>),
    /// A limit would have been passed; nothing changed.
    OverBudget(Vec<OverBudget>),
}

/// The two books and the keys that an answer needs.
pub struct Releaser<'a> {
    /// The id of the sandbox.
    pub sandbox: &'a str,
    /// The budget.
    pub ledger: &'a dyn Ledger,
    /// The log.
    pub log: &'a Mutex<Log>,
    /// The signer of the log.
    pub signer: &'a (dyn Signer + Send + Sync),
    /// The key under which answers are stored.
    pub answers: &'a Secret,
    /// The file outside the folder that holds the newest checkpoint, if there is one.
    pub anchor: Option<&'a AnchorFile>,
    /// The time of charges.
    pub clock: &'a dyn Clock,
    /// Where the clients of this ledger and this log meet.
    pub queue: &'a CommitQueue,
}

/// Where the log has an answer, and a checkpoint that covers it, if it was just written.
struct Place {
    index: u64,
    checkpoint: Option<String>,
}

impl Releaser<'_> {
    /// Lets one answer out: reserve, draw, add, store, log, commit, hand out.
    ///
    /// # Errors
    /// [`ReleaseError`]; whatever was charged stays charged, and the same question goes on from there.
    ///
    /// # Privacy
    /// (epsilon, delta) or zCDP by the claim: one person's data, consent included, moves the exact vector of each part by
    /// at most its sensitivity; the noise is fresh from the system's generator and never kept; cost and refusals depend on the
    /// question and the books alone. Source: Canonne, Kamath, Steinke 2020 (arXiv 2004.00010).
    pub fn release(
        &self,
        permit: Permit,
        question: &ChargedQuery<'_>,
        cube: &Exact<Cube>,
    ) -> Result<Outcome, ReleaseError> {
        // 1. The permit is for this question, and it is used up here.
        if permit.question() != question.claim.question {
            return Err(ReleaseError::OtherQuestion);
        }
        let key = question_key(&permit, question);
        // What is stored and logged needs no turn and no step of the ledger.
        if let Some((stored, index)) = self.logged(&key)? {
            let place = Place { index, checkpoint: None };
            return self.hand_out(&self.unseal(&stored)?, question, true, place);
        }
        // The same question asked at once waits here for its answer, and none is drawn a second time.
        let _turn = self.queue.under_way.enter(key).ok_or(STOPPED)?;
        // 2. Reserve. If we stop after it, the units are spent and nothing was drawn.
        let (reservation, at) = self.reserve(&permit, question, key)?;
        let charge = match reservation {
            Reservation::OverBudget(limits) => return Ok(Outcome::OverBudget(limits)),
            Reservation::Stored(stored) => {
                let body = self.unseal(&stored)?;
                let place = self.finish(&stored, &body, at)?;
                return self.hand_out(&body, question, true, place);
            }
            Reservation::New(charge) => charge,
            Reservation::Resumed(charge) => match self.find(charge.seq())? {
                // Nothing was drawn, so it goes on from here under the price of then.
                None => charge,
                // The log knows an answer that the ledger has lost: drawing a second one would halve its noise.
                Some(_) => return Err(ReleaseError::RolledBack),
            },
        };
        // 3. Draw, then add. Nothing of it is durable or visible yet.
        let (body, text) = self.draw(&permit, question, &charge, cube)?;
        // 4. Store the sealed answer with the key of its commitment. From here it is never drawn again.
        let size = body.longest(&text, &question.selection.values);
        let sealed = self.seal(&text, size, charge.seq())?;
        let stored = self.store(charge, sealed)?;
        // 5. and 6. Log the commitment, then mark it in the ledger.
        let place = self.record(&stored, &body, at)?;
        // 7. Anchor. 8. Hand out.
        self.hand_out(&body, question, false, place)
    }

    /// Finishes answers that were stored and not logged or not marked when the process stopped. Their entries have the time of
    /// their charge, as they would have had without the stop.
    ///
    /// # Errors
    /// [`ReleaseError`]
    pub fn recover(&self) -> Result<(), ReleaseError> {
        for unfinished in self.ledger.uncommitted()? {
            if let Some(sealed) = unfinished.sealed {
                let stored = StoredAnswer { seq: unfinished.record.seq, sealed, log_index: None };
                let body = self.unseal(&stored)?;
                self.finish(&stored, &body, unfinished.record.at)?;
            }
        }
        Ok(())
    }

    pub(super) fn log(&self) -> Result<MutexGuard<'_, Log>, ReleaseError> {
        self.log.lock().map_err(|_| STOPPED)
    }

    fn draw(
        &self,
        permit: &Permit,
        question: &ChargedQuery<'_>,
        charge: &Charge,
        cube: &Exact<Cube>,
    ) -> Result<(Body, String), ReleaseError> {
        let parts = &question.claim.parts;
        if parts.len() != question.selection.values.len() || question.selection.of != question.shape.cells() {
            return Err(ReleaseError::Bug("claim, selection and cube belong together"));
        }
        let numbers = noised(question.claim, question.selection, question.shape, cube, &mut fresh_rng()?);
        let answered =
            parts.iter().zip(numbers).map(|(part, numbers)| BodyPart::new(part, numbers)).collect();
        let body = Body {
            v: 1,
            sandbox: self.sandbox.to_owned(),
            ledger_seq: charge.seq(),
            study: permit.study().to_string(),
            policy: permit.study_hash().to_owned(),
            recipient: permit.recipient().to_string(),
            epoch: question.epoch.to_string(),
            question: question.text.to_owned(),
            reach: question.claim.reach,
            // A question that goes on after a stop has the price that was charged then.
            units: charge.units().to_string(),
            parts: answered,
        };
        let text = body.to_text()?;
        Ok((body, text))
    }

    /// The sealed answer and the key of its commitment, padded to the size of the longest answer that the question can have.
    fn seal(&self, text: &str, longest: usize, seq: u64) -> Result<Vec<u8>, ReleaseError> {
        let key = random_secret()?;
        let mut plain = Zeroizing::new(key.expose().to_vec());
        plain.extend_from_slice(text.as_bytes());
        let size = key.expose().len().saturating_add(longest);
        Ok(seal_padded(self.answers, &[self.sandbox.as_bytes(), &place(seq)], &plain, size)?)
    }

    /// The key of a stored answer's commitment and the text that it opens, for anyone whom the operator lets check it.
    ///
    /// # Errors
    /// [`ReleaseError::Damaged`]
    ///
    /// # Privacy
    /// None: the text left through the door when the answer was given.
    pub fn opening(&self, stored: &StoredAnswer) -> Result<(Secret, String), ReleaseError> {
        self.stored().opening(stored)
    }

    fn stored(&self) -> StoredAnswers<'_> {
        StoredAnswers { sandbox: self.sandbox, key: self.answers }
    }

    fn unseal(&self, stored: &StoredAnswer) -> Result<Body, ReleaseError> {
        self.stored().unseal(stored)
    }

    /// The stored answer to the question with this key and its entry in the log, if it has both. Without one of them the query waits for its
    /// turn, since another thread may be on its way from the one to the other.
    fn logged(&self, key: &[u8; 32]) -> Result<Option<(StoredAnswer, u64)>, ReleaseError> {
        let Some(stored) = self.ledger.answered(key)? else { return Ok(None) };
        let index = stored.log_index.or_else(|| self.queue.marked(stored.seq));
        Ok(index.map(|index| (stored, index)))
    }

    /// What is left of steps 5 and 6 for an answer that is already stored: the same for a repeated question and for recovery.
    fn finish(&self, stored: &StoredAnswer, body: &Body, at: Timestamp) -> Result<Place, ReleaseError> {
        if let Some(index) = stored.log_index.or_else(|| self.queue.marked(stored.seq)) {
            return Ok(Place { index, checkpoint: None });
        }
        match self.find(stored.seq)? {
            Some(index) => {
                self.commit(stored.seq, index);
                Ok(Place { index, checkpoint: None })
            }
            None => self.record(stored, body, at),
        }
    }

    /// The entry of a charge, if the log has one. Reads the log from the head that the charge saw: for answers that a stop
    /// interrupted only.
    fn find(&self, seq: u64) -> Result<Option<u64>, ReleaseError> {
        let seen = self.ledger.record(seq)?.map_or(0, |record| record.log_head.size);
        let log = self.log()?;
        for (index, entry) in (seen..).zip(log.entries_from(seen)) {
            let entry = entry?;
            if entry.kind == Kind::Ask && entry.ledger_seq == Some(seq) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Steps 5 and 6. If we stop between them, the entry is found by its sequence number and no other is written.
    fn record(&self, stored: &StoredAnswer, body: &Body, at: Timestamp) -> Result<Place, ReleaseError> {
        let (key, text) = self.opening(stored)?;
        let mut entry = Map::new();
        entry.insert("study".into(), json!(body.study));
        entry.insert("policy".into(), json!(body.policy));
        entry.insert("recipient".into(), json!(body.recipient));
        entry.insert("epoch".into(), json!(body.epoch));
        entry.insert("question".into(), json!(body.question));
        let units = body.units.parse().map_err(|_| ReleaseError::Damaged)?;
        entry.insert("units".into(), crate::audit::amount(units));
        entry.insert("answer".into(), Json::String(commit(&key, text.as_bytes()).to_string()));
        let entry = Entry { kind: Kind::Ask, at, ledger_seq: Some(stored.seq), body: entry };
        let recorded = self.append(entry)?;
        self.commit(stored.seq, recorded.index());
        Ok(Place { index: recorded.index(), checkpoint: Some(recorded.checkpoint().to_owned()) })
    }

    fn hand_out(
        &self,
        body: &Body,
        question: &ChargedQuery<'_>,
        stored: bool,
        place: Place,
    ) -> Result<Outcome, ReleaseError> {
        let checkpoint = match (place.checkpoint, self.anchor) {
            (Some(checkpoint), None) => checkpoint,
            (_, anchor) => {
                let log = self.log()?;
                // A folder that was put back or copied is found here at the latest, and nothing leaves it.
                anchor.map_or(Ok(()), |anchor| log.advance_anchor(anchor))?;
                log.checkpoint().to_owned()
            }
        };
        let (spent, limit) = (self.ledger.spent()?, self.ledger.pool()?.limit);
        let budget = BudgetView { spent: spent.pool, limit, lifetime: spent.lifetime };
        let (index, anchored) = (place.index, self.anchor.is_some());
        let evidence = Evidence { budget, stored, index, checkpoint, anchored };
        Ok(Outcome::Released(Box::new(render(body, question.claim, question.layout, evidence)?)))
    }
}

/// A question of one study text, recipient and epoch: charged once, however often and by whom it is asked.
fn question_key(permit: &Permit, question: &ChargedQuery<'_>) -> [u8; 32] {
    let mut key = blake3::Hasher::new_derive_key("hushtag 2026-11 v1 key of a question");
    for part in [question.epoch.as_str(), permit.study_hash(), permit.recipient().as_str()] {
        key.update(part.as_bytes());
        key.update(&[0]);
    }
    // The hash covers the canonical text and the price.
    key.update(question.claim.question.as_bytes());
    *key.finalize().as_bytes()
}

/// A generator seeded by the system, fresh for one release; the seed is overwritten and kept nowhere.
fn fresh_rng() -> Result<StdRng, ReleaseError> {
    let secret = random_secret()?;
    let mut seed = *secret.expose();
    let rng = StdRng::from_seed(seed);
    seed.zeroize();
    Ok(rng)
}

/// The noisy numbers of every part. The noise of all of them comes first, before any exact number is looked at.
fn noised<R: Rng + ?Sized>(
    claim: &PrivacyClaim,
    selection: &Selection,
    shape: &CubeShape,
    cube: &Exact<Cube>,
    rng: &mut R,
) -> Vec<Vec<i128>> {
    let draws = claim.parts.iter().map(|part| part.mechanism.draws(part.cells, rng));
    let mut parts: Vec<Vec<i128>> = draws.map(|noise| noise.into_iter().map(i128::from).collect()).collect();
    for (numbers, value) in parts.iter_mut().zip(&selection.values) {
        add_exact(cube.open(), selection, shape, value, numbers);
    }
    parts
}

/// [`noised`] with a known seed, for unit tests that replay the noise of one cube on another; and how far the generator
/// has come.
#[cfg(test)]
pub(crate) fn noised_in_test(
    claim: &PrivacyClaim,
    selection: &Selection,
    shape: &CubeShape,
    cube: &Exact<Cube>,
    seed: u64,
) -> (Vec<Vec<i128>>, u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    (noised(claim, selection, shape, cube, &mut rng), rng.next_u64())
}

/// Adds the exact numbers of every group to their noise.
fn add_exact(cube: &Cube, selection: &Selection, shape: &CubeShape, value: &Value, cells: &mut [i128]) {
    let width = value.width();
    // Fewer than 2^48 people with values inside 2^62, and noise inside 2^63: an i128 cannot overflow.
    let mut add = |at: usize, exact: i128| {
        if let Some(number) = cells.get_mut(at) {
            *number += exact;
        }
    };
    match value {
        Value::Sum(sum) => {
            of_groups(selection, |cell| cube.sum(shape, cell, *sum), &mut add);
        }
        Value::Counts(columns) => {
            for (at, column) in columns.clone().enumerate() {
                let counted = |cell| cube.counted(shape, cell, column);
                of_groups(selection, counted, |group, exact| add(group * width + at, exact));
            }
        }
    }
}

/// Adds up the chosen cells; those of one group that are adjacent, as they mostly are, become one number.
fn of_groups(selection: &Selection, exact: impl Fn(usize) -> i128, mut emit: impl FnMut(usize, i128)) {
    let (mut of, mut sum) = (0, 0);
    for (cell, group) in &selection.cells {
        if *group != of {
            emit(of as usize, std::mem::take(&mut sum));
            of = *group;
        }
        sum += exact(*cell as usize);
    }
    emit(of as usize, sum);
}
