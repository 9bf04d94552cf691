//! Promise: two handlers who do not trust each other start a sandbox, and change its study, with the command alone, and
//! never with less than both signatures.

use crate::command;
use std::process::Output;

use crate::command::{Case, stderr, stdout};
use serde_json::Value;

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output))
        .unwrap_or_else(|_| panic!("not JSON: {}{}", stdout(output), stderr(output)))
}

fn expect(output: &Output, code: i32, said: &str) {
    let text = format!("{}{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "`{said}` is not in: {text}");
}

/// A study under a regime file, and a key for each handler; gives the `--handler` arguments.
fn case() -> (Case, Vec<String>) {
    let case = Case::new(60);
    case.write("law.toml", include_str!("../../../../policies/cn-pipl/regime.toml"));
    case.write("study.toml", &command::study().replacen("\"cn-pipl\"", "\"law.toml\"", 1));
    let mut handlers = Vec::new();
    for (id, file) in [("social-platform", "social.key"), ("payment-platform", "payment.key")] {
        let made = case.run(&["key", "new", "--out", file, "--name", "whatever"]);
        handlers.extend(["--handler".to_owned(), format!("{id}={}", stdout(&made).trim())]);
    }
    (case, handlers)
}

fn sign(case: &Case, study: &str, key: &str) -> Output {
    case.run(&["policy", "sign", "--study", study, "--key", key, "--format", "json"])
}

fn init(case: &Case, handlers: &[String]) -> Output {
    let fixed = ["init", "box", "--study", "study.toml", "--epsilon", "4"];
    let all: Vec<&str> = fixed.into_iter().chain(handlers.iter().map(String::as_str)).collect();
    case.run(&all)
}

#[test]
fn both_sign_and_the_study_takes_effect_and_is_changed_the_same_way() {
    let (case, handlers) = case();
    expect(&init(&case, &handlers), 1, "no one has signed the study");
    let one = json(&sign(&case, "study.toml", "social.key"));
    assert_eq!(
        (&one["name"], &one["added"], &one["signatures"]),
        (&"social".into(), &true.into(), &1.into())
    );
    expect(&init(&case, &handlers), 1, "handler `payment-platform` has not signed");
    assert!(!case.path("box").exists(), "the folder is as before");
    let note = std::fs::read_to_string(case.path("study.toml.sig")).unwrap();
    assert_eq!(json(&sign(&case, "study.toml", "social.key"))["added"], false);
    assert_eq!(std::fs::read_to_string(case.path("study.toml.sig")).unwrap(), note, "signed once");
    assert_eq!(json(&sign(&case, "study.toml", "payment.key"))["signatures"], 2);
    let mut stranger = handlers.clone();
    stranger.extend(["--handler".into(), handlers[1].replace("social-platform", "stranger")]);
    expect(&init(&case, &stranger), 2, "have one key");
    let made = init(&case, &handlers);
    expect(&made, 0, "sandbox ");
    assert!(!stderr(&made).contains("without signatures"));
    assert_eq!(case.run(&["policy", "check", "box"]).status.code(), Some(0));
    expect(&case.seal("e1"), 0, "");
    expect(&case.ask("SELECT COUNT(*) FROM tags"), 0, "rows");

    // The regime changes beside the running sandbox: nothing happens to it, and the signatures are stale.
    let law = include_str!("../../../../policies/cn-pipl/regime.toml");
    let changed = law.replacen(
        "campaign-measurement = { class = \"measurement\"",
        "campaign-measurement = { class = \"sale\"",
        1,
    );
    assert!(changed != law, "the regime calls the purpose otherwise");
    case.write("law.toml", &changed);
    expect(&case.ask("SELECT COUNT(*) FROM tags WITH (error = 150)"), 0, "rows");
    expect(&sign(&case, "study.toml", "social.key"), 3, "R10");
    case.write("law.toml", &format!("{law}# next year\n"));
    expect(&sign(&case, "study.toml", "social.key"), 1, "rm study.toml.sig");
    let adopt = || case.run(&["adopt", "box", "--study", "study.toml", "--format", "json"]);
    expect(&adopt(), 2, "adopted under another text of its regime");
    case.append("study.toml", "# under the law of next year\n");
    let refused = adopt();
    expect(&refused, 3, "APPROVAL");
    assert_eq!(json(&refused)["reasons"][0]["rule"], "APPROVAL");
    std::fs::remove_file(case.path("study.toml.sig")).unwrap();
    sign(&case, "study.toml", "social.key");
    expect(&adopt(), 3, "payment-platform");
    sign(&case, "study.toml", "payment.key");
    let adopted = json(&adopt());
    assert_eq!((&adopted["changed"], adopted["signed_by"].as_array().unwrap().len()), (&true.into(), 2));
    expect(&case.ask("SELECT COUNT(*) FROM tags"), 2, "seal it again");
    expect(&case.seal("e2"), 0, "");
    let answer = json(&case.ask("SELECT COUNT(*) FROM tags"));
    assert_eq!((&answer["stored"], &answer["epoch"]), (&false.into(), &"e2".into()));
    assert!(answer["budget"]["spent_nano_rho"].as_u64() > answer["privacy"]["nano_rho"].as_u64());

    let verified = json(&case.run(&["audit", "verify", "box", "--format", "json"]));
    assert_eq!((&verified["studies"], &verified["approvals"]), (&2.into(), &4.into()));
    assert_eq!((&verified["kinds"]["refuse"], &verified["kinds"]["approve"]), (&2.into(), &4.into()));
    let index = answer["audit"]["index"].to_string();
    expect(&case.run(&["audit", "prove", "box", "--answer", &index, "--out", "answer.json"]), 0, "");
    let key = verified["key"].as_str().unwrap().to_owned();
    let proven = case.run(&["audit", "verify", "answer.json", "--key", &key]);
    expect(&proven, 0, "the study is signed by payment-platform, social-platform");
}

#[test]
fn only_a_study_that_parses_and_is_permitted_is_signed() {
    let (case, _) = case();
    let good = std::fs::read_to_string(case.path("study.toml")).unwrap();
    case.write("broken.toml", &good.replace("max_reach = 6", "max_raech = 6"));
    expect(&sign(&case, "broken.toml", "social.key"), 1, "did you mean `max_reach`?");
    case.write("sale.toml", &good.replace("campaign-measurement", "sale"));
    expect(&sign(&case, "sale.toml", "social.key"), 3, "R10");
    case.write("out.toml", &good.replace("\"law.toml\"", "\"../law.toml\""));
    expect(&sign(&case, "out.toml", "social.key"), 1, "without `.` and `..`");
    let written = Case::files(&case.path("")).into_iter().map(|(path, _)| path);
    assert_eq!(written.filter(|path| path.extension().is_some_and(|end| end == "sig")).count(), 0);
    expect(&sign(&case, "study.toml", "study.toml"), 1, "study.toml");
    let named = ["policy", "sign", "--study", "study.toml", "--key", "social.key", "--name", "a b"];
    expect(&case.run(&named), 2, "--name");
    case.write("study.toml.sig", "not a note");
    expect(&sign(&case, "study.toml", "social.key"), 1, "rm study.toml.sig");
    // The signatures of another study, laid beside this one.
    std::fs::remove_file(case.path("study.toml.sig")).unwrap();
    case.write("other.toml", &good.replace("id = \"demo\"", "id = \"other\""));
    sign(&case, "other.toml", "social.key");
    std::fs::rename(case.path("other.toml.sig"), case.path("study.toml.sig")).unwrap();
    expect(&sign(&case, "study.toml", "payment.key"), 1, "signatures of something else");
}

#[test]
fn a_sandbox_without_approval_says_so_wherever_it_is_checked() {
    let (case, _) = case();
    let made = case.init("4");
    expect(&made, 0, "studies take effect without signatures");
    let check = case.run(&["policy", "check", "box", "--format", "json"]);
    assert_eq!(check.status.code(), Some(4));
    assert_eq!(json(&check)["findings"][0]["rule"], "APPROVAL");
    case.append("study.toml", "# changed\n");
    expect(&case.run(&["adopt", "box", "--study", "study.toml"]), 0, "without signatures");
    expect(&case.run(&["adopt", "box", "--study", "study.toml"]), 0, "nothing was done");
    expect(&case.run(&["audit", "verify", "box"]), 0, "studies need no signatures in this sandbox");
}
