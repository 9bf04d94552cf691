//! A register written anew without some of its events: pages of the store keep removed bytes, a new file never had them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use redb::{Durability, Table, WriteTransaction};

use super::super::error::fault;
use super::super::rows::{
    EVENTS, HEAD, Head, Keys, META, Mark, Pseudonym, REQUESTS, RowKey, SEALS, SealMark, TOMBSTONES,
};
use super::{FILE, NEW, Register};
use crate::consent::Tombstone;
use crate::register::{Event, RegisterError, Snapshot};
use crate::storage::Storage;
use crate::types::{Secret, Timestamp};

/// What is removed of all events of one id.
pub struct Removal {
    /// For each event, in order, whether it is removed.
    pub events: Vec<bool>,
    /// What is left of them.
    pub left: Option<Left>,
}

/// A tombstone for an id.
pub struct Left {
    /// The namespace.
    pub ids: String,
    /// The id.
    pub person: String,
    /// What is left of its events.
    pub tombstone: Tombstone,
}

/// The store that takes the place of the old one, and what was put into it.
struct Successor<'t> {
    events: Table<'t, &'static RowKey, &'static [u8]>,
    keys: &'t Keys,
    head: Head,
    /// Rows that the old store did not have.
    fresh: u64,
    left: BTreeMap<Mark, Tombstone>,
}

impl Register {
    /// Writes a new store without the events that `judge` removes of all events of each id, and with what is left of them; gives the
    /// register of the new store. This one must not be written to any more, nor while this runs.
    ///
    /// If we stop before the new store takes the name, nothing was removed; after it, everything. `swept` says that events past
    /// their retention were looked for then, and the file has the time `at`, or that of now.
    ///
    /// # Errors
    /// [`RegisterError`], also for a register in which a row was changed, added or taken out: it is not given a new sum. If the new
    /// store could not be given its name, it is not known which one has it, and this register must be opened again.
    pub fn rewritten(
        &self,
        storage: &dyn Storage,
        (key, sandbox): (&Secret, &str),
        judge: impl FnMut(&[Event]) -> Removal,
        (swept, at): (Option<Timestamp>, Option<SystemTime>),
    ) -> Result<Self, RegisterError> {
        let snapshot = self.snapshot()?;
        storage.remove(NEW)?;
        let successor = Self::at(NEW, storage, key, sandbox)?;
        successor.time.keep(Some(at.unwrap_or_else(SystemTime::now)));
        let written = successor.unless_poisoned(|| successor.take_over(&snapshot, judge, swept));
        written.inspect_err(|_| {
            // If removing fails too, the next one does it.
            let _ = storage.remove(NEW);
        })?;
        drop(snapshot);
        // If we stop here, the old register is whole and the new one is removed with the next.
        storage.rename_over(NEW, FILE).inspect_err(|_| self.poisoned.store(true, Ordering::SeqCst))?;
        Ok(successor)
    }

    fn take_over(
        &self,
        old: &Snapshot,
        mut judge: impl FnMut(&[Event]) -> Removal,
        swept: Option<Timestamp>,
    ) -> Result<(), RegisterError> {
        let mut transaction = self.database()?.begin_write().map_err(fault)?;
        transaction.set_durability(Durability::Immediate).map_err(fault)?;
        transaction.set_quick_repair(true);
        let (head, fresh, left) = self.take_events(&transaction, old, &mut judge)?;
        let (mut head, fresh) = self.take_tables(&transaction, old, left, (head, fresh))?;
        // The number of rows ever written grows with every row that is new.
        let written = old.head().written().saturating_add(fresh);
        head.removed = written.saturating_sub(head.count).saturating_sub(head.others);
        head.swept = swept.map(Timestamp::seconds).or(old.head().swept);
        let sealed = self.keys.seal_head(&head)?;
        let mut meta = transaction.open_table(META).map_err(fault)?;
        meta.insert(HEAD, sealed.as_slice()).map_err(fault)?;
        drop(meta);
        transaction.commit().map_err(fault)
    }

    /// Takes over the events that stay; gives their head, how many rows are new, and what is left of the others.
    fn take_events(
        &self,
        transaction: &WriteTransaction,
        old: &Snapshot,
        judge: &mut dyn FnMut(&[Event]) -> Removal,
    ) -> Result<(Head, u64, BTreeMap<Mark, Tombstone>), RegisterError> {
        let mut into = Successor {
            events: transaction.open_table(EVENTS).map_err(fault)?,
            keys: &self.keys,
            head: Head::EMPTY,
            fresh: 0,
            left: BTreeMap::new(),
        };
        let mut walk = old.walk()?;
        let mut rows: Vec<(Pseudonym, Vec<u8>)> = Vec::new();
        let mut events: Vec<Event> = Vec::new();
        loop {
            let row = walk.step()?;
            let next = row.as_ref().map(|(key, ..)| Pseudonym::of(key).0);
            if rows.last().is_some_and(|(last, _)| next != Some(*last)) {
                into.take(&rows, &events, judge(&events))?;
                (rows, events) = (Vec::new(), Vec::new());
            }
            let Some((key, sealed, event)) = row else { break };
            rows.push((Pseudonym::of(&key).0, sealed));
            events.push(event);
        }
        Ok((into.head, into.fresh, into.left))
    }

    /// Takes the other tables over, with the tombstones that are new.
    fn take_tables(
        &self,
        transaction: &WriteTransaction,
        old: &Snapshot,
        mut left: BTreeMap<Mark, Tombstone>,
        (mut head, mut fresh): (Head, u64),
    ) -> Result<(Head, u64), RegisterError> {
        let mut table = transaction.open_table(TOMBSTONES).map_err(fault)?;
        if let Some(before) = &old.further().tombstones {
            for row in before.range::<&Mark>(..).map_err(fault)? {
                let (mark, sealed) = row.map_err(fault)?;
                match left.get_mut(mark.value()) {
                    Some(new) => {
                        *new =
                            std::mem::take(new).and(self.keys.open_tombstone(mark.value(), sealed.value())?);
                    }
                    None => {
                        table.insert(mark.value(), sealed.value()).map_err(fault)?;
                        head = head.and_other(&self.keys.tombstone_tag(mark.value(), sealed.value()))?;
                    }
                }
            }
        }
        for (mark, tombstone) in left {
            let sealed = self.keys.seal_tombstone(&mark, &tombstone)?;
            table.insert(&mark, sealed.as_slice()).map_err(fault)?;
            head = head.and_other(&self.keys.tombstone_tag(&mark, &sealed))?;
            fresh = fresh.checked_add(1).ok_or(RegisterError::TooLarge)?;
        }
        if let Some(before) = &old.further().requests {
            let mut table = transaction.open_table(REQUESTS).map_err(fault)?;
            for row in before.range::<u64>(..).map_err(fault)? {
                let (number, sealed) = row.map_err(fault)?;
                table.insert(number.value(), sealed.value()).map_err(fault)?;
                head = head.and_other(&self.keys.request_tag(number.value(), sealed.value()))?;
            }
        }
        if let Some(before) = &old.further().seals {
            let mut table = transaction.open_table(SEALS).map_err(fault)?;
            for row in before.range::<&SealMark>(..).map_err(fault)? {
                let (mark, value) = row.map_err(fault)?;
                table.insert(mark.value(), value.value()).map_err(fault)?;
                head = head.and_other(&self.keys.seal_tag(mark.value(), value.value()))?;
            }
        }
        Ok((head, fresh))
    }
}

impl Successor<'_> {
    /// Takes over what stays of the events of one id. They are numbered without a gap, so what follows a removed one is encrypted
    /// anew.
    fn take(
        &mut self,
        rows: &[(Pseudonym, Vec<u8>)],
        events: &[Event],
        removal: Removal,
    ) -> Result<(), RegisterError> {
        if let Some(left) = removal.left {
            let mark = self.keys.tombstone_mark(&left.ids, &left.person);
            let before = self.left.remove(&mark).unwrap_or_default();
            self.left.insert(mark, before.and(left.tombstone));
        }
        let removed = removal.events.into_iter().chain(std::iter::repeat(false));
        let mut numbers = 1..;
        for (place, ((pseudonym, sealed), (event, removed))) in
            (1_u64..).zip(rows.iter().zip(events.iter().zip(removed)))
        {
            if removed {
                continue;
            }
            let number = numbers.next().ok_or(RegisterError::TooLarge)?;
            let key = pseudonym.row(number);
            let anew;
            let sealed = if number == place {
                sealed
            } else {
                self.fresh = self.fresh.checked_add(1).ok_or(RegisterError::TooLarge)?;
                anew = self.keys.seal_event(&key, event)?;
                &anew
            };
            self.head = self.head.and(&self.keys.tag(&key, sealed))?;
            self.events.insert(&key, sealed.as_slice()).map_err(fault)?;
        }
        Ok(())
    }
}
