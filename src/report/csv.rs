//! An answer as CSV: one line a group, five columns a number, in the order of the select list.

use std::collections::BTreeSet;

use crate::release::{Cell, OutputColumn, Released};
use crate::types::Decimal;

/// Quotes a cell where RFC 4180 asks for it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// What the columns of one number are called after its name: the number to read, its interval, the number before it was limited to
/// what is possible, and half the width of the interval in percent of the number.
const COLUMNS: [&str; 5] = ["", "_low", "_high", "_unbiased", "_error_percent"];

impl Released {
    /// An answer as CSV (RFC 4180); suppressed and undefined numbers are empty, amounts of a declared unit are in major units. Where a query
    /// names an output as one of the further columns would be called, such as `p_low`, the further column is `p_low_`.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let tags =
            self.rows.first().map(|row| row.group.iter().map(|(tag, _)| tag.clone()).collect::<Vec<_>>());
        let names = &self.columns;
        // An amount is named by what it is counted in.
        let counted = |name: &String| {
            self.denominations.get(name).map_or_else(|| name.clone(), |unit| format!("{name}_{unit}"))
        };
        let tags = tags.unwrap_or_default();
        let mut taken: BTreeSet<String> = tags.iter().cloned().chain(names.iter().map(counted)).collect();
        let mut free = |mut name: String| {
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            name
        };
        let numbers: Vec<[String; COLUMNS.len()]> = names
            .iter()
            .map(counted)
            .map(|name| {
                COLUMNS.map(|end| if end.is_empty() { name.clone() } else { free(format!("{name}{end}")) })
            })
            .collect();
        let suppressed = free("suppressed".to_owned());
        let order = self.shown_order();
        let header = order.iter().flat_map(|column| match column {
            OutputColumn::Tag(place) => tags.get(*place).cloned().into_iter().collect::<Vec<_>>(),
            OutputColumn::Number(place) => numbers.get(*place).map_or_else(Vec::new, |names| names.to_vec()),
        });
        let header: Vec<String> = header.chain([suppressed]).map(|cell| quoted(&cell)).collect();
        let mut lines = vec![header.join(",")];
        for row in &self.rows {
            let cells = order.iter().flat_map(|column| match column {
                OutputColumn::Tag(place) => {
                    row.group.get(*place).map(|(_, label)| quoted(label)).into_iter().collect()
                }
                OutputColumn::Number(place) => row
                    .cells
                    .get(*place)
                    .map_or_else(|| vec![String::new(); COLUMNS.len()], |cell| number(self, cell).to_vec()),
            });
            lines.push(cells.chain([row.suppressed.to_string()]).collect::<Vec<_>>().join(","));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// The columns of one number.
fn number(released: &Released, cell: &Cell) -> [String; COLUMNS.len()] {
    let unit = released.denominations.get(&cell.name);
    let shown = |number: Decimal| unit.map_or_else(|| number.to_string(), |unit| unit.major(number));
    let [estimate, low, high, unbiased] = [cell.estimate, Some(cell.low), Some(cell.high), cell.unbiased]
        .map(|number| number.map_or_else(String::new, shown));
    let error = cell.relative_error.map_or_else(String::new, |percent| percent.to_string());
    [estimate, low, high, unbiased, error]
}
