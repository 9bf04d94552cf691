//! What holds while everything works, and when a process stops between two steps.

use super::{Place, answered, charge, contents, names, pool, renewal, request};
use crate::ledger::{
    Book, Done, Ledger, LedgerError, OverBudget, Record, Renewal, Request, Reservation, Share, State, Step,
    StoredAnswer,
};
use crate::types::Timestamp;
use std::collections::BTreeSet;
use std::thread::scope;

pub(super) fn a_question_is_charged_once_and_answered_once<P: Place>() {
    let place = P::new();
    let ledger = place.create(pool(100)).unwrap();
    let first = charge(&ledger, 1, 30);
    assert_eq!((first.seq(), first.units()), (1, 30));
    assert_eq!([1, 2].map(|question| ledger.answered(&[question; 32]).unwrap()), [None, None]);
    // Under its first price, whatever it would cost now, and though the pool has no room for that.
    let Reservation::Resumed(second) = ledger.reserve(&request(1, 1_000)).unwrap() else { panic!() };
    assert_eq!((second.seq(), second.units()), (1, 30));
    let stored = ledger.store(first, b"sealed".to_vec()).unwrap();
    assert_eq!(stored, StoredAnswer { seq: 1, sealed: b"sealed".to_vec(), log_index: None });
    assert!(matches!(ledger.store(second, b"other".to_vec()), Err(LedgerError::AlreadyStored { seq: 1 })));
    let found = |log_index| {
        let wanted = StoredAnswer { log_index, ..stored.clone() };
        let reserved = ledger.reserve(&request(1, 1_000)).unwrap();
        assert_eq!(reserved.stored().as_ref(), Some(&wanted));
        assert_eq!(ledger.answered(&[1; 32]).unwrap(), Some(wanted));
    };
    found(None);
    ledger.commit(1, 7).unwrap();
    ledger.commit(1, 7).unwrap();
    found(Some(7));
    assert_eq!((contents(&ledger).spent.lifetime, contents(&ledger).uncommitted), (30, Vec::new()));
}

/// After each step, what another handle finds when every process stops there is what this one says.
pub(super) fn each_step_is_durable_when_it_returns<P: Place>() {
    let place = P::new();
    let ledger = place.create(pool(100)).unwrap();
    let durable = |step: &str| {
        let left = place.stopped().open().unwrap();
        assert_eq!(contents(&left), contents(&ledger), "after {step}");
        left
    };
    assert_eq!(contents(&durable("create")).last, None);

    let charge = charge(&ledger, 1, 30);
    let left = durable("reserve");
    let Reservation::Resumed(again) = left.reserve(&request(1, 5)).unwrap() else { panic!() };
    assert_eq!((again.seq(), again.units(), contents(&left).uncommitted[0].sealed.as_ref()), (1, 30, None));
    // The charge goes on in the handle that finds it after the stop.
    assert_eq!(left.store(again, vec![2]).unwrap().sealed, [2]);

    ledger.store(charge, vec![1; 70_000]).unwrap();
    let left = durable("store");
    let Reservation::Stored(answer) = left.reserve(&request(1, 30)).unwrap() else { panic!() };
    assert_eq!((answer.sealed, answer.log_index), (vec![1; 70_000], None));
    assert_eq!(contents(&left).uncommitted[0].sealed, Some(vec![1; 70_000]));
    left.commit(1, 3).unwrap();

    ledger.commit(1, 7).unwrap();
    let left = durable("commit");
    let Reservation::Stored(answer) = left.reserve(&request(1, 30)).unwrap() else { panic!() };
    assert_eq!((answer.log_index, contents(&left).uncommitted), (Some(7), Vec::new()));

    assert!(matches!(ledger.reserve(&request(2, 71)).unwrap(), Reservation::OverBudget(_)));
    assert_eq!(contents(&durable("refusal")).spent.pool, 30);
    drop(ledger);
    assert_eq!(place.open().unwrap().verify().unwrap(), 1, "after closing");
}

pub(super) fn a_refusal_changes_nothing_and_names_every_limit<P: Place>() {
    let ledger = P::new().create(pool(100)).unwrap();
    let _ = charge(&ledger, 1, 60);
    let before = contents(&ledger);
    let over = |request: Request| match ledger.reserve(&request).unwrap() {
        Reservation::OverBudget(over) => {
            assert_eq!(contents(&ledger), before);
            over
        }
        other => panic!("{other:?}"),
    };
    let line = |share, limit, spent, asked| OverBudget { share, limit, spent, asked };
    let capped = |study, recipient, request| Request {
        study_cap: Some(study),
        recipient_cap: Some(recipient),
        ..request
    };
    assert_eq!(
        over(capped(100, 100, request(3, 41))),
        [
            line(Share::Pool, 100, 60, 41),
            line(Share::Study, 100, 60, 41),
            line(Share::Recipient, 100, 60, 41)
        ]
    );
    assert_eq!(over(capped(70, 71, request(3, 11))), [line(Share::Study, 70, 60, 11)]);
    assert_eq!(over(capped(71, 70, request(3, 11))), [line(Share::Recipient, 70, 60, 11)]);
    // Nothing of another study's, or another recipient's, counts.
    assert_eq!(over(capped(10, 10, request(4, 11)))[0], line(Share::Study, 10, 0, 11));
    assert_eq!(over(request(3, u128::MAX)), [line(Share::Pool, 100, 60, u128::MAX)], "no sum wraps");
    assert!(matches!(ledger.reserve(&request(3, 40)).unwrap(), Reservation::New(_)), "a refusal is no end");
}

pub(super) fn limits_are_reached_and_not_passed<P: Place>() {
    let ledger = P::new().create(pool(100)).unwrap();
    let capped = |question, units| Request {
        study_cap: Some(40),
        recipient_cap: Some(60),
        ..request(question, units)
    };
    let is_new =
        |question, units| matches!(ledger.reserve(&capped(question, units)).unwrap(), Reservation::New(_));
    assert!(is_new(1, 40) && !is_new(3, 1), "the odd study's share");
    assert!(is_new(2, 20) && !is_new(0, 1), "the first recipient's");
    assert!(is_new(4, 20) && !is_new(6, 1), "the even study's");
    let ask = |question, units| ledger.reserve(&request(question, units)).unwrap();
    assert!(matches!(ask(5, 20), Reservation::New(_)) && matches!(ask(7, 1), Reservation::OverBudget(_)));
    let spent = contents(&ledger).spent;
    assert_eq!((spent.pool, spent.lifetime), (100, 100));
    assert_eq!(spent.studies, [("even".into(), 40), ("odd".into(), 60)].into());
    assert_eq!(spent.recipients, [("brand".into(), 60), ("shop".into(), 40)].into());

    let ledger = P::new().create(pool(u128::MAX)).unwrap();
    let _ = charge(&ledger, 1, u128::MAX);
    let Reservation::OverBudget(over) = ledger.reserve(&request(2, 1)).unwrap() else { panic!() };
    assert_eq!(over[0].spent, u128::MAX, "the largest pool is a pool like others");
    assert_eq!(contents(&ledger).verified, 1);
}

pub(super) fn the_clock_does_not_go_backwards<P: Place>() {
    let place = P::new();
    let ledger = place.create(pool(100)).unwrap();
    let at = |seconds, request| Request { now: Timestamp::from_seconds(seconds), ..request };
    assert!(matches!(ledger.reserve(&at(3_000, request(1, 1))).unwrap(), Reservation::New(_)));
    let earlier = |ledger: &P::Ledger| {
        let before = contents(ledger);
        match ledger.reserve(&at(2_999, request(2, 1))) {
            Err(LedgerError::ClockBackwards { now, last }) => {
                assert_eq!((now.seconds(), last.seconds()), (2_999, 3_000));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(contents(ledger), before);
        // What was charged before goes on whatever the clock says.
        assert!(matches!(ledger.reserve(&at(1, request(1, 1))).unwrap(), Reservation::Resumed(_)));
    };
    earlier(&ledger);
    drop(ledger);
    let ledger = place.stopped().open().unwrap();
    earlier(&ledger);
    assert!(matches!(ledger.reserve(&at(3_000, request(2, 1))).unwrap(), Reservation::New(_)));
    // A part of an act has the time of its beginning, but for what was charged meanwhile.
    for (question, began, recorded) in [(3, 3_500, 3_500), (4, 3_400, 3_500)] {
        let began = Some(Timestamp::from_seconds(began));
        let part = Request { began, ..at(4_000, request(question, 1)) };
        assert!(matches!(ledger.reserve(&part).unwrap(), Reservation::New(_)));
        assert_eq!(ledger.last().unwrap().unwrap().at.seconds(), recorded);
    }
    assert_eq!(contents(&ledger).verified, 4);
}

pub(super) fn a_step_that_does_not_fit_is_refused_and_changes_nothing<P: Place>() {
    let ledger = P::new().create(pool(100)).unwrap();
    let _ = charge(&ledger, 1, 1);
    answered(&ledger, 2, 1);
    answered(&ledger, 3, 1);
    ledger.commit(3, 9).unwrap();
    let before = contents(&ledger);
    for (seq, log_index) in [(0, 9), (1, 9), (3, 8), (4, 9), (u64::MAX, 9)] {
        match ledger.commit(seq, log_index) {
            Err(LedgerError::WrongState { seq: named }) => assert_eq!(named, seq),
            other => panic!("commit of {seq}: {other:?}"),
        }
    }
    for seq in [0, 1, 4, u64::MAX] {
        assert_eq!(ledger.answer(seq).unwrap(), None, "{seq}");
    }
    assert_eq!(contents(&ledger), before);
    ledger.commit(2, 8).unwrap();
    assert_eq!(contents(&ledger).uncommitted.len(), 1, "the handle goes on");
}

pub(super) fn a_charge_of_another_ledger_buys_nothing<P: Place>() {
    let (one, two) = (P::new().create(pool(9)).unwrap(), P::new().create(pool(8)).unwrap());
    let own = charge(&two, 1, 1);
    let foreign = charge(&one, 1, 1);
    assert!(matches!(two.store(foreign, Vec::new()), Err(LedgerError::WrongState { seq: 1 })));
    let later = charge(&one, 2, 1);
    assert!(matches!(two.store(later, Vec::new()), Err(LedgerError::WrongState { seq: 2 })));
    assert_eq!(two.spent().unwrap().pool, 1);
    assert_eq!(two.store(own, Vec::new()).unwrap().sealed, b"", "the handle goes on");
}

pub(super) fn records_are_as_they_were_asked_for<P: Place>() {
    let ledger = P::new().create(pool(100)).unwrap();
    for question in 1..=6 {
        let stored = answered(&ledger, question, u128::from(question));
        if question % 2 == 0 {
            ledger.commit(stored.seq, u64::from(question) * 10).unwrap();
        }
    }
    let _ = charge(&ledger, 7, 0);
    let contents = contents(&ledger);
    let expected: Vec<Record> = (1..=7)
        .map(|question: u8| {
            let Request { key, study, recipient, epoch, units, log_head, now: at, .. } =
                request(question, if question == 7 { 0 } else { question.into() });
            let state = match question {
                7 => State::Reserved,
                even if even % 2 == 0 => State::Committed { log_index: u64::from(even) * 10 },
                _ => State::Stored,
            };
            Record { seq: question.into(), key, study, recipient, epoch, units, log_head, at, state }
        })
        .collect();
    assert_eq!((&contents.records, contents.verified), (&expected, 7));
    assert_eq!(contents.last.as_ref(), expected.last());
    let open: Vec<_> =
        contents.uncommitted.iter().map(|open| (&open.record, open.sealed.is_some())).collect();
    let [one, _, three, _, five, _, seven] = expected.as_slice() else { panic!() };
    assert_eq!(open, [(one, true), (three, true), (five, true), (seven, false)]);
    let sealed: Vec<_> =
        contents.answers.into_iter().map(|answer| answer.map(|answer| answer.sealed)).collect();
    assert_eq!(sealed[..6], [1, 2, 3, 4, 5, 6].map(|question| Some(vec![question; 40])));
    assert_eq!(sealed[6], None);
}

pub(super) fn threads_spend_exactly_the_pool<P: Place>() {
    let place = P::new();
    let ledger = place.create(pool(50)).unwrap();
    let new: usize = scope(|scope| {
        let ask = |thread: u8| {
            let ledger = &ledger;
            let asked = (0..20).map(move |turn| ledger.reserve(&request(thread * 20 + turn, 1)).unwrap());
            move || asked.filter(|outcome| matches!(outcome, Reservation::New(_))).count()
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(ask(thread))).collect();
        // A reader beside the writers sees whole steps.
        for _ in 0..20 {
            let spent = ledger.spent().unwrap();
            assert_eq!((spent.pool, spent.studies.values().sum::<u128>()), (spent.lifetime, spent.pool));
            ledger.verify().unwrap();
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let contents = contents(&ledger);
    assert_eq!((new, contents.spent.pool, contents.verified), (50, 50, 50));
    let numbers: Vec<u64> = contents.records.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<u64>>(), "no number is left out or given twice");
    let ours = |record: &Record| {
        let [question, ..] = record.key;
        record.units == 1 && (record.study.as_str(), record.recipient.as_str()) == names(question)
    };
    assert!(contents.records.iter().all(ours));
    assert_eq!(super::contents(&place.stopped().open().unwrap()), contents);
}

/// What one of several threads that ask the same question has come to.
#[derive(Debug, Default)]
struct Asked {
    new: usize,
    drew: usize,
    answers: BTreeSet<Vec<u8>>,
}

fn ask_to_the_end(ledger: &impl Ledger, thread: u8) -> Asked {
    let mut asked = Asked::default();
    for question in 0..6 {
        let charge = match ledger.reserve(&request(question, 2)).unwrap() {
            Reservation::New(charge) => {
                asked.new += 1;
                Some(charge)
            }
            Reservation::Resumed(charge) => Some(charge),
            Reservation::Stored(_) => None,
            Reservation::OverBudget(over) => panic!("{over:?}"),
        };
        match charge.map(|charge| ledger.store(charge, vec![question, thread])) {
            Some(Ok(_)) => asked.drew += 1,
            None | Some(Err(LedgerError::AlreadyStored { .. })) => {}
            Some(Err(error)) => panic!("{error}"),
        }
        let Reservation::Stored(answer) = ledger.reserve(&request(question, 2)).unwrap() else { panic!() };
        ledger.commit(answer.seq, u64::from(question)).unwrap();
        asked.answers.insert(answer.sealed);
    }
    asked
}

pub(super) fn of_many_clients_of_one_question_one_pays_and_one_draws<P: Place>() {
    let ledger = P::new().create(pool(12)).unwrap();
    let all: Vec<Asked> = scope(|scope| {
        let ask = |thread| {
            scope.spawn({
                let ledger = &ledger;
                move || ask_to_the_end(ledger, thread)
            })
        };
        let threads: Vec<_> = (0..8).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |of: fn(&Asked) -> usize| all.iter().map(of).sum::<usize>();
    assert_eq!((sum(|asked| asked.new), sum(|asked| asked.drew)), (6, 6));
    let answers: BTreeSet<_> = all.iter().flat_map(|asked| &asked.answers).collect();
    assert_eq!(answers.len(), 6, "every client has the same answers: {answers:?}");
    let contents = contents(&ledger);
    assert_eq!((contents.spent.pool, contents.verified, contents.uncommitted), (12, 6, Vec::new()));
}

pub(super) fn a_renewal_starts_again_and_forgets_nothing<P: Place>() {
    let place = P::new();
    let ledger = place.create(pool(100)).unwrap();
    let open = charge(&ledger, 1, 60);
    let before = contents(&ledger);
    for (wrong, next) in [(renewal(0, 5), 1), (renewal(2, 5), 1)] {
        let Err(LedgerError::NotNext { number, next: expected }) = ledger.renew(&wrong) else { panic!() };
        assert_eq!((number, expected), (wrong.number, next));
    }
    let early = Renewal { at: Timestamp::from_seconds(1_999), ..renewal(1, 5) };
    assert!(matches!(ledger.renew(&early), Err(LedgerError::ClockBackwards { .. })));
    assert_eq!(contents(&ledger), before);

    ledger.renew(&renewal(1, 50)).unwrap();
    assert!(matches!(ledger.renew(&renewal(1, 50)), Err(LedgerError::NotNext { number: 1, next: 2 })));
    let now = contents(&place.stopped().open().unwrap());
    assert_eq!(now, contents(&ledger));
    assert_eq!((now.pool.limit, now.pool.window_days, now.pool.opened_at), (50, Some(30), renewal(1, 50).at));
    assert_eq!((now.pool.accounting, now.renewals), (before.pool.accounting, vec![renewal(1, 50)]));
    assert_eq!((now.spent.pool, now.spent.lifetime, now.spent.renewals), (0, 60, 1));
    assert!(now.spent.studies.is_empty() && now.spent.recipients.is_empty());
    assert_eq!((now.records, now.verified), (before.records, 1));

    // What was charged before goes on under the old pool; what is new is held against the new one, caps too.
    assert_eq!(ledger.store(open, vec![1]).unwrap().seq, 1);
    let capped = Request { study_cap: Some(50), ..request(3, 50) };
    assert!(matches!(ledger.reserve(&capped).unwrap(), Reservation::New(_)));
    assert!(matches!(ledger.reserve(&request(5, 1)).unwrap(), Reservation::OverBudget(_)));
    ledger.renew(&renewal(2, 7)).unwrap();
    let _ = charge(&ledger, 7, 7);
    let end = contents(&ledger);
    assert_eq!((end.spent.pool, end.spent.lifetime, end.verified), (7, 117, 3));
    assert_eq!(end.renewals, [renewal(1, 50), renewal(2, 7)]);
    drop(ledger);
    assert_eq!(contents(&place.open().unwrap()), end);
}

/// Several steps as one: in their order, each as if alone, and one that does not fit blocks none.
pub(super) fn steps_taken_together_are_those_taken_alone<P: Place>() {
    let (one, other) = (P::new(), P::new());
    let (together, alone) = (one.create(pool(100)).unwrap(), other.create(pool(100)).unwrap());
    let [first, second] = [&together, &alone].map(|ledger| charge(ledger, 1, 10));
    let early = Request { now: Timestamp::from_seconds(1), ..request(9, 1) };
    let outcomes = together.take(vec![
        Step::Reserve(request(2, 20)),
        Step::Commit { seq: 1, log_index: 3 },
        Step::Reserve(early),
        Step::Store(first, vec![1]),
        Step::Reserve(request(2, 99)),
        Step::Commit { seq: 1, log_index: 4 },
        Step::Reserve(request(3, 71)),
    ]);
    let outcomes = outcomes.unwrap();
    assert!(
        matches!(
            &outcomes[..],
            [
                Ok(Done::Reserved(Reservation::New(_))),
                Err(LedgerError::WrongState { seq: 1 }),
                Err(LedgerError::ClockBackwards { .. }),
                Ok(Done::Stored(StoredAnswer { seq: 1, .. })),
                Ok(Done::Reserved(Reservation::Resumed(_))),
                Ok(Done::Committed),
                Ok(Done::Reserved(Reservation::OverBudget(_))),
            ]
        ),
        "{outcomes:?}"
    );
    let _ = charge(&alone, 2, 20);
    alone.store(second, vec![1]).unwrap();
    alone.commit(1, 4).unwrap();
    assert_eq!(contents(&together), contents(&alone));
    assert_eq!(contents(&one.stopped().open().unwrap()), contents(&alone));
    assert!(together.take(Vec::new()).unwrap().is_empty());
}
