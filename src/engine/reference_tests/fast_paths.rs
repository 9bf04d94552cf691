//! Fast paths, forced on and off: dense and scattered ids, ids as numbers and as text, narrow and wide rows, and batches whose cells all
//! have values or do not. Values are what plain loops say whichever of them is taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Int8Array, Int32Array, Int64Array, RecordBatch, RecordBatchReader,
    StringArray, TimestampMillisecondArray,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::each::{AS_OF, MEASURES, PEOPLE, STRANGERS, World, study, table_of, text};
use super::input;
use crate::engine::{Input, Sources};
use crate::policy::Study;
use crate::types::Secret;

/// The ids of the crowd, by number.
type Rule = fn(i64) -> i64;

/// People whom no one of the world knows; more than a first table of ids holds.
const MORE: i64 = 700;

/// The place of a person among all.
fn place(name: &str) -> i64 {
    let all = PEOPLE.into_iter().chain(STRANGERS);
    i64::try_from(all.into_iter().position(|known| known == name).unwrap()).unwrap()
}

/// Consecutive numbers.
fn dense(name: &str) -> String {
    (place(name) + 1).to_string()
}

/// Numbers of 18 digits that are far from one another.
fn scattered(name: &str) -> String {
    far(place(name)).to_string()
}

fn far(number: i64) -> i64 {
    100_000_000_000_000_000 + (number * 7_777_777_777_777_777) % 800_000_000_000_000_000
}

/// Mobile numbers.
fn phone(name: &str) -> String {
    (13_800_000_000 + place(name) * 1_001).to_string()
}

/// Text that is no number.
fn word(name: &str) -> String {
    format!("id {name}")
}

/// Measures of columns of numbers alone, so that rows may be narrow.
fn narrow() -> Study {
    let of_words = ["shops", "named", "some"];
    let is_of_numbers = |line: &&str| !of_words.iter().any(|name| line.starts_with(&format!("{name} = ")));
    let measures: Vec<&str> = MEASURES.lines().filter(is_of_numbers).collect();
    let tags = format!("[tags]\nwho = {{ field = \"members.word\", values = {PEOPLE:?} }}\n");
    Study::parse("narrow.toml", &text(&measures.join("\n"), &tags)).unwrap()
}

/// Rows of people of whom the world knows nothing, before all others: whom they list, and what they pay.
fn crowd(sources: &mut Sources, id: impl Fn(i64) -> i64, wide: bool) {
    let ids = |of: &dyn Fn(i64) -> i64| {
        Arc::new((0..MORE).map(|row| Some(id(of(row)))).collect::<Int64Array>()) as ArrayRef
    };
    let follows = vec![("follower", ids(&|row| row)), ("followee", ids(&|row| (row * 31 + 1) % MORE))];
    let amount = move |row: i64| Some(if wide { row << 40 } else { row });
    let none: Vec<Option<&str>> = vec![None; 700];
    let payments: Vec<(&str, ArrayRef)> = vec![
        ("payer", ids(&|row| row % 300)),
        ("amount", Arc::new((0..MORE).map(amount).collect::<Int64Array>())),
        (
            "points",
            Arc::new((0..MORE).map(|row| Some(i8::try_from(row % 9).unwrap())).collect::<Int8Array>()),
        ),
        ("shop", Arc::new((0..MORE).map(|row| Some(format!("{}", row % 40))).collect::<StringArray>())),
        ("online", Arc::new((0..MORE).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        ("referrer", Arc::new(StringArray::from(none))),
        (
            "at",
            Arc::new(
                (0..MORE).map(|_| Some((AS_OF - 9) * 1_000 + 999)).collect::<TimestampMillisecondArray>(),
            ),
        ),
    ];
    let payments = payments.into_iter().map(|(name, array)| match array.as_any().downcast_ref() {
        Some(at) => {
            let at: &TimestampMillisecondArray = at;
            (name, Arc::new(at.clone().with_timezone("UTC")) as ArrayRef)
        }
        None => (name, array),
    });
    sources.data.insert(0, ("payments".parse().unwrap(), input("payments", payments.collect())));
    sources.data.insert(0, ("follows".parse().unwrap(), input("follows", follows)));
}

/// The same tables with ids as integers, and amounts as small ones where they fit.
fn typed(sources: Sources) -> Sources {
    let retype = |input: Input| {
        let Input::Reader(name, reader) = input else { panic!("the tables are in memory") };
        let schema = reader.schema();
        let batch: RecordBatch = reader.map(Result::unwrap).next().unwrap();
        let columns = schema.fields().iter().zip(batch.columns());
        let columns = columns.map(|(field, array)| (field.name().clone(), small(field.name(), array)));
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let schema = batch.schema();
        let batches = arrow_array::RecordBatchIterator::new([Ok(batch)], schema);
        Input::Reader(name, Box::new(batches))
    };
    let all = |(name, input)| (name, retype(input));
    Sources { data: sources.data.into_iter().map(all).collect(), consents: sources.consents }
}

fn small(name: &str, array: &ArrayRef) -> ArrayRef {
    if let ("follower" | "followee" | "payer" | "referrer" | "user", Some(words)) =
        (name, array.as_any().downcast_ref::<StringArray>())
    {
        return Arc::new(words.iter().map(|word| Some(word?.parse().unwrap())).collect::<Int64Array>());
    }
    match (name, array.as_any().downcast_ref::<Int64Array>()) {
        ("amount", Some(numbers)) => Arc::new(
            numbers.iter().map(|number| Some(i32::try_from(number?).unwrap())).collect::<Int32Array>(),
        ),
        ("points", Some(numbers)) => {
            Arc::new(numbers.iter().map(|number| Some(i8::try_from(number?).unwrap())).collect::<Int8Array>())
        }
        _ => Arc::clone(array),
    }
}

/// Checks a table against plain loops; for each person and measure whether they have a value, and which.
pub(super) fn check(
    study: &Study,
    world: &World,
    key: &Secret,
    found: &[(Vec<u64>, Vec<i128>)],
) -> Vec<(String, bool, i128)> {
    let mut all = Vec::new();
    for (person, (counts, sums)) in PEOPLE.iter().zip(found) {
        assert_eq!(counts[0], u64::from(world.inside.contains(person)), "{person}");
        let wanted = world.values(person, key);
        for of in &study.catalogue.columns().measures {
            let name = study.catalogue.measures()[of.measure].name.as_deref().unwrap();
            let value = wanted[name].filter(|_| counts[0] == 1);
            let floored = value.map_or(0, |(a, b)| i128::from(a.div_euclid(b)));
            assert_eq!(sums[of.sum], floored, "{person}, {name}");
            let there = if of.present > 0 { counts[of.present] == 1 } else { counts[0] == 1 };
            assert_eq!(there, value.is_some(), "{person}, {name}");
            all.push((name.to_owned(), there, floored));
        }
    }
    all
}

#[test]
fn values_do_not_depend_on_the_shapes_of_ids_and_rows() {
    let (every, numbers) = (study(), narrow());
    let mut rng = StdRng::seed_from_u64(20);
    let mut seen = BTreeMap::new();
    for case in 0..160 {
        let mut world = World::random(&mut rng);
        let spelled: [fn(&str) -> String; 4] = [dense, scattered, phone, word];
        world.spelled = spelled[case % 4];
        let is_narrow = rng.random();
        if is_narrow {
            world.make_narrow(rng.random());
        }
        let study = if rng.random() { &every } else { &numbers };
        let key = Secret::new(rng.random());
        let mut tables = world.tables(1 + case % 3);
        let is_typed = case % 4 != 3 && rng.random();
        if is_typed {
            tables = typed(tables);
        }
        let crowded: [Option<Rule>; 3] = [None, Some(|number| number + 20), Some(|number| far(number + 20))];
        let of_crowd = rng.random_range(0..3);
        if let Some(id) = crowded[of_crowd] {
            crowd(&mut tables, id, rng.random());
        }
        let found = table_of(study, tables, &key, 1 + case % 2);
        let values = check(study, &world, &key, &found);
        assert!(values.len() == PEOPLE.len() * study.catalogue.columns().measures.len());
        *seen.entry((case % 4, is_narrow, is_typed, of_crowd)).or_insert(0) += 1;
    }
    assert!(seen.len() > 30, "{}", seen.len());
}

/// How many prices each person pays, the price 0 included: lists of distinct values, filled and outgrown, and hash tables.
const PRICES: [i64; 8] = [0, 1, 5, 17, 63, 64, 65, 200];

/// A payment of each person at each of their prices, twice, in an order of its own.
fn payments_at_prices(spelled: fn(&str) -> String, unit: i64, rng: &mut StdRng) -> Input {
    let each = PEOPLE
        .iter()
        .zip(PRICES)
        .flat_map(|(person, prices)| (0..2 * prices).map(move |row| (person, row % prices)));
    let mut rows: Vec<(&&str, i64)> = each.collect();
    rows.shuffle(rng);
    let words = |word: &str| Arc::new(StringArray::from(vec![word; rows.len()])) as ArrayRef;
    let numbers = |of: &dyn Fn(i64) -> i64| {
        Arc::new(rows.iter().map(|(_, price)| Some(of(*price))).collect::<Int64Array>()) as ArrayRef
    };
    let payers = rows.iter().map(|(person, _)| Some(spelled(person)));
    let at = TimestampMillisecondArray::from(vec![(AS_OF - 9) * 1_000; rows.len()]).with_timezone("UTC");
    let columns = vec![
        ("payer", Arc::new(payers.collect::<StringArray>()) as ArrayRef),
        ("amount", numbers(&|price| price * unit)),
        ("points", numbers(&|_| 1)),
        ("shop", words("s")),
        ("online", Arc::new(BooleanArray::from(vec![true; rows.len()]))),
        ("referrer", words("r")),
        ("at", Arc::new(at)),
    ];
    input("payments", columns)
}

#[test]
fn sets_of_distinct_values_of_every_size_are_counted_in_every_shape() {
    let tags = format!("[tags]\nwho = {{ field = \"members.word\", values = {PEOPLE:?} }}\n");
    let mut rng = StdRng::seed_from_u64(21);
    for cap in [1, 4, 16, 63, 64, 65, 100, 300] {
        let measure = format!(
            "[measures]\nprices = {{ from = \"payments\", distinct = \"amount\", cap = {cap}, clamp = [0, 1000] }}\n"
        );
        let study = Study::parse("prices.toml", &text(&measure, &tags)).unwrap();
        let sum = study.catalogue.columns().measures[0].sum;
        for (spelled, unit) in
            [(dense as fn(&str) -> String, 1), (scattered, 1), (dense, 1 << 33), (word, 1 << 33)]
        {
            let mut world = World::random(&mut rng);
            world.spelled = spelled;
            world.inside = PEOPLE.into_iter().collect();
            let mut tables = world.tables(1);
            tables.data.retain(|(name, _)| name.as_str() != "payments");
            tables.data.push(("payments".parse().unwrap(), payments_at_prices(spelled, unit, &mut rng)));
            for ((counts, sums), prices) in
                table_of(&study, tables, &Secret::new([4; 32]), 2).iter().zip(PRICES)
            {
                assert_eq!((counts[0], sums[sum]), (1, prices.min(cap).into()), "cap {cap}, unit {unit}");
            }
        }
    }
}
