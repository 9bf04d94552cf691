//! De-identification at a platform, before anything is handed over: ids become tokens, declared fields are read as a seal
//! reads them, and nothing else is written.
//!
//! The table streams: one thread at a time decodes the next rows, all treat and encode what they took, and row groups are
//! written in the order of the rows. Only treated rows reach the disk.

mod out;
mod requested;
mod terms;
mod treat;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;

use crate::engine::error::EngineError;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::{Input, OpenTerms, ReadError, Table, Tokenised, open};
use crate::policy::Study;
use crate::types::CsvDialect;
pub use requested::{RequestIds, request_ids};
pub use terms::{TokenSource, TokeniseError, TokeniseTerms};

use out::Out;
use terms::is_consents;
use treat::Plan;

/// Rows that are taken, treated and written together: a row group. So few that several threads are busy with one file to its end.
const ROW_GROUP: usize = 1 << 16;

/// Tokenises one table into a new Parquet file, and says what was read and dropped.
///
/// The file gets its name when it is whole and durable. If we stop before, `OUT.new` may be left: treated rows alone.
///
/// # Errors
/// [`TokeniseError`]; nothing is left behind.
///
/// # Privacy
/// No raw id, no undeclared column and no birth year is written. Tokens are personal information: those under a shared key can be
/// reversed by either party, by trying ids; blind ones by both together.
pub fn tokenise(terms: &TokeniseTerms<'_>, input: Input, out: &Path) -> Result<FileReport, TokeniseError> {
    let plan = Plan::new(terms)?;
    let (wanted, repeating) = (plan.wanted(), plan.repeating());
    let mut input = input;
    input.begin()?;
    terms.reading.expect(std::iter::once(&input));
    let csv = dialect(terms.study, terms.table);
    let mut table = open(input, OpenTerms { repeating, csv: &csv, ..OpenTerms::new(&wanted) })?;
    if table.tokenised.is_some() {
        return Err(ReadError::Tokenised { file: table.name }.into());
    }
    let report = FileReport::new(terms.table, &table);
    let (name, present) = (table.name.clone(), table.present.clone());
    let first = table.next_batch()?;
    let schema = plan.schema(first.as_ref(), &present);
    let origin = Tokenised {
        key: terms.tokens.key_id(),
        study: terms.study.hash.clone(),
        dataset: terms.table.to_owned(),
        blind: terms.tokens.session(),
    };
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
fn dialect(study: &Study, table: &str) -> CsvDialect {
    let mut datasets = study.datasets.iter().map(|dataset| (&dataset.name, &dataset.csv));
    let mut links = study.links.iter().map(|links| (&links.name, &links.csv));
    let found = datasets.find(|(name, _)| name.as_str() == table);
    let found = found.or_else(|| links.find(|(name, _)| name.as_str() == table));
    found.map_or(&study.consents.csv, |(_, csv)| csv).clone()
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
        while rows < ROW_GROUP && !self.failed {
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
) -> Result<FileReport, (usize, TokeniseError)> {
    let mut report = FileReport::default();
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
            reading.count_rows(batch.num_rows()).map_err(|error| failed(error.into()))?;
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

#[cfg(test)]
mod blind_tests;
#[cfg(test)]
mod tests;
