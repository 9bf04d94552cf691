use std::collections::{BTreeMap, HashSet};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};

use super::*;

fn people(people: u32, seed: u64) -> SocialCommerce {
    SocialCommerce::new(PopulationConfig { people, seed, ..SocialCommerce::config() }).unwrap()
}

fn rows(reader: Box<dyn RecordBatchReader + Send>) -> Vec<RecordBatch> {
    reader.map(Result::unwrap).collect()
}

fn text(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    let of = |batch: &RecordBatch| {
        batch[column].as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn the_seed_decides_every_row() {
    let all = |people: &SocialCommerce| people.tables().map(|(name, reader)| (name, rows(reader)));
    assert_eq!(all(&people(500, 1)), all(&people(500, 1)));
    for ((name, a), (_, b)) in all(&people(500, 1)).iter().zip(&all(&people(500, 2))) {
        assert_ne!(a, b, "{name}");
    }
}

#[test]
fn two_thirds_are_35_and_above_and_the_young_share_more() {
    let people = people(20_000, 1);
    let members = rows(people.members());
    let groups = text(&members, "age_group");
    let share = |of: &[&str]| {
        let of = groups.iter().flatten().filter(|group| of.contains(&group.as_str())).count();
        of as f64 / 20_000.0
    };
    assert!((0.64..0.68).contains(&share(&["35-49", "50-plus"])));
    assert!((0.19..0.23).contains(&share(&["gen-z"])));
    let years: Vec<i32> =
        members.iter().flat_map(|b| b["birth_year"].as_primitive::<Int32Type>().values().to_vec()).collect();
    for (group, year) in groups.iter().flatten().zip(years) {
        assert_eq!(group == "minor", year > 2026 - 18, "{group} {year}");
    }
    let sharers: HashSet<String> = text(&rows(people.shares()), "sharer").into_iter().flatten().collect();
    let ids = text(&members, "user");
    let rate = |wanted: &str| {
        let of = ids.iter().flatten().zip(groups.iter().flatten()).filter(|(_, group)| *group == wanted);
        let (all, sharing) =
            of.fold((0, 0), |(all, sharing), (id, _)| (all + 1, sharing + i32::from(sharers.contains(id))));
        f64::from(sharing) / f64::from(all)
    };
    assert!(rate("gen-z") > 2.0 * rate("50-plus"), "{} {}", rate("gen-z"), rate("50-plus"));
}

#[test]
fn orders_have_heavy_tails_and_every_word_of_the_study() {
    let people = people(20_000, 1);
    let payments = rows(people.payments());
    let distinct = |column: &str| text(&payments, column).into_iter().flatten().collect::<HashSet<_>>().len();
    assert_eq!((distinct("scene"), distinct("merchant_tier"), distinct("module")), (5, 3, 12));
    let mut amounts: Vec<i64> =
        payments.iter().flat_map(|b| b["amount"].as_primitive::<Int64Type>().values().to_vec()).collect();
    amounts.sort_unstable();
    assert!(amounts[amounts.len() / 1_000 * 999] > 50 * amounts[amounts.len() / 2]);
    // Each person who is named as a referrer shares.
    let sharers: HashSet<String> = text(&rows(people.shares()), "sharer").into_iter().flatten().collect();
    let mut named = BTreeMap::<String, usize>::new();
    text(&payments, "referrer").into_iter().flatten().for_each(|id| *named.entry(id).or_default() += 1);
    assert!(named.keys().all(|id| sharers.contains(id)));
    assert!(named.values().max() > Some(&20) && named.values().sum::<usize>() > payments.len() / 50);
    let mut opens: Vec<i64> = rows(people.shares())
        .iter()
        .flat_map(|b| b["opens"].as_primitive::<Int64Type>().values().to_vec())
        .collect();
    opens.sort_unstable();
    assert!(opens[opens.len() - 1] > 20 * opens[opens.len() / 2]);
}
