//! What a seal costs: made-up people as Parquet files, sealed by the operator. Prints time, rows a second, peak memory.
//!
//! `cargo bench --bench seal`; the environment changes the size: `HUSHTAG_BENCH_PEOPLE` (200000), `HUSHTAG_BENCH_FOLLOWS`
//! and `HUSHTAG_BENCH_PAYMENTS` a person (20 and 50). Without `--bench` it does nothing, so that `cargo test` stays quick.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::time::{Duration, Instant};

use hushtag::dp::Delta;
use hushtag::engine::{IngestReport, Input, Sources};
use hushtag::operator::{Approval, Keys, Operator, PoolTerms, SealTerms, Setup, StudySource};
use hushtag::types::{Clock, DatasetName, EpochId, NanoEpsilon, Timestamp};
use hushtag_population::{Files, Population, PopulationConfig};

const STUDY: &str = include_str!("../policies/demo/study.toml");

/// A clock that is at the day of the made-up people.
struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let config = PopulationConfig {
        people: setting("HUSHTAG_BENCH_PEOPLE", 200_000)?,
        follows_per_person: setting("HUSHTAG_BENCH_FOLLOWS", 20)?,
        payments_per_person: setting("HUSHTAG_BENCH_PAYMENTS", 50)?,
        ..PopulationConfig::default()
    };
    let as_of = Timestamp::from_seconds(config.as_of);
    let folder = tempfile::tempdir()?;
    let population = Population::new(config)?;
    let (files, making) = timed(|| population.write_parquet(&folder.path().join("input")))?;
    println!("made {} people in {:.1} s", population.config().people, making.as_secs_f64());
    println!("peak memory before the seal: {}", support::peak_memory());

    let operator = sandbox(&folder.path().join("sandbox"), as_of)?;
    let terms = SealTerms::new(EpochId::new("bench")?, as_of);
    let (sealed, took) = timed(|| operator.seal(&terms, sources(&files)?).map_err(Box::<dyn Error>::from))?;
    report(&sealed.hygiene, took);
    println!("peak memory after the seal: {}", support::peak_memory());
    let size = std::fs::metadata(folder.path().join("sandbox/epochs/bench/demo.brand-insights.cube"))?.len();
    println!("sealed cubes: {size} bytes");
    Ok(())
}

fn setting(name: &str, otherwise: u32) -> Result<u32, Box<dyn Error>> {
    match std::env::var(name) {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(otherwise),
    }
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), E> {
    let start = Instant::now();
    work().map(|done| (done, start.elapsed()))
}

fn sandbox(dir: &std::path::Path, now: Timestamp) -> Result<Operator, Box<dyn Error>> {
    let pool = PoolTerms::new(NanoEpsilon::parse("4")?).with_delta(Delta::DEFAULT);
    let setup = Setup::new(vec![StudySource::new("study.toml", STUDY)], pool).with_approval(Approval::None);
    Ok(Operator::init(dir, setup, Keys::InFolder, Box::new(Fixed(now)))?)
}

fn sources(files: &Files) -> Result<Sources, Box<dyn Error>> {
    let tables = [("follows", &files.follows), ("payments", &files.payments), ("members", &files.members)];
    let table = |(name, path): (&str, &std::path::PathBuf)| {
        Ok::<_, Box<dyn Error>>((DatasetName::new(name)?, Input::Path(path.clone())))
    };
    let data = tables.into_iter().map(table).collect::<Result<_, _>>()?;
    Ok(Sources::new(data, vec![Input::Path(files.consents.clone())]))
}

fn report(hygiene: &IngestReport, took: Duration) {
    for file in &hygiene.files {
        println!("{:>10}: {:>10} rows, {} used", file.dataset, file.rows, file.used);
    }
    let rows: u64 = hygiene.files.iter().map(|file| file.rows).sum();
    let seconds = took.as_secs_f64();
    println!("sealed {rows} rows in {seconds:.2} s: {:.0} rows a second", per_second(rows, seconds));
}

#[expect(clippy::cast_precision_loss, reason = "printed with no digits after the point")]
fn per_second(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds
}
