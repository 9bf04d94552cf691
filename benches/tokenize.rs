//! What tokenising costs: made-up people as Parquet and CSV files, tokenised by one thread and by two in one run. Prints rows a second
//! and how many times as fast two are.
//!
//! `cargo bench --bench tokenize`; the environment changes the size: `HUSHTAG_BENCH_PEOPLE` (200000), `HUSHTAG_BENCH_FOLLOWS`
//! and `HUSHTAG_BENCH_PAYMENTS` a person (20 and 50). Without `--bench` it does nothing, so that `cargo test` stays quick.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use hushtag::deidentify::TokenKey;
use hushtag::engine::{Reading, TokenSource, TokeniseTerms, tokenise};
use hushtag::policy::{Regime, Study};
use hushtag::types::{Secret, Timestamp};
use hushtag_population::{MAX_CSV_PEOPLE, Population, PopulationConfig};

const STUDY: &str = include_str!("../policies/demo/study.toml");

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let people = setting("HUSHTAG_BENCH_PEOPLE", 200_000)?;
    let config = PopulationConfig {
        people,
        follows_per_person: setting("HUSHTAG_BENCH_FOLLOWS", 20)?,
        payments_per_person: setting("HUSHTAG_BENCH_PAYMENTS", 50)?,
        ..PopulationConfig::default()
    };
    let (as_of, folder) = (Timestamp::from_seconds(config.as_of), tempfile::tempdir()?);
    let files = Population::new(config.clone())?.write_parquet(&folder.path().join("input"))?;
    let few = PopulationConfig { people: people.min(MAX_CSV_PEOPLE), ..config };
    let text = Population::new(few)?.write_csv(&folder.path().join("text"))?;

    let (study, regime) = (Study::parse("study.toml", STUDY)?, Regime::built_in("cn-pipl")?);
    let key = TokenKey::new(&Secret::new([7; 32]));
    let tables: [(&str, [&PathBuf; 2]); 4] = [
        ("follows", [&files.follows, &text.follows]),
        ("payments", [&files.payments, &text.payments]),
        ("members", [&files.members, &text.members]),
        ("consents", [&files.consents, &text.consents]),
    ];
    for (table, inputs) in tables {
        for (kind, input) in ["Parquet", "CSV"].into_iter().zip(inputs) {
            let mut took = [0.0; 2];
            let mut rows = 0;
            for (threads, seconds) in [1, 2].into_iter().zip(&mut took) {
                let out = folder.path().join(format!("{table}-{kind}-{threads}.parquet"));
                let threads = NonZeroUsize::new(threads);
                let reading = {
                    let mut terms = Reading::default();
                    terms.max_bad_rows = "100".parse()?;
                    terms.threads = threads;
                    terms
                };
                let terms = TokeniseTerms {
                    study: &study,
                    regime: &regime,
                    table,
                    tokens: TokenSource::Shared(&key),
                    as_of,
                    reading,
                };
                let start = Instant::now();
                rows = tokenise(&terms, input.clone().into(), &out)?.rows;
                *seconds = start.elapsed().as_secs_f64();
                std::fs::remove_file(out)?;
            }
            let [one, two] = took;
            let rate = per_second(rows, two);
            println!(
                "{table:>9} {kind:>7}: {rows:>9} rows in {one:.2} s, by two threads {two:.2} s: {:.2} times; {rate:.1} million a second",
                one / two
            );
        }
    }
    Ok(())
}

fn setting(name: &str, otherwise: u32) -> Result<u32, Box<dyn Error>> {
    match std::env::var(name) {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(otherwise),
    }
}

#[expect(clippy::cast_precision_loss, reason = "printed with one digit after the point")]
fn per_second(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds / 1e6
}
