//! A register rewritten without some of its events: pages of the store keep removed bytes, a new file never had them. What was
//! imported becomes one run.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use redb::{Durability, Table, WriteTransaction};

use super::super::blocks::{BlockWriter, Packed, PackedOwner, Run};
use super::super::error::fault;
use super::super::merge::{insert, push};
use super::super::people::{Person, Single};
use super::super::rows::{
    BlockKey, EVENTS, HEAD, Head, Keys, META, Mark, REQUESTS, RUNS, RowKey, SEALS, SealMark, TOMBSTONES,
};
use super::super::runs::in_order;
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
    /// The one run, if the old store has any.
    run: Option<Successors<'t>>,
    keys: &'t Keys,
    head: Head,
    /// Rows that the old store did not have.
    fresh: u64,
    left: BTreeMap<Mark, Tombstone>,
}

/// The run of a successor.
struct Successors<'t> {
    blocks: Table<'t, &'static BlockKey, &'static [u8]>,
    writer: BlockWriter<'t>,
    run: Run,
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
        let number = old.head().next_run;
        let run = if old.head().runs.is_empty() {
            None
        } else {
            let blocks = transaction.open_table(RUNS).map_err(fault)?;
            let run = Run { number, events: 0, blocks: 0, first: [0; 16] };
            Some(Successors { blocks, writer: BlockWriter::new(&self.keys, number), run })
        };
        let mut into = Successor {
            events: transaction.open_table(EVENTS).map_err(fault)?,
            run,
            keys: &self.keys,
            head: Head { next_run: number, ..Head::EMPTY },
            fresh: 0,
            left: BTreeMap::new(),
        };
        let mut walk = old.walk()?;
        while let Some(person) = walk.person()? {
            into.take(person, judge)?;
        }
        into.end()
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
                        head.and_other(&self.keys.tombstone_tag(mark.value(), sealed.value()))?;
                    }
                }
            }
        }
        for (mark, tombstone) in left {
            let sealed = self.keys.seal_tombstone(&mark, &tombstone)?;
            table.insert(&mark, sealed.as_slice()).map_err(fault)?;
            head.and_other(&self.keys.tombstone_tag(&mark, &sealed))?;
            fresh = fresh.checked_add(1).ok_or(RegisterError::TooLarge)?;
        }
        if let Some(before) = &old.further().requests {
            let mut table = transaction.open_table(REQUESTS).map_err(fault)?;
            for row in before.range::<u64>(..).map_err(fault)? {
                let (number, sealed) = row.map_err(fault)?;
                table.insert(number.value(), sealed.value()).map_err(fault)?;
                head.and_other(&self.keys.request_tag(number.value(), sealed.value()))?;
            }
        }
        if let Some(before) = &old.further().seals {
            let mut table = transaction.open_table(SEALS).map_err(fault)?;
            for row in before.range::<&SealMark>(..).map_err(fault)? {
                let (mark, value) = row.map_err(fault)?;
                table.insert(mark.value(), value.value()).map_err(fault)?;
                head.and_other(&self.keys.seal_tag(mark.value(), value.value()))?;
            }
        }
        Ok((head, fresh))
    }
}

impl Successor<'_> {
    /// Takes over what stays of the events of one id. Those that were recorded one by one are numbered without a gap, so what follows a
    /// removed one is encrypted again; blocks are rewritten.
    fn take(
        &mut self,
        person: Person,
        judge: &mut dyn FnMut(&[Event]) -> Removal,
    ) -> Result<(), RegisterError> {
        let Person { pseudonym, ids, id, singles, packed } = person;
        let all = in_order(singles, packed, |single| Kept::Single(Box::new(single)), Kept::Packed);
        let events: Vec<Event> = all.iter().map(|kept| kept.event((&ids, &id))).collect();
        let removal = judge(&events);
        if let Some(left) = removal.left {
            let mark = self.keys.tombstone_mark(&left.ids, &left.person);
            let before = self.left.remove(&mark).unwrap_or_default();
            self.left.insert(mark, before.and(left.tombstone));
        }
        let removed = removal.events.into_iter().chain(std::iter::repeat(false));
        let (mut before, mut singles, mut rows) = (0_u64, 0_u64, Vec::new());
        for (kept, (event, removed)) in all.into_iter().zip(events.iter().zip(removed)) {
            match kept {
                Kept::Single(single) => {
                    before = before.checked_add(1).ok_or(RegisterError::TooLarge)?;
                    if removed {
                        continue;
                    }
                    singles = singles.checked_add(1).ok_or(RegisterError::TooLarge)?;
                    self.single(
                        &pseudonym.row(singles),
                        event,
                        (singles == before).then_some(&single.sealed),
                    )?;
                }
                Kept::Packed(row) if !removed => rows.push(Packed { singles, ..row }),
                Kept::Packed(_) => {}
            }
        }
        match &mut self.run {
            Some(run) if !rows.is_empty() => {
                run.take(&PackedOwner { pseudonym, ids, id, rows }, &mut self.head)
            }
            _ => Ok(()),
        }
    }

    /// Takes an event over as a row by itself, with its old bytes where they still fit.
    fn single(&mut self, key: &RowKey, event: &Event, sealed: Option<&Vec<u8>>) -> Result<(), RegisterError> {
        let sealed_again;
        let sealed = match sealed {
            Some(sealed) => sealed,
            None => {
                self.fresh = self.fresh.checked_add(1).ok_or(RegisterError::TooLarge)?;
                sealed_again = self.keys.seal_event(key, event)?;
                &sealed_again
            }
        };
        self.head.and(&self.keys.tag(key, sealed))?;
        self.events.insert(key, sealed.as_slice()).map_err(fault).map(drop)
    }

    /// What was taken over: its head, how many rows are new, and what is left of the others.
    fn end(mut self) -> Result<(Head, u64, BTreeMap<Mark, Tombstone>), RegisterError> {
        if let Some(Successors { mut blocks, mut writer, mut run }) = self.run {
            let head = &mut self.head;
            writer.close(None, &mut |block| {
                run.blocks += 1;
                insert(&mut blocks, head, &block)
            })?;
            self.fresh = self.fresh.saturating_add(run.blocks);
            head.and_events(run.events)?;
            head.next_run = run.number.checked_add(1).ok_or(RegisterError::TooLarge)?;
            head.runs.extend((run.events > 0).then_some(run));
        }
        Ok((self.head, self.fresh, self.left))
    }
}

/// An event that may stay, in the form in which the old store has it.
enum Kept {
    Single(Box<Single>),
    Packed(Packed),
}

impl Kept {
    fn event(&self, who: (&str, &str)) -> Event {
        match self {
            Self::Single(single) => single.event.clone(),
            Self::Packed(row) => Event::of_parts(who, &row.times, &row.statement),
        }
    }
}

impl Successors<'_> {
    fn take(&mut self, owner: &PackedOwner, head: &mut Head) -> Result<(), RegisterError> {
        if self.run.events == 0 {
            self.run.first = owner.pseudonym.to_bytes();
        }
        let rows = u64::try_from(owner.rows.len()).map_err(|_| RegisterError::TooLarge)?;
        self.run.events = self.run.events.checked_add(rows).ok_or(RegisterError::TooLarge)?;
        let (blocks, written) = (&mut self.blocks, &mut self.run.blocks);
        push(&mut self.writer, owner, &mut |block| {
            *written += 1;
            insert(blocks, head, &block)
        })
    }
}
