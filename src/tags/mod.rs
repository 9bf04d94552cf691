//! Layer 1: measures, bands and tags as a closed catalogue; pure, exact, and knowing its own reach.
//!
//! A tag is a closed list of labels. Its value for a person is computed from the person's own records and from bounded
//! contributions of others (docs/src/normal-form.md); the catalogue knows which relations carry contributions into
//! which tag, so the reach of any query is computed and never typed by hand.

mod band;
mod catalogue;
mod columns;
mod condition;
mod grid;
mod measure;
mod reads;
mod shape;

pub use band::{Bands, Label};
#[doc(hidden)]
pub use band::{Bound, MAX_LABELS};
#[doc(hidden)]
pub use catalogue::check_name;
pub(crate) use catalogue::is_reach;
pub use catalogue::{Catalogue, Reach, Relation, Tag, TagSet};
#[doc(hidden)]
pub use catalogue::{CatalogueDraft, TagSource};
#[doc(hidden)]
pub use columns::{Columns, MeasureColumns};
pub use condition::Condition;
#[doc(hidden)]
pub use condition::{Test, Word};
pub use grid::Grid;
#[doc(hidden)]
pub use grid::MAX_GRID;
pub use measure::{Aggregate, Clamp, Measure, Window};
#[doc(hidden)]
pub use measure::{Inbound, Naming, Rows, Source};
#[doc(hidden)]
pub use shape::CubeShape;

pub(crate) use crate::types::nearest;

/// Why a part of a catalogue cannot be: the study file adds the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// Two names of the same kind.
    #[error("`{name}` is already defined")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A label that occurs twice in one tag.
    #[error("label `{label}` occurs twice")]
    DuplicateLabel {
        /// The label.
        label: String,
    },
    /// Two bands that start at the same bound.
    #[error("bands `{first}` and `{second}` start at the same bound {bound}")]
    EqualBounds {
        /// One label.
        first: String,
        /// The other label.
        second: String,
        /// The bound they share.
        bound: Bound,
    },
    /// A bound that is no exact number.
    #[error("`{text}` is not a bound: use a whole number, or a fraction such as \"1/3\"")]
    InvalidBound {
        /// What was given.
        text: String,
    },
    /// A clamp with its ends the wrong way round or too wide.
    #[error("clamp [{low}, {high}] is not a range inside -2^62 ..= 2^62")]
    InvalidClamp {
        /// The lower end.
        low: i64,
        /// The upper end.
        high: i64,
    },
    /// A grid that does not cut the whole range of its measure.
    #[error(
        "a grid has 2 to {MAX_GRID} ascending lower bounds, the first not above {low} and inside the clamp, the last not above {high}"
    )]
    InvalidGrid {
        /// The smallest value of the measure.
        low: i64,
        /// The upper end of its clamp.
        high: i64,
    },
    /// A label that could not be typed in a query.
    #[error("`{label}` is not a label: use 1 to 64 characters without control characters or quotes")]
    InvalidLabel {
        /// The label.
        label: String,
    },
    /// A name that a query could not use.
    #[error(
        "`{name}` is not a {kind} name: use a to z, 0 to 9 and `_`, starting with a letter, and no SQL keyword"
    )]
    InvalidName {
        /// `tag`, `measure` or `tag set`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A `max_reach` of zero or more than a million.
    #[error("max_reach {given} is not between 1 and 1000000")]
    InvalidReach {
        /// What was given.
        given: u32,
    },
    /// The lowest band starts above the smallest possible value.
    #[error("the lowest band `{label}` starts at {bound}, but values go down to {low}")]
    LowestBand {
        /// The label of the lowest band.
        label: String,
        /// Where it starts.
        bound: Bound,
        /// The smallest value of the measure.
        low: i64,
    },
    /// The measure of some people is absent and the tag has no label for them.
    #[error("the measure is absent for some people: add `absent = \"none\"` or another label for them")]
    MissingAbsent,
    /// A relation measure inside an audience measure.
    #[error(
        "`{name}` is itself a measure over a relation: its contributions would travel two steps (reach 1 + D + D^2)"
    )]
    Nested {
        /// The inner measure.
        name: String,
    },
    /// A tag or a set of tags with too many labels.
    #[error("{what} has {cells} cells, more than max_cells = {limit}: {}coarsen `{coarsen}`, its largest tag", .is_default.then_some("declare smaller sets under `[tag_sets]`, since without it one set holds all tags, or ").unwrap_or_default())]
    TooManyCells {
        /// What has them.
        what: String,
        /// How many.
        cells: u128,
        /// How many there may be.
        limit: u64,
        /// The tag with the most labels.
        coarsen: String,
        /// Whether it is the set of all tags of a study that declares no sets.
        is_default: bool,
    },
    /// A cube that would be too large to keep.
    #[error(
        "tag set `{set}` needs {numbers} numbers, more than {limit}: coarsen a grid or a tag, or lower max_cells"
    )]
    TooManyNumbers {
        /// The tag set.
        set: String,
        /// Its cells times what each of them holds.
        numbers: u128,
        /// How many there may be.
        limit: u64,
    },
    /// More labels or bands than a tag may have, or none.
    #[error("{count} labels: a tag has between 1 and {MAX_LABELS}")]
    LabelCount {
        /// How many there are.
        count: usize,
    },
    /// A name that nothing defines.
    #[error("unknown {kind} `{name}`{}", .nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// `measure`, `tag`, `relation`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The nearest known name.
        nearest: Option<String>,
    },
}
