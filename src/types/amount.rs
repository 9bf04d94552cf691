//! Exact amounts: privacy cost in integer nano units, parameters as ratios of integers.

use std::fmt;

/// Nano units in one whole unit of rho or epsilon.
pub const NANO: u128 = 1_000_000_000;

macro_rules! nano {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u128);

        impl $name {
            /// Nothing spent.
            pub const ZERO: Self = Self(0);

            /// The amount of `nano` billionths.
            #[must_use]
            pub const fn new(nano: u128) -> Self {
                Self(nano)
            }

            /// The amount in billionths.
            #[must_use]
            pub const fn get(self) -> u128 {
                self.0
            }

            /// The sum, or `None` when it does not fit.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// What is left after taking `other`, or `None` when there is less than that.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }
        }

        impl $name {
            /// Parses a decimal number of whole units, such as `0.5`; digits below a billionth are cut off.
            ///
            /// # Errors
            /// [`InvalidAmount`] for anything but digits with at most one point, and for amounts above 10^12.
            pub fn parse(text: &str) -> Result<Self, InvalidAmount> {
                parse_nano(text).map(Self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidAmount;
            fn from_str(text: &str) -> Result<Self, InvalidAmount> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // A float prints as the shortest text that reads back to it: what the person typed.
                let number = serde_json::Number::deserialize(deserializer)?;
                Self::parse(&number.to_string()).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "number", "minimum": 0 })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (whole, part) = (self.0 / NANO, self.0 % NANO);
                let digits = format!("{part:09}");
                let trimmed = digits.trim_end_matches('0');
                if trimmed.is_empty() { write!(f, "{whole}") } else { write!(f, "{whole}.{trimmed}") }
            }
        }
    };
}

nano! {
    /// Zero-concentrated differential privacy (rho) in billionths.
    NanoRho
}
nano! {
    /// Pure differential privacy (epsilon) in billionths.
    NanoEpsilon
}

/// A text that is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an amount: write a decimal number above 0 and below 10^12, such as 4 or 0.5")]
pub struct InvalidAmount {
    given: String,
}

fn parse_nano(text: &str) -> Result<u128, InvalidAmount> {
    let invalid = || InvalidAmount { given: text.chars().take(40).collect() };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || part.len() > 300 || !digits(whole) || !digits(part) {
        return Err(invalid());
    }
    let nano: String = part.chars().chain(std::iter::repeat('0')).take(9).collect();
    let whole: u128 = whole.parse().map_err(|_| invalid())?;
    let nano: u128 = nano.parse().map_err(|_| invalid())?;
    Ok(whole * NANO + nano)
}

/// A positive rational number `numerator / denominator`, in lowest terms.
///
/// Parameters of the noise (sigma squared, scale) are ratios so that no float decides how much noise is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u128,
    denominator: u128,
}

impl Ratio {
    /// The ratio in lowest terms, or `None` when either part is zero.
    #[must_use]
    pub const fn new(numerator: u128, denominator: u128) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let (mut a, mut b) = (numerator, denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Some(Self { numerator: numerator / a, denominator: denominator / a })
    }

    /// The part above the line.
    #[must_use]
    pub const fn numerator(self) -> u128 {
        self.numerator
    }

    /// The part below the line.
    #[must_use]
    pub const fn denominator(self) -> u128 {
        self.denominator
    }
}

impl serde::Serialize for Ratio {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::str::FromStr for Ratio {
    type Err = InvalidAmount;

    /// Reads `3/2`, or `2` for a whole number, as [`Display`](fmt::Display) writes it.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let ratio = numerator.parse().ok().zip(denominator.parse().ok());
        let ratio = ratio.and_then(|(numerator, denominator)| Self::new(numerator, denominator));
        ratio.ok_or_else(|| InvalidAmount { given: text.chars().take(40).collect() })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            write!(f, "{}", self.numerator)
        } else {
            write!(f, "{}/{}", self.numerator, self.denominator)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_exactly_and_never_wrap() {
        assert_eq!(NanoRho::new(1_500_000_000).to_string(), "1.5");
        assert_eq!(NanoRho::new(190_187).to_string(), "0.000190187");
        assert_eq!(NanoRho::new(u128::MAX).checked_add(NanoRho::new(1)), None);
        assert_eq!(NanoRho::ZERO.checked_sub(NanoRho::new(1)), None);
    }

    #[test]
    fn ratios_are_positive_and_in_lowest_terms() {
        assert_eq!(Ratio::new(6, 4).map(|r| r.to_string()), Some("3/2".into()));
        assert_eq!(Ratio::new(0, 4), None);
        assert_eq!(Ratio::new(4, 0), None);
    }
}
