//! Promise 1: no consent, no trace. On random events the fold lets in exactly those whom a slow rule, written
//! separately from the description of the table, lets in; in any order of events.
#![cfg(test)]

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[path = "../fuzz/properties/reference.rs"]
mod reference;

use reference::{Event, demands, fold_keeps_the_rule};

const CASES: u32 = 4_000;
const PEOPLE: u32 = 3;

/// Times around as-of, around the end of a 90-day retention, and some that cannot be read.
const TIMES: [&str; 12] = [
    "2026-07-02T23:59:59Z",
    "2026-07-03T00:00:00Z",
    "2026-07-03T00:00:01Z",
    "2026-09-01T00:00:09Z",
    "2026-09-01T00:00:10Z",
    "2026-09-01T08:00:11+08:00",
    "2026-09-30T23:59:59Z",
    "2026-10-01T00:00:00Z",
    "2026-10-01T00:00:01Z",
    "2026-09-01T00:00:10",
    "yesterday",
    "",
];

/// Every column with a clean value first, then what else may stand in it.
fn columns() -> Vec<(&'static str, Vec<&'static str>)> {
    let flags = |clean, other| vec![clean, other, "", "maybe"];
    vec![
        ("handler", vec!["platform", "LEGAL-A", "somebody", ""]),
        ("kind", vec!["separate", "written", "ordinary", "", "special"]),
        ("purpose", vec!["measurement", "ads", ""]),
        ("recipient", vec!["LEGAL-C", "brand-insights", ""]),
        (
            "categories",
            vec!["payment-record|profile", "profile | payment-record|x", "payment-record", "profile", ""],
        ),
        ("methods", vec!["aggregate", "join|aggregate", "join", ""]),
        ("notice", vec!["N-1", "N-2", ""]),
        ("notice_version", vec!["3", "2", "", "three", "-3"]),
        ("shown_at", [&["2026-07-01T00:00:00Z"], &TIMES[..]].concat()),
        ("valid_to", [&[""], &TIMES[..]].concat()),
        ("giver", vec!["self", "guardian", "", "friend"]),
        ("own_step", flags("true", "false")),
        ("pre_ticked", flags("false", "1")),
        ("bundle_size", vec!["1", "2", "", "one"]),
        ("service_gate", flags("0", "true")),
        ("service_necessary", flags("", "true")),
    ]
}

/// Mostly readable consents: each column but the first four is clean unless one of at most two slips hits it.
fn event() -> impl Strategy<Value = Event> {
    let columns = columns();
    let slips = prop::collection::vec((0..columns.len(), any::<prop::sample::Index>()), 0..=2);
    let words = prop_oneof![
        12 => Just("given"),
        4 => prop::sample::select(vec!["refused", "withdrawn", "revoked"]),
        5 => prop::sample::select(vec!["objected", "restricted", "hold", "lifted", "lifted", "lifted"]),
        1 => prop::sample::select(vec!["deceased", "agreed", ""]),
    ];
    let triggers = prop_oneof![
        20 => prop::sample::select(vec!["SC23", "SC29"]),
        1 => prop::sample::select(vec!["SC25", "SC99", ""]),
    ];
    let times = prop_oneof![30 => prop::sample::select(&TIMES[..9]), 1 => prop::sample::select(&TIMES[9..])];
    (0..PEOPLE, words, triggers, times, slips).prop_map(move |(person, event, trigger, at, slips)| {
        let mut cells: BTreeMap<&str, &str> =
            columns.iter().map(|(column, words)| (*column, words[0])).collect();
        for (column, pick) in slips {
            let (column, words) = &columns[column];
            cells.insert(column, words[pick.index(words.len())]);
        }
        cells.extend([("event", event), ("trigger", trigger), ("at", at)]);
        let cells = cells.into_iter().map(|(column, cell)| (column.to_owned(), cell.to_owned()));
        Event { person, cells: cells.collect() }
    })
}

#[test]
fn the_fold_lets_in_exactly_whom_the_rule_lets_in() {
    let demands = demands().unwrap();
    let (inside, cases) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let events = prop::collection::vec(event(), 0..16);
    let outcome = TestRunner::new(config).run(&events, |events| {
        for demanded in [&demands[..1], &demands[..]] {
            inside.set(inside.get() + fold_keeps_the_rule(&events, demanded, PEOPLE));
            cases.set(cases.get() + PEOPLE as usize);
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    // Random events of whom nobody, or everybody, is in would agree with any fold.
    let (inside, cases) = (inside.get(), cases.get());
    assert!(inside * 20 > cases && inside * 2 < cases, "{inside} of {cases} are in: the events say little");
}
