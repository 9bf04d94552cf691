//! Promise 2 for time: everything that a seal writes has the instant at which it began, its entries, charges and files alike, so
//! that none of them reveals how long a part of it took.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::support::{CHEAP, FixedClock, STUDY};
use hushtag::audit::{Entry, Kind, VerifierKey, verify_each};
use hushtag::engine::Input;
use hushtag::operator::{Answer, Keys, Operator, Reader, StudySource};
use hushtag::storage::Folder;
use hushtag::types::{Clock, RecipientId, Timestamp};

/// A clock that goes on by some seconds whenever someone looks at it.
#[derive(Debug, Clone)]
struct TickingClock(Arc<AtomicI64>);

impl Default for TickingClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(FixedClock::default().0.seconds())))
    }
}

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.fetch_add(7, Ordering::SeqCst))
    }
}

fn keys() -> Keys {
    Keys::Given(support::root_key())
}

/// The study with counts of people by consent for two recipients, and a third that policy refuses.
fn study() -> String {
    let recipient = |id: &str, country: &str| {
        format!(
            "[[recipients]]\nid = \"{id}\"\nlegal_id = \"LEGAL-ID-{id}\"\nname = \"{id}\"\ncontact = \"a@b.example\"\ncountry = \"{country}\"\n"
        )
    };
    let more = format!("{}{}[population]", recipient("second", "CN"), recipient("abroad", "US"));
    let text = STUDY.replacen("[release]", "[release]\nconsent_error = 400", 1);
    text.replacen("[population]", &more, 1)
}

fn made(dir: &Path, clock: TickingClock) -> Operator {
    let auditor = format!("x25519:09{}", "0".repeat(62)).parse().unwrap();
    let studies = vec![StudySource::new("study.toml", study())];
    let setup = support::setup("8").with_auditor(auditor).with_studies(studies);
    Operator::init(dir, setup, keys(), Box::new(clock)).unwrap().without_response_slot()
}

fn seal(operator: &Operator, epoch: &str) {
    let sealed = operator.seal(&support::terms(epoch), support::sources(&support::population(20, 1)));
    let sealed = sealed.unwrap();
    assert!(
        sealed.refused.iter().any(|(_, recipient, _)| recipient.as_str() == "abroad"),
        "{:?}",
        sealed.refused
    );
}

fn entries(dir: &Path, vkey: &VerifierKey) -> Vec<Entry> {
    let mut all = Vec::new();
    let read = |_: &_, entry: &Entry| {
        all.push(entry.clone());
        Ok(())
    };
    verify_each(&Folder::open(dir).unwrap(), vkey, read).unwrap();
    all
}

/// Everything in a folder, the folder included.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(everything(&path)) } else { all.push(path) }
    }
    all
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// The time of a file in whole seconds.
fn second(path: &Path) -> i64 {
    let since = modified(path).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[test]
fn entries_and_charges_of_a_seal_have_the_instant_at_which_it_began() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let operator = made(&dir, TickingClock::default());
    let vkey = operator.status().unwrap().vkey;
    let before = entries(&dir, &vkey).len();
    seal(&operator, "e1");
    drop(operator);
    let written = entries(&dir, &vkey).split_off(before);
    let kinds: Vec<Kind> = written.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Ask, Kind::Ask, Kind::Refuse, Kind::Seal]);
    let began = written[3].at;
    assert!(written.iter().all(|entry| entry.at == began), "{written:#?}");
    let reader = Reader::open(&dir, keys(), Box::new(FixedClock::default())).unwrap();
    let charges = reader.charges().unwrap().map(Result::unwrap);
    assert_eq!(charges.map(|charge| charge.at).collect::<Vec<_>>(), [began; 2]);
    assert_eq!(reader.status().unwrap().epochs[0].sealed_at, began);
}

#[test]
fn files_of_a_seal_have_the_instant_at_which_it_began() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let operator = made(&dir, TickingClock::default());
    let vkey = operator.status().unwrap().vkey;
    seal(&operator, "e1");
    drop(operator);
    let began = entries(&dir, &vkey).last().unwrap().at.seconds();
    let mut all = everything(&dir.join("epochs"));
    assert!(all.len() >= 6, "two cubes, figures, epoch.json and the folders: {all:?}");
    all.extend(everything(&dir.join("log")));
    all.extend(["keys/epoch-e1.key", "keys", "ledger.redb", ""].map(|name| dir.join(name)));
    for path in all {
        assert_eq!(second(&path), began, "{}", path.display());
    }
}

/// The files of both books have the times of what is in them, and another one after every change.
#[test]
fn files_of_an_answer_have_the_time_of_its_charge() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let operator = made(&dir, TickingClock::default());
    seal(&operator, "e1");
    // The store of the ledger is written once for many answers, its journal for each.
    let files = ["log/checkpoint", "ledger.journal"].map(|name| dir.join(name));
    let mut before = [SystemTime::UNIX_EPOCH; 2];
    let analyst = operator.analyst(&RecipientId::new(support::RECIPIENT).unwrap(), None).unwrap();
    for error in [800, 900, 1000] {
        let question = format!("{CHEAP} WITH (error = {error})");
        assert!(matches!(analyst.ask(&question, None).unwrap(), Answer::Released(_)));
        let now = files.each_ref().map(|path| modified(path));
        assert!(now.iter().zip(before).all(|(now, before)| *now > before), "{now:?} after {before:?}");
        before = now;
    }
    drop((analyst, operator));
    let vkey = Reader::open(&dir, keys(), Box::new(FixedClock::default())).unwrap().status().unwrap().vkey;
    let last = entries(&dir, &vkey).pop().unwrap();
    assert_eq!((last.kind, files.map(|path| second(&path))), (Kind::Ask, [last.at.seconds(); 2]));
}

/// The file of the register has the time of what was written into it last, never that of closing it; what a seal writes, also where it
/// removes events past their retention, has the instant at which the seal began.
#[test]
fn the_register_has_the_time_of_its_last_event_or_the_instant_of_the_last_seal() {
    let with_retention = format!("{}\n[consents]\nretention = \"1d\"\n", study());
    for text in [study(), with_retention] {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("box");
        let studies = vec![StudySource::new("study.toml", &*text)];
        let setup = support::setup("8").with_studies(studies);
        let clock = TickingClock::default();
        let operator = Operator::init(&dir, setup, keys(), Box::new(clock.clone())).unwrap();
        let events = || Input::Reader("consents".into(), support::population(20, 1).consents());
        operator.consents().import(events(), None).unwrap();
        let file = dir.join("consents.redb");
        let recorded = modified(&file);
        std::thread::sleep(Duration::from_millis(30));
        drop(operator);
        assert_eq!(modified(&file), recorded, "closing writes and does not show");
        // Far enough for the next sweep.
        clock.0.fetch_add(120 * 86_400, Ordering::SeqCst);
        let operator = Operator::open(&dir, keys(), Box::new(clock.clone()), Duration::ZERO).unwrap();
        let before = operator.consents().snapshot().unwrap().unwrap().events();
        let vkey = operator.status().unwrap().vkey;
        seal(&operator, "e1");
        let after = operator.consents().snapshot().unwrap().unwrap().events();
        assert_eq!(after < before, text.contains("[consents]"), "{after} of {before}");
        let began = entries(&dir, &vkey).pop().unwrap().at.seconds();
        assert_eq!(second(&file), began);
        drop(operator);
        assert_eq!((second(&file), second(&dir)), (began, began));
        let operator = Operator::open(&dir, keys(), Box::new(clock), Duration::ZERO).unwrap();
        let now = SystemTime::now();
        operator.consents().import(events(), None).unwrap();
        assert!(modified(&file) >= now);
    }
}

/// How long a writer had the sandbox does not show in the lock.
#[test]
fn the_lock_has_the_time_at_which_it_was_taken() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let operator = made(&dir, TickingClock::default());
    let taken = SystemTime::now();
    std::thread::sleep(Duration::from_millis(30));
    drop(operator);
    assert!(modified(&dir.join("lock")) <= taken);
}
