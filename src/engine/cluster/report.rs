//! The report of a file on its way from the executor that read it to the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bincode::{Decode, Encode};

use super::error::ClusterError;
use super::tag::{Id, Tags};
use crate::deidentify::IdShapes;
use crate::engine::read::BlindSession;
use crate::engine::read::RowPlace;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::instants::Instants;
use crate::types::Timestamp;

/// What was read of one file.
#[derive(Encode, Decode)]
pub(super) struct UnitReport {
    pub(super) unit: u32,
    /// By what it is grouped.
    pub(super) key: Id,
    /// What the executor that read the file knows of the seal.
    pub(super) commitment: Id,
    /// The tags of all states that were made of it.
    pub(super) sent: Tags,
    /// Rows of a relation that have an owner and another person as target.
    pub(super) pairs: u64,
    /// Whether a record lies in a window, or no measure knows times.
    pub(super) is_inside: bool,
    /// SHA-256 and length of the bytes that were read.
    pub(super) digest: Option<([u8; 32], u64)>,
    pub(super) report: WrittenReport,
}

type Counts = BTreeMap<String, u64>;
type CountsByColumn = BTreeMap<String, Counts>;

/// A [`FileReport`] with texts of its own.
#[derive(Encode, Decode)]
pub(super) struct WrittenReport {
    dataset: String,
    file: String,
    /// Rows, used rows, self-follows, duplicates, ambiguous ids, rows of other studies, unknown recipients.
    counts: [u64; 7],
    identical: Option<u64>,
    dropped: Counts,
    unclear: CountsByColumn,
    unknown_words: CountsByColumn,
    token_key: Option<String>,
    token_session: Option<(String, u64)>,
    identifiers: CountsByColumn,
    times: BTreeMap<String, (i64, i64, u64)>,
    unreadable_ages: CountsByColumn,
    unreadable_labels: CountsByColumn,
    differing: Counts,
    undeclared_columns: Vec<String>,
    notes: Vec<String>,
    shapes: BTreeMap<String, IdShapes>,
    first: Vec<(String, u64, String, String)>,
}

impl WrittenReport {
    pub(super) fn of(report: &FileReport) -> Self {
        let (shapes, first) = report.rest();
        let instants = |at: &Instants| (at.oldest.seconds(), at.newest.seconds(), at.at_or_after_as_of);
        let place = |place: &RowPlace| {
            (place.unit.to_owned(), place.row, place.column.clone(), place.reason.to_owned())
        };
        Self {
            dataset: report.dataset.clone(),
            file: report.file.clone(),
            counts: [
                report.rows,
                report.used,
                report.self_follows,
                report.duplicates,
                report.ambiguous_ids,
                report.of_other_studies,
                report.unknown_recipients,
            ],
            identical: report.identical,
            dropped: texts(&report.dropped),
            unclear: report.unclear.iter().map(|(column, all)| ((*column).to_owned(), texts(all))).collect(),
            unknown_words: (report.unknown_words.iter())
                .map(|(column, words)| ((*column).to_owned(), words.clone()))
                .collect(),
            token_key: report.token_key.clone(),
            token_session: report.token_session.as_ref().map(|of| (of.session.clone(), of.ids)),
            identifiers: by_column(&report.identifiers),
            times: report.times.iter().map(|(column, at)| (column.clone(), instants(at))).collect(),
            unreadable_ages: by_column(&report.unreadable_ages),
            unreadable_labels: by_column(&report.unreadable_labels),
            differing: report.differing.clone(),
            undeclared_columns: report.undeclared_columns.clone(),
            notes: report.notes.clone(),
            shapes: shapes.clone(),
            first: first.iter().map(place).collect(),
        }
    }

    pub(super) fn into_report(self) -> Result<FileReport, ClusterError> {
        let [rows, used, self_follows, duplicates, ambiguous_ids, of_other_studies, unknown_recipients] =
            self.counts;
        let instants = |(oldest, newest, late): (i64, i64, u64)| Instants {
            oldest: Timestamp::from_seconds(oldest),
            newest: Timestamp::from_seconds(newest),
            at_or_after_as_of: late,
        };
        let first = self.first.into_iter().map(|(unit, row, column, reason)| {
            Ok(RowPlace { unit: word(unit)?, row, column, reason: word(reason)? })
        });
        let first = first.collect::<Result<_, ClusterError>>()?;
        let mut report = FileReport::of_rest(self.shapes, first);
        report.dataset = self.dataset;
        report.file = self.file;
        report.rows = rows;
        report.used = used;
        report.self_follows = self_follows;
        report.duplicates = duplicates;
        report.ambiguous_ids = ambiguous_ids;
        report.of_other_studies = of_other_studies;
        report.unknown_recipients = unknown_recipients;
        report.identical = self.identical;
        report.dropped = words(self.dropped)?;
        let unclear = self.unclear.into_iter();
        report.unclear = unclear
            .map(|(column, all)| Ok((word(column)?, words(all)?)))
            .collect::<Result<_, ClusterError>>()?;
        let unknown = self.unknown_words.into_iter();
        report.unknown_words =
            unknown.map(|(column, words)| Ok((word(column)?, words))).collect::<Result<_, ClusterError>>()?;
        report.token_key = self.token_key;
        report.token_session = self.token_session.map(|(session, ids)| BlindSession { session, ids });
        report.identifiers = words_by_column(self.identifiers)?;
        report.times = self.times.into_iter().map(|(column, at)| (column, instants(at))).collect();
        report.unreadable_ages = words_by_column(self.unreadable_ages)?;
        report.unreadable_labels = words_by_column(self.unreadable_labels)?;
        report.differing = self.differing;
        report.undeclared_columns = self.undeclared_columns;
        report.notes = self.notes;
        Ok(report)
    }
}

fn texts(counts: &BTreeMap<&'static str, u64>) -> Counts {
    counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

fn by_column(counts: &BTreeMap<String, BTreeMap<&'static str, u64>>) -> CountsByColumn {
    counts.iter().map(|(column, all)| (column.clone(), texts(all))).collect()
}

fn words(counts: Counts) -> Result<BTreeMap<&'static str, u64>, ClusterError> {
    counts.into_iter().map(|(text, count)| Ok((word(text)?, count))).collect()
}

fn words_by_column(
    counts: CountsByColumn,
) -> Result<BTreeMap<String, BTreeMap<&'static str, u64>>, ClusterError> {
    counts.into_iter().map(|(column, all)| Ok((column, words(all)?))).collect()
}

/// Reasons, and columns of the consent table, are constants of the program; more of them than this are none.
const MOST_WORDS: usize = 1_024;

/// The constant with this text. Each is kept once for the life of the process.
fn word(text: String) -> Result<&'static str, ClusterError> {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = known.get(text.as_str()) {
        return Ok(word);
    }
    if known.len() >= MOST_WORDS {
        return Err(ClusterError::Malformed);
    }
    let word: &'static str = Box::leak(text.into_boxed_str());
    known.insert(word);
    Ok(word)
}
