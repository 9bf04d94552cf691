use super::*;
use crate::ledger::rows::{STATES, TOTALS};
use crate::ledger::{Book, Check, LogHead, PoolKind, Snapshot, State};
use crate::storage::{Folder, Image};
use crate::types::{EpochId, RecipientId, StudyId};
use redb::Table;

fn pool(limit: u128) -> Pool {
    let opened_at = Timestamp::from_seconds(1_000);
    Pool { accounting: PoolKind::Zcdp { delta: "1e-12".into() }, limit, opened_at, window_days: None }
}

fn key() -> Secret {
    Secret::new([9; 32])
}

fn request(question: u8, units: u128) -> Request {
    Request {
        key: [question; 32],
        study: StudyId::new(if question.is_multiple_of(2) { "even" } else { "odd" }).unwrap(),
        recipient: RecipientId::new("brand").unwrap(),
        epoch: EpochId::new("e1").unwrap(),
        units,
        study_cap: None,
        recipient_cap: None,
        log_head: LogHead { size: 3, root: [1; 32] },
        now: Timestamp::from_seconds(2_000),
        began: None,
    }
}

fn create(storage: &dyn Storage, limit: u128) -> RedbLedger {
    RedbLedger::create(storage, &key(), "s", pool(limit)).unwrap()
}

fn open(storage: &dyn Storage) -> Result<RedbLedger, LedgerError> {
    RedbLedger::open(storage, &key(), "s")
}

fn snapshot(storage: &dyn Storage) -> Snapshot {
    Snapshot::take(storage, &key(), "s", Check::Whole).unwrap()
}

fn charge(ledger: &RedbLedger, question: u8, units: u128) -> Charge {
    match ledger.reserve(&request(question, units)).unwrap() {
        Reservation::New(charge) | Reservation::Resumed(charge) => charge,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_book_is_refused() {
    let image = Image::new();
    assert!(matches!(open(&image), Err(LedgerError::Missing)));
    drop(create(&image, 1));
    assert!(matches!(RedbLedger::create(&image, &key(), "s", pool(9)), Err(LedgerError::Exists)));
    assert!(matches!(RedbLedger::open(&image, &key(), "t"), Err(LedgerError::AnotherSandbox)));
    assert!(matches!(RedbLedger::open(&image, &Secret::new([8; 32]), "s"), Err(LedgerError::Damaged { .. })));
    image.write(FILE, b"").unwrap();
    assert!(matches!(open(&image), Err(LedgerError::Damaged { .. })));
    image.write(FILE, &[7; 100_000]).unwrap();
    assert!(matches!(open(&image), Err(LedgerError::Damaged { .. })));
}

#[test]
fn a_snapshot_is_read_beside_the_live_writer() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(&place.path().join("s")).unwrap();
    let ledger = create(&folder, 50);
    let charge = charge(&ledger, 1, 5);
    let copy = snapshot(&folder);
    ledger.store(charge, vec![1]).unwrap();
    assert_eq!((copy.spent().unwrap().pool, copy.verify().unwrap()), (5, 1));
    assert_eq!(copy.last().unwrap().unwrap().state, State::Reserved, "as it stood");
    let later = snapshot(&folder);
    assert_eq!(later.last().unwrap().unwrap().state, State::Stored);
}

fn three_charges() -> Image {
    let image = Image::new();
    let ledger = create(&image, 100);
    for question in 1..=3 {
        let charge = charge(&ledger, question, 5);
        if question < 3 {
            ledger.store(charge, vec![question; 40]).unwrap();
        }
    }
    ledger.commit(1, 1).unwrap();
    drop(ledger);
    image.crash()
}

/// Changes the store the way someone would who knows its format but not the key.
fn forged(image: &Image, change: impl FnOnce(&mut Tables<'_>)) -> Result<u64, LedgerError> {
    let copy = image.crash();
    let raw = database(Backend::new(copy.blocks(FILE).unwrap()).unwrap().0, true).unwrap();
    let transaction = raw.begin_write().unwrap();
    change(&mut Tables::open(&transaction, &KeptTime::default()).unwrap());
    transaction.commit().unwrap();
    drop(raw);
    open(&copy)?.verify()
}

fn place(result: Result<u64, LedgerError>) -> String {
    match result {
        Err(LedgerError::Damaged { place }) => place,
        other => panic!("{other:?}"),
    }
}

type Numbered<'a, 't> = &'a mut Table<'t, u64, &'static [u8]>;

fn every_byte(
    image: &Image,
    seq: u64,
    expected: &str,
    table: impl for<'a, 't> Fn(&'a mut Tables<'t>) -> Numbered<'a, 't>,
) {
    let mut length = 0;
    assert!(forged(image, |tables| length = table(tables).get(seq).unwrap().unwrap().value().len()).is_ok());
    for byte in 0..length {
        let found = place(forged(image, |tables| {
            let rows = table(tables);
            let mut row = rows.get(seq).unwrap().unwrap().value().to_vec();
            row[byte] ^= 1;
            rows.insert(seq, row.as_slice()).unwrap();
        }));
        assert_eq!(found, expected, "byte {byte}");
    }
    assert!(forged(image, |tables| drop(table(tables).remove(seq).unwrap())).is_err());
}

#[test]
fn a_changed_row_is_found_with_its_place() {
    let image = three_charges();
    every_byte(&image, 2, "record 2", |tables| &mut tables.records);
    every_byte(&image, 2, "state of record 2", |tables| &mut tables.states);
    every_byte(&image, 2, "answer of record 2", |tables| &mut tables.answers);
    for (name, expected) in [(BOOK, "the book"), (TOTALS, "the totals")] {
        let flip = |tables: &mut Tables<'_>| {
            let mut row = tables.meta.get(name).unwrap().unwrap().value().to_vec();
            *row.last_mut().unwrap() ^= 1;
            tables.meta.insert(name, row.as_slice()).unwrap();
        };
        assert_eq!(place(forged(&image, flip)), expected);
    }
    let cut = place(forged(&image, |tables| drop(tables.records.remove(3).unwrap())));
    assert_eq!(cut, "the totals");
    assert_eq!(
        place(forged(&image, |tables| drop(tables.keys.insert(&[2; 32], 1).unwrap()))),
        "key of record 2"
    );
    assert_eq!(
        place(forged(&image, |tables| drop(tables.keys.insert(&[8; 32], 1).unwrap()))),
        "the list of keys"
    );
    assert_eq!(place(forged(&image, |tables| drop(tables.open.remove(3).unwrap()))), "state of record 3");
}

#[test]
fn an_old_row_put_back_is_found() {
    let image = Image::new();
    let ledger = create(&image, 100);
    let first = charge(&ledger, 1, 5);
    // What the journal holds is a part of it.
    let at_rest = open(&image.crash()).unwrap();
    let old = |name: &str| {
        let transaction = at_rest.database.begin_read().unwrap();
        match name {
            "state" => transaction.open_table(STATES).unwrap().get(1).unwrap().unwrap().value().to_vec(),
            _ => transaction.open_table(META).unwrap().get(TOTALS).unwrap().unwrap().value().to_vec(),
        }
    };
    let (state, sums) = (old("state"), old("totals"));
    ledger.store(first, vec![1]).unwrap();
    let _ = charge(&ledger, 2, 5);
    drop(ledger);
    let redraw = |tables: &mut Tables<'_>| drop(tables.states.insert(1, state.as_slice()).unwrap());
    assert_eq!(place(forged(&image, redraw)), "the totals");
    let refund = |tables: &mut Tables<'_>| drop(tables.meta.insert(TOTALS, sums.as_slice()).unwrap());
    assert_eq!(place(forged(&image, refund)), "the totals");
}

#[test]
fn a_flipped_bit_of_the_file_never_changes_a_record() {
    let image = three_charges();
    let content = image.read(FILE).unwrap().unwrap();
    let records = |book: &dyn Book| book.records().unwrap().collect::<Result<Vec<_>, _>>();
    let written = records(&open(&image.crash()).unwrap()).unwrap();
    let mut found = 0;
    for byte in (0..content.len()).step_by(97) {
        let mut changed = content.clone();
        changed[byte] ^= 4;
        let copy = Image::new();
        copy.write(FILE, &changed).unwrap();
        match open(&copy).and_then(|ledger| ledger.verify().map(|_| ledger)) {
            Ok(ledger) => assert_eq!(records(&ledger).unwrap(), written, "byte {byte}"),
            Err(_) => found += 1,
        }
    }
    assert!(found > 0);
}

/// Three charges as a process that was killed has left them: the store as it was made, everything else in the journal.
fn killed() -> Image {
    let image = Image::new();
    let ledger = create(&image, 100);
    for question in 1..=3 {
        let charge = charge(&ledger, question, 5);
        ledger.store(charge, vec![question; 40]).unwrap();
    }
    image.crash()
}

#[test]
fn what_a_killed_process_left_in_the_journal_is_in_the_ledger() {
    let image = killed();
    let read = |book: &dyn Book| (book.spent().unwrap(), book.verify().unwrap());
    let (totals, count) = read(&snapshot(&image));
    assert_eq!((totals.pool, count), (15, 3));
    let ledger = open(&image).unwrap();
    assert_eq!(read(&ledger), (totals.clone(), count));
    // It goes on behind what it found, and closing leaves no frame.
    let _ = charge(&ledger, 4, 5);
    let left = image.crash();
    assert_eq!(open(&left).unwrap().spent().unwrap().pool, 20);
    drop(ledger);
    assert_eq!(image.read(JOURNAL).unwrap().unwrap(), b"");
    assert_eq!(open(&image.crash()).unwrap().verify().unwrap(), 4);
}

/// A changed byte of a frame that others follow is damage; of the last one it is a frame that a stop has cut.
#[test]
fn a_flipped_bit_of_the_journal_never_changes_a_record() {
    let image = killed();
    let content = image.read(JOURNAL).unwrap().unwrap();
    let whole = snapshot(&image).spent().unwrap().lifetime;
    let (mut damaged, mut cut) = (0, 0);
    for byte in 0..content.len() {
        let mut changed = content.clone();
        changed[byte] ^= 16;
        let copy = image.crash();
        copy.write(JOURNAL, &changed).unwrap();
        match open(&copy) {
            Err(LedgerError::Damaged { .. }) => damaged += 1,
            Err(other) => panic!("byte {byte}: {other}"),
            Ok(ledger) => {
                assert_eq!(
                    (ledger.verify().unwrap(), ledger.spent().unwrap().lifetime),
                    (3, whole),
                    "byte {byte}"
                );
                assert_eq!(
                    ledger.last().unwrap().unwrap().state,
                    State::Reserved,
                    "byte {byte}: the last step"
                );
                cut += 1;
            }
        }
    }
    assert!(damaged > cut && cut > 40, "{damaged} are damage, {cut} cut the last frame");
}

#[test]
fn a_journal_of_another_state_is_found() {
    let image = Image::new();
    let ledger = create(&image, 100);
    let _ = charge(&ledger, 1, 5);
    drop(ledger);
    let old = image.read(FILE).unwrap().unwrap();
    let ledger = open(&image).unwrap();
    let _ = charge(&ledger, 2, 5);
    drop(ledger);
    let ledger = open(&image).unwrap();
    let _ = charge(&ledger, 3, 5);
    let left = image.crash();
    // The store is put back to before the second charge, and the journal begins after it.
    left.write(FILE, &old).unwrap();
    assert_eq!(place(open(&left).map(|_| 0)), "the journal");
    // A journal whose steps the store has is one that was not cleared.
    let journal = left.read(JOURNAL).unwrap().unwrap();
    drop(ledger);
    image.write(JOURNAL, &journal).unwrap();
    assert_eq!(open(&image).unwrap().verify().unwrap(), 3);
}

/// The journal begins again once the store is durable, unless someone reads the store.
#[test]
fn the_journal_waits_for_readers_and_begins_again() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::create(&home.path().join("s")).unwrap();
    let ledger = create(&folder, 1_000_000);
    let length = || folder.read_blocks(JOURNAL).unwrap().unwrap().len().unwrap();
    let end = || ledger.journal.as_ref().unwrap().lock().unwrap().is_long();
    let store = |number: u8| {
        let charge = charge(&ledger, number, 1);
        ledger.store(charge, vec![number; 300_000]).unwrap();
    };
    let reader = snapshot(&folder);
    let before = reader.spent().unwrap();
    (1..=6).for_each(store);
    assert!(end() && length() > 1_800_000, "it grows while the store is read");
    assert_eq!((reader.verify().unwrap(), reader.spent().unwrap()), (0, before));
    drop(reader);
    store(7);
    assert!(!end(), "it begins again");
    assert_eq!(snapshot(&folder).verify().unwrap(), 7);
    // What is left behind its new frames is older than they are.
    store(8);
    assert_eq!(snapshot(&folder).verify().unwrap(), 8);
    let left = Image::new();
    for name in [FILE, JOURNAL] {
        left.write(name, &folder.read(name).unwrap().unwrap()).unwrap();
    }
    assert_eq!(open(&left).unwrap().verify().unwrap(), 8);
}
