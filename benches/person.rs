//! What a person's own view costs: a register of one million people and a log of some thousand answers, on a folder. Prints
//! what importing into it and a seal from it take, by the clock and on the processor, how large the file of the register is, the first look of an open operator, which reads the log, and those after it.
//!
//! `cargo bench --bench person`; `HUSHTAG_BENCH_PEOPLE` (1000000) and `HUSHTAG_BENCH_ANSWERS` (5000) change the sizes. Without
//! `--bench` it does nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtag::engine::{Input, Sources};
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
    let started = Watch::start();
    let events = operator.consents().import(consents, None)?.events;
    println!("{events} events imported in {}; peak memory {}", started.read(), support::peak_memory());
    let bytes = std::fs::metadata(place.path().join("box/consents.redb"))?.len();
    println!("the register: {} MB, {} bytes an event", bytes >> 20, bytes / events.max(1));
    let started = Watch::start();
    seal(&operator)?;
    println!(
        "a seal from the register alone, trees included: {}; peak memory {}",
        started.read(),
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
                "a person of the register has a view without events, or no seal committed to their status"
                    .into(),
            );
        }
    }
    let (first, rest) = looks.split_first().ok_or("no one looked")?;
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

/// A clock, and the processor time of all threads where the system reports it.
struct Watch {
    clock: Instant,
    processor: Option<f64>,
}

impl Watch {
    fn start() -> Self {
        Self { clock: Instant::now(), processor: Self::processor() }
    }

    /// Seconds, in ticks of a hundredth each.
    fn processor() -> Option<f64> {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let mut numbers = text.rsplit(')').next()?.split_whitespace().skip(11);
        let ticks = |text: Option<&str>| text?.parse::<f64>().ok();
        Some((ticks(numbers.next())? + ticks(numbers.next())?) / 100.0)
    }

    fn read(&self) -> String {
        let clock = self.clock.elapsed().as_secs_f64();
        let processor = Self::processor().zip(self.processor).map(|(end, start)| end - start);
        processor.map_or_else(
            || format!("{clock:.1} s"),
            |spent| format!("{clock:.1} s, {spent:.1} s on processors"),
        )
    }
}

/// An epoch with the rows of one person, so that all of its time is the register's.
fn seal(operator: &Operator) -> Result<(), Box<dyn Error>> {
    let as_of = Timestamp::from_seconds(PopulationConfig::default().as_of);
    let terms = SealTerms::new(EpochId::new("register")?, as_of);
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
