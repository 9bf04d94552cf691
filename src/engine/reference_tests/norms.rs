//! Promise 3 for every kind of measure as questions ask for it: the exact answers to random questions, with and without
//! each person, are no further apart than the catalogue declares; where lists are longer than declared they are.

use std::fs::File;

use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::neighbours::{Cells, Question, question};
use super::super::{Input, Sources};
use super::each::{MEASURES, REACH, World, study, study_of, table, table_of};
use crate::policy::Study;
use crate::types::Secret;

const QUESTIONS: usize = 50;
const WORLDS: usize = 12;

/// Bands of every measure, four tags a study.
const TAGS: [&str; 6] = [
    r#"
by_mean = { measure = "mean", bands = { low = 0, high = 40 }, absent = "none" }
by_least = { measure = "least", bands = { low = -100, high = 0 }, absent = "none" }
by_mutual = { measure = "mutual", bands = { low = 0, high = 1 } }
by_referrers = { measure = "referrers", bands = { low = 0, high = 1 } }
"#,
    r#"
by_greatest = { measure = "greatest", bands = { low = -100, high = 0 }, absent = "none" }
by_strong = { measure = "strong", bands = { low = 0, high = 50 }, absent = "none" }
by_weak = { measure = "weak", bands = { low = 0, high = 500 }, absent = "none" }
by_referrals = { measure = "referrals", bands = { low = 0, high = 1 } }
"#,
    r#"
by_first = { measure = "first", bands = { low = 0, high = 5 }, absent = "none" }
by_rich = { measure = "rich", bands = { low = 0, high = 50 }, absent = "none" }
by_poor = { measure = "poor", bands = { low = 0, high = 50 }, absent = "none" }
by_shops = { measure = "shops", bands = { low = 0, high = 2 } }
"#,
    r#"
by_audience = { measure = "audience", bands = { low = 0, high = 2 } }
by_earned = { measure = "earned", bands = { low = 0, high = 60 } }
by_typical = { measure = "typical", bands = { low = 0, high = 40 }, absent = "none" }
by_referred_sum = { measure = "referred_sum", bands = { low = -100, high = 0 } }
"#,
    r#"
by_last = { measure = "last", bands = { low = 0, high = 5 }, absent = "none" }
by_online = { measure = "online", bands = { low = 0, high = 500 }, absent = "none" }
by_retained = { measure = "retained", bands = { no = 0, yes = 1 }, absent = "none" }
by_named = { measure = "named", bands = { low = 0, high = 1 } }
"#,
    r#"
by_prices = { measure = "prices", bands = { low = 0, high = 2 } }
by_some = { measure = "some", bands = { low = 0, high = 1 } }
by_offline = { measure = "offline", bands = { low = -100, high = 0 } }
by_exact = { measure = "exact", bands = { low = 0, high = 1 } }
"#,
];

/// What an audience sends that plain loops of the other tests do not say.
const MORE: &str = r#"
spent = { from = "payments", sum = "amount", clamp = [0, 1000] }
audience = { over = "follows", role = "audience", size = true, clamp = [0, 100] }
earned = { over = "follows", role = "audience", sum = "spent", clamp = [0, 1000] }
typical = { over = "follows", role = "audience", mean = "mean", clamp = [0, 1000] }
"#;

/// The measures, some of them with a grid.
fn measures() -> String {
    let gridded = MEASURES.replace("clamp = [0, 100] }", "clamp = [0, 100], grid = [0, 1, 2, 50] }");
    assert_ne!(gridded, MEASURES);
    gridded + MORE
}

/// The true cells of a cube, each a number for every column.
type Cubes = Vec<(Vec<u64>, Vec<i128>)>;

/// What a neighbour's cube has less or more.
fn change(with: &Cubes, without: &Cubes) -> Cells {
    let cells = with.iter().zip(without).enumerate();
    let less = cells.map(|(at, ((counts, sums), (fewer, less)))| {
        let counts = counts.iter().zip(fewer).map(|(a, b)| i128::from(*a) - i128::from(*b));
        (at, (counts.collect(), sums.iter().zip(less).map(|(a, b)| a - b).collect()))
    });
    less.collect()
}

/// The questions about `declared` whose answers from lists as `sealed` cuts them move too far, and by how many each.
fn excesses(declared: &Study, sealed: &Study, seed: u64) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let questions = std::iter::repeat_with(|| question(declared, &mut rng)).flatten().take(QUESTIONS);
    let questions: Vec<Question> = questions.collect();
    let mut found = Vec::new();
    for _ in 0..WORLDS {
        let (world, key) = (World::random(&mut rng), Secret::new(rng.random()));
        let with = table(sealed, &world, &key, (2, 2));
        for person in &world.inside {
            let without = table(sealed, &world.without(person), &key, (2, 2));
            let change = change(&with, &without);
            found.extend(questions.iter().filter_map(|question| question.excess(&change)));
        }
    }
    found
}

#[test]
fn one_person_moves_no_answer_about_any_measure_further_than_its_norms() {
    for (seed, tags) in (31..).zip(TAGS) {
        let study = study_of(REACH, &measures(), tags);
        let found = excesses(&study, &study, seed);
        assert!(found.is_empty(), "{found:#?} with {tags}");
    }
}

/// The test above has power: norms that are one person too small are exceeded, whatever the tags that others move.
#[test]
fn norms_of_shorter_lists_are_exceeded() {
    for (seed, tags) in (31..).zip(TAGS).take(4) {
        let [declared, sealed] = [1, 4].map(|reach| study_of(reach, &measures(), tags));
        assert!(!excesses(&declared, &sealed, seed).is_empty(), "{tags}");
    }
}

/// The same tables as Parquet files whose row groups hold a few rows each.
fn in_row_groups(sources: Sources, rows: usize, folder: &std::path::Path) -> Sources {
    let mut number = 0;
    let mut written = |input: Input| {
        let Input::Reader(_, reader) = input else { panic!("made-up tables are readers") };
        number += 1;
        let path = folder.join(format!("{number}.parquet"));
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, reader.schema(), Some(properties)).unwrap();
        reader.for_each(|batch| writer.write(&batch.unwrap()).unwrap());
        writer.close().unwrap();
        Input::Path(path)
    };
    let data = sources.data.into_iter().map(|(name, input)| (name, written(input))).collect();
    let consents = sources.consents.into_iter().map(&mut written).collect();
    Sources { data, consents }
}

#[test]
fn values_do_not_depend_on_row_groups() {
    let who = study();
    let banded = TAGS.map(|tags| study_of(REACH, &measures(), tags));
    let (mut rng, place) = (StdRng::seed_from_u64(37), tempfile::tempdir().unwrap());
    for case in 0..6 {
        let (world, key) = (World::random(&mut rng), Secret::new(rng.random()));
        for study in banded.iter().chain([&who]) {
            let plain = table(study, &world, &key, (1, 1));
            for (rows, threads) in [(1, 3), (5, 2), (1_000, 1)] {
                let sources = in_row_groups(world.tables(2), rows, place.path());
                assert!(table_of(study, sources, &key, threads) == plain, "case {case}, groups of {rows}");
            }
        }
    }
}
