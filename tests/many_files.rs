//! Names and numbers of files: thousands of small files of one dataset under one pattern are read with few files open, and
//! names that are no text are told and not tried (promise 8).
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

pub mod command;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

use command::{Case, id, stderr, stdout};
use serde_json::Value;

/// Seals with payments of a pattern where no more than so many files may be open.
fn seal(case: &Case, open_files: u32) -> Output {
    let script = format!("ulimit -n {open_files} && exec \"$0\" \"$@\"");
    let mut arguments = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01", "--format", "json"];
    let data = ["follows=follows.csv", "members=members.csv", "payments=parts/*.csv"];
    arguments.extend(data.iter().flat_map(|data| ["--data", data]));
    arguments.extend(["--consents", "consents.csv"]);
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_hushtag")])
        .args(arguments)
        .current_dir(case.path(""))
        .env_remove("HUSHTAG_ROOT_KEY")
        .output()
        .unwrap()
}

/// So many files with three payments each.
fn of_many_files(count: u32) -> Case {
    let case = Case::new(60);
    assert!(case.init("4").status.success());
    std::fs::create_dir(case.path("parts")).unwrap();
    for number in 0..count {
        let mut text = "payer,amount,at,merchant\n".to_owned();
        for row in 0..3 {
            writeln!(text, "{},7,2026-08-01T10:00:00Z,m", id((number + row) % 60)).unwrap();
        }
        case.write(&format!("parts/{number:05}.csv"), &text);
    }
    case
}

fn are_sealed(count: u32) {
    let case = of_many_files(count);
    let sealed = seal(&case, 64);
    assert!(sealed.status.success(), "{}", stderr(&sealed));
    let all: Value = serde_json::from_str(&stdout(&sealed)).unwrap();
    let files: Vec<&Value> =
        all["files"].as_array().unwrap().iter().filter(|file| file["dataset"] == "payments").collect();
    assert_eq!(files.len(), count as usize);
    assert!(files.iter().all(|file| file["used"] == 3));
    // One bad file among them is named, and nothing is sealed.
    let case = of_many_files(count);
    case.append("parts/00700.csv", "much,7777canary,soon,m\n");
    let refused = seal(&case, 64);
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: ") && said.contains("00700.csv") && said.contains("row 4"), "{said}");
    assert!(!said.contains("canary") && !case.path("box/epochs/e1").exists(), "{said}");
}

#[test]
fn ten_thousand_small_files_are_one_dataset() {
    are_sealed(10_000);
}

#[test]
fn names_that_are_no_text_are_told_and_leave_nothing() {
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
    // Elsewhere it is nobody's business.
    std::fs::create_dir(case.path("parts")).unwrap();
    case.write("parts/payments.csv", &String::from_utf8(good).unwrap());
    let sealed = run(b"payments=parts/*.csv");
    assert!(sealed.status.success(), "{}", stderr(&sealed));
}
