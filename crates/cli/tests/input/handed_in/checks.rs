//! `seal --check`: beside a writer, every bad file at once, and no less strict than a seal.

use std::time::Duration;

use hushtag::operator::{Keys, Operator};
use hushtag::types::SystemClock;

use super::*;

/// Promise: a check needs no lock. It reads beside a process that writes, with the register, and writes nothing.
#[test]
fn a_check_runs_beside_a_writer() {
    let case = case();
    let imported = case.run(&["consent", "import", "box", "consents.csv"]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let writer =
        Operator::open(&case.path("box"), Keys::InFolder, Box::new(SystemClock), Duration::ZERO).unwrap();
    assert!(writer.consents().snapshot().unwrap().is_some());
    let before = Case::files(&case.path("box"));
    let mut arguments = vec!["seal", "box", "--check", "--as-of", "2026-10-01", "--wait", "0"];
    arguments.extend(
        ["follows=follows.csv", "payments=payments.csv", "members=members.csv"]
            .iter()
            .flat_map(|file| ["--data", file]),
    );
    let checked = case.run(&arguments);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert!(stdout(&checked).contains("consents.redb"), "{}", stdout(&checked));
    assert!(Case::files(&case.path("box")) == before, "a check wrote something");
    drop(writer);
}

/// Promise: one check names every file that cannot be read, each with its place, and not only the first one.
#[test]
fn a_check_names_every_bad_file() {
    let case = case();
    case.write("members.csv", "user,region\n13800000000,east,x\n");
    folder(&case, "parts", &[("a.csv", "payer,amount,at\n1\n"), ("b.csv", &payments(0..6)), ("c.csv", "")]);
    case.write("empty.csv", "");
    let output = check_with(&case, &["parts", "empty.csv"], b"");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let faults: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
    let starts = [
        "empty.csv: the file is empty",
        "parts/a.csv: line 2: 1 cell",
        "parts/c.csv: ",
        "members.csv: line 2: 3 cells",
    ];
    assert!(starts.iter().all(|start| faults.iter().any(|fault| fault.starts_with(start))), "{said}");
    assert_eq!((faults.len(), said.matches("\n  fix: ").count()), (4, 4), "{said}");
}

/// Promise: what a seal refuses before it reads a file, a check refuses with the same words.
#[test]
fn a_check_refuses_what_a_seal_refuses() {
    let case = case();
    let sealed = |arguments: &[&str], as_of: &str| {
        let mut all = vec!["seal", "box", "--as-of", as_of, "--consents", "consents.csv"];
        let files = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
        all.extend(files.iter().flat_map(|file| ["--data", file]).chain(arguments.iter().copied()));
        let output = case.run(&all);
        (output.status.code(), stderr(&output).lines().next().map(str::to_owned))
    };
    let future = sealed(&["--epoch", "e1"], "2126-10-01");
    assert_eq!(future.0, Some(2), "{future:?}");
    assert_eq!(sealed(&["--check"], "2126-10-01"), future);

    let costly = study().replace("[release]", "[release]\nconsent_error = 1");
    assert!(costly.contains("consent_error"), "the demo has a section for releases");
    case.write("study.toml", &costly);
    let adopted = case.run(&["adopt", "box", "--study", "study.toml"]);
    assert!(adopted.status.success(), "{}", stderr(&adopted));
    let unpaid = sealed(&["--epoch", "e1"], "2026-10-01");
    assert_eq!(unpaid.0, Some(3), "{unpaid:?}");
    assert_eq!(sealed(&["--check"], "2026-10-01"), unpaid);
}
