//! Promise 8 for words: wherever a list of words is closed, in a study, a regime or a scenario, one unknown word is an error. The
//! places are those of the JSON schemas, so a new key is either tried here or named as open, with the reason why it is.

use std::collections::{BTreeMap, BTreeSet};

use hushtag::operator::{StudySource, check_study};
use hushtag::policy::{Level, Regime, Scenarios, SchemaOf};
use hushtag::types::Timestamp;
use serde_json::Value;

/// A word that no one foresaw.
const UNKNOWN: &str = "no-such-word";

const STUDY: &str = include_str!("every-word.toml");
const LAW: &str = include_str!("../../policies/cn-pipl/regime.toml");

/// Places of a study where any word is good: names that the study gives, texts for people, and lists that parties keep elsewhere.
const OPEN_IN_STUDIES: &[&str] = &[
    // Names and texts of the study itself.
    "StudySection.id",
    "NoticeSection.id",
    "DocumentSection.id",
    "ScreenSection.name",
    "HandlerSection.legal_id",
    "HandlerSection.name",
    "HandlerSection.contact",
    "RecipientSection.id",
    "RecipientSection.legal_id",
    "RecipientSection.name",
    "RecipientSection.contact",
    "MetricSection.unit",
    "MetricSection.means",
    "StudyFile.datasets.{}",
    "StudyFile.measures.{}",
    "StudyFile.metrics.{}",
    "StudyFile.tags.{}",
    "StudyFile.tag_sets.{}",
    "TagSection.bands.{}",
    "TagSection.absent",
    "TagSection.values.*",
    // Columns of files, and what is in them: a file that lacks a column stops the seal.
    "DatasetSection.owner",
    "DatasetSection.target",
    "DatasetSection.columns.*",
    "DatasetSection.fields.{}",
    "FieldSection.values.*",
    "FieldSection.bands.{}",
    "FieldSection.unit",
    // A date, of which the schema knows the type: any other word is none.
    "FieldSection.on",
    // What the handler's own consent table has.
    "ConsentsSection.columns.*",
    "ConsentsSection.columns.*.*",
    "ConsentsSection.evidence",
    "ConsentsSection.ignore.*",
    "ConsentsSection.records",
    "ConsentsSection.values.*.{}",
    // A contract may cover more companies than the study has, and a company the people of one that it succeeds; a wrong name
    // covers less.
    "DocumentSection.recipients.*",
    "DocumentSection.sub_processors.*",
    "RecipientSection.succeeds.*",
    // What a consent must list in the same words.
    "StudySection.methods.*",
    "StudySection.sub_processors.*",
];

/// Places of a regime that define words, or are texts for people.
const OPEN_IN_REGIMES: &[&str] = &[
    "Text.en",
    "Text.zh",
    "Head.id",
    "Head.profiles.*",
    "Head.stages.*",
    "Head.material_changes.*",
    "Head.slight_changes.*",
    "Purpose.class",
    "Purpose.iri",
    "Category.iri",
    "Category.words.*",
    "Figure.bands.{}",
    "RegimeFile.articles.{}",
    "RegimeFile.bases.{}",
    "RegimeFile.categories.{}",
    "RegimeFile.documents.{}",
    "RegimeFile.duties.{}",
    "RegimeFile.figures.{}",
    "RegimeFile.handler_kinds.{}",
    "RegimeFile.notices.{}",
    "RegimeFile.purposes.{}",
    "RegimeFile.qualities.{}",
    "RegimeFile.rules.{}",
    "RegimeFile.statements.{}",
    "RegimeFile.triggers.{}",
];

/// Places of a scenario that are names, texts, or cells of a made-up person, which may be anything.
const OPEN_IN_SCENARIOS: &[&str] = &["ScenarioFile.study", "Section.id", "Section.title"];

const SCENARIOS: &str = r#"
study = "study.toml"
as_of = "2026-10-01"
[[scenarios]]
id = "1"
title = "everything that a scenario can say"
set = { "study.profile" = "broad" }
unset = ["figures"]
consents = ["SC23", "SC29"]
alter = { SC23 = { giver = "self" } }
events = [{ event = "withdrawn", trigger = "SC23", at = "2026-09-20T00:00:00Z" }]
age = "18+"
as_of = "2026-10-01"
recipient = "brand-insights"
expect = "out"
rules = ["R15"]
results = { R23 = "holds" }
"#;

/// A schema with the name of its place: that of the nearest table that has a name, and the keys from there on.
type At<'s> = (String, &'s Value);

/// What a schema may be, references and alternatives followed.
fn alternatives<'s>(root: &'s Value, at: &str, schema: &'s Value) -> Vec<At<'s>> {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let named = &root["$defs"][name];
        let at = if named["properties"].is_object() { name } else { at };
        return alternatives(root, at, named);
    }
    let choices = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array());
    let chosen = choices.flatten().flat_map(|schema| alternatives(root, at, schema));
    let (mut all, is_own) =
        (chosen.collect::<Vec<_>>(), schema.get("type").is_some() || schema.get("const").is_some());
    if is_own || all.is_empty() {
        all.push((at.to_owned(), schema));
    }
    all
}

/// The schema of the values of a table whose keys are free.
fn of_keys(schema: &Value) -> Option<&Value> {
    let patterns = schema["patternProperties"].as_object().and_then(|patterns| patterns.values().next());
    patterns.or(schema.get("additionalProperties")).filter(|values| **values != Value::Bool(false))
}

fn is_word(schema: &Value) -> bool {
    let is_text = |kind: &Value| kind == "string";
    is_text(&schema["type"])
        || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(is_text))
        || schema.get("const").is_some_and(Value::is_string)
}

/// Every place of a schema where a word can be; `{}` are the keys of a table, `*` what is in a table or list.
fn places(root: &Value, at: &str, schema: &Value, found: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    for (at, schema) in alternatives(root, at, schema) {
        if is_word(schema) {
            found.insert(at.clone());
        }
        if let Some(properties) = schema["properties"].as_object()
            && seen.insert(at.clone())
        {
            properties.iter().for_each(|(key, own)| places(root, &format!("{at}.{key}"), own, found, seen));
        }
        if let Some(values) = of_keys(schema) {
            found.insert(format!("{at}.{{}}"));
            places(root, &format!("{at}.*"), values, found, seen);
        }
        let items = schema["prefixItems"].as_array().into_iter().flatten().chain(schema.get("items"));
        items.for_each(|item| places(root, &format!("{at}.*"), item, found, seen));
    }
}

/// One word of a file: where it is, and whether it is a key.
type Word = (Vec<String>, bool);

/// Every word of a file with the place of the schema that it is at.
fn words(
    root: &Value,
    at: &str,
    schema: &Value,
    value: &toml::Value,
    path: &[String],
    found: &mut BTreeMap<String, Vec<Word>>,
) {
    let all = alternatives(root, at, schema);
    let below = |key: &str| [path, &[key.to_owned()]].concat();
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let named = all
                    .iter()
                    .find_map(|(at, own)| Some((format!("{at}.{key}"), own["properties"].get(key)?)));
                let free = || all.iter().find_map(|(at, own)| Some((at, of_keys(own)?)));
                let next = match named {
                    Some(next) => next,
                    None => {
                        let (at, own) = free().unwrap_or_else(|| panic!("no schema of {path:?} {key}"));
                        found.entry(format!("{at}.{{}}")).or_default().push((below(key), true));
                        (format!("{at}.*"), own)
                    }
                };
                words(root, &next.0, next.1, value, &below(key), found);
            }
        }
        toml::Value::Array(list) => {
            let items = |schema: &'_ Value| schema.get("items").or(schema["prefixItems"].get(0)).cloned();
            let Some((at, own)) = all.iter().find_map(|(at, own)| Some((at, items(own)?))) else { return };
            for (index, value) in list.iter().enumerate() {
                words(root, &format!("{at}.*"), &own, value, &below(&index.to_string()), found);
            }
        }
        toml::Value::String(_) | toml::Value::Datetime(_) => {
            found.entry(at.to_owned()).or_default().push((path.to_vec(), false));
        }
        _ => {}
    }
}

/// The file with the unknown word in the place of one of its own.
fn changed(file: &toml::Table, (path, is_key): &Word) -> String {
    let mut file = toml::Value::Table(file.clone());
    let (last, way) = path.split_last().unwrap();
    let parent = way.iter().fold(&mut file, |at, key| match at {
        toml::Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
        other => &mut other[key.as_str()],
    });
    match parent {
        toml::Value::Array(list) => list[last.parse::<usize>().unwrap()] = UNKNOWN.into(),
        toml::Value::Table(table) if *is_key => {
            let value = table.remove(last).unwrap();
            table.insert(UNKNOWN.into(), value);
        }
        other => other[last.as_str()] = UNKNOWN.into(),
    }
    toml::to_string(&file).unwrap()
}

/// Tries the unknown word at eight places of each kind; `refusal` is what is reported of a file, if it is refused.
fn every_list_is_closed(
    of: SchemaOf,
    name: &str,
    text: &str,
    open: &[&str],
    refusal: impl Fn(&str) -> Option<String>,
) {
    let (root, file) = (of.schema(), text.parse::<toml::Table>().unwrap());
    assert_eq!(refusal(&toml::to_string(&file).unwrap()), None, "the file itself is good");
    let (mut known, mut found) = (BTreeSet::new(), BTreeMap::new());
    places(&root, name, &root, &mut known, &mut BTreeSet::new());
    words(&root, name, &root, &toml::Value::Table(file.clone()), &[], &mut found);
    let is_open = |place: &str| open.contains(&place);
    let stale: Vec<&&str> = open.iter().filter(|place| !known.contains(**place)).collect();
    assert!(stale.is_empty(), "named as open, and no place of a word: {stale:?}");
    let untried: Vec<&String> =
        known.iter().filter(|place| !is_open(place) && !found.contains_key(*place)).collect();
    assert!(untried.is_empty(), "neither tried nor named as open: {untried:#?}");
    let mut silent = Vec::new();
    for (place, words) in found.iter().filter(|(place, _)| !is_open(place)) {
        for word in words.iter().take(8) {
            if refusal(&changed(&file, word)).is_none() {
                silent.push((place, &word.0));
            }
        }
    }
    assert!(silent.is_empty(), "an unknown word is passed over at {silent:#?}");
}

#[test]
fn every_list_of_a_study_is_closed() {
    let now = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    every_list_is_closed(SchemaOf::Study, "StudyFile", STUDY, OPEN_IN_STUDIES, |text| {
        let found = check_study(&StudySource::new("study.toml", text), now);
        found.iter().find(|finding| finding.level == Level::Error).map(ToString::to_string)
    });
}

#[test]
fn every_list_of_a_regime_is_closed() {
    every_list_is_closed(SchemaOf::Regime, "RegimeFile", LAW, OPEN_IN_REGIMES, |text| {
        Regime::parse("regime.toml", text).err().map(|error| error.to_string())
    });
}

#[test]
fn every_list_of_a_scenario_is_closed() {
    let regime = Regime::built_in("cn-pipl").unwrap();
    every_list_is_closed(SchemaOf::Scenarios, "ScenarioFile", SCENARIOS, OPEN_IN_SCENARIOS, |text| {
        match Scenarios::parse("scenarios.toml", text) {
            Ok(scenarios) => scenarios.run(STUDY, &regime).into_iter().find_map(|ran| ran.differs),
            Err(error) => Some(error.to_string()),
        }
    });
}

/// The error names the place, the word and the nearest known one.
#[test]
fn an_unknown_word_is_named_with_its_place_and_the_nearest_known_one() {
    let text = STUDY.replacen("changed = [\"contact\"]", "changed = [\"purposes\"]", 1);
    let error = StudySource::new("study.toml", text).parse().unwrap_err().to_string();
    assert!(error.starts_with("study.toml:"), "{error}");
    assert!(error.ends_with("unknown change of a notice `purposes`: did you mean `purpose`?"), "{error}");
}
