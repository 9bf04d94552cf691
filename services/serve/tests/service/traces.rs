//! Spans of the program go to a collector of OpenTelemetry, without a word of what was asked.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use hushtag_serve::sandbox::demo::RECIPIENT;

use crate::program::{HTTP, Home, ask};

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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || collect(&listener, b"query"));

    let home = Home::new(300, &format!("{HTTP}[traces]\nendpoint = \"{endpoint}\"\n"));
    let (mut program, port) = home.run();
    let sql =
        "SELECT region, COUNT(*) FROM tags WHERE spend_tier <> 'none' GROUP BY region WITH (error = 200)";
    let (status, answer) = ask(port, &home.token, sql).unwrap();
    assert!(status == 200 && answer["rows"].is_array(), "{answer}");
    assert!(program.stop().success());

    let sent = collector.join().unwrap();
    for known in ["hushtag-serve", "query", "ask", RECIPIENT] {
        assert!(holds(&sent, known.as_bytes()), "{known}");
    }
    for secret in ["SELECT", "spend_tier", "none", home.token.as_str(), "error = 200"] {
        assert!(!holds(&sent, secret.as_bytes()), "{secret}");
    }
}
