//! Promise: what was erased from the consent register, or is past its retention there, gives no consent in any later seal, whichever
//! file it is in; what is given afterwards counts; a stop leaves all of it or nothing of it.

use crate::support;
use std::sync::Arc;

use crate::support::{CHEAP, MovingClock, STUDY};
use hushtag::audit::{Receipt, VerifierKey};
use hushtag::engine::{Input, Sources};
use hushtag::operator::{Answer, Keys, Operator, OperatorError, SealTerms, StudySource, verify_log};
use hushtag::register::{Event, FILE, RequestKind};
use hushtag::storage::{Fault, Image, Storage};
use hushtag::types::{EpochId, Timestamp};
use redb::ReadableTable;

const PEOPLE: u32 = 200;
/// At this price noise is so small that answers show every difference of one person.
const BUDGET: &str = "4000000";
const DAY: i64 = 86_400;

struct Sandbox {
    image: Image,
    clock: MovingClock,
    operator: Operator,
}

fn sandbox(study: &str) -> Sandbox {
    let (image, clock) = (Image::new(), MovingClock::default());
    let setup = support::setup(BUDGET).with_studies(vec![StudySource::new("study.toml", study)]);
    let keys = Keys::Given(support::root_key());
    let made = Operator::init_on(Arc::new(image.clone()), setup, keys, Box::new(clock.clone()));
    Sandbox { image, clock, operator: made.unwrap().without_response_slot() }
}

fn consents() -> Input {
    Input::Reader("consents".into(), support::population(PEOPLE, 1).consents())
}

/// The first person who is in, and their id.
fn person() -> (&'static str, String) {
    let all = support::population(PEOPLE, 1);
    let first = (0..PEOPLE).find(|person| all.expected_in(*person)).unwrap();
    ("phone", all.id(first))
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(support::as_of().seconds() + seconds)
}

/// Seals the data with the consents of the file, and answers at a price at which the noise is zero but for one draw in e^600.
fn answers(sandbox: &Sandbox, epoch: &str, as_of: Timestamp, with_file: bool) -> Vec<String> {
    let sources = support::sources(&support::population(PEOPLE, 1));
    let consents = if with_file { vec![consents()] } else { Vec::new() };
    let terms = SealTerms::new(support::terms(epoch).epoch, as_of);
    sandbox.operator.seal(&terms, Sources::new(sources.data, consents)).unwrap();
    let (analyst, epoch) = (support::analyst(&sandbox.operator), EpochId::new(epoch).unwrap());
    let ask = |question: &str| match analyst
        .ask(&format!("{question} WITH (epsilon = 900)"), Some(&epoch))
        .unwrap()
    {
        Answer::Released(released) => format!("{:?}", released.rows),
        Answer::Refused(reasons) => panic!("{reasons:?}"),
    };
    [CHEAP, "SELECT region, COUNT(*) FROM tags GROUP BY region"].map(ask).to_vec()
}

fn verified(image: &Image) {
    verify_log(image, None, Some(Keys::Given(support::root_key())), None).map(drop).unwrap();
}

fn withdrawn(person: (&str, &str)) -> Event {
    Event::from_cells(|column| match column {
        "person" => Some(person.1.to_owned()),
        "ids" => Some(person.0.to_owned()),
        "event" => Some("withdrawn".into()),
        "at" => Some(support::as_of().to_string()),
        _ => None,
    })
    .unwrap()
}

/// The same event at another instant.
fn again(event: &Event, at: Timestamp) -> Event {
    Event::from_cells(|column| match column {
        "at" | "shown_at" => Some(at.to_string()),
        "valid_to" => None,
        column => event.cell(column).map(str::to_owned),
    })
    .unwrap()
}

#[test]
fn what_was_erased_gives_no_consent_in_a_later_seal() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    let whole = answers(&sandbox(STUDY), "e1", support::as_of(), true);
    let by_withdrawal = sandbox(STUDY);
    by_withdrawal.operator.consents().record(&[withdrawn(who)]).unwrap();
    let without = answers(&by_withdrawal, "e1", support::as_of(), true);
    assert_ne!(whole, without, "or the comparison would be empty");
    for recorded in [true, false] {
        let erased = sandbox(STUDY);
        let consents = erased.operator.consents();
        let size = erased.operator.status().unwrap().log_size;
        if recorded {
            consents.import(self::consents(), None).unwrap();
        }
        let events = consents.events_of(who).unwrap();
        let done = consents.erase(None, &id).unwrap();
        assert_eq!(done.events, events.len() as u64);
        assert_eq!(done.events > 0, recorded);
        assert!(consents.events_of(who).unwrap().is_empty());
        assert_eq!(erased.operator.status().unwrap().log_size, size, "an erasure is no log entry");
        // As of an instant before the erasure, with the old consents in a file, after another import of them, and reopened.
        assert!(done.at > support::as_of());
        assert_eq!(answers(&erased, "e1", support::as_of(), true), without, "recorded: {recorded}");
        consents.import(self::consents(), None).unwrap();
        assert_eq!(answers(&erased, "e2", support::as_of(), false), without);
        verified(&erased.image);
        let Sandbox { image, clock, operator } = erased;
        drop(operator);
        let operator = support::open(Arc::new(image.clone())).unwrap();
        let erased = Sandbox { image, clock, operator };
        assert_eq!(answers(&erased, "e3", support::as_of(), true), without);
        let view = erased.operator.person(who).unwrap();
        assert_eq!(view.erased, Some(done.at));
        assert!(view.epochs.iter().all(|epoch| !epoch.inside && epoch.sealed != Some(true)));
    }
}

#[test]
fn a_consent_that_is_given_after_an_erasure_counts() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    let (plain, erased) = (sandbox(STUDY), sandbox(STUDY));
    for sandbox in [&plain, &erased] {
        sandbox.operator.consents().import(consents(), None).unwrap();
    }
    let before = erased.operator.consents().events_of(who).unwrap();
    let done = erased.operator.consents().erase(Some("Phone "), &id).unwrap();
    let as_of = later(3 * DAY);
    for sandbox in [&plain, &erased] {
        sandbox.clock.set(later(4 * DAY));
    }
    let without = answers(&erased, "e1", as_of, true);
    assert_ne!(answers(&plain, "e1", as_of, true), without);
    let instant = |seconds| Timestamp::from_seconds(done.at.seconds() + seconds);
    let record = |at| {
        let events: Vec<Event> = before.iter().map(|event| again(event, at)).collect();
        erased.operator.consents().record(&events).unwrap();
    };
    record(done.at);
    assert_eq!(answers(&erased, "e2", as_of, true), without, "one of the same second is part of it");
    record(instant(1));
    assert_eq!(answers(&erased, "e3", as_of, true), answers(&plain, "e3", as_of, true));
    assert!(erased.operator.person(who).unwrap().epochs.last().unwrap().inside);
}

/// Promise: of an import after an erasure nothing is kept that would count for nothing, it says how much that was, and whatever may
/// count is kept: a consent from afterwards, a block, what cannot be read, and everything of others.
#[test]
fn an_import_after_an_erasure_keeps_nothing_of_the_person_that_counts_for_nothing() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    let sandbox = sandbox(STUDY);
    let consents = sandbox.operator.consents();
    let first = consents.import(self::consents(), None).unwrap();
    let given = consents.events_of(who).unwrap();
    assert!(given.len() > 1 && first.erased == 0);
    let done = consents.erase(None, &id).unwrap();
    let before = events(&sandbox.operator);
    let again = consents.import(self::consents(), None).unwrap();
    assert_eq!((again.erased, again.events), (given.len() as u64, first.events - given.len() as u64));
    assert_eq!(again.report, first.report, "what is said of the file is said of the file");
    assert!(consents.events_of(who).unwrap().is_empty());
    assert_eq!(events(&sandbox.operator), before + again.events);
    let row = |event: &str, trigger: &str, at: Timestamp| format!("{id},phone,{event},{trigger},,,{at}\n");
    let (old, new) = (support::as_of(), Timestamp::from_seconds(done.at.seconds() + 1));
    let text = [
        "person,ids,event,trigger,purpose,recipient,at\n".to_owned(),
        row("withdrawn", "", old),
        row("withdrawn", "", new),
        row("objected", "", old),
        row("refused", "", old),
        row("withdrawn", "SC99", old),
        format!("{id},phone,withdrawn,,,,soon\n"),
        format!("13999999999,phone,withdrawn,,,,{old}\n"),
    ];
    let file = Input::Stream("more.csv".into(), Box::new(std::io::Cursor::new(text.concat().into_bytes())));
    let more = consents.import(file, None).unwrap();
    assert_eq!((more.erased, more.events, more.report.rows), (1, 6, 7));
    assert_eq!(consents.events_of(who).unwrap().len(), 5);
    verified(&sandbox.image);
}

#[test]
fn a_receipt_of_an_erasure_is_about_its_person() {
    let (ids, id) = person();
    let sandbox = sandbox(STUDY);
    let consents = sandbox.operator.consents();
    let done = consents.erase(None, &id).unwrap();
    let key: VerifierKey = sandbox.operator.status().unwrap().vkey;
    let receipt = Receipt::open(consents.erasure_receipt(&done, &id).unwrap().as_bytes(), &key).unwrap();
    assert!(receipt.is_about(ids, &id) && !receipt.is_about(ids, "somebody"));
    assert_eq!(receipt.event["cn-pipl:event"], "erased");
    assert!(consents.erasure_receipt(&done, "somebody").is_err());
}

/// An id that no study can read, or of a namespace that none has, is erased as it is; one that is nowhere is refused.
#[test]
fn a_row_that_stops_every_seal_can_be_erased_by_its_text() {
    let sandbox = sandbox(STUDY);
    let odd = Event::from_cells(|column| match column {
        "person" => Some("+86 138 0000 000X".to_owned()),
        "ids" => Some("phone".to_owned()),
        column => withdrawn(("phone", "x")).cell(column).map(str::to_owned),
    });
    let consents = sandbox.operator.consents();
    assert!(matches!(consents.erase(Some("badge"), "x"), Err(OperatorError::Event(_))));
    assert!(matches!(consents.erase(None, "7\u{200b}"), Err(OperatorError::Event(_))));
    assert!(sandbox.image.read(FILE).unwrap().is_none(), "nothing was made");
    consents.record(&[odd.unwrap(), withdrawn(("phone", "13800000001"))]).unwrap();
    let text = format!("{STUDY}\n[ids.phone]\nform = \"cn-mobile\"\n");
    sandbox.operator.adopt(&StudySource::new("study.toml", text)).unwrap();
    let seal = |sandbox: &Sandbox, epoch: &str| {
        let population = support::population(PEOPLE, 1);
        let sources = Sources::new(support::sources(&population).data, Vec::new());
        sandbox.operator.seal(&support::terms(epoch), sources).map(drop)
    };
    assert!(matches!(seal(&sandbox, "e1"), Err(OperatorError::Engine(_))), "or nothing stopped the seal");
    let consents = sandbox.operator.consents();
    assert!(matches!(consents.erase(None, "+86 138 0000 000Y"), Err(OperatorError::Event(_))));
    assert_eq!(consents.erase(None, "+86 138 0000 000X").unwrap().events, 1);
    assert_eq!(events(&sandbox.operator), 1);
    seal(&sandbox, "e1").unwrap();
    verified(&sandbox.image);
}

/// Another form of ids brings back no one who was erased, and hides no event that was recorded before.
#[test]
fn a_form_that_is_adopted_later_brings_no_one_back_and_hides_no_event() {
    let mut sandbox = sandbox(STUDY);
    let forms = ["lower-case", "cn-mobile", "as-is"];
    let adopt = |sandbox: &mut Sandbox, form: &str| {
        let text = format!("{STUDY}\n[ids.phone]\nform = \"{form}\"\n");
        sandbox.operator.adopt(&StudySource::new("study.toml", text)).unwrap();
    };
    let (named, mobile) = ("Ann", "8613800000001");
    let other = "86 138 0000 0001";
    for id in [named, mobile] {
        sandbox.operator.consents().record(&[withdrawn(("phone", id))]).unwrap();
    }
    let population = support::population(PEOPLE, 1);
    let sources = Sources::new(support::sources(&population).data, Vec::new());
    sandbox.operator.seal(&support::terms("e1"), sources).map(drop).unwrap();
    for form in forms {
        adopt(&mut sandbox, form);
        let consents = sandbox.operator.consents();
        for id in [named, mobile] {
            let (ids, id) = consents.named(None, id).unwrap();
            assert_eq!(consents.events_of((&ids, &id)).unwrap().len(), 1, "{form}");
            let view = sandbox.operator.person((&ids, &id)).unwrap();
            assert_eq!(view.events.len(), 1, "{form}");
            assert!(view.epochs.iter().all(|epoch| epoch.sealed == Some(false)), "{form}");
            sandbox.operator.prove_person(&view).unwrap();
        }
    }
    adopt(&mut sandbox, "lower-case");
    let consents = sandbox.operator.consents();
    // Recorded in both spellings, and erased by either.
    consents.record(&[withdrawn(("phone", named))]).unwrap();
    assert_eq!(consents.events_of(("phone", named)).unwrap().len(), 2);
    assert_eq!(consents.erase(None, named).unwrap().events, 2);
    adopt(&mut sandbox, "cn-mobile");
    let consents = sandbox.operator.consents();
    let request = consents.open_request(RequestKind::Access, false, ("phone", "13800000001")).unwrap();
    let erased = consents.erase(None, mobile).unwrap();
    assert_eq!((erased.events, events(&sandbox.operator)), (1, 0));
    for form in forms {
        adopt(&mut sandbox, form);
        let consents = sandbox.operator.consents();
        for id in [named, "ann", " ANN ", mobile, other, "13800000001", "+86-13800000001"] {
            assert!(consents.tombstone_of(("phone", id)).unwrap().is_some(), "{form}: {id}");
        }
        assert!(consents.tombstone_of(("phone", "bob")).unwrap().is_none());
        assert_eq!(consents.requests(Some(("phone", other))).unwrap(), std::slice::from_ref(&request));
        consents.erasure_receipt(&erased, other).unwrap();
    }
    verified(&sandbox.image);
}

/// Wherever an erasure stops, the person is erased or is not, and no other event is lost.
#[test]
fn a_stop_anywhere_in_an_erasure_leaves_all_of_it_or_nothing() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    let made = || {
        let sandbox = sandbox(STUDY);
        sandbox.operator.consents().import(consents(), None).unwrap();
        sandbox
    };
    let whole = made();
    let all = events(&whole.operator);
    let before = whole.image.operations();
    let erased = whole.operator.consents().erase(None, &id).unwrap().events;
    let operations = whole.image.operations() - before;
    assert!(erased > 0 && operations > 5, "{erased} events, {operations} operations");
    let mut seen = [0, 0];
    for fault in [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite] {
        // How many operations there are depends on keys, so some places lie beyond the last one.
        for at in (1..=operations).step_by(3).chain(operations..operations + 4) {
            let sandbox = made();
            sandbox.image.fail_at(sandbox.image.operations() + at, fault);
            let acknowledged = sandbox.operator.consents().erase(None, &id).is_ok();
            drop(sandbox.operator);
            for left in [sandbox.image.crash(), sandbox.image.crash_torn(at)] {
                let operator = support::open(Arc::new(left.clone())).unwrap();
                let found = events(&operator);
                let is_erased = operator.consents().tombstone_of(who).unwrap().is_some();
                assert!(is_erased || !acknowledged, "{fault:?} at {at}");
                assert_eq!(found, if is_erased { all - erased } else { all }, "{fault:?} at {at}");
                assert_eq!(left.list("").unwrap().iter().filter(|name| name.contains("consents")).count(), 1);
                seen[usize::from(is_erased)] += 1;
                operator.consents().erase(None, &id).unwrap();
                assert_eq!(events(&operator), all - erased);
                verified(&left);
            }
        }
    }
    assert!(seen[0] > 5 && seen[1] > 0, "{seen:?}");
}

fn events(operator: &Operator) -> u64 {
    let snapshot = operator.consents().snapshot().unwrap().unwrap();
    let walked = snapshot.walk().unwrap().map(|event| event.map(|_| 1)).sum::<Result<u64, _>>().unwrap();
    assert_eq!(walked, snapshot.events());
    walked
}

/// A seal was made from a register that was then shortened: it has lost nothing, and put back it is found.
#[test]
fn a_register_that_was_shortened_after_a_seal_is_whole_and_put_back_it_is_found() {
    let (_, id) = person();
    let sandbox = sandbox(STUDY);
    sandbox.operator.consents().import(consents(), None).unwrap();
    answers(&sandbox, "e1", support::as_of(), false);
    let old = sandbox.image.read(FILE).unwrap().unwrap();
    sandbox.operator.consents().erase(None, &id).unwrap();
    let image = sandbox.image.crash();
    let reopened = support::open(Arc::new(image.clone())).unwrap();
    assert!(reopened.consents().snapshot().unwrap().is_some());
    let sandbox = Sandbox { image, operator: reopened, ..sandbox };
    answers(&sandbox, "e2", support::as_of(), false);
    let back = sandbox.image.crash();
    back.write(FILE, &old).unwrap();
    let stale = support::open(Arc::new(back)).unwrap();
    assert!(matches!(stale.consents().snapshot(), Err(OperatorError::Damaged { .. })));
}

fn with_retention(term: &str) -> String {
    let text = format!("{STUDY}\n[consents]\nretention = \"{term}\"\nanswer_within = \"10d\"\n");
    assert!(!STUDY.contains("[consents]"));
    text
}

/// Retention: what is old and decides nothing goes with the next act of a writer, and no one's status changes.
#[test]
fn events_past_their_retention_go_and_no_one_is_in_because_of_it() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    let (plain, short) = (sandbox(STUDY), sandbox(&with_retention("30d")));
    for sandbox in [&plain, &short] {
        sandbox.operator.consents().import(consents(), None).unwrap();
        sandbox.operator.consents().record(&[withdrawn(who)]).unwrap();
    }
    let given: Vec<Event> = plain.operator.consents().events_of(who).unwrap();
    // Withdrawn 36 days ago; a consent lasts ninety.
    let as_of = later(35 * DAY);
    for sandbox in [&plain, &short] {
        sandbox.clock.set(later(36 * DAY));
    }
    let before = (events(&plain.operator), events(&short.operator));
    // A reader removes nothing; the seal is the next writer.
    assert!(!short.operator.consents().events_of(who).unwrap().is_empty());
    assert_eq!(answers(&short, "e1", as_of, true), answers(&plain, "e1", as_of, true));
    let after = events(&short.operator);
    assert!(after < before.1 && events(&plain.operator) == before.0, "{after} of {}", before.1);
    let left = short.operator.consents().tombstone_of(who).unwrap().unwrap();
    assert!(left.erased_at().is_none() && short.operator.consents().events_of(who).unwrap().is_empty());
    // The old consents come back in a file and in an import, and are still out; a new one is in.
    short.operator.consents().import(consents(), None).unwrap();
    assert_eq!(answers(&short, "e2", as_of, true), answers(&plain, "e2", as_of, true));
    let new: Vec<Event> = given.iter().map(|event| again(event, later(30 * DAY))).collect();
    let new: Vec<Event> = new.into_iter().filter(|event| event.cell("event") == Some("given")).collect();
    for sandbox in [&plain, &short] {
        sandbox.operator.consents().record(&new).unwrap();
    }
    let status = |sandbox: &Sandbox| {
        let consents = sandbox.operator.consents();
        let recipient = support::RECIPIENT.parse().unwrap();
        consents.standing(&consents.events_of(who).unwrap(), &recipient, None, as_of).unwrap()
    };
    assert!(status(&short).iter().all(|account| account.failing.is_empty()));
    assert_eq!(status(&short), status(&plain));
    verified(&short.image);
    // Once a day: the import of old events was not looked at again.
    let kept = events(&short.operator);
    short.operator.consents().record(&new).unwrap();
    assert_eq!(events(&short.operator), kept + new.len() as u64);
    short.clock.set(later(37 * DAY));
    short.operator.consents().record(&new).unwrap();
    assert!(events(&short.operator) < kept);
}

/// A removal of what is past its retention that fails refuses no one's withdrawal: the event is durable before it, and the failure is
/// a note. A seal, which would count what should be gone, fails.
#[test]
fn a_removal_that_fails_refuses_no_withdrawal_and_no_erasure() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    let Sandbox { image, clock, operator } = sandbox(&with_retention("30d"));
    operator.consents().import(consents(), None).unwrap();
    assert!(operator.consents().take_unswept().is_none());
    let count = events(&operator);
    drop(operator);
    // One row of another person is damaged.
    let disk = tempfile::tempdir().unwrap();
    let path = disk.path().join("register.redb");
    std::fs::write(&path, image.read(FILE).unwrap().unwrap()).unwrap();
    let store = redb::Database::open(&path).unwrap();
    let transaction = store.begin_write().unwrap();
    let rows: redb::TableDefinition<'_, &[u8; 24], &[u8]> = redb::TableDefinition::new("events");
    let mut rows = transaction.open_table(rows).unwrap();
    let stranger = {
        let of = |row: &[u8; 24]| row[..16].to_vec();
        let all: Vec<[u8; 24]> = rows.iter().unwrap().map(|row| *row.unwrap().0.value()).collect();
        let [first, .., last] = all.as_slice() else { panic!("several rows") };
        assert_ne!(of(first), of(last));
        *last
    };
    let sealed = rows.get(&stranger).unwrap().unwrap().value().to_vec();
    rows.insert(&stranger, sealed.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>().as_slice()).unwrap();
    drop(rows);
    transaction.commit().unwrap();
    drop(store);
    image.write(FILE, &std::fs::read(&path).unwrap()).unwrap();
    clock.set(later(36 * DAY));
    let keyring = |image: &Image| {
        let text = String::from_utf8(image.read("sandbox.toml").unwrap().unwrap()).unwrap();
        let file: toml::Table = toml::from_str(&text).unwrap();
        hushtag::keys::Keyring::open(image, &support::root_key(), file["id"].as_str().unwrap()).unwrap()
    };
    let keys = keyring(&image);
    let operator = Operator::open_on(Arc::new(image.clone()), keys, Box::new(clock.clone())).unwrap();
    for more in 1..=2 {
        operator.consents().record(&[withdrawn(who)]).unwrap();
        assert_eq!(operator.consents().snapshot().unwrap().unwrap().events(), count + more);
        let why = operator.consents().take_unswept().expect("the removal fails");
        assert!(why.is_damage() && operator.consents().take_unswept().is_none(), "{why:?}");
    }
    operator.consents().open_request(RequestKind::Erasure, false, who).unwrap();
    assert!(operator.consents().take_unswept().is_some());
    let sources = support::sources(&support::population(PEOPLE, 1));
    assert!(operator.seal(&support::terms("e1"), sources).unwrap_err().is_damage());
}

/// Of several studies one without a term keeps everything: its handlers agreed to no removal.
#[test]
fn a_study_without_a_term_of_retention_keeps_all_events() {
    let silent = STUDY.replacen("id = \"", "id = \"other-", 1);
    assert!(silent.contains("id = \"other-small\""));
    for (texts, removes) in [
        (vec![with_retention("30d"), silent], false),
        (vec![with_retention("30d"), with_retention("40d").replacen("id = \"", "id = \"other-", 1)], true),
    ] {
        let (image, clock) = (Image::new(), MovingClock::default());
        let studies = texts.into_iter().enumerate();
        let studies = studies.map(|(place, text)| StudySource::new(format!("{place}.toml"), text)).collect();
        let setup = support::setup(BUDGET).with_studies(studies);
        let keys = Keys::Given(support::root_key());
        let operator = Operator::init_on(Arc::new(image), setup, keys, Box::new(clock.clone())).unwrap();
        operator.consents().import(consents(), None).unwrap();
        let (ids, id) = person();
        operator.consents().record(&[withdrawn((ids, &id))]).unwrap();
        let before = events(&operator);
        clock.set(later(200 * DAY));
        operator.consents().open_request(RequestKind::Access, false, (ids, &id)).unwrap();
        assert_eq!(events(&operator) < before, removes);
    }
}

/// A namespace that a study gives another name keeps its tombstones: the old consents of an erased person count under the new name as
/// little as under the old one.
#[test]
fn an_erased_person_stays_erased_when_their_namespace_is_renamed() {
    let (ids, id) = person();
    let renamed = STUDY.replace("\"phone\"", "\"mobile\"");
    assert_ne!(renamed, STUDY);
    let made = sandbox(STUDY);
    made.operator.consents().import(consents(), None).unwrap();
    let all: Vec<Event> =
        made.operator.consents().snapshot().unwrap().unwrap().walk().unwrap().map(Result::unwrap).collect();
    let all: Vec<Event> = all
        .iter()
        .map(|event| {
            Event::from_cells(|column| match column {
                "ids" => Some("mobile".to_owned()),
                column => event.cell(column).map(str::to_owned),
            })
            .unwrap()
        })
        .collect();
    let adopted = |erased: bool| {
        let sandbox = sandbox(STUDY);
        if erased {
            sandbox.operator.consents().erase(Some(ids), &id).unwrap();
        }
        assert!(sandbox.operator.adopt(&StudySource::new("study.toml", &*renamed)).unwrap().changed);
        sandbox.operator.consents().record(&all).unwrap();
        sandbox
    };
    let (erased, whole, out) = (adopted(true), adopted(false), adopted(false));
    out.operator.consents().record(&[withdrawn(("mobile", &id))]).unwrap();
    let answers = |sandbox: &Sandbox| answers(sandbox, "e1", support::as_of(), false);
    let (erased_answers, whole_answers) = (answers(&erased), answers(&whole));
    assert_ne!(erased_answers, whole_answers, "or the comparison would be empty");
    assert_eq!(erased_answers, answers(&out));
    let view = erased.operator.person(("mobile", &id)).unwrap();
    assert!(view.erased.is_some() && view.epochs.iter().all(|epoch| !epoch.inside));
    assert!(view.epochs.iter().all(|epoch| epoch.sealed == Some(false)), "and the tree says so");
    assert!(whole.operator.person(("mobile", &id)).unwrap().epochs.iter().all(|epoch| epoch.inside));
    verified(&erased.image);
}

/// The book of requests moves nothing that others see, and gives a deadline and receipts.
#[test]
fn requests_have_a_deadline_and_receipts_and_are_seen_by_no_one_else() {
    let (ids, id) = person();
    let who = (ids, id.as_str());
    for (study, days) in [(STUDY.to_owned(), 15), (with_retention("3y"), 10)] {
        let sandbox = sandbox(&study);
        let consents = sandbox.operator.consents();
        assert!(consents.close_request(1, None, None).is_err());
        assert!(sandbox.image.read(FILE).unwrap().is_none(), "no book is made to close nothing in");
        let seen = |sandbox: &Sandbox| {
            let status = format!("{:?}", sandbox.operator.status().unwrap());
            let files = ["sandbox.toml", "log/checkpoint"].map(|file| sandbox.image.read(file).unwrap());
            (status, files)
        };
        let before = seen(&sandbox);
        let request = consents.open_request(RequestKind::Erasure, true, who).unwrap();
        assert_eq!(request.number, 1);
        assert_eq!(request.due.seconds() - request.opened_at.seconds(), days * DAY);
        assert!(consents.open_request(RequestKind::Transfer, true, who).is_err(), "no right of relatives");
        for reason in ["", "  ", &"x".repeat(1_025)] {
            assert!(consents.close_request(1, Some(who), Some(reason)).is_err());
        }
        // A receipt shows a reason as it was written.
        for odd in ["\u{1b}", "\n", "\u{202e}", "\u{2067}", "\u{2028}", "\u{200b}"] {
            let closed = consents.close_request(1, Some(who), Some(&format!("the term{odd} runs")));
            assert!(matches!(closed, Err(OperatorError::Invalid(_))), "{}", odd.escape_unicode());
        }
        assert!(consents.close_request(1, Some((ids, "somebody")), None).is_err());
        let key: VerifierKey = sandbox.operator.status().unwrap().vkey;
        let open = |text: String| Receipt::open(text.as_bytes(), &key).unwrap();
        let entered = open(consents.request_receipt(&request, who).unwrap());
        assert_eq!(entered.event["cn-pipl:request"], "erasure");
        let closed = consents.close_request(1, Some(who), Some(" the term runs ")).unwrap();
        assert_eq!(closed.closed.as_ref().unwrap().1.as_deref(), Some("the term runs"));
        let answered = open(consents.request_receipt(&closed, who).unwrap());
        assert!(answered.is_about(ids, &id) && answered.event["cn-pipl:reason"] == "the term runs");
        assert!(consents.request_receipt(&request, who).is_err(), "the book has it closed");
        assert!(consents.request_receipt(&closed, (ids, "somebody")).is_err());
        assert!(consents.close_request(1, None, None).is_err());
        assert_eq!(seen(&sandbox), before);
        consents.erase(None, &id).unwrap();
        assert_eq!(consents.requests(Some(who)).unwrap(), [closed]);
        verified(&sandbox.image);
    }
}
