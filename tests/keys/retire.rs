//! Promise: a retired epoch cannot be opened again, by no one and with nothing but a copy of its key; the log says so, and
//! retention that is over retires by itself. Wherever retiring stops, the epoch answers or is retired.

use crate::support;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, MovingClock, SOCIAL};
use hushtag::audit::{Entry, Kind, verify_each};
use hushtag::keys::{AuditorKey, Keyring};
use hushtag::operator::{
    Answer, EpochStatus, Keys, Operator, OperatorError, Reader, Verification, verify_log,
};
use hushtag::policy::Reason;
use hushtag::storage::{Fault, Image, Storage};
use hushtag::types::{Days, EpochId, RecipientId, Timestamp};

const DAY: i64 = 86_400;

fn id(epoch: &str) -> EpochId {
    EpochId::new(epoch).unwrap()
}

fn seal(operator: &Operator, epoch: &str) {
    operator.seal(&support::terms(epoch), support::sources(&support::population(20, 1))).unwrap();
}

/// A sandbox with the epochs e1 and e2, the second one the newest, and one answer of each.
fn made() -> (Image, Operator) {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    for epoch in ["e1", "e2"] {
        seal(&operator, epoch);
        answered(&operator, CHEAP, Some(epoch));
    }
    (image, operator)
}

fn ask(operator: &Operator, question: &str, epoch: Option<&str>) -> Answer {
    support::analyst(operator).ask(question, epoch.map(id).as_ref()).unwrap()
}

fn answered(operator: &Operator, question: &str, epoch: Option<&str>) -> u64 {
    match ask(operator, question, epoch) {
        Answer::Released(answer) => answer.index,
        Answer::Refused(reasons) => panic!("{reasons:?}"),
    }
}

fn refused(operator: &Operator, question: &str, epoch: Option<&str>) -> Vec<Reason> {
    match ask(operator, question, epoch) {
        Answer::Refused(reasons) => reasons,
        Answer::Released(answer) => panic!("answered from {}", answer.epoch),
    }
}

fn entries(image: &Image, operator: &Operator) -> Vec<Entry> {
    let mut all = Vec::new();
    let vkey = operator.status().unwrap().vkey;
    verify_each(image, &vkey, |_, entry| {
        all.push(entry.clone());
        Ok(())
    })
    .unwrap();
    all
}

fn verified(image: &Image) -> Result<Verification, OperatorError> {
    verify_log(image, None, Some(Keys::Given(support::root_key())), None)
}

fn place(image: &Image) -> String {
    match verified(image) {
        Err(error @ OperatorError::Damaged { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn status(operator: &Operator, epoch: &str) -> EpochStatus {
    operator.status().unwrap().epochs.into_iter().find(|known| known.id == id(epoch)).unwrap()
}

fn open_at(image: &Image, now: Timestamp) -> Result<Operator, OperatorError> {
    let text = String::from_utf8(image.read("sandbox.toml").unwrap().unwrap()).unwrap();
    let file: toml::Table = toml::from_str(&text).unwrap();
    let keyring = Keyring::open(image, &support::root_key(), file["id"].as_str().unwrap())?;
    Operator::open_on(Arc::new(image.clone()), keyring, Box::new(FixedClock(now)))
        .map(Operator::without_response_slot)
}

/// Everything below a folder of an image.
fn files(image: &Image, folder: &str) -> Vec<(String, Vec<u8>)> {
    let names = image.list(folder).unwrap();
    names
        .into_iter()
        .flat_map(|name| {
            let path = format!("{folder}/{name}");
            match image.read(&path).unwrap() {
                Some(content) => vec![(path, content)],
                None => files(image, &path),
            }
        })
        .collect()
}

#[test]
fn a_retired_epoch_answers_nothing_and_the_log_says_so() {
    let (image, operator) = made();
    let size = entries(&image, &operator).len() as u64;
    // A handle of an analyst does not block it.
    let _analyst = support::analyst(&operator);
    assert!(matches!(operator.retire(&id("e3")), Err(OperatorError::Unknown { kind: "epoch", .. })));
    let retired = operator.retire(&id("e2")).unwrap();
    assert_eq!((retired.entry, retired.changed), (size, true));
    let again = operator.retire(&id("e2")).unwrap();
    assert_eq!((again.entry, again.changed), (size, false), "retired once");

    let reasons = refused(&operator, SOCIAL, Some("e2"));
    assert_eq!((reasons[0].rule.as_str(), reasons[0].article.as_str()), ("R47", "PIPL 47"), "{reasons:?}");
    assert_eq!(refused(&operator, CHEAP, Some("e2")), reasons, "a stored answer is of the epoch too");
    answered(&operator, SOCIAL, None);
    let last = entries(&image, &operator);
    assert_eq!(last.last().unwrap().body["epoch"], "e1", "the newest that answers");
    let kinds: Vec<Kind> = last[usize::try_from(size).unwrap()..].iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Retire, Kind::Refuse, Kind::Refuse, Kind::Ask]);
    assert_eq!(last[usize::try_from(size).unwrap()].body["because"], "operator");

    assert_eq!((status(&operator, "e2").retired, status(&operator, "e2").answers), (Some(size), false));
    assert_eq!((status(&operator, "e1").retired, status(&operator, "e1").answers), (None, true));
    let terms = support::terms("e2");
    let sealed = operator.seal(&terms, support::sources(&support::population(20, 1)));
    assert!(matches!(sealed, Err(OperatorError::EpochExists(_))), "an epoch is sealed once");
    drop(operator);

    assert_eq!(image.list("epochs/e2").unwrap(), ["epoch.json", "retired.json"]);
    assert_eq!(image.list("keys").unwrap(), ["epoch-e1.key", "sandbox.key", "sign.key"]);
    let found = verified(&image).unwrap();
    assert_eq!((found.retired, found.cubes), (1, 1));
    let operator = support::open(Arc::new(image.clone())).unwrap();
    assert_eq!(status(&operator, "e2").retired, Some(size));
    operator.retire(&id("e1")).unwrap();
    assert_eq!(refused(&operator, CHEAP, None)[0].rule, "R47", "all are over");
}

#[test]
fn an_answer_that_was_given_is_still_proved() {
    let (_, operator) = made();
    let index = answered(&operator, SOCIAL, Some("e1"));
    operator.retire(&id("e1")).unwrap();
    assert!(operator.prove(index).is_ok());
}

/// The log says that the epoch is retired: a copy of everything else, with the key file or without, is finished at the next open.
#[test]
fn what_comes_back_of_a_retired_epoch_opens_nothing() {
    let (image, operator) = made();
    let before = files(&image, "epochs/e2");
    let key = image.read("keys/epoch-e2.key").unwrap().unwrap();
    operator.retire(&id("e2")).unwrap();
    drop(operator);
    for with_key in [false, true] {
        let copy = image.crash();
        for (path, content) in &before {
            copy.write(path, content).unwrap();
        }
        copy.remove("epochs/e2/retired.json").unwrap();
        if with_key {
            copy.write("keys/epoch-e2.key", &key).unwrap();
        }
        let found = place(&copy);
        let where_from = if with_key { "keys/epoch-e2.key" } else { "epochs/e2" };
        assert!(found.starts_with(where_from), "{found}");
        let text = String::from_utf8(copy.read("sandbox.toml").unwrap().unwrap()).unwrap();
        let file: toml::Table = toml::from_str(&text).unwrap();
        let keyring = Keyring::open(&copy, &support::root_key(), file["id"].as_str().unwrap()).unwrap();
        assert_eq!(keyring.epoch(&copy, &id("e2")).is_ok(), with_key, "the key would open it");
        let operator = support::open(Arc::new(copy.clone())).unwrap();
        assert_eq!(refused(&operator, SOCIAL, Some("e2"))[0].rule, "R47");
        assert_eq!(copy.list("epochs/e2").unwrap(), ["epoch.json", "retired.json"]);
        assert_eq!(copy.read("keys/epoch-e2.key").unwrap(), None);
        drop(operator);
        verified(&copy).unwrap();
    }
    // A key that comes back with a backup of `keys/` is destroyed at the next open.
    image.write("keys/epoch-e2.key", &key).unwrap();
    assert!(place(&image).starts_with("keys/epoch-e2.key"));
    drop(support::open(Arc::new(image.clone())).unwrap());
    assert_eq!(image.read("keys/epoch-e2.key").unwrap(), None);
    verified(&image).unwrap();
}

#[test]
fn a_cube_that_is_missing_without_a_retirement_is_found() {
    let (image, operator) = made();
    operator.retire(&id("e2")).unwrap();
    drop(operator);
    let cube = image.list("epochs/e1").unwrap().into_iter().find(|name| name.ends_with(".cube")).unwrap();
    image.remove(&format!("epochs/e1/{cube}")).unwrap();
    assert_eq!(place(&image), format!("epochs/e1/{cube}: is missing"));
    // Saying in the folder that it was retired does not help: the log decides.
    image.write("epochs/e1/retired.json", br#"{"entry":5,"epoch":"e1","v":1}"#).unwrap();
    assert_eq!(place(&image), format!("epochs/e1/{cube}: is missing"));
    let operator = support::open(Arc::new(image.clone())).unwrap();
    assert_eq!(status(&operator, "e1").retired, None);
    assert_eq!(image.read("epochs/e1/retired.json").unwrap(), None);
}

#[test]
fn the_end_of_an_epoch_cannot_be_moved() {
    let (image, operator) = made();
    drop(operator);
    let text = String::from_utf8(image.read("epochs/e1/epoch.json").unwrap().unwrap()).unwrap();
    let ends = text.split("\"ends\":").nth(1).unwrap().split(',').next().unwrap();
    let later = text.replace(ends, &(ends.parse::<i64>().unwrap() + DAY).to_string());
    image.write("epochs/e1/epoch.json", later.as_bytes()).unwrap();
    assert!(place(&image).starts_with("epochs/e1/epoch.json"));
    let error = support::open(Arc::new(image)).map(drop).unwrap_err();
    assert!(error.is_damage() && error.to_string().starts_with("epochs/e1/epoch.json: "), "{error}");
}

#[test]
fn retention_that_is_over_retires_at_the_next_open() {
    let (image, operator) = made();
    let ends = status(&operator, "e1").ends;
    let retention: toml::Table = toml::from_str(support::STUDY).unwrap();
    let retention = Days::parse(retention["study"]["retention"].as_str().unwrap()).unwrap();
    assert_eq!(ends, FixedClock::default().0.saturating_add(retention));
    drop(operator);
    let second = Timestamp::from_seconds(ends.seconds() - 1);
    let operator = open_at(&image, second).unwrap();
    answered(&operator, SOCIAL, None);
    drop(operator);
    let operator = open_at(&image, ends).unwrap();
    assert_eq!(refused(&operator, SOCIAL, None)[0].rule, "R47");
    let last = entries(&image, &operator);
    let retired: Vec<&Entry> = last.iter().filter(|entry| entry.kind == Kind::Retire).collect();
    assert_eq!(retired.len(), 2);
    assert!(retired.iter().all(|entry| entry.body["because"] == "retention"));
    assert_eq!(image.list("keys").unwrap(), ["sandbox.key", "sign.key"]);
    drop(operator);
    verified(&image).unwrap();
    drop(open_at(&image, ends).unwrap());
    assert_eq!(entries(&image, &open_at(&image, ends).unwrap()), last, "once");
}

/// Each act of a service that stays open past the end of an epoch begins with its end: the key goes and the log says so.
#[test]
fn an_epoch_ends_at_the_first_act_after_its_retention_while_the_sandbox_is_open() {
    type Act<'a> = &'a dyn Fn(&Operator);
    let auditor = AuditorKey::generate().unwrap();
    let acts: [(&str, Act<'_>); 5] = [
        ("ask", &|operator| assert_eq!(refused(operator, CHEAP, Some("e1"))[0].rule, "R47")),
        ("inspect", &|operator| {
            let error = operator.inspect(&id("e1"), &auditor).unwrap_err().to_string();
            assert!(error.contains("is retired (log entry "), "{error}");
        }),
        ("seal", &|operator| seal(operator, "e2")),
        ("status", &|operator| assert!(!status(operator, "e1").answers)),
        ("person", &|operator| drop(operator.person(("phone", "1")).unwrap())),
    ];
    for (what, act) in acts {
        let (image, now) = (Image::new(), MovingClock::default());
        let keys = Keys::Given(support::root_key());
        let clock = Box::new(now.clone());
        let setup = support::setup("8").with_auditor(auditor.public());
        let operator = Operator::init_on(Arc::new(image.clone()), setup, keys, clock).unwrap();
        let operator = operator.without_response_slot();
        seal(&operator, "e1");
        answered(&operator, CHEAP, None);
        let analyst = support::analyst(&operator);
        let ends = status(&operator, "e1").ends;
        now.set(Timestamp::from_seconds(ends.seconds() - 1));
        answered(&operator, CHEAP, None);
        assert!(image.read("keys/epoch-e1.key").unwrap().is_some(), "{what}: not before its end");
        now.set(ends);
        assert!(analyst.forecast(CHEAP).unwrap().cost > 0, "a forecast is free");
        act(&operator);
        assert_eq!(image.read("keys/epoch-e1.key").unwrap(), None, "{what}");
        assert_eq!(image.list("epochs/e1").unwrap(), ["epoch.json", "retired.json"], "{what}");
        let retired = entries(&image, &operator).into_iter().filter(|entry| entry.kind == Kind::Retire);
        let because: Vec<_> = retired.map(|entry| (entry.at, entry.body["because"].clone())).collect();
        assert_eq!(because, [(ends, "retention".into())], "{what}");
        // The log has it: a clock that is set back changes nothing.
        now.set(FixedClock::default().0);
        assert_eq!(refused(&operator, CHEAP, Some("e1"))[0].rule, "R47", "{what}");
        drop((analyst, operator));
        let operator = support::open(Arc::new(image.clone())).unwrap();
        assert_eq!(refused(&operator, SOCIAL, Some("e1"))[0].rule, "R47", "{what}");
        assert!(matches!(operator.check_epoch(&id("e1")), Err(OperatorError::EpochExists(_))), "{what}");
        drop(operator);
        verified(&image).unwrap();
    }
}

/// A reader says that an epoch is over and changes nothing; the next open ends it.
#[test]
fn a_reader_says_that_an_epoch_is_over() {
    let place = tempfile::tempdir().unwrap();
    let (dir, keys) = (place.path().join("box"), || Keys::Given(support::root_key()));
    let now = MovingClock::default();
    let clock = || Box::new(now.clone());
    let operator = Operator::init(&dir, support::setup("8"), keys(), clock()).unwrap();
    seal(&operator, "e1");
    let ends = status(&operator, "e1").ends;
    drop(operator);
    now.set(ends);
    let reader = || Reader::open(&dir, keys(), clock()).unwrap();
    let read = || reader().status().unwrap().epochs.remove(0);
    assert_eq!((read().retired, read().answers), (None, false));
    let (reader, recipient) = (reader(), RecipientId::new(support::RECIPIENT).unwrap());
    let closed = reader.view(&recipient, None).unwrap().asked_epoch(None).unwrap().unwrap().closed;
    assert_eq!(closed[0].rule, "R47");
    assert!(dir.join("keys/epoch-e1.key").exists(), "a reader changes nothing");
    drop(Operator::open(&dir, keys(), clock(), Duration::ZERO).unwrap());
    assert!(read().retired.is_some() && !dir.join("keys/epoch-e1.key").exists());
}

/// Threads that ask while the end comes are answered or refused; none of them fails, and the epoch ends once.
#[test]
fn an_end_under_many_questions_comes_once() {
    let (image, now) = (Image::new(), MovingClock::default());
    let keys = Keys::Given(support::root_key());
    let operator =
        Operator::init_on(Arc::new(image.clone()), support::setup("100000"), keys, Box::new(now.clone()));
    let operator = operator.unwrap().without_response_slot();
    seal(&operator, "e1");
    let ends = status(&operator, "e1").ends;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (operator, now) = (&operator, &now);
            scope.spawn(move || {
                for number in 0..12 {
                    if (thread, number) == (0, 6) {
                        now.set(ends);
                    }
                    let question =
                        format!("SELECT COUNT(*) FROM tags WITH (error = {})", 900 + 50 * thread + number);
                    support::analyst(operator).ask(&question, None).unwrap();
                }
            });
        }
    });
    let kinds: Vec<Kind> = entries(&image, &operator).iter().map(|entry| entry.kind).collect();
    let retired = kinds.iter().position(|kind| *kind == Kind::Retire).unwrap();
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Retire).count(), 1);
    assert!(kinds[retired..].iter().all(|kind| *kind != Kind::Ask), "an answer of an epoch that is over");
    drop(operator);
    verified(&image).unwrap();
}

/// Everything that must hold of what a stop has left on `left`, and of going on from there.
fn check(left: &Image, acknowledged: bool, now: Timestamp) {
    let operator = open_at(left, now).unwrap();
    let logged = entries(left, &operator).iter().filter(|entry| entry.kind == Kind::Retire).count();
    let over = now >= status(&operator, "e2").ends;
    let retired = status(&operator, "e2").retired.is_some();
    assert!(logged <= 2 && retired == (logged > 0), "{logged} entries");
    assert!(retired || !(acknowledged || over), "the retirement is gone");
    if retired {
        refused(&operator, CHEAP, Some("e2"));
        assert_eq!(left.read("keys/epoch-e2.key").unwrap(), None);
        assert_eq!(left.list("epochs/e2").unwrap(), ["epoch.json", "retired.json"]);
    } else {
        answered(&operator, SOCIAL, Some("e2"));
        assert_eq!(left.read("epochs/e2/retired.json").unwrap(), None);
    }
    operator.retire(&id("e2")).unwrap();
    drop(operator);
    verified(left).unwrap();
}

const FAULTS: [Fault; 4] = [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite];

#[test]
fn wherever_retiring_stops_the_epoch_answers_or_is_retired() {
    let now = FixedClock::default().0;
    let (made, operator) = made();
    drop(operator);
    let steps = {
        let image = made.crash();
        let operator = open_at(&image, now).unwrap();
        let before = image.operations();
        operator.retire(&id("e2")).unwrap();
        image.operations() - before
    };
    assert!(steps >= 8, "marker, bundle, tile, checkpoint, zeros, sync, key, cube: {steps}");
    for (step, fault) in (1..=steps).flat_map(|step| FAULTS.map(|fault| (step, fault))) {
        let image = made.crash();
        let operator = open_at(&image, now).unwrap();
        image.fail_at(image.operations() + step, fault);
        let acknowledged = operator.retire(&id("e2")).is_ok();
        for (name, left) in [("clean", image.crash()), ("torn", image.crash_torn(step))] {
            println!("{fault:?} at operation {step} of {steps}, {name}");
            check(&left, acknowledged, now);
        }
    }
}

#[test]
fn wherever_an_open_stops_what_is_over_is_retired_by_the_next_one() {
    let (made, operator) = made();
    let ends = status(&operator, "e1").ends;
    drop(operator);
    let steps = {
        let image = made.crash();
        drop(open_at(&image, ends).unwrap());
        image.operations()
    };
    for step in 1..=steps {
        let image = made.crash();
        image.fail_at(step, Fault::Error);
        let acknowledged = open_at(&image, ends).is_ok();
        println!("operation {step} of {steps}");
        check(&image.crash(), acknowledged, ends);
    }
}

/// An anchor that cannot be moved keeps no key: the log has the entry, so the key is destroyed; and a key that a failed step left is
/// destroyed by the next act.
#[test]
fn a_retirement_whose_step_fails_keeps_no_key() {
    let place = tempfile::tempdir().unwrap();
    let (dir, other) = (place.path().join("box"), place.path().join("other-disk"));
    std::fs::create_dir(&other).unwrap();
    let setup = support::setup("8").with_anchor(other.join("box.anchor"));
    let keys = Keys::Given(support::root_key());
    let clock = MovingClock::default();
    let operator = Operator::init(&dir, setup, keys, Box::new(clock.clone())).unwrap();
    seal(&operator, "e1");
    let key = dir.join("keys/epoch-e1.key");
    let kept = place.path().join("kept.key");
    std::fs::copy(&key, &kept).unwrap();
    std::fs::rename(&other, place.path().join("away")).unwrap();
    clock.set(Timestamp::from_seconds(support::as_of().seconds() + 91 * DAY));
    assert!(operator.status().is_err(), "the anchor is away");
    assert!(!key.exists(), "and the key is gone all the same");
    assert!(!dir.join("epochs/e1/small.brand-insights.cube").exists());
    operator.status().unwrap();
    // As a step that failed earlier would have left it.
    std::fs::rename(place.path().join("away"), &other).unwrap();
    std::fs::copy(&kept, &key).unwrap();
    operator.status().unwrap();
    assert!(!key.exists());
}

/// A person's view opens the register before it keeps epochs from being retired: asking for that twice would wait for a writer that waits
/// for it.
#[test]
fn a_person_is_shown_their_view_while_an_epoch_is_being_retired() {
    let (image, clock) = (Image::new(), MovingClock::default());
    let operator: Arc<std::sync::OnceLock<Arc<Operator>>> = Arc::default();
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let looks = std::sync::atomic::AtomicU32::new(0);
    let hook: support::Hook = {
        let (operator, clock, armed) = (Arc::clone(&operator), clock.clone(), Arc::clone(&armed));
        Box::new(move |what, path| {
            let Some(operator) = operator.get().filter(|_| (what, path) == ("list", "")) else { return };
            // The register is looked for a second time, for what is left of erased events: now another act retires what is over.
            let looked = armed.load(std::sync::atomic::Ordering::SeqCst)
                && looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1;
            if looked {
                clock.set(Timestamp::from_seconds(support::as_of().seconds() + 91 * DAY));
                let operator = Arc::clone(operator);
                std::thread::spawn(move || drop(operator.status()));
                std::thread::sleep(Duration::from_millis(200));
            }
        })
    };
    let keys = Keys::Given(support::root_key());
    let storage = support::Hooked { storage: image, hook };
    let made = Operator::init_on(Arc::new(storage), support::setup("8"), keys, Box::new(clock)).unwrap();
    seal(&made, "e1");
    let made = Arc::new(made);
    assert!(operator.set(Arc::clone(&made)).is_ok());
    armed.store(true, std::sync::atomic::Ordering::SeqCst);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let id = support::population(20, 1).id(1);
        sender.send(made.person(("phone", &id)).map(|view| view.epochs.len())).unwrap();
    });
    let shown =
        receiver.recv_timeout(Duration::from_secs(60)).expect("it is shown and does not wait for good");
    assert_eq!(shown.unwrap(), 1);
}
