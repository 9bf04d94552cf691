//! No rule holds because of a fact that was not declared: each optional fact is taken out of a complete study, one at a time.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::decide::{Considered, Opinion};
use super::facts::Case;
use super::logic::State;
use super::{Regime, RuleResult, Study};
use crate::types::Timestamp;

/// A study that declares every fact, for one action.
fn complete(regime: &Regime, action: &str) -> Table {
    let text = match regime.id() {
        "gdpr-subset" => include_str!("../../policies/gdpr-subset/base.toml"),
        _ => include_str!("../../policies/cn-pipl/base.toml"),
    };
    let mut study: Table = toml::from_str(text).unwrap();
    let own = study["study"].as_table_mut().unwrap();
    own.insert("action".into(), action.into());
    own.insert("start".into(), Value::Datetime("2026-09-15".parse().unwrap()));
    own.insert("sub_processors".into(), vec!["LEGAL-ID-T"].into());
    let purpose = own["purpose"].clone();
    let categories: Vec<Value> =
        study["datasets"].as_table().unwrap().values().map(|own| own["category"].clone()).collect();
    let recipient = study["recipients"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
    let role = match action {
        "entrust" => "entrusted",
        "joint" => "joint",
        _ => "handler",
    };
    recipient.insert("role".into(), role.into());
    recipient.insert("suspended".into(), false.into());
    if action == "export" {
        recipient.insert("country".into(), "US".into());
    }
    let mut documents = Table::new();
    for kind in regime.file.documents.keys() {
        let mut document = Table::new();
        document.insert("id".into(), "D-1".into());
        document.insert("approved".into(), Value::Datetime("2026-09-01".parse().unwrap()));
        document.insert("expires".into(), Value::Datetime("2027-09-01".parse().unwrap()));
        document.insert("purposes".into(), Value::Array(vec![purpose.clone()]));
        document.insert("categories".into(), Value::Array(categories.clone()));
        document.insert("recipients".into(), vec!["LEGAL-ID-C"].into());
        document.insert("sub_processors".into(), vec!["LEGAL-ID-T"].into());
        documents.insert(kind.clone(), document.into());
    }
    study["documents"] = documents.into();
    let states: Vec<Value> = regime.file.statements.keys().map(|word| word.as_str().into()).collect();
    study["notice"].as_table_mut().unwrap().insert("states".into(), Value::Array(states));
    study
}

/// The paths of every fact that a study may leave out.
fn optional(study: &Table) -> Vec<String> {
    let keys = |table: &str| study.get(table).and_then(Value::as_table).into_iter().flat_map(Table::keys);
    let mut paths: Vec<String> = [
        "study.start",
        "study.sub_processors",
        "study.methods",
        "notice.states",
        "population.age",
        "figures",
    ]
    .map(str::to_owned)
    .into();
    paths
        .extend(["role", "suspended", "country", "name", "contact"].map(|key| format!("recipients.0.{key}")));
    paths.extend(keys("figures").map(|figure| format!("figures.{figure}")));
    for kind in keys("documents") {
        paths.push(format!("documents.{kind}"));
        paths.extend(["purposes", "categories", "recipients"].map(|key| format!("documents.{kind}.{key}")));
    }
    paths
}

fn without(study: &Table, path: &str) -> Option<Table> {
    let mut study = study.clone();
    let (parent, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = Some(&mut study);
    for key in parent.split('.').filter(|key| !key.is_empty() && *key != "0") {
        at = match at?.get_mut(key)? {
            Value::Array(list) => list.first_mut()?.as_table_mut(),
            other => other.as_table_mut(),
        };
    }
    at?.remove(last)?;
    Some(study)
}

fn results(opinion: &Opinion<'_>) -> Vec<(String, RuleResult)> {
    opinion.ruled().into_iter().map(|ruled| (ruled.id.to_owned(), ruled.result)).collect()
}

/// The facts of a state that the study leaves open.
fn open_facts(regime: &Regime, state: &State) -> Vec<usize> {
    let open = &regime.compiled.open;
    (0..open.len()).filter(|fact| open[*fact].has(state.word(*fact))).collect()
}

/// Of a rule that holds, no other word of a fact that is left open makes it fail.
fn check(regime: &Regime, table: &Table, left_out: &str, seen: &mut BTreeSet<String>) {
    let Ok(study) = Study::parse("study.toml", &toml::to_string(table).unwrap()) else { return };
    let now = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    let case = || Case { study: &study, regime, recipient: &study.recipients[0], now };
    let (categories, state) = (case().categories(), case().state());
    let opinion = Opinion::form(case(), &categories, state.clone());
    let holding: BTreeSet<String> = results(&opinion)
        .into_iter()
        .filter(|(_, result)| *result == RuleResult::Holds)
        .map(|(rule, _)| rule)
        .collect();
    for fact in open_facts(regime, &state) {
        let name = regime.vocabulary.name(fact);
        seen.insert(name.to_owned());
        for word in 0..u8::try_from(regime.vocabulary.facts()[fact].words.len()).unwrap() {
            let mut other = state.clone();
            other.set(fact, Some(word));
            let opinion = Opinion::form(case(), &categories, other);
            for failing in opinion.failing().map(|considered: &Considered<'_>| &considered.demand.rule) {
                let word = regime.vocabulary.word(fact, word);
                assert!(
                    !holding.contains(failing),
                    "without {left_out}, {failing} holds and would be denied were {name} {word}"
                );
            }
        }
    }
}

#[test]
fn no_rule_holds_because_of_an_undeclared_fact() {
    for name in ["cn-pipl", "gdpr-subset"] {
        let regime = Regime::built_in(name).unwrap();
        let (mut seen, mut taken) = (BTreeSet::new(), 0);
        for action in super::study::Action::ALL {
            let study = complete(&regime, action.as_str());
            check(&regime, &study, "nothing", &mut BTreeSet::new());
            // A recipient that took over the consents of another one has a rule of its own.
            let mut succeeding = study.clone();
            let recipient = succeeding["recipients"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
            recipient.insert("succeeds".into(), vec!["LEGAL-ID-OLD"].into());
            check(&regime, &succeeding, "nothing", &mut BTreeSet::new());
            for study in [&study, &succeeding] {
                for path in optional(study) {
                    if let Some(without) = without(study, &path) {
                        check(&regime, &without, &path, &mut seen);
                        taken += 1;
                    }
                }
            }
        }
        assert!(taken > 100, "{name}: {taken} facts were taken out");
        let named = ["recipient-role", "recipient-standing", "recipient-place", "age"];
        assert!(named.iter().all(|fact| seen.contains(*fact)), "{name}: {seen:?}");
        assert!(seen.iter().any(|fact| fact.starts_with("notice:")), "{name}: {seen:?}");
        assert!(seen.iter().any(|fact| fact.starts_with("document:")), "{name}: {seen:?}");
    }
}

/// A complete study has no rule that is not declared, and one without figures has those that read them.
#[test]
fn a_complete_study_declares_everything() {
    let regime = Regime::built_in("cn-pipl").unwrap();
    let table = complete(&regime, "provide");
    let of = |table: &Table| {
        let study = Study::parse("study.toml", &toml::to_string(table).unwrap()).unwrap();
        let now = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
        let case = Case { study: &study, regime: &regime, recipient: &study.recipients[0], now };
        let (categories, state) = (case.categories(), case.state());
        let opinion = Opinion::form(case, &categories, state);
        let all = results(&opinion).into_iter();
        let open = all.filter(|(_, result)| *result == RuleResult::NotDeclared).map(|(rule, _)| rule);
        open.collect::<Vec<_>>()
    };
    assert_eq!(of(&table), [""; 0]);
    let found: BTreeSet<String> = of(&without(&table, "figures").unwrap()).into_iter().collect();
    assert_eq!(found, ["R52", "R54"].map(str::to_owned).into());
    // Nor does one of a recipient that succeeds another.
    let mut succeeding = table.clone();
    let recipient = succeeding["recipients"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
    recipient.insert("succeeds".into(), vec!["LEGAL-ID-OLD"].into());
    assert_eq!(of(&succeeding), [""; 0]);
}
