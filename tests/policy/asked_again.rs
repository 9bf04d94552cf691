//! A query that is asked again is decided on again: what was prepared for its text is of no use once a document has expired or another
//! text of the study is in force.

use std::sync::Arc;

use hushtag::storage::Image;
use hushtag::types::Days;
use hushtag::{Answer, Keys, Operator, Query, StudySource};

use crate::support::{
    self, CHEAP, FixedClock, MovingClock, STUDY, analyst, changed_study, population, sources, terms,
};

fn open(text: &str, clock: &MovingClock) -> Operator {
    let setup = support::setup("8").with_studies(vec![StudySource::new("study.toml", text.to_owned())]);
    let options = Operator::options(Keys::Given(support::root_key()));
    let options = options.with_clock(clock.clone()).without_response_slot();
    let operator = options.init_on(Arc::new(Image::new()), setup).unwrap();
    operator.seal(&terms("e1"), sources(&population(20, 1))).unwrap();
    operator
}

/// Asks in SQL and as a built query, which are prepared in different ways and must not differ.
fn ask(operator: &Operator) -> Answer {
    let built = Query::count().by("spend_tier");
    let by_text = analyst(operator).ask(CHEAP, None).unwrap();
    let by_query = analyst(operator).ask_query(&built, None).unwrap();
    match (&by_text, &by_query) {
        (Answer::Released(text), Answer::Released(query)) => assert_eq!(text.rows, query.rows),
        (Answer::Refused(text), Answer::Refused(query)) => assert_eq!(text, query),
        _ => panic!("{by_text:?} and {by_query:?}"),
    }
    by_text
}

#[test]
fn a_stored_answer_is_refused_in_the_second_in_which_a_document_expires() {
    let expires = "2026-10-20";
    let text = STUDY.replacen("2027-09-01", expires, 1);
    let clock = MovingClock::default();
    let operator = open(&text, &clock);
    assert!(matches!(ask(&operator), Answer::Released(_)));
    let midnight = hushtag::Timestamp::parse(&format!("{expires}T00:00:00Z")).unwrap();
    let second = |number: i64| hushtag::Timestamp::from_seconds(midnight.seconds() + number);
    let mut refused_from = None;
    for number in (-2 * 86_400..=2 * 86_400).step_by(43_200).flat_map(|at| [at - 1, at]) {
        clock.set(second(number));
        let refused = match ask(&operator) {
            Answer::Released(answer) => {
                assert!(answer.stored);
                false
            }
            Answer::Refused(reasons) => {
                assert!(reasons.iter().all(|reason| !reason.article.is_empty()), "{reasons:?}");
                true
            }
        };
        assert!(refused || refused_from.is_none(), "answered after a refusal, at {number}");
        if refused {
            refused_from.get_or_insert(number);
        }
    }
    assert_eq!(refused_from.map(|at| at % 43_200), Some(0), "{refused_from:?}");
}

#[test]
fn another_text_of_the_study_has_its_own_prices_at_once() {
    let clock = MovingClock::default();
    let operator = open(STUDY, &clock);
    let Answer::Released(before) = ask(&operator) else { panic!("refused") };
    assert!(operator.adopt(&StudySource::new("study.toml", changed_study())).unwrap().changed);
    clock.set(FixedClock::default().0.saturating_add(Days::new(1).unwrap()));
    operator.seal(&terms("e2"), sources(&population(20, 2))).unwrap();
    let cost = analyst(&operator).forecast(CHEAP).unwrap().cost;
    let Answer::Released(after) = ask(&operator) else { panic!("refused") };
    assert_eq!((after.epoch.as_str(), after.stored, after.units), ("e2", false, cost));
    assert_ne!(after.units, before.units);
}
