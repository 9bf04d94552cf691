//! Decimals with three digits behind the point: what averages and their intervals are shown as.

use std::fmt;

/// A number of thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i128);

const ONE: i128 = 1000;

impl Decimal {
    /// The greatest number of digits after the point.
    pub const DIGITS: usize = 3;

    /// The decimal of that many thousandths.
    #[must_use]
    pub const fn of_thousandths(thousandths: i128) -> Self {
        Self(thousandths)
    }

    /// How many thousandths it has.
    #[must_use]
    pub const fn thousandths(self) -> i128 {
        self.0
    }

    /// The whole number, if it is one.
    #[must_use]
    pub const fn whole(self) -> Option<i128> {
        if self.0 % ONE == 0 { Some(self.0 / ONE) } else { None }
    }

    /// `numerator / denominator` rounded to the nearest thousandth, half away from below; `None` for a denominator of 0
    /// or a numerator near 2^127.
    #[must_use]
    pub fn of_fraction(numerator: i128, denominator: i128) -> Option<Self> {
        let doubled = numerator.checked_mul(2 * ONE)?.checked_add(denominator)?;
        doubled.checked_div_euclid(denominator.checked_mul(2)?).map(Self)
    }

    /// The largest decimal that is not above `value`.
    #[must_use]
    pub fn floor(value: f64) -> Self {
        Self(integer((value * 1000.0).floor()))
    }

    /// The smallest decimal that is not below `value`.
    #[must_use]
    pub fn ceil(value: f64) -> Self {
        Self(integer((value * 1000.0).ceil()))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "`as` stops at the largest integer")]
const fn integer(value: f64) -> i128 {
    value as i128
}

impl serde::Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<i128> for Decimal {
    fn from(whole: i128) -> Self {
        Self(whole.saturating_mul(ONE))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        let digits = format!("{part:03}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            digits => write!(f, "{sign}{whole}.{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_and_print() {
        let of = |top, bottom| Decimal::of_fraction(top, bottom).unwrap().to_string();
        assert_eq!(
            (of(10, 3), of(-10, 3), of(2, 3), of(7, 1), of(-1, 2000)),
            ("3.333".into(), "-3.333".into(), "0.667".into(), "7".into(), "0".into())
        );
        assert_eq!(Decimal::of_fraction(1, 0), None);
        assert_eq!(Decimal::from(-12).to_string(), "-12");
        assert_eq!(Decimal::of_thousandths(-40).to_string(), "-0.04");
        assert_eq!((Decimal::floor(1.2349), Decimal::ceil(1.2341)), (Decimal(1234), Decimal(1235)));
        assert_eq!((Decimal::from(3).whole(), Decimal::of_thousandths(3001).whole()), (Some(3), None));
        assert_eq!(Decimal::ceil(f64::INFINITY).thousandths(), i128::MAX);
    }
}
