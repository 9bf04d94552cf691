//! Promise: a person who asks is shown, from the register and the log alone, into which epochs their consents put them and what was
//! answered; the log gets a commitment that names no one.

use crate::support;
use std::sync::Arc;

use crate::folder::Folder;
use crate::support::{CHEAP, FixedClock};
use hushtag::audit::{Entry, Kind, verify_commitment, verify_each};
use hushtag::consent::ConsentStatus;
use hushtag::engine::Input;
use hushtag::operator::{Answer, Keys, Operator, PersonView, StudySource, verify_log};
use hushtag::register::Event;
use hushtag::storage::{Image, Storage};
use hushtag::types::{EpochId, Secret};

const PEOPLE: u32 = 60;

fn import(operator: &Operator) {
    let consents = Input::Reader("consents".into(), support::population(PEOPLE, 1).consents());
    operator.consents().import(consents, None).unwrap();
}

fn seal(operator: &Operator, epoch: &str) {
    operator.seal(&support::terms(epoch), support::sources(&support::population(PEOPLE, 1))).unwrap();
}

/// Namespace and id of everybody in the register, and whether all their consents count.
fn everybody(operator: &Operator) -> Vec<((String, String), bool)> {
    let mut people: Vec<(String, String)> = Vec::new();
    let snapshot = operator.consents().snapshot().unwrap().unwrap();
    let mut add = |event: &Event| {
        let (ids, id) = event.person();
        people.push((ids.to_owned(), id.to_owned()));
    };
    for event in snapshot.walk().unwrap() {
        add(&event.unwrap());
    }
    people.sort();
    people.dedup();
    let inside = |person: &(String, String)| {
        let events = operator.consents().events_of((&person.0, &person.1)).unwrap();
        let recipient = support::RECIPIENT.parse().unwrap();
        let all = operator.consents().standing(&events, &recipient, None, support::as_of()).unwrap();
        let age =
            |why: &ConsentStatus| matches!(why, ConsentStatus::AgeUnknown | ConsentStatus::AgeNotAdmitted);
        all.iter().all(|account| account.failing.iter().all(age))
    };
    people.into_iter().map(|person| (person.clone(), inside(&person))).collect()
}

fn look(operator: &Operator, person: &(String, String)) -> PersonView {
    operator.person((&person.0, &person.1)).unwrap()
}

#[test]
fn the_view_says_what_the_register_and_the_log_say() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator);
    seal(&operator, "e1");
    seal(&operator, "e2");
    let Answer::Released(answer) =
        support::analyst(&operator).ask(CHEAP, Some(&EpochId::new("e1").unwrap())).unwrap()
    else {
        panic!("refused")
    };
    let retired = operator.retire(&EpochId::new("e1").unwrap()).unwrap().entry;

    let people = everybody(&operator);
    let inside = people.iter().filter(|(_, inside)| *inside).count();
    assert!(inside > 0 && inside < people.len(), "{inside} of {} are in", people.len());
    for (person, inside) in &people {
        let view = look(&operator, person);
        assert!(!view.events.is_empty());
        assert_eq!(view.epochs.len(), 2);
        assert!(view.epochs.iter().all(|epoch| epoch.inside == *inside), "{}", view.entry);
        let [first, second] = view.epochs.as_slice() else { panic!("two epochs") };
        let [(entry, question)] = first.releases.as_slice() else { panic!("one answer") };
        assert_eq!((*entry, question.as_str()), (answer.index, answer.question.as_str()));
        assert_eq!((first.retired, second.retired, second.releases.len()), (Some(retired), None, 0));
    }
    let stranger = look(&operator, &(people[0].0.0.clone(), "no one at all".into()));
    assert!(stranger.events.is_empty() && stranger.epochs.iter().all(|epoch| !epoch.inside));
    let elsewhere = look(&operator, &("another-namespace".into(), people[0].0.1.clone()));
    assert!(elsewhere.epochs.iter().all(|epoch| !epoch.inside), "the study reads no such ids");
    drop(operator);
    verify_log(&image, None, Some(Keys::Given(support::root_key())), None).unwrap();
}

#[test]
fn an_open_operator_reads_an_entry_of_the_log_once_and_misses_none() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator);
    seal(&operator, "e1");
    let person = everybody(&operator).remove(0).0;
    for _ in 0..300 {
        look(&operator, &person);
    }
    let full = "log/tile/entries/000";
    let bundle = image.read(full).unwrap().unwrap();
    image.remove(full).unwrap();
    let Answer::Released(answer) = support::analyst(&operator).ask(CHEAP, None).unwrap() else {
        panic!("refused")
    };
    // A seal reads the log, which says whether an epoch of this id was sealed before.
    image.write(full, &bundle).unwrap();
    seal(&operator, "e2");
    image.remove(full).unwrap();
    let view = look(&operator, &person);
    image.write(full, &bundle).unwrap();
    let [first, second] = view.epochs.as_slice() else { panic!("two epochs") };
    assert_eq!(first.releases, [(answer.index, answer.question.clone())]);
    assert!(second.releases.is_empty());
    drop(operator);
    let anew = look(&support::open(Arc::new(image)).unwrap(), &person);
    assert!(anew.epochs == view.epochs, "read at once, the log says the same");
}

#[test]
fn the_log_gets_a_commitment_that_they_can_open_and_that_names_no_one() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator);
    let person = everybody(&operator).remove(0).0;
    let views = [look(&operator, &person), look(&operator, &person)];
    let mut entries: Vec<Entry> = Vec::new();
    let read = |_: &_, entry: &Entry| {
        entries.extend((entry.kind == Kind::Person).then(|| entry.clone()));
        Ok(())
    };
    verify_each(&image, &operator.status().unwrap().vkey, read).unwrap();
    assert_eq!(entries.len(), 2);
    assert_ne!(entries[0].body, entries[1].body, "two looks of one person cannot be linked");
    let who = format!("[{:?},{:?}]", person.0, person.1);
    for (view, entry) in views.iter().zip(&entries) {
        assert_eq!(entry.body.keys().collect::<Vec<_>>(), ["person", "places"], "commitments alone");
        assert!(entry.body.values().all(|value| value.as_str().is_some_and(|text| text.len() == 64)));
        assert!(!entry.to_text().unwrap().contains(&person.1));
        let mut key = [0; 32];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(view.salt.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap();
        }
        let commitment = entry.body["person"].as_str().unwrap().parse().unwrap();
        assert!(verify_commitment(&commitment, &Secret::new(key), who.as_bytes()));
        assert!(!verify_commitment(&commitment, &Secret::new(key), b"[\"phone\",\"somebody else\"]"));
    }
}

#[test]
fn the_command_reads_the_id_from_a_file() {
    let folder = Folder::with_study();
    let studies = vec![StudySource::new("study.toml", support::lasting_study())];
    let setup = support::setup("8").with_studies(studies);
    let clock = Box::new(FixedClock::default());
    let operator = Operator::init(&folder.path("box"), setup, Keys::InFolder, clock).unwrap();
    import(&operator);
    seal(&operator, "e1");
    let (person, inside) = everybody(&operator).into_iter().find(|(_, inside)| *inside).unwrap();
    drop(operator);
    folder.write("id.txt", &person.1);
    let arguments = ["person", "box", "--id-file", "id.txt", "--ids", &person.0, "--format", "json"];
    let ran = folder.run(&arguments);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(ran.json()["epochs"][0]["inside"], inside);
    assert!(ran.stderr().contains("nor whether anyone holds data on the person"), "{}", ran.stderr());
    let text = folder.run(&arguments[..6]).stdout();
    assert!(text.contains("epoch e1 as of") && text.contains(": included by their consents"), "{text}");
    let absent = folder.run(&["person", "box", "--id-file", "absent.txt", "--ids", &person.0]);
    assert_eq!(absent.code(), Some(1));
}
