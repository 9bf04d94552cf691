//! Promise: a request, reply, state or book of blind tokens that is not what it should be is refused with its exit code, kind and text, nothing
//! is counted, and nothing is left.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::blind_request::{exchanged, points, repeated, shorter, signed};
use crate::blind_tokens::{OF_A, case, done, evaluate, json, request, tokenize};
use crate::command::{Case, stderr, stdout};

/// What every failure says: exit code, kind and a part of the text.
pub(crate) fn fails(output: &Output, code: i32, kind: &str, says: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let error: Value = serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{said}"));
    let error = &error["error"];
    assert_eq!(error["kind"], kind, "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
    assert!(!error["fix"].as_str().unwrap().is_empty() && said.contains("\n  fix: "), "{said}");
    assert!(said.starts_with("error: ") && !said.contains("1380000"), "{said}");
}

/// Every file of the case.
fn files(case: &Case) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    Case::files(&case.path("")).into_iter().collect()
}

/// Puts other bytes into a file, runs a command that fails, and puts the file back: nothing but that file was touched.
fn with(
    case: &Case,
    name: &str,
    bytes: &[u8],
    run: impl Fn() -> Output,
    (code, kind, says): (i32, &str, &str),
) {
    let good = fs::read(case.path(name)).unwrap();
    fs::write(case.path(name), bytes).unwrap();
    let before = files(case);
    fails(&run(), code, kind, says);
    let mut after = files(case);
    // An empty lock may be left beside the book.
    after.retain(|path, _| !path.ends_with("b.evaluations.lock"));
    let mut before = before;
    before.retain(|path, _| !path.ends_with("b.evaluations.lock"));
    assert!(before == after, "{name}: {says}");
    fs::write(case.path(name), good).unwrap();
}

fn changed(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    change(&mut bytes);
    bytes
}

#[test]
fn a_request_that_is_none_is_refused_and_not_counted() {
    let case = case(20, 1_000);
    json(&request(&case, "a", &OF_A));
    let whole = fs::read(case.path("a.request")).unwrap();
    let key = fs::read_to_string(case.path("a.key")).unwrap();
    let at = points(&whole);
    let bad = |bytes: &[u8], says: &str| {
        with(&case, "a.request", bytes, || evaluate(&case, "a"), (1, "input", says))
    };
    // Points that do not decode: none, not canonical, negative, the identity.
    bad(
        &changed(&whole, |all| all[at.start..at.start + 32].fill(0xff)),
        "a.request: point 1 is not the encoding",
    );
    bad(&changed(&whole, |all| all[at.start + 63] |= 0x80), "point 2 is not the encoding");
    bad(&changed(&whole, |all| all[at.start + 64] ^= 1), "point 3 is not the encoding of a group element");
    bad(&changed(&whole, |all| all[at.end - 32..at.end].fill(0)), "point 32 is not the encoding");
    bad(&repeated(&key, whole.clone()), "a.request: holds a point twice, which no honest request does");
    // Counts: not padded, more than there are, none.
    bad(
        &shorter(&key, whole.clone()),
        "31 points of namespace `phone` are no multiple of the study's padding, 16",
    );
    bad(
        &changed(&whole, |all| all[at.start - 8..at.start].copy_from_slice(&48_u64.to_be_bytes())),
        "cut off",
    );
    bad(&changed(&whole, |all| all[at.start - 8..at.start].fill(0)), "has a header that is none");
    bad(&signed(&key, whole.clone(), |all| all[at.start - 9] = b'x'), "declares no namespace `phonx`");
    // Cut, longer, changed, of another kind.
    for length in [0, 10, 27, 60, at.start, at.start + 31, at.end, whole.len() - 1] {
        bad(&whole[..length], if length < 24 { "is not a request for blind tokens" } else { "cut off" });
    }
    bad(&[&whole[..], b"\n"].concat(), "it is cut off, or something follows");
    bad(
        &changed(&whole, |all| *all.last_mut().unwrap() ^= 1),
        "the signature is not that of `social-platform`",
    );
    bad(
        &signed(&fs::read_to_string(case.path("b.key")).unwrap(), whole.clone(), |_| ()),
        "the signature is not that of",
    );
    bad(&fs::read(case.path("a.state")).unwrap(), "is not a request for blind tokens");
    assert!(!case.path("b.evaluations").exists(), "nothing was counted");

    json(&evaluate(&case, "a"));
    fs::rename(case.path("a.reply"), case.path("kept")).unwrap();
    let says = (1, "input", "another request of the same session was evaluated before");
    with(&case, "a.request", &exchanged(&key, whole.clone()), || evaluate(&case, "a"), says);
    // A request in the other direction, and to oneself.
    json(&request(&case, "b", &["payments"]));
    let own = fs::read(case.path("b.request")).unwrap();
    let says = (1, "input", "a.request: is not from `social-platform` to `payment-platform`");
    with(&case, "a.request", &own, || evaluate(&case, "a"), says);
}

#[test]
fn a_reply_that_is_none_makes_no_token() {
    let case = case(20, 1_000);
    json(&request(&case, "a", &OF_A));
    json(&evaluate(&case, "a"));
    let whole = fs::read(case.path("a.reply")).unwrap();
    let bad = |bytes: &[u8], says: &str| {
        with(&case, "a.reply", bytes, || tokenize(&case, "a", "members"), (1, "input", says));
        assert!(!case.path("members.parquet").exists());
    };
    let (end, proof) = (whole.len() - 64, whole.len() - 64 - 32 * 32);
    let does_not_hold =
        "a.reply: proof 1 does not hold: its points are not those of the request under the pinned key";
    // A multiple that is another one, in another place, there twice, or of no point; a changed proof.
    bad(&changed(&whole, |all| all.copy_within(proof..proof + 32, proof + 32)), does_not_hold);
    bad(
        &changed(&whole, |all| (0..32).for_each(|byte| all.swap(proof + byte, proof + 32 + byte))),
        does_not_hold,
    );
    bad(&changed(&whole, |all| all[end] ^= 1), does_not_hold);
    bad(&changed(&whole, |all| all[proof..proof + 32].fill(0)), "point 1 is not the encoding");
    bad(&changed(&whole, |all| all[proof - 1] ^= 1), "a.reply: belongs to another request");
    for length in [0, 21, 30, 100, proof, end, whole.len() - 1] {
        bad(&whole[..length], if length < 22 { "is not a reply with blind tokens" } else { "cut off" });
    }
    bad(&[&whole[..], &whole[..]].concat(), "something follows");
    bad(&fs::read(case.path("a.request")).unwrap(), "is not a reply with blind tokens");
    // The reply to another session over the same ids.
    for name in ["request", "state"] {
        fs::rename(case.path(&format!("a.{name}")), case.path(&format!("first.{name}"))).unwrap();
    }
    fs::rename(case.path("a.reply"), case.path("first.reply")).unwrap();
    json(&request(&case, "a", &OF_A));
    json(&evaluate(&case, "a"));
    bad(&whole, "a.reply: belongs to another request");
    done(&tokenize(&case, "a", "members"));
}

#[test]
fn a_state_of_another_key_or_study_and_a_cut_one_are_refused() {
    let case = case(20, 1_000);
    json(&request(&case, "a", &OF_A));
    json(&evaluate(&case, "a"));
    json(&request(&case, "b", &["payments"]));
    let whole = fs::read(case.path("a.state")).unwrap();
    let run = || tokenize(&case, "a", "members");
    let other = fs::read(case.path("b.state")).unwrap();
    let foreign = (1, "key", "a.state: does not open: made with another key, or changed");
    with(&case, "a.state", &other, run, foreign);
    with(&case, "a.state", &changed(&whole, |all| *all.last_mut().unwrap() ^= 1), run, foreign);
    with(&case, "a.state", &changed(&whole, |all| all[40] ^= 1), run, foreign);
    for length in [0, 21, 24, 100, whole.len() - 1] {
        let says = if length < 22 { "is not a state of blind tokens" } else { "cut off" };
        with(&case, "a.state", &whole[..length], run, (1, "input", says));
    }
    // The study was changed after the request: neither side goes on with it.
    let study = fs::read_to_string(case.path("study.toml")).unwrap();
    let later = study.replace("max_ids = 1000", "max_ids = 1001").into_bytes();
    let says = (1, "input", "a.state: belongs to another study, or to this one before it was changed");
    with(&case, "study.toml", &later, run, says);
    fs::remove_file(case.path("a.reply")).unwrap();
    let says = (1, "input", "a.request: belongs to another study, or to this one before it was changed");
    with(&case, "study.toml", &later, || evaluate(&case, "a"), says);
}

#[test]
fn a_book_that_was_changed_or_cut_evaluates_nothing() {
    let case = case(20, 1_000);
    json(&request(&case, "a", &OF_A));
    json(&evaluate(&case, "a"));
    fs::remove_file(case.path("a.reply")).unwrap();
    let whole = fs::read(case.path("b.evaluations")).unwrap();
    let run = || evaluate(&case, "a");
    let (head, damaged) = (22 + 32 + 32, |says| (5, "damaged", says));
    with(
        &case,
        "b.evaluations",
        &whole[..whole.len() - 1],
        run,
        damaged("b.evaluations: is cut off inside a record"),
    );
    with(&case, "b.evaluations", &whole[..head - 1], run, damaged("is no evaluation book, or cut off"));
    with(&case, "b.evaluations", b"", run, damaged("is no evaluation book, or cut off"));
    let says = damaged("holds a record that was changed, moved or taken out");
    for at in [head, head + 20, head + 40, whole.len() - 1] {
        with(&case, "b.evaluations", &changed(&whole, |all| all[at] ^= 1), run, says);
    }
    with(&case, "b.evaluations", &[&whole[..], &whole[head..]].concat(), run, says);
    with(
        &case,
        "b.evaluations",
        &changed(&whole, |all| all[head - 1] ^= 1),
        run,
        damaged("has a changed head"),
    );
    let mut book = vec!["token", "book", "b.evaluations", "--key", "a.key", "--format", "json"];
    fails(&case.run(&book), 5, "damaged", "is the evaluation book of another key");
    book[2] = "nowhere";
    fails(&case.run(&book), 1, "input", "nowhere: is not there");
    assert_eq!(json(&evaluate(&case, "a"))["counted_before"], true);
}

#[test]
fn over_the_limit_there_already_and_other_keys_have_codes_of_their_own() {
    let case = case(60, 64);
    fails(
        &request(&case, "a", &["payments"]),
        2,
        "input",
        "dataset `payments` is of handler `payment-platform`",
    );
    json(&request(&case, "a", &["members"]));
    fails(&request(&case, "a", &["members"]), 6, "exists", "a.request: is there already");
    json(&evaluate(&case, "a"));
    fails(&evaluate(&case, "a"), 6, "exists", "a.reply: is there already");
    ["a.request", "a.state", "a.reply"].iter().for_each(|name| fs::remove_file(case.path(name)).unwrap());
    json(&request(&case, "a", &["members"]));
    let says = "64 ids in this request after 64 in all sessions before it are more than `max_ids`, 64";
    fails(&evaluate(&case, "a"), 3, "refused", says);
    fs::write(case.path("a.request.new"), "").unwrap();
    fs::remove_file(case.path("a.request")).unwrap();
    fs::remove_file(case.path("a.state")).unwrap();
    fails(&request(&case, "a", &["members"]), 1, "storage", "a.request.new: another process writes it");
    fs::remove_file(case.path("a.request.new")).unwrap();
    (0..5).for_each(|more| case.append("members.csv", &format!("1380000999{more},east\n")));
    let says = "80 ids in this request after 0 in all sessions before it are more than `max_ids`, 64";
    fails(&request(&case, "a", &["members"]), 3, "refused", says);
    assert!(!case.path("a.request").exists() && !case.path("a.state").exists());
    fails(&evaluate(&case, "a"), 1, "input", "a.request: is not there");
    done(&case.run(&["key", "new", "--out", "other.key", "--for", "blind-token"]));
    fs::rename(case.path("other.key"), case.path("a.key")).unwrap();
    fails(&request(&case, "a", &["members"]), 2, "key", "the study pins no `token_key` of this key");
    case.write("study.toml", &crate::command::study());
    fails(
        &request(&case, "a", &["members"]),
        2,
        "study",
        "the study pins no `token_key`: its handlers make no blind tokens",
    );
}
