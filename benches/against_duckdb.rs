//! The other half of `benches/against_duckdb.sh`: seals a folder of people, follows and payments, and times the seal.
//!
//! `HUSHTAG_BENCH_FOLDER=DIR cargo bench --bench against_duckdb`; without the variable it does nothing. Consent events of the
//! covered people are made first, which is not timed; reading them is. Prints `seal N.NN s` and the peak memory, then the best
//! time of the four questions that the baseline asks of its tag rows: each a question of its own, by its error, that is planned,
//! charged, drawn, logged and handed out; in memory, where a durable step costs nothing, and on the folder.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use hushtag::dp::Delta;
use hushtag::engine::{Input, Sources};
use hushtag::keys::Keyring;
use hushtag::operator::{Answer, Approval, Keys, Operator, PoolTerms, SealTerms, Setup, StudySource};
use hushtag::storage::{Image, Storage as _};
use hushtag::types::{Clock, DatasetName, EpochId, NanoEpsilon, RecipientId, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const STUDY: &str = include_str!("against_duckdb/study.toml");
/// What the baseline asks, by the name that it prints.
const QUESTIONS: &str = include_str!("against_duckdb/questions.txt");
/// How often each is asked.
const TIMES: u32 = 200;

/// A clock that is after the payments that were made up.
struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Ok(folder) = std::env::var("HUSHTAG_BENCH_FOLDER") else { return Ok(()) };
    let folder = PathBuf::from(folder);
    let as_of = Timestamp::parse("2026-02-01T00:00:00Z")?;
    let work = tempfile::tempdir()?;
    let consents = work.path().join("consents.parquet");
    let people = write_consents(&folder.join("covered.parquet"), &consents)?;
    let table = |name: &str| {
        Ok::<_, Box<dyn Error>>((
            DatasetName::new(name)?,
            Input::Path(folder.join(format!("{name}.parquet"))),
        ))
    };
    let sources = Sources::new(vec![table("follows")?, table("payments")?], vec![Input::Path(consents)]);
    let setup = Setup::new(
        vec![StudySource::new("study.toml", STUDY)],
        PoolTerms::new(NanoEpsilon::parse("4")?).with_delta(Delta::DEFAULT),
    )
    .with_approval(Approval::None);
    let operator = Operator::init(&work.path().join("box"), setup, Keys::InFolder, Box::new(Fixed(as_of)))?;
    let terms = SealTerms::new(EpochId::new("bench")?, as_of);
    println!("peak memory before the seal: {}", support::peak_memory());
    let start = Instant::now();
    let sealed = operator.seal(&terms, sources)?;
    let took = start.elapsed();
    for file in &sealed.hygiene.files {
        println!("{:>10}: {:>10} rows, {} used", file.dataset, file.rows, file.used);
    }
    println!("{people} people covered; peak memory {}", support::peak_memory());
    println!("seal {:.2} s", took.as_secs_f64());
    let operator = operator.without_response_slot();
    ask("on the folder", &operator)?;
    drop(operator);
    ask("in memory", &in_memory(&work.path().join("box"), as_of)?)
}

/// The best time of each question.
fn ask(place: &str, operator: &Operator) -> Result<(), Box<dyn Error>> {
    let analyst = operator.analyst(&RecipientId::new("brand-insights")?, None)?;
    let mut error = if place == "in memory" { 1_000_000 } else { 2_000_000 };
    for (name, question) in QUESTIONS.lines().filter_map(|line| line.split_once(": ")) {
        let mut best = Duration::MAX;
        for _ in 0..TIMES {
            error += 1;
            let question = format!("{question} WITH (error = {error})");
            let start = Instant::now();
            let answer = analyst.ask(&question, None)?;
            best = best.min(start.elapsed());
            if !matches!(answer, Answer::Released(ref released) if !released.stored) {
                return Err("the question was refused or asked before".into());
            }
        }
        println!("question {place}: {name:26}{:9.1} us", best.as_secs_f64() * 1e6);
    }
    Ok(())
}

/// The same sandbox in memory.
fn in_memory(dir: &Path, now: Timestamp) -> Result<Operator, Box<dyn Error>> {
    let image = Image::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir)?.to_str().ok_or("a name that is no text")?;
                image.write(name, &std::fs::read(&path)?)?;
            }
        }
    }
    let file: toml::Table = std::fs::read_to_string(dir.join("sandbox.toml"))?.parse()?;
    let id = file.get("id").and_then(toml::Value::as_str).ok_or("a sandbox without an id")?;
    let keyring = Keyring::open_in_folder(&image, id)?;
    let operator = Operator::open_on(Arc::new(image), keyring, Box::new(Fixed(now)))?;
    Ok(operator.without_response_slot())
}

/// Two clean consents of every covered person.
fn write_consents(covered: &Path, to: &Path) -> Result<usize, Box<dyn Error>> {
    let rows =
        ParquetRecordBatchReaderBuilder::try_new(File::open(covered)?)?.with_batch_size(65_536).build()?;
    let mut writer: Option<ArrowWriter<File>> = None;
    let mut people = 0;
    for batch in rows {
        let batch = batch?;
        let subjects = batch.column_by_name("subject").ok_or("no column `subject`")?;
        people += batch.num_rows();
        for trigger in ["SC23", "SC29"] {
            let events = events(subjects, trigger)?;
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(ArrowWriter::try_new(File::create(to)?, events.schema(), None)?),
            };
            writer.write(&events)?;
        }
    }
    writer.ok_or("no person is covered")?.close()?;
    Ok(people)
}

fn events(subjects: &ArrayRef, trigger: &str) -> Result<RecordBatch, Box<dyn Error>> {
    let columns = [
        ("trigger", trigger),
        ("event", "given"),
        ("kind", "separate"),
        ("handler", "platform"),
        ("purpose", "campaign-measurement"),
        ("recipient", "LEGAL-ID-C"),
        ("categories", "social-relation|payment-record"),
        ("notice", "N"),
        ("notice_version", "1"),
        ("shown_at", "2026-01-01T00:00:00Z"),
        ("at", "2026-01-02T00:00:00Z"),
        ("giver", "self"),
        ("own_step", "true"),
        ("pre_ticked", "false"),
        ("bundle_size", "1"),
        ("service_gate", "false"),
    ];
    let word = |(name, word): (&'static str, &str)| {
        (name, Arc::new(StringArray::from_iter_values(std::iter::repeat_n(word, subjects.len()))) as ArrayRef)
    };
    let person = ("person", Arc::clone(subjects));
    Ok(RecordBatch::try_from_iter(std::iter::once(person).chain(columns.into_iter().map(word)))?)
}
