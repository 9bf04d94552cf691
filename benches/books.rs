//! What the two books cost: answers with both of them durable, opening a sandbox that has given many, and verifying it.
//!
//! `cargo bench --bench books`; `HUSHTAG_BENCH_ANSWERS` (20000) says how many. Without `--bench` it does nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtag::audit::{VerifierKey, verify};
use hushtag::operator::{Analyst, Answer, Keys, Operator, Reader, verify_log};
use hushtag::storage::Folder;
use hushtag::types::RecipientId;
use support::clock;

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let answers: u64 = std::env::var("HUSHTAG_BENCH_ANSWERS").map_or(Ok(20_000), |text| text.parse())?;
    let place = tempfile::tempdir()?;
    let dir = place.path().join("box");
    let operator = support::sandbox(Arc::new(Folder::create(&dir)?), 200)?;
    let analyst = operator.analyst(&RecipientId::new(support::RECIPIENT)?, None)?;
    let one = timed(|| ask(&analyst, 0..answers / 4))?;
    println!("1 client: {:.0} answers/s", per_second(answers / 4, one));
    let eight = timed(|| {
        std::thread::scope(|scope| {
            let share = answers * 3 / 4 / 8;
            let start = answers / 4;
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let analyst = &analyst;
                    scope.spawn(move || {
                        ask(analyst, start + client * share..start + (client + 1) * share)
                            .map_err(|error| error.to_string())
                    })
                })
                .collect();
            clients
                .into_iter()
                .try_for_each(|client| client.join().map_err(|_| "a client stopped")?.map_err(Into::into))
        })
    })?;
    println!("8 clients: {:.0} answers/s", per_second(answers * 3 / 4, eight));
    let vkey: VerifierKey = operator.status()?.vkey;
    drop((operator, analyst));
    let opened = timed(|| Ok(Operator::open(&dir, Keys::InFolder, clock(), Duration::ZERO).map(drop)?))?;
    println!("open: {:.0} ms", opened.as_secs_f64() * 1e3);
    let read = timed(|| Ok(Reader::open(&dir, Keys::InFolder, clock()).map(drop)?))?;
    println!("open beside a writer: {:.0} ms", read.as_secs_f64() * 1e3);
    let folder = Folder::open(&dir)?;
    let log = timed(|| Ok(verify(&folder, &vkey).map(drop)?))?;
    println!("verify the log: {:.0} entries/s", per_second(answers + 2, log));
    let both = timed(|| Ok(verify_log(&folder, None, Some(Keys::InFolder), None).map(drop)?))?;
    println!("verify both books: {:.0} answers/s", per_second(answers, both));
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn ask(analyst: &Analyst, numbers: std::ops::Range<u64>) -> Result<(), Box<dyn Error>> {
    for number in numbers {
        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number);
        if !matches!(analyst.ask(&question, None)?, Answer::Released(answer) if !answer.stored) {
            return Err("the question was refused or asked before".into());
        }
    }
    Ok(())
}
