//! Promise 8: no panic on any input. Every seed and every input that once broke a property is replayed; files whose
//! name starts with `bad-` are refused (let nobody in), all others are not.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

#[path = "../fuzz/properties/bundle.rs"]
mod bundle;
#[path = "../fuzz/properties/consents.rs"]
mod consents;
#[path = "../fuzz/properties/csv_text.rs"]
mod csv_text;
#[path = "../fuzz/properties/event.rs"]
mod event;
#[path = "../fuzz/properties/events.rs"]
mod events;
#[path = "../fuzz/properties/identifier.rs"]
mod identifier;
#[path = "../fuzz/properties/person.rs"]
mod person;
#[path = "../fuzz/properties/place.rs"]
mod place;
#[path = "../fuzz/properties/question.rs"]
mod question;
#[path = "../fuzz/properties/reference.rs"]
mod reference;
#[path = "../fuzz/properties/regime.rs"]
mod regime;
#[path = "../fuzz/properties/renewal.rs"]
mod renewal;
#[path = "../fuzz/properties/rotation.rs"]
mod rotation;
#[path = "../fuzz/properties/scenarios.rs"]
mod scenarios;
#[path = "../fuzz/properties/study.rs"]
mod study;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(target: &str, check: fn(&[u8]) -> Result<(), String>) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let seeds = files(&fuzz.join("seeds").join(target));
    assert!(seeds.len() > 1, "the seeds of {target} are gone");
    for file in seeds.into_iter().chain(files(&fuzz.join("regressions").join(target))) {
        let name = file.file_name().unwrap().to_string_lossy();
        let outcome = check(&fs::read(&file).unwrap());
        assert_eq!(outcome.is_err(), name.starts_with("bad-"), "{}: {outcome:?}", file.display());
    }
}

#[test]
fn bundles() {
    replay("bundle", bundle::check);
}

#[test]
fn proofs_of_persons() {
    replay("person", person::check);
}

#[test]
fn renewals() {
    replay("renewal", renewal::check);
}

#[test]
fn rotations() {
    replay("rotation", rotation::check);
}

#[test]
fn studies() {
    replay("study", study::check);
}

#[test]
fn regimes() {
    replay("regime", regime::check);
}

#[test]
fn scenario_files() {
    replay("scenarios", scenarios::check);
}

#[test]
fn consent_tables() {
    replay("consents", consents::check);
}

#[test]
fn csv_texts() {
    replay("csv_text", csv_text::check);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Short texts of what matters in CSV, read a few bytes at a time, have the rows that the csv crate finds.
    #[test]
    fn csv_texts_by_chance(at_once in 1_u8..40, text in "a,b\n([ab,\"\n\r\u{b5} ]|,a|\"\"|\r\n|a,b\n|\"a\"|\"b\n\"){0,24}") {
        let _refused = csv_text::check(&[&[b',', at_once], text.as_bytes()].concat());
    }
}

#[test]
fn event_documents() {
    replay("event", event::check);
}

#[test]
fn identifiers() {
    replay("identifier", identifier::check);
}

#[test]
fn questions() {
    replay("question", question::check);
}

/// A target without properties replayed here would be fuzzed and never guarded.
#[test]
fn every_target_is_replayed() {
    let targets = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join("fuzz_targets"));
    let names: Vec<_> = targets.iter().map(|file| file.file_stem().unwrap().to_string_lossy()).collect();
    assert_eq!(
        names,
        [
            "bundle",
            "consents",
            "csv_text",
            "event",
            "identifier",
            "person",
            "question",
            "regime",
            "renewal",
            "rotation",
            "scenarios",
            "study"
        ]
    );
}
