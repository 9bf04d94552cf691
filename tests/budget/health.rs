//! A sandbox says whether it can answer and what to do where it cannot, in types that a service maps and serialises; nothing in it
//! depends on people.

use std::sync::Arc;
use std::time::Duration;

use hushtag::operator::{
    Action, Answer, Cause, ErrorKind, Health, Keys, Operator, PoolTerms, Reader, StudySource,
};
use hushtag::storage::Image;
use hushtag::types::{Days, NanoEpsilon, RecipientId, Timestamp};

use crate::support::{
    self, CHEAP, FixedClock, MovingClock, RECIPIENT, STUDY, analyst, population, sources, terms,
};

fn causes(health: &Health) -> Vec<(&Cause, Action)> {
    assert_eq!(health.answers, health.obstacles.is_empty());
    health.obstacles.iter().map(|obstacle| (&obstacle.cause, obstacle.action)).collect()
}

#[test]
fn before_a_seal_after_it_and_when_its_epoch_is_over() {
    let (image, clock) = (Image::new(), MovingClock::default());
    let keys = Keys::Given(support::root_key());
    let options = Operator::options(keys).with_clock(clock.clone()).without_response_slot();
    let operator = options.init_on(Arc::new(image), support::setup("8")).unwrap();
    assert_eq!(causes(&operator.health()), [(&Cause::NothingSealed, Action::Seal)]);
    assert_eq!(causes(&analyst(&operator).health()), [(&Cause::NothingSealed, Action::Seal)]);
    operator.seal(&terms("e1"), sources(&population(20, 1))).unwrap();
    assert!(operator.health().answers && analyst(&operator).health().answers);
    clock.set(FixedClock::default().0.saturating_add(Days::new(90).unwrap()));
    let over = analyst(&operator).health();
    assert!(
        matches!(causes(&over).as_slice(), [(Cause::EpochOver { epoch, reasons }, Action::Seal)] if epoch.as_str() == "e1" && !reasons.is_empty()),
        "{over:?}"
    );
    let json = serde_json::to_value(&over).unwrap();
    assert_eq!(
        (&json["answers"], &json["obstacles"][0]["cause"]["is"]),
        (&false.into(), &"epoch-over".into())
    );
    assert_eq!(json["obstacles"][0]["action"], "seal");
}

#[test]
fn a_spent_budget_names_the_instant_of_its_renewal() {
    let image = Image::new();
    let keys = Keys::Given(support::root_key());
    let pool = PoolTerms::new(NanoEpsilon::parse("0.000000002").unwrap()).with_window(Days::new(30));
    let text = STUDY.replacen("default_error = ", "default_error = 900000", 1);
    let setup = support::setup("1").with_pool(pool).with_studies(vec![StudySource::new("study.toml", text)]);
    let options = Operator::options(keys).with_clock(FixedClock::default()).without_response_slot();
    let operator = options.init_on(Arc::new(image), setup).unwrap();
    operator.seal(&terms("e1"), sources(&population(20, 1))).unwrap();
    let analyst = analyst(&operator);
    let mut error = 2_000_000_000_u64;
    while operator.health().answers {
        let asked = analyst.ask(&format!("{CHEAP} WITH (error = {error})"), None).unwrap();
        assert!(matches!(asked, Answer::Released(_)), "{asked:?}");
        error += 1;
    }
    let at = FixedClock::default().0.saturating_add(Days::new(30).unwrap());
    assert_eq!(
        causes(&operator.health()),
        [(&Cause::BudgetSpent { renewable_from: Some(at) }, Action::Renew)]
    );
}

/// Guards that damage and a missing signing key are obstacles, not panics or silence, beside the writer too, and that nothing is written.
#[test]
fn damage_is_an_obstacle() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    let clock = || Box::new(FixedClock::default());
    let operator = Operator::init(&dir, support::setup("8"), Keys::InFolder, clock()).unwrap();
    operator.seal(&terms("e1"), sources(&population(20, 1))).unwrap();
    let reader = Reader::open(&dir, Keys::InFolder, clock()).unwrap();
    assert!(reader.health().answers, "{:?}", reader.health());
    std::fs::rename(dir.join("epochs/e1"), home.path().join("e1")).unwrap();
    let health = operator.health();
    assert!(
        matches!(
            causes(&health).as_slice(),
            [(Cause::Unusable { kind: ErrorKind::Damaged, .. }, Action::Restore)]
        ),
        "{health:?}"
    );
    std::fs::rename(home.path().join("e1"), dir.join("epochs/e1")).unwrap();
    assert!(operator.health().answers);
    drop(operator);
    std::fs::remove_file(dir.join("keys/sign.key")).unwrap();
    let reader = Reader::open(&dir, Keys::InFolder, clock()).unwrap();
    let health = reader.health();
    assert!(
        matches!(
            causes(&health).as_slice(),
            [(Cause::Unusable { kind: ErrorKind::Damaged, .. }, Action::Restore)]
        ),
        "{health:?}"
    );
    let opened = Operator::options(Keys::InFolder).with_wait(Duration::ZERO).open(&dir);
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Damaged);
}

/// Guards that handles show who they are and no key, that closures are clocks and key providers, and that what is released is JSON.
#[test]
fn handles_are_shown_without_secrets_and_answers_are_json() {
    let image = Arc::new(Image::new());
    let root = "5a".repeat(32);
    let given = root.clone();
    let keys = Keys::from_provider(move |_: &str| hushtag::keys::RootKey::from_hex(&given, "a test"));
    let now = FixedClock::default().0;
    let options = Operator::options(keys).with_clock(move || -> Timestamp { now }).without_response_slot();
    let shown = format!("{options:?}");
    let operator = options.init_on(image, support::setup("8")).unwrap();
    operator.seal(&terms("e1"), sources(&population(20, 1))).unwrap();
    let analyst = analyst(&operator);
    let all = [
        shown,
        format!("{operator:?} {analyst:?} {:?} {:?}", operator.consents(), Keys::Given(support::root_key())),
    ];
    for text in &all {
        assert!(!text.contains(&root) && !text.to_lowercase().contains("5a5a"), "{text}");
    }
    assert!(all[1].contains(RECIPIENT));
    let Answer::Released(answer) = analyst.ask(CHEAP, None).unwrap() else { panic!("refused") };
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!((&json["recipient"], &json["epoch"]), (&RECIPIENT.into(), &"e1".into()));
    assert_eq!(json["parts"][0]["mechanism"]["name"], "discrete-gaussian");
    let status = serde_json::to_value(operator.status().unwrap()).unwrap();
    assert_eq!(status["epochs"][0]["sealed_at"], now.to_string());
    assert_eq!(RecipientId::try_from(RECIPIENT).unwrap(), answer.recipient);
}
