//! The consent events of one person in a file of her own, for explaining how she stands. Nothing here meets a sandbox.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::EngineError;
use super::read::{Column, Input, Use, Wanted, open};
use crate::consent::{Account, AgeFact, COLUMNS, ConsentColumns, Demand, Row, account};
use crate::types::Timestamp;

/// The most rows that one person's file may have.
const MOST_ROWS: usize = 100_000;

/// All consent events of one person. It has no `Debug`: it is hers.
pub struct PersonFile {
    rows: Vec<BTreeMap<&'static str, String>>,
}

impl PersonFile {
    /// Reads a file with the columns of the consent table; the column `person` may be absent, and may not name two people.
    ///
    /// # Errors
    /// [`EngineError`] when it cannot be read, is of two people, or has more than 100,000 rows.
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let columns = ConsentColumns::default();
        let used = Use::Consent { columns: &columns, required: false };
        let wanted = COLUMNS.map(|column| Wanted { column, used });
        let mut table = open(Input::Path(path.to_owned()), &wanted)?;
        let present: Vec<&'static str> = COLUMNS
            .iter()
            .zip(&table.present)
            .filter(|(_, present)| **present)
            .map(|(name, _)| *name)
            .collect();
        let (mut rows, mut person) = (Vec::new(), None);
        while let Some(batch) = table.next_batch()? {
            let mut columns = Vec::new();
            for (name, array) in present.iter().zip(batch.columns()) {
                let column = match *name {
                    "person" => Column::ids(&table.name, name, array, false)?,
                    _ => Column::texts(&table.name, name, array)?,
                };
                columns.push((*name, column));
            }
            for row in 0..batch.num_rows() {
                let mut cells = BTreeMap::new();
                for (name, column) in &columns {
                    if *name != "person" {
                        cells.extend(column.text(row).map(|text| (*name, text.to_owned())));
                        continue;
                    }
                    let id = column.id(row).and_then(|id| id.text().map(Cow::into_owned));
                    if person.get_or_insert_with(|| id.clone()) != &id {
                        return Err(EngineError::SeveralPeople { file: table.name.clone() });
                    }
                }
                rows.push(cells);
            }
            if rows.len() > MOST_ROWS {
                return Err(EngineError::LongPersonFile { file: table.name.clone() });
            }
        }
        Ok(Self { rows })
    }

    /// How she stands under a demand at `as_of`.
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
