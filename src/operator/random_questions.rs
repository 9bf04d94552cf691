//! Random questions through the whole operator: the forecast is the charge to the unit, and with the same noise two
//! neighbouring inputs differ by no more than the claim says while everything else about them is the same.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, RecordBatchIterator, RecordBatchReader};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::{Adopted, Analyst, Answer, Approval, Keys, Operator, PoolTerms, SealTerms, Setup, StudySource};
use crate::engine::{Input, Reading, Sources, build, shapes};
use crate::keys::RootKey;
use crate::operator::query::prepared::{plan, selection};
use crate::policy::{Decision, decide};
use crate::query::{Plan, parse};
use crate::release::{Cube, Exact, noised_in_test};
use crate::storage::Image;
use crate::tags::{Catalogue, Tag};
use crate::types::{Clock, EpochId, NanoEpsilon, RecipientId, Secret, Timestamp};
use hushtag_population::{Population, PopulationConfig};

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn as_of() -> Timestamp {
    Timestamp::from_seconds(PopulationConfig::default().as_of)
}

/// A sandbox in memory with one sealed epoch.
fn sandbox(people: u32, pure: bool) -> Operator {
    let pool = PoolTerms {
        epsilon: NanoEpsilon::parse("1000000000").unwrap(),
        delta: (!pure).then(|| "1e-12".parse().unwrap()),
        window: None,
    };
    let text = include_str!("../../tests/support/study.toml").to_owned();
    let setup = Setup {
        studies: vec![StudySource::new("study.toml", text)],
        pool,
        handlers: vec![],
        approval: Approval::None,
        anchor: None,
        auditor: None,
    };
    let keys = Keys::Given(RootKey::from_hex(&"5a".repeat(32), "the root key of the test").unwrap());
    let clock = Fixed(Timestamp::from_seconds(as_of().seconds() + 8 * 3600));
    let operator = Operator::init_on(Arc::new(Image::default()), setup, keys, Box::new(clock)).unwrap();
    let operator = operator.without_response_slot();
    let terms = SealTerms::new(EpochId::new("e1").unwrap(), as_of())
        .with_reading(Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() });
    operator.seal(&terms, sources(people, None)).unwrap();
    operator
}

fn made_up(people: u32) -> Population {
    let config = PopulationConfig {
        people,
        seed: 7,
        follows_per_person: 4,
        payments_per_person: 3,
        ..Default::default()
    };
    Population::new(config).unwrap()
}

/// All tables, without what the person `without` owns.
fn sources(people: u32, without: Option<&str>) -> Sources {
    let made_up = made_up(people);
    let table = |name: &str, owner: &str, reader| (name.parse().unwrap(), kept(name, owner, reader, without));
    Sources {
        data: vec![
            table("follows", "follower", made_up.follows()),
            table("payments", "payer", made_up.payments()),
            table("members", "user", made_up.members()),
        ],
        consents: vec![kept("consents", "person", made_up.consents(), without)],
    }
}

/// The true cubes of the one recipient. Both of two neighbours take the same epoch key: the order of the cut is no secret
/// of a person.
fn cubes(adopted: &Adopted, people: u32, without: Option<&str>) -> Vec<Exact<Cube>> {
    let recipient = &adopted.study.recipients[0];
    let Decision::Permit(flow) = decide(&adopted.study, &adopted.regime, recipient, as_of()) else {
        panic!("the study is permitted");
    };
    let flows = [(recipient.id.clone(), flow.demand().clone())];
    let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
    let key = Secret::new([9; 32]);
    let (built, _) =
        build(&adopted.study, &flows, sources(people, without), as_of(), &key, &reading).unwrap();
    built.into_iter().next().unwrap().cubes
}

/// The rows of a table but those that `without` owns.
fn kept(name: &str, owner: &str, reader: Box<dyn RecordBatchReader + Send>, without: Option<&str>) -> Input {
    let schema = reader.schema();
    let mut rows: Vec<RecordBatch> = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let owners = batch.column_by_name(owner).unwrap().as_string::<i32>().clone();
        let stays = |row: &usize| without.is_none_or(|id| owners.is_null(*row) || owners.value(*row) != id);
        rows.extend((0..batch.num_rows()).filter(stays).map(|row| batch.slice(row, 1)));
    }
    let batches = rows.into_iter().map(Ok);
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new(batches, schema)))
}

fn analyst(operator: &Operator) -> Analyst {
    operator.analyst(&RecipientId::new("brand-insights").unwrap(), None).unwrap()
}

/// A random question of the language.
fn question(catalogue: &Catalogue, rng: &mut StdRng) -> String {
    let mut tags: Vec<&Tag> = catalogue.tags().iter().collect();
    tags.shuffle(rng);
    let group: Vec<&str> = tags.iter().take(rng.random_range(0..3)).map(|tag| tag.name()).collect();
    let numbers = [
        "COUNT(*)",
        "SUM(spend)",
        "AVG(spend)",
        "MEDIAN(spend)",
        "QUANTILE(spend, 0.9)",
        "HISTOGRAM(spend)",
        "COUNT(spend) AS n",
        "SUM(audience)",
        "AVG(audience)",
    ];
    let count = [1, 1, 2, 3][rng.random_range(0..4)];
    let chosen: Vec<&str> = numbers.sample(rng, count).copied().collect();
    let mut text = format!("SELECT {} FROM tags", [group.clone(), chosen.clone()].concat().join(", "));
    if rng.random_bool(0.7) {
        text.push_str(&format!(" WHERE {}", filter(&tags, 2, rng)));
    }
    if !group.is_empty() {
        text.push_str(&format!(" GROUP BY {}", group.join(", ")));
    }
    match rng.random_range(0..4) {
        0 => text.push_str(&format!(" WITH (epsilon = 0.{:03})", rng.random_range(1..1000))),
        1 if chosen.iter().any(|item| item.contains("spend"))
            && chosen.iter().any(|i| i.contains("SUM(spend")) =>
        {
            text.push_str(&format!(" WITH (error(spend) = {})", rng.random_range(1..1_u64 << 40)));
        }
        2 => text.push_str(&format!(" WITH (error = {})", rng.random_range(1..3000))),
        _ => {}
    }
    text
}

pub(super) fn filter(tags: &[&Tag], depth: u32, rng: &mut StdRng) -> String {
    let kind = if depth == 0 { 3 } else { rng.random_range(0..5) };
    let inner = |rng: &mut StdRng| filter(tags, depth - 1, rng);
    match kind {
        0 => format!("({} AND {})", inner(rng), inner(rng)),
        1 => format!("({} OR {})", inner(rng), inner(rng)),
        2 => format!("NOT ({})", inner(rng)),
        _ => {
            let tag = tags.choose(rng).unwrap();
            let labels: Vec<String> = tag.labels().sample(rng, 2).map(|label| format!("'{label}'")).collect();
            format!("{} IN ({})", tag.name(), labels.join(", "))
        }
    }
}

/// Questions, of which some exclude everybody or price what they do not ask and are no questions.
fn questions(operator: &Operator, seed: u64) -> impl Iterator<Item = (String, Plan)> {
    let law = operator.inner.law.in_force();
    let adopted = std::sync::Arc::clone(law.studies.values().next().unwrap());
    let mut rng = StdRng::seed_from_u64(seed);
    std::iter::repeat_with(move || {
        let text = question(&adopted.study.catalogue, &mut rng);
        let ask =
            parse(&text, &adopted.study.catalogue).unwrap_or_else(|error| panic!("{}", error.render(&text)));
        plan(&ask, &adopted, operator.inner.law.accounting).ok().map(|plan| (text, plan))
    })
    .flatten()
}

#[test]
fn the_forecast_is_the_charge_to_the_unit() {
    for (pure, count) in [(false, 7_000), (true, 3_000)] {
        let operator = sandbox(40, pure);
        let analyst = analyst(&operator);
        let mut stored = 0;
        for (text, plan) in questions(&operator, 1).take(count) {
            let forecast = analyst.forecast(&text).unwrap();
            let before = analyst.remaining().unwrap().spent;
            let Answer::Released(answer) = analyst.ask(&text, None).unwrap() else {
                panic!("refused: {text}");
            };
            let charged = analyst.remaining().unwrap().spent - before;
            let expected = if answer.stored { 0 } else { forecast.cost };
            stored += usize::from(answer.stored);
            assert_eq!(charged, expected, "{text}");
            assert_eq!((answer.units, answer.reach), (forecast.cost, forecast.reach), "{text}");
            assert_eq!((plan.cost(), &answer.question), (forecast.cost, &forecast.question));
            let widths: Vec<u64> = answer.parts.iter().map(|part| part.half_width).collect();
            assert_eq!(
                widths,
                forecast.parts.iter().map(|part| part.half_width).collect::<Vec<_>>(),
                "{text}"
            );
        }
        assert!(stored > 50 && stored < count / 2, "{stored} of {count} were asked before");
    }
}

#[test]
fn with_the_same_noise_neighbours_differ_by_no_more_than_the_claim() {
    const PEOPLE: u32 = 60;
    let operator = sandbox(2, false);
    let law = operator.inner.law.in_force();
    let adopted = law.studies.values().next().unwrap();
    let shapes = shapes(&adopted.study).unwrap();
    let ids: Vec<String> = made_up(PEOPLE)
        .members()
        .flat_map(|batch| {
            let batch = batch.unwrap();
            let users = batch.column_by_name("user").unwrap().as_string::<i32>().clone();
            users.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let with = cubes(adopted, PEOPLE, None);
    let (mut replayed, mut moved, mut beyond_one) = (0, 0, 0);
    for (turn, person) in ids.iter().take(25).enumerate() {
        let without = cubes(adopted, PEOPLE, Some(person));
        for (text, plan) in questions(&operator, 100 + turn as u64).take(20) {
            let selection = selection(&plan, adopted);
            let [(a, next_a), (b, next_b)] = [&with, &without].map(|cubes| {
                let set = plan.set();
                noised_in_test(plan.claim(), &selection, &shapes[set], &cubes[set], 99 + turn as u64)
            });
            assert_eq!(next_a, next_b, "as much noise was drawn: {text}");
            for (part, (a, b)) in plan.claim().parts.iter().zip(a.iter().zip(&b)) {
                assert_eq!((a.len(), b.len()), (part.cells, part.cells), "{text}");
                let change: Vec<u128> = a.iter().zip(b).map(|(a, b)| (a - b).unsigned_abs()).collect();
                let (l1, l2): (u128, u128) = (change.iter().sum(), change.iter().map(|by| by * by).sum());
                assert!(
                    l1 <= part.sensitivity.l1 && l2 <= part.sensitivity.l2_squared,
                    "{text} moves by {change:?}"
                );
                moved += usize::from(l1 > 0);
                beyond_one += usize::from(change.iter().filter(|by| **by > 0).count() > 2);
            }
            replayed += 1;
        }
    }
    // Neighbours that never differ would prove nothing.
    assert!(replayed == 500 && moved > 300 && beyond_one > 20, "{replayed}, {moved}, {beyond_one}");
}
