//! A disk that is really full costs nothing: whatever `tokenize`, `consent import` and `init` cannot write, they say so, and
//! the folder is as before (promises 4 and 8). Of `seal` and `ask` the same is in `bad_folders.rs`.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub mod command;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

use command::{Case, id, stderr, stdout};

/// Runs the command where no file may grow beyond so many blocks of 512 bytes: every write past that end fails, as on a
/// full disk, with an error and not with the signal.
fn limited(case: &Case, blocks: u64, arguments: &[&str]) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks} && exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_hushtag")])
        .args(arguments)
        .current_dir(case.path(""))
        .env_remove("HUSHTAG_ROOT_KEY")
        .output()
        .unwrap()
}

/// Everything in the folder, without the lock and without the ledger and the register, which an opening may touch.
fn folder(case: &Case) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all: BTreeMap<PathBuf, Vec<u8>> = Case::files(&case.path("")).into_iter().collect();
    all.retain(|path, _| !path.ends_with("lock"));
    let stores = all.iter_mut().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "redb"));
    stores.for_each(|(_, content)| content.clear());
    all
}

/// A failure that says what happened and what to do next, no id, and is no panic.
fn explained(output: &Output, blocks: u64) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{blocks} blocks: {output:?}");
    assert!(said.starts_with("error: ") && said.contains("next: "), "{blocks} blocks: {said}");
    assert!(!said.contains("panicked") && !said.contains(&id(0)), "{blocks} blocks: {said}");
    assert!(output.stdout.is_empty(), "{blocks} blocks: {}", stdout(output));
}

/// Runs a command under ever larger limits until it succeeds; each failure is explained, and `same` looks at what is left.
fn until_it_fits(case: &Case, arguments: &[&str], mut same: impl FnMut(u64)) {
    let limits = [0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384];
    for (failed, blocks) in limits.into_iter().enumerate() {
        let tried = limited(case, blocks, arguments);
        if tried.status.code() == Some(0) {
            assert!(failed >= 3, "only {failed} limits were too small");
            return;
        }
        explained(&tried, blocks);
        same(blocks);
    }
    panic!("it never fitted");
}

#[test]
fn a_table_that_does_not_fit_is_not_handed_over() {
    let case = Case::new(3_000);
    assert_eq!(case.run(&["key", "new", "--out", "agreed.key", "--for", "token"]).status.code(), Some(0));
    let before = folder(&case);
    let arguments =
        ["tokenize", "--study", "study.toml", "--dataset", "follows", "follows.csv", "out.parquet"];
    until_it_fits(&case, &[&arguments[..], &["--key", "agreed.key"]].concat(), |blocks| {
        assert!(folder(&case) == before, "{blocks} blocks left something");
    });
    assert!(case.path("out.parquet").exists() && !case.path("out.parquet.new").exists());
}

#[test]
fn a_sandbox_that_does_not_fit_is_none() {
    let case = Case::new(30);
    let arguments = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none"];
    until_it_fits(&case, &arguments, |blocks| {
        assert!(!case.path("box").exists(), "{blocks} blocks left something");
    });
    assert_eq!(case.seal("e1").status.code(), Some(0));
}

#[test]
fn an_import_that_does_not_fit_records_nothing() {
    let case = Case::new(2_000);
    assert_eq!(case.init("4").status.code(), Some(0));
    case.write("none.csv", &format!("{}\n", command::CONSENT_HEADER));
    assert_eq!(case.run(&["consent", "import", "box", "none.csv"]).status.code(), Some(0));
    let recorded = || {
        let out = case.path("all.jsonl");
        let done = case.run(&["consent", "export", "box", "--out", "all.jsonl"]);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        let lines = std::fs::read_to_string(&out).unwrap().lines().count();
        std::fs::remove_file(out).unwrap();
        lines
    };
    let before = folder(&case);
    until_it_fits(&case, &["consent", "import", "box", "consents.csv"], |blocks| {
        assert!(folder(&case) == before, "{blocks} blocks left something");
        assert_eq!(recorded(), 0, "{blocks} blocks");
    });
    assert_eq!(recorded(), 4_000);
}
