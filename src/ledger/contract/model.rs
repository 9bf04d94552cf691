//! Random runs against plain integers: after every step the whole book is as the model says, and so is what a stop leaves.

use super::{Place, contents, names, pool, renewal, request};
use crate::ledger::{Book, Charge, Ledger, LedgerError, Renewal, Request, Reservation, Share, State};
use crate::types::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// One call, or one of the ways to end.
#[derive(Debug, Clone)]
enum Step {
    Reserve { question: u8, units: u128, study_cap: Option<u128>, recipient_cap: Option<u128>, later: i64 },
    Store { held: usize, byte: u8 },
    Commit { seq: u64, log_index: u64 },
    Renew { number: u64, limit: u128, later: i64 },
    Close,
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cap = || proptest::option::weighted(0.4, 10u128..60);
    let reserve = (0u8..10, 0u128..40, cap(), cap(), -1i64..3);
    let step = prop_oneof![
        5 => reserve.prop_map(|(question, units, study_cap, recipient_cap, later)| {
            Step::Reserve { question, units, study_cap, recipient_cap, later }
        }),
        3 => (0usize..6, any::<u8>()).prop_map(|(held, byte)| Step::Store { held, byte }),
        3 => (0u64..8, 0u64..3).prop_map(|(seq, log_index)| Step::Commit { seq, log_index }),
        1 => (0u64..4, 20u128..90, -1i64..3).prop_map(|(number, limit, later)| Step::Renew { number, limit, later }),
        1 => Just(Step::Close),
        1 => Just(Step::Stop),
    ];
    vec(step, 1..40)
}

const LIMIT: u128 = 100;

/// What was charged for one question, and what became of it.
#[derive(Debug)]
struct Charged {
    question: u8,
    units: u128,
    sealed: Option<Vec<u8>>,
    log_index: Option<u64>,
}

#[derive(Debug)]
struct Model {
    charged: Vec<Charged>,
    at: i64,
    limit: u128,
    /// For each renewal how many were charged before it.
    renewals: Vec<usize>,
}

impl Model {
    fn seq_of(&self, question: u8) -> Option<u64> {
        let place = self.charged.iter().position(|charged| charged.question == question)?;
        u64::try_from(place).ok().map(|place| place + 1)
    }

    fn of(&mut self, seq: u64) -> Option<&mut Charged> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.charged.get_mut(place)
    }

    /// What was charged to the pool in force.
    fn sum(&self, wanted: impl Fn(u8) -> bool) -> u128 {
        let before = self.renewals.last().copied().unwrap_or(0);
        self.charged
            .iter()
            .skip(before)
            .filter(|charged| wanted(charged.question))
            .map(|charged| charged.units)
            .sum()
    }

    fn passed(&self, question: u8, request: &Request) -> Vec<Share> {
        let (study, recipient) = names(question);
        let passes = |cap: u128, spent: u128| spent + request.units > cap;
        let mut over = Vec::new();
        over.extend(passes(self.limit, self.sum(|_| true)).then_some(Share::Pool));
        let in_study = self.sum(|other| names(other).0 == study);
        over.extend(request.study_cap.filter(|cap| passes(*cap, in_study)).map(|_| Share::Study));
        let by_recipient = self.sum(|other| names(other).1 == recipient);
        over.extend(request.recipient_cap.filter(|cap| passes(*cap, by_recipient)).map(|_| Share::Recipient));
        over
    }

    /// The whole book, against every number of the model.
    fn check(&self, book: &impl Book) {
        let contents = contents(book);
        let number = |of: usize| u64::try_from(of).unwrap();
        assert_eq!(
            (contents.verified, contents.records.len()),
            (number(self.charged.len()), self.charged.len())
        );
        let ever: u128 = self.charged.iter().map(|charged| charged.units).sum();
        assert_eq!((contents.spent.pool, contents.spent.lifetime), (self.sum(|_| true), ever));
        assert_eq!((contents.pool.limit, contents.renewals.len()), (self.limit, self.renewals.len()));
        let logged = self.charged.iter().filter_map(|charged| charged.log_index).max();
        assert_eq!(contents.spent.logged, logged.map_or(0, |last| last + 1));
        for name in ["even", "odd"] {
            let spent = contents.spent.studies.get(name).copied().unwrap_or(0);
            assert_eq!(spent, self.sum(|question| names(question).0 == name), "{name}");
        }
        for name in ["brand", "shop"] {
            let spent = contents.spent.recipients.get(name).copied().unwrap_or(0);
            assert_eq!(spent, self.sum(|question| names(question).1 == name), "{name}");
        }
        let open = self.charged.iter().filter(|charged| charged.log_index.is_none());
        let open: Vec<_> = open.map(|charged| (charged.question, charged.sealed.clone())).collect();
        let found = contents.uncommitted.into_iter().map(|open| (open.record.key[0], open.sealed));
        assert_eq!(found.collect::<Vec<_>>(), open);
        for ((record, answer), charged) in contents.records.iter().zip(contents.answers).zip(&self.charged) {
            assert_eq!((record.key, record.units), ([charged.question; 32], charged.units));
            let state = match (&charged.sealed, charged.log_index) {
                (None, _) => State::Reserved,
                (Some(_), None) => State::Stored,
                (Some(_), Some(log_index)) => State::Committed { log_index },
            };
            assert_eq!(record.state, state);
            assert_eq!(answer.as_ref().map(|answer| &answer.sealed), charged.sealed.as_ref());
            assert_eq!(answer.and_then(|answer| answer.log_index), charged.log_index);
        }
    }
}

/// A ledger under test, the charges that its caller holds, and the model of both.
struct Run<P: Place> {
    place: P,
    ledger: Option<P::Ledger>,
    held: Vec<Charge>,
    model: Model,
}

impl<P: Place> Run<P> {
    fn ledger(&self) -> &P::Ledger {
        self.ledger.as_ref().unwrap()
    }

    fn reserve(&mut self, question: u8, asked: &Request) {
        let outcome = self.ledger().reserve(asked);
        if let Some(seq) = self.model.seq_of(question) {
            let known = self.model.of(seq).unwrap();
            match (outcome.unwrap(), &known.sealed) {
                (Reservation::Resumed(charge), None) => {
                    assert_eq!((charge.seq(), charge.units()), (seq, known.units));
                    self.held.push(charge);
                }
                (Reservation::Stored(answer), Some(sealed)) => {
                    assert_eq!(
                        (answer.seq, &answer.sealed, answer.log_index),
                        (seq, sealed, known.log_index)
                    );
                }
                (other, _) => panic!("{other:?} of {known:?}"),
            }
            return;
        }
        let begun = !self.model.charged.is_empty() || !self.model.renewals.is_empty();
        if asked.now.seconds() < self.model.at && begun {
            assert!(matches!(outcome, Err(LedgerError::ClockBackwards { .. })), "{outcome:?}");
            return;
        }
        match (outcome.unwrap(), self.model.passed(question, asked)) {
            (Reservation::New(charge), passed) if passed.is_empty() => {
                let charged = Charged { question, units: asked.units, sealed: None, log_index: None };
                self.model.charged.push(charged);
                self.model.at = asked.now.seconds();
                assert_eq!((Some(charge.seq()), charge.units()), (self.model.seq_of(question), asked.units));
                self.held.push(charge);
            }
            (Reservation::OverBudget(over), passed) => {
                assert_eq!(over.into_iter().map(|over| over.share).collect::<Vec<_>>(), passed);
            }
            (other, passed) => panic!("{other:?}, though {passed:?} would be passed"),
        }
    }

    fn store(&mut self, held: usize, byte: u8) {
        if held >= self.held.len() {
            return;
        }
        let charge = self.held.swap_remove(held);
        let seq = charge.seq();
        let outcome = self.ledger().store(charge, vec![byte; usize::from(byte)]);
        let charged = self.model.of(seq).unwrap();
        if charged.sealed.is_some() {
            assert!(matches!(outcome, Err(LedgerError::AlreadyStored { .. })), "{outcome:?}");
        } else {
            charged.sealed = Some(outcome.unwrap().sealed);
        }
    }

    fn commit(&mut self, seq: u64, log_index: u64) {
        let outcome = self.ledger().commit(seq, log_index);
        let charged = self.model.of(seq).filter(|charged| charged.sealed.is_some());
        match charged.filter(|charged| charged.log_index.is_none_or(|before| before == log_index)) {
            Some(charged) => {
                outcome.unwrap();
                charged.log_index = Some(log_index);
            }
            None => assert!(matches!(outcome, Err(LedgerError::WrongState { .. })), "{outcome:?}"),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Reserve { question, units, study_cap, recipient_cap, later } => {
                let now = Timestamp::from_seconds(self.model.at + later);
                let asked = Request { study_cap, recipient_cap, now, ..request(question, units) };
                self.reserve(question, &asked);
            }
            Step::Store { held, byte } => self.store(held, byte),
            Step::Commit { seq, log_index } => self.commit(seq, log_index),
            Step::Renew { number, limit, later } => {
                let at = Timestamp::from_seconds(self.model.at + later);
                let outcome = self.ledger().renew(&Renewal { at, ..renewal(number, limit) });
                let next = u64::try_from(self.model.renewals.len()).unwrap() + 1;
                let begun = !self.model.charged.is_empty() || next > 1;
                if number != next {
                    assert!(matches!(outcome, Err(LedgerError::NotNext { .. })), "{outcome:?}");
                } else if later < 0 && begun {
                    assert!(matches!(outcome, Err(LedgerError::ClockBackwards { .. })), "{outcome:?}");
                } else {
                    outcome.unwrap();
                    self.model.renewals.push(self.model.charged.len());
                    (self.model.limit, self.model.at) = (limit, at.seconds());
                }
            }
            Step::Close => {
                // The handle is gone before there is another one, but a charge may outlive it.
                self.ledger = None;
                self.ledger = Some(self.place.open().unwrap());
            }
            Step::Stop => {
                let left = self.place.stopped();
                self.ledger = Some(left.open().unwrap());
                self.place = left;
                self.held.clear();
            }
        }
        self.model.check(self.ledger());
    }
}

pub(super) fn agrees_with_plain_integers<P: Place>(cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let checked = TestRunner::new(config).run(&steps(), |steps| {
        let place = P::new();
        let ledger = Some(place.create(pool(LIMIT)).unwrap());
        let model = Model { charged: Vec::new(), at: 2_000, limit: LIMIT, renewals: Vec::new() };
        let mut run = Run { place, ledger, held: Vec::new(), model };
        steps.into_iter().for_each(|step| run.step(step));
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
