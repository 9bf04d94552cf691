//! The social-commerce study: every metric is inside the budget, tells what a plain reading of the same rows tells, and finds
//! what was planted.

use crate::folder;
use crate::support;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::support::FixedClock;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampSecondType};
use arrow_array::{Array, RecordBatch, RecordBatchReader};
use hushtag::engine::{Input, Sources};
use hushtag::operator::{Analyst, Keys, Metrics, Operator, StudySource, check_study};
use hushtag::policy::Level;
use hushtag::query::metric::Estimate;
use hushtag::storage::Image;
use hushtag::types::RecipientId;
use hushtag_population::{PopulationConfig, SocialCommerce};

const STUDY: &str = include_str!("../../../../policies/social-commerce/study.toml");
const README: &str = include_str!("../../../../policies/social-commerce/README.md");
const DAY: i64 = 86_400;

/// Enough people for every effect to be in the rows; the seed is fixed, so the rows are.
const PEOPLE: u32 = 4_000;

fn people() -> SocialCommerce {
    SocialCommerce::new(PopulationConfig { people: PEOPLE, ..SocialCommerce::config() }).unwrap()
}

fn init(study: &str, epsilon: &str) -> Operator {
    let setup = support::setup(epsilon).with_studies(vec![StudySource::new("study.toml", study)]);
    let keys = Keys::Given(support::root_key());
    Operator::init_on(Arc::new(Image::default()), setup, keys, Box::new(FixedClock::default()))
        .map(Operator::without_response_slot)
        .unwrap()
}

fn analyst(operator: &Operator) -> Analyst {
    operator.analyst(&RecipientId::new("commerce-insights").unwrap(), None).unwrap()
}

fn sealed(study: &str, epsilon: &str) -> Analyst {
    let operator = init(study, epsilon);
    let mut sources = Sources::default();
    for (name, reader) in people().tables() {
        let input = Input::Reader(name.into(), reader);
        match name {
            "consents" => sources.consents.push(input),
            _ => sources.data.push((name.parse().unwrap(), input)),
        }
    }
    operator.seal(&support::terms("e1"), sources).unwrap();
    analyst(&operator)
}

/// The study at a hundredth of its errors, in a pool that pays for it.
fn sharp() -> String {
    let mut study: toml::Table = toml::from_str(STUDY).unwrap();
    let shrink = |value: &mut toml::Value| {
        *value = (value.as_integer().unwrap() / 100).max(1).into();
    };
    let release = study["release"].as_table_mut().unwrap();
    shrink(&mut release["default_error"]);
    release["default_error_of"].as_table_mut().unwrap().iter_mut().for_each(|(_, error)| shrink(error));
    for (_, metric) in study["metrics"].as_table_mut().unwrap() {
        if let Some(error) = metric.get_mut("error") {
            shrink(error);
        }
        if let Some(all) = metric.get_mut("error_of").and_then(toml::Value::as_table_mut) {
            all.iter_mut().for_each(|(_, error)| shrink(error));
        }
    }
    study["budget"]["epsilon"] = 100_000.into();
    toml::to_string(&study).unwrap()
}

/// Value and half-width of a metric in each group, by `name` or `name label`.
fn numbers(metrics: &Metrics) -> BTreeMap<String, (f64, f64)> {
    let mut all = BTreeMap::new();
    for metric in &metrics.metrics {
        for row in metric.outcome.as_ref().unwrap() {
            let labels = row.group.iter().map(|(_, label)| label.as_str());
            let name = [metric.name.as_str()].into_iter().chain(labels).collect::<Vec<_>>().join(" ");
            if let Some(Estimate { value: Some(value), low: Some(low), high: Some(high), .. }) = row.estimate
            {
                all.insert(name, (value, (high - value).max(value - low)));
            }
        }
    }
    all
}

#[test]
fn every_metric_fits_into_epsilon_4() {
    let (study, _) = StudySource::new("study.toml", STUDY).parse().unwrap();
    let forecast = analyst(&init(STUDY, "4")).forecast_metrics().unwrap();
    assert!(study.metrics.len() >= 60);
    assert!(study.metrics.iter().all(|metric| !metric.unit.is_empty() && !metric.means.is_empty()));
    let left = |epsilon: &str| analyst(&init(STUDY, epsilon)).remaining().unwrap().left();
    assert!(forecast.cost() <= left("4"), "{} of {}", forecast.cost(), left("4"));
    // The pool is not so wide that anything would fit.
    assert!(forecast.cost() > left("2"));
}

#[test]
fn every_metric_of_the_demo_answers_within_its_budget() {
    let analyst = sealed(STUDY, "4");
    let metrics = analyst.metrics(None).unwrap();
    assert!(metrics.metrics.iter().all(|metric| metric.outcome.is_ok()));
    assert_eq!(metrics.units(), analyst.forecast_metrics().unwrap().cost());
    assert_eq!(analyst.remaining().unwrap().spent, metrics.units());
}

/// What one person did in the last 30 days, read from the rows without any of the engine.
#[derive(Default, Clone)]
struct Person {
    age_group: String,
    orders: f64,
    inside: f64,
    scenes: BTreeSet<String>,
    modules: BTreeSet<String>,
    shares: f64,
    opens: f64,
    invited_orders: f64,
    paid: BTreeMap<String, f64>,
    before: BTreeMap<String, f64>,
    invited: BTreeMap<String, f64>,
    orders_in: BTreeMap<String, f64>,
    inside_in: BTreeMap<String, f64>,
    paid_before: bool,
    days: BTreeSet<i64>,
}

fn rows(reader: Box<dyn RecordBatchReader + Send>) -> Vec<RecordBatch> {
    reader.map(Result::unwrap).collect()
}

/// Everybody who is in, by id.
fn in_people(made_up: &SocialCommerce) -> HashMap<String, Person> {
    let population = made_up.population();
    let inside: HashSet<String> =
        (0..PEOPLE).filter(|index| made_up.expected_in(*index)).map(|index| population.id(index)).collect();
    let mut all: HashMap<String, Person> = HashMap::new();
    for batch in rows(made_up.members()) {
        let (users, groups) = (batch["user"].as_string::<i32>(), batch["age_group"].as_string::<i32>());
        for (user, group) in users.iter().zip(groups).filter(|(user, _)| inside.contains(user.unwrap())) {
            let person = Person { age_group: group.unwrap().into(), ..Person::default() };
            all.insert(user.unwrap().into(), person);
        }
    }
    for batch in rows(made_up.shares()) {
        let at = batch["at"].as_primitive::<TimestampSecondType>();
        for row in 0..batch.num_rows() {
            let recent = at.value(row) >= support::as_of().seconds() - 30 * DAY;
            let person = all.get_mut(batch["sharer"].as_string::<i32>().value(row));
            if let (Some(person), true) = (person, recent && batch["followed"].as_boolean().value(row)) {
                person.shares += 1.0;
                person.opens += batch["opens"].as_primitive::<Int64Type>().value(row) as f64;
            }
        }
    }
    for batch in rows(made_up.payments()) {
        (0..batch.num_rows()).for_each(|row| order(&batch, row, &mut all));
    }
    all
}

fn order(batch: &RecordBatch, row: usize, all: &mut HashMap<String, Person>) {
    let text = |column: &str| batch[column].as_string::<i32>().value(row).to_owned();
    let Some(person) = all.get_mut(&text("payer")) else { return };
    let ago = support::as_of().seconds() - batch["at"].as_primitive::<TimestampSecondType>().value(row);
    let amount = batch["amount"].as_primitive::<Int64Type>().value(row) as f64;
    let (scene, tier) = (text("scene"), text("merchant_tier"));
    if ago <= 2 * DAY {
        person.days.insert(if ago <= DAY { 0 } else { 1 });
    }
    if ago > 60 * DAY {
        return;
    }
    if ago > 30 * DAY {
        person.paid_before = true;
        *person.before.entry(tier).or_default() += amount;
        return;
    }
    let inside = f64::from(u8::from(batch["fulfilled"].as_boolean().value(row)));
    person.orders += 1.0;
    person.inside += inside;
    *person.orders_in.entry(scene.clone()).or_default() += 1.0;
    *person.inside_in.entry(scene.clone()).or_default() += inside;
    person.scenes.insert(scene);
    if batch["module"].is_valid(row) {
        person.modules.insert(text("module"));
    }
    if batch["referrer"].is_valid(row) {
        person.invited_orders += 1.0;
        *person.invited.entry(tier.clone()).or_default() += amount;
    }
    *person.paid.entry(tier).or_default() += amount;
}

/// The metrics by plain arithmetic over the people who are in.
fn expected(people: &[Person]) -> BTreeMap<String, f64> {
    let clamps = [("head", 400_000.0), ("middle", 200_000.0), ("tail", 100_000.0)];
    let sum = |of: &dyn Fn(&Person) -> f64| people.iter().map(of).sum::<f64>();
    let count = |of: &dyn Fn(&Person) -> bool| sum(&|person| f64::from(u8::from(of(person))));
    let of =
        |map: &BTreeMap<String, f64>, key: &str, most: f64| map.get(key).copied().unwrap_or(0.0).min(most);
    let payers = count(&|p| p.orders > 0.0);
    let everybody = people.len() as f64;
    let forward_some = count(&|p| (1.0..5.0).contains(&p.shares)) / everybody;
    let forward_often = count(&|p| p.shares >= 5.0) / everybody;
    let retention = count(&|p| p.paid_before && p.orders > 0.0) / count(&|p| p.paid_before);
    let cross_scene = count(&|p| p.scenes.len() >= 2) / payers;
    let forwarding = forward_some + 2.0 * forward_often;
    let fission = count(&|p| p.invited_orders > 0.0) / count(&|p| p.shares > 0.0);
    let [head, middle, tail] = clamps.map(|(tier, most)| sum(&|p| of(&p.paid, tier, most)));
    let social = clamps.map(|(tier, most)| sum(&|p| of(&p.invited, tier, most / 4.0)));
    let gmv = head + middle + tail;
    let invited_gmv = social.iter().sum::<f64>();
    let [social_head, social_middle, social_tail] = social;
    let fees = 0.098 * head + 0.14 * (middle + tail);
    let social_share = (0.098 * social_head + 0.14 * (social_middle + social_tail)) / fees;
    let lifetime = count(&|p| p.paid_before) / count(&|p| p.paid_before && p.orders == 0.0);
    let spend = sum(&|p| p.paid.values().sum::<f64>().min(500_000.0)) / everybody;
    let mut all: BTreeMap<String, f64> = [
        ("forwarding", forwarding),
        ("retention_30d", retention),
        ("cross_scene", cross_scene),
        ("service_fission", 0.4 * forwarding + 0.3 * retention + 0.3 * cross_scene),
        ("social_fission", fission),
        ("share_conversion", sum(&|p| p.invited_orders.min(10.0)) / sum(&|p| p.opens.min(3_000.0))),
        ("gmv_gain_at_1_5", invited_gmv / fission * 1.5 - invited_gmv),
        ("lifetime_value", spend * lifetime * 0.14),
        ("conversion", payers / everybody),
        ("retention_next_day", count(&|p| p.days.len() == 2) / count(&|p| p.days.contains(&1))),
        ("gmv", gmv),
        ("head_share", head / gmv),
        ("tail_share", tail / gmv),
        ("closed_loop", sum(&|p| p.inside.min(60.0)) / sum(&|p| p.orders.min(60.0))),
        ("fees", fees),
        ("social_share", social_share),
        ("social_share_of_line", social_share / 0.4),
        ("modules_per_payer", sum(&|p| p.modules.len() as f64) / payers),
        ("module_group_buy", count(&|p| p.modules.contains("group-buy")) / payers),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (tier, most) in clamps {
        let growth = sum(&|p| of(&p.paid, tier, most)) / sum(&|p| of(&p.before, tier, most)) - 1.0;
        all.insert(format!("growth_{tier}"), growth);
    }
    for (scene, most) in [("food", 20.0), ("travel", 4.0)] {
        let closed = sum(&|p| of(&p.inside_in, scene, most)) / sum(&|p| of(&p.orders_in, scene, most));
        all.insert(format!("closed_{scene}"), closed);
    }
    for group in ["gen-z", "50-plus"] {
        let sharing = count(&|p| p.age_group == group && p.shares > 0.0) / count(&|p| p.age_group == group);
        all.insert(format!("sharing_by_age {group}"), sharing);
    }
    all
}

#[test]
fn metrics_tell_what_the_rows_tell_and_find_what_was_planted() {
    let metrics = sealed(&sharp(), "100000").metrics(None).unwrap();
    let found = numbers(&metrics);
    let people: Vec<Person> = in_people(&people()).into_values().collect();
    for (name, expected) in expected(&people) {
        let (value, half) = found[&name];
        // Three half-widths of 95 % are 5.8 deviations: each fails with a probability below 1e-8.
        assert!((value - expected).abs() <= 3.0 * half, "{name}: {value} +- {half}, the rows say {expected}");
        assert!(half < 0.2 * value.abs().max(0.1), "{name}: {value} +- {half} says nothing");
    }
    // What the generator planted, each far beyond the noise of both sides.
    for (more, less) in [
        ("sharing_by_age gen-z", "sharing_by_age 50-plus"),
        ("growth_tail", "growth_head"),
        ("closed_food", "closed_travel"),
        ("minutes_by_tie strong", "minutes_by_tie weak"),
    ] {
        let ((more_value, more_half), (less_value, less_half)) = (found[more], found[less]);
        assert!(
            more_value - 3.0 * more_half > less_value + 3.0 * less_half,
            "{more}: {more_value} +- {more_half}; {less}: {less_value} +- {less_half}"
        );
    }
}

#[test]
fn what_the_people_i_follow_spend_is_refused() {
    for (role, says) in [("own", "their data to flow along my list"), ("audience", "")] {
        let study = STUDY.replacen(
            "ties = { over = \"follows\", role = \"strong\" }",
            &format!("ties = {{ over = \"follows\", role = \"strong\" }}\nfriends_spend = {{ over = \"follows\", role = \"{role}\", mean = \"spend\" }}"),
            1,
        );
        assert_ne!(study, STUDY);
        let parsed = StudySource::new("study.toml", study).parse();
        match parsed {
            Ok(_) => assert!(says.is_empty(), "{role} is taken"),
            Err(error) => assert!(!says.is_empty() && error.to_string().contains(says), "{error}"),
        }
    }
}

#[test]
fn the_study_has_no_findings_and_its_readme_says_every_metric() {
    let found = check_study(&StudySource::new("study.toml", STUDY), support::as_of());
    // Notes name what is not declared: its documents carry no scope, because its scenarios try other purposes.
    assert!(found.iter().all(|finding| finding.level == Level::Note), "{found:?}");
    let forecast = analyst(&init(STUDY, "4")).forecast_metrics().unwrap();
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
