//! Promise: what a seal tells about files is a function of each dataset's files alone, whichever way they are named: the same
//! rows in one file or many, repeated rows counted, identical records counted on request.

use crate::command;
use std::path::Path;
use std::process::Output;

use crate::command::{Case, id, stderr, stdout};
use serde_json::Value;

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
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("../shared/data");
    if !data.is_dir() {
        println!("skipped: the public data is not beside this checkout");
        return;
    }
    let study = include_str!("../../../../policies/ciao/study.toml").replacen(
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

/// Seals nothing: the reports on the files of payments as of an instant, and what is printed of them.
fn checked(case: &Case, as_of: &str, payments: &[&str]) -> (Vec<Value>, String) {
    let run = |format: &str| {
        let mut arguments = vec!["seal", "box", "--check", "--as-of", as_of, "--format", format];
        let others = ["follows=follows.csv", "members=members.csv"];
        arguments.extend(others.iter().chain(payments).flat_map(|data| ["--data", data]));
        arguments.extend(["--consents", "consents.csv"]);
        case.run(&arguments)
    };
    (reports(&run("json"), "payments"), stdout(&run("text")))
}

/// What the dates of a file say by themselves, so that an as-of that does not fit them is seen.
#[test]
fn a_report_shows_from_when_to_when_its_records_are_and_which_are_not_before_as_of() {
    let case = Case::new(40);
    assert!(case.init("4").status.success());
    // No one is in: the report is about the files alone.
    let header =
        std::fs::read_to_string(case.path("consents.csv")).unwrap().lines().next().unwrap().to_owned();
    case.write("consents.csv", &format!("{header}\n"));
    case.write("more.csv", &format!("payer,amount,at,merchant\n{},1,2026-08-14T02:00:00Z,m\n", id(3)));
    let as_of = "2026-08-14T10:00:00+08:00";
    let (json, text) = checked(&case, as_of, &["payments=payments.csv", "payments=more.csv"]);
    let all = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let instants = all.lines().skip(1).map(|line| line.split(',').nth(2).unwrap());
    let instant = |text: &str| hushtag::types::Timestamp::parse(text).unwrap();
    let instants: Vec<_> = instants.map(instant).collect();
    let late = instants.iter().filter(|at| **at >= instant(as_of)).count();
    assert!(late > 0 && late < instants.len());
    let at = &json[0]["times"]["at"];
    assert_eq!(at["oldest"], instants.iter().min().unwrap().to_string());
    assert_eq!(at["newest"], instants.iter().max().unwrap().to_string());
    assert_eq!(at["at_or_after_as_of"], late);
    let edge = serde_json::json!({ "oldest": "2026-08-14T02:00:00Z", "newest": "2026-08-14T02:00:00Z", "at_or_after_as_of": 1 });
    assert_eq!(json[1]["times"]["at"], edge);
    for line in [
        format!(
            "payments.csv: column `at`: {} to {}, {late} rows at or after as-of\n",
            instants.iter().min().unwrap(),
            instants.iter().max().unwrap()
        ),
        "more.csv: column `at`: 2026-08-14T02:00:00Z to 2026-08-14T02:00:00Z, 1 rows at or after as-of\n"
            .to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let (_, text) = checked(&case, "2026-10-01", &["payments=payments.csv"]);
    assert!(text.contains("none at or after as-of"), "{text}");
    // What is counted by the day is shown as the file holds it.
    let coarse = command::study().replace("at = \"time\"", "at = { type = \"time\", truncate = \"week\" }");
    assert_ne!(coarse, command::study());
    let again = Case::new(40);
    again.write("study.toml", &coarse);
    assert!(again.init("4").status.success());
    assert_eq!(checked(&again, as_of, &["payments=payments.csv"]).0[0]["times"], json[0]["times"]);
    // Nothing of it stays in the sandbox after a seal.
    assert!(case.seal("e1").status.success());
    let holds = |bytes: &[u8]| bytes.windows(10).any(|part| part == b"at_or_afte" || part == b"2026-08-28");
    assert!(Case::files(&case.path("box")).iter().all(|(_, bytes)| !holds(bytes)));
}

#[test]
fn a_seal_whose_records_all_lie_outside_every_window_says_so() {
    let case = Case::new(40);
    assert!(case.init("4").status.success());
    let outside = |as_of: &str, payments: &[&str]| {
        let (json, text) = checked(&case, as_of, payments);
        let said = |text: &str| text.contains("every record of `payments` lies outside every window");
        let notes: Vec<bool> = json.iter().map(|file| said(&file["notes"].to_string())).collect();
        assert_eq!(said(&text), notes.contains(&true));
        notes.into_iter().filter(|said| *said).count()
    };
    let own = "payments=payments.csv";
    assert_eq!(outside("2026-10-01", &[own]), 0);
    assert_eq!(outside("2025-10-01", &[own]), 1);
    // The first instant of all: nothing is before it.
    assert_eq!(outside("2026-08-01T10:00:00+08:00", &[own]), 1);
    assert_eq!(outside("2026-08-01T10:00:01+08:00", &[own]), 0);
    // Ninety days before as-of, where the windows of the study begin, is inside.
    let old = |at: &str| case.write("old.csv", &format!("payer,amount,at,merchant\n{},1,{at},m\n", id(3)));
    old("2026-07-03T00:00:00Z");
    assert_eq!(outside("2026-10-01T00:00:00Z", &["payments=old.csv"]), 0);
    old("2026-07-02T23:59:59Z");
    assert_eq!(outside("2026-10-01T00:00:00Z", &["payments=old.csv"]), 1);
    // A part of the dataset may well be old, and an empty file is no news.
    assert_eq!(outside("2026-10-01T00:00:00Z", &["payments=old.csv", own]), 0);
    case.write("old.csv", "payer,amount,at,merchant\n");
    assert_eq!(outside("2026-10-01T00:00:00Z", &["payments=old.csv"]), 0);
}

/// Integer ids in one file, and the same ids with leading zeros in another.
#[test]
fn zeros_that_a_program_took_away_are_noted() {
    let case = Case::new(40);
    assert!(case.init("4").status.success());
    let payments = |ids: &[&str]| {
        let rows: String = ids.iter().map(|id| format!("{id},5,2026-09-01T00:00:00Z,m\n")).collect();
        case.write("payments.csv", &format!("payer,amount,at,merchant\n{rows}"));
    };
    case.write("members.csv", "user,region\n0000042,east\n1234567,east\n");
    let lost = || {
        let (json, text) = checked(&case, "2026-10-01", &["payments=payments.csv"]);
        assert!(json[0]["dropped"].as_object().unwrap().is_empty());
        text.contains("members.csv: ids of column `user` begin with zeros and none of column `payer` of payments.csv does")
    };
    payments(&["42", "1234567"]);
    assert!(lost());
    payments(&["0000042", "1234567"]);
    assert!(!lost());
    payments(&["1234568", "1234567"]);
    assert!(!lost(), "none is shorter");
}
