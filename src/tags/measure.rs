//! Measures: one exact number (or none) per person.

use super::{Condition, Grid, TagError, Test};
use crate::types::{DatasetName, Days, Denomination};

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

/// The part of time that a measure over records reads: `[as-of - span, as-of - ending)` of a declared time field. A record without
/// an instant is in no part of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The time field.
    pub field: String,
    /// How far back it begins, from the epoch's as-of; `None` for the beginning of time.
    pub span: Option<Days>,
    /// How far back it ends; `None` for as-of itself.
    pub ending: Option<Days>,
}

/// Which rows of a records dataset a measure reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The records.
    pub dataset: DatasetName,
    /// The part of time; `None` only for records that declare no time field, whose rows count whenever they are from.
    pub window: Option<Window>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// What a measure makes of the rows that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregate {
    /// How many rows; 0 for none.
    Count,
    /// The sum of a field; 0 for none.
    Sum {
        /// An amount or integer field.
        field: String,
    },
    /// The mean of a field, exactly; absent for none.
    Mean {
        /// An amount or integer field.
        field: String,
    },
    /// The smallest value of a field; absent for none.
    Least {
        /// An amount or integer field.
        field: String,
    },
    /// The largest value of a field; absent for none.
    Greatest {
        /// An amount or integer field.
        field: String,
    },
    /// Whole days from the first row to as-of; absent for none.
    DaysSinceFirst {
        /// The time field.
        field: String,
    },
    /// Whole days from the last row to as-of; absent for none.
    DaysSinceLast {
        /// The time field.
        field: String,
    },
    /// How many different values a field has, at most `cap`; 0 for none.
    Distinct {
        /// The field.
        field: String,
        /// Where counting ends.
        cap: u32,
    },
    /// The share of rows that meet all conditions, in parts of `unit`, exactly; absent for no row.
    Share {
        /// What counts.
        of: Vec<Condition>,
        /// The whole: 100 for percent.
        unit: u32,
    },
    /// Of those with a row in the window: 1 with a row after its end too, else 0; absent for all others.
    Retained,
}

/// What arrives at a person from those whose truncated list holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inbound {
    /// How many people.
    Size,
    /// The sum of an own-record measure over them; 0 for none.
    Sum {
        /// Index of the inner measure in the catalogue.
        of: usize,
    },
    /// The mean of an own-record measure over those who have it, exactly; absent for none.
    Mean {
        /// Index of the inner measure in the catalogue.
        of: usize,
    },
    /// The share of them whose own-record measure meets a test, in parts of `unit`, exactly; absent for none.
    Share {
        /// Index of the inner measure in the catalogue.
        of: usize,
        /// What counts; an absent value meets no test but its absence.
        test: Test,
        /// The whole: 100 for percent.
        unit: u32,
    },
}

impl Inbound {
    /// The inner measure.
    #[must_use]
    pub const fn of(&self) -> Option<usize> {
        match self {
            Self::Size => None,
            Self::Sum { of } | Self::Mean { of } | Self::Share { of, .. } => Some(*of),
        }
    }
}

/// What records that name a person amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// How many people have such a record.
    People,
    /// How many records.
    Count,
    /// The sum of a field over these records.
    Sum {
        /// An amount or integer field.
        field: String,
    },
}

/// What a measure reads and whose data moves it (the table of docs/src/normal-form.md, "Normal form").
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The person's own records. Moved by the owner only.
    Own {
        /// The rows.
        rows: Rows,
        /// What is made of them.
        what: Aggregate,
    },
    /// How many distinct people the person lists, covered or not. Affected by the owner only.
    OwnListSize {
        /// Index of the relation in the catalogue.
        relation: usize,
    },
    /// What arrives from the people who list the person. Moved by each of them, who reaches at most `max_reach` people.
    Audience {
        /// Index of the relation in the catalogue.
        relation: usize,
        /// What arrives.
        what: Inbound,
    },
    /// How many people list the person whom they list, too: the others' truncated lists, the person's own as written.
    Mutual {
        /// Index of the relation in the catalogue.
        relation: usize,
    },
    /// The share of their own list that lists them, too, in parts of `unit`, exactly; absent for an empty list.
    Ties {
        /// Index of the relation in the catalogue.
        relation: usize,
        /// Those who do (strong ties), or those who do not (weak ones).
        strong: bool,
        /// The whole: 100 for percent.
        unit: u32,
    },
    /// What others' records that name the person amount to. Each owner's names are one list, cut to `max_reach` people before
    /// any window or condition.
    Referred {
        /// Index of the relation in the catalogue that the pointer field is.
        relation: usize,
        /// Which of the records count, after the cut.
        rows: Rows,
        /// What is made of them.
        what: Naming,
    },
}

impl Source {
    /// The relation whose contributions move the measure, if it is moved by other people.
    #[must_use]
    pub const fn contributing_relation(&self) -> Option<usize> {
        match self {
            Self::Audience { relation, .. }
            | Self::Mutual { relation }
            | Self::Ties { relation, .. }
            | Self::Referred { relation, .. } => Some(*relation),
            Self::Own { .. } | Self::OwnListSize { .. } => None,
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
        match self {
            Self::Own { what, .. } => {
                !matches!(what, Aggregate::Count | Aggregate::Sum { .. } | Aggregate::Distinct { .. })
            }
            Self::Audience { what, .. } => matches!(what, Inbound::Mean { .. } | Inbound::Share { .. }),
            Self::Ties { .. } => true,
            Self::OwnListSize { .. } | Self::Mutual { .. } | Self::Referred { .. } => false,
        }
    }

    /// The own-record measure of others that it reads.
    #[must_use]
    pub const fn inner(&self) -> Option<usize> {
        match self {
            Self::Audience { what, .. } => what.of(),
            _ => None,
        }
    }

    /// The rows of records that it reads.
    #[must_use]
    pub const fn rows(&self) -> Option<&Rows> {
        match self {
            Self::Own { rows, .. } | Self::Referred { rows, .. } => Some(rows),
            _ => None,
        }
    }
}

/// A measure: what it reads, its name if queries may use it, and the range its values are held to.
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
    /// What its values are shown in, if they are amounts of a declared unit.
    pub unit: Option<Denomination>,
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
