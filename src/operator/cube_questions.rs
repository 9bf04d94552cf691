//! What the cube's part of a question costs: choosing cells and adding them up, which is what a query over rows of tags does
//! too; without books, keys and signature. Not a promise: it prints and asserts no time. `benches/against_duckdb.sh` runs it.
//!
//! `cargo test --release --lib cube_questions -- --ignored --nocapture`

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::Adopted;
use crate::dp::Accounting;
use crate::engine::shapes;
use crate::operator::query::prepared::{plan_under, selection};
use crate::policy::{Regime, Study};
use crate::query::parse;
use crate::release::{Cube, Exact, noised_in_test};

/// The questions of `benches/against_duckdb.rs`, over its 32,400 cells.
const STUDY: &str = include_str!("../../benches/against_duckdb/study.toml");
const QUESTIONS: &str = include_str!("../../benches/against_duckdb/questions.txt");

#[test]
#[ignore = "measures"]
fn the_cube_s_part_of_a_question() {
    let adopted = Adopted::new(Study::parse("study", STUDY).unwrap(), Regime::built_in("cn-pipl").unwrap());
    let catalogue = &adopted.study.catalogue;
    let shapes = shapes(&adopted.study).unwrap();
    let cubes: Vec<Exact<Cube>> = shapes.iter().map(|shape| Exact::new(Cube::empty(shape))).collect();
    let accounting = Accounting::Zcdp { delta: "1e-12".parse().unwrap() };
    for (name, text) in QUESTIONS.lines().map(|line| line.split_once(": ").unwrap()) {
        let [mut planned, mut drawn, mut all] = [Duration::MAX; 3];
        for seed in 0..500 {
            let start = Instant::now();
            let plan = plan_under(&parse(text, catalogue).unwrap(), &adopted.study, accounting).unwrap();
            planned = planned.min(start.elapsed());
            let (start, mut rng) = (Instant::now(), StdRng::seed_from_u64(seed));
            let draws =
                plan.claim().parts.iter().map(|part| part.mechanism.draws(part.cells, &mut rng).len());
            assert!(draws.sum::<usize>() > 0);
            drawn = drawn.min(start.elapsed());
            let start = Instant::now();
            let selection = selection(&plan, &adopted);
            let numbers =
                noised_in_test(plan.claim(), &selection, &shapes[plan.set()], &cubes[plan.set()], seed);
            all = all.min(start.elapsed());
            assert_eq!(numbers.0[0].len(), plan.cells());
        }
        let cube = all.saturating_sub(drawn);
        let [planned, drawn, cube] = [planned, drawn, cube].map(|time| time.as_secs_f64() * 1e6);
        println!(
            "question of the cube: {name:26}{cube:9.1} us; besides, planned {planned:.1}, noise drawn {drawn:.1}"
        );
    }
}
