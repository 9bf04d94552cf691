use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampSecondType};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn people(people: u32) -> Population {
    Population::new(PopulationConfig { people, ..PopulationConfig::default() }).unwrap()
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

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[test]
fn the_seed_decides_every_row() {
    let all = |population: &Population| {
        [population.follows(), population.payments(), population.members(), population.consents()].map(rows)
    };
    assert_eq!(all(&people(500)), all(&people(500)));
    let other = PopulationConfig { people: 500, seed: 2, ..PopulationConfig::default() };
    for (a, b) in all(&people(500)).iter().zip(&all(&Population::new(other).unwrap())) {
        assert_ne!(a, b);
    }
}

#[test]
fn ids_are_distinct_and_have_eleven_digits() {
    let population = people(20_000);
    let ids: HashSet<String> = (0..20_000).map(|index| population.id(index)).collect();
    assert_eq!(ids.len(), 20_000);
    assert!(ids.iter().all(|id| id.len() == 11 && id.starts_with('1')));
}

#[test]
fn the_graph_has_hubs_mutual_ties_and_a_few_bad_rows() {
    let follows = rows(people(20_000).follows());
    let ties: Vec<(String, String)> = text(&follows, "follower")
        .into_iter()
        .flatten()
        .zip(text(&follows, "followee").into_iter().flatten())
        .collect();
    let distinct: HashSet<&(String, String)> = ties.iter().collect();
    let average = share(ties.len(), 20_000);
    assert!((18.0..22.0).contains(&average), "{average}");

    let duplicates = share(ties.len() - distinct.len(), ties.len());
    let selves = share(ties.iter().filter(|(a, b)| a == b).count(), ties.len());
    for blemish in [duplicates, selves] {
        assert!((0.0005..0.002).contains(&blemish), "{blemish}");
    }
    let back = distinct.iter().filter(|(a, b)| a != b && distinct.contains(&(b.clone(), a.clone()))).count();
    let mutual = share(back, distinct.len());
    assert!((0.15..0.25).contains(&mutual), "{mutual}");

    let degrees = |end: fn(&(String, String)) -> &String| {
        let mut count = HashMap::<&String, usize>::new();
        distinct.iter().for_each(|tie| *count.entry(end(tie)).or_default() += 1);
        let mut degrees: Vec<usize> = count.into_values().collect();
        degrees.sort_unstable_by(|a, b| b.cmp(a));
        degrees
    };
    let (followers, lists) = (degrees(|tie| &tie.1), degrees(|tie| &tie.0));
    // A power law: the first is far above the hundredth, and that far above the median; not so without hubs.
    assert!(followers[0] > 1_000 && followers[0] > 4 * followers[100], "{:?}", &followers[..3]);
    assert!(followers[100] > 5 * followers[10_000], "{} {}", followers[100], followers[10_000]);
    assert!(lists[0] > 200 && lists[0] < 5_200, "{}", lists[0]);
    assert!((0.05..0.12).contains(&share(20_000 - lists.len(), 20_000)));
}

#[test]
fn payments_are_skewed_recent_and_follow_the_company_one_keeps() {
    let population = people(20_000);
    let config = population.config();
    let payments = rows(population.payments());
    let payers: Vec<String> = text(&payments, "payer").into_iter().flatten().collect();
    let column = |name: &str, of: fn(&RecordBatch, &str) -> Vec<i64>| -> Vec<i64> {
        payments.iter().flat_map(|batch| of(batch, name)).collect()
    };
    let mut amounts = column("amount", |b, n| b[n].as_primitive::<Int64Type>().values().to_vec());
    let times = column("at", |b, n| b[n].as_primitive::<TimestampSecondType>().values().to_vec());

    let average = share(payers.len(), 20_000);
    assert!((27.0..33.0).contains(&average), "{average}");
    let as_of = config.as_of;
    assert!(times.iter().all(|at| (as_of - 120 * 86_400..as_of).contains(at)));
    let recent: HashSet<&String> = payers
        .iter()
        .zip(&times)
        .filter(|(_, at)| **at >= as_of - 30 * 86_400)
        .map(|(payer, _)| payer)
        .collect();
    let lapsed = 1.0 - share(recent.len(), 20_000);
    assert!((0.22..0.28).contains(&lapsed), "{lapsed}");

    let referred = text(&payments, "referrer").iter().flatten().count();
    assert!((0.025..0.035).contains(&share(referred, payers.len())));
    let mut merchants = BTreeMap::<String, usize>::new();
    text(&payments, "merchant").into_iter().flatten().for_each(|m| *merchants.entry(m).or_default() += 1);
    assert!(merchants["m0001"] > 50 * merchants["m1001"], "{} {}", merchants["m0001"], merchants["m1001"]);

    let mut spend = HashMap::<String, i64>::new();
    payers.into_iter().zip(&amounts).for_each(|(payer, amount)| *spend.entry(payer).or_default() += amount);
    amounts.sort_unstable();
    assert!((2_400..3_600).contains(&amounts[amounts.len() / 2]), "{}", amounts[amounts.len() / 2]);
    assert!(amounts[0] >= 100 && amounts[amounts.len() - 1] <= 5_000_000);

    // People whose followers spend a lot spend more themselves.
    let follows = rows(population.follows());
    let mut audience = HashMap::<String, (i64, i64)>::new();
    for (x, v) in
        text(&follows, "follower").into_iter().flatten().zip(text(&follows, "followee").into_iter().flatten())
    {
        let entry = audience.entry(v).or_default();
        *entry = (entry.0 + spend.get(&x).copied().unwrap_or(0).min(1_000_000), entry.1 + 1);
    }
    let mut pairs: Vec<(i64, i64)> = audience
        .iter()
        .map(|(v, (sum, count))| (sum / count, spend.get(v).copied().unwrap_or(0).min(1_000_000)))
        .collect();
    pairs.sort_unstable();
    let quarter = pairs.len() / 4;
    let total = |part: &[(i64, i64)]| part.iter().map(|(_, own)| own).sum::<i64>() as f64;
    let ratio = total(&pairs[pairs.len() - quarter..]) / total(&pairs[..quarter]);
    assert!(ratio > 1.3, "{ratio}");
}

#[test]
fn every_flaw_occurs_and_most_people_are_clean() {
    let population = people(20_000);
    let mut counts = BTreeMap::<Flaw, usize>::new();
    (0..20_000)
        .filter_map(|index| population.flaw(index))
        .for_each(|flaw| *counts.entry(flaw).or_default() += 1);
    assert_eq!(counts.len(), 22, "{counts:?}");
    assert!(counts.values().all(|&count| count > 40), "{counts:?}");
    let flawed = counts.values().sum::<usize>();
    assert!((0.13..0.15).contains(&share(flawed, 20_000)));
    let members = (0..20_000).filter(|&index| population.expected_in(index)).count();
    assert_eq!(members, 20_000 - flawed + counts[&Flaw::GivenAgain]);
}

fn instant(text: &str) -> Result<i64, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second)
}

/// A plain reading of the rules, for comparison: per trigger the latest readable event decides.
fn naive_members(population: &Population) -> HashSet<String> {
    let config = population.config();
    let terms = &config.terms;
    let mut latest = HashMap::<(String, String), (i64, bool)>::new();
    let mut unreadable = HashSet::new();
    for batch in rows(population.consents()) {
        let cell = |name: &str, row: usize| {
            let column = batch[name].as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let flag = |name: &str, row: usize| batch[name].as_boolean().value(row);
        let number = |name: &str, row: usize| batch[name].as_primitive::<Int64Type>().value(row);
        let is = |name: &str, row: usize, wanted: &str| cell(name, row).is_some_and(|text| text == wanted);
        for row in 0..batch.num_rows() {
            let key = (cell("person", row).unwrap(), cell("trigger", row).unwrap());
            let at = instant(&cell("at", row).unwrap());
            let known = ["given", "refused", "withdrawn", "hold", "deceased"];
            let (Ok(at), true) = (at, known.iter().any(|word| is("event", row, word))) else {
                unreadable.insert(key.0);
                continue;
            };
            let about = is("purpose", row, &terms.purpose) && is("recipient", row, &terms.recipient);
            if at > config.as_of || !about {
                continue;
            }
            let time = |name: &str| cell(name, row).map(|text| instant(&text).unwrap());
            let good = is("event", row, "given")
                && is("kind", row, "separate")
                && is("categories", row, &terms.categories.join("|"))
                && is("giver", row, "self")
                && is("notice", row, &terms.notice)
                && number("notice_version", row) == i64::from(terms.notice_version)
                && time("shown_at").is_some_and(|shown| shown < at)
                && time("valid_to").unwrap_or(at + i64::from(terms.retention_days) * 86_400) > config.as_of
                && flag("own_step", row)
                && !flag("pre_ticked", row)
                && number("bundle_size", row) == 1
                && (!flag("service_gate", row) || flag("service_necessary", row));
            let entry = latest.entry(key).or_insert((i64::MIN, false));
            if at > entry.0 {
                *entry = (at, good);
            }
        }
    }
    let good =
        |id: &String, trigger: &str| latest.get(&(id.clone(), trigger.into())).is_some_and(|(_, good)| *good);
    (0..config.people)
        .map(|index| population.id(index))
        .filter(|id| !unreadable.contains(id) && good(id, "SC23") && good(id, "SC29"))
        .collect()
}

#[test]
fn the_events_say_what_is_expected_of_each_person() {
    let population = people(20_000);
    let members = naive_members(&population);
    for index in 0..20_000 {
        let flaw = population.flaw(index);
        assert_eq!(
            members.contains(&population.id(index)),
            population.expected_in(index),
            "{index} {flaw:?}"
        );
    }
}

#[test]
fn parquet_and_csv_carry_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let population = people(300);
    let parquet = population.write_parquet(folder.path()).unwrap();
    let csv = population.write_csv(folder.path()).unwrap();
    let pairs = [
        (parquet.follows, csv.follows, population.follows()),
        (parquet.payments, csv.payments, population.payments()),
        (parquet.members, csv.members, population.members()),
        (parquet.consents, csv.consents, population.consents()),
    ];
    for (parquet, csv, reader) in pairs {
        let schema = reader.schema();
        let expected = rows(reader);
        let file = std::fs::File::open(&parquet).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(1 << 20);
        assert_eq!(builder.schema().fields(), schema.fields());
        let read: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(read, expected, "{}", parquet.display());
        let file = std::fs::File::open(&csv).unwrap();
        let reader = arrow_csv::ReaderBuilder::new(schema)
            .with_header(true)
            .with_batch_size(1 << 20)
            .build(file)
            .unwrap();
        assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), expected, "{}", csv.display());
    }
}

#[test]
fn odd_configurations_are_refused_or_work() {
    for bad in [
        PopulationConfig { people: 0, ..PopulationConfig::default() },
        PopulationConfig { clean_percent: 101, ..PopulationConfig::default() },
        PopulationConfig { as_of: i64::MAX, ..PopulationConfig::default() },
    ] {
        assert!(matches!(Population::new(bad), Err(PopulationError::Invalid { .. })));
    }
    assert!(rows(people(1).follows()).is_empty());
    assert_eq!(rows(people(1).members())[0].num_rows(), 1);
    let still = PopulationConfig {
        people: 101,
        follows_per_person: 0,
        payments_per_person: 0,
        ..PopulationConfig::default()
    };
    let still = Population::new(still).unwrap();
    assert!(rows(still.follows()).is_empty() && rows(still.payments()).is_empty());
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(people(100_001).write_csv(folder.path()), Err(PopulationError::TooManyForCsv { .. })));
}
