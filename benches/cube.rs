//! What questions to the cube of a million people cost: planning, and whole answers in memory with their noise, ledger and log.
//! Prints the median of each question beside the bar of 100 µs.
//!
//! `cargo bench --bench cube`; `HUSHTAG_BENCH_PEOPLE` changes the size (1000000). Without `--bench` it does nothing, so that
//! `cargo test` stays quick.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtag::operator::{Analyst, Answer};
use hushtag::storage::Image;
use hushtag::types::RecipientId;

/// What a question may take.
const BAR: Duration = Duration::from_micros(100);
/// So many times each question is asked, each time at another price, so that no answer is there already.
const TIMES: u64 = 201;

/// Of people alone, of own records, of a grid, filtered by other tags, of what other people move, and of many groups.
const QUESTIONS: [(&str, &str); 6] = [
    ("count", "SELECT region, COUNT(*) FROM tags GROUP BY region"),
    ("sum", "SELECT spend_tier, SUM(spend) FROM tags GROUP BY spend_tier"),
    ("median", "SELECT region, MEDIAN(spend) FROM tags GROUP BY region"),
    (
        "filtered",
        "SELECT spend_tier, COUNT(*) FROM tags WHERE lapsed IN ('lapsed', 'never') AND NOT region = 'east' GROUP BY spend_tier",
    ),
    (
        "audience",
        "SELECT audience_size, COUNT(*) FROM tags WHERE audience_spend <> 'low' GROUP BY audience_size",
    ),
    ("two tags", "SELECT spend_tier, region, COUNT(*) FROM tags GROUP BY spend_tier, region"),
];

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let people = match std::env::var("HUSHTAG_BENCH_PEOPLE") {
        Ok(text) => text.parse()?,
        Err(_) => 1_000_000,
    };
    let started = Instant::now();
    let operator = support::sandbox(Arc::new(Image::default()), people)?;
    let analyst = operator.analyst(&RecipientId::new(support::RECIPIENT)?, None)?;
    println!("sealed {people} people in {:.1} s", started.elapsed().as_secs_f64());
    println!("{:>10} {:>12} {:>12}", "question", "plan", "answer");
    for (name, question) in QUESTIONS {
        let plan = median(|time| {
            analyst.forecast(&priced(question, time))?;
            Ok(())
        })?;
        let answer = median(|time| answered(&analyst, &priced(question, TIMES + time)))?;
        let beyond = if answer > BAR { "above the bar" } else { "" };
        println!("{name:>10} {:>9} µs {:>9} µs {beyond}", plan.as_micros(), answer.as_micros());
    }
    Ok(())
}

/// The question at a price that it has not had.
fn priced(question: &str, time: u64) -> String {
    format!("{question} WITH (epsilon = 0.1{time:05})")
}

fn answered(analyst: &Analyst, question: &str) -> Result<(), Box<dyn Error>> {
    match analyst.ask(question, None)? {
        Answer::Released(released) if !released.stored => Ok(()),
        _ => Err("the question was refused or asked before".into()),
    }
}

fn median(mut work: impl FnMut(u64) -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut took = Vec::new();
    for time in 0..TIMES {
        let started = Instant::now();
        work(time)?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    took.get(took.len() / 2).copied().ok_or_else(|| "nothing was measured".into())
}
