//! Consent events of a file for the register: all of the file or none of it, each row as its handler's table means it, and JSON
//! Lines besides.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use super::EngineError;
use super::consents::{Events, wanted};
use super::read::{Input, OpenTerms, ReadError, known_rows, open};
use super::reading::Progress;
use crate::consent::{COLUMNS, ConsentTable, KnownWords};
use crate::deidentify::{IdShape, IdShapes};
use crate::register::{Event, Namespaces};
use crate::types::Timestamp;

/// The longest line of JSON Lines, in bytes; an event has at most 8 KiB of cells.
const LONGEST_LINE: u64 = 64 << 10;
/// How many first places are kept for a message.
const FIRST_PLACES: usize = 5;

/// How a file is written, and what the place knows that its events are for.
pub struct ImportTerms<'a> {
    /// How the handler's table is written. Documents of JSON Lines name every statement themselves: of it they take the namespace
    /// and the zone.
    pub table: &'a ConsentTable,
    /// The namespaces of ids.
    pub namespaces: &'a Namespaces,
    /// The words that are known.
    pub known: &'a KnownWords,
    /// Is told how many rows were read.
    pub progress: &'a Progress,
}

/// What was imported of a file.
///
/// # Privacy
/// A function of the file alone; shown to whoever imports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The file's name without its folders.
    pub file: String,
    /// Its rows.
    pub rows: u64,
    /// Events that were handed over: of a row that names several triggers by a constant, one for each.
    pub events: u64,
    /// What was taken for granted in reading the file.
    pub notes: Vec<String>,
    /// Events by the first column that cannot be read: each keeps its person out under every study.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// Events by every column with a word that is not known: a consent with one is none, and whatever speaks against a use counts
    /// against everything that the word could mean.
    pub unknown: BTreeMap<&'static str, u64>,
    /// Events that name a recipient which is none of those known.
    pub strangers: u64,
}

/// Where an event is that is nobody's, and why; never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlace {
    /// What is counted: the lines of the file, or the rows below its header.
    pub unit: &'static str,
    /// Which one, from 1.
    pub number: u64,
    /// The column, if it is one's.
    pub column: Option<&'static str>,
    /// The reason.
    pub reason: &'static str,
}

impl std::fmt::Display for EventPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.unit, self.number)?;
        self.column.map_or(Ok(()), |column| write!(f, ", column `{column}`"))?;
        write!(f, ": {}", self.reason)
    }
}

/// Hands over every event of a file, each as the words of the consent table that its handler's table means.
///
/// A statement that cannot be read, or has a word that nobody knows, is kept as it is and counted: it puts its person out.
///
/// # Errors
/// [`EngineError`] for a file that cannot be read, or of which one row is nobody's, or what `take` says: whatever was handed over
/// must then be given up.
pub fn import<E: From<EngineError>>(
    mut input: Input,
    terms: &ImportTerms<'_>,
    mut take: impl FnMut(&Event) -> Result<(), E>,
) -> Result<Imported, E> {
    terms.progress.expect(known_rows(&input).unwrap_or(0));
    let lines = input.json_lines().map_err(EngineError::from)?;
    let mut import = Import::new(terms, input.name());
    match lines {
        Some(lines) => import.lines(lines, &mut take)?,
        None => import.table(input, &mut take)?,
    }
    Ok(import.finish()?)
}

/// Why a row is nobody's: a column, if it is one's, and the reason.
type Unattributed = (Option<&'static str>, &'static str);

/// A file under way.
struct Import<'a> {
    terms: &'a ImportTerms<'a>,
    report: Imported,
    unit: &'static str,
    /// The shapes of ids whose form is open, by namespace.
    shapes: BTreeMap<&'a str, IdShapes>,
    /// Rows that are nobody's, and the first of them.
    bad: u64,
    first: Vec<EventPlace>,
}

impl<'a> Import<'a> {
    fn new(terms: &'a ImportTerms<'a>, file: String) -> Self {
        let report = Imported { file, ..Imported::default() };
        let (shapes, first) = Default::default();
        Self { terms, report, unit: "row", shapes, bad: 0, first }
    }

    fn table<E: From<EngineError>>(
        &mut self,
        input: Input,
        take: &mut impl FnMut(&Event) -> Result<(), E>,
    ) -> Result<(), E> {
        let written = self.terms.table;
        let wanted = wanted(written, self.terms.namespaces.default().is_some());
        let terms = OpenTerms { csv: &written.csv, ..OpenTerms::new(&wanted) };
        let mut table = open(input, terms).map_err(EngineError::from)?;
        if table.tokenised.is_some() {
            // The register keys its events by ids as they are written, which a service asks for.
            return Err(EngineError::from(ReadError::Tokenised { file: table.name }).into());
        }
        while let Some(batch) = table.next_batch().map_err(EngineError::from)? {
            let events = Events::new(&table, &batch, written.timezone.as_ref()).map_err(EngineError::from)?;
            for row in 0..batch.num_rows() {
                let events = written.rows(events.cells(row)).into_iter();
                self.row(self.report.rows + 1, events.map(|cells| self.attribute(cells)).collect(), take)?;
                self.report.rows += 1;
            }
            self.terms.progress.add(batch.num_rows() as u64);
        }
        self.report.notes = table.notes;
        Ok(())
    }

    fn lines<E: From<EngineError>>(
        &mut self,
        mut lines: Box<dyn BufRead + Send>,
        take: &mut impl FnMut(&Event) -> Result<(), E>,
    ) -> Result<(), E> {
        self.unit = "line";
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let failed = |source| ReadError::Read { file: self.report.file.clone(), source };
            if read.map_err(failed).map_err(EngineError::from)? == 0 {
                return Ok(());
            }
            number += 1;
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let is_cut = line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n');
            if is_cut {
                skip_line(&mut lines).map_err(failed).map_err(EngineError::from)?;
            }
            let event = if is_cut { Err((None, "longer than 64 KiB")) } else { self.document(text) };
            self.row(number, vec![event], take)?;
            self.report.rows += 1;
            self.terms.progress.add(1);
        }
    }

    /// The event of a document.
    fn document(&self, text: &[u8]) -> Result<Event, Unattributed> {
        let event =
            Event::from_json(text, self.terms.namespaces.default()).map_err(|error| match error.place() {
                ("line", reason) => (None, reason),
                (term, reason) => (Some(term), reason),
            })?;
        let mut cells = event.to_cells();
        if let (Some(zone), [_, _, at, shown_at, valid_to, ..]) = (&self.terms.table.timezone, &mut cells) {
            for time in [at, shown_at, valid_to].into_iter().flatten() {
                if Timestamp::parse(time).is_err()
                    && let Ok(at) = Timestamp::read_in(time, Some(zone))
                {
                    *time = at.to_string();
                }
            }
        }
        self.attribute(cells)
    }

    fn attribute(&self, cells: [Option<String>; COLUMNS.len()]) -> Result<Event, Unattributed> {
        self.terms.namespaces.attribute(cells).map_err(|error| {
            let (column, reason) = error.place();
            (Some(column), reason)
        })
    }

    /// Takes the events of a row; none any more once a row is nobody's, since nothing of the file is kept then.
    fn row<E>(
        &mut self,
        number: u64,
        events: Vec<Result<Event, Unattributed>>,
        take: &mut impl FnMut(&Event) -> Result<(), E>,
    ) -> Result<(), E> {
        for event in events {
            match event {
                Ok(event) => {
                    if self.bad == 0 {
                        take(&event)?;
                    }
                    self.count(number, &event);
                }
                Err((column, reason)) => {
                    self.bad += 1;
                    if self.first.len() < FIRST_PLACES {
                        self.first.push(EventPlace { unit: self.unit, number, column, reason });
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, number: u64, event: &Event) {
        let ((ids, person), row, known) = (event.person(), event.row(), self.terms.known);
        if let Some((namespace, forms)) = self.terms.namespaces.forms(ids)
            && forms.is_open()
        {
            self.shapes.entry(namespace).or_default().add(IdShape::of(person), number, 1);
        }
        self.report.events += 1;
        if let Some(column) = row.unreadable_column() {
            *self.report.unreadable.entry(column).or_default() += 1;
        }
        if known.is_stranger(row.recipient) {
            self.report.strangers += 1;
        }
        for column in known.unknown_columns(&row) {
            if column != "recipient" || !known.is_stranger(row.recipient) {
                *self.report.unknown.entry(column).or_default() += 1;
            }
        }
    }

    /// What was imported, if every row is somebody's.
    fn finish(mut self) -> Result<Imported, EngineError> {
        for shapes in std::mem::take(&mut self.shapes).into_values() {
            let Some(unlike) = shapes.unlike() else { continue };
            self.bad += unlike.count;
            let (number, reason) = (unlike.row, unlike.reason);
            self.first.push(EventPlace { unit: self.unit, number, column: Some("person"), reason });
        }
        if self.bad == 0 {
            return Ok(self.report);
        }
        let Self { report: Imported { file, rows, .. }, unit, bad, first, .. } = self;
        Err(EngineError::UnattributedEvents { file, unit, bad, rows, first })
    }
}

/// Passes over the rest of a line, however long.
fn skip_line(lines: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = lines.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        lines.consume(length);
        if end.is_some() || length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
