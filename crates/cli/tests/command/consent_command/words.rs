//! What comes in from outside is understood or refused, by files and by commands, and said back.

use serde_json::{Value, json};

use super::{PERSON, case, code, exported, folder, given, json_of, live, status, with};
use crate::command::{self, Case, id, stderr, stdout};

/// One row without a person, among however many, in whatever format: nothing of the file is recorded, and its place is named.
#[test]
fn one_row_that_is_nobodys_keeps_a_whole_file_out() {
    let case = case();
    json_of(&case, &["consent", "import", "box", "consents.csv"], 0);
    let recorded = exported(&case, "before.jsonl");
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
        // An export is an entry of the log, an import is none.
        let before = folder(&case);
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

/// What was recorded is said back, in every way to say it, and what is not understood is refused and not recorded.
#[test]
fn what_is_recorded_is_printed_and_what_is_not_understood_is_reported() {
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
            "LEGAL-ID-C (Brand Insights (made up), brand-insights)",
        ),
        (
            &["--purpose", "campaign-mesurement"],
            "did you mean `campaign-measurement`?",
            "campaign-measurement",
        ),
        (&["--trigger", "SC99"], "unknown trigger `SC99`", "SC23"),
        (&["--at", far], "`at` lies in the future", "nothing was recorded"),
        (&["--at", "2026-09-02 10:00"], "`at`: no UTC offset", "--timezone"),
        (&["--ids", "fone"], "did you mean `phone`?", "the studies of the sandbox know phone"),
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
        "withdrawn at 2026-09-02T02:00:00Z, an id of namespace phone; trigger SC29, every purpose, recipient LEGAL-ID-C (Brand Insights (made up), brand-insights)",
        "its words are those that the studies of the sandbox know: demo",
        "it ends 1 recorded consent(s)",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let said = json_of(&case, &["consent", "withdraw", "box", "--id-file", "id.txt", "--purpose", "all"], 0);
    let every = json!({ "event": "withdrawn", "at": said["event"]["at"], "ids": "phone", "trigger": null, "purpose": null, "recipient": null });
    assert_eq!((&said["event"], &said["grants"], &said["studies"]), (&every, &json!(2), &json!(["demo"])));
}

/// An id that is no id of anybody is refused with what is wrong; what surrounds an id is not part of it.
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
        ("138\u{200b}00000007".to_owned(), "character of no width"),
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

/// A form that the study declares completes the ids of files and commands alike, so that one person stays one.
#[test]
fn a_declared_form_completes_ids_wherever_they_come_in() {
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

/// Unknown words are in the register as they came, and status says what they do.
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
    let listed = "no word that regime or study knows";
    let zone = "a time without UTC offset; declare `timezone` under `[consents]`";
    let unclear =
        json!({ "at": { zone: 1 }, "event": { "no word for what happened": 1 }, "purpose": { listed: 2 } });
    assert_eq!((&said["unclear"], &said["unknown_recipients"]), (&unclear, &json!(2)));
    let text =
        stdout(&case.run(&["consent", "status", "box", "--id-file", "id.txt", "--as-of", "2026-10-01"]));
    for (line, meaning) in [
        (
            "purpose newsletter,",
            "`purpose` is no word that regime or study knows: counts against every purpose that it could mean",
        ),
        ("purpose newsletter2,", "`purpose` is no word that regime or study knows: no consent"),
        (": agreed at", "`event` is no word for what happened: counts against every use"),
        (
            "recipient OTHER-COMPANY-77",
            "`recipient` is none that a study of the sandbox knows: counts for that recipient alone",
        ),
        (
            "recipient LEGALIDC",
            "`recipient` is none that a study of the sandbox knows: counts against every recipient that it could mean",
        ),
        (
            ": refused at 2026-09-06",
            "`at` is a time without UTC offset; declare `timezone` under `[consents]`: counts against every use",
        ),
    ] {
        let mut lines = text.lines().skip_while(|found| !found.contains(line));
        assert!(lines.nth(1).is_some_and(|next| next.trim() == meaning), "{line}: {text}");
    }
}

/// What came in by one file or command is no measure for another: a register of ids of two lengths is sealed from.
#[test]
fn ids_of_a_register_are_not_compared_with_one_another() {
    let case = case();
    json_of(&case, &["consent", "import", "box", "consents.csv"], 0);
    case.write("short.txt", "1380000001");
    json_of(&case, &["consent", "withdraw", "box", "--id-file", "short.txt"], 0);
    let mut seal = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01"];
    for file in ["follows=follows.csv", "payments=payments.csv", "members=members.csv"] {
        seal.extend(["--data", file]);
    }
    let output = case.run(&seal);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

/// JSON Lines with the columns of a consent table are read as a CSV file with the same cells.
#[test]
fn json_lines_with_the_columns_of_a_table_are_imported() {
    let case = case();
    let table = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    let object = |row: &str| {
        let cells = header.split(',').zip(row.split(','));
        let object: serde_json::Map<String, Value> =
            cells.map(|(column, cell)| (column.to_owned(), Value::from(cell))).collect();
        format!("{}\n", Value::from(object))
    };
    case.write("lines.jsonl", &rows.lines().map(object).collect::<String>());
    let said = json_of(&case, &["consent", "import", "box", "lines.jsonl"], 0);
    assert_eq!(said["files"][0]["taken"], json!(rows.lines().count()));
    let of_lines = exported(&case, "of-lines.jsonl");
    let other = self::case();
    json_of(&other, &["consent", "import", "box", "consents.csv"], 0);
    assert_eq!(of_lines, exported(&other, "of-table.jsonl"));
}
