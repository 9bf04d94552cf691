//! Consent events of a file one by one, for the register: the same columns and the same bad rows as at seal, and JSON
//! Lines besides.

use std::collections::BTreeSet;
use std::io::{BufRead, Read as _};

use super::EngineError;
use super::consents::{Events, wanted};
use super::hygiene::{FileHygiene, MaxBadRows};
use super::read::{Input, ReadError, known_rows, open};
use super::reading::Progress;
use crate::consent::ConsentTable;
use crate::register::{Event, EventError};

/// The longest line of JSON Lines, in bytes; an event has at most 8 KiB of cells.
const LONGEST_LINE: u64 = 64 << 10;
const DATASET: &str = "consents";

/// Hands over every event of a file whose person can be read, as it is written; says what was dropped and why.
///
/// A cell besides person and namespace that cannot be read is kept: it puts the person out. `namespaces` are those of
/// the sandbox; a row that names none is of the only one. `progress` is told how many rows were read.
///
/// # Errors
/// [`EngineError`] for a file that cannot be read or has too many bad rows, or what `take` says: whatever was handed over
/// must then be given up.
pub fn import<E: From<EngineError>>(
    input: Input,
    namespaces: &BTreeSet<String>,
    allowed: MaxBadRows,
    progress: &Progress,
    mut take: impl FnMut(&Event) -> Result<(), E>,
) -> Result<FileHygiene, E> {
    let mut input = input;
    progress.expect(known_rows(&input).unwrap_or(0));
    let default = if namespaces.len() == 1 { namespaces.first().map(String::as_str) } else { None };
    let known = |event: Event| match namespaces.contains(event.person().0) {
        true => Ok(event),
        false => Err(EventError::UnknownNamespace),
    };
    if let Some(lines) = input.json_lines().map_err(EngineError::from)? {
        return json_lines((input.name(), lines), (default, allowed), known, progress, &mut take);
    }
    let mut table =
        open(input, &wanted(&ConsentTable::default(), default.is_some())).map_err(EngineError::from)?;
    if table.tokenised.is_some() {
        // The register keys its events by ids as they are written, which a service asks for.
        return Err(EngineError::from(ReadError::Tokenised { file: table.name }).into());
    }
    let mut report = FileHygiene::new(DATASET, &table);
    let mut rows = 0;
    while let Some(batch) = table.next_batch().map_err(EngineError::from)? {
        let events = Events::new(&table, &batch, None).map_err(EngineError::from)?;
        for row in 0..batch.num_rows() {
            let mut cells = events.cells(row);
            if let [_, ids @ None, ..] = &mut cells {
                *ids = default.map(str::to_owned);
            }
            match Event::new(cells).and_then(known) {
                Ok(event) => take(&event)?,
                Err(error) => {
                    let (column, reason) = error.place();
                    report.drop_row(rows + row as u64, column, reason);
                }
            }
        }
        rows += batch.num_rows() as u64;
        progress.add(batch.num_rows() as u64);
    }
    Ok(report.finish(rows, allowed)?)
}

fn json_lines<E: From<EngineError>>(
    (name, mut lines): (String, Box<dyn BufRead + Send>),
    (default, allowed): (Option<&str>, MaxBadRows),
    known: impl Fn(Event) -> Result<Event, EventError>,
    progress: &Progress,
    take: &mut impl FnMut(&Event) -> Result<(), E>,
) -> Result<FileHygiene, E> {
    let failed = |source| EngineError::from(ReadError::Read { file: name.clone(), source });
    let mut report = FileHygiene::default();
    (report.dataset, report.file) = (DATASET.to_owned(), name.clone());
    let (mut line, mut row) = (Vec::new(), 0);
    loop {
        line.clear();
        if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(report.finish(row, allowed)?);
        }
        let text = line.trim_ascii();
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            report.drop_row(row, "line", "the line is longer than 64 KiB");
            skip_line(&mut lines).map_err(failed)?;
        } else if text.is_empty() {
            continue;
        } else {
            let event = Event::from_json(text, default).map_err(|error| error.place());
            match event.and_then(|event| known(event).map_err(EventError::place)) {
                Ok(event) => take(&event)?,
                Err((column, reason)) => report.drop_row(row, column, reason),
            }
        }
        row += 1;
        progress.add(1);
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
