//! An answer as a person reads it in a terminal.

use comfy_table::ContentArrangement;

use super::table::{right, short, shown, table, titled, units};
use hushtag::dp::Accounting;
use hushtag::release::{Cell, Released, Row};
use hushtag::report::{NOISE_NOTE, OUTSIDE_NOTE, UNBIASED_NOTE, UNCERTAIN_NOTE, selection_note};
use hushtag::types::Decimal;

/// An answer as a table with its price and place in the log.
#[must_use]
pub(crate) fn answer_table(released: &Released, accounting: Accounting) -> String {
    let group = released.rows.first().map_or(&[][..], |row| &row.group);
    let mut header: Vec<String> = group.iter().map(|(tag, _)| tag.clone()).collect();
    let interval = format!("{} % interval", released.confidence.percent());
    let title = |name: &String| titled(name, released.denominations.get(name));
    header.extend(released.columns.iter().flat_map(|name| [title(name), interval.clone(), "error".into()]));
    let mut table = table(header);
    // A number is never broken over two lines, however many columns there are.
    table.set_content_arrangement(ContentArrangement::Disabled);
    for row in &released.rows {
        table.add_row(line(released, row));
    }
    right(&mut table, group.len());
    let (index, paid) = (released.index, paid(released, accounting));
    let mut text = format!("{table}\n{paid}; {}; log entry {index}\n{NOISE_NOTE}\n", reach(released.reach));
    for note in notes(released) {
        text.push_str(&note);
        text.push('\n');
    }
    text
}

fn line(released: &Released, row: &Row) -> Vec<String> {
    let mut cells: Vec<String> = row.group.iter().map(|(_, label)| label.clone()).collect();
    if row.suppressed {
        cells.push("(few)".to_owned());
    }
    cells.extend(row.cells.iter().flat_map(|cell| number(released, cell)));
    cells
}

/// A number with the unbiased one where it differs, its interval and its relative error.
fn number(released: &Released, cell: &Cell) -> [String; 3] {
    let shown = |value| shown(value, released.denominations.get(&cell.name));
    let mut estimate = cell.estimate.map_or_else(|| "unknown".to_owned(), shown);
    if let Some(unbiased) = cell.unbiased.filter(|_| cell.is_limited()) {
        estimate.push_str(&format!(" (unbiased {})", shown(unbiased)));
    }
    let error = cell.relative_error.map(whole_percent);
    let mark = cell.is_uncertain().then(|| "!".to_owned());
    let error: Vec<String> = error.into_iter().chain(mark).collect();
    let outside = if cell.is_outside() { " *" } else { "" };
    [estimate, format!("{} to {}{outside}", shown(cell.low), shown(cell.high)), error.join(" ")]
}

/// A relative error in whole percent, rounded up; beyond ten times the number it says nothing more.
fn whole_percent(percent: Decimal) -> String {
    const MOST: i128 = 1_000;
    match percent.thousandths().saturating_add(999) / 1_000 {
        percent if percent > MOST => format!("> {} %", units(MOST.unsigned_abs())),
        percent => format!("{percent} %"),
    }
}

fn paid(released: &Released, accounting: Accounting) -> String {
    if released.stored {
        return "stored answer: nothing charged, no new noise".to_owned();
    }
    let (amount, unit) = (released.units, accounting.unit());
    format!("charged epsilon {} ({} {unit})", short(amount, accounting), units(amount))
}

fn reach(people: u32) -> String {
    match people {
        1 => "no one moves anyone else's tags".to_owned(),
        people => format!("one person moves the tags of at most {people}, their own included"),
    }
}

const FEW_NOTE: &str = "(few): the noisy count is below the study's minimum; a courtesy, not a guarantee";

/// What a reader of these rows has to know besides [`NOISE_NOTE`].
fn notes(released: &Released) -> Vec<String> {
    let cells = || released.rows.iter().flat_map(|row| &row.cells);
    let suppressed = released.rows.iter().any(|row| row.suppressed);
    let notes = [
        suppressed.then(|| FEW_NOTE.to_owned()),
        cells().any(Cell::is_limited).then(|| UNBIASED_NOTE.to_owned()),
        cells().any(Cell::is_uncertain).then(|| UNCERTAIN_NOTE.to_owned()),
        cells().any(Cell::is_outside).then(|| OUTSIDE_NOTE.to_owned()),
        selection_note(released),
    ];
    notes.into_iter().flatten().collect()
}
