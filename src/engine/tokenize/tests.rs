//! Two platforms that tokenise by themselves join to the cubes of the raw files, and nothing raw is in what they hand over.

use std::path::{Path, PathBuf};

use super::*;
use crate::deidentify::TokenKey;
use crate::engine::{MaxBadRows, Sources, build};
use crate::policy::{Decision, decide};
use crate::policy::{Regime, Study};
use crate::types::Secret;
use crate::types::Timestamp;
use hushtag_population::{Files, Population, PopulationConfig};

const DEMO: &str = include_str!("../../../policies/demo/study.toml");

/// Lists are shorter than their cut, which is made by pseudonyms, and those differ.
const NO_CUT: (&str, &str) = ("max_reach = 6", "max_reach = 64");

fn study(replaced: &[(&str, &str)]) -> Study {
    let text = replaced.iter().chain([&NO_CUT]).fold(DEMO.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    Study::parse("demo.toml", &text).unwrap()
}

fn config() -> PopulationConfig {
    PopulationConfig { people: 600, follows_per_person: 5, payments_per_person: 6, ..Default::default() }
}

fn reading(threads: usize) -> Reading {
    let threads = std::num::NonZeroUsize::new(threads);
    Reading { max_bad_rows: "100".parse::<MaxBadRows>().unwrap(), threads, ..Reading::default() }
}

/// Tokenises one table.
fn one(study: &Study, table: &str, key: u8, input: &Path, out: &Path) -> FileReport {
    let (regime, key) = (Regime::built_in("cn-pipl").unwrap(), TokenKey::new(&Secret::new([key; 32])));
    let (as_of, reading) = (Timestamp::from_seconds(config().as_of), reading(2));
    let terms =
        TokeniseTerms { study, regime: &regime, table, tokens: TokenSource::Shared(&key), as_of, reading };
    tokenise(&terms, Input::Path(input.to_owned()), out).unwrap()
}

/// Tokenises every table of a population into `folder`.
fn all(study: &Study, files: &Files, folder: &Path) -> Files {
    std::fs::create_dir(folder).unwrap();
    let out = |table: &str, input: &Path| -> PathBuf {
        let out = folder.join(table).with_extension("parquet");
        one(study, table, 7, input, &out);
        out
    };
    Files {
        follows: out("follows", &files.follows),
        payments: out("payments", &files.payments),
        members: out("members", &files.members),
        consents: out("consents", &files.consents),
    }
}

/// All cells of all cubes.
fn cubes(study: &Study, files: &Files) -> Vec<(Vec<u64>, Vec<i128>)> {
    let regime = Regime::built_in("cn-pipl").unwrap();
    let as_of = Timestamp::from_seconds(config().as_of);
    let Decision::Permit(flow) = decide(study, &regime, &study.recipients[0], as_of) else {
        panic!("the study is permitted");
    };
    let flows = [(study.recipients[0].id.clone(), flow.demand().clone())];
    let table = |name: &str, path: &PathBuf| (name.parse().unwrap(), Input::Path(path.clone()));
    let sources = Sources {
        data: vec![
            table("follows", &files.follows),
            table("payments", &files.payments),
            table("members", &files.members),
        ],
        consents: vec![Input::Path(files.consents.clone())],
    };
    let (built, _) = build(study, &flows, sources, as_of, &Secret::new([9; 32]), &reading(2)).unwrap();
    let cells = built[0].cubes.iter().map(|cube| cube.reveal_in_test().cells_in_test());
    cells.map(|(counts, sums)| (counts.to_vec(), sums.to_vec())).collect()
}

/// The same tables, every id of their first columns spelled by `spelled` from its number and text.
fn respelled(files: &Files, folder: &Path, spelled: impl Fn(usize, &str) -> String) -> Files {
    std::fs::create_dir(folder).unwrap();
    let table = |input: &PathBuf| {
        let text = std::fs::read_to_string(input).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let row = |(number, row): (usize, &str)| {
            let cells = row.split(',').enumerate();
            let cells: Vec<String> = cells
                .map(|(at, cell)| if at < 2 { spelled(number + at, cell) } else { cell.into() })
                .collect();
            cells.join(",") + "\n"
        };
        let rows: String = rows.lines().enumerate().map(row).collect();
        let out = folder.join(input.file_name().unwrap());
        std::fs::write(&out, format!("{header}\n{rows}")).unwrap();
        out
    };
    Files {
        follows: table(&files.follows),
        payments: table(&files.payments),
        members: table(&files.members),
        consents: table(&files.consents),
    }
}

/// A mobile number in the place of an id of eleven digits.
fn mobile(_: usize, id: &str) -> String {
    match id.as_bytes() {
        [b'1', second @ b'0'..=b'2', ..] if id.len() == 11 => {
            format!("1{}{}", second - b'0' + 3, id.split_at(2).1)
        }
        _ => id.to_owned(),
    }
}

/// Every third mobile number as someone else writes it.
fn by_somebody_else(number: usize, id: &str) -> String {
    match (id.len(), number % 3) {
        (11, 1) => {
            let (network, number) = id.split_at(3);
            format!("+86 {network}-{number}")
        }
        (11, 2) => format!("0086{id}"),
        _ => id.to_owned(),
    }
}

#[test]
fn ids_of_one_form_are_one_person_however_each_file_spells_them() {
    let place = tempfile::tempdir().unwrap();
    let people = Population::new(config()).unwrap();
    let study = study(&[("[population]", "[ids.phone]\nform = \"cn-mobile\"\n\n[population]")]);
    let drawn = people.write_csv(&place.path().join("drawn")).unwrap();
    let plain = respelled(&drawn, &place.path().join("plain"), mobile);
    let folder = place.path().join("spelled");
    let spelled = respelled(&plain, &folder, by_somebody_else);
    let expected = cubes(&study, &plain);
    assert!(expected.iter().all(|(counts, _)| counts.iter().sum::<u64>() > 400));
    assert!(cubes(&study, &spelled) == expected);
    assert!(cubes(&study, &all(&study, &spelled, &place.path().join("tokens"))) == expected);
    // Without a declared form they are ids like any others; in consents, ids that can meet no other file.
    let raw = Files { consents: plain.consents.clone(), ..spelled.clone() };
    assert!(cubes(&self::study(&[]), &raw) != expected);
    // A whole number is an id, too, and one that is no phone is a bad row.
    let rows = "payer,amount,at\n13800000001,1,2026-09-01T00:00:00Z\n1380000000,1,2026-09-01T00:00:00Z\n";
    std::fs::write(folder.join("bad.csv"), rows).unwrap();
    let report = one(&study, "payments", 7, &folder.join("bad.csv"), &folder.join("bad.parquet"));
    assert_eq!((report.used, report.dropped.get(crate::deidentify::MISFIT)), (1, Some(&1)));
    assert_eq!(report.first_places()[0].to_string(), "row 2, column `payer`: not of the declared form");
}

#[test]
fn tokenised_tables_join_to_the_cubes_of_the_raw_ones() {
    let place = tempfile::tempdir().unwrap();
    let people = Population::new(config()).unwrap();
    let years = [
        ("age = \"declared-adults\"", ""),
        ("region = \"text\"", "birth_year = \"birth-year\", region = \"text\""),
    ];
    let fields = [(
        "amount = \"amount\", at = \"time\"",
        "amount = \"amount\", at = \"time\", referrer = { type = \"person\", max_reach = 64 }, scene = \"text\"",
    )];
    let mut seen = Vec::new();
    // Coarse tables are treated twice, once by the platform and once by the seal.
    let coarse = [
        (
            "amount = \"amount\", at = \"time\"",
            "amount = { type = \"amount\", round = 700 }, at = { type = \"time\", truncate = \"week\" }, \
             merchant = \"drop\", scene = { type = \"text\", values = [\"food\", \"ride\"] }",
        ),
        (
            "region = \"text\"",
            "region = { type = \"text\", prefix = 2 }, birth_year = { type = \"integer\", round = 10 }",
        ),
        ("[\"east\", \"south\", \"north\", \"west\"]", "[\"ea\", \"so\"]"),
        ("days_since_last = \"at\"", "distinct = \"scene\"\ncap = 9"),
        ("absent = \"never\"", ""),
    ];
    for (number, replaced) in [&[][..], &years, &fields, &coarse].into_iter().enumerate() {
        let study = study(replaced);
        let raw = people.write_parquet(&place.path().join(format!("raw-{number}"))).unwrap();
        let text = people.write_csv(&place.path().join(format!("csv-{number}"))).unwrap();
        let expected = cubes(&study, &raw);
        assert!(expected.iter().all(|(counts, _)| counts.iter().sum::<u64>() > 400));
        seen.push(expected.clone());
        assert_eq!(number == 3, expected != seen[0], "coarse tables give other numbers");
        assert!(cubes(&study, &all(&study, &raw, &place.path().join(format!("out-{number}")))) == expected);
        assert!(cubes(&study, &all(&study, &text, &place.path().join(format!("text-{number}")))) == expected);
    }
}

/// What a platform coarsened, read as it is, gives what a seal makes of the raw rows when it coarsens them.
#[test]
fn a_platform_and_a_seal_coarsen_alike() {
    let place = tempfile::tempdir().unwrap();
    let raw = Population::new(config()).unwrap().write_parquet(&place.path().join("raw")).unwrap();
    let shops = [
        ("days_since_last = \"at\"", "distinct = \"scene\"\ncap = 9"),
        ("absent = \"never\"", ""),
        ("active = 0, cooling = 14, lapsed = 30", "a = 0, b = 2, c = 3"),
    ];
    let with = |fields: &str, region: &str| {
        let fields = ("amount = \"amount\", at = \"time\"", fields);
        study(&[&[fields, ("region = \"text\"", region)][..], &shops].concat())
    };
    let plain = ("amount = \"amount\", at = \"time\", scene = \"text\"", "region = \"text\"");
    let fine = with(plain.0, plain.1);
    let of_fine = cubes(&fine, &raw);
    for (number, (fields, region)) in [
        ("amount = { type = \"amount\", round = 30_000 }, at = \"time\", scene = \"text\"", plain.1),
        ("amount = \"amount\", at = { type = \"time\", truncate = \"week\" }, scene = \"text\"", plain.1),
        ("amount = \"amount\", at = \"time\", scene = { type = \"text\", values = [\"food\"] }", plain.1),
        ("amount = \"amount\", at = \"time\", scene = { type = \"text\", prefix = 1 }", plain.1),
        (plain.0, "region = { type = \"text\", values = [\"east\"] }"),
    ]
    .into_iter()
    .enumerate()
    {
        let coarse = with(fields, region);
        let expected = cubes(&coarse, &raw);
        assert!(expected != of_fine, "{fields}, {region} changes nothing");
        let handed_over = all(&coarse, &raw, &place.path().join(number.to_string()));
        assert!(cubes(&fine, &handed_over) == expected, "{fields}, {region}");
    }
}
