//! Key derivation and sealing against vectors that another implementation made (`tests/vectors/keys.py`), so that other
//! languages can follow.

use hushtag::audit::consent_tree::{Leaves, TreePlace};
use hushtag::keys::{KeyError, Keyring, RootKey, RootNumber, open};
use hushtag::storage::{Image, Storage};
use hushtag::types::{EpochId, Secret};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/keys.json")).unwrap()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn key(case: &Value, field: &str) -> [u8; 32] {
    bytes(text(case, field)).try_into().unwrap()
}

/// Opened from the file that the vectors have for the sandbox.
fn keyring(vectors: &Value, sandbox: &str) -> Keyring {
    let root = RootKey::from_hex(text(vectors, "root_key"), "the vectors").unwrap();
    let cases = vectors["sandbox_keys"].as_array().unwrap();
    let case = cases.iter().find(|case| text(case, "sandbox") == sandbox).unwrap();
    let image = Image::new();
    image.write("keys/sandbox.key", &bytes(text(case, "file"))).unwrap();
    let ring = Keyring::open(&image, &root, sandbox).unwrap();
    let (number, log_size) = (case["number"].as_u64().unwrap(), case["log_size"].as_u64().unwrap());
    assert_eq!(ring.sealed_for(), RootNumber { number, log_size });
    ring
}

#[test]
fn a_sandbox_key_opens_under_its_root_for_its_sandbox_alone() {
    let vectors = vectors();
    let root = RootKey::from_hex(text(&vectors, "root_key"), "the vectors").unwrap();
    let other = RootKey::from_hex(&"07".repeat(32), "the test").unwrap();
    let image = Image::new();
    image.write("keys/sandbox.key", &bytes(text(&vectors["sandbox_keys"][0], "file"))).unwrap();
    let refused =
        |root, sandbox| matches!(Keyring::open(&image, root, sandbox), Err(KeyError::Sealed { .. }));
    assert!(!refused(&root, "4f1c") && refused(&root, "4f1d") && refused(&other, "4f1c"));
}

#[test]
fn keys_are_derived_from_the_sandbox_key_by_use_and_sandbox() {
    let vectors = vectors();
    let cases = vectors["derived"].as_array().unwrap();
    assert!(cases.len() >= 7);
    for case in cases {
        let ring = keyring(&vectors, text(case, "sandbox"));
        assert_eq!(*ring.derive(text(case, "context")).expose(), key(case, "key"), "{case}");
    }
    let ring = keyring(&vectors, text(&cases[0], "sandbox"));
    assert_eq!(*ring.ledger_mac().expose(), key(&cases[0], "key"));
}

#[test]
fn a_wrapped_epoch_key_opens_in_its_place_alone() {
    let vectors = vectors();
    let case = &vectors["epoch"];
    let epoch = EpochId::new(text(case, "epoch")).unwrap();
    let (sandbox, file) = (text(case, "sandbox"), bytes(text(case, "file")));
    let image = Image::new();
    image.write(&Keyring::epoch_file(&epoch), &file).unwrap();
    let found = keyring(&vectors, sandbox).epoch(&image, &epoch).unwrap();
    assert_eq!(*found.expose(), key(case, "key"));
    assert_eq!(*found.derive("a further use").expose(), key(case, "cubes"));
    let other = EpochId::new("2026-q4").unwrap();
    image.write(&Keyring::epoch_file(&other), &file).unwrap();
    let refused = |result| matches!(result, Err(KeyError::Sealed { .. }));
    assert!(refused(keyring(&vectors, sandbox).epoch(&image, &other)), "another epoch");
    assert!(refused(keyring(&vectors, "4f1d").epoch(&image, &epoch)), "another sandbox");
}

#[test]
fn leaves_and_root_of_a_consent_tree_are_those_of_another_implementation() {
    let vectors = vectors();
    let (case, epoch_key) = (&vectors["consent_tree"], Secret::new(key(&vectors["epoch"], "key")));
    let place: Vec<&str> =
        case["place"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    let [sandbox, epoch, study, recipient] = place.as_slice() else { panic!("four parts") };
    let leaves = Leaves::new(TreePlace { sandbox, epoch, study, recipient }, &epoch_key).unwrap();
    let mut all = Vec::new();
    for person in case["people"].as_array().unwrap() {
        let who = (text(person, "ids"), text(person, "id"));
        assert_eq!(*leaves.salt(who).unwrap().expose(), key(person, "salt"), "{person}");
        all.push(leaves.leaf(who, text(person, "stands") == "in").unwrap());
        assert_eq!(all.last(), Some(&key(person, "leaf")), "{person}");
    }
    assert_eq!(all.len(), 4);
    assert_eq!(leaves.file(all).1, key(case, "root"));
}

#[test]
fn sealed_bytes_open_with_their_key_parts_and_bytes_alone() {
    let cases = vectors()["sealed"].clone();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let parts: Vec<Vec<u8>> =
            case["associated"].as_array().unwrap().iter().map(|part| bytes(part.as_str().unwrap())).collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let (own, sealed) = (Secret::new(key(case, "key")), bytes(text(case, "sealed")));
        assert_eq!(*open(&own, &parts, &sealed).unwrap(), bytes(text(case, "plain")), "{case}");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&own, &parts, &changed).is_err(), "byte {at} of {case}");
        }
        let more = [&parts[..], &[b""]].concat();
        assert!(open(&own, &more, &sealed).is_err(), "one part more");
        assert!(open(&Secret::new([7; 32]), &parts, &sealed).is_err(), "another key");
    }
}
