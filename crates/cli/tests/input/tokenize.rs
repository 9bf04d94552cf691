//! Promise: what a platform hands over after `tokenize` holds no raw id, no undeclared column and no birth year, joins as the
//! raw files do, and is never mixed with what it cannot meet. Bad input leaves nothing behind.

use crate::command;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::command::{Case, id, stderr, stdout};
use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

const TABLES: [&str; 4] = ["follows", "payments", "members", "consents"];

fn new_key(case: &Case, name: &str) -> String {
    let made = case.run(&["key", "new", "--out", name, "--for", "token"]);
    assert!(made.status.success(), "{}", stderr(&made));
    stdout(&made).trim().to_owned()
}

fn tokenize(case: &Case, table: &str, input: &str, out: &str, key: &str) -> Output {
    case.run(&[
        "tokenize",
        "--study",
        "study.toml",
        "--dataset",
        table,
        input,
        out,
        "--key",
        key,
        "--format",
        "json",
    ])
}

/// Tokenises every table of the folder, each into `TABLE.parquet`.
fn tokenize_all(case: &Case, key: &str) {
    for table in TABLES {
        let done = tokenize(case, table, &format!("{table}.csv"), &format!("{table}.parquet"), key);
        assert!(done.status.success(), "{table}: {}", stderr(&done));
    }
}

/// Seals with these files of the four tables.
fn seal(case: &Case, epoch: &str, files: [&str; 4]) -> Output {
    let mut arguments = vec!["seal", "box", "--epoch", epoch, "--as-of", "2026-10-01", "--format", "json"];
    let data: Vec<String> = TABLES.iter().zip(files).map(|(table, file)| format!("{table}={file}")).collect();
    let (consents, data) = (files[3], &data[..3]);
    arguments.extend(data.iter().flat_map(|data| ["--data", data.as_str()]));
    arguments.extend(["--consents", consents]);
    case.run(&arguments)
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap()
}

fn batches(path: &Path) -> Vec<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.build().unwrap().map(Result::unwrap).collect()
}

/// The bytes of all columns of a Parquet file, decoded.
fn decoded(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for batch in batches(path) {
        for column in batch.columns() {
            let data = column.to_data();
            let nested = data.child_data().iter().flat_map(|child| child.buffers());
            data.buffers().iter().chain(nested).for_each(|buffer| all.extend_from_slice(buffer.as_slice()));
        }
    }
    all
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn what_is_handed_over_holds_no_raw_id_and_no_undeclared_column() {
    let case = Case::new(60);
    let key_id = new_key(&case, "agreed.key");
    assert_eq!(key_id.len(), 16);
    let line = std::fs::read_to_string(case.path("agreed.key")).unwrap();
    let secret = line.strip_prefix("hushtag-token-1 ").unwrap();
    let mode = std::fs::metadata(case.path("agreed.key")).unwrap().permissions().mode();
    let secret = secret.trim_end().rsplit(' ').next().unwrap();
    assert_eq!((secret.len(), mode & 0o777), (64, 0o600));
    case.append("members.csv", "canaryperson,east\n");
    case.append("payments.csv", "canaryperson,1,2026-09-01T00:00:00Z,canarymerchant\n");
    tokenize_all(&case, "agreed.key");
    let mut needles = vec![b"canary".to_vec(), secret.as_bytes().to_vec(), b"merchant".to_vec()];
    for person in 0..60 {
        let number: i64 = id(person).parse().unwrap();
        needles.push(id(person).into_bytes());
        needles.extend([number.to_le_bytes().to_vec(), number.to_be_bytes().to_vec()]);
    }
    // The needles are found where they are.
    assert!(holds(&std::fs::read(case.path("payments.csv")).unwrap(), needles[0].as_slice()));
    for table in TABLES {
        let path = case.path(&format!("{table}.parquet"));
        for bytes in [std::fs::read(&path).unwrap(), decoded(&path)] {
            assert!(!bytes.is_empty());
            for needle in &needles {
                assert!(!holds(&bytes, needle), "{table} holds {}", String::from_utf8_lossy(needle));
            }
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!case.path(&format!("{table}.parquet.new")).exists());
    }
    let payments = batches(&case.path("payments.parquet"));
    let names: Vec<&str> =
        payments[0].schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["payer", "amount", "at"]);
}

/// The raw files are gone once they are tokenised: what was in them is nowhere any more, also not after seal and questions.
#[test]
fn after_tokenising_and_sealing_raw_ids_exist_nowhere() {
    let case = Case::new(60);
    let person = "canaryperson";
    for trigger in ["SC23", "SC29"] {
        case.append("consents.csv", &format!("{}\n", command::consent(person, trigger)));
    }
    case.append("follows.csv", &format!("{person},{0},\n{0},{person},\n", id(3)));
    case.append("payments.csv", &format!("{person},1,2026-09-01T00:00:00Z,m1\n"));
    case.append("members.csv", &format!("{person},east\n"));
    new_key(&case, "agreed.key");
    tokenize_all(&case, "agreed.key");
    let mut needles = vec![person.as_bytes().to_vec()];
    for person in 0..60 {
        let number: i64 = id(person).parse().unwrap();
        needles.push(id(person).into_bytes());
        needles.extend([number.to_le_bytes().to_vec(), number.to_be_bytes().to_vec()]);
    }
    let found = |case: &Case| -> Vec<String> {
        let mut found = Vec::new();
        for (path, content) in Case::files(&case.path("")) {
            let decoded = path.extension().is_some_and(|ending| ending == "parquet").then(|| decoded(&path));
            let holders = [Some(content), decoded].into_iter().flatten();
            if holders.into_iter().any(|bytes| needles.iter().any(|needle| holds(&bytes, needle))) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
        found.sort();
        found
    };
    assert_eq!(found(&case), ["consents.csv", "follows.csv", "members.csv", "payments.csv"]);
    for table in TABLES {
        std::fs::remove_file(case.path(&format!("{table}.csv"))).unwrap();
    }
    assert!(case.init("4").status.success());
    // One seal that stops half way, and one that does not.
    let files = TABLES.map(|table| format!("{table}.parquet"));
    let files = files.each_ref().map(String::as_str);
    std::fs::write(case.path("forged.parquet"), "PAR1 and nothing else").unwrap();
    assert_eq!(seal(&case, "e0", [files[0], "forged.parquet", files[2], files[3]]).status.code(), Some(1));
    std::fs::remove_file(case.path("forged.parquet")).unwrap();
    let sealed = json(&seal(&case, "e1", files));
    assert!(sealed["files"].as_array().unwrap().iter().all(|file| file["used"].as_u64() > Some(0)));
    let answer = case.ask("SELECT region, COUNT(*) FROM tags GROUP BY region");
    assert!(answer.status.success() && Case::files(&case.path("box")).len() > 8);
    let shown = [answer.stdout, answer.stderr].concat();
    assert!(needles.iter().all(|needle| !holds(&shown, needle)));
    assert_eq!(found(&case), [""; 0], "raw ids are still somewhere");
}

#[test]
fn a_tokenised_file_says_of_itself_what_it_is_and_is_sealed_as_raw_files_are() {
    let case = Case::new(80);
    assert!(case.init("4").status.success());
    let key_id = new_key(&case, "agreed.key");
    tokenize_all(&case, "agreed.key");
    let file = File::open(case.path("payments.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let metadata = builder.schema().metadata();
    assert_eq!(metadata.get("hushtag.key-id"), Some(&key_id));
    assert_eq!(metadata.get("hushtag.tokens").map(String::as_str), Some("1"));
    assert_eq!(metadata.get("hushtag.dataset").map(String::as_str), Some("payments"));
    let study = blake3::hash(&std::fs::read(case.path("study.toml")).unwrap()).to_hex();
    assert_eq!(metadata.get("hushtag.study"), Some(&format!("blake3:{study}")));

    let sealed = |epoch: &str, ending: &str| {
        let files = TABLES.map(|table| format!("{table}.{ending}"));
        json(&seal(&case, epoch, files.each_ref().map(String::as_str)))
    };
    let (tokenised, raw) = (sealed("tokens", "parquet"), sealed("raw", "csv"));
    let used = |sealed: &Value| -> Vec<u64> {
        sealed["files"].as_array().unwrap().iter().map(|file| file["used"].as_u64().unwrap()).collect()
    };
    assert_eq!(used(&tokenised), used(&raw));
    assert!(tokenised["files"].as_array().unwrap().iter().all(|file| file["token_key"] == key_id.as_str()));
    assert!(raw["files"].as_array().unwrap().iter().all(|file| file.get("token_key").is_none()));
}

/// A register without events holds no ids, so requests and erasures stop no seal of tokens; one with an event does.
#[test]
fn a_book_of_requests_stops_no_seal_of_tokens() {
    let case = Case::new(80);
    assert!(case.init("4").status.success());
    new_key(&case, "agreed.key");
    tokenize_all(&case, "agreed.key");
    case.write("id.txt", &id(3));
    let consent = |arguments: &[&str]| {
        let done = case.run(&[&["consent"][..], arguments, &["--id-file", "id.txt"][..]].concat());
        assert!(done.status.success(), "{}", stderr(&done));
    };
    let files = TABLES.map(|table| format!("{table}.parquet"));
    let sealed = |epoch: &str| seal(&case, epoch, files.each_ref().map(String::as_str));
    consent(&["request", "open", "box", "--kind", "access"]);
    json(&sealed("requested"));
    consent(&["erase", "box"]);
    json(&sealed("erased"));
    consent(&["withdraw", "box"]);
    let refused = sealed("withdrawn");
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("raw ids"), "{}", stderr(&refused));
    consent(&["erase", "box"]);
    json(&sealed("again"));
}

#[test]
fn what_can_never_meet_is_refused_by_the_names_of_the_files() {
    let case = Case::new(30);
    assert!(case.init("4").status.success());
    new_key(&case, "agreed.key");
    new_key(&case, "other.key");
    tokenize_all(&case, "agreed.key");
    let other = tokenize(&case, "payments", "payments.csv", "other.parquet", "other.key");
    assert!(other.status.success());
    for [payments, consents] in [
        ["other.parquet", "consents.parquet"],
        ["payments.csv", "consents.parquet"],
        ["payments.parquet", "consents.csv"],
    ] {
        let refused = seal(&case, "e1", ["follows.parquet", payments, "members.parquet", consents]);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let odd = if consents == "consents.csv" { consents } else { payments };
        assert!(said.starts_with("error: ") && said.contains(odd) && said.contains("`phone`"), "{said}");
    }
    assert!(!case.path("box/epochs/e1").exists() && !case.path("box/keys/epoch-e1.key").exists());
    // Tokens are not tokenised again, and do not enter a register, which keeps ids.
    let again = tokenize(&case, "payments", "payments.parquet", "again.parquet", "agreed.key");
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
    assert!(stderr(&again).contains("tokenised already"));
    let import = case.run(&["consent", "import", "box", "consents.parquet"]);
    assert_eq!(import.status.code(), Some(1), "{}", stderr(&import));
}

#[test]
fn bad_input_is_explained_and_leaves_nothing() {
    let case = Case::new(30);
    new_key(&case, "agreed.key");
    let good = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let refused = |arguments: &[&str], code: i32, said: &[&str]| {
        let names = || {
            let names = std::fs::read_dir(case.path("")).unwrap().map(|entry| entry.unwrap().file_name());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let before = names();
        let output = case.run(&[&["tokenize", "--study", "study.toml"][..], arguments].concat());
        let shown = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{shown}");
        assert!(shown.starts_with("error: "), "{shown}");
        for text in said {
            assert!(shown.contains(text), "{shown} does not say {text}");
        }
        assert!(!shown.contains("1380000"), "{shown}");
        assert_eq!(before, names(), "something was left behind");
    };
    let payments = |input: &'static str, out: &'static str, key: &'static str| {
        ["--dataset", "payments", input, out, "--key", key]
    };
    refused(&payments("absent.csv", "o.parquet", "agreed.key"), 1, &["absent.csv"]);
    refused(
        &["--dataset", "paiments", "payments.csv", "o.parquet", "--key", "agreed.key"],
        2,
        &["`payments`"],
    );
    refused(&payments("payments.csv", "o.csv", "agreed.key"), 2, &[".parquet"]);
    refused(&payments("payments.csv", "none/o.parquet", "agreed.key"), 1, &["o.parquet"]);
    // Names that something has: a file, a symlink to it, a symlink to nothing; and the name of the file under way.
    case.write("there.parquet", "");
    std::os::unix::fs::symlink("there.parquet", case.path("link.parquet")).unwrap();
    std::os::unix::fs::symlink("nowhere", case.path("dangling.parquet")).unwrap();
    case.write("busy.parquet.new", "");
    for out in ["there.parquet", "link.parquet", "dangling.parquet"] {
        refused(&payments("payments.csv", out, "agreed.key"), 6, &[out, "is there already"]);
        let arguments = [
            &["tokenize", "--study", "study.toml", "--if-absent"][..],
            &payments("payments.csv", out, "agreed.key"),
        ]
        .concat();
        let kept = case.run(&arguments);
        assert!(kept.status.success() && stdout(&kept).contains("exists already"), "{}", stderr(&kept));
        assert_eq!(std::fs::read(case.path("there.parquet")).unwrap(), b"", "what is there stays");
    }
    refused(&payments("payments.csv", "busy.parquet", "agreed.key"), 1, &["busy.parquet.new"]);
    // Keys.
    case.write("short.key", "00\n");
    case.write("open.key", &format!("{}\n", "0".repeat(64)));
    for key in ["short.key", "open.key"] {
        let mode = if key == "open.key" { 0o644 } else { 0o600 };
        std::fs::set_permissions(case.path(key), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::fs::create_dir(case.path("folder.key")).unwrap();
    refused(&payments("payments.csv", "o.parquet", "short.key"), 1, &["short.key", "is not a key"]);
    refused(&payments("payments.csv", "o.parquet", "open.key"), 1, &["open.key", "mode 644"]);
    refused(&payments("payments.csv", "o.parquet", "folder.key"), 1, &["folder.key", "not a file"]);
    refused(&payments("payments.csv", "o.parquet", "no.key"), 1, &["no.key"]);
    // Tables.
    case.write("empty.csv", "");
    case.write("columns.csv", &good.replace("amount", "sum"));
    case.write("cut.csv", &format!("{good}{},1\n", id(1)));
    case.write("bad.csv", &format!("{good}{},much,2026-09-01T00:00:00Z,m1\n", id(1)));
    std::fs::write(case.path("latin.csv"), [good.as_bytes(), b"\xe9,1,2026-09-01T00:00:00Z,m1\n"].concat())
        .unwrap();
    case.write("forged.parquet", "PAR1 and nothing else");
    refused(&payments("empty.csv", "o.parquet", "agreed.key"), 1, &["empty.csv"]);
    refused(&payments("columns.csv", "o.parquet", "agreed.key"), 1, &["columns.csv", "`amount`"]);
    refused(&payments("cut.csv", "o.parquet", "agreed.key"), 1, &["cut.csv"]);
    refused(
        &payments("bad.csv", "o.parquet", "agreed.key"),
        1,
        &["bad.csv", "`amount`", "not a whole number"],
    );
    refused(&payments("latin.csv", "o.parquet", "agreed.key"), 1, &["latin.csv"]);
    refused(&payments("forged.parquet", "o.parquet", "agreed.key"), 1, &["forged.parquet"]);
    assert!(tokenize(&case, "payments", "payments.csv", "whole.parquet", "agreed.key").status.success());
    let whole = std::fs::read(case.path("whole.parquet")).unwrap();
    std::fs::write(case.path("short.parquet"), &whole[..whole.len() - 9]).unwrap();
    refused(&payments("short.parquet", "o.parquet", "agreed.key"), 1, &["short.parquet"]);
}

#[test]
fn a_column_that_identifies_people_is_refused_by_its_name() {
    let case = Case::new(30);
    let study = command::study();
    let fields = "amount = \"amount\", at = \"time\"";
    for (column, accepted) in [
        ("phone = \"text\"", false),
        ("payer_name = { type = \"text\", values = [\"a\"] }", false),
        ("latitude = \"integer\"", false),
        ("shenfenzheng = \"text\"", false),
        ("phone = \"drop\"", true),
        ("has_phone = \"flag\"", true),
        ("phone = { type = \"person\", max_reach = 2 }", true),
        ("merchant_name = \"text\"", true),
    ] {
        assert!(study.contains(fields));
        case.write("named.toml", &study.replacen(fields, &format!("{fields}, {column}"), 1));
        let checked = case.run(&["policy", "check", "named.toml"]);
        let said = stdout(&checked) + &stderr(&checked);
        assert_eq!(checked.status.code(), Some(if accepted { 0 } else { 4 }), "{column}: {said}");
        assert_eq!(said.contains("identifies people directly"), !accepted, "{column}: {said}");
    }
}

/// A study that reads merchants, and payments whose first `odd` merchants are another word each.
fn merchants(people: u32, odd: u32, word: impl Fn(u32) -> String) -> Case {
    let case = Case::new(people);
    let study = command::study()
        .replacen("at = \"time\"", "at = \"time\", merchant = \"text\"", 1)
        .replacen(
            "[measures.recency]",
            "[measures.shop_count]\nfrom = \"payments\"\ndistinct = \"merchant\"\ncap = 9\n\n[measures.recency]",
            1,
        )
        .replacen(
            "[tags.lapsed]",
            "[tags.shops]\nmeasure = \"shop_count\"\nbands = { none = 0, some = 1 }\n\n[tags.lapsed]",
            1,
        );
    case.write("study.toml", &study);
    let payments = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let row = |(number, row): (usize, &str)| {
        let number = u32::try_from(number).unwrap();
        match row.rsplit_once(',') {
            Some((rest, _)) if (1..=odd).contains(&number) => format!("{rest},{}\n", word(number)),
            _ => format!("{row}\n"),
        }
    };
    let rows: String = payments.lines().enumerate().map(row).collect();
    case.write("payments.csv", &rows);
    case
}

#[test]
fn a_column_that_identifies_people_is_refused_by_its_shape_and_counted_below_that() {
    let files = ["follows.csv", "payments.csv", "members.csv", "consents.csv"];
    let words: [(&str, &dyn Fn(u32) -> String); 5] = [
        ("phone numbers", &|n| format!("139{n:08}")),
        ("email addresses", &|n| format!("someone{n}@example.com")),
        ("coordinates", &|n| format!("\"31.2{n:03}1,121.4{n:03}7\"")),
        ("card numbers", &|_| "4111111111111111".to_owned()),
        ("identity numbers", &|_| "11010519491231002X".to_owned()),
    ];
    for (like, word) in words {
        // Ten of a thousand are one in a hundred.
        let case = merchants(1_000, 10, word);
        let made = case.init("4");
        assert!(made.status.success(), "{}", stderr(&made));
        new_key(&case, "agreed.key");
        let refused = [
            seal(&case, "e1", files),
            tokenize(&case, "payments", "payments.csv", "o.parquet", "agreed.key"),
        ];
        for refused in refused {
            let said = stderr(&refused);
            assert_eq!(refused.status.code(), Some(1), "{like}: {said}");
            for part in ["payments.csv", "`merchant`", "10 of the 1000 texts", like] {
                assert!(said.contains(part), "{said}");
            }
            assert!(
                !said.contains("139000") && !said.contains("4111") && !said.contains("example.com"),
                "{said}"
            );
        }
        assert!(!case.path("box/epochs/e1").exists() && !case.path("o.parquet").exists());
    }
    let case = merchants(1_000, 9, |n| format!("139{n:08}"));
    assert!(case.init("4").status.success());
    new_key(&case, "agreed.key");
    let sealed = json(&seal(&case, "e1", files));
    let tokenised = json(&tokenize(&case, "payments", "payments.csv", "o.parquet", "agreed.key"));
    for report in [&sealed, &tokenised] {
        let payments =
            report["files"].as_array().unwrap().iter().find(|file| file["dataset"] == "payments").unwrap();
        assert_eq!(payments["identifiers"], serde_json::json!({ "merchant": { "phone numbers": 9 } }));
    }
}

#[test]
fn tracks_are_declared_coarse() {
    let case = Case::new(5);
    let study =
        command::study().replacen("category = \"payment-record\"", "category = \"location-track\"", 1);
    let fields = "fields = { amount = \"amount\", at = \"time\" }";
    let coarse = "fields = { amount = \"amount\", at = { type = \"time\", truncate = \"day\" }, place = { type = \"text\", prefix = 2 } }";
    let fine = coarse.replace("{ type = \"text\", prefix = 2 }", "\"text\"");
    for (fields_now, said) in [(fields, "`payments.at`"), (&fine, "`payments.place`"), (coarse, "")] {
        assert!(study.contains(fields));
        case.write("track.toml", &study.replacen(fields, fields_now, 1));
        let checked = case.run(&["policy", "check", "track.toml"]);
        let shown = stdout(&checked) + &stderr(&checked);
        assert_eq!(shown.contains("FIELDS"), !said.is_empty(), "{shown}");
        assert!(shown.contains(said) && (said.is_empty() || checked.status.code() == Some(4)), "{shown}");
    }
    // What is read more finely shows when studies are compared.
    case.write("coarse.toml", &study.replacen(fields, coarse, 1));
    case.write("fine.toml", &study.replacen(fields, &fine, 1));
    let compared = case.run(&["policy", "diff", "coarse.toml", "fine.toml"]);
    assert_eq!(compared.status.code(), Some(4), "{}", stderr(&compared));
    assert!(stdout(&compared).contains("payments.place cut to 2 letters"), "{}", stdout(&compared));
}
