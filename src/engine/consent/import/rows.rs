//! The rows of a consent table for the register, batch by batch and in several threads: what many rows state is read once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::{FIRST_PLACES, ImportTerms};
use crate::consent::{Act, ConsentTable, Lists, Moment, Row, Times, Unclear};
use crate::deidentify::{IdForms, IdShape, IdShapes};
use crate::engine::consent::events::Events;
use crate::engine::consent::unclear::UnclearRows;
use crate::engine::read::RowPlace;
use crate::register::{Event, EventError, Namespaces, Packer, RegisterError, Statement, Time};
use crate::types::{Timestamp, Zone};

/// Combinations of cells that are kept; rows of further ones are read again.
const MOST: usize = 4_096;
/// The longest combination that is kept, in bytes.
const LONGEST_KEPT: usize = 2_048;

/// What was found in some rows of a file.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: u64,
    /// Events that are to be recorded.
    pub(super) events: u64,
    /// Events of erased people that would count for nothing.
    pub(super) erased: u64,
    /// Rows without a person, and the first of them.
    pub(super) bad: u64,
    pub(super) first: Vec<RowPlace>,
    pub(super) unclear: UnclearRows,
    /// The shapes of ids whose form is open, by namespace.
    pub(super) shapes: BTreeMap<String, IdShapes>,
}

impl Found {
    /// With what was found in the rows after these.
    pub(super) fn and(&mut self, later: Self) {
        let Self { rows, events, erased, bad, first, unclear, shapes } = later;
        self.rows += rows;
        self.events += events;
        self.erased += erased;
        self.bad += bad;
        self.first.extend(first);
        self.first.truncate(FIRST_PLACES);
        self.unclear.and(unclear);
        for (namespace, shapes) in shapes {
            self.shapes.entry(namespace).or_default().and_from(0, &shapes);
        }
    }

    /// Counts a row without a person.
    pub(super) fn bad(&mut self, place: RowPlace) {
        self.bad += 1;
        if self.first.len() < FIRST_PLACES {
            self.first.push(place);
        }
    }

    /// Packs the event of a document and counts it.
    pub(super) fn document(
        &mut self,
        event: &Event,
        number: u64,
        (terms, lists): (&ImportTerms<'_>, &Lists),
        packer: &mut Packer,
    ) -> Result<(), RegisterError> {
        let ((ids, id), row) = (event.person(), event.row());
        let (unclear, times) = (lists.unclear(&row), row.times());
        let erased = terms.erased.and_then(|all| all.of(ids, id)?.erased_at());
        if is_ended_by_erasure(&row, &unclear) && is_nothing(&times, &unclear, erased) {
            self.erased += 1;
        } else {
            packer.event(event)?;
            self.events += 1;
        }
        if let Some((namespace, forms)) = terms.namespaces.forms(ids) {
            self.event(number, (namespace, forms, id));
        }
        self.unclear.add(&unclear, 1);
        self.unclear.add_times(&times, unclear.gives, None);
        Ok(())
    }

    /// Counts an event of a person.
    fn event(&mut self, number: u64, (namespace, forms, id): (&str, &IdForms, &str)) {
        if !forms.is_open() {
            return;
        }
        let shape = IdShape::of(id);
        match self.shapes.get_mut(namespace) {
            Some(shapes) => shapes.add(shape, number, 1),
            None => self.shapes.entry(namespace.to_owned()).or_default().add(shape, number, 1),
        }
    }
}

/// What one combination of cells states: one statement, or one for each trigger of a constant.
struct Stated {
    statements: Vec<OneStatement>,
    /// The part of which `number` is the number.
    part: u64,
}

struct OneStatement {
    statement: Arc<Statement>,
    number: u32,
    unclear: Unclear,
    /// Whether a later erasure makes it count for nothing.
    is_ended_by_erasure: bool,
}

/// Reads rows in one thread.
pub(super) struct Rows<'a> {
    terms: &'a ImportTerms<'a>,
    lists: &'a Lists,
    packer: Packer,
    known: HashMap<Vec<u8>, Stated>,
    key: Vec<u8>,
    part: u64,
    /// The last namespace as it is written, and what it is.
    namespace: Option<(Option<String>, &'a str, &'a IdForms)>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(terms: &'a ImportTerms<'a>, lists: &'a Lists, packer: Packer) -> Self {
        Self { terms, lists, packer, known: HashMap::new(), key: Vec::new(), part: 0, namespace: None }
    }

    /// The zone of times that have none.
    pub(super) const fn zone(&self) -> Option<&'a Zone> {
        self.terms.table.timezone.as_ref()
    }

    /// The packer, whose part holds the events of the last batch.
    pub(super) const fn packer(&mut self) -> &mut Packer {
        &mut self.packer
    }

    /// Packs the events of a batch, before which the file has so many rows.
    pub(super) fn batch(
        &mut self,
        events: &Events,
        (before, rows): (u64, usize),
    ) -> Result<Found, RegisterError> {
        let mut found = Found { rows: rows as u64, ..Found::default() };
        self.part += 1;
        self.terms.progress.add(found.rows);
        for row in 0..rows {
            let number = before + row as u64 + 1;
            if let Err(error) = self.row(events, row, number, &mut found)? {
                let (column, reason) = error.place();
                found.bad(RowPlace { unit: "row", row: number, column: column.to_owned(), reason });
            }
        }
        Ok(found)
    }

    fn row(
        &mut self,
        events: &Events,
        row: usize,
        number: u64,
        found: &mut Found,
    ) -> Result<Result<(), EventError>, RegisterError> {
        let written = self.terms.table;
        let (ids, person) = events.who(row);
        let (namespace, forms) = match self.namespace(ids.or(written.namespace.as_deref())) {
            Ok(named) => named,
            Err(error) => return Ok(Err(error)),
        };
        let id = match Namespaces::id(forms, person.as_deref()) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let cells = instants(written, events.instants(row));
        let [at, shown_at, valid_to] = cells.each_ref().map(|(_, moment)| *moment);
        let moments = Times { at, shown_at, valid_to };
        let erased = self.terms.erased.and_then(|all| all.of(namespace, &id)?.erased_at());
        let (packer, part) = (&mut self.packer, self.part);
        let mut fresh;
        spell(events, row, &mut self.key);
        let key = self.key.as_slice();
        let stated = if self.known.len() < MOST && key.len() <= LONGEST_KEPT {
            self.known.entry_ref(key).or_insert_with(|| read(written, self.lists, events, row))
        } else {
            match self.known.get_mut(key) {
                Some(stated) => stated,
                None => {
                    fresh = read(written, self.lists, events, row);
                    &mut fresh
                }
            }
        };
        if stated.part != part {
            for one in &mut stated.statements {
                one.number = packer.statement(&one.statement)?;
            }
            stated.part = part;
        }
        for one in &stated.statements {
            if one.is_ended_by_erasure && is_nothing(&moments, &one.unclear, erased) {
                found.erased += 1;
            } else {
                let cells = cells.each_ref().map(|(cell, _)| cell.as_time());
                match packer.add((namespace, &id), cells, one.number)? {
                    Ok(()) => found.events += 1,
                    Err(error) => return Ok(Err(error)),
                }
            }
            found.event(number, (namespace, forms, &id));
            found.unclear.add(&one.unclear, 1);
            found.unclear.add_times(&moments, one.unclear.gives, None);
        }
        Ok(Ok(()))
    }

    /// The namespace of a row, and the forms of its ids.
    fn namespace(&mut self, written: Option<&str>) -> Result<(&'a str, &'a IdForms), EventError> {
        if let Some((last, name, forms)) = &self.namespace
            && last.as_deref() == written
        {
            return Ok((*name, *forms));
        }
        let (name, forms) = self.terms.namespaces.named(written)?;
        self.namespace = Some((written.map(str::to_owned), name, forms));
        Ok((name, forms))
    }
}

/// The cells of a row's statements, one after the other.
fn spell(events: &Events, row: usize, key: &mut Vec<u8>) {
    key.clear();
    for cell in events.statements(row) {
        match cell {
            None => key.push(0),
            Some(text) => {
                key.push(1);
                key.extend_from_slice(&(text.len() as u64).to_le_bytes());
                key.extend_from_slice(text.as_bytes());
            }
        }
    }
}

fn read(written: &ConsentTable, lists: &Lists, events: &Events, row: usize) -> Stated {
    let rows = written.statements.rows(events.statements(row)).into_iter();
    let statements = rows.map(|cells| {
        let statement = Statement::of(cells.iter().map(Option::as_deref));
        let unclear = lists.unclear(&statement.row());
        let is_ended_by_erasure = is_ended_by_erasure(&statement.row(), &unclear);
        OneStatement { statement: Arc::new(statement), number: 0, unclear, is_ended_by_erasure }
    });
    // No part has this number.
    Stated { statements: statements.collect(), part: 0 }
}

/// A cell of an instant as it is kept.
enum Instant<'a> {
    Absent,
    At(i64),
    Text(Cow<'a, str>),
}

impl Instant<'_> {
    fn as_time(&self) -> Time<'_> {
        match self {
            Self::Absent => Time::Absent,
            Self::At(seconds) => Time::At(*seconds),
            Self::Text(text) => Time::Text(text),
        }
    }
}

/// The instants of a row as the consent table has them: as they are kept, and what they say.
fn instants<'a>(written: &ConsentTable, cells: [Time<'a>; 3]) -> [(Instant<'a>, Moment); 3] {
    let quick = cells.map(|cell| match cell {
        Time::Absent => Some((Instant::Absent, Moment::Absent)),
        Time::At(seconds) => Some((Instant::At(seconds), Moment::At(seconds))),
        Time::Text(text) => usual(text).map(|at| (Instant::At(at), Moment::At(at))),
    });
    if let [Some(at), Some(shown_at), Some(valid_to)] = quick {
        let again = match (&at.0, at.1) {
            (Instant::At(seconds), moment) => (Instant::At(*seconds), moment),
            _ => (Instant::Absent, Moment::Absent),
        };
        return [at, if written.statements.shown_at_is_at() { again } else { shown_at }, valid_to];
    }
    let texts = cells.map(|cell| match cell {
        Time::Absent => None,
        Time::At(seconds) => Some(Cow::Owned(Timestamp::from_seconds(seconds).to_string())),
        Time::Text(text) => Some(Cow::Borrowed(text)),
    });
    written.times(texts).map(|text| match text {
        None => (Instant::Absent, Moment::Absent),
        Some(text) => {
            let moment = Moment::read(Some(&text), None);
            (Instant::Text(text), moment)
        }
    })
}

/// The second of an instant in the spelling of the register, such as `2026-09-01T10:00:00Z`; `None` for any other text.
fn usual(text: &str) -> Option<i64> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let is_usual =
        bytes.iter().zip(b"0000-00-00T00:00:00Z").enumerate().all(|(place, (byte, like))| match like {
            // No 60th second, which is spelled as another one.
            b'0' if place == 17 => (b'0'..=b'5').contains(byte),
            b'0' => byte.is_ascii_digit(),
            like => byte == like,
        });
    if is_usual { Timestamp::parse(text).ok().map(Timestamp::seconds) } else { None }
}

/// Whether an event counts for nothing once everything of its person was erased later. What is unclear puts its person out, blocks and
/// death outlive an erasure, and after a refusal the next consent may have come too soon.
fn is_ended_by_erasure(row: &Row<'_>, unclear: &Unclear) -> bool {
    let is_ended = matches!(row.event.and_then(Act::read), Some(Act::Given | Act::Withdrawn | Act::Revoked));
    is_ended && unclear.faults.is_empty() && !unclear.stranger
}

/// Whether such an event happened, certainly, at the instant of the erasure or before.
fn is_nothing(times: &Times, unclear: &Unclear, erased: Option<Timestamp>) -> bool {
    let (Some(erased), Moment::At(at) | Moment::Day(_, at)) = (erased, times.at) else { return false };
    at <= erased.seconds() && times.faults(unclear.gives).next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A time that is not read in full is kept and means what its text says.
        #[test]
        fn a_usual_time_is_the_text_that_it_is_spelled_as(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z") {
            if let Some(seconds) = usual(&text) {
                prop_assert_eq!(Timestamp::from_seconds(seconds).to_string(), text.clone());
                prop_assert!(matches!(Moment::read(Some(&text), None), Moment::At(at) if at == seconds));
            }
        }
    }
}
