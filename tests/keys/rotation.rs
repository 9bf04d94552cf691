//! Promise: the key that signs the log can change, anyone who has an older key follows it to the new one, a forged change is
//! found in its place, and wherever a rotation stops exactly one key is in force.

use crate::support;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, SOCIAL};
use hushtag::audit::{Bundle, Entry, Kind, Log, Note, Rotation, Signer, VerifierKey};
use hushtag::keys::{Keyring, SigningKey};
use hushtag::operator::{
    Answer, Keys, NamedKey, Operator, OperatorError, Reader, Verification, show_log, verify_log,
};
use hushtag::storage::{Fault, Image, Storage};
use hushtag::types::{Clock as _, RecipientId};

fn made() -> (Image, Operator) {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    (image, operator)
}

fn ask(operator: &Operator, question: &str) -> u64 {
    let Answer::Released(answer) = support::analyst(operator).ask(question, None).unwrap() else {
        panic!("refused")
    };
    answer.index
}

fn vkey(operator: &Operator) -> VerifierKey {
    operator.status().unwrap().vkey
}

fn verified(storage: &dyn Storage, key: Option<&VerifierKey>) -> Result<Verification, OperatorError> {
    verify_log(storage, key, Some(Keys::Given(support::root_key())), None)
}

fn place<T>(outcome: Result<T, OperatorError>) -> String {
    match outcome {
        Err(OperatorError::Damaged { place, why }) => format!("{place}: {why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("nothing was found"),
    }
}

/// The signer of the sandbox on `image`, as someone who has the root key finds it.
fn signer(image: &Image, vkey: &VerifierKey) -> NamedKey {
    let id = vkey.name().trim_start_matches("hushtag/");
    let keyring = Keyring::open(image, &support::root_key(), id).unwrap();
    let key = SigningKey::load(image, &keyring).unwrap();
    NamedKey { name: vkey.name().into(), key }
}

/// Everything that each key of a sandbox that was rotated twice says.
#[test]
fn every_key_that_was_ever_in_force_verifies_the_log() {
    let (image, operator) = made();
    ask(&operator, CHEAP);
    let first = vkey(&operator);
    let sealed = image.read("keys/sign.key").unwrap().unwrap();
    let mut keys = vec![first.clone()];
    for _ in 0..2 {
        let rotated = operator.rotate_key().unwrap();
        assert_eq!((rotated.old, rotated.new.clone()), (keys[keys.len() - 1].clone(), rotated.new.clone()));
        assert_eq!(rotated.new, operator.status().unwrap().vkey);
        keys.push(rotated.new);
        ask(&operator, SOCIAL);
    }
    let index = ask(&operator, "SELECT COUNT(*) FROM tags");
    assert_eq!(image.list("keys").unwrap(), ["epoch-e1.key", "sandbox.key", "sign.key"]);
    assert!(image.read("keys/sign.key").unwrap().unwrap() != sealed, "the old key is gone");
    drop(operator);
    let newest = &keys[2];
    for key in [None, Some(&keys[0]), Some(&keys[1]), Some(newest)] {
        let found = verified(&image, key).unwrap();
        assert_eq!((found.rotations, &found.signed_by), (2, newest));
        assert_eq!(found.vkey, *key.unwrap_or(newest));
        assert_eq!(found.log.kinds[&Kind::Key], 2);
    }
    let stranger = vkey(&made().1);
    assert!(place(verified(&image, Some(&stranger))).starts_with("log/checkpoint: "));
    let operator = support::open(Arc::new(image)).unwrap();
    assert_eq!(ask(&operator, "SELECT COUNT(*) FROM tags"), index, "the same answer under the new key");
}

#[test]
fn handles_of_analysts_go_on_after_a_rotation() {
    let (_, operator) = made();
    let analyst = support::analyst(&operator);
    operator.rotate_key().unwrap();
    assert!(matches!(
        analyst.ask("SELECT COUNT(*) FROM tags WITH (error = 999)", None).unwrap(),
        Answer::Released(_)
    ));
}

#[test]
fn bundles_convince_with_the_key_of_their_time_and_with_every_older_one() {
    let (_, operator) = made();
    let index = ask(&operator, CHEAP);
    let bundle = |operator: &Operator| operator.prove(index).unwrap().to_text().unwrap();
    let (mut keys, mut bundles) = (vec![vkey(&operator)], vec![bundle(&operator)]);
    for _ in 0..2 {
        keys.push(operator.rotate_key().unwrap().new);
        bundles.push(bundle(&operator));
    }
    for (made, text) in bundles.iter().enumerate() {
        for (given, key) in keys.iter().enumerate() {
            let opened = Bundle::parse(text).unwrap().verify(key);
            assert_eq!(opened.is_ok(), given <= made, "bundle {made} with key {given}: {opened:?}");
        }
    }
    let whole: serde_json::Value = serde_json::from_str(&bundles[2]).unwrap();
    let convinces = |bundle: &serde_json::Value, key: &VerifierKey| {
        Bundle::parse(&serde_json::to_string(bundle).unwrap()).is_ok_and(|bundle| bundle.verify(key).is_ok())
    };
    assert!(convinces(&whole, &keys[0]));
    let mut gap = whole.clone();
    gap["keys"].as_array_mut().unwrap().remove(0);
    assert!(!convinces(&gap, &keys[0]) && convinces(&gap, &keys[1]), "without the first change");
    let mut cut = whole.clone();
    cut["keys"].as_array_mut().unwrap().pop();
    assert!(keys.iter().all(|key| !convinces(&cut, key)), "without the last change");
    let mut swapped = whole.clone();
    swapped["keys"].as_array_mut().unwrap().swap(0, 1);
    assert!(keys.iter().all(|key| !convinces(&swapped, key)), "in another order");
    let mut other = whole.clone();
    other["keys"][0]["proof"] = whole["keys"][1]["proof"].clone();
    assert!(keys.iter().all(|key| !convinces(&other, key)), "the proof of another entry");
    // The time is in no text that the keys signed: the proof alone covers it.
    let mut later = whole.clone();
    let text = whole["keys"][0]["entry"].as_str().unwrap();
    let mut entry = Entry::parse(text).unwrap();
    entry.at = hushtag::types::Timestamp::from_seconds(entry.at.seconds() + 1);
    later["keys"][0]["entry"] = entry.to_text().unwrap().into();
    assert!(keys.iter().all(|key| !convinces(&later, key)), "an entry that the log does not have");
}

/// The log of `image` with one more entry by the key in force: what anyone who runs the sandbox can do.
fn append(image: &Image, key: &VerifierKey, entry: &Entry) {
    let mut log = Log::open(Arc::new(image.clone()), key).unwrap();
    let _recorded = log.append(entry, &signer(image, key)).unwrap();
}

fn entry(old: &VerifierKey, new: &VerifierKey, note: &Note) -> Entry {
    let mut body = serde_json::Map::new();
    body.insert("old".into(), old.to_string().into());
    body.insert("new".into(), new.to_string().into());
    body.insert("note".into(), note.to_string().into());
    Entry { kind: Kind::Key, at: FixedClock::default().now(), ledger_seq: None, body }
}

#[test]
fn a_forged_change_is_found_in_its_place() {
    let (image, operator) = made();
    let first = vkey(&operator);
    let second: VerifierKey = operator.rotate_key().unwrap().new;
    drop(operator);
    let present = signer(&image, &second);
    let thief =
        |name: &VerifierKey| NamedKey { name: name.name().into(), key: SigningKey::generate().unwrap() };
    let (mine, other) = (thief(&second), thief(&second));
    let (mine_key, other_key) = (VerifierKey::of(&mine).unwrap(), VerifierKey::of(&other).unwrap());
    let (size, root) = Log::open(Arc::new(image.clone()), &second).unwrap().head();
    let good = Rotation {
        sandbox: second.name().trim_start_matches("hushtag/").into(),
        log_size: size,
        log_root: root,
        old: second.clone(),
        new: mine_key.clone(),
    };
    let whole = |text: &Rotation, one: &dyn Signer, two: &dyn Signer| {
        Note::sign(&text.to_string(), one).unwrap().signed_by(two).unwrap()
    };
    let forged = [
        ("the old key has not signed", good.clone(), whole(&good, &mine, &other)),
        ("the new key has not signed", good.clone(), whole(&good, &present, &other)),
        ("not as a rotation writes it", good.clone(), Note::sign(&good.to_string(), &present).unwrap()),
        of("it is of sandbox `other`", Rotation { sandbox: "other".into(), ..good.clone() }, &present, &mine),
        of("another place", Rotation { log_size: size - 1, ..good.clone() }, &present, &mine),
        of("another place", Rotation { log_root: [0; 32], ..good.clone() }, &present, &mine),
        of("was in force", Rotation { old: other_key, ..good.clone() }, &other, &mine),
    ];
    for (why, rotation, note) in &forged {
        let image = image.crash();
        append(&image, &second, &entry(&rotation.old, &rotation.new, note));
        for key in [&first, &second] {
            let found = place(verified(&image, Some(key)));
            assert!(
                found.starts_with(&format!("log entry {size}: ")) && found.contains(why),
                "{why}: {found}"
            );
        }
    }
    // A change that both keys signed, under a checkpoint by the key that it ended.
    let image = image.crash();
    append(&image, &second, &entry(&second, &mine_key, &whole(&good, &present, &mine)));
    for key in [&first, &second, &mine_key] {
        assert!(place(verified(&image, Some(key))).starts_with("log/checkpoint: "));
    }
}

fn of<'a>(why: &'a str, rotation: Rotation, one: &dyn Signer, two: &dyn Signer) -> (&'a str, Rotation, Note) {
    let note = Note::sign(&rotation.to_string(), one).unwrap().signed_by(two).unwrap();
    (why, rotation, note)
}

/// Everything that must hold of what a stop has left on `left`, and of going on from there.
fn check(left: Image, first: &VerifierKey, acknowledged: usize, tried: usize) {
    let storage: Arc<dyn Storage> = Arc::new(left.clone());
    // Before anybody opens it, the oldest key and the one that sandbox.toml names lead to the checkpoint.
    let unopened = [verified(&left, Some(first)), verified(&left, None)];
    let operator = support::open(storage).unwrap();
    let key = vkey(&operator);
    for unopened in unopened {
        match unopened {
            Ok(found) => assert_eq!(found.signed_by, key, "open has chosen another key than signed"),
            // What a stopped append left is for the next open to remove.
            leftover => assert!(place(leftover).contains("does not belong to the log")),
        }
    }
    let before = verified(&left, Some(first)).unwrap();
    let rotations = usize::try_from(before.rotations).unwrap();
    assert!(
        (acknowledged..=tried).contains(&rotations),
        "{acknowledged} of {tried} were acknowledged, there are {rotations}"
    );
    assert_eq!(
        left.list("keys").unwrap(),
        ["epoch-e1.key", "sandbox.key", "sign.key"],
        "one key is in force"
    );
    assert_eq!(VerifierKey::of(&signer(&left, &key)).unwrap(), key);
    let file = String::from_utf8(left.read("sandbox.toml").unwrap().unwrap()).unwrap();
    assert!(file.contains(&key.to_string()), "sandbox.toml names another key");
    ask(&operator, CHEAP);
    operator.rotate_key().unwrap();
    ask(&operator, SOCIAL);
    let last = vkey(&operator);
    drop(operator);
    for given in [first, &key, &last] {
        let found = verified(&left, Some(given)).unwrap();
        assert_eq!((found.rotations, &found.signed_by), (before.rotations + 1, &last));
    }
}

const FAULTS: [Fault; 4] = [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite];

fn steps() -> u64 {
    let (image, operator) = made();
    let before = image.operations();
    operator.rotate_key().unwrap();
    image.operations() - before
}

#[test]
fn wherever_a_rotation_stops_one_key_is_in_force() {
    let steps = steps();
    assert!(steps >= 8, "key, bundle, tile, checkpoint, file, old key and its name: {steps}");
    let (made, _) = made();
    for (at, fault) in (1..=steps).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
        let image = made.crash();
        let operator = support::open(Arc::new(image.clone())).unwrap();
        let first = vkey(&operator);
        image.fail_at(image.operations() + at, fault);
        let acknowledged = usize::from(operator.rotate_key().is_ok());
        for (name, left) in [("clean", image.crash()), ("torn", image.crash_torn(at))] {
            println!("{fault:?} at operation {at} of {steps}, {name}");
            check(left, &first, acknowledged, 1);
        }
    }
}

/// A caller who passes over the failure of the first, asks, and rotates again, which fails too.
#[test]
fn a_rotation_that_failed_is_not_lost_with_the_next_one() {
    let steps = steps();
    let (made, _) = made();
    for (one, two) in (1..=steps).flat_map(|one| (1..=steps + 3).map(move |two| (one, two))) {
        println!("failures at operations {one} and {two}");
        let image = made.crash();
        let operator = support::open(Arc::new(image.clone())).unwrap();
        let first = vkey(&operator);
        image.fail_at(image.operations() + one, Fault::Error);
        let mut acknowledged = usize::from(operator.rotate_key().is_ok());
        let _ = support::analyst(&operator).ask(CHEAP, None);
        image.fail_at(image.operations() + two, Fault::Error);
        acknowledged += usize::from(operator.rotate_key().is_ok());
        check(image.crash(), &first, acknowledged, 2);
    }
}

fn open(dir: &Path) -> Result<Operator, OperatorError> {
    let keys = Keys::Given(support::root_key());
    Operator::open(dir, keys, Box::new(FixedClock::default()), Duration::ZERO)
        .map(Operator::without_response_slot)
}

/// An anchor that a rotation or a stop has left behind is signed by the old key, and still a prefix.
#[test]
fn an_anchor_of_before_a_rotation_is_followed() {
    let place = tempfile::tempdir().unwrap();
    let (dir, anchor) = (place.path().join("box"), place.path().join("outside.anchor"));
    let mut setup = support::setup("8");
    setup.anchor = Some(anchor.clone());
    let keys = Keys::Given(support::root_key());
    let operator = Operator::init(&dir, setup, keys, Box::new(FixedClock::default())).unwrap();
    let behind = std::fs::read(&anchor).unwrap();
    operator.rotate_key().unwrap();
    operator.rotate_key().unwrap();
    assert!(std::fs::read(&anchor).unwrap() != behind, "moved by the rotation");
    let old = vkey(&operator);
    drop(operator);
    let folder = hushtag::storage::Folder::open(&dir).unwrap();
    std::fs::write(&anchor, &behind).unwrap();
    assert_eq!(verify_log(&folder, None, None, None).unwrap().anchored, Some(1));
    let operator = open(&dir).unwrap();
    operator.rotate_key().unwrap();
    drop(operator);
    assert_eq!(verify_log(&folder, Some(&old), None, None).unwrap().anchored, Some(4));
    // By a key that was never in force.
    let stranger = made().0.read("log/checkpoint").unwrap().unwrap();
    std::fs::write(&anchor, stranger).unwrap();
    assert!(open(&dir).is_err_and(|error| error.is_damage()));
    assert!(verify_log(&folder, None, None, None).is_err_and(|error| error.is_damage()));
}

#[test]
fn without_the_signing_key_everything_can_be_read_and_nothing_written() {
    let place = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        let dir = place.path().join(name);
        let keys = Keys::Given(support::root_key());
        let clock = Box::new(FixedClock::default());
        drop(Operator::init(&dir, support::setup("8"), keys, clock).unwrap());
        dir
    };
    let (dir, other) = (made("box"), made("other"));
    let key = dir.join("keys/sign.key");
    let (own, others) = (std::fs::read(&key).unwrap(), std::fs::read(other.join("keys/sign.key")).unwrap());
    // One of this sandbox and of an earlier time, put back after a rotation.
    open(&dir).unwrap().rotate_key().unwrap();
    let lost: [(&str, Option<&[u8]>); 5] = [
        ("is missing", None),
        ("does not open", Some(&others)),
        ("does not open", Some(b"")),
        ("does not open", Some(&own[1..])),
        ("holds another key", Some(&own)),
    ];
    for (why, content) in lost {
        std::fs::remove_file(&key).unwrap_or_default();
        if let Some(content) = content {
            std::fs::write(&key, content).unwrap();
            std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let Err(error) = open(&dir) else { panic!("opened: {why}") };
        assert!(matches!(error, OperatorError::SigningKey { .. }) && error.is_damage(), "{error}");
        let message = error.to_string();
        assert!(["`keys/sign.key`", why].iter().all(|part| message.contains(part)), "{message}");
        let keys = Keys::Given(support::root_key());
        let reader = Reader::open(&dir, keys, Box::new(FixedClock::default())).unwrap();
        assert_eq!(reader.status().unwrap().log_size, 2);
        let recipient = RecipientId::new(support::RECIPIENT).unwrap();
        let view = reader.view(&recipient, None).unwrap();
        assert_eq!(view.remaining().unwrap().spent, 0);
        view.forecast(CHEAP).unwrap();
        assert_eq!(show_log(&dir).unwrap().len(), 2);
        let checked = verified(&hushtag::storage::Folder::open(&dir).unwrap(), None);
        // Without the key the log can be verified; a file that is not the key was put there.
        match content {
            None => assert_eq!(checked.unwrap().signing_key, Some(false)),
            Some(_) => assert!(checked.unwrap_err().to_string().contains(why), "{why}"),
        }
    }
}
