//! Words, times and cells of consent tables: what could mean the study counts, what is unclear is counted, in every format alike.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use hushtag::engine::{ConsentCheck, IngestReport, Input, Reading, check_consents};
use hushtag::policy::{Decision, Regime, Study, decide};
use hushtag::types::Timestamp;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CONSENTS, LOG, inside};
use crate::command::{Case, consent, id, stderr, stdout, study};

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
    // It is a fact of the file: the report does not depend on other files.
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
fn counted(path: &Path) -> (Vec<ConsentCheck>, IngestReport) {
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
            // What does not say what happened counts whenever it was, and for all categories.
            let limits = if readable { &named[..] } else { &named[..3] };
            let stays = limits.iter().any(|(_, ours)| !ours) || at.1 && readable;
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
            let shown = |report: IngestReport| {
                let file = report.files.into_iter().next().unwrap();
                (file.rows, file.used, file.unclear, file.unknown_words, file.unknown_recipients)
            };
            assert_eq!((&people, shown(report)), (&others, shown(other)));
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
