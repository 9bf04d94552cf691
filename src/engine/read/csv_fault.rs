//! What can be wrong with a CSV text, with its physical lines and never with what a cell holds.

use super::limits::{LONGEST_RECORD, MOST_COLUMNS};

/// What is wrong with a CSV text. Lines are physical ones, from 1, ended by LF, CR or CRLF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvFault {
    /// A record with another number of cells than the header.
    #[error("line {line}: {found} cell{}, the header has {expected}", if *.found == 1 { "" } else { "s" })]
    Cells {
        /// The line on which the record begins.
        line: u64,
        /// Its cells.
        found: usize,
        /// Those of the header.
        expected: usize,
    },
    /// Text between the quote that closes a cell and the next separator.
    #[error(
        "line {line}: text after the quote that closes a cell; the cell begins with a quote on line {opened}, and a quote inside it is written twice"
    )]
    AfterQuote {
        /// The line of the text.
        line: u64,
        /// The line on which the cell begins.
        opened: u64,
    },
    /// A cell that begins with a quote and does not end, or not within the longest record.
    #[error("line {line}: a cell begins with a quote that is never closed")]
    OpenQuote {
        /// The line on which the cell begins.
        line: u64,
    },
    /// A line break inside a cell of a declared column.
    #[error("lines {from} to {to}: a quoted cell of column `{column}` holds a line break")]
    LineBreak {
        /// The line on which the cell begins.
        from: u64,
        /// The line on which it ends.
        to: u64,
        /// The column.
        column: String,
    },
    /// A quoted cell that holds lines with as many cells as a row has.
    #[error(
        "lines {from} to {to}: a quoted cell holds lines that look like rows, as between two stray quotes"
    )]
    RowsInQuote {
        /// The line on which the cell begins.
        from: u64,
        /// The line on which it ends.
        to: u64,
    },
    /// Bytes that are no UTF-8, where no other encoding is declared.
    #[error("line {line}: not UTF-8; declare the file's encoding, such as `encoding = \"{guess}\"`")]
    NotUtf8 {
        /// The line.
        line: u64,
        /// An encoding by which the bytes can be read.
        guess: &'static str,
    },
    /// Bytes that the declared encoding does not know.
    #[error("line {line}: not {encoding}, which is declared as the encoding")]
    Encoding {
        /// The line.
        line: u64,
        /// The declared encoding.
        encoding: &'static str,
    },
    /// A NUL byte.
    #[error("line {line}: a NUL byte, which is in no text in UTF-8{}", if *.utf_16 { "; declare `encoding = \"utf-16le\"`" } else { "" })]
    Nul {
        /// The line.
        line: u64,
        /// Whether every other byte is one.
        utf_16: bool,
    },
    /// A record that is longer than memory is set aside for.
    #[error("line {line}: a row of more than {} MiB", LONGEST_RECORD >> 20)]
    LongRecord {
        /// The line on which it begins.
        line: u64,
    },
    /// A header of more columns than a file may have.
    #[error("line {line}: more than {MOST_COLUMNS} columns")]
    TooManyColumns {
        /// The line of the header.
        line: u64,
    },
    /// The text ends inside the lines that `skip_lines` passes over.
    #[error("there are fewer lines than `skip_lines` passes over")]
    FewLines,
    /// A row that one of two independent counts does not have.
    #[error("{delivered} rows were delivered of {counted}")]
    RowsLost {
        /// Rows that the decoder delivered.
        delivered: u64,
        /// Records after the header.
        counted: u64,
    },
}
