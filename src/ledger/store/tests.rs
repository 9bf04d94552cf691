use super::*;
use crate::ledger::{LogHead, PoolKind, State};
use crate::storage::{Fault, Folder, Image};
use crate::types::{EpochId, RecipientId, StudyId};
use proptest::prelude::*;

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
    }
}

fn create(storage: &dyn Storage, limit: u128) -> RedbLedger {
    RedbLedger::create(storage, &key(), "s", pool(limit)).unwrap()
}

fn open(storage: &dyn Storage) -> Result<RedbLedger, LedgerError> {
    RedbLedger::open(storage, &key(), "s")
}

fn charge(ledger: &RedbLedger, question: u8, units: u128) -> Charge {
    match ledger.reserve(&request(question, units)).unwrap() {
        Reservation::New(charge) | Reservation::Resumed(charge) => charge,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_is_charged_once_and_answered_once() {
    let image = Image::new();
    let ledger = create(&image, 100);
    let first = charge(&ledger, 1, 30);
    let Reservation::Resumed(second) = ledger.reserve(&request(1, 30)).unwrap() else { panic!() };
    assert_eq!((second.seq(), second.units()), (1, 30));
    assert_eq!(ledger.store(first, b"sealed".to_vec()).unwrap().log_index, None);
    assert!(matches!(ledger.store(second, b"other".to_vec()), Err(LedgerError::AlreadyStored { seq: 1 })));
    assert_eq!(ledger.uncommitted().unwrap()[0].sealed.as_deref(), Some(&b"sealed"[..]));
    ledger.commit(1, 7).unwrap();
    ledger.commit(1, 7).unwrap();
    assert!(matches!(ledger.commit(1, 8), Err(LedgerError::WrongState { .. })));
    assert!(matches!(ledger.commit(2, 8), Err(LedgerError::WrongState { .. })));
    drop(ledger);
    let ledger = open(&image.crash()).unwrap();
    let Reservation::Stored(answer) = ledger.reserve(&request(1, 30)).unwrap() else { panic!() };
    assert_eq!((answer.sealed.as_slice(), answer.log_index), (&b"sealed"[..], Some(7)));
    assert_eq!((ledger.spent().unwrap().lifetime, ledger.uncommitted().unwrap().len()), (30, 0));
    assert_eq!(ledger.verify().unwrap(), 1);
}

#[test]
fn a_refusal_changes_nothing_and_names_every_limit() {
    let ledger = create(&Image::new(), 100);
    let _ = charge(&ledger, 1, 60);
    let before = ledger.spent().unwrap();
    let capped = Request { study_cap: Some(99), recipient_cap: Some(101), ..request(3, 41) };
    let Reservation::OverBudget(over) = ledger.reserve(&capped).unwrap() else { panic!() };
    assert_eq!(over.iter().map(|over| over.share).collect::<Vec<_>>(), [Share::Pool, Share::Study]);
    let Reservation::OverBudget(over) = ledger.reserve(&request(3, u128::MAX)).unwrap() else { panic!() };
    assert_eq!(over[0], OverBudget { share: Share::Pool, limit: 100, spent: 60, asked: u128::MAX });
    let earlier = Request { now: Timestamp::from_seconds(1_999), ..request(3, 1) };
    assert!(matches!(ledger.reserve(&earlier), Err(LedgerError::ClockBackwards { .. })));
    assert_eq!((ledger.spent().unwrap(), ledger.verify().unwrap()), (before, 1));
    let other_study = Request { study_cap: Some(40), ..request(2, 40) };
    assert!(matches!(ledger.reserve(&other_study).unwrap(), Reservation::New(_)));
    assert_eq!(ledger.spent().unwrap().studies, [("even".into(), 40), ("odd".into(), 60)].into());
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
fn a_charge_of_another_ledger_buys_nothing() {
    let (one, two) = (create(&Image::new(), 9), create(&Image::new(), 8));
    let _ = charge(&two, 1, 1);
    let foreign = charge(&one, 1, 1);
    assert!(matches!(two.store(foreign, Vec::new()), Err(LedgerError::WrongState { seq: 1 })));
    assert_eq!(two.spent().unwrap().pool, 1, "the handle goes on");
}

#[test]
fn threads_spend_exactly_the_pool() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(&place.path().join("s")).unwrap();
    let ledger = create(&folder, 50);
    let new: usize = std::thread::scope(|scope| {
        let ask = |thread: u8| {
            let ledger = &ledger;
            let asked = (0..20).map(move |turn| ledger.reserve(&request(thread * 20 + turn, 1)).unwrap());
            move || asked.filter(|outcome| matches!(outcome, Reservation::New(_))).count()
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(ask(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((new, ledger.spent().unwrap().pool, ledger.verify().unwrap()), (50, 50, 50));
    // A reader beside the live writer.
    let copy = read_copy(&folder, &key(), "s").unwrap();
    assert_eq!((copy.spent().unwrap().pool, copy.verify().unwrap()), (50, 50));
    let records: Vec<_> = copy.records().unwrap().map(Result::unwrap).collect();
    assert!(records.iter().all(|record| record.units == 1 && record.state == State::Reserved));
}

/// What a caller was told, against which a reopened ledger is held.
#[derive(Default)]
struct Told {
    spent: u128,
    answers: BTreeMap<u8, Vec<u8>>,
}

/// A short run of mixed steps; stops at the first error, like a caller whose handle is poisoned.
fn run(storage: &dyn Storage, told: &mut Told) -> Result<(), LedgerError> {
    let ledger = RedbLedger::create(storage, &key(), "s", pool(1_000))?;
    for question in [1, 2, 3, 1] {
        match ledger.reserve(&request(question, u128::from(question)))? {
            Reservation::New(charge) => {
                told.spent += charge.units();
                let sealed = vec![question; 3_000];
                let stored = ledger.store(charge, sealed.clone())?;
                told.answers.insert(question, sealed);
                ledger.commit(stored.seq, u64::from(question))?;
            }
            Reservation::Stored(answer) => assert_eq!(answer.sealed, told.answers[&question]),
            other => panic!("{other:?}"),
        }
    }
    let _ = ledger.reserve(&request(4, 4))?;
    told.spent += 4;
    Ok(())
}

fn held_against(image: &Image, told: &Told, place: &str) {
    let ledger = match open(image) {
        // Stopped while the ledger was being made: nothing was promised yet.
        Err(_) if told.spent == 0 => return,
        other => other.unwrap_or_else(|error| panic!("{place}: {error}")),
    };
    ledger.verify().unwrap_or_else(|error| panic!("{place}: {error}"));
    let spent = ledger.spent().unwrap().pool;
    assert!(spent >= told.spent && spent <= told.spent + 4, "{place}: {spent} of {}", told.spent);
    for (question, sealed) in &told.answers {
        let Reservation::Stored(answer) = ledger.reserve(&request(*question, 1)).unwrap() else {
            panic!("{place}")
        };
        assert_eq!(answer.sealed, *sealed, "{place}");
    }
    for open in ledger.uncommitted().unwrap().into_iter().filter(|open| open.sealed.is_some()) {
        ledger.commit(open.record.seq, 99).unwrap();
    }
    let _ = ledger.reserve(&request(5, 5)).unwrap();
    assert_eq!(ledger.spent().unwrap().pool, spent + 5, "{place}");
}

#[test]
fn a_crash_anywhere_keeps_what_was_told() {
    let whole = Image::new();
    run(&whole, &mut Told::default()).unwrap();
    assert!(whole.operations() > 50);
    for fault in [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite] {
        for at in 1..=whole.operations() {
            let (image, mut told) = (Image::new(), Told::default());
            image.fail_at(at, fault);
            // Closing the store is an operation too, and its failure may pass unseen.
            let _ = run(&image, &mut told);
            held_against(&image.crash(), &told, &format!("{fault:?} at {at}"));
            held_against(&image.crash_torn(at), &told, &format!("{fault:?} at {at}, torn"));
        }
    }
}

#[test]
fn a_failed_step_poisons_the_handle() {
    let image = Image::new();
    let ledger = create(&image, 100);
    image.fail_at(image.operations() + 1, Fault::Error);
    assert!(matches!(ledger.reserve(&request(1, 1)), Err(LedgerError::Store(_))));
    assert!(matches!(ledger.reserve(&request(1, 1)), Err(LedgerError::Poisoned)));
    assert!(matches!(ledger.spent(), Err(LedgerError::Poisoned)));
    drop(ledger);
    assert!(open(&image).unwrap().spent().unwrap().pool <= 1);
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
    let raw = database(Backend(copy.blocks(FILE).unwrap())).unwrap();
    let transaction = raw.begin_write().unwrap();
    change(&mut Tables::open(&transaction).unwrap());
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
    let old = |name: &str| {
        let copy = database(Backend(image.crash().blocks(FILE).unwrap())).unwrap();
        let transaction = copy.begin_read().unwrap();
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_plain_integers(steps in proptest::collection::vec((0u8..6, 0u8..4, 0u128..40), 1..30)) {
        let mut image = Image::new();
        let mut ledger = create(&image, 100);
        let (mut spent, mut answers) = (0, BTreeMap::<u8, Option<Vec<u8>>>::new());
        for (question, step, units) in steps {
            match (ledger.reserve(&request(question, units)).unwrap(), answers.get(&question).cloned()) {
                (Reservation::New(charge), None) => {
                    spent += units;
                    let kept = if step > 0 { Some(vec![question, step]) } else { None };
                    if let Some(sealed) = &kept { ledger.store(charge, sealed.clone()).unwrap(); }
                    answers.insert(question, kept);
                }
                (Reservation::Resumed(_), Some(None)) => {}
                (Reservation::Stored(answer), Some(Some(sealed))) => prop_assert_eq!(answer.sealed, sealed),
                (Reservation::OverBudget(_), None) => prop_assert!(spent + units > 100),
                (got, model) => prop_assert!(false, "{got:?}, {model:?}"),
            }
            if step == 3 {
                drop(ledger);
                image = image.crash();
                ledger = open(&image).unwrap();
            }
            prop_assert_eq!(ledger.spent().unwrap().pool, spent);
        }
        prop_assert_eq!(ledger.verify().unwrap(), u64::try_from(answers.len()).unwrap());
    }
}
