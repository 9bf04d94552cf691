//! Promise 6 for the two books together: a row of the ledger that was taken out, put in, exchanged, cut or pointed elsewhere
//! is found with its place; a book that was put back as it once was is found by the other one; both put back together are
//! found with the anchor and not without it.

use crate::support;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, SOCIAL};
use hushtag::operator::{Answer, Keys, Operator, OperatorError, verify_log};
use hushtag::storage::{AnchorFile, Folder};
use redb::{Database, ReadableTable, Table, TableDefinition, WriteTransaction};

const ASKED: [&str; 3] = [CHEAP, SOCIAL, "SELECT AVG(spend) FROM tags WITH (error = 30)"];

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(dir: &Path) -> Files {
    let mut all = Files::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    all
}

/// A sandbox, the place of its anchor, and how its folder was after each act: the init, the seal and each answer.
struct Life {
    home: tempfile::TempDir,
    history: Vec<Files>,
}

impl Life {
    fn new(anchored: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut life = Self { home, history: Vec::new() };
        let setup = support::setup("8").with_anchor(anchored.then(|| life.anchor()));
        let clock = Box::new(FixedClock::default());
        drop(Operator::init(&life.dir(), setup, Keys::Given(support::root_key()), clock).unwrap());
        life.remember();
        let operator = life.open().unwrap();
        operator.seal(&support::terms("e1"), support::sources(&support::population(25, 1))).unwrap();
        drop(operator);
        life.remember();
        for question in ASKED {
            let operator = life.open().unwrap();
            let answer = support::analyst(&operator).ask(question, None).unwrap();
            assert!(matches!(answer, Answer::Released(_)));
            drop(operator);
            life.remember();
        }
        life
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("box")
    }

    fn anchor(&self) -> PathBuf {
        self.home.path().join("box.anchor")
    }

    fn remember(&mut self) {
        self.history.push(files(&self.dir()));
    }

    fn open(&self) -> Result<Operator, OperatorError> {
        let keys = Keys::Given(support::root_key());
        Operator::open(&self.dir(), keys, Box::new(FixedClock::default()), Duration::ZERO)
            .map(Operator::without_response_slot)
    }

    fn now(&self) -> &Files {
        self.history.last().unwrap()
    }

    /// Puts the parts of the folder that begin with one of `parts` back to how they were after the act `then`; the rest
    /// is as after the last one.
    fn put_back(&self, then: &Files, parts: &[&str]) {
        fs::remove_dir_all(self.dir()).unwrap();
        let is_old = |path: &Path| parts.iter().any(|part| path.starts_with(self.dir().join(part)));
        let rest = self.now().iter().filter(|(path, _)| !is_old(path));
        for (path, content) in then.iter().filter(|(path, _)| is_old(path)).chain(rest) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            if path.starts_with(self.dir().join("keys")) {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
    }

    /// What an auditor finds, with the root key or with the public one alone.
    fn found(&self, root_key: bool) -> Option<String> {
        let keys = root_key.then(|| Keys::Given(support::root_key()));
        let place = self.anchor().is_file().then(|| AnchorFile::new(&self.anchor()).unwrap());
        let verified = verify_log(&Folder::open(&self.dir()).unwrap(), None, keys, place.as_ref());
        verified.err().map(|error| {
            assert!(error.is_damage(), "{error:?}");
            chain(&error)
        })
    }
}

fn chain(error: &OperatorError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

const SEALED: &str = "epochs/e1/epoch.json: is not what the log says was sealed";

#[test]
fn one_book_put_back_is_found_by_the_other() {
    for life in [Life::new(false), Life::new(true)] {
        for (act, then) in life.history.iter().enumerate().take(ASKED.len() + 1) {
            for (part, places) in
                [("log", ["ledger record", "box.anchor", SEALED]), ("ledger.redb", ["log entry"; 3])]
            {
                life.put_back(then, &[part]);
                let found = life.found(true).unwrap_or_else(|| panic!("{part} of act {act} is not found"));
                assert!(places.iter().any(|place| found.contains(place)), "{part} of act {act}: {found}");
                let refused =
                    life.open().err().unwrap_or_else(|| panic!("the {part} of act {act} is opened"));
                let message = ["rolled back", "the anchor is at"];
                assert!(message.iter().any(|message| chain(&refused).contains(message)), "{refused:?}");
            }
        }
        life.put_back(life.now(), &[]);
        assert_eq!(life.found(true), None);
    }
}

#[test]
fn both_books_put_back_are_found_with_the_anchor_alone() {
    let (with, without) = (Life::new(true), Life::new(false));
    for (act, (then, same)) in with.history.iter().zip(&without.history).enumerate().take(ASKED.len() + 1) {
        for parts in [&["log", "ledger.redb"][..], &[""]] {
            with.put_back(then, parts);
            without.put_back(same, parts);
            // A log from before the seal does not know the epoch that lies in the folder.
            let left = (act == 0 && parts.contains(&"log")).then(|| SEALED.to_owned());
            for root_key in [true, false] {
                let found =
                    with.found(root_key).unwrap_or_else(|| panic!("{parts:?} of act {act} is not found"));
                assert!(found.contains("box.anchor") && found.contains("was put back"), "{found}");
                assert_eq!(without.found(root_key), left, "{parts:?} of act {act}");
            }
            let refused = with.open().err().unwrap_or_else(|| panic!("{parts:?} of act {act} is opened"));
            assert!(refused.is_damage() && chain(&refused).contains("the anchor is at"), "{refused:?}");
            assert_eq!(without.open().is_ok(), left.is_none(), "{parts:?} of act {act}");
        }
    }
}

/// The log alone, for someone with the public key only: the other book does not help, the anchor does.
#[test]
fn a_log_put_back_is_found_by_the_public_key_with_the_anchor_alone() {
    let (with, without) = (Life::new(true), Life::new(false));
    for (then, same) in with.history.iter().zip(&without.history).take(ASKED.len() + 1).skip(1) {
        with.put_back(then, &["log"]);
        assert!(with.found(false).unwrap().contains("was put back"));
        without.put_back(same, &["log"]);
        assert_eq!(without.found(false), None);
    }
}

type Numbered<'t> = Table<'t, u64, &'static [u8]>;
type Keyed<'t> = Table<'t, &'static [u8; 32], u64>;

const NUMBERED: [&str; 3] = ["records", "states", "answers"];
const KEYS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("keys");
const OPEN: TableDefinition<'_, u64, ()> = TableDefinition::new("open");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const fn numbered(name: &str) -> TableDefinition<'_, u64, &'static [u8]> {
    TableDefinition::new(name)
}

fn row(table: &Numbered<'_>, seq: u64) -> Vec<u8> {
    table.get(seq).unwrap().unwrap().value().to_vec()
}

/// Changes the store as someone can who knows its format and not its key; says what is then found.
fn forged(life: &Life, change: impl FnOnce(&WriteTransaction)) -> Option<String> {
    life.put_back(life.now(), &[]);
    let store = Database::open(life.dir().join("ledger.redb")).unwrap();
    let transaction = store.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
    drop(store);
    let found = life.found(true);
    // Opening checks less; it may go on, and must not break.
    let _ = life.open();
    found
}

#[test]
fn every_row_of_the_ledger_is_in_its_place_or_missed_there() {
    let life = Life::new(false);
    assert_eq!(forged(&life, |_| {}), None, "a store that was opened by others is still the ledger");
    let count = ASKED.len() as u64;
    for name in NUMBERED {
        let change = |work: &dyn Fn(&mut Numbered<'_>)| {
            forged(&life, |transaction| work(&mut transaction.open_table(numbered(name)).unwrap()))
        };
        let missed = |found: Option<String>, what: &str, seqs: &[u64]| {
            let found = found.unwrap_or_else(|| panic!("{name}: {seqs:?} {what} is not found"));
            let row = |seq: &u64| match name {
                "records" => format!("record {seq}"),
                "states" => format!("state of record {seq}"),
                _ => format!("answer of record {seq}"),
            };
            let places = seqs.iter().map(row).chain(["the totals".into(), format!("the list of {name}")]);
            assert!(
                places.into_iter().any(|place| found.contains(&place)),
                "{name}: {seqs:?} {what}: {found}"
            );
        };
        for seq in 1..=count {
            let other = seq % count + 1;
            missed(change(&|rows| drop(rows.remove(seq).unwrap())), "deleted", &[seq]);
            let put = |rows: &mut Numbered<'_>, at: u64, bytes: &[u8]| {
                rows.insert(at, bytes).unwrap();
            };
            for at in [count + 1, u64::MAX, 0] {
                let copied = change(&|rows| put(rows, at, &row(rows, seq)));
                missed(copied, "inserted again", &[at, 1]);
            }
            let exchanged = change(&|rows| {
                let (one, two) = (row(rows, seq), row(rows, other));
                put(rows, seq, &two);
                put(rows, other, &one);
            });
            missed(exchanged, "exchanged with another", &[seq, other]);
            missed(change(&|rows| put(rows, seq, &row(rows, other))), "replaced by another", &[seq]);
            let cut = |by: usize| {
                change(&|rows| {
                    let mut bytes = row(rows, seq);
                    bytes.truncate(bytes.len() - by);
                    put(rows, seq, &bytes);
                })
            };
            missed(cut(1), "cut by one byte", &[seq]);
            missed(cut(20), "cut by more", &[seq]);
            let longer = change(&|rows| put(rows, seq, &[row(rows, seq).as_slice(), b"\0"].concat()));
            missed(longer, "made longer", &[seq]);
        }
    }
}

#[test]
fn a_cut_of_the_ledger_at_a_record_and_changes_of_its_indexes_are_found() {
    let life = Life::new(false);
    let count = ASKED.len() as u64;
    for last in 0..count {
        let cut = forged(&life, |transaction| {
            for name in NUMBERED {
                let mut rows = transaction.open_table(numbered(name)).unwrap();
                rows.retain(|seq, _| seq <= last).unwrap();
            }
            transaction.open_table(KEYS).unwrap().retain(|_, seq| seq <= last).unwrap();
        });
        assert!(cut.unwrap().contains("the totals"), "cut after record {last}");
    }
    let keys = |work: &dyn Fn(&mut Keyed<'_>)| {
        forged(&life, |transaction| work(&mut transaction.open_table(KEYS).unwrap())).unwrap()
    };
    let key_of = |rows: &Keyed<'_>, seq: u64| {
        let found = rows.iter().unwrap().map(Result::unwrap).find(|(_, value)| value.value() == seq);
        *found.unwrap().0.value()
    };
    for seq in 1..=count {
        let gone = keys(&|rows| {
            let key = key_of(rows, seq);
            rows.remove(&key).unwrap();
        });
        assert!(gone.contains(&format!("key of record {seq}")), "{gone}");
        let elsewhere = keys(&|rows| {
            let key = key_of(rows, seq);
            rows.insert(&key, seq % count + 1).unwrap();
        });
        assert!(elsewhere.contains(&format!("key of record {seq}")), "{elsewhere}");
        let open = forged(&life, |transaction| drop(transaction.open_table(OPEN).unwrap().insert(seq, ())));
        assert!(open.unwrap().contains(&format!("state of record {seq}")), "listed as open");
    }
    assert!(keys(&|rows| drop(rows.insert(&[8; 32], 1))).contains("the list of keys"));
    let open = forged(&life, |transaction| drop(transaction.open_table(OPEN).unwrap().insert(count + 1, ())));
    assert!(open.unwrap().contains("the list of open charges"));
    for (name, place) in [("book", "the book"), ("totals", "the totals")] {
        let gone = forged(&life, |transaction| drop(transaction.open_table(META).unwrap().remove(name)));
        assert!(gone.unwrap().contains(place));
        let other = if name == "book" { "totals" } else { "book" };
        let taken = forged(&life, |transaction| {
            let mut rows = transaction.open_table(META).unwrap();
            let bytes = rows.get(other).unwrap().unwrap().value().to_vec();
            rows.insert(name, bytes.as_slice()).unwrap();
        });
        assert!(taken.unwrap().contains(place));
    }
    let more = forged(&life, |transaction| {
        transaction.open_table(META).unwrap().insert("refund", b"1".as_slice()).unwrap();
    });
    assert!(more.unwrap().contains("the list of book rows"));
    let table = forged(&life, |transaction| {
        let name: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("refunds");
        transaction.open_table(name).unwrap().insert("refund", b"1".as_slice()).unwrap();
    });
    assert!(table.unwrap().contains("the list of tables"));
}
