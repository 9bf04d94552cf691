//! Promise 3 on the real engine: with and without each person of random small populations, no query's exact answer changes by
//! more than its declared sensitivity, and the same check rejects the wrong designs of docs/src/normal-form.md.

mod model;
mod people;

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use self::model::{Cells, Design, RECIPIENTS, cells};
use self::people::Population;
use super::cluster::tests::{Fault, InProcess};
use super::cluster::{JobTerms, build_on};
use super::reference_tests::row_groups::in_row_groups;
use super::{Reading, build};
use crate::consent::Demand;
use crate::dp::{Accounting, Sensitivity};
use crate::policy::{Decision, Regime, Study, decide};
use crate::query::{Defaults, Filter, Item, PartKind, Plan, Probability, Problem, Query, tag};
use crate::tags::{Catalogue, Columns};
use crate::types::{RecipientId, Secret, Timestamp};

const POPULATIONS: u64 = 200;
const QUESTIONS: usize = 150;
const REACHES: [u32; 3] = [1, 2, 3];
/// 2026-10-01T00:00:00Z
const AS_OF: Timestamp = Timestamp::from_seconds(1_790_812_800);

/// One study with questions about it.
struct Survey {
    reach: u32,
    text: String,
    study: Study,
    flows: Vec<(RecipientId, Demand)>,
    questions: Vec<Question>,
}

/// A question: which group each cell of the cube falls into, what its parts add up, and how far each may move.
struct Question {
    text: String,
    groups: Vec<Option<usize>>,
    parts: Vec<(PartKind, Sensitivity)>,
    columns: Columns,
}

impl Survey {
    fn new(reach: u32) -> Self {
        let text = include_str!("neighbours/study.toml").replace("REACH", &reach.to_string());
        let study = Study::parse("study.toml", &text).unwrap();
        let regime = Regime::built_in(&study.regime).unwrap();
        let flows =
            study.recipients.iter().map(|recipient| match decide(&study, &regime, recipient, AS_OF) {
                Decision::Permit(flow) => (recipient.id.clone(), flow.demand().clone()),
                Decision::Deny(reasons) => panic!("{reasons:?}"),
            });
        let flows: Vec<_> = flows.collect();
        assert_eq!(flows.len(), RECIPIENTS);
        let mut rng = StdRng::seed_from_u64(u64::from(reach));
        let questions = std::iter::repeat_with(|| question(&study, &mut rng)).flatten().take(QUESTIONS);
        Self { reach, questions: questions.collect(), flows, study, text }
    }

    /// The true cubes of the engine, one a recipient.
    fn engine(&self, people: &Population, without: &[usize]) -> Vec<Cells> {
        let key = Secret::new([9; 32]);
        let (sources, reading) = (people.tables(without, AS_OF), Reading::default());
        let (built, _) = build(&self.study, &self.flows, sources, AS_OF, &key, &reading).unwrap();
        self.cells(&built)
    }

    /// The same through the steps of a cluster.
    fn cluster(&self, people: &Population, without: &[usize], cluster: &InProcess) -> Vec<Cells> {
        let (key, place) = (Secret::new([9; 32]), tempfile::tempdir().unwrap());
        let sources = in_row_groups(people.tables(without, AS_OF), place.path(), 3);
        let regime = Regime::built_in_text(&self.study.regime).unwrap().to_owned();
        let terms = JobTerms { study: self.text.clone(), regime, now: AS_OF };
        let of = (&self.study, self.flows.as_slice());
        let (built, _) = build_on(cluster, &terms, of, sources, (AS_OF, &key), &Reading::default()).unwrap();
        self.cells(&built)
    }

    fn cells(&self, built: &[super::BuiltEpoch]) -> Vec<Cells> {
        let of = |built: &super::BuiltEpoch| {
            let [cube] = built.cubes.as_slice() else { panic!("the study has one tag set") };
            let (counts, sums) = cube.reveal_in_test().cells_in_test();
            let columns = self.study.catalogue.columns();
            let cells = counts.chunks(columns.counts).zip(sums.chunks(columns.measures.len())).enumerate();
            let filled = cells.filter(|(_, (counts, _))| counts[0] > 0);
            let wide = |counts: &[u64]| counts.iter().copied().map(i128::from).collect();
            filled.map(|(at, (counts, sums))| (at, (wide(counts), sums.to_vec()))).collect()
        };
        built.iter().map(of).collect()
    }

    fn model(&self, people: &Population, without: &[usize], design: Design) -> Vec<Cells> {
        (0..RECIPIENTS).map(|recipient| cells(people, without, recipient, self.reach, design)).collect()
    }

    /// The questions whose answers move too far between neighbours.
    fn excesses(&self, with: &Cells, without: &Cells) -> Vec<String> {
        let mut change = with.clone();
        for (at, (counts, sums)) in without {
            let cell = change.entry(*at).or_insert_with(|| (vec![0; counts.len()], vec![0; sums.len()]));
            cell.0.iter_mut().zip(counts).for_each(|(count, other)| *count -= other);
            cell.1.iter_mut().zip(sums).for_each(|(sum, other)| *sum -= other);
        }
        self.questions.iter().filter_map(|question| question.excess(&change)).collect()
    }
}

impl Question {
    fn excess(&self, change: &Cells) -> Option<String> {
        self.parts.iter().find_map(|(kind, norms)| {
            let of = |measure| self.columns.of(measure).unwrap();
            let mut moved = BTreeMap::<(usize, usize), i128>::new();
            for (at, (counts, sums)) in change {
                let Some(group) = self.groups[*at] else { continue };
                let numbers = match *kind {
                    PartKind::Count => &counts[..1],
                    PartKind::Present { measure } => &counts[of(measure).present..][..1],
                    PartKind::Sum { measure } => &sums[of(measure).sum..][..1],
                    PartKind::Histogram { measure } => &counts[of(measure).grid.clone().unwrap()],
                };
                for (offset, number) in numbers.iter().enumerate() {
                    *moved.entry((group, offset)).or_default() += number;
                }
            }
            let moved: Vec<i128> = moved.into_values().filter(|by| *by != 0).collect();
            let l1: u128 = moved.iter().map(|by| by.unsigned_abs()).sum();
            let l2_squared: u128 = moved.iter().map(|by| by.unsigned_abs().pow(2)).sum();
            let inside = l1 <= norms.l1 && l2_squared <= norms.l2_squared;
            (!inside).then(|| format!("{}: {kind:?} moves by {moved:?}, declared {norms:?}", self.text))
        })
    }
}

/// A random question, or `None` when its filter excludes everybody.
fn question(study: &Study, rng: &mut StdRng) -> Option<Question> {
    let catalogue = &study.catalogue;
    let mut tags: Vec<&str> = catalogue.tags().iter().map(|tag| tag.name()).collect();
    tags.shuffle(rng);
    let mut ask = Query::count();
    for (_, measure) in catalogue.summable() {
        if rng.random_bool(0.7) {
            let name = measure.name.clone().unwrap();
            ask = match rng.random_range(0..4) {
                0 if measure.grid.is_some() => ask.and(Item::Histogram(name)),
                1 if measure.grid.is_some() => ask.and_quantile(name, Probability::HALF),
                2 => ask.and_average(name),
                _ => ask.and_sum(name),
            };
        }
    }
    // A third without groups: exactly one number.
    let grouped = *[0, 0, 1, 1, 2, 3].choose(rng).unwrap();
    for tag in tags.iter().take(grouped) {
        ask = ask.by(*tag);
    }
    if rng.random_bool(0.6) {
        ask = ask.filter(filter(catalogue, rng, 2));
    }
    let terms = &study.release;
    let (default_error, default_error_of) = (terms.default_error, terms.default_error_of.clone());
    let defaults = Defaults { default_error, default_error_of, min_people: 0 };
    let accounting = Accounting::Zcdp { delta: "1e-12".parse().unwrap() };
    match Plan::new(&ask, catalogue, &defaults, accounting) {
        Ok(plan) => Some(planned(&plan, catalogue)),
        Err(error) if error.what == Problem::EmptySelection => None,
        Err(error) => panic!("{error}"),
    }
}

fn planned(plan: &Plan, catalogue: &Catalogue) -> Question {
    let tags = &catalogue.sets()[plan.set()].tags;
    let cells: usize = tags.iter().map(|tag| catalogue.tags()[*tag].labels().len()).product();
    let mut groups = vec![None; cells];
    for (cell, group) in plan.groups() {
        groups[cell as usize] = Some(group as usize);
    }
    let norms = plan.claim().parts.iter().map(|part| part.sensitivity);
    Question {
        text: plan.question().to_owned(),
        groups,
        parts: plan.parts().iter().map(|part| part.kind).zip(norms).collect(),
        columns: catalogue.columns(),
    }
}

fn filter(catalogue: &Catalogue, rng: &mut StdRng, depth: u32) -> Filter {
    let kind = if depth == 0 { 3 } else { rng.random_range(0..5) };
    let mut inner = || filter(catalogue, rng, depth - 1);
    match kind {
        0 => inner().and(inner()),
        1 => inner().or(inner()),
        2 => !inner(),
        _ => {
            let of = catalogue.tags().choose(rng).unwrap();
            let labels: Vec<&str> = of.labels().iter().map(|label| label.as_str()).collect();
            tag(of.name()).is_in(labels.sample(rng, 2).copied())
        }
    }
}

#[test]
fn one_person_moves_no_answer_further_than_its_declared_norms() {
    let surveys = REACHES.map(Survey::new);
    for (seed, survey) in (0..POPULATIONS).zip(surveys.iter().cycle()) {
        let people = Population::random(seed);
        let with = survey.engine(&people, &[]);
        assert!(with == survey.model(&people, &[], Design::Right), "population {seed}");
        for person in 0..people.len() {
            let without = survey.engine(&people, &[person]);
            let model = survey.model(&people, &[person], Design::Right);
            assert!(without == model, "population {seed} without {person}");
            for (with, without) in with.iter().zip(&without) {
                let excesses = survey.excesses(with, without);
                assert!(excesses.is_empty(), "population {seed} without {person}: {excesses:#?}");
            }
        }
    }
}

#[test]
fn one_person_moves_no_answer_further_through_a_cluster() {
    let surveys = REACHES.map(Survey::new);
    for (seed, survey) in (0..12).zip(surveys.iter().cycle()) {
        let people = Population::random(seed);
        let cluster = |seed| InProcess { seed, partitions: 3, fault: Fault::None };
        let with = survey.cluster(&people, &[], &cluster(seed));
        assert!(with == survey.model(&people, &[], Design::Right), "population {seed}");
        for (other, person) in (1000..).zip(0..people.len()) {
            let without = survey.cluster(&people, &[person], &cluster(other));
            for (with, without) in with.iter().zip(&without) {
                let excesses = survey.excesses(with, without);
                assert!(excesses.is_empty(), "population {seed} without {person}: {excesses:#?}");
            }
        }
    }
}

#[test]
fn every_wrong_design_moves_some_answer_too_far() {
    for survey in REACHES.map(Survey::new) {
        for design in Design::WRONG {
            let rejected = (0..POPULATIONS).any(|seed| {
                let people = Population::random(seed);
                let with = survey.model(&people, &[], design);
                let mut all = (0..people.len()).flat_map(|person| {
                    let without = survey.model(&people, &[person], design);
                    with.iter()
                        .zip(without)
                        .map(|(with, without)| survey.excesses(with, &without))
                        .collect::<Vec<_>>()
                });
                all.any(|excesses| !excesses.is_empty())
            });
            assert!(rejected, "{design:?} passed with max_reach {}", survey.reach);
        }
    }
}

#[test]
fn every_subset_of_a_tiny_population_keeps_the_norms() {
    const TINY: usize = 5;
    for (seed, survey) in (0..12).zip(REACHES.map(Survey::new).iter().cycle()) {
        let people = Population::random(seed);
        let of_subset: Vec<Vec<Cells>> = (0..1_u32 << TINY)
            .map(|subset| {
                let away = (0..people.len()).filter(|own| *own >= TINY || subset >> own & 1 == 0);
                survey.engine(&people, &away.collect::<Vec<_>>())
            })
            .collect();
        for (subset, with) in of_subset.iter().enumerate() {
            for person in (0..TINY).filter(|person| subset >> person & 1 == 1) {
                for (with, without) in with.iter().zip(&of_subset[subset ^ 1 << person]) {
                    let excesses = survey.excesses(with, without);
                    assert!(
                        excesses.is_empty(),
                        "population {seed}, {subset:b} without {person}: {excesses:#?}"
                    );
                }
            }
        }
    }
}
