//! Released answers: noisy numbers with their intervals, cost and evidence. Freely printable.

use std::collections::{BTreeMap, BTreeSet};

use crate::dp::Confidence;
use crate::types::{Decimal, Denomination};

/// What a column of an answer holds; parts are positions in the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSpec {
    /// One number of a part.
    Number {
        /// The part.
        part: usize,
        /// The place among its numbers of a cell.
        offset: usize,
        /// Whether it counts people, and so is not below zero.
        people: bool,
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
pub struct Layout {
    /// The tags of GROUP BY.
    pub tags: Vec<String>,
    /// The labels of every group, in cell order; one empty group without GROUP BY.
    pub groups: Vec<Vec<String>>,
    /// The columns, each with its name.
    pub columns: Vec<(String, ColumnSpec)>,
    /// What columns of amounts are shown in, by name.
    pub denominations: BTreeMap<String, Denomination>,
    /// The part that counts people, by which cells are suppressed.
    pub counted: Option<usize>,
    /// Cells whose noisy count is below it are suppressed; 0 for no such rule.
    pub min_people: u64,
    /// The confidence of the intervals.
    pub confidence: Confidence,
}

/// One released number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The column.
    pub name: String,
    /// The number to read, limited to what is possible: for counts not below zero. `None` for an average or quantile over
    /// what may be nobody.
    pub estimate: Option<Decimal>,
    /// The number before it was limited: for counts and sums the unbiased one (NIST SP 800-226, bias), which is to be used in
    /// totals; for an average the quotient of the two. `None` where there is no estimate, and for quantiles.
    pub unbiased: Option<Decimal>,
    /// Half the width of the interval in percent of the size of the number, rounded up to a tenth. `None` for a count that is not
    /// above zero, for any number that is zero, and without an estimate.
    pub relative_error: Option<Decimal>,
    /// The number as released; a computed one has none of its own.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoisySelection {
    /// The study's `min_people`: a row was suppressed, or a shown one is so close that its noise may have decided.
    MinPeople,
    /// HAVING.
    Having,
    /// ORDER BY a released number with LIMIT.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Tag and label of the group.
    pub group: Vec<(String, String)>,
    /// Its numbers; empty when suppressed.
    pub cells: Vec<Cell>,
    /// Whether its noisy count is below `min_people`: a courtesy, not k-anonymity.
    pub suppressed: bool,
}

/// What a noised vector is in a column of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The columns that are computed from it, and what it is in each; none for a count that decides which cells are suppressed and
    /// is in no column.
    pub columns: Vec<(String, PartUse)>,
    /// `discrete-gaussian` or `discrete-laplace`.
    pub mechanism: String,
    /// Sigma squared, or the scale, as an exact ratio.
    pub parameter: String,
    /// The L1 norm.
    pub l1: String,
    /// The squared L2 norm.
    pub l2_squared: String,
    /// The half-width of every interval.
    pub half_width: u64,
}

/// The budget at the moment of the answer, in units of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// Spent since the pool was opened.
    pub spent: u128,
    /// The pool's limit.
    pub limit: u128,
    /// Spent ever.
    pub lifetime: u128,
}

/// An answer that has left through the door.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Released {
    /// The canonical question.
    pub question: String,
    /// The study.
    pub study: String,
    /// The recipient.
    pub recipient: String,
    /// The epoch.
    pub epoch: String,
    /// The hash of the study's text.
    pub policy: String,
    /// The names of the numbers, in the order of every row's cells.
    pub columns: Vec<String>,
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
    pub fn of_rows_in_test(rows: Vec<Row>, confidence: Confidence, budget: BudgetView) -> Self {
        let text = String::new;
        Self {
            question: text(),
            study: text(),
            recipient: text(),
            epoch: text(),
            policy: text(),
            columns: Vec::new(),
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
        }
    }
}
