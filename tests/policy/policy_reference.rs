//! Promise 7: every decision is the regime's own. On random studies, instants and regimes the engine decides exactly as a
//! slow rule, written separately from the description of the format.

mod diff;
mod draw;
mod facts;
mod mutate;
mod realise;
mod reference;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use hushtag::policy::{Decision, Regime, Study, decide};
use hushtag::types::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use toml::Table;

use draw::{Draw, base, draws};
use reference::Flow;

const SMALL: &str = include_str!("../../fuzz/seeds/regime/small.toml");
const STUDY: &str = include_str!("policy_reference/study.toml");

/// A law as both sides read it, and a study that it permits.
struct Law {
    name: &'static str,
    regime: Regime,
    table: Table,
    base: Table,
}

fn law(name: &'static str, text: &str) -> Law {
    let regime = Regime::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
    let table: Table = toml::from_str(text).unwrap();
    let base = base(&table, STUDY);
    Law { name, regime, table, base }
}

/// What the draws were about.
#[derive(Default)]
struct Seen {
    decided: usize,
    permitted: usize,
    rules: BTreeSet<String>,
    triggers: BTreeSet<String>,
}

/// Both decide on every recipient of a drawn study, and agree.
fn agree(
    regime: &Regime,
    table: &Table,
    base: &Table,
    draw: &Draw,
    seen: &RefCell<Seen>,
) -> Result<(), TestCaseError> {
    let written = draw.study(table, base);
    let text = toml::to_string(&written).unwrap();
    let study =
        Study::parse("study.toml", &text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    for recipient in &study.recipients {
        let expected = reference::decide(table, &written, recipient.id.as_str(), draw.now());
        let found = of_engine(decide(&study, regime, recipient, Timestamp::from_seconds(draw.now())));
        prop_assert_eq!(&found, &expected, "{} at {}\n{}", &recipient.id, draw.now(), text);
        let mut seen = seen.borrow_mut();
        seen.decided += 1;
        seen.permitted += usize::from(expected.failing.is_empty());
        seen.rules.extend(expected.failing);
        seen.triggers.extend(expected.consents.into_keys());
    }
    Ok(())
}

fn of_engine(decision: Decision) -> Flow {
    let flow = match decision {
        Decision::Deny(reasons) => {
            assert!(!reasons.is_empty(), "denied without a reason");
            let failing = reasons.into_iter().map(|reason| reason.rule).collect();
            return Flow { failing, ..Flow::default() };
        }
        Decision::Permit(flow) => flow,
    };
    let demanded = &flow.demand().requirements;
    let consents: BTreeMap<_, _> =
        demanded.iter().map(|own| (own.trigger.clone(), own.categories.clone())).collect();
    assert_eq!(consents.len(), demanded.len(), "a trigger is demanded twice");
    let like = demanded.first();
    Flow {
        failing: BTreeSet::new(),
        consents,
        recipients: like.map(|own| own.recipients.clone()).unwrap_or_default(),
        versions: like.map_or((0, 0), |own| {
            (i64::from(*own.notice_versions.start()), i64::from(*own.notice_versions.end()))
        }),
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

fn random_studies(law: &Law, cases: u32) {
    let seen = RefCell::new(Seen::default());
    let outcome = runner(cases).run(&draws(), |draw| agree(&law.regime, &law.table, &law.base, &draw, &seen));
    assert!(outcome.is_ok(), "{}: {}", law.name, outcome.unwrap_err());
    let Seen { decided, permitted, rules, triggers } = seen.into_inner();
    println!("{}: {permitted} of {decided} permitted, {} rules, {triggers:?}", law.name, rules.len());
    // Studies of which all, or none, are permitted would agree with any engine.
    assert!(
        permitted * 20 > decided && permitted * 10 < decided * 6,
        "{permitted} of {decided} are permitted"
    );
    assert!(rules.len() >= 30, "{}: only {} rules fail somewhere: {rules:?}", law.name, rules.len());
    assert!(triggers.len() >= 4, "{}: only {triggers:?} are demanded", law.name);
}

/// The small law, in which everything can fail, and the one that ships.
fn laws() -> [Law; 2] {
    [("small", SMALL), ("cn-pipl", Regime::built_in_text("cn-pipl").unwrap())]
        .map(|(name, text)| law(name, text))
}

#[test]
fn random_studies_are_decided_as_the_rules_say() {
    laws().iter().for_each(|law| random_studies(law, 4_000));
}

#[test]
#[ignore = "a million cases: minutes in release"]
fn a_million_random_studies_are_decided_as_the_rules_say() {
    laws().iter().for_each(|law| random_studies(law, 500_000));
}

#[test]
fn random_regimes_are_read_as_they_are_written() {
    laws().iter().for_each(|law| random_regimes(law, 250));
}

fn random_regimes(law: &Law, cases: u32) {
    let (seen, refused) = (RefCell::new(Seen::default()), RefCell::new(0));
    let drawn = (mutate::changes(), prop::collection::vec(draws(), 4));
    let outcome = runner(cases).run(&drawn, |(changes, draws)| {
        let mut table = law.table.clone();
        changes.iter().for_each(|change| change.apply(&mut table));
        let text = toml::to_string(&table).unwrap();
        let Ok(regime) = Regime::parse("regime.toml", &text) else {
            *refused.borrow_mut() += 1;
            return Ok(());
        };
        draws.iter().try_for_each(|draw| agree(&regime, &table, &law.base, draw, &seen))
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    let (seen, refused) = (seen.into_inner(), refused.into_inner());
    println!("{}: {} of {} permitted, {refused} regimes refused", law.name, seen.permitted, seen.decided);
    assert!(refused * 5 < cases, "{refused} of {cases} regimes are refused");
    assert!(seen.permitted * 20 > seen.decided, "{} of {} are permitted", seen.permitted, seen.decided);
}
