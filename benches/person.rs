//! What a person's own view costs: a register of one million people and a log of some thousand answers, on a folder. Prints
//! what importing into it and a seal from it take, the first look of an open operator, which reads the log, and those after it.
//!
//! `cargo bench --bench person`; `HUSHTAG_BENCH_PEOPLE` (1000000) and `HUSHTAG_BENCH_ANSWERS` (5000) change the sizes. Without
//! `--bench` it does nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtag::engine::{Input, Reading, Sources};
use hushtag::operator::{Answer, Operator, SealTerms};
use hushtag::storage::Folder;
use hushtag::types::{EpochId, RecipientId, Timestamp};
use hushtag_population::{Population, PopulationConfig};

const LOOKS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let people = std::env::var("HUSHTAG_BENCH_PEOPLE").map_or(Ok(1_000_000), |text| text.parse())?;
    let answers: u64 = std::env::var("HUSHTAG_BENCH_ANSWERS").map_or(Ok(5_000), |text| text.parse())?;
    let place = tempfile::tempdir()?;
    let operator = support::sandbox(Arc::new(Folder::create(&place.path().join("box"))?), 200)?;
    ask(&operator, answers)?;
    let config =
        PopulationConfig { people, follows_per_person: 0, payments_per_person: 0, ..Default::default() };
    let consents = Input::Reader("consents".into(), Population::new(config)?.consents());
    let started = Instant::now();
    let events = operator.consents().import(consents, None)?.events;
    let took = started.elapsed().as_secs_f64();
    println!("{events} events imported in {took:.1} s; peak memory {}", support::peak_memory());
    let started = Instant::now();
    seal(&operator)?;
    let took = started.elapsed().as_secs_f64();
    println!(
        "a seal from the register alone, trees included: {took:.1} s; peak memory {}",
        support::peak_memory()
    );
    let persons = some_people(&operator)?;
    let mut looks = Vec::new();
    for (ids, id) in &persons {
        let started = Instant::now();
        let view = operator.person((ids, id))?;
        looks.push(started.elapsed());
        if view.events.is_empty() || !view.epochs.iter().any(|epoch| epoch.sealed.is_some()) {
            return Err(
                "a person of the register has a view without events, or no seal says how she stood".into()
            );
        }
    }
    let (first, rest) = looks.split_first().ok_or("nobody looked")?;
    println!("{people} people, {answers} answers in the log");
    println!("first look: {:.1} ms", milliseconds(*first));
    let mut rest = rest.to_vec();
    rest.sort_unstable();
    let at = |share: usize| rest.get(rest.len() * share / 100).copied().unwrap_or_default();
    let slowest = rest.last().copied().unwrap_or_default();
    println!(
        "later looks: median {:.1} ms, 95th percentile {:.1} ms, slowest {:.1} ms",
        milliseconds(at(50)),
        milliseconds(at(95)),
        milliseconds(slowest)
    );
    Ok(())
}

/// An epoch with the rows of one person, so that all of its time is the register's.
fn seal(operator: &Operator) -> Result<(), Box<dyn Error>> {
    let as_of = Timestamp::from_seconds(PopulationConfig::default().as_of);
    let terms = SealTerms { epoch: EpochId::new("register")?, as_of, reading: Reading::default() };
    let one = Population::new(PopulationConfig { people: 1, ..PopulationConfig::default() })?;
    let mut sources = Sources::default();
    for (name, reader) in
        [("follows", one.follows()), ("payments", one.payments()), ("members", one.members())]
    {
        sources.data.push((name.parse()?, Input::Reader(name.into(), reader)));
    }
    operator.seal(&terms, sources)?;
    Ok(())
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Namespace and id of people from all over the register, in no order of theirs.
fn some_people(operator: &Operator) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let snapshot = operator.consents().snapshot()?.ok_or("no register")?;
    let mut people = Vec::new();
    for event in snapshot.walk()?.step_by(1_000) {
        let event = event?;
        let (ids, id) = event.person();
        people.push((ids.to_owned(), id.to_owned()));
        if people.len() == LOOKS {
            break;
        }
    }
    Ok(people)
}

fn ask(operator: &Operator, answers: u64) -> Result<(), Box<dyn Error>> {
    let analyst = operator.analyst(&RecipientId::new(support::RECIPIENT)?, None)?;
    for number in 0..answers {
        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number);
        if !matches!(analyst.ask(&question, None)?, Answer::Released(answer) if !answer.stored) {
            return Err("the question was refused or asked before".into());
        }
    }
    Ok(())
}
