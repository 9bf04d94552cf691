//! The other half of `benches/against_duckdb.sh`: seals a folder of people, follows and payments, and times the seal.
//!
//! `HUSHTAG_BENCH_FOLDER=DIR cargo bench --bench against_duckdb`; without the variable it does nothing. Consent events of the
//! covered people are made first, which is not timed; reading them is. Prints `seal N.NN s` and the peak memory.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use hushtag::dp::Delta;
use hushtag::engine::{Input, Reading, Sources};
use hushtag::operator::{Approval, Keys, Operator, PoolTerms, SealTerms, Setup, StudySource};
use hushtag::types::{Clock, DatasetName, EpochId, NanoEpsilon, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const STUDY: &str = include_str!("against_duckdb/study.toml");

/// A clock that stands after the payments that were made up.
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
    let sources =
        Sources { data: vec![table("follows")?, table("payments")?], consents: vec![Input::Path(consents)] };
    let setup = Setup {
        studies: vec![StudySource::new("study.toml", STUDY)],
        pool: PoolTerms { epsilon: NanoEpsilon::parse("4")?, delta: Some(Delta::DEFAULT), window: None },
        handlers: Vec::new(),
        approval: Approval::None,
        anchor: None,
        auditor: None,
    };
    let operator = Operator::init(&work.path().join("box"), setup, Keys::InFolder, Box::new(Fixed(as_of)))?;
    let terms = SealTerms { epoch: EpochId::new("bench")?, as_of, reading: Reading::default() };
    println!("peak memory before the seal: {}", peak_memory());
    let start = Instant::now();
    let sealed = operator.seal(&terms, sources)?;
    let took = start.elapsed();
    for file in &sealed.hygiene.files {
        println!("{:>10}: {:>10} rows, {} used", file.dataset, file.rows, file.used);
    }
    println!("{people} people covered; peak memory {}", peak_memory());
    println!("seal {:.2} s", took.as_secs_f64());
    Ok(())
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
    writer.ok_or("nobody is covered")?.close()?;
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

/// The high-water mark of the process, where the system tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |kilobytes| kilobytes.trim().to_owned())
}
