//! The command as an oracle: codes, messages and JSON of sandboxes that differ in one person, or hold no one.

use std::path::Path;
use std::process::Command;

use hushtag::operator::{Keys, Operator};
use hushtag::types::SystemClock;
use serde_json::Value;

use crate::support::{RECIPIENT, terms};
use crate::world::{Person, changed, setup_of, sources, study, worlds};

/// The command has the system's clock, so the study's documents must be in date for a long time.
fn seal(dir: &Path, people: &[Person]) {
    let lasting = changed(&study(), &[("expires = 2027-09-01", "expires = 2100-01-01")]);
    let clock = Box::new(SystemClock);
    let operator = Operator::init(dir, setup_of(&[lasting], "1"), Keys::InFolder, clock).unwrap();
    operator.seal(&terms("e1"), sources(people)).unwrap();
}

/// What noise decides, the signed head of the log and the second of the clock are taken out of a result in JSON.
fn masked(stdout: &[u8]) -> String {
    let text = String::from_utf8(stdout.to_vec()).unwrap();
    let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return text };
    for row in value.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        *row = row["group"].take();
    }
    // Notes say which of the noisy numbers were limited or are uncertain.
    value.as_object_mut().map(|fields| fields.remove("notes"));
    if let Some(audit) = value.get_mut("audit").and_then(Value::as_object_mut) {
        audit.remove("checkpoint");
    }
    // When a sandbox was opened and sealed is its own second.
    let epoch = value.get_mut("epoch").and_then(|epoch| epoch.get_mut("answers_until"));
    epoch.into_iter().for_each(|until| *until = Value::Null);
    if let Some(opened) = value.get_mut("opened_at") {
        *opened = Value::Null;
    }
    value.to_string()
}

/// Code, result and message of every command, line by line.
fn transcript(people: &[Person]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    seal(&home.path().join("box"), people);
    let as_recipient = ["--recipient", RECIPIENT];
    let commands: [&[&str]; 9] = [
        &["ask", "box", "--format", "json", "SELECT region, COUNT(*), SUM(spend) FROM tags GROUP BY region"],
        &[
            "ask",
            "box",
            "--format",
            "json",
            "--forecast",
            "SELECT AVG(spend) FROM tags WHERE region = 'west'",
        ],
        &["ask", "box", "SELECT COUNT(*) FROM tags WITH (error = 1)"],
        &["ask", "box", "SELECT COUNT(*) FROM tags WHERE region = 'Hidden'"],
        &["ask", "box", "SELECT * FROM tags"],
        &["ask", "box", "--epoch", "e9", "SELECT COUNT(*) FROM tags"],
        &["vocabulary", "box"],
        &["budget", "box", "--format", "json"],
        &["audit", "verify", "box", "--format", "json"],
    ];
    let mut lines = Vec::new();
    for command in commands {
        let mut run = Command::new(env!("CARGO_BIN_EXE_hushtag"));
        run.args(command).current_dir(home.path()).env_remove("HUSHTAG_ROOT_KEY");
        if ["ask", "vocabulary"].contains(&command[0]) {
            run.args(as_recipient);
        }
        let output = run.output().unwrap();
        let (code, said) = (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap());
        // The public key is another one in every sandbox.
        let shown = if command[0] == "audit" { String::new() } else { masked(&output.stdout) };
        lines.push(format!("{code} {command:?}\n{shown}\n{said}"));
    }
    lines
}

#[test]
fn the_command_ends_alike_regardless_of_who_is_in() {
    let worlds: Vec<_> = worlds().into_iter().filter(|(name, _)| *name != "no rows").collect();
    let shown = std::thread::scope(|scope| {
        let run = |people| scope.spawn(move || transcript(people));
        let started: Vec<_> = worlds.iter().map(|(_, people)| run(people)).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let codes: Vec<&str> = shown[0].iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(codes, ["0", "0", "3", "2", "2", "2", "0", "0", "0"], "{:#?}", shown[0]);
    for (other, (world, _)) in shown.iter().zip(&worlds) {
        assert_eq!(other, &shown[0], "{world}");
    }
    println!(
        "command oracle: {} commands in {} sandboxes, 0 differ in code, result or message (bound 0)",
        codes.len(),
        worlds.len()
    );
}
