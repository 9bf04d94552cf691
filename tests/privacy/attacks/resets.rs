//! Budget reset: another recipient, study, epoch or folder, another clock, and books that are deleted or put back.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hushtag::engine::{Input, Sources};
use hushtag::ledger::LedgerError;
use hushtag::operator::{Analyst, Answer, Keys, Operator, OperatorError, verify_log};
use hushtag::release::ReleaseError;
use hushtag::storage::{Folder, Image};
use hushtag::types::{RecipientId, StudyId, Timestamp};
use hushtag_population::Files;

use super::world::{ACCOMPLICE, attacker, changed, init, setup_of, spent, study, try_ask};
use crate::support::{CHEAP, FixedClock, RECIPIENT, as_of, population, root_key, terms};

fn from_files(files: &Files) -> Sources {
    let tables = [("follows", &files.follows), ("payments", &files.payments), ("members", &files.members)];
    let data = tables.map(|(name, path)| (name.parse().unwrap(), Input::Path(path.clone())));
    Sources::new(data.into(), vec![Input::Path(files.consents.clone())])
}

fn under(operator: &Operator, recipient: &str, study: &str) -> Analyst {
    let study = StudyId::new(study).unwrap();
    operator.analyst(&RecipientId::new(recipient).unwrap(), Some(&study)).unwrap()
}

fn count(error: u64) -> String {
    format!("SELECT COUNT(*) FROM tags WITH (error = {error})")
}

/// Asks ever cheaper questions until the next one, which would cost nearly nothing, is refused too.
fn drain(analyst: &Analyst) {
    let mut error = 20;
    while error < 10_000 {
        if try_ask(analyst, &count(error), Some("e1")).is_none() {
            error = error * 5 / 4;
        }
        error += 1;
    }
}

#[test]
fn no_other_name_has_a_budget_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let files = population(40, 3).write_csv(&home.path().join("input")).unwrap();
    let share = "name = \"Brand Insights\"";
    let first = changed(&study(), &[(share, &format!("{share}\nepsilon = 0.5"))]);
    let second = changed(&first, &[("id = \"small\"", "id = \"second\"")]);
    let operator = init(Arc::new(Image::new()), &[first, second], "1");
    operator.seal(&terms("e1"), from_files(&files)).unwrap();

    let attacker = under(&operator, RECIPIENT, "small");
    drain(&attacker);
    let used = attacker.remaining().unwrap();
    let (share, paid) = used.recipient.unwrap();
    assert!(paid <= share && paid * 1000 >= share * 999, "{used:?}");
    // A second study that names the same recipient gives no second share, nor does a new epoch.
    operator.seal(&terms("e2"), from_files(&files)).unwrap();
    for (name, epoch) in [("second", "e1"), ("second", "e2"), ("small", "e2")] {
        assert!(try_ask(&under(&operator, RECIPIENT, name), &count(200), Some(epoch)).is_none());
    }
    assert_eq!(under(&operator, RECIPIENT, "second").remaining().unwrap().recipient, Some((share, paid)));
    // The accomplice has no share, so it may use up the pool, and not more than the pool.
    drain(&under(&operator, ACCOMPLICE, "second"));
    let used = attacker.remaining().unwrap();
    assert!(used.spent <= used.limit && used.spent * 1000 >= used.limit * 999, "{used:?}");
    for (recipient, name) in [(ACCOMPLICE, "small"), (ACCOMPLICE, "second"), (RECIPIENT, "second")] {
        for epoch in ["e1", "e2"] {
            assert!(try_ask(&under(&operator, recipient, name), &count(201), Some(epoch)).is_none());
        }
    }
    assert_eq!(attacker.remaining().unwrap().spent, used.spent);
    println!(
        "other names: one recipient got {paid} nano-rho through 2 studies and 2 epochs (bound {share}); everybody \
         together {} (bound {})",
        used.spent, used.limit
    );
}

/// A sandbox in a folder, with one epoch; closed.
fn in_folder(home: &Path) -> std::path::PathBuf {
    let dir = home.join("box");
    let files = population(40, 3).write_csv(&home.join("input")).unwrap();
    let clock = Box::new(FixedClock::default());
    let made = Operator::init(&dir, setup_of(&[study()], "4"), Keys::Given(root_key()), clock).unwrap();
    made.seal(&terms("e1"), from_files(&files)).unwrap();
    dir
}

fn open_at(dir: &Path, now: Timestamp) -> Result<Operator, OperatorError> {
    let opened = Operator::open(dir, Keys::Given(root_key()), Box::new(FixedClock(now)), Duration::ZERO);
    opened.map(Operator::without_response_slot)
}

fn now() -> Timestamp {
    FixedClock::default().0
}

fn open(dir: &Path) -> Operator {
    open_at(dir, now()).unwrap()
}

/// What `audit verify` with the root key says.
fn verified(dir: &Path) -> Result<u64, OperatorError> {
    let folder = Folder::open(dir).unwrap();
    verify_log(&folder, None, Some(Keys::Given(root_key())), None).map(|all| all.charges.unwrap())
}

/// Puts a copy of `from` (a file or a folder) in the place of `to`.
fn put(from: &Path, to: &Path) {
    if from.is_dir() {
        if to.exists() {
            fs::remove_dir_all(to).unwrap();
        }
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            put(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

fn damaged(result: Result<impl Sized, OperatorError>) -> String {
    let error = result.err().unwrap();
    assert!(error.is_damage(), "{error:?}");
    error.to_string()
}

#[test]
fn books_that_are_deleted_or_put_back_give_nothing_back() {
    let home = tempfile::tempdir().unwrap();
    let dir = in_folder(home.path());
    let ask = |error| {
        let operator = open(&dir);
        (try_ask(&attacker(&operator), &count(error), None).unwrap().rows, spent(&attacker(&operator)))
    };
    ask(30);
    let old = home.path().join("old");
    put(&dir, &old);
    ask(31);
    let (answer, whole) = ask(32);
    let new = home.path().join("new");
    put(&dir, &new);

    for name in ["ledger.redb", "log", "log/checkpoint", "keys/sign.key"] {
        let place = dir.join(name);
        if place.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) }.unwrap();
        println!("{name} deleted: {}", damaged(open_at(&dir, now())));
        // The log is verified without the signing key.
        assert_eq!(verified(&dir).is_ok(), name.starts_with("keys"));
        put(&new, &dir);
    }
    fs::write(dir.join("ledger.redb"), "").unwrap();
    println!("ledger emptied: {}", damaged(open_at(&dir, now())));
    put(&new, &dir);
    put(&old.join("log"), &dir.join("log"));
    println!("old log under a newer ledger: {}", damaged(open_at(&dir, now())));
    damaged(verified(&dir));
    put(&new, &dir);
    put(&old.join("ledger.redb"), &dir.join("ledger.redb"));
    println!("old ledger under a newer log, verified: {}", damaged(verified(&dir)));
    println!("old ledger under a newer log, opened: {}", damaged(open_at(&dir, now())));
    put(&new, &dir);
    assert_eq!(ask(32), (answer, whole), "the folder as it was answers as it did, for nothing");
    let clock = Box::new(FixedClock::default());
    let again = Operator::init(&dir, setup_of(&[study()], "4"), Keys::Given(root_key()), clock);
    assert!(again.is_err(), "there is a sandbox already");
    assert_eq!(verified(&dir).unwrap(), 3);
}

/// A copied folder is not found yet (SECURITY.md): each copy holds to the pool and starts from what was spent.
#[test]
fn a_copied_folder_starts_from_what_was_spent() {
    let home = tempfile::tempdir().unwrap();
    let dir = in_folder(home.path());
    let copy = home.path().join("copy");
    let operator = open(&dir);
    let first = try_ask(&attacker(&operator), CHEAP, None).unwrap();
    let kept = spent(&attacker(&operator));
    drop(operator);
    put(&dir, &copy);
    let mut together = 0;
    for place in [&dir, &copy] {
        let operator = open(place);
        let analyst = attacker(&operator);
        let again = try_ask(&analyst, CHEAP, None).unwrap();
        assert!(again.stored && again.rows == first.rows);
        assert_eq!(spent(&analyst), kept);
        for error in 12..40 {
            try_ask(&analyst, &count(error), None);
        }
        let remaining = analyst.remaining().unwrap();
        assert!(kept < remaining.spent && remaining.spent <= remaining.limit);
        together += remaining.spent;
        println!("copied folder: {} nano-rho in one copy (bound {})", remaining.spent, remaining.limit);
    }
    println!("copied folder: {together} nano-rho in both copies together, which only an anchor will find");
}

#[test]
fn a_clock_set_back_charges_nothing_and_resets_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dir = in_folder(home.path());
    let (first, kept) = {
        let operator = open(&dir);
        (try_ask(&attacker(&operator), CHEAP, None).unwrap().rows, spent(&attacker(&operator)))
    };
    for seconds in [1, 3_600, 30 * 86_400] {
        let operator = open_at(&dir, Timestamp::from_seconds(now().seconds() - seconds)).unwrap();
        let analyst = attacker(&operator);
        let error = analyst.ask(&count(30), None).unwrap_err();
        let backwards =
            matches!(error, OperatorError::Release(ReleaseError::Ledger(LedgerError::ClockBackwards { .. })));
        assert!(backwards, "{error:?}");
        assert_eq!(spent(&analyst), kept);
        let Answer::Released(again) = analyst.ask(CHEAP, None).unwrap() else { panic!("it is stored") };
        assert!(again.stored && again.rows == first);
    }
    // Nor does a clock far ahead: the study's documents are out of date then, and no window renews a pool by itself.
    let later = Timestamp::from_seconds(as_of().seconds() + 3_000 * 86_400);
    let operator = open_at(&dir, later).unwrap();
    assert!(matches!(attacker(&operator).ask(&count(30), None).unwrap(), Answer::Refused(_)));
    assert_eq!(spent(&attacker(&operator)), kept);
    println!("clock set back or ahead: 0 nano-rho came back (bound 0), 0 new answers (bound 0)");
}
