//! What the examples promise: the walk-through over one's own CSV files runs from beginning to end, and the workflow names
//! commands that there are.

use std::path::Path;
use std::process::Command;

const HUSHTAG: &str = env!("CARGO_BIN_EXE_hushtag");

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"))
}

#[test]
fn own_csv_files_are_sealed_and_answer() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new("sh")
        .arg(examples().join("own-csv/run.sh"))
        .arg(folder.path())
        .env("HUSHTAG", HUSHTAG)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    for word in ["no findings", "purchases.csv", "readers", "charges of the ledger agree"] {
        assert!(said.contains(word), "`{word}` is missing:\n{said}");
    }
}

#[test]
fn the_workflow_names_commands_that_there_are() {
    let workflow = std::fs::read_to_string(examples().join("ci/policy.yml")).unwrap();
    let mut commands = 0;
    for line in workflow.lines().filter_map(|line| line.split("hushtag policy ").nth(1)) {
        let command = line.split_whitespace().next().unwrap();
        let help = Command::new(HUSHTAG).args(["policy", command, "--help"]).output().unwrap();
        assert!(help.status.success(), "there is no `hushtag policy {command}`");
        let help = String::from_utf8_lossy(&help.stdout);
        let flags = line.split_whitespace().filter(|word| word.starts_with("--"));
        for flag in flags {
            assert!(help.contains(flag), "`hushtag policy {command}` has no {flag}");
        }
        commands += 1;
    }
    assert!(commands >= 3, "{commands} commands");
    // The findings stand beside the lines, and a difference has a code of its own.
    let policies = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"));
    let run =
        |arguments: &[&str]| Command::new(HUSHTAG).args(arguments).current_dir(policies).output().unwrap();
    let checked = run(&["policy", "check", ".", "--format", "sarif", "--as-of", "2026-11-20"]);
    assert!(checked.stdout.starts_with(b"{"), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(run(&["policy", "test", "."]).status.code(), Some(0));
    assert_eq!(run(&["policy", "diff", "demo/study.toml", "ciao/study.toml"]).status.code(), Some(4));
}
