//! Promise: an epoch answers for as many hours after its seal as the study says, the same for everybody: then every question is
//! refused, logged and free, by the rule on withdrawals.

use crate::folder;
use crate::support;
use std::sync::Arc;

use crate::folder::Folder;
use crate::support::{CHEAP, FixedClock, MovingClock, SOCIAL, STUDY};
use hushtag::audit::{Entry, Kind, verify_each};
use hushtag::operator::{Answer, Keys, Operator, SealTerms, StudySource};
use hushtag::policy::{Reason, Regime, Study};
use hushtag::storage::Image;
use hushtag::types::{Days, EpochId, Timestamp};

const HOUR: i64 = 3600;

/// A study of the tests with a `max_age`.
fn aged(study: &str, hours: u32) -> String {
    aged_by(study, &format!("{hours}h"))
}

fn aged_by(study: &str, age: &str) -> String {
    let text = study.replacen("min_people = 5", &format!("min_people = 5\nmax_age = \"{age}\""), 1);
    assert_ne!(text, study);
    text
}

fn id(epoch: &str) -> EpochId {
    EpochId::new(epoch).unwrap()
}

fn made(hours: u32) -> (Image, MovingClock, Operator) {
    made_by(&format!("{hours}h"))
}

fn made_by(age: &str) -> (Image, MovingClock, Operator) {
    let (image, clock) = (Image::new(), MovingClock::default());
    let setup = support::setup("8").with_studies(vec![StudySource::new("study.toml", aged_by(STUDY, age))]);
    let keys = Keys::Given(support::root_key());
    let made = Operator::init_on(Arc::new(image.clone()), setup, keys, Box::new(clock.clone()));
    (image, clock, made.unwrap().without_response_slot())
}

/// Hours after the time of [`FixedClock`].
fn after(hours: i64) -> Timestamp {
    Timestamp::from_seconds(FixedClock::default().0.seconds() + hours * HOUR)
}

fn seal(operator: &Operator, epoch: &str, as_of: Timestamp) {
    let terms = SealTerms::new(support::terms(epoch).epoch, as_of);
    operator.seal(&terms, support::sources(&support::population(20, 1))).unwrap();
}

fn epoch_that_answers(
    operator: &Operator,
    question: &str,
    epoch: Option<&str>,
) -> Result<String, Vec<Reason>> {
    match support::analyst(operator).ask(question, epoch.map(id).as_ref()).unwrap() {
        Answer::Released(answer) => Ok(answer.epoch.to_string()),
        Answer::Refused(reasons) => Err(reasons),
    }
}

#[test]
fn a_stale_epoch_refuses_everything_and_charges_nothing() {
    let (image, clock, operator) = made(72);
    seal(&operator, "e1", support::as_of());
    clock.set(Timestamp::from_seconds(after(72).seconds() - 1));
    assert_eq!(epoch_that_answers(&operator, CHEAP, None), Ok("e1".into()));
    let status = operator.status().unwrap().epochs.remove(0);
    assert!(status.answers);
    assert_eq!(status.answers_until.values().collect::<Vec<_>>(), [&after(72)]);
    // The longest time from a withdrawal to its effect: from as-of, eight hours before the seal, until the epoch answers no more; the
    // same whether anybody withdrew or was erased.
    assert_eq!(status.longest_to_stop().values().collect::<Vec<_>>(), [&((72 + 8) * HOUR)]);
    let someone = support::population(20, 1).id(0);
    operator.consents().erase(None, &someone).unwrap();
    assert_eq!(operator.status().unwrap().epochs.remove(0), status);
    let spent = support::analyst(&operator).remaining().unwrap().spent;

    clock.set(after(72));
    for question in [CHEAP, SOCIAL] {
        let reasons = epoch_that_answers(&operator, question, None).unwrap_err();
        let named: Vec<_> = reasons.iter().map(|r| (r.rule.as_str(), r.article.as_str())).collect();
        assert_eq!(named, [("R15", "PIPL 15")], "{reasons:?}");
    }
    assert_eq!(support::analyst(&operator).remaining().unwrap().spent, spent, "a refusal is free");
    assert!(!operator.status().unwrap().epochs.remove(0).answers);
    let mut refused = Vec::new();
    let vkey = operator.status().unwrap().vkey;
    let read = |_: &_, entry: &Entry| {
        refused.extend((entry.kind == Kind::Refuse).then(|| entry.body["rules"].to_string()));
        Ok(())
    };
    verify_each(&image, &vkey, read).unwrap();
    assert_eq!(refused, ["[\"R15\"]", "[\"R15\"]"]);
}

/// The same in minutes: a withdrawal can be out of the answers within the hour.
#[test]
fn an_age_in_minutes_ends_to_the_second() {
    let (_, clock, operator) = made_by("30m");
    seal(&operator, "e1", support::as_of());
    let end = after(0).seconds() + 30 * 60;
    clock.set(Timestamp::from_seconds(end - 1));
    assert_eq!(epoch_that_answers(&operator, CHEAP, None), Ok("e1".into()));
    clock.set(Timestamp::from_seconds(end));
    assert!(epoch_that_answers(&operator, CHEAP, None).is_err());
}

#[test]
fn a_new_seal_answers_also_where_its_as_of_is_older() {
    let (_, clock, operator) = made(72);
    seal(&operator, "newer", support::as_of());
    clock.set(after(71));
    seal(&operator, "older", support::as_of().saturating_sub(Days::ONE));
    assert_eq!(epoch_that_answers(&operator, CHEAP, None), Ok("newer".into()), "the greatest as-of");
    clock.set(after(72));
    assert_eq!(epoch_that_answers(&operator, CHEAP, None), Ok("older".into()), "the one that answers");
    assert!(epoch_that_answers(&operator, CHEAP, Some("newer")).is_err());
}

/// With a retention that is over, too, both rules are named.
#[test]
fn all_reasons_are_named() {
    let (_, clock, operator) = made(72);
    seal(&operator, "e1", support::as_of());
    clock.set(operator.status().unwrap().epochs.remove(0).ends);
    let reasons = epoch_that_answers(&operator, CHEAP, None).unwrap_err();
    let named: Vec<_> = reasons.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!(named, ["R47", "R15"]);
}

#[test]
fn a_longer_age_is_wider_in_a_diff() {
    let regime = Regime::built_in("cn-pipl").unwrap();
    let study = |text: &str| Study::parse("study.toml", text).unwrap();
    let [short, long, none] = [study(&aged(STUDY, 24)), study(&aged(STUDY, 72)), study(STUDY)];
    for (first, second) in [(&short, &long), (&long, &none)] {
        let now = support::as_of();
        let diff = format!("{:?}", Study::compare((first, &regime), (second, &regime), now));
        assert!(diff.contains("oldest epoch that answers"), "{diff}");
    }
}

#[test]
fn the_command_says_it_in_status_forecast_and_check() {
    let folder = Folder::with_study();
    let clock = Box::new(FixedClock::default());
    let studies = vec![StudySource::new("study.toml", aged(&support::lasting_study(), 1))];
    let setup = support::setup("8").with_studies(studies);
    let operator = Operator::init(&folder.path("box"), setup, Keys::InFolder, clock).unwrap();
    let ask = |more: &[&str]| {
        folder.run(&[&["ask", "box", "--recipient", support::RECIPIENT, "--format", "json"], more].concat())
    };
    let unsealed = ask(&["--forecast", CHEAP]);
    assert!(unsealed.code() == Some(0) && unsealed.json()["epoch"].is_null(), "{}", unsealed.stderr());
    // Sealed at the time of the fixed clock, asked by that of the machine.
    seal(&operator, "e1", support::as_of());
    drop(operator);
    let forecast = ask(&["--forecast", CHEAP]);
    assert_eq!(forecast.code(), Some(0), "a forecast is free: {}", forecast.stderr());
    assert_eq!(forecast.json()["epoch"]["closed"][0]["rule"], "R15");
    let text = folder.run(&["ask", "box", "--recipient", support::RECIPIENT, "--forecast", CHEAP]).stdout();
    assert!(text.contains("would be refused now: epoch `e1` is older"), "{text}");
    assert_eq!(ask(&["--forecast", "--epoch", "e2", CHEAP]).code(), Some(2));
    let status = folder.run(&["status", "box", "--format", "json"]).json();
    assert_eq!(status["epochs"][0]["answers"], false);

    folder.write("study.toml", &folder::STUDY.replacen("max_age", "# max_age", 1));
    let checked = folder.run(&["policy", "check", "study.toml"]);
    assert_eq!(checked.code(), Some(4), "{}", checked.stderr());
    assert!(checked.stdout().contains("warning: MAX-AGE (PIPL 15): "), "{}", checked.stdout());
    folder.write("study.toml", &folder::STUDY.replacen("\"72h\"", "\"3d\"", 1));
    let checked = folder.run(&["policy", "check", "study.toml"]);
    assert!(checked.stdout().contains("is not a time between `1m`"), "{}", checked.stdout());
}
