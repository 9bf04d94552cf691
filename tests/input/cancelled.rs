//! A seal that its caller cancels reads no further, leaves nothing half-written, charges nothing, and says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use hushtag::audit::Kind;
use hushtag::engine::{EngineError, Input, Progress, Sources};
use hushtag::operator::{ErrorKind, Operator, OperatorError};
use hushtag::storage::{Image, Storage};
use hushtag::types::CancelToken;

use crate::support::{self, population, sources, terms};

/// Every file of the sandbox but those of the log, which names a seal that failed.
fn kept(image: &Image) -> BTreeMap<String, Vec<u8>> {
    let files = image.files().unwrap().into_iter().filter(|path| !path.starts_with("log/"));
    files.map(|path| (path.clone(), image.read(&path).unwrap().unwrap_or_default())).collect()
}

fn sandbox() -> (Image, Operator) {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    (image, operator)
}

fn is_cancelled(error: &OperatorError) -> bool {
    matches!(error, OperatorError::Engine(EngineError::Cancelled)) && error.kind() == ErrorKind::Cancelled
}

/// The rows of a table one by one; `act` is called before each.
fn one_by_one(
    reader: Box<dyn RecordBatchReader + Send>,
    mut act: impl FnMut() + Send + 'static,
) -> Box<dyn RecordBatchReader + Send> {
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let rows =
        batches.into_iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| batch.slice(row, 1)));
    let rows = rows.map(move |row| {
        act();
        Ok(row)
    });
    Box::new(RecordBatchIterator::new(rows, schema))
}

/// Guards that whichever row of whichever table is the last one before the cancellation, at most one more is read, the error is its own,
/// the folder is as before, nothing is charged, and the id is free.
#[test]
fn a_cancelled_seal_stops_at_once_and_leaves_nothing() {
    let people = population(20, 1);
    for table in 0..4usize {
        for last in [0u64, 1, 7] {
            let (image, operator) = sandbox();
            let before = kept(&image);
            let (stop, read) = (CancelToken::new(), Arc::new(AtomicU64::new(0)));
            let (token, rows) = (stop.clone(), Arc::clone(&read));
            let mut act = Some(move || {
                if rows.fetch_add(1, Ordering::SeqCst) == last {
                    token.cancel();
                }
            });
            let whole: Sources = sources(&people);
            let mut slow = |at: usize, input: Input| match (input, at == table) {
                (Input::Reader(name, reader), true) => {
                    Input::Reader(name, one_by_one(reader, act.take().unwrap()))
                }
                (input, _) => input,
            };
            let data = whole.data.into_iter().enumerate().map(|(at, (name, input))| (name, slow(at, input)));
            let data = data.collect();
            let consents = whole.consents.into_iter().map(|input| slow(3, input)).collect();
            let error = operator.seal(&terms("e1").cancelled_by(&stop), Sources::new(data, consents));
            let error = error.unwrap_err();
            assert!(is_cancelled(&error), "{error:?}");
            assert_eq!(read.load(Ordering::SeqCst), last + 1, "rows of table {table}");
            assert!(kept(&image) == before, "the folder changed: table {table}, row {last}");
            assert_eq!(operator.status().unwrap().totals.lifetime, 0);
            operator.seal(&terms("e1"), sources(&people)).unwrap();
        }
    }
}

/// Guards that a token which is cancelled before, or while the last row is read, still stops the seal, and that the log says what kind of
/// end it was, in a word that it had before.
#[test]
fn the_log_says_that_the_seal_was_stopped() {
    let people = population(20, 1);
    let (image, operator) = sandbox();
    let stop = CancelToken::new();
    let at_the_end = {
        let (stop, seen) = (stop.clone(), Arc::new(AtomicU64::new(0)));
        move |progress: &Progress| {
            seen.fetch_max(progress.rows(), Ordering::SeqCst);
            if progress.expected().is_none() {
                stop.cancel();
            }
        }
    };
    let error = operator.seal(&terms("e1").cancelled_by(&stop).on_progress(at_the_end), sources(&people));
    assert!(is_cancelled(&error.unwrap_err()));
    let again = operator.seal(&terms("e1").cancelled_by(&stop), sources(&people));
    assert!(is_cancelled(&again.unwrap_err()), "a token stays cancelled");
    drop(operator);
    let storage = Arc::new(image);
    let vkey = {
        let text = String::from_utf8(storage.read("sandbox.toml").unwrap().unwrap()).unwrap();
        text.parse::<toml::Table>().unwrap()["vkey"].as_str().unwrap().parse().unwrap()
    };
    let log = hushtag::audit::Log::open(storage, &vkey).unwrap();
    let stopped = log.entries().map(Result::unwrap).filter(|entry| entry.kind == Kind::Access);
    let words: Vec<_> = stopped.map(|entry| entry.body["failed"].as_str().unwrap().to_owned()).collect();
    assert_eq!(words, ["stopped", "stopped"]);
}

/// Guards that an observer sees every row, and that a check of files can be cancelled as a seal can.
#[test]
fn progress_counts_every_row_and_a_check_is_cancelled_too() {
    let people = population(20, 1);
    let (_image, operator) = sandbox();
    let seen = Arc::new(AtomicU64::new(0));
    let observer = Arc::clone(&seen);
    let watched = terms("e1").on_progress(move |progress| {
        observer.fetch_max(progress.rows(), Ordering::SeqCst);
    });
    let sealed = operator.seal(&watched, sources(&people)).unwrap();
    let rows: u64 = sealed.hygiene.files.iter().map(|file| file.rows).sum();
    assert_eq!(seen.load(Ordering::SeqCst), rows);

    let stop = CancelToken::new();
    stop.cancel();
    let reading = terms("e2").reading.cancelled_by(&stop);
    let checked = operator.check_sources(support::as_of(), &reading, sources(&people));
    assert!(is_cancelled(&checked.unwrap_err()));
}
