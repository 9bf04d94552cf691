//! The book says what is: its reference of the study file has every key of the schema, and its links lead somewhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hushtag::consent::{Act, COLUMNS, ConsentStatus, REQUIRED, STATEMENT_COLUMNS};
use hushtag::dp::{Delta, epsilon_of, rho_of};
use hushtag::types::{NanoEpsilon, NanoRho};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../policies/schema/study.schema.json");
const WORDS: &str = include_str!("../../docs/reference.toml");

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src")
}

/// A type as its reader calls it.
fn type_of(schema: &Value, all: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return type_of(&all[name], all);
    }
    let several = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    if let Some(several) = several {
        let each: BTreeSet<String> =
            several.iter().map(|one| type_of(one, all)).filter(|one| one != "null").collect();
        return each.into_iter().collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let each: Vec<String> =
            words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return each.join(", ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let named = match &schema["type"] {
        Value::Array(list) => list.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        one => one.as_str(),
    };
    match named.unwrap_or("any") {
        "array" if schema["items"].is_object() => format!("list of {}", type_of(&schema["items"], all)),
        "array" => "list".into(),
        "object" if schema["properties"].is_object() => "table".into(),
        "object" => "table by name".into(),
        "string" if schema["format"] == "date" => "date".into(),
        "string" => "text".into(),
        "boolean" => "`true` or `false`".into(),
        "integer" => "whole number".into(),
        other => other.into(),
    }
}

/// The page, and every key that is in the schema or the words alone.
fn reference() -> (String, Vec<String>) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let words: toml::Table = toml::from_str(WORDS).unwrap();
    let all = &schema["$defs"];
    let mut missing = Vec::new();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let mut page = String::from(
        "# Every key of a study file\n\nMade from `policies/schema/study.schema.json` and `docs/reference.toml` by `cargo test --test house book:: -- --ignored`.\n\nBeside the sections below, `[tag_sets]` names lists of tags that queries may combine, and `[figures]` numbers that the\nhandlers declare, such as how many people they hold data of.\n",
    );
    for section in words["section"].as_array().unwrap() {
        let of = section["of"].as_str().unwrap();
        named.insert(of);
        let keys = section["keys"].as_table().unwrap();
        let Some(properties) = all[of]["properties"].as_object() else {
            missing.push(format!("the schema has no {of}"));
            continue;
        };
        let needed: Vec<&str> =
            all[of]["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (heading, says) = (section["heading"].as_str().unwrap(), section["says"].as_str().unwrap());
        let _ =
            write!(page, "\n## {heading}\n\n{says}\n\n| key | type | | what it says |\n|---|---|---|---|\n");
        for (key, text) in keys {
            let Some(property) = properties.get(key) else {
                missing.push(format!("the schema has no {of}.{key}"));
                continue;
            };
            let need = if needed.contains(&key.as_str()) { "needed" } else { "" };
            let _ = writeln!(
                page,
                "| `{key}` | {} | {need} | {} |",
                type_of(property, all),
                text.as_str().unwrap()
            );
        }
        missing.extend(
            properties
                .keys()
                .filter(|key| !keys.contains_key(*key))
                .map(|key| format!("no words for {of}.{key}")),
        );
    }
    let sections = all.as_object().unwrap().iter().filter(|(_, one)| one["properties"].is_object());
    missing.extend(
        sections.filter(|(of, _)| !named.contains(of.as_str())).map(|(of, _)| format!("no words for {of}")),
    );
    (page, missing)
}

#[test]
fn the_reference_has_every_key_of_the_schema() {
    let (page, missing) = reference();
    assert!(missing.is_empty(), "{missing:#?}");
    let written = std::fs::read_to_string(book().join("reference.md")).unwrap();
    assert!(
        written == page,
        "docs/src/reference.md is not current: cargo test --test house book:: -- --ignored"
    );
}

#[test]
#[ignore = "writes docs/src/reference.md and docs/src/consent-columns.md"]
fn write_the_reference() {
    std::fs::write(book().join("reference.md"), reference().0).unwrap();
    std::fs::write(book().join("consent-columns.md"), consent_columns()).unwrap();
}

/// The page on consent columns: its order, its columns and the spellings of events are those of the code.
fn consent_columns() -> String {
    let words: toml::Table = toml::from_str(include_str!("../../docs/consent-columns.toml")).unwrap();
    let text = |table: &toml::Table, key: &str| table[key].as_str().unwrap().trim().to_owned();
    let columns = words["columns"].as_table().unwrap();
    let known: BTreeSet<&str> = COLUMNS.into_iter().collect();
    let written: BTreeSet<&str> = columns.keys().map(String::as_str).collect();
    assert_eq!(written, known, "docs/consent-columns.toml has the columns of the code");
    let mut page = format!(
        "# Every consent column\n\nMade from `docs/consent-columns.toml` and the code by `cargo test --test house book:: -- --ignored`.\n\n{}\n\n## Events\n\n{}\n\n| event | against a use | also written |\n|---|---|---|\n",
        text(&words, "lead"),
        text(&words, "events")
    );
    for (act, spellings) in Act::spellings() {
        let others: Vec<String> =
            spellings.iter().filter(|word| **word != act.as_str()).map(|word| format!("`{word}`")).collect();
        let against = if act.is_negative() { "yes" } else { "" };
        let _ = writeln!(page, "| `{}` | {against} | {} |", act.as_str(), others.join(", "));
    }
    let _ = write!(
        page,
        "\n## Columns\n\n{}\n\n| column | | what it holds | if it is blank | asked of |\n|---|---|---|---|---|\n",
        text(&words, "lists")
    );
    for column in COLUMNS {
        let says = columns[column].as_table().unwrap();
        let need = if REQUIRED.contains(&column) { "needed" } else { "" };
        let of = text(says, "events");
        let _ = writeln!(
            page,
            "| `{column}` | {need} | {} | {} | {of} |",
            text(says, "holds"),
            text(says, "blank")
        );
    }
    let _ = write!(page, "\n{}\n", text(&words, "json"));
    page
}

#[test]
fn the_page_on_consent_columns_is_that_of_the_code() {
    let written = std::fs::read_to_string(book().join("consent-columns.md")).unwrap();
    assert!(written == consent_columns(), "it is not current: cargo test --test house book:: -- --ignored");
    let words: toml::Table = toml::from_str(include_str!("../../docs/consent-columns.toml")).unwrap();
    // Columns that no constant may hold are asked of every event, the others of consents alone.
    for (column, says) in words["columns"].as_table().unwrap() {
        let named =
            ["person", "ids", "at", "event", "trigger", "purpose", "recipient"].contains(&column.as_str());
        assert_eq!(says["events"].as_str() == Some("all"), named, "{column}");
    }
    assert_eq!(COLUMNS.len() - STATEMENT_COLUMNS, 5, "who and when");
}

/// Every reason by which a person is out has its row on the page that goes from the reason to the cause.
#[test]
fn every_reason_is_explained() {
    let page = std::fs::read_to_string(book().join("empty-epoch.md")).unwrap();
    for status in ConsentStatus::ALL.into_iter().filter(|status| *status != ConsentStatus::Live) {
        let column = status.column().map_or(String::new(), |column| format!("`{column}`"));
        let row = format!("| `{}` | {column} |", status.as_str());
        assert!(page.contains(&row), "{row} is missing");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, ConsentStatus::ALL.len() - 1, "and no other");
}

/// The numbers of the self-assessment are those of the code.
#[test]
fn the_numbers_of_the_self_assessment_are_true() {
    let page = std::fs::read_to_string(book().join("sp800-226.md")).unwrap();
    let (four, default) = (NanoEpsilon::parse("4").unwrap(), Delta::DEFAULT);
    let rho = rho_of(four, default).get();
    let places = |nano: u128, places: usize| format!("{:.places$}", nano as f64 / 1e9);
    let group = |people: u128| places(epsilon_of(NanoRho::new(rho * people * people), default).get(), 2);
    let after = |before: f64| {
        let odds = 4_f64.exp() * before / (1.0 - before);
        format!("| {} % | {:.1} % |", before * 100.0, 100.0 * odds / (1.0 + odds))
    };
    let (shift, spread) = (rho as f64 / 1e9, (2.0 * rho as f64 / 1e9).sqrt());
    let mut stated = vec![
        format!("a pool of epsilon 4\n   ({} rho)", places(rho, 4)),
        format!("at {} rho, which is epsilon {}.", places(rho * 4, 4), group(2)),
        format!("at {} rho, which is epsilon {}:", places(rho * 16, 4), group(4)),
        format!("e⁴ = {:.1}", 4_f64.exp()),
        format!("mean rho = {shift:.3}"),
        format!("√(2 rho) = {spread:.3}"),
        format!("below {:.1} ", (shift + 1.6449 * spread).exp()),
        format!("{} rho, so a larger delta", places(rho_of(four, Delta::new(1e-6).unwrap()).get(), 4)),
    ];
    stated.extend([0.001, 0.01, 0.1, 0.5].map(after));
    for text in stated {
        assert!(page.contains(&text), "`{text}` is not on the page");
    }
    let one = rho_of(NanoEpsilon::parse("1").unwrap(), default).get();
    assert!((rho as f64 / one as f64 - 14.0).abs() < 0.5);
}

/// The text files with links outside of the book.
const LINKING: [&str; 11] = [
    "README.md",
    "README.zh-CN.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    "benches/README.md",
    "benches/peers/README.md",
    "policies/cn-pipl/README.md",
    "policies/social-commerce/README.md",
];

/// The anchors of a page's headings, as mdBook and code hosts derive them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_block = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        if !in_block && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    found
}

/// Links of a file that lead nowhere, and how many there are in all.
fn dead_links(path: &Path) -> (Vec<String>, usize) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut dead, mut links) = (Vec::new(), 0);
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if target.contains("://") {
            continue;
        }
        links += 1;
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let there = if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
        let is_good = there.exists()
            && (anchor.is_empty() || anchors(&std::fs::read_to_string(&there).unwrap()).contains(anchor));
        if !is_good {
            dead.push(format!("{}: {target}", path.display()));
        }
    }
    (dead, links)
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let summary = std::fs::read_to_string(book().join("SUMMARY.md")).unwrap();
    let mut files: Vec<PathBuf> =
        LINKING.iter().map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).collect();
    for entry in std::fs::read_dir(book()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("({name})")),
            "{name} is not in the summary"
        );
        files.push(path);
    }
    let (mut dead, mut links) = (Vec::new(), 0);
    for (of_file, count) in files.iter().map(|path| dead_links(path)) {
        dead.extend(of_file);
        links += count;
    }
    assert!(dead.is_empty(), "links that lead nowhere: {dead:#?}");
    assert!(links >= 100, "{links} links");
}
