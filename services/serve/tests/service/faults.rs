//! Slow, silent, large and broken clients; a full house; a stop in the middle.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtag_serve::sandbox::demo::RECIPIENT;
use hushtag_serve::settings::{Bounded, Limits};
use tokio_postgres::NoTls;

use crate::support::{World, WorldTerms, runtime, world};

fn strict() -> World {
    let limits = Limits {
        connections: Bounded::of(8),
        client_seconds: Bounded::of(1),
        request_bytes: Bounded::of(20_000),
        idle_seconds: Bounded::of(3),
        ..Limits::default()
    };
    world(WorldTerms { limits, people: 200, ..WorldTerms::default() })
}

/// Whether the other side closes the connection within the time.
fn closes(mut stream: &TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

pub(crate) fn startup(user: &str) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for word in ["user", user, "database", "hushtag", ""] {
        body.extend(word.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes(), body.as_slice()].concat()
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

/// A connection that logged in by hand.
pub(crate) fn logged_in(world: &World) -> TcpStream {
    logged_in_at(world.postgres, &world.analyst)
}

/// As [`logged_in`], at this address with this token.
pub(crate) fn logged_in_at(at: SocketAddr, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(&startup(RECIPIENT)).unwrap();
    let mut asked = [0; 9];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(asked, [b'R', 0, 0, 0, 8, 0, 0, 0, 3]);
    stream.write_all(&message(b'p', &[token.as_bytes(), &[0]].concat())).unwrap();
    let mut ready = Vec::new();
    let mut byte = [0; 4096];
    while !ready.ends_with(&[b'Z', 0, 0, 0, 5, b'I']) {
        let read = stream.read(&mut byte).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&ready));
        ready.extend(&byte[..read]);
    }
    stream
}

fn is_alive(world: &World) -> bool {
    let response = ureq::get(format!("http://{}/healthz", world.http)).call();
    response.is_ok_and(|response| response.status() == 200)
}

#[test]
fn slow_and_silent_clients_are_let_go() {
    let world = strict();
    let connect = |at: SocketAddr| TcpStream::connect(at).unwrap();
    let started = Instant::now();
    let (silent, mut drip) = (connect(world.http), connect(world.http));
    drip.write_all(b"POST /v1/queries HTTP/1.1\r\nHost: a\r\n").unwrap();
    let mut body = connect(world.http);
    let head = format!(
        "POST /v1/queries HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        world.analyst
    );
    body.write_all(head.as_bytes()).unwrap();
    let (quiet, mut half) = (connect(world.postgres), connect(world.postgres));
    half.write_all(&startup(RECIPIENT)[..10]).unwrap();
    let mut no_password = connect(world.postgres);
    no_password.write_all(&startup(RECIPIENT)).unwrap();
    for (name, stream) in [
        ("silent http", &silent),
        ("half a head", &drip),
        ("silent wire", &quiet),
        ("half a startup", &half),
        ("no password", &no_password),
    ] {
        assert!(closes(stream, Duration::from_secs(20)), "{name}");
    }
    let mut answer = [0; 12];
    body.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    body.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    let idle = logged_in(&world);
    assert!(closes(&idle, Duration::from_secs(20)), "idle");
    assert!(started.elapsed() < Duration::from_secs(120));
    assert!(is_alive(&world));
}

#[test]
fn large_and_broken_messages_end_their_connection_and_no_other() {
    let world = strict();
    // A message of 1 GiB, of which only the beginning comes.
    let mut large = logged_in(&world);
    large.write_all(&[b'Q', 0x40, 0, 0, 0]).unwrap();
    let chunk = vec![b' '; 1 << 16];
    let sent = (0..200).take_while(|_| large.write_all(&chunk).is_ok()).count();
    assert!(sent < 200 || closes(&large, Duration::from_secs(10)), "12 MiB were taken in");
    let mut utf8 = logged_in(&world);
    utf8.write_all(&message(b'Q', b"SELECT '\xff\xfe'\0")).unwrap();
    let mut answer = [0; 1];
    let read = utf8.read(&mut answer).unwrap();
    assert!(read == 0 || answer[0] == b'E', "{}", answer[0]);
    for junk in [
        &b"\0\0\0\x08\x04\xd2\x16\x2e"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff\0\x03\0\0",
    ] {
        let mut stream = TcpStream::connect(world.postgres).unwrap();
        let _ = stream.write_all(junk);
        assert!(closes(&stream, Duration::from_secs(20)), "{junk:?}");
    }
    // Messages before the login.
    let mut early = TcpStream::connect(world.postgres).unwrap();
    early.write_all(&[startup(RECIPIENT), message(b'Q', b"SELECT COUNT(*) FROM tags\0")].concat()).unwrap();
    assert!(closes(&early, Duration::from_secs(20)));
    let mut stream = TcpStream::connect(world.http).unwrap();
    let _ = stream.write_all(&[b"GET / HTTP/1.1\r\n".as_slice(), &vec![b'a'; 1 << 20]].concat());
    assert!(closes(&stream, Duration::from_secs(20)));
    assert!(is_alive(&world));
    assert_eq!(world.spent(), 0);
}

#[test]
fn more_connections_than_places_are_closed_at_once() {
    let world = strict();
    let held: Vec<TcpStream> = (0..8).map(|_| logged_in(&world)).collect();
    let more = TcpStream::connect(world.postgres).unwrap();
    assert!(closes(&more, Duration::from_secs(5)));
    assert!(is_alive(&world), "the other door has places of its own");
    drop(held);
    std::thread::sleep(Duration::from_millis(300));
    drop(logged_in(&world));
}

#[test]
fn a_stop_finishes_what_is_under_way_and_lets_nothing_new_in() {
    let mut world = world(WorldTerms { people: 200, ..WorldTerms::default() });
    let started = world.started.take().unwrap();
    let (dsn, service, at) = (world.dsn(), Arc::clone(&world.service), world.http);
    runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let asked = tokio::spawn(async move {
            let answer = client.simple_query("SELECT region, COUNT(*) FROM tags GROUP BY region").await;
            (client, answer)
        });
        tokio::task::yield_now().await;
        tokio::time::timeout(Duration::from_secs(30), started.stop()).await.unwrap();
        let (client, answer) = asked.await.unwrap();
        // It was answered, or it came too late; never charged without an answer.
        let who = hushtag_serve::sandbox::Who::new(RECIPIENT, None).unwrap();
        let spent = service.sandbox.budget(&who).unwrap()[0].spent;
        assert_eq!(answer.is_ok(), spent > 0);
        assert!(client.simple_query("SELECT 1").await.is_err());
        let _ = connection.await;
    });
    assert!(TcpStream::connect(at).is_err());
}
