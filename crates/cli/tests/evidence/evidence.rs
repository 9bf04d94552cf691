//! Promise: which files an epoch was sealed from can be shown and cannot be denied; every act that reads is an entry of the log before
//! it shows anything; the decision of a seal can be made again from the texts of then.

use crate::command;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::command::{Case, consent, id, stderr, stdout};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use hushtag::operator::{Keys, Operator};
use hushtag::types::SystemClock;
use serde_json::{Value, json};

/// A sandbox with an auditor, whose key is `auditor.key`.
fn case(people: u32) -> Case {
    let case = Case::new(people);
    let key = case.run(&["key", "new", "--out", "auditor.key", "--for", "auditor"]);
    let public = stdout(&key).trim().to_owned();
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none", "--auditor"];
    run(&case, &[&init[..], &[&public]].concat(), 0);
    case
}

fn run(case: &Case, arguments: &[&str], code: i32) -> Output {
    let output = case.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    output
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

/// The entries of the log of a kind, as JSON.
fn entries(case: &Case, kind: &str) -> Vec<Value> {
    let shown = run(case, &["audit", "show", "box", "--kind", kind, "--format", "json"], 0);
    json_of(&shown).as_array().unwrap().clone()
}

/// Whether a file was used in epoch e1: exit code 0 or 4.
fn open_input(case: &Case, file: &str, more: &[&str], code: i32) -> Value {
    let fixed = ["audit", "open-input", file, "--epoch", "e1", "--format", "json"];
    let place: &[&str] = if more.contains(&"--sandbox") { &[] } else { &["--sandbox", "box"] };
    json_of(&run(case, &[&fixed[..], place, more].concat(), code))
}

/// PIPL art. 69: who took withdrawals out of a consent file afterwards is shown to hold another file than the one that was sealed.
#[test]
fn withdrawals_that_were_taken_out_of_a_consent_file_can_be_shown() {
    let case = case(60);
    let kept = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    let withdrawn = consent(&id(7), "SC23").replace("given", "withdrawn").replace("T10:00", "T11:00");
    case.append("consents.csv", &format!("{withdrawn}\n"));
    std::fs::copy(case.path("consents.csv"), case.path("handed-in.csv")).unwrap();
    assert!(case.seal("e1").status.success());
    case.write("consents.csv", &kept);

    let denied = open_input(&case, "consents.csv", &[], 4);
    assert_eq!((&denied["used"], &denied["tables"]), (&json!(false), &json!([])));
    let shown = open_input(&case, "handed-in.csv", &[], 0);
    assert_eq!(shown["tables"], json!([{ "consents": true, "form": "file" }]));
    let seal = entries(&case, "seal").pop().unwrap();
    assert_eq!(shown["seal"], seal["index"]);
    let by_auditor = open_input(&case, "handed-in.csv", &["--key", "auditor.key"], 0);
    assert_eq!((&by_auditor["tables"], &by_auditor["logged"]), (&shown["tables"], &json!(true)));
    open_input(&case, "consents.csv", &["--key", "auditor.key"], 4);
    // As prose, with the table by its name.
    let text = run(&case, &["audit", "open-input", "payments.csv", "--sandbox", "box", "--epoch", "e1"], 0);
    assert!(stdout(&text).contains("this file was used as `payments` in epoch e1"), "{}", stdout(&text));

    // Each was logged, with role and epoch, and nothing of the file.
    let accesses = entries(&case, "access");
    let bodies: Vec<&Value> = accesses.iter().map(|entry| &entry["body"]).collect();
    let by = |role: &str| json!({ "act": "open-input", "role": role, "epoch": "e1" });
    assert_eq!(bodies, [&by("operator"), &by("operator"), &by("auditor"), &by("auditor"), &by("operator")]);
    assert_eq!(by_auditor["log_entry"], accesses[2]["index"]);
    let log = stdout(&run(&case, &["audit", "show", "box", "--format", "json"], 0));
    for part in ["csv", shown["sha256"].as_str().unwrap(), denied["sha256"].as_str().unwrap()] {
        assert!(!log.contains(part), "the log holds {part}");
    }
    run(&case, &["audit", "verify", "box"], 0);
}

/// A copy whose anchor is elsewhere is read with the anchor that is given, or without one where that is said; a given one that the copy
/// does not begin with is damage, and an option that nothing would read is refused.
#[test]
fn a_copy_is_read_with_the_anchor_that_is_given() {
    let case = Case::new(20);
    std::fs::create_dir(case.path("other-disk")).unwrap();
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none", "--anchor"];
    run(&case, &[&init[..], &["other-disk/box.anchor"]].concat(), 0);
    let copied = Command::new("cp").args(["-r", "box", "old"]).current_dir(case.path(".")).status();
    assert!(copied.unwrap().success());
    assert!(case.seal("e1").status.success());
    let copied = Command::new("cp").args(["-r", "box", "copy"]).current_dir(case.path(".")).status();
    assert!(copied.unwrap().success());
    std::fs::rename(case.path("other-disk"), case.path("here")).unwrap();
    let report = |dir: &str, more: &[&str], code: i32| {
        run(&case, &[&["report", dir, "--out", "copy.html"][..], more].concat(), code)
    };
    let input = |dir: &str, more: &[&str], code: i32| {
        let fixed = ["audit", "open-input", "follows.csv", "--epoch", "e1", "--sandbox", dir];
        run(&case, &[&fixed[..], more].concat(), code)
    };
    for given in [&["--copy", "--without-anchor"][..], &["--copy", "--anchor", "here/box.anchor"]] {
        report("copy", given, 0);
        input("copy", given, 0);
    }
    report("old", &["--copy", "--anchor", "here/box.anchor"], 5);
    input("old", &["--copy", "--anchor", "here/box.anchor"], 5);
    for unread in [&["--without-anchor"][..], &["--anchor", "here/box.anchor"]] {
        report("copy", unread, 2);
        input("copy", unread, 2);
        run(&case, &[&["audit", "verify", "follows.csv"][..], unread].concat(), 2);
    }
    assert_ne!(case.run(&["report", "copy", "--out", "copy.html", "--copy"]).status.code(), Some(0));
}

#[test]
fn the_auditor_needs_no_key_of_the_sandbox_and_a_copy_is_left_alone() {
    let case = case(40);
    assert!(case.seal("e1").status.success());
    run(&case, &["key", "new", "--out", "other.key", "--for", "auditor"], 0);
    let copied = Command::new("cp").args(["-r", "box", "copy"]).current_dir(case.path(".")).status();
    assert!(copied.unwrap().success());
    let before = Case::files(&case.path("copy"));
    let shown = open_input(&case, "follows.csv", &["--sandbox", "copy", "--copy"], 0);
    assert_eq!((&shown["logged"], &shown["log_entry"]), (&json!(false), &Value::Null));
    let page = run(&case, &["report", "copy", "--out", "copy.html", "--copy"], 0);
    assert!(stderr(&page).contains("not logged: the folder is a copy"), "{}", stderr(&page));
    let said = |name: &str| std::fs::read_to_string(case.path(name)).unwrap();
    assert!(said("copy.html").contains("The making of this page was not logged"));
    assert_eq!(Case::files(&case.path("copy")), before);

    std::fs::remove_dir_all(case.path("copy/keys")).unwrap();
    let shown = open_input(&case, "follows.csv", &["--sandbox", "copy", "--key", "auditor.key"], 0);
    assert_eq!((&shown["logged"], &shown["tables"][0]["dataset"]), (&json!(false), &json!("follows")));
    let wrong =
        ["audit", "open-input", "follows.csv", "--sandbox", "copy", "--epoch", "e1", "--key", "other.key"];
    run(&case, &wrong, 1);
    run(&case, &[&wrong[..5], &["--epoch", "e2", "--key", "auditor.key"]].concat(), 2);

    // Nothing of the file is left once the epoch is over.
    run(&case, &["retire", "box", "--epoch", "e1"], 0);
    let over = ["audit", "open-input", "follows.csv", "--sandbox", "box", "--epoch", "e1"];
    assert!(stderr(&run(&case, &over, 2)).contains("is retired"));
    assert!(!case.path("box/epochs/e1/inputs.sealed").exists());
}

/// Whatever form a table is handed in, its very bytes are what is committed to, and the log says nothing of how many there were.
#[test]
fn every_form_of_input_is_committed_to() {
    let case = case(30);
    let text = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    std::fs::create_dir_all(case.path("parts/at=2026")).unwrap();
    for (part, rows) in rows.chunks(11).enumerate() {
        case.write(&format!("parts/at=2026/part-{part}.csv"), &format!("{head}\n{}\n", rows.join("\n")));
    }
    std::fs::rename(case.path("parts/at=2026"), case.path("pays")).unwrap();
    case.write("members.csv.zst", "");
    let members = std::fs::read(case.path("members.csv")).unwrap();
    std::fs::write(case.path("members.csv.zst"), zstd::encode_all(&members[..], 3).unwrap()).unwrap();
    let ids: Vec<i64> = (0..30).map(|person| id(person).parse().unwrap()).collect();
    let followees: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.iter().rev().copied()));
    let since: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; ids.len()]));
    let followers: ArrayRef = Arc::new(Int64Array::from(ids));
    let columns = [("follower", followers), ("followee", followees), ("since", since)];
    let follows = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(
        std::fs::File::create(case.path("follows.parquet")).unwrap(),
        follows.schema(),
        None,
    )
    .unwrap();
    writer.write(&follows).unwrap();
    writer.close().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hushtag"))
        .args(["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01", "--consents", "-"])
        .args([
            "--data",
            "payments=pays",
            "--data",
            "members=members.csv.zst",
            "--data",
            "follows=follows.parquet",
        ])
        .current_dir(case.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(case.path("consents.csv")).unwrap()).unwrap();
    let sealed = child.wait_with_output().unwrap();
    assert!(sealed.status.success(), "{}", stderr(&sealed));

    let used = |file: &str| open_input(&case, file, &[], 0)["tables"].clone();
    for part in 0..3 {
        let part = format!("pays/part-{part}.csv");
        assert_eq!(used(&part), json!([{ "dataset": "payments", "form": "file" }]), "{part}");
    }
    assert_eq!(used("members.csv.zst"), json!([{ "dataset": "members", "form": "file" }]));
    assert_eq!(used("follows.parquet"), json!([{ "dataset": "follows", "form": "file" }]));
    assert_eq!(used("consents.csv"), json!([{ "consents": true, "form": "stream" }]));
    for other in ["members.csv", "payments.csv", "follows.csv", "study.toml"] {
        open_input(&case, other, &[], 4);
    }
    // The same study with one file a table: the entries differ in commitments and hashes alone.
    assert!(case.seal("e2").status.success());
    let [one, two] = [0, 1].map(|at| entries(&case, "seal")[at]["body"]["inputs"].clone());
    let shape = |inputs: &Value| {
        let items = inputs.as_array().unwrap().iter();
        items.map(|item| (item["dataset"].clone(), item["consents"].clone())).collect::<Vec<_>>()
    };
    assert_eq!((shape(&one), shape(&one).len()), (shape(&two), 4));
    assert_ne!(one, two);
    let size = |epoch: &str| {
        std::fs::metadata(case.path(&format!("box/epochs/{epoch}/inputs.sealed"))).unwrap().len()
    };
    assert_eq!(size("e1"), size("e2"));
    // The same files under fresh keys: no commitment is like another.
    assert!(case.seal("e3").status.success());
    assert_ne!(entries(&case, "seal")[2]["body"]["inputs"], two);
}

#[test]
fn openings_that_were_changed_or_removed_are_damage() {
    let case = case(20);
    assert!(case.seal("e1").status.success() && case.seal("e2").status.success());
    let place = case.path("box/epochs/e1/inputs.sealed");
    let whole = std::fs::read(&place).unwrap();
    let other = std::fs::read(case.path("box/epochs/e2/inputs.sealed")).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    let ask = ["audit", "open-input", "follows.csv", "--sandbox", "box", "--epoch", "e1"];
    for bad in [Some(flipped), Some(other), Some(whole[..whole.len() - 1].to_vec()), None] {
        match bad {
            Some(bytes) => std::fs::write(&place, bytes).unwrap(),
            None => std::fs::remove_file(&place).unwrap(),
        }
        for command in [&ask[..], &["audit", "verify", "box"]] {
            let said = stderr(&run(&case, command, 5));
            assert!(said.contains("epochs/e1/inputs.sealed"), "{said}");
        }
    }
    std::fs::write(&place, whole).unwrap();
    run(&case, &ask, 0);
    run(&case, &["audit", "verify", "box"], 0);
}

#[test]
fn every_act_that_reads_is_an_entry_and_says_nothing_of_anybody() {
    let case = case(30);
    run(&case, &["consent", "import", "box", "consents.csv"], 0);
    assert!(case.seal("e1").status.success());
    case.write("id.txt", &id(3));
    let answer = case.ask("SELECT COUNT(*) FROM tags");
    let index = json_of(&answer)["audit"]["index"].to_string();
    assert_eq!(entries(&case, "access").len(), 0, "neither import nor seal nor ask is one");
    let acts: [(&[&str], &str, &str); 5] = [
        (&["consent", "status", "box", "--id-file", "id.txt"], "consent-status", "operator"),
        (&["consent", "export", "box", "--out", "all.jsonl"], "consent-export", "operator"),
        (&["report", "box", "--out", "report.html"], "report", "operator"),
        (&["report", "box", "--out", "internal.html", "--key", "auditor.key"], "report", "auditor"),
        (&["audit", "prove", "box", "--answer", &index, "--out", "answer.json"], "prove", "operator"),
    ];
    for (count, (arguments, act, role)) in acts.iter().enumerate() {
        run(&case, arguments, 0);
        let all = entries(&case, "access");
        assert_eq!(all.len(), count + 1, "{arguments:?}");
        assert_eq!(all[count]["body"], json!({ "act": act, "role": role }));
    }
    let page = std::fs::read_to_string(case.path("report.html")).unwrap();
    let entry = entries(&case, "access")[2]["index"].to_string();
    assert!(page.contains(&format!("The making of this page is log entry {entry}.")));
    // An act that fails before it reads is none.
    run(&case, &["consent", "export", "box", "--out", "all.jsonl"], 1);
    run(&case, &["audit", "prove", "box", "--answer", "0", "--out", "other.json"], 2);
    assert_eq!(entries(&case, "access").len(), acts.len());
    run(&case, &["audit", "verify", "box"], 0);

    // Beside a live writer the log cannot be written, and that is said.
    let writer =
        Operator::open(&case.path("box"), Keys::InFolder, Box::new(SystemClock), std::time::Duration::ZERO);
    let size = entries(&case, "access").len();
    let page = run(&case, &["--wait", "0", "report", "box", "--out", "beside.html", "--format", "json"], 0);
    assert!(stderr(&page).contains("this act is not logged: another process writes"), "{}", stderr(&page));
    assert_eq!(json_of(&page)["log_entry"], Value::Null);
    let text = std::fs::read_to_string(case.path("beside.html")).unwrap();
    assert!(text.contains("The making of this page was not logged"));
    let shown = open_input(&case, "follows.csv", &["--wait", "0"], 0);
    assert_eq!((&shown["used"], &shown["logged"]), (&json!(true), &json!(false)));
    // Exact figures and the register are not read unless the log can say so.
    run(&case, &["--wait", "0", "report", "box", "--out", "no.html", "--key", "auditor.key"], 1);
    run(&case, &["--wait", "0", "consent", "status", "box", "--id-file", "id.txt"], 1);
    assert_eq!(entries(&case, "access").len(), size);
    drop(writer.unwrap());
}

#[test]
fn a_seal_that_failed_is_visible_and_its_files_are_not() {
    let case = case(30);
    let good = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    let before = Case::files(&case.path("box")).len();
    for (number, bad) in ["payer,amount\n1,2\n".to_owned(), good.replace(",m", "x,m")].iter().enumerate() {
        case.write("payments.csv", bad);
        assert_eq!(case.seal("e1").status.code(), Some(1));
        let failed = entries(&case, "access");
        assert_eq!(failed.len(), number + 1);
        assert_eq!(
            failed[number]["body"],
            json!({ "act": "seal", "epoch": "e1", "failed": "input", "role": "operator" })
        );
    }
    case.write("payments.csv", &good);
    assert_eq!(Case::files(&case.path("box")).iter().filter(|(path, _)| path.ends_with("e1")).count(), 0);
    assert!(before > 0);
    assert!(case.seal("e1").status.success());
    assert_eq!(entries(&case, "access").len(), 2);
    run(&case, &["audit", "verify", "box"], 0);
}

/// Promise: a study whose every recipient was refused is in no seal, and its refusal is replayed all the same.
#[test]
fn a_study_that_is_refused_whole_is_explained() {
    let case = case(30);
    let other = command::study().replacen("id = \"demo\"", "id = \"second\"", 1);
    let lines = other.lines().filter(|line| !line.starts_with("pipia")).map(|line| format!("{line}\n"));
    case.write("second.toml", &lines.collect::<String>());
    run(&case, &["adopt", "box", "--study", "second.toml"], 0);
    let adopted = entries(&case, "adopt").pop().unwrap()["body"]["adopted"].clone();
    assert!(case.seal("e1").status.success());
    let seal = entries(&case, "seal").pop().unwrap();
    assert_eq!(seal["body"]["studies"].as_array().unwrap().len(), 1, "{seal}");
    explain(&case, "e1", &[], 2);
    let replay = json_of(&explain(&case, "e1", &["--study", "second", "--format", "json"], 0));
    assert_eq!((&replay["permitted"], &replay["agrees"]), (&json!(false), &json!(true)));
    assert_eq!(replay["study_hash"], adopted["hash"]);
    assert_eq!(replay["demand_compared"], json!(false));
    let said = stdout(&explain(&case, "e1", &["--study", "second"], 0));
    assert!(said.contains("the same decision") && !said.contains("the same demand"), "{said}");
    let said = stdout(&explain(&case, "e1", &["--study", "demo"], 0));
    assert!(said.contains("the same demand"), "{said}");
}

fn explain(case: &Case, epoch: &str, more: &[&str], code: i32) -> Output {
    let fixed = ["policy", "explain", "--sandbox", "box", "--epoch", epoch, "--recipient", "brand-insights"];
    run(case, &[&fixed[..], more].concat(), code)
}

/// Another text of study and regime changes nothing of what an old seal was decided by.
#[test]
fn an_old_seal_is_explained_by_the_texts_of_then() {
    let case = case(30);
    assert!(case.seal("e1").status.success());
    let first = json_of(&explain(&case, "e1", &["--format", "json"], 0));
    assert_eq!((&first["permitted"], &first["agrees"]), (&json!(true), &json!(true)));
    let adopted = entries(&case, "init").pop().unwrap()["body"]["studies"][0].clone();
    assert_eq!((&first["study_hash"], &first["regime_hash"]), (&adopted["hash"], &adopted["regime_hash"]));

    let law = include_str!("../../../../policies/cn-pipl/regime.toml");
    case.write("law.toml", &format!("# The same law, printed anew.\n{law}"));
    let study = command::study().replacen("\"cn-pipl\"", "\"law.toml\"", 1);
    let changed = study.replacen("version = 3", "version = 4", 1);
    assert_ne!(study, changed);
    case.write("study.toml", &changed);
    run(&case, &["adopt", "box", "--study", "study.toml"], 0);
    let again = json_of(&explain(&case, "e1", &["--format", "json"], 0));
    assert_eq!(again, first);
    let consents = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    case.write("consents.csv", &consents.replace("N-2026-04,3,", "N-2026-04,4,"));
    assert!(case.seal("e2").status.success());
    let second = json_of(&explain(&case, "e2", &["--format", "json"], 0));
    assert_ne!(second["study_hash"], first["study_hash"]);
    assert_ne!(second["regime_hash"], first["regime_hash"]);
    let version = |epoch: &str, version: &str| stdout(&explain(&case, epoch, &[], 0)).contains(version);
    assert!(version("e1", "version 3") && !version("e1", "version 4") && version("e2", "version 4"));
    let zh = stdout(&explain(&case, "e1", &["--lang", "zh", "--study", "demo"], 0));
    assert!(zh.contains("与日志核对") && zh.contains(first["study_hash"].as_str().unwrap()), "{zh}");

    explain(&case, "e3", &[], 2);
    explain(&case, "e1", &["--study", "other"], 2);
    explain(&case, "e1", &["--as-of", "2026-11-01"], 2);
    // A text of then that was changed does not decide anything.
    let hash = first["study_hash"].as_str().unwrap().trim_start_matches("blake3:");
    let place = case.path(&format!("box/studies/{hash}.toml"));
    let text = std::fs::read_to_string(&place).unwrap();
    std::fs::write(&place, text.replacen("version = 3", "version = 2", 1)).unwrap();
    explain(&case, "e1", &[], 5);
    explain(&case, "e2", &[], 0);
}
