//! The people of a register at one moment, each with all of their events, in the order of pseudonyms.

use std::sync::Arc;

use redb::ReadOnlyTable;

use super::blocks::Packed;
use super::cell::Cell;
use super::error::{damaged, fault};
use super::rows::{BlockKey, Head, Keys, Pseudonym, RowKey};
use super::runs::{Cursor, Range, in_order, join};
use super::statement::Statement;
use super::{Event, RegisterError};

/// The tables of events at one moment; that of runs is absent until there is one.
pub(super) struct Tables {
    pub(super) events: ReadOnlyTable<&'static RowKey, &'static [u8]>,
    pub(super) runs: Option<ReadOnlyTable<&'static BlockKey, &'static [u8]>>,
}

/// An event that was recorded by itself, and its row.
pub(super) struct Single {
    pub(super) sealed: Vec<u8>,
    pub(super) event: Event,
}

/// One person and all of their events.
pub(super) struct Person {
    pub(super) pseudonym: Pseudonym,
    pub(super) ids: Arc<str>,
    pub(super) id: String,
    pub(super) singles: Vec<Single>,
    pub(super) packed: Vec<Packed>,
}

/// The instants of an event, and what it states.
pub(super) type Parts = ([Cell; 3], Arc<Statement>);

impl Person {
    /// The events in the order in which they were recorded.
    pub(super) fn into_events(self) -> Vec<Event> {
        let Self { ids, id, singles, packed, .. } = self;
        let of_run = |row: Packed| Event::of_parts((&ids, &id), &row.times, &row.statement);
        in_order(singles, packed, |single| single.event, of_run)
    }

    /// The parts of the events, as [`Person::into_events`].
    pub(super) fn into_parts(self) -> (Arc<str>, String, Vec<Parts>) {
        let Self { ids, id, singles, packed, .. } = self;
        let single = |single: Single| {
            let (times, statement) = single.event.parts();
            (times, Arc::new(statement))
        };
        (ids, id, in_order(singles, packed, single, |row| (row.times, row.statement)))
    }
}

/// Walks the people of a range. Whether rows are missing shows once all ranges are read: [`People::seen`].
pub(super) struct People {
    tables: Arc<Tables>,
    keys: Arc<Keys>,
    rows: redb::Range<'static, &'static RowKey, &'static [u8]>,
    /// The next event that was recorded by itself.
    row: Option<(Pseudonym, Single)>,
    cursors: Vec<Cursor>,
    seen: Head,
}

impl People {
    pub(super) fn new(
        tables: &Arc<Tables>,
        keys: &Arc<Keys>,
        head: &Head,
        range: Range,
    ) -> Result<Self, RegisterError> {
        let mut seen = Head::EMPTY;
        let first = range.first.row(0);
        let rows = match range.end.map(|end| end.row(0)) {
            Some(end) => tables.events.range::<&RowKey>(&first..&end),
            None => tables.events.range::<&RowKey>(&first..),
        };
        let start = |run| match &tables.runs {
            Some(table) => Cursor::start(table, keys, run, range, &mut seen),
            None => Err(damaged("its runs")),
        };
        let cursors = head.runs.iter().map(start).collect::<Result<_, _>>()?;
        let (tables, keys) = (Arc::clone(tables), Arc::clone(keys));
        let mut people = Self { tables, keys, rows: rows.map_err(fault)?, row: None, cursors, seen };
        people.step()?;
        Ok(people)
    }

    /// How many events were read, and which rows.
    pub(super) const fn seen(&self) -> &Head {
        &self.seen
    }

    /// Reads the next row of an event that was recorded by itself; gives the one before it.
    fn step(&mut self) -> Result<Option<Single>, RegisterError> {
        let next = match self.rows.next() {
            None => None,
            Some(row) => {
                let (key, sealed) = row.map_err(fault)?;
                let event = self.keys.open_event(key.value(), sealed.value())?;
                self.seen.and(&self.keys.tag(key.value(), sealed.value()))?;
                Some((Pseudonym::of(key.value()).0, Single { sealed: sealed.value().to_vec(), event }))
            }
        };
        Ok(std::mem::replace(&mut self.row, next).map(|(_, single)| single))
    }

    /// The next person.
    pub(super) fn next(&mut self) -> Result<Option<Person>, RegisterError> {
        let of_runs = self.cursors.iter().filter_map(Cursor::peek);
        let Some(pseudonym) = of_runs.chain(self.row.as_ref().map(|(person, _)| *person)).min() else {
            return Ok(None);
        };
        let mut singles = Vec::new();
        while self.row.as_ref().is_some_and(|(person, _)| *person == pseudonym) {
            singles.extend(self.step()?);
        }
        let mut packed = None;
        for cursor in self.cursors.iter_mut().filter(|cursor| cursor.peek() == Some(pseudonym)) {
            if let Some(table) = &self.tables.runs {
                join(&mut packed, cursor.take(table, &self.keys, &mut self.seen)?);
            }
        }
        let (ids, id, packed) = match (packed, singles.first()) {
            (Some(owner), _) => (owner.ids, owner.id, owner.rows),
            (None, Some(single)) => {
                let (ids, id) = single.event.person();
                (Arc::from(ids), id.to_owned(), Vec::new())
            }
            (None, None) => return Err(damaged("a person's events")),
        };
        Ok(Some(Person { pseudonym, ids, id, singles, packed }))
    }
}
