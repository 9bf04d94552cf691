//! Bodies without end, bytes one by one, clients that vanish, thousands that only sit there, and a token that is revoked while it is used.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use hushtag_serve::sandbox::demo::RECIPIENT;
use hushtag_serve::settings::{Bounded, Limits};

use crate::client::connect;
use crate::faults::{logged_in, logged_in_at, message, startup};
use crate::program::{Home, ask};
use crate::support::{World, WorldTerms, world};

fn quick() -> World {
    let limits = Limits { client_seconds: Bounded::of(1), idle_seconds: Bounded::of(2), ..Limits::default() };
    world(WorldTerms { limits, people: 200, ..WorldTerms::default() })
}

/// A request head with a token.
fn head(world: &World, rest: &str) -> String {
    format!(
        "POST /v1/queries HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n{rest}\r\n\r\n",
        world.analyst
    )
}

/// The status that comes back for these bytes.
fn status(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.http).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(bytes);
    let mut line = [0; 12];
    match stream.read_exact(&mut line) {
        Ok(()) => String::from_utf8_lossy(line.split_at(9).1).into_owned(),
        Err(error) => error.to_string(),
    }
}

fn with_body(world: &World, body: &[u8]) -> String {
    let head = head(world, &format!("Content-Length: {}", body.len()));
    status(world, &[head.as_bytes(), body].concat())
}

/// Open connections at a door, once they are so few or some seconds are over.
fn open_at(world: &World, door: &str, wanted: usize) -> usize {
    let started = Instant::now();
    loop {
        let text = world.service.monitoring.text(&world.service.sandbox.gauges().unwrap());
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("hushtag_connections{{door=\"{door}\"}} ")));
        let open = line.map_or(0, |number| number.parse().unwrap());
        if open == wanted || started.elapsed() > Duration::from_secs(20) {
            return open;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_body_without_end_a_deep_one_and_one_that_is_no_text_are_refused_at_no_cost() {
    let world = quick();
    assert_eq!(status(&world, head(&world, "Content-Length: 100000000").as_bytes()), "413");
    // In chunks nothing says beforehand how much comes.
    let mut stream = TcpStream::connect(world.http).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(head(&world, "Transfer-Encoding: chunked").as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x1_0000], b"\r\n"].concat();
    let taken = (0..1_600).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(taken < 400, "{taken} chunks of 64 KiB were taken in");
    let deep =
        |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    assert_eq!(with_body(&world, deep("[", "]", 100_000).as_bytes()), "400");
    assert_eq!(with_body(&world, deep("{\"sql\":", "}", 30_000).as_bytes()), "400");
    let sql = format!(
        "SELECT COUNT(*) FROM tags WHERE {}region = 'east'{}",
        "(".repeat(50_000),
        ")".repeat(50_000)
    );
    assert_eq!(with_body(&world, serde_json::json!({ "sql": sql }).to_string().as_bytes()), "422");
    let sql = format!("SELECT COUNT(*) FROM tags WHERE {} region = 'east'", "NOT ".repeat(50_000));
    assert_eq!(with_body(&world, serde_json::json!({ "sql": sql }).to_string().as_bytes()), "422");
    assert_eq!(with_body(&world, b"{\"sql\": \"SELECT \xff\xfe\"}"), "400");
    assert_eq!(with_body(&world, br#"{"sql": "SELECT COUNT(*) FROM tags\u0000"}"#), "422");
    assert_eq!(with_body(&world, br#"{"sql": "SELECT 1", "sql": "SELECT 1"}"#), "400");
    assert_eq!(world.spent(), 0);
    assert_eq!(with_body(&world, br#"{"sql": "SELECT COUNT(*) FROM tags"}"#), "200");
}

#[test]
fn bytes_one_by_one_hold_no_connection_longer_than_a_request_may_take() {
    let world = quick();
    let body = head(&world, "Content-Length: 1000");
    let password = [startup(RECIPIENT), b"p\0\0\0\xff".to_vec()].concat();
    let cases: [(&str, bool, Vec<u8>); 4] = [
        ("head", true, b"GET /healthz HTTP/1.1\r\n".to_vec()),
        ("body", true, body.into_bytes()),
        ("startup", false, startup(RECIPIENT).split_at(6).0.to_vec()),
        ("password", false, password),
    ];
    for (name, is_http, begin) in cases {
        let mut stream = TcpStream::connect(if is_http { world.http } else { world.postgres }).unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.write_all(&begin).unwrap();
        let started = Instant::now();
        let mut byte = [0; 512];
        let ended = loop {
            assert!(started.elapsed() < Duration::from_secs(15), "{name}: still open");
            if stream.write_all(b"a").is_err() {
                break "reset";
            }
            match stream.read(&mut byte) {
                Ok(0) => break "closed",
                Ok(_) if is_http => break "answered",
                _ => {}
            }
        };
        assert!(started.elapsed() < Duration::from_secs(8), "{name}: {ended} after {:?}", started.elapsed());
    }
    assert_eq!((open_at(&world, "http", 0), open_at(&world, "postgres", 0)), (0, 0));
}

#[test]
fn clients_that_stop_listening_or_vanish_leave_nothing_behind() {
    let world = quick();
    // Half closed: the query is complete, and its answer still wanted.
    let mut half = TcpStream::connect(world.http).unwrap();
    half.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let body = br#"{"sql": "SELECT COUNT(*) FROM tags"}"#;
    half.write_all(&[head(&world, &format!("Content-Length: {}", body.len())).as_bytes(), body].concat())
        .unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = half.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    // Vanished in the middle of a statement, without a farewell.
    for _ in 0..20 {
        let mut gone = logged_in(&world);
        gone.write_all(&message(b'Q', b"SELECT region, COUNT(*) FROM tags GROUP BY region\0")).unwrap();
        drop(gone);
    }
    // Silent, with its connection open: another machine that lost its power looks like this.
    let silent = logged_in(&world);
    assert_eq!((open_at(&world, "http", 0), open_at(&world, "postgres", 0)), (0, 0));
    drop(silent);
    let connected = connect(&world);
    let spent = world.spent();
    assert!(connected.rows("SELECT region, COUNT(*) FROM tags GROUP BY region").is_ok());
    assert_eq!(world.spent(), spent, "what they asked was charged once and stored");
}

/// Memory of a process, in KiB.
fn memory(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

/// How many files a process may have open.
fn most_files() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find(|line| line.starts_with("Max open files"));
    files.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(u64::MAX)
}

#[test]
fn ten_thousand_idle_connections_take_little_and_hinder_no_one() {
    let _alone = crate::support::alone();
    let doors = "[http]\nlisten = \"127.0.0.1:0\"\n[limits]\nconnections = 10000\nclient_seconds = 300\n";
    let home = Home::new(200, doors);
    let (mut program, port) = home.run();
    let process = program.0.id();
    assert_eq!(ask(port, &home.token, "SELECT COUNT(*) FROM tags").unwrap().0, 200);
    // Each end is one file of its process.
    let idle = usize::try_from(most_files().saturating_sub(500)).unwrap().min(9_900);
    let before = memory(process);
    let mut held = Vec::with_capacity(idle);
    for number in 0..idle {
        held.push(
            TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|error| panic!("{number}: {error}")),
        );
    }
    let asked = Instant::now();
    assert_eq!(ask(port, &home.token, "SELECT COUNT(*) FROM tags").unwrap().1["stored"], true);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let grown = memory(process).saturating_sub(before);
    println!("{idle} idle connections: {grown} KiB more than {before} KiB");
    assert!(grown < 40 * u64::try_from(idle).unwrap(), "{grown} KiB");
    drop(held);
    assert_eq!(ask(port, &home.token, "SELECT COUNT(*) FROM tags").unwrap().0, 200);
    assert!(program.stop().success());
}

#[test]
fn a_thousand_sessions_that_logged_in_take_little_each() {
    let _alone = crate::support::alone();
    let home = Home::new(200, "[postgres]\nlisten = \"127.0.0.1:0\"\n[limits]\nconnections = 1000\n");
    let (mut program, port) = home.run();
    let sessions = usize::try_from(most_files().saturating_sub(500)).unwrap().min(1_000);
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    drop(logged_in_at(at, &home.token));
    let before = memory(program.0.id());
    let held: Vec<TcpStream> = (0..sessions).map(|_| logged_in_at(at, &home.token)).collect();
    let used = memory(program.0.id());
    println!("{} sessions: {used} KiB, one: {before} KiB", held.len());
    let each = used.saturating_sub(before) / u64::try_from(sessions).unwrap();
    assert!(each < 150, "{each} KiB");
    assert!(program.stop().success());
}

#[test]
fn a_token_that_is_revoked_in_the_middle_of_a_statement_opens_no_other_one() {
    let world = world(WorldTerms { people: 200, ..WorldTerms::default() });
    let connected = connect(&world);
    connected.rows("SELECT COUNT(*) FROM tags").unwrap();
    let spent = world.spent();
    // Public words alone, for some seconds.
    let long = "SELECT COUNT(*) FROM vocabulary a, vocabulary b, vocabulary c, vocabulary d \
                WHERE a.label || b.label || c.label || d.label = 'x'";
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| (connected.rows(long), Instant::now()));
        std::thread::sleep(Duration::from_millis(100));
        let id = world.service.tokens.list().unwrap();
        let id = &id.iter().find(|record| record.recipient.as_deref() == Some(RECIPIENT)).unwrap().id;
        world.service.tokens.revoke(id).unwrap();
        let revoked = Instant::now();
        let (answer, ended) = asked.join().unwrap();
        assert!(ended > revoked, "it was revoked in the middle");
        // What was begun with a token in force is finished, or says why not.
        assert!(answer.is_ok() || answer.unwrap_err().as_db_error().is_some());
    });
    assert_eq!(connected.error("SELECT COUNT(*) FROM tags WHERE region = 'east'").0, "28000");
    assert!(connected.rows("SELECT 1").is_err(), "the connection is closed");
    assert_eq!(with_body(&world, br#"{"sql": "SELECT COUNT(*) FROM tags"}"#), "401");
    assert_eq!(world.spent(), spent);
}
