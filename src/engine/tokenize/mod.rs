//! De-identification at a platform, before anything is handed over: ids become tokens, declared fields are read as a seal
//! reads them, and nothing else is written.
//!
//! The table streams: one thread at a time decodes the next rows, all treat and encode what they took, and row groups are
//! written in the order of the rows. Only treated rows reach the disk.

mod out;
mod treat;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;

use crate::deidentify::TokenKey;
use crate::engine::error::EngineError;
use crate::engine::read::ingest_report::FileHygiene;
use crate::engine::read::reading::Reading;
use crate::engine::read::{Input, OpenTerms, ReadError, Table, Tokenised, open};
use crate::policy::{Regime, Study};
use crate::types::{CsvDialect, Timestamp};
use out::Out;
use treat::{CONSENTS, Plan};

/// Rows that are taken, treated and written together: a row group.
const TOGETHER: usize = 1 << 18;

/// What is tokenised, and how.
pub struct TokeniseTerms<'a> {
    /// The study that both parties have; its declarations say what is written.
    pub study: &'a Study,
    /// The regime of the study; its thresholds make bands of birth years.
    pub regime: &'a Regime,
    /// A table of the study, or `consents`.
    pub table: &'a str,
    /// The key that the parties agreed on.
    pub key: &'a TokenKey,
    /// Ages are those of this day.
    pub as_of: Timestamp,
    /// How the table is read.
    pub reading: Reading,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokeniseError {
    /// The table cannot be read as it is declared, or has too many bad rows.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// What a column holds cannot be written as Parquet.
    #[error("{}: a column cannot be written as Parquet", .0.display())]
    Encode(PathBuf),
    /// Something has the name of the result.
    #[error("{}: is there already", .0.display())]
    Exists(PathBuf),
    /// The name of the result does not end in `.parquet`.
    #[error("{}: is written as Parquet, so its name must end in .parquet", .0.display())]
    NotParquet(PathBuf),
    /// Another process writes the same file, or one was killed while it did.
    #[error("{}: another process writes it, or one was killed while it did", .0.display())]
    Unfinished(PathBuf),
    /// The study declares no such table.
    #[error("the study declares no dataset `{name}`{}", .nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    UnknownTable {
        /// The name.
        name: String,
        /// The nearest declared one.
        nearest: Option<String>,
    },
    /// The result cannot be written.
    #[error("{}: cannot be written", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
}

impl From<ReadError> for TokeniseError {
    fn from(error: ReadError) -> Self {
        Self::Engine(error.into())
    }
}

/// Tokenises one table into a new Parquet file, and says what was read and dropped.
///
/// The file gets its name when it is whole and durable. If we stop before, `OUT.new` may be left: treated rows alone.
///
/// # Errors
/// [`TokeniseError`]; nothing is left behind.
///
/// # Privacy
/// No raw id, no undeclared column and no birth year is written. Tokens are personal information, which either party can
/// reverse by trying ids.
pub fn tokenise(terms: &TokeniseTerms<'_>, input: Input, out: &Path) -> Result<FileHygiene, TokeniseError> {
    let plan = Plan::new(terms)?;
    let (wanted, repeating) = (plan.wanted(), plan.repeating());
    let mut input = input;
    input.begin()?;
    terms.reading.expect(std::iter::once(&input));
    let mut table = open(input, OpenTerms { repeating, csv: &dialect(terms), ..OpenTerms::new(&wanted) })?;
    if table.tokenised.is_some() {
        return Err(ReadError::Tokenised { file: table.name }.into());
    }
    let report = FileHygiene::new(terms.table, &table);
    let (name, present) = (table.name.clone(), table.present.clone());
    let first = table.next_batch()?;
    let schema = plan.schema(first.as_ref(), &present);
    let origin =
        Tokenised { key: terms.key.id(), study: terms.study.hash.clone(), dataset: terms.table.to_owned() };
    let out = Out::create(out, &schema, &origin)?;
    let source = Mutex::new(Source { table, next: first, rows: 0, chunks: 0, failed: false });
    let work = || work(&plan, &present, &name, &source, &out, &terms.reading);
    let outcomes = std::thread::scope(|scope| {
        let others: Vec<_> = (1..terms.reading.threads()).map(|_| scope.spawn(work)).collect();
        let own = work();
        let stopped = |_| Err((0, EngineError::Stopped.into()));
        let others = others.into_iter().map(|thread| thread.join().unwrap_or_else(stopped));
        std::iter::once(own).chain(others).collect::<Vec<_>>()
    });
    let mut failed = BTreeMap::new();
    let mut report = Some(report);
    for outcome in outcomes {
        match outcome {
            Ok(part) => report = report.map(|report| report.and(part)),
            Err((chunk, error)) => drop(failed.entry(chunk).or_insert(error)),
        }
    }
    if let Some((_, error)) = failed.pop_first() {
        return Err(error);
    }
    let rows = source.into_inner().unwrap_or_else(PoisonError::into_inner).rows;
    let report = report.unwrap_or_default();
    let report = match is_consents(terms.table) {
        true => report.finish_consents(rows)?,
        false => report.finish(rows, terms.reading.max_bad_rows)?,
    };
    out.finish()?;
    Ok(report)
}

/// How CSV files of the table are written.
fn dialect(terms: &TokeniseTerms<'_>) -> CsvDialect {
    let mut datasets = terms.study.datasets.iter().map(|dataset| (&dataset.name, &dataset.csv));
    let mut links = terms.study.links.iter().map(|links| (&links.name, &links.csv));
    let found = datasets.find(|(name, _)| name.as_str() == terms.table);
    let found = found.or_else(|| links.find(|(name, _)| name.as_str() == terms.table));
    found.map_or(&terms.study.consents.csv, |(_, csv)| csv).clone()
}

/// The table as all threads take from it.
struct Source {
    table: Table,
    /// A batch that was read to see the columns.
    next: Option<RecordBatch>,
    rows: u64,
    chunks: usize,
    failed: bool,
}

/// Rows that are taken together.
struct Chunk {
    number: usize,
    /// Rows of the table before them.
    first: u64,
    batches: Vec<RecordBatch>,
}

impl Source {
    fn take(&mut self) -> Result<Option<Chunk>, (usize, TokeniseError)> {
        let mut chunk = Chunk { number: self.chunks, first: self.rows, batches: Vec::new() };
        let mut rows = 0;
        while rows < TOGETHER && !self.failed {
            let next = match self.next.take() {
                Some(batch) => Some(batch),
                None => self.table.next_batch().map_err(|error| {
                    self.failed = true;
                    (chunk.number, error.into())
                })?,
            };
            let Some(batch) = next else { break };
            rows += batch.num_rows();
            chunk.batches.push(batch);
        }
        self.rows += rows as u64;
        self.chunks += 1;
        Ok((!chunk.batches.is_empty() && !self.failed).then_some(chunk))
    }
}

/// Takes, treats and writes until nothing is left; says what was dropped.
fn work(
    plan: &Plan<'_>,
    present: &[bool],
    name: &str,
    source: &Mutex<Source>,
    out: &Out,
    reading: &Reading,
) -> Result<FileHygiene, (usize, TokeniseError)> {
    let mut report = FileHygiene::default();
    report.file.push_str(name);
    let lock = || source.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let taken = lock().take()?;
        let Some(Chunk { number, first, batches }) = taken else { return Ok(report) };
        let failed = |error| {
            lock().failed = true;
            (number, error)
        };
        let mut group = out.group(number).map_err(failed)?;
        let mut before = first;
        for batch in &batches {
            reading.heard(batch.num_rows());
            plan.look(present, batch, &mut report).map_err(|error| failed(error.into()))?;
            let treated = plan.treat(name, present, batch).map_err(|error| failed(error.into()))?;
            let kept = treated.keep(batch.num_rows(), before, &mut report);
            for (from, len) in kept {
                group.write(&treated.columns, from, len).map_err(failed)?;
            }
            before += batch.num_rows() as u64;
        }
        out.append(number, group).map_err(failed)?;
    }
}

/// Whether a table of this name is that of consent events.
fn is_consents(table: &str) -> bool {
    table == CONSENTS
}

#[cfg(test)]
mod tests;
