//! Promise 3 for every kind of measure, question by question: without what one person owns, no exact answer moves by more
//! than the sensitivity that the catalogue declares for it.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::Adopted;
use super::random_questions::filter;
use crate::dp::Accounting;
use crate::engine::reference_tests::each::{AS_OF, AUDIENCE_MEASURES, MEASURES, World, text};
use crate::engine::{Reading, build, shapes};
use crate::operator::query::prepared::{plan_under, selection};
use crate::policy::{Decision, Regime, Study, decide};
use crate::query::{Plan, parse};
use crate::release::{Cube, Exact, noised_in_test};
use crate::tags::{Catalogue, Tag};
use crate::types::{Secret, Timestamp};

/// Three tags at a time, so that every cube is small.
const TAGS_A_SET: usize = 3;

/// A study in which every measure may be summed, cut into a grid, and read as a tag.
fn study() -> Study {
    let measures = format!("{MEASURES}{AUDIENCE_MEASURES}")
        .replace("clamp = [0, 100] }", "clamp = [0, 100], grid = [0, 1, 2, 50] }")
        .replace("clamp = [0, 1000] }", "clamp = [0, 1000], grid = [0, 5, 300] }")
        .replace("clamp = [-100, 100] }", "clamp = [-100, 100], grid = [-100, 0, 3] }");
    let names = measures.lines().filter_map(|line| line.split_once(" = {")).map(|(name, _)| name);
    let (mut tags, mut sets) = ("[tags]\n".to_owned(), "[tag_sets]\n".to_owned());
    let names: Vec<&str> = names.collect();
    for name in &names {
        let line = measures.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        let least = if line.contains("clamp = [-100") || *name == "greatest" { -100 } else { 0 };
        let bands = format!("bands = {{ low = {least}, some = 1, many = 4 }}");
        tags.push_str(&format!("t_{name} = {{ measure = \"{name}\", {bands}, absent = \"none\" }}\n"));
    }
    for (number, set) in names.chunks(TAGS_A_SET).enumerate() {
        let set: Vec<String> = set.iter().map(|name| format!("t_{name}")).collect();
        sets.push_str(&format!("s{number} = {set:?}\n"));
    }
    Study::parse("measures.toml", &text(&measures, &(tags + &sets))).unwrap()
}

/// Both of two neighbours take the same epoch key: the order of the cut is no secret of a person.
fn cubes(adopted: &Adopted, world: &World, key: &Secret) -> Vec<Exact<Cube>> {
    let (recipient, as_of) = (&adopted.study.recipients[0], Timestamp::from_seconds(AS_OF));
    let Decision::Permit(flow) = decide(&adopted.study, &adopted.regime, recipient, as_of) else {
        panic!("the study is permitted");
    };
    let flows = [(recipient.id.clone(), flow.demand().clone())];
    let (built, _) = build(&adopted.study, &flows, world.tables(2), as_of, key, &Reading::default()).unwrap();
    built.into_iter().next().unwrap().cubes
}

/// A random question over the tags of one set, and which measures it names.
fn question(catalogue: &Catalogue, rng: &mut StdRng) -> (String, BTreeSet<String>) {
    let set = catalogue.sets().choose(rng).unwrap();
    let mut tags: Vec<&Tag> = set.tags.iter().map(|tag| &catalogue.tags()[*tag]).collect();
    tags.shuffle(rng);
    let group: Vec<&str> = tags.iter().take(rng.random_range(0..3)).map(|tag| tag.name()).collect();
    let measures: Vec<_> = catalogue.summable().map(|(_, measure)| measure).collect();
    let mut named: BTreeSet<String> =
        group.iter().map(|tag| tag.trim_start_matches("t_").to_owned()).collect();
    let mut items: Vec<String> = group.iter().map(|tag| (*tag).to_owned()).collect();
    for _ in 0..rng.random_range(1..4) {
        let measure = measures.choose(rng).unwrap();
        let name = measure.name.as_deref().unwrap();
        let kind = rng.random_range(0..if measure.grid.is_some() { 6 } else { 3 });
        items.push(match kind {
            0 => format!("SUM({name})"),
            1 => format!("AVG({name})"),
            2 => "COUNT(*)".to_owned(),
            3 => format!("MEDIAN({name})"),
            4 => format!("HISTOGRAM({name})"),
            _ => format!("COUNT({name})"),
        });
        if kind != 2 {
            named.insert(name.to_owned());
        }
    }
    let mut text = format!("SELECT {} FROM tags", items.join(", "));
    if rng.random_bool(0.5) {
        text.push_str(&format!(" WHERE {}", filter(&tags, 2, rng)));
    }
    if !group.is_empty() {
        text.push_str(&format!(" GROUP BY {}", group.join(", ")));
    }
    (text, named)
}

fn questions(adopted: &Adopted, seed: u64) -> impl Iterator<Item = (String, BTreeSet<String>, Plan)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let accounting = Accounting::Zcdp { delta: "1e-12".parse().unwrap() };
    let catalogue = &adopted.study.catalogue;
    let one = move || {
        let (text, named) = question(catalogue, &mut rng);
        let ask = parse(&text, catalogue).ok()?;
        plan_under(&ask, &adopted.study, accounting).ok().map(|plan| (text, named, plan))
    };
    std::iter::repeat_with(one).flatten()
}

#[test]
fn no_answer_about_any_measure_moves_by_more_than_is_declared() {
    let adopted = Adopted::new(study(), Regime::built_in("cn-pipl").unwrap());
    let shapes = shapes(&adopted.study).unwrap();
    let mut rng = StdRng::seed_from_u64(31);
    let (mut asked, mut others) = (0, 0);
    let mut moved: BTreeMap<String, u32> = BTreeMap::new();
    for case in 0..12 {
        let (world, key) = (World::random(&mut rng), Secret::new(rng.random()));
        let with = cubes(&adopted, &world, &key);
        let without = world.inside.iter().map(|person| cubes(&adopted, &world.without(person), &key));
        let without: Vec<_> = without.collect();
        for (text, named, plan) in questions(&adopted, 500 + case).take(50) {
            let (selection, set) = (selection(&plan, &adopted), plan.set());
            // The same noise on both sides: what differs is the exact answer.
            let answer = |cubes: &[Exact<Cube>]| {
                noised_in_test(plan.claim(), &selection, &shapes[set], &cubes[set], case).0
            };
            let whole = answer(&with);
            for (cubes, person) in without.iter().zip(&world.inside) {
                let parts = whole.iter().zip(answer(cubes));
                for (part, (with, without)) in plan.claim().parts.iter().zip(parts) {
                    assert_eq!((with.len(), without.len()), (part.cells, part.cells), "{text}");
                    let change: Vec<u128> =
                        with.iter().zip(&without).map(|(a, b)| (a - b).unsigned_abs()).collect();
                    let (l1, l2): (u128, u128) = (change.iter().sum(), change.iter().map(|by| by * by).sum());
                    assert!(
                        l1 <= part.sensitivity.l1 && l2 <= part.sensitivity.l2_squared,
                        "case {case}: {text} moves by {change:?} without {person}"
                    );
                    if l1 > 0 {
                        named.iter().for_each(|name| *moved.entry(name.clone()).or_default() += 1);
                    }
                    others += usize::from(change.iter().filter(|by| **by > 0).count() > 2);
                }
            }
            asked += 1;
        }
    }
    // Every measure was asked about and moved, and someone moved more than their own row.
    let unmoved: Vec<_> = adopted.study.catalogue.measures().iter().filter_map(|m| m.name.as_ref()).collect();
    let unmoved: Vec<_> =
        unmoved.into_iter().filter(|name| moved.get(*name).is_none_or(|times| *times < 10)).collect();
    assert!(asked == 600 && others > 100 && unmoved.is_empty(), "{asked}, {others}, {unmoved:?}, {moved:?}");
}
