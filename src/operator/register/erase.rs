//! Erasure of one person's consent events, and removal of what is past its retention (PIPL art. 19, 47). Neither is a log entry.

use std::sync::MutexGuard;
use std::time::SystemTime;

use serde_json::{Map, json};

use crate::audit::Receipt;
use crate::consent::{Expiry, OTHER_EVENT, Row, TERMS, Tombstone};
use crate::keys::random_secret;
use crate::operator::{Consents, OperatorError, SandboxState};
use crate::register::{Event, Left, RegisterError, Removal};
use crate::types::{Days, Timestamp};

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// The instant up to which everything is erased.
    pub at: Timestamp,
    /// The namespace of the id.
    pub ids: String,
    /// How many events the register had of the id.
    pub events: u64,
}

impl Consents<'_> {
    /// Removes every event of this id from the register and leaves a tombstone: a keyed hash with the instant, by which every consent
    /// from before it, in the register or in a file of a later seal, is ended, also for a person whom a links table gives this id. A
    /// consent that is given afterwards counts. The tombstone is one for all spellings of the id. Death, and objections, restrictions and holds until they are lifted, stay in force.
    ///
    /// The id is one that the studies can read, or exactly as it is in the register if none of them can. Without a namespace it
    /// is the only one of the sandbox.
    ///
    /// Where there were events the store is rewritten and takes the place of the old one in one step. If we stop before, nothing is
    /// erased; after it, everything.
    ///
    /// # Errors
    /// [`OperatorError::Event`] for an id that no study can read and the register does not hold either; nothing is erased.
    ///
    /// # Privacy
    /// Writes no log entry: it would show that someone was erased. What the file system keeps of the removed file is not known here.
    pub fn erase(&self, ids: Option<&str>, id: &str) -> Result<Erased, OperatorError> {
        let inner = self.inner;
        let (ids, id) = self.named(ids, id)?;
        let writing = inner.register_writing()?;
        let at = inner.clock.now();
        let events = self.events_of((&ids, &id))?;
        let spellings = self.spellings((&ids, &id));
        let is_theirs = |of: &Event| of.person().0 == ids && spellings.iter().any(|id| id == of.person().1);
        let tombstone = Tombstone::of_erasure(at, events.iter().map(Event::row));
        let left = Left { ids: ids.clone(), person: id, tombstone };
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        match inner.register()?.filter(|_| !events.is_empty()) {
            None => inner.record_locked(&writing, |writer| Ok(writer.leave(left)?))?,
            Some(register) => {
                let mut left = Some(left);
                let judge = |all: &[Event]| match all.first() {
                    Some(first) if is_theirs(first) => {
                        Removal { events: vec![true; all.len()], left: left.take() }
                    }
                    _ => Removal { events: Vec::new(), left: None },
                };
                inner.rewrite_register(&writing, &register, judge, (None, None))?;
            }
        }
        inner.sweep_after(&writing);
        Ok(Erased { at, ids, events: count })
    }

    /// A signed receipt for an erasure of this id.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] where there was none at that instant or later.
    pub fn erasure_receipt(&self, erased: &Erased, id: &str) -> Result<String, OperatorError> {
        let tombstone = self.tombstone_of((&erased.ids, id))?;
        if tombstone.and_then(|tombstone| tombstone.erased_at()).is_none_or(|at| at < erased.at) {
            return Err(OperatorError::Invalid("a receipt is for an erasure that was made".into()));
        }
        let mut event = Map::new();
        event.insert(OTHER_EVENT.to_owned(), json!("erased"));
        let at = TERMS.iter().find(|(column, _)| *column == "at").map(|(_, term)| *term);
        event.extend(at.map(|term| (term.to_owned(), json!(erased.at.to_string()))));
        let named = self.id_in_receipt((&erased.ids, id));
        self.inner.sign_receipt((&erased.ids, &named), erased.at, event)
    }
}

impl Consents<'_> {
    /// An id as a receipt names it: as the register keeps it, or as it is given where no study can read it.
    pub(in crate::operator) fn id_in_receipt(&self, (ids, id): (&str, &str)) -> String {
        self.attribute(Some(ids), id).map_or_else(|_| id.to_owned(), |(_, kept)| kept)
    }
}

impl SandboxState {
    /// A receipt for this person, signed by the log's key.
    pub(in crate::operator) fn sign_receipt(
        &self,
        person: (&str, &str),
        at: Timestamp,
        event: Map<String, serde_json::Value>,
    ) -> Result<String, OperatorError> {
        let salt = random_secret()?;
        let receipt = Receipt::new(&self.id, at, person, &salt, event);
        let note = receipt.sign(&*self.books.signer());
        note.map(|note| note.to_string())
            .map_err(|_| OperatorError::Invalid("the event fits no receipt".into()))
    }

    /// As [`SandboxState::sweep`], as a part of a seal.
    pub(in crate::operator) fn sweep_register(&self, at: SystemTime) -> Result<(), OperatorError> {
        let writing = self.register_writing()?;
        self.sweep(&writing, Some(at))
    }

    /// Removes, at most once a day, the events that are past the longest retention that a study declares and decide nothing any more;
    /// for who has the lock of writers. The file then has the time `at`, or that of now.
    ///
    /// A study that declares no retention keeps its consents for as long as they may matter, so one that is silent keeps all events.
    ///
    /// If we stop before the new store has its name, nothing is removed and the next writer does it.
    pub(in crate::operator) fn sweep(
        &self,
        writing: &MutexGuard<'_, ()>,
        at: Option<SystemTime>,
    ) -> Result<(), OperatorError> {
        let law = self.law.in_force();
        let studies = || law.studies.values().map(|adopted| &adopted.study);
        let declared: Option<Vec<Days>> = studies().map(|study| study.consents.retention).collect();
        let Some(retention) = declared.and_then(|all| all.into_iter().max()) else { return Ok(()) };
        let (now, Some(register)) = (self.clock.now(), self.register()?) else { return Ok(()) };
        let since = register.swept()?.map(|swept| now.seconds() - swept.seconds());
        if since.is_some_and(|since| (0..Days::ONE.seconds()).contains(&since)) {
            return Ok(());
        }
        let lists = self.known_words().lists();
        let expiry = Expiry {
            before: Timestamp::from_seconds(now.seconds().saturating_sub(retention.seconds())),
            validity: studies().map(|study| study.retention).max().unwrap_or(Days::ONE),
            lists: &lists,
        };
        let judge = |events: &[Event]| {
            let rows: Vec<Row<'_>> = events.iter().map(Event::row).collect();
            let (removed, tombstone) = expiry.removed(&rows);
            let person = events.first().map(Event::person).filter(|_| removed.contains(&true));
            let left = person.map(|(ids, id)| Left { ids: ids.to_owned(), person: id.to_owned(), tombstone });
            Removal { left, events: removed }
        };
        let mut any = false;
        register.snapshot()?.each_person(|events| {
            any |= judge(events).events.contains(&true);
            Ok::<_, OperatorError>(())
        })?;
        if any {
            return self.rewrite_register(writing, &register, judge, (Some(now), at));
        }
        Ok(register.record_at(at, |writer| {
            writer.sweep(now);
            Ok::<_, RegisterError>(())
        })?)
    }
}
