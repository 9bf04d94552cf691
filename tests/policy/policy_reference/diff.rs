//! Promise 7: `policy diff` says of every cell of two regimes what enumeration says, and its examples are examples.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use hushtag::policy::{Comparison, Decision, Difference, Regime, Study, decide};
use hushtag::types::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use toml::{Table, Value};

use super::draw::{base, noon, table};
use super::facts::{self, Facts, Set, at, flag, keys, list};
use super::mutate::{Change, changes, words_of};
use super::{SMALL, STUDY, realise, reference};

const CATEGORIES: [&str; 2] = ["payment-record", "payment-account"];
/// Cells with more situations than these are not enumerated.
const MOST: usize = 2_000;

/// The small law with two categories, and of its demands and extra triggers those that are picked.
fn tiny(picked: u32) -> Table {
    let mut regime: Table = toml::from_str(SMALL).unwrap();
    for name in ["categories", "matrix"] {
        let own = table(&mut regime, name);
        let gone: Vec<String> =
            own.keys().filter(|own| !CATEGORIES.contains(&own.as_str())).cloned().collect();
        gone.iter().for_each(|category| drop(own.remove(category)));
    }
    for cells in table(&mut regime, "matrix").iter_mut().flat_map(|(_, row)| row.as_table_mut()) {
        for cell in cells.iter_mut().flat_map(|(_, cell)| cell.as_table_mut()) {
            if let Some(blocks) = cell.get_mut("notices").and_then(Value::as_array_mut) {
                blocks.retain(|block| block.as_str() == Some("N17"));
            }
        }
    }
    let stays = |word: &String| CATEGORIES.contains(&word.as_str());
    for name in ["demands", "extra_triggers"] {
        let mut place = 0;
        regime[name].as_array_mut().unwrap().retain(|own| {
            place += 1;
            let own = own.as_table().unwrap();
            picked >> place & 1 == 1
                && ["when", "needs"].iter().all(|key| list(own, &[key, "category"]).iter().all(stays))
        });
    }
    regime
}

/// Every list of words that a regime holds for a fact, by the name that it is written under.
fn literals<'a>(regime: &'a Table, category: &str, action: &str) -> Vec<(&'a String, Set)> {
    let here = Facts::from([("category".into(), category.into()), ("action".into(), action.into())]);
    let sections = ["demands", "extra_triggers"].into_iter().filter_map(|key| regime.get(key)?.as_array());
    let sections = sections.flatten().filter_map(Value::as_table);
    let applies = |section: &&Table| {
        here.iter().all(|(fact, word)| {
            let when = list(section, &["when", fact]);
            when.is_empty() || when.contains(word)
        })
    };
    let all = sections.filter(applies).chain(reference::cell(regime, &here));
    let facts = all.flat_map(|section| ["when", "needs", "unless"].map(|key| section.get(key)));
    let facts = facts.flatten().flat_map(|own| own.as_table().unwrap());
    facts
        .map(|(fact, own)| {
            (fact, own.as_array().unwrap().iter().map(|w| w.as_str().unwrap().into()).collect())
        })
        .collect()
}

/// What the papers of a cell or of an extra trigger are facts of.
fn papers(regime: &Table, category: &str, action: &str) -> Set {
    let here = Facts::from([("category".into(), category.into()), ("action".into(), action.into())]);
    let extra = regime
        .get("extra_triggers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_table);
    let sections = extra.chain(reference::cell(regime, &here));
    let kinds = [("documents", "document"), ("notices", "notice")];
    let of = |section| {
        kinds.map(|(key, fact)| list(section, &[key]).into_iter().map(move |own| format!("{fact}:{own}")))
    };
    sections.flat_map(of).flatten().collect()
}

/// For every fact that can matter in a cell the words that some rule distinguishes, one of each kind.
fn choices(regimes: [&Table; 2], category: &str, action: &str) -> BTreeMap<String, Vec<String>> {
    let mut facts: Set = ["purpose", "basis", "sensitive"].map(str::to_owned).into();
    for regime in regimes {
        facts.extend(papers(regime, category, action));
        facts.extend(literals(regime, category, action).into_iter().map(|(fact, _)| fact.clone()));
    }
    for gone in ["category", "action", "purpose-class"] {
        facts.remove(gone);
    }
    let kinds = |fact: String| {
        let mut seen: BTreeMap<Vec<bool>, String> = BTreeMap::new();
        for word in candidates(regimes, &fact) {
            let known = Facts::from([(fact.clone(), word.clone())]);
            let mut signature = Vec::new();
            for regime in regimes {
                let of_class = |name: &str| fact == "purpose" && name == "purpose-class";
                let own = literals(regime, category, action);
                let own = own.into_iter().filter(|(name, _)| **name == fact || of_class(name));
                signature.extend(own.map(|(name, words)| reference::is_one_of(regime, &known, name, &words)));
                signature.push(["unheard-of", "unknown", "valid", "incomplete"].contains(&word.as_str()));
                signature.push(flag(regime, &["bases", &word, "consent"]));
                signature.push(word == "yes");
            }
            seen.entry(signature).or_insert(word);
        }
        (fact, seen.into_values().collect())
    };
    facts.into_iter().map(kinds).collect()
}

fn candidates(regimes: [&Table; 2], fact: &str) -> Vec<String> {
    if let Some(name) = fact.strip_prefix("figure:") {
        let bands = regimes.iter().filter_map(|regime| at(regime, &["figures", name, "bands"])?.as_table());
        let bounds: BTreeSet<i64> = bands.flat_map(Table::values).filter_map(Value::as_integer).collect();
        let around = bounds.iter().flat_map(|bound| [bound - 1, *bound]).filter(|number| *number >= 0);
        return around.map(|number| number.to_string()).chain(["undeclared".to_owned()]).collect();
    }
    // A study spells these words as it likes; the others are of a closed list.
    let unknown = if fact == "purpose" || fact == "basis" { "unheard-of" } else { "unknown" };
    words_of(regimes[0], fact).into_iter().map(|word| word.replace("unknown", unknown)).collect()
}

/// Who refuses, or demands, something that the other does not: the second, the first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Apart(bool, bool);

impl Apart {
    fn see(&mut self, first: bool, second: bool) {
        self.0 |= second && !first;
        self.1 |= first && !second;
    }
}

/// Every factor of a cell by enumeration, or `None` where there are too many situations.
fn enumerated(regimes: [&Table; 2], category: &str, action: &str) -> Option<BTreeMap<String, Apart>> {
    let choices = choices(regimes, category, action);
    let count = choices.values().try_fold(1_usize, |count, words| count.checked_mul(words.len()))?;
    if count > MOST {
        return None;
    }
    let mut found = BTreeMap::from([("the use is permitted".to_owned(), Apart::default())]);
    for number in 0..count {
        let mut rest = number;
        let mut facts: Facts = [
            ("category", category),
            ("action", action),
            ("handler-kinds", "known"),
            ("recipient-role", "handler"),
        ]
        .map(|(fact, word)| (fact.to_owned(), word.to_owned()))
        .into();
        for (fact, words) in &choices {
            facts.insert(fact.clone(), words[rest % words.len()].clone());
            rest /= words.len();
        }
        if is_impossible(regimes, category, &facts) {
            continue;
        }
        let refused = regimes.map(|regime| !reference::failing(regime, &facts).is_empty());
        found.get_mut("the use is permitted").unwrap().see(refused[0], refused[1]);
        if refused == [false, false] {
            let asked = regimes.map(|regime| reference::triggers(regime, &facts));
            for trigger in asked[0].union(&asked[1]) {
                let own = found.entry(format!("{trigger} is demanded")).or_default();
                own.see(asked[0].contains(trigger), asked[1].contains(trigger));
            }
        }
    }
    Some(found)
}

/// Whether no study can be so: facts that contradict each other, or a category that is always sensitive and is not here.
fn is_impossible(regimes: [&Table; 2], category: &str, facts: &Facts) -> bool {
    let is = |fact: &str, words: &[&str]| facts.get(fact).is_some_and(|own| words.contains(&own.as_str()));
    let always = |regime: &Table| {
        list(regime, &["regime", "profiles"]).is_subset(&list(regime, &["categories", category, "sensitive"]))
    };
    let never = |regime: &Table| {
        !flag(regime, &["regime", "children_sensitive"])
            && list(regime, &["categories", category, "sensitive"]).is_empty()
    };
    let by_age = regimes.iter().all(|regime| flag(regime, &["regime", "children_sensitive"]));
    let present = facts.iter().filter(|(fact, word)| fact.starts_with("handler-kind:") && *word == "present");
    let not_in_force = ["missing", "late", "expired", "out-of-scope"];
    (is("sensitive", &["no"]) && regimes.iter().all(|regime| always(regime)))
        || (is("sensitive", &["yes"]) && regimes.iter().all(|regime| never(regime)))
        || (by_age && is("sensitive", &["no"]) && is("admits-children", &["yes"]))
        || (is("succession", &["announced"]) && is("document:succession", &not_in_force))
        || (is("succession", &["unannounced"]) && is("document:succession", &["valid"]))
        || (is("sub-processors", &["approved"]) && is("document:entrust-contract", &["missing"]))
        || (is("handlers", &["one"]) && present.count() > 1)
}

#[derive(Default)]
struct Seen {
    cells: usize,
    skipped: usize,
    examples: usize,
    realised: usize,
    relations: BTreeMap<&'static str, usize>,
}

/// A pair of regimes as text and as the engine reads them.
struct Pair<'a> {
    tables: [&'a Table; 2],
    regimes: [Regime; 2],
    base: &'a Table,
}

impl Pair<'_> {
    fn check(&self, seen: &mut Seen) -> Result<(), TestCaseError> {
        let comparison = self.regimes[0].compare(&self.regimes[1]);
        for category in CATEGORIES {
            for action in keys(self.tables[0], &["actions"]) {
                self.cell(&comparison, category, &action, seen)?;
            }
        }
        Ok(())
    }

    fn cell(
        &self,
        comparison: &Comparison,
        category: &str,
        action: &str,
        seen: &mut Seen,
    ) -> Result<(), TestCaseError> {
        let place = format!("{category} x {action}: ");
        let own = comparison.factors.iter().filter_map(|own| Some((own.factor.strip_prefix(&place)?, own)));
        let own: BTreeMap<&str, &Difference> = own.collect();
        let Some(expected) = enumerated(self.tables, category, action) else {
            seen.skipped += 1;
            return Ok(());
        };
        seen.cells += 1;
        let factors: BTreeSet<&str> =
            own.keys().copied().chain(expected.keys().map(String::as_str)).collect();
        for factor in factors {
            let found = own.get(factor).map_or(Apart::default(), |own| {
                Apart(own.refused_by_second.is_some(), own.refused_by_first.is_some())
            });
            let expected = expected.get(factor).copied().unwrap_or_default();
            prop_assert_eq!(found, expected, "{}{}: {:?}", &place, factor, own.get(factor));
            let Some(own) = own.get(factor) else { continue };
            *seen.relations.entry(own.relation.as_str()).or_default() += 1;
            let word = match expected {
                Apart(false, false) => "equivalent",
                Apart(true, false) => "less",
                Apart(false, true) => "more",
                Apart(true, true) => "incomparable",
            };
            prop_assert_eq!(own.relation.as_str(), word, "{}{}", &place, factor);
            for (example, strict, lax) in [(&own.refused_by_second, 1, 0), (&own.refused_by_first, 0, 1)] {
                if let Some(example) = example {
                    self.example(factor, example, strict, lax, seen)?;
                }
            }
        }
        Ok(())
    }

    /// The example is one: in the text of both regimes, and by the engine where a study can be so.
    fn example(
        &self,
        factor: &str,
        example: &str,
        strict: usize,
        lax: usize,
        seen: &mut Seen,
    ) -> Result<(), TestCaseError> {
        let mut facts = reference_situation(self.tables[0], self.base);
        for own in example.split(", ").filter(|own| *own != "always") {
            let (fact, word) = own.split_once(" = ").unwrap();
            let word = if word == "unknown" && fact != "recipient-role" && fact != "handler-kinds" {
                "unheard-of"
            } else {
                word
            };
            facts.insert(fact.to_owned(), word.to_owned());
        }
        seen.examples += 1;
        let trigger = factor.strip_suffix(" is demanded");
        let apart = |refused: [bool; 2], asked: [Set; 2]| match trigger {
            None => refused[strict] && !refused[lax],
            Some(trigger) => {
                refused == [false, false] && asked[strict].contains(trigger) && !asked[lax].contains(trigger)
            }
        };
        let refused = self.tables.map(|regime| !reference::failing(regime, &facts).is_empty());
        let asked = self.tables.map(|regime| reference::triggers(regime, &facts));
        prop_assert!(apart(refused, asked), "{}: {} is no example", factor, example);
        for profile in ["broad", "narrow"] {
            let study = realise::realise(self.tables[0], self.base, &facts, profile);
            let stands = |regime: &Table| reference_situation(regime, &study) == facts;
            if !self.tables.into_iter().all(stands) {
                continue;
            }
            let text = toml::to_string(&study).unwrap();
            let study = Study::parse("study.toml", &text)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            let decided = self.regimes.each_ref().map(|regime| {
                match decide(&study, regime, &study.recipients[0], Timestamp::from_seconds(noon())) {
                    Decision::Deny(_) => (true, Set::new()),
                    Decision::Permit(flow) => {
                        (false, flow.demand().requirements.iter().map(|own| own.trigger.clone()).collect())
                    }
                }
            });
            let refused = decided.each_ref().map(|(refused, _)| *refused);
            prop_assert!(
                apart(refused, decided.map(|(_, asked)| asked)),
                "{}: {} is no example\n{}",
                factor,
                example,
                text
            );
            seen.realised += 1;
            break;
        }
        Ok(())
    }
}

fn reference_situation(regime: &Table, study: &Table) -> Facts {
    facts::situations(regime, study, "brand-insights", noon()).remove(0)
}

fn parsed(table: &Table) -> Option<Regime> {
    Regime::parse("regime.toml", &toml::to_string(table).unwrap()).ok()
}

#[test]
fn cells_are_compared_as_enumeration_compares_them() {
    pairs(120);
}

/// A number below the lowest band of a regime is as good as undeclared to it, also where the other has a band for it.
#[test]
fn a_lowest_band_that_starts_lower_is_distinguished() {
    let first = tiny(u32::MAX);
    let mut second = first.clone();
    second["figures"]["exported"]["bands"]["some"] = 0.into();
    let regimes = [parsed(&first).unwrap(), parsed(&second).unwrap()];
    let base = base(&toml::from_str(SMALL).unwrap(), STUDY);
    let pair = Pair { tables: [&first, &second], regimes, base: &base };
    pair.check(&mut Seen::default()).unwrap();
    let comparison = pair.regimes[0].compare(&pair.regimes[1]);
    let export =
        comparison.factors.iter().filter(|own| own.factor.ends_with("x export: the use is permitted"));
    assert!(export.clone().count() > 0 && export.clone().all(|own| own.relation.as_str() != "equivalent"));
}

/// Health is sensitive under every profile: no example says that it is not, nor anything else that no study can be.
#[test]
fn no_example_is_a_situation_that_cannot_be() {
    let text = include_str!("../../../policies/cn-pipl/regime.toml");
    let other = text.replace(
        "[[demands]]\nrule = \"R57\"",
        "[[demands]]\nrule = \"R28\"\nneeds = { sensitive = [\"yes\"] }\n[[demands]]\nrule = \"R57\"",
    );
    assert_ne!(text, other);
    let [first, second] = [text, &other].map(|text| Regime::parse("regime.toml", text).unwrap());
    let comparison = first.compare(&second);
    let examples = comparison.factors.iter().flat_map(|own| [&own.refused_by_first, &own.refused_by_second]);
    let examples: Vec<&String> = examples.flatten().collect();
    assert!(examples.iter().any(|example| example.contains("category = profile")), "{examples:?}");
    for always in ["health", "emotion", "payment-account", "religion"] {
        let own = |example: &&&String| example.contains(&format!("category = {always},"));
        assert_eq!(examples.iter().find(own), None, "{always} is always sensitive");
    }
}

/// A regime without profiles finds no category sensitive: what asks for sensitive data refuses every other there.
#[test]
fn nothing_is_sensitive_without_profiles() {
    let mut first: Table = toml::from_str(include_str!("../../../policies/cn-pipl/regime.toml")).unwrap();
    table(&mut first, "regime").insert("profiles".into(), Value::Array(Vec::new()));
    for (_, category) in table(&mut first, "categories").iter_mut() {
        category.as_table_mut().unwrap().insert("sensitive".into(), Value::Array(Vec::new()));
    }
    let mut second = first.clone();
    let needs: Table = toml::from_str("rule = \"R28\"\nneeds = { sensitive = [\"yes\"] }").unwrap();
    second["demands"].as_array_mut().unwrap().push(Value::Table(needs));
    let [first, second] = [parsed(&first).unwrap(), parsed(&second).unwrap()];
    let comparison = first.compare(&second);
    let health =
        comparison.factors.iter().find(|own| own.factor == "health x provide: the use is permitted").unwrap();
    assert!(health.refused_by_second.as_ref().unwrap().contains("sensitive = no"), "{health:?}");
}

#[test]
#[ignore = "twenty thousand pairs: minutes in release"]
fn more_cells_are_compared_as_enumeration_compares_them() {
    pairs(20_000);
}

fn pairs(cases: u32) {
    let seen = RefCell::new(Seen::default());
    let base = base(&toml::from_str(SMALL).unwrap(), STUDY);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let drawn = (any::<[u32; 4]>(), changes(), changes());
    let outcome = TestRunner::new(config).run(&drawn, |(picked, first, second)| {
        let start = tiny(picked.into_iter().fold(u32::MAX, |all, one| all & one));
        let changed = |changes: &[Change]| {
            let mut regime = start.clone();
            changes.iter().take(4).for_each(|change| change.apply(&mut regime));
            regime
        };
        let (first, second) = (changed(&first[1..]), changed(&second));
        let (Some(a), Some(b)) = (parsed(&first), parsed(&second)) else { return Ok(()) };
        let pair = Pair { tables: [&first, &second], regimes: [a, b], base: &base };
        pair.check(&mut seen.borrow_mut())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    let Seen { cells, skipped, examples, realised, relations } = seen.into_inner();
    println!("{cells} cells, {skipped} skipped, {relations:?}, {realised} of {examples} examples realised");
    assert!(cells > 300, "{skipped} cells are too large, {cells} were compared");
    assert!(relations.values().all(|count| *count >= 20) && relations.len() == 4, "{relations:?}");
    assert!(realised * 5 > examples && examples > 100, "{realised} of {examples} are realised");
}
