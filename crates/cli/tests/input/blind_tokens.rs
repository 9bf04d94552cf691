//! Promise: two platforms make tokens that neither can reverse, by three files that hold no id, and the sandbox seals them as it seals
//! raw files; the limit holds, and what is wrong is refused by name and leaves nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;

use crate::command::{Case, id, stderr, stdout};

pub(crate) const OF_A: [&str; 3] = ["follows", "members", "consents"];

/// A folder with both keys, pinned in its study.
pub(crate) fn case(people: u32, max_ids: u32) -> Case {
    let case = Case::new(people);
    let mut study = fs::read_to_string(case.path("study.toml")).unwrap();
    for (handler, key) in [("social-platform", "a.key"), ("payment-platform", "b.key")] {
        let public = done(&case.run(&["key", "new", "--out", key, "--for", "blind-token"]));
        assert_eq!(public, done(&case.run(&["key", "show", key, "--for", "blind-token"])));
        let line = format!("[[handlers]]\nid = \"{handler}\"\n");
        study = study.replace(&line, &format!("{line}token_key = \"{}\"\n", public.trim()));
    }
    // Lists are shorter than their cut, which is made by pseudonyms, and those differ.
    study = study.replace("max_reach = 6", "max_reach = 64");
    case.write("study.toml", &format!("{study}\n[tokens]\nmax_ids = {max_ids}\npadding = 16\n"));
    case
}

pub(crate) fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output)
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_str(&done(output)).unwrap()
}

pub(crate) fn request(case: &Case, side: &str, tables: &[&str]) -> Output {
    let files: Vec<String> = tables.iter().map(|table| format!("{table}.csv")).collect();
    let (key, out, state) = (format!("{side}.key"), format!("{side}.request"), format!("{side}.state"));
    let mut arguments = vec!["token", "request", "--study", "study.toml", "--format", "json"];
    arguments.extend(tables.iter().flat_map(|table| ["--dataset", table]));
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(["--key", &key, "--out", &out, "--state", &state]);
    case.run(&arguments)
}

/// The other platform than `side` answers.
pub(crate) fn evaluate(case: &Case, side: &str) -> Output {
    let other = if side == "a" { "b" } else { "a" };
    let (request, out) = (format!("{side}.request"), format!("{side}.reply"));
    let (key, book) = (format!("{other}.key"), format!("{other}.evaluations"));
    let all = [
        "token",
        "evaluate",
        &request,
        "--study",
        "study.toml",
        "--key",
        &key,
        "--book",
        &book,
        "--out",
        &out,
    ];
    case.run(&[&all[..], &["--format", "json"]].concat())
}

pub(crate) fn tokenize(case: &Case, side: &str, table: &str) -> Output {
    let (input, out) = (format!("{table}.csv"), format!("{table}.parquet"));
    let (key, state, reply) = (format!("{side}.key"), format!("{side}.state"), format!("{side}.reply"));
    let all = ["tokenize", "--study", "study.toml", "--dataset", table, &input, &out, "--key", &key];
    case.run(&[&all[..], &["--state", &state, "--reply", &reply, "--format", "json"]].concat())
}

fn seal(case: &Case, epoch: &str, ending: &str) -> Output {
    let mut arguments = vec!["seal", "box", "--epoch", epoch, "--as-of", "2026-10-01", "--format", "json"];
    let data: Vec<String> =
        ["follows", "payments", "members"].iter().map(|table| format!("{table}={table}.{ending}")).collect();
    arguments.extend(data.iter().flat_map(|data| ["--data", data.as_str()]));
    let consents = format!("consents.{ending}");
    arguments.extend(["--consents", &consents]);
    case.run(&arguments)
}

#[test]
fn two_platforms_and_a_sandbox_from_keys_to_a_seal() {
    let case = case(60, 1_000);
    let asked = json(&request(&case, "a", &OF_A));
    assert_eq!(
        (asked["namespaces"][0]["points"].as_u64(), asked["namespaces"][0]["ids"].as_u64()),
        (Some(64), Some(60))
    );
    let mode = |name: &str| fs::metadata(case.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a.state"), mode("a.request")), (0o600, 0o644));
    let evaluated = json(&evaluate(&case, "a"));
    assert_eq!((evaluated["ids"].as_u64(), evaluated["max_ids"].as_u64()), (Some(64), Some(1_000)));
    for table in OF_A {
        let treated = json(&tokenize(&case, "a", table));
        assert_eq!(treated["key_id"].as_str().unwrap().len(), 16);
    }
    json(&request(&case, "b", &["payments"]));
    json(&evaluate(&case, "b"));
    json(&tokenize(&case, "b", "payments"));
    // Nothing that goes to another platform or to the sandbox holds an id.
    let needles: Vec<Vec<u8>> = (0..60).map(|person| id(person).into_bytes()).collect();
    let files =
        ["a.request", "a.reply", "a.state", "b.request", "b.reply", "b.evaluations", "payments.parquet"];
    for name in files.iter().copied().chain(["follows.parquet", "members.parquet", "consents.parquet"]) {
        let content = fs::read(case.path(name)).unwrap();
        let holds =
            |needle: &Vec<u8>| content.windows(needle.len()).any(|window| window == needle.as_slice());
        assert!(!needles.iter().any(holds), "{name} holds an id");
    }
    done(&case.init("4"));
    let sealed = json(&seal(&case, "blind", "parquet"));
    let raw = json(&seal(&case, "raw", "csv"));
    let used = |sealed: &Value| -> Vec<u64> {
        sealed["files"].as_array().unwrap().iter().map(|file| file["used"].as_u64().unwrap()).collect()
    };
    assert_eq!(used(&sealed), used(&raw));
    let session = asked["session"].as_str().unwrap();
    let sessions = sealed["files"].as_array().unwrap().iter().map(|file| &file["token_session"]);
    assert_eq!(sessions.filter(|one| one["session"] == session && one["ids"] == 64).count(), 3);
    let book = json(&case.run(&[
        "token",
        "book",
        "b.evaluations",
        "--key",
        "b.key",
        "--study",
        "study.toml",
        "--format",
        "json",
    ]));
    assert_eq!((book["ids"].as_u64(), book["sessions"][0]["session"].as_str()), (Some(64), Some(session)));
}

#[test]
fn over_the_limit_is_refused_and_the_same_request_is_counted_once() {
    let case = case(60, 130);
    json(&request(&case, "a", &OF_A));
    assert_eq!(json(&evaluate(&case, "a"))["counted_before"], false);
    let first = fs::read(case.path("a.reply")).unwrap();
    assert_eq!(evaluate(&case, "a").status.code(), Some(6), "the reply is there");
    fs::remove_file(case.path("a.reply")).unwrap();
    let again = json(&evaluate(&case, "a"));
    assert_eq!((again["counted_before"].as_bool(), again["ids"].as_u64()), (Some(true), Some(64)));
    assert!(fs::read(case.path("a.reply")).unwrap() == first);
    for (name, to) in [("a.request", "old.request"), ("a.state", "old.state"), ("a.reply", "old.reply")] {
        fs::rename(case.path(name), case.path(to)).unwrap();
    }
    json(&request(&case, "a", &OF_A));
    json(&evaluate(&case, "a"));
    for name in ["a.request", "a.state", "a.reply"] {
        fs::remove_file(case.path(name)).unwrap();
    }
    json(&request(&case, "a", &["members"]));
    let refused = evaluate(&case, "a");
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("128 in all sessions before it are more than `max_ids`, 130"));
    assert!(!case.path("a.reply").exists() && !case.path("a.reply.new").exists());
    // The reply to an old request is of no use with the new state, and the old state still is.
    fs::copy(case.path("old.reply"), case.path("a.reply")).unwrap();
    let other = tokenize(&case, "a", "members");
    assert!(other.status.code() == Some(1) && stderr(&other).contains("belongs to another request"));
    fs::copy(case.path("old.state"), case.path("a.state")).unwrap();
    done(&tokenize(&case, "a", "members"));
}

#[test]
fn bad_files_keys_and_books_are_explained_and_leave_nothing() {
    let case = case(20, 1_000);
    let names = || {
        let names = fs::read_dir(case.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let refused = |output: Output, code: i32, says: &str| {
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.starts_with("error: ") && said.contains(says) && said.contains("fix: "), "{said}");
        assert!(!said.contains("1380000"), "{said}");
    };
    let before = names();
    refused(request(&case, "a", &["payments"]), 2, "is of handler `payment-platform`");
    done(&case.run(&["key", "new", "--out", "other.key", "--for", "blind-token"]));
    done(&case.run(&["key", "new", "--out", "agreed.key", "--for", "token"]));
    fs::rename(case.path("a.key"), case.path("kept.key")).unwrap();
    fs::copy(case.path("other.key"), case.path("a.key")).unwrap();
    refused(request(&case, "a", &OF_A), 2, "pins no `token_key`");
    fs::copy(case.path("agreed.key"), case.path("a.key")).unwrap();
    refused(request(&case, "a", &OF_A), 1, "is not a key");
    fs::rename(case.path("kept.key"), case.path("a.key")).unwrap();
    for extra in ["other.key", "agreed.key"] {
        fs::remove_file(case.path(extra)).unwrap();
    }
    assert_eq!(names(), before);
    json(&request(&case, "a", &OF_A));
    let whole = fs::read(case.path("a.request")).unwrap();
    fs::write(case.path("a.request"), &whole[..whole.len() - 1]).unwrap();
    refused(evaluate(&case, "a"), 1, "cut off");
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(case.path("a.request"), &changed).unwrap();
    refused(evaluate(&case, "a"), 1, "signature");
    assert!(!case.path("b.evaluations").exists(), "nothing was counted");
    fs::write(case.path("a.request"), &whole).unwrap();
    json(&evaluate(&case, "a"));
    // A book of which a byte was changed.
    let book = fs::read(case.path("b.evaluations")).unwrap();
    let mut forged = book.clone();
    forged[100] ^= 1;
    fs::write(case.path("b.evaluations"), &forged).unwrap();
    fs::rename(case.path("a.reply"), case.path("kept.reply")).unwrap();
    refused(evaluate(&case, "a"), 5, "changed, moved or taken out");
    fs::rename(case.path("kept.reply"), case.path("a.reply")).unwrap();
    // An id that came after the request.
    case.append("members.csv", &format!("{},east\n", id(77)));
    refused(tokenize(&case, "a", "members"), 1, "did not ask for");
    assert!(!case.path("members.parquet").exists() && !case.path("members.parquet.new").exists());
}
