//! Consent events of a file for the register: all of the file or none of it, each row as its handler's table means it, and JSON
//! Lines besides.

use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Read as _};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;

use super::events::{Events, wanted};
use crate::consent::{COLUMNS, ConsentTable, KnownWords, Lists};
use crate::engine::error::EngineError;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::progress::Progress;
use crate::engine::read::{Input, OpenTerms, ReadError, broken, known_rows, open};
use crate::engine::read::{RowPlace, Table};
use crate::register::{Event, Namespaces, Packer, Part, RegisterError, Tombstones};

mod rows;

use rows::{Found, Rows};

/// The longest line of JSON Lines, in bytes; an event has at most 8 KiB of cells.
const LONGEST_LINE: u64 = 64 << 10;
/// How many first places are kept for a message.
const FIRST_PLACES: usize = 5;
/// With what the terms of a document begin.
const DPV: &[u8] = b"\"dpv:";
const DATASET: &str = "consents";
/// Documents that are handed over together.
const LINES: u64 = 16_384;
/// The most threads that read a table where no number is given.
const MOST_THREADS: usize = 4;

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
    /// What is left of removed events, if anything is: of erased people no event is kept that would count for nothing.
    pub erased: Option<&'a Tombstones>,
    /// Threads that read a table; `None` for as many as the machine has, within reason.
    pub threads: Option<NonZeroUsize>,
}

/// What was imported of a file.
///
/// # Privacy
/// A function of the file, and `erased` of the register too; shown to the operator who imports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// What was read, and what of it is unclear.
    pub report: FileReport,
    /// Events that were recorded: of a row that names several triggers by a constant, one for each.
    pub events: u64,
    /// Consents and withdrawals that were not recorded, because everything of their people was erased at that instant or later.
    pub erased: u64,
}

/// Hands over every event of a file, each as the words of the consent table that its handler's table means, packed by a packer of `packer`
/// and in the order of the file.
///
/// A statement that cannot be read, or has an unknown word, is kept as it is and counted: it puts its person out.
///
/// # Errors
/// [`EngineError`] for a file that cannot be read, or of which one row has no person, or what `take` says: whatever was handed over
/// must then be given up.
pub fn import<E: From<EngineError> + From<RegisterError>>(
    mut input: Input,
    terms: &ImportTerms<'_>,
    packer: impl Fn() -> Packer,
    mut take: impl FnMut(Part) -> Result<(), E>,
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
                true => import.lines(lines, packer(), &mut take)?,
                // A handler's own lines are read as its table is written.
                false => import.table(Input::Stream(input.name(), lines), packer, &mut take)?,
            }
        }
        None => import.table(input, packer, &mut take)?,
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
    lists: Lists,
    found: Found,
    unit: &'static str,
}

/// A table as all threads take from it.
struct Source {
    table: Table,
    rows: u64,
    batches: usize,
    failed: bool,
}

/// A batch, its number, and how many rows are before it.
type Taken = (usize, u64, RecordBatch);

impl Source {
    fn take(&mut self) -> Result<Option<Taken>, (usize, EngineError)> {
        if self.failed {
            return Ok(None);
        }
        let next = self.table.next_batch().map_err(|error| {
            self.failed = true;
            (self.batches, error.into())
        })?;
        let Some(batch) = next else { return Ok(None) };
        let taken = (self.batches, self.rows, batch);
        self.batches += 1;
        self.rows += taken.2.num_rows() as u64;
        Ok(Some(taken))
    }
}

/// Why a batch was not read.
enum Stopped {
    Engine(EngineError),
    Register(RegisterError),
}

/// What a thread made of a batch.
type Made = (usize, Result<(Found, Part), Stopped>);

impl<'a> Import<'a> {
    fn new(terms: &'a ImportTerms<'a>, file: String) -> Self {
        let mut report = FileReport::default();
        (report.dataset, report.file) = (DATASET.to_owned(), file);
        Self { terms, report, lists: terms.known.lists(), found: Found::default(), unit: "row" }
    }

    fn table<E: From<EngineError> + From<RegisterError>>(
        &mut self,
        input: Input,
        packer: impl Fn() -> Packer,
        take: &mut impl FnMut(Part) -> Result<(), E>,
    ) -> Result<(), E> {
        let written = self.terms.table;
        let wanted = wanted(written, self.terms.namespaces.default().is_some());
        let terms = OpenTerms { csv: &written.csv, ..OpenTerms::new(&wanted) };
        let table = open(input, terms).map_err(EngineError::from)?;
        if table.tokenised.is_some() {
            // The register keys its events by ids as they are written, which a service asks for.
            return Err(EngineError::from(ReadError::Tokenised { file: table.name }).into());
        }
        let source = Mutex::new(Source { table, rows: 0, batches: 0, failed: false });
        let known = || std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let threads = self.terms.threads.map_or_else(known, usize::from);
        let (terms, lists, found) = (self.terms, &self.lists, &mut self.found);
        let packers: Vec<Packer> = (0..threads).map(|_| packer()).collect();
        std::thread::scope(|scope| {
            let (made, batches) = sync_channel(threads);
            for packer in packers {
                let (source, made) = (&source, made.clone());
                scope.spawn(move || work(source, Rows::new(terms, lists, packer), &made));
            }
            drop(made);
            in_order(batches, found, take)
        })?;
        let source = source.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.report.notes = source.table.notes;
        if self.found.rows == source.rows { Ok(()) } else { Err(EngineError::Stopped.into()) }
    }

    fn lines<E: From<EngineError> + From<RegisterError>>(
        &mut self,
        mut lines: Box<dyn BufRead + Send>,
        mut packer: Packer,
        take: &mut impl FnMut(Part) -> Result<(), E>,
    ) -> Result<(), E> {
        self.unit = "line";
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let failed = |source| EngineError::from(broken(&self.report.file, source));
            if read.map_err(failed)? == 0 {
                take(packer.take())?;
                // White space alone is what a failed export leaves.
                return match self.found.rows {
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
            match event {
                Ok(event) => self.found.document(&event, number, (self.terms, &self.lists), &mut packer)?,
                Err((column, reason)) => {
                    let column = column.unwrap_or_default().to_owned();
                    self.found.bad(RowPlace { unit: "line", row: number, column, reason });
                }
            }
            self.found.rows += 1;
            if self.found.rows.is_multiple_of(LINES) {
                take(packer.take())?;
            }
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

    /// What was imported, if every row is someone's.
    fn finish(self) -> Result<Imported, EngineError> {
        let Self { mut report, found, .. } = self;
        let Found { rows, events, erased, mut bad, mut first, unclear, shapes } = found;
        for shapes in shapes.into_values() {
            let Some(unlike) = shapes.unlike() else { continue };
            bad += unlike.count;
            let (unit, row, reason) = (self.unit, unlike.row, unlike.reason);
            first.push(RowPlace { unit, row, column: "person".to_owned(), reason });
        }
        report.rows = rows;
        if bad > 0 {
            let FileReport { file, rows, .. } = report;
            return Err(EngineError::UnattributedConsents { file, bad, rows, first });
        }
        unclear.write_to(&mut report);
        report.used = report.rows;
        Ok(Imported { report, events, erased })
    }
}

/// Reads batches until none is left, or no one takes them any more.
fn work(source: &Mutex<Source>, mut rows: Rows<'_>, made: &SyncSender<Made>) {
    loop {
        let mut locked = source.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, before, batch) = match locked.take() {
            Ok(Some(taken)) => taken,
            Ok(None) => return,
            Err((number, error)) => {
                // Who stopped has an error of its own.
                let _ = made.send((number, Err(Stopped::Engine(error))));
                return;
            }
        };
        let zone = rows.zone();
        let events = Events::new(&locked.table, &batch, zone).map_err(|error| Stopped::Engine(error.into()));
        drop(locked);
        let found = events.and_then(|events| {
            let found = rows.batch(&events, (before, batch.num_rows())).map_err(Stopped::Register)?;
            Ok((found, rows.packer().take()))
        });
        let is_over = found.is_err();
        if made.send((number, found)).is_err() || is_over {
            source.lock().unwrap_or_else(PoisonError::into_inner).failed = true;
            return;
        }
    }
}

/// Takes what threads made of batches in the order of the file, up to the first that was not read. Nothing is handed over once a row has
/// no person, since nothing of the file is kept then.
fn in_order<E: From<EngineError> + From<RegisterError>>(
    batches: Receiver<Made>,
    found: &mut Found,
    take: &mut impl FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let (mut next, mut waiting) = (0, BTreeMap::new());
    for (number, made) in batches {
        waiting.insert(number, made);
        while let Some(made) = waiting.remove(&next) {
            next += 1;
            let (more, part) = made.map_err(|stopped| match stopped {
                Stopped::Engine(error) => E::from(error),
                Stopped::Register(error) => E::from(error),
            })?;
            found.and(more);
            if found.bad == 0 {
                take(part)?;
            }
        }
    }
    Ok(())
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
