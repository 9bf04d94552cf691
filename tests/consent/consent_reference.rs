//! Promise 1: no consent, no trace. On random events the fold lets in exactly those whom a slow rule, written
//! separately from the description of the table, lets in; in any order of events.

use std::cell::Cell;
use std::collections::BTreeMap;

use hushtag::consent::{Admits, Ages, Check, ConsentKind, Demand};
use hushtag::types::Days;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;

#[path = "../../fuzz/properties/events.rs"]
mod events;
#[path = "../../fuzz/properties/reference.rs"]
mod reference;

use events::{Event, demands};
use reference::{Born, fold_keeps_the_rule};

const CASES: u32 = 4_000;
const PEOPLE: u32 = 3;

/// Times around as-of, around the end of a 90-day retention, 30 days before a usual consent, around a change of year,
/// and some that cannot be read or cannot be the time of an event.
const TIMES: [&str; 20] = [
    "2026-07-02T23:59:59Z",
    "2026-07-03T00:00:00Z",
    "2026-07-03T00:00:01Z",
    "2026-08-02T00:00:09Z",
    "2026-08-02T00:00:10Z",
    "2026-08-02T00:00:11Z",
    "2026-09-01T00:00:09Z",
    "2026-09-01T00:00:10Z",
    "2026-09-01T08:00:11+08:00",
    "2026-09-30T23:59:59Z",
    "2026-10-01T00:00:00Z",
    "2026-10-01T00:00:01Z",
    "2025-12-31T23:59:59Z",
    "2026-01-01T00:00:00Z",
    "2026-09-01T00:00:10",
    "yesterday",
    "",
    "1970-01-01T23:59:59Z",
    "2106-02-07T06:28:15Z",
    "2106-02-07T06:28:16Z",
];
const READABLE: usize = 14;

/// Ages around the thresholds as of 2026, in every spelling, and none.
const BORN: [Born; 17] = [
    Born::Year(1990),
    Born::Band("18+"),
    Born::Year(2007),
    Born::Year(2008),
    Born::Band("14-17"),
    Born::Year(2011),
    Born::Year(2012),
    Born::Band("<14"),
    Born::Year(2026),
    Born::Year(2027),
    Born::Year(1896),
    Born::Year(1895),
    Born::Year(-1),
    Born::Year(70_000),
    Born::Band("<18"),
    Born::Band("adult"),
    Born::Unknown,
];

/// Every column with a clean value first, then what else may be in it.
fn columns() -> Vec<(&'static str, Vec<&'static str>)> {
    let flags = |clean, other| vec![clean, other, "", "maybe", "Yes", "N"];
    vec![
        ("handler", vec!["platform", "LEGAL-A", "legal_a", "somebody", ""]),
        ("kind", vec!["separate", "written", "Separate ", "ordinary", "", "special"]),
        ("purpose", vec!["measurement", " Measurement", "ads", ""]),
        ("recipient", vec!["LEGAL-C", "LEGAL-B", "legal-c ", "brand-insights", ""]),
        (
            "categories",
            vec![
                "payment-record|profile",
                "profile | payment-record|x",
                "Payment_Record;PROFILE",
                "payment-record",
                "profile",
                "income",
                "income|x",
                "",
            ],
        ),
        ("methods", vec!["aggregate", "join|aggregate", "join", ""]),
        ("notice", vec!["N-1", "N-2", ""]),
        ("notice_version", vec!["3", "2", "4", "1", "", "three", "-3"]),
        ("shown_at", [&["2025-07-01T00:00:00Z"], &TIMES[..]].concat()),
        ("valid_to", [&[""], &TIMES[..]].concat()),
        ("giver", vec!["self", "guardian", "SELF", "", "friend"]),
        ("own_step", flags("true", "false")),
        ("pre_ticked", flags("false", "1")),
        ("bundle_size", vec!["1", "2", "", "one"]),
        ("service_gate", flags("0", "true")),
        ("service_necessary", flags("", "true")),
    ]
}

const BLOCKS: [&str; 4] = ["objected", "restricted", "hold", "lifted"];

/// Mostly readable consents: each column is clean unless one of at most two slips hits it. Blocks and their ends often
/// leave out what they are about.
fn event() -> impl Strategy<Value = Event> {
    let columns = columns();
    let slip = (0..columns.len(), any::<prop::sample::Index>());
    let count = prop_oneof![3 => Just(0..=0), 2 => Just(1..=1), 1 => Just(2..=2)];
    let slips = count.prop_flat_map(move |count| prop::collection::vec(slip.clone(), count));
    let words = prop_oneof![
        30 => Just("given"),
        8 => select(vec!["refused", "withdrawn", "revoked"]),
        9 => select(vec!["objected", "restricted", "hold", "lifted", "lifted", "lifted"]),
        1 => select(vec!["deceased", "agreed", ""]),
    ];
    let triggers = prop_oneof![
        40 => select(vec!["SC23", "SC23", "SC29"]),
        1 => select(vec!["SC25", "SC99", ""]),
    ];
    let times = prop_oneof![50 => select(&TIMES[..READABLE]), 1 => select(&TIMES[READABLE..])];
    let scope = prop_oneof![2 => Just(0b000), 2 => Just(0b111), 1 => 0..8u8];
    let guardian = prop::bool::weighted(0.15);
    (0..PEOPLE, words, triggers, times, slips, scope, guardian).prop_map(
        move |(person, event, trigger, at, slips, scope, guardian)| {
            let mut cells: BTreeMap<&str, &str> =
                columns.iter().map(|(column, words)| (*column, words[0])).collect();
            // A consent from long ago is only alive with an end of its own.
            if at < "2026-07" {
                cells.insert("valid_to", "2026-10-01T00:00:01Z");
            }
            if guardian {
                cells.insert("giver", "guardian");
            }
            for (column, pick) in slips {
                let (column, words) = &columns[column];
                cells.insert(column, words[pick.index(words.len())]);
            }
            cells.extend([("event", event), ("trigger", trigger), ("at", at)]);
            if BLOCKS.contains(&event) {
                let out = ["trigger", "purpose", "recipient"].into_iter().enumerate();
                out.filter(|(bit, _)| scope >> bit & 1 == 1).for_each(|(_, column)| {
                    cells.insert(column, "");
                });
            }
            let cells = cells.into_iter().map(|(column, cell)| (column.to_owned(), cell.to_owned()));
            Event { person, cells: cells.collect() }
        },
    )
}

/// What a flow demands: one or two consents, of a quality drawn for the case.
fn demand() -> impl Strategy<Value = Demand> {
    let kinds = vec![ConsentKind::Ordinary, ConsentKind::Separate, ConsentKind::Written];
    let kinds = prop_oneof![3 => Just(kinds[1..].to_vec()), 1 => subsequence(kinds, 0..=3)];
    let checks = prop_oneof![Just(Check::ALL.to_vec()), subsequence(Check::ALL.to_vec(), 0..=6)];
    let versions = select(vec![3..=3, 2..=3, 2..=4]);
    let cool_down = select(vec![None, Some("30d"), Some("60d")]);
    let admits = (prop::bool::weighted(0.7), prop::bool::weighted(0.7))
        .prop_map(|(children, minors)| Admits { children, minors });
    let read = admits.prop_map(|admits| Ages::Read { child_below: 14, adult_from: 18, admits });
    let ages = prop_oneof![Just(Ages::DeclaredAdults), read];
    (1..=2usize, kinds, checks, versions, cool_down, any::<bool>(), ages).prop_map(
        |(count, kinds, checks, versions, cool_down, succeeds, ages)| {
            let mut requirements = demands().unwrap();
            requirements.truncate(count);
            for requirement in &mut requirements {
                requirement.kinds = kinds.iter().copied().collect();
                requirement.checks = checks.iter().copied().collect();
                requirement.notice_versions = versions.clone();
                requirement.cool_down = cool_down.map(|days| Days::parse(days).unwrap());
                if succeeds {
                    requirement.recipients.insert("LEGAL-B".to_owned());
                    requirement.other_recipients.clear();
                }
            }
            Demand { requirements, ages }
        },
    )
}

fn keeps_the_rule(cases: u32) {
    let (inside, people) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let born = prop_oneof![3 => select(&BORN[..8]), 1 => select(&BORN[..])];
    let born = prop::collection::vec(born, PEOPLE as usize);
    let drawn = (prop::collection::vec(event(), 0..12), demand(), born);
    let outcome = TestRunner::new(config).run(&drawn, |(events, demand, born)| {
        inside.set(inside.get() + fold_keeps_the_rule(&events, &born, &demand));
        people.set(people.get() + PEOPLE as usize);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    // Random events of whom no one, or everybody, is in would agree with any fold.
    let (inside, people) = (inside.get(), people.get());
    println!("{inside} of {people} are in");
    assert!(
        inside * 20 > people && inside * 2 < people,
        "{inside} of {people} are in: the events say little"
    );
}

#[test]
fn the_fold_lets_in_exactly_whom_the_rule_lets_in() {
    keeps_the_rule(CASES);
}

/// A million cases take minutes: `cargo test --release --test consent_reference -- --ignored`.
#[test]
#[ignore = "takes minutes; run it after a change of the rule"]
fn the_fold_keeps_the_rule_over_a_million_cases() {
    keeps_the_rule(1_000_000);
}
