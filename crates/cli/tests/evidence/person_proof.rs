//! Promise: how a person stood at a seal, by the register of then, is what the log commits to; the person can show it to anyone who has
//! the log's key, it can be no one else's, and no leaf reveals anything without its salt.

use crate::support;
use std::sync::Arc;

use crate::folder::Folder;
use crate::support::FixedClock;
use hushtag::audit::{BundleError, PersonProof, VerifierKey};
use hushtag::engine::Input;
use hushtag::operator::{Keys, Operator, OperatorError, PersonView, StudySource, verify_log};
use hushtag::register::Event;
use hushtag::storage::{Image, Storage};
use hushtag::types::{EpochId, Timestamp};
use serde_json::{Value, json};

const PEOPLE: u32 = 60;

type Person = (String, String);

/// A sandbox whose register holds everybody, with epochs that were sealed from it.
fn sandbox(epochs: &[&str]) -> (Image, Operator) {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator);
    epochs.iter().for_each(|epoch| seal(&operator, epoch));
    (image, operator)
}

fn import(operator: &Operator) {
    let consents = Input::Reader("consents".into(), support::population(PEOPLE, 1).consents());
    operator.consents().import(consents, None).unwrap();
}

fn seal(operator: &Operator, epoch: &str) {
    operator.seal(&support::terms(epoch), support::sources(&support::population(PEOPLE, 1))).unwrap();
}

fn everybody(operator: &Operator) -> Vec<Person> {
    let snapshot = operator.consents().snapshot().unwrap().unwrap();
    let mut people: Vec<Person> = Vec::new();
    for event in snapshot.walk().unwrap() {
        let event = event.unwrap();
        let (ids, id) = event.person();
        people.push((ids.to_owned(), id.to_owned()));
    }
    people.sort();
    people.dedup();
    people
}

fn look(operator: &Operator, person: &Person) -> PersonView {
    operator.person((&person.0, &person.1)).unwrap()
}

fn key(operator: &Operator) -> VerifierKey {
    operator.status().unwrap().vkey
}

/// The proof of a person, as the text that they take away.
fn proof(operator: &Operator, person: &Person) -> String {
    operator.prove_person(&look(operator, person)).unwrap().to_text().unwrap()
}

fn withdraw(operator: &Operator, person: &Person) {
    let given = operator.consents().events_of((&person.0, &person.1)).unwrap();
    let withdrawn: Vec<Event> = given
        .iter()
        .map(|given| {
            let cell = |column: &str| match column {
                "event" => Some("withdrawn".to_owned()),
                other => given.cell(other).map(str::to_owned),
            };
            Event::from_cells(cell).unwrap()
        })
        .collect();
    operator.consents().record(&withdrawn).unwrap();
}

/// A proof with one thing changed, which must not convince.
fn refused(text: &str, key: &VerifierKey, change: impl FnOnce(&mut Value)) -> BundleError {
    let mut value: Value = serde_json::from_str(text).unwrap();
    change(&mut value);
    PersonProof::parse(&value.to_string()).and_then(|proof| proof.verify(key)).unwrap_err()
}

fn damage<T>(outcome: Result<T, OperatorError>) -> String {
    match outcome {
        Err(OperatorError::Damaged { place, why }) => format!("{place}: {why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("nothing was found"),
    }
}

#[test]
fn everybody_in_the_register_can_show_their_status_at_every_seal() {
    let (_, operator) = sandbox(&["e1", "e2"]);
    let key = key(&operator);
    let people = everybody(&operator);
    let (mut inside, mut outside) = (0, 0);
    for person in &people {
        let view = look(&operator, person);
        let text = operator.prove_person(&view).unwrap().to_text().unwrap();
        let read = PersonProof::parse(&text).unwrap();
        let (head, stood) = read.verify(&key).unwrap();
        assert_eq!(read.person(), (person.0.as_str(), person.1.as_str()));
        assert_eq!(stood.len(), 2);
        assert!(head.size > view.entry);
        for (stood, epoch) in stood.iter().zip(&view.epochs) {
            assert_eq!(epoch.sealed, Some(epoch.inside), "nothing was recorded since");
            let place = (stood.entry, stood.epoch.as_str(), stood.recipient.as_str(), stood.inside);
            assert_eq!(place, (epoch.seal, epoch.epoch.as_str(), epoch.recipient.as_str(), epoch.inside));
            assert_eq!(stood.as_of, epoch.as_of.to_string());
            if stood.inside { inside += 1 } else { outside += 1 }
        }
    }
    assert!(inside > 0 && outside > 0, "{inside} in, {outside} out");
}

#[test]
fn what_is_recorded_after_a_seal_does_not_change_what_was_sealed() {
    let (_, operator) = sandbox(&["e1"]);
    let is_in = |person: &Person| look(&operator, person).epochs[0].inside;
    let person = everybody(&operator).into_iter().find(is_in).unwrap();
    withdraw(&operator, &person);
    seal(&operator, "e2");
    let view = look(&operator, &person);
    let [first, second] = view.epochs.as_slice() else { panic!("two epochs") };
    assert_eq!((first.inside, first.sealed), (false, Some(true)), "the word came after the seal");
    assert_eq!((second.inside, second.sealed), (false, Some(false)));
}

#[test]
fn a_proof_that_was_changed_or_is_another_persons_convinces_no_one() {
    let (_, operator) = sandbox(&["e1", "e2"]);
    let people = everybody(&operator);
    let (one, other) = (proof(&operator, &people[0]), proof(&operator, &people[1]));
    let key = key(&operator);
    let other: Value = serde_json::from_str(&other).unwrap();
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let changes: [Change<'_>; 10] = [
        Box::new(|proof| proof["person"][1] = json!(people[1].1)),
        Box::new(|proof| proof["person"][0] = json!("card")),
        Box::new(|proof| {
            proof["places"][0]["inside"] = json!(!proof["places"][0]["inside"].as_bool().unwrap())
        }),
        Box::new(|proof| proof["places"][0]["salt"] = other["places"][0]["salt"].clone()),
        Box::new(|proof| proof["places"][0]["hashes"] = other["places"][0]["hashes"].clone()),
        Box::new(|proof| {
            for field in ["salt", "index", "hashes", "inside"] {
                proof["places"][0][field] = other["places"][0][field].clone();
            }
        }),
        Box::new(|proof| proof["places"][0]["recipient"] = json!("somebody-else")),
        Box::new(|proof| proof["places"][0]["study"] = json!("another")),
        Box::new(|proof| {
            // What they were in the second epoch, as if it were the first.
            let (entry, way) = (proof["places"][0]["entry"].clone(), proof["places"][0]["proof"].clone());
            proof["places"][1]["entry"] = entry;
            proof["places"][1]["proof"] = way;
        }),
        Box::new(|proof| {
            proof["places"][0]["index"] = json!(proof["places"][0]["index"].as_u64().unwrap() ^ 1)
        }),
    ];
    for (number, change) in changes.iter().enumerate() {
        let error = refused(&one, &key, change);
        assert!(matches!(error, BundleError::NotCommitted(_)), "{number}: {error}");
    }
    // Each look is an entry, so the proofs of two people are under two heads of the log.
    let error = refused(&one, &key, |proof| proof["places"][0] = other["places"][0].clone());
    assert!(matches!(error, BundleError::Disagree("places")), "{error}");
    let error = refused(&one, &key, |proof| proof["places"][0]["entry"] = proof["init"].clone());
    assert!(matches!(error, BundleError::Proof(_)), "{error}");
    let error = refused(&one, &key, |proof| {
        proof["places"][0]["entry"] = proof["init"].clone();
        proof["places"][0]["proof"] = proof["init_proof"].clone();
    });
    assert!(matches!(error, BundleError::NotASeal(_)), "{error}");
    let (_, stranger) = sandbox(&[]);
    assert!(matches!(refused(&one, &self::key(&stranger), |_| ()), BundleError::Proof(_)));
}

/// What was shown is what the log commits to, place by place: nothing can be taken out before the proof is passed on.
#[test]
fn a_proof_whose_places_are_not_those_that_were_shown_is_refused() {
    let (_, operator) = sandbox(&["e1", "e2", "e3"]);
    let people = everybody(&operator);
    let (view, key) = (look(&operator, &people[0]), key(&operator));
    let text = operator.prove_person(&view).unwrap().to_text().unwrap();
    let places = |change: &dyn Fn(&mut Vec<Value>)| {
        refused(&text, &key, |proof| change(proof["places"].as_array_mut().unwrap()))
    };
    let mut tried = Vec::new();
    for at in 0..3 {
        tried.push((format!("place {at} left out"), places(&|all| drop(all.remove(at)))));
        tried.push((format!("place {at} doubled"), places(&|all| all.push(all[at].clone()))));
        tried.push((format!("place {at} twice in a row"), places(&|all| all.insert(at, all[at].clone()))));
        tried.push((format!("place {at} moved"), places(&|all| all.swap(at, (at + 1) % 3))));
        tried.push((format!("place {at} alone"), places(&|all| *all = vec![all[at].clone()])));
    }
    tried.push(("the other way round".into(), places(&|all| all.reverse())));
    for (what, error) in tried {
        assert!(matches!(error, BundleError::OtherPlaces), "{what}: {error}");
    }
    assert!(matches!(places(&|all| all.clear()), BundleError::NoPlaces));
    let without = refused(&text, &key, |proof| drop(proof.as_object_mut().unwrap().remove("look")));
    assert!(matches!(without, BundleError::Malformed(_)), "{without}");
    let old = refused(&text, &key, |proof| proof["format"] = json!("hushtag-person@v1"));
    assert!(matches!(old, BundleError::OtherVersion), "{old}");
    // The look of another person, of another moment, and another entry as the look.
    let later: Value = serde_json::from_str(&proof(&operator, &people[0])).unwrap();
    let error = refused(&text, &key, |proof| proof["look"] = later["look"].clone());
    assert!(matches!(error, BundleError::Disagree("look")), "{error}");
    let opening = refused(&text, &key, |proof| proof["look"]["opening"] = json!("00".repeat(32)));
    assert!(matches!(opening, BundleError::OtherPlaces), "{opening}");
    let init = refused(&text, &key, |proof| {
        proof["look"]["entry"] = proof["init"].clone();
        proof["look"]["proof"] = proof["init_proof"].clone();
    });
    assert!(matches!(init, BundleError::Disagree("look")), "{init}");
    let one = look(&operator, &people[1]);
    let (one, two) = (operator.prove_person(&one).unwrap(), operator.prove_person(&view).unwrap());
    let one: Value = serde_json::from_str(&one.to_text().unwrap()).unwrap();
    let error = refused(&two.to_text().unwrap(), &key, |proof| proof["look"] = one["look"].clone());
    assert!(matches!(error, BundleError::OtherPlaces), "of another person under the same head: {error}");
}

#[test]
fn a_stranger_an_epoch_without_a_register_and_a_retired_one_have_no_leaf() {
    let (image, operator) = sandbox(&["e1"]);
    let person = everybody(&operator).remove(0);
    let stranger = look(&operator, &(person.0.clone(), "no one at all".into()));
    assert_eq!(stranger.epochs[0].sealed, None);
    let nothing = operator.prove_person(&stranger).map(drop).unwrap_err();
    assert!(matches!(nothing, OperatorError::Invalid(_)), "a proof of nothing is none: {nothing}");

    assert!(look(&operator, &person).epochs[0].sealed.is_some());
    let shown = proof(&operator, &person);
    let files = || image.list("epochs/e1").unwrap();
    assert!(files().iter().any(|name| name.ends_with(".consents")));
    operator.retire(&EpochId::new("e1").unwrap()).unwrap();
    assert!(!files().iter().any(|name| name.ends_with(".consents")), "{:?}", files());
    assert_eq!(look(&operator, &person).epochs[0].sealed, None);
    verify_log(&image, None, Some(Keys::Given(support::root_key())), None).unwrap();
    assert_eq!(
        PersonProof::parse(&shown).unwrap().verify(&key(&operator)).unwrap().1.len(),
        1,
        "theirs to keep"
    );

    let image = Image::new();
    let without = support::init(Arc::new(image.clone()), "8").unwrap();
    let sources = support::sources(&support::population(PEOPLE, 1));
    without.seal(&support::terms("e1"), sources).unwrap();
    assert_eq!(look(&without, &person).epochs[0].sealed, None);
    assert!(!image.list("epochs/e1").unwrap().iter().any(|name| name.ends_with(".consents")));
}

#[test]
fn a_tree_that_was_changed_cut_or_taken_away_is_found() {
    let (image, operator) = sandbox(&["e1"]);
    let person = everybody(&operator).remove(0);
    let name = image.list("epochs/e1").unwrap().into_iter().find(|name| name.ends_with(".consents")).unwrap();
    let place = format!("epochs/e1/{name}");
    let whole = image.read(&place).unwrap().unwrap();
    let verify = || verify_log(&image, None, Some(Keys::Given(support::root_key())), None);
    for (_, id) in everybody(&operator) {
        assert!(!whole.windows(id.len()).any(|bytes| bytes == id.as_bytes()));
    }
    // The root itself is a node of every way: changed, the file does not lead to the root in the log.
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        image.write(&place, &changed).unwrap();
        assert!(damage(verify()).starts_with(&format!("{place}: is not the tree")), "{at}");
    }
    let mut other = whole.clone();
    other.chunks_mut(32).for_each(|hash| hash[31] ^= 1);
    image.write(&place, &other).unwrap();
    let found = damage(operator.person((&person.0, &person.1)));
    assert!(found.starts_with(&format!("{place}: is not the tree")), "{found}");
    image.write(&place, &whole[..whole.len() - 32]).unwrap();
    assert_eq!(damage(operator.person((&person.0, &person.1))), format!("{place}: is cut off"));
    image.remove(&place).unwrap();
    assert_eq!(damage(operator.person((&person.0, &person.1))), format!("{place}: is missing"));
    assert_eq!(damage(verify()), format!("{place}: is missing"));
    assert!(image.read(&place).unwrap().is_none(), "a look makes no file");
}

#[test]
fn an_older_key_of_the_log_leads_to_the_newest() {
    let (_, operator) = sandbox(&["e1"]);
    let old = key(&operator);
    let person = everybody(&operator).remove(0);
    operator.rotate_key().unwrap();
    let text = proof(&operator, &person);
    for key in [old, key(&operator)] {
        assert_eq!(PersonProof::parse(&text).unwrap().verify(&key).unwrap().1.len(), 1);
    }
}

#[test]
fn the_command_writes_a_proof_that_the_command_checks() {
    let folder = Folder::with_study();
    let studies = vec![StudySource::new("study.toml", support::lasting_study())];
    let setup = support::setup("8").with_studies(studies);
    let operator =
        Operator::init(&folder.path("box"), setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    import(&operator);
    seal(&operator, "e1");
    let person = everybody(&operator).remove(0);
    let (vkey, inside) = (key(&operator).to_string(), look(&operator, &person).epochs[0].inside);
    drop(operator);
    folder.write("id.txt", &person.1);
    let arguments = [
        "person",
        "box",
        "--id-file",
        "id.txt",
        "--ids",
        &person.0,
        "--proof",
        "own.json",
        "--format",
        "json",
    ];
    let ran = folder.run(&arguments);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(ran.json()["epochs"][0]["sealed"], json!(inside));
    assert!(
        ran.stderr().contains(&format!("hushtag audit verify own.json --key {vkey}")),
        "{}",
        ran.stderr()
    );
    let again = folder.run(&arguments);
    assert_eq!(again.code(), Some(1));
    assert!(again.stderr().contains("own.json: cannot be written"), "{}", again.stderr());

    let verify = ["audit", "verify", "own.json", "--key", &vkey, "--format", "json"];
    let checked = folder.run(&verify);
    assert_eq!(checked.code(), Some(0), "{}", checked.stderr());
    assert_eq!(checked.json()["places"][0]["inside"], json!(inside));
    let text = folder.run(&verify[..5]).stdout();
    assert!(text.contains("commits to this about the person") && text.contains("epoch e1 as of"), "{text}");
    let mut value: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path("own.json")).unwrap()).unwrap();
    value["places"][0]["inside"] = json!(!inside);
    folder.write("forged.json", &value.to_string());
    let forged = folder.run(&["audit", "verify", "forged.json", "--key", &vkey]);
    assert_eq!(forged.code(), Some(5), "{}", forged.stderr());
    assert!(forged.stderr().contains("does not commit to what is said"), "{}", forged.stderr());
}

/// Files that were signed before a change of the log's key, and their readers who hold the new one: with the log any key of the
/// chain will do, and the output says which one signed.
#[test]
fn proofs_and_receipts_from_before_a_rotation_hold_under_any_key_of_the_log() {
    let folder = Folder::with_study();
    let studies = vec![StudySource::new("study.toml", support::lasting_study())];
    let setup = support::setup("8").with_studies(studies);
    let clock = Box::new(FixedClock::default());
    let operator = Operator::init(&folder.path("box"), setup, Keys::InFolder, clock).unwrap();
    import(&operator);
    seal(&operator, "e1");
    let person = everybody(&operator).remove(0);
    let receipt = |operator: &Operator, at: i64| {
        let event = operator.consents().events_of((&person.0, &person.1)).unwrap().remove(0);
        operator.consents().receipt(&event, Timestamp::from_seconds(at)).unwrap()
    };
    let now = FixedClock::default().0.seconds();
    let mut keys = Vec::new();
    for number in 1..=3 {
        keys.push(key(&operator).to_string());
        folder.write(&format!("proof-{number}"), &proof(&operator, &person));
        folder.write(&format!("receipt-{number}"), &receipt(&operator, now));
        folder.write(&format!("late-{number}"), &receipt(&operator, now + 3600));
        if number < 3 {
            operator.rotate_key().unwrap();
        }
    }
    drop(operator);
    let run = |file: &str, key: &str, log: bool| {
        let command: &[&str] =
            if file.starts_with("proof") { &["audit", "verify"] } else { &["consent", "verify-receipt"] };
        let mut arguments = [command, &[file, "--key", key]].concat();
        arguments.extend(log.then_some(["--log", "box"]).into_iter().flatten());
        folder.run(&arguments)
    };
    for signed in 1..=3 {
        for (held, key) in (1..).zip(&keys) {
            for kind in ["proof", "receipt"] {
                let ran = run(&format!("{kind}-{signed}"), key, true);
                assert_eq!(ran.code(), Some(0), "{kind} of key {signed} under key {held}: {}", ran.stderr());
                let said = format!("signed by key {signed} of the log, ");
                assert!(ran.stdout().contains(&said), "{kind}: {}", ran.stdout());
            }
            // Without the log a proof brings the way from older keys, a receipt none.
            let alone = run(&format!("proof-{signed}"), key, false);
            assert_eq!(alone.code(), Some(if held <= signed { 0 } else { 5 }), "{}", alone.stderr());
            let alone = run(&format!("receipt-{signed}"), key, false);
            assert_eq!(alone.code(), Some(if held == signed { 0 } else { 5 }), "{}", alone.stderr());
            // A key that was replaced signs no receipts any more.
            let late = run(&format!("late-{signed}"), key, true);
            assert_eq!(late.code(), Some(if signed == 3 { 0 } else { 5 }), "{}", late.stderr());
        }
    }
    let json =
        folder.run(&["audit", "verify", "proof-2", "--key", &keys[2], "--log", "box", "--format", "json"]);
    assert_eq!(json.json()["log_key"], json!({ "key": keys[1], "number": 2 }));
    // Another sandbox's log, and a log that ends before the proof.
    let (_, stranger) = sandbox(&[]);
    let strange = run("proof-1", &key(&stranger).to_string(), true);
    assert_eq!(strange.code(), Some(5), "{}", strange.stderr());
    let usage = folder.run(&["audit", "verify", "box", "--log", "box"]);
    assert_eq!(usage.code(), Some(2), "{}", usage.stderr());
}
