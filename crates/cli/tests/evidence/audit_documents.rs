//! Promise 6: a signed study names its documents by digest, and a file that is another one is found (exit code 5). What has no
//! digest is listed as such, never passed over.

use std::collections::BTreeMap;

use crate::folder::{Folder, Ran, STUDY};
use serde_json::Value;

/// SHA-256 of `abc` (FIPS 180-4), and of the empty file.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The demo's study with digests of the assessment, the notice and one of two screens.
fn study() -> String {
    let text = STUDY
        .replacen("id = \"PIA-2026-014\",", &format!("id = \"PIA-2026-014\", sha256 = \"{ABC}\","), 1)
        .replacen(
            "version = 3\n",
            &format!(
                "version = 3\nsha256 = \"{EMPTY}\"\nscreens = [{{ name = \"ask-1\", sha256 = \"{}\" }}, {{ name = \"ask-2\" }}]\n",
                ABC.to_uppercase()
            ),
            1,
        );
    assert_eq!(text.matches("sha256").count(), 3);
    text
}

fn folder() -> Folder {
    let case = Folder::with_study();
    case.write("study.toml", &study());
    case.write("abc.pdf", "abc");
    case.write("empty.html", "");
    case.write("other.pdf", "abd");
    case
}

/// The result of each document by its id.
fn results(ran: &Ran) -> BTreeMap<String, String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = ran.json()["documents"].as_array().unwrap().clone();
    rows.iter().map(|row| (text(row, "id"), text(row, "result"))).collect()
}

fn documents(case: &Folder, place: &str, given: &[&str]) -> Ran {
    let given = given.iter().flat_map(|own| ["--document", own]);
    let arguments: Vec<&str> =
        ["audit", "documents", place, "--format", "json"].into_iter().chain(given).collect();
    case.run(&arguments)
}

#[test]
fn a_file_is_the_document_that_the_study_names_or_is_found_to_be_another() {
    let case = folder();
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none"];
    assert_eq!(case.run(&init).code(), Some(0));
    for place in ["study.toml", "box"] {
        let right = ["PIA-2026-014=abc.pdf", "notice=empty.html", "ask-1=abc.pdf"];
        let ran = documents(&case, place, &right);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        // A file that nothing can be compared with is no success.
        let ran = documents(&case, place, &[&right[..], &["ask-2=abc.pdf"]].concat());
        assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
        let found = results(&ran);
        let expected = [
            ("PIA-2026-014", "matches"),
            ("N-2026-04", "matches"),
            ("ask-1", "matches"),
            ("ask-2", "no-digest"),
            ("CON-2026-007", "no-digest"),
            ("INS-2026-003", "no-digest"),
        ];
        assert_eq!(found, expected.map(|(id, result)| (id.to_owned(), result.to_owned())).into());

        // By its key too, and one that differs is reported whatever else matches.
        for given in [&["pipia=other.pdf"][..], &["pipia=abc.pdf", "pipia=other.pdf", "pipia=abc.pdf"]] {
            let ran = documents(&case, place, given);
            assert_eq!(ran.code(), Some(5), "{given:?}");
            assert_eq!(results(&ran)["PIA-2026-014"], "differs");
            assert!(ran.stderr().contains("digest differs"), "{}", ran.stderr());
        }
    }
    let listed = case.run(&["audit", "documents", "study.toml"]);
    assert_eq!(listed.code(), Some(0));
    let said = listed.stdout();
    assert!(said.contains("pipia PIA-2026-014: not compared: no file was given"), "{said}");
    assert!(
        said.contains("provision-contract CON-2026-007: not comparable: the study has no digest"),
        "{said}"
    );
}

#[test]
fn names_that_no_study_has_and_digests_that_are_none_are_refused() {
    let case = folder();
    assert_eq!(documents(&case, "study.toml", &["PIA-9=abc.pdf"]).code(), Some(2));
    assert_eq!(documents(&case, "study.toml", &["abc.pdf"]).code(), Some(2));
    assert_eq!(documents(&case, "study.toml", &["pipia=absent.pdf"]).code(), Some(1));
    for (what, by) in [(ABC, "ba78"), (ABC, &ABC.replace('b', "x")), ("ask-2", "ask-1")] {
        case.write("study.toml", &study().replacen(what, by, 1));
        let ran = documents(&case, "study.toml", &[]);
        assert_eq!(ran.code(), Some(1), "{by}");
        assert!(ran.stderr().contains("study.toml:"), "{}", ran.stderr());
    }
}

/// The explanation lists each with its digest, or says that it has none.
#[test]
fn an_explanation_names_every_document_with_its_digest() {
    let case = folder();
    let explain = ["policy", "explain", "--study", "study.toml", "--recipient", "brand-insights"];
    let ran = case.run(&[&explain[..], &["--as-of", "2026-11-01"]].concat());
    let said = ran.stdout();
    assert!(
        said.contains(&format!("PIA-2026-014; approved 2026-09-01, expires 2027-09-01; SHA-256 {ABC}")),
        "{said}"
    );
    assert!(said.contains("consent screen: ask-2; no digest"), "{said}");
}
