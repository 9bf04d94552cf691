//! Every command of the book beside the running service: it does what it does on a folder that no one holds.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{CancelToken, Clock, Sent, SystemClock, Timestamp};
use serde_json::Value;

use crate::support::{HUSHTAG, WorldTerms, world};

/// Copies a folder with the modes of its files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&from, &to),
            false => drop(std::fs::copy(&from, &to).unwrap()),
        }
    }
}

/// Runs a command line in `folder`, with `stdin`.
fn run(folder: &Path, line: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(&*HUSHTAG)
        .current_dir(folder)
        .args(line)
        .env_remove("HUSHTAG_ROOT_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no stdin closes it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// What must be equal: exit code, keys of the result, and which files are there; noise, keys and times change the rest.
fn outcome(folder: &Path, output: &Output) -> (Option<i32>, BTreeSet<String>, BTreeSet<PathBuf>) {
    let mut all = BTreeSet::new();
    match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(value) => {
            all.extend(value.as_object().into_iter().flat_map(|object| object.keys().cloned()));
            // What an error means, and what to do, are the same in every word.
            for word in ["kind", "fix"] {
                all.extend(value["error"][word].as_str().map(str::to_owned));
            }
        }
        Err(_) => all.extend((!output.stdout.is_empty()).then(|| "text".to_owned())),
    }
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into());
    (output.status.code(), all, files.collect())
}

const QUERY: &str = "SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = 300)";
const GIVEN: &str =
    "person,at,event,trigger,purpose,recipient\n13800000009,2026-09-02T00:00:00Z,withdrawn,,,\n";

/// One command a line; `AS-OF` and `RECIPIENT` stand for those of the demo.
const MATRIX: &[&str] = &[
    "status sandbox",
    "budget sandbox",
    "vocabulary sandbox --recipient RECIPIENT",
    "ask sandbox --recipient RECIPIENT --forecast QUERY",
    "ask sandbox --recipient RECIPIENT QUERY --plot answer.svg",
    "ask sandbox --recipient RECIPIENT QUERY",
    "ask sandbox --recipient RECIPIENT --epoch none QUERY",
    "ask sandbox --recipient stranger QUERY",
    "ask sandbox --recipient RECIPIENT -- SELEKT",
    "--format csv ask sandbox --recipient RECIPIENT QUERY",
    "--format text --lang zh ask sandbox --recipient RECIPIENT QUERY",
    "metrics sandbox --recipient RECIPIENT --forecast",
    "metrics sandbox --recipient RECIPIENT",
    "consent status sandbox --id-file id.txt",
    "consent withdraw sandbox --id-file - --receipt receipt.txt",
    "consent withdraw sandbox --id-file id.txt --receipt receipt.txt",
    "consent record sandbox --id-file id.txt --event objected",
    "consent record sandbox --id-file id.txt --event unheard-of",
    "consent import sandbox given.csv",
    "consent import sandbox absent.csv",
    "consent status sandbox --id-file id.txt --recipient RECIPIENT",
    "consent request open sandbox --kind access --id-file id.txt",
    "consent request list sandbox",
    "consent request close sandbox --number 1 --done",
    "consent export sandbox --out exported.jsonl",
    "consent erase sandbox --id-file -",
    "person sandbox --id-file -",
    "person sandbox --id-file id.txt --proof proof.txt",
    "seal sandbox --check --as-of AS-OF --data follows=input/follows.parquet --data payments=input/payments.parquet --data members=input/members.parquet --consents input/consents.parquet",
    "seal sandbox --epoch second --as-of AS-OF --data follows=input/follows.parquet --data payments=input/payments.parquet --data members=input/members.parquet --consents input/consents.parquet",
    "seal sandbox --epoch second --as-of AS-OF --data follows=input/follows.parquet --data payments=input/payments.parquet --data members=input/members.parquet --consents input/consents.parquet",
    "seal sandbox --epoch second --if-absent --as-of AS-OF --data follows=input/follows.parquet --data payments=input/payments.parquet --data members=input/members.parquet --consents input/consents.parquet",
    "seal sandbox --epoch third --as-of AS-OF --data follows=input/follows.parquet --consents input/absent.parquet",
    "retire sandbox --epoch second",
    "retire sandbox --epoch none",
    "inspect sandbox --epoch demo --key auditor.key",
    "key new --for auditor --out auditor.key",
    "inspect sandbox --epoch demo --key auditor.key",
    "report sandbox --out page.html",
    "report sandbox --out page.html --lang zh --pipia",
    "report sandbox --out sandbox/page.html",
    "audit show sandbox",
    "audit prove sandbox --answer 5 --out bundle.txt",
    "audit prove sandbox --answer 0 --out bundle.txt",
    "audit open-input input/follows.parquet --sandbox sandbox --epoch demo",
    "audit verify sandbox",
    "adopt sandbox --study absent.toml",
    "budget sandbox renew --draft renewal.txt --reason next",
    "key rotate sandbox",
    "key rotate-root sandbox",
    "audit verify sandbox",
    "status sandbox",
];

#[test]
fn every_command_does_beside_the_service_what_it_does_on_the_folder() {
    let (plain, served) =
        (tempfile::tempdir().unwrap(), world(WorldTerms { people: 300, ..WorldTerms::default() }));
    let place = served.folder.parent().unwrap();
    let alone = plain.path().join("alone");
    std::fs::create_dir(&alone).unwrap();
    drop(make(&alone, DemoTerms { people: 300, seed: 7, epsilon: 400 }).unwrap());
    let as_of = Timestamp::from_seconds(SystemClock.now().seconds() / 86_400 * 86_400).to_string();
    for folder in [place, &alone] {
        std::fs::write(folder.join("id.txt"), "13800000007\n").unwrap();
        std::fs::write(folder.join("given.csv"), GIVEN).unwrap();
    }
    // The state of the service lies beside its sandbox.
    copy(&served.state.with_file_name("input"), &alone.join("serve"));
    let mut codes = BTreeSet::new();
    for line in MATRIX {
        let words = line.split(' ').map(|word| match word {
            "AS-OF" => &as_of,
            "RECIPIENT" => RECIPIENT,
            "QUERY" => QUERY,
            word => word,
        });
        let words: Vec<&str> = match line.contains("--format") {
            true => words.collect(),
            false => ["--format", "json"].into_iter().chain(words).collect(),
        };
        let both = [place, alone.as_path()].map(|folder| {
            let output = run(folder, &words, "13800000008\n");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            (outcome(folder, &output), text + &String::from_utf8_lossy(&output.stderr))
        });
        let [(beside, shown), (on_folder, expected)] = both;
        assert_eq!(beside, on_folder, "{line}\n{shown}\n{expected}");
        println!("{:?} {line}", beside.0);
        codes.insert(beside.0);
    }
    assert!(
        codes.is_superset(&[0, 1, 2, 6].map(Some).into()),
        "the matrix has successes and failures: {codes:?}"
    );
}

/// Of the thread that calls it: its niceness (proc(5), `stat`, field 19), and how many processors it may use.
#[cfg(target_os = "linux")]
fn priority() -> (i32, u32) {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let niceness = fields.split(' ').nth(16).unwrap().parse().unwrap();
    (niceness, rustix::thread::sched_getaffinity(None).unwrap().count())
}

/// The threads of a seal want a processor less than queries do and leave one to them, and the thread that started it is as it was.
#[cfg(target_os = "linux")]
#[test]
fn a_seal_runs_behind_queries_with_all_its_threads() {
    let served = world(WorldTerms::default());
    let as_of = Timestamp::from_seconds(SystemClock.now().seconds() / 86_400 * 86_400).to_string();
    let (own, seen) = (priority(), Arc::new(Mutex::new(Vec::new())));
    // A seal that is done at once says nothing on its way.
    for number in 0..50 {
        let input = |name: &str| served.state.with_file_name("input").join(format!("{name}.parquet"));
        let mut line: Vec<String> =
            ["seal", "--epoch", &format!("n{number}"), "--as-of", &as_of].map(str::to_owned).to_vec();
        line.push(served.folder.display().to_string());
        for name in ["follows", "payments", "members"] {
            line.extend(["--data".to_owned(), format!("{name}={}", input(name).display())]);
        }
        line.extend(["--consents".to_owned(), input("consents").display().to_string()]);
        let shown = Arc::clone(&seen);
        let progress = Box::new(move |_: &str| shown.lock().unwrap().push(priority()));
        let sent = Sent::parse(&line).map_err(|done| done.notes).unwrap();
        let done = served.service.sandbox.run(sent, &CancelToken::new(), Some(progress));
        assert_eq!(done.exit, 0, "{}", done.notes);
        if !seen.lock().unwrap().is_empty() {
            break;
        }
    }
    let seen = seen.lock().unwrap();
    let behind = (19, (own.1 - 1).max(1));
    assert!(!seen.is_empty() && seen.iter().all(|one| *one == behind), "{seen:?}");
    assert_eq!(priority(), own);
}
