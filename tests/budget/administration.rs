//! Promise 4 while a sandbox is administered: eight threads ask while another adopts, seals, retires, renews and changes both keys, in a
//! loop. Every answer is one under a study that was in force, each charge is one, and the whole verifies afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hushtag::audit::{Entry, Kind, Note, verify_each};
use hushtag::keys::RootKey;
use hushtag::operator::{Answer, Keys, NewRoot, Operator, OperatorError, StudySource, verify_log};
use hushtag::storage::Image;
use hushtag::types::{Days, EpochId, Timestamp};

use crate::support::{self, FixedClock, MovingClock, handlers, lasting_study, root_key, signed};

const ROUNDS: u32 = 5;
const CLIENTS: u32 = 8;
const DAY: i64 = 86_400;

/// Study texts that differ in a price: each is adopted once.
fn text(round: u32) -> String {
    let text = lasting_study().replacen("default_error = ", &format!("default_error = {}", round + 1), 1);
    assert_ne!(text, lasting_study());
    text
}

fn root(round: u32) -> RootKey {
    RootKey::from_hex(&format!("{:02x}", round + 1).repeat(32), "a root key of the tests").unwrap()
}

/// Asks until it is to end; how many answers were released, and under which texts.
fn asks(operator: &Operator, thread: u32, ended: &AtomicBool) -> (u32, BTreeSet<String>) {
    let analyst = support::analyst(operator);
    let (mut released, mut policies) = (0, BTreeSet::new());
    for number in 0.. {
        if ended.load(Ordering::SeqCst) {
            break;
        }
        let question =
            format!("SELECT COUNT(*) FROM tags WITH (error = {})", 2_000 + number * CLIENTS + thread);
        match analyst.ask(&question, None) {
            Ok(Answer::Released(answer)) => {
                released += 1;
                policies.insert(answer.policy);
            }
            // Its epoch was retired meanwhile, or the pool is spent.
            Ok(Answer::Refused(reasons)) => assert!(!reasons.is_empty()),
            Err(OperatorError::OtherText { .. } | OperatorError::NothingSealed { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(analyst.remaining().unwrap().lifetime > 0);
        assert!(analyst.forecast("SELECT COUNT(*) FROM tags").unwrap().cost > 0);
    }
    (released, policies)
}

/// One round of everything that an operator may do.
fn administer(operator: &Operator, round: u32, keys: &[support::HandlerKey; 2], clock: &MovingClock) {
    let source = signed(StudySource::new("study.toml", text(round)), &[&keys[0], &keys[1]]);
    assert!(operator.adopt(&source).unwrap().changed);
    let epoch = |round: u32| format!("e{round}");
    operator.seal(&support::terms(&epoch(round + 1)), support::sources(&support::population(20, 1))).unwrap();
    operator.rotate_key().unwrap();
    operator.rotate_root(NewRoot::Given(root(round))).unwrap();
    assert!(operator.retire(&EpochId::new(&epoch(round)).unwrap()).unwrap().changed);
    clock.set(Timestamp::from_seconds(FixedClock::default().0.seconds() + i64::from(round + 1) * DAY));
    let draft = operator.draft_renewal("another day", None, None).unwrap().to_string();
    let notes: Vec<String> = keys.iter().map(|key| Note::sign(&draft, key).unwrap().to_string()).collect();
    match operator.renew(&draft, &notes) {
        Ok(renewed) => assert!(renewed.number > 0),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_sandbox_is_administered_while_eight_threads_ask() {
    let (image, keys, clock) = (Image::new(), handlers(40), MovingClock::default());
    let setup = support::signed_setup("100", &lasting_study(), &keys);
    let pool = setup.pool.with_window(Days::new(1));
    let setup = setup.with_pool(pool);
    let made =
        Operator::init_on(Arc::new(image.clone()), setup, Keys::Given(root_key()), Box::new(clock.clone()));
    let operator = made.unwrap().without_response_slot();
    operator.seal(&support::terms("e0"), support::sources(&support::population(20, 1))).unwrap();
    support::analyst(&operator).ask("SELECT COUNT(*) FROM tags", None).unwrap();
    let (ended, released) = (AtomicBool::new(false), AtomicU32::new(1));
    let mut policies = BTreeSet::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|thread| {
                let (operator, ended, released) = (&operator, &ended, &released);
                scope.spawn(move || {
                    let (own, policies) = asks(operator, thread, ended);
                    released.fetch_add(own, Ordering::SeqCst);
                    policies
                })
            })
            .collect();
        for round in 0..ROUNDS {
            administer(&operator, round, &keys, &clock);
            // Everybody gets to ask under this law.
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        ended.store(true, Ordering::SeqCst);
        clients.into_iter().for_each(|client| policies.extend(client.join().unwrap()));
    });
    assert!(policies.len() > 1, "answers under one text alone: nothing was asked meanwhile");
    let vkey = operator.status().unwrap().vkey;
    drop(operator);

    let verified = verify_log(&image, Some(&vkey), Some(Keys::Given(root(ROUNDS - 1))), None).unwrap();
    assert_eq!(verified.renewals, u64::from(ROUNDS));
    assert_eq!(verified.charges, Some(u64::from(released.into_inner())), "each answer is charged once");
    let (mut sealed, mut asked): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
    verify_each(&image, &vkey, |_, entry| {
        match entry.kind {
            Kind::Seal => sealed.push(entry.clone()),
            Kind::Ask => asked.push(entry.clone()),
            _ => {}
        }
        Ok(())
    })
    .unwrap();
    for ask in &asked {
        let seal = sealed.iter().find(|seal| seal.body["epoch"] == ask.body["epoch"]).unwrap();
        assert_eq!(seal.body["studies"][0]["hash"], ask.body["policy"], "under the text of its epoch");
    }
}
