//! Promise 6 for sealed files: one byte changed, cut off, another epoch's key, a file of another epoch or chunks that changed
//! their places are found where they are, before anything is answered.
#![cfg(test)]

pub mod support;

use std::sync::Arc;

use hushtag::operator::{Answer, Keys, OperatorError, StudySource, verify_log};
use hushtag::operator::{Operator, Setup};
use hushtag::storage::{Image, Storage};
use hushtag::types::EpochId;
use support::{CHEAP, FixedClock, STUDY};

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
    let setup = Setup { studies: vec![StudySource::new("study.toml", study())], ..support::setup("8") };
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
        let (said, damage) = (error.to_string(), error.is_damage());
        assert!(damage && said == "the key `keys/sandbox.key` does not open under this root key", "{said}");
        let verified = verify_log(&copy, None, Some(Keys::Given(support::root_key())), None);
        assert_eq!(verified.unwrap_err().to_string(), said, "{what}");
        assert_eq!(copy.read(place).unwrap().unwrap(), content, "left to whoever mends it");
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

/// An id of an epoch is used up by the log, not by the folder.
#[test]
fn an_epoch_whose_folder_is_gone_is_damage_and_not_sealed_again() {
    let made = made();
    let error = verified(&made, |copy| copy.remove("epochs/e1").unwrap()).unwrap_err();
    assert!(error.is_damage() && error.to_string().starts_with("epochs/e1: is missing"), "{error}");
    let copy = made.crash();
    copy.remove("epochs/e1").unwrap();
    let operator = support::open(Arc::new(copy.clone())).unwrap();
    let again = operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1)));
    let error = again.unwrap_err();
    assert!(error.is_damage() && error.to_string().starts_with("epochs/e1: is missing"), "{error}");
    drop(operator);
    assert!(copy.list("epochs/e1").unwrap().is_empty());
}
