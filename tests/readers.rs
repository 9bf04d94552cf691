//! Promise: readers go on. Budget, status, vocabulary and forecasts are read while another process writes; what they show is
//! a state that was, and never one that goes back.
#![cfg(test)]

pub mod support;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hushtag::operator::{Keys, Operator, Reader};
use hushtag::types::RecipientId;
use support::{CHEAP, FixedClock, RECIPIENT};

fn writer(dir: &Path) -> Operator {
    let anchor = Some(dir.with_file_name("anchor"));
    let setup = hushtag::operator::Setup { anchor, ..support::setup("100000") };
    let operator = Operator::init(dir, setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    operator.without_response_slot()
}

fn reader(dir: &Path) -> Reader {
    Reader::open(dir, Keys::InFolder, Box::new(FixedClock::default())).unwrap()
}

#[test]
fn a_reader_sees_states_that_were_while_four_threads_ask() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    let operator = writer(&dir);
    let recipient = RecipientId::new(RECIPIENT).unwrap();
    let ended = AtomicBool::new(false);
    let (mut last, mut different) = ((0, 0), 0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (analyst, ended) = (support::analyst(&operator), &ended);
            scope.spawn(move || {
                for number in 0.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    let question =
                        format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number * 4 + thread);
                    analyst.ask(&question, None).unwrap();
                }
            });
        }
        for _ in 0..150 {
            let reader = reader(&dir);
            let (status, view) = (reader.status().unwrap(), reader.view(&recipient, None).unwrap());
            let remaining = view.remaining().unwrap();
            let now = (remaining.spent, status.log_size);
            assert!(now.0 >= last.0 && now.1 >= last.1, "{now:?} after {last:?}");
            assert_eq!((status.epochs.len(), view.vocabulary().tags.len()), (1, 5));
            assert!(view.forecast(CHEAP).unwrap().cost > 0);
            different += u32::from(now != last);
            last = now;
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert!(different > 20, "the writer was at rest: only {different} states");
    assert_eq!(reader(&dir).status().unwrap().totals.pool, operator.status().unwrap().totals.pool);
}

#[cfg(feature = "cli")]
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
