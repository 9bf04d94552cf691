//! A disk that is full and a clock that is set back: what cannot be recorded is not answered, and nothing of it is lost or charged twice.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hushtag::Keys;
use hushtag::sandbox::{Folder, verify_log};
use hushtag_serve::sandbox::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::program::{HTTP, Home, PROGRAM, ask, run};
use crate::support::{WorldTerms, world_at};

fn query(error: u64) -> String {
    format!("SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = {error})")
}

#[test]
fn a_full_disk_is_said_and_what_was_answered_is_there_when_it_has_room() {
    let home = Home::new(300, HTTP);
    let config = home.place.path().join("serve.toml");
    // No file grows beyond 256 KiB, 512 blocks: a write that would fails, as on a full disk.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh", PROGRAM]);
    let (mut program, port) = run(limited, &config);
    let mut answers: Vec<(String, Value)> = Vec::new();
    let refused = (0..20_000).map(|number| query(1_000 + number)).find_map(|sql| {
        match ask(port, &home.token, &sql).unwrap() {
            (200, answer) => {
                answers.push((sql, answer["rows"].clone()));
                None
            }
            refused => Some(refused),
        }
    });
    let (status, problem) = refused.expect("the disk was never full");
    assert_eq!((status, &problem["type"]), (503, &json!("urn:hushtag:problem:storage")), "{problem}");
    assert!(!answers.is_empty() && !problem.to_string().contains("ledger"), "{problem}");
    let get = |path: &str| ureq::get(format!("http://127.0.0.1:{port}{path}")).call();
    assert_eq!(get("/healthz").unwrap().status(), 200, "the process lives");
    assert!(matches!(get("/readyz"), Err(ureq::Error::StatusCode(503))), "it answers no more");
    assert!(program.stop().success());
    drop(program);

    let (mut program, port) = home.run();
    for (sql, rows) in &answers {
        let (_, again) = ask(port, &home.token, sql).unwrap();
        assert_eq!((&again["stored"], &again["rows"]), (&json!(true), rows), "{sql}");
    }
    assert_eq!(ask(port, &home.token, &query(900)).unwrap().0, 200, "it goes on");
    assert!(program.stop().success());
    let folder = Folder::open(&home.sandbox()).unwrap();
    let verified = verify_log(&folder, None, Some(Keys::InFolder), None).unwrap();
    let charges = verified.charges.unwrap();
    // The one that met the full disk may be charged; it is then answered at no further cost.
    assert!(
        (answers.len() + 1..=answers.len() + 2).contains(&usize::try_from(charges).unwrap()),
        "{charges}"
    );
}

/// A clock that a test sets, in seconds.
#[derive(Clone)]
struct SetClock(Arc<AtomicI64>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn a_clock_that_is_set_back_stops_new_answers_until_it_is_right_again_and_no_stored_one() {
    let now = hushtag_serve::sandbox::SystemClock.now().seconds() + 60;
    let clock = SetClock(Arc::new(AtomicI64::new(now)));
    let terms = WorldTerms { people: 200, ..WorldTerms::default() };
    let world = world_at(terms, clock.clone());
    let ask = |error| ask(world.http.port(), &world.analyst, &query(error)).unwrap();
    let (status, first) = ask(500);
    assert_eq!((status, &first["stored"]), (200, &json!(false)), "{first}");
    let spent = world.spent();
    clock.0.store(now - 10, Ordering::SeqCst);
    let (status, problem) = ask(501);
    assert_eq!((status, &problem["type"]), (503, &json!("urn:hushtag:problem:storage")), "{problem}");
    let (status, again) = ask(500);
    assert_eq!((status, &again["stored"], &again["rows"]), (200, &json!(true), &first["rows"]));
    assert_eq!(world.spent(), spent, "nothing was charged");
    clock.0.store(now, Ordering::SeqCst);
    assert_eq!(ask(501).0, 200);
    assert!(world.spent() > spent);
}
