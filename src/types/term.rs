//! A span of days that may be written in years.

use super::Days;
use super::read_as_text::read_as_text;
use super::time::InvalidTime;

/// A span of whole days, written `30d`, or `3y` for so many years of 365.25 days, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term(Days);

impl Term {
    /// Parses `30d` or `3y`; between 1 day and 100 years.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let years = text.strip_suffix('y').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let days = years.and_then(|years| years.parse::<u32>().ok()).filter(|years| *years <= 100);
        match days.and_then(|years| Days::new(years.saturating_mul(1_461).div_ceil(4))) {
            Some(days) => Ok(Self(days)),
            None => Days::parse(text).map(Self),
        }
    }

    /// As days.
    #[must_use]
    pub const fn days(self) -> Days {
        self.0
    }
}

read_as_text!(Term, parse, "^[0-9]+[dy]$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_never_shorter_than_they_are() {
        let days = |text| Term::parse(text).ok().map(|term| term.days().days());
        let cases = [("1d", 1), ("15d", 15), ("1y", 366), ("3y", 1_096), ("4y", 1_461), ("100y", 36_525)];
        for (text, wanted) in cases {
            assert_eq!(days(text), Some(wanted), "{text}");
        }
        for text in ["", "y", "0y", "101y", "3", "-3y", "3 y", "3Y", "1y6m", "4294967296y", "+1y"] {
            assert_eq!(days(text), None, "{text}");
        }
    }
}
