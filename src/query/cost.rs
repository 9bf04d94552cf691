//! What a query is willing to pay, and the probability of the interval it is shown with; both exact.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::NanoEpsilon;
use crate::types::amount::NANO;

/// The price of a query. It is part of the key under which an answer is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Cost {
    /// The study's default errors.
    #[default]
    Default,
    /// Half-widths of the 95 % interval; what is not named takes the study's default.
    Errors {
        /// Of counts, in people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u64>,
        /// Of the sum of a measure, in its unit.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sums: BTreeMap<String, u64>,
    },
    /// The whole query for at most this epsilon, split evenly over its parts.
    Epsilon(#[serde(with = "epsilon_text")] NanoEpsilon),
}

/// The probability of a shown interval, or the level of a quantile: thousandths, 1 to 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Probability(u16);

impl Probability {
    /// One half: the median.
    pub const HALF: Self = Self(500);

    /// The levels of quantiles that are shown where none is asked for: the quartiles, and the ninth decile.
    pub(super) const SHOWN: [Self; 4] = [Self(250), Self::HALF, Self(750), Self(900)];

    /// 0.95: the confidence of intervals unless another is given.
    #[must_use]
    pub const fn nominal() -> Self {
        Self(950)
    }

    /// `thousandths` of one, between 1 and 999.
    #[must_use]
    pub const fn new(thousandths: u16) -> Option<Self> {
        if thousandths >= 1 && thousandths <= 999 { Some(Self(thousandths)) } else { None }
    }

    /// The probability in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// Reads `0.95`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let nano = nano_of(text)?;
        let millionth = NANO / 1000;
        if nano % millionth != 0 {
            return None;
        }
        u16::try_from(nano / millionth).ok().and_then(Self::new)
    }
}

impl From<Probability> for crate::dp::Confidence {
    fn from(confidence: Probability) -> Self {
        // Thousandths between 1 and 999 are inside its range.
        Self::new(f64::from(confidence.0) / 1000.0).unwrap_or(Self::DEFAULT)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:03}", self.0);
        write!(f, "0.{}", digits.trim_end_matches('0'))
    }
}

impl From<Probability> for String {
    fn from(confidence: Probability) -> Self {
        confidence.to_string()
    }
}

impl TryFrom<String> for Probability {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::read(&text).ok_or("a confidence or a level is a decimal between 0.001 and 0.999")
    }
}

/// Reads a plain decimal with at most nine digits after the point, as billionths.
fn nano_of(text: &str) -> Option<u128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 12 || part.len() > 9 {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let part: u128 = format!("{part:0<9}").parse().ok()?;
    whole.checked_mul(NANO)?.checked_add(part)
}

/// Reads a positive epsilon of at most 1000.
pub(super) fn read_epsilon(text: &str) -> Option<NanoEpsilon> {
    nano_of(text).filter(|nano| (1..=1000 * NANO).contains(nano)).map(NanoEpsilon::new)
}

mod epsilon_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::types::NanoEpsilon;

    pub(super) fn serialize<S: Serializer>(epsilon: &NanoEpsilon, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(epsilon)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NanoEpsilon, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::read_epsilon(&text)
            .ok_or_else(|| de::Error::custom("an epsilon is a decimal from 0.000000001 to 1000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        assert_eq!(read_epsilon("0.000000001"), Some(NanoEpsilon::new(1)));
        assert_eq!(read_epsilon("1000").map(NanoEpsilon::get), Some(1000 * NANO));
        for bad in ["0", "-1", "1e308", "0.0000000001", "1001", ".5", "5.", "", "+1", "NaN", "١"] {
            assert_eq!(read_epsilon(bad), None, "{bad}");
        }
        assert_eq!(Probability::read("0.99").map(|c| c.to_string()), Some("0.99".into()));
        for bad in ["0", "1", "1.0", "0.9999", "95"] {
            assert_eq!(Probability::read(bad), None, "{bad}");
        }
    }
}
