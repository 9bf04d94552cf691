//! How the consent tables of a study are written: the columns, the words, and what no row states.

use std::borrow::Cow;

use super::columns::ConsentColumns;
use super::event::{COLUMNS, REQUIRED};
use super::mapping::{STATEMENT_COLUMNS, StatementMapping, Statements};
use super::moment::{start, zoned};
use crate::types::{CsvDialect, Days, Zone};

/// How consent tables are read. The default is a table with the columns and words of [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsentTable {
    /// How the columns are called.
    pub columns: ConsentColumns,
    /// What words mean, and what every consent states.
    pub statements: StatementMapping,
    /// The namespace of the persons' ids in a table without a column `ids`.
    pub namespace: Option<String>,
    /// The zone of times that are written without one; without it they cannot be read.
    pub timezone: Option<Zone>,
    /// How CSV files are written.
    pub csv: CsvDialect,
    /// How long a register keeps events that decide nothing any more; without it for ever.
    pub retention: Option<Days>,
    /// By when a request of a person must be answered.
    pub answer_within: Option<Days>,
}

impl ConsentTable {
    /// Whether a file must have a column: the table needs it, and no constant or word of another column supplies it.
    #[must_use]
    pub fn requires(&self, column: &str) -> bool {
        REQUIRED.contains(&column) && !self.statements.supplies(column)
    }
}

impl ConsentTable {
    /// The cells in the order of [`COLUMNS`] with times that need no zone; a time that cannot be read stays as it is.
    #[must_use]
    pub fn zoned(&self, mut cells: [Option<String>; COLUMNS.len()]) -> [Option<String>; COLUMNS.len()] {
        let [_, _, at, shown_at, valid_to, ..] = &mut cells;
        for time in [at, shown_at, valid_to].into_iter().flatten() {
            if let Ok(Cow::Owned(text)) = zoned(time, self.timezone.as_ref()) {
                *time = text;
            }
        }
        cells
    }

    /// The cells of the three instants of a row as the consent table has them: `at`, `shown_at`, `valid_to`, as [`ConsentTable::zoned`]
    /// and [`ConsentTable::rows`] make them.
    #[must_use]
    pub fn times<'a>(&self, cells: [Option<Cow<'a, str>>; 3]) -> [Option<Cow<'a, str>>; 3] {
        let read = |cell: Cow<'a, str>| {
            let other = match zoned(&cell, self.timezone.as_ref()) {
                Ok(Cow::Owned(text)) => Some(text),
                _ => None,
            };
            other.map_or(cell, Cow::Owned)
        };
        let [at, shown_at, valid_to] = cells.map(|cell| cell.map(read));
        // The notice is shown when the consent is given, so no later.
        let shown_at = if self.statements.shown_at_is_at() {
            at.as_deref().map(start).map(Cow::Owned)
        } else {
            shown_at
        };
        [at, shown_at, valid_to]
    }

    /// The rows of the consent table that one row of a file means, all cells in the order of [`COLUMNS`].
    #[must_use]
    pub fn rows(&self, cells: [Option<String>; COLUMNS.len()]) -> Vec<[Option<String>; COLUMNS.len()]> {
        let mut who_and_when: Vec<Option<String>> = cells.into();
        let statements = who_and_when.split_off(COLUMNS.len() - STATEMENT_COLUMNS);
        let mut all = statements.into_iter();
        let statements = std::array::from_fn(|_| all.next().flatten().map(Cow::Owned));
        if let [_, ids, at, shown_at, ..] = who_and_when.as_mut_slice() {
            *ids = ids.take().or_else(|| self.namespace.clone());
            if self.statements.shown_at_is_at() {
                // The notice is shown when the consent is given, so no later.
                *shown_at = at.as_deref().map(start);
            }
        }
        let row = |statements: Statements<'_>| {
            let mut cells =
                who_and_when.iter().cloned().chain(statements.map(|cell| cell.map(Cow::into_owned)));
            std::array::from_fn(|_| cells.next().flatten())
        };
        self.statements.rows(statements).into_iter().map(row).collect()
    }
}
