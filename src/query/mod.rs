//! Layer 3: queries. SQL, the builder and JSON meet in one [`Query`]; a [`Plan`] knows its exact cost before any data is
//! touched; a [`Forecast`] is what of the plan may be shown.
//!
//! Everything here depends on the query, the catalogue and public constants only: a refusal leaks nothing.

mod affordable;
mod ask;
mod canonical;
mod consents;
mod cost;
mod error;
mod forecast;
mod groups;
pub mod metric;
mod part;
mod payment;
mod plan;
mod possible;
mod select;
mod select_shown;
mod shown;
mod sql;

pub use ask::{Filter, Item, Query, Selected, TagName, tag};
pub use canonical::{Canonical, Condition};
pub use consents::{ConsentCounts, ConsentsError};
pub use cost::{Cost, Probability};
pub use error::{Problem, QueryError, QueryPlace};
pub use forecast::{ColumnForecast, Forecast, PartForecast, Width, WidthUnit};
pub use part::PartKind;
pub use plan::{Column, ColumnKind, Defaults, Plan, PlannedPart};
pub use possible::{Possible, possible};
pub use shown::{Comparison, Having, Order, Shown};
pub use sql::parse;

/// The longest query, in bytes, and the longest canonical form.
pub const MAX_TEXT: usize = 64 << 10;
/// The most comparisons and connectives in one query.
pub const MAX_CONDITIONS: usize = 256;
/// The most columns of an answer, as of a table in PostgreSQL: tags, and numbers with those of histograms.
pub const MAX_COLUMNS: usize = 1_600;
/// The deepest nesting of parentheses and NOT.
pub const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests;
