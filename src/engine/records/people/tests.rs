//! Fields of people as files spell them.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow_schema::{Field, Schema};

use super::*;
use crate::engine::{Sources, build};
use crate::policy::{Decision, Regime, Study, decide};
use crate::types::Secret;
use hushtag_population::{Population, PopulationConfig};

const DEMO: &str = include_str!("../../../../policies/demo/study.toml");
const DECLARED: &str = "age = \"declared-adults\"";

fn study(replaced: &[(&str, &str)]) -> Study {
    let text = replaced.iter().fold(DEMO.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    Study::parse("study.toml", &text).unwrap()
}

fn table(name: &str, columns: &[(&str, ArrayRef)]) -> Input {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

#[test]
fn an_age_is_what_all_rows_of_a_person_say() {
    let ids = ["a", "b", "b", "c", "c", "d", "e", "f", "g", "a"];
    let years = [1990, 2013, 2011, 1990, 0, 1990, 1990, 1990, 1990, 1990];
    let years: Int64Array = years.into_iter().map(|year| (year > 0).then_some(year)).collect();
    let texts = ["1990", "2013", "2011", "1990", "", "born", "19 90", "1990.0", "1990", "1990"];
    let bands = ["18+", "<14", "14-17", "18+", "", "adult", "18 +", "18", "18+", "18+"];
    let columns: [(&str, ArrayRef); 3] = [
        ("birth-year", Arc::new(years)),
        ("birth-year", Arc::new(StringArray::from(texts.to_vec()))),
        ("age-band", Arc::new(StringArray::from(bands.to_vec()))),
    ];
    for (position, (kind, column)) in columns.into_iter().enumerate() {
        let field = format!("born = \"{kind}\", region = \"text\"");
        let study = study(&[("region = \"text\"", &field)]);
        let members = study.dataset(&"members".parse().unwrap()).unwrap();
        let (mut interner, reading) = (Interner::default(), Reading::default());
        let phone = interner.intern_namespace("phone");
        for id in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            interner.intern_id(phone, &crate::engine::read::Id::Text(id)).unwrap();
        }
        let mut people = People::new(
            members,
            &study.catalogue,
            (interner.len(), Timestamp::from_seconds(1_790_812_800)),
            (&reading, true),
        );
        let owners: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
        let regions: ArrayRef = Arc::new(StringArray::from(vec!["east"; ids.len()]));
        let input = table("members", &[("born", column), ("user", owners), ("region", regions)]);
        people.read(input, &RwLock::new(interner)).unwrap();
        let known =
            if kind == "birth-year" { AgeFact::from_birth_year(1990) } else { AgeFact::from_band("18+") };
        let found = people.take_ages();
        let known: Vec<bool> = found.iter().map(|fact| *fact == known).collect();
        let numbers = position == 0;
        assert_eq!(known, [true, false, false, numbers, numbers, numbers, true, false], "{kind} {position}");
        assert!([1, 2, 7].iter().all(|person| found[*person] == AgeFact::UNKNOWN), "{kind} {position}");
    }
}

/// Promise: people whose rows differ are counted by column, once each and over all files of the dataset, with the file that differs.
#[test]
fn people_whose_rows_differ_are_counted() {
    let study = study(&[("region = \"text\"", "born = \"birth-year\", region = \"text\"")]);
    let members = study.dataset(&"members".parse().unwrap()).unwrap();
    let (interner, reading) = (RwLock::new(Interner::default()), Reading::default());
    let mut people = People::new(members, &study.catalogue, (0, as_of()), (&reading, true));
    let mut differing = |ids: &[&str], regions: &[&str], born: &[&str]| {
        let columns = [("user", words(ids)), ("region", words(regions)), ("born", words(born))];
        people.read(table("members", &columns), &interner).unwrap().differing.into_iter().collect::<Vec<_>>()
    };
    let counted = |column: &str, ids| (column.to_owned(), ids);
    let ids = ["a", "a", "b", "b", "b", "c", "d", "d"];
    let regions = ["east", "east", "east", "west", "south", "east", "east", ""];
    let born = ["1990", "1990", "1990", "1990", "1990", "1991", "1992", "1992-01-01"];
    assert_eq!(differing(&ids, &regions, &born), [counted("region", 2)]);
    let (ids, regions) = (["a", "b", "c", "e"], ["west", "north", "east", "east"]);
    let born = ["1990", "1990", "1990", "1990"];
    assert_eq!(differing(&ids, &regions, &born), [counted("born", 1), counted("region", 1)]);
    let (_, codes) = people.finish().0.next().unwrap();
    let other = codes.iter().max().copied().unwrap();
    assert_eq!(codes.iter().map(|code| *code == other).collect::<Vec<_>>(), [true, true, false, true, false]);
}

/// The people of a table read under a study in which `members` has one field `born`, and the report of the file.
fn read(declared: &str, tags: &str, born: ArrayRef) -> (Vec<AgeFact>, Vec<Vec<usize>>, FileReport) {
    let field = format!("born = {declared}, region = \"text\"");
    let study = study(&[
        ("region = \"text\"", &field),
        ("[tags.region]", &format!("{tags}\n[tags.region]")),
        ("[tag_sets]", "[tag_sets]\nbanded = [\"region\"]"),
    ]);
    let members = study.dataset(&"members".parse().unwrap()).unwrap();
    let (mut interner, reading) = (Interner::default(), Reading::default());
    let phone = interner.intern_namespace("phone");
    let ids: Vec<String> = (0..born.len()).map(|person| format!("p{person}")).collect();
    for id in &ids {
        interner.intern_id(phone, &crate::engine::read::Id::Text(id)).unwrap();
    }
    let mut people = People::new(members, &study.catalogue, (ids.len(), as_of()), (&reading, true));
    let regions: ArrayRef = Arc::new(StringArray::from(vec!["east"; ids.len()]));
    let owners: ArrayRef = Arc::new(StringArray::from(ids));
    let input = table("members", &[("user", owners), ("born", born), ("region", regions)]);
    let report = people.read(input, &RwLock::new(interner)).unwrap();
    let ages = people.take_ages();
    (ages, people.finish().0.map(|(_, codes)| codes).collect(), report)
}

fn as_of() -> Timestamp {
    Timestamp::parse("2026-10-01T00:00:00Z").unwrap()
}

fn bands(facts: &[AgeFact]) -> Vec<String> {
    facts.iter().map(|fact| fact.band(14, 18, as_of()).unwrap_or_default()).collect()
}

fn words(words: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(words.to_vec()))
}

#[test]
fn years_of_birth_are_read_from_dates_and_what_is_none_is_counted() {
    let texts = [
        "1990",
        "1990-05-17",
        "1990/5/17 00:00:00",
        " 2008 ",
        "2012-01-01",
        "1990.0",
        "90",
        "19900517",
        "",
        "2027",
        "1989-12-31T16:00:00Z",
    ];
    let (facts, _, report) = read("\"birth-year\"", "", words(&texts));
    assert_eq!(bands(&facts), ["18+", "18+", "18+", "14-17", "<14", "", "", "", "", "", "18+"]);
    let counted: Vec<(&str, u64)> =
        report.unreadable_ages["born"].iter().map(|(why, count)| (*why, *count)).collect();
    let fraction = "a year or an age with a fraction, such as 1990.0";
    assert_eq!(counted, [(fraction, 1), ("no age", 1), ("not a year or a date of birth", 3)]);
    assert_eq!((report.rows, report.used), (11, 11), "these rows are used all the same");
    // The year of a date is the latest that it can be: no person is older than that.
    let day = |text: &str| i32::try_from(Timestamp::parse(text).unwrap().seconds() / 86_400).unwrap();
    let dates =
        arrow_array::Date32Array::from(vec![day("2007-12-31T00:00:00Z"), day("2008-01-01T00:00:00Z")]);
    let (facts, _, _) = read("\"birth-year\"", "", Arc::new(dates));
    assert_eq!(bands(&facts), ["18+", "14-17"]);
    let eve = Timestamp::parse("2007-12-31T16:00:00Z").unwrap().seconds();
    let local = arrow_array::TimestampSecondArray::from(vec![eve]);
    let zoned = local.clone().with_timezone("UTC");
    assert_eq!(bands(&read("\"birth-year\"", "", Arc::new(local)).0), ["18+"]);
    assert_eq!(bands(&read("\"birth-year\"", "", Arc::new(zoned)).0), ["14-17"], "2008 in Shanghai");
}

#[test]
fn ages_are_those_of_as_of_or_of_a_later_declared_day() {
    let texts = ["13", "14", "17", "18", "130", "-1", "18.0", "adult", ""];
    let (facts, _, report) = read("\"age\"", "", words(&texts));
    assert_eq!(bands(&facts), ["<14", "14-17", "14-17", "18+", "", "", "", "", ""]);
    assert_eq!(report.unreadable_ages["born"].values().sum::<u64>(), 5);
    let ages = |on: &str| {
        let declared = format!("{{ type = \"age\", on = {on} }}");
        bands(&read(&declared, "", Arc::new(Int64Array::from(vec![17, 18, 19, 20]))).0)
    };
    assert_eq!(ages("2020-01-01"), ["14-17", "18+", "18+", "18+"], "no one is older than was stated");
    assert_eq!(ages("2026-12-01"), ["14-17", "14-17", "18+", "18+"]);
    assert_eq!(ages("2027-12-01"), ["14-17", "14-17", "14-17", "18+"]);
}

#[test]
fn labels_stand_for_the_bands_that_the_study_says() {
    let declared =
        "{ type = \"age-band\", bands = { \"20s\" = \"20-29\", \"under 18\" = \"<14\", teens = \"13-19\" } }";
    let (facts, _, report) =
        read(declared, "", words(&["20s", "under 18", "18+", "30-39", "teens", "30s", ""]));
    assert_eq!(bands(&facts), ["18+", "<14", "18+", "18+", "", "", ""]);
    let counted: Vec<u64> = report.unreadable_ages["born"].values().copied().collect();
    assert_eq!(counted, [1, 1], "a band that crosses a threshold is read, and admits no one");
}

#[test]
fn bands_cut_numbers_of_people_and_no_one_without_one() {
    let tag = |bands: &str| format!("[tags.banded]\nfield = \"members.born\"\nbands = {bands}");
    let codes = |declared: &str, bands: &str, array: ArrayRef| {
        let (_, codes, _) = read(declared, &tag(bands), array);
        codes.into_iter().max_by_key(|codes| codes.iter().max().copied()).unwrap()
    };
    let ages = "{ child = 0, adult = 18, older = 30 }";
    let numbers = || -> ArrayRef {
        Arc::new(Int64Array::from(vec![
            Some(0),
            Some(17),
            Some(18),
            Some(29),
            Some(30),
            Some(200),
            Some(-1),
            None,
        ]))
    };
    assert_eq!(codes("{ type = \"integer\" }", ages, numbers()), [0, 0, 1, 1, 2, 2, 3, 3]);
    assert_eq!(codes("{ type = \"integer\", round = 20 }", ages, numbers()), [0, 0, 0, 1, 1, 2, 3, 3]);
    assert_eq!(codes("\"age\"", ages, numbers()), [0, 0, 1, 1, 2, 3, 3, 3], "no one is 200");
    let decades = "{ before = 1900, eighties = 1980, nineties = 1990 }";
    let born = words(&["1979", "1980-02-29", "1995", "1995.0", "", "1899"]);
    assert_eq!(codes("\"birth-year\"", decades, born), [0, 1, 2, 3, 3, 3]);
}

/// Promise: one value has one label in every spelling and column type, and a value that cannot be read is counted.
#[test]
fn a_value_has_one_label_however_it_is_spelled() {
    let read = |declared: &str, values: &str, array: ArrayRef| {
        let (_, codes, report) =
            read(declared, &format!("[tags.listed]\nfield = \"members.born\"\nvalues = {values}"), array);
        let codes = codes.into_iter().max_by_key(|codes| codes.iter().max().copied()).unwrap();
        let counted: Vec<_> = report.unreadable_labels.get("born").into_iter().flatten().collect();
        (codes, counted.into_iter().map(|(reason, rows)| (*reason, *rows)).collect::<Vec<_>>())
    };
    let texts = words(&["true", "True", "1", "yes", "FALSE", "no", "0", "maybe", "", "2"]);
    let (codes, counted) = read("\"flag\"", "[\"true\", \"false\"]", texts);
    assert_eq!(codes, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(counted, [("not true or false", 2)]);
    let booleans = Arc::new(arrow_array::BooleanArray::from(vec![Some(true), Some(false), None]));
    assert_eq!(read("\"flag\"", "[\"true\", \"false\"]", booleans), (vec![0, 1, 2], vec![]));
    let numbers = words(&["5", "+5", " 7", "007", "5.0", "x", "9", ""]);
    let (codes, counted) = read("\"integer\"", "[\"5\", \"7\"]", numbers);
    assert_eq!(
        (codes, counted),
        (vec![0, 0, 1, 1, 2, 2, 2, 2], vec![("not a whole number", 2), (UNLISTED, 1)])
    );
    let decimals = arrow_array::Decimal128Array::from(vec![5, 7, 9]).with_precision_and_scale(20, 0);
    let decimals = Arc::new(decimals.unwrap());
    assert_eq!(read("\"integer\"", "[\"5\", \"7\"]", decimals), (vec![0, 1, 2], vec![(UNLISTED, 1)]));
}

#[test]
fn contradictions_of_ages_and_bands_are_refused() {
    let refused = |replaced: &[(&str, &str)]| {
        let text = replaced.iter().fold(DEMO.to_owned(), |text, (old, new)| text.replace(old, new));
        Study::parse("study.toml", &text).unwrap_err().to_string()
    };
    let field =
        |declared: &str| refused(&[("region = \"text\"", &format!("region = \"text\", born = {declared}"))]);
    for (declared, says) in [
        ("{ type = \"age-band\", bands = { \"18+\" = \"20-29\" } }", "is a band of ages itself"),
        ("{ type = \"age-band\", bands = { young = \"teens\" } }", "`young` is no band of ages"),
        ("{ type = \"text\", bands = { young = \"<14\" } }", "belongs to fields of type age-band"),
        ("{ type = \"birth-year\", on = 2026-01-01 }", "`on` belongs to fields of type age"),
        ("\"age\", old = \"birth-year\"", "at most one field of type age"),
    ] {
        let error = field(declared);
        assert!(error.contains(says), "{error}");
    }
    let tag = |body: &str| {
        refused(&[(
            "[tags.region]",
            &format!("[tags.banded]\nfield = \"members.region\"\n{body}\n[tags.region]"),
        )])
    };
    assert!(tag("bands = { low = 0 }").contains("or a field of type integer, birth-year or age"));
    assert!(tag("bands = { low = 0 }\nvalues = [\"a\"]").contains("either `values`"));
    assert!(tag("values = [\"a\"]\nabsent = \"none\"").contains("`absent` belongs to a tag of a measure"));
}

/// How many people of a made-up population are in.
fn inside(study: &Study, config: &PopulationConfig) -> u64 {
    let regime = Regime::built_in(&study.regime).unwrap();
    let Decision::Permit(flow) =
        decide(study, &regime, &study.recipients[0], Timestamp::from_seconds(config.as_of))
    else {
        panic!("the study is permitted");
    };
    let flows = [(study.recipients[0].id.clone(), flow.demand().clone())];
    let people = Population::new(config.clone()).unwrap();
    let table = |name: &str, reader| (name.parse().unwrap(), Input::Reader(name.into(), reader));
    let sources = Sources {
        data: vec![
            table("follows", people.follows()),
            table("payments", people.payments()),
            table("members", people.members()),
        ],
        consents: vec![Input::Reader("consents".into(), people.consents())],
    };
    let key = Secret::new([9; 32]);
    let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
    let (built, _) =
        build(study, &flows, sources, Timestamp::from_seconds(config.as_of), &key, &reading).unwrap();
    let (counts, _) = built[0].cubes[0].reveal_in_test().cells_in_test();
    counts.iter().step_by(study.catalogue.columns().counts).sum()
}

#[test]
fn who_is_an_adult_by_their_record_is_in_and_who_is_not_is_out() {
    let config =
        PopulationConfig { people: 300, follows_per_person: 2, payments_per_person: 1, ..Default::default() };
    let declared = inside(&study(&[]), &config);
    assert!(declared > 200, "{declared}");
    let born = "birth_year = \"birth-year\", region = \"text\"";
    let read = study(&[(DECLARED, ""), ("region = \"text\"", born)]);
    // Everybody made up is 19 or older by the calendar year, so 18 at least.
    assert_eq!(inside(&read, &config), declared);
    // A declaration makes the column one that no one reads.
    assert_eq!(inside(&study(&[("region = \"text\"", born)]), &config), declared);
    let words = "region = \"age-band\"";
    let unknown = study(&[
        (DECLARED, ""),
        ("region = \"text\"", words),
        ("[tags.region]\nfield = \"members.region\"", "[tags.region]\nfield = \"members.birth_year\""),
        ("fields = { region", "fields = { birth_year = \"integer\", region"),
    ]);
    assert_eq!(inside(&unknown, &config), 0, "a region is no age");
}
