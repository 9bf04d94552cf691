//! Promise: the study of social commerce answers every one of its metrics within its budget of epsilon 4, what was planted
//! in its made-up people is found again, and its README says each metric as the study does.
#![cfg(test)]

pub mod folder;
pub mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatchReader;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampSecondType};
use hushtag::engine::{Input, Sources};
use hushtag::operator::{Analyst, Keys, MetricAnswer, MetricRow, Operator, Setup, StudySource, check_study};
use hushtag::population::{PopulationConfig, SocialCommerce};
use hushtag::storage::Image;
use hushtag::types::RecipientId;
use support::FixedClock;

const STUDY: &str = include_str!("../policies/social-commerce/study.toml");
const README: &str = include_str!("../policies/social-commerce/README.md");
const DAY: i64 = 86_400;

fn people() -> SocialCommerce {
    SocialCommerce::new(PopulationConfig { people: 8_000, ..SocialCommerce::config() }).unwrap()
}

fn sources(people: &SocialCommerce) -> Sources {
    let mut sources = Sources::default();
    for (name, reader) in people.tables() {
        let input = Input::Reader(name.into(), reader);
        if name == "consents" {
            sources.consents.push(input);
        } else {
            sources.data.push((name.parse().unwrap(), input));
        }
    }
    sources
}

fn operator() -> Operator {
    let studies = vec![StudySource::new("study.toml", STUDY)];
    let setup = Setup { studies, ..support::setup("4") };
    let keys = Keys::Given(support::root_key());
    Operator::init_on(Arc::new(Image::default()), setup, keys, Box::new(FixedClock::default()))
        .unwrap()
        .without_response_slot()
}

fn analyst(operator: &Operator) -> Analyst {
    operator.analyst(&RecipientId::new("commerce-insights").unwrap(), None).unwrap()
}

/// What one person did, by the tables themselves.
#[derive(Default)]
struct Truth {
    age_group: String,
    shares: u32,
    orders: u32,
    inside: u32,
    orders_before: u32,
    scenes: BTreeSet<String>,
    coupon_module: bool,
    tail: (i64, i64),
}

/// Calls `each` with a reader of texts, numbers, instants and flags for every row.
fn rows(reader: Box<dyn RecordBatchReader + Send>, mut each: impl FnMut(&arrow_array::RecordBatch, usize)) {
    for batch in reader {
        let batch = batch.unwrap();
        (0..batch.num_rows()).for_each(|row| each(&batch, row));
    }
}

fn text(batch: &arrow_array::RecordBatch, column: &str, row: usize) -> String {
    batch[column].as_string::<i32>().value(row).to_owned()
}

/// Everybody who is in, read from the tables without the engine.
fn truth(people: &SocialCommerce) -> Vec<Truth> {
    let population = people.population();
    let mut all: BTreeMap<String, Truth> = (0..population.config().people)
        .filter(|index| people.expected_in(*index))
        .map(|index| (population.id(index), Truth::default()))
        .collect();
    let as_of = population.config().as_of.seconds();
    let days_ago = |batch: &arrow_array::RecordBatch, row: usize| {
        let at = batch["at"].as_primitive::<TimestampSecondType>().value(row);
        // The 30 days before as-of are 0, the 30 before them 1.
        (as_of - at - 1) / (30 * DAY)
    };
    rows(people.members(), |batch, row| {
        if let Some(person) = all.get_mut(&text(batch, "user", row)) {
            person.age_group = text(batch, "age_group", row);
        }
    });
    rows(people.shares(), |batch, row| {
        let counts = batch["followed"].as_boolean().value(row) && days_ago(batch, row) == 0;
        if let (true, Some(person)) = (counts, all.get_mut(&text(batch, "sharer", row))) {
            person.shares += 1;
        }
    });
    rows(people.payments(), |batch, row| {
        let Some(person) = all.get_mut(&text(batch, "payer", row)) else { return };
        let amount = batch["amount"].as_primitive::<Int64Type>().value(row);
        let tail = if text(batch, "merchant_tier", row) == "tail" { amount } else { 0 };
        match days_ago(batch, row) {
            0 => {
                person.orders += 1;
                person.inside += u32::from(batch["fulfilled"].as_boolean().value(row));
                person.scenes.insert(text(batch, "scene", row));
                person.coupon_module |= text(batch, "module", row) == "coupon";
                person.tail.0 += tail;
            }
            1 => {
                person.orders_before += 1;
                person.tail.1 += tail;
            }
            _ => {}
        }
    });
    all.into_values().collect()
}

/// The quotient of two sums over people.
fn quotient(people: &[Truth], upper: impl Fn(&Truth) -> f64, lower: impl Fn(&Truth) -> f64) -> f64 {
    people.iter().map(upper).sum::<f64>() / people.iter().map(lower).sum::<f64>()
}

fn share(people: &[Truth], of: impl Fn(&Truth) -> bool, among: impl Fn(&Truth) -> bool) -> f64 {
    quotient(people, |p| f64::from(u8::from(of(p) && among(p))), |p| f64::from(u8::from(among(p))))
}

fn released<'m>(metrics: &'m [MetricAnswer], name: &str) -> &'m [MetricRow] {
    let metric = metrics.iter().find(|metric| metric.name == name).unwrap();
    metric.outcome.as_ref().unwrap_or_else(|reasons| panic!("{name} is refused: {reasons:?}"))
}

/// The value of a metric in the group of a label (or its only one), and its interval.
fn value(metrics: &[MetricAnswer], name: &str, label: Option<&str>) -> (f64, f64, f64) {
    let row = released(metrics, name)
        .iter()
        .find(|row| label.is_none_or(|label| row.group.iter().any(|(_, found)| found == label)))
        .unwrap_or_else(|| panic!("{name} has no group {label:?}"));
    let estimate = row.estimate.unwrap_or_else(|| panic!("{name} is suppressed"));
    let (Some(value), Some(low), Some(high)) = (estimate.value, estimate.low, estimate.high) else {
        panic!("{name} is not usable: {estimate:?}");
    };
    (value, low, high)
}

/// Six widths of half an interval: what noise passes less than once in ten million runs.
fn is_found(metrics: &[MetricAnswer], name: &str, label: Option<&str>, truth: f64) {
    let (value, low, high) = value(metrics, name, label);
    let room = 3.0 * (high - low);
    assert!((value - truth).abs() <= room, "{name} {label:?}: {value} in {low}..{high}, really {truth}");
    assert!(room < 1.5 * truth.abs().max(0.1), "{name} {label:?}: {low}..{high} says nothing");
}

#[test]
fn the_study_has_no_findings_and_its_readme_says_every_metric() {
    let found = check_study(&StudySource::new("study.toml", STUDY), support::as_of());
    assert!(found.is_empty(), "{found:?}");
    let operator = operator();
    let forecast = analyst(&operator).forecast_metrics().unwrap();
    assert!(forecast.metrics.len() >= 70);
    for (name, unit, means) in &forecast.metrics {
        let line = README.lines().find(|line| line.starts_with(&format!("| {name} | ")));
        let line = line.unwrap_or_else(|| panic!("the README does not say {name}"));
        assert!(line.ends_with(&format!(" | {unit} | {means} |")), "{line}");
    }
    let said = README.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let first = |line: &str| line.split(" | ").next().unwrap_or_default().replace("| ", "");
    let known: BTreeSet<&str> = forecast.metrics.iter().map(|(name, _, _)| name.as_str()).collect();
    let formulas = said.filter(|line| line.matches(" | ").count() == 3).map(first);
    let unknown: Vec<String> = formulas.filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "the README says metrics that the study has not: {unknown:?}");
}

#[test]
fn every_metric_answers_within_the_budget_and_finds_what_was_planted() {
    let (people, operator) = (people(), operator());
    operator.seal(&support::terms("e1"), sources(&people)).unwrap();
    let analyst = analyst(&operator);
    let forecast = analyst.forecast_metrics().unwrap();
    let metrics = analyst.metrics(None).unwrap();
    let after = analyst.remaining().unwrap();
    assert_eq!((metrics.units(), after.spent), (forecast.cost(), forecast.cost()));
    assert!(after.spent <= after.limit && after.spent > after.limit / 2, "the prices use the budget");
    let metrics = metrics.metrics;
    for metric in &metrics {
        assert!(!released(&metrics, &metric.name).is_empty(), "{} has no answer", metric.name);
    }

    let all = truth(&people);
    let pays = |p: &Truth| p.orders > 0;
    is_found(&metrics, "conversion", None, share(&all, pays, |_| true));
    for group in ["gen-z", "35-49", "50-plus"] {
        let among = |p: &Truth| p.age_group == group;
        is_found(&metrics, "conversion_by_age", Some(group), share(&all, pays, among));
        is_found(&metrics, "sharing_by_age", Some(group), share(&all, |p| p.shares > 0, among));
    }
    is_found(&metrics, "retention_30d", None, share(&all, pays, |p| p.orders_before > 0));
    is_found(&metrics, "cross_scene", None, share(&all, |p| p.scenes.len() >= 2, pays));
    is_found(&metrics, "module_coupon", None, share(&all, |p| p.coupon_module, pays));
    let inside = quotient(&all, |p| f64::from(p.inside.min(60)), |p| f64::from(p.orders.min(60)));
    is_found(&metrics, "closed_loop", None, inside);
    let clamped = |fen: i64| fen.min(100_000) as f64;
    let growth = quotient(&all, |p| clamped(p.tail.0), |p| clamped(p.tail.1)) - 1.0;
    let (value, low, high) = value(&metrics, "growth_tail", None);
    assert!((value - growth).abs() <= 3.0 * (high - low), "{value} in {low}..{high}, really {growth}");
    assert!(growth > 0.1, "the long tail was to grow: {growth}");
}

#[test]
fn the_demo_tells_the_story_and_leaves_files() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder::run_in(folder.path(), &["demo", "--study", "social-commerce", "--people", "300"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    for word in ["service_fission", "lifetime_value", "score_utilities", "log entries verified"] {
        assert!(ran.stdout().contains(word), "{word} is missing:\n{}", ran.stdout());
    }
    let input = folder.path().join("hushtag-demo/input");
    for table in ["follows", "shares", "payments", "members", "consents"] {
        let is_there = |extension: &str| Path::is_file(&input.join(table).with_extension(extension));
        assert!(is_there("csv") && is_there("parquet"), "{table}");
    }
    assert!(input.join("study.toml").is_file());
}
