//! Grids: declared lower bounds that cut the range of a measure into cells, so that quantiles can be read from counts.

use super::{Clamp, TagError};

/// The most cells a grid may have.
pub const MAX_GRID: usize = 512;

/// Cells of a clamped measure, each from its lower bound up to the next one; the last one ends at the clamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Lower bounds, ascending, all different and inside the clamp; the first one is not above any value.
    bounds: Vec<i64>,
    high: i64,
}

impl Grid {
    /// The grid with these lower bounds of a measure whose values lie between `low` and the upper end of `clamp`.
    ///
    /// # Errors
    /// [`TagError::InvalidGrid`] unless there are 2 to 512 ascending bounds of which the first covers `low` and the last
    /// is not above the clamp.
    pub fn new(bounds: Vec<i64>, clamp: Clamp, low: i64) -> Result<Self, TagError> {
        let ascending = bounds.windows(2).all(|pair| pair.first() < pair.last());
        let (first, last) = (bounds.first().copied(), bounds.last().copied());
        let inside = first.is_some_and(|first| (clamp.low()..=low).contains(&first))
            && last.is_some_and(|last| last <= clamp.high());
        if ascending && inside && (2..=MAX_GRID).contains(&bounds.len()) {
            Ok(Self { bounds, high: clamp.high() })
        } else {
            Err(TagError::InvalidGrid { low, high: clamp.high() })
        }
    }

    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.bounds.len()
    }

    /// The cell of a clamped value.
    #[must_use]
    pub fn cell(&self, value: i64) -> usize {
        self.bounds.partition_point(|bound| *bound <= value).saturating_sub(1)
    }

    /// The smallest and the largest value of every cell.
    #[must_use]
    pub fn ranges(&self) -> Vec<(i64, i64)> {
        let ends = self.bounds.iter().skip(1).map(|next| next - 1).chain([self.high]);
        self.bounds.iter().copied().zip(ends).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_cell_and_lies_in_its_range() {
        let clamp = Clamp::new(-5, 100).unwrap();
        let grid = Grid::new(vec![-5, 0, 10, 50], clamp, -5).unwrap();
        assert_eq!(grid.ranges(), [(-5, -1), (0, 9), (10, 49), (50, 100)]);
        for value in -5..=100 {
            let (low, high) = grid.ranges()[grid.cell(value)];
            assert!((low..=high).contains(&value), "{value}");
        }
    }

    #[test]
    fn grids_that_leave_values_out_are_refused() {
        let clamp = Clamp::new(0, 100).unwrap();
        let refused = |bounds: &[i64]| Grid::new(bounds.to_vec(), clamp, 0).is_err();
        assert!(refused(&[1, 10]) && refused(&[0]) && refused(&[]) && refused(&[0, 10, 10]));
        assert!(refused(&[0, 20, 10]) && refused(&[0, 101]) && refused(&[-1, 10]));
        assert!(!refused(&[0, 100]) && refused(&(0..1000).collect::<Vec<_>>()));
    }
}
