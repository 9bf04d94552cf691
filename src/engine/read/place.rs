//! The place of a bad row.

use serde::Serialize;

/// Where a bad row is and what is wrong with it; never the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowPlace {
    /// What is counted: rows of the table, not counting a header, or lines of a file.
    pub unit: &'static str,
    /// Which one, from 1.
    pub row: u64,
    /// The column; empty for what concerns a whole line.
    pub column: String,
    /// The reason.
    pub reason: &'static str,
}

impl std::fmt::Display for RowPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.unit, self.row)?;
        if !self.column.is_empty() {
            write!(f, ", column `{}`", self.column)?;
        }
        write!(f, ": {}", self.reason)
    }
}
