//! The consent events of one person in a file of their own, for explaining their consent status. Nothing here meets a sandbox.

use std::collections::BTreeMap;
use std::path::Path;

use super::events::Events;
use crate::consent::{Account, AgeFact, COLUMNS, ConsentTable, Demand, Row, account};
use crate::engine::error::EngineError;
use crate::engine::read::{Input, OpenTerms, Use, Wanted, open};
use crate::types::Timestamp;

/// The most rows that one person's file may have.
const MOST_ROWS: usize = 100_000;

/// All consent events of one person. It has no `Debug`: it belongs to the person.
pub struct PersonFile {
    rows: Vec<BTreeMap<&'static str, String>>,
}

impl PersonFile {
    /// Reads a file as the study declares consent tables; the column of the person may be absent, and may not name two people.
    ///
    /// # Errors
    /// [`EngineError`] when it cannot be read, is of two people, or has more than 100,000 rows.
    pub fn read(path: &Path, written: &ConsentTable) -> Result<Self, EngineError> {
        let used = Use::Consent { columns: &written.columns, required: false };
        let wanted = COLUMNS.map(|column| Wanted { column, used });
        let terms = OpenTerms { csv: &written.csv, ..OpenTerms::new(&wanted) };
        let mut table = open(Input::Path(path.to_owned()), terms)?;
        let (mut rows, mut person) = (Vec::new(), None);
        while let Some(batch) = table.next_batch()? {
            let events = Events::new(&table, &batch, written.timezone.as_ref())?;
            for row in 0..batch.num_rows() {
                let cells = events.cells(row);
                let [id, ..] = &cells;
                if person.get_or_insert_with(|| id.clone()) != id {
                    return Err(EngineError::SeveralPeople { file: table.name.clone() });
                }
                for cells in written.rows(written.zoned(cells)) {
                    let cells = COLUMNS.into_iter().zip(cells).skip(1);
                    rows.push(cells.filter_map(|(name, text)| Some((name, text?))).collect());
                }
            }
            if rows.len() > MOST_ROWS {
                return Err(EngineError::LongPersonFile { file: table.name.clone() });
            }
        }
        Ok(Self { rows })
    }

    /// The consent status under a demand at `as_of`.
    #[must_use]
    pub fn account(&self, demand: &Demand, as_of: Timestamp, age: AgeFact) -> Vec<Account> {
        let row = |cells| Row::from_cells(|column| cell(cells, column));
        let rows: Vec<Row<'_>> = self.rows.iter().map(row).collect();
        account(demand, &rows, as_of, age)
    }
}

fn cell<'a>(cells: &'a BTreeMap<&'static str, String>, column: &str) -> Option<&'a str> {
    cells.get(column).map(String::as_str)
}
