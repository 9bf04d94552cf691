//! Promise: a study takes effect only as every handler signed it, byte for byte, under the regime that they signed it for.

use crate::support;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, HandlerKey, RECIPIENT, STUDY, changed_study, signed};
use hushtag::audit::{Entry, Kind, Log, SignatureFault, verify_each};
use hushtag::keys::{Keyring, SigningKey};
use hushtag::operator::{
    Adoption, Answer, Keys, NamedKey, Operator, OperatorError, Setup, StudySource, check_sandbox, verify_log,
};
use hushtag::storage::{Folder, Image, Storage};
use hushtag::types::{Clock as _, HandlerId, RecipientId, StudyId};

const LAW: &str = include_str!("../../policies/cn-pipl/regime.toml");

/// The two handlers of the study, each with its key.
struct Handlers([HandlerKey; 2]);

fn handler(id: &str) -> HandlerId {
    HandlerId::new(id).unwrap()
}

/// A key that is no one's.
fn stranger(name: &str) -> HandlerKey {
    HandlerKey::new(name, 77)
}

impl Handlers {
    fn new() -> Self {
        Self(support::handlers(1))
    }

    fn both(&self) -> [&HandlerKey; 2] {
        self.0.each_ref()
    }

    fn social(&self) -> &HandlerKey {
        &self.0[0]
    }

    fn payment(&self) -> &HandlerKey {
        &self.0[1]
    }

    fn setup(&self, source: StudySource) -> Setup {
        support::signed_setup("8", STUDY, &self.0).with_studies(vec![source])
    }

    fn pinned(&self) -> Vec<(HandlerId, String)> {
        self.setup(study(STUDY)).handlers
    }

    fn init(&self, storage: &Image) -> Operator {
        init(storage, self.setup(signed(study(STUDY), &self.both()))).unwrap()
    }
}

fn init(storage: &Image, setup: Setup) -> Result<Operator, OperatorError> {
    let keys = Keys::Given(support::root_key());
    Operator::init_on(Arc::new(storage.clone()), setup, keys, Box::new(FixedClock::default()))
        .map(Operator::without_response_slot)
}

fn reopened(storage: &Image) -> Result<Operator, OperatorError> {
    support::open(Arc::new(storage.clone()))
}

fn study(text: &str) -> StudySource {
    StudySource::new("study.toml", text)
}

/// The study under a regime of its own, which is `law`.
fn under(law: &str) -> StudySource {
    let text = STUDY.replacen("\"cn-pipl\"", "\"law.toml\"", 1);
    study(&text).with_regime(law)
}

fn entries(storage: &dyn Storage, operator: &Operator) -> Vec<Entry> {
    let key = operator.status().unwrap().vkey;
    let mut all = Vec::new();
    verify_each(storage, &key, |_, entry| {
        all.push(entry.clone());
        Ok(())
    })
    .unwrap();
    all
}

fn verified(storage: &Image) -> Result<(u64, Option<u64>), OperatorError> {
    let keys = Some(Keys::Given(support::root_key()));
    verify_log(storage, None, keys, None).map(|verified| (verified.studies, verified.approvals))
}

fn damaged<T>(outcome: Result<T, OperatorError>) -> bool {
    outcome.is_err_and(|error| error.is_damage())
}

fn ask(operator: &Operator, question: &str) -> Result<Answer, OperatorError> {
    support::analyst(operator).ask(question, None)
}

fn seal(operator: &Operator, epoch: &str) {
    operator.seal(&support::terms(epoch), support::sources(&support::population(20, 1))).unwrap();
}

/// Every way in which the signatures of a study can be wrong, with the study as it is handed in.
fn wrong(handlers: &Handlers) -> Vec<(String, StudySource)> {
    let good = signed(under(LAW), &handlers.both());
    let stranger = stranger("stranger");
    let in_other_words = |text: String| {
        let mut other = good.clone();
        other.text = text;
        other
    };
    let mut all = vec![
        ("no signatures".into(), under(LAW)),
        ("one handler missing".into(), signed(under(LAW), &[handlers.social()])),
        ("the other missing".into(), signed(under(LAW), &[handlers.payment()])),
        ("a key that is not pinned".into(), signed(under(LAW), &[handlers.social(), &stranger])),
        (
            "a stranger under the name of a handler's key".into(),
            signed(under(LAW), &[handlers.social(), &self::stranger("another-name")]),
        ),
        (
            "the signatures of another study".into(),
            good.clone().with_signatures(signed(study(STUDY), &handlers.both()).signatures.unwrap()),
        ),
        ("one byte more in the study".into(), in_other_words(format!("{} ", good.text))),
        ("one byte more in the regime".into(), good.clone().with_regime(format!("{LAW}\n"))),
        ("a changed price".into(), in_other_words(good.text.replacen("max_reach = 2", "max_reach = 3", 1))),
    ];
    let note = good.signatures.clone().unwrap();
    for place in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[place] ^= 1;
        if let Ok(note) = String::from_utf8(bytes) {
            let what = format!("byte {place} of the note changed");
            all.push((what, good.clone().with_signatures(note)));
        }
    }
    all
}

#[test]
fn a_sandbox_starts_only_with_what_every_handler_signed() {
    let handlers = Handlers::new();
    for (what, source) in wrong(&handlers) {
        let refused = init(&Image::new(), handlers.setup(source));
        assert!(matches!(refused, Err(OperatorError::Approval { .. })), "{what}");
    }
    let image = Image::new();
    let operator = init(&image, handlers.setup(signed(under(LAW), &handlers.both()))).unwrap();
    let all = entries(&image, &operator);
    let kinds: Vec<Kind> = all.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Init, Kind::Approve, Kind::Approve]);
    let (parsed, regime) = under(LAW).parse().unwrap();
    let named = &all[0].body["studies"][0];
    assert_eq!(
        (named["hash"].as_str(), named["regime_hash"].as_str()),
        (Some(&*parsed.hash), Some(regime.hash()))
    );
    let pinned = handlers.pinned();
    for (handler, key) in &pinned {
        let says = |entry: &&Entry| entry.body["handler"] == handler.as_str() && entry.body["vkey"] == **key;
        let one = all.iter().filter(|entry| entry.kind == Kind::Approve).find(says).unwrap();
        assert_eq!(one.body["hash"], *parsed.hash);
    }
    drop(operator);
    assert_eq!(verified(&image).unwrap(), (1, Some(2)));
    assert!(reopened(&image).is_ok());
}

#[test]
fn keys_are_pinned_one_to_each_handler_that_a_study_names() {
    let handlers = Handlers::new();
    let source = signed(study(STUDY), &handlers.both());
    let message = |pinned: Vec<(HandlerId, String)>| {
        let setup = handlers.setup(source.clone()).with_handlers(pinned);
        init(&Image::new(), setup).err().unwrap().to_string()
    };
    let with = |id: &str, vkey: String| [handlers.pinned(), vec![(handler(id), vkey)]].concat();
    assert!(message(with("stranger", stranger("x").vkey())).contains("`stranger`, which no study names"));
    assert!(message(with("social-platform", stranger("x").vkey())).contains("given twice"));
    assert!(
        message(handlers.pinned()[..1].to_vec()).contains("no key is pinned for handler `payment-platform`")
    );
    assert!(message(vec![(handler("social-platform"), "x".into())]).contains("is not a vkey string"));
    // One key under two names, for two handlers.
    let renamed = HandlerKey::new("renamed", 1);
    let twice = vec![handlers.pinned()[0].clone(), (handler("payment-platform"), renamed.vkey())];
    assert!(message(twice).contains("have one key"));
    // A handler signs under whatever name.
    let renamed = signed(study(STUDY), &[&renamed, handlers.payment()]);
    assert!(init(&Image::new(), handlers.setup(renamed)).is_ok());
}

#[test]
fn nothing_is_adopted_that_a_handler_did_not_sign_and_each_refusal_is_logged() {
    let handlers = Handlers::new();
    let image = Image::new();
    let operator = handlers.init(&image);
    let before: Vec<_> = ["sandbox.toml"].map(|place| image.read(place).unwrap()).into();
    let wrong = wrong(&handlers);
    for (what, source) in &wrong {
        let Err(OperatorError::Refused(reasons)) = operator.adopt(source) else { panic!("{what}: adopted") };
        assert!(reasons.iter().all(|reason| reason.rule == "APPROVAL" && !reason.fix.is_empty()), "{what}");
    }
    let refused = entries(&image, &operator).into_iter().filter(|entry| entry.kind == Kind::Refuse);
    let refused: Vec<Entry> = refused.collect();
    assert_eq!(refused.len(), wrong.len());
    assert!(refused.iter().all(|entry| entry.body["act"] == "adopt" && entry.body["rules"][0] == "APPROVAL"));
    let after: Vec<_> = ["sandbox.toml"].map(|place| image.read(place).unwrap()).into();
    assert_eq!(before, after);
    // All reasons at once.
    let Err(OperatorError::Refused(reasons)) =
        operator.adopt(&signed(study(&changed_study()), &[&stranger("x")]))
    else {
        panic!("adopted")
    };
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    drop(operator);
    assert_eq!(verified(&image).unwrap(), (1, Some(2)));
}

#[test]
fn a_changed_study_keeps_what_was_spent_and_its_old_epochs_answer_no_more() {
    let handlers = Handlers::new();
    let image = Image::new();
    let operator = handlers.init(&image);
    seal(&operator, "e1");
    assert!(matches!(ask(&operator, CHEAP).unwrap(), Answer::Released(_)));
    let before = support::analyst(&operator).remaining().unwrap();
    assert!(before.spent > 0);

    let held = support::analyst(&operator);
    let source = signed(study(&changed_study()), &handlers.both());
    let adopted: Adoption = operator.adopt(&source).unwrap();
    assert_eq!((adopted.signed_by.len(), adopted.changed), (2, true));
    assert!(adopted.replaced.is_some());
    let again = operator.adopt(&source).unwrap();
    assert_eq!((again.changed, entries(&image, &operator).len()), (false, 1 + 2 + 1 + 1 + 3));

    assert_eq!(held.remaining().unwrap(), before, "a handle goes on under the new text");
    drop(held);
    let check = |operator: &Operator| {
        assert_eq!(support::analyst(operator).remaining().unwrap(), before, "pool, shares and sums go on");
        for epoch in [None, Some("e1".parse().unwrap())] {
            let refused = support::analyst(operator).ask(CHEAP, epoch.as_ref());
            let message = refused.unwrap_err().to_string();
            assert!(
                message.contains("sealed under another text") && message.contains("seal it again"),
                "{message}"
            );
        }
    };
    check(&operator);
    drop(operator);
    let operator = reopened(&image).unwrap();
    check(&operator);
    seal(&operator, "e2");
    let Answer::Released(answer) = ask(&operator, CHEAP).unwrap() else { panic!("refused") };
    assert!(!answer.stored);
    assert_eq!(verified(&image).unwrap(), (2, Some(4)));

    // A text that was adopted before is signed still: it may come back, and the log says so.
    operator.adopt(&signed(study(STUDY), &handlers.both())).unwrap();
    let last = entries(&image, &operator).pop().unwrap();
    assert_eq!((last.kind, &last.body["replaces"]), (Kind::Adopt, &serde_json::json!(adopted.hash)));
    let Answer::Released(answer) = ask(&operator, CHEAP).unwrap() else { panic!("refused") };
    assert_eq!((answer.stored, answer.epoch.as_str()), (true, "e1"));
    drop(operator);
    assert_eq!(verified(&image).unwrap(), (3, Some(6)));
}

#[test]
fn a_new_study_shares_the_pool_and_no_handler_is_written_out_unasked() {
    let handlers = Handlers::new();
    let image = Image::new();
    let operator = handlers.init(&image);
    let limit = operator.status().unwrap().pool.limit;
    let second = STUDY.replacen("id = \"small\"", "id = \"second\"", 1);
    operator.adopt(&signed(study(&second), &handlers.both())).unwrap();
    let status = operator.status().unwrap();
    assert_eq!((status.pool.limit, status.recipients.len()), (limit, 2));
    // Two studies cannot share an Arrow reader, so nothing is sealed here; both are there after opening.
    drop(operator);
    let operator = reopened(&image).unwrap();
    let recipient = RecipientId::new(RECIPIENT).unwrap();
    assert!(operator.analyst(&recipient, Some(&StudyId::new("second").unwrap())).is_ok());

    // The social platform alone makes itself the only handler: the other one has to have signed that.
    let (before, rest) = STUDY.split_once("[[handlers]]\nid = \"payment-platform\"").unwrap();
    let (_, after) = rest.split_once("[[recipients]]").unwrap();
    let alone =
        format!("{before}[[recipients]]{after}").replace("\"payment-platform\"", "\"social-platform\"");
    let Err(OperatorError::Refused(reasons)) = operator.adopt(&signed(study(&alone), &[handlers.social()]))
    else {
        panic!("adopted")
    };
    assert!(reasons[0].because.contains("`payment-platform` has not signed"), "{reasons:?}");
    assert!(operator.adopt(&signed(study(&alone), &handlers.both())).is_ok());
    // A handler without a pinned key cannot come in later.
    let stranger = stranger("stranger");
    let third = second.replace("payment-platform", "third-party");
    let third = signed(study(&third), &[handlers.social(), handlers.payment(), &stranger]);
    let Err(OperatorError::Refused(reasons)) = operator.adopt(&third) else { panic!("adopted") };
    assert!(reasons[0].because.contains("no key is pinned for handler `third-party`"), "{reasons:?}");
    drop(operator);
    assert_eq!(verified(&image).unwrap(), (3, Some(6)));
}

#[test]
fn the_regime_is_that_of_the_day_of_adoption() {
    let handlers = Handlers::new();
    let image = Image::new();
    let strict = LAW.replacen(
        "campaign-measurement = { class = \"measurement\"",
        "campaign-measurement = { class = \"sale\"",
        1,
    );
    assert!(strict != LAW, "the regime calls the purpose otherwise");
    let operator = init(&image, handlers.setup(signed(under(&strict), &handlers.both()))).unwrap();
    let seal = |operator: &Operator| {
        operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1)))
    };
    assert!(matches!(seal(&operator), Err(OperatorError::Refused(_))), "the regime that was given decides");
    // The same study under another regime: what `policy` names in an answer would be two laws.
    let other = operator.adopt(&signed(under(LAW), &handlers.both()));
    assert!(matches!(&other, Err(OperatorError::Invalid(why)) if why.contains("regime")), "{other:?}");
    let mut next = under(LAW);
    next.text.push_str("# under the regime of next year\n");
    operator.adopt(&signed(next, &handlers.both())).unwrap();
    drop(operator);
    let operator = reopened(&image).unwrap();
    seal(&operator).unwrap();
    assert_eq!(image.list("regimes").unwrap().len(), 2, "the old text stays");
    drop(operator);
    assert_eq!(verified(&image).unwrap(), (2, Some(4)));
}

#[test]
fn swapped_texts_signatures_and_pins_are_found() {
    let handlers = Handlers::new();
    let image = Image::new();
    let operator = handlers.init(&image);
    operator.adopt(&signed(study(&changed_study()), &handlers.both())).unwrap();
    drop(operator);
    let at = |folder: &str, text: &str, end: &str| {
        format!("{folder}/{}.{end}", blake3::hash(text.as_bytes()).to_hex())
    };
    let copy = || image.crash();
    let now = at("studies", &changed_study(), "sig");
    let old = at("studies", STUDY, "sig");
    let other = Handlers(support::handlers(5));
    let strangers = signed(study(&changed_study()), &other.both()).signatures.unwrap();
    let half = signed(study(&changed_study()), &[handlers.social()]).signatures.unwrap();
    let moved = String::from_utf8(image.read(&old).unwrap().unwrap()).unwrap();
    for note in [Some(strangers.as_str()), Some(&half), Some(&moved), Some(""), None] {
        let image = copy();
        note.map_or_else(|| image.remove(&now), |note| image.write(&now, note.as_bytes())).unwrap();
        assert!(damaged(verified(&image)) && damaged(reopened(&image)), "{note:?}");
        // Of a study that is no longer in force, verification alone asks.
        let image = copy();
        note.filter(|note| *note != moved)
            .map_or_else(|| image.remove(&old), |note| image.write(&old, note.as_bytes()))
            .unwrap();
        assert!(damaged(verified(&image)) && reopened(&image).is_ok(), "{note:?}");
    }
    for (place, text) in [
        (at("regimes", LAW, "toml"), format!("{LAW}\n")),
        (at("regimes", LAW, "toml"), LAW.replacen("consent", "contract", 1)),
        (at("studies", &changed_study(), "toml"), STUDY.to_owned()),
    ] {
        let image = copy();
        image.write(&place, text.as_bytes()).unwrap();
        assert!(damaged(verified(&image)) && damaged(reopened(&image)), "{place}");
    }
    let file = String::from_utf8(image.read("sandbox.toml").unwrap().unwrap()).unwrap();
    for (what, text) in [
        ("pins of strangers", file.replace(&handlers.social().vkey(), &other.social().vkey())),
        ("no approval", file.replace("approval = \"signatures\"", "approval = \"none\"")),
        ("an entry that adopts nothing", file.replace("entry = 5", "entry = 4")),
        ("an entry that is not there", file.replace("entry = 5", "entry = 6")),
    ] {
        assert_ne!(text, file, "{what}");
        let image = copy();
        image.write("sandbox.toml", text.as_bytes()).unwrap();
        assert!(damaged(verified(&image)) && damaged(reopened(&image)), "{what}");
    }
    // Put back to the study that was replaced: signed and logged, and for verification to find.
    let first = file
        .replace("entry = 5", "entry = 0")
        .replace(&*study(&changed_study()).parse().unwrap().0.hash, &study(STUDY).parse().unwrap().0.hash);
    let image = copy();
    image.write("sandbox.toml", first.as_bytes()).unwrap();
    assert!(damaged(verified(&image)) && reopened(&image).is_ok());
}

#[test]
fn anyone_who_writes_files_puts_no_unsigned_study_in_force() {
    let handlers = Handlers::new();
    let image = Image::new();
    drop(handlers.init(&image));
    // Study, signatures by other keys, and everything that sandbox.toml says.
    let forger = Handlers(support::handlers(5));
    let forged = signed(study(&changed_study()), &forger.both());
    let hash = forged.parse().unwrap().0.hash;
    let file = String::from_utf8(image.read("sandbox.toml").unwrap().unwrap()).unwrap();
    let file = file.replace(&*study(STUDY).parse().unwrap().0.hash, &hash);
    let name = hash.trim_start_matches("blake3:");
    image.write(&format!("studies/{name}.toml"), forged.text.as_bytes()).unwrap();
    image.write(&format!("studies/{name}.sig"), forged.signatures.unwrap().as_bytes()).unwrap();
    for place in ["sandbox.toml", "sandbox.toml.new"] {
        let image = image.crash();
        let file =
            if place == "sandbox.toml" { file.clone() } else { file.replace("entry = 0", "entry = 1") };
        image.write(place, file.as_bytes()).unwrap();
        let opened = reopened(&image);
        if place == "sandbox.toml" {
            assert!(damaged(opened));
        } else {
            assert_eq!(image.read(place).unwrap(), None, "an adoption that is not logged is undone");
            let remaining = support::analyst(&opened.unwrap()).forecast(CHEAP).unwrap();
            let honest = handlers.init(&Image::new());
            assert_eq!(remaining.cost, support::analyst(&honest).forecast(CHEAP).unwrap().cost);
        }
    }
}

#[test]
fn without_approval_a_study_is_adopted_as_it_is_and_the_check_says_so() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let clock = || Box::new(FixedClock::default());
    let keys = || Keys::Given(support::root_key());
    let operator = Operator::init(&dir, support::setup("8"), keys(), clock()).unwrap();
    let adopted = operator.adopt(&study(&changed_study())).unwrap();
    assert!(adopted.changed && adopted.signed_by.is_empty());
    assert!(!operator.price_notes(None).unwrap().iter().any(|note| note.contains("`absent`")));
    drop(operator);
    let findings = check_sandbox(&dir, FixedClock::default().now()).unwrap();
    assert!(findings.iter().any(|finding| finding.rule == "APPROVAL"), "{findings:?}");
    let verified = verify_log(&Folder::open(&dir).unwrap(), None, Some(keys()), None).unwrap();
    assert_eq!((verified.studies, verified.approvals), (2, None));

    let handlers = Handlers::new();
    let setup = handlers.setup(signed(study(STUDY), &handlers.both()));
    let signed_dir = place.path().join("signed");
    drop(Operator::init(&signed_dir, setup, keys(), clock()).unwrap());
    let findings = check_sandbox(&signed_dir, FixedClock::default().now()).unwrap();
    assert!(!findings.iter().any(|finding| finding.rule == "APPROVAL"), "{findings:?}");
}

#[test]
fn an_adoption_waits_for_another_writer() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("box");
    let handlers = Handlers::new();
    let setup = handlers.setup(signed(study(STUDY), &handlers.both()));
    let open = |wait| {
        let keys = Keys::Given(support::root_key());
        Operator::open(&dir, keys, Box::new(FixedClock::default()), wait)
    };
    let keys = Keys::Given(support::root_key());
    let first = Operator::init(&dir, setup, keys, Box::new(FixedClock::default())).unwrap();
    assert!(matches!(open(Duration::ZERO), Err(OperatorError::Lock(_))));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let operator = open(Duration::from_secs(20)).unwrap();
            operator.adopt(&signed(study(&changed_study()), &handlers.both())).unwrap().changed
        });
        std::thread::sleep(Duration::from_millis(100));
        seal(&first, "e1");
        drop(first);
        assert!(second.join().unwrap());
    });
    let operator = open(Duration::ZERO).unwrap();
    assert_eq!(operator.status().unwrap().epochs.len(), 1);
    assert!(matches!(ask(&operator, CHEAP), Err(OperatorError::OtherText { .. })));
}

/// The operator has the log's key and can write what it likes into the log, but not a handler's signature.
#[test]
fn an_operator_who_logs_an_adoption_that_was_not_signed_is_found() {
    let handlers = Handlers::new();
    let image = Image::new();
    let operator = handlers.init(&image);
    operator.adopt(&signed(study(&changed_study()), &handlers.both())).unwrap();
    let status = operator.status().unwrap();
    drop(operator);
    let append = |image: &Image, kind: Kind, body: serde_json::Value| {
        let keyring = Keyring::open(image, &support::root_key(), &status.sandbox).unwrap();
        let key = SigningKey::load(image, &keyring).unwrap();
        let signer = NamedKey { name: format!("hushtag/{}", status.sandbox), key };
        let mut log = Log::open(Arc::new(image.clone()), &status.vkey).unwrap();
        let serde_json::Value::Object(body) = body else { panic!("no object") };
        let at = FixedClock::default().now();
        log.append(&Entry { kind, at, ledger_seq: None, body }, &signer).unwrap().index()
    };
    let file = String::from_utf8(image.read("sandbox.toml").unwrap().unwrap()).unwrap();
    let second = STUDY.replacen("id = \"small\"", "id = \"second\"", 1);
    for (what, source, holds) in [
        ("signed, and no word that the handlers approved", signed(study(&second), &handlers.both()), false),
        ("signed by one", signed(study(&second), &[handlers.social()]), false),
        ("signed and approved", signed(study(&second), &handlers.both()), true),
    ] {
        let image = image.crash();
        let (parsed, regime) = source.parse().unwrap();
        let name = parsed.hash.trim_start_matches("blake3:");
        image.write(&format!("studies/{name}.toml"), source.text.as_bytes()).unwrap();
        image.write(&format!("studies/{name}.sig"), source.signatures.unwrap().as_bytes()).unwrap();
        if what != "signed, and no word that the handlers approved" {
            for (handler, vkey) in handlers.pinned() {
                let body = serde_json::json!({
                    "study": "second", "hash": parsed.hash, "regime_hash": regime.hash(), "handler": handler, "vkey": vkey,
                });
                append(&image, Kind::Approve, body);
            }
        }
        let named = serde_json::json!({
            "id": "second", "hash": parsed.hash, "regime": "cn-pipl", "regime_hash": regime.hash(),
        });
        let index = append(
            &image,
            Kind::Adopt,
            serde_json::json!({ "study": "second", "adopted": named, "approval": "signatures" }),
        );
        let entry = format!(
            "[[studies]]\nid = \"second\"\nhash = \"{}\"\nregime = \"cn-pipl\"\nregime_hash = \"{}\"\nentry = {index}\n\n[[handlers]]",
            parsed.hash,
            regime.hash()
        );
        image.write("sandbox.toml", file.replacen("[[handlers]]", &entry, 1).as_bytes()).unwrap();
        assert_eq!(verified(&image).is_ok(), holds, "{what}: {:?}", verified(&image));
        assert_eq!(reopened(&image).is_ok(), what != "signed by one", "{what}");
    }
}

/// The faults that are distinguished say what is wrong in their own words.
#[test]
fn a_refusal_names_the_handler_and_what_would_fix_it() {
    let handlers = Handlers::new();
    let source = signed(study(STUDY), &[handlers.social()]);
    let Err(OperatorError::Approval { study, faults }) = init(&Image::new(), handlers.setup(source)) else {
        panic!("made")
    };
    assert_eq!(
        (study.as_str(), faults),
        ("small", vec![SignatureFault::Unsigned { handler: handler("payment-platform") }.into()])
    );
}
