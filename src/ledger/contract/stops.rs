//! What holds when a step fails, and after a stop at any step.

use super::{Failing, charge, pool, renewal, request};
use crate::ledger::{Book, Ledger, LedgerError, Reservation};
use std::collections::BTreeMap;

/// What a caller had acknowledged, with which a reopened ledger is compared.
#[derive(Default)]
struct Acknowledged {
    made: bool,
    renewed: bool,
    spent: u128,
    answers: BTreeMap<u8, Vec<u8>>,
    committed: BTreeMap<u8, u64>,
}

/// A short run of mixed steps; stops at the first error, like a caller whose handle is poisoned.
fn run<P: Failing>(place: &P, acknowledged: &mut Acknowledged) -> Result<(), LedgerError> {
    let ledger = place.create(pool(1_000))?;
    acknowledged.made = true;
    for question in [1, 2, 3, 1] {
        match ledger.reserve(&request(question, u128::from(question)))? {
            Reservation::New(charge) => {
                acknowledged.spent += charge.units();
                let sealed = vec![question; 3_000];
                let stored = ledger.store(charge, sealed.clone())?;
                acknowledged.answers.insert(question, sealed);
                ledger.commit(stored.seq, u64::from(question))?;
                acknowledged.committed.insert(question, u64::from(question));
            }
            Reservation::Stored(answer) => assert_eq!(answer.sealed, acknowledged.answers[&question]),
            other => panic!("{other:?}"),
        }
    }
    ledger.renew(&renewal(1, 500))?;
    acknowledged.renewed = true;
    let _ = ledger.reserve(&request(4, LAST))?;
    acknowledged.spent += LAST;
    Ok(())
}

/// The cost of the last and largest charge, so that no more than this can be charged without acknowledgement.
const LAST: u128 = 4;

fn held_against<P: Failing>(place: &P, acknowledged: &Acknowledged, at: &str) {
    let ledger = match place.open() {
        // Stopped while the ledger was being made: nothing was promised yet.
        Err(_) if !acknowledged.made => return,
        other => other.unwrap_or_else(|error| panic!("{at}: {error}")),
    };
    ledger.verify().unwrap_or_else(|error| panic!("{at}: {error}"));
    let totals = ledger.spent().unwrap();
    assert!(totals.renewals == 1 || !acknowledged.renewed, "{at}: the renewal is gone");
    let pool = if totals.renewals == 1 { 500 } else { 1_000 };
    assert_eq!(ledger.pool().unwrap().limit, pool, "{at}");
    let spent = totals.lifetime;
    assert!(
        spent >= acknowledged.spent && spent <= acknowledged.spent + LAST,
        "{at}: {spent} of {}",
        acknowledged.spent
    );
    for (question, sealed) in &acknowledged.answers {
        let Reservation::Stored(answer) = ledger.reserve(&request(*question, 1)).unwrap() else {
            panic!("{at}: the answer of question {question} is gone")
        };
        assert_eq!(answer.sealed, *sealed, "{at}");
        let index = acknowledged.committed.get(question);
        assert!(index.is_none() || answer.log_index == index.copied(), "{at}: {:?}", answer.log_index);
    }
    // As recovery does.
    for open in ledger.uncommitted().unwrap().into_iter().filter(|open| open.sealed.is_some()) {
        ledger.commit(open.record.seq, 99).unwrap();
    }
    assert!(matches!(ledger.reserve(&request(5, 5)).unwrap(), Reservation::New(_)), "{at}");
    assert_eq!(ledger.spent().unwrap().lifetime, spent + 5, "{at}");
    assert!(ledger.uncommitted().unwrap().iter().all(|open| open.sealed.is_none()), "{at}");
    ledger.verify().unwrap_or_else(|error| panic!("{at}, gone on: {error}"));
}

pub(super) fn a_stop_anywhere_keeps_what_was_acknowledged<P: Failing>() {
    let whole = P::new();
    run(&whole, &mut Acknowledged::default()).unwrap();
    let steps = whole.steps();
    assert!(steps >= 11, "creating, and ten steps that change something: {steps}");
    for way in 0..P::WAYS {
        for at in 1..=steps {
            let (place, mut acknowledged) = (P::new(), Acknowledged::default());
            place.fail_at(at, way);
            // Closing the store may be a step too, and its failure may pass unseen.
            let _ = run(&place, &mut acknowledged);
            for (number, left) in place.leftovers().iter().enumerate() {
                held_against(
                    left,
                    &acknowledged,
                    &format!("way {way} at step {at} of {steps}, left {number}"),
                );
            }
        }
    }
}

pub(super) fn a_failed_step_poisons_the_handle_and_no_other<P: Failing>() {
    for way in 0..P::WAYS {
        let place = P::new();
        let ledger = place.create(pool(100)).unwrap();
        let (first, second) = (charge(&ledger, 1, 1), charge(&ledger, 2, 1));
        ledger.store(second, vec![2]).unwrap();
        place.fail_at(place.steps() + 1, way);
        let failed = ledger.reserve(&request(3, 1)).unwrap_err();
        assert!(matches!(failed, LedgerError::Store(_)), "{failed:?}");
        let poisoned = [
            ledger.reserve(&request(1, 1)).err(),
            ledger.store(first, vec![1]).err(),
            ledger.commit(2, 1).err(),
            ledger.renew(&renewal(1, 1)).err(),
            ledger.pool().err(),
            ledger.renewals().err(),
            ledger.spent().err(),
            ledger.uncommitted().err(),
            ledger.last().err(),
            ledger.answer(2).err(),
            ledger.records().err(),
            ledger.verify().err(),
        ];
        for (number, error) in poisoned.iter().enumerate() {
            assert!(matches!(error, Some(LedgerError::Poisoned)), "way {way}, {number}: {error:?}");
        }
        drop(ledger);
        let ledger = place.stopped().open().unwrap();
        let spent = ledger.spent().unwrap().pool;
        assert!(spent == 2 || spent == 3, "all of the step or nothing: {spent}");
        assert_eq!(ledger.verify().unwrap(), u64::try_from(spent).unwrap());
        let _ = charge(&ledger, 3, 1);
        assert_eq!(ledger.spent().unwrap().pool, 3, "it is charged once, whichever it was");
    }
}
