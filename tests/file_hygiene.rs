//! Promise: what a seal tells about files is a function of each dataset's files alone, whichever way they are named: the same
//! rows in one file or many, repeated rows counted, identical records counted on request.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Output;

use command::{Case, id, stderr, stdout};
use serde_json::Value;

pub mod command;

/// Seals with these datasets, and reports as JSON.
fn seal(case: &Case, epoch: &str, payments: &[&str], more: &[&str]) -> Output {
    let mut arguments = vec!["seal", "box", "--epoch", epoch, "--as-of", "2026-10-01", "--format", "json"];
    let others = ["follows=follows.csv", "members=members.csv"];
    arguments.extend(others.iter().chain(payments).flat_map(|data| ["--data", data]));
    arguments.extend(["--consents", "consents.csv"]);
    arguments.extend(more);
    case.run(&arguments)
}

/// The reports on the files of a dataset.
fn reports(output: &Output, dataset: &str) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    let all: Value = serde_json::from_str(&stdout(output)).unwrap();
    let files = all["files"].as_array().unwrap().iter();
    files.filter(|file| file["dataset"] == dataset).cloned().collect()
}

#[test]
fn a_pattern_names_all_files_of_a_dataset_in_their_order() {
    let case = Case::new(40);
    assert!(case.init("4").status.success());
    let all = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let (header, rows) = all.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    std::fs::create_dir(case.path("parts")).unwrap();
    for (name, part) in ["c", "a", "b"].iter().zip(rows.chunks(15)) {
        case.write(&format!("parts/{name}.csv"), &format!("{header}\n{}\n", part.join("\n")));
    }
    let of_parts = reports(&seal(&case, "parts", &["payments=parts/*.csv"], &[]), "payments");
    let names: Vec<&str> = of_parts.iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.csv", "b.csv", "c.csv"]);
    let used: u64 = of_parts.iter().map(|file| file["used"].as_u64().unwrap()).sum();
    assert_eq!(used, 40);

    // Opening may write to the ledger's file.
    let parts = |case: &Case| ["epochs", "log", "keys"].map(|part| Case::files(&case.path("box").join(part)));
    let before = parts(&case);
    for wrong in ["payments=parts/*.parquet", "payments=parts/[.csv"] {
        let refused = seal(&case, "none", &[wrong], &[]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains("pattern"), "{}", stderr(&refused));
    }
    assert!(parts(&case) == before, "a refused seal left something behind");

    // A name that looks like a pattern is a name where there is such a file.
    case.write("payments[1].csv", &all);
    let bracket = reports(&seal(&case, "bracket", &["payments=payments[1].csv"], &[]), "payments");
    assert_eq!((bracket.len(), &bracket[0]["file"]), (1, &Value::from("payments[1].csv")));
}

#[test]
fn identical_records_are_used_and_counted_on_request_across_files() {
    let case = Case::new(40);
    assert!(case.init("4").status.success());
    let twice = format!("{},777,2026-09-02T10:00:00+08:00,shop\n", id(3));
    // A column that nothing declares is not looked at; the amount is.
    case.append("payments.csv", &twice.repeat(3));
    case.append("payments.csv", &twice.replace("shop", "other"));
    case.append("payments.csv", &twice.replace("777", "778"));
    case.write("more.csv", &format!("payer,amount,at,merchant\n{twice}"));
    let files = ["payments=payments.csv", "payments=more.csv"];
    let plain = reports(&seal(&case, "plain", &files, &[]), "payments");
    assert!(plain.iter().all(|file| file.get("identical").is_none()));
    let counted = reports(&seal(&case, "counted", &files, &["--count-duplicates"]), "payments");
    assert_eq!(counted[0]["identical"], 4);
    let used = |reports: &[Value]| reports.iter().map(|file| file["used"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((used(&plain), used(&counted)), (46, 46));
}

/// What real files hold: repeated follows, follows of oneself, and identical records.
#[test]
fn real_data_is_counted_as_its_makers_say() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.is_dir() {
        println!("skipped: the public data is not beside this checkout");
        return;
    }
    let study = include_str!("../policies/ciao/study.toml").replacen(
        "amount_minor = \"amount\"",
        "amount_minor = \"amount\", merchant = \"text\", category = \"text\"",
        1,
    );
    for (name, counts) in [("ciao", [0, 0, 290]), ("epinions", [224, 27, 5_407])] {
        let case = Case::new(1);
        case.write("study.toml", &study);
        assert!(case.init("4").status.success());
        let table = |table: &str| format!("{table}={}", data.join(name).join(table).display()) + ".parquet";
        let (follows, payments) = (table("follows"), table("payments"));
        let arguments = ["seal", "box", "--epoch", "e1", "--as-of", "2011-04-12", "--format", "json"];
        let files = ["--data", &follows, "--data", &payments, "--consents", "consents.csv"];
        let sealed = case.run(&[&arguments[..], &files, &["--count-duplicates"]].concat());
        let (follows, payments) = (reports(&sealed, "follows"), reports(&sealed, "payments"));
        let found = [&follows[0]["self_follows"], &follows[0]["duplicates"], &payments[0]["identical"]];
        assert_eq!(found.map(|count| count.as_u64().unwrap()), counts, "{name}");
    }
}
