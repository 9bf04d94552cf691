//! Promise: the root key can change without reading anything again; the old one then opens nothing, the new one everything that was
//! there, the log says so, and wherever a change stops exactly one root key is in force.

use crate::support;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, SOCIAL};
use hushtag::audit::Bundle;
use hushtag::keys::{KeyError, RootKey};
use hushtag::operator::{Answer, Keys, NewRoot, Operator, OperatorError, Reader, StudySource, verify_log};
use hushtag::storage::{Fault, Image, Storage};

const EPOCH_KEY: &str = "keys/epoch-e1.key";

fn root(byte: &str) -> RootKey {
    RootKey::from_hex(&byte.repeat(32), "the test").unwrap()
}

/// A sandbox on `image` whose root key lies in its folder, with an epoch and an answer.
fn made(image: &Image) -> (Operator, u64) {
    let clock = Box::new(FixedClock::default());
    let operator =
        Operator::init_on(Arc::new(image.clone()), support::setup("8"), Keys::InFolder, clock).unwrap();
    let operator = operator.without_response_slot();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    let index = ask(&operator, CHEAP).0;
    (operator, index)
}

/// The entry of an answer, and whether it was given before.
fn ask(operator: &Operator, question: &str) -> (u64, bool) {
    let Answer::Released(answer) = support::analyst(operator).ask(question, None).unwrap() else {
        panic!("refused")
    };
    (answer.index, answer.stored)
}

/// Opens by the key that lies in the folder.
fn open(image: &Image) -> Result<Operator, OperatorError> {
    support::open_under(Arc::new(image.clone()), &in_folder(image))
}

/// The root key of the folder, as the keyring picks it.
fn in_folder(image: &Image) -> RootKey {
    let next = RootKey::load_next(image).unwrap();
    match next.filter(|next| support::open_under(Arc::new(image.crash()), next).is_ok()) {
        Some(next) => next,
        None => RootKey::load(image).unwrap(),
    }
}

fn changes(image: &Image, keys: Keys) -> u64 {
    verify_log(image, None, Some(keys), None).unwrap().root_changes
}

fn is_wrong_root<T>(outcome: Result<T, OperatorError>) -> bool {
    let sealed = |error: &OperatorError| matches!(error, OperatorError::Key(KeyError::Sealed { place, .. }) if place == "keys/sandbox.key");
    outcome.is_err_and(|error| sealed(&error) && error.is_damage())
}

#[test]
fn only_the_new_key_opens_and_nothing_was_made_again() {
    let image = Image::new();
    let (operator, index) = made(&image);
    let files = |image: &Image| {
        let names = image.list("epochs/e1").unwrap().into_iter().map(|name| format!("epochs/e1/{name}"));
        let names = names.chain([EPOCH_KEY, "keys/sign.key", "ledger.redb"].map(str::to_owned));
        names.map(|name| (image.read(&name).unwrap().unwrap(), name)).collect::<Vec<_>>()
    };
    let (before, first) = (files(&image), image.read("keys/root.key").unwrap().unwrap());
    let first_key = RootKey::load(&image).unwrap();
    let rotated = operator.rotate_root(NewRoot::InFolder).unwrap();
    assert_eq!((rotated.number, rotated.entry), (1, index + 1));
    assert!(files(&image) == before, "a file was made again");
    assert!(image.read("keys/root.key").unwrap().unwrap() != first);
    assert_eq!(image.list("keys").unwrap(), ["epoch-e1.key", "root.key", "sandbox.key", "sign.key"]);
    assert_eq!(ask(&operator, CHEAP), (index, true), "the same operator goes on");
    drop(operator);
    assert!(is_wrong_root(support::open_under(Arc::new(image.clone()), &first_key)));
    assert!(is_wrong_root(verify_log(&image, None, Some(Keys::Given(first_key)), None)));
    let operator = open(&image).unwrap();
    assert_eq!(ask(&operator, CHEAP), (index, true), "given again without a charge");
    let fresh = ask(&operator, SOCIAL).0;
    assert_eq!(fresh, index + 2, "the epoch opens");
    let vkey = operator.status().unwrap().vkey;
    for answer in [index, fresh] {
        let text = operator.prove(answer).unwrap().to_text().unwrap();
        Bundle::parse(&text).unwrap().verify(&vkey).unwrap();
    }
    assert_eq!(changes(&image, Keys::InFolder), 1);
}

#[test]
fn a_root_key_and_the_key_of_the_log_change_in_any_order() {
    let image = Image::new();
    let (operator, index) = made(&image);
    let first = operator.status().unwrap().vkey;
    operator.rotate_root(NewRoot::InFolder).unwrap();
    operator.rotate_key().unwrap();
    operator.rotate_root(NewRoot::Given(root("02"))).unwrap();
    operator.rotate_key().unwrap();
    assert_eq!(
        image.list("keys").unwrap(),
        ["epoch-e1.key", "sandbox.key", "sign.key"],
        "none in the folder"
    );
    let same = operator.rotate_root(NewRoot::Given(root("02"))).unwrap_err();
    assert!(matches!(&same, OperatorError::Invalid(why) if why.contains("in force already")), "{same}");
    let text = operator.prove(index).unwrap().to_text().unwrap();
    Bundle::parse(&text).unwrap().verify(&first).unwrap();
    drop(operator);
    let found = verify_log(&image, Some(&first), Some(Keys::Given(root("02"))), None).unwrap();
    assert_eq!((found.rotations, found.root_changes), (2, 2));
    let operator = support::open_under(Arc::new(image.clone()), &root("02")).unwrap();
    assert_eq!(operator.rotate_root(NewRoot::InFolder).unwrap().number, 3, "back into the folder");
    drop(operator);
    assert_eq!(ask(&open(&image).unwrap(), CHEAP), (index, true));
}

/// A copy of `keys/` from before opens the folder, because the key that it seals is the same; the log has gone on, so it is found.
#[test]
fn keys_that_were_put_back_are_found() {
    let image = Image::new();
    let (operator, _) = made(&image);
    let old = ["keys/root.key", "keys/sandbox.key"].map(|name| (name, image.read(name).unwrap().unwrap()));
    operator.rotate_root(NewRoot::InFolder).unwrap();
    operator.rotate_root(NewRoot::InFolder).unwrap();
    drop(operator);
    for (name, content) in old {
        image.write(name, &content).unwrap();
    }
    let message = "keys/sandbox.key: is sealed for root key 0, and the log names root key 2: it was put back";
    let found = verify_log(&image, None, Some(Keys::InFolder), None).unwrap_err();
    assert!(found.is_damage() && found.to_string() == message, "{found}");
    let found = open(&image).unwrap().rotate_root(NewRoot::InFolder).unwrap_err();
    assert!(found.is_damage() && found.to_string() == message, "{found}");
}

/// Fails every operation of a change with every fault; a careless caller tries again, or what a power cut leaves is opened.
fn stop_everywhere(given: bool) {
    let new = || if given { NewRoot::Given(root("02")) } else { NewRoot::InFolder };
    let base = Image::new();
    let (operator, index) = made(&base);
    drop(operator);
    let start = || {
        let image = base.crash();
        let operator = open(&image).unwrap().without_response_slot();
        (image, operator)
    };
    let (image, operator) = start();
    let first = image.operations();
    operator.rotate_root(new()).unwrap();
    let steps = image.operations() - first;
    assert!(steps >= 8, "{steps}");
    let mut outcomes = [0, 0];
    for fault in [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite] {
        for (step, again) in (1..=steps).flat_map(|step| [(step, false), (step, true)]) {
            println!("{fault:?} at step {step} of {steps}, tried again: {again}");
            let (image, operator) = start();
            let old = RootKey::load(&image).unwrap();
            image.fail_at(image.operations() + step, fault);
            let mut acknowledged = operator.rotate_root(new()).is_ok();
            acknowledged |= again && operator.rotate_root(new()).is_ok();
            drop(operator);
            for left in [image.crash(), image.crash_torn(step)] {
                let changed = is_wrong_root(support::open_under(Arc::new(left.crash()), &old));
                assert!(changed || !acknowledged, "a change that was acknowledged is gone");
                outcomes[usize::from(changed)] += 1;
                let key = if changed && given { root("02") } else { in_folder(&left) };
                let operator = support::open_under(Arc::new(left.clone()), &key).unwrap();
                assert_eq!(ask(&operator, CHEAP), (index, true));
                drop(operator);
                let in_folder = ["epoch-e1.key", "root.key", "sandbox.key", "sign.key"];
                let outside = ["epoch-e1.key", "sandbox.key", "sign.key"];
                let wanted = if changed && given { &outside[..] } else { &in_folder[..] };
                assert_eq!(left.list("keys").unwrap(), wanted, "a root key is left over");
                let keys = if changed && given { Keys::Given(root("02")) } else { Keys::InFolder };
                let entries = changes(&left, keys);
                assert_eq!(entries > 0, changed, "{entries} entries");
                // Opening once more changes nothing.
                let size = verify_log(&left, None, None, None).unwrap().log.checkpoint.size;
                drop(support::open_under(Arc::new(left.clone()), &key).unwrap());
                assert_eq!(verify_log(&left, None, None, None).unwrap().log.checkpoint.size, size);
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count >= 8), "{outcomes:?}");
}

#[test]
fn a_stopped_change_in_the_folder_leaves_one_key_in_force() {
    stop_everywhere(false);
}

#[test]
fn a_stopped_change_to_a_key_outside_leaves_one_key_in_force() {
    stop_everywhere(true);
}

#[test]
fn handles_of_analysts_go_on_after_a_change() {
    let (operator, _) = made(&Image::new());
    let analyst = support::analyst(&operator);
    operator.rotate_root(NewRoot::InFolder).unwrap();
    assert!(matches!(
        analyst.ask("SELECT COUNT(*) FROM tags WITH (error = 999)", None).unwrap(),
        Answer::Released(_)
    ));
}

/// A folder with a sandbox that answers by the clock of the machine.
fn folder(dir: &Path) -> Operator {
    let studies = vec![StudySource::new("study.toml", support::lasting_study())];
    let setup = support::setup("8").with_studies(studies);
    Operator::init(dir, setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap()
}

#[test]
fn the_files_of_a_change_are_the_owners_alone_and_readers_go_on() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    folder(&dir).rotate_root(NewRoot::InFolder).unwrap();
    let read = || Reader::open(&dir, Keys::InFolder, Box::new(FixedClock::default())).map(drop);
    read().unwrap();
    for name in ["root.key", "sandbox.key"] {
        let path = dir.join("keys").join(name);
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        for loose in [0o640, 0o604, 0o620] {
            mode(loose);
            assert!(matches!(read(), Err(OperatorError::Key(KeyError::Storage(_)))), "{name} {loose:o}");
            let opened =
                Operator::open(&dir, Keys::InFolder, Box::new(FixedClock::default()), Duration::ZERO);
            assert!(matches!(opened.map(drop), Err(OperatorError::Key(KeyError::Storage(_)))), "{name}");
        }
        mode(0o600);
    }
    read().unwrap();
}
