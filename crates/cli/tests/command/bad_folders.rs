//! Bad folders are distinguished and explained, and cost nothing: a disk that is really full, a folder that may not be
//! written, files that are empty, symlinks, stray, or another sandbox's (promises 4, 6 and 8).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::command::{Case, has_no_result, stderr, stdout};
use serde_json::Value;

const FIRST: &str = "SELECT region, COUNT(*) FROM tags GROUP BY region WITH (error = 60)";
const SECOND: &str = "SELECT COUNT(*) FROM tags WITH (error = 90)";

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("not JSON: {output:?}"))
}

/// A sandbox with one epoch and one answer, which is never drawn again.
fn answered() -> (Case, Value) {
    let case = Case::new(60);
    assert_eq!(case.init("4").status.code(), Some(0));
    assert_eq!(case.seal("e1").status.code(), Some(0));
    let answer = json(&case.ask(FIRST));
    (case, answer)
}

fn spent(case: &Case) -> u64 {
    json(&case.run(&["budget", "box", "--format", "json"]))["spent_nano_rho"].as_u64().unwrap()
}

fn verified(case: &Case) -> Value {
    json(&case.run(&["audit", "verify", "box", "--format", "json"]))
}

/// An error that says what happened and what to do next, and is no panic.
fn explained(output: &Output, codes: &[i32], what: &str) -> String {
    let text = stderr(output);
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{what}: {output:?}");
    assert!(text.starts_with("error: ") && text.contains("fix: "), "{what}: {text}");
    assert!(!text.contains("panicked") && has_no_result(output), "{what}: {output:?}");
    text
}

const ASK: [&str; 6] = ["ask", "box", "--recipient", "brand-insights", "--format", "json"];
const SEAL: [&str; 14] = [
    "seal",
    "box",
    "--epoch",
    "e2",
    "--as-of",
    "2026-10-01",
    "--data",
    "follows=follows.csv",
    "--data",
    "payments=payments.csv",
    "--data",
    "members=members.csv",
    "--consents",
    "consents.csv",
];

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

/// Ever larger limits: some in which nothing fits, some that end inside the largest file, and one that is none.
fn limits_below(files: &[(PathBuf, Vec<u8>)]) -> Vec<u64> {
    let largest = files.iter().map(|(_, content)| content.len() as u64).max().unwrap().div_ceil(512);
    let inside = (1..10).map(|tenths| largest * tenths / 10);
    [0, 1, 2, 4, 8].into_iter().chain(inside).chain([largest - 1, 100 * largest]).collect()
}

fn limits(case: &Case) -> Vec<u64> {
    limits_below(&Case::files(&case.path("box")))
}

#[test]
fn a_disk_that_is_full_at_an_answer_loses_nothing() {
    let (case, first) = answered();
    let before = spent(&case);
    let price =
        json(&case.run(&[&ASK[..], &["--forecast", SECOND]].concat()))["privacy"]["nano_rho"].as_u64();
    let (mut failed, mut last) = (0, before);
    for blocks in limits(&case) {
        let tried = limited(&case, blocks, &[&ASK[..], &[SECOND]].concat());
        if tried.status.code() == Some(0) {
            break;
        }
        failed += 1;
        explained(&tried, &[1], &format!("{blocks} blocks"));
        let now = spent(&case);
        assert!(now >= last && now <= before + price.unwrap(), "{blocks} blocks: {last}, then {now}");
        last = now;
        assert!(verified(&case)["ledger_charges"].as_u64().unwrap() >= 1, "{blocks} blocks");
        let again = json(&case.ask(FIRST));
        assert_eq!((&again["stored"], &again["rows"]), (&true.into(), &first["rows"]), "{blocks} blocks");
    }
    assert!(failed >= 4, "only {failed} limits were too small");
    assert_eq!(case.ask(SECOND).status.code(), Some(0));
    assert_eq!(Some(spent(&case) - before), price, "however often it was tried, it is charged once");
}

#[test]
fn a_disk_that_is_full_at_a_seal_loses_nothing() {
    let (case, first) = answered();
    let before = spent(&case);
    let mut failed = 0;
    for blocks in limits(&case) {
        let tried = limited(&case, blocks, &SEAL);
        if tried.status.code() == Some(0) {
            break;
        }
        failed += 1;
        explained(&tried, &[1], &format!("{blocks} blocks"));
        assert_eq!(spent(&case), before);
        let epochs = json(&case.run(&["status", "box", "--format", "json"]))["epochs"].clone();
        assert_eq!(epochs.as_array().map(Vec::len), Some(1), "{blocks} blocks: {epochs}");
        assert_eq!(verified(&case)["kinds"]["seal"], 1, "{blocks} blocks");
        let again = json(&case.ask(FIRST));
        assert_eq!((&again["stored"], &again["rows"]), (&true.into(), &first["rows"]), "{blocks} blocks");
    }
    assert!(failed >= 5, "only {failed} limits were too small");
    let sealed = json(&case.run(&["status", "box", "--format", "json"]))["epochs"].as_array().map(Vec::len);
    assert!(sealed == Some(2) || case.seal("e2").status.code() == Some(0));
    assert_eq!(verified(&case)["kinds"]["seal"], 2);
}

/// Everything in a folder by name, with the names of folders.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(everything(&path));
            all.insert(path, Vec::new());
        } else {
            let content = fs::read(&path).unwrap();
            all.insert(path, content);
        }
    }
    all
}

#[test]
fn a_disk_that_is_full_at_init_leaves_nothing() {
    let (case, other) = (Case::new(3), Case::new(3));
    assert_eq!(other.init("4").status.code(), Some(0));
    let arguments = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none"];
    let before = everything(&case.path(""));
    let mut failed = 0;
    for blocks in limits(&other) {
        let tried = limited(&case, blocks, &arguments);
        if tried.status.code() == Some(0) {
            break;
        }
        failed += 1;
        explained(&tried, &[1], &format!("{blocks} blocks"));
        assert!(everything(&case.path("")) == before, "{blocks} blocks left something");
    }
    assert!(failed >= 5, "only {failed} limits were too small");
    let sealed = case.seal("e1");
    assert_eq!(sealed.status.code(), Some(0), "{}", stderr(&sealed));
    assert_eq!(verified(&case)["kinds"]["init"], 1);
}

#[test]
fn a_disk_that_is_full_at_tokenising_leaves_nothing() {
    let case = Case::new(400);
    assert_eq!(case.run(&["key", "new", "--out", "agreed.key", "--for", "token"]).status.code(), Some(0));
    let arguments = |out: &'static str| {
        let fixed = ["tokenize", "--study", "study.toml", "--dataset", "follows", "follows.csv"];
        [&fixed[..], &[out, "--key", "agreed.key"]].concat()
    };
    assert_eq!(case.run(&arguments("whole.parquet")).status.code(), Some(0));
    let before = everything(&case.path(""));
    let whole = &before[&case.path("whole.parquet")];
    let mut failed = 0;
    for blocks in limits_below(&[(PathBuf::new(), whole.clone())]) {
        let tried = limited(&case, blocks, &arguments("out.parquet"));
        if tried.status.code() == Some(0) {
            break;
        }
        failed += 1;
        let text = explained(&tried, &[1], &format!("{blocks} blocks"));
        assert!(text.contains("out.parquet"), "{text}");
        assert!(everything(&case.path("")) == before, "{blocks} blocks left something");
    }
    assert!(failed >= 5, "only {failed} limits were too small");
    assert!(fs::read(case.path("out.parquet")).unwrap() == *whole, "the same key makes the same tokens");
}

#[test]
fn a_disk_that_is_full_at_an_import_records_all_or_nothing() {
    let (case, _) = answered();
    let few: String = fs::read_to_string(case.path("consents.csv"))
        .unwrap()
        .lines()
        .take(9)
        .map(|line| format!("{line}\n"))
        .collect();
    case.write("few.csv", &few);
    let import = |file: &'static str| ["consent", "import", "box", file];
    assert_eq!(case.run(&import("few.csv")).status.code(), Some(0));
    let exported = |name: &str| {
        assert_eq!(case.run(&["consent", "export", "box", "--out", name]).status.code(), Some(0));
        fs::read_to_string(case.path(name)).unwrap()
    };
    let before = exported("before.jsonl");
    let mut many = fs::read_to_string(case.path("consents.csv")).unwrap();
    let rows = many.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    (0..30).for_each(|_| many.push_str(&rows));
    case.write("many.csv", &many);
    // As large as the register becomes: some limits end between what it is and what it will be.
    let (rehearsal, _) = answered();
    fs::copy(case.path("many.csv"), rehearsal.path("many.csv")).unwrap();
    assert_eq!(rehearsal.run(&import("many.csv")).status.code(), Some(0));
    let whole = fs::read(rehearsal.path("box/consents.redb")).unwrap();
    assert!(whole.len() > 4 * fs::read(case.path("box/consents.redb")).unwrap().len());
    let (mut failed, mut names) = (0, 0..);
    for blocks in limits_below(&[(PathBuf::new(), whole)]) {
        let tried = limited(&case, blocks, &import("many.csv"));
        if tried.status.code() == Some(0) {
            break;
        }
        failed += 1;
        explained(&tried, &[1], &format!("{blocks} blocks"));
        let now = exported(&format!("now{}.jsonl", names.next().unwrap()));
        assert!(
            now == before,
            "{blocks} blocks: {} events, then {}",
            before.lines().count(),
            now.lines().count()
        );
    }
    assert!(failed >= 5, "only {failed} limits were too small");
    let last = exported("last.jsonl");
    let expected = before.lines().count() + many.lines().count() - 1;
    assert!(last.lines().count() == expected || case.run(&import("many.csv")).status.code() == Some(0));
    assert_eq!(verified(&case)["kinds"]["seal"], 1);
}

/// Every file of the sandbox by its path inside it, without the lock, which says nothing.
fn files(case: &Case) -> BTreeMap<String, PathBuf> {
    let root = case.path("box");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let all = Case::files(&root).into_iter().map(|(path, _)| (name(&path), path));
    let all: BTreeMap<_, _> = all.filter(|(name, _)| name != "lock").collect();
    assert!(all.len() >= 10, "{all:?}");
    all
}

fn verify(case: &Case) -> Output {
    case.run(&["audit", "verify", "box", "--format", "json"])
}

/// What no answer is made of: `audit verify` and `audit open-input` check it.
fn is_evidence(name: &str) -> bool {
    name.ends_with("/inputs.sealed")
}

#[test]
fn an_empty_file_is_named_and_nothing_is_answered() {
    let (case, _) = answered();
    let before = spent(&case);
    // A journal is empty after a close, and an index is made again from the log.
    let is_made_again = |name: &str| ["ledger.journal", "log.index"].contains(&name);
    for (name, path) in files(&case).into_iter().filter(|(name, _)| !is_made_again(name)) {
        let content = fs::read(&path).unwrap();
        fs::write(&path, b"").unwrap();
        let code = if name == "keys/root.key" { 1 } else { 5 };
        let shown = if name == "ledger.redb" { "the budget ledger failed" } else { &name };
        if !is_evidence(&name) {
            let said = explained(&case.ask(SECOND), &[code], &name);
            assert!(said.contains(shown), "{name}: {said}");
        }
        assert!(explained(&verify(&case), &[code], &name).contains(shown), "{name}");
        assert_eq!(fs::read(&path).unwrap(), b"", "{name} is left as it is");
        fs::write(&path, content).unwrap();
    }
    assert_eq!(spent(&case), before);
    assert_eq!(case.ask(SECOND).status.code(), Some(0));
}

#[test]
fn symlinked_files_and_folders_are_refused_and_not_written_through() {
    let (case, _) = answered();
    let elsewhere = case.path("elsewhere");
    let folders = ["log", "keys", "epochs", "studies", "log/tile", "log/tile/entries"];
    let places = files(&case).into_keys().chain(folders.map(str::to_owned)).chain(["lock".to_owned()]);
    for name in places {
        let path = case.path("box").join(&name);
        fs::rename(&path, &elsewhere).unwrap();
        let contents = || {
            if elsewhere.is_dir() {
                Case::files(&elsewhere)
            } else {
                vec![(elsewhere.clone(), fs::read(&elsewhere).unwrap())]
            }
        };
        let before = contents();
        symlink(&elsewhere, &path).unwrap();
        if !is_evidence(&name) {
            let said = explained(&case.ask(SECOND), &[1], &name);
            assert!(said.contains("symlinks are refused"), "{name}: {said}");
        }
        if name != "lock" {
            explained(&verify(&case), &[1, 5], &name);
        }
        assert_eq!(contents(), before, "{name}");
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
    }
    assert_eq!(case.ask(SECOND).status.code(), Some(0));
    assert_eq!(verify(&case).status.code(), Some(0));
}

/// A tile that a stopped append may have left is unfinished and goes with the next one; anything else is damage and stays.
#[test]
fn a_stray_file_in_the_log_is_named() {
    let (case, first) = answered();
    for (name, leftover) in [
        ("log/tile/entries/001", true),
        ("log/tile/0/000.p/9", true),
        ("log/tile/entries/000.bak", false),
        ("log/tile/0/notes", false),
        ("log/notes.txt", false),
        ("log/tile/entries/x000/000", false),
    ] {
        let path = case.path("box").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "stray").unwrap();
        if leftover {
            assert_eq!(verified(&case)["unfinished"], serde_json::json!([name]));
        } else {
            let said = explained(&verify(&case), &[5], name);
            assert!(said.contains(name) && said.contains("does not belong to the log"), "{said}");
        }
        assert_eq!(json(&case.ask(FIRST))["rows"], first["rows"], "{name}");
        assert_eq!(!path.exists(), leftover, "{name}");
        if !leftover {
            explained(&verify(&case), &[5], name);
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(verify(&case).status.code(), Some(0), "{name}");
    }
}

#[test]
fn a_book_of_another_sandbox_is_a_stranger() {
    let ((case, _), (other, _)) = (answered(), answered());
    for book in ["ledger.redb", "log"] {
        let (own, strange) = (case.path("box").join(book), other.path("box").join(book));
        let kept = case.path("kept");
        fs::rename(&own, &kept).unwrap();
        fs::rename(&strange, &own).unwrap();
        explained(&case.ask(FIRST), &[5], book);
        explained(&case.run(&["budget", "box"]), &[5], book);
        explained(&verify(&case), &[5], book);
        fs::rename(&own, &strange).unwrap();
        fs::rename(&kept, &own).unwrap();
    }
    assert_eq!(verify(&case).status.code(), Some(0));
}

fn set_writable(path: &Path, writable: bool) {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    let mode = if writable { mode | 0o200 } else { mode & !0o222 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| set_writable(&entry.unwrap().path(), writable));
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_read_and_nothing_else() {
    let (case, _) = answered();
    set_writable(&case.path("box"), false);
    if fs::write(case.path("box").join("probe"), b"").is_ok() {
        println!("skipped: permissions do not bind the user of this test");
        return;
    }
    let before = Case::files(&case.path("box"));
    for (what, tried) in [("ask", case.ask(FIRST)), ("seal", case.seal("e2"))] {
        let said = explained(&tried, &[1], what);
        assert!(said.contains("cannot be locked") && said.contains("rights of the folder"), "{said}");
    }
    assert_eq!(verify(&case).status.code(), Some(0));
    assert!(spent(&case) > 0);
    assert_eq!(case.run(&["status", "box"]).status.code(), Some(0));
    assert_eq!(case.run(&[&ASK[..], &["--forecast", SECOND]].concat()).status.code(), Some(0));
    assert!(Case::files(&case.path("box")) == before);
    set_writable(&case.path("box"), true);
}
