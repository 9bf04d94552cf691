//! Consent tables as text: a header of column names, then a row a line, cells between commas.

use super::reference::{Event, demands, fold_keeps_the_rule};

/// People beyond it are the same person again, so that rows meet.
const PEOPLE: u32 = 4;
/// The rule is slow; a longer table tells nothing new.
const ROWS: usize = 64;

fn events(text: &str) -> Vec<Event> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split(',').map(str::trim).collect();
    let event = |line: &str| {
        let cells = header.iter().zip(line.split(','));
        let cells = cells.map(|(column, cell)| ((*column).to_owned(), cell.trim().to_owned()));
        let mut event = Event { person: 0, cells: cells.collect() };
        event.person = event.cells.remove("person")?.parse::<u32>().ok()? % PEOPLE;
        Some(event)
    };
    lines.filter_map(event).take(ROWS).collect()
}

/// Folding never lets in whom the slow rule keeps out, in any order. The error says that nobody is in.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let demands = demands().ok_or("the demands cannot be made")?;
    let events = events(text);
    let nobody = fold_keeps_the_rule(&events, &[], PEOPLE);
    assert_eq!(nobody, 0, "without a demand nobody is in");
    let first = demands.get(..1).unwrap_or(&[]);
    let in_for_one = fold_keeps_the_rule(&events, first, PEOPLE);
    let in_for_all = fold_keeps_the_rule(&events, &demands, PEOPLE);
    assert!(in_for_all <= in_for_one, "one more demand lets somebody in");
    if in_for_one > 0 { Ok(()) } else { Err("nobody is in".into()) }
}
