//! From when to when the records of a file are, so that an as-of that does not fit them is seen.

use arrow_array::{Array as _, Int64Array};
use serde::Serialize;

use crate::types::Timestamp;

/// The instants of one time field of one file, as the file holds them.
///
/// # Privacy
/// A function of one party's file alone; shown to the operator who seals, and never logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instants {
    /// The first one.
    #[serde(serialize_with = "as_text")]
    pub oldest: Timestamp,
    /// The last one.
    #[serde(serialize_with = "as_text")]
    pub newest: Timestamp,
    /// Rows dated as-of or later, which count in no measure.
    pub at_or_after_as_of: u64,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl Instants {
    /// Those of a column in seconds; `None` if no row has one.
    pub(in crate::engine) fn of(seconds: &Int64Array, as_of: Timestamp) -> Option<Self> {
        let as_of = as_of.seconds();
        let (oldest, newest, late) = if seconds.null_count() == 0 {
            spread(seconds.values().iter().copied(), as_of)
        } else {
            spread(seconds.iter().flatten(), as_of)
        };
        (oldest <= newest).then(|| Self {
            oldest: Timestamp::from_seconds(oldest),
            newest: Timestamp::from_seconds(newest),
            at_or_after_as_of: late,
        })
    }

    /// Those of two parts of a file.
    pub(in crate::engine) fn and(&mut self, other: &Self) {
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
        self.at_or_after_as_of += other.at_or_after_as_of;
    }
}

/// The least, the greatest, and how many are not below `as_of`.
fn spread(seconds: impl Iterator<Item = i64>, as_of: i64) -> (i64, i64, u64) {
    seconds.fold((i64::MAX, i64::MIN, 0), |(oldest, newest, late), at| {
        (oldest.min(at), newest.max(at), late + u64::from(at >= as_of))
    })
}
