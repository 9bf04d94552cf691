//! The operator's acts beside the running service: `hushtag` finds its Unix socket.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hushtag_serve::command::start;
use hushtag_serve::sandbox::Who;
use hushtag_serve::sandbox::demo::RECIPIENT;
use serde_json::Value;

use crate::client::connect;
use crate::support::{HUSHTAG, World, WorldTerms, hushtag, runtime, world};

fn done(world: &World, arguments: &[&str]) -> Value {
    let output = hushtag(&world.folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = hushtag(&world.folder, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
}

/// The arguments of a seal of the people that the world was made of.
fn seal(world: &World, epoch: &str) -> Vec<String> {
    let input = world.folder.with_file_name("input");
    let as_of = world.service.sandbox.now().seconds() / 86_400 * 86_400;
    let as_of = hushtag_serve::sandbox::Timestamp::from_seconds(as_of).to_string();
    let mut all: Vec<String> = ["seal", "BOX", "--epoch", epoch, "--as-of", &as_of].map(str::to_owned).into();
    for name in ["follows", "payments", "members"] {
        all.extend([
            "--data".to_owned(),
            format!("{name}={}", input.join(format!("{name}.parquet")).display()),
        ]);
    }
    all.extend(["--consents".to_owned(), input.join("consents.parquet").display().to_string()]);
    all
}

#[test]
fn an_epoch_is_sealed_while_queries_are_answered_and_retired_again() {
    let world = world(WorldTerms { people: 20_000, ..WorldTerms::default() });
    assert_eq!(done(&world, &["status", "BOX"])["epochs"].as_array().unwrap().len(), 1);
    let connected = connect(&world);
    let sql = "SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = 100)";
    let before = connected.rows(sql).unwrap();

    let (sealing, arguments) = (AtomicBool::new(true), seal(&world, "second"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (sealed, meanwhile) = std::thread::scope(|scope| {
        let sealed = scope.spawn(|| {
            let sealed = done(&world, &arguments);
            sealing.store(false, Ordering::SeqCst);
            sealed
        });
        let (started, mut meanwhile) = (Instant::now(), Vec::new());
        for error in 200.. {
            if !sealing.load(Ordering::SeqCst) || started.elapsed() > Duration::from_secs(120) {
                break;
            }
            let new =
                format!("SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = {error})");
            let asked = Instant::now();
            connected.rows(&new).unwrap();
            if sealing.load(Ordering::SeqCst) {
                meanwhile.push(asked.elapsed());
            }
        }
        (sealed.join().unwrap(), meanwhile)
    });
    assert!(meanwhile.len() >= 3, "new answers came while files were read: {meanwhile:?}");
    assert_eq!(sealed["epoch"], "second");
    assert_eq!(sealed["recipients"][0]["id"], RECIPIENT);
    assert_eq!(done(&world, &["status", "BOX"])["epochs"].as_array().unwrap().len(), 2);

    connected.rows("SET hushtag.epoch = 'demo'").unwrap();
    assert_eq!(connected.rows(sql).unwrap(), before, "the first epoch has its stored answer still");
    connected.rows("SET hushtag.epoch = 'second'").unwrap();
    assert!(connected.rows(sql).is_ok(), "the new one answers without a restart");
    assert_eq!(refused(&world, &arguments).0, 6, "an id is used once");
    let retired = done(&world, &["retire", "BOX", "--epoch", "second"]);
    assert_eq!(retired["changed"], true);
    assert!(connected.rows(sql).is_err(), "a retired epoch gives no stored answer");
}

#[test]
fn acts_have_the_exit_codes_and_words_of_the_command() {
    let world = world(WorldTerms { people: 200, ..WorldTerms::default() });
    let (code, text) = refused(&world, &["retire", "BOX", "--epoch", "nothing"]);
    assert!(code == 2 && text.contains("nothing"), "{code} {text}");
    let study = world.state.join("study.toml");
    std::fs::write(&study, "[study]\nid = 1\n").unwrap();
    let (code, text) = refused(&world, &["adopt", "BOX", "--study", study.to_str().unwrap()]);
    assert!(code == 1 && text.contains("study.toml"), "{code} {text}");
    let mut wrong = seal(&world, "third");
    wrong.push("--max-bad-rows".into());
    wrong.push("101".into());
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    let (code, text) = refused(&world, &wrong);
    assert!(code == 2 && text.contains("percentage"), "{code} {text}");
    let draft = world.state.join("renewal.txt");
    let draft = draft.to_str().unwrap();
    let (code, text) =
        refused(&world, &["budget", "BOX", "renew", "--draft", draft, "--reason", "the next quarter"]);
    assert!(code == 2 && text.contains("window"), "the pool of the demo has none: {code} {text}");

    let sql = "SELECT COUNT(*) FROM tags WITH (error = 77)";
    let who = Who::new(RECIPIENT, None).unwrap();
    let is_stored = || world.service.sandbox.forecast_json(&who, sql, None).unwrap()["stored"].clone();
    assert_eq!(is_stored(), false);
    done(&world, &["ask", "BOX", "--recipient", RECIPIENT, sql]);
    assert_eq!(is_stored(), true, "what the operator asked is free for the recipient");

    let before = done(&world, &["status", "BOX"])["vkey"].clone();
    let rotated = done(&world, &["key", "rotate", "BOX"]);
    assert_eq!(rotated["old"], before);
    assert_eq!(done(&world, &["status", "BOX"])["vkey"], rotated["new"]);
    assert!(connect(&world).rows("SELECT COUNT(*) FROM tags").is_ok(), "answers are signed by the new key");
}

#[test]
fn an_adopted_study_is_what_open_connections_see() {
    let world = world(WorldTerms { people: 200, ..WorldTerms::default() });
    let connected = connect(&world);
    let labels = "SELECT DISTINCT spend_tier FROM tags ORDER BY 1";
    let before = connected.rows(labels).unwrap().1;
    let studies = world.folder.join("studies");
    let text = std::fs::read_dir(&studies).unwrap().flatten().map(|entry| entry.path());
    let text = text.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let text = std::fs::read_to_string(text.into_iter().next().unwrap()).unwrap();
    let changed = text.replacen("mid = 50_000", "middle = 50_000", 1);
    assert_ne!(changed, text);
    let study = world.state.join("study.toml");
    std::fs::write(&study, changed).unwrap();
    let adopted = done(&world, &["adopt", "BOX", "--study", study.to_str().unwrap()]);
    assert_eq!(adopted["changed"], true);
    let after = connected.rows(labels).unwrap().1;
    assert_ne!(after, before, "the labels of the study in force");
    assert!(after.iter().flatten().flatten().any(|label| label == "middle"), "{after:?}");
}

#[test]
fn the_socket_is_the_services_own_and_no_other_users() {
    let mut world = world(WorldTerms { people: 200, ..WorldTerms::default() });
    let socket = world.state.join("operator.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = runtime().block_on(start(std::sync::Arc::clone(&world.service), false));
    assert!(second.is_err(), "one service listens there already");

    // Even where the file's mode lets others connect, they are turned away.
    let place = world.folder.parent().unwrap().to_owned();
    for (path, mode) in [(&place, 0o755), (&world.state, 0o755), (&socket, 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let program = HUSHTAG.to_str().unwrap();
    let as_nobody = |arguments: &[&str]| {
        Command::new("runuser").args(["-u", "nobody", "--", program]).args(arguments).output()
    };
    if as_nobody(&["--version"]).is_ok_and(|output| output.status.success()) {
        let folder = world.folder.to_str().unwrap();
        let output =
            as_nobody(&["budget", folder, "renew", "--draft", "/tmp/no", "--reason", "none"]).unwrap();
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.stdout.is_empty());
    } else {
        println!("note: no other user can be had here, so the check of users was not tried");
    }
    let prove = |out: &str| {
        let out = world.state.join(out);
        hushtag(&world.folder, &["audit", "prove", "BOX", "0", "--out", out.to_str().unwrap()])
    };
    // No entry 0 is an answer, which the service finds out.
    assert_eq!(prove("a").status.code(), Some(2));

    runtime().block_on(world.started.take().unwrap().stop());
    assert!(!socket.exists(), "a service that stops removes it");
    // A killed one leaves it.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let started = runtime().block_on(start(std::sync::Arc::clone(&world.service), false)).unwrap();
    assert_eq!(prove("b").status.code(), Some(2), "the new socket is found");
    runtime().block_on(started.stop());
    let output = hushtag(&world.folder, &["--wait", "0", "retire", "BOX", "--epoch", "demo"]);
    assert_eq!(output.status.code(), Some(1), "the sandbox is still open here, and no socket is");
    assert!(String::from_utf8_lossy(&output.stdout).contains("in use"));
}
