//! Promise 4 has its price, and no more than that: how often one durable answer waits for the disk.

use crate::support;
use std::sync::Arc;

use crate::support::FixedClock;
use hushtag::operator::{Answer, Keys, Operator};
use hushtag::storage::Folder;

/// The most waits of an answer: charge, answer, entries of the log, checkpoint, name of the checkpoint.
const WAITS: u64 = 5;

#[test]
fn an_answer_waits_for_the_disk_five_times() {
    let place = tempfile::tempdir().unwrap();
    let folder = Arc::new(Folder::create(&place.path().join("box")).unwrap());
    let setup = support::setup("1000000");
    let clock = Box::new(FixedClock::default());
    let operator = Operator::init_on(Arc::clone(&folder) as _, setup, Keys::InFolder, clock).unwrap();
    let operator = operator.without_response_slot();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    let analyst = support::analyst(&operator);
    let ask = |number: u64| {
        let before = folder.syncs();
        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number);
        let answer = analyst.ask(&question, None).unwrap();
        assert!(matches!(answer, Answer::Released(answer) if !answer.stored));
        folder.syncs() - before
    };
    // The first one makes the tail of the log.
    ask(0);
    let waits: Vec<u64> = (1..600).map(ask).collect();
    let most = waits.iter().filter(|waits| **waits > WAITS).count();
    // Every 256 entries a bundle and a tile are full; the store of the ledger becomes durable every mebibyte of answers.
    assert!(most <= 8, "{most} answers waited longer: {waits:?}");
    assert!(waits.iter().sum::<u64>() <= WAITS * 599 + 8 * 20, "{waits:?}");
    assert!(waits.contains(&WAITS), "{waits:?}");
    // A repeated question waits for nothing.
    let before = folder.syncs();
    for number in 0..10 {
        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number);
        assert!(matches!(analyst.ask(&question, None).unwrap(), Answer::Released(answer) if answer.stored));
    }
    assert!(folder.syncs() - before <= 1, "the mark of the last answer is all that is left to write");
}
