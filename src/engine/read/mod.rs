//! Files and batches as streams of declared columns. Undeclared columns are never decoded.

mod column;
mod columns;
mod ids;
mod int96;
mod open;
mod quotes;
mod tokenised;

pub use column::Column;
pub use column::{Cell, Id};
pub use columns::{FileColumn, columns};
pub use ids::Ids;
pub use open::{Input, Part, Table, Use, Wanted, known_rows, open, open_repeating, parts, tokenised};
pub use tokenised::Tokenised;

/// A file that cannot be read as its dataset declares.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No such file, no permission, or not a plain file.
    #[error("{file}: cannot be opened")]
    Open {
        /// The file.
        file: String,
        /// What the system said.
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
    #[error("{file}: unknown format: use .parquet, .csv or .arrow")]
    UnknownFormat {
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
}
