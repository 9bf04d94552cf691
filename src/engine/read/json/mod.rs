//! Consents in JSON as a table: one document after the other or lists of them, each record as [rows](record).
//!
//! The parser is `serde_json`, which pulls its bytes; a table is pulled too, so the parser runs in a thread of its own, a few batches
//! ahead. Records are counted twice, by the parser and by the brackets of the text, and the counts must be the same.

mod documents;
mod fault;
mod limits;
mod record;
#[cfg(test)]
mod tests;
mod text;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::bytes::{Plain, broken};
use super::csv::{Bad, Source};
use super::table::{BATCH, Batches, Stop, Table, unpanicked};
use super::{OpenTerms, ReadError, Use};
use crate::consent::{COLUMNS, ConsentColumns};
use documents::Records;
pub use fault::{JsonFault, RecordPlace};
use record::{Paths, Row, Stopped};
use text::{Account, Text};

pub(super) const JSON: &str = "JSON";

/// Text after which a batch ends before it is full.
const BATCH_TEXT: usize = 32 << 20;

/// The table of a text of consents; `None` if the wanted columns are not those of consents.
pub(super) fn table(name: &str, plain: Plain, terms: &OpenTerms<'_>) -> Option<Table> {
    let columns = terms.wanted.iter().find_map(|want| match want.used {
        Use::Consent { columns, .. } => Some(columns.clone()),
        _ => None,
    })?;
    let present: Vec<bool> = terms.wanted.iter().map(|want| !columns.is_constant(want.column)).collect();
    let required =
        terms.wanted.iter().filter(|want| matches!(want.used, Use::Consent { required: true, .. }));
    let required = required.map(|want| want.column.to_owned()).collect();
    let (sender, receiver) = sync_channel(1);
    let out = Out::new(&present, sender);
    let reading = Reading { name: name.to_owned(), columns, required };
    let source = Source::new(name, plain.bytes);
    std::thread::spawn(move || {
        let sender = out.sender.clone();
        let stopped = match unpanicked(|| reading.all(source, out)) {
            Some(Ok(()) | Err(Ended::Unwanted)) => return,
            Some(Err(Ended::Because(error))) => Stop::Because(error),
            None => Stop::Damaged,
        };
        // A table that nobody reads any more needs no error.
        let _ = sender.send(Err(stopped));
    });
    let batches: Batches = Box::new(receiver.into_iter());
    Some(Table::of_consents(name.to_owned(), JSON, present, batches))
}

/// Why reading ended before the text did.
enum Ended {
    Because(ReadError),
    /// The receiver of the batches was dropped.
    Unwanted,
}

impl From<ReadError> for Ended {
    fn from(error: ReadError) -> Self {
        Self::Because(error)
    }
}

/// The rows under way, column by column.
struct Out {
    schema: SchemaRef,
    /// For every column of [`COLUMNS`] its cells, unless the table does not have it.
    cells: Vec<Option<StringBuilder>>,
    rows: usize,
    text: usize,
    sender: SyncSender<Result<RecordBatch, Stop>>,
}

impl Out {
    fn new(present: &[bool], sender: SyncSender<Result<RecordBatch, Stop>>) -> Self {
        let here = COLUMNS.iter().zip(present).filter(|(_, present)| **present);
        let fields: Vec<Field> = here.map(|(name, _)| Field::new(*name, DataType::Utf8, true)).collect();
        let cells = present.iter().map(|present| present.then(StringBuilder::new)).collect();
        Self { schema: Arc::new(Schema::new(fields)), cells, rows: 0, text: 0, sender }
    }

    fn push(&mut self, row: &Row) -> Result<(), Ended> {
        for (at, cells) in self.cells.iter_mut().enumerate() {
            let Some(cells) = cells else { continue };
            let value = row.iter().find(|value| value.column == at);
            self.text += value.map_or(0, |value| value.text.len());
            cells.append_option(value.map(|value| &*value.text));
        }
        self.rows += 1;
        if self.rows < BATCH && self.text < BATCH_TEXT { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Ended> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays = self.cells.iter_mut().flatten();
        let arrays: Vec<ArrayRef> = arrays.map(|cells| Arc::new(cells.finish()) as ArrayRef).collect();
        (self.rows, self.text) = (0, 0);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|_| Stop::Damaged);
        self.sender.send(batch).map_err(|_| Ended::Unwanted)
    }
}

/// How a text is read.
struct Reading {
    name: String,
    columns: ConsentColumns,
    /// The columns that some record must have.
    required: Vec<String>,
}

impl Reading {
    fn fault(&self, fault: JsonFault) -> Ended {
        ReadError::Json { file: self.name.clone(), fault }.into()
    }

    /// Reads all documents.
    fn all(&self, source: Source, mut out: Out) -> Result<(), Ended> {
        let (mut text, account) = Text::new(source);
        let paths = Paths::new(&self.columns, Rc::clone(&account));
        let mut take = |rows: &[Row]| rows.iter().try_for_each(|row| out.push(row)).is_ok();
        let mut records = Records { paths, delivered: 0, take: &mut take };
        let failed = |_| self.unreadable(&account);
        text.pass_mark().map_err(failed)?;
        let mut is_empty = true;
        while !text.pass_white_space().map_err(failed)? {
            is_empty = false;
            let mut deserializer = serde_json::Deserializer::from_reader(&mut text);
            if let Err(error) = records.document(&mut deserializer) {
                return Err(self.failure(&mut records, &error));
            }
        }
        if is_empty {
            return Err(ReadError::Empty { file: self.name.clone() }.into());
        }
        let Records { paths, delivered, .. } = records;
        let counted = account.borrow().counted();
        if delivered != counted {
            return Err(self.fault(JsonFault::RecordsLost { delivered, counted }));
        }
        self.has_all(&paths)?;
        out.flush()
    }

    /// Whether some record has each of the columns that a table of consents must have.
    fn has_all(&self, paths: &Paths<'_>) -> Result<(), Ended> {
        let seen =
            |name: &String| COLUMNS.iter().zip(&paths.seen).any(|(column, seen)| column == name && *seen);
        match self.required.iter().find(|name| !seen(name)) {
            Some(column) if paths.records > 0 => {
                let (file, column) = (self.name.clone(), column.clone());
                Err(ReadError::MissingColumn { file, column, nearest: None }.into())
            }
            _ => Ok(()),
        }
    }

    /// Why the parser stopped.
    fn failure(&self, records: &mut Records<'_, '_>, error: &serde_json::Error) -> Ended {
        let place = records.paths.place();
        match records.paths.stopped.take() {
            Some(Stopped::Because(fault)) => return self.fault(fault),
            Some(Stopped::Unwanted) => return Ended::Unwanted,
            None => {}
        }
        let account = Rc::clone(&records.paths.account);
        let (line, column) = (account.borrow().line, account.borrow().column);
        match error.classify() {
            serde_json::error::Category::Io
                if error.io_error_kind() == Some(std::io::ErrorKind::FileTooLarge) =>
            {
                self.fault(JsonFault::LongRecord { place })
            }
            serde_json::error::Category::Io => self.unreadable(&account),
            serde_json::error::Category::Eof => {
                self.fault(JsonFault::CutOff { line, records: records.delivered })
            }
            serde_json::error::Category::Syntax => self.fault(JsonFault::Syntax { line, column }),
            serde_json::error::Category::Data => {
                let place = RecordPlace { record: records.delivered + 1, ..place };
                self.fault(JsonFault::NoRecord { place })
            }
        }
    }

    /// Why the bytes do not go on.
    fn unreadable(&self, account: &RefCell<Account>) -> Ended {
        let mut account = account.borrow_mut();
        let (line, column) = (account.line, account.column);
        match account.bad.take() {
            Some(Bad::NotUtf8(_)) => self.fault(JsonFault::NotUtf8 { line }),
            Some(Bad::Nul { .. }) | None => self.fault(JsonFault::Syntax { line, column: column + 1 }),
            Some(Bad::Failed(error)) => broken(&self.name, error).into(),
        }
    }
}
