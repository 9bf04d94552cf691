//! Counts what of the rows of one consent file is unclear, in bounded memory.

use std::collections::BTreeMap;

use crate::consent::{Times, Unclear};
use crate::engine::read::ingest_report::FileReport;
use crate::types::Timestamp;

/// Words of a column that are counted; those that first occur after them are not.
const MOST_WORDS: usize = 1_024;

/// A word that fewer rows have is not shown: it may be a slip, or a person's.
const FEWEST_ROWS: u64 = 20;

/// Rows by what is unclear in them.
#[derive(Default)]
pub(super) struct UnclearRows {
    faults: BTreeMap<(&'static str, &'static str), u64>,
    words: BTreeMap<&'static str, BTreeMap<String, u64>>,
    strangers: u64,
}

impl UnclearRows {
    /// Counts so many rows of the same statements.
    pub(in crate::engine) fn add(&mut self, unclear: &Unclear, rows: u64) {
        for fault in &unclear.faults {
            *self.faults.entry(*fault).or_default() += rows;
        }
        for (column, word) in &unclear.words {
            self.add_word(column, word, rows);
        }
        self.strangers += if unclear.stranger { rows } else { 0 };
    }

    /// Counts the instants of one row.
    pub(in crate::engine) fn add_times(&mut self, times: &Times, gives: bool, as_of: Option<Timestamp>) {
        let late = as_of
            .filter(|as_of| times.is_after(*as_of))
            .map(|_| ("at", "after as-of, and does not count yet"));
        for fault in times.faults(gives).chain(late) {
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    /// Adds the rows of a later part of the file.
    pub(super) fn and(&mut self, later: Self) {
        for (fault, rows) in later.faults {
            *self.faults.entry(fault).or_default() += rows;
        }
        for (column, words) in later.words {
            words.into_iter().for_each(|(word, rows)| self.add_word(column, &word, rows));
        }
        self.strangers += later.strangers;
    }

    fn add_word(&mut self, column: &'static str, word: &str, rows: u64) {
        let known = self.words.entry(column).or_default();
        if let Some(count) = known.get_mut(word) {
            *count += rows;
        } else if known.len() < MOST_WORDS {
            known.insert(word.to_owned(), rows);
        }
    }

    /// Writes the counts into the report of the file.
    pub(super) fn write_to(self, report: &mut FileReport) {
        for ((column, reason), rows) in self.faults.into_iter().filter(|(_, rows)| *rows > 0) {
            report.unclear.entry(column).or_default().insert(reason, rows);
        }
        for (column, words) in self.words {
            let frequent: BTreeMap<String, u64> =
                words.into_iter().filter(|(_, rows)| *rows >= FEWEST_ROWS).collect();
            if !frequent.is_empty() {
                report.unknown_words.insert(column, frequent);
            }
        }
        report.unknown_recipients = self.strangers;
    }
}
