//! The values of one measure for everybody.

use bincode::{Decode, Encode};

use crate::tags::Clamp;

/// The value of one person as it was accumulated, before its clamp. It has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) enum Element {
    Whole(i64),
    Partial(Option<i64>),
    /// Numerator and denominator; a denominator of 0 is none.
    Ratio(i128, u32),
}

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

    /// The value of a person as it was accumulated.
    pub(in crate::engine) fn element(&self, person: usize) -> Element {
        match &self.of {
            Stored::Whole(values) => Element::Whole(values.get(person).copied().unwrap_or(0)),
            Stored::Partial(values) => Element::Partial(values.get(person).copied().flatten()),
            Stored::Ratio { numerators, denominators } => Element::Ratio(
                numerators.get(person).copied().unwrap_or(0),
                denominators.get(person).copied().unwrap_or(0),
            ),
        }
    }

    /// Values of people one after another; `None` unless all are of one kind.
    pub(in crate::engine) fn of_elements(range: Clamp, elements: &[Element]) -> Option<Self> {
        let of = match elements.first()? {
            Element::Whole(_) => {
                let all = elements.iter().map(|one| match one {
                    Element::Whole(value) => Some(*value),
                    _ => None,
                });
                Stored::Whole(all.collect::<Option<_>>()?)
            }
            Element::Partial(_) => {
                let all = elements.iter().map(|one| match one {
                    Element::Partial(value) => Some(*value),
                    _ => None,
                });
                Stored::Partial(all.collect::<Option<_>>()?)
            }
            Element::Ratio(..) => {
                let all = elements.iter().map(|one| match one {
                    Element::Ratio(numerator, denominator) => Some((*numerator, *denominator)),
                    _ => None,
                });
                let (numerators, denominators) = all.collect::<Option<Vec<_>>>()?.into_iter().unzip();
                Stored::Ratio { numerators, denominators }
            }
        };
        Some(Self { range, of })
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
