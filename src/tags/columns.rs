//! What each cell of a cube holds, as public positions: counts of people, then sums.

use std::ops::Range;

use super::{Catalogue, Grid};

/// The numbers of a cell for one measure that queries may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureColumns {
    /// The measure's position in the catalogue.
    pub measure: usize,
    /// Among the sums.
    pub sum: usize,
    /// Among the counts: the people who have a value. Where all people have one it is the count of all people.
    pub present: usize,
    /// Among the counts: the people in each cell of the measure's grid.
    pub grid: Option<Range<usize>>,
}

/// The numbers of a cell; the first count is that of all its people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// How many counts there are.
    pub counts: usize,
    /// For every measure that queries may use, in catalogue order; there are as many sums.
    pub measures: Vec<MeasureColumns>,
}

impl Columns {
    /// The numbers of one measure, if queries may use it.
    #[must_use]
    pub fn of(&self, measure: usize) -> Option<&MeasureColumns> {
        self.measures.iter().find(|columns| columns.measure == measure)
    }
}

impl Catalogue {
    /// What each cell of every cube of this catalogue holds.
    #[must_use]
    pub fn columns(&self) -> Columns {
        let mut counts = 1;
        let mut take = |width: usize| {
            counts += width;
            counts - width..counts
        };
        let measures = self.summable().enumerate().map(|(sum, (measure, declared))| MeasureColumns {
            measure,
            sum,
            present: if declared.source.can_be_absent() { take(1).start } else { 0 },
            grid: declared.grid.as_ref().map(Grid::cells).map(&mut take),
        });
        let measures: Vec<MeasureColumns> = measures.collect();
        Columns { counts, measures }
    }
}
