//! Repeat and average: another spelling of a question is the same question, so it has the same noise and costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hushtag::operator::Answer;
use hushtag::query::{Query, tag};
use hushtag::release::Released;
use hushtag::types::Decimal;

use super::world::{ask, attacker, known_people, sandbox, spent, variance};
use crate::support;

/// Ways to say what is shown; each has a number called `total`.
const SELECTS: [&str; 5] = [
    "SELECT region, COUNT(*), SUM(spend) AS total FROM tags",
    "select SUM(Spend) AS Total, region, count( * ) AS n from TAGS",
    "SELECT COUNT(*) AS people, region AS home, AVG(spend) AS total, SUM(spend) FROM tags",
    "SELECT AVG(spend) AS total FROM tags",
    "SELECT SUM(spend) AS once, SUM(spend) AS total, COUNT(spend) FROM tags",
];
/// Ways to say who is counted.
const FILTERS: [&str; 8] = [
    "spend_tier <> 'none' AND list_size = 'short'",
    "list_size <> 'long' AND NOT spend_tier = 'none'",
    "spend_tier IN ('high', 'low', 'mid') AND list_size IN ('short')",
    "spend_tier NOT IN ('none') AND NOT (list_size = 'long')",
    "NOT (SPEND_TIER = 'none' OR list_size = 'long')",
    "(spend_tier = 'low' OR spend_tier = 'mid' OR spend_tier = 'high') AND list_size = 'short'",
    "((list_size = 'short')) AND spend_tier <> 'none' AND list_size = 'short' AND spend_tier <> 'none'",
    "list_size = 'short' AND (spend_tier IN ('low', 'mid') OR NOT spend_tier IN ('none', 'low'))",
];
/// Ways to say how it is shown, and at the price that the study gives anyway.
const TAILS: [&str; 7] = [
    "",
    " -- once more\n;",
    " WITH (confidence = 0.5)",
    " WITH (error = 20, error(spend) = 2000000, confidence = 0.999)",
    " HAVING NOT total > 100000000",
    " ORDER BY total DESC, total",
    " ORDER BY total LIMIT 2 WITH (error(spend) = 2000000)",
];

/// The numbers of every group as they left.
fn by_region(answer: &Released) -> BTreeMap<String, Vec<i128>> {
    let numbers = |row: &hushtag::release::Row| row.cells.iter().filter_map(|cell| cell.noisy).collect();
    answer.rows.iter().map(|row| (row.group[0].1.clone(), numbers(row))).collect()
}

#[test]
fn another_spelling_gives_the_stored_answer_for_nothing() {
    let (operator, image) = sandbox(&known_people(60, 20), "4");
    let analyst = attacker(&operator);
    let spelled =
        |select: &str, filter: &str, tail: &str| format!("{select} WHERE {filter} GROUP BY region{tail}");
    let first = ask(&analyst, &spelled(SELECTS[0], FILTERS[0], TAILS[0]));
    assert!(!first.stored);
    let (truth, paid) = (by_region(&first), spent(&analyst));
    let mut draws: BTreeSet<(String, i128)> = BTreeSet::new();
    let mut askings = 0;
    for select in SELECTS {
        for filter in FILTERS {
            for tail in TAILS {
                let question = spelled(select, filter, tail);
                let again = ask(&analyst, &question);
                assert!(again.stored && again.index == first.index, "{question}");
                assert_eq!((again.units, again.budget.spent), (first.units, paid), "{question}");
                for row in &again.rows {
                    let numbers = &truth[&row.group[0].1];
                    for cell in &row.cells {
                        // An average is computed from both, and is held inside the clamp.
                        let mean = Decimal::of_fraction(numbers[1], numbers[0]);
                        let mean = mean.map(|mean| mean.clamp(0.into(), 100_000.into()));
                        let shown = cell.noisy.is_none_or(|number| numbers.contains(&number));
                        let computed =
                            cell.noisy.is_some() || cell.estimate.is_none() || cell.estimate == mean;
                        assert!(shown && computed, "{question}: {cell:?}");
                    }
                    let seen = row.cells.iter().filter_map(|cell| cell.noisy);
                    draws.extend(seen.map(|number| (row.group[0].1.clone(), number)));
                }
                askings += 1;
            }
        }
    }
    let built = Query::count()
        .and_sum("spend")
        .by("region")
        .filter(tag("list_size").is("short").and(tag("spend_tier").is_not("none")));
    let Answer::Released(built) = analyst.ask_query(&built, None).unwrap() else { panic!("it is stored") };
    assert!(built.stored && by_region(&built) == truth);
    drop((analyst, operator));
    let reopened = support::open(Arc::new(image)).unwrap();
    let again = ask(&attacker(&reopened), &spelled(SELECTS[1], FILTERS[7], TAILS[0]));
    assert!(again.stored && again.budget.spent == paid, "a stop of the process makes nothing new");
    println!(
        "repeat and average: {askings} askings of one question, {} different numbers for its 10 (bound 10), \
         charged {paid} nano-rho once (bound {})",
        draws.len(),
        first.units
    );
    assert!(askings >= 100 && draws.len() <= 10 && paid == first.units);
}

#[test]
fn every_quantile_comes_from_one_histogram() {
    let (operator, _) = sandbox(&known_people(60, 20), "4");
    let analyst = attacker(&operator);
    let first = ask(&analyst, "SELECT HISTOGRAM(spend) FROM tags WITH (error = 20)");
    let (truth, paid) = (super::world::numbers(&first), spent(&analyst));
    for level in 1..=99 {
        let question = format!("SELECT QUANTILE(spend, 0.{level:02}) AS level, MEDIAN(spend) FROM tags");
        let again = ask(&analyst, &question);
        assert!(again.stored && again.index == first.index && again.budget.spent == paid, "{question}");
    }
    let again = ask(&analyst, "SELECT HISTOGRAM(spend) AS h FROM tags WITH (confidence = 0.9)");
    assert_eq!(super::world::numbers(&again), truth);
    println!(
        "quantile levels: 99 levels and a histogram from 1 draw of {} cells, sigma^2 {} (bound: one draw)",
        truth.len(),
        variance(&again)
    );
}
