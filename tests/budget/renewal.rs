//! Promise: a pool is reopened only after its window, once for each numbered text, signed by every handler; what was spent
//! before is never forgotten, and a stop at any step leaves the old pool or the new one.

use crate::support;
use std::sync::Arc;

use crate::support::{FixedClock, HandlerKey, handlers, root_key};
use hushtag::audit::{Entry, Kind, Log, Note, RenewalText, VerifierKey};
use hushtag::dp::Accounting;
use hushtag::keys::{Keyring, SigningKey};
use hushtag::operator::{Answer, Keys, NamedKey, Operator, OperatorError, Renewed, verify_log};
use hushtag::storage::{Fault, Image, Storage};
use hushtag::types::{Clock, Days, Timestamp};

const DAY: i64 = 86_400;

fn after(days: i64) -> FixedClock {
    FixedClock(Timestamp::from_seconds(FixedClock::default().0.seconds() + days * DAY))
}

/// A sandbox whose pool has a window of 90 days.
fn init(image: &Image, epsilon: &str, keys: &[HandlerKey; 2]) -> Operator {
    let setup = support::signed_setup(epsilon, &support::lasting_study(), keys);
    let pool = setup.pool.with_window(Days::new(90));
    let setup = setup.with_pool(pool);
    let clock = Box::new(FixedClock::default());
    Operator::init_on(Arc::new(image.clone()), setup, Keys::Given(root_key()), clock)
        .unwrap()
        .without_response_slot()
}

fn open(image: &Image, days: i64) -> Result<Operator, OperatorError> {
    let text = String::from_utf8(image.read("sandbox.toml").unwrap().unwrap()).unwrap();
    let file: toml::Table = toml::from_str(&text).unwrap();
    let keyring = Keyring::open(image, &root_key(), file.get("id").unwrap().as_str().unwrap())?;
    let operator = Operator::open_on(Arc::new(image.clone()), keyring, Box::new(after(days)))?;
    Ok(operator.without_response_slot())
}

fn sign(text: &str, keys: &[&HandlerKey]) -> Vec<String> {
    keys.iter().map(|key| Note::sign(text, *key).unwrap().to_string()).collect()
}

fn draft(operator: &Operator) -> String {
    operator.draft_renewal("the next quarter", None, None).unwrap().to_string()
}

fn ask(operator: &Operator, question: &str) -> Result<Answer, OperatorError> {
    support::analyst(operator).ask(question, None)
}

fn question(number: u32) -> String {
    format!("SELECT COUNT(*) FROM tags WITH (error = {})", 400 + number)
}

/// Asks new questions until the pool is empty; how many were answered.
fn exhaust(operator: &Operator, start: u32) -> u32 {
    let answered = |number: &u32| matches!(ask(operator, &question(*number)).unwrap(), Answer::Released(_));
    let count = (start..start + 400).take_while(answered).count();
    u32::try_from(count).unwrap()
}

fn verified(image: &Image) -> Result<u64, OperatorError> {
    verify_log(image, None, Some(Keys::Given(root_key())), None).map(|verified| verified.renewals)
}

/// The reasons of a refusal, which is in the log.
fn refused(operator: &mut Operator, text: &str, notes: &[String]) -> String {
    let before = operator.status().unwrap();
    let Err(OperatorError::Refused(reasons)) = operator.renew(text, notes) else { panic!("renewed") };
    let now = operator.status().unwrap();
    assert_eq!((now.log_size, &now.totals), (before.log_size + 1, &before.totals), "a refusal is one entry");
    assert!(reasons.iter().all(|reason| reason.rule == "RENEWAL" && !reason.fix.is_empty()));
    reasons.iter().map(|reason| reason.because.as_str()).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_renewed_pool_starts_at_zero_and_forgets_nothing() {
    let (image, keys) = (Image::new(), handlers(40));
    let operator = init(&image, "0.2", &keys);
    operator.seal(&support::terms("e1"), support::sources(&support::population(300, 1))).unwrap();
    let answered = exhaust(&operator, 0);
    assert!(answered > 3, "{answered}");
    let before = operator.status().unwrap();
    drop(operator);

    let operator = open(&image, 90).unwrap();
    let text =
        operator.draft_renewal("the next quarter", Some("0.1".parse().unwrap()), Days::new(30)).unwrap();
    let text = text.to_string();
    let Renewed { number, limit, next, entry, .. } =
        operator.renew(&text, &sign(&text, &[&keys[0], &keys[1]])).unwrap();
    assert_eq!((number, next, entry), (1, after(120).now(), before.log_size));
    assert!(limit < before.pool.limit);
    let now = operator.status().unwrap();
    assert_eq!(
        (now.pool.limit, now.pool.opened_at, now.pool.window_days),
        (limit, after(90).now(), Some(30))
    );
    assert_eq!((now.totals.pool, now.totals.renewals), (0, 1));
    assert!(
        now.totals.studies.is_empty() && now.totals.recipients.is_empty(),
        "shares start again with the pool"
    );
    assert_eq!(now.totals.lifetime, before.totals.lifetime);

    // What was answered before is given for nothing; what is new is charged to the new pool, and counts for all time.
    let Answer::Released(old) = ask(&operator, &question(0)).unwrap() else { panic!("refused") };
    assert!(old.stored && old.budget.spent == 0 && old.budget.lifetime == before.totals.lifetime);
    let more = exhaust(&operator, 400);
    assert!(more > 0 && more < answered, "{more} of {answered}");
    let after = operator.status().unwrap();
    assert_eq!(after.totals.lifetime, before.totals.lifetime + after.totals.pool);
    drop(operator);
    assert_eq!(open(&image, 91).unwrap().status().unwrap().totals, after.totals);
    assert_eq!(verified(&image).unwrap(), 1);
}

#[test]
fn each_text_renews_once_and_in_turn() {
    let (image, keys) = (Image::new(), handlers(40));
    drop(init(&image, "1", &keys));
    let mut operator = open(&image, 90).unwrap();
    let both = [&keys[0], &keys[1]];
    let (one, other) = (draft(&operator), operator.draft_renewal("another", None, None).unwrap().to_string());
    operator.renew(&one, &sign(&one, &both)).unwrap();
    for text in [&one, &other] {
        let message = refused(&mut operator, text, &sign(text, &both));
        assert!(message.contains("has number 1, and the next renewal has number 2"), "{message}");
    }
    let second = draft(&operator);
    let message = refused(&mut operator, &second, &sign(&second, &both));
    assert!(message.ends_with("the window of the present pool is not over"), "{message}");
    drop(operator);
    let mut operator = open(&image, 180).unwrap();
    assert_eq!(operator.renew(&second, &sign(&second, &both)).unwrap().number, 2);
    let skipped = RenewalText { number: 4, ..RenewalText::parse(&draft(&operator)).unwrap() }.to_string();
    let message = refused(&mut operator, &skipped, &sign(&skipped, &both));
    assert!(message.contains("next renewal has number 3"), "{message}");
    drop(operator);
    assert_eq!(verified(&image).unwrap(), 2);
}

#[test]
fn no_one_renews_without_every_handler_nor_with_another_text() {
    let (image, keys) = (Image::new(), handlers(40));
    drop(init(&image, "1", &keys));
    let stranger = handlers(90);
    let mut operator = open(&image, 90).unwrap();
    let text = draft(&operator);
    let parsed = RenewalText::parse(&text).unwrap();
    let both = [&keys[0], &keys[1]];
    let changed = [
        (
            RenewalText { accounting: Accounting::Pure, ..parsed.clone() },
            "it counts otherwise than this pool",
        ),
        (
            RenewalText { sandbox: "0000000000000000".into(), ..parsed.clone() },
            "for sandbox `0000000000000000`",
        ),
        (RenewalText { log_root: [1; 32], ..parsed.clone() }, "the log did not have the head"),
        (RenewalText { log_size: parsed.log_size + 9, ..parsed }, "the log did not have the head"),
    ];
    for (changed, why) in changed {
        let changed = changed.to_string();
        let message = refused(&mut operator, &changed, &sign(&changed, &both));
        assert!(message.contains(why), "{message}");
        // Signatures over one text are none over another.
        let message = refused(&mut operator, &changed, &sign(&text, &both));
        assert!(message.contains("the entry does not say what the signed text says"), "{message}");
    }
    for keys in [&[&keys[0]][..], &[&keys[0], &stranger[1]], &[&stranger[0], &stranger[1]]] {
        let message = refused(&mut operator, &text, &sign(&text, keys));
        assert!(message.contains("handler `payment-platform` has not signed"), "{message}");
    }
    refused(&mut operator, &text, &[]);
    refused(&mut operator, &text, &["no note".into()]);
    assert!(matches!(operator.renew("no text", &[]), Err(OperatorError::Invalid(_))));
    // A handle of an analyst does not block it.
    let _analyst = support::analyst(&operator);
    assert_eq!(operator.renew(&text, &sign(&text, &both)).unwrap().number, 1);
    drop(operator);
    assert_eq!(verified(&image).unwrap(), 1);
}

#[test]
fn a_pool_without_a_window_or_without_keys_is_never_renewed() {
    let (image, keys) = (Image::new(), handlers(40));
    drop(init(&image, "1", &keys));
    let text = RenewalText::parse(&draft(&open(&image, 0).unwrap())).unwrap();
    let mut early = open(&image, 89).unwrap();
    let message = refused(&mut early, &text.to_string(), &sign(&text.to_string(), &[&keys[0], &keys[1]]));
    assert!(message.contains("is not over"), "{message}");

    // No window and no keys: `init` without either.
    let plain = Image::new();
    let mut operator = support::init(Arc::new(plain.clone()), "1").unwrap();
    assert!(matches!(operator.draft_renewal("x", None, Days::new(1)), Err(OperatorError::Invalid(_))));
    let text = RenewalText { sandbox: operator.status().unwrap().sandbox, ..text }.to_string();
    let message = refused(&mut operator, &text, &sign(&text, &[&keys[0], &keys[1]]));
    assert!(message.contains("made without a window") && message.contains("no one can sign"), "{message}");
}

/// Every durable step of a renewal with every way to fail: after opening, the pool is the old one or the new one, the books
/// agree, and the same text renews exactly if it did not.
#[test]
fn a_stop_at_any_step_leaves_the_old_pool_or_the_new_one() {
    let (base, keys) = (Image::new(), handlers(40));
    drop(init(&base, "1", &keys));
    let text = draft(&open(&base, 90).unwrap());
    let notes = sign(&text, &[&keys[0], &keys[1]]);
    let (mut old, mut new) = (0, 0);
    for fault in [Fault::Error, Fault::TornWrite, Fault::LostSync, Fault::FullDisk] {
        for step in 1.. {
            let image = base.crash();
            let operator = open(&image, 90).unwrap();
            image.fail_at(image.operations() + step, fault);
            let done = operator.renew(&text, &notes).is_ok();
            drop(operator);
            let survived = image.crash();
            let operator = open(&survived, 91).unwrap();
            let renewals = operator.status().unwrap().totals.renewals;
            assert!(renewals == 1 || !done, "a renewal that was acknowledged is lost at step {step}");
            if renewals == 0 {
                old += 1;
                assert_eq!(operator.renew(&text, &notes).unwrap().number, 1);
            } else {
                new += 1;
                assert!(matches!(operator.renew(&text, &notes), Err(OperatorError::Refused(_))));
            }
            drop(operator);
            assert_eq!(verified(&survived).unwrap(), 1);
            if done {
                break;
            }
        }
    }
    assert!(old > 8 && new > 8, "{old} stops before the entry, {new} after it");
}

/// The operator has the log's key and can write what it likes into the log, but not a handler's signature.
#[test]
fn a_renewal_that_the_operator_logs_alone_renews_nothing_and_is_found() {
    let (image, keys) = (Image::new(), handlers(40));
    drop(init(&image, "1", &keys));
    let status = open(&image, 90).unwrap().status().unwrap();
    let text = RenewalText::parse(&draft(&open(&image, 90).unwrap())).unwrap();
    let stranger = handlers(90);
    for (signers, days, holds) in [
        ([&keys[0], &stranger[1]], 90, false),
        ([&keys[0], &keys[1]], 89, false),
        ([&keys[0], &keys[1]], 90, true),
    ] {
        let image = image.crash();
        let [first, second] = signers;
        let note = Note::sign(&text.to_string(), first).unwrap().signed_by(second).unwrap();
        let keyring = Keyring::open(&image, &root_key(), &status.sandbox).unwrap();
        let key = SigningKey::load(&image, &keyring).unwrap();
        let signer = NamedKey { name: format!("hushtag/{}", status.sandbox), key };
        let vkey: VerifierKey = status.vkey.clone();
        let mut log = Log::open(Arc::new(image.clone()), &vkey).unwrap();
        let (at, body) = (after(days).now(), text.entry_body(&note));
        let _recorded =
            log.append(&Entry { kind: Kind::Renew, at, ledger_seq: None, body }, &signer).unwrap();
        assert_eq!(verified(&image).is_ok(), holds, "{:?}", verified(&image));
        // Whether the window was over is for verify to say; without a signature nothing opens.
        assert_eq!(open(&image, 91).is_ok(), days == 89 || holds);
    }
}

/// One book put back to before the renewal, under the other one of after it.
#[test]
fn one_book_from_before_the_renewal_is_found() {
    let (image, keys) = (Image::new(), handlers(40));
    let operator = init(&image, "1", &keys);
    operator.seal(&support::terms("e1"), support::sources(&support::population(300, 1))).unwrap();
    drop(operator);
    let before = image.crash();
    let operator = open(&image, 90).unwrap();
    let text = draft(&operator);
    operator.renew(&text, &sign(&text, &[&keys[0], &keys[1]])).unwrap();
    assert!(matches!(ask(&operator, &question(1)).unwrap(), Answer::Released(_)));
    drop(operator);
    let ledger = |image: &Image| image.read("ledger.redb").unwrap().unwrap();
    let replaced = image.crash();
    replaced.write("ledger.redb", &ledger(&before)).unwrap();
    assert!(open(&replaced, 91).is_err_and(|error| error.is_damage()));
    assert!(verified(&replaced).is_err());
    // The log of before under the ledger of after.
    before.write("ledger.redb", &ledger(&image)).unwrap();
    assert!(open(&before, 91).is_err_and(|error| error.is_damage()));
    assert!(verified(&before).is_err());
}
