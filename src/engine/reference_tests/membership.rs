//! Membership is applied last: what a seal does is independent of coverage, for every kind of measure.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampSecondArray};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::each::{AS_OF, AUDIENCE_MEASURES, MEASURES, PEOPLE, STRANGERS, World, terms, text};
use super::{DAY, PLAIN, consents_or_refusals, input};
use crate::engine::{EngineError, Input, MemoryBudget, Reading, Sources, build};
use crate::policy::{Decision, Regime, Study, decide};
use crate::types::{Secret, Timestamp};

fn study(more: &str) -> Study {
    let tags = format!("[tags]\nwho = {{ field = \"members.word\", values = {PEOPLE:?} }}\n");
    let text = text(&format!("{MEASURES}{AUDIENCE_MEASURES}"), &tags);
    let text = text.replacen("payer\"\n", &format!("payer\"\n{more}\n"), 1);
    Study::parse("membership.toml", &text).unwrap()
}

/// People with events, and whether they consent.
fn consents(people: &[(&str, bool)]) -> Input {
    let people: Vec<(String, bool)> =
        people.iter().map(|(person, gives)| ((*person).to_owned(), *gives)).collect();
    consents_or_refusals(&people, "READER", &terms(), PLAIN)
}

/// Everything that one thread counts while it builds, bytes last, and how many people are in.
fn work(study: &Study, mut sources: Sources, events: Input) -> Result<(Vec<u64>, u64), EngineError> {
    sources.consents = vec![events];
    let (recipient, as_of) = (&study.recipients[0], Timestamp::from_seconds(AS_OF));
    let Decision::Permit(flow) = decide(study, &Regime::built_in("cn-pipl").unwrap(), recipient, as_of)
    else {
        panic!("the study is permitted")
    };
    let reading = Reading {
        threads: NonZeroUsize::new(1),
        figures: true,
        memory: MemoryBudget::of_bytes(u64::MAX),
        ..Reading::default()
    };
    let flows = [(recipient.id.clone(), flow.demand().clone())];
    let (built, _) = build(study, &flows, sources, as_of, &Secret::new([5; 32]), &reading)?;
    let inside = built[0].cubes[0].reveal_in_test().cells_in_test().0;
    let inside = inside.iter().step_by(study.catalogue.columns().counts).sum();
    Ok((reading.work.counts().into_iter().chain([reading.memory.asked()]).collect(), inside))
}

fn everybody() -> Vec<&'static str> {
    PEOPLE.into_iter().chain(STRANGERS).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Guards the promise that rows, insertions, pairs, contributions, people and bytes are equal for consent files of equal size.
    #[test]
    fn work_does_not_depend_on_who_is_in(seed: u64, some: [bool; 10], others: [bool; 10]) {
        let (study, world) = (study(""), World::random(&mut StdRng::seed_from_u64(seed)));
        let work_of = |gives: [bool; 10]| {
            let people: Vec<(&str, bool)> = everybody().into_iter().zip(gives).collect();
            work(&study, world.tables(2), consents(&people)).unwrap()
        };
        let (of_no_one, none) = work_of([false; 10]);
        prop_assert_eq!(none, 0);
        for gives in [some, others, [true; 10]] {
            let (work, inside) = work_of(gives);
            prop_assert_eq!(inside, gives.iter().filter(|gives| **gives).count() as u64);
            prop_assert_eq!(&work, &of_no_one);
        }
    }

    /// Guards the same where one of them has no event at all, and another one has theirs twice.
    #[test]
    fn work_does_not_depend_on_who_has_events(seed: u64, absent in 0..PEOPLE.len()) {
        let (study, world) = (study(""), World::random(&mut StdRng::seed_from_u64(seed)));
        let all: Vec<(&str, bool)> = PEOPLE.into_iter().map(|person| (person, true)).collect();
        let mut without = all.clone();
        without[absent] = all[(absent + 1) % all.len()];
        let [(first, all), (second, less)] =
            [all, without].map(|people| work(&study, world.tables(1), consents(&people)).unwrap());
        prop_assert_eq!((all, less), (8, 7));
        // They have another number, and a table that names them last has room for one person more or less.
        prop_assert!(first[5].abs_diff(second[5]) < 256, "{first:?} {second:?}");
        prop_assert_eq!(&first[..5], &second[..5]);
    }
}

/// Many rows of `victim`: whom they list, and payments that name as many people, at as many prices.
fn amplified(victim: &str, rows: usize) -> Sources {
    let words = |words: Vec<String>| Arc::new(StringArray::from(words)) as ArrayRef;
    let (own, others) = (vec![victim.to_owned(); rows], (0..rows).map(|row| format!("t{row}")));
    let others: Vec<String> = others.collect();
    let mut owners = own.clone();
    let mut targets = others.clone();
    // Those whom they list list them, so that ties and contributions are as many.
    owners.extend(others.iter().cloned());
    targets.extend(own.iter().cloned());
    let numbers = 0..i64::try_from(rows).unwrap();
    let each = |of: fn(i64) -> i64| numbers.clone().map(|row| Some(of(row))).collect::<Int64Array>();
    let at = numbers.clone().map(|row| Some(AS_OF - 1 - row % (9 * DAY)));
    let payments: Vec<(&str, ArrayRef)> = vec![
        ("payer", words(own)),
        ("amount", Arc::new(each(|row| row))),
        ("points", Arc::new(each(|row| row % 7))),
        ("shop", words(others.iter().map(|other| format!("shop {other}")).collect())),
        ("online", Arc::new((0..rows).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        ("referrer", words(others)),
        ("at", Arc::new(at.collect::<TimestampSecondArray>().with_timezone("UTC"))),
    ];
    let members = || words(vec![victim.to_owned()]);
    let tables = [
        ("follows", vec![("follower", words(owners)), ("followee", words(targets))]),
        ("payments", payments),
        ("members", vec![("user", members()), ("word", members())]),
    ];
    let data = tables.into_iter().map(|(name, columns)| (name.parse().unwrap(), input(name, columns)));
    Sources { data: data.collect(), consents: Vec::new() }
}

/// Guards the promise that many rows of one person show nothing of their consent.
#[test]
fn two_hundred_thousand_rows_of_one_person_are_the_same_work_in_or_out() {
    const ROWS: usize = 200_000;
    let (study, victim) = (study(""), PEOPLE[0]);
    let [first, second, third] = [
        [(victim, true), ("s0", false)],
        [(victim, false), ("s0", true)],
        // No event of theirs, and the same number of people in all tables.
        [("t7", true), ("s0", false)],
    ]
    .map(|people| work(&study, amplified(victim, ROWS), consents(&people)).unwrap().0);
    assert!(first[..4].iter().all(|count| *count >= 2 * ROWS as u64), "{first:?}");
    assert_eq!(first, second);
    assert_eq!(first[..5], third[..5]);
}

/// Guards the limit of rows of one owner: over all files of a dataset, from its rows alone, with the number of owners.
#[test]
fn an_owner_with_too_many_rows_is_refused_regardless_of_who_consents() {
    let limited = study("max_rows_per_owner = 3");
    let payments = |payers: &[&str]| {
        let mut sources = amplified("p0", payers.len());
        let rows = payers.len();
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![("payer", Arc::new(StringArray::from(payers.to_vec())))];
        for name in ["amount", "points"] {
            columns.push((name, Arc::new(Int64Array::from(vec![1; rows]))));
        }
        for name in ["shop", "referrer"] {
            columns.push((name, Arc::new(StringArray::from(vec!["x"; rows]))));
        }
        columns.push(("online", Arc::new(BooleanArray::from(vec![true; rows]))));
        let at = TimestampSecondArray::from(vec![AS_OF - 1; rows]).with_timezone("UTC");
        columns.push(("at", Arc::new(at)));
        sources.data.retain(|(name, _)| name.as_str() != "payments");
        sources.data.push(("payments".parse().unwrap(), input("payments", columns)));
        sources
    };
    for gives in [true, false] {
        let events = || consents(&[("p0", gives), ("p1", !gives)]);
        assert!(work(&limited, payments(&["p0", "p1", "p0", "p0"]), events()).is_ok());
        let mut two = payments(&["p0", "p1", "p0", "p0", "s0", "s0", "s0", "s1"]);
        let more = payments(&["s0", "p0", "s1", "p1"]).data.pop().unwrap();
        two.data.push(more);
        let Err(EngineError::RowsPerOwner { dataset, owners, limit }) = work(&limited, two, events()) else {
            panic!("two owners have four rows")
        };
        assert_eq!((dataset.as_str(), owners, limit), ("payments", 2, 3));
    }
}

/// Guards the budget of memory: what it refuses depends on tables and study, never on who is in.
#[test]
fn a_budget_of_memory_refuses_regardless_of_who_is_in() {
    let (study, victim) = (study(""), PEOPLE[0]);
    let needed = [true, false].map(|gives| {
        let sources = Sources { consents: vec![consents(&[(victim, gives)])], ..amplified(victim, 20_000) };
        let (recipient, as_of) = (&study.recipients[0], Timestamp::from_seconds(AS_OF));
        let Decision::Permit(flow) = decide(&study, &Regime::built_in("cn-pipl").unwrap(), recipient, as_of)
        else {
            panic!("the study is permitted")
        };
        let reading = Reading {
            threads: NonZeroUsize::new(1),
            memory: MemoryBudget::of_bytes(4 << 20),
            ..Reading::default()
        };
        let flows = [(recipient.id.clone(), flow.demand().clone())];
        match build(&study, &flows, sources, as_of, &Secret::new([5; 32]), &reading) {
            Err(EngineError::Memory { needed, limit: 4 }) => needed,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it does not fit"),
        }
    });
    assert!(needed[0] == needed[1] && needed[0] > 4, "{needed:?}");
}
