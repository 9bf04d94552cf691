//! The values of one measure for everybody.

use crate::tags::Clamp;

/// Values by dense number, clamped. No `Debug`: these are facts about people.
pub(super) enum Values {
    /// Everybody has a whole number.
    Whole(Vec<i64>),
    /// Some have none.
    Partial(Vec<Option<i64>>),
    /// The fraction `numerator / denominator`; a denominator of 0 is none.
    Ratio {
        /// Numerators.
        numerators: Vec<i128>,
        /// Denominators.
        denominators: Vec<u32>,
        /// The declared range.
        range: Clamp,
    },
}

impl Values {
    /// Adds the values of the people who come next; of the same measure, so of the same kind.
    pub(super) fn append(&mut self, next: Self) {
        match (self, next) {
            (Self::Whole(all), Self::Whole(next)) => all.extend(next),
            (Self::Partial(all), Self::Partial(next)) => all.extend(next),
            (
                Self::Ratio { numerators, denominators, .. },
                Self::Ratio { numerators: next, denominators: more, .. },
            ) => {
                numerators.extend(next);
                denominators.extend(more);
            }
            _ => {}
        }
    }

    /// The value as a whole number, rounded down and clamped; `None` when absent.
    pub(super) fn whole(&self, person: usize) -> Option<i64> {
        match self {
            Self::Whole(values) => values.get(person).copied(),
            Self::Partial(values) => values.get(person).copied().flatten(),
            Self::Ratio { range, .. } => {
                let (numerator, denominator) = self.fraction(person)?;
                Some(range.apply(numerator.div_euclid(i128::from(denominator))))
            }
        }
    }

    /// The value as a fraction held to its range; `None` when absent.
    pub(super) fn fraction(&self, person: usize) -> Option<(i128, u32)> {
        match self {
            Self::Ratio { numerators, denominators, range } => {
                let denominator = *denominators.get(person).filter(|denominator| **denominator > 0)?;
                let end = |bound: i64| i128::from(bound) * i128::from(denominator);
                let numerator = (*numerators.get(person)?).clamp(end(range.low()), end(range.high()));
                Some((numerator, denominator))
            }
            _ => self.whole(person).map(|value| (i128::from(value), 1)),
        }
    }
}
