//! Tokens and pseudonyms against vectors that another program made, and against each other: no one is linked across epochs,
//! sandboxes, namespaces or keys.

use serde_json::Value;

use super::{PseudonymKey, TokenKey};
use crate::types::Secret;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn secret(text: &Value) -> Secret {
    let digits = text.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2).unwrap(), 16).unwrap();
    Secret::new(std::array::from_fn(byte))
}

/// Every key of a file of vectors with its cases: namespace, id, and what becomes of it.
fn each(text: &str, cases: &str, result: &str, check: impl Fn(&Value, &str, &str) -> String) {
    let all: Value = serde_json::from_str(text).unwrap();
    let keys = all["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let cases = key[cases].as_array().unwrap();
        assert_eq!(cases.len(), 30);
        for case in cases {
            let (ids, id) = (case["ids"].as_str().unwrap(), case["id"].as_str().unwrap());
            assert_eq!(check(key, ids, id), case[result].as_str().unwrap(), "{ids} {id}");
        }
    }
}

#[test]
fn tokens_are_those_of_another_program() {
    each(include_str!("../../tests/vectors/tokens.json"), "tokens", "token", |key, ids, id| {
        let agreed = TokenKey::new(&secret(&key["agreed"]));
        assert_eq!(agreed.id().to_string(), key["key_id"].as_str().unwrap());
        hex(&agreed.namespace(ids).token(id.as_bytes()))
    });
}

#[test]
fn pseudonyms_are_those_of_another_program() {
    each(include_str!("../../tests/vectors/pseudonyms.json"), "pseudonyms", "pseudonym", |key, ids, id| {
        let epoch = PseudonymKey::derive(&secret(&key["epoch_key"]), ids);
        hex(epoch.pseudonym(id.as_bytes()).reveal_in_test())
    });
}

const PEOPLE: u32 = 4_096;
/// Standard deviations: of the 129 counts of one honest pair none is further out but for one chance in a million.
const FAR: f64 = 6.0;

/// What the names of the same people under two keys have in common, if anything.
fn linked(one: &[[u8; 16]], other: &[[u8; 16]]) -> Option<&'static str> {
    let people = f64::from(PEOPLE);
    if one.iter().zip(other).any(|(one, other)| one == other) {
        return Some("equal names");
    }
    let bit = |name: &[u8; 16], at: usize| name[at / 8] >> (at % 8) & 1;
    let agreeing = |at: usize| one.iter().zip(other).filter(|(a, b)| bit(a, at) == bit(b, at)).count();
    let far = |count: usize, of: f64| ((count as f64 - of / 2.0) / (of / 4.0).sqrt()).abs() > FAR;
    let counts: Vec<usize> = (0..128).map(agreeing).collect();
    let agree = counts.iter().any(|count| far(*count, people)) || far(counts.iter().sum(), 128.0 * people);
    agree.then_some("bits that agree")
}

/// The names of all people.
fn names(name: impl Fn(&[u8]) -> [u8; 16]) -> Vec<[u8; 16]> {
    (0..PEOPLE).map(|person| name(format!("138{person:08}").as_bytes())).collect()
}

fn pseudonyms(epoch: u8, ids: &str) -> Vec<[u8; 16]> {
    let key = PseudonymKey::derive(&Secret::new([epoch; 32]), ids);
    names(|id| *key.pseudonym(id).reveal_in_test())
}

fn tokens(agreed: u8, ids: &str) -> Vec<[u8; 16]> {
    let tokens = TokenKey::new(&Secret::new([agreed; 32])).namespace(ids);
    names(|id| tokens.token(id))
}

#[test]
fn no_one_is_linked_across_epochs_sandboxes_namespaces_and_keys() {
    // Every epoch of every sandbox has a random key of its own, so another sandbox is another key.
    let pairs = [
        (pseudonyms(1, "phone"), pseudonyms(2, "phone")),
        (pseudonyms(1, "phone"), pseudonyms(1, "card")),
        (pseudonyms(1, "phone"), tokens(1, "phone")),
        (tokens(1, "phone"), tokens(2, "phone")),
        (tokens(1, "phone"), tokens(1, "card")),
    ];
    for (number, (one, other)) in pairs.iter().enumerate() {
        assert_eq!(linked(one, other), None, "pair {number}");
    }
}

/// The test above has power: it finds schemes that look random one epoch at a time.
#[test]
fn schemes_that_forget_the_epoch_are_found() {
    let key = PseudonymKey::derive(&Secret::new([1; 32]), "phone");
    let plain = |id: &[u8]| *key.pseudonym(id).reveal_in_test();
    let mask = |epoch: u8, name: [u8; 16]| name.map(|byte| byte ^ epoch.wrapping_mul(93));
    let add = |epoch: u128, name: [u8; 16]| u128::from_be_bytes(name).wrapping_add(epoch << 64).to_be_bytes();
    let half = |epoch: u8, id: &[u8]| {
        let mut name =
            *PseudonymKey::derive(&Secret::new([epoch; 32]), "phone").pseudonym(id).reveal_in_test();
        name[15] = plain(id)[15];
        name
    };
    let broken: [(&str, [Vec<[u8; 16]>; 2]); 4] = [
        ("equal names", [1, 2].map(|_epoch| names(plain))),
        ("bits that agree", [1, 2].map(|epoch| names(|id| mask(epoch, plain(id))))),
        ("bits that agree", [1, 2].map(|epoch| names(|id| add(epoch, plain(id))))),
        ("bits that agree", [1, 2].map(|epoch| names(|id| half(epoch, id)))),
    ];
    for (reason, [one, other]) in &broken {
        assert_eq!(linked(one, other), Some(*reason));
    }
}
