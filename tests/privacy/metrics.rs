//! Promise: metrics are formulas over released numbers. A number that several of them use is charged once, a metric costs
//! what its forecast says, and a study whose metrics mean nothing is refused with their place.

use crate::support;
use std::sync::Arc;

use crate::support::{FixedClock, STUDY};
use hushtag::operator::{Analyst, Answer, Keys, Operator, OperatorError, StudySource, check_study};
use hushtag::storage::Image;
use hushtag::types::Timestamp;

const METRICS: &str = r#"
[metrics.payers]
value = "COUNT(*) WHERE spend_tier <> 'none'"
unit = "people"
[metrics.conversion]
ratio = ["COUNT(*) where spend_tier <> 'none'", "COUNT(*)"]
means = "payers of all people"
[metrics.mean_spend]
value = "AVG(spend) WHERE NOT spend_tier = 'none'"
[metrics.by_region]
ratio = ["SUM(spend)", "COUNT(*)"]
by = ["region"]
[metrics.growth]
growth = ["COUNT(*) WHERE audience_size = 'many'", "COUNT(*) WHERE audience_size = 'few'"]
[metrics.gap]
difference = ["payers", "COUNT(*) WHERE spend_tier = 'none'"]
[metrics.value]
product = ["conversion", "mean_spend"]
[metrics.score]
weighted = { conversion = 0.5, growth = -2, gap = 0.001 }
"#;

fn init(study: String, epsilon: &str) -> Result<Operator, OperatorError> {
    let setup = support::setup(epsilon).with_studies(vec![StudySource::new("study.toml", study)]);
    let keys = Keys::Given(support::root_key());
    Operator::init_on(Arc::new(Image::default()), setup, keys, Box::new(FixedClock::default()))
        .map(Operator::without_response_slot)
}

fn sealed(study: String, epsilon: &str) -> Analyst {
    let operator = init(study, epsilon).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(400, 3))).unwrap();
    support::analyst(&operator)
}

/// The released numbers of a question that a metric has asked.
fn released(analyst: &Analyst, number: &str) -> Vec<f64> {
    let Answer::Released(answer) = analyst.ask(&format!("SELECT {number}"), None).unwrap() else {
        panic!("{number} is refused");
    };
    assert!(answer.stored, "{number} was not asked by a metric");
    answer.rows[0].cells.iter().map(|cell| cell.noisy.unwrap() as f64).collect()
}

#[test]
fn metrics_are_computed_from_numbers_that_are_charged_once() {
    // No number may be held back for too few people, whatever the noise: with an answer below `min_people` there is nothing to compare.
    let study = STUDY.replace("min_people = 5", "min_people = 0");
    let analyst = sealed(format!("{study}{METRICS}"), "1000");
    let forecast = analyst.forecast_metrics().unwrap();
    let questions: Vec<&str> = forecast.questions.iter().map(|question| question.question.as_str()).collect();
    assert_eq!(
        questions,
        [
            "SELECT COUNT(*), SUM(spend) FROM tags WHERE spend_tier <> 'none' WITH (error = 20, error(spend) = 2000000)",
            "SELECT COUNT(*) FROM tags WITH (error = 20)",
            "SELECT region, COUNT(*), SUM(spend) FROM tags GROUP BY region WITH (error = 20, error(spend) = 2000000)",
            "SELECT COUNT(*) FROM tags WHERE audience_size = 'many' WITH (error = 20)",
            "SELECT COUNT(*) FROM tags WHERE audience_size = 'few' WITH (error = 20)",
            "SELECT COUNT(*) FROM tags WHERE spend_tier = 'none' WITH (error = 20)",
        ]
    );
    let metrics = analyst.metrics(None).unwrap();
    assert_eq!(metrics.units(), forecast.cost());
    assert_eq!(analyst.remaining().unwrap().spent, forecast.cost());
    let again = analyst.metrics(None).unwrap();
    assert_eq!(
        (again.units(), analyst.remaining().unwrap().spent),
        (0, forecast.cost()),
        "stored answers are free"
    );

    let one = |number: &str| released(&analyst, &format!("COUNT(*) FROM tags{number}"))[0];
    let own = released(&analyst, "COUNT(*), SUM(spend) FROM tags WHERE spend_tier <> 'none'");
    let [payers, spend] = own.as_slice() else { panic!("{own:?}") };
    let (none, all) = (one(" WHERE spend_tier = 'none'"), one(""));
    let (many, few) = (one(" WHERE audience_size = 'many'"), one(" WHERE audience_size = 'few'"));
    let (conversion, growth, gap) = (payers / all, many / few - 1.0, payers - none);
    let expected = [
        ("payers", *payers),
        ("conversion", conversion),
        ("mean_spend", spend / payers),
        ("growth", growth),
        ("gap", gap),
        ("value", conversion * spend / payers),
        ("score", 0.5 * conversion - 2.0 * growth + 0.001 * gap),
    ];
    for (name, value) in expected {
        let metric = metrics.metrics.iter().find(|metric| metric.name == name).unwrap();
        let rows = metric.outcome.as_ref().unwrap();
        let [row] = rows.as_slice() else { panic!("{name} is one number") };
        let found = row.estimate.unwrap();
        assert!((found.value.unwrap() - value).abs() <= value.abs() * 1e-9, "{name}: {found:?}, not {value}");
        assert!(found.low.unwrap() < value && value < found.high.unwrap(), "{name}: {found:?}");
    }
    let regions = metrics.metrics.iter().find(|metric| metric.name == "by_region").unwrap();
    assert_eq!(regions.outcome.as_ref().unwrap().len(), 5);
}

#[test]
fn a_metric_with_its_own_error_pays_for_it() {
    let own = METRICS.replace("[metrics.conversion]\n", "[metrics.conversion]\nerror = 10\n");
    let own = own.replace("[metrics.by_region]\n", "[metrics.by_region]\nerror_of = { spend = 500_000 }\n");
    let analyst = sealed(format!("{STUDY}{own}"), "1000");
    let forecast = analyst.forecast_metrics().unwrap();
    let question = |index: usize| forecast.questions[index].question.as_str();
    // The numbers that two metrics share take the smaller error.
    assert!(question(0).ends_with("WITH (error = 10, error(spend) = 2000000)"), "{}", question(0));
    assert!(question(1).ends_with("WITH (error = 10)") && question(2).contains("error(spend) = 500000"));
    assert!(question(2).contains("error = 20"));
}

#[test]
fn what_a_budget_refuses_is_reported_and_the_rest_is_answered() {
    let analyst = sealed(format!("{STUDY}{METRICS}"), "2.2");
    let metrics = analyst.metrics(None).unwrap();
    let refused: Vec<&str> =
        metrics.metrics.iter().filter(|metric| metric.outcome.is_err()).map(|m| m.name.as_str()).collect();
    assert!(refused.contains(&"score") && !refused.contains(&"conversion"), "{refused:?}");
    let remaining = analyst.remaining().unwrap();
    assert!(remaining.spent <= remaining.limit);
}

#[test]
fn a_recipient_spends_no_more_than_its_share() {
    let study = STUDY.replace("country = \"CN\"", "country = \"CN\"\nepsilon = 0.3");
    let analyst = sealed(study.clone(), "100");
    let before = analyst.remaining().unwrap();
    let (share, spent) = before.recipient.unwrap();
    assert!(share < before.limit && spent == 0 && before.left() == share);
    let ask =
        |error: u64| analyst.ask(&format!("SELECT COUNT(*) FROM tags WITH (error = {error})"), None).unwrap();
    assert!(matches!(ask(200), Answer::Released(_)));
    let Answer::Refused(reasons) = ask(2) else { panic!("the share is passed") };
    assert!(reasons[0].because.starts_with("the share of the recipient has"), "{}", reasons[0].because);
    let after = analyst.remaining().unwrap();
    assert_eq!(after.recipient.unwrap(), (share, after.spent));

    let study = format!("{study}[budget]\nepsilon = 0.2\n");
    let error = init(study, "100").err().unwrap().to_string();
    assert!(error.contains("the share of a recipient is above"), "{error}");
}

/// What replaces `[metrics]`, the line of the error counted from there, and what it says.
const BROKEN: [(&str, usize, &str); 17] = [
    ("[metrics.a]\nratio = [\"COUNT(*)\", \"COUNT(*)\"]", 1, "the same released number"),
    (
        "[metrics.a]\nratio = [\"b\", \"COUNT(*)\"]\n[metrics.b]\nvalue = \"a\"",
        1,
        "`a` is computed from itself",
    ),
    ("[metrics.a]\nvalue = \"a\"", 1, "`a` is computed from itself"),
    ("[metrics.a]\nweighted = { b = 1 }", 2, "unknown metric `b`"),
    ("[metrics.a]\nweighted = {}", 1, "at least one metric"),
    ("[metrics.a]\nvalue = \"COUNT(*)\"\nratio = [\"COUNT(*)\", \"SUM(spend)\"]", 1, "exactly one of"),
    ("[metrics.a]\nunit = \"people\"", 1, "exactly one of"),
    ("[metrics.a]\nratio = [\"COUNT(*)\"]", 2, "length"),
    ("[metrics.a]\nratoi = [\"COUNT(*)\"]", 2, "did you mean `ratio`?"),
    ("[metrics.a]\nvalue = \"COUNT(*) WHERE region = 'eest'\"", 2, "did you mean 'east'?"),
    ("[metrics.a]\nvalue = \"MEDIAN(spend)\"", 2, "write COUNT(*)"),
    ("[metrics.a]\nvalue = \"COUNT(*) WHERE region = 'east' GROUP BY region\"", 2, "write COUNT(*)"),
    ("[metrics.a]\nvalue = \"COUNT(*) FROM tags; DROP\"", 2, "one query"),
    ("[metrics.a]\nvalue = \"COUNT(*)\"\nby = [\"regoin\"]", 2, "did you mean `region`?"),
    ("[metrics.a]\nvalue = \"COUNT(*)\"\nerror = 0", 1, "at least 1"),
    ("[metrics.a]\nvalue = \"b\"\nby = [\"region\"]\n[metrics.b]\nvalue = \"COUNT(*)\"", 1, "differ in `by`"),
    ("[metrics.'A B']\nvalue = \"COUNT(*)\"", 1, "the name of a metric"),
];

#[test]
fn a_study_with_a_metric_that_means_nothing_is_refused_with_its_place() {
    let first = STUDY.lines().count();
    for (metrics, line, says) in BROKEN {
        let study = format!("{STUDY}{metrics}\n");
        let error =
            init(study.clone(), "1").err().unwrap_or_else(|| panic!("accepted: {metrics}")).to_string();
        let place = format!("study.toml:{}:", first + line);
        assert!(
            error.starts_with(&place) && error.contains(says),
            "{metrics}\n{error}\nwants {place} {says}"
        );
        let findings = check_study(
            &StudySource::new("study.toml", study.as_str()),
            Timestamp::parse("2026-10-01T00:00:00Z").unwrap(),
        );
        let found = findings
            .iter()
            .any(|f| ["METRIC", "SYNTAX"].contains(&f.rule.as_str()) && f.message.contains(says));
        assert!(found, "{metrics}: policy check says nothing");
    }
    // Formulas that double at every step.
    let mut bomb = String::from("[metrics.m0]\nvalue = \"COUNT(*)\"\n[metrics.m1]\nvalue = \"SUM(spend)\"\n");
    for step in 2..60 {
        bomb.push_str(&format!("[metrics.m{step}]\nproduct = [\"m{}\", \"m{}\"]\n", step - 1, step - 2));
    }
    let error = init(format!("{STUDY}{bomb}"), "1").err().unwrap().to_string();
    assert!(error.contains("more than 10000 numbers"), "{error}");
}
