//! Consent events of a file for the register: all of the file or none of it, each row as its handler's table means it, and JSON
//! Lines besides.

use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Read as _};

use super::events::{Events, wanted};
use super::unclear::UnclearRows;
use crate::consent::{COLUMNS, ConsentTable, KnownWords, Lists};
use crate::deidentify::{IdShape, IdShapes};
use crate::engine::error::EngineError;
use crate::engine::read::Place;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Progress;
use crate::engine::read::{Input, OpenTerms, ReadError, broken, known_rows, open};
use crate::register::{Event, Namespaces};

/// The longest line of JSON Lines, in bytes; an event has at most 8 KiB of cells.
const LONGEST_LINE: u64 = 64 << 10;
/// How many first places are kept for a message.
const FIRST_PLACES: usize = 5;
/// With what the terms of a document begin.
const DPV: &[u8] = b"\"dpv:";
const DATASET: &str = "consents";

/// How a file is written, and what the place knows that its events are for.
pub struct ImportTerms<'a> {
    /// How the handler's table is written. Documents of JSON Lines name every statement themselves: of it they take the namespace
    /// and the zone.
    pub table: &'a ConsentTable,
    /// The namespaces of ids.
    pub namespaces: &'a Namespaces,
    /// The words that are known.
    pub known: &'a KnownWords,
    /// Counts the rows that were read.
    pub progress: &'a Progress,
}

/// What was imported of a file.
///
/// # Privacy
/// A function of the file alone; shown to the operator who imports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// What was read, and what of it is unclear.
    pub report: FileReport,
    /// Events that were handed over: of a row that names several triggers by a constant, one for each.
    pub events: u64,
}

/// Hands over every event of a file, each as the words of the consent table that its handler's table means.
///
/// A statement that cannot be read, or has an unknown word, is kept as it is and counted: it puts its person out.
///
/// # Errors
/// [`EngineError`] for a file that cannot be read, or of which one row has no person, or what `take` says: whatever was handed over
/// must then be given up.
pub fn import<E: From<EngineError>>(
    mut input: Input,
    terms: &ImportTerms<'_>,
    mut take: impl FnMut(&Event) -> Result<(), E>,
) -> Result<Imported, E> {
    terms.progress.expect(known_rows(&input).unwrap_or(0));
    let mut import = Import::new(terms, input.name());
    match input.json_lines().map_err(EngineError::from)? {
        Some(mut lines) => {
            let mut head = Vec::new();
            let read = lines.by_ref().take(LONGEST_LINE).read_to_end(&mut head);
            read.map_err(|source| EngineError::from(broken(&input.name(), source)))?;
            let are_documents = are_documents(&head);
            let lines = Box::new(Cursor::new(head).chain(lines));
            match are_documents {
                true => import.lines(lines, &mut take)?,
                // A handler's own lines are read as its table is written.
                false => import.table(Input::Stream(input.name(), lines), &mut take)?,
            }
        }
        None => import.table(input, &mut take)?,
    }
    Ok(import.finish()?)
}

/// Whether lines are documents in DPV terms, as an export writes them, by the first bytes; else they have the columns of a table.
fn are_documents(head: &[u8]) -> bool {
    !head.trim_ascii_start().starts_with(b"{") || head.windows(DPV.len()).any(|bytes| bytes == DPV)
}

/// Why a row has no person: a column, if it is one's, and the reason.
type Unattributed = (Option<&'static str>, &'static str);

/// A file under way.
struct Import<'a> {
    terms: &'a ImportTerms<'a>,
    report: FileReport,
    events: u64,
    lists: Lists,
    unclear: UnclearRows,
    unit: &'static str,
    /// The shapes of ids whose form is open, by namespace.
    shapes: BTreeMap<&'a str, IdShapes>,
    /// Rows without a person, and the first of them.
    bad: u64,
    first: Vec<Place>,
}

impl<'a> Import<'a> {
    fn new(terms: &'a ImportTerms<'a>, file: String) -> Self {
        let mut report = FileReport::default();
        (report.dataset, report.file) = (DATASET.to_owned(), file);
        let (shapes, first, unclear) = Default::default();
        let lists = terms.known.lists();
        Self { terms, report, events: 0, lists, unclear, unit: "row", shapes, bad: 0, first }
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
                let events = written.rows(written.zoned(events.cells(row))).into_iter();
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
            let failed = |source| EngineError::from(broken(&self.report.file, source));
            if read.map_err(failed)? == 0 {
                // White space alone is what a failed export leaves.
                return match self.report.rows {
                    0 => Err(EngineError::from(ReadError::Empty { file: self.report.file.clone() }).into()),
                    _ => Ok(()),
                };
            }
            number += 1;
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let is_cut = line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n');
            if is_cut {
                skip_line(&mut lines).map_err(failed)?;
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
        self.attribute(self.terms.table.zoned(event.to_cells()))
    }

    fn attribute(&self, cells: [Option<String>; COLUMNS.len()]) -> Result<Event, Unattributed> {
        self.terms.namespaces.attribute(cells).map_err(|error| {
            let (column, reason) = error.place();
            (Some(column), reason)
        })
    }

    /// Takes the events of a row; none any more once a row has no person, since nothing of the file is kept then.
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
                        let column = column.unwrap_or_default().to_owned();
                        self.first.push(Place { unit: self.unit, row: number, column, reason });
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, number: u64, event: &Event) {
        let ((ids, person), row) = (event.person(), event.row());
        if let Some((namespace, forms)) = self.terms.namespaces.forms(ids)
            && forms.is_open()
        {
            self.shapes.entry(namespace).or_default().add(IdShape::of(person), number, 1);
        }
        self.events += 1;
        let unclear = self.lists.unclear(&row);
        self.unclear.add(&unclear, 1);
        self.unclear.add_times(&row.times(), unclear.gives, None);
    }

    /// What was imported, if every row is somebody's.
    fn finish(mut self) -> Result<Imported, EngineError> {
        for shapes in std::mem::take(&mut self.shapes).into_values() {
            let Some(unlike) = shapes.unlike() else { continue };
            self.bad += unlike.count;
            let (row, reason) = (unlike.row, unlike.reason);
            self.first.push(Place { unit: self.unit, row, column: "person".to_owned(), reason });
        }
        let Self { mut report, events, unclear, bad, first, .. } = self;
        if bad > 0 {
            let FileReport { file, rows, .. } = report;
            return Err(EngineError::UnattributedConsents { file, bad, rows, first });
        }
        unclear.write_to(&mut report);
        report.used = report.rows;
        Ok(Imported { report, events })
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
