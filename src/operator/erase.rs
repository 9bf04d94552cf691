//! Erasure of one person's consent events, and removal of what is past its retention (PIPL art. 19, 47). Neither is a log entry.

use std::collections::BTreeSet;
use std::sync::MutexGuard;

use serde_json::{Map, json};

use super::{Consents, Inner, OperatorError};
use crate::audit::Receipt;
use crate::consent::{Expiry, OTHER_EVENT, Row, TERMS, Tombstone};
use crate::keys::random_secret;
use crate::register::{Event, Left, Removal};
use crate::types::{Days, Timestamp};

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// The instant by which everything that was said before is erased.
    pub at: Timestamp,
    /// The namespace of the id.
    pub ids: String,
    /// How many events the register had of the id.
    pub events: u64,
}

/// Who is erased.
struct Whom {
    ids: String,
    /// The spellings under which the register may hold events.
    kept: BTreeSet<String>,
    /// The spellings under which files may name the same id.
    met: BTreeSet<String>,
}

impl Whom {
    fn has(&self, (ids, person): (&str, &str)) -> bool {
        ids == self.ids && self.kept.contains(person)
    }

    fn left(&self, tombstone: &Tombstone) -> Vec<Left> {
        let left = |person: &String| {
            let (ids, person) = (self.ids.clone(), person.clone());
            Left { ids, person, tombstone: tombstone.clone() }
        };
        self.met.iter().map(left).collect()
    }
}

impl Consents<'_> {
    /// Removes every event of this id from the register and leaves a tombstone: a keyed hash with the instant, by which every consent
    /// from before it, in the register or in a file of a later seal, is ended, also for a person whom a links table gives this id. A
    /// consent that is given afterwards counts. Death, and objections, restrictions and holds until they are lifted, stay in force.
    ///
    /// The id is one that the studies can read, or exactly as it stands in the register if none of them can. Without a namespace it
    /// is the only one of the sandbox.
    ///
    /// Where there were events the store is written anew and takes the place of the old one in one step. If we stop before, nothing is
    /// erased; after it, everything.
    ///
    /// # Errors
    /// [`OperatorError::Event`] for an id that cannot be anybody's and is not in the register either; nothing is erased.
    ///
    /// # Privacy
    /// Writes no log entry: it would show that somebody was erased. What the file system keeps of the removed file is not known here.
    pub fn erase(&self, ids: Option<&str>, id: &str) -> Result<Erased, OperatorError> {
        let inner = self.inner;
        let whom = self.whom(ids, id)?;
        let writing = inner.register_writing()?;
        inner.sweep(&writing)?;
        let at = inner.clock.now();
        let mut events = Vec::new();
        for person in &whom.kept {
            events.extend(self.events_of((&whom.ids, person))?);
        }
        let tombstone = Tombstone::of_erasure(at, events.iter().map(Event::row));
        let left = whom.left(&tombstone);
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        match inner.register()?.filter(|_| !events.is_empty()) {
            None => inner.record_locked(&writing, |writer| {
                Ok(left.into_iter().try_for_each(|left| writer.leave(left))?)
            })?,
            Some(register) => {
                let mut left = Some(left);
                let judge = |all: &[Event]| match all.first() {
                    Some(first) if whom.has(first.person()) => {
                        Removal { events: vec![true; all.len()], left: left.take().unwrap_or_default() }
                    }
                    _ => Removal { events: Vec::new(), left: Vec::new() },
                };
                inner.rewrite_register(&writing, &register, judge, None)?;
            }
        }
        Ok(Erased { at, ids: whom.ids, events: count })
    }

    /// A signed receipt for an erasure of this id.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] where there was none at that instant or later.
    pub fn erasure_receipt(&self, erased: &Erased, id: &str) -> Result<String, OperatorError> {
        let whom = self.whom(Some(&erased.ids), id)?;
        let kept = whom.kept.first().map_or(id, String::as_str);
        let tombstone = self.tombstone_of((&whom.ids, kept))?;
        if tombstone.and_then(|tombstone| tombstone.erased_at()).is_none_or(|at| at < erased.at) {
            return Err(OperatorError::Invalid("a receipt is for an erasure that was made".into()));
        }
        let mut event = Map::new();
        event.insert(OTHER_EVENT.to_owned(), json!("erased"));
        let at = TERMS.iter().find(|(column, _)| *column == "at").map(|(_, term)| *term);
        event.extend(at.map(|term| (term.to_owned(), json!(erased.at.to_string()))));
        let named = self.attribute(Some(&erased.ids), id).map_or_else(|_| id.to_owned(), |(_, kept)| kept);
        self.inner.sign_receipt((&erased.ids, &named), erased.at, event)
    }

    fn whom(&self, ids: Option<&str>, id: &str) -> Result<Whom, OperatorError> {
        let namespaces = self.id_forms();
        let named = ids.map(str::trim).filter(|name| !name.is_empty());
        let (ids, kept) = match namespaces.read(ids, Some(id)) {
            Ok((ids, kept)) => (ids, BTreeSet::from([kept, id.to_owned()])),
            Err(error) => {
                // A row that no form reads, or of a namespace that no study has any more, stops every seal until it is erased.
                let ids = namespaces.name(ids).ok().or(named).map(str::to_owned);
                let in_register = match &ids {
                    Some(ids) => {
                        !self.events_of((ids, id))?.is_empty() || self.tombstone_of((ids, id))?.is_some()
                    }
                    None => false,
                };
                match ids.filter(|_| in_register) {
                    Some(ids) => (ids, BTreeSet::from([id.to_owned()])),
                    None => return Err(OperatorError::Event(self.fault(named, error))),
                }
            }
        };
        let met = kept.iter().flat_map(|id| namespaces.spellings(&ids, id)).collect();
        Ok(Whom { ids, kept, met })
    }
}

impl Inner {
    /// A receipt for this person, signed by the log's key.
    pub(super) fn sign_receipt(
        &self,
        person: (&str, &str),
        at: Timestamp,
        event: Map<String, serde_json::Value>,
    ) -> Result<String, OperatorError> {
        let salt = random_secret()?;
        let receipt = Receipt::new(&self.file.id, at, person, &salt, event);
        let note = receipt.sign(&self.signer);
        note.map(|note| note.to_string())
            .map_err(|_| OperatorError::Invalid("the event fits no receipt".into()))
    }

    /// As [`Inner::sweep`], for who does not write to the register next.
    pub(super) fn sweep_register(&self) -> Result<(), OperatorError> {
        let writing = self.register_writing()?;
        self.sweep(&writing)
    }

    /// Removes, at most once a day, the events that are past the longest retention that a study declares and decide nothing any more;
    /// for who has the lock of writers.
    ///
    /// If we stop before the new store has its name, nothing is removed and the next writer does it.
    pub(super) fn sweep(&self, writing: &MutexGuard<'_, ()>) -> Result<(), OperatorError> {
        let studies = || self.studies.values().map(|adopted| &adopted.study);
        let Some(retention) = studies().filter_map(|study| study.consents.retention).max() else {
            return Ok(());
        };
        let (now, Some(register)) = (self.clock.now(), self.register()?) else { return Ok(()) };
        let since = register.swept()?.map(|swept| now.seconds() - swept.seconds());
        if since.is_some_and(|since| (0..Days::ONE.seconds()).contains(&since)) {
            return Ok(());
        }
        let (lists, namespaces) = (self.known_words().lists(), self.id_forms());
        let expiry = Expiry {
            before: Timestamp::from_seconds(now.seconds().saturating_sub(retention.seconds())),
            validity: studies().map(|study| study.retention).max().unwrap_or(Days::ONE),
            lists: &lists,
        };
        let judge = |events: &[Event]| {
            let rows: Vec<Row<'_>> = events.iter().map(Event::row).collect();
            let (removed, tombstone) = expiry.removed(&rows);
            let person = events.first().map(Event::person).filter(|_| removed.contains(&true));
            let left = person.into_iter().flat_map(|(ids, id)| {
                let met = namespaces.spellings(ids, id);
                let left = |person| Left { ids: ids.to_owned(), person, tombstone: tombstone.clone() };
                met.into_iter().map(left).collect::<Vec<_>>()
            });
            Removal { left: left.collect(), events: removed }
        };
        let mut any = false;
        register.snapshot()?.each_person(|events| {
            any |= judge(events).events.contains(&true);
            Ok::<_, OperatorError>(())
        })?;
        if any {
            return self.rewrite_register(writing, &register, judge, Some(now));
        }
        self.record_locked(writing, |writer| {
            writer.sweep(now);
            Ok(())
        })
    }
}
