//! The consent register by its command: recorded as what it is, withdrawn as easily as given, nothing of it readable in the
//! folder or in any output, and clear refusals.

mod words;

use crate::command;
use std::path::Path;
use std::process::Output;

use crate::command::{Case, id, stderr, stdout};
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
    assert!(stdout(&output).contains("the register has no consent of this person"), "{}", stdout(&output));
    assert_eq!(json_of(&case, &["consent", "status", "box", "--id-file", "id.txt"], 0)["events"], 1);
}

/// One tap for all is recorded as what it is, is said to be no separate consent, and lets no one in.
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

/// With noise that cannot hide one person: their clean consent in the register lets them in, a bundled one does not.
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
    let own = wanted.iter().find(|line| line.contains(PERSON)).unwrap();
    second.write("event.json", own);
    json_of(&second, &["consent", "record", "box", "--file", "event.json"], 0);
    assert_eq!(exported(&second, "one.jsonl"), std::slice::from_ref(own));
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
            "5 of 500 rows cannot be attributed to a person, and one may be a withdrawal; the first: line 1: not a JSON object; line 101: "
        ) && said.contains("no row of consents is skipped"),
        "{said}"
    );
    assert!(!said.contains("canary"));
    assert!(folder(&case) == before, "a refused import left something");
    // No share of such rows is small enough.
    assert_eq!(code(&case.run(&["consent", "import", "box", "bad.jsonl", "--max-bad-rows", "1"])), 2);
    case.write("good.jsonl", &lines(0));
    let said = json_of(&case, &["consent", "import", "box", "good.jsonl"], 0);
    assert_eq!((&said["files"][0]["rows"], &said["files"][0]["taken"]), (&json!(500), &json!(500)));

    // An export is an entry of the log, an import is none.
    let recorded = exported(&case, "before.jsonl");
    let before = folder(&case);
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
        ("no-person.csv", format!("{header},2026-09-01T10:00:00Z,given,SC23,p,r\n").into_bytes()),
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
    // A row with an unknown word belongs to a person: it is kept, and puts them out.
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

/// Ids, words and times go in by every way, and stand in no file of the folder and in no output besides their own export.
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

/// A request is entered also for an id that no study can read any more and the register holds, and one that changes nothing by itself
/// says so.
#[test]
fn a_request_about_whom_the_register_holds_is_entered_and_says_what_it_does_not_do() {
    let case = Case::new(5);
    assert!(case.init("4").status.success());
    case.write("id.txt", &format!("{}\n", id(1)));
    let open = |kind: &str| {
        json_of(&case, &["consent", "request", "open", "box", "--id-file", "id.txt", "--kind", kind], 0)
    };
    for (kind, command) in [
        ("objection", "--event objected"),
        ("restriction", "--event restricted"),
        ("erasure", "consent erase"),
    ] {
        let effect = open(kind)["effect"].as_str().unwrap().to_owned();
        assert!(effect.contains("changes nothing about who is in") && effect.contains(command), "{effect}");
    }
    assert_eq!(open("access")["effect"], Value::Null);
    // The id was erased under a namespace that the studies call otherwise now.
    json_of(&case, &["consent", "erase", "box", "--id-file", "id.txt"], 0);
    let study = std::fs::read_to_string(case.path("study.toml")).unwrap();
    case.write("study.toml", &study.replace("\"phone\"", "\"mobile\""));
    let adopted = case.run(&["adopt", "box", "--study", "study.toml"]);
    assert!(adopted.status.success(), "{}", stderr(&adopted));
    let of_old =
        ["consent", "request", "open", "box", "--id-file", "id.txt", "--ids", "phone", "--kind", "access"];
    assert_eq!(json_of(&case, &of_old, 0)["number"], json!(5));
    let listed =
        json_of(&case, &["consent", "request", "list", "box", "--id-file", "id.txt", "--ids", "phone"], 0);
    assert_eq!(listed["requests"].as_array().unwrap().len(), 5);
}

/// The register's commands about one person's rights: erased with a receipt, and a book of requests that moves no other output.
#[test]
fn a_person_is_erased_with_a_receipt_and_requests_are_in_a_book() {
    let case = case();
    json_of(&case, &given("SC23"), 0);
    let seen = |case: &Case| {
        let plain = |arguments: &[&str]| stdout(&case.run(arguments));
        let metrics = ["vocabulary", "box", "--recipient", "brand-insights"];
        let status = json_of(case, &["status", "box"], 0);
        // A look at the page or at a person's consents is an entry, an act on the register is none.
        let log = json_of(case, &["audit", "show", "box"], 0);
        let entries = log.as_array().unwrap().iter().filter(|entry| entry["kind"] != "access").count();
        let report = case.run(&["report", "box", "--out", "page.html"]);
        assert_eq!(code(&report), 0, "{}", stderr(&report));
        let page = std::fs::read_to_string(case.path("page.html")).unwrap();
        std::fs::remove_file(case.path("page.html")).unwrap();
        let page: Vec<String> =
            page.lines().filter(|line| !line.contains("class=\"made\"")).map(str::to_owned).collect();
        let rest: Vec<usize> =
            vec![page.concat().matches("<tr").count(), page.concat().matches("<p").count()];
        (plain(&metrics), entries, status["epochs"].clone(), rest)
    };
    let before = seen(&case);
    let open = |more: &[&str]| {
        json_of(&case, &[&["consent", "request", "open", "box", "--id-file", "id.txt"][..], more].concat(), 0)
    };
    let entered = open(&["--kind", "erasure", "--kin", "--receipt", "request.txt"]);
    assert_eq!((&entered["number"], &entered["state"]), (&json!(1), &json!("open")));
    assert_eq!(open(&["--kind", "copy"])["article"], "PIPL 45");
    let refused = ["consent", "request", "open", "box", "--id-file", "id.txt", "--kind", "transfer", "--kin"];
    assert!(json_of(&case, &refused, 2).as_str().unwrap().contains("PIPL 49"));
    let close = |more: &[&str], wanted| {
        json_of(&case, &[&["consent", "request", "close", "box", "--number"][..], more].concat(), wanted)
    };
    assert!(close(&["1", "--refuse", " "], 2).as_str().unwrap().contains("needs a reason"));
    close(&["1"], 2);
    let erased =
        json_of(&case, &["consent", "erase", "box", "--id-file", "id.txt", "--receipt", "erased.txt"], 0);
    assert_eq!((&erased["events"], &erased["ids"]), (&json!(1), &json!("phone")));
    assert_eq!(
        close(&["1", "--done", "--id-file", "id.txt", "--receipt", "done.txt"], 0)["state"],
        "fulfilled"
    );
    close(&["1", "--done"], 2);
    assert_eq!(close(&["2", "--refuse", "none is kept"], 0)["reason"], "none is kept");
    let listed = json_of(&case, &["consent", "request", "list", "box", "--id-file", "id.txt"], 0);
    assert_eq!(listed["requests"].as_array().unwrap().len(), 2);
    assert_eq!(json_of(&case, &["consent", "request", "list", "box", "--open"], 0)["requests"], json!([]));
    let key = vkey(&case);
    for receipt in ["request.txt", "erased.txt", "done.txt"] {
        let arguments =
            ["consent", "verify-receipt", receipt, "--key", &key, "--ids", "phone", "--id-file", "id.txt"];
        assert_eq!(json_of(&case, &arguments, 0)["about"], true, "{receipt}");
    }
    let status = json_of(&case, &["consent", "status", "box", "--id-file", "id.txt"], 0);
    assert_eq!((&status["events"], &status["erased"]), (&json!(0), &erased["at"]));
    for (path, content) in Case::files(&case.path("box")) {
        let found = content.windows(PERSON.len()).any(|window| window == PERSON.as_bytes());
        assert!(!found, "{}", path.display());
    }
    assert_eq!(seen(&case), before, "neither an erasure nor a request moves what others see");
}
