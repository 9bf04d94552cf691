//! One cell of an event in the store.

use bincode::{Decode, Encode};

use crate::consent::Moment;
use crate::types::Timestamp;

/// The last second that RFC 3339 can spell.
const LAST: i64 = 253_402_300_799;

/// A cell in the store: what is spelled in the usual way takes few bytes, so that kinds of events need not differ in
/// their padded size.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum Cell {
    Absent,
    Text(String),
    Instant(i64),
    Whole(i64),
    Flag(bool),
}

impl Cell {
    pub(super) fn of(cell: Option<&str>) -> Self {
        let Some(text) = cell else { return Self::Absent };
        if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return match text {
                "true" => Self::Flag(true),
                "false" => Self::Flag(false),
                _ => Self::Text(text.to_owned()),
            };
        }
        let whole = text.parse().ok().map(Self::Whole);
        let compact = whole.or_else(|| Timestamp::parse(text).ok().map(|at| Self::Instant(at.seconds())));
        // INVARIANT: every cell comes back as the text that it was.
        match compact {
            Some(compact) if compact.spelled().as_deref() == Some(text) => compact,
            _ => Self::Text(text.to_owned()),
        }
    }

    /// The cell of the text that an instant is spelled as.
    pub(super) fn of_seconds(seconds: i64) -> Self {
        if (0..=LAST).contains(&seconds) {
            Self::Instant(seconds)
        } else {
            Self::of(Some(&Timestamp::from_seconds(seconds).to_string()))
        }
    }

    pub(super) fn spelled(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Text(text) => Some(text.clone()),
            Self::Instant(seconds) => Some(Timestamp::from_seconds(*seconds).to_string()),
            Self::Whole(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(flag.to_string()),
        }
    }

    /// Bytes of its text.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Text(text) => text.len(),
            // As 2026-09-01T10:00:00Z.
            Self::Instant(0..=LAST) => 20,
            other => other.spelled().map_or(0, |text| text.len()),
        }
    }

    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            other => other.spelled(),
        }
    }

    /// The instant that the text names without a zone.
    pub(super) fn moment(&self) -> Moment {
        match self {
            Self::Absent => Moment::Absent,
            Self::Instant(seconds) => Moment::At(*seconds),
            other => Moment::read(other.spelled().as_deref(), None),
        }
    }
}
