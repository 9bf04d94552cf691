//! Promise 6 for the consent register: `audit verify` with the root key reads all of it, finds whatever was changed in it, and
//! finds one that is older than a seal; without the key it says that it did not look inside.

use crate::support;
use std::sync::Arc;

use hushtag::engine::Input;
use hushtag::operator::{Keys, Operator, OperatorError, RegisterCheck, verify_log};
use hushtag::register::FILE;
use hushtag::storage::{Image, Storage};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::{Database, ReadableTable, TableDefinition};

const PEOPLE: u32 = 120;
const EVENTS: TableDefinition<'_, &[u8; 24], &[u8]> = TableDefinition::new("events");
const SEALS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("seals");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

fn import(operator: &Operator, people: u32, seed: u64) {
    let consents = Input::Reader("consents".into(), support::population(people, seed).consents());
    operator.consents().import(consents, None).unwrap();
}

fn seal(operator: &Operator, epoch: &str) {
    operator.seal(&support::terms(epoch), support::sources(&support::population(30, 1))).unwrap();
}

/// A sandbox whose register grew between two seals, and the register as it was at the first.
fn sandbox() -> (Image, Vec<u8>) {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator, 5, 7);
    seal(&operator, "e1");
    drop(operator);
    let old = image.read(FILE).unwrap().unwrap();
    let operator = support::open(Arc::new(image.clone())).unwrap();
    import(&operator, PEOPLE, 1);
    seal(&operator, "e2");
    drop(operator);
    (image, old)
}

fn verify(image: &Image, keys: bool) -> Result<RegisterCheck, OperatorError> {
    let keys = keys.then(|| Keys::Given(support::root_key()));
    verify_log(image, None, keys, None).map(|verified| verified.register)
}

fn found(image: &Image, what: &str) -> String {
    match verify(image, true) {
        Ok(_) => panic!("{what} is not found"),
        Err(error) => {
            assert!(error.is_damage(), "{what}: {error:?}");
            error.to_string()
        }
    }
}

/// Every event of everybody, one by one and, of some, looked up by person.
fn content(image: &Image) -> Vec<String> {
    let operator = support::open(Arc::new(image.crash())).unwrap();
    let consents = operator.consents();
    let mut all = Vec::new();
    for (number, event) in consents.snapshot().unwrap().unwrap().walk().unwrap().enumerate() {
        let event = event.unwrap();
        // All of a small register.
        if number % 128 == 0 || number < 2 * PEOPLE as usize {
            let own = consents.events_of(event.person()).unwrap();
            assert!(own.contains(&event));
        }
        all.push(format!("{:?} {:?}", event.person(), event.statements()));
    }
    all
}

/// A sandbox whose register has so many events that an import writes blocks of them.
fn sandbox_of_blocks() -> Image {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator, 2_400, 7);
    seal(&operator, "e1");
    import(&operator, 20, 1);
    assert!(operator.consents().snapshot().unwrap().unwrap().events() > 4_100);
    drop(operator);
    let whole = image.read(FILE).unwrap().unwrap();
    let sealed = whole.windows(8).filter(|bytes| bytes == b"hushseal").count();
    assert!(sealed < 1_000, "{sealed} rows: events are kept one by one");
    image
}

#[test]
fn of_150_flipped_bits_each_is_found_or_changes_nothing_that_is_read() {
    each_flipped_bit_is_found(&sandbox().0);
}

#[test]
fn of_150_flipped_bits_of_blocks_each_is_found_or_changes_nothing_that_is_read() {
    each_flipped_bit_is_found(&sandbox_of_blocks());
}

fn each_flipped_bit_is_found(image: &Image) {
    let (whole, before) = (image.read(FILE).unwrap().unwrap(), content(image));
    assert_eq!(verify(image, true).unwrap(), RegisterCheck::Holds);
    let mut rng = StdRng::seed_from_u64(18);
    let (mut damaged, mut unused) = (0, 0);
    for step in 0..150 {
        // Spread over the whole file, each in a part of its own.
        let part = whole.len() / 150;
        let at = step * part + rng.random_range(0..part);
        let mut changed = whole.clone();
        changed[at] ^= 1 << rng.random_range(0..8);
        image.write(FILE, &changed).unwrap();
        match verify(image, true) {
            Ok(check) => {
                assert_eq!(check, RegisterCheck::Holds);
                assert_eq!(content(image), before, "byte {at} changes what is read and is not found");
                unused += 1;
            }
            Err(error) => {
                assert!(error.is_damage(), "byte {at}: {error:?}");
                damaged += 1;
            }
        }
        assert_eq!(image.read(FILE).unwrap().unwrap(), changed, "verifying writes nothing");
    }
    println!("{damaged} bits found, {unused} in unused bytes of {} in all", whole.len());
    // Every byte of every event is among those that are found.
    assert!(damaged >= 10, "{damaged} found, {unused} unused");
    let marks = whole.windows(8).enumerate().filter(|(_, window)| window == b"hushseal").map(|(at, _)| at);
    let places: Vec<usize> = marks.collect();
    let mut live = 0;
    for at in places.iter().step_by(places.len() / 40 + 1) {
        let mut changed = whole.clone();
        changed[at + 60] ^= 1;
        image.write(FILE, &changed).unwrap();
        match verify(image, true) {
            // A row of before, in a page that is free now.
            Ok(_) => assert_eq!(content(image), before, "{at}"),
            Err(error) => {
                assert!(error.is_damage());
                live += 1;
            }
        }
    }
    assert!(live >= 15, "{live} of {}", places.len());
}

#[test]
fn a_register_that_is_cut_gone_older_or_anothers_is_found() {
    let (image, old) = sandbox();
    let whole = image.read(FILE).unwrap().unwrap();
    for length in [0, 1, 4095, 4096, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        image.write(FILE, &whole[..length]).unwrap();
        found(&image, &format!("cut to {length} bytes"));
    }
    image.write(FILE, &old).unwrap();
    let older = found(&image, "the register of the first seal");
    assert!(older.contains("has lost events that epoch e2 was sealed from"), "{older}");
    let (other, _) = sandbox();
    image.write(FILE, &other.read(FILE).unwrap().unwrap()).unwrap();
    assert!(found(&image, "the register of another sandbox").contains("damaged, forged or rolled back"));
    image.remove(FILE).unwrap();
    assert!(found(&image, "no register").contains("is missing"));
    assert!(verify(&image, false).unwrap_err().is_damage(), "found without the key too");
    image.write(FILE, &whole).unwrap();
    assert_eq!(verify(&image, false).unwrap(), RegisterCheck::NoKey);
    assert_eq!(verify(&image, true).unwrap(), RegisterCheck::Holds);
    let without = Image::new();
    drop(support::init(Arc::new(without.clone()), "8").unwrap());
    assert_eq!(verify(&without, true).unwrap(), RegisterCheck::Absent);
    // More than was sealed is what a register is for.
    let operator = support::open(Arc::new(image.clone())).unwrap();
    import(&operator, 9, 3);
    drop(operator);
    assert_eq!(verify(&image, true).unwrap(), RegisterCheck::Holds);
}

/// A register that branched off before a seal, from a backup for instance, and then got more events than the one that was sealed
/// has lost what was recorded in between, a withdrawal for instance. That it has more rows does not hide it.
#[test]
fn a_register_that_branched_off_before_a_seal_is_found_however_much_it_has() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    import(&operator, 5, 7);
    seal(&operator, "e1");
    drop(operator);
    let other = image.crash();
    let operator = support::open(Arc::new(image.clone())).unwrap();
    import(&operator, 3, 2);
    seal(&operator, "e2");
    let whole = operator.consents().snapshot().unwrap().unwrap().events();
    drop(operator);
    let operator = support::open(Arc::new(other.clone())).unwrap();
    import(&operator, PEOPLE, 1);
    let more = operator.consents().snapshot().unwrap().unwrap().events();
    assert!(more > whole, "{more} of {whole}");
    drop(operator);
    assert_eq!(verify(&other, true).unwrap(), RegisterCheck::Holds, "of its own sandbox it is the register");
    image.write(FILE, &other.read(FILE).unwrap().unwrap()).unwrap();
    let branched = found(&image, "a branch");
    assert!(branched.contains("has lost events that epoch e2 was sealed from"), "{branched}");
    let operator = support::open(Arc::new(image.clone())).unwrap();
    let sources = support::sources(&support::population(30, 1));
    let refused = operator.seal(&support::terms("e3"), sources).unwrap_err();
    assert!(refused.is_damage(), "{refused:?}");
}

/// What someone can do who knows the format of the store and not its key.
#[test]
fn a_row_that_was_taken_out_put_in_or_moved_is_found() {
    let (image, _) = sandbox();
    let whole = image.read(FILE).unwrap().unwrap();
    let disk = tempfile::tempdir().unwrap();
    let forged = |what: &str, change: &dyn Fn(&redb::WriteTransaction)| {
        let path = disk.path().join("register.redb");
        std::fs::write(&path, &whole).unwrap();
        let store = Database::open(&path).unwrap();
        let transaction = store.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
        drop(store);
        image.write(FILE, &std::fs::read(&path).unwrap()).unwrap();
        verify(&image, true).map_err(|error| {
            assert!(error.is_damage(), "{what}: {error:?}");
            error.to_string()
        })
    };
    let refused =
        |what: &str, change: &dyn Fn(&redb::WriteTransaction)| forged(what, change).expect_err(what);
    forged("nothing", &|_| {}).unwrap();
    let first = |rows: &redb::Table<'_, &[u8; 24], &[u8]>, nth: usize| {
        let (key, value) = rows.iter().unwrap().nth(nth).unwrap().unwrap();
        (*key.value(), value.value().to_vec())
    };
    refused("a row that is gone", &|transaction| {
        let mut rows = transaction.open_table(EVENTS).unwrap();
        let (key, _) = first(&rows, 3);
        rows.remove(&key).unwrap();
    });
    refused("a row under another key", &|transaction| {
        let mut rows = transaction.open_table(EVENTS).unwrap();
        let (mut key, value) = first(&rows, 3);
        key[0] ^= 1;
        rows.insert(&key, value.as_slice()).unwrap();
    });
    refused("two rows exchanged", &|transaction| {
        let mut rows = transaction.open_table(EVENTS).unwrap();
        let ((one, first_value), (two, second_value)) = (first(&rows, 3), first(&rows, 4));
        rows.insert(&one, second_value.as_slice()).unwrap();
        rows.insert(&two, first_value.as_slice()).unwrap();
    });
    refused("no head", &|transaction| drop(transaction.open_table(META).unwrap().remove("head").unwrap()));
    refused("a mark of a seal that is gone", &|transaction| {
        let mut marks = transaction.open_table(SEALS).unwrap();
        let mark = *marks.first().unwrap().unwrap().0.value();
        marks.remove(&mark).unwrap();
    });
    refused("a mark that no seal left", &|transaction| {
        transaction.open_table(SEALS).unwrap().insert(&[7; 32], [].as_slice()).unwrap();
    });
    let more = refused("a row of meta", &|transaction| {
        transaction.open_table(META).unwrap().insert("more", b"1".as_slice()).unwrap();
    });
    assert!(more.contains("a row that no register has"), "{more}");
    let table = refused("a table", &|transaction| {
        let name: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("more");
        transaction.open_table(name).unwrap().insert("more", b"1".as_slice()).unwrap();
    });
    assert!(table.contains("a table that no register has"), "{table}");
}
