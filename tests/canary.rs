//! Promise: only aggregates leave. Marked ids, merchants and amounts go in, things fail on the way, and no output, error
//! or file of the folder carries a mark; no key leaves `keys/`.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]

pub mod command;

use command::{Case, consent, id};

/// Marks: ids, a merchant, a region, an amount that nothing else would print.
const PERSON: &str = "canaryperson";
const MERCHANT: &str = "canarymerchant";
const REGION: &str = "canaryregion";
const AMOUNT: i64 = 987_654_321_987;

fn marked(people: u32) -> Case {
    let case = Case::new(people);
    for number in 0..9 {
        let person = format!("{PERSON}{number}");
        case.append("consents.csv", &format!("{}\n{}\n", consent(&person, "SC23"), consent(&person, "SC29")));
        case.append("follows.csv", &format!("{person},{},\n{},{person},\n", id(number), id(number)));
        case.append("payments.csv", &format!("{person},{AMOUNT},2026-09-01T00:00:00Z,{MERCHANT}\n"));
        case.append("members.csv", &format!("{person},{REGION}\n"));
    }
    case
}

fn needles() -> Vec<Vec<u8>> {
    let amount = AMOUNT.to_string().into_bytes();
    let mut all: Vec<Vec<u8>> = [PERSON, MERCHANT, REGION].map(|mark| mark.as_bytes().to_vec()).to_vec();
    all.extend([amount, AMOUNT.to_le_bytes().to_vec(), AMOUNT.to_be_bytes().to_vec()]);
    // An ordinary id, as text and as the number it spells.
    let number: i64 = id(7).parse().unwrap();
    all.extend([id(7).into_bytes(), number.to_le_bytes().to_vec(), number.to_be_bytes().to_vec()]);
    all
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_mark_leaves_in_any_output_error_or_file() {
    let case = marked(80);
    let mut outputs = Vec::new();
    let mut run = |label: &str, output: std::process::Output, code: i32| {
        assert_eq!(output.status.code(), Some(code), "{label}: {}", command::stderr(&output));
        outputs.push((label.to_owned(), [output.stdout, output.stderr].concat()));
    };
    // Figures for an auditor, and charged counts of people by consent.
    run("auditor", case.run(&["key", "new", "--out", "auditor.key", "--for", "auditor"]), 0);
    let public = case.run(&["key", "new", "--out", "auditor2.key", "--for", "auditor"]);
    let public = command::stdout(&public);
    case.write("study.toml", &command::study().replacen("[release]", "[release]\nconsent_error = 400", 1));
    let arguments =
        ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none", "--auditor"];
    run("init", case.run(&[&arguments[..], &[public.trim()]].concat()), 0);
    // Failures on the way: bad rows that carry marks, a column of marks in the wrong place, a cut file.
    let good = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let bad: String = (0..40).map(|n| format!("{PERSON}{n},{MERCHANT},{REGION},{AMOUNT}\n")).collect();
    case.append("payments.csv", &bad);
    run("bad rows", case.seal("e1"), 1);
    case.write("payments.csv", &good.replace("payer,", &format!("{PERSON},")));
    run("missing column", case.seal("e1"), 1);
    case.write("payments.csv", &format!("{good}{PERSON},{AMOUNT}\n"));
    run("short line", case.seal("e1"), 1);
    case.write("payments.csv", &good);
    run("seal", case.seal("e1"), 0);
    run("seal again", case.seal("e1"), 2);
    run("count", case.ask("SELECT region, COUNT(*), SUM(spend) FROM tags GROUP BY region"), 0);
    run("unknown label", case.ask("SELECT COUNT(*) FROM tags WHERE region = 'nowhere'"), 2);
    run("over budget", case.ask("SELECT COUNT(*) FROM tags WITH (error = 1)"), 3);
    run("inspect", case.run(&["inspect", "box", "--epoch", "e1", "--key", "auditor2.key"]), 0);
    run("another auditor", case.run(&["inspect", "box", "--epoch", "e1", "--key", "auditor.key"]), 1);
    run("status", case.run(&["status", "box", "--format", "json"]), 0);
    run("budget", case.run(&["budget", "box"]), 0);
    run("vocabulary", case.run(&["vocabulary", "box", "--recipient", "brand-insights"]), 0);
    run("verify", case.run(&["audit", "verify", "box"]), 0);
    let files = Case::files(&case.path("box"));
    assert!(files.len() > 8, "the folder holds the books, the keys and the epoch");
    let seen = outputs
        .into_iter()
        .chain(files.into_iter().map(|(path, content)| (path.display().to_string(), content)));
    for (place, content) in seen {
        for needle in needles() {
            assert!(!holds(&content, &needle), "{place} carries {}", String::from_utf8_lossy(&needle));
        }
    }
}

#[test]
fn no_key_leaves_its_folder() {
    let case = Case::new(30);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    let answer = case.ask("SELECT COUNT(*) FROM tags");
    let root = std::fs::read_to_string(case.path("box/keys/root.key")).unwrap();
    let root = root.trim();
    let raw: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&root[2 * n..2 * n + 2], 16).unwrap()).collect();
    assert!(command::stdout(&answer).contains("\"rows\""));
    let shown = [answer.stdout, answer.stderr].concat();
    assert!(!holds(&shown, root.as_bytes()) && !holds(&shown, &raw));
    for (path, content) in Case::files(&case.path("box")) {
        if !path.ends_with("keys/root.key") {
            assert!(!holds(&content, root.as_bytes()) && !holds(&content, &raw), "{}", path.display());
        }
        if path.components().any(|part| part.as_os_str() == "keys") {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}

/// Raw ids exist nowhere after tokenising: not in what is handed over, and nowhere in a sandbox that was sealed from it.
#[test]
fn no_raw_id_is_anywhere_after_tokenising() {
    let case = marked(40);
    let made = case.run(&["key", "new", "--out", "agreed.key", "--for", "token"]);
    assert!(made.status.success() && case.init("4").status.success());
    let tables = ["follows", "payments", "members", "consents"];
    for table in tables {
        let (input, out) = (format!("{table}.csv"), format!("{table}.parquet"));
        let arguments = ["tokenize", "--study", "study.toml", "--dataset", table, &input, &out];
        let done = case.run(&[&arguments[..], &["--key", "agreed.key"]].concat());
        assert!(done.status.success(), "{}", command::stderr(&done));
        // The sandbox never sees the raw file.
        std::fs::rename(case.path(&input), case.path(&format!("{table}.raw"))).unwrap();
    }
    let mut arguments = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01"];
    let data: Vec<String> = tables[..3].iter().map(|table| format!("{table}={table}.parquet")).collect();
    arguments.extend(data.iter().flat_map(|data| ["--data", data]));
    let sealed = case.run(&[&arguments[..], &["--consents", "consents.parquet"]].concat());
    assert!(sealed.status.success(), "{}", command::stderr(&sealed));
    let asked = case.ask("SELECT region, COUNT(*), SUM(spend) FROM tags GROUP BY region");
    assert!(asked.status.success(), "{}", command::stderr(&asked));

    let mut ids = vec![PERSON.as_bytes().to_vec()];
    for number in 0..40 {
        let digits: i64 = id(number).parse().unwrap();
        ids.extend([id(number).into_bytes(), digits.to_le_bytes().to_vec(), digits.to_be_bytes().to_vec()]);
    }
    // Everything in the folder is looked through: what holds the ids are the raw tables alone, so they are found where they are.
    let mut holding: Vec<String> = Vec::new();
    for (path, content) in Case::files(&case.path("")) {
        let texts = if path.extension().is_some_and(|ending| ending == "parquet") {
            vec![decoded(&path), content]
        } else {
            vec![content]
        };
        if texts.iter().any(|text| ids.iter().any(|id| holds(text, id))) {
            holding.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    holding.sort();
    assert_eq!(holding, ["consents.raw", "follows.raw", "members.raw", "payments.raw"]);
    let shown = [sealed.stdout, sealed.stderr, asked.stdout, asked.stderr].concat();
    assert!(!ids.iter().any(|id| holds(&shown, id)));
}

/// The bytes of all columns of a Parquet file, as they are before they are packed.
fn decoded(path: &std::path::Path) -> Vec<u8> {
    let file = std::fs::File::open(path).unwrap();
    let rows = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut all = Vec::new();
    for batch in rows.build().unwrap() {
        for column in batch.unwrap().columns() {
            let data = column.to_data();
            let nested = data.child_data().iter().flat_map(|child| child.buffers());
            data.buffers().iter().chain(nested).for_each(|buffer| all.extend_from_slice(buffer.as_slice()));
        }
    }
    all
}
