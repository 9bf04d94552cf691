//! The program itself, killed at any moment under load: nothing that was answered is lost, nothing is charged twice, and the books verify.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushtag::Keys;
use hushtag::sandbox::{Folder, verify_log};
use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{Clock, SystemClock};
use hushtag_serve::tokens::{Role, TokenStore};
use serde_json::{Value, json};

use crate::support::{HUSHTAG, hushtag};

/// How often the program is killed; `HUSHTAG_KILLS` says another number.
fn kills() -> u64 {
    std::env::var("HUSHTAG_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// The program, and the port of its HTTP door.
pub(crate) fn run(config: &Path) -> (Child, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hushtag-serve"))
        .args(["run", "--config"])
        .arg(config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().unwrap_or_else(|| panic!("it stopped: {:?}", child.try_wait())).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let listen = value["fields"]["listen"].as_str().unwrap_or_default();
        if value["fields"]["message"] == "http" {
            break listen.trim_end_matches(')').rsplit(':').next().unwrap().parse().unwrap();
        }
    };
    // Lines that no one reads would fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (child, port)
}

fn ask(port: u16, token: &str, sql: &str) -> Option<Value> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let request = agent.post(format!("http://127.0.0.1:{port}/v1/queries"));
    let request = request.header("Authorization", format!("Bearer {token}"));
    let mut response = request.send(json!({ "sql": sql }).to_string()).ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    assert_eq!(response.status(), 200, "{sql}: {text}");
    serde_json::from_str(&text).ok()
}

#[test]
fn killed_at_any_moment_under_load_it_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    drop(make(place.path(), DemoTerms { people: 300, seed: 3, epsilon: 900 }).unwrap());
    let state = place.path().join("serve");
    let tokens = TokenStore::open(&state).unwrap();
    let token = tokens.add(Role::Analyst, (Some(RECIPIENT), None), 1, SystemClock.now()).unwrap().0.reveal();
    let config = place.path().join("serve.toml");
    std::fs::write(&config, "sandbox = \"sandbox\"\nstate = \"serve\"\n[http]\nlisten = \"127.0.0.1:0\"\n")
        .unwrap();
    let answers: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    for kill in 0..kills() {
        let (mut child, port) = run(&config);
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (stop, answers, token) = (Arc::clone(&stop), Arc::clone(&answers), token.clone());
                std::thread::spawn(move || {
                    for number in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let error = 100 + kill * 1_000 + client * 200 + number;
                        let sql = format!(
                            "SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = {error})"
                        );
                        let Some(answer) = ask(port, &token, &sql) else { continue };
                        answers.lock().unwrap().insert(sql, answer["rows"].clone());
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300 + kill * 137 % 700));
        child.kill().unwrap();
        child.wait().unwrap();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
        let folder = Folder::open(&place.path().join("sandbox")).unwrap();
        // Charges that were not yet logged are settled by the next writer, so only the log itself is looked at here.
        verify_log(&folder, None, None, None).unwrap();
    }
    let (mut child, port) = run(&config);
    let answers = answers.lock().unwrap();
    assert!(!answers.is_empty());
    for (sql, rows) in answers.iter() {
        let again = ask(port, &token, sql).unwrap();
        assert_eq!((&again["stored"], &again["rows"]), (&json!(true), rows), "{sql}");
    }
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success() && child.wait().unwrap().success(), "SIGTERM is a stop in peace");
    let folder = Folder::open(&place.path().join("sandbox")).unwrap();
    let verified = verify_log(&folder, None, Some(Keys::InFolder), None).unwrap();
    assert!(verified.charges.unwrap() >= u64::try_from(answers.len()).unwrap());
}

#[test]
fn killed_in_the_middle_of_a_seal_it_has_the_epoch_as_a_whole_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    drop(make(place.path(), DemoTerms { people: 3_000, seed: 3, epsilon: 900 }).unwrap());
    let config = place.path().join("serve.toml");
    std::fs::write(&config, "sandbox = \"sandbox\"\nstate = \"serve\"\n[http]\nlisten = \"127.0.0.1:0\"\n")
        .unwrap();
    let (input, as_of) = (place.path().join("input"), SystemClock.now().seconds() / 86_400 * 86_400);
    let as_of = hushtag_serve::sandbox::Timestamp::from_seconds(as_of).to_string();
    let sandbox = place.path().join("sandbox");
    let mut done = Vec::new();
    for kill in 0..kills() {
        let (mut child, _) = run(&config);
        let epoch = format!("killed-{kill}");
        let mut seal = Command::new(&*HUSHTAG);
        seal.arg("seal").arg(&sandbox).args(["--epoch", &epoch, "--as-of", &as_of]);
        seal.stdout(Stdio::null()).stderr(Stdio::null());
        for name in ["follows", "payments", "members"] {
            seal.arg("--data").arg(format!("{name}={}", input.join(format!("{name}.parquet")).display()));
        }
        let mut seal = seal.arg("--consents").arg(input.join("consents.parquet")).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + kill * 211 % 1_500));
        child.kill().unwrap();
        child.wait().unwrap();
        if seal.wait().unwrap().success() {
            done.push(epoch);
        }
    }
    let (mut child, _) = run(&config);
    let status = hushtag(&sandbox, &["status", "BOX"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let epochs: Vec<&str> =
        status["epochs"].as_array().unwrap().iter().map(|epoch| epoch["id"].as_str().unwrap()).collect();
    assert!(epochs.contains(&"demo"), "{epochs:?}");
    assert!(done.iter().all(|epoch| epochs.contains(&epoch.as_str())), "{done:?} {epochs:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let folder = Folder::open(&place.path().join("sandbox")).unwrap();
    verify_log(&folder, None, Some(Keys::InFolder), None).unwrap();
}
