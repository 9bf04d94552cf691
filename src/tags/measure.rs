//! Measures: one exact number (or none) per person.

use super::{Grid, TagError};
use crate::types::{DatasetName, Days};

/// The range to which a person's value is clamped, in the measure's unit (fen for amounts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clamp {
    low: i64,
    high: i64,
}

impl Clamp {
    /// The widest range: what a measure without a declared clamp is held to, so that sums of it cannot overflow.
    pub const WIDEST: Self = Self { low: -(1 << 62), high: 1 << 62 };

    /// A range inside `-2^62 ..= 2^62`.
    ///
    /// # Errors
    /// [`TagError::InvalidClamp`]
    pub const fn new(low: i64, high: i64) -> Result<Self, TagError> {
        if low <= high && low >= Self::WIDEST.low && high <= Self::WIDEST.high {
            Ok(Self { low, high })
        } else {
            Err(TagError::InvalidClamp { low, high })
        }
    }

    /// The lower end.
    #[must_use]
    pub const fn low(self) -> i64 {
        self.low
    }

    /// The upper end.
    #[must_use]
    pub const fn high(self) -> i64 {
        self.high
    }

    /// `value`, moved into the range.
    #[must_use]
    pub fn apply(self, value: i128) -> i64 {
        let held = value.clamp(i128::from(self.low), i128::from(self.high));
        i64::try_from(held).unwrap_or(self.low)
    }
}

/// The part of time that a measure over records reads: `[as-of - span, as-of)` of a declared time field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The time field.
    pub field: String,
    /// How far back, from the epoch's as-of.
    pub span: Days,
}

/// What a measure reads and whose data moves it (the table of PRIVACY.md, normal form).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// How many records the person owns; 0 for none. Moved by the owner only.
    Count {
        /// The records.
        dataset: DatasetName,
        /// The part of time; without one every row of the files.
        window: Option<Window>,
    },
    /// The sum of an amount or integer field over the person's records; 0 for none. Moved by the owner only.
    Sum {
        /// The records.
        dataset: DatasetName,
        /// The field that is summed.
        field: String,
        /// The part of time.
        window: Option<Window>,
    },
    /// Whole days from the person's last record to as-of; absent for none. Moved by the owner only.
    DaysSinceLast {
        /// The records.
        dataset: DatasetName,
        /// The part of time; its field is the one that is read.
        window: Window,
        /// Whether the study limited the span.
        limited: bool,
    },
    /// How many distinct people the person lists, whoever they are. Moved by the owner only.
    OwnListSize {
        /// Index of the relation in the catalogue.
        relation: usize,
    },
    /// How many people list the person. Moved by each of them, who reaches at most `max_reach` people.
    AudienceSize {
        /// Index of the relation in the catalogue.
        relation: usize,
    },
    /// The sum of an own-record measure over the people who list the person; 0 for none.
    AudienceSum {
        /// Index of the relation in the catalogue.
        relation: usize,
        /// Index of the inner measure in the catalogue.
        of: usize,
    },
    /// The mean of an own-record measure over the people who list the person and have it; absent for none.
    AudienceMean {
        /// Index of the relation in the catalogue.
        relation: usize,
        /// Index of the inner measure in the catalogue.
        of: usize,
    },
}

impl Source {
    /// The relation whose contributions move the measure, if it is moved by other people.
    #[must_use]
    pub const fn contributing_relation(&self) -> Option<usize> {
        match self {
            Self::AudienceSize { relation }
            | Self::AudienceSum { relation, .. }
            | Self::AudienceMean { relation, .. } => Some(*relation),
            Self::Count { .. } | Self::Sum { .. } | Self::DaysSinceLast { .. } | Self::OwnListSize { .. } => {
                None
            }
        }
    }

    /// Whether it is computed from the person's own rows alone.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.contributing_relation().is_none()
    }

    /// Whether some people have no value.
    #[must_use]
    pub const fn can_be_absent(&self) -> bool {
        matches!(self, Self::DaysSinceLast { .. } | Self::AudienceMean { .. })
    }
}

/// A measure: what it reads, its name if questions may use it, and the range its values are held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The declared name; a measure written inside a tag has none.
    pub name: Option<String>,
    /// What it reads.
    pub source: Source,
    /// The declared range; only a measure with one can be summed.
    pub clamp: Option<Clamp>,
    /// The declared cells of its range; only a measure with them has quantiles.
    pub grid: Option<Grid>,
    /// The smallest value it can have before clamping (`None`: negative amounts are allowed).
    pub floor: Option<i64>,
}

impl Measure {
    /// The range that values are held to, declared or widest.
    #[must_use]
    pub fn range(&self) -> Clamp {
        self.clamp.unwrap_or(Clamp::WIDEST)
    }

    /// The smallest value that bands have to cover.
    #[must_use]
    pub fn lowest(&self) -> i64 {
        match self.floor {
            Some(floor) => floor.clamp(self.range().low(), self.range().high()),
            None => self.range().low(),
        }
    }
}
