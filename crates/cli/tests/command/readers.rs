//! Promise: readers go on. Commands that read do not wait for the process that writes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hushtag::operator::{Keys, Operator};

use crate::support::{self, CHEAP, FixedClock, RECIPIENT};

fn writer(dir: &Path) -> Operator {
    let anchor = Some(dir.with_file_name("anchor"));
    let setup = support::setup("100000").with_anchor(anchor);
    let operator = Operator::init(dir, setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    operator.without_response_slot()
}

#[test]
fn commands_that_read_do_not_wait_for_the_writer() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    let operator = writer(&dir);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushtag"));
        let output = command.current_dir(home.path()).args(["--wait", "0"]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for reading in [
        &["status", "box"][..],
        &["budget", "box"],
        &["vocabulary", "box", "--recipient", RECIPIENT],
        &["ask", "box", "--recipient", RECIPIENT, "--forecast", CHEAP],
        &["metrics", "box", "--recipient", RECIPIENT, "--forecast"],
        &["audit", "show", "box"],
        &["audit", "verify", "box"],
    ] {
        let (code, said) = run(reading);
        assert_eq!(code, Some(0), "{reading:?}: {said}");
    }
    let ask = ["ask", "box", "--recipient", RECIPIENT, CHEAP];
    let (code, said) = run(&ask);
    assert!(code == Some(1) && said.contains(&format!("process {}", std::process::id())), "{code:?} {said}");
    drop(operator);
    std::thread::sleep(Duration::from_millis(10));
    // The clock of the sandbox stands in the past, so the command is after the last charge.
    assert!(!run(&ask).1.contains("process"));
}
