//! Promise: files as other programs write them are read for what they say, or refused by name and place without a value, with
//! the folder as before: spreadsheets' CSV, damaged footers, text that is none, types that disagree, links, names that are no text,
//! thousands of files.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use crate::command::{Case, has_no_result, id, stderr, stdout};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::Value;

const PEOPLE: u32 = 40;
/// In a cell of every bad file; no message may hold it.
const CANARY: &str = "7777canary";

fn case() -> Case {
    let case = Case::new(PEOPLE);
    let made = case.init("4");
    assert!(made.status.success(), "{}", stderr(&made));
    case
}

/// Seals with these files of one dataset and the good ones of the others.
fn seal(case: &Case, dataset: &str, paths: &[&str]) -> Output {
    let given: Vec<String> = paths.iter().map(|path| format!("{dataset}={path}")).collect();
    let good = ["follows", "payments", "members"].into_iter().filter(|name| *name != dataset);
    let good: Vec<String> = good.map(|name| format!("{name}={name}.csv")).collect();
    let mut arguments = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01", "--format", "json"];
    arguments.extend(given.iter().chain(&good).flat_map(|data| ["--data", data.as_str()]));
    arguments.extend(["--consents", "consents.csv"]);
    case.run(&arguments)
}

/// The reports on the files of one dataset, in order.
fn reports(output: &Output, dataset: &str) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let all: Value = serde_json::from_str(&stdout(output)).unwrap();
    let files = all["files"].as_array().unwrap().iter();
    files.filter(|file| file["dataset"] == dataset).cloned().collect()
}

fn total(reports: &[Value], what: &str) -> u64 {
    reports.iter().map(|file| file[what].as_u64().unwrap()).sum()
}

/// Everything in the sandbox but the log, which says of each seal that it failed; of the stores only that they are there, since opening
/// one may touch it.
fn folder(case: &Case) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Case::files(&case.path("box"));
    files.retain(|(path, _)| !path.starts_with(case.path("box/log")));
    let stores = files.iter_mut().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "redb"));
    stores.for_each(|(_, content)| content.clear());
    files
}

/// Sealing stops with this, and nothing in the folder has changed.
fn refused(case: &Case, dataset: &str, paths: &[&str], said: &str) {
    let before = folder(case);
    let output = seal(case, dataset, paths);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: ") && text.contains(said), "not `{said}` but {text}");
    assert!(text.contains("fix: ") && !text.contains(CANARY) && !text.contains("panicked"), "{text}");
    assert!(has_no_result(&output), "{output:?}");
    assert!(folder(case) == before, "a refused seal left something behind: {text}");
}

fn parquet(case: &Case, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(case.path(name)).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn payments(case: &Case, name: &str, payer: ArrayRef, amount: ArrayRef) {
    let at: ArrayRef = Arc::new(StringArray::from(vec!["2026-08-01T10:00:00Z"; payer.len()]));
    parquet(case, name, vec![("payer", payer), ("amount", amount), ("at", at)]);
}

fn words(words: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(words.to_vec()))
}

#[test]
fn csv_as_spreadsheets_write_it_is_read() {
    let case = case();
    let people = [id(0), id(1), id(2)];
    let mut text = "\u{feff}\"payer\",amount,at,\"a note\"\r\n".to_owned();
    for person in &people {
        write!(text, "\"{person}\",\"500\",2026-08-01T10:00:00+08:00,\"two\r\nlines, \"\"quoted\"\"\"\r\n")
            .unwrap();
    }
    case.write("sheet.csv", &text);
    let output = seal(&case, "payments", &["sheet.csv"]);
    let file = &reports(&output, "payments")[0];
    assert_eq!((&file["rows"], &file["used"]), (&3.into(), &3.into()), "{file}");
    assert_eq!(file["undeclared_columns"], serde_json::json!(["a note"]), "{file}");

    // A place in a file with rows of several lines is that of the row.
    let case = self::case();
    write!(text, "{CANARY},many,2026-08-01T10:00:00Z,\"a\nb\"\r\n").unwrap();
    case.write("sheet.csv", &text);
    refused(&case, "payments", &["sheet.csv"], "row 4, column `amount`: not a whole number");
    case.write("open.csv", &format!("payer,amount,at\n{CANARY},1,\"2026-08-01T10:00:00Z\n{CANARY},1,x\n"));
    refused(&case, "payments", &["open.csv"], "open.csv: ");
    case.write("mark.csv", "\u{feff}\u{feff}\n");
    refused(&case, "payments", &["mark.csv"], "mark.csv: column `payer` is missing");
}

#[test]
fn a_footer_that_is_cut_or_lies_is_damage() {
    let case = case();
    payments(&case, "whole.parquet", words(&[CANARY, "2"]), Arc::new(Int64Array::from(vec![1, 2])));
    let whole = std::fs::read(case.path("whole.parquet")).unwrap();
    let write = |bytes: &[u8]| std::fs::write(case.path("cut.parquet"), bytes).unwrap();
    for missing in [1, 4, 5, 8, 9, 40, whole.len() - 4] {
        write(&whole[..whole.len() - missing]);
        refused(&case, "payments", &["cut.parquet"], "cut.parquet: damaged or not Parquet");
    }
    // The length of the footer: none, one too many, more than the file, more than any memory.
    let at = whole.len() - 8;
    let true_length = u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    for length in [0, true_length + 1, true_length - 1, 1 << 20, u32::MAX] {
        let mut forged = whole.clone();
        forged[at..at + 4].copy_from_slice(&length.to_le_bytes());
        write(&forged);
        refused(&case, "payments", &["cut.parquet"], "cut.parquet: damaged or not Parquet");
    }
    // The second of two files: the first is read already.
    write(&whole[..whole.len() - 3]);
    refused(&case, "payments", &["payments.csv", "cut.parquet"], "cut.parquet: damaged or not Parquet");
}

/// A column that calls itself text and holds other bytes.
#[test]
fn text_that_is_no_utf8_is_damage() {
    let case = case();
    let column = |name: &str, kind, converted| {
        let column = Type::primitive_type_builder(name, kind)
            .with_repetition(Repetition::REQUIRED)
            .with_converted_type(converted);
        Arc::new(column.build().unwrap())
    };
    let fields = vec![
        column("payer", Physical::BYTE_ARRAY, ConvertedType::UTF8),
        column("amount", Physical::INT64, ConvertedType::NONE),
        column("at", Physical::BYTE_ARRAY, ConvertedType::UTF8),
    ];
    let schema = Arc::new(Type::group_type_builder("rows").with_fields(fields).build().unwrap());
    let file = File::create(case.path("latin.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for texts in [Some([b"7777canary\xff".as_slice(), b"8"]), None, Some([b"2026-08-01T10:00:00Z"; 2])] {
        let mut column = group.next_column().unwrap().unwrap();
        if let Some(texts) = texts {
            let texts = texts.map(|text| ByteArray::from(text.to_vec()));
            column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        } else {
            column.typed::<Int64Type>().write_batch(&[1, 2], None, None).unwrap();
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    refused(&case, "payments", &["latin.parquet"], "latin.parquet: damaged or not Parquet (near row 0)");
}

#[test]
fn files_of_one_dataset_may_differ_in_type_but_each_must_be_readable() {
    let case = case();
    let number: i64 = id(1).parse().unwrap();
    payments(&case, "numbers.parquet", Arc::new(Int64Array::from(vec![number])), words(&["9"]));
    payments(&case, "words.parquet", words(&[&id(1)]), Arc::new(Int64Array::from(vec![9])));
    payments(&case, "none.parquet", words(&[]), words(&[]));
    payments(&case, "floats.parquet", Arc::new(Float64Array::from(vec![1.5])), words(&["9"]));
    refused(
        &case,
        "payments",
        &["numbers.parquet", "floats.parquet"],
        "floats.parquet: column `payer` is Float64, but ids are text or whole numbers",
    );
    let paths = ["payments.csv", "numbers.parquet", "none.parquet", "words.parquet"];
    let files = reports(&seal(&case, "payments", &paths), "payments");
    let used: Vec<u64> = files.iter().map(|file| file["used"].as_u64().unwrap()).collect();
    assert_eq!(used, [u64::from(PEOPLE), 1, 0, 1]);
}

#[test]
fn a_link_to_a_file_is_that_file_and_a_link_to_nothing_is_no_file() {
    let case = case();
    for (target, name) in [
        ("payments.csv", "link.csv"),
        ("nowhere.csv", "dead.csv"),
        ("loop.csv", "loop.csv"),
        (".", "here.csv"),
    ] {
        std::os::unix::fs::symlink(target, case.path(name)).unwrap();
    }
    for name in ["dead.csv", "loop.csv"] {
        refused(&case, "payments", &[name], &format!("{name}: cannot be opened"));
    }
    // A link to a folder is that folder, which here is none of parts.
    refused(&case, "payments", &["here.csv"], "here.csv/box: is a folder");
    let files = reports(&seal(&case, "payments", &["link.csv"]), "payments");
    assert_eq!((&files[0]["file"], total(&files, "used")), (&"link.csv".into(), u64::from(PEOPLE)));
}

#[test]
fn tables_without_rows_are_sealed_as_empty() {
    let case = case();
    payments(&case, "none.parquet", words(&[]), words(&[]));
    case.write("follows.csv", "follower,followee\n");
    case.write("members.csv", "user,region\n\n");
    let header = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    case.write("consents.csv", &format!("{}\n", header.lines().next().unwrap()));
    let output = seal(&case, "payments", &["none.parquet"]);
    for dataset in ["follows", "payments", "members", "consents"] {
        assert_eq!(total(&reports(&output, dataset), "rows"), 0, "{dataset}");
    }
    let answer = case.ask("SELECT COUNT(*) FROM tags WITH (error = 60)");
    assert_eq!(answer.status.code(), Some(0), "{}", stderr(&answer));
}

/// One person follows everybody and is followed by all, each edge many times over.
#[test]
fn a_hub_with_everything_and_edges_that_all_repeat_are_counted() {
    let case = case();
    let mut text = "follower,followee\n".to_owned();
    for _ in 0..50 {
        for person in 0..PEOPLE {
            write!(text, "{0},{1}\n{1},{0}\n", id(0), id(person)).unwrap();
        }
    }
    case.write("hub.csv", &text);
    let file = reports(&seal(&case, "follows", &["hub.csv"]), "follows").remove(0);
    let (rows, edges) = (50 * 2 * u64::from(PEOPLE), 2 * u64::from(PEOPLE - 1));
    let selves = 50 * 2;
    assert_eq!(
        [&file["rows"], &file["used"], &file["self_follows"], &file["duplicates"]].map(Value::as_u64),
        [rows, edges, selves, rows - edges - selves].map(Some),
        "{file}"
    );
}

/// Files of three rows each, found by a pattern: the payments come to the same.
#[test]
fn ten_thousand_small_files_are_one_dataset() {
    const FILES: u32 = 10_000;
    let case = case();
    std::fs::create_dir(case.path("parts")).unwrap();
    for file in 0..FILES {
        let mut text = "payer,amount,at\n".to_owned();
        for row in 0..3 {
            writeln!(text, "{},{row},2026-08-01T10:00:00Z", id((file + row) % PEOPLE)).unwrap();
        }
        case.write(&format!("parts/{file:05}.csv"), &text);
    }
    case.write("parts/00500.csv", &format!("payer,amount,at\n{CANARY},x,2026-08-01T10:00:00Z\n"));
    refused(&case, "payments", &["parts/*.csv"], "00500.csv: 1 of 1 rows are bad");
    case.write("parts/00500.csv", "payer,amount,at\n");
    let found = reports(&seal(&case, "payments", &["parts/*.csv"]), "payments");
    assert_eq!(found.len(), FILES as usize);
    assert!(found.is_sorted_by_key(|file| file["file"].as_str().unwrap().to_owned()));
    assert_eq!(total(&found, "used"), u64::from(3 * (FILES - 1)));
}

#[test]
fn names_that_are_no_text_are_reported_and_leave_nothing() {
    let case = Case::new(30);
    assert!(case.init("4").status.success());
    let name = |bytes: &'static [u8]| OsStr::from_bytes(bytes).to_owned();
    let good = std::fs::read(case.path("payments.csv")).unwrap();
    std::fs::write(case.path("").join(name(b"caf\xe9.csv")), &good).unwrap();
    let before = Case::files(&case.path("box/log"));
    let run = |payments: &'static [u8]| {
        Command::new(env!("CARGO_BIN_EXE_hushtag"))
            .args(["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01"])
            .args(["--data", "follows=follows.csv", "--data", "members=members.csv", "--data"])
            .arg(name(payments))
            .args(["--consents", "consents.csv"])
            .current_dir(case.path(""))
            .env_remove("HUSHTAG_ROOT_KEY")
            .output()
            .unwrap()
    };
    // By its name it is not text for the command; a pattern would leave it out in silence.
    for payments in
        [&b"payments=caf\xe9.csv"[..], b"payments=caf*.csv", b"payments=*/*.csv", b"payments=**/*.csv"]
    {
        let refused = run(payments);
        let said = stderr(&refused);
        let code = if payments.contains(&b'*') { 1 } else { 2 };
        assert_eq!(refused.status.code(), Some(code), "{said}");
        assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
        assert!(code == 2 || said.contains("is no text"), "{said}");
        assert!(!case.path("box/epochs/e1").exists() && Case::files(&case.path("box/log")) == before);
    }
    // Elsewhere it is not checked.
    std::fs::create_dir(case.path("parts")).unwrap();
    case.write("parts/payments.csv", &String::from_utf8(good).unwrap());
    let sealed = run(b"payments=parts/*.csv");
    assert!(sealed.status.success(), "{}", stderr(&sealed));
}

/// Promise: an address in an object store is named as one, and nothing of it but its scheme is shown: it may hold a signature.
#[test]
fn an_address_is_no_file_and_its_signature_is_not_shown() {
    let case = case();
    let before = folder(&case);
    for address in
        [format!("s3://{CANARY}/payments.csv"), format!("https://store.example/p.csv?sig={CANARY}")]
    {
        let refused = seal(&case, "payments", &[&address]);
        let scheme = address.split(':').next().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        let said = stderr(&refused) + &stdout(&refused);
        assert!(said.contains(&format!("{scheme}://")) && !said.contains(CANARY), "{said}");
    }
    assert!(folder(&case) == before);
}
