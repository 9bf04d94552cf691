//! Answers a second, and how long one takes, for 1, 8 and 64 clients: over HTTP, over the wire, and from the library called directly, on
//! the same durable books in the same run, without response slots.
//!
//! `cargo bench --manifest-path services/Cargo.toml --bench doors`; `HUSHTAG_BENCH_SECONDS` is how long each line is measured. A stored
//! answer is given again; a new one is planned, charged, drawn, logged and kept. The last lines are measured while epochs are sealed, one
//! after the other, of which each reads all files of 300,000 made-up people.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hushtag::{Keys, Operator};
use hushtag_serve::command::start;
use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{Answer, CancelToken, Clock, Sandbox, Sent, SystemClock, Timestamp, Who};
use hushtag_serve::service::Service;
use hushtag_serve::settings::Settings;
use hushtag_serve::tokens::{Role, TokenStore};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// The epoch that is asked, whatever is sealed meanwhile.
const EPOCH: &str = "demo";

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Which query the clients ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Stored,
    New,
}

impl Asked {
    /// Each new query has another error, so that it was never asked.
    fn sql(self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(20_000);
        let error = match self {
            Self::Stored => 10_000,
            Self::New => NEXT.fetch_add(1, Ordering::Relaxed),
        };
        format!("SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = {error})")
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::New => "new",
        }
    }
}

/// Where clients come in.
#[derive(Clone)]
struct World {
    service: Arc<Service>,
    who: Who,
    http: SocketAddr,
    postgres: SocketAddr,
    token: String,
}

fn runtime() -> Done<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(240).build()?)
}

fn main() -> Done<()> {
    let seconds = std::env::var("HUSHTAG_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(5));
    let place = tempfile::tempdir()?;
    drop(make(place.path(), DemoTerms { people: 300_000, seed: 1, epsilon: 900 })?);
    let folder = place.path().join("sandbox");
    let operator = Operator::options(Keys::InFolder).without_response_slot().open(&folder)?;
    let sandbox = Sandbox::over(operator, &folder, Box::new(SystemClock))?;
    let state = place.path().join("serve");
    let tokens = TokenStore::open(&state)?;
    let (token, _) = tokens.add(Role::Analyst, (Some(RECIPIENT), None), 1, SystemClock.now())?;
    let settings = Settings::on_loopback(folder, state, [0, 0]);
    let service = Arc::new(Service::new(sandbox, tokens, settings));
    let (of_service, of_clients) = (runtime()?, runtime()?);
    let started = of_service.block_on(start(Arc::clone(&service), false))?;
    let world = World {
        who: Who::new(RECIPIENT, None)?,
        http: started.http.ok_or("HTTP is not open")?,
        postgres: started.postgres.ok_or("the wire is not open")?,
        token: token.reveal().to_string(),
        service,
    };
    println!(
        "{:<8} {:<9} {:>7} {:>11} {:>9} {:>9}",
        "answer", "door", "clients", "queries/s", "p50 ms", "p99 ms"
    );
    for asked in [Asked::Stored, Asked::New] {
        world.service.sandbox.ask(&world.who, &asked.sql(), Some(EPOCH))?;
        for clients in [1, 8, 64] {
            let shared = (&world, asked, clients, length);
            print(asked, "library", clients, length, library(shared)?);
            print(asked, "http", clients, length, of_clients.block_on(http(shared))?);
            print(asked, "wire", clients, length, of_clients.block_on(wire(shared))?);
        }
    }
    let sealing = AtomicBool::new(true);
    std::thread::scope(|scope| -> Done<()> {
        let seals = scope.spawn(|| seal_on(&world, place.path(), &sealing));
        let measured = (|| -> Done<()> {
            for asked in [Asked::Stored, Asked::New] {
                for clients in [1, 8] {
                    let took = of_clients.block_on(http((&world, asked, clients, length)))?;
                    print(asked, "http+seal", clients, length, took);
                }
            }
            Ok(())
        })();
        sealing.store(false, Ordering::Relaxed);
        let sealed = seals.join().map_err(|_| "the seals stopped")??;
        println!("{sealed} epochs were sealed meanwhile");
        measured
    })?;
    of_service.block_on(started.stop());
    Ok(())
}

/// Seals epochs as the operator's command would, until it is enough; gives how many.
fn seal_on(world: &World, place: &Path, sealing: &AtomicBool) -> Done<usize> {
    let as_of = world.service.sandbox.now().seconds().div_euclid(86_400).saturating_mul(86_400);
    let (as_of, folder) = (Timestamp::from_seconds(as_of).to_string(), place.join("sandbox"));
    let mut sealed = 0;
    while sealing.load(Ordering::Relaxed) {
        let mut arguments = vec!["seal".to_owned(), folder.display().to_string()];
        arguments.extend([
            "--epoch".to_owned(),
            format!("bench-{sealed}"),
            "--as-of".to_owned(),
            as_of.clone(),
        ]);
        for name in ["follows", "payments", "members"] {
            let file = place.join("input").join(format!("{name}.parquet"));
            arguments.extend(["--data".to_owned(), format!("{name}={}", file.display())]);
        }
        let consents = place.join("input/consents.parquet").display().to_string();
        arguments.extend(["--consents".to_owned(), consents]);
        let sent = Sent::parse(&arguments).map_err(|done| done.notes)?;
        let done = world.service.sandbox.run(sent, &CancelToken::new(), None);
        if done.exit != 0 {
            return Err(done.notes.into());
        }
        sealed += 1;
    }
    Ok(sealed)
}

type Shared<'a> = (&'a World, Asked, usize, Duration);

fn library((world, asked, clients, length): Shared<'_>) -> Done<Vec<Duration>> {
    std::thread::scope(|scope| {
        let client = || -> Done<Vec<Duration>> {
            let (begin, mut took) = (Instant::now(), Vec::new());
            while begin.elapsed() < length {
                let one = Instant::now();
                match world.service.sandbox.ask(&world.who, &asked.sql(), Some(EPOCH))? {
                    Answer::Released(_) => took.push(one.elapsed()),
                    Answer::Refused(_) => return Err("refused".into()),
                }
            }
            Ok(took)
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a client stopped")??);
        }
        Ok(all)
    })
}

async fn http((world, asked, clients, length): Shared<'_>) -> Done<Vec<Duration>> {
    let client = |world: World| async move {
        let stream = TcpStream::connect(world.http).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (begin, mut took) = (Instant::now(), Vec::new());
        while begin.elapsed() < length {
            let one = Instant::now();
            let body = serde_json::json!({ "sql": asked.sql(), "epoch": EPOCH }).to_string();
            let request = Request::post("/v1/queries")
                .header(header::HOST, "bench")
                .header(header::AUTHORIZATION, format!("Bearer {}", world.token))
                .body(Body::from(body))?;
            let response = sender.send_request(request).await?;
            if !response.status().is_success() {
                return Err(format!("status {}", response.status()).into());
            }
            to_bytes(Body::new(response.into_body()), 1 << 20).await?;
            took.push(one.elapsed());
        }
        Done::Ok(took)
    };
    all((0..clients).map(|_| tokio::spawn(client(world.clone()))).collect()).await
}

async fn wire((world, asked, clients, length): Shared<'_>) -> Done<Vec<Duration>> {
    let client = |world: World| async move {
        let (port, token) = (world.postgres.port(), &world.token);
        let dsn = format!("host=127.0.0.1 port={port} user={RECIPIENT} password={token} dbname=hushtag");
        let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await?;
        tokio::spawn(connection);
        let (begin, mut took) = (Instant::now(), Vec::new());
        while begin.elapsed() < length {
            let one = Instant::now();
            client.simple_query(&asked.sql()).await?;
            took.push(one.elapsed());
        }
        Done::Ok(took)
    };
    all((0..clients).map(|_| tokio::spawn(client(world.clone()))).collect()).await
}

async fn all(clients: Vec<tokio::task::JoinHandle<Done<Vec<Duration>>>>) -> Done<Vec<Duration>> {
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await??);
    }
    Ok(all)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn print(asked: Asked, door: &str, clients: usize, length: Duration, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| {
        let place = took.len().saturating_sub(1).saturating_mul(percent).div_euclid(100);
        took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
    };
    let rate = took.len() as f64 / length.as_secs_f64();
    println!("{:<8} {door:<9} {clients:>7} {rate:>11.0} {:>9.2} {:>9.2}", asked.name(), at(50), at(99));
}
