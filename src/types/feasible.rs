//! On which side of zero a released number can be.

/// What an exact integer can be, by public constants alone, so that a noisy one may be limited to it: post-processing, free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feasible {
    /// Any integer.
    Any,
    /// Zero or more: people, and sums of values that a clamp holds at zero or above.
    NotNegative,
    /// Zero or less: sums of values that a clamp holds at zero or below.
    NotPositive,
}

impl Feasible {
    /// What a sum of values from `low` to `high` can be, over however many people.
    #[must_use]
    pub const fn of_sum(low: i64, high: i64) -> Self {
        match (low >= 0, high <= 0) {
            (true, _) => Self::NotNegative,
            (false, true) => Self::NotPositive,
            (false, false) => Self::Any,
        }
    }

    /// The nearest feasible integer.
    #[must_use]
    pub fn limit(self, value: i128) -> i128 {
        match self {
            Self::Any => value,
            Self::NotNegative => value.max(0),
            Self::NotPositive => value.min(0),
        }
    }
}
