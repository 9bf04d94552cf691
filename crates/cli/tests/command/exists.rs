//! Promise: what is there already has an exit code of its own (6), so that a script can run twice; with `--if-absent` it is a success
//! and nothing is changed. Errors are JSON too where results are.

use serde_json::Value;

use crate::command::{Case, stderr, stdout};

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {output:?}"))
}

#[test]
fn a_second_run_says_that_it_is_there() {
    let case = Case::new(30);
    assert!(case.init("4").status.success());
    let before = Case::files(&case.path("box"));
    let again = case.init("4");
    assert_eq!(again.status.code(), Some(6), "{}", stderr(&again));
    let init =
        ["init", "box", "--study", "study.toml", "--epsilon", "9", "--approval", "none", "--if-absent"];
    let kept = case.run(&init);
    assert_eq!(kept.status.code(), Some(0), "{}", stderr(&kept));
    assert_eq!(Case::files(&case.path("box")), before, "nothing of it was changed");

    assert!(case.seal("q3").status.success());
    let again = case.seal("q3");
    assert_eq!(again.status.code(), Some(6), "{}", stderr(&again));

    let new =
        |more: &[&str]| case.run(&[&["key", "new", "--out", "a.key", "--format", "json"][..], more].concat());
    let made = new(&[]);
    assert!(made.status.success(), "{}", stderr(&made));
    let again = new(&[]);
    assert_eq!(again.status.code(), Some(6), "{}", stderr(&again));
    assert_eq!(json(&again)["error"]["kind"], "exists");
    assert_eq!(json(&new(&["--if-absent"])), json(&made), "the key that is there");
    let shown = case.run(&["key", "show", "a.key", "--format", "json"]);
    assert_eq!(json(&shown), json(&made));
    assert!(
        !stdout(&case.run(&["key", "show", "a.key"]))
            .contains(&hex(&std::fs::read(case.path("a.key")).unwrap()))
    );
    assert_eq!(case.run(&["key", "show", "absent.key"]).status.code(), Some(1));
    assert_eq!(case.run(&["key", "show", "a.key", "--for", "token", "--name", "x"]).status.code(), Some(2));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn errors_are_json_where_results_are() {
    let case = Case::new(30);
    case.write("broken.toml", "[study]\nid = 7\n");
    let failed = case.run(&[
        "policy",
        "explain",
        "--study",
        "broken.toml",
        "--recipient",
        "x",
        "--as-of",
        "2026-10-01",
        "--format",
        "json",
    ]);
    let error = &json(&failed)["error"];
    assert_eq!(
        (error["kind"].as_str(), error["place"]["line"].as_u64()),
        (Some("study"), Some(2)),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains("broken.toml") && error["fix"].is_string(),
        "{error}"
    );
    assert!(stderr(&failed).starts_with("error: "), "people read it too");
    assert!(case.init("4").status.success());
    assert!(case.seal("q3").status.success());
    let asked =
        ["ask", "box", "--recipient", "brand-insights", "--format", "json", "SELECT COUNT(*) FROM tag"];
    let error = &json(&case.run(&asked))["error"];
    assert_eq!(
        (error["kind"].as_str(), error["place"]["column"].as_u64()),
        (Some("query"), Some(22)),
        "{error}"
    );
    // As text, stdout stays empty.
    assert!(stdout(&case.run(&["status", "absent"])).is_empty());
}
