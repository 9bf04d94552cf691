//! Promises about events that were imported: they are found, kept and removed as those that were recorded one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use arrow_array::RecordBatchReader as _;
use proptest::prelude::*;
use redb::Table;

use super::*;
use crate::register::rows::BlockKey;
use crate::register::{Group, Packers, Visitor};
use crate::storage::{Fault, Image};

fn key() -> Secret {
    Secret::new([9; 32])
}

fn made(image: &Image) -> Result<Register, RegisterError> {
    match Register::open(image, &key(), "s")? {
        Some(register) => Ok(register),
        None => Register::create(image, &key(), "s", |_| Ok::<_, RegisterError>(())).map(|(made, ())| made),
    }
}

/// An event of a person, with a text of its own so that a few fill a block.
fn event(person: u32, word: &str) -> Event {
    Event::from_cells(|column| match column {
        "person" => Some(format!("canaryperson{person}")),
        "ids" => Some(if person.is_multiple_of(2) { "phone" } else { "account" }.to_owned()),
        "event" => Some("given".to_owned()),
        "at" => Some(format!("2026-09-01T10:00:{:02}Z", person % 60)),
        "valid_to" => (person.is_multiple_of(3)).then(|| "9999-12-31".to_owned()),
        "purpose" => {
            Some(format!("{word}{}", "-canarypurpose".repeat(if person.is_multiple_of(5) { 300 } else { 1 })))
        }
        _ => None,
    })
    .unwrap()
}

/// Records events as an import does: a part for each two of them.
fn load(register: &Register, events: &[Event]) -> Result<(), RegisterError> {
    register.record(|writer| load_into(writer, events))
}

fn load_into(writer: &mut Writer<'_>, events: &[Event]) -> Result<(), RegisterError> {
    let packers: Packers = writer.packers();
    for events in events.chunks(2) {
        let mut packer = packers.packer();
        events.iter().try_for_each(|event| packer.event(event))?;
        writer.load(packer.take())?;
    }
    Ok(())
}

fn documents<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    let mut all: Vec<String> = events.into_iter().map(|event| event.to_json().to_string()).collect();
    all.sort();
    all
}

fn all(register: &Register) -> Result<Vec<String>, RegisterError> {
    let events = register.snapshot()?.walk()?.collect::<Result<Vec<_>, _>>()?;
    Ok(documents(&events))
}

/// Everything that threads read, as rows of texts.
fn by_threads(register: &Register, threads: usize) -> Result<Vec<String>, RegisterError> {
    let snapshot = register.snapshot()?;
    let reader = snapshot.reader(None, threads, None)?;
    assert_eq!(reader.schema().fields().len(), crate::consent::COLUMNS.len());
    let mut rows = Vec::new();
    for batch in reader {
        let Ok(batch) = batch else { return Err(snapshot.take_fault().unwrap()) };
        let texts = batch.columns().iter().map(|column| {
            let texts = arrow_cast::cast(column, &arrow_schema::DataType::Utf8).unwrap();
            texts.as_any().downcast_ref::<arrow_array::StringArray>().unwrap().clone()
        });
        let texts: Vec<_> = texts.collect();
        rows.extend((0..batch.num_rows()).map(|row| {
            let cells = |column: &str| {
                let place = crate::consent::COLUMNS.iter().position(|known| *known == column)?;
                let texts = &texts[place];
                arrow_array::Array::is_valid(texts, row).then(|| texts.value(row).to_owned())
            };
            Event::from_cells(cells).unwrap().to_json().to_string()
        }));
    }
    rows.sort();
    Ok(rows)
}

#[derive(Debug, Clone)]
enum Act {
    One(u32),
    Import(Vec<u32>),
    Fail(Vec<u32>),
    Erase(u32),
    Reopen,
    Ask(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let people = || proptest::collection::vec(0..24u32, 0..40);
    prop_oneof![
        2 => (0..24u32).prop_map(Act::One),
        4 => people().prop_map(Act::Import),
        1 => people().prop_map(Act::Fail),
        1 => (0..24u32).prop_map(Act::Erase),
        1 => Just(Act::Reopen),
        2 => (0..24u32).prop_map(Act::Ask),
    ]
}

fn without(register: &Register, image: &Image, person: u32) -> Result<Register, RegisterError> {
    let probe = event(person, "");
    let judge = |events: &[Event]| {
        let is_theirs = events.first().is_some_and(|first| first.person() == probe.person());
        Removal { events: vec![is_theirs; events.len()], left: None }
    };
    register.rewritten(image, (&key(), "s"), judge, (None, None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Promise: a register is a list of each person's events in the order of recording, whether they were recorded one by one or
    /// imported, in however many runs, merged or not; and erasing a person takes out theirs alone.
    #[test]
    fn imported_and_single_events_are_one_list(acts in proptest::collection::vec(act(), 1..24)) {
        let image = Image::new();
        let (mut register, mut plain) = (made(&image).unwrap(), BTreeMap::<u32, Vec<Event>>::new());
        let mut written = 0;
        for (number, act) in acts.into_iter().enumerate() {
            let drawn = |people: &[u32]| -> Vec<(u32, Event)> {
                let word = |place: usize| format!("p{number}x{}", place % 3);
                people.iter().enumerate().map(|(place, person)| (*person, event(*person, &word(place)))).collect()
            };
            let bare = |drawn: &[(u32, Event)]| drawn.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>();
            match act {
                Act::One(person) => {
                    let one = drawn(&[person]);
                    register.record(|writer| writer.add(&one[0].1)).unwrap();
                    plain.entry(person).or_default().push(one[0].1.clone());
                }
                Act::Import(people) => {
                    let drawn = drawn(&people);
                    load(&register, &bare(&drawn)).unwrap();
                    drawn.into_iter().for_each(|(person, event)| plain.entry(person).or_default().push(event));
                }
                Act::Fail(people) => {
                    let failed = register.record(|writer| {
                        load_into(writer, &bare(&drawn(&people)))?;
                        Err::<(), _>(RegisterError::TooLarge)
                    });
                    prop_assert!(matches!(failed, Err(RegisterError::TooLarge)));
                }
                Act::Erase(person) => {
                    register = without(&register, &image, person).unwrap();
                    plain.remove(&person);
                }
                Act::Reopen => {
                    drop(register);
                    register = Register::open(&image, &key(), "s").unwrap().unwrap();
                }
                Act::Ask(person) => {
                    let probe = event(person, "");
                    let found = register.events_of(probe.person().0, probe.person().1).unwrap();
                    prop_assert!(found == plain.get(&person).cloned().unwrap_or_default());
                }
            }
            let wanted = documents(plain.values().flatten());
            prop_assert_eq!(&all(&register).unwrap(), &wanted);
            prop_assert_eq!(&by_threads(&register, 1 + number % 3).unwrap(), &wanted);
            let snapshot = register.snapshot().unwrap();
            prop_assert!(snapshot.head().runs.len() <= 4);
            prop_assert_eq!(snapshot.events(), wanted.len() as u64);
            prop_assert!(snapshot.state().count >= written, "the number of rows ever written fell");
            written = snapshot.state().count;
            prop_assert!(Register::verify_copy(&image, &key(), "s").unwrap().is_some());
        }
    }
}

/// Many people in blocks of several runs, and a few one by one.
fn many() -> (Image, Vec<Event>) {
    let image = Image::new();
    let register = made(&image).unwrap();
    let mut events: Vec<Event> = (0..120).map(|person| event(person, "one")).collect();
    load(&register, &events).unwrap();
    let later: Vec<Event> = (60..150).map(|person| event(person, "two")).collect();
    load(&register, &later).unwrap();
    events.extend(later);
    let single = event(61, "three");
    register.record(|writer| writer.add(&single)).unwrap();
    events.push(single);
    assert!(register.snapshot().unwrap().head().runs.len() >= 2);
    (image, events)
}

/// What was acknowledged before each operation failed is there afterwards, and of an import all or nothing, also where runs are merged.
#[test]
fn a_stop_at_any_operation_of_imports_leaves_each_whole_or_not_there() {
    let groups: Vec<Vec<Event>> = (0..6)
        .map(|group| (0..12).map(|person| event(person * 7 + group, &format!("g{group}"))).collect())
        .collect();
    let live = |image: &Image, done: &mut usize| -> Result<(), RegisterError> {
        let register = made(image)?;
        for (number, group) in groups.iter().enumerate() {
            load(&register, group)?;
            *done = number + 1;
        }
        assert!(register.snapshot()?.head().next_run > 6, "nothing was merged");
        Ok(())
    };
    let whole = Image::new();
    live(&whole, &mut 0).unwrap();
    let mut refused = 0;
    for fault in [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite] {
        for at in 1..=whole.operations() {
            let (image, mut done) = (Image::new(), 0);
            image.fail_at(at, fault);
            refused += usize::from(live(&image, &mut done).is_err());
            for left in [image.crash(), image.crash_torn(at)] {
                let Some(register) = Register::open(&left, &key(), "s").unwrap() else {
                    assert_eq!(done, 0, "{fault:?} at {at}: the register is gone");
                    continue;
                };
                let found = all(&register).unwrap();
                let may = (done..=groups.len()).map(|count| documents(groups.iter().take(count).flatten()));
                assert!(may.take(2).any(|may| may == found), "{fault:?} at {at}: {} events", found.len());
            }
        }
    }
    assert!(refused > 20, "the faults were not felt: {refused}");
}

/// Changes the blocks the way someone would who knows the format but not the key.
fn forged(
    image: &Image,
    change: impl FnOnce(&mut Table<'_, &'static BlockKey, &'static [u8]>),
) -> (Image, Register) {
    let copy = image.crash();
    let raw =
        Builder::new().create_with_backend(Backend::new(copy.blocks(FILE).unwrap()).unwrap().0).unwrap();
    let transaction = raw.begin_write().unwrap();
    change(&mut transaction.open_table(RUNS).unwrap());
    transaction.commit().unwrap();
    drop(raw);
    let register = Register::open(&copy, &key(), "s").unwrap().unwrap();
    (copy, register)
}

fn blocks(table: &Table<'_, &'static BlockKey, &'static [u8]>) -> Vec<(BlockKey, Vec<u8>)> {
    let row =
        |row: Result<(redb::AccessGuard<'_, &'static BlockKey>, redb::AccessGuard<'_, &'static [u8]>), _>| {
            let (key, value) = row.unwrap();
            (*key.value(), value.value().to_vec())
        };
    table.iter().unwrap().map(row).collect()
}

/// Promise: a block that is changed, taken out, put elsewhere or doubled is found by every walk, by the check of the whole register, and
/// by a look for a person whom it is about.
#[test]
fn a_changed_missing_moved_or_doubled_block_is_found() {
    let (image, events) = many();
    assert_eq!(all(&made(&image).unwrap()).unwrap(), documents(&events));
    let mut there = Vec::new();
    drop(forged(&image, |table| there = blocks(table)));
    assert!(there.len() >= 8, "only {} blocks", there.len());
    let people: BTreeSet<_> = events.iter().map(Event::person).collect();
    let is_found = |(copy, register): (Image, Register), hides: bool, what: &str| {
        assert!(all(&register).is_err(), "{what}: by a walk");
        assert!(by_threads(&register, 2).is_err(), "{what}: by threads");
        assert!(Register::verify_copy(&copy, &key(), "s").is_err(), "{what}: as a whole");
        let register = Register::open(&copy, &key(), "s").unwrap().unwrap();
        let looks = people.iter().map(|(ids, id)| register.events_of(ids, id));
        let mut wrong = 0;
        for (look, (ids, id)) in looks.zip(&people) {
            let own: Vec<&Event> = events.iter().filter(|event| event.person() == (*ids, *id)).collect();
            match look {
                Ok(found) => {
                    assert!(found.iter().collect::<Vec<_>>() == own, "{what}: a look says something else")
                }
                Err(RegisterError::Damaged { .. } | RegisterError::Poisoned) => wrong += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(wrong > 0, hides, "{what}: by a look");
    };
    for (place, (key, value)) in there.iter().enumerate() {
        for byte in [0, 9, 45, 60, value.len() / 2, value.len() - 1] {
            let mut changed = value.clone();
            changed[byte] ^= 1;
            let changed = forged(&image, |table| drop(table.insert(key, changed.as_slice()).unwrap()));
            is_found(changed, true, &format!("byte {byte} of block {place}"));
        }
        is_found(
            forged(&image, |table| drop(table.remove(key).unwrap())),
            true,
            &format!("block {place} taken out"),
        );
        let (_, other) = &there[(place + 1) % there.len()];
        is_found(
            forged(&image, |table| drop(table.insert(key, other.as_slice()).unwrap())),
            true,
            "another block",
        );
        let mut elsewhere = *key;
        elsewhere[7] += 100;
        is_found(
            forged(&image, |table| drop(table.insert(&elsewhere, value.as_slice()).unwrap())),
            false,
            "doubled",
        );
    }
}

/// Promise: no cell of an imported event stands in the file, and all blocks have one size.
#[test]
fn nothing_can_be_read_of_imported_events_without_the_key() {
    let (image, _) = many();
    let content = image.read(FILE).unwrap().unwrap();
    assert!(!content.windows(6).any(|bytes| bytes == b"canary"));
    let mut sizes = BTreeSet::new();
    drop(forged(&image, |table| sizes = blocks(table).iter().map(|(_, value)| value.len()).collect()));
    assert_eq!(sizes.len(), 1);
}

/// Promise: who visits a walk sees everybody once with all of their events, and its end only if the register is whole.
#[test]
fn a_visitor_sees_everybody_once() {
    #[derive(Default)]
    struct Seen(Mutex<(BTreeMap<String, usize>, bool)>);
    impl Visitor for Seen {
        fn visit(&self, people: &Group) -> Result<(), RegisterError> {
            for ((_, id), events) in people.people() {
                let before = self.0.lock().unwrap().0.insert(id.to_owned(), events.count());
                assert_eq!(before, None);
            }
            Ok(())
        }
        fn end(&self) {
            self.0.lock().unwrap().1 = true;
        }
    }
    let (image, events) = many();
    let mut wanted = BTreeMap::<String, usize>::new();
    events.iter().for_each(|event| *wanted.entry(event.person().1.to_owned()).or_default() += 1);
    let visit = |register: &Register| {
        let seen = Arc::new(Seen::default());
        let of = Some(BTreeSet::from(["phone".to_owned()]));
        let visitor = Arc::clone(&seen) as Arc<dyn Visitor>;
        let Ok(reader) = register.snapshot().unwrap().reader(of, 3, Some(visitor)) else {
            return (false, false, false);
        };
        let rows: usize = reader.map_while(Result::ok).map(|batch| batch.num_rows()).sum();
        let phones = events.iter().filter(|event| event.person().0 == "phone").count();
        let (people, is_over) = std::mem::take(&mut *seen.0.lock().unwrap());
        (rows == phones, people == wanted, is_over)
    };
    assert_eq!(visit(&made(&image).unwrap()), (true, true, true));
    let gone = forged(&image, |table| {
        let (key, _) = blocks(table)[3].clone();
        table.remove(&key).unwrap();
    });
    assert!(!visit(&gone.1).2, "a register with a hole was seen to its end");
}
