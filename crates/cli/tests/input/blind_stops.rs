//! Promise: a full disk and a kill at any moment leave no half-written file under its name, count a request once, and the same commands
//! go on from what is there.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::blind_bad_files::fails;
use crate::blind_tokens::{case, done, json, request};
use crate::command::{Case, ENGLISH};

const REQUEST: [&str; 13] = [
    "token",
    "request",
    "--study",
    "study.toml",
    "--dataset",
    "members",
    "members.csv",
    "--key",
    "a.key",
    "--out",
    "a.request",
    "--state",
    "a.state",
];
const EVALUATE: [&str; 11] = [
    "token",
    "evaluate",
    "a.request",
    "--study",
    "study.toml",
    "--key",
    "b.key",
    "--book",
    "b.evaluations",
    "--out",
    "a.reply",
];
const TOKENIZE: [&str; 13] = [
    "tokenize",
    "--study",
    "study.toml",
    "--dataset",
    "members",
    "members.csv",
    "members.parquet",
    "--key",
    "a.key",
    "--state",
    "a.state",
    "--reply",
    "a.reply",
];

fn is_there(case: &Case, name: &str) -> bool {
    case.path(name).exists()
}

/// What an owner removes after a stop, as the error says: drafts.
fn tidy(case: &Case) {
    for entry in fs::read_dir(case.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "new") {
            fs::remove_file(path).unwrap();
        }
    }
}

/// Runs a command that may write no file longer than so many half KiB, as on a disk that is full then.
fn on_a_full_disk(case: &Case, blocks: u32, arguments: &[&str]) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_hushtag"), "--format", "json"]).args(arguments);
    command.current_dir(case.path("")).envs(ENGLISH).output().unwrap()
}

#[test]
fn a_disk_that_fills_stops_each_step_and_leaves_nothing() {
    let case = case(300, 1_000);
    let stopped = |blocks, arguments: &[&str]| {
        let output = on_a_full_disk(&case, blocks, arguments);
        if output.status.success() {
            return false;
        }
        fails(&output, 1, "storage", "File too large");
        true
    };
    let lengths = || std::iter::once(0).chain((0..).map(|step| 1 << step));
    let mut stops = [0; 3];
    for blocks in lengths().take_while(|blocks| stopped(*blocks, &REQUEST)) {
        stops[0] = blocks;
        assert!(
            !["a.request", "a.state", "a.request.new", "a.state.new"]
                .iter()
                .any(|name| is_there(&case, name))
        );
    }
    let mut counted = 0;
    for blocks in lengths().take_while(|blocks| stopped(*blocks, &EVALUATE)) {
        stops[1] = blocks;
        counted += u32::from(is_there(&case, "b.evaluations"));
        assert!(!is_there(&case, "a.reply") && !is_there(&case, "a.reply.new"));
    }
    assert!(counted > 0, "some stops came after the count");
    let book = json(&case.run(&["token", "book", "b.evaluations", "--key", "b.key", "--format", "json"]));
    assert_eq!((book["ids"].as_u64(), book["sessions"].as_array().unwrap().len()), (Some(304), 1));
    for blocks in lengths().take_while(|blocks| stopped(*blocks, &TOKENIZE)) {
        stops[2] = blocks;
        assert!(!is_there(&case, "members.parquet") && !is_there(&case, "members.parquet.new"));
    }
    assert!(is_there(&case, "members.parquet") && stops.iter().all(|last| *last > 1), "{stops:?}");
}

/// Starts a command and kills it after a while; whether it had ended by itself.
fn killed_after(case: &Case, wait: Duration, arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushtag"));
    let command =
        command.args(arguments).current_dir(case.path("")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap().success()
}

#[test]
fn killed_at_any_moment_each_step_goes_on_from_what_is_there() {
    let case = case(300, 1_000);
    let waits = || (0..).map(|step| Duration::from_millis(2 * step * step));
    for wait in waits() {
        if killed_after(&case, wait, &REQUEST) {
            break;
        }
        tidy(&case);
        assert!(!is_there(&case, "a.request") || is_there(&case, "a.state"), "a request without its state");
        for name in ["a.request", "a.state"] {
            let _ = fs::remove_file(case.path(name));
        }
    }
    let asked = fs::read(case.path("a.request")).unwrap();
    for wait in waits() {
        if killed_after(&case, wait, &EVALUATE) || is_there(&case, "a.reply") {
            break;
        }
        tidy(&case);
    }
    let reply = fs::read(case.path("a.reply")).unwrap();
    let book = json(&case.run(&["token", "book", "b.evaluations", "--key", "b.key", "--format", "json"]));
    assert_eq!((book["ids"].as_u64(), book["sessions"].as_array().unwrap().len()), (Some(304), 1));
    for wait in waits() {
        if killed_after(&case, wait, &TOKENIZE) || is_there(&case, "members.parquet") {
            break;
        }
        tidy(&case);
    }
    // What came of it is what an undisturbed run makes.
    let treated = fs::read(case.path("members.parquet")).unwrap();
    for name in ["a.reply", "members.parquet"] {
        fs::remove_file(case.path(name)).unwrap();
    }
    done(&case.run(&EVALUATE));
    assert!(
        fs::read(case.path("a.reply")).unwrap() == reply
            && fs::read(case.path("a.request")).unwrap() == asked
    );
    done(&case.run(&TOKENIZE));
    assert!(fs::read(case.path("members.parquet")).unwrap() == treated, "the same tokens");
    assert_eq!(request(&case, "a", &["members"]).status.code(), Some(6));
}
