//! Promise: facts about the join are sealed to the auditor, opened by their key alone and only after the log says so; what else is
//! said of consent is charged and noised.

use crate::command;
use std::path::Path;
use std::process::Output;

use crate::command::{Case, consent, id, stderr, stdout};
use arrow_array::cast::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap()
}

/// Makes an auditor's key and a sandbox whose figures are sealed to it.
fn init_for_auditor(case: &Case) {
    let key = case.run(&["key", "new", "--out", "auditor.key", "--for", "auditor"]);
    let public = stdout(&key).trim().to_owned();
    assert!(public.starts_with("x25519:"), "{public}");
    let made = [
        "init",
        "box",
        "--study",
        "study.toml",
        "--epsilon",
        "4",
        "--approval",
        "none",
        "--auditor",
        &public,
    ];
    assert!(case.run(&made).status.success());
}

fn inspect(case: &Case, epoch: &str, key: &str) -> Output {
    case.run(&["inspect", "box", "--epoch", epoch, "--key", key, "--format", "json"])
}

/// The study, which also pays for counts of people by consent.
fn paid(error: u64) -> String {
    command::study().replacen("[release]", &format!("[release]\nconsent_error = {error}"), 1)
}

fn entries(case: &Case, kind: &str) -> usize {
    let shown = stdout(&case.run(&["audit", "show", "box", "--format", "json"]));
    shown.lines().filter(|line| line.contains(&format!("\"kind\":\"{kind}\""))).count()
}

#[test]
fn figures_are_what_a_count_of_the_files_says_and_the_log_says_who_looked() {
    let case = Case::new(120);
    init_for_auditor(&case);
    // Two people withdrew, one is only mentioned by a payment, and one pays nothing and has no follower.
    let withdrawn = |person: u32| {
        ["SC23", "SC29"].map(|trigger| consent(&id(person), trigger).replace("given", "withdrawn")).join("\n")
    };
    case.append("consents.csv", &format!("{}\n{}\n", withdrawn(3), withdrawn(4)));
    case.append("consents.csv", &format!("{}\n{}\n", consent("quiet", "SC23"), consent("quiet", "SC29")));
    case.append(
        "payments.csv",
        &format!("{},9000000,2026-08-20T10:00:00Z,m1\nstranger,1,2026-08-20T10:00:00Z,m1\n", id(7)),
    );
    assert!(case.seal("e1").status.success());
    assert_eq!(entries(&case, "inspect"), 0);
    let opened = json_of(&inspect(&case, "e1", "auditor.key"));
    assert_eq!(entries(&case, "inspect"), 1);
    let one = &opened["recipients"][0];
    assert_eq!((&one["study"], &one["recipient"]), (&json!("demo"), &json!("brand-insights")));
    let shown = |name: &str| one["consents"][name].as_u64().unwrap();
    assert_eq!((shown("live"), shown("withdrawn"), shown("absent")), (119, 2, 0));
    assert_eq!(one["present"], json!({ "follows": 118, "payments": 118, "members": 118 }));
    assert_eq!(one["matched"], json!(118));
    // Everybody lists eight and reaches six; one person's spend is held back.
    assert_eq!(one["cut"], json!({ "follows": 118 }));
    assert_eq!(one["clamped"]["spend"], json!(1));
    for risk in one["risks"].as_array().unwrap() {
        assert_eq!(risk["risk"]["people"], json!(119));
        let small = risk["risk"]["in_small_classes"].as_array().unwrap();
        let smallest = risk["risk"]["k"].as_u64().unwrap();
        assert!(smallest >= 1 && (smallest < 3) == (small[0].as_u64().unwrap() > 0), "{risk}");
        assert_eq!(risk["sharing"]["public"]["level"], json!(2));
    }
    let text = stdout(&case.run(&["inspect", "box", "--epoch", "e1", "--key", "auditor.key"]));
    assert!(text.starts_with("exact figures about people"), "{text}");
    let note = opened["note"].as_str().unwrap();
    assert!(note.contains("must not tune public constants") && text.contains(note), "{text}");
    assert!(case.run(&["audit", "verify", "box"]).status.success());
}

#[test]
fn no_one_else_opens_figures_and_what_was_changed_is_found() {
    let case = Case::new(60);
    init_for_auditor(&case);
    assert!(case.seal("e1").status.success() && case.seal("e2").status.success());
    let refused = |epoch: &str, key: &str, code: i32, part: &str| {
        let output = inspect(&case, epoch, key);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(part) && command::has_no_result(&output), "{}", stderr(&output));
    };
    assert!(case.run(&["key", "new", "--out", "other.key", "--for", "auditor"]).status.success());
    assert!(case.run(&["key", "new", "--out", "sign.key"]).status.success());
    refused("e1", "other.key", 1, "this key is that of");
    refused("e1", "sign.key", 1, "is not a key");
    refused("e1", "nowhere.key", 1, "nowhere.key");
    refused("e9", "auditor.key", 2, "unknown epoch");
    let place = case.path("box/epochs/e1/joined.sealed");
    let sealed = std::fs::read(&place).unwrap();
    let other = std::fs::read(case.path("box/epochs/e2/joined.sealed")).unwrap();
    assert_eq!(sealed.len(), other.len());
    let mut changed = sealed.clone();
    changed[100] ^= 1;
    for bad in [changed.as_slice(), &other, &sealed[..sealed.len() - 1], &[]] {
        std::fs::write(&place, bad).unwrap();
        refused("e1", "auditor.key", 5, "joined.sealed");
        let verified = case.run(&["audit", "verify", "box"]);
        assert_eq!(verified.status.code(), Some(5), "{}", stderr(&verified));
    }
    std::fs::remove_file(&place).unwrap();
    refused("e1", "auditor.key", 5, "is missing");
    std::fs::write(&place, &sealed).unwrap();
    // None of these looked at anything, and none is in the log.
    assert_eq!(entries(&case, "inspect"), 0);
    assert!(case.run(&["audit", "verify", "box"]).status.success());
}

#[test]
fn without_an_auditor_nothing_is_kept_and_the_size_tells_nothing_of_people() {
    let plain = Case::new(60);
    assert!(plain.init("4").status.success() && plain.seal("e1").status.success());
    assert!(!plain.path("box/epochs/e1/joined.sealed").exists());
    assert!(plain.run(&["key", "new", "--out", "auditor.key", "--for", "auditor"]).status.success());
    let output = inspect(&plain, "e1", "auditor.key");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("without an auditor"), "{}", stderr(&output));
    let sizes = [40, 400].map(|people| {
        let case = Case::new(people);
        init_for_auditor(&case);
        assert!(case.seal("e1").status.success());
        std::fs::metadata(case.path("box/epochs/e1/joined.sealed")).unwrap().len()
    });
    assert_eq!(sizes[0], sizes[1]);
    let bad = plain.run(&["init", "b2", "--study", "study.toml", "--epsilon", "4", "--auditor", "x25519:00"]);
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn people_by_consent_are_charged_noised_and_logged_once_an_epoch() {
    let case = Case::new(400);
    case.write("study.toml", &paid(30));
    assert!(case.init("4").status.success());
    let spent = || json_of(&case.run(&["budget", "box", "--format", "json"]))["spent_nano_rho"].clone();
    let before = spent();
    let sealed = json_of(&case.seal_in("box", "e1", "json"));
    assert_ne!(spent(), before);
    assert_eq!(entries(&case, "ask"), 1);
    let counts = &sealed["consents"][0];
    assert_eq!(counts["recipient"], json!("brand-insights"));
    let live =
        counts["rows"].as_array().unwrap().iter().find(|row| row["group"]["consent"] == "live").unwrap();
    let estimate = live["people"]["estimate"].as_i64().unwrap();
    // 30 is 1.96 deviations; 150 is almost ten.
    assert!((250..=550).contains(&estimate), "{counts}");
    assert_eq!(counts["privacy"]["sensitivity_squared"], json!("1"));
    assert!(case.run(&["audit", "verify", "box"]).status.success());
    // It is not asked for: its text is outside the language.
    let question = counts["question"].as_str().unwrap();
    assert_eq!(case.ask(question).status.code(), Some(2), "{question}");
}

#[test]
fn a_seal_that_the_budget_cannot_pay_is_refused_before_a_file_is_read() {
    let case = Case::new(40);
    // So narrow that each epoch takes more than half of the pool.
    case.write("study.toml", &paid(4));
    assert!(case.init("4").status.success());
    assert!(case.seal("e1").status.success());
    let before = Case::files(&case.path("box/epochs"));
    std::fs::remove_file(case.path("follows.csv")).unwrap();
    let refused = case.seal("e2");
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("consent counts"), "{}", stderr(&refused));
    assert_eq!(Case::files(&case.path("box/epochs")), before);
    assert_eq!(entries(&case, "refuse"), 1);
    assert!(case.run(&["audit", "verify", "box"]).status.success());
}

/// Consent events by which everybody in the data is in.
fn all_consent(people: &Path) -> String {
    let file = std::fs::File::open(people).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut csv = String::from(
        "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,at,\
         valid_to,giver,own_step,pre_ticked,bundle_size,service_gate\n",
    );
    for batch in reader {
        let batch = batch.unwrap();
        for person in batch.column(0).as_string::<i32>().iter().flatten() {
            for trigger in ["SC23", "SC29"] {
                csv.push_str(&format!(
                    "{person},trust-site,given,separate,{trigger},research-replay,CIAO-RESEARCHER,\
                     social-relation|payment-record,aggregate,N-CIAO,1,2011-01-01T00:00:00Z,2011-01-01T00:00:10Z,,self,\
                     true,false,1,false\n"
                ));
            }
        }
    }
    csv
}

#[test]
fn people_in_both_halves_of_real_data_are_those_its_makers_count() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("../shared/data");
    if !data.is_dir() {
        println!("skipped: the public data is not beside this checkout");
        return;
    }
    for (name, people, both) in [("ciao", 7_375, 7_317), ("epinions", 22_166, 18_096)] {
        let case = Case::new(1);
        case.write("study.toml", include_str!("../../../../policies/ciao/study.toml"));
        case.write("consents.csv", &all_consent(&data.join(name).join("people.parquet")));
        init_for_auditor(&case);
        let table = |table: &str| format!("{table}={}", data.join(name).join(table).display()) + ".parquet";
        let arguments =
            ["seal", "box", "--epoch", "e1", "--as-of", "2011-04-12", "--consents", "consents.csv"];
        let sealed = case
            .run(&[&arguments[..], &["--data", &table("follows"), "--data", &table("payments")]].concat());
        assert!(sealed.status.success(), "{}", stderr(&sealed));
        assert!(!stdout(&sealed).contains(&both.to_string()), "seal prints no fact about the join");
        let one = &json_of(&inspect(&case, "e1", "auditor.key"))["recipients"][0];
        assert_eq!((&one["consents"]["live"], &one["matched"]), (&json!(people), &json!(both)), "{name}");
    }
}
