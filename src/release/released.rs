//! Released answers: noisy numbers with their intervals, cost and evidence. Freely printable.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::dp::{Confidence, Mechanism, Sensitivity};
use crate::types::{Decimal, Denomination, EpochId, Feasible, RecipientId, StudyId, exact};

/// What a column of an answer holds; parts are positions in the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSpec {
    /// One number of a part.
    Number {
        /// The part.
        part: usize,
        /// The place among its numbers of a cell.
        offset: usize,
        /// What it can be, whatever its noise.
        feasible: Feasible,
    },
    /// The mean: a sum divided by a count.
    Average {
        /// The part of the sum.
        sum: usize,
        /// The part of the count.
        count: usize,
        /// The range outside of which no mean is.
        range: (i64, i64),
    },
    /// A quantile of a histogram.
    Quantile {
        /// The part of the histogram.
        part: usize,
        /// Which one, in thousandths.
        level: u16,
        /// The smallest and the largest value of every cell of the histogram.
        ranges: Vec<(i64, i64)>,
    },
}

/// How the noisy numbers of an answer are laid out for its reader; a function of the question and the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerLayout {
    /// The tags of GROUP BY.
    pub tags: Vec<String>,
    /// The labels of every group, in cell order; one empty group without GROUP BY.
    pub groups: Vec<Vec<String>>,
    /// The columns, each with its name.
    pub columns: Vec<(String, ColumnSpec)>,
    /// Tags and columns in the order in which they are shown.
    pub order: Vec<OutputColumn>,
    /// What columns of amounts are shown in, by name.
    pub denominations: BTreeMap<String, Denomination>,
    /// The part that counts people, by which cells are suppressed.
    pub counted: Option<usize>,
    /// Cells whose noisy count is below it are suppressed; 0 for no such rule.
    pub min_people: u64,
    /// The confidence of the intervals.
    pub confidence: Confidence,
}

/// A column of a result, by its position among the tags or the numbers of every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputColumn {
    /// The label of a tag.
    Tag(usize),
    /// A number with its interval.
    Number(usize),
}

/// One released number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The column.
    pub name: String,
    /// The number to read, limited to what is possible: for counts and for sums of values that are not negative not below zero. `None` for an average or quantile over
    /// what may be no one.
    pub estimate: Option<Decimal>,
    /// The number before it was limited: for counts and sums the unbiased one (NIST SP 800-226, bias), which is to be used in
    /// totals; for an average the quotient of the two. `None` where there is no estimate, and for quantiles.
    pub unbiased: Option<Decimal>,
    /// Half the width of the interval in percent of the size of the number, rounded up to a tenth. `None` for a count that is not
    /// above zero, for any number that is zero, and without an estimate.
    pub relative_error: Option<Decimal>,
    /// The number as released; a computed one has none of its own.
    #[serde(serialize_with = "exact::signed")]
    pub noisy: Option<i128>,
    /// The lower end of the interval.
    pub low: Decimal,
    /// The upper end of the interval.
    pub high: Decimal,
}

impl Cell {
    /// Whether the estimate was limited to what is possible, and so is biased.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.unbiased.is_some() && self.unbiased != self.estimate
    }

    /// Whether the whole interval was outside of what is possible before it was limited, as that of a count far below zero: what is left of
    /// it is one point, which the noise decided and not the data.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.is_limited() && self.low == self.high
    }

    /// Whether the interval is wider than the number on both sides of it together: it has no relative error, or one above 50 %.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.relative_error.is_none_or(|percent| percent > Decimal::from(50))
    }
}

/// By what released rows were selected that is itself noisy. The intervals of selected rows do not have their confidence as a
/// set: rows whose noise helped them are selected more often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoisySelection {
    /// The study's `min_people`: a row was suppressed, or a shown one is so close that its noise may have decided.
    MinPeople,
    /// HAVING.
    Having,
    /// ORDER BY a released number with LIMIT.
    #[serde(rename = "order_by_limit")]
    Limit,
}

impl NoisySelection {
    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MinPeople => "min_people",
            Self::Having => "having",
            Self::Limit => "order_by_limit",
        }
    }
}

/// One released group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Tag and label of the group.
    pub group: Vec<(String, String)>,
    /// Its numbers; empty when suppressed.
    pub cells: Vec<Cell>,
    /// Whether its noisy count is below `min_people`: a courtesy, not k-anonymity.
    pub suppressed: bool,
}

/// What a noised vector is in a column of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartUse {
    /// The numbers of the column themselves.
    Number,
    /// The sum of an average.
    Sum,
    /// The count by which the sum of an average is divided.
    Count,
    /// The histogram of a quantile.
    Histogram,
}

/// One released vector: mechanism, sensitivity and width.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The columns that are computed from it, and what it is in each; none for a count that decides which cells are suppressed and
    /// is in no column.
    pub columns: Vec<(String, PartUse)>,
    /// The noise, with its exact parameter.
    pub mechanism: Mechanism,
    /// How far one person moves all of its numbers together.
    pub sensitivity: Sensitivity,
    /// The half-width of every interval.
    pub half_width: u64,
}

/// The budget at the moment of the answer, in units of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetView {
    /// Spent since the pool was opened.
    #[serde(serialize_with = "exact::amount")]
    pub spent: u128,
    /// The pool's limit.
    #[serde(serialize_with = "exact::amount")]
    pub limit: u128,
    /// Spent ever.
    #[serde(serialize_with = "exact::amount")]
    pub lifetime: u128,
}

/// An answer that has left through the door: differentially private numbers with their intervals, their cost and their evidence. Everything
/// in it may be printed, stored and passed on.
///
/// ```
/// use hushtag::Released;
///
/// /// The largest estimate of a released column.
/// fn largest(answer: &Released, column: &str) -> Option<String> {
///     let cells = answer.rows.iter().filter(|row| !row.suppressed).flat_map(|row| &row.cells);
///     let estimates = cells.filter(|cell| cell.name == column).filter_map(|cell| cell.estimate);
///     estimates.max().map(|estimate| estimate.to_string())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Released {
    /// The canonical question.
    pub question: String,
    /// The study.
    pub study: StudyId,
    /// The recipient.
    pub recipient: RecipientId,
    /// The epoch.
    pub epoch: EpochId,
    /// The hash of the study's text.
    pub policy: String,
    /// The names of the numbers, in the order of every row's cells.
    pub columns: Vec<String>,
    /// Tags and numbers in the order of the select list; tags that are grouped by and not selected come first.
    pub order: Vec<OutputColumn>,
    /// What columns of amounts are shown in, by name; their numbers are in minor units.
    pub denominations: BTreeMap<String, Denomination>,
    /// The groups.
    pub rows: Vec<Row>,
    /// By which noisy numbers the shown rows were selected, if any.
    pub selected_on: BTreeSet<NoisySelection>,
    /// The confidence of the intervals.
    pub confidence: Confidence,
    /// How many people one person can move.
    pub reach: u32,
    /// How each vector was made.
    pub parts: Vec<Part>,
    /// The charge, in units of the pool.
    #[serde(serialize_with = "exact::amount")]
    pub units: u128,
    /// The budget after it.
    pub budget: BudgetView,
    /// Whether this answer was given before: no charge, no new noise.
    pub stored: bool,
    /// The entry in the log.
    pub index: u64,
    /// The signed checkpoint that covers the entry.
    pub checkpoint: String,
    /// Whether an anchor outside the folder holds a head that covers the entry.
    pub anchored: bool,
}

impl Released {
    /// Tags and numbers in the order in which they are shown; those of an answer that has none, tags first.
    #[must_use]
    pub fn shown_order(&self) -> Vec<OutputColumn> {
        if !self.order.is_empty() {
            return self.order.clone();
        }
        let tags = self.rows.first().map_or(0, |row| row.group.len());
        (0..tags).map(OutputColumn::Tag).chain((0..self.columns.len()).map(OutputColumn::Number)).collect()
    }

    /// The same answer, with amounts shown in the minor units in which they were released.
    #[must_use]
    pub fn in_minor_units(mut self) -> Self {
        self.denominations.clear();
        self
    }
}

#[cfg(any(test, feature = "internals"))]
impl Released {
    /// An answer with these rows and nothing else.
    ///
    /// # Errors
    /// None.
    pub fn of_rows_in_test(
        rows: Vec<Row>,
        confidence: Confidence,
        budget: BudgetView,
    ) -> Result<Self, crate::types::name::InvalidName> {
        let text = String::new;
        Ok(Self {
            question: text(),
            study: StudyId::new("test")?,
            recipient: RecipientId::new("test")?,
            epoch: EpochId::new("test")?,
            policy: text(),
            columns: Vec::new(),
            order: Vec::new(),
            denominations: BTreeMap::new(),
            rows,
            selected_on: BTreeSet::new(),
            confidence,
            reach: 1,
            parts: Vec::new(),
            units: 0,
            budget,
            stored: false,
            index: 0,
            checkpoint: text(),
            anchored: false,
        })
    }
}
