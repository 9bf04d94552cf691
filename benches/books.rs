//! What the two books cost: answers with both of them durable, opening a sandbox that has given many, and verifying it.
//!
//! `cargo bench --bench books`; `HUSHTAG_BENCH_ANSWERS` (20000) says how many. Without `--bench` it does nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use hushtag::audit::{VerifierKey, verify};
use hushtag::engine::{Input, MaxBadRows, Sources};
use hushtag::operator::{Analyst, Answer, Keys, Operator, PoolTerms, Reader, SealTerms, Setup, verify_log};
use hushtag::population::{Population, PopulationConfig};
use hushtag::storage::Folder;
use hushtag::types::{Clock, EpochId, NanoEpsilon, RecipientId, Timestamp};

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn clock() -> Box<Fixed> {
    Box::new(Fixed(PopulationConfig::default().as_of))
}

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let answers: u64 = std::env::var("HUSHTAG_BENCH_ANSWERS").map_or(Ok(20_000), |text| text.parse())?;
    let place = tempfile::tempdir()?;
    let dir = place.path().join("box");
    let operator = sandbox(&dir)?;
    let analyst = operator.analyst(&RecipientId::new("brand-insights")?, None)?;
    let one = timed(|| ask(&analyst, 0..answers / 4))?;
    println!("1 asker: {:.0} answers/s", per_second(answers / 4, one));
    let eight = timed(|| {
        std::thread::scope(|scope| {
            let share = answers * 3 / 4 / 8;
            let start = answers / 4;
            let askers: Vec<_> = (0..8)
                .map(|asker| {
                    let analyst = &analyst;
                    scope.spawn(move || {
                        ask(analyst, start + asker * share..start + (asker + 1) * share)
                            .map_err(|error| error.to_string())
                    })
                })
                .collect();
            askers
                .into_iter()
                .try_for_each(|asker| asker.join().map_err(|_| "an asker stopped")?.map_err(Into::into))
        })
    })?;
    println!("8 askers: {:.0} answers/s", per_second(answers * 3 / 4, eight));
    let vkey: VerifierKey = operator.status()?.vkey.parse().map_err(|_| "no key")?;
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

fn sandbox(dir: &Path) -> Result<Operator, Box<dyn Error>> {
    let study = include_str!("../policies/demo/study.toml").replace("epsilon = 4.0", "epsilon = 1000000000");
    let pool =
        PoolTerms { epsilon: NanoEpsilon::parse("1000000000")?, delta: Some("1e-12".parse()?), window: None };
    let setup = Setup { studies: vec![("study.toml".into(), study)], pool, handlers: vec![], anchor: None };
    let operator = Operator::init(dir, setup, Keys::InFolder, clock())?.without_response_slot();
    let config = PopulationConfig { people: 200, ..PopulationConfig::default() };
    let as_of = config.as_of;
    let made_up = Population::new(config)?;
    let mut sources = Sources::default();
    for (name, reader) in
        [("follows", made_up.follows()), ("payments", made_up.payments()), ("members", made_up.members())]
    {
        sources.data.push((name.parse()?, Input::Reader(name.into(), reader)));
    }
    sources.consents.push(Input::Reader("consents".into(), made_up.consents()));
    let terms = SealTerms { epoch: EpochId::new("bench")?, as_of, max_bad_rows: MaxBadRows::default() };
    operator.seal(&terms, sources)?;
    Ok(operator)
}
