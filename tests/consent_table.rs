//! Promise: a handler's own consent log is read as `[consents]` of the study declares it, and whatever it does not declare is
//! refused or counts against the people of the log.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

pub mod command;

use command::{Case, stderr, stdout, study};
use serde_json::Value;

const CONSENTS: &str = r#"
[consents]
columns = { person = "user_id", event = "status", at = "timestamp" }
ignore = ["channel"]
timezone = "Asia/Shanghai"
evidence = "UI-REVIEW-2026-03"
[consents.values.event]
granted = "given"
denied = "refused"
opted_out = "withdrawn"
[consents.values.purpose]
share_with_brand = { purpose = "campaign-measurement", trigger = "SC23" }
use_payment_data = { purpose = "campaign-measurement", trigger = "SC29" }
newsletter = { purpose = "ad-targeting", trigger = "SC23" }
[consents.constants]
recipient = "LEGAL-ID-C"
handler = "social-platform"
kind = "separate"
categories = ["social-relation", "payment-record", "profile"]
methods = "aggregate"
notice = "N-2026-04"
notice_version = 3
shown_at = "at"
giver = "self"
own_step = true
pre_ticked = false
bundle_size = 1
service_gate = false
"#;

/// Two people are in: the first, and the last, whose withdrawal is of another purpose.
const LOG: &str = "user_id,purpose,status,timestamp,channel
1,share_with_brand,granted,2026-09-01 10:00:00,app
1,use_payment_data,granted,2026-09-01 10:00:20,app
2,share_with_brand,granted,2026-09-01 10:05:00,app
2,use_payment_data,denied,2026-09-01 10:05:20,app
3,share_with_brand,granted,2026-09-01 10:10:00,web
3,use_payment_data,granted,2026-09-01 10:10:20,web
3,share_with_brand,opted_out,2026-09-20 09:00:00,web
4,newsletter,granted,2026-09-01 10:15:00,web
5,share_with_brand,granted,2026-09-01 10:20:00,app
5,use_payment_data,granted,2026-09-01 10:20:20,app
5,newsletter,opted_out,2026-09-21 09:00:00,app
";

/// How many people of the log are in under the section; the error where it is refused.
fn inside(section: &str, log: &str) -> Result<u64, String> {
    let case = Case::new(1);
    case.write("own.toml", &format!("{}{section}", study()));
    case.write("log.csv", log);
    let arguments =
        ["consent", "check", "log.csv", "--study", "own.toml", "--as-of", "2026-10-01", "--format", "json"];
    let output = case.run(&arguments);
    if !output.status.success() {
        return Err(stderr(&output));
    }
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    Ok(said["recipients"][0]["in"].as_u64().unwrap())
}

#[test]
fn a_plain_log_is_read_as_declared() {
    assert_eq!(inside(CONSENTS, LOG), Ok(2));
    // The zone decides which of two events is the later one, and whether they were before as-of.
    assert_eq!(
        inside(&CONSENTS.replace("timezone = \"Asia/Shanghai\"\n", ""), LOG),
        Ok(0),
        "no zone, no time"
    );
}

#[test]
fn what_is_not_declared_is_refused_or_counts_against_people() {
    let refused = |section: &str, log: &str, part: &str| {
        let said = inside(section, log).unwrap_err();
        assert!(said.contains(part), "{said}");
    };
    refused(&CONSENTS.replace("ignore = [\"channel\"]\n", ""), LOG, "column `channel` is no column");
    refused(&CONSENTS.replace("evidence = \"UI-REVIEW-2026-03\"\n", ""), LOG, "need `evidence`");
    let kept = LOG.replacen("channel\n", "kind\n", 1);
    refused(CONSENTS, &kept, "declares as a constant");
    refused(
        &CONSENTS.replace("denied = \"refused\"", "denied = \"given\""),
        LOG,
        "ends or refuses a consent",
    );
    refused(&CONSENTS.replace("bundle_size = 1", "bundel_size = 1"), LOG, "`bundel_size`");
    // A word without a mapping: a withdrawal with it counts against everybody whom it could mean.
    let unmapped = LOG.replace("5,newsletter,opted_out", "5,news,opted_out");
    assert_eq!(inside(CONSENTS, &unmapped), Ok(1));
    // An event without a mapping is unreadable, and puts the person out.
    let unknown = LOG.replace("1,use_payment_data,granted", "1,use_payment_data,paused");
    assert_eq!(inside(CONSENTS, &unknown), Ok(1));
}

/// A sandbox of the study with the section, with the log imported as it declares.
fn imported(section: &str, name: &str, log: &str) -> (Case, Value) {
    let case = Case::new(40);
    case.write(
        "study.toml",
        &format!("{}{section}", study().replace("\nepsilon = 4.0", "\nepsilon = 4000.0")),
    );
    assert!(case.init("4000").status.success());
    case.write(name, log);
    let arguments = ["consent", "import", "box", name, "--study", "demo", "--format", "json"];
    let output = case.run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    (case, said["files"][0].clone())
}

/// What the register holds of the log is what a seal and `consent check` read of the file.
#[test]
fn a_plain_log_is_imported_as_declared_and_sealed_from_the_register() {
    // Thirty times the people of the log, so that an answer is not withheld.
    let (header, rows) = LOG.split_once('\n').unwrap();
    let groups = (0..30).flat_map(|group| rows.lines().map(move |row| format!("{group}{row}\n")));
    let (case, said) = imported(CONSENTS, "log.csv", &format!("{header}\n{}", groups.collect::<String>()));
    assert_eq!((&said["rows"], &said["taken"]), (&serde_json::json!(330), &serde_json::json!(330)));
    let status = |person: &str| {
        case.write("id.txt", person);
        let recipient = ["--recipient", "brand-insights", "--as-of", "2026-10-01", "--format", "json"];
        let output =
            case.run(&[&["consent", "status", "box", "--id-file", "id.txt"][..], &recipient].concat());
        let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
        said["triggers"].as_array().unwrap().iter().all(|trigger| trigger["live"] == true)
    };
    assert_eq!(["11", "12", "13", "14", "15"].map(status), [true, false, false, false, true]);
    let mut seal = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01"];
    for file in ["follows=follows.csv", "payments=payments.csv", "members=members.csv"] {
        seal.extend(["--data", file]);
    }
    let output = case.run(&seal);
    assert!(output.status.success(), "{}", stderr(&output));
    let answer = case.ask("SELECT COUNT(*) FROM tags WITH (epsilon = 900)");
    let answer: Value = serde_json::from_str(&stdout(&answer)).unwrap();
    assert_eq!(answer["rows"][0]["people"]["estimate"], 60);
}

/// Without the declaration the same log is refused by its columns, and what it declares wrongly is kept, counted and said.
#[test]
fn an_import_says_what_its_study_does_not_declare() {
    let (case, _) = imported(CONSENTS, "log.csv", LOG);
    let output = case.run(&["consent", "import", "box", "log.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("column `user_id` is no column"), "{}", stderr(&output));
    let output = case.run(&["consent", "import", "box", "log.csv", "--study", "dmo"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let odd = LOG
        .replace("5,newsletter,opted_out", "5,news,opted_out")
        .replace("use_payment_data,denied", "use_payment_data,paused");
    let (case, said) = imported(&CONSENTS.replace("timezone = \"Asia/Shanghai\"\n", ""), "odd.csv", &odd);
    assert_eq!(said["unreadable"], serde_json::json!({ "at": 10, "event": 1 }));
    assert_eq!(said["unknown_words"], serde_json::json!({ "purpose": 1 }));
    let text = stdout(&case.run(&["consent", "import", "box", "odd.csv", "--study", "demo"]));
    assert!(
        text.contains("10 of 11 events: `at` cannot be read; each keeps its person out of every use"),
        "{text}"
    );
    assert!(text.contains("1 of 11 events: `purpose` is none that a study of the sandbox knows"), "{text}");
}
