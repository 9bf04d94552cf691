//! What a query releases: the vectors of numbers behind everything that it shows.

use std::collections::BTreeSet;

use super::canonical::{find_gridded, find_summable, measure_name};
use super::{Item, Problem, QueryError};
use crate::dp::{Contribution, Sensitivity, Shape};
use crate::tags::{Catalogue, Clamp, Grid};

/// What one part releases in every cell; the order is that of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// People.
    Count,
    /// People who have a value of a measure that can be absent.
    Present {
        /// The measure's position in the catalogue.
        measure: usize,
    },
    /// The sum of a measure over people.
    Sum {
        /// The measure's position in the catalogue.
        measure: usize,
    },
    /// People in each cell of a measure's grid.
    Histogram {
        /// The measure's position in the catalogue.
        measure: usize,
    },
}

impl PartKind {
    /// The people who have a value of `measure`: where no one lacks one, all people.
    pub(super) fn present(measure: usize, catalogue: &Catalogue) -> Self {
        match catalogue.measures().get(measure) {
            Some(declared) if declared.source.can_be_absent() => Self::Present { measure },
            _ => Self::Count,
        }
    }

    /// The measure that it reads.
    #[must_use]
    pub const fn measure(self) -> Option<usize> {
        match self {
            Self::Count => None,
            Self::Present { measure } | Self::Sum { measure } | Self::Histogram { measure } => Some(measure),
        }
    }

    /// Whether it counts people, and so is never below zero.
    #[must_use]
    pub const fn counts_people(self) -> bool {
        !matches!(self, Self::Sum { .. })
    }

    /// The item of the query language that shows exactly this.
    #[must_use]
    pub fn name(self, catalogue: &Catalogue) -> String {
        match self {
            Self::Count => "COUNT(*)".to_owned(),
            Self::Present { measure } => format!("COUNT({})", measure_name(catalogue, measure)),
            Self::Sum { measure } => format!("SUM({})", measure_name(catalogue, measure)),
            Self::Histogram { measure } => format!("HISTOGRAM({})", measure_name(catalogue, measure)),
        }
    }

    /// How many numbers it releases in every cell.
    #[must_use]
    pub fn width(self, catalogue: &Catalogue) -> usize {
        match self {
            Self::Count | Self::Present { .. } | Self::Sum { .. } => 1,
            Self::Histogram { measure } => {
                catalogue.measures().get(measure).and_then(|m| m.grid.as_ref()).map_or(1, Grid::cells)
            }
        }
    }

    /// How far one person moves it who reaches `reach` people, in one cell (`one`) or in several.
    pub(super) fn sensitivity(
        self,
        catalogue: &Catalogue,
        reach: u32,
        one: bool,
    ) -> Result<Sensitivity, QueryError> {
        let contribution = match self {
            Self::Count | Self::Present { .. } | Self::Histogram { .. } => Contribution::COUNT,
            Self::Sum { measure } => {
                let range = catalogue.measures().get(measure).map_or(Clamp::WIDEST, |m| m.range());
                Contribution { low: range.low(), high: range.high() }
            }
        };
        let histogram = matches!(self, Self::Histogram { .. });
        let shape = if one && !histogram { Shape::One } else { Shape::Exclusive };
        Sensitivity::of(contribution, reach, shape).map_err(|error| {
            let hint = "declare a narrower clamp or a smaller max_reach in the study";
            QueryError::new(Problem::Sensitivity(error), hint)
        })
    }
}

/// The parts that `item` is computed from.
pub(super) fn parts_of(item: &Item, catalogue: &Catalogue) -> Result<BTreeSet<PartKind>, QueryError> {
    Ok(match item {
        Item::Tag(_) => BTreeSet::new(),
        Item::Count => [PartKind::Count].into(),
        Item::Present(name) => [PartKind::present(find_summable(catalogue, name)?, catalogue)].into(),
        Item::Sum(name) => [PartKind::Sum { measure: find_summable(catalogue, name)? }].into(),
        Item::Average(name) => {
            let measure = find_summable(catalogue, name)?;
            [PartKind::present(measure, catalogue), PartKind::Sum { measure }].into()
        }
        Item::Quantile { measure, .. } | Item::Histogram(measure) => {
            [PartKind::Histogram { measure: find_gridded(catalogue, measure)? }].into()
        }
    })
}
