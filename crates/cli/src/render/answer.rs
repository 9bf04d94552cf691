//! An answer as a person reads it in a terminal.

use comfy_table::ContentArrangement;

use super::table::{right, short, shown, table, titled, units};
use crate::lang::{list, text};
use hushtag::dp::Accounting;
use hushtag::release::{Cell, NoisySelection, OutputColumn, Released, Row};
use hushtag::types::Decimal;

/// An answer as a table, in the order of its select list, with its cost and place in the log.
#[must_use]
pub(crate) fn answer_table(released: &Released, accounting: Accounting) -> String {
    let group = released.rows.first().map_or(&[][..], |row| &row.group);
    let order = released.shown_order();
    let mut header: Vec<String> = Vec::new();
    let mut numbers = Vec::new();
    for column in &order {
        match column {
            OutputColumn::Tag(place) => header.extend(group.get(*place).map(|(tag, _)| tag.clone())),
            OutputColumn::Number(place) => {
                let Some(name) = released.columns.get(*place) else { continue };
                numbers.extend(header.len()..header.len() + WIDTH);
                let interval = text!("answer.interval", percent = released.confidence.percent());
                header.extend([
                    titled(name, released.denominations.get(name)),
                    interval,
                    text!("answer.error"),
                ]);
            }
        }
    }
    let mut table = table(header);
    // A number is never broken over two lines, however many columns there are.
    table.set_content_arrangement(ContentArrangement::Disabled);
    for row in &released.rows {
        table.add_row(line(released, row, &order));
    }
    right(&mut table, numbers);
    let (reach, entry, noise) = (reach(released.reach), released.index, text!("note.noise"));
    let mut text = text!("answer.table", table, paid = paid(released, accounting), reach, entry, noise);
    for note in notes(released) {
        text.push_str(&note);
        text.push('\n');
    }
    text
}

/// How many columns a number takes.
const WIDTH: usize = 3;

fn line(released: &Released, row: &Row, order: &[OutputColumn]) -> Vec<String> {
    let mut few = row.suppressed.then(|| text!("answer.few"));
    let cells = order.iter().flat_map(|column| match column {
        OutputColumn::Tag(place) => {
            vec![row.group.get(*place).map(|(_, label)| label.clone()).unwrap_or_default()]
        }
        OutputColumn::Number(place) => match row.cells.get(*place) {
            Some(cell) => number(released, cell).to_vec(),
            None => vec![few.take().unwrap_or_default(), String::new(), String::new()],
        },
    });
    cells.collect()
}

/// A number with the unbiased one where it differs, its interval and its relative error.
fn number(released: &Released, cell: &Cell) -> [String; WIDTH] {
    let shown = |value| shown(value, released.denominations.get(&cell.name));
    let mut estimate = cell.estimate.map_or_else(|| text!("answer.unknown"), shown);
    if let Some(unbiased) = cell.unbiased.filter(|_| cell.is_limited()) {
        estimate.push_str(&text!("answer.unbiased", number = shown(unbiased)));
    }
    let error = cell.relative_error.map(whole_percent);
    let mark = cell.is_uncertain().then(|| "!".to_owned());
    let error: Vec<String> = error.into_iter().chain(mark).collect();
    let outside = if cell.is_outside() { " *" } else { "" };
    let interval = text!("answer.ends", low = shown(cell.low), high = shown(cell.high));
    [estimate, format!("{interval}{outside}"), error.join(" ")]
}

/// A relative error in whole percent, rounded up; beyond ten times the number no digit of it means anything.
fn whole_percent(percent: Decimal) -> String {
    const MOST: i128 = 1_000;
    match percent.thousandths().saturating_add(999) / 1_000 {
        percent if percent > MOST => format!("> {} %", units(MOST.unsigned_abs())),
        percent => format!("{percent} %"),
    }
}

fn paid(released: &Released, accounting: Accounting) -> String {
    if released.stored {
        return text!("answer.stored");
    }
    let (amount, unit) = (released.units, accounting.unit());
    text!("answer.charged", epsilon = short(amount, accounting), amount = units(amount), unit)
}

fn reach(people: u32) -> String {
    match people {
        1 => text!("answer.reach_own"),
        people => text!("answer.reach", people),
    }
}

/// What a reader has to know of rows that were selected by noisy numbers, if they were.
pub(crate) fn selection_text(released: &Released) -> Option<String> {
    let by = released.selected_on.iter().map(|selection| match selection {
        NoisySelection::MinPeople => text!("note.by_min_people"),
        NoisySelection::Having => text!("note.by_having"),
        NoisySelection::Limit => text!("note.by_limit"),
    });
    let (by, percent) = (list(by), released.confidence.percent());
    (!by.is_empty()).then(|| text!("note.selected", by, percent))
}

/// What a reader of these rows has to know besides the note on noise.
fn notes(released: &Released) -> Vec<String> {
    let cells = || released.rows.iter().flat_map(|row| &row.cells);
    let suppressed = released.rows.iter().any(|row| row.suppressed);
    let notes = [
        suppressed.then(|| text!("note.few")),
        cells().any(Cell::is_limited).then(|| text!("note.unbiased")),
        cells().any(Cell::is_uncertain).then(|| text!("note.uncertain")),
        cells().any(Cell::is_outside).then(|| text!("note.outside")),
        selection_text(released),
    ];
    notes.into_iter().flatten().collect()
}
