//! Promise: a handler's own consent log is read as `[consents]` of the study declares it, and whatever it does not declare is
//! refused or counts against the people of the log; what cannot be read is said by column and reason, from the file alone.

mod words;

use crate::command;
use crate::command::{Case, stderr, stdout, study};
use serde_json::{Value, json};

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

/// A section, a file, and the people that it has besides the five.
type Example = (&'static str, &'static str, &'static [(&'static str, u64)]);

/// What the handlers of the examples have, and the consent status of their people by reason.
const EXAMPLES: [Example; 5] = [
    ("plain/consents.toml", "plain/log.csv", &[]),
    ("onetrust/consents.toml", "onetrust/receipts.json", &[("own-step", 1), ("withdrawn", 1)]),
    // `opt_out` is one word for a refusal and a withdrawal.
    ("fides/consents.toml", "fides/preferences.json", &[("withdrawn", 1)]),
    ("iso-27560/plain.toml", "iso-27560/plain.json", &[("unreadable", 1)]),
    ("iso-27560/dpv.toml", "iso-27560/dpv.jsonl", &[]),
];

fn example(name: &str) -> String {
    let folder =
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("examples/consents");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// What `consent check` says of the one recipient.
fn checked(case: &Case, file: &str) -> Value {
    let arguments =
        ["consent", "check", file, "--study", "own.toml", "--as-of", "2026-10-01", "--format", "json"];
    let output = case.run(&arguments);
    assert!(output.status.success(), "{file}: {}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    said["recipients"][0].clone()
}

/// The five people of every example: in, refused one of two, withdrew one of two, another purpose, in; and more who are out.
#[test]
fn the_examples_are_read_without_a_converter() {
    for (section, file, more) in EXAMPLES {
        let case = Case::new(1);
        case.write("own.toml", &format!("{}\n{}", study(), example(section)));
        let name = file.rsplit('/').next().unwrap();
        case.write(name, &example(file));
        let said = checked(&case, name);
        assert_eq!(said["in"], 2, "{file}: {said}");
        let mut expected =
            std::collections::BTreeMap::from([("refused", 1), ("withdrawn", 1), ("absent", 1)]);
        for (reason, people) in more {
            *expected.entry(reason).or_default() += people;
        }
        let out = said["out"].as_array().unwrap().iter();
        let out: std::collections::BTreeMap<&str, u64> =
            out.map(|one| (one["reason"].as_str().unwrap(), one["people"].as_u64().unwrap())).collect();
        assert_eq!(out, expected, "{file}");
        // De-identified at the source it says the same.
        let key = case.run(&["key", "new", "--for", "token", "--out", "agreed.key"]);
        assert!(key.status.success(), "{}", stderr(&key));
        let arguments = [
            "tokenize",
            "--study",
            "own.toml",
            "--dataset",
            "consents",
            name,
            "t.parquet",
            "--key",
            "agreed.key",
        ];
        let output = case.run(&arguments);
        assert!(output.status.success(), "{file}: {}", stderr(&output));
        assert_eq!(checked(&case, "t.parquet"), said, "{file}");
    }
}

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
    // A word of another column that states how a consent was given is a statement without a table too.
    let by_word = "[consents]\ncolumns = { person = \"user_id\", event = \"status\", at = \"timestamp\" }\n[consents.values.event]\ngranted = { event = \"given\", own_step = \"true\" }\n";
    refused(by_word, LOG, "need `evidence`");
    refused(
        &CONSENTS.replace("at = \"timestamp\"", "at = \"times.at\"").replace("[\"channel\"]", "[\"times\"]"),
        LOG,
        "an object that it lies in is ignored",
    );
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
    let zone = "a time without UTC offset; declare `timezone` under `[consents]`";
    let unclear = json!({
        "at": { zone: 11 },
        "event": { "no word for what happened": 1 },
        "purpose": { "no word that regime or study knows": 1 },
        "shown_at": { zone: 8 },
    });
    assert_eq!(said["unclear"], unclear);
    let text = stdout(&case.run(&["consent", "import", "box", "odd.csv", "--study", "demo"]));
    for part in [
        "odd.csv: 11 of 11 rows: `at` is a time without UTC offset",
        "odd.csv: 1 of 11 rows: `purpose` is no word that regime or study knows",
        "what is unclear gives no consent, and counts against every use that it could mean",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// What no table holds is shown in the explanation of the decision, with the document that shows it, in both languages and on the page.
#[test]
fn statements_of_the_handler_are_shown_with_their_evidence() {
    let case = Case::new(40);
    case.write("own.toml", &format!("{}{CONSENTS}", study()));
    let explained = |study: &str, lang: &str| {
        let of =
            ["policy", "explain", "--study", study, "--recipient", "brand-insights", "--as-of", "2026-10-01"];
        let output = case.run(&[&of[..], &["--lang", lang]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    for (lang, heading, constant, word) in [
        (
            "en",
            "(evidence: UI-REVIEW-2026-03)",
            "every consent of it: own_step = true",
            "read as a consent: `granted`",
        ),
        ("zh", "（依据：UI-REVIEW-2026-03）", "表中每项同意：own_step = true", "`granted`"),
    ] {
        let said = explained("own.toml", lang);
        for part in [heading, constant, word] {
            assert!(said.contains(part), "{part} is missing in:\n{said}");
        }
    }
    // One person's part of the log is explained by the same declaration.
    for (person, inside) in [("1", "The person is covered."), ("3", "The person is not covered.")] {
        let own = LOG.lines().filter(|line| line.starts_with(person) || line.starts_with("user_id"));
        case.write("own.csv", &own.map(|line| format!("{line}\n")).collect::<String>());
        let of = [
            "policy",
            "explain",
            "--study",
            "own.toml",
            "--recipient",
            "brand-insights",
            "--as-of",
            "2026-10-01",
        ];
        let said = stdout(&case.run(&[&of[..], &["--person-file", "own.csv"]].concat()));
        assert!(said.contains(inside), "{said}");
    }
    let without = explained("study.toml", "en");
    assert!(!without.contains("evidence:"), "{without}");
    // Another statement is another study.
    case.write(
        "other.toml",
        &format!("{}{}", study(), CONSENTS.replace("own_step = true", "own_step = false")),
    );
    let differ = case.run(&["policy", "diff", "own.toml", "other.toml"]);
    assert_eq!(differ.status.code(), Some(4), "{}", stdout(&differ));
    assert!(stdout(&differ).contains("own_step = true"), "{}", stdout(&differ));
    case.write("log.csv", LOG);
    let arguments = ["init", "box", "--study", "own.toml", "--epsilon", "4", "--approval", "none"];
    assert!(case.run(&arguments).status.success());
    let sealed = case.run(&[
        "seal",
        "box",
        "--epoch",
        "e1",
        "--as-of",
        "2026-10-01",
        "--data",
        "follows=follows.csv",
        "--data",
        "payments=payments.csv",
        "--data",
        "members=members.csv",
        "--consents",
        "log.csv",
    ]);
    assert!(sealed.status.success(), "{}", stderr(&sealed));
    assert!(case.run(&["report", "box", "--out", "page.html"]).status.success());
    let page = std::fs::read_to_string(case.path("page.html")).unwrap();
    for part in ["evidence: UI-REVIEW-2026-03", "own_step = true", "the id of its evidence"] {
        assert!(page.contains(part), "{part} is missing on the page");
    }
}

/// The documents of a register are consents in JSON that need no mapping: they say what the table said that was imported.
#[test]
fn exported_documents_are_read_without_a_mapping() {
    let case = Case::new(40);
    let mut table = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    for (person, event) in [(0, "withdrawn"), (1, "refused"), (2, "hold"), (3, "agreed")] {
        let row = command::consent(&command::id(person), "SC23").replace(",given,", &format!(",{event},"));
        table.push_str(&format!("{}\n", row.replace("2026-09-01T10", "2026-09-02T10")));
    }
    case.write("consents.csv", &table);
    case.write("own.toml", &study());
    assert!(case.init("4").status.success());
    for arguments in [
        ["consent", "import", "box", "consents.csv", "--quiet"],
        ["consent", "export", "box", "--out", "e.jsonl"],
    ] {
        let output = case.run(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let said = checked(&case, "consents.csv");
    assert_eq!(said["in"], 36, "{said}");
    assert_eq!(checked(&case, "e.jsonl"), said);
    // A document of another kind is no event.
    let other =
        std::fs::read_to_string(case.path("e.jsonl")).unwrap().replacen("dpv:ConsentRecord", "dpv:Notice", 1);
    case.write("other.jsonl", &other);
    let output = case.run(&["consent", "check", "other.jsonl", "--study", "own.toml"]);
    assert!(stderr(&output).contains("`@type` is no column of a consent table"), "{}", stderr(&output));
}

/// The page on consent columns says what words are read and what a blank cell means, and the command reads them so.
#[test]
fn the_page_on_columns_says_what_the_command_does() {
    let page = include_str!("../../../../docs/src/consent-columns.md");
    let listed = |until: &str| -> Vec<&str> {
        let sentence = page.split(until).next().unwrap().rsplit(['.', ';']).next().unwrap();
        sentence.split('`').skip(1).step_by(2).collect()
    };
    let (yes, no) = (listed(" are true"), listed(" are false"));
    assert!(yes.len() == 7 && no.len() == 7, "{yes:?} {no:?}");
    // Each person differs from a clean one in one cell; what is expected of each follows.
    let mut people: Vec<(&str, String, Option<String>)> = vec![("event", "given".into(), None)];
    for word in &yes {
        people.push(("own_step", (*word).into(), None));
        people.push(("pre_ticked", (*word).into(), Some("pre-ticked".into())));
    }
    for word in &no {
        people.push(("pre_ticked", (*word).into(), None));
        people.push(("own_step", (*word).into(), Some("own-step".into())));
    }
    for (act, spellings) in hushtag::consent::Act::spellings() {
        for spelling in spellings {
            let reason = match act.as_str() {
                "given" => None,
                "refused" | "deceased" => Some(act.as_str()),
                "withdrawn" | "revoked" => Some("withdrawn"),
                "lifted" => Some("absent"),
                _ => Some("blocked"),
            };
            people.push(("event", spelling.to_uppercase(), reason.map(str::to_owned)));
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.ends_with("| given |"));
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let column = cells[0].trim_start_matches("| ").trim_matches('`');
        let reason = cells[3].trim().strip_prefix('`').map(|rest| rest.split('`').next().unwrap());
        // A gate that is not there asks for nothing; `valid_to` is never too blank.
        let reason = reason.filter(|_| column != "service_necessary").map(str::to_owned);
        let reason = reason.or_else(|| (column == "shown_at").then(|| "shown-late".to_owned()));
        people.push((column, String::new(), reason));
    }
    let case = Case::new(0);
    let columns = [
        ("handler", "social-platform"),
        ("event", "given"),
        ("kind", "separate"),
        ("trigger", ""),
        ("purpose", "campaign-measurement"),
        ("recipient", "LEGAL-ID-C"),
        ("categories", "social-relation|payment-record|profile"),
        ("methods", "aggregate"),
        ("notice", "N-2026-04"),
        ("notice_version", "3"),
        ("shown_at", "2026-09-01T09:59:00+08:00"),
        ("at", "2026-09-01T10:00:00+08:00"),
        ("valid_to", ""),
        ("giver", "self"),
        ("own_step", "true"),
        ("pre_ticked", "false"),
        ("bundle_size", "1"),
        ("service_gate", "false"),
        ("service_necessary", ""),
    ];
    let mut table = format!("person,{}\n", columns.map(|(column, _)| column).join(","));
    for (person, (column, cell, _)) in people.iter().enumerate() {
        for trigger in ["SC23", "SC29"] {
            let of = |known: &str, clean: &str| match known {
                "trigger" => trigger.to_owned(),
                _ if known == *column => cell.clone(),
                _ => clean.to_owned(),
            };
            let cells: Vec<String> = columns.iter().map(|(known, clean)| of(known, clean)).collect();
            table.push_str(&format!("{person},{}\n", cells.join(",")));
        }
    }
    case.write("log.csv", &table);
    case.write("own.toml", &study());
    let said = checked(&case, "log.csv");
    let mut expected = std::collections::BTreeMap::new();
    people
        .iter()
        .filter_map(|(.., reason)| reason.as_deref())
        .for_each(|reason| *expected.entry(reason).or_insert(0_u64) += 1);
    let out = said["out"].as_array().unwrap().iter();
    let out: std::collections::BTreeMap<&str, u64> =
        out.map(|one| (one["reason"].as_str().unwrap(), one["people"].as_u64().unwrap())).collect();
    assert_eq!(out, expected);
    assert_eq!(said["in"], people.iter().filter(|(.., reason)| reason.is_none()).count());
}
