//! Promise 6 for one answer: a bundle convinces anyone who has the log's public key, and no altered one does.

use crate::support;
use std::sync::Arc;

use crate::support::{FixedClock, HandlerKey, SOCIAL, STUDY, changed_study};
use hushtag::audit::{Bundle, Entry, Log, VerifierKey};
use hushtag::keys::{Keyring, SigningKey};
use hushtag::operator::{Answer, Keys, NamedKey, Operator, OperatorError, StudySource};
use hushtag::storage::Image;
use serde_json::Value;

fn answered() -> (Operator, u64, VerifierKey) {
    let operator = support::init(Arc::new(Image::default()), "8").unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(30, 1))).unwrap();
    let analyst = support::analyst(&operator);
    let Answer::Released(answer) = analyst.ask(SOCIAL, None).unwrap() else { panic!("refused") };
    // Later entries, so that the proof has hashes.
    for error in [30, 40, 50] {
        analyst.ask(&format!("SELECT COUNT(*) FROM tags WITH (error = {error})"), None).unwrap();
    }
    let key = operator.status().unwrap().vkey;
    (operator, answer.index, key)
}

#[test]
fn a_bundle_convinces_with_the_public_key_alone() {
    let (operator, index, key) = answered();
    let text = operator.prove(index).unwrap().to_text().unwrap();
    drop(operator);
    let opened = Bundle::parse(&text).unwrap().verify(&key).unwrap();
    // The entry that says that it was proved is the newest.
    assert_eq!((opened.index, opened.head.size), (index, 7));
    assert_eq!(opened.answer["recipient"], support::RECIPIENT);
    assert_eq!(opened.answer["parts"].as_array().unwrap().len(), 2);
    let other: VerifierKey = answered().2;
    assert!(Bundle::parse(&text).unwrap().verify(&other).is_err(), "another sandbox's key");
}

#[test]
fn no_altered_bundle_convinces() {
    let (operator, index, key) = answered();
    let text = operator.prove(index).unwrap().to_text().unwrap();
    let other = operator.prove(index + 1).unwrap().to_text().unwrap();
    let (whole, other): (Value, Value) =
        (serde_json::from_str(&text).unwrap(), serde_json::from_str(&other).unwrap());
    let convinces = |bundle: &Value| {
        let text = serde_json::to_string(bundle).unwrap();
        Bundle::parse(&text).is_ok_and(|bundle| bundle.verify(&key).is_ok())
    };
    assert!(convinces(&whole) && convinces(&other));
    for field in ["entry", "proof", "answer", "opening", "format"] {
        let mut swapped = whole.clone();
        swapped[field] = if field == "format" { "hushtag-answer@v2".into() } else { other[field].clone() };
        assert!(!convinces(&swapped), "{field} of another answer");
        let mut gone = whole.clone();
        gone.as_object_mut().unwrap().remove(field);
        assert!(!convinces(&gone), "without {field}");
    }
    let mut study = whole.clone();
    study["study"] = format!("{} ", whole["study"].as_str().unwrap()).into();
    assert!(!convinces(&study), "one more space in the study");
    let mut more = whole.clone();
    more["note"] = "trust me".into();
    assert!(!convinces(&more), "an unknown field");
    // Every single changed character of the answer, the entry, the opening and the proof.
    for field in ["answer", "entry", "opening", "proof"] {
        let text = whole[field].as_str().unwrap();
        for place in
            (0..text.len()).filter(|place| text.is_char_boundary(*place) && text.is_char_boundary(place + 1))
        {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
            let mut changed = whole.clone();
            changed[field] = String::from_utf8(bytes).unwrap().into();
            assert!(!convinces(&changed), "{field}, character {place}");
        }
    }
}

#[test]
fn a_bundle_shows_who_signed_and_convinces_of_nothing_else() {
    let handlers = support::handlers(1);
    let [social, payment] = handlers.each_ref();
    let signed =
        |text: &str, keys: &[&HandlerKey]| support::signed(StudySource::new("study.toml", text), keys);
    let keys = Keys::Given(support::root_key());
    let setup = support::signed_setup("8", STUDY, &handlers);
    let image = Image::new();
    let storage = Arc::new(image.clone());
    let operator = Operator::init_on(storage, setup, keys, Box::new(FixedClock::default()));
    let operator = operator.unwrap().without_response_slot();
    operator.adopt(&signed(&changed_study(), &[social, payment])).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    let Answer::Released(answer) = support::analyst(&operator).ask(SOCIAL, None).unwrap() else {
        panic!("refused")
    };
    let key: VerifierKey = operator.status().unwrap().vkey;
    let text = operator.prove(answer.index).unwrap().to_text().unwrap();
    let opened = Bundle::parse(&text).unwrap().verify(&key).unwrap();
    assert_eq!(
        opened.signed_by.unwrap(),
        ["payment-platform", "social-platform"].map(|id| id.parse().unwrap())
    );
    let whole: Value = serde_json::from_str(&text).unwrap();
    let convinces = |field: &str, value: Option<String>| {
        let mut bundle = whole.clone();
        match value {
            Some(value) => bundle[field] = value.into(),
            None => drop(bundle.as_object_mut().unwrap().remove(field)),
        }
        let text = serde_json::to_string(&bundle).unwrap();
        Bundle::parse(&text).is_ok_and(|bundle| bundle.verify(&key).is_ok())
    };
    let field = |field: &str| whole[field].as_str().unwrap().to_owned();
    assert!(convinces("format", Some("hushtag-answer@v1".into())));
    let half = signed(&changed_study(), &[social]).signatures.unwrap();
    let moved = signed(STUDY, &[social, payment]).signatures.unwrap();
    assert!(!convinces("approval", Some(half)) && !convinces("approval", Some(moved)));
    assert!(!convinces("init", Some(field("entry"))) && !convinces("init_proof", Some(field("proof"))));
    for name in ["approval", "regime", "init", "init_proof"] {
        assert!(!convinces(name, None), "without {name}");
        let text = field(name);
        for place in (0..text.len()).step_by(if name == "regime" { 41 } else { 1 }) {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(!convinces(name, Some(changed)), "{name}, byte {place}");
            }
        }
    }
    let unsigned = |mut bundle: Value, init: Option<(String, String)>| {
        let fields = bundle.as_object_mut().unwrap();
        fields.retain(|name, _| !["approval", "regime"].contains(&name.as_str()));
        if let Some((entry, proof)) = init {
            fields.extend([("init".into(), entry.into()), ("init_proof".into(), proof.into())]);
        }
        Bundle::parse(&serde_json::to_string(&bundle).unwrap()).unwrap().verify(&key).is_ok()
    };
    assert!(!unsigned(whole.clone(), None), "stripped of the approval");
    // The operator has the log's key, and logs later that no one needs to sign: the first entry alone counts.
    drop(operator);
    let later = Entry { body: json_body(r#"{"approval":"none","handlers":[]}"#), ..init_entry(&image, &key) };
    let id = key.name().strip_prefix("hushtag/").unwrap();
    let keyring = Keyring::open(&image, &support::root_key(), id).unwrap();
    let signer = NamedKey { name: key.name().into(), key: SigningKey::load(&image, &keyring).unwrap() };
    let mut log = Log::open(Arc::new(image.clone()), &key).unwrap();
    let at = log.append(&later, &signer).unwrap().index();
    let operator = support::open(Arc::new(image)).unwrap();
    let text = operator.prove(answer.index).unwrap().to_text().unwrap();
    assert!(Bundle::parse(&text).unwrap().verify(&key).is_ok());
    let init = (later.to_text().unwrap(), log.prove(at).unwrap().to_string());
    assert!(!unsigned(serde_json::from_str(&text).unwrap(), Some(init)), "a later `init` entry");
    // Of a sandbox without approval: no one signed, and the log says that no one had to.
    let (operator, index, key) = answered();
    assert_eq!(operator.prove(index).unwrap().verify(&key).unwrap().signed_by, None);
}

fn init_entry(image: &Image, key: &VerifierKey) -> Entry {
    Log::open(Arc::new(image.clone()), key).unwrap().entry(0).unwrap()
}

fn json_body(text: &str) -> serde_json::Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn only_answers_are_proven() {
    let (operator, index, _) = answered();
    for wrong in [0, 1, 99, u64::MAX] {
        assert!(
            matches!(operator.prove(wrong), Err(OperatorError::Unknown { kind: "answer", .. })),
            "{wrong}"
        );
    }
    assert!(operator.prove(index).is_ok());
}
