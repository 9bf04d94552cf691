//! Promise: a handler's own consent log is read as `[consents]` of the study declares it, and whatever it does not declare is
//! refused or counts against the people of the log; what cannot be read is said by column and reason, from the file alone.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

pub mod command;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use command::{Case, consent, id, stderr, stdout, study};
use hushtag::engine::{ConsentCheck, Hygiene, Input, Reading, check_consents};
use hushtag::policy::{Decision, Regime, Study, decide};
use hushtag::types::Timestamp;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
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

/// What the handlers of the examples have, and how their people stand by the reason of each that is out.
const EXAMPLES: [Example; 5] = [
    ("plain/consents.toml", "plain/log.csv", &[]),
    ("onetrust/consents.toml", "onetrust/receipts.json", &[("own-step", 1)]),
    // `opt_out` is one word for a refusal and a withdrawal.
    ("fides/consents.toml", "fides/preferences.json", &[("withdrawn", 1)]),
    ("iso-27560/plain.toml", "iso-27560/plain.json", &[("unreadable", 1)]),
    ("iso-27560/dpv.toml", "iso-27560/dpv.jsonl", &[]),
];

fn example(name: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/consents");
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

const HEADER: &str = "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,at,\
    valid_to,giver,own_step,pre_ticked,bundle_size,service_gate";

/// As of the first midnight UTC after 2026-10-01, the second of October has begun in Shanghai and is not over.
#[test]
fn a_day_without_a_time_counts_as_what_exposes_least() {
    assert_eq!(inside(CONSENTS, &format!("{LOG}1,share_with_brand,opted_out,2026-10-02,app\n")), Ok(1));
    assert_eq!(inside(CONSENTS, &format!("{LOG}1,share_with_brand,opted_out,2026-10-03,app\n")), Ok(2));
    let given = |day: &str| {
        let of = |purpose: &str| format!("6,{purpose},granted,{day},app\n");
        format!("{LOG}{}{}", of("share_with_brand"), of("use_payment_data"))
    };
    assert_eq!(inside(CONSENTS, &given("2026-10-01")), Ok(3));
    assert_eq!(inside(CONSENTS, &given("2026-10-02")), Ok(2));
    let header = LOG.lines().next().unwrap();
    assert_eq!(inside(CONSENTS, &format!("{header}\n")), Ok(0), "a file without rows");
}

/// The row with another cell in a column.
fn with(row: &str, column: &str, cell: &str) -> String {
    let place = HEADER.split(',').position(|name| name == column).unwrap();
    let cells = row.split(',').enumerate().map(|(at, old)| if at == place { cell } else { old });
    cells.collect::<Vec<_>>().join(",")
}

/// What cannot be read puts people out, and is counted by column and reason in the report of the file, whichever command reads it.
#[test]
fn what_cannot_be_read_is_counted_by_column_and_reason() {
    let case = Case::new(200);
    assert!(case.init("4").status.success());
    let rows = |change: &dyn Fn(u32, String) -> String| {
        let rows = (0..200)
            .flat_map(|person| ["SC23", "SC29"].map(|trigger| (person, consent(&id(person), trigger))));
        let rows: Vec<String> = rows.map(|(person, row)| change(person, row)).collect();
        format!("{HEADER}\n{}\n", rows.join("\n"))
    };
    let check = |format: &str| {
        case.run(&[
            "consent",
            "check",
            "consents.csv",
            "--study",
            "study.toml",
            "--as-of",
            "2026-10-01",
            "--format",
            format,
        ])
    };
    let said = || -> Value { serde_json::from_str(&stdout(&check("json"))).unwrap() };
    let clean = rows(&|_, row| row);
    case.write("consents.csv", &clean);
    let report = said();
    assert_eq!(report["recipients"][0]["in"], 200);
    for key in ["unclear", "unknown_words", "unknown_recipients", "of_other_studies"] {
        assert_eq!(report["files"][0].get(key), None, "{key}");
    }

    case.write("consents.csv", &rows(&|_, row| with(&row, "own_step", "maybe")));
    let report = said();
    assert_eq!((&report["recipients"][0]["in"], &report["files"][0]["used"]), (&json!(0), &json!(400)));
    assert_eq!(report["files"][0]["unclear"], json!({ "own_step": { "no boolean": 400 } }));
    let line = "consents.csv: 400 of 400 rows: `own_step` is no boolean\n";
    assert!(stdout(&check("text")).contains(line), "{}", stdout(&check("text")));
    let checked = ["seal", "box", "--check", "--as-of", "2026-10-01", "--consents", "consents.csv"];
    let data =
        ["--data", "follows=follows.csv", "--data", "payments=payments.csv", "--data", "members=members.csv"];
    let sealed = case.run(&[&checked[..], &data].concat());
    assert!(stdout(&sealed).contains(line), "{}{}", stdout(&sealed), stderr(&sealed));

    // A word of 20 rows or more is shown if it looks like one; a value never is.
    case.write(
        "consents.csv",
        &rows(&|person, row| match person {
            0..10 => with(&row, "purpose", "news_letter"),
            10..=18 => with(&row, "purpose", "survey"),
            20..40 => with(&row, "purpose", "13800007777"),
            40..60 => with(&row, "recipient", "OTHER-COMPANY-77"),
            60..80 => with(&row, "at", "2026-09-01 10:00:00"),
            80..90 => with(&row, "shown_at", "soon"),
            90..100 => with(&row, "event", "pausiert"),
            _ => row,
        }),
    );
    let file = &said()["files"][0];
    let zone = "a time without UTC offset; declare `timezone` under `[consents]`";
    let expected = json!({
        "at": { zone: 40 },
        "event": { "no word for what happened": 20 },
        "purpose": { "no word that regime or study knows": 78 },
        "shown_at": { "not a time, such as 2015-11-19T18:40:39+08:00": 20 },
    });
    assert_eq!(file["unclear"], expected);
    let words = json!({ "event": { "pausiert": 20 }, "purpose": { "news_letter": 20 } });
    assert_eq!((&file["unknown_words"], &file["unknown_recipients"]), (&words, &json!(40)));
    let text = stdout(&check("text"));
    for part in [
        "unknown words of `purpose`: `news_letter` (20 rows)\n",
        "40 of 400 rows name recipients that no study here knows\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("7777") && !text.contains("survey") && !text.contains("soon"), "{text}");
    // It is a fact of the file: the report is the same, whoever else is in.
    case.write("more.csv", &clean);
    let both = case.run(&[
        "consent",
        "check",
        "more.csv",
        "consents.csv",
        "--study",
        "study.toml",
        "--format",
        "json",
    ]);
    let both: Value = serde_json::from_str(&stdout(&both)).unwrap();
    assert_eq!(&both["files"][1], file);
}

/// Counts and report of one consent file under the study of the demo.
fn counted(path: &Path) -> (Vec<ConsentCheck>, Hygiene) {
    let study = Study::parse("study.toml", &study()).unwrap();
    let regime = Regime::built_in("cn-pipl").unwrap();
    let as_of = Timestamp::parse("2026-10-01T16:00:00Z").unwrap();
    let flow = match decide(&study, &regime, &study.recipients[0], as_of) {
        Decision::Permit(flow) => Some(flow),
        Decision::Deny(_) => None,
    }
    .unwrap();
    let flows = [(study.recipients[0].id.clone(), flow.demand().clone())];
    check_consents(&study, &flows, vec![Input::Path(path.to_owned())], as_of, &Reading::default()).unwrap()
}

/// Words of a column, and whether each could mean what the study is about.
type Words = &'static [(&'static str, bool)];

const EVENTS: &[&str] = &[
    "withdrawn",
    "OPT_OUT",
    "refused",
    " Revoked",
    "objected",
    "restricted",
    "hold",
    "\u{64a4}\u{56de}",
    "paused",
    "",
];
const TRIGGERS: Words = &[
    ("SC23", true),
    ("sc29\u{200b}", true),
    ("", true),
    ("\u{3000}", true),
    ("*", true),
    ("SC99", true),
    ("SC23|SC39", true),
    ("SC39", false),
    (" sc39,SC25", false),
];
const PURPOSES: Words = &[
    ("campaign-measurement", true),
    (" Campaign_Measurement", true),
    ("\u{a0}", true),
    ("all", true),
    ("campaign-mesurement", true),
    ("ad-targeting;campaign-measurement", true),
    ("ad-targeting|unheard", true),
    ("ad-targeting", false),
    ("Ad Targeting", false),
];
const RECIPIENTS: Words = &[
    ("LEGAL-ID-C", true),
    ("legal_id_c", true),
    ("Brand Insights", true),
    ("", true),
    ("EVERYONE", true),
    ("LEGAL-ID-X", true),
    ("OTHER-COMPANY-77|LEGAL-ID-C", true),
    ("OTHER-COMPANY-77", false),
    ("LEGAL-ID-A", false),
];
const CATEGORIES: Words = &[
    ("", true),
    ("profile", true),
    ("Payment_Record;health", true),
    ("income", true),
    ("*", true),
    ("unheard", true),
    ("payment-account", false),
    ("Payment Account|payment-account", false),
];
/// A time, and whether it is after as-of.
const TIMES: Words = &[
    ("2026-09-20T00:00:00Z", false),
    ("2026-10-01T16:00:00Z", false),
    ("2026-09-20", false),
    ("", false),
    ("yesterday", false),
    ("1970-01-01T00:00:00Z", false),
    ("2026-10-01T16:00:01Z", true),
];

/// The cells of a negative event beside two clean consents, and whether the person may stay in.
fn negative() -> impl Strategy<Value = (Vec<(&'static str, String)>, bool)> {
    let of = |words: Words| proptest::sample::select(words.to_vec());
    let odd = "[a-z ?*_|;]{0,8}";
    (
        of(TRIGGERS),
        of(PURPOSES),
        of(RECIPIENTS),
        of(CATEGORIES),
        of(TIMES),
        proptest::sample::select(EVENTS.to_vec()),
        odd,
    )
        .prop_map(|(trigger, purpose, recipient, categories, at, event, odd)| {
            let named = [trigger, purpose, recipient, categories];
            let readable = !["paused", ""].contains(&event);
            // What does not say what happened counts whenever it was.
            let stays = named.iter().any(|(_, ours)| !ours) || at.1 && readable;
            let named = ["trigger", "purpose", "recipient", "categories"]
                .into_iter()
                .zip(named.map(|(word, _)| word));
            let further =
                ["kind", "giver", "own_step", "bundle_size", "methods"].map(|column| (column, odd.clone()));
            let cells =
                named.chain([("at", at.0), ("event", event)]).map(|(column, cell)| (column, cell.to_owned()));
            (cells.chain(further).collect(), stays)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No negative event that could mean the study leaves its person in, none that clearly means another puts them out, and a CSV
    /// file and a Parquet file of the same cells agree about people and report, also where consents have odd cells.
    #[test]
    fn no_negative_event_that_could_mean_the_study_leaves_its_person_in(
        people in proptest::collection::vec(negative(), 1..24),
        odd in proptest::collection::vec((1..19usize, "[a-zA-Z0-9 |;,*\u{200b}\u{3000}]{0,6}"), 0..12),
    ) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let columns: Vec<&str> = HEADER.split(',').collect();
        let cells = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<String>>();
        let mut stay = 0;
        for (person, (event, stays)) in (0..).zip(&people) {
            let who = id(person);
            rows.extend(["SC23", "SC29"].map(|trigger| cells(&consent(&who, trigger))));
            let mut row = vec![String::new(); columns.len()];
            row[0] = who;
            for (column, cell) in event {
                row[columns.iter().position(|name| name == column).unwrap()].clone_from(cell);
            }
            rows.push(row);
            stay += u64::from(*stays);
        }
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("c.csv"), folder.path().join("c.parquet"));
        let both = |rows: &[Vec<String>]| {
            let quoted = |cell: &String| format!("\"{cell}\"");
            let lines: Vec<String> =
                rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
            std::fs::write(&csv, format!("{HEADER}\n{}\n", lines.join("\n"))).unwrap();
            let column = |(at, name): (usize, &&'static str)| {
                let cells = rows.iter().map(|row| Some(row[at].as_str()).filter(|cell| at % 2 == 0 || !cell.is_empty()));
                (*name, Arc::new(cells.collect::<StringArray>()) as ArrayRef, true)
            };
            let batch = RecordBatch::try_from_iter_with_nullable(columns.iter().enumerate().map(column)).unwrap();
            let mut writer = ArrowWriter::try_new(File::create(&parquet).unwrap(), batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let ((people, report), (others, other)) = (counted(&csv), counted(&parquet));
            let told = |report: Hygiene| {
                let file = report.files.into_iter().next().unwrap();
                (file.rows, file.used, file.unclear, file.unknown_words, file.unknown_recipients)
            };
            assert_eq!((&people, told(report)), (&others, told(other)));
            people[0].people.iter().find(|(standing, _)| standing.as_str() == "live").map_or(0, |(_, count)| *count)
        };
        prop_assert_eq!(both(&rows), stay);
        // Further consents, each with an odd cell: whatever they mean, the two files mean the same.
        for (person, (column, cell)) in (100..).zip(odd) {
            let who = id(person);
            rows.extend(["SC23", "SC29"].map(|trigger| {
                let mut row = cells(&consent(&who, trigger));
                row[column].clone_from(&cell);
                row
            }));
        }
        both(&rows);
    }
}

/// What no table holds is shown to whoever reads the decision, with the document that shows it, in both languages and on the page.
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
    for (person, inside) in [("1", "She is in."), ("3", "She is out.")] {
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
    let page = include_str!("../docs/src/consent-columns.md");
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
