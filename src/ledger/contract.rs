//! The contract of [`Ledger`] as tests that know nothing of any implementation: anyone who keeps a ledger elsewhere gives a
//! [`Place`] for it, and a [`Failing`] one if its storage can be made to fail, and adds a line to the list at the end.
//!
//! What a ledger makes of bytes that it did not write depends on its format: that stays with its own tests.

mod model;
mod places;
mod plain;
mod promises;
mod stops;

use super::{
    Book, Charge, Ledger, LedgerError, LogHead, Pool, PoolKind, Record, Renewal, Request, Reservation,
    StoredAnswer, Totals, Unfinished,
};
use crate::types::{EpochId, RecipientId, StudyId, Timestamp};
use places::{OnDisk, OnImage};
use plain::InMemory;

/// Where one ledger lies; it outlives the handles on it.
pub(super) trait Place: Sized {
    type Ledger: Ledger;

    /// A place with nothing in it.
    fn new() -> Self;

    /// Makes the ledger with this pool.
    fn create(&self, pool: Pool) -> Result<Self::Ledger, LedgerError>;

    /// Opens the ledger that was made, by the normal path.
    fn open(&self) -> Result<Self::Ledger, LedgerError>;

    /// What is left when every process stops now, its handles as they are.
    fn stopped(&self) -> Self;
}

/// A place whose steps can be counted and made to fail.
pub(super) trait Failing: Place {
    /// How many ways there are for a step to fail.
    const WAYS: usize;

    /// How many steps were tried that change what is durable.
    fn steps(&self) -> u64;

    /// Makes the step with the number `at` (the first is 1) fail in one of the [`Failing::WAYS`].
    fn fail_at(&self, at: u64, way: usize);

    /// What a stop now may leave, where that is not one thing only.
    fn leftovers(&self) -> Vec<Self>;
}

fn pool(limit: u128) -> Pool {
    let opened_at = Timestamp::from_seconds(1_000);
    Pool { accounting: PoolKind::Zcdp { delta: "1e-12".into() }, limit, opened_at, window_days: Some(90) }
}

/// A renewal at a time after all requests.
fn renewal(number: u64, limit: u128) -> Renewal {
    let log_head = LogHead { size: 50 + number, root: [9; 32] };
    Renewal { number, limit, window_days: Some(30), log_head, at: Timestamp::from_seconds(2_000) }
}

/// A question of an odd or an even study, asked by one of two recipients.
fn request(question: u8, units: u128) -> Request {
    let (study, recipient) = names(question);
    Request {
        key: [question; 32],
        study: StudyId::new(study).unwrap(),
        recipient: RecipientId::new(recipient).unwrap(),
        epoch: EpochId::new("e1").unwrap(),
        units,
        study_cap: None,
        recipient_cap: None,
        log_head: LogHead { size: u64::from(question) + 3, root: [question; 32] },
        now: Timestamp::from_seconds(2_000),
        began: None,
    }
}

fn names(question: u8) -> (&'static str, &'static str) {
    (if question.is_multiple_of(2) { "even" } else { "odd" }, if question < 4 { "brand" } else { "shop" })
}

/// The charge of a question that may have been charged before, and is not answered.
fn charge(ledger: &impl Ledger, question: u8, units: u128) -> Charge {
    match ledger.reserve(&request(question, units)).unwrap() {
        Reservation::New(charge) | Reservation::Resumed(charge) => charge,
        other => panic!("question {question}: {other:?}"),
    }
}

/// Charges a question that no one asked before and stores its answer.
fn answered(ledger: &impl Ledger, question: u8, units: u128) -> StoredAnswer {
    ledger.store(charge(ledger, question, units), vec![question; 40]).unwrap()
}

/// Everything that a book says.
#[derive(Debug, PartialEq)]
struct Contents {
    pool: Pool,
    renewals: Vec<Renewal>,
    spent: Totals,
    records: Vec<Record>,
    last: Option<Record>,
    uncommitted: Vec<Unfinished>,
    answers: Vec<Option<StoredAnswer>>,
    verified: u64,
}

fn contents(book: &impl Book) -> Contents {
    let records: Vec<Record> = book.records().unwrap().map(Result::unwrap).collect();
    for record in &records {
        assert_eq!(book.answered(&record.key).unwrap(), book.answer(record.seq).unwrap());
    }
    Contents {
        pool: book.pool().unwrap(),
        renewals: book.renewals().unwrap(),
        spent: book.spent().unwrap(),
        last: book.last().unwrap(),
        uncommitted: book.uncommitted().unwrap(),
        answers: records.iter().map(|record| book.answer(record.seq).unwrap()).collect(),
        verified: book.verify().unwrap(),
        records,
    }
}

macro_rules! contract {
    ($($name:ident: $place:ty, $cases:literal cases;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn a_question_is_charged_once_and_answered_once() {
                promises::a_question_is_charged_once_and_answered_once::<$place>();
            }

            #[test]
            fn each_step_is_durable_when_it_returns() {
                promises::each_step_is_durable_when_it_returns::<$place>();
            }

            #[test]
            fn a_refusal_changes_nothing_and_names_every_limit() {
                promises::a_refusal_changes_nothing_and_names_every_limit::<$place>();
            }

            #[test]
            fn limits_are_reached_and_not_passed() {
                promises::limits_are_reached_and_not_passed::<$place>();
            }

            #[test]
            fn the_clock_does_not_go_backwards() {
                promises::the_clock_does_not_go_backwards::<$place>();
            }

            #[test]
            fn a_step_that_does_not_fit_is_refused_and_changes_nothing() {
                promises::a_step_that_does_not_fit_is_refused_and_changes_nothing::<$place>();
            }

            #[test]
            fn a_charge_of_another_ledger_buys_nothing() {
                promises::a_charge_of_another_ledger_buys_nothing::<$place>();
            }

            #[test]
            fn records_are_as_they_were_asked_for() {
                promises::records_are_as_they_were_asked_for::<$place>();
            }

            #[test]
            fn a_renewal_starts_again_and_forgets_nothing() {
                promises::a_renewal_starts_again_and_forgets_nothing::<$place>();
            }

            #[test]
            fn steps_taken_together_are_those_taken_alone() {
                promises::steps_taken_together_are_those_taken_alone::<$place>();
            }

            #[test]
            fn threads_spend_exactly_the_pool() {
                promises::threads_spend_exactly_the_pool::<$place>();
            }

            #[test]
            fn of_many_clients_of_one_question_one_pays_and_one_draws() {
                promises::of_many_clients_of_one_question_one_pays_and_one_draws::<$place>();
            }

            #[test]
            fn agrees_with_plain_integers() {
                model::agrees_with_plain_integers::<$place>($cases);
            }
        }
    )*};
}

macro_rules! stops {
    ($($name:ident: $place:ty;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn a_stop_anywhere_keeps_what_was_acknowledged() {
                stops::a_stop_anywhere_keeps_what_was_acknowledged::<$place>();
            }

            #[test]
            fn a_failed_step_poisons_the_handle_and_no_other() {
                stops::a_failed_step_poisons_the_handle_and_no_other::<$place>();
            }
        }
    )*};
}

contract! {
    embedded_on_disk: OnDisk, 6 cases;
    embedded_on_image: OnImage, 48 cases;
    in_memory: InMemory, 256 cases;
}

stops! {
    failing_image: OnImage;
    failing_memory: InMemory;
}
