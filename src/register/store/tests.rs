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

/// An event of a person, told from others by its purpose.
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

    /// The register is a list that keeps what was recorded, however it is opened anew.
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
    let live = |image: &Image, told: &mut usize| -> Result<(), RegisterError> {
        let mut register = made(image)?;
        for (number, group) in groups.iter().enumerate() {
            add(&register, group)?;
            *told = number + 1;
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
            let (image, mut told) = (Image::new(), 0);
            image.fail_at(at, fault);
            refused += usize::from(live(&image, &mut told).is_err());
            for left in [image.crash(), image.crash_torn(at)] {
                let register = match reopened(&left).unwrap() {
                    Some(register) => register,
                    None => {
                        assert_eq!(told, 0, "{fault:?} at {at}: the register is gone");
                        made(&left).unwrap()
                    }
                };
                let found = all(&register).unwrap();
                let may = (told..=groups.len()).map(|count| documents(groups.iter().take(count).flatten()));
                let may: Vec<_> = may.take(2).collect();
                assert!(
                    may.contains(&found),
                    "{fault:?} at {at}: {} events, {told} groups told",
                    found.len()
                );
                add(&register, &[event(9, "afterwards")]).unwrap();
                assert_eq!(all(&register).unwrap().len(), found.len() + 1);
            }
        }
    }
    assert!(refused > 20, "the faults were not felt: {refused}");
}

/// After a failure in the storage nobody knows what is durable, so the handle refuses until it is opened anew.
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
        let hers = [&events[0], &events[1]]
            .map(|event| changed().events_of(event.person().0, event.person().1).is_err());
        assert_eq!(hers.iter().filter(|refused| **refused).count(), 1, "one person's row was changed");
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
        assert!(all(&doubled).is_err(), "row {changed} stands twice");
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
fn no_cell_stands_in_the_file_and_kinds_of_events_have_one_size() {
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
        assert!(!found, "`{needle}` stands in the file");
    }
}

#[test]
fn a_snapshot_stays_as_it_was_and_its_batches_have_all_columns() {
    let (image, events) = three();
    let register = reopened(&image).unwrap().unwrap();
    let snapshot = register.snapshot().unwrap();
    add(&register, &[event(4, "later")]).unwrap();
    let phones = snapshot.reader(Some(["phone".to_owned()].into())).unwrap();
    let names: Vec<_> = phones.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, COLUMNS);
    let count = |reader: super::super::Batches| reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>();
    assert_eq!(count(phones), 1);
    let both = || snapshot.reader(None).unwrap();
    assert_eq!([count(both()), count(both())], [events.len(); 2]);
    assert!(snapshot.take_fault().is_none());
    assert_eq!(all(&register).unwrap().len(), 4);
}
