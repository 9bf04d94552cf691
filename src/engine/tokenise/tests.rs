//! Two platforms that tokenise by themselves join to the cubes of the raw files, and nothing raw is in what they hand over.

use std::path::{Path, PathBuf};

use super::*;
use crate::engine::{MaxBadRows, Sources, build};
use crate::policy::{Decision, decide};
use crate::population::{Files, Population, PopulationConfig};
use crate::types::Secret;

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
fn one(study: &Study, table: &str, key: u8, input: &Path, out: &Path) -> FileHygiene {
    let (regime, key) = (Regime::built_in("cn-pipl").unwrap(), TokenKey::new(&Secret::new([key; 32])));
    let (as_of, reading) = (config().as_of, reading(2));
    let terms = TokeniseTerms { study, regime: &regime, table, key: &key, as_of, reading };
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
    let as_of = config().as_of;
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
