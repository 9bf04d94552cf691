//! Promise: whatever is handed in as a table is read whole, once, or refused by name: folders of parts, columns in the names of
//! folders, stdin and pipes, compressed files, other encodings and separators, text above the header, cells without an end.

mod checks;
mod ends;
mod limits;

use std::fs::File;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::command::{Case, consent, id, stderr, stdout, study};
use arrow_array::{RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use serde_json::Value;

const PEOPLE: u32 = 6;

/// A sandbox whose `payments.csv` has a row for each of a few people.
fn case() -> Case {
    let case = Case::new(PEOPLE);
    let made = case.init("4");
    assert!(made.status.success(), "{}", stderr(&made));
    case
}

fn payments(people: std::ops::Range<u32>) -> String {
    let row = |person| format!("{},100,2026-08-01T10:00:00+08:00\n", id(person));
    format!("payer,amount,at\n{}", people.map(row).collect::<String>())
}

fn folder(case: &Case, name: &str, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = case.path(name).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Reads these payments and the other files of the case without sealing; what is piped into the command is `stdin`.
fn check_with(case: &Case, payments: &[&str], stdin: &[u8]) -> Output {
    let mut arguments = vec!["seal", "box", "--check", "--as-of", "2026-10-01", "--format", "json"];
    let given: Vec<String> = payments.iter().map(|path| format!("payments={path}")).collect();
    let others = ["follows=follows.csv", "members=members.csv"];
    arguments.extend(given.iter().map(String::as_str).chain(others).flat_map(|data| ["--data", data]));
    arguments.extend(["--consents", "consents.csv", "--max-bad-rows", "0"]);
    piped(case, &arguments, stdin)
}

fn piped(case: &Case, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hushtag"))
        .args(arguments)
        .current_dir(case.path(""))
        .env_remove("HUSHTAG_ROOT_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// The reports on the payments: names, rows used, notes.
fn read_with(case: &Case, payments: &[&str], stdin: &[u8]) -> Vec<(String, u64, Vec<String>)> {
    let output = check_with(case, payments, stdin);
    assert_eq!(output.status.code(), Some(0), "{payments:?}: {}", stderr(&output));
    let all: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let files = all["files"].as_array().unwrap().iter().filter(|file| file["dataset"] == "payments");
    let notes = |file: &Value| {
        let notes = file["notes"].as_array().into_iter().flatten();
        notes.map(|note| note.as_str().unwrap().to_owned()).collect()
    };
    let report = |file: &Value| {
        assert_eq!(file["rows"], file["used"], "{file}");
        (file["file"].as_str().unwrap().to_owned(), file["used"].as_u64().unwrap(), notes(file))
    };
    files.map(report).collect()
}

fn read(case: &Case, payments: &[&str]) -> Vec<(String, u64)> {
    let reports = read_with(case, payments, b"");
    reports.into_iter().map(|(name, used, _)| (name, used)).collect()
}

/// Reading these payments fails with this error, and says what to do next.
fn refused_with(case: &Case, payments: &[&str], stdin: &[u8], error: &str) {
    let output = check_with(case, payments, stdin);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{payments:?}: {said}");
    assert!(said.starts_with(&format!("error: {error}")), "not `{error}` but {said}");
    assert!(said.contains("\n  fix: ") && !said.contains("panicked") && !said.contains("1380000"), "{said}");
}

fn refused(case: &Case, payments: &[&str], error: &str) {
    refused_with(case, payments, b"", error);
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

/// A table of text columns.
fn batch(columns: &[(&str, Vec<String>)]) -> RecordBatch {
    let columns = columns.iter().map(|(name, cells)| {
        let array: arrow_array::ArrayRef = Arc::new(StringArray::from(cells.clone()));
        (*name, array)
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

fn payments_batch() -> RecordBatch {
    let people = || (0..PEOPLE).map(id);
    let same = |text: &str| vec![text.to_owned(); PEOPLE as usize];
    let at = same("2026-08-01T10:00:00Z");
    batch(&[("payer", people().collect()), ("amount", same("5")), ("at", at), ("note", same("x"))])
}

fn parquet(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn ipc_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_folder_of_parts_is_all_of_its_parts() {
    let case = case();
    let spark = [
        ("part-00000-ab.csv", payments(0..2)),
        ("part-00001-ab.csv", payments(2..3)),
        ("part-00002-ab.csv", payments(0..0)),
        ("_SUCCESS", String::new()),
        ("_metadata", "x".into()),
        (".part-00000-ab.csv.crc", "x".into()),
        ("part-00000-ab.csv.crc", "x".into()),
        (".DS_Store", "x".into()),
        ("._part-00000-ab.csv", "x".into()),
    ];
    folder(&case, "p.csv", &spark.each_ref().map(|(name, text)| (*name, text.as_str())));
    std::fs::write(case.path("p.csv/part-00003-ab.csv.gz"), gzip(payments(3..5).as_bytes())).unwrap();
    // Hive gives its files no ending.
    parquet(&case.path("p.csv/000000_0"), &payments_batch());
    symlink("../payments.csv", case.path("p.csv/part-00004-ab.csv")).unwrap();
    let parts =
        [("000000_0", 6), ("part-00000-ab.csv", 2), ("part-00001-ab.csv", 1), ("part-00002-ab.csv", 0)];
    let more = [("part-00003-ab.csv.gz", 2), ("part-00004-ab.csv", u64::from(PEOPLE))];
    let parts: Vec<(String, u64)> =
        parts.iter().chain(&more).map(|(name, used)| (format!("p.csv/{name}"), *used)).collect();
    assert_eq!(read(&case, &["p.csv"]), parts);
    // A link to the folder is the folder; a pattern finds the same parts.
    symlink("p.csv", case.path("link")).unwrap();
    assert_eq!(read(&case, &["link"]).len(), parts.len());
    assert_eq!(read(&case, &["p.csv/*"]).iter().map(|(_, used)| used).sum::<u64>(), 17);
    // Parts of one name in two folders are named with their folders, and files with as much of the path as they need.
    folder(&case, "a/day", &[("part-0.csv", &payments(0..1))]);
    folder(&case, "b/day", &[("part-0.csv", &payments(1..2)), ("part-1.csv", &payments(2..3))]);
    let named = read(&case, &["a/day", "b/day/*.csv", "payments.csv"]);
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a/day/part-0.csv", "b/day/part-0.csv", "part-1.csv", "payments.csv"]);
}

#[test]
fn columns_in_the_names_of_folders_are_read() {
    let case = case();
    let row = |person| format!("payer,amount\n{},5\n", id(person));
    folder(
        &case,
        "hive",
        &[
            ("merchant=m1/at=2026-08-01T10%3A00%3A00Z/part-0.csv", &row(0)),
            ("merchant=m1/at=2026-08-02T10%3A00%3A00Z/part-0.csv", &row(1)),
            ("merchant=m2/at=2026-08-01T10%3A00%3A00Z/part-0.csv", &row(2)),
            ("_SUCCESS", ""),
        ],
    );
    let found = read(&case, &["hive"]);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0], ("hive/merchant=m1/at=2026-08-01T10%3A00%3A00Z/part-0.csv".into(), 1));
    for path in
        ["hive/merchant=m1", "hive/*/*/*.csv", "hive/merchant=m2/at=2026-08-01T10%3A00%3A00Z/part-0.csv"]
    {
        assert!(!read(&case, &[path]).is_empty(), "{path}");
    }
    // A null is no instant, and a column has one position.
    let null = [("at=__HIVE_DEFAULT_PARTITION__/part-0.csv", row(0))];
    folder(&case, "null", &null.each_ref().map(|(name, text)| (*name, text.as_str())));
    refused(&case, &["null"], "null/at=__HIVE_DEFAULT_PARTITION__/part-0.csv: 1 of 1 rows are bad");
    folder(&case, "twice", &[("at=2026-08-01T10%3A00%3A00Z/part-0.csv", &payments(0..1))]);
    refused(&case, &["twice"], "twice/at=2026-08-01T10%3A00%3A00Z/part-0.csv: column `at` occurs twice");
}

/// A consent file without the column that its folder names would put everybody in who withdrew.
#[test]
fn consents_by_folder_are_what_the_folder_says() {
    let case = Case::new(1);
    case.write("study.toml", &study());
    let header = "person,handler,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,\
        at,valid_to,giver,own_step,pre_ticked,bundle_size,service_gate\n";
    let row = |person: u32, at: &str| {
        ["SC23", "SC29"].map(|trigger| {
            consent(&id(person), trigger).replacen("given,", "", 1).replacen("2026-09-01T10:00:00", at, 1)
                + "\n"
        })
    };
    let rows = |people: &[u32], at| {
        people.iter().flat_map(|person| row(*person, at)).fold(header.to_owned(), |text, row| text + &row)
    };
    let (given, withdrawn) = (rows(&[0, 1, 2], "2026-09-01T10:00:00"), rows(&[1], "2026-09-02T10:00:00"));
    folder(&case, "log", &[("event=given/part-0.csv", &given), ("event=withdrawn/part-0.csv", &withdrawn)]);
    let people = |paths: &[&str]| {
        let arguments =
            ["consent", "check", "--study", "study.toml", "--as-of", "2026-10-01", "--format", "json"];
        let output = case.run(&[&arguments[..], paths].concat());
        let said = stderr(&output);
        let all: Value = serde_json::from_str(&stdout(&output)).map_err(|_| said.clone())?;
        all["recipients"][0]["in"].as_u64().ok_or(said)
    };
    assert_eq!(people(&["log"]), Ok(2));
    assert_eq!(people(&["log/event=*/*.csv"]), Ok(2));
    assert_eq!(people(&["log/event=given", "log/event=withdrawn/part-0.csv"]), Ok(2));
    // A column that nothing knows is refused in the name of a folder as in a header.
    folder(&case, "log", &[("event=lifted/ban=1/part-0.csv", &given)]);
    let said = people(&["log/event=lifted"]).unwrap_err();
    assert!(said.starts_with("error: event=lifted/ban=1/part-0.csv: ") && said.contains("`ban`"), "{said}");
    let said = people(&["log"]).unwrap_err();
    assert!(
        said.contains("log/event=lifted/ban=1/part-0.csv: is under folders that name other columns"),
        "{said}"
    );
    folder(&case, "lines/event=withdrawn", &[("a.jsonl", "{}\n")]);
    assert!(case.init("4").status.success());
    let import = case.run(&["consent", "import", "box", "lines"]);
    assert!(stderr(&import).contains("a.jsonl: JSON holds all columns itself"), "{}", stderr(&import));
}

#[test]
fn what_is_no_folder_of_parts_is_refused_by_name() {
    let case = case();
    let good = payments(0..1);
    for (name, files, error) in [
        ("no-table", &[("_SUCCESS", ""), (".crc", "")][..], "no-table: the folder holds no table"),
        ("text", &[("a.csv", &good), ("readme.md", "x")], "text/readme.md: unknown format"),
        ("orc", &[("000000_0", "ORC\u{1}")], "orc/000000_0: is ORC, which is not read"),
        ("inner", &[("a.csv", &good), ("old/b.csv", &good)], "inner/old: is a folder"),
        ("busy", &[("a.csv", &good), ("_temporary/0/b.csv", &good)], "busy/_temporary: is there until a job"),
        (
            "delta",
            &[("a.csv", &good), ("_delta_log/0.json", "")],
            "delta/_delta_log: the folder is a Delta Lake table",
        ),
        ("hidden", &[("a.csv", &good), ("_b.csv", &good)], "hidden/_b.csv: holds a table by its name"),
        ("deep", &[("a.csv", &good), (".c/d/b.csv", &good)], "deep/.c: holds a table by its name"),
        (
            "mixed",
            &[("a.csv", &good), ("x=1/b.csv", &good)],
            "mixed/x=1/b.csv: is under folders that name other columns",
        ),
        ("names", &[("x=%zz/b.csv", &good)], "names/x=%zz: is a folder"),
        ("empty-part", &[("a.csv", &good), ("b.csv", "")], "empty-part/b.csv: the file is empty"),
    ] {
        folder(&case, name, files);
        refused(&case, &[name], error);
    }
    refused(&case, &["hidden/*.csv"], "hidden/_b.csv: holds a table by its name");
    refused(&case, &["busy/*/0/*.csv"], "busy/_temporary: is there until a job");
    folder(&case, "linked", &[("a.csv", &good)]);
    symlink("../inner", case.path("linked/more")).unwrap();
    refused(&case, &["linked"], "linked/more: links to a folder");
    std::fs::remove_file(case.path("linked/more")).unwrap();
    symlink("nowhere", case.path("linked/more.csv")).unwrap();
    refused(&case, &["linked"], "linked/more.csv: cannot be opened");
    folder(&case, "odd", &[("a.csv", &good)]);
    std::fs::write(case.path("odd").join(std::ffi::OsStr::from_bytes(b"caf\xe9.csv")), &good).unwrap();
    refused(&case, &["odd"], "odd: the folder holds a name that is no text");
    // One file under two names would count twice.
    symlink("payments.csv", case.path("again.csv")).unwrap();
    std::fs::hard_link(case.path("payments.csv"), case.path("same.csv")).unwrap();
    for second in ["payments.csv", "./payments.csv", "again.csv", "same.csv", "pay*.csv"] {
        let output = check_with(&case, &["payments.csv", second], b"");
        assert!(stderr(&output).contains("is the same file or pipe as"), "{second}: {}", stderr(&output));
    }
    let tokenised = case.run(&["key", "new", "--for", "token", "--out", "t.key"]);
    assert!(tokenised.status.success(), "{}", stderr(&tokenised));
    let arguments =
        ["tokenize", "--study", "study.toml", "--dataset", "payments", "text", "o.parquet", "--key", "t.key"];
    let output = case.run(&arguments);
    assert!(stderr(&output).starts_with("error: text: cannot be opened"), "{}", stderr(&output));
}

#[test]
fn stdin_and_pipes_are_read_once_and_whole() {
    let case = case();
    let text = payments(0..4);
    for stdin in [text.clone().into_bytes(), gzip(text.as_bytes()), zstd(text.as_bytes())] {
        assert_eq!(read_with(&case, &["-"], &stdin), [("stdin".to_owned(), 4, Vec::new())]);
    }
    assert_eq!(read_with(&case, &["/dev/stdin"], text.as_bytes()).len(), 1);
    assert_eq!(read_with(&case, &["-"], &ipc_stream(&payments_batch()))[0].1, u64::from(PEOPLE));
    assert_eq!(read_with(&case, &["-"], &gzip(&ipc_stream(&payments_batch())))[0].1, u64::from(PEOPLE));
    // A format that is read from its end is refused before anything else is read.
    parquet(&case.path("p.parquet"), &payments_batch());
    let whole = std::fs::read(case.path("p.parquet")).unwrap();
    refused_with(&case, &["-"], &whole, "stdin: Parquet cannot be read from a pipe");
    refused_with(&case, &["-"], b"", "stdin: the file is empty");
    for again in [["-", "-"], ["-", "/dev/stdin"]] {
        let output = check_with(&case, &again, text.as_bytes());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).starts_with("error: stdin is given twice"), "{}", stderr(&output));
    }
    // Named pipes: each once, and never twice, which would wait for ever.
    let pipe = |name: &str| {
        assert!(Command::new("mkfifo").arg(case.path(name)).status().unwrap().success());
        let (path, text) = (case.path(name), text.clone());
        std::thread::spawn(move || File::options().write(true).open(path).unwrap().write_all(text.as_bytes()))
    };
    let fed = [pipe("one.csv"), pipe("two")];
    assert_eq!(read(&case, &["one.csv", "two"]), [("one.csv".to_owned(), 4), ("two".to_owned(), 4)]);
    for thread in fed {
        thread.join().unwrap().unwrap();
    }
    refused(&case, &["one.csv", "one.csv"], "one.csv: is the same file or pipe as one.csv");
    folder(&case, "parts", &[("a.csv", &text)]);
    std::fs::rename(case.path("one.csv"), case.path("parts/one.csv")).unwrap();
    refused(&case, &["parts"], "parts/one.csv: is neither a file nor a folder");

    let consents = std::fs::read(case.path("consents.csv")).unwrap();
    let events = 2 * PEOPLE;
    let import = piped(&case, &["consent", "import", "box", "-"], &consents);
    assert_eq!(
        stdout(&import).trim(),
        format!("stdin: {events} rows read, {events} taken"),
        "{}",
        stderr(&import)
    );
    let exported = case.run(&["consent", "export", "box", "--out", "all.jsonl"]);
    assert!(exported.status.success(), "{}", stderr(&exported));
    let lines = std::fs::read(case.path("all.jsonl")).unwrap();
    for lines in [lines.clone(), [b"\xef\xbb\xbf", &lines[..]].concat(), gzip(&lines)] {
        let import = piped(&case, &["consent", "import", "box", "-"], &lines);
        assert_eq!(
            stdout(&import).trim(),
            format!("stdin: {events} rows read, {events} taken"),
            "{}",
            stderr(&import)
        );
    }
    let check =
        ["consent", "check", "-", "--study", "study.toml", "--as-of", "2026-10-01", "--format", "json"];
    let all: Value = serde_json::from_str(&stdout(&piped(&case, &check, &consents))).unwrap();
    assert_eq!(all["recipients"][0]["in"], PEOPLE);
    assert!(case.run(&["key", "new", "--for", "token", "--out", "t.key"]).status.success());
    let tokenize =
        ["tokenize", "--study", "study.toml", "--dataset", "payments", "-", "o.parquet", "--key", "t.key"];
    let output = piped(&case, &tokenize, text.as_bytes());
    assert!(output.status.success() && stdout(&output).contains("stdin"), "{}", stderr(&output));
    let output = check_with(&case, &["o.parquet"], b"");
    assert!(stderr(&output).contains("tokens of key"), "{}", stderr(&output));
}

/// A study whose payments are written in this way.
fn declared(dialect: &str) -> Case {
    let case = Case::new(PEOPLE);
    let text = study().replacen("owner = \"payer\"\n", &format!("owner = \"payer\"\n{dialect}\n"), 1);
    assert!(text.contains(dialect));
    case.write("study.toml", &text);
    let made = case.init("4");
    assert!(made.status.success(), "{}", stderr(&made));
    case
}

#[test]
fn separators_are_declared_or_recognised_and_reported() {
    let text = payments(0..3);
    let plain = case();
    for (separator, spelled) in [(";", ";"), ("\t", "\\t"), ("|", "|")] {
        plain.write("p.csv", &text.replace(',', separator));
        let note = format!(
            "its cells are separated by `{spelled}`, as its header shows; declare `separator = \"{spelled}\"`"
        );
        assert_eq!(read_with(&plain, &["p.csv"], b""), [("p.csv".to_owned(), 3, vec![note])]);
        let case = declared(&format!("separator = \"{spelled}\""));
        case.write("p.csv", &text.replace(',', separator));
        assert_eq!(read_with(&case, &["p.csv"], b""), [("p.csv".to_owned(), 3, Vec::new())]);
        case.write("p.csv", &text);
        let error =
            format!("p.csv: the header is one cell with `{spelled}` as separator, and several with `,`");
        refused(&case, &["p.csv"], &error);
    }
    // What is between the cells of no other program is declared.
    let case = declared("separator = \"^\"");
    case.write("p.csv", &text.replace(',', "^"));
    assert_eq!(read(&case, &["p.csv"]), [("p.csv".to_owned(), 3)]);
    plain.write("p.csv", &text.replace(',', "^"));
    refused(&plain, &["p.csv"], "p.csv: column `payer` is missing");
    plain.write("p.tsv", &text.replace(',', "\t"));
    assert_eq!(read_with(&plain, &["p.tsv"], b""), [("p.tsv".to_owned(), 3, Vec::new())]);
}

#[test]
fn encodings_are_declared_or_named() {
    let text = payments(0..3).replace("at\n", "at,城市\n").replace("+08:00\n", "+08:00,上海\n");
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (gb, ..) = encoding_rs::GB18030.encode(&text);
    let plain = case();
    let write = |case: &Case, bytes: &[u8]| std::fs::write(case.path("p.csv"), bytes).unwrap();
    write(&plain, &gb);
    refused(
        &plain,
        &["p.csv"],
        "p.csv: line 1: not UTF-8; declare the file's encoding, such as `encoding = \"gb18030\"`",
    );
    write(&plain, &utf_16(&text));
    refused(
        &plain,
        &["p.csv"],
        "p.csv: line 1: a NUL byte, which is in no text in UTF-8; declare `encoding = \"utf-16le\"`",
    );
    write(&plain, &utf_16(&format!("\u{feff}{text}")));
    let note = "is read as UTF-16LE by its byte order mark".to_owned();
    assert_eq!(read_with(&plain, &["p.csv"], b""), [("p.csv".to_owned(), 3, vec![note])]);
    for (label, bytes) in
        [("gb18030", gb.to_vec()), ("utf-16le", utf_16(&text)), ("utf-8", text.clone().into_bytes())]
    {
        let case = declared(&format!("encoding = \"{label}\""));
        write(&case, &bytes);
        assert_eq!(read(&case, &["p.csv"]), [("p.csv".to_owned(), 3)], "{label}");
        write(&case, &gzip(&bytes));
        std::fs::rename(case.path("p.csv"), case.path("p.csv.gz")).unwrap();
        assert_eq!(read(&case, &["p.csv.gz"]), [("p.csv.gz".to_owned(), 3)], "{label}");
    }
    let case = declared("encoding = \"gb18030\"");
    write(&case, &[text.as_bytes(), b"x,1,y,\xff\xff\n"].concat());
    refused(&case, &["p.csv"], "p.csv: line 5: not gb18030, which is declared as the encoding");
}

#[test]
fn text_above_the_header_is_passed_over_or_reported_with_its_lines() {
    let above = "Payments of August\nby the finance team, 3 pages\n\n\"not to be passed on\"\n";
    let text = format!("{above}{}", payments(0..3));
    let plain = case();
    plain.write("p.csv", &text);
    refused(
        &plain,
        &["p.csv"],
        "p.csv: text stands above the header; line 5 looks like one: declare `skip_lines = 4`",
    );
    let case = declared("skip_lines = 4");
    case.write("p.csv", &text);
    assert_eq!(read(&case, &["p.csv"]), [("p.csv".to_owned(), 3)]);
    // Lines are those of the file, those above the header too.
    case.write("p.csv", &format!("{text}x,1\n"));
    refused(&case, &["p.csv"], "p.csv: line 9: 2 cells, the header has 3");
    case.write("p.csv", "one\ntwo\n");
    refused(&case, &["p.csv"], "p.csv: there are fewer lines than `skip_lines` passes over");
}

#[test]
fn consents_have_a_dialect_of_their_own() {
    let case = Case::new(PEOPLE);
    let consents = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    let text =
        format!("{}\n[consents]\nencoding = \"gb18030\"\nseparator = \";\"\nskip_lines = 1\n", study());
    case.write("own.toml", &text);
    let own = format!("同意记录\n{}", consents.replace(',', ";"));
    let (bytes, ..) = encoding_rs::GB18030.encode(&own);
    std::fs::write(case.path("own.csv"), &bytes).unwrap();
    let check = |study| {
        let arguments =
            ["consent", "check", "own.csv", "--as-of", "2026-10-01", "--format", "json", "--study", study];
        case.run(&arguments)
    };
    let all: Value = serde_json::from_str(&stdout(&check("own.toml"))).unwrap();
    assert_eq!(all["recipients"][0]["in"], PEOPLE);
    assert!(stderr(&check("study.toml")).contains("not UTF-8"), "{}", stderr(&check("study.toml")));
    assert!(case.run(&["key", "new", "--for", "token", "--out", "t.key"]).status.success());
    let out = ["own.csv", "o.parquet", "--study", "own.toml", "--dataset", "consents", "--key", "t.key"];
    let tokenised = case.run(&[&["tokenize"], &out[..]].concat());
    assert!(tokenised.status.success(), "{}", stderr(&tokenised));
}

#[test]
fn compressed_files_are_read_to_their_end_or_damaged() {
    let case = case();
    let (text, more) = (payments(0..3), payments(3..5).replace("payer,amount,at\n", ""));
    for (name, format, compress) in
        [("p.csv.gz", "gzip", gzip as fn(&[u8]) -> Vec<u8>), ("p.csv.zst", "Zstandard", zstd)]
    {
        let write = |bytes: &[u8]| std::fs::write(case.path(name), bytes).unwrap();
        let whole = compress(text.as_bytes());
        write(&whole);
        assert_eq!(read(&case, &[name]), [(name.to_owned(), 3)]);
        write(&[whole.clone(), compress(more.as_bytes())].concat());
        assert_eq!(read(&case, &[name]), [(name.to_owned(), 5)], "several members are one text");
        for cut in [1, 5, whole.len() / 2, whole.len() - 9] {
            write(&whole[..whole.len() - cut]);
            refused(&case, &[name], &format!("{name}: damaged or not {format}"));
        }
        write(&[&whole[..], b"garbage behind it"].concat());
        refused(&case, &[name], &format!("{name}: damaged or not {format}"));
        write(text.as_bytes());
        refused(&case, &[name], &format!("{name}: damaged or not {format}"));
        write(&compress(&whole));
        refused(&case, &[name], &format!("{name}: is compressed twice, which is not read"));
    }
    for (name, bytes, found) in [
        ("p.csv.bz2", &b"BZh91AY&SY"[..], "bzip2"),
        ("p.csv", b"PK\x03\x04xlsx", "ZIP"),
        ("p.parquet", b"PARE", "encrypted Parquet"),
    ] {
        std::fs::write(case.path(name), bytes).unwrap();
        refused(&case, &[name], &format!("{name}: is {found}, which is not read"));
    }
}

const PANIC: &str = "7777canary";
