//! The consent register by its command: recorded as what it is, withdrawn as easily as given, nothing of it readable in the
//! folder or in any output, and clear refusals.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

pub mod command;

use std::path::Path;
use std::process::Output;

use command::{Case, id, stderr, stdout};
use serde_json::{Value, json};

const PERSON: &str = "canaryperson77";

fn case() -> Case {
    let case = Case::new(120);
    assert!(case.init("4").status.success());
    case.write("id.txt", &format!("{PERSON}\n"));
    case
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What the command prints as JSON, when it ends with `wanted`.
fn json_of(case: &Case, arguments: &[&str], wanted: i32) -> Value {
    let output = case.run(&[arguments, &["--format", "json"]].concat());
    assert_eq!(code(&output), wanted, "{arguments:?}: {}", stderr(&output));
    if wanted == 0 { serde_json::from_str(&stdout(&output)).unwrap() } else { json!(stderr(&output)) }
}

/// A clean separate consent as options.
fn given(trigger: &str) -> Vec<&str> {
    let mut all =
        vec!["consent", "record", "box", "--id-file", "id.txt", "--kind", "separate", "--trigger", trigger];
    all.extend([
        "--purpose",
        "campaign-measurement",
        "--recipient",
        "LEGAL-ID-C",
        "--handler",
        "social-platform",
    ]);
    all.extend(["--categories", "social-relation|payment-record|profile", "--methods", "aggregate"]);
    all.extend(["--notice", "N-2026-04", "--notice-version", "3", "--shown-at", "2026-09-01T09:59:00+08:00"]);
    all.extend(["--at", "2026-09-01T10:00:00+08:00", "--giver", "self", "--own-step", "true"]);
    all.extend(["--pre-ticked", "false", "--bundle-size", "1", "--service-gate", "false"]);
    all
}

fn with<'a>(options: &[&'a str], name: &str, value: &'a str) -> Vec<&'a str> {
    let mut all = options.to_vec();
    let at = all.iter().position(|option| *option == name).unwrap();
    all[at + 1] = value;
    all
}

fn status(case: &Case) -> Vec<(String, Vec<String>)> {
    let arguments = [
        "consent",
        "status",
        "box",
        "--id-file",
        "id.txt",
        "--as-of",
        "2026-10-01",
        "--recipient",
        "brand-insights",
    ];
    let said = json_of(case, &arguments, 0);
    let account = |account: &Value| {
        let failing =
            account["failing"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
        (account["trigger"].as_str().unwrap().to_owned(), failing.collect())
    };
    said["triggers"].as_array().unwrap().iter().map(account).collect()
}

fn live(triggers: &[&str]) -> Vec<(String, Vec<String>)> {
    triggers.iter().map(|trigger| ((*trigger).to_owned(), Vec::new())).collect()
}

#[test]
fn what_was_recorded_decides_until_it_is_withdrawn() {
    let case = case();
    for trigger in ["SC23", "SC29"] {
        let said = json_of(&case, &given(trigger), 0);
        assert_eq!((&said["separate"], &said["shortfalls"]), (&json!(true), &json!([])));
    }
    assert_eq!(status(&case), live(&["SC23", "SC29"]));
    let early = ["consent", "status", "box", "--id-file", "id.txt", "--as-of", "2026-08-01"];
    assert_eq!(json_of(&case, &early, 0)["latest"], json!([]));
    let withdraw = ["consent", "withdraw", "box", "--id-file", "id.txt", "--at", "2026-09-02T00:00:00Z"];
    assert_eq!(json_of(&case, &withdraw, 0)["grants"], 2);
    let out = |trigger: &str| (trigger.to_owned(), vec!["withdrawn".to_owned()]);
    assert_eq!(status(&case), [out("SC23"), out("SC29")]);
    // Given again, and one of them withdrawn by its trigger alone.
    for trigger in ["SC23", "SC29"] {
        json_of(&case, &with(&given(trigger), "--at", "2026-09-03T00:00:00Z"), 0);
    }
    assert_eq!(status(&case), live(&["SC23", "SC29"]));
    json_of(
        &case,
        &[&with(&withdraw, "--at", "2026-09-04T00:00:00Z")[..], &["--trigger", "SC29"]].concat(),
        0,
    );
    assert_eq!(status(&case), [live(&["SC23"]), vec![out("SC29")]].concat());
}

#[test]
fn a_withdrawal_before_any_grant_is_recorded_and_said() {
    let case = case();
    let withdraw = ["consent", "withdraw", "box", "--id-file", "id.txt"];
    let output = case.run(&withdraw);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("the register has no consent of hers"), "{}", stdout(&output));
    assert_eq!(json_of(&case, &["consent", "status", "box", "--id-file", "id.txt"], 0)["events"], 1);
}

/// One tap for all is recorded as what it is, is said to be no separate consent, and lets nobody in.
#[test]
fn agree_to_all_is_no_separate_consent() {
    for (option, value, column, article, standing) in [
        ("--bundle-size", "3", "bundle_size", "PIPL 14", "bundled"),
        ("--pre-ticked", "true", "pre_ticked", "PIPL 14", "pre-ticked"),
        ("--own-step", "false", "own_step", "PIPL 14", "own-step"),
        ("--service-gate", "true", "service_gate", "PIPL 16", "gated"),
        ("--kind", "ordinary", "kind", "PIPL 14", "kind"),
    ] {
        let case = case();
        for trigger in ["SC23", "SC29"] {
            let said = json_of(&case, &with(&given(trigger), option, value), 0);
            assert_eq!(said["separate"], false, "{option}");
            assert_eq!(
                (&said["shortfalls"][0]["column"], &said["shortfalls"][0]["article"]),
                (&json!(column), &json!(article))
            );
        }
        let out = |trigger: &str| (trigger.to_owned(), vec![standing.to_owned()]);
        assert_eq!(status(&case), [out("SC23"), out("SC29")], "{option}");
    }
}

/// With noise that cannot hide one person: her clean consent in the register lets her in, a bundled one does not.
#[test]
fn the_register_decides_who_is_in_at_seal() {
    let count = |options: &dyn Fn(&'static str) -> Vec<&'static str>| {
        let case = Case::new(40);
        let study = command::study();
        assert!(study.contains("\nepsilon = 4.0"));
        case.write("study.toml", &study.replace("\nepsilon = 4.0", "\nepsilon = 4000.0"));
        assert!(case.init("4000").status.success());
        case.write("id.txt", PERSON);
        json_of(&case, &["consent", "import", "box", "consents.csv"], 0);
        for trigger in ["SC23", "SC29"] {
            json_of(&case, &options(trigger), 0);
        }
        let mut seal = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01"];
        for file in ["follows=follows.csv", "payments=payments.csv", "members=members.csv"] {
            seal.extend(["--data", file]);
        }
        let output = case.run(&seal);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stderr(&output).contains("consents are read from consents.redb\n"), "{}", stderr(&output));
        let answer = case.ask("SELECT COUNT(*) FROM tags WITH (epsilon = 900)");
        let answer: Value = serde_json::from_str(&stdout(&answer)).unwrap();
        answer["rows"][0]["people"]["estimate"].as_i64().unwrap()
    };
    assert_eq!(count(&|trigger| given(trigger)), 41);
    assert_eq!(count(&|trigger| with(&given(trigger), "--bundle-size", "2")), 40);
}

#[test]
fn without_consents_nothing_is_sealed() {
    let case = case();
    let seal = ["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01", "--data", "follows=follows.csv"];
    let output = case.run(&seal);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no --consents and no consent register"), "{}", stderr(&output));
}

fn vkey(case: &Case) -> String {
    json_of(case, &["audit", "verify", "box"], 0)["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_receipt_holds_for_its_sandbox_its_person_and_every_byte() {
    let (case, other) = (case(), case_of_another());
    json_of(&case, &[&given("SC23")[..], &["--receipt", "receipt.txt"]].concat(), 0);
    let (key, others) = (vkey(&case), vkey(&other));
    let verify = |key: &str, file: &str| code(&case.run(&["consent", "verify-receipt", file, "--key", key]));
    assert_eq!(verify(&key, "receipt.txt"), 0);
    assert_eq!(verify(&others, "receipt.txt"), 5);
    let about = |id: &str| {
        let arguments =
            ["consent", "verify-receipt", "receipt.txt", "--key", &key, "--ids", "phone", "--id-file", id];
        code(&case.run(&arguments))
    };
    case.write("other.txt", "somebody else");
    assert_eq!((about("id.txt"), about("other.txt")), (0, 5));
    let text = std::fs::read(case.path("receipt.txt")).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains(PERSON));
    for at in (0..text.len()).step_by(31) {
        let mut changed = text.clone();
        changed[at] ^= 1;
        std::fs::write(case.path("changed.txt"), &changed).unwrap();
        assert_eq!(verify(&key, "changed.txt"), 5, "byte {at}");
    }
    std::fs::write(case.path("cut.txt"), &text[..text.len() - 9]).unwrap();
    assert_eq!(verify(&key, "cut.txt"), 5);
    case.write("note.txt", "not at all\n");
    assert_eq!((verify(&key, "note.txt"), verify(&key, "nowhere.txt"), verify(&key, "box")), (1, 1, 1));
    assert_eq!(verify("nonsense", "receipt.txt"), 2);
    // A receipt that cannot be written is known before anything is recorded.
    let output = case.run(&[&given("SC29")[..], &["--receipt", "receipt.txt"]].concat());
    assert_eq!(code(&output), 1);
    assert_eq!(json_of(&case, &["consent", "status", "box", "--id-file", "id.txt"], 0)["events"], 1);
}

fn case_of_another() -> Case {
    let case = Case::new(10);
    assert!(case.init("4").status.success());
    case
}

/// What an export holds, line by line, whatever the order.
fn exported(case: &Case, name: &str) -> Vec<String> {
    json_of(case, &["consent", "export", "box", "--out", name], 0);
    let mut lines: Vec<String> =
        std::fs::read_to_string(case.path(name)).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn every_form_of_an_export_is_imported_as_the_same_events() {
    use std::os::unix::fs::PermissionsExt as _;
    let first = case();
    let said = json_of(&first, &["consent", "import", "box", "consents.csv"], 0);
    assert_eq!((&said["files"][0]["rows"], &said["files"][0]["taken"]), (&json!(240), &json!(240)));
    json_of(&first, &with(&given("SC23"), "--bundle-size", "3"), 0);
    let wanted = exported(&first, "all.jsonl");
    assert_eq!(wanted.len(), 241);
    let mode = std::fs::metadata(first.path("all.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for form in ["again.jsonl", "again.csv", "again.parquet"] {
        json_of(&first, &["consent", "export", "box", "--out", form], 0);
        let second = case();
        std::fs::copy(first.path(form), second.path(form)).unwrap();
        json_of(&second, &["consent", "import", "box", form], 0);
        assert_eq!(exported(&second, "all.jsonl"), wanted, "{form}");
    }
    // One document of an export is one event to record.
    let second = case();
    let hers = wanted.iter().find(|line| line.contains(PERSON)).unwrap();
    second.write("event.json", hers);
    json_of(&second, &["consent", "record", "box", "--file", "event.json"], 0);
    assert_eq!(exported(&second, "one.jsonl"), std::slice::from_ref(hers));
    assert_eq!(code(&first.run(&["consent", "export", "box", "--out", "all.jsonl"])), 1, "never over a file");
    assert_eq!(code(&first.run(&["consent", "export", "box", "--out", "all.txt"])), 2);
}

/// Everything in the folder; of the stores only that they are there, since opening one may touch it.
fn folder(case: &Case) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Case::files(&case.path("box"));
    files.retain(|(path, _)| !path.ends_with("lock"));
    let stores = files.iter_mut().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "redb"));
    stores.for_each(|(_, content)| content.clear());
    files
}

#[test]
fn a_broken_import_changes_nothing_and_names_its_places() {
    let case = case();
    let before = folder(&case);
    let lines = |bad: usize| {
        let line = |n: usize| match n % 100 < bad {
            true if n.is_multiple_of(2) => format!("{{\"dpv:hasDataSubject\": \"{PERSON}\", broken\n"),
            true => format!("{{\"dpv:hasDataSubjects\": \"{PERSON}\"}}\n"),
            false => format!(
                "{{\"dpv:hasDataSubject\":\"{}\",\"dpv:hasConsentStatus\":\"dpv:ConsentRefused\"}}\n",
                id(0)
            ),
        };
        (0..500).map(line).collect::<String>()
    };
    case.write("bad.jsonl", &lines(1));
    let output = case.run(&["consent", "import", "box", "bad.jsonl"]);
    assert_eq!(code(&output), 1);
    let said = stderr(&output);
    assert!(
        said.contains(
            "5 of 500 lines cannot be attributed to a person: line 1: not a JSON object; line 101: "
        ) && said.contains("nothing of the file was recorded"),
        "{said}"
    );
    assert!(!said.contains("canary"));
    assert!(folder(&case) == before, "a refused import left something");
    // No share of such rows is small enough.
    assert_eq!(code(&case.run(&["consent", "import", "box", "bad.jsonl", "--max-bad-rows", "1"])), 2);
    case.write("good.jsonl", &lines(0));
    let said = json_of(&case, &["consent", "import", "box", "good.jsonl"], 0);
    assert_eq!((&said["files"][0]["rows"], &said["files"][0]["taken"]), (&json!(500), &json!(500)));

    let (before, recorded) = (folder(&case), exported(&case, "before.jsonl"));
    let header = "person,at,event,trigger,purpose,recipient\n";
    let good = format!("{},2026-09-01T10:00:00Z,given,SC23,p,r\n", id(1));
    let bad: [(&str, Vec<u8>); 9] = [
        ("not-utf8.csv", [header.as_bytes(), good.as_bytes(), b"\xff\xfe,a,b,c,d,e\n"].concat()),
        ("short.csv", format!("{header}{good}{PERSON},x\n").into_bytes()),
        ("column.csv", format!("person,event\n{PERSON},given\n").into_bytes()),
        ("cut.parquet", b"PAR1 and no more".to_vec()),
        (
            "huge.csv",
            format!("{header}{PERSON},2026-09-01T10:00:00Z,given,SC23,{},r\n", "x".repeat(20_000))
                .into_bytes(),
        ),
        ("nobody.csv", format!("{header},2026-09-01T10:00:00Z,given,SC23,p,r\n").into_bytes()),
        ("not-utf8.jsonl", b"{\"dpv:hasDataSubject\":\"\xff\"}\n".to_vec()),
        ("long.jsonl", format!("{{\"dpv:hasDataSubject\":\"{}\"}}\n", "x".repeat(200_000)).into_bytes()),
        ("unknown.xlsx", good.clone().into_bytes()),
    ];
    for (name, content) in bad {
        std::fs::write(case.path(name), content).unwrap();
        let output = case.run(&["consent", "import", "box", name]);
        assert_eq!(code(&output), 1, "{name}: {}", stderr(&output));
        assert!(!stderr(&output).contains("canary"), "{name}: {}", stderr(&output));
        assert!(folder(&case) == before, "{name} left something");
    }
    assert!(exported(&case, "after.jsonl") == recorded, "a refused import recorded something");
    // A word that nobody knows belongs to somebody: it is kept, and puts her out.
    case.write("words.csv", &format!("{header}{good}{},2026-09-01T11:00:00Z,agreed,SC23,p,r\n", id(1)));
    assert_eq!(json_of(&case, &["consent", "import", "box", "words.csv"], 0)["files"][0]["taken"], 2);
}

#[test]
fn what_cannot_be_recorded_is_refused_and_changes_nothing() {
    let case = case();
    let before = folder(&case);
    case.write("empty.txt", "\n");
    case.write("two.txt", "one\ntwo\n");
    case.write("large.txt", &"x".repeat(100_000));
    case.write("word.json", &format!("{{\"dpv:hasDataSubject\":\"{PERSON}\",\"cn-pipl:event\":\"agreed\"}}"));
    case.write("broken.json", &format!("{{\"dpv:hasDataSubject\":\"{PERSON}\""));
    case.write("term.json", &format!("{{\"dpv:hasDataSubject\":\"{PERSON}\",\"dpv:hasPurposes\":\"x\"}}"));
    let record = ["consent", "record", "box"];
    let sure = given("SC23");
    let cases: Vec<(Vec<&str>, i32)> = vec![
        (record.to_vec(), 2),
        ([&record[..], &["--id-file", "id.txt", "--file", "word.json"]].concat(), 2),
        ([&record[..], &["--id-file", "id.txt"]].concat(), 2),
        (with(&sure, "--id-file", "empty.txt"), 1),
        (with(&sure, "--id-file", "two.txt"), 1),
        (with(&sure, "--id-file", "large.txt"), 1),
        (with(&sure, "--id-file", "nowhere.txt"), 1),
        (with(&sure, "--trigger", "SC99"), 2),
        (with(&sure, "--at", "yesterday"), 2),
        (with(&sure, "--kind", "implied"), 2),
        (with(&sure, "--own-step", "maybe"), 2),
        ([&sure[..], &["--ids", "passport"]].concat(), 2),
        ([&record[..], &["--file", "word.json"]].concat(), 1),
        ([&record[..], &["--file", "broken.json"]].concat(), 1),
        ([&record[..], &["--file", "term.json"]].concat(), 1),
        (vec!["consent", "export", "box", "--out", "none.csv"], 2),
        (vec!["consent", "record", "nowhere", "--id-file", "id.txt"], 1),
    ];
    for (arguments, wanted) in cases {
        let output = case.run(&arguments);
        assert_eq!(code(&output), wanted, "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
        assert!(folder(&case) == before, "{arguments:?} left something");
    }
    assert!(!case.path("none.csv").exists());
}

/// Something else in place of the register, or a changed one, is damage; an unreadable place is not.
#[test]
fn a_register_that_is_not_ours_is_refused() {
    let case = case();
    json_of(&case, &given("SC23"), 0);
    let place = case.path("box/consents.redb");
    let whole = std::fs::read(&place).unwrap();
    let status = || case.run(&["consent", "status", "box", "--id-file", "id.txt"]);
    for content in
        [Vec::new(), b"not a register".to_vec(), whole[..whole.len() / 3].to_vec(), vec![7; 100_000]]
    {
        std::fs::write(&place, content).unwrap();
        let output = status();
        assert_eq!(code(&output), 5, "{}", stderr(&output));
        assert_eq!(code(&case.run(&given("SC29"))), 5);
    }
    let other = case_of_another();
    std::fs::write(other.path("id.txt"), "x").unwrap();
    json_of(&other, &given("SC23"), 0);
    std::fs::copy(other.path("box/consents.redb"), &place).unwrap();
    assert_eq!(code(&status()), 5, "another sandbox's register");
    std::fs::write(case.path("elsewhere.redb"), &whole).unwrap();
    std::fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink(case.path("elsewhere.redb"), &place).unwrap();
    let output = status();
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("symlinks are refused"), "{}", stderr(&output));
    std::fs::remove_file(&place).unwrap();
    std::fs::write(&place, &whole).unwrap();
    assert_eq!(code(&status()), 0);
}

/// Ids, words and times go in by every way, and stand in no file of the folder and in no output besides her own export.
#[test]
fn no_mark_leaves_the_register() {
    let case = case();
    case.append(
        "consents.csv",
        &format!("{}\n", command::consent(PERSON, "SC23").replace("aggregate", "canarymethod")),
    );
    let mut outputs = vec![
        case.run(&["consent", "import", "box", "consents.csv"]),
        case.run(
            &[&with(&given("SC29"), "--handler", "canaryhandler")[..], &["--receipt", "receipt.txt"]]
                .concat(),
        ),
        case.run(&["consent", "withdraw", "box", "--id-file", "id.txt", "--format", "json"]),
        case.run(&["consent", "export", "box", "--out", "all.csv"]),
        case.seal("e1"),
        case.run(&["audit", "verify", "box"]),
        case.run(&["audit", "show", "box"]),
    ];
    for output in &outputs {
        assert_eq!(code(output), 0, "{}", stderr(output));
    }
    std::fs::write(case.path("bad.csv"), format!("person,ids\n{PERSON},canaryids\n")).unwrap();
    outputs.push(case.run(&["consent", "import", "box", "bad.csv"]));
    outputs.push(case.run(&["consent", "status", "box", "--id-file", "id.txt", "--ids", "phone"]));
    let holds = |content: &[u8], needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
    for output in &outputs {
        let all = [&output.stdout[..], &output.stderr].concat();
        assert!(!holds(&all, PERSON.as_bytes()), "{}", String::from_utf8_lossy(&all));
    }
    let number: i64 = id(7).parse().unwrap();
    let needles = [
        b"canary".to_vec(),
        id(7).into_bytes(),
        number.to_le_bytes().to_vec(),
        number.to_be_bytes().to_vec(),
    ];
    for (path, content) in Case::files(&case.path("box")) {
        for needle in &needles {
            assert!(
                !holds(&content, needle),
                "{} carries {}",
                path.display(),
                String::from_utf8_lossy(needle)
            );
        }
    }
    assert!(
        holds(&std::fs::read(case.path("all.csv")).unwrap(), PERSON.as_bytes()),
        "an export is in the clear"
    );
    assert!(Path::new(&case.path("receipt.txt")).is_file());
}

/// One row that is nobody's, among however many, in whatever format: nothing of the file is recorded, and its place is named.
#[test]
fn one_row_that_is_nobodys_keeps_a_whole_file_out() {
    let case = case();
    json_of(&case, &["consent", "import", "box", "consents.csv"], 0);
    let (before, recorded) = (folder(&case), exported(&case, "before.jsonl"));
    let clean = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    let withdrawn =
        |person: &str| format!("{person},social-platform,withdrawn,,,,,,,,,,2026-09-02T00:00:00Z,,,,,,\n");
    let after = |row: &str| format!("{clean}{row}");
    let ids = |cell: &str| {
        let rows = clean.lines().skip(1).map(|line| format!("{line},phone\n"));
        let header = clean.lines().next().unwrap();
        format!("{header},ids\n{}{},{cell}\n", rows.collect::<String>(), withdrawn(PERSON).trim_end())
    };
    let document = |person: &str| {
        format!("{{\"dpv:hasDataSubject\":{person},\"dpv:hasConsentStatus\":\"dpv:ConsentWithdrawn\"}}\n")
    };
    let one_of = |line: &str| recorded.join("\n") + "\n" + line;
    let row = |reason: &str| format!("row 241, column `person`: {reason}");
    let line = |reason: &str| format!("line 241{reason}");
    let cases: Vec<(&str, String, String)> = vec![
        ("blank.csv", after(&withdrawn("")), row("no person")),
        ("wide.csv", after(&withdrawn("\u{3000}")), row("no person")),
        ("tab.csv", after(&withdrawn(&format!("{PERSON}\t"))), row("id with blanks or control characters")),
        ("quote.csv", after(&withdrawn(&format!("'{PERSON}"))), row("id in quotes")),
        (
            "full.csv",
            after(&withdrawn("１３８００００００００")),
            row("id in full-width characters or other digits than 0 to 9"),
        ),
        ("float.csv", after(&withdrawn("1.38E+10")), row("id written as a floating-point number")),
        ("point.csv", after(&withdrawn("13800000001.0")), row("id written as a floating-point number")),
        ("short.csv", after(&withdrawn("1380000001")), row("number of another length than 99 of 100")),
        ("null.csv", after(&withdrawn("NULL")), row("a word for a missing value")),
        ("ids.csv", ids("passport"), "row 241, column `ids`: not a namespace of the sandbox".to_owned()),
        ("mark.csv", after(&withdrawn(&format!("\u{feff}{PERSON}"))), row("id with a character of no width")),
        ("blank.jsonl", one_of(&document("\" \"")), line(", column `person`: no person")),
        (
            "float.jsonl",
            one_of(&document("13800000001.0")),
            line(", column `dpv:hasDataSubject`: a value of the wrong shape"),
        ),
        (
            "tab.jsonl",
            one_of(&document("\"13800000001\\t\"")),
            line(", column `person`: id with blanks or control characters"),
        ),
        ("cut.jsonl", one_of("{\"dpv:hasDataSubject\":\"canaryperson"), line(": not a JSON object")),
        (
            "mark.jsonl",
            one_of(&format!("\u{feff}{}", document("\"13800000001\""))),
            line(": not a JSON object"),
        ),
    ];
    for (name, content, place) in cases {
        case.write(name, &content);
        let output = case.run(&["consent", "import", "box", name]);
        assert_eq!(code(&output), 1, "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(&place), "{name}: {}", stderr(&output));
        assert!(
            !stderr(&output).contains("canary") && !stderr(&output).contains("138"),
            "{}",
            stderr(&output)
        );
        assert!(folder(&case) == before && exported(&case, &format!("{name}.jsonl")) == recorded, "{name}");
    }
    // A mark in front of the whole file is none of its content.
    case.write("bom.csv", &format!("\u{feff}{}", after(&withdrawn(&id(1)))));
    assert_eq!(json_of(&case, &["consent", "import", "box", "bom.csv"], 0)["files"][0]["taken"], 241);
    case.write("bom.jsonl", &format!("\u{feff}{}", one_of(&document("13800000002"))));
    assert_eq!(json_of(&case, &["consent", "import", "box", "bom.jsonl"], 0)["files"][0]["taken"], 241);
}

/// What was recorded is said back, in every way to say it, and what is not understood is told and not recorded.
#[test]
fn what_is_recorded_is_said_back_and_what_is_not_understood_is_told() {
    let case = case();
    for trigger in ["SC23", "SC29"] {
        json_of(&case, &with(&given(trigger), "--recipient", "brand-insights"), 0);
    }
    assert_eq!(status(&case), live(&["SC23", "SC29"]), "the study's own id of the recipient");
    let withdraw = |more: &[&str]| {
        case.run(&[&["consent", "withdraw", "box", "--id-file", "id.txt"][..], more].concat())
    };
    let far = "2099-01-01T00:00:00Z";
    for (more, said, next) in [
        (
            &["--recipient", "brand-insight"][..],
            "did you mean `brand-insights`?",
            "LEGAL-ID-C (brand-insights)",
        ),
        (
            &["--purpose", "campaign-mesurement"],
            "did you mean `campaign-measurement`?",
            "campaign-measurement",
        ),
        (&["--trigger", "SC99"], "`trigger`: `SC99` is none", "SC23"),
        (&["--at", far], "`at` lies in the future", "nothing was recorded"),
        (&["--at", "2026-09-02 10:00"], "`at`: no UTC offset", "--timezone"),
        (&["--ids", "fone"], "did you mean `phone`?", "the namespaces are phone"),
    ] {
        let output = withdraw(more);
        assert_eq!(code(&output), 2, "{more:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(said) && stderr(&output).contains(next),
            "{more:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(status(&case), live(&["SC23", "SC29"]), "nothing was recorded");
    let said = withdraw(&[
        "--trigger",
        "sc29",
        "--recipient",
        "Brand_Insights",
        "--at",
        "2026-09-02 10:00",
        "--timezone",
        "Asia/Shanghai",
    ]);
    let text = stdout(&said);
    for part in [
        "withdrawn at 2026-09-02T02:00:00Z, an id of namespace phone; trigger SC29, every purpose, recipient LEGAL-ID-C (brand-insights)",
        "its words are those that the studies of the sandbox know: demo",
        "it ends 1 recorded consent(s)",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let said = json_of(&case, &["consent", "withdraw", "box", "--id-file", "id.txt", "--purpose", "all"], 0);
    let every = json!({ "event": "withdrawn", "at": said["event"]["at"], "ids": "phone", "trigger": null, "purpose": null, "recipient": null });
    assert_eq!((&said["event"], &said["grants"], &said["studies"]), (&every, &json!(2), &json!(["demo"])));
}

/// An id that is no id of anybody is refused with what is wrong; what stands around an id is none of it.
#[test]
fn an_id_file_holds_one_id_as_files_have_it() {
    let case = case();
    json_of(&case, &["consent", "import", "box", "consents.csv"], 0);
    let events = |content: &[u8]| {
        std::fs::write(case.path("one.txt"), content).unwrap();
        let output = case.run(&["consent", "status", "box", "--id-file", "one.txt", "--format", "json"]);
        if !output.status.success() {
            assert_eq!(code(&output), 1);
            assert!(!stderr(&output).contains("138"), "{}", stderr(&output));
            return Err(stderr(&output));
        }
        let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
        Ok(said["events"].as_u64().unwrap())
    };
    let plain = id(7);
    for around in [
        plain.clone(),
        format!("{plain}\n"),
        format!("{plain}\r\n\n"),
        format!(" \t{plain} "),
        format!("\u{feff}{plain}\n"),
    ] {
        assert_eq!(events(around.as_bytes()), Ok(2), "{around:?}");
    }
    for (spoilt, reason) in [
        (format!("\"{plain}\""), "id in quotes"),
        (format!("\u{201c}{plain}\u{201d}"), "id in quotes"),
        ("1.3800000007E+10".to_owned(), "floating-point number"),
        (format!("{plain}.0"), "floating-point number"),
        ("１３８00000007".to_owned(), "full-width characters"),
        (format!("138\u{200b}00000007"), "character of no width"),
        ("138 0000 0007".to_owned(), "declare `form = \"cn-mobile\"`"),
        ("NULL".to_owned(), "a word for a missing value"),
        (format!("{plain}\n{}", id(8)), "several lines"),
        ("\u{feff}\r\n".to_owned(), "it is empty"),
    ] {
        let said = events(spoilt.as_bytes()).unwrap_err();
        assert!(said.contains("one.txt: ") && said.contains(reason), "{spoilt:?}: {said}");
    }
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(plain.bytes().flat_map(|byte| [byte, 0])).collect();
    assert!(events(&utf_16).unwrap_err().contains("it is not UTF-8"));
}

/// A form that the study declares mends the ids of files and commands alike, so that one person stays one.
#[test]
fn a_declared_form_mends_ids_wherever_they_come_in() {
    let case = Case::new(60);
    case.write("study.toml", &format!("{}\n[ids.phone]\nform = \"cn-mobile\"\n", command::study()));
    assert!(case.init("4").status.success());
    let clean = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    case.write("consents.csv", &clean.replace(&format!("\n{},", id(7)), "\n+86 138-0000-0007,"));
    json_of(&case, &["consent", "import", "box", "consents.csv"], 0);
    case.write("id.txt", "0086 138 0000 0007");
    assert_eq!(status(&case), live(&["SC23", "SC29"]));
    assert_eq!(json_of(&case, &["consent", "withdraw", "box", "--id-file", "id.txt"], 0)["grants"], 2);
    case.write("id.txt", &id(7));
    assert_eq!(json_of(&case, &["consent", "status", "box", "--id-file", "id.txt"], 0)["events"], 3);
    case.write("id.txt", "1380000007");
    let said = json_of(&case, &["consent", "status", "box", "--id-file", "id.txt"], 1);
    assert!(said.as_str().unwrap().contains("id.txt: not of the declared form"), "{said}");
}

/// Words that nobody knows are in the register as they came, and status says what they do.
#[test]
fn status_says_what_odd_words_do() {
    let case = case();
    let header = "person,at,event,trigger,purpose,recipient\n";
    let rows = [
        "2026-09-01T00:00:00Z,withdrawn,SC23,newsletter,LEGAL-ID-C",
        "2026-09-02T00:00:00Z,given,SC23,newsletter2,LEGAL-ID-C",
        "2026-09-03T00:00:00Z,agreed,SC23,campaign-measurement,LEGAL-ID-C",
        "2026-09-04T00:00:00Z,withdrawn,SC23,campaign-measurement,OTHER-COMPANY-77",
        "2026-09-05T00:00:00Z,withdrawn,SC23,campaign-measurement,LEGALIDC",
        "2026-09-06 00:00:00,refused,SC29,campaign-measurement,LEGAL-ID-C",
    ];
    let rows: String = rows.iter().map(|row| format!("{PERSON},{row}\n")).collect();
    case.write("odd.csv", &format!("{header}{rows}"));
    let said = json_of(&case, &["consent", "import", "box", "odd.csv"], 0)["files"][0].clone();
    assert_eq!(said["unreadable"], json!({ "at": 1, "event": 1 }));
    assert_eq!(said["unknown_words"], json!({ "purpose": 2, "recipient": 1 }));
    assert_eq!(said["unknown_recipients"], 1);
    let text =
        stdout(&case.run(&["consent", "status", "box", "--id-file", "id.txt", "--as-of", "2026-10-01"]));
    for (line, meaning) in [
        (
            "purpose newsletter,",
            "`purpose` is known to no study of the sandbox: counts against every purpose that it could mean",
        ),
        ("purpose newsletter2,", "`purpose` is known to no study of the sandbox: no consent"),
        (": agreed at", "`event` cannot be read: counts against every use"),
        (
            "recipient OTHER-COMPANY-77",
            "`recipient` is known to no study of the sandbox: counts for that recipient alone",
        ),
        (
            "recipient LEGALIDC",
            "`recipient` is known to no study of the sandbox: counts against every recipient that it could mean",
        ),
        (": refused at 2026-09-06", "`at` cannot be read: counts against every use"),
    ] {
        let mut lines = text.lines().skip_while(|found| !found.contains(line));
        assert!(lines.nth(1).is_some_and(|next| next.trim() == meaning), "{line}: {text}");
    }
}
