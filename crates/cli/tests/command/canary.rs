//! Promise: only aggregates leave. Marked ids, merchants and amounts go in, things fail on the way, and no output, error
//! or file of the folder carries a mark; no key leaves `keys/`.
#![expect(clippy::string_slice, reason = "a test fails by panicking")]

use crate::command;
use crate::command::{Case, consent, id};

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
    run("seal again", case.seal("e1"), 6);
    run("count", case.ask("SELECT region, COUNT(*), SUM(spend) FROM tags GROUP BY region"), 0);
    run("unknown label", case.ask("SELECT COUNT(*) FROM tags WHERE region = 'nowhere'"), 2);
    run("over budget", case.ask("SELECT COUNT(*) FROM tags WITH (error = 1)"), 3);
    run("inspect", case.run(&["inspect", "box", "--epoch", "e1", "--key", "auditor2.key"]), 0);
    run("another auditor", case.run(&["inspect", "box", "--epoch", "e1", "--key", "auditor.key"]), 1);
    run("status", case.run(&["status", "box", "--format", "json"]), 0);
    run("budget", case.run(&["budget", "box"]), 0);
    run("vocabulary", case.run(&["vocabulary", "box", "--recipient", "brand-insights"]), 0);
    let epoch = ["--sandbox", "box", "--epoch", "e1"];
    let open_input = |file: &str| case.run(&[&["audit", "open-input", file][..], &epoch].concat());
    run("open input", open_input("payments.csv"), 0);
    run("other input", open_input("study.toml"), 4);
    run(
        "explain",
        case.run(&[&["policy", "explain", "--recipient", "brand-insights"][..], &epoch].concat()),
        0,
    );
    run("report", case.run(&["report", "box", "--out", "report.html"]), 0);
    run("log", case.run(&["audit", "show", "box", "--format", "json"]), 0);
    run("verify", case.run(&["audit", "verify", "box"]), 0);
    let mut files = Case::files(&case.path("box"));
    files.push((case.path("report.html"), std::fs::read(case.path("report.html")).unwrap()));
    assert!(files.len() > 8, "the folder holds the books, the keys and the epoch");
    // Hashes of inputs lie nowhere in the clear, and are printed of the file alone that is handed in.
    for name in ["payments.csv", "consents.csv", "follows.csv", "members.csv"] {
        let hash = ring::digest::digest(&ring::digest::SHA256, &std::fs::read(case.path(name)).unwrap());
        let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        for (path, content) in &files {
            assert!(
                !holds(content, hash.as_ref()) && !holds(content, hex.as_bytes()),
                "{}: {name}",
                path.display()
            );
        }
    }
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
    // A change of the root key says neither, and leaves the old one nowhere.
    let changed = case.run(&["key", "rotate-root", "box"]);
    assert_eq!(changed.status.code(), Some(0), "{}", command::stderr(&changed));
    let new = std::fs::read_to_string(case.path("box/keys/root.key")).unwrap();
    let new = new.trim();
    let log = case.run(&["audit", "show", "box", "--format", "json"]);
    let shown = [changed.stdout, changed.stderr, log.stdout].concat();
    assert!(root != new && !holds(&shown, root.as_bytes()) && !holds(&shown, new.as_bytes()));
    for (path, content) in Case::files(&case.path("box")) {
        assert!(!holds(&content, root.as_bytes()) && !holds(&content, &raw), "{}", path.display());
        if !path.ends_with("keys/root.key") {
            assert!(!holds(&content, new.as_bytes()), "{}", path.display());
        }
        if path.components().any(|part| part.as_os_str() == "keys") {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}
