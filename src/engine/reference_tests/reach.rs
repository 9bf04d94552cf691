//! Promise 3 for every kind of measure, person by person: without what one person owns, what depends on their own records alone
//! changes for no one else, and each relation or field that names people affects at most `max_reach` others; the wrong designs of
//! docs/src/normal-form.md are seen to affect more.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::each::{Design, PEOPLE, REACH, World, study, table};
use crate::policy::Study;
use crate::tags::{Catalogue, Measure, Source};
use crate::types::Secret;

/// The value of every measure of everybody who is in; `None` when absent.
type MeasureValues = BTreeMap<&'static str, BTreeMap<String, Option<i128>>>;

fn engine(study: &Study, world: &World, key: &Secret) -> MeasureValues {
    let columns = study.catalogue.columns();
    let rows = PEOPLE.into_iter().zip(table(study, world, key, (2, 2)));
    let values = rows.filter(|(_, (counts, _))| counts[0] == 1).map(|(person, (counts, sums))| {
        let values = columns.measures.iter().map(|of| {
            let there = of.present == 0 || counts[of.present] == 1;
            (name(study, of.measure), there.then_some(sums[of.sum]))
        });
        (person, values.collect())
    });
    values.collect()
}

fn model(world: &World, key: &Secret) -> MeasureValues {
    let values = |person: &&'static str| {
        let values = world.values(person, key).into_iter();
        let floored = values.map(|(name, value)| {
            (name.to_owned(), value.map(|(part, all)| i128::from(part.div_euclid(all))))
        });
        (*person, floored.collect())
    };
    world.inside.iter().map(values).collect()
}

fn name(study: &Study, measure: usize) -> String {
    study.catalogue.measures()[measure].name.clone().unwrap()
}

/// The relation along which a measure's contributions travel, if it has any.
fn carried(catalogue: &Catalogue, measure: &Measure) -> Option<String> {
    let relation = match measure.source {
        Source::Own { .. } | Source::OwnListSize { .. } => return None,
        Source::Audience { relation, .. }
        | Source::Mutual { relation }
        | Source::Ties { relation, .. }
        | Source::Referred { relation, .. } => relation,
    };
    Some(catalogue.relations()[relation].name())
}

/// What one person moves too far: the values of all people with and without what they own.
fn excess(study: &Study, with: &MeasureValues, without: &MeasureValues, person: &str) -> Option<String> {
    let mut moved: BTreeMap<Option<String>, BTreeSet<&str>> = BTreeMap::new();
    assert!(with.len() == without.len() + 1 && !without.contains_key(person));
    for (other, values) in without {
        for measure in study.catalogue.measures() {
            let Some(name) = measure.name.as_deref().filter(|name| values[*name] != with[other][*name])
            else {
                continue;
            };
            let by = carried(&study.catalogue, measure);
            if by.is_none() {
                return Some(format!("{name} of {other} moved, which is theirs alone"));
            }
            moved.entry(by).or_default().insert(other);
        }
    }
    let (relation, others) = moved.into_iter().find(|(_, others)| others.len() > REACH)?;
    Some(format!("{others:?} moved along {relation:?}"))
}

#[test]
fn one_person_moves_no_one_elses_own_measures_and_few_others() {
    let study = study();
    let mut rng = StdRng::seed_from_u64(21);
    let mut most = 0;
    for case in 0..40 {
        let (world, key) = (World::random(&mut rng), Secret::new(rng.random()));
        let with = engine(&study, &world, &key);
        assert!(with == model(&world, &key), "case {case}");
        for person in &world.inside {
            let without = engine(&study, &world.without(person), &key);
            let excess = excess(&study, &with, &without, person);
            assert!(excess.is_none(), "case {case} without {person}: {}", excess.unwrap());
            most = most.max(without.iter().filter(|(other, values)| with[*other] != **values).count());
        }
    }
    // Some person reaches all whom they may reach, along both relations.
    assert_eq!(most, 2 * REACH);
}

#[test]
fn every_wrong_design_moves_too_many() {
    let study = study();
    for design in Design::WRONG {
        let mut rng = StdRng::seed_from_u64(22);
        let found = (0..2_000).find_map(|_| {
            let (mut world, key) = (World::random(&mut rng), Secret::new(rng.random()));
            world.design = design;
            let with = model(&world, &key);
            let excess = |person: &&str| excess(&study, &with, &model(&world.without(person), &key), person);
            world.inside.iter().find_map(excess)
        });
        println!("{design:?}: {found:?}");
        assert!(found.is_some(), "{design:?} was not found");
    }
}
