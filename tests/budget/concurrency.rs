//! Promise 4 under load: however many threads ask, nothing is lost, nothing is spent twice, and a pool for exactly so many
//! answers gives exactly so many.

use crate::support;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier};

use crate::support::FixedClock;
use hushtag::operator::{Answer, Keys, Operator, PoolTerms, verify_log};
use hushtag::query::{Query, tag};
use hushtag::storage::{Fault, Image, Storage};
use hushtag::types::NanoEpsilon;

const THREADS: usize = 64;
const REGIONS: [&str; 5] = ["east", "south", "north", "west", "other"];
const TIERS: [&str; 4] = ["none", "low", "mid", "high"];
const LISTS: [&str; 2] = ["short", "long"];

fn subset<'a>(labels: &[&'a str], bits: usize) -> Vec<&'a str> {
    labels.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1).map(|(_, label)| *label).collect()
}

/// Different questions about own records: each counts people, and all cost the same.
fn questions() -> Vec<Query> {
    let regions = (1..31).map(|bits| tag("region").is_in(subset(&REGIONS, bits)));
    let all = regions.flat_map(|region| {
        (1..15).flat_map(move |bits| {
            let both = region.clone().and(tag("spend_tier").is_in(subset(&TIERS, bits)));
            LISTS.map(|list| Query::count().filter(both.clone().and(tag("list_size").is(list))))
        })
    });
    all.collect()
}

/// A sandbox in memory whose pool pays for exactly `answers` of the questions.
fn sandbox(storage: Arc<dyn Storage>, answers: u128) -> (Operator, u128) {
    let make = |epsilon: NanoEpsilon, storage| {
        let pool = PoolTerms::new(epsilon);
        let setup = support::setup("1").with_pool(pool);
        let keys = Keys::Given(support::root_key());
        let operator = Operator::init_on(storage, setup, keys, Box::new(FixedClock::default())).unwrap();
        operator.without_response_slot()
    };
    let price = {
        let probe = make(NanoEpsilon::new(1), Arc::new(Image::default()) as Arc<dyn Storage>);
        support::analyst(&probe)
            .forecast("SELECT COUNT(*) FROM tags WHERE region = 'east' AND spend_tier = 'low'")
            .unwrap()
            .cost
    };
    let operator = make(NanoEpsilon::new(price * answers), storage);
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    (operator, price)
}

fn ask_from_many_threads(turns: usize, answers: usize) {
    let storage: Arc<dyn Storage> = Arc::new(Image::default());
    let (operator, price) = sandbox(Arc::clone(&storage), answers as u128);
    let (analyst, questions) = (support::analyst(&operator), questions());
    assert!(questions.len() > answers, "some have to be refused");
    let given: Vec<(usize, String, bool, u64)> = std::thread::scope(|scope| {
        let client = |thread: usize| {
            let (analyst, questions) = (analyst.clone(), &questions);
            move || {
                let mut given = Vec::new();
                for turn in 0..turns {
                    // Every thread walks in steps of its own, so that several meet at one question.
                    let number = (thread * 31 + turn * (2 * thread + 1)) % questions.len();
                    if let Answer::Released(answer) = analyst.ask_query(&questions[number], None).unwrap() {
                        given.push((number, format!("{:?}", answer.rows), answer.stored, answer.index));
                    }
                }
                given
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(client(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut first: BTreeMap<usize, (&str, u64)> = BTreeMap::new();
    for (number, rows, _, index) in &given {
        let known = first.entry(*number).or_insert((rows, *index));
        assert_eq!(*known, (rows.as_str(), *index), "two answers to question {number}");
    }
    let new = given.iter().filter(|(_, _, stored, _)| !stored).count();
    let entries: BTreeSet<u64> = first.values().map(|(_, index)| *index).collect();
    assert_eq!((new, first.len(), entries.len()), (answers, answers, answers));
    let remaining = analyst.remaining().unwrap();
    assert_eq!((remaining.spent, remaining.limit), (price * answers as u128, price * answers as u128));
    drop((operator, analyst));
    let verified = verify_log(&*storage, None, Some(Keys::Given(support::root_key())), None).unwrap();
    assert_eq!(verified.charges, Some(answers as u64));
    let refused =
        verified.log.kinds.iter().find(|(kind, _)| kind.as_str() == "refuse").map_or(0, |(_, n)| *n);
    assert_eq!(usize::try_from(refused).unwrap() + given.len(), THREADS * turns, "every refusal is logged");
}

#[test]
fn a_pool_for_exactly_a_hundred_gives_a_hundred() {
    ask_from_many_threads(20, 100);
}

#[test]
#[ignore = "64,000 questions: some minutes"]
fn a_pool_for_exactly_five_hundred_gives_five_hundred() {
    ask_from_many_threads(1_000, 500);
}

/// Sixteen ask one question at the same moment: it is charged and drawn once, and all get that answer.
#[test]
fn one_question_asked_by_many_at_once_has_one_answer() {
    let (operator, price) = sandbox(Arc::new(Image::default()), 40);
    let analyst = support::analyst(&operator);
    let questions: Vec<Query> = questions().into_iter().take(40).collect();
    let together = Barrier::new(16);
    let ask = || {
        let answered = |question| {
            together.wait();
            match analyst.ask_query(question, None) {
                Ok(Answer::Released(answer)) => (format!("{:?}", answer.rows), answer.index, answer.stored),
                // A panic here would leave the others waiting.
                other => (format!("{other:?}"), 0, false),
            }
        };
        questions.iter().map(answered).collect::<Vec<_>>()
    };
    let given: Vec<Vec<_>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for number in 0..questions.len() {
        let answers: Vec<_> = given.iter().map(|own| &own[number]).collect();
        assert!(answers.iter().all(|(rows, index, _)| (rows, index) == (&answers[0].0, &answers[0].1)));
        assert_eq!(answers.iter().filter(|(_, _, stored)| !stored).count(), 1, "question {number}");
    }
    assert_eq!(analyst.remaining().unwrap().spent, price * 40);
}

/// Eight ask at once, each durable step is shared, and the storage fails at one of them: anyone who got an answer gets the same
/// one after the sandbox is opened again, and the books agree.
#[test]
fn a_storage_that_fails_under_eight_clients_costs_no_promise() {
    let base = Image::default();
    let (operator, _) = sandbox(Arc::new(base.clone()), 200);
    drop(operator);
    let questions = questions();
    let failures = [Fault::Error, Fault::TornWrite, Fault::LostSync, Fault::FullDisk];
    let mut given_before_a_failure = 0;
    for (case, step) in (5..800).step_by(41).enumerate() {
        let image = base.crash();
        let operator = open(&image);
        image.fail_at(image.operations() + step, failures[case % failures.len()]);
        let analyst = support::analyst(&operator);
        let ask = |question: &Query| match analyst.ask_query(question, None) {
            Ok(Answer::Released(answer)) => Some((format!("{:?}", answer.rows), answer.index)),
            Ok(Answer::Refused(_)) | Err(_) => None,
        };
        let given: Vec<_> = std::thread::scope(|scope| {
            let clients: Vec<_> = questions
                .chunks(4)
                .take(8)
                .map(|own| {
                    scope.spawn(|| own.iter().map(|question| (question, ask(question))).collect::<Vec<_>>())
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        drop((analyst, operator));
        let survived = image.crash();
        let again = support::analyst(&open(&survived));
        for (question, answer) in given {
            let Some((rows, index)) = answer else { continue };
            given_before_a_failure += 1;
            let Ok(Answer::Released(stored)) = again.ask_query(question, None) else {
                panic!("an answer of step {step} is lost")
            };
            assert_eq!(
                (format!("{:?}", stored.rows), stored.index, stored.stored),
                (rows, index, true),
                "step {step}"
            );
        }
        drop(again);
        verify_log(&survived, None, Some(Keys::Given(support::root_key())), None).unwrap();
    }
    assert!(given_before_a_failure > 20, "{given_before_a_failure}");
}

fn open(image: &Image) -> Operator {
    support::open(Arc::new(image.clone())).unwrap().without_response_slot()
}
