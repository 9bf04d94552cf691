//! A service on loopback over a small sandbox of made-up people, which lives as long as the fuzzer.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hushtag::{Keys, Operator};
use hushtag_serve::command::start;
use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{Clock, Sandbox, SystemClock};
use hushtag_serve::service::Service;
use hushtag_serve::settings::Settings;
use hushtag_serve::tokens::{Role, TokenStore};

/// A service, and how to come in.
pub struct World {
    /// The service.
    pub service: Arc<Service>,
    /// Where PostgreSQL's protocol listens.
    pub postgres: SocketAddr,
    /// The token of an analyst.
    pub token: String,
    /// What serves.
    pub runtime: tokio::runtime::Runtime,
}

/// The one service of this process.
pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    let home = tempfile::tempdir().expect("a folder").keep();
    drop(make(&home, DemoTerms { people: 200, seed: 7, epsilon: 900 }).expect("a sandbox"));
    let folder = home.join("sandbox");
    let operator = Operator::options(Keys::InFolder).without_response_slot().open(&folder).expect("opens");
    let sandbox = Sandbox::over(operator, &folder, Box::new(SystemClock)).expect("served");
    let state = home.join("serve");
    let tokens = TokenStore::open(&state).expect("tokens");
    let added = tokens.add(Role::Analyst, (Some(RECIPIENT), None), 1, SystemClock.now());
    let token = added.expect("a token").0.reveal().to_string();
    let settings = Settings::on_loopback(folder, state, [0, 0]);
    let service = Arc::new(Service::new(sandbox, tokens, settings));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let started = runtime.block_on(start(Arc::clone(&service), false)).expect("doors");
    let postgres = started.postgres.expect("open");
    // Its doors stay open until the process ends.
    std::mem::forget(started);
    // A message that is shorter than it says, or says that it is shorter than its length, ends its connection by a panic inside `bytes` or
    // `pgwire`, which ends the task of this connection alone: no finding.
    let other = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_known = |file: &str| file.contains("/bytes-") || file.contains("/pgwire-");
        if !panic.location().is_some_and(|at| is_known(at.file())) {
            other(panic);
        }
    }));
    World { service, postgres, token, runtime }
});

/// A message of PostgreSQL's protocol.
#[must_use]
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

/// The first message of a client.
#[must_use]
pub fn startup() -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    body.extend(format!("user\0{RECIPIENT}\0database\0hushtag\0\0").into_bytes());
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body.as_slice()].concat()
}

/// Sends all, says that nothing more comes, and reads to the end.
///
/// # Panics
/// If the service keeps the connection open.
#[must_use]
pub fn exchange(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(WORLD.postgres).expect("the door is open");
    stream.set_read_timeout(Some(Duration::from_secs(8))).expect("a time");
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("the connection stays open: {error}")
        }
        _ => answer,
    }
}

/// The messages of the service: kinds and bodies.
///
/// # Panics
/// At bytes that are no messages.
#[must_use]
pub fn messages(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let length = rest.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize);
        let whole = length.filter(|length| *length >= 4).and_then(|length| rest.split_at_checked(length));
        let (own, next) = whole.unwrap_or_else(|| panic!("no message: {:?}", String::from_utf8_lossy(bytes)));
        all.push((*kind, &own[4..]));
        bytes = next;
    }
    all
}
