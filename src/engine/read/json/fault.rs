//! What can be wrong with a JSON text of consents, with its place and never with what a value holds.

use super::limits::{DEEPEST, LONGEST_RECORD, LONGEST_VALUE, MOST_ROWS};
use crate::consent::ColumnError;

/// Which record of a text, from 1, and the line that reading has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPlace {
    /// The record.
    pub record: u64,
    /// The physical line, from 1.
    pub line: u64,
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {} (line {})", self.record, self.line)
    }
}

/// What is wrong with a JSON text of consents. Paths are in backticks; a name in them that may be a value is `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// Not JSON.
    #[error("line {line}, column {column}: not JSON")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The column, in bytes from 1.
        column: u64,
    },
    /// The text ends inside a document.
    #[error("line {line}: the file ends inside a JSON document, after {records} whole records")]
    CutOff {
        /// The last line.
        line: u64,
        /// Records that ended before.
        records: u64,
    },
    /// Bytes that are no UTF-8.
    #[error("line {line}: not UTF-8, in which JSON is written")]
    NotUtf8 {
        /// The line.
        line: u64,
    },
    /// Something else than an object where a record is wanted.
    #[error("{place}: a record is a JSON object; a file holds one after the other, or lists of them")]
    NoRecord {
        /// Where.
        place: RecordPlace,
    },
    /// A document without the declared list of records.
    #[error(
        "line {line}: a document that ends here has no list of records at `{path}`, which `records` declares"
    )]
    NoRecords {
        /// The line.
        line: u64,
        /// The declared path.
        path: String,
    },
    /// A value beside the declared list of records.
    #[error(
        "line {line}: {path} is outside the list of records and is not listed under `ignore` of `[consents]`"
    )]
    Beside {
        /// The line.
        line: u64,
        /// The path.
        path: String,
    },
    /// A record that is longer than memory is set aside for.
    #[error("{place}: a record of more than {} MiB; `records` says where the list of records is, if this is all of them", LONGEST_RECORD >> 20)]
    LongRecord {
        /// Where.
        place: RecordPlace,
    },
    /// A value that is longer than any of a consent.
    #[error("{place}: {path} holds a text of more than {} KiB", LONGEST_VALUE >> 10)]
    LongValue {
        /// Where.
        place: RecordPlace,
        /// The path.
        path: String,
    },
    /// Objects and lists inside each other, beyond the bound.
    #[error("{place}: objects and lists lie more than {DEEPEST} deep in each other")]
    TooDeep {
        /// Where.
        place: RecordPlace,
    },
    /// A record whose lists expand to more rows than the bound.
    #[error(
        "{place}: its lists expand to more than {MOST_ROWS} rows; `records` says where the list of records is, if this is all of them"
    )]
    TooManyRows {
        /// Where.
        place: RecordPlace,
    },
    /// Two members of one name in an object.
    #[error("{place}: {path} occurs twice in one object")]
    TwoMembers {
        /// Where.
        place: RecordPlace,
        /// The path.
        path: String,
    },
    /// A number that is not exactly an integer of 64 bits.
    #[error(
        "{place}: {path} is a number with a fraction, with an exponent or of more than 64 bits, which programs round; write it as text"
    )]
    NotWhole {
        /// Where.
        place: RecordPlace,
        /// The path.
        path: String,
    },
    /// Two values for one column in one row.
    #[error("{place}: {first} and {second} both map to `{column}`")]
    TwoValues {
        /// Where.
        place: RecordPlace,
        /// The column of the consent table.
        column: &'static str,
        /// The first path.
        first: String,
        /// The second path.
        second: String,
    },
    /// An item of a list of words that holds a separator of words.
    #[error("{place}: an item of the list {path} holds `|`, a comma or a semicolon, which separate words")]
    Separator {
        /// Where.
        place: RecordPlace,
        /// The path.
        path: String,
    },
    /// A path that no consent table has, or that is declared as a constant.
    #[error("{place}: {error}")]
    Column {
        /// Where.
        place: RecordPlace,
        /// What is wrong.
        error: ColumnError,
    },
    /// Records that one of two independent counts does not have.
    #[error("{delivered} records were read of {counted}")]
    RecordsLost {
        /// Records that the parser delivered.
        delivered: u64,
        /// Records by their brackets.
        counted: u64,
    },
}
