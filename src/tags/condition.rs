//! Conditions on the fields of a row, and on a measure of others: closed, exact, and declared.

/// What a cell is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// A whole number; of a flag 1 and 0.
    Number(i64),
    /// A text, byte for byte.
    Text(String),
}

/// A test of one value, which may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Test {
    /// One of these words; a missing value is none.
    OneOf(Vec<Word>),
    /// From the first number, included, up to the second, excluded; a missing value is in no range.
    Range {
        /// The first number that counts.
        from: Option<i64>,
        /// The first one after it that no longer does.
        below: Option<i64>,
    },
    /// Whether there is a value.
    Present(bool),
}

impl Test {
    /// Whether a whole number, or its absence, meets the test.
    #[must_use]
    pub fn holds(&self, value: Option<i64>) -> bool {
        match (self, value) {
            (Self::Present(wanted), value) => value.is_some() == *wanted,
            (Self::OneOf(words), Some(value)) => words.contains(&Word::Number(value)),
            (Self::Range { from, below }, Some(value)) => {
                from.is_none_or(|from| value >= from) && below.is_none_or(|below| value < below)
            }
            (_, None) => false,
        }
    }

    /// Whether the fraction `numerator / denominator`, or its absence, meets the test, compared exactly; the denominator is
    /// positive, the fraction inside a clamp.
    #[must_use]
    pub fn holds_fraction(&self, value: Option<(i128, u32)>) -> bool {
        let Some((numerator, denominator)) = value else { return self.holds(None) };
        let denominator = i128::from(denominator);
        let is_whole = numerator.checked_rem(denominator) == Some(0);
        // Whole bounds are reached by a fraction where its floor reaches them; equal to a whole number is only a whole number.
        let floor = numerator.checked_div_euclid(denominator).and_then(|floor| i64::try_from(floor).ok());
        floor.is_some() && (is_whole || !matches!(self, Self::OneOf(_))) && self.holds(floor)
    }
}

/// A test of one field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// What its value has to meet.
    pub test: Test,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_compared_as_it_is() {
        let range = |from, below| Test::Range { from, below };
        let half = Some((41, 2));
        assert!(!Test::OneOf(vec![Word::Number(20)]).holds_fraction(half));
        assert!(Test::OneOf(vec![Word::Number(20)]).holds_fraction(Some((40, 2))));
        assert!(
            range(Some(20), Some(21)).holds_fraction(half) && !range(Some(21), None).holds_fraction(half)
        );
        assert!(!range(None, Some(20)).holds_fraction(half));
        // -1/2 is below 0 and not below -1.
        assert!(range(Some(-1), Some(0)).holds_fraction(Some((-1, 2))));
        assert!(!range(Some(0), None).holds_fraction(Some((-1, 2))));
        assert!(Test::Present(true).holds_fraction(half) && Test::Present(false).holds_fraction(None));
    }

    #[test]
    fn a_missing_value_meets_nothing_but_its_absence() {
        let range = |from, below| Test::Range { from, below };
        let any = Test::OneOf(vec![Word::Number(3), Word::Number(-1)]);
        assert!(any.holds(Some(3)) && any.holds(Some(-1)) && !any.holds(Some(0)) && !any.holds(None));
        assert!(range(Some(1), Some(4)).holds(Some(1)) && !range(Some(1), Some(4)).holds(Some(4)));
        assert!(range(None, Some(4)).holds(Some(i64::MIN)) && range(Some(1), None).holds(Some(i64::MAX)));
        assert!(!range(None, None).holds(None));
        assert!(Test::Present(false).holds(None) && !Test::Present(true).holds(None));
        assert!(!Test::Present(false).holds(Some(0)) && Test::Present(true).holds(Some(0)));
    }
}
