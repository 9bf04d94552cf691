//! Why a table cannot be read; a function of one file, and never a value of it.

use super::csv_fault::CsvFault;
use super::folder_fault::FolderFault;
use super::json::JsonFault;
use super::limits::LONGEST_RECORD;
use crate::types::Separator;

/// A file that cannot be read as its dataset declares.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No such file, no permission, or not a plain file.
    #[error("{file}: cannot be opened")]
    Open {
        /// The file.
        file: String,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The file is cut off, or damaged, or not of its format.
    #[error("{file}: damaged or not {format}{}", .row.map(|r| format!(" (near row {r})")).unwrap_or_default())]
    Damaged {
        /// The file.
        file: String,
        /// The format that its name promises.
        format: &'static str,
        /// Rows that were read before.
        row: Option<u64>,
    },
    /// The name does not end in a known format.
    #[error("{file}: unknown format: use .parquet, .csv, .tsv or .arrow")]
    UnknownFormat {
        /// The file.
        file: String,
    },
    /// A file without a byte, as a failed export leaves it, also as a part of a folder; or one without a byte when it is decompressed; or JSON
    /// without a document.
    #[error("{file}: the file is empty; a table without rows has a header, and JSON without records is `[]`")]
    Empty {
        /// The file.
        file: String,
    },
    /// A declared column is not there.
    #[error("{file}: column `{column}` is missing{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    MissingColumn {
        /// The file.
        file: String,
        /// The declared column.
        column: String,
        /// The nearest column that is there.
        nearest: Option<String>,
    },
    /// A column occurs twice.
    #[error("{file}: column `{column}` occurs twice")]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A column of a consent file that no consent table has, or two that are the same.
    #[error("{file}: {error}")]
    ConsentColumn {
        /// The file.
        file: String,
        /// What is wrong.
        error: crate::consent::ColumnError,
    },
    /// A CSV file whose first line is none of names.
    #[error("{file}: the first line looks like values, not like names of columns")]
    NoHeader {
        /// The file.
        file: String,
    },
    /// A tokenised file where raw ids are wanted.
    #[error("{file}: is tokenised already, and raw ids are wanted here")]
    Tokenised {
        /// The file.
        file: String,
    },
    /// An id of which the request for blind tokens did not ask the token.
    #[error("{file}: column `{column}` holds an id that the request for blind tokens did not ask for")]
    Unrequested {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A tokenised file of another version, or one that does not name its key.
    #[error("{file}: is tokenised in a way that this version does not know")]
    UnknownTokens {
        /// The file.
        file: String,
    },
    /// A column of a type that its declaration does not allow.
    #[error("{file}: column `{column}` is {found}, but {wanted}")]
    WrongType {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The type it has.
        found: String,
        /// What its declaration allows.
        wanted: &'static str,
    },
    /// The system stopped reading a file that was open.
    #[error("{file}: cannot be read")]
    Read {
        /// The file.
        file: String,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// A CSV text that is not what RFC 4180 says.
    #[error("{file}: {fault}")]
    Csv {
        /// The file.
        file: String,
        /// What is wrong, and on which line.
        fault: CsvFault,
    },
    /// A folder that is not one of parts, or an entry of one that is not read.
    #[error("{file}: {fault}")]
    Folder {
        /// The folder or its entry.
        file: String,
        /// What is wrong.
        fault: FolderFault,
    },
    /// A file that was written to or replaced while it was read.
    #[error("{file}: was changed while it was read")]
    Changed {
        /// The file.
        file: String,
    },
    /// A file or a pipe that is handed in twice.
    #[error("{file}: is the same file or pipe as {other}, and is read once")]
    SameFile {
        /// Its second name.
        file: String,
        /// Its first name.
        other: String,
    },
    /// A compression or a container that is not read.
    #[error(
        "{file}: is {found}, which is not read: give Parquet, Arrow, or CSV, plain or compressed with gzip or Zstandard"
    )]
    Unsupported {
        /// The file.
        file: String,
        /// What it is.
        found: &'static str,
    },
    /// A format that is read from its end, in bytes that come once.
    #[error("{file}: {format} cannot be read from a pipe or out of a compressed file: give the file itself")]
    Once {
        /// The file.
        file: String,
        /// The format.
        format: &'static str,
    },
    /// An Arrow IPC stream that does not end as one does.
    #[error(
        "{file}: {}",
        if *goes_on {
            "goes on behind the end mark of its Arrow IPC stream, as where streams were put together"
        } else {
            "the Arrow IPC stream has no end mark, so rows may be missing"
        }
    )]
    IpcEnd {
        /// The file.
        file: String,
        /// Whether bytes follow its end mark; else it has none.
        goes_on: bool,
    },
    /// JSON where a table of data is wanted.
    #[error("{file}: JSON is read for consents only")]
    JsonData {
        /// The file.
        file: String,
    },
    /// A JSON text of consents that cannot be read.
    #[error("{file}: {fault}")]
    Json {
        /// The file.
        file: String,
        /// What is wrong, and where.
        fault: JsonFault,
    },
    /// A CSV file whose header is not in its first line.
    #[error(
        "{file}: text stands above the header; line {line} looks like one: declare `skip_lines = {skip_lines}`"
    )]
    TextAboveHeader {
        /// The file.
        file: String,
        /// The line that has the wanted columns.
        line: u64,
        /// The lines above it.
        skip_lines: u64,
    },
    /// A CSV file whose cells stand between another separator than the declared one.
    #[error(
        "{file}: the header is one cell with `{declared}` as separator, and several with `{found}`: declare `separator = \"{found}\"`"
    )]
    Separator {
        /// The file.
        file: String,
        /// The declared one.
        declared: Separator,
        /// The one that splits the header.
        found: Separator,
    },
    /// A cell of a declared column that is longer than any row of a CSV file may be.
    #[error("{file}: column `{column}` has a cell of more than {} MiB", LONGEST_RECORD >> 20)]
    LongCell {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// More columns than a file may have.
    #[error("{file}: {columns} columns, more than the {most} that a file may have")]
    TooManyColumns {
        /// The file.
        file: String,
        /// Its columns.
        columns: usize,
        /// The limit.
        most: usize,
    },
}
