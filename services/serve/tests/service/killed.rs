//! The program itself, killed at any moment under load: nothing that was answered is lost, nothing is charged twice, and the books verify.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushtag::Keys;
use hushtag::sandbox::{Folder, verify_log};
use hushtag_serve::sandbox::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::program::{HTTP, Home, Running, ask};
use crate::support::{HUSHTAG, hushtag};

/// How often the program is killed; `HUSHTAG_KILLS` says another number.
fn kills() -> u64 {
    std::env::var("HUSHTAG_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[test]
fn killed_at_any_moment_under_load_it_loses_nothing() {
    let home = Home::new(300, HTTP);
    let answers: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    for kill in 0..kills() {
        let (mut program, port) = home.run();
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (stop, answers, token) = (Arc::clone(&stop), Arc::clone(&answers), home.token.clone());
                std::thread::spawn(move || {
                    for number in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let error = 100 + kill * 1_000 + client * 200 + number;
                        let sql = format!(
                            "SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = {error})"
                        );
                        let Some((status, answer)) = ask(port, &token, &sql) else { continue };
                        assert_eq!(status, 200, "{sql}: {answer}");
                        answers.lock().unwrap().insert(sql, answer["rows"].clone());
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300 + kill * 137 % 700));
        program.kill();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
        let folder = Folder::open(&home.sandbox()).unwrap();
        // Charges that were not yet logged are settled by the next writer, so only the log itself is looked at here.
        verify_log(&folder, None, None, None).unwrap();
    }
    let (mut program, port) = home.run();
    let answers = answers.lock().unwrap();
    assert!(!answers.is_empty());
    for (sql, rows) in answers.iter() {
        let (_, again) = ask(port, &home.token, sql).unwrap();
        assert_eq!((&again["stored"], &again["rows"]), (&json!(true), rows), "{sql}");
    }
    assert!(program.stop().success(), "SIGTERM is a stop in peace");
    let folder = Folder::open(&home.sandbox()).unwrap();
    let verified = verify_log(&folder, None, Some(Keys::InFolder), None).unwrap();
    assert!(verified.charges.unwrap() >= u64::try_from(answers.len()).unwrap());
}

#[test]
fn killed_in_the_middle_of_a_seal_it_has_the_epoch_as_a_whole_or_not_at_all() {
    let home = Home::new(3_000, HTTP);
    let (input, as_of) = (home.place.path().join("input"), SystemClock.now().seconds() / 86_400 * 86_400);
    let as_of = hushtag_serve::sandbox::Timestamp::from_seconds(as_of).to_string();
    let sandbox = home.sandbox();
    let mut done = Vec::new();
    for kill in 0..kills() {
        let (mut program, _) = home.run();
        let epoch = format!("killed-{kill}");
        let mut seal = Command::new(&*HUSHTAG);
        seal.arg("seal").arg(&sandbox).args(["--epoch", &epoch, "--as-of", &as_of]);
        seal.stdout(Stdio::null()).stderr(Stdio::null());
        for name in ["follows", "payments", "members"] {
            seal.arg("--data").arg(format!("{name}={}", input.join(format!("{name}.parquet")).display()));
        }
        let mut seal = Running(seal.arg("--consents").arg(input.join("consents.parquet")).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(20 + kill * 211 % 1_500));
        program.kill();
        if seal.0.wait().unwrap().success() {
            done.push(epoch);
        }
    }
    let (mut program, _) = home.run();
    let status = hushtag(&sandbox, &["status", "BOX"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let epochs: Vec<&str> =
        status["epochs"].as_array().unwrap().iter().map(|epoch| epoch["id"].as_str().unwrap()).collect();
    assert!(epochs.contains(&"demo"), "{epochs:?}");
    assert!(done.iter().all(|epoch| epochs.contains(&epoch.as_str())), "{done:?} {epochs:?}");
    program.kill();
    let folder = Folder::open(&home.sandbox()).unwrap();
    verify_log(&folder, None, Some(Keys::InFolder), None).unwrap();
}
