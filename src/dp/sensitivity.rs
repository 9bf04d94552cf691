//! Sensitivity as a value computed from the query and the catalogue, never typed by hand.

/// What one person adds to a released number: the declared clamp of a measure, or 1 for COUNT.
///
/// A missing value counts 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Contribution {
    /// The lower end of the clamp.
    pub low: i64,
    /// The upper end of the clamp.
    pub high: i64,
}

impl Contribution {
    /// One person counts one, wherever they are counted.
    ///
    /// The clamp is [1, 1]; together with "not counted" that is 0 or 1, so M = W = 1.
    pub const COUNT: Self = Self { low: 1, high: 1 };
}

/// How the released numbers of one part of a query relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Several cells, each person in at most one of them: GROUP BY, and every QUANTILE grid.
    Exclusive,
    /// Exactly one released number.
    One,
}

/// Why no sensitivity was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SensitivityError {
    /// A clamp from high to low.
    #[error("the clamp [{low}, {high}] ends below its start")]
    Empty {
        /// The lower end as given.
        low: i64,
        /// The upper end as given.
        high: i64,
    },
    /// Clamp and reach together are beyond 128 bits.
    #[error("the clamp [{low}, {high}] with reach {reach} is too wide for exact accounting")]
    TooLarge {
        /// The lower end.
        low: i64,
        /// The upper end.
        high: i64,
        /// The reach.
        reach: u32,
    },
    /// A reach of 0; everyone reaches at least the person's own row.
    #[error("the reach must be at least 1")]
    NoReach,
}

/// How far one person can move the released numbers of one part of a query.
///
/// # Privacy
/// Neighbours differ in everything that one person owns; `reach` rows change, their own and those they contribute to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Sensitivity {
    /// The largest sum of absolute changes.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub l1: u128,
    /// The square of the largest Euclidean length of the change.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub l2_squared: u128,
}

impl Sensitivity {
    /// The sensitivity by the table of docs/src/normal-form.md, "The sensitivity table".
    ///
    /// With M the largest absolute contribution, W the width of the clamp with 0 and D' = reach - 1: one number moves by
    /// at most M + D' W; in exclusive cells the person's own row moves one cell by M and each other row leaves a cell and enters
    /// another, or stays and moves by W.
    ///
    /// # Errors
    /// [`SensitivityError`] when the clamp is empty, the reach 0, or a norm does not fit 128 bits.
    pub fn of(contribution: Contribution, reach: u32, shape: Shape) -> Result<Self, SensitivityError> {
        let Contribution { low, high } = contribution;
        if low > high {
            return Err(SensitivityError::Empty { low, high });
        }
        let others = u128::from(reach.checked_sub(1).ok_or(SensitivityError::NoReach)?);
        let (below, above) = (u128::from(low.min(0).unsigned_abs()), u128::from(high.max(0).unsigned_abs()));
        let (largest, width) = (below.max(above), below + above);
        let both = || {
            let one = largest.checked_add(others.checked_mul(width)?)?;
            let one_squared = one.checked_mul(one)?;
            if shape == Shape::One {
                return Some(Self { l1: one, l2_squared: one_squared });
            }
            let spread = (1 + others).checked_mul(1 + others)?.checked_add(others.checked_mul(others)?)?;
            let spread_squared = largest.checked_mul(largest)?.checked_mul(spread)?;
            Some(Self {
                l1: largest.checked_mul(1 + 2 * others)?,
                l2_squared: one_squared.max(spread_squared),
            })
        };
        both().ok_or(SensitivityError::TooLarge { low, high, reach })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const CELLS: usize = 3;
    type Change = [i64; CELLS];

    /// Every change that one row can make: it is in a cell with a value (a missing one counts 0), before and after.
    fn changes(low: i64, high: i64, owner: bool, cells: usize) -> BTreeSet<Change> {
        let values: Vec<i64> = (low..=high).chain([0]).collect();
        let places: Vec<(usize, i64)> =
            (0..cells).flat_map(|c| values.iter().map(move |&v| (c, v))).collect();
        let mut all = BTreeSet::new();
        for &(to, after) in &places {
            for &(from, before) in if owner { &[(0, 0)][..] } else { &places[..] } {
                let mut change = [0; CELLS];
                change[to] += after;
                change[from] -= before;
                all.insert(change);
            }
        }
        all
    }

    fn largest(low: i64, high: i64, reach: u32, cells: usize) -> Sensitivity {
        let mut sums = changes(low, high, true, cells);
        for _ in 1..reach {
            let step = changes(low, high, false, cells);
            sums = sums
                .iter()
                .flat_map(|s| step.iter().map(move |c| [s[0] + c[0], s[1] + c[1], s[2] + c[2]]))
                .collect();
        }
        let l1 = sums.iter().map(|s| s.iter().map(|x| u128::from(x.unsigned_abs())).sum()).max().unwrap();
        let l2_squared =
            sums.iter().map(|s| s.iter().map(|x| u128::from((x * x).unsigned_abs())).sum()).max().unwrap();
        Sensitivity { l1, l2_squared }
    }

    #[test]
    fn the_table_is_what_enumeration_finds() {
        for low in -2..=2 {
            for high in low..=2 {
                for reach in 1..=3 {
                    let table = |shape| Sensitivity::of(Contribution { low, high }, reach, shape).unwrap();
                    assert_eq!(
                        table(Shape::One),
                        largest(low, high, reach, 1),
                        "[{low}, {high}] reach {reach}"
                    );
                    assert_eq!(
                        table(Shape::Exclusive),
                        largest(low, high, reach, CELLS),
                        "[{low}, {high}] reach {reach}"
                    );
                }
            }
        }
    }

    #[test]
    fn extremes_fit_or_are_refused() {
        let full = Contribution { low: i64::MIN, high: i64::MAX };
        assert_eq!(
            Sensitivity::of(full, 1, Shape::One).unwrap(),
            Sensitivity { l1: 1 << 63, l2_squared: 1 << 126 }
        );
        for (reach, shape) in [(2, Shape::One), (2, Shape::Exclusive), (u32::MAX, Shape::One)] {
            assert!(matches!(Sensitivity::of(full, reach, shape), Err(SensitivityError::TooLarge { .. })));
        }
        let widest = Sensitivity::of(Contribution::COUNT, u32::MAX, Shape::Exclusive).unwrap();
        assert_eq!(widest.l1, 2 * u128::from(u32::MAX) - 1);
        assert_eq!(
            Sensitivity::of(Contribution { low: 1, high: 0 }, 1, Shape::One),
            Err(SensitivityError::Empty { low: 1, high: 0 })
        );
        assert_eq!(Sensitivity::of(Contribution::COUNT, 0, Shape::One), Err(SensitivityError::NoReach));
    }
}
