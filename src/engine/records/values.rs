//! The values of one measure for everybody.

use crate::tags::Clamp;

/// Values by dense number, each held to the declared range when it is read; a person beyond the last one has no rows. No
/// `Debug`: these are facts about people.
pub(in crate::engine) struct Values {
    range: Clamp,
    of: Stored,
}

/// As accumulated; what is beyond 64 bits is at their end, and so beyond every clamp.
enum Stored {
    /// Everybody has a whole number, which is 0 without rows.
    Whole(Vec<i64>),
    /// Some have none.
    Partial(Vec<Option<i64>>),
    /// The fraction `numerator / denominator`; a denominator of 0 is none.
    Ratio { numerators: Vec<i128>, denominators: Vec<u32> },
}

fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl Values {
    /// A whole number for everybody.
    pub(in crate::engine) fn whole_numbers(range: Clamp, values: impl Iterator<Item = i128>) -> Self {
        Self { range, of: Stored::Whole(values.map(narrow).collect()) }
    }

    /// A whole number for some.
    pub(in crate::engine) fn partial(range: Clamp, values: impl Iterator<Item = Option<i128>>) -> Self {
        Self { range, of: Stored::Partial(values.map(|value| value.map(narrow)).collect()) }
    }

    /// A fraction for everybody whose denominator is not 0.
    pub(in crate::engine) fn ratio(range: Clamp, numerators: Vec<i128>, denominators: Vec<u32>) -> Self {
        Self { range, of: Stored::Ratio { numerators, denominators } }
    }

    /// Adds the values of the people who come next; of the same measure, so of the same kind.
    pub(in crate::engine) fn append(&mut self, next: Self) {
        match (&mut self.of, next.of) {
            (Stored::Whole(all), Stored::Whole(next)) => all.extend(next),
            (Stored::Partial(all), Stored::Partial(next)) => all.extend(next),
            (
                Stored::Ratio { numerators, denominators },
                Stored::Ratio { numerators: next, denominators: more },
            ) => {
                numerators.extend(next);
                denominators.extend(more);
            }
            _ => {}
        }
    }

    /// Whether every value is a whole number.
    pub(in crate::engine) const fn are_whole(&self) -> bool {
        !matches!(self.of, Stored::Ratio { .. })
    }

    /// The value as a whole number, rounded down and clamped; `None` when absent.
    pub(in crate::engine) fn whole(&self, person: usize) -> Option<i64> {
        let (numerator, denominator) = self.fraction(person)?;
        Some(self.range.apply(if denominator == 1 {
            numerator
        } else {
            numerator.div_euclid(i128::from(denominator))
        }))
    }

    /// The value as a fraction held to its range; `None` when absent.
    pub(in crate::engine) fn fraction(&self, person: usize) -> Option<(i128, u32)> {
        let (numerator, denominator) = self.gathered(person)?;
        let end = |bound: i64| i128::from(bound) * i128::from(denominator);
        Some((numerator.clamp(end(self.range.low()), end(self.range.high())), denominator))
    }

    /// Whether the clamp holds the value back.
    pub(in crate::engine) fn is_clamped(&self, person: usize) -> bool {
        self.gathered(person) != self.fraction(person)
    }

    fn gathered(&self, person: usize) -> Option<(i128, u32)> {
        match &self.of {
            Stored::Whole(values) => Some((values.get(person).copied().map_or(0, i128::from), 1)),
            Stored::Partial(values) => Some((i128::from((*values.get(person)?)?), 1)),
            Stored::Ratio { numerators, denominators } => {
                let denominator = *denominators.get(person).filter(|denominator| **denominator > 0)?;
                Some((*numerators.get(person)?, denominator))
            }
        }
    }
}
