//! Why a query is not answered: the place, the offending words and what to write instead.

use std::fmt;

use super::{MAX_COLUMNS, MAX_CONDITIONS, MAX_DEPTH, MAX_TEXT};
use crate::dp::{CostError, NoiseError, SensitivityError};

/// Where in the text a query goes wrong; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryPlace {
    /// The line.
    pub line: u64,
    /// The character within the line.
    pub column: u64,
}

/// A query that is not answered.
///
/// # Privacy
/// Depends on the query, the catalogue and the study's defaults only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// Where in the SQL text; a query from the builder or JSON has no text.
    pub place: Option<QueryPlace>,
    /// What is wrong.
    pub what: Problem,
    /// What to write instead.
    pub hint: String,
}

/// What can be wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The tags used are in no tag set together.
    #[error("no tag set holds all of {tags}")]
    AcrossSets {
        /// The tags, in backticks.
        tags: String,
    },
    /// A measure outside a function.
    #[error("measure `{name}` is outside a function")]
    BareMeasure {
        /// The measure.
        name: String,
    },
    /// A broken WITH clause, or a price or confidence out of range.
    #[error("`{found}` is not a setting of a query")]
    BadSetting {
        /// The offending words.
        found: String,
    },
    /// The charge does not fit the pool's unit.
    #[error("the query has no exact cost in this pool")]
    Cost(#[source] CostError),
    /// No exact noise has this price.
    #[error("no exact noise has this price")]
    Noise(#[source] NoiseError),
    /// One person could move the numbers further than is counted exactly.
    #[error("the query has no exact sensitivity")]
    Sensitivity(#[source] SensitivityError),
    /// A text that breaks off or has words in the wrong order.
    #[error("cannot read the query at `{found}`")]
    Syntax {
        /// The offending words.
        found: String,
    },
    /// A measure without a price.
    #[error("the study has no default error for the sum of `{measure}`")]
    NoDefault {
        /// The measure.
        measure: String,
    },
    /// A measure without a grid.
    #[error("measure `{measure}` has no declared grid, so it has no quantiles")]
    NoGrid {
        /// The measure.
        measure: String,
    },
    /// Nothing would be counted or summed.
    #[error("the query asks for no number")]
    NoNumber,
    /// A filter that no label combination passes.
    #[error("no person passes the filter, whatever the data")]
    EmptySelection,
    /// A selected tag that is not grouped by.
    #[error("tag `{tag}` is selected but not grouped by")]
    NotGrouped {
        /// The tag.
        tag: String,
    },
    /// A measure without a declared clamp.
    #[error("measure `{measure}` has no declared clamp, so one person could move its sum without bound")]
    NotSummable {
        /// The measure.
        measure: String,
    },
    /// Columns that no reader could tell apart.
    #[error("two columns of the answer have the name `{name}`")]
    SameName {
        /// Their name.
        name: String,
    },
    /// A metric of a number and itself.
    #[error("both operands are the same released number")]
    SameNumber,
    /// Another table than `tags`.
    #[error("`{found}` is not a table")]
    OtherTable {
        /// The offending words.
        found: String,
    },
    /// Anything outside the language.
    #[error("`{found}` is outside the query language")]
    Outside {
        /// The offending words.
        found: String,
    },
    /// More released numbers than the study allows.
    #[error("the query releases {cells} cells, more than the study's max_cells = {limit}")]
    TooManyCells {
        /// How many a part of it would release.
        cells: u128,
        /// How many there may be.
        limit: u64,
    },
    /// More columns than an answer may have.
    #[error("the answer would have more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    /// Nested too deeply.
    #[error("the query is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Too long, as written or in canonical form.
    #[error("the query is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// Too many comparisons and connectives.
    #[error("the query has more than {MAX_CONDITIONS} comparisons and connectives")]
    TooMany,
    /// A label outside the tag's closed vocabulary.
    #[error("tag `{tag}` has no label `{label}`")]
    UnknownLabel {
        /// The tag.
        tag: String,
        /// The offending label.
        label: String,
    },
    /// A name that the catalogue does not have.
    #[error("unknown {kind} `{name}`")]
    UnknownName {
        /// `tag` or `measure`.
        kind: &'static str,
        /// The offending name.
        name: String,
    },
    /// A price for something that is not asked.
    #[error("`{setting}` prices something that the query does not ask")]
    UnusedPrice {
        /// The setting.
        setting: String,
    },
}

/// The first characters of a user's text, fit for one line of an error.
pub(super) fn excerpt(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() {
        short.push_str("...");
    }
    short
}

impl QueryError {
    pub(super) fn new(what: Problem, hint: impl Into<String>) -> Self {
        Self { place: None, what, hint: hint.into() }
    }

    pub(super) fn outside(found: &str, hint: impl Into<String>) -> Self {
        Self::new(Problem::Outside { found: excerpt(found) }, hint)
    }

    /// The same error at `place`, unless it already has a place.
    pub(super) fn at(mut self, place: QueryPlace) -> Self {
        self.place = self.place.or(Some(place));
        self
    }

    /// The error with its line of `text`, a caret under the place, and the hint.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let mut page = format!("{}\n", self.what);
        if let Some(QueryPlace { line, column }) = self.place {
            let line_index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
            let column_index = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
            let written = text.lines().nth(line_index).unwrap_or_default();
            let from = column_index.saturating_sub(40);
            let shown = written.chars().skip(from).take(76).map(|c| if c.is_control() { ' ' } else { c });
            let margin = format!("line {line}, column {column}: ");
            let indent = " ".repeat(margin.len().saturating_add(column_index.saturating_sub(from)));
            page.push_str(&margin);
            page.extend(shown);
            page.push_str(&format!("\n{indent}^\n"));
        }
        page.push_str(&format!("hint: {}", self.hint));
        page
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(QueryPlace { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        write!(f, "{}; {}", self.what, self.hint)
    }
}

impl std::error::Error for QueryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.what)
    }
}
