//! Whether a quoted cell of several lines is one cell, or rows between two stray quotes.
//!
//! RFC 4180 lets a quoted cell hold line breaks. A program that joins cells with commas and quotes nothing writes the same bytes where
//! a note of one row begins with a quote and a note of a later row ends with one: read by the RFC, all rows between are part of a note,
//! and withdrawals among them are gone. So:
//!
//! 1. A line break in a declared column is damage: no id, code, time, amount or consent word has one.
//! 2. In another column, a cell is read as the RFC says if it cannot be rows: no whole line inside it has as many cells as the header,
//!    and its first line, with the cells before it, and its last one, with the cells after it, do not both have as many.
//! 3. A cell that can be rows is refused, unless the file shows that its writer puts quotes around that column always: in no record so far
//!    is the column bare, and in 20 of them it is quoted without need. Every row of such a writer has quotes of its own in that column, so
//!    after a stray one the next row would have text after a closing quote, which is damage anyway.

/// So many cells that are quoted without need show that a column is quoted always.
const SURE: u8 = 20;
/// Columns that are distinguished; the last of them represents all that follow.
const DISTINGUISHED: usize = 64;

/// How the records so far put quotes around each column.
#[derive(Default)]
pub(super) struct Habits {
    /// A bit for each column that had a bare cell.
    bare: u64,
    /// For each column how many cells were quoted without need, as far as that matters.
    needless: Vec<u8>,
}

impl Habits {
    /// A bare cell of a column.
    pub(super) fn bare(&mut self, column: usize) {
        self.bare |= bit(column);
    }

    /// Whether a column had a bare cell.
    pub(super) fn is_bare(&self, column: usize) -> bool {
        self.bare & bit(column) != 0
    }

    /// Whether each of so many columns had a bare cell.
    pub(super) fn are_bare(&self, columns: usize) -> bool {
        (0..columns.min(DISTINGUISHED)).all(|column| self.is_bare(column))
    }

    fn needless(&mut self, column: usize) {
        if self.needless.len() <= column {
            self.needless.resize(column + 1, 0);
        }
        if let Some(count) = self.needless.get_mut(column) {
            *count = count.saturating_add(1);
        }
    }

    /// Whether the writer puts quotes around a column always.
    pub(super) fn quotes_always(&self, column: usize) -> bool {
        self.bare & bit(column) == 0 && self.needless.get(column).is_some_and(|count| *count >= SURE)
    }
}

fn bit(column: usize) -> u64 {
    1 << column.min(DISTINGUISHED - 1)
}

/// A quoted cell under way.
#[derive(Default)]
pub(super) struct QuotedCell {
    /// The line on which it begins.
    pub(super) opened: u64,
    /// Line breaks in it.
    breaks: u64,
    /// Separators since the last of them, or since its beginning.
    separators: usize,
    /// Separators on its first line.
    first: usize,
    /// Texts in it between quotes.
    texts: u32,
    /// Whether it is one text that needs no quotes.
    is_plain: bool,
    /// Whether a line inside it has as many cells as the header.
    row_inside: bool,
}

impl QuotedCell {
    pub(super) fn opening(line: u64) -> Self {
        Self { opened: line, ..Self::default() }
    }

    /// Whether it has line breaks.
    pub(super) fn has_breaks(&self) -> bool {
        self.breaks > 0
    }

    /// More separators in it.
    pub(super) fn separators(&mut self, more: usize) {
        self.separators += more;
    }

    /// A line break in it; `width` is that of the header.
    pub(super) fn line_ends(&mut self, width: usize) {
        if self.breaks == 0 {
            self.first = self.separators;
        } else {
            self.row_inside |= self.separators + 1 == width;
        }
        (self.breaks, self.separators) = (self.breaks + 1, 0);
    }

    /// A quote in it, which ends it or is the first half of an escaped one; `text` precedes it.
    pub(super) fn quote(&mut self, text: &[u8]) {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
        self.is_plain =
            self.texts == 0 && text.first().is_some_and(is_word) && text.last().is_some_and(is_word);
        self.texts = self.texts.saturating_add(1);
    }

    /// Updates what is known of its column once it has ended.
    pub(super) fn ends(&self, habits: &mut Habits, column: usize) {
        if self.is_plain && self.breaks == 0 && self.separators == 0 && !habits.quotes_always(column) {
            habits.needless(column);
        }
    }

    /// Whether it may be rows between two stray quotes; `column` is its own, `width` that of the header.
    pub(super) fn may_be_rows(&self, column: usize, width: usize) -> bool {
        let begins_like_a_row = column + self.first + 1 == width;
        self.row_inside || begins_like_a_row && self.separators == column
    }
}
