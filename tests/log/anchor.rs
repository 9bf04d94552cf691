//! Promise 6, its last part: a folder that was put back as a whole, or copied and used twice, is found with the anchor and
//! not without it; and an anchor that is missing, forged or left out is no anchor.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::FixedClock;
use hushtag::audit::VerifierKey;
use hushtag::operator::{
    Anchoring, Answer, Keys, Operator, OperatorError, Reader, SealTerms, VerifyTerms, verify_log,
    verify_sandbox,
};
use hushtag::storage::{AnchorFile, Folder};

/// A folder for sandboxes and one for anchors, as on two disks.
struct Disks {
    home: tempfile::TempDir,
}

impl Disks {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("other-disk")).unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn anchor(&self) -> PathBuf {
        self.path("other-disk/box.anchor")
    }

    /// A sandbox with one epoch and, if `anchored`, an anchor.
    fn sandbox(&self, name: &str, anchored: bool) -> PathBuf {
        let dir = self.path(name);
        let operator = init(&dir, anchored.then(|| self.anchor())).unwrap();
        let terms: SealTerms = support::terms("e1");
        operator.seal(&terms, support::sources(&support::population(20, 1))).unwrap();
        dir
    }

    fn copy(&self, from: &str, to: &str) {
        let target = self.path(to);
        let _ = fs::remove_dir_all(&target);
        copy(&self.path(from), &target);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place)
        } else {
            fs::copy(entry.path(), place).map(drop).unwrap()
        }
    }
}

fn init(dir: &Path, anchor: Option<PathBuf>) -> Result<Operator, OperatorError> {
    let setup = support::setup("4").with_anchor(anchor);
    let clock = Box::new(FixedClock::default());
    Operator::init(dir, setup, Keys::InFolder, clock).map(Operator::without_response_slot)
}

fn open(dir: &Path) -> Result<Operator, OperatorError> {
    let clock = Box::new(FixedClock::default());
    Operator::open(dir, Keys::InFolder, clock, Duration::ZERO).map(Operator::without_response_slot)
}

fn ask(operator: &Operator, error: u32) -> Result<bool, OperatorError> {
    let question = format!("SELECT COUNT(*) FROM tags WITH (error = {error})");
    match support::analyst(operator).ask(&question, None)? {
        Answer::Released(answer) => {
            assert!(answer.anchored);
            Ok(answer.stored)
        }
        Answer::Refused(reasons) => panic!("{reasons:?}"),
    }
}

fn damage<T>(outcome: Result<T, OperatorError>) -> String {
    let error = outcome.err().expect("it is found");
    assert!(error.is_damage(), "{error:?}");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

fn verify(dir: &Path, anchor: Option<&Path>) -> Result<Option<u64>, OperatorError> {
    let place = anchor.map(|path| AnchorFile::new(path).unwrap());
    verify_log(&Folder::open(dir).unwrap(), None, Some(Keys::InFolder), place.as_ref())
        .map(|all| all.anchored)
}

#[test]
fn a_folder_that_was_put_back_is_refused_with_both_heads() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    assert!(!ask(&open(&dir).unwrap(), 50).unwrap());
    disks.copy("box", "backup");
    assert!(!ask(&open(&dir).unwrap(), 60).unwrap());
    assert_eq!(verify(&dir, None).unwrap(), Some(4), "init, seal and two answers");
    disks.copy("backup", "box");
    let message = damage(open(&dir));
    assert!(message.contains("the anchor is at `4 ") && message.contains("the log at `3 "), "{message}");
    assert!(damage(verify(&dir, None)).contains("put back"));
    assert!(damage(verify(&dir, Some(&disks.anchor()))).contains("put back"));

    // Without the anchor it is not detected.
    let dir = disks.sandbox("plain", false);
    let spend = |error: u32| {
        let operator = open(&dir).unwrap();
        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {error})");
        support::analyst(&operator).ask(&question, None).unwrap();
    };
    spend(50);
    disks.copy("plain", "backup");
    spend(60);
    disks.copy("backup", "plain");
    assert!(open(&dir).is_ok() && verify(&dir, None).unwrap().is_none());
}

#[test]
fn of_two_copies_only_one_goes_on() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    disks.copy("box", "copy");
    let (first, second) = (open(&dir).unwrap(), open(&disks.path("copy")).unwrap());
    assert!(!ask(&first, 50).unwrap());
    // Both were opened at the same head. The second one draws and logs, and then nothing leaves it.
    assert!(damage(ask(&second, 60)).contains("another copy of it went on"));
    assert!(damage(ask(&second, 60)).contains("another copy"), "nor when it is asked again");
    drop(second);
    assert!(damage(open(&disks.path("copy"))).contains("the anchor is at"));
    assert!(ask(&first, 50).unwrap() && !ask(&first, 70).unwrap());
}

#[test]
fn a_log_ahead_of_its_anchor_goes_on_from_there() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    let old = fs::read(disks.anchor()).unwrap();
    assert!(!ask(&open(&dir).unwrap(), 50).unwrap());
    // As if the process had stopped between the log and the anchor.
    fs::write(disks.anchor(), old).unwrap();
    let operator = open(&dir).unwrap();
    assert!(ask(&operator, 50).unwrap(), "the stored answer is anchored before it is handed out");
    assert_eq!(verify(&dir, None).unwrap(), Some(3));
}

#[test]
fn an_anchor_that_is_none_is_refused() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    let anchor = disks.anchor();
    let good = fs::read(&anchor).unwrap();
    let other = disks.path("other-disk/other.anchor");
    init(&disks.path("other"), Some(other.clone())).unwrap();
    for bad in [&b""[..], b"nothing", &good[..good.len() / 2], &fs::read(&other).unwrap()] {
        fs::write(&anchor, bad).unwrap();
        let message = damage(open(&dir));
        assert!(message.contains("box.anchor") && message.contains("not signed by the key"), "{message}");
        assert!(damage(verify(&dir, Some(&anchor))).contains("not signed"));
    }
    fs::remove_file(&anchor).unwrap();
    assert!(damage(open(&dir)).contains("the file is missing"));
    // The log says that there was one: an auditor elsewhere gives it, or says that they go on without it.
    let message = damage(verify(&dir, None));
    assert!(message.contains("box.anchor") && message.contains("--without-anchor"), "{message}");
    let without = || VerifyTerms::new().with_keys(Keys::InFolder).with_anchor(Anchoring::Without);
    let verified = verify_sandbox(&Folder::open(&dir).unwrap(), without()).unwrap();
    assert_eq!((verified.anchored, verified.anchor_wanted), (None, true));
    fs::write(&anchor, &good).unwrap();
    assert!(open(&dir).is_ok());
    let toml = fs::read_to_string(dir.join("sandbox.toml")).unwrap();
    let unnamed: String =
        toml.lines().filter(|line| !line.starts_with("anchor")).map(|line| format!("{line}\n")).collect();
    fs::write(dir.join("sandbox.toml"), unnamed).unwrap();
    assert!(damage(open(&dir)).contains("was made with one"));
    assert!(damage(verify(&dir, None)).contains("does not agree with log entry 0 in `anchor`"));
    assert!(damage(verify(&dir, Some(&anchor))).contains("`anchor`"));
    assert!(damage(verify_sandbox(&Folder::open(&dir).unwrap(), without())).contains("`anchor`"));
}

/// Reported from outside: an old checkpoint beside an old folder, and `sandbox.toml` that names it as the anchor.
#[test]
fn an_anchor_of_another_path_is_refused_whatever_lies_there() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    disks.copy("box", "backup");
    let old = disks.path("other-disk/old.anchor");
    fs::copy(dir.join("log/checkpoint"), &old).unwrap();
    assert!(!ask(&open(&dir).unwrap(), 50).unwrap());
    disks.copy("backup", "box");
    let text = fs::read_to_string(dir.join("sandbox.toml")).unwrap();
    assert!(damage(open(&dir)).contains("the anchor is at"));
    let other = "sandbox.toml: names another anchor than the one of init";
    for path in ["other-disk/old.anchor", "no-such-disk/old.anchor", "other-disk/../other-disk/box.anchor"] {
        let path = disks.path(path);
        let (from, to) = (disks.anchor().display().to_string(), path.display().to_string());
        fs::write(dir.join("sandbox.toml"), text.replacen(&from, &to, 1)).unwrap();
        assert_eq!(damage(open(&dir)), other);
        let clock = Box::new(FixedClock::default());
        assert_eq!(damage(Reader::open(&dir, Keys::InFolder, clock).map(drop)), other);
        assert_eq!(damage(verify(&dir, None)), other);
        assert_eq!(damage(verify(&dir, Some(&old))), other, "nor with an anchor from outside");
    }
    fs::write(dir.join("sandbox.toml"), text).unwrap();
    assert_eq!(verify(&dir, Some(&old)).unwrap(), Some(2), "the auditor's own anchor is what they gave");
}

#[test]
fn what_a_writer_changes_meanwhile_is_no_damage_and_damage_is_found_all_the_same() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    let beside = || {
        let terms = VerifyTerms::new().with_keys(Keys::InFolder).beside_a_writer();
        verify_sandbox(&Folder::open(&dir).unwrap(), terms)
    };
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let operator = open(&dir).unwrap();
            (50..).take_while(|_| !over.load(std::sync::atomic::Ordering::Relaxed)).for_each(|error| {
                assert!(!ask(&operator, error).unwrap());
                std::thread::sleep(Duration::from_millis(250));
            });
        });
        let found: Vec<_> = (0..40).filter_map(|_| beside().err()).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap();
        assert!(found.is_empty(), "{found:?}");
    });
    fs::write(dir.join("notes.txt"), b"text").unwrap();
    assert!(damage(beside()).starts_with("notes.txt"));
}

#[test]
fn an_anchor_lies_outside_and_is_new() {
    let disks = Disks::new();
    let refused = |dir: &str, anchor: PathBuf| {
        let dir = disks.path(dir);
        assert!(init(&dir, Some(anchor)).is_err());
        assert!(!dir.exists(), "nothing was made");
    };
    refused("a", disks.path("a/inside.anchor"));
    refused("b", disks.path("no-such-disk/b.anchor"));
    fs::write(disks.anchor(), "something").unwrap();
    refused("c", disks.anchor());
    assert_eq!(fs::read(disks.anchor()).unwrap(), b"something");
}

#[test]
fn many_clients_leave_one_chain_of_heads() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    let operator = open(&dir).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let operator = &operator;
            scope.spawn(move || {
                (0..5).for_each(|step| assert!(!ask(operator, 100 + thread * 10 + step).unwrap()))
            });
        }
    });
    let key: VerifierKey = operator.status().unwrap().vkey;
    drop(operator);
    let place = AnchorFile::new(&disks.anchor()).unwrap();
    let head = hushtag::audit::anchored(place.path(), place.read().unwrap(), &key, |_| Ok(None)).unwrap();
    assert_eq!(head.size, 42);
    assert_eq!(verify(&dir, None).unwrap(), Some(42));
}

/// The entry by which an open says that a seal was stopped moves the anchor as every other entry does: else a folder that is put back to
/// before it would not be found.
#[test]
fn the_entry_of_a_stopped_seal_moves_the_anchor() {
    let disks = Disks::new();
    let dir = disks.sandbox("box", true);
    disks.copy("box", "backup");
    fs::create_dir(dir.join("epochs/e2.new")).unwrap();
    fs::write(dir.join("epochs/e2.new/epoch.json"), "{}").unwrap();
    drop(open(&dir).unwrap());
    assert_eq!(verify(&dir, None).unwrap(), Some(3), "init, seal and the failed seal");
    disks.copy("backup", "box");
    assert!(damage(open(&dir)).contains("the anchor is at `3 "));
}
