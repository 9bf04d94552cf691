//! Spans of the program go to a collector of OpenTelemetry, without a word of what was asked.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{Clock, SystemClock};
use hushtag_serve::tokens::{Role, TokenStore};
use serde_json::{Value, json};

use crate::killed::run;

/// Takes one request after the other, until the last client is gone, and gives their bytes.
fn collect(listener: &TcpListener, wanted: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while !holds(&all, wanted) {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let mut buffer = [0; 65_536];
        // The exporter keeps its connection, so each request is answered as its bytes come.
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            all.extend_from_slice(&buffer[..read]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    }
    all
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn spans_reach_a_collector_without_sql_label_or_token() {
    let place = tempfile::tempdir().unwrap();
    drop(make(place.path(), DemoTerms { people: 300, seed: 3, epsilon: 400 }).unwrap());
    let tokens = TokenStore::open(&place.path().join("serve")).unwrap();
    let now = SystemClock.now();
    let token = tokens.add(Role::Analyst, (Some(RECIPIENT), None), 1, now).unwrap().0.reveal().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || collect(&listener, b"query"));

    let config = place.path().join("serve.toml");
    let text = format!(
        "sandbox = \"sandbox\"\nstate = \"serve\"\n[http]\nlisten = \"127.0.0.1:0\"\n[traces]\nendpoint = \"{endpoint}\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let (mut child, port) = run(&config);
    let sql =
        "SELECT region, COUNT(*) FROM tags WHERE spend_tier <> 'none' GROUP BY region WITH (error = 200)";
    let answer: Value = ureq::post(format!("http://127.0.0.1:{port}/v1/queries"))
        .header("Authorization", format!("Bearer {token}"))
        .send_json(json!({ "sql": sql }))
        .unwrap()
        .body_mut()
        .read_json()
        .unwrap();
    assert!(answer["rows"].is_array());
    let stopped =
        Command::new("kill").args(["-TERM", &child.id().to_string()]).stderr(Stdio::null()).status();
    assert!(stopped.unwrap().success() && child.wait().unwrap().success());

    let sent = collector.join().unwrap();
    for known in ["hushtag-serve", "query", "ask", RECIPIENT] {
        assert!(holds(&sent, known.as_bytes()), "{known}");
    }
    for secret in ["SELECT", "spend_tier", "none", token.as_str(), "error = 200"] {
        assert!(!holds(&sent, secret.as_bytes()), "{secret}");
    }
}
