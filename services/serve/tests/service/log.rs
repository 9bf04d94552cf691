//! The log as static files.

use std::path::Path;
use std::process::Command;

use hushtag::{Answer, Keys, Operator, RecipientId};
use hushtag_serve::sandbox::demo::RECIPIENT;
use serde_json::Value;

use crate::program::{HTTP, Home};
use crate::support::{hushtag, shared};

fn get(path: &str) -> (u16, Vec<u8>) {
    let world = shared();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.get(format!("http://{}{path}", world.http));
    let mut response = request.header("Authorization", format!("Bearer {}", world.auditor)).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
}

#[test]
fn the_files_are_those_of_the_sandbox() {
    let _alone = crate::support::alone();
    let world = shared();
    let (status, checkpoint) = get("/log/checkpoint");
    assert_eq!(status, 200);
    let text = String::from_utf8(checkpoint).unwrap();
    let size: u64 = text.lines().nth(1).unwrap().parse().unwrap();
    let (_, key) = get("/log/key");
    let name = String::from_utf8(key).unwrap();
    assert!(text.starts_with(name.split('+').next().unwrap()), "{name} {text}");
    // Another test may append meanwhile, and partial tiles go then: one of the sizes from here on is there.
    let found = (size..size + 20).any(|size| {
        let (status, bytes) = get(&format!("/log/tile/entries/000.p/{size}"));
        let at_rest = std::fs::read(world.folder.join(format!("log/tile/entries/000.p/{size}")));
        status == 200 && at_rest.is_ok_and(|file| file == bytes)
    });
    assert!(found, "{size}");
}

#[test]
fn an_auditor_with_curl_and_the_key_verifies_the_log_and_finds_a_changed_byte() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("note: curl is not installed, so the log was not downloaded with it");
        return;
    }
    let home = Home::new(200, &format!("{HTTP}public_log = true\n"));
    let status = hushtag(&home.sandbox(), &["status", "BOX"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let key = status["vkey"].as_str().unwrap();
    let mirror = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mirror-log.sh");
    let copy = home.place.path().join("copy");
    let verify =
        |more: &[&str]| hushtag(&copy, &[&["audit", "verify", "BOX", "--log-alone"][..], more].concat());
    // More entries than a tile has hashes, and a second download over the first one.
    for wanted in [5_u64, 280] {
        let operator = Operator::options(Keys::InFolder).without_response_slot().open(&home.sandbox());
        let operator = operator.unwrap();
        let analyst = operator.analyst(&RecipientId::new(RECIPIENT).unwrap(), None).unwrap();
        for error in 1_000..1_000 + wanted {
            let sql = format!("SELECT COUNT(*) FROM tags WITH (error = {error})");
            assert!(matches!(analyst.ask(&sql, None), Ok(Answer::Released(_))));
        }
        drop((analyst, operator));
        let (mut program, port) = home.run();
        let url = format!("http://127.0.0.1:{port}");
        let copied = Command::new("bash").arg(&mirror).arg(url).arg(&copy).output().unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let verified = verify(&["--key", key]);
        let found: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert!(verified.status.success() && found["entries"].as_u64().unwrap() > wanted, "{found}");
        assert!(program.stop().success());
    }
    assert_eq!(verify(&[]).status.code(), Some(2), "a key is needed");
    let other = key.replacen("hushtag/", "hushtag/x", 1);
    assert_ne!(verify(&["--key", &other]).status.code(), Some(0));
    let bundle = copy.join("log/tile/entries/000");
    let mut bytes = std::fs::read(&bundle).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    assert_eq!(verify(&["--key", key]).status.code(), Some(5));
}

#[test]
fn nothing_else_of_the_sandbox_is_a_path() {
    let _alone = crate::support::alone();
    for path in [
        "/log/tile/../../keys/root.key",
        "/log/tile/..%2f..%2fkeys%2froot.key",
        "/log/tile/%2e%2e/%2e%2e/keys/root.key",
        "/log/tile/entries/../../../keys/root.key",
        "/log/tile/0/000.p/../../../keys/root.key",
        "/log/tile//keys/root.key",
        "/keys/root.key",
        "/sandbox.toml",
        "/log/tile/keys/000",
    ] {
        let (status, bytes) = get(path);
        assert!(status == 404 || status == 400, "{path}: {status}");
        assert!(bytes.starts_with(b"{") || bytes.is_empty(), "{path}");
    }
}
