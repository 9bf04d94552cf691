//! Promise 6 for sealed files: one byte changed, cut off, another epoch's key, a file of another epoch or chunks that changed
//! their places are found where they are, before anything is answered.

use crate::support;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, STUDY};
use hushtag::keys::Keyring;
use hushtag::ledger::{Book as _, Check, Snapshot};
use hushtag::operator::Operator;
use hushtag::operator::{Answer, Keys, OperatorError, Reader, StudySource, verify_log};
use hushtag::storage::{Folder, Image, Storage};
use hushtag::types::EpochId;

/// The study of the tests with a second tag set, so that a cube file has several chunks.
fn study() -> String {
    assert!(!STUDY.contains("[tag_sets]"));
    let all = ["spend_tier", "audience_size", "audience_spend", "list_size", "region"]
        .map(|tag| format!("{tag:?}"));
    format!("{STUDY}\n[tag_sets]\nwide = [{}]\nnarrow = [\"spend_tier\", \"region\"]\n", all.join(", "))
}

/// A sandbox with the epochs e1 and e2 and nothing asked.
fn made() -> Image {
    let image = Image::new();
    let setup = support::setup("8").with_studies(vec![StudySource::new("study.toml", study())]);
    let keys = Keys::Given(support::root_key());
    let clock = Box::new(FixedClock::default());
    let operator = Operator::init_on(Arc::new(image.clone()), setup, keys, clock).unwrap();
    for epoch in ["e1", "e2"] {
        operator.seal(&support::terms(epoch), support::sources(&support::population(20, 1))).unwrap();
    }
    image
}

fn cube(image: &Image, epoch: &str) -> String {
    let names = image.list(&format!("epochs/{epoch}")).unwrap();
    let name = names.into_iter().find(|name| name.ends_with(".cube")).unwrap();
    format!("epochs/{epoch}/{name}")
}

/// What asking e1 says of a copy of `made` in which `place` holds `content`.
fn asked(made: &Image, place: &str, content: &[u8]) -> Result<Answer, OperatorError> {
    let copy = made.crash();
    copy.write(place, content).unwrap();
    let operator = support::open(Arc::new(copy)).unwrap();
    support::analyst(&operator).ask(CHEAP, Some(&EpochId::new("e1").unwrap()))
}

fn must_find(made: &Image, place: &str, content: &[u8], what: &str) {
    match asked(made, place, content) {
        Err(error) => assert!(error.is_damage() && error.to_string().contains(place), "{what}: {error}"),
        Ok(_) => panic!("{what} is not found"),
    }
}

/// The key of a sandbox: without it nothing opens, and the same file of another sandbox under the same root key is refused.
#[test]
fn a_sandbox_key_that_was_changed_cut_or_put_elsewhere_is_found() {
    let place = "keys/sandbox.key";
    let made = made();
    let whole = made.read(place).unwrap().unwrap();
    let found = |content: &[u8], what: &str| {
        let copy = made.crash();
        copy.write(place, content).unwrap();
        let Err(error) = support::open(Arc::new(copy.clone())) else { panic!("{what} opens") };
        let (message, damage) = (error.to_string(), error.is_damage());
        assert!(
            damage && message == "the key `keys/sandbox.key` does not open under this root key",
            "{message}"
        );
        let verified = verify_log(&copy, None, Some(Keys::Given(support::root_key())), None);
        assert_eq!(verified.unwrap_err().to_string(), message, "{what}");
        assert_eq!(copy.read(place).unwrap().unwrap(), content, "left for the repair");
    };
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        found(&changed, &format!("byte {at}"));
        found(&whole[..at], &format!("cut at {at}"));
    }
    let other = Image::new();
    support::init(Arc::new(other.clone()), "8").unwrap();
    found(&other.read(place).unwrap().unwrap(), "another sandbox's key");
    found(&made.read("keys/sign.key").unwrap().unwrap(), "another sealed key");
    let copy = made.crash();
    copy.remove(place).unwrap();
    let error = support::open(Arc::new(copy)).map(drop).unwrap_err();
    assert!(error.is_damage() && error.to_string() == "there is no key `keys/sandbox.key`", "{error}");
}

/// The chunks of a cube file, each with its length of eight bytes.
fn chunks(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut rest) = (Vec::new(), file);
    while let Some(length) = rest.first_chunk::<8>() {
        let size = 8 + usize::try_from(u64::from_be_bytes(*length)).unwrap();
        all.push(rest[..size].to_vec());
        rest = &rest[size..];
    }
    all
}

#[test]
fn what_was_changed_cut_or_put_elsewhere_is_found_there() {
    let made = made();
    let (place, key) = (cube(&made, "e1"), "keys/epoch-e1.key");
    let read = |place: &str| made.read(place).unwrap().unwrap();
    assert!(matches!(asked(&made, &place, &read(&place)), Ok(Answer::Released(_))), "as it was");
    for place in [place.as_str(), key] {
        let whole = read(place);
        // Of a cube file a question reads one chunk.
        let size = if place == key { whole.len() } else { chunks(&whole)[0].len() };
        for at in (0..size).step_by(size / 40 + 1) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            must_find(&made, place, &changed, &format!("byte {at} of {place}"));
            must_find(&made, place, &whole[..at], &format!("{place} cut at {at}"));
        }
        must_find(&made, place, &read(&place.replace("e1", "e2")), &format!("{place} of another epoch"));
    }
    let whole = read(&place);
    let mut swapped = chunks(&whole);
    assert!(swapped.len() > 1, "a file of several chunks");
    swapped.reverse();
    must_find(&made, &place, &swapped.concat(), "swapped chunks");
    let copy = made.crash();
    copy.write(&place, &swapped.concat()).unwrap();
    let verified = verify_log(&copy, None, Some(Keys::Given(support::root_key())), None);
    let error = verified.unwrap_err().to_string();
    assert_eq!(error, format!("{place}: is not the file whose hash the log names"));
}

/// What verifying says of a copy of `made` after `change`.
fn verified(made: &Image, change: impl FnOnce(&Image)) -> Result<(), OperatorError> {
    let copy = made.crash();
    change(&copy);
    verify_log(&copy, None, Some(Keys::Given(support::root_key())), None).map(drop)
}

/// Every field of `epoch.json` is one that the log entry of the seal agrees with.
#[test]
fn each_field_of_an_epochs_file_agrees_with_the_log() {
    let (made, place) = (made(), "epochs/e1/epoch.json");
    let text = String::from_utf8(made.read(place).unwrap().unwrap()).unwrap();
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(verified(&made, |_| {}).is_ok());
    assert_eq!(fields.len(), 6, "a new field is compared, too");
    for (name, value) in &fields {
        let (old, new) = match value {
            serde_json::Value::Number(number) => {
                (format!("\"{name}\":{number}"), format!("\"{name}\":{}", number.as_i64().unwrap() + 1))
            }
            serde_json::Value::String(word) => {
                (format!("\"{name}\":\"{word}\""), format!("\"{name}\":\"e2\""))
            }
            _ => ("blake3:".into(), "blake3:0".into()),
        };
        let forged = text.replacen(&old, &new, 1);
        assert_ne!(forged, text, "{name}");
        let found = verified(&made, |copy| copy.write(place, forged.as_bytes()).unwrap());
        let error = found.expect_err(name);
        assert!(error.is_damage() && error.to_string().contains(place), "{name}: {error}");
    }
}

/// A change to the folder of e1, beside which e2 lies.
type Change = (&'static str, fn(&Path));

const CHANGES: [Change; 6] = [
    ("removed", |epochs| fs::remove_dir_all(epochs.join("e1")).unwrap()),
    ("empty", |epochs| {
        fs::remove_dir_all(epochs.join("e1")).unwrap();
        fs::create_dir(epochs.join("e1")).unwrap();
    }),
    ("without epoch.json", |epochs| fs::remove_file(epochs.join("e1/epoch.json")).unwrap()),
    ("renamed", |epochs| fs::rename(epochs.join("e1"), epochs.join("e3")).unwrap()),
    ("another epoch", |epochs| {
        fs::remove_dir_all(epochs.join("e1")).unwrap();
        fs::rename(epochs.join("e2"), epochs.join("e1")).unwrap();
    }),
    ("a file", |epochs| {
        fs::remove_dir_all(epochs.join("e1")).unwrap();
        fs::write(epochs.join("e1"), "").unwrap();
    }),
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn keys() -> Keys {
    Keys::Given(support::root_key())
}

/// A sandbox on disk with the epochs e1 and e2.
fn on_disk(dir: &Path) -> Operator {
    let clock = Box::new(FixedClock::default());
    let operator = Operator::init(dir, support::setup("8"), keys(), clock).unwrap().without_response_slot();
    for epoch in ["e1", "e2"] {
        operator.seal(&support::terms(epoch), support::sources(&support::population(20, 1))).unwrap();
    }
    operator
}

fn open_dir(dir: &Path) -> Result<Operator, OperatorError> {
    let opened = Operator::open(dir, keys(), Box::new(FixedClock::default()), Duration::ZERO);
    opened.map(Operator::without_response_slot)
}

fn must_be_damage<T>(outcome: Result<T, OperatorError>, what: &str) {
    match outcome {
        Err(error) => assert!(
            error.is_damage() || matches!(error, OperatorError::Storage(_)) && what.ends_with("a file"),
            "{what}: {error}"
        ),
        Ok(_) => panic!("{what} is not found"),
    }
}

/// An id of an epoch is used up by the log, not by the folder: without its folder nothing opens, nothing is sealed in its place
/// and its key stays, so that it answers again from a backup.
#[test]
fn an_epoch_whose_folder_is_gone_is_damage_until_it_is_restored() {
    for (what, change) in CHANGES {
        let place = tempfile::tempdir().unwrap();
        let (dir, backup) = (place.path().join("box"), place.path().join("backup"));
        drop(on_disk(&dir));
        copy(&dir.join("epochs"), &backup);
        change(&dir.join("epochs"));
        must_be_damage(open_dir(&dir), what);
        must_be_damage(Reader::open(&dir, keys(), Box::new(FixedClock::default())), what);
        must_be_damage(verify_log(&Folder::open(&dir).unwrap(), None, Some(keys()), None), what);
        assert!(dir.join("keys/epoch-e1.key").exists(), "{what}: the key is destroyed");
        fs::remove_dir_all(dir.join("epochs")).unwrap();
        copy(&backup, &dir.join("epochs"));
        let operator = open_dir(&dir).unwrap();
        let answer = support::analyst(&operator).ask(CHEAP, Some(&EpochId::new("e1").unwrap())).unwrap();
        assert!(matches!(answer, Answer::Released(_)), "{what}");
        drop(operator);
        verify_log(&Folder::open(&dir).unwrap(), None, Some(keys()), None).unwrap();
    }
}

#[test]
fn an_epoch_whose_folder_goes_while_the_sandbox_is_open_is_damage() {
    for (what, change) in CHANGES {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("box");
        let operator = on_disk(&dir);
        let (analyst, e1) = (support::analyst(&operator), EpochId::new("e1").unwrap());
        // Its cube is in memory and its answer is stored.
        assert!(matches!(analyst.ask(CHEAP, Some(&e1)).unwrap(), Answer::Released(_)));
        change(&dir.join("epochs"));
        must_be_damage(analyst.ask(CHEAP, Some(&e1)), what);
        must_be_damage(operator.status(), what);
        must_be_damage(operator.person(("phone", "1")), what);
        must_be_damage(operator.check_epoch(&e1), what);
        for epoch in ["e1", "e4"] {
            let sources = support::sources(&support::population(20, 1));
            must_be_damage(operator.seal(&support::terms(epoch), sources), what);
            assert!(!dir.join(format!("keys/epoch-{epoch}.key")).exists() || epoch == "e1", "{what}");
        }
        drop((analyst, operator));
        assert!(dir.join("keys/epoch-e1.key").exists(), "{what}: the key is destroyed");
    }
}

/// A folder that no entry of the log knows is not taken for an epoch, and nothing of it is destroyed.
#[test]
fn an_epoch_that_the_log_never_sealed_is_damage() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let operator = on_disk(&dir);
    fs::create_dir(dir.join("epochs/e3")).unwrap();
    fs::copy(dir.join("keys/epoch-e1.key"), dir.join("keys/epoch-e3.key")).unwrap();
    let sources = support::sources(&support::population(20, 1));
    must_be_damage(operator.seal(&support::terms("e3"), sources), "a stranger");
    drop(operator);
    must_be_damage(open_dir(&dir), "a stranger");
    assert!(dir.join("keys/epoch-e3.key").exists());
    // Without the folder the key is one of a seal that stopped.
    fs::remove_dir(dir.join("epochs/e3")).unwrap();
    drop(open_dir(&dir).unwrap());
    assert!(!dir.join("keys/epoch-e3.key").exists());
}

/// A seal that stopped after its entry: a reader sees the epoch, and the next open gives the folder its name.
#[test]
fn a_folder_with_its_unfinished_name_is_the_epoch_that_the_log_has() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    drop(on_disk(&dir));
    let rename = |from: &str, to: &str| fs::rename(dir.join(from), dir.join(to)).unwrap();
    rename("epochs/e2", "epochs/e2.new");
    let reader = Reader::open(&dir, keys(), Box::new(FixedClock::default())).unwrap();
    assert_eq!(reader.status().unwrap().epochs.len(), 2);
    let operator = open_dir(&dir).unwrap();
    assert!(dir.join("epochs/e2/epoch.json").exists());
    assert!(matches!(support::analyst(&operator).ask(CHEAP, None).unwrap(), Answer::Released(_)));
    drop(operator);
    copy(&dir.join("epochs/e2"), &dir.join("epochs/e2.new"));
    must_be_damage(open_dir(&dir), "both names");
}

/// What is stored does not depend in size on the numbers in it: the size follows from the question.
#[test]
fn stored_answers_have_the_size_of_their_question() {
    let questions = [CHEAP, support::SOCIAL, "SELECT COUNT(*), SUM(spend), QUANTILE(spend, 0.5) FROM tags"];
    let sizes = |people: u32, seed: u64| -> Vec<usize> {
        let image = Image::new();
        let operator = support::init(Arc::new(image.clone()), "8").unwrap();
        let sources = support::sources(&support::population(people, seed));
        operator.seal(&support::terms("e1"), sources).unwrap();
        for question in questions {
            assert!(matches!(support::analyst(&operator).ask(question, None).unwrap(), Answer::Released(_)));
        }
        let sandbox = operator.status().unwrap().sandbox;
        drop(operator);
        let mac = Keyring::open(&image, &support::root_key(), &sandbox).unwrap().ledger_mac();
        let ledger = Snapshot::take(&image, &mac, &sandbox, Check::Whole).unwrap();
        (1..=3).map(|seq| ledger.answer(seq).unwrap().unwrap().sealed.len()).collect()
    };
    let few = sizes(3, 1);
    for (people, seed) in [(3, 1), (1, 1), (300, 2)] {
        assert_eq!(sizes(people, seed), few, "{people} people");
    }
}
