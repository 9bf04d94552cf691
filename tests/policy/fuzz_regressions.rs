//! Promise 8: no panic on any input. Every seed and every input that once broke a property is replayed; files whose
//! name starts with `bad-` are refused (let no one in), all others are not.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

#[path = "../../fuzz/properties/amount.rs"]
mod amount;
#[path = "../../fuzz/properties/blind.rs"]
pub(super) mod blind;
#[path = "../../fuzz/properties/bundle.rs"]
mod bundle;
#[path = "../../fuzz/properties/consents.rs"]
mod consents;
#[path = "../../fuzz/properties/csv_text.rs"]
mod csv_text;
#[path = "../../fuzz/properties/event.rs"]
mod event;
#[path = "../../fuzz/properties/events.rs"]
mod events;
#[path = "../../fuzz/properties/identifier.rs"]
mod identifier;
#[path = "../../fuzz/properties/instant.rs"]
mod instant;
#[path = "../../fuzz/properties/json.rs"]
mod json;
#[path = "../../fuzz/properties/openings.rs"]
mod openings;
#[path = "../../fuzz/properties/person.rs"]
mod person;
#[path = "../../fuzz/properties/place.rs"]
mod place;
#[path = "../../fuzz/properties/question.rs"]
mod question;
#[path = "../../fuzz/properties/reference.rs"]
mod reference;
#[path = "../../fuzz/properties/regime.rs"]
mod regime;
#[path = "../../fuzz/properties/renewal.rs"]
mod renewal;
#[path = "../../fuzz/properties/rotation.rs"]
mod rotation;
#[path = "../../fuzz/properties/scenarios.rs"]
mod scenarios;
#[path = "../../fuzz/properties/study.rs"]
mod study;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(target: &str, check: impl Fn(&[u8]) -> Result<(), String>) {
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
fn files_of_blind_tokens() {
    for target in ["blind_request", "blind_reply", "blind_state", "evaluations"] {
        replay(target, |data| blind::check(target, data));
    }
}

#[test]
fn openings_of_input_files() {
    replay("openings", openings::check);
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
fn consents_in_json() {
    replay("json", json::check);
}

/// A JSON value of the names and words that the property knows, sometimes of others.
fn member(depth: u32) -> BoxedStrategy<String> {
    let words = [
        "1",
        "-0",
        "18446744073709551616",
        "1e2",
        "null",
        "true",
        "{}",
        "[]",
        "\"a|b\"",
        "\"\\u0041}{][\"",
        "\"given\"",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let word = prop_oneof![4 => word, 1 => any::<u32>().prop_map(|number| number.to_string())];
    if depth == 0 {
        return word.boxed();
    }
    let list =
        proptest::collection::vec(member(depth - 1), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
    prop_oneof![3 => word, 2 => list, 4 => object(depth - 1)].boxed()
}

fn object(depth: u32) -> BoxedStrategy<String> {
    let names = [
        "who",
        "subject",
        "id",
        "when",
        "choices",
        "state",
        "data",
        "kind",
        "how",
        "note",
        "purpose",
        "event",
        "dpv:hasPurpose",
    ];
    let name = proptest::sample::select(names.to_vec());
    let members = proptest::collection::vec((name, member(depth)), 0..4);
    let object = |members: Vec<(&str, String)>| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
        format!("{{{}}}", members.join(", "))
    };
    members.prop_map(object).boxed()
}

/// One record of paths that are read, so that many texts are read whole.
fn record() -> BoxedStrategy<String> {
    let choice = prop_oneof![
        Just("{\"id\":\"a\",\"state\":\"given\"}"),
        Just("{\"id\":null,\"note\":[{}]}"),
        Just("[{\"id\":\"b\"}]"),
        Just("null"),
    ];
    let choices = proptest::collection::vec(choice, 0..3).prop_map(|all| all.join(","));
    let kinds = proptest::collection::vec(
        prop_oneof![Just("{\"kind\":\"p\"}"), Just("{}"), Just("{\"kind\":null}")],
        0..3,
    );
    let kinds = kinds.prop_map(|all| all.join(" , "));
    (any::<i64>(), choices, kinds)
        .prop_map(|(who, choices, kinds)| {
            format!("{{\"who\":{who},\"choices\":[{choices}],\n\"data\":[{kinds}]}}")
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Of any text every record is delivered or the text is refused; also of one that is cut or has a byte more or less.
    #[test]
    fn no_record_of_consents_in_json_is_lost(
        records in proptest::collection::vec(prop_oneof![3 => record(), 1 => object(3)], 0..5),
        shape in 0..4,
        damage in proptest::option::of((any::<proptest::sample::Index>(), 0..3, any::<u8>())),
    ) {
        let text = match shape {
            0 => records.join("\n"),
            1 => format!("[{}]", records.join(",\n")),
            2 => format!("\u{feff}{{\"note\": {{\"items\": [{{}}]}}, \"items\": [{}]}}", records.join(",")),
            _ => records.concat(),
        };
        let mut bytes = text.into_bytes();
        if let Some((at, how, byte)) = damage && !bytes.is_empty() {
            let at = at.index(bytes.len());
            match how {
                0 => bytes.truncate(at),
                1 => bytes[at] = byte,
                _ => bytes.insert(at, byte),
            }
        }
        let _refused = json::check(&bytes);
    }
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
fn amounts() {
    replay("amount", amount::check);
}

#[test]
fn times() {
    replay("instant", instant::check);
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
            "amount",
            "blind_reply",
            "blind_request",
            "blind_state",
            "bundle",
            "consents",
            "csv_text",
            "evaluations",
            "event",
            "identifier",
            "instant",
            "json",
            "openings",
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
