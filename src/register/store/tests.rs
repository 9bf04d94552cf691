use std::collections::BTreeMap;

use arrow_array::RecordBatchReader;
use proptest::prelude::*;

use super::*;
use crate::consent::COLUMNS;
use crate::storage::{Fault, Image};

fn key() -> Secret {
    Secret::new([9; 32])
}

fn register(image: &Image) -> Register {
    made(image).unwrap()
}

/// The register, made if it is not there.
fn made(image: &Image) -> Result<Register, RegisterError> {
    match reopened(image)? {
        Some(register) => Ok(register),
        None => Register::create(image, &key(), "s", |_| Ok::<_, RegisterError>(()))
            .map(|(register, ())| register),
    }
}

fn reopened(image: &Image) -> Result<Option<Register>, RegisterError> {
    Register::open(image, &key(), "s")
}

/// An event of a person, distinguished from others by its purpose.
fn event(person: u32, purpose: &str) -> Event {
    let at = format!("2026-09-01T10:00:{:02}Z", person % 60);
    Event::from_cells(|column| match column {
        "person" => Some(format!("canaryperson{person}")),
        "ids" => Some(if person.is_multiple_of(2) { "phone" } else { "account" }.to_owned()),
        "event" => Some("given".to_owned()),
        "at" => Some(at.clone()),
        "purpose" => Some(purpose.to_owned()),
        "recipient" => Some("canaryrecipient".to_owned()),
        _ => None,
    })
    .unwrap()
}

fn add(register: &Register, events: &[Event]) -> Result<(), RegisterError> {
    register.record(|writer| events.iter().try_for_each(|event| writer.add(event)))
}

/// Everything in the register, as documents, sorted.
fn all(register: &Register) -> Result<Vec<String>, RegisterError> {
    let walk = register.snapshot()?.walk()?;
    let mut all =
        walk.map(|event| event.map(|event| event.to_json().to_string())).collect::<Result<Vec<_>, _>>()?;
    all.sort();
    Ok(all)
}

fn documents<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    let mut all: Vec<String> = events.into_iter().map(|event| event.to_json().to_string()).collect();
    all.sort();
    all
}

#[derive(Debug, Clone)]
enum Act {
    Record(Vec<(u32, u8)>),
    /// A transaction that is given up after so many events.
    Fail(Vec<(u32, u8)>),
    Reopen,
    Ask(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let events = || proptest::collection::vec((0..6u32, any::<u8>()), 0..5);
    prop_oneof![
        events().prop_map(Act::Record),
        events().prop_map(Act::Fail),
        Just(Act::Reopen),
        (0..7u32).prop_map(Act::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The register is a list that keeps what was recorded, however it is reopened.
    #[test]
    fn the_register_is_a_durable_list(acts in proptest::collection::vec(act(), 1..14)) {
        let image = Image::new();
        let (mut register, mut plain) = (register(&image), BTreeMap::<u32, Vec<Event>>::new());
        let drawn = |events: &[(u32, u8)]| -> Vec<(u32, Event)> {
            events.iter().map(|(person, word)| (*person, event(*person, &format!("p{word}")))).collect()
        };
        for act in acts {
            match act {
                Act::Record(events) => {
                    let events = drawn(&events);
                    register.record(|writer| events.iter().try_for_each(|(_, event)| writer.add(event))).unwrap();
                    events.into_iter().for_each(|(person, event)| plain.entry(person).or_default().push(event));
                }
                Act::Fail(events) => {
                    let failed = register.record(|writer| {
                        drawn(&events).iter().try_for_each(|(_, event)| writer.add(event))?;
                        Err::<(), _>(RegisterError::TooLarge)
                    });
                    prop_assert!(matches!(failed, Err(RegisterError::TooLarge)));
                }
                Act::Reopen => {
                    drop(register);
                    register = reopened(&image).unwrap().unwrap();
                }
                Act::Ask(person) => {
                    let probe = event(person, "");
                    let (ids, id) = probe.person();
                    let found = register.events_of(ids, id).unwrap();
                    prop_assert!(found == plain.get(&person).cloned().unwrap_or_default());
                }
            }
            prop_assert_eq!(all(&register).unwrap(), documents(plain.values().flatten()));
            let count = plain.values().map(|events| events.len() as u64).sum::<u64>();
            prop_assert_eq!(register.snapshot().unwrap().state().count, count);
        }
    }
}

/// What was acknowledged before each operation failed is there afterwards, and of the rest all of a transaction or nothing.
#[test]
fn a_stop_at_any_operation_loses_no_acknowledged_event() {
    let groups: Vec<Vec<Event>> = [1, 3, 2, 4]
        .iter()
        .enumerate()
        .map(|(group, size)| (0..*size).map(|n| event(n, &format!("group {group}"))).collect())
        .collect();
    let live = |image: &Image, acknowledged: &mut usize| -> Result<(), RegisterError> {
        let mut register = made(image)?;
        for (number, group) in groups.iter().enumerate() {
            add(&register, group)?;
            *acknowledged = number + 1;
            if number == 1 {
                drop(register);
                register = made(image)?;
            }
        }
        Ok(())
    };
    let whole = Image::new();
    live(&whole, &mut 0).unwrap();
    let mut refused = 0;
    for fault in [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite] {
        for at in 1..=whole.operations() {
            let (image, mut acknowledged) = (Image::new(), 0);
            image.fail_at(at, fault);
            refused += usize::from(live(&image, &mut acknowledged).is_err());
            for left in [image.crash(), image.crash_torn(at)] {
                let register = match reopened(&left).unwrap() {
                    Some(register) => register,
                    None => {
                        assert_eq!(acknowledged, 0, "{fault:?} at {at}: the register is gone");
                        made(&left).unwrap()
                    }
                };
                let found = all(&register).unwrap();
                let may =
                    (acknowledged..=groups.len()).map(|count| documents(groups.iter().take(count).flatten()));
                let may: Vec<_> = may.take(2).collect();
                assert!(
                    may.contains(&found),
                    "{fault:?} at {at}: {} events, {acknowledged} groups acknowledged",
                    found.len()
                );
                add(&register, &[event(9, "afterwards")]).unwrap();
                assert_eq!(all(&register).unwrap().len(), found.len() + 1);
            }
        }
    }
    assert!(refused > 20, "the faults were not felt: {refused}");
}

/// After a failure in the storage no one knows what is durable, so the handle refuses until it is reopened.
#[test]
fn a_failed_register_must_be_opened_again() {
    let image = Image::new();
    let register = register(&image);
    image.fail_at(image.operations() + 1, Fault::Error);
    assert!(add(&register, &[event(1, "x")]).is_err());
    assert!(matches!(add(&register, &[event(1, "x")]), Err(RegisterError::Poisoned)));
    drop(register);
    assert_eq!(all(&reopened(&image).unwrap().unwrap()).unwrap(), [""; 0]);
}

fn three() -> (Image, Vec<Event>) {
    let (image, events) = (Image::new(), vec![event(1, "one"), event(2, "two"), event(1, "three")]);
    add(&register(&image), &events).unwrap();
    (image, events)
}

/// Changes the store the way someone would who knows its format but not the key.
fn forged(image: &Image, change: impl FnOnce(&mut Table<'_, &'static RowKey, &'static [u8]>)) -> Register {
    let copy = image.crash();
    let raw =
        Builder::new().create_with_backend(Backend::new(copy.blocks(FILE).unwrap()).unwrap().0).unwrap();
    let transaction = raw.begin_write().unwrap();
    change(&mut transaction.open_table(EVENTS).unwrap());
    transaction.commit().unwrap();
    drop(raw);
    reopened(&copy).unwrap().unwrap()
}

fn rows(table: &Table<'_, &'static RowKey, &'static [u8]>) -> Vec<(RowKey, Vec<u8>)> {
    let row =
        |row: Result<(redb::AccessGuard<'_, &'static RowKey>, redb::AccessGuard<'_, &'static [u8]>), _>| {
            let (key, value) = row.unwrap();
            (*key.value(), value.value().to_vec())
        };
    table.iter().unwrap().map(row).collect()
}

#[test]
fn each_changed_byte_of_an_event_is_found() {
    let (image, events) = three();
    assert_eq!(all(&reopened(&image).unwrap().unwrap()).unwrap(), documents(&events));
    let mut length = 0;
    drop(forged(&image, |table| length = rows(table)[0].1.len()));
    for byte in 0..length {
        let changed = || {
            forged(&image, |table| {
                let (key, mut value) = rows(table)[0].clone();
                value[byte] ^= 1;
                table.insert(&key, value.as_slice()).unwrap();
            })
        };
        assert!(matches!(all(&changed()), Err(RegisterError::Damaged { .. })), "byte {byte}");
        let own = [&events[0], &events[1]]
            .map(|event| changed().events_of(event.person().0, event.person().1).is_err());
        assert_eq!(own.iter().filter(|refused| **refused).count(), 1, "one person's row was changed");
    }
}

#[test]
fn rows_taken_out_put_elsewhere_or_doubled_are_found() {
    let (image, _) = three();
    for changed in 0..3 {
        let gone = forged(&image, |table| {
            let (key, _) = rows(table)[changed].clone();
            table.remove(&key).unwrap();
        });
        assert!(all(&gone).is_err(), "row {changed} was taken out");
        let doubled = forged(&image, |table| {
            let (mut key, value) = rows(table)[changed].clone();
            *key.last_mut().unwrap() += 5;
            table.insert(&key, value.as_slice()).unwrap();
        });
        assert!(all(&doubled).is_err(), "row {changed} is there twice");
        let swapped = forged(&image, |table| {
            let rows = rows(table);
            let ((one, first), (other, second)) = (rows[changed].clone(), rows[(changed + 1) % 3].clone());
            table.insert(&one, second.as_slice()).unwrap();
            table.insert(&other, first.as_slice()).unwrap();
        });
        assert!(all(&swapped).is_err(), "row {changed} was exchanged");
    }
}

#[test]
fn a_flipped_bit_of_the_file_is_found_or_harmless() {
    let (image, events) = three();
    let (content, mut found) = (image.read(FILE).unwrap().unwrap(), 0);
    for byte in (0..content.len()).step_by(131) {
        let mut changed = content.clone();
        changed[byte] ^= 4;
        let copy = Image::new();
        copy.write(FILE, &changed).unwrap();
        let read = reopened(&copy).and_then(|register| all(&register.ok_or(RegisterError::TooLarge)?));
        match read {
            Ok(read) => assert_eq!(read, documents(&events), "byte {byte}"),
            Err(RegisterError::Damaged { .. }) => found += 1,
            Err(other) => panic!("byte {byte}: {other:?}"),
        }
    }
    assert!(found > 0);
    for cut in [0, 1, 4_096, content.len() / 2, content.len() - 1] {
        let copy = Image::new();
        copy.write(FILE, &content[..cut]).unwrap();
        let read = reopened(&copy).and_then(|register| all(&register.ok_or(RegisterError::TooLarge)?));
        assert!(matches!(read, Err(RegisterError::Damaged { .. })), "cut at {cut}");
    }
}

#[test]
fn a_first_transaction_that_fails_leaves_no_register() {
    let image = Image::new();
    let failed = Register::create(&image, &key(), "s", |writer| {
        writer.add(&event(1, "x"))?;
        Err::<(), _>(RegisterError::TooLarge)
    });
    assert!(matches!(failed, Err(RegisterError::TooLarge)));
    assert_eq!(image.crash().list("").unwrap(), [""; 0]);
}

#[test]
fn another_key_or_sandbox_opens_nothing() {
    let (image, _) = three();
    assert!(matches!(Register::open(&image, &Secret::new([8; 32]), "s"), Err(RegisterError::Damaged { .. })));
    assert!(matches!(Register::open(&image, &key(), "t"), Err(RegisterError::Damaged { .. })));
}

#[test]
fn no_cell_is_in_the_file_and_kinds_of_events_have_one_size() {
    let image = Image::new();
    let full = Event::from_cells(|column| {
        Some(
            match column {
                "person" => "canaryperson1",
                "ids" => "account",
                "at" | "shown_at" | "valid_to" => "2026-09-01T10:00:00Z",
                "event" => "given",
                "trigger" => "SC23",
                "purpose" => "campaign-measurement",
                "recipient" => "canaryrecipient",
                "handler" => "social-platform",
                "kind" => "separate",
                "categories" => "social-relation|payment-record|profile",
                "methods" => "aggregate",
                "notice" => "N-2026-04",
                "notice_version" | "bundle_size" => "1",
                "giver" => "self",
                _ => "true",
            }
            .to_owned(),
        )
    });
    add(&register(&image), &[event(1, "x"), full.unwrap()]).unwrap();
    let mut sizes = Vec::new();
    drop(forged(&image, |table| sizes = rows(table).iter().map(|(_, value)| value.len()).collect()));
    assert_eq!(sizes, [sizes[0]; 2]);
    let content = image.read(FILE).unwrap().unwrap();
    for needle in ["canary", "account", "given", "campaign"] {
        let found = content.windows(needle.len()).any(|window| window == needle.as_bytes());
        assert!(!found, "`{needle}` is in the file");
    }
}

#[test]
fn a_snapshot_stays_as_it_was_and_its_batches_have_all_columns() {
    let (image, events) = three();
    let register = reopened(&image).unwrap().unwrap();
    let snapshot = register.snapshot().unwrap();
    add(&register, &[event(4, "later")]).unwrap();
    let phones = snapshot.reader(Some(["phone".to_owned()].into()), 1, None).unwrap();
    let names: Vec<_> = phones.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, COLUMNS);
    let count = |reader: super::super::Batches| reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>();
    assert_eq!(count(phones), 1);
    let both = || snapshot.reader(None, 1, None).unwrap();
    assert_eq!([count(both()), count(both())], [events.len(); 2]);
    assert!(snapshot.take_fault().is_none());
    assert_eq!(all(&register).unwrap().len(), 4);
}

fn erased(at: &str) -> Tombstone {
    Tombstone::of_erasure(Timestamp::parse(at).unwrap(), [])
}

/// The register without the first `count` events of a person, whom a tombstone is left for.
fn without(register: &Register, image: &Image, person: u32, count: usize) -> Result<Register, RegisterError> {
    let probe = event(person, "");
    let (ids, id) = probe.person();
    let judge = |events: &[Event]| {
        let is_theirs = events[0].person() == (ids, id);
        let left = Left { ids: ids.into(), person: id.into(), tombstone: erased("2026-10-01T00:00:00Z") };
        Removal {
            events: (0..events.len()).map(|place| is_theirs && place < count).collect(),
            left: is_theirs.then_some(left),
        }
    };
    register.rewritten(image, (&key(), "s"), judge, (None, None))
}

fn holds(image: &Image, needle: &[u8]) -> bool {
    image
        .list("")
        .unwrap()
        .iter()
        .any(|name| image.read(name).unwrap().unwrap().windows(needle.len()).any(|window| window == needle))
}

/// Promise: no file of the folder has a byte of a removed row, nor the pseudonym that it was under; a row that is only deleted leaves
/// both in a page of the store.
#[test]
fn a_register_that_was_rewritten_has_no_byte_of_a_removed_row() {
    let (image, events) = three();
    let mut raw = Vec::new();
    drop(forged(&image, |table| raw = rows(table)));
    let old = reopened(&image).unwrap().unwrap();
    let before = old.snapshot().unwrap().state();
    let pseudonym = |person| {
        let probe = event(person, "");
        let (ids, id) = probe.person();
        old.keys.pseudonym(ids, id).row(1)
    };
    let (theirs, other) = (pseudonym(1), pseudonym(2));
    let theirs_in = |rows: &[(RowKey, Vec<u8>)]| -> Vec<Vec<u8>> {
        let own = rows.iter().filter(|(key, _)| key[..16] == theirs[..16]);
        own.map(|(_, value)| value[40..72].to_vec()).collect()
    };
    let sealed = theirs_in(&raw);
    assert_eq!(sealed.len(), 2);
    assert!(sealed.iter().all(|part| holds(&image, part)) && holds(&image, &theirs[..16]));
    let new = without(&old, &image, 1, 2).unwrap();
    assert!(!sealed.iter().any(|part| holds(&image, part)) && !holds(&image, &theirs[..16]));
    assert!(holds(&image, &other[..16]));
    assert_eq!(all(&new).unwrap(), documents([&events[1]]));
    let after = new.snapshot().unwrap();
    assert!(after.events() == 1 && after.state().count > before.count);
    drop((old, new));
    let again = reopened(&image).unwrap().unwrap();
    assert!(again.tombstone_of("account", "canaryperson1").unwrap() == Some(erased("2026-10-01T00:00:00Z")));
    assert!(again.tombstone_of("phone", "canaryperson1").unwrap().is_none());
    let found = again.snapshot().unwrap().tombstones().unwrap();
    assert!(found.of("account", "canaryperson1").is_some() && found.of("phone", "canaryperson2").is_none());
}

/// What stays of a person is numbered again; a later tombstone takes in the earlier one, and every writing moves the state.
#[test]
fn what_stays_is_numbered_again_and_the_number_of_rows_ever_written_grows() {
    let image = Image::new();
    let events: Vec<Event> = ["one", "two", "three"].map(|purpose| event(1, purpose)).into();
    add(&register(&image), &events).unwrap();
    let mut register = reopened(&image).unwrap().unwrap();
    let mut last = register.snapshot().unwrap().state().count;
    for left in [2, 1, 0] {
        register = without(&register, &image, 1, 1).unwrap();
        let stays = register.events_of("account", "canaryperson1").unwrap();
        assert!(stays == events[3 - left..]);
        let count = register.snapshot().unwrap().state().count;
        assert!(count > last, "{count} after {last}");
        last = count;
        assert_eq!(all(&register).unwrap().len(), left);
    }
    add(&register, &events).unwrap();
    assert_eq!(register.snapshot().unwrap().state().count, last + 3);
    register
        .record(|writer| {
            let tombstone = erased("2026-11-01T00:00:00Z");
            writer.leave(Left { ids: "account".into(), person: "canaryperson1".into(), tombstone })
        })
        .unwrap();
    assert!(register.snapshot().unwrap().state().count > last + 3);
    let found = register.tombstone_of("account", "canaryperson1").unwrap().unwrap();
    assert_eq!(found.erased_at(), Timestamp::parse("2026-11-01T00:00:00Z").ok());
}

/// A stop at any operation of a rewriting leaves the old register or the new one, whole.
#[test]
fn a_stop_at_any_operation_of_a_rewriting_leaves_one_whole_register() {
    let (whole, events) = three();
    let before = whole.operations();
    without(&reopened(&whole).unwrap().unwrap(), &whole, 1, 2).unwrap();
    let (old, new) = (documents(&events), documents([&events[1]]));
    let mut seen = [0, 0];
    for fault in [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite] {
        for at in 1..=whole.operations() - before {
            let (image, _) = three();
            let register = reopened(&image).unwrap().unwrap();
            let at = image.operations() + at;
            image.fail_at(at, fault);
            let done = without(&register, &image, 1, 2);
            for left in [image.crash(), image.crash_torn(at)] {
                Register::remove_unfinished(&left).unwrap();
                let register = reopened(&left).unwrap().unwrap();
                let found = all(&register).unwrap();
                assert!(found == new || done.is_err() && found == old, "{fault:?} at {at}");
                seen[usize::from(found == new)] += 1;
                let tombstone = register.tombstone_of("account", "canaryperson1").unwrap();
                assert_eq!(tombstone.is_some(), found == new);
                add(&register, &[event(9, "afterwards")]).unwrap();
                assert_eq!(all(&register).unwrap().len(), found.len() + 1);
                assert_eq!(left.list("").unwrap(), [FILE]);
            }
        }
    }
    assert!(seen[0] > 20 && seen[1] > 0, "{seen:?}");
}

/// Rows of the other tables are found as those of events are; a changed register is not rewritten.
#[test]
fn a_changed_or_missing_tombstone_or_request_is_found() {
    let (image, _) = three();
    let register = without(&reopened(&image).unwrap().unwrap(), &image, 1, 1).unwrap();
    let at = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    let request = NewRequest {
        kind: crate::register::RequestKind::Erasure,
        by_kin: false,
        person: ("account", "canaryperson1"),
        opened_at: at,
        due: at,
    };
    assert_eq!(register.record(|writer| writer.open_request(&request)).unwrap(), 1);
    drop(register);
    assert_eq!(all(&reopened(&image).unwrap().unwrap()).unwrap().len(), 2);
    for change in 0..4 {
        let copy = image.crash();
        let raw =
            Builder::new().create_with_backend(Backend::new(copy.blocks(FILE).unwrap()).unwrap().0).unwrap();
        let transaction = raw.begin_write().unwrap();
        {
            let mut tombstones = transaction.open_table(TOMBSTONES).unwrap();
            let mut requests = transaction.open_table(REQUESTS).unwrap();
            let (mark, mut tombstone) = {
                let (mark, value) = tombstones.first().unwrap().unwrap();
                (*mark.value(), value.value().to_vec())
            };
            let mut request = requests.get(1).unwrap().unwrap().value().to_vec();
            *tombstone.last_mut().unwrap() ^= 1;
            *request.last_mut().unwrap() ^= 1;
            match change {
                0 => drop(tombstones.insert(&mark, tombstone.as_slice()).unwrap()),
                1 => drop(tombstones.remove(&mark).unwrap()),
                2 => drop(requests.insert(1, request.as_slice()).unwrap()),
                _ => drop(requests.remove(1).unwrap()),
            }
        }
        transaction.commit().unwrap();
        drop(raw);
        let register = reopened(&copy).unwrap().unwrap();
        assert!(matches!(all(&register), Err(RegisterError::Damaged { .. })), "change {change}");
        assert!(without(&register, &copy, 2, 1).is_err(), "change {change}");
        assert_eq!(copy.list("").unwrap(), [FILE]);
    }
}

/// The book of requests: numbered without a gap, closed once, found by whom they are about, and outliving an erasure.
#[test]
fn the_book_of_requests_keeps_what_was_entered() {
    use crate::register::RequestKind;
    let (image, _) = three();
    let register = reopened(&image).unwrap().unwrap();
    let at = |day| Timestamp::parse(&format!("2026-10-{day:02}T00:00:00Z")).unwrap();
    let open = |kind, person: u32| {
        let probe = event(person, "");
        let request =
            NewRequest { kind, by_kin: false, person: probe.person(), opened_at: at(1), due: at(16) };
        register.record(|writer| writer.open_request(&request)).unwrap()
    };
    let numbers: Vec<u64> =
        (0..).zip(RequestKind::ALL).map(|(person, kind)| open(kind, person % 2)).collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    let close = |number, of, refused| {
        register.record(|writer| writer.close_request(number, of, (at(3), refused))).unwrap()
    };
    assert!(close(1, None, None) && close(2, Some(("account", "canaryperson1")), Some("not ours")));
    assert!(!close(1, None, None) && !close(9, None, None));
    assert!(!close(3, Some(("account", "canaryperson1")), None), "it is about another person");
    let before = register.requests(None).unwrap();
    assert_eq!(before[1].closed, Some((at(3), Some("not ours".to_owned()))));
    assert_eq!(before.iter().map(|request| request.kind).collect::<Vec<_>>(), RequestKind::ALL);
    assert_eq!(register.requests(Some(("account", "canaryperson1"))).unwrap().len(), 4);
    let register = without(&register, &image, 1, 2).unwrap();
    assert_eq!(register.requests(None).unwrap(), before);
    drop(register);
    let content = image.read(FILE).unwrap().unwrap();
    for needle in ["canary", "not ours", "account"] {
        assert!(!content.windows(needle.len()).any(|window| window == needle.as_bytes()), "{needle}");
    }
}
