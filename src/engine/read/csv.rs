//! CSV as batches of text: header and dialect first, then rows, each checked before it is decoded.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::{Decoder, Format};
use arrow_schema::{DataType, Field, Schema};
use encoding_rs::UTF_8;
use memchr::{memchr, memchr2};

use super::bytes::{Bytes, Decoded, Plain, broken, by_mark, guess, not_of_encoding};
use super::limits::LONGEST_RECORD;
use super::rfc4180::Rfc4180;
use super::table::{BATCH, Chosen, Stop, Table, choose};
use super::{CsvFault, OpenTerms, ReadError};
use crate::types::{CsvDialect, Separator};

pub(super) const CSV: &str = "CSV with a header";

/// Bytes that are read at once.
const CHUNK: usize = 1 << 17;
/// Bytes in which a header is looked for.
const HEAD: usize = 1 << 16;
/// Lines in which a header is looked for.
const FIRST_LINES: usize = 20;
/// Text after which a batch ends before it is full.
const BATCH_TEXT: usize = 32 << 20;
/// Cells of a batch, so that wide tables come in short batches.
const BATCH_CELLS: usize = 1 << 22;

/// What comes after the bytes that were filled in.
pub(super) enum Next {
    More,
    End,
    Stop(Bad),
}

/// Why a text does not go on.
pub(super) enum Bad {
    NotUtf8(&'static str),
    Nul { utf_16: bool },
    Failed(std::io::Error),
}

/// A text in UTF-8, whole characters at a time.
pub(super) struct Source {
    name: String,
    bytes: Bytes,
    /// The first bytes of a character whose last ones are not read yet.
    held: Vec<u8>,
}

impl Source {
    pub(super) fn new(name: &str, bytes: Bytes) -> Self {
        Self { name: name.to_owned(), bytes, held: Vec::new() }
    }

    /// Appends the next bytes.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> Next {
        let start = buffer.len();
        buffer.append(&mut self.held);
        let read = buffer.len();
        buffer.resize(read + CHUNK, 0);
        let (mut length, mut next) = (read, Next::More);
        while length == read {
            match self.bytes.read(buffer.get_mut(read..).unwrap_or_default()) {
                Ok(0) => {
                    next = Next::End;
                    break;
                }
                Ok(more) => length += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    next = Next::Stop(Bad::Failed(error));
                    break;
                }
            }
        }
        buffer.truncate(length);
        let new = buffer.get(start..).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(new) {
            let (valid, rest) = new.split_at(error.valid_up_to());
            if error.error_len().is_none() && matches!(next, Next::More) {
                self.held = rest.to_vec();
            } else if !matches!(next, Next::Stop(_)) {
                next = Next::Stop(Bad::NotUtf8(guess(rest)));
            }
            let valid = start + valid.len();
            buffer.truncate(valid);
        }
        let new = buffer.get(start..).unwrap_or_default();
        if let Some(at) = memchr(0, new) {
            let nuls = new.iter().filter(|byte| **byte == 0).count();
            next = Next::Stop(Bad::Nul { utf_16: nuls > new.len() / 4 });
            self.held.clear();
            buffer.truncate(start + at);
        }
        next
    }

    fn fault(&self, fault: CsvFault) -> ReadError {
        ReadError::Csv { file: self.name.clone(), fault }
    }

    fn bad(&self, bad: Bad, line: u64) -> ReadError {
        match bad {
            Bad::NotUtf8(guess) => self.fault(CsvFault::NotUtf8 { line, guess }),
            Bad::Nul { utf_16 } => self.fault(CsvFault::Nul { line, utf_16 }),
            Bad::Failed(error) => match not_of_encoding(&error, line) {
                Some(fault) => self.fault(fault),
                None => broken(&self.name, error),
            },
        }
    }
}

/// The beginning of a text, below the lines that its dialect passes over.
pub(super) struct Head {
    source: Source,
    text: Vec<u8>,
    next: Next,
    /// The physical line with which the text begins.
    line: u64,
    separator: Option<Separator>,
    notes: Vec<String>,
}

/// The header of a text as one separator reads it.
struct Header {
    separator: Separator,
    names: Vec<String>,
    check: Rfc4180,
    /// Its bytes, with its line end.
    length: usize,
}

impl Head {
    /// Reads the beginning.
    pub(super) fn read(name: &str, plain: Plain, dialect: &CsvDialect) -> Result<Self, ReadError> {
        use std::io::Read as _;
        let mut bytes = plain.bytes;
        let mut mark = Vec::new();
        let read = bytes.by_ref().take(3).read_to_end(&mut mark);
        read.map_err(|error| broken(name, error))?;
        let (by_mark, of_utf_8) = by_mark(&mark);
        let declared = dialect.encoding.map(crate::types::TextEncoding::get);
        let is_utf_8 = of_utf_8 > 0 || declared.is_none_or(|encoding| encoding == UTF_8);
        let bytes: Bytes = Box::new(std::io::Cursor::new(mark).chain(bytes));
        let mut notes = Vec::new();
        let bytes = match by_mark.or(declared.filter(|_| !is_utf_8)) {
            None => bytes,
            Some(encoding) => {
                if declared != Some(encoding) {
                    notes.push(format!("is read as {} by its byte order mark", encoding.name()));
                }
                Box::new(Decoded::new(bytes, encoding))
            }
        };
        let source = Source::new(name, bytes);
        let (text, next) = (Vec::new(), Next::More);
        let mut head = Self { source, text, next, line: 1, separator: dialect.separator, notes };
        head.grow(HEAD);
        head.pass_over(u64::from(dialect.skip_lines))?;
        head.strip_marks();
        Ok(head)
    }

    /// Reads on to so many bytes, or to the end.
    fn grow(&mut self, length: usize) {
        while self.text.len() < length && matches!(self.next, Next::More) {
            self.next = self.source.fill(&mut self.text);
        }
    }

    fn strip_marks(&mut self) {
        while self.text.starts_with("\u{feff}".as_bytes()) {
            self.text.drain(.."\u{feff}".len());
        }
    }

    /// Drops physical lines.
    fn pass_over(&mut self, lines: u64) -> Result<(), ReadError> {
        let mut at = 0;
        for _ in 0..lines {
            loop {
                if let Some(length) = line_length(self.text.get(at..).unwrap_or_default()) {
                    at += length;
                    break;
                }
                match std::mem::replace(&mut self.next, Next::More) {
                    Next::More => {
                        self.text.drain(..at);
                        at = 0;
                        if self.text.len() as u64 > LONGEST_RECORD {
                            return Err(self.source.fault(CsvFault::LongRecord { line: self.line }));
                        }
                        self.next = self.source.fill(&mut self.text);
                    }
                    Next::End => return Err(self.source.fault(CsvFault::FewLines)),
                    Next::Stop(bad) => return Err(self.source.bad(bad, self.line)),
                }
            }
            self.line += 1;
        }
        self.text.drain(..at);
        self.grow(HEAD);
        Ok(())
    }

    /// The header as one separator reads it; more is read until it ends.
    fn header(&mut self, separator: Separator) -> Result<Header, ReadError> {
        loop {
            if let Some(header) = self.header_at(0, self.line, separator)? {
                return Ok(header);
            }
            let length = self.text.len();
            self.grow(length * 2);
            if let (Next::Stop(_), true) = (&self.next, self.text.len() == length) {
                let mut check = Rfc4180::new(separator.byte(), self.line);
                let checked = check.header(&self.text).map_err(|fault| self.source.fault(fault));
                let Next::Stop(bad) = std::mem::replace(&mut self.next, Next::End) else { continue };
                return Err(checked.err().unwrap_or_else(|| self.source.bad(bad, check.line())));
            }
        }
    }

    /// The header that begins at one of the bytes that are read; `None` if it goes on behind them.
    fn header_at(&self, at: usize, line: u64, separator: Separator) -> Result<Option<Header>, ReadError> {
        let text = self.text.get(at..).unwrap_or_default();
        let mut check = Rfc4180::new(separator.byte(), line);
        let fault = |fault| self.source.fault(fault);
        let length = match check.header(text).map_err(fault)? {
            Some(length) => length,
            None if !matches!(self.next, Next::End) => return Ok(None),
            None => {
                check.end().map_err(fault)?;
                text.len()
            }
        };
        let format = format(separator);
        let names = format.infer_schema(text.get(..length).unwrap_or_default(), Some(0));
        let (schema, _) = names.map_err(|_| super::table::damaged(&self.source.name, CSV))?;
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Some(Header { separator, names, check, length }))
    }

    /// Whether it has the columns that are wanted, and which.
    fn chosen(&self, header: &Header, terms: &OpenTerms<'_>) -> Result<(Arc<Schema>, Chosen), ReadError> {
        let texts = header.names.iter().map(|name| Field::new(name, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(texts.collect::<Vec<_>>()));
        let chosen = choose(&self.source.name, &schema, terms)?;
        Ok((schema, chosen))
    }

    /// The header, by the declared separator or the one that it shows.
    fn recognise(&mut self, terms: &OpenTerms<'_>) -> Result<(Header, Arc<Schema>, Chosen), ReadError> {
        let declared = self.separator;
        let candidates: &[Separator] = match &declared {
            Some(separator) => std::slice::from_ref(separator),
            None => &Separator::RECOGNISED,
        };
        let mut failed: Option<(usize, ReadError)> = None;
        for separator in candidates {
            let header = self.header(*separator);
            let cells = header.as_ref().map_or(0, |header| header.names.len());
            let found = header.and_then(|header| Ok((self.chosen(&header, terms)?, header)));
            match found {
                Ok(((schema, chosen), header)) if chosen.finds_some() || declared.is_some() => {
                    if declared.is_none() && *separator != Separator::COMMA {
                        self.notes.push(format!(
                            "its cells are separated by `{separator}`, as its header shows; declare `separator = \"{separator}\"`"
                        ));
                    }
                    return Ok((header, schema, chosen));
                }
                Ok(_) => {}
                Err(error) if is_of_the_separator(&error) => {
                    // Of several readings that all fail, the one of most cells says what is wrong.
                    if failed.as_ref().is_none_or(|(most, _)| cells > *most) {
                        failed = Some((cells, error));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(line) = self.header_below(candidates, terms) {
            let file = self.source.name.clone();
            let skip_lines = line - 1;
            return Err(ReadError::TextAboveHeader { file, line, skip_lines });
        }
        match failed {
            Some((_, error)) => Err(self.other_separator(declared).unwrap_or(error)),
            // Nothing has to be there, and nothing is.
            None => {
                let header = self.header(Separator::COMMA)?;
                let (schema, chosen) = self.chosen(&header, terms)?;
                Ok((header, schema, chosen))
            }
        }
    }

    /// The line of a header that has the wanted columns, below a text.
    fn header_below(&self, separators: &[Separator], terms: &OpenTerms<'_>) -> Option<u64> {
        let (mut at, mut line) = (0, self.line);
        for _ in 1..FIRST_LINES {
            at += line_length(self.text.get(at..)?)?;
            line += 1;
            let fits = |separator: &Separator| {
                let header = self.header_at(at, line, *separator).ok().flatten()?;
                let (_, chosen) = self.chosen(&header, terms).ok()?;
                chosen.finds_some().then_some(())
            };
            if separators.iter().any(|separator| fits(separator).is_some()) {
                return Some(line);
            }
        }
        None
    }

    /// The error of a header of one cell under the declared separator that another one splits.
    fn other_separator(&mut self, declared: Option<Separator>) -> Option<ReadError> {
        let declared = declared?;
        if self.header(declared).ok()?.names.len() > 1 {
            return None;
        }
        let splits = |separator: &&Separator| {
            self.header_at(0, self.line, **separator)
                .ok()
                .flatten()
                .is_some_and(|header| header.names.len() > 1)
        };
        let found = *Separator::RECOGNISED.iter().filter(|other| **other != declared).find(splits)?;
        Some(ReadError::Separator { file: self.source.name.clone(), declared, found })
    }

    /// The names of the columns, by the separator that makes most of them.
    pub(super) fn names(mut self) -> Result<Vec<String>, ReadError> {
        let candidates = self.separator.map_or(Separator::RECOGNISED.to_vec(), |separator| vec![separator]);
        let mut best: Result<Vec<String>, Option<ReadError>> = Err(None);
        for separator in candidates {
            match (self.header(separator), &best) {
                (Ok(header), Ok(known)) if header.names.len() <= known.len() => {}
                (Ok(header), _) => best = Ok(header.names),
                (Err(error), Err(None)) => best = Err(Some(error)),
                (Err(_), _) => {}
            }
        }
        best.map_err(|error| error.unwrap_or_else(|| super::table::damaged(&self.source.name, CSV)))
    }

    /// All rows, as a table of the wanted columns.
    pub(super) fn table(mut self, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
        let (header, schema, chosen) = self.recognise(terms)?;
        let Self { source, text, next, notes, .. } = self;
        let Header { separator, names, mut check, length } = header;
        let declared = chosen.declared.iter().filter_map(|at| Some((*at, names.get(*at)?.clone())));
        check.declare(declared.collect());
        let columns = names.len();
        let batch = (BATCH_CELLS / columns.max(1)).clamp(1, BATCH);
        let decoder = ReaderBuilder::new(schema)
            .with_format(format(separator))
            .with_projection(chosen.indices.clone())
            .with_batch_size(batch)
            .build_decoder();
        let name = source.name.clone();
        let (buffer, at, fed, rows) = (text, 0, 0, 0);
        let rows = Rows {
            source,
            next: Some(next),
            check,
            decoder,
            buffer,
            checked: length,
            at,
            last_end: 0,
            fed,
            rows,
        };
        let batches: super::table::Batches =
            if columns == 0 { Box::new(std::iter::empty()) } else { Box::new(rows) };
        let mut table = chosen.table(name, CSV, batches);
        table.notes = notes;
        Ok(table)
    }
}

/// Whether another separator may make another error of it.
fn is_of_the_separator(error: &ReadError) -> bool {
    match error {
        ReadError::MissingColumn { .. } | ReadError::ConsentColumn { .. } => true,
        ReadError::Csv { fault, .. } => {
            matches!(fault, CsvFault::AfterQuote { .. } | CsvFault::OpenQuote { .. })
        }
        _ => false,
    }
}

fn format(separator: Separator) -> Format {
    Format::default().with_header(true).with_delimiter(separator.byte())
}

/// The bytes of the first line, its end included; `None` if it does not end among these bytes.
fn line_length(text: &[u8]) -> Option<usize> {
    let end = memchr2(b'\n', b'\r', text)?;
    match (text.get(end), text.get(end + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(end + 2),
        (Some(b'\r'), None) => None,
        _ => Some(end + 1),
    }
}

/// The rows of a text, batch by batch.
struct Rows {
    source: Source,
    /// What comes after the buffer; `None` after the end.
    next: Option<Next>,
    check: Rfc4180,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are checked.
    checked: usize,
    /// Bytes of the buffer that are decoded.
    at: usize,
    /// Where in the buffer the last record ends.
    last_end: usize,
    /// Bytes that were decoded for the batch under way.
    fed: usize,
    /// Rows delivered.
    rows: u64,
}

impl Rows {
    /// Checks what is in the buffer and not yet checked.
    fn check(&mut self) -> Result<(), ReadError> {
        let unchecked = self.buffer.get(self.checked..).unwrap_or_default();
        let end = self.check.all(unchecked).map_err(|fault| self.source.fault(fault))?;
        self.last_end = end.map_or(0, |end| self.checked + end);
        self.checked = self.buffer.len();
        match self.next.take() {
            Some(Next::More) => self.next = Some(Next::More),
            Some(Next::Stop(bad)) => return Err(self.source.bad(bad, self.check.line())),
            Some(Next::End) | None => self.check.end().map_err(|fault| self.source.fault(fault))?,
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        if self.checked < self.buffer.len() || matches!(self.next, Some(Next::End | Next::Stop(_))) {
            return self.check();
        }
        while self.at == self.buffer.len() && self.next.is_some() {
            self.buffer.clear();
            (self.at, self.checked) = (0, 0);
            self.next = Some(self.source.fill(&mut self.buffer));
            self.check()?;
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        let damaged =
            |file: &str, row| ReadError::Damaged { file: file.to_owned(), format: CSV, row: Some(row) };
        loop {
            if self.checked < self.buffer.len() || self.at == self.buffer.len() {
                self.fill()?;
            }
            let is_long = self.fed > BATCH_TEXT && self.last_end > self.at;
            let end = if is_long { self.last_end } else { self.buffer.len() };
            let rest = self.buffer.get(self.at..end).unwrap_or_default();
            let decoded = self.decoder.decode(rest).map_err(|_| damaged(&self.source.name, self.rows))?;
            self.at += decoded;
            self.fed += decoded;
            if decoded == 0 || self.decoder.capacity() == 0 || is_long && self.at == end {
                break;
            }
        }
        self.fed = 0;
        let batch = self.decoder.flush().map_err(|_| damaged(&self.source.name, self.rows))?;
        self.rows += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        let counted = self.check.records().saturating_sub(1);
        if batch.is_none() && self.rows != counted {
            let delivered = self.rows;
            return Err(self.source.fault(CsvFault::RowsLost { delivered, counted }));
        }
        Ok(batch)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().map_err(Stop::Because).transpose()
    }
}
