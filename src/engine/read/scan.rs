//! Streams the parts of all files of a dataset past several threads; what they gather does not depend on who read which.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;

use super::ingest_report::FileReport;
use super::reading::Reading;
use super::recorded::Record;
use super::{Input, OpenTerms, Part, parts};
use crate::engine::error::EngineError;

/// One batch of a file, and its place in it.
pub(in crate::engine) struct BatchRef<'a> {
    /// How reports call the file.
    pub(in crate::engine) name: &'a str,
    /// Whether its ids are tokens.
    pub(in crate::engine) tokenised: bool,
    /// The wanted columns, in the wanted order.
    pub(in crate::engine) batch: &'a RecordBatch,
    /// Rows of the file before the batch.
    pub(in crate::engine) first: u64,
    /// The report of the file.
    pub(in crate::engine) report: &'a mut FileReport,
}

/// How the files of one dataset are read.
pub(in crate::engine) struct ParallelScan<'a> {
    pub(in crate::engine) dataset: &'a str,
    pub(in crate::engine) terms: OpenTerms<'a>,
    pub(in crate::engine) reading: &'a Reading,
}

/// What threads make of parts, one thread a part, in the order of the parts.
pub(in crate::engine) fn in_parallel<P: Send, M: Send>(
    parts: impl IntoIterator<Item = P>,
    work: impl Fn(P) -> M + Sync,
) -> Vec<M> {
    let parts: Vec<P> = parts.into_iter().collect();
    if parts.len() < 2 {
        return parts.into_iter().map(work).collect();
    }
    let mut made: Vec<Option<M>> = parts.iter().map(|_| None).collect();
    // Should a thread panic, the scope does, too: no part is ever missing.
    std::thread::scope(|scope| {
        let work = &work;
        for (made, part) in made.iter_mut().zip(parts) {
            scope.spawn(move || *made = Some(work(part)));
        }
    });
    made.into_iter().flatten().collect()
}

/// What so many threads make of items, in the order of the items; each thread takes the next one when it is done with one.
pub(in crate::engine) fn shared_out<P: Send, M: Send>(
    items: Vec<P>,
    threads: usize,
    work: impl Fn(P) -> M + Sync,
) -> Vec<M> {
    if threads < 2 || items.len() < 2 {
        return items.into_iter().map(work).collect();
    }
    let threads = threads.min(items.len());
    let items: Vec<Mutex<Option<P>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let next = AtomicUsize::new(0);
    let made = in_parallel(0..threads, |_| {
        let mut made = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return made };
            let item = item.lock().unwrap_or_else(PoisonError::into_inner).take();
            made.extend(item.map(|item| (at, work(item))));
        }
    });
    let mut made: Vec<(usize, M)> = made.into_iter().flatten().collect();
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, made)| made).collect()
}

/// What a thread brings home, or the file in which it failed.
type Outcome<S> = Result<(S, Vec<Read>), (usize, EngineError)>;

/// The report of one part.
struct Read {
    file: usize,
    report: FileReport,
}

/// One thing that a thread does.
enum Task {
    /// Takes the digest of a file of several parts.
    Digest(Arc<Record>),
    /// Reads a part of the file with this number.
    Read(usize, Part),
}

/// What is to be done for all files: digests first, because each takes one thread longer than a part does.
fn tasks(files: Vec<Input>) -> Result<Vec<Mutex<Option<Task>>>, EngineError> {
    let (mut digests, mut all) = (Vec::new(), Vec::new());
    for (file, input) in files.into_iter().enumerate() {
        let record = input.record().cloned();
        let parts = parts(input)?;
        digests.extend(record.filter(|_| parts.len() > 1).map(Task::Digest));
        all.extend(parts.into_iter().map(|part| Task::Read(file, part)));
    }
    Ok(digests.into_iter().chain(all).map(|task| Mutex::new(Some(task))).collect())
}

impl ParallelScan<'_> {
    /// Reads all files; every thread has a state of its own.
    ///
    /// # Errors
    /// [`EngineError`] of the first part that has one.
    pub(in crate::engine) fn read<S: Send>(
        &self,
        files: Vec<Input>,
        start: impl Fn() -> S + Sync,
        observe: impl Fn(&mut S, BatchRef<'_>) -> Result<(), EngineError> + Sync,
    ) -> Result<(Vec<FileReport>, Vec<S>), EngineError> {
        let count = files.len();
        let all = tasks(files)?;
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let stops = || failed.load(Ordering::Relaxed) || self.reading.cancel.is_cancelled();
        let work = || {
            let (mut state, mut done) = (start(), Vec::new());
            while let Some(task) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (file, part) = match task.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    Some(Task::Read(file, part)) => (file, part),
                    Some(Task::Digest(record)) => {
                        record.digest_ahead(stops);
                        continue;
                    }
                    None => continue,
                };
                // A part that was begun is read to its end whatever happens elsewhere, so which error is the first does
                // not depend on time.
                match self.part(part, &mut state, &observe) {
                    Ok(report) => done.push(Read { file, report }),
                    Err(error) => {
                        next.store(all.len(), Ordering::Relaxed);
                        failed.store(true, Ordering::Relaxed);
                        return Err((file, error));
                    }
                }
            }
            Ok((state, done))
        };
        let threads = self.reading.threads().clamp(1, all.len().max(1));
        let outcomes = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let stopped = |_| Err((0, EngineError::Stopped));
            let others = others.into_iter().map(|thread| thread.join().unwrap_or_else(stopped));
            std::iter::once(own).chain(others).collect::<Vec<_>>()
        });
        self.collect(outcomes, count)
    }

    fn part<S>(
        &self,
        part: Part,
        state: &mut S,
        observe: &impl Fn(&mut S, BatchRef<'_>) -> Result<(), EngineError>,
    ) -> Result<FileReport, EngineError> {
        let mut table = part.open(self.terms)?;
        let mut report = FileReport::new(self.dataset, &table);
        let start = table.first;
        let mut first = start;
        while let Some(batch) = table.next_batch()? {
            self.reading.count_rows(batch.num_rows())?;
            let (name, tokenised) = (&table.name, table.tokenised.is_some());
            observe(state, BatchRef { name, tokenised, batch: &batch, first, report: &mut report })?;
            first += batch.num_rows() as u64;
        }
        report.rows = first - start;
        Ok(report)
    }

    fn collect<S>(
        &self,
        outcomes: Vec<Outcome<S>>,
        files: usize,
    ) -> Result<(Vec<FileReport>, Vec<S>), EngineError> {
        let mut states = Vec::new();
        let mut reports: Vec<Option<FileReport>> = (0..files).map(|_| None).collect();
        let mut failed: Option<(usize, EngineError)> = None;
        for outcome in outcomes {
            match outcome {
                Ok((state, read)) => {
                    states.push(state);
                    for Read { file, report } in read {
                        let Some(slot) = reports.get_mut(file) else { continue };
                        *slot = Some(match slot.take() {
                            None => report,
                            Some(known) => known.and(report),
                        });
                    }
                }
                Err((file, error)) if failed.as_ref().is_none_or(|(first, _)| file < *first) => {
                    failed = Some((file, error));
                }
                Err(_) => {}
            }
        }
        match failed {
            Some((_, error)) => Err(error),
            None => {
                let finished = reports.into_iter().flatten().map(|report| {
                    let rows = report.rows;
                    report.finish(rows, self.reading.max_bad_rows)
                });
                Ok((finished.collect::<Result<_, _>>()?, states))
            }
        }
    }
}
