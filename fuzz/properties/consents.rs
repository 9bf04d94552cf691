//! Consent tables as text: a header of column names, then a row a line, cells between commas.

use hushtag::consent::{Admits, Ages, Demand};

use super::events::{Event, demands};
use super::reference::{Born, fold_keeps_the_rule};

/// People beyond it are the same person again, so that rows meet.
const PEOPLE: u32 = 4;
/// Their ages, where ages are read: one who may turn 14 this year, a child, an adult, and one of unknown age.
const BORN: [Born; PEOPLE as usize] = [Born::Year(2011), Born::Band("<14"), Born::Year(1990), Born::Unknown];
/// The rule is slow; a longer table shows nothing new.
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

/// Folding never lets in whom the slow rule keeps out, in any order. The error says that no one is in.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let demands = demands().ok_or("the demands cannot be made")?;
    let events = events(text);
    let demand = |count| Demand {
        requirements: demands.iter().take(count).cloned().collect(),
        ages: Ages::DeclaredAdults,
    };
    let in_without_demand = fold_keeps_the_rule(&events, &BORN, &demand(0));
    assert_eq!(in_without_demand, 0, "without a demand no one is in");
    let in_for_one = fold_keeps_the_rule(&events, &BORN, &demand(1));
    let in_for_all = fold_keeps_the_rule(&events, &BORN, &demand(2));
    assert!(in_for_all <= in_for_one, "one more demand lets somebody in");
    let ages = |all| {
        let admits = Admits { children: all, minors: all };
        Demand { ages: Ages::Read { child_below: 14, adult_from: 18, admits }, ..demand(1) }
    };
    let in_of_adults = fold_keeps_the_rule(&events, &BORN, &ages(false));
    let in_of_all_ages = fold_keeps_the_rule(&events, &BORN, &ages(true));
    assert!(in_of_adults <= in_of_all_ages && in_of_adults <= in_for_one, "a narrower age lets somebody in");
    if in_for_one > 0 { Ok(()) } else { Err("no one is in".into()) }
}
