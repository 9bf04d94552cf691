//! The structure of a CSV text by RFC 4180, strictly: where records end, how many cells each has, on which line each begins.
//!
//! The reader behind it is lenient: after a quote that closes a cell it takes any text, and a quote that is never closed takes in the
//! rest of the file. Rows would vanish, and with them withdrawals. So every byte passes this check first, and the records counted here
//! must be the rows that are delivered.

use std::collections::BTreeMap;

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::csv_fault::CsvFault;
use super::limits::{LONGEST_RECORD, MOST_COLUMNS};
use super::quoting::{Habits, QuotedCell};

/// Where in a cell the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CellState {
    /// Before the first byte of a cell.
    Start,
    /// Inside a cell without quotes.
    Bare,
    /// Inside a quoted cell.
    Quoted,
    /// After a quote inside a quoted cell: its end, or the first half of a quote.
    Quote,
}

/// Follows a text byte by byte. Its first record is the header.
pub(super) struct Rfc4180 {
    separator: u8,
    /// Cells of the header; `None` before its end.
    width: Option<usize>,
    /// The columns in which a line break is damage, by position.
    declared: BTreeMap<usize, String>,
    state: CellState,
    /// The physical line of the next byte, from 1: ended by LF, CR or CRLF.
    line: u64,
    /// Where an LF would belong to the CR before it.
    after_return: Option<u64>,
    /// Bytes before those at hand.
    before: u64,
    /// Records that have ended, the header among them.
    records: u64,
    /// The line and the byte at which the record under way begins.
    begins: (u64, u64),
    /// Cells of the record under way that have ended.
    cells: usize,
    /// The quoted cell under way, or the last one.
    quoted: QuotedCell,
    habits: Habits,
}

impl Rfc4180 {
    /// Starts before the header, on the given line.
    pub(super) fn new(separator: u8, line: u64) -> Self {
        Self {
            separator,
            width: None,
            declared: BTreeMap::new(),
            state: CellState::Start,
            line,
            after_return: None,
            before: 0,
            records: 0,
            begins: (line, 0),
            cells: 0,
            quoted: QuotedCell::opening(line),
            habits: Habits::default(),
        }
    }

    /// The declared columns, by position.
    pub(super) fn declare(&mut self, columns: BTreeMap<usize, String>) {
        self.declared = columns;
    }

    /// Records that have ended, the header among them.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// The physical line of the next byte.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether no record is under way.
    fn is_between_records(&self) -> bool {
        self.state == CellState::Start && self.cells == 0
    }

    /// Follows the header alone: how many of the bytes belong to it, its line end included, or `None` if it goes on.
    ///
    /// # Errors
    /// [`CsvFault`]
    pub(super) fn header(&mut self, bytes: &[u8]) -> Result<Option<usize>, CsvFault> {
        self.follow(bytes, true)
    }

    /// Follows all of the bytes; where among them the last record ends, if one does.
    ///
    /// # Errors
    /// [`CsvFault`] of the first record that is none.
    pub(super) fn all(&mut self, bytes: &[u8]) -> Result<Option<usize>, CsvFault> {
        self.follow(bytes, false)
    }

    fn follow(&mut self, bytes: &[u8], header_only: bool) -> Result<Option<usize>, CsvFault> {
        let (mut at, mut end) = (0, None);
        // The next quote or carriage return: looked for once over many records, as most files have none.
        let mut special = None;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if !header_only {
                let special = match special {
                    Some(known) if known >= at => known,
                    _ => {
                        *special.insert(memchr2(b'"', b'\r', rest).map_or(bytes.len(), |length| at + length))
                    }
                };
                if let Some(length) = self.plain_record(rest, at, special - at) {
                    at += length;
                    end = Some(at);
                    continue;
                }
            }
            let first = rest.first().copied().unwrap_or_default();
            match self.state {
                CellState::Start if first == b'"' => {
                    self.state = CellState::Quoted;
                    self.quoted = QuotedCell::opening(self.line);
                    at += 1;
                }
                CellState::Start | CellState::Bare => match memchr3(self.separator, b'\n', b'\r', rest) {
                    None => {
                        self.state = CellState::Bare;
                        at = bytes.len();
                    }
                    Some(length) => {
                        if length > 0 {
                            self.state = CellState::Bare;
                        }
                        at += length;
                        if !self.is_between_records() {
                            self.habits.bare(self.cells);
                        }
                        let byte = bytes.get(at).copied().unwrap_or_default();
                        if self.cell_ends(byte, at)? {
                            end = Some(at + 1);
                        }
                        at += 1;
                        if header_only && end.is_some() {
                            break;
                        }
                    }
                },
                CellState::Quoted => at = self.pass_quoted(bytes, at),
                CellState::Quote if first == b'"' => {
                    self.state = CellState::Quoted;
                    at += 1;
                }
                CellState::Quote => {
                    if first != self.separator && first != b'\n' && first != b'\r' {
                        return Err(CsvFault::AfterQuote { line: self.line, opened: self.quoted.opened });
                    }
                    self.quote_closes()?;
                    if self.cell_ends(first, at)? {
                        end = Some(at + 1);
                    }
                    at += 1;
                    if header_only && end.is_some() {
                        break;
                    }
                }
            }
        }
        self.before += at as u64;
        self.is_short()?;
        Ok(end)
    }

    /// Passes over a record at once, as almost every record can be: it ends among the bytes at a line feed, no cell of it holds a line
    /// end or a quote, and it changes nothing in `habits`. `special` is where the next quote or carriage return is. Returns its length, its
    /// line end included.
    fn plain_record(&mut self, rest: &[u8], at: usize, special: usize) -> Option<usize> {
        let width = self.width.filter(|_| self.is_between_records())?;
        let length = memchr(b'\n', rest)?;
        let line = rest.get(..length)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cells = match special < line.len() {
            _ if line.is_empty() => return None,
            false if self.habits.are_bare(width) => memchr_iter(self.separator, line).count() + 1,
            _ => self.plain_cells(line)?,
        };
        if cells != width {
            return None;
        }
        self.records += 1;
        self.line += 1;
        self.after_return = None;
        self.begins = (self.line, self.before + (at + length) as u64 + 1);
        Some(length + 1)
    }

    /// The cells of a line, each bare or in quotes as others of its column were.
    fn plain_cells(&self, line: &[u8]) -> Option<usize> {
        let (mut rest, mut cells) = (line, 0);
        loop {
            rest = match rest.strip_prefix(b"\"") {
                Some(quoted) => {
                    let known = self.habits.is_bare(cells) || self.habits.quotes_always(cells);
                    let length = memchr2(b'"', b'\r', quoted).filter(|_| known)?;
                    quoted.get(length..)?.strip_prefix(b"\"")?
                }
                None => {
                    let length = memchr3(self.separator, b'"', b'\r', rest).unwrap_or(rest.len());
                    rest.get(length..).filter(|_| self.habits.is_bare(cells))?
                }
            };
            cells += 1;
            match rest.split_first() {
                None => return Some(cells),
                Some((byte, next)) if *byte == self.separator => rest = next,
                Some(_) => return None,
            }
        }
    }

    /// Passes over a quoted cell up to a quote, a line break, or the end of the bytes.
    fn pass_quoted(&mut self, bytes: &[u8], at: usize) -> usize {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = memchr3(b'"', b'\n', b'\r', rest);
        let passed = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
        if self.quoted.has_breaks() || !self.habits.quotes_always(self.cells) {
            self.quoted.separators(memchr_iter(self.separator, passed).count());
        }
        let Some(length) = found else { return bytes.len() };
        let at = at + length;
        match bytes.get(at) {
            Some(b'"') => {
                self.quoted.quote(passed);
                self.state = CellState::Quote;
            }
            Some(byte) if self.line_ends(*byte, at) => {
                self.quoted.line_ends(self.width.unwrap_or_default());
            }
            Some(_) | None => {}
        }
        at + 1
    }

    /// A quoted cell may hold line breaks, but not where ids and codes are declared, and not such that rows may be inside it.
    fn quote_closes(&mut self) -> Result<(), CsvFault> {
        self.quoted.ends(&mut self.habits, self.cells);
        if !self.quoted.has_breaks() {
            return Ok(());
        }
        let (from, to, column) = (self.quoted.opened, self.line, self.cells);
        if let Some(column) = self.declared.get(&column) {
            return Err(CsvFault::LineBreak { from, to, column: column.clone() });
        }
        let may_be_rows = self.quoted.may_be_rows(column, self.width.unwrap_or_default());
        if may_be_rows && !self.habits.quotes_always(column) {
            return Err(CsvFault::RowsInQuote { from, to });
        }
        Ok(())
    }

    /// Ends a cell at a separator or a line end; whether a record ends, too.
    fn cell_ends(&mut self, byte: u8, at: usize) -> Result<bool, CsvFault> {
        if byte == self.separator {
            self.state = CellState::Start;
            self.cells += 1;
            if self.width.is_none() && self.cells >= MOST_COLUMNS {
                return Err(CsvFault::TooManyColumns { line: self.line });
            }
            return Ok(false);
        }
        let is_record = !self.is_between_records();
        if is_record {
            self.record_ends()?;
        }
        self.line_ends(byte, at);
        self.begins = (self.line, self.before + at as u64 + 1);
        Ok(is_record)
    }

    fn record_ends(&mut self) -> Result<(), CsvFault> {
        let found = self.cells + 1;
        let expected = match self.width {
            Some(width) => width,
            None => {
                self.habits = Habits::default();
                *self.width.insert(found)
            }
        };
        if found != expected {
            return Err(CsvFault::Cells { line: self.begins.0, found, expected });
        }
        self.records += 1;
        self.cells = 0;
        self.state = CellState::Start;
        Ok(())
    }

    /// Counts a line at CR, LF or CRLF; whether this byte ends one.
    fn line_ends(&mut self, byte: u8, at: usize) -> bool {
        let position = self.before + at as u64;
        let joined = byte == b'\n' && self.after_return == Some(position);
        self.after_return = (byte == b'\r').then_some(position + 1);
        if !joined {
            self.line += 1;
        }
        !joined
    }

    fn is_short(&self) -> Result<(), CsvFault> {
        if self.before - self.begins.1 <= LONGEST_RECORD {
            return Ok(());
        }
        Err(match self.state {
            CellState::Quoted => CsvFault::OpenQuote { line: self.quoted.opened },
            CellState::Start | CellState::Bare | CellState::Quote => {
                CsvFault::LongRecord { line: self.begins.0 }
            }
        })
    }

    /// Ends the text, and a last record that has no line end.
    ///
    /// # Errors
    /// [`CsvFault`] if it ends inside a quote or before all cells of a record.
    pub(super) fn end(&mut self) -> Result<(), CsvFault> {
        match self.state {
            CellState::Quoted => return Err(CsvFault::OpenQuote { line: self.quoted.opened }),
            CellState::Quote => self.quote_closes()?,
            CellState::Start | CellState::Bare => {}
        }
        if self.is_between_records() { Ok(()) } else { self.record_ends() }
    }
}

#[cfg(test)]
mod tests;
