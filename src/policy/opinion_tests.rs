//! What an explanation names is what decides: mending exactly that flips the decision, in random situations.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::decide::{Considered, Decision, Opinion, decide};
use super::facts::{Case, CategoryRead};
use super::logic::{State, Words};
use super::{Lang, Line, Regime, Study};
use crate::types::Timestamp;

const STUDY: &str = include_str!("../../policies/demo/study.toml");

/// The demo's study in the words of the regime.
fn study(regime: &Regime) -> Study {
    let text = match regime.id() {
        "gdpr-subset" => {
            STUDY.replace("basis = \"consent\"", "basis = \"6-1-a\"").replace("\"CN\"", "\"EU\"")
        }
        _ => STUDY.to_owned(),
    };
    Study::parse("study.toml", &text).unwrap()
}

/// Facts of which the mending changes what else applies, or of which the state is only a part of what decides.
fn is_structural(regime: &Regime, fact: usize) -> bool {
    let by_study = ["action", "basis", "category", "sensitive"];
    let name = regime.vocabulary.name(fact);
    by_study.contains(&name) || regime.compiled.demands.iter().any(|demand| demand.when.words(fact).is_some())
}

/// The words that satisfy everything that applies and is about this fact.
fn mending(opinion: &Opinion<'_>, fact: usize) -> Words {
    let about = |considered: &&Considered<'_>| considered.demand.fact == fact;
    let all = opinion.case.regime.vocabulary.all(fact);
    opinion.considered.iter().filter(about).fold(all, |words, considered| words.and(considered.demand.good))
}

fn failing_facts(opinion: &Opinion<'_>) -> BTreeSet<usize> {
    opinion.failing().map(|considered| considered.demand.fact).collect()
}

fn lines<'a>(line: &'a Line, found: &mut Vec<&'a Line>) {
    found.push(line);
    line.under.iter().for_each(|under| lines(under, found));
}

/// A state of random words, most of them good ones of the real study.
fn states(regime: &'static Regime) -> impl Strategy<Value = (State, Vec<CategoryRead>)> {
    let facts = regime.vocabulary.facts().len();
    let categories: Vec<String> = regime.file.categories.keys().cloned().collect();
    let changes = prop::collection::btree_map(0..facts, any::<u8>(), 0..6);
    let read = prop::collection::btree_set(prop::sample::select(categories), 1..4);
    (changes, read, any::<bool>()).prop_map(move |(changes, read, sensitive)| {
        let study = study(regime);
        let now = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
        let recipient = &study.recipients[0];
        let mut state = Case { study: &study, regime, recipient, now }.state();
        for (fact, word) in changes {
            let words = u8::try_from(regime.vocabulary.facts()[fact].words.len()).unwrap();
            state.set(fact, Some(word % words));
        }
        let read = read.into_iter().map(|name| CategoryRead { name, sensitive });
        (state, read.collect())
    })
}

fn regimes() -> BTreeMap<&'static str, &'static Regime> {
    ["cn-pipl", "gdpr-subset"]
        .map(|name| (name, &*Box::leak(Box::new(Regime::built_in(name).unwrap()))))
        .into()
}

fn check(regime: &Regime, state: &State, categories: &[CategoryRead]) -> Result<bool, TestCaseError> {
    let study = study(regime);
    let now = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
    let recipient = &study.recipients[0];
    let form = |state: &State| {
        Opinion::form(Case { study: &study, regime, recipient, now }, categories, state.clone())
    };
    let opinion = form(state);
    let named = failing_facts(&opinion);
    prop_assert_eq!(opinion.permits(), named.is_empty());
    says_what_decided(&opinion)?;
    if named.iter().any(|fact| is_structural(regime, *fact) || mending(&opinion, *fact).is_empty()) {
        return Ok(false);
    }
    let fixed = |left_out: Option<usize>| {
        let mut state = state.clone();
        for fact in named.iter().filter(|fact| Some(**fact) != left_out) {
            state.set(*fact, mending(&opinion, *fact).first());
        }
        form(&state).permits()
    };
    prop_assert!(fixed(None), "fixing all that was named does not help: {:?}", named);
    for fact in &named {
        prop_assert!(
            !fixed(Some(*fact)),
            "without mending {} it is permitted",
            regime.vocabulary.name(*fact)
        );
    }
    Ok(!named.is_empty())
}

/// Reasons and explanation name the rules that fail, and no others.
fn says_what_decided(opinion: &Opinion<'_>) -> Result<(), TestCaseError> {
    let rules: BTreeSet<String> =
        opinion.failing().map(|considered| considered.demand.rule.clone()).collect();
    for (lang, no) in [(Lang::En, "no"), (Lang::Zh, "否")] {
        let reasons: BTreeSet<String> = opinion.reasons(lang).into_iter().map(|reason| reason.rule).collect();
        prop_assert_eq!(&reasons, &rules);
        let explanation = opinion.explain(lang);
        prop_assert_eq!(explanation.permitted, rules.is_empty());
        let mut all = Vec::new();
        explanation.sections.iter().for_each(|section| lines(section, &mut all));
        let judged: BTreeSet<String> = (all.iter())
            .filter(|line| line.verdict.as_deref() == Some(no))
            .filter_map(|line| line.rule.clone())
            .collect();
        prop_assert_eq!(&judged, &rules);
        let text = explanation.to_string();
        prop_assert!(
            !text.contains("{}") && !text.contains("{is}") && !text.contains("{category}"),
            "{}",
            text
        );
    }
    Ok(())
}

#[test]
fn mending_what_is_named_and_nothing_less_flips_the_decision() {
    for (name, regime) in regimes() {
        let flipped = std::cell::Cell::new(0);
        let config = ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let outcome = runner.run(&states(regime), |(state, categories)| {
            flipped.set(flipped.get() + u32::from(check(regime, &state, &categories)?));
            Ok(())
        });
        assert!(outcome.is_ok(), "{name}: {}", outcome.unwrap_err());
        assert!(flipped.get() > 100, "{name}: only {} denied situations could be fixed", flipped.get());
    }
}

/// Promise: a demand knows all others that a consent may name, so that one which names another is not taken for an unknown word.
#[test]
fn a_demand_names_the_others() {
    let regime = Regime::built_in("cn-pipl").unwrap();
    let study = study(&regime);
    let now = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    let Decision::Permit(flow) = decide(&study, &regime, &study.recipients[0], now) else {
        panic!("the demo is permitted")
    };
    assert!(!flow.demand().requirements.is_empty() && flow.no_consent().is_none());
    for requirement in &flow.demand().requirements {
        let others = &requirement.other_recipients;
        assert!(["LEGAL-ID-A", "LEGAL-ID-B"].iter().all(|other| others.contains(*other)), "{others:?}");
        assert!(!others.contains("LEGAL-ID-C"), "{others:?}");
    }
}
