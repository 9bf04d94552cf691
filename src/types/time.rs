//! Instants in whole seconds UTC, spans in days, and the clock that callers may replace.

use std::fmt;

/// Seconds in a day; UTC days have no leap seconds here.
const DAY: i64 = 86_400;

/// An instant in whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not an instant with an offset, nor a date where a date will do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {wanted}")]
pub struct InvalidTime {
    given: String,
    wanted: &'static str,
}

impl InvalidTime {
    fn new(given: &str, wanted: &'static str) -> Self {
        Self { given: given.chars().take(80).collect(), wanted }
    }
}

impl Timestamp {
    /// The instant `seconds` after the start of 1970 UTC.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the start of 1970 UTC.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Parses an RFC 3339 instant; an offset is required.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else, local times included.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        text.trim()
            .parse::<jiff::Timestamp>()
            .map(|at| Self(at.as_nanosecond().div_euclid(1_000_000_000).try_into().unwrap_or(i64::MAX)))
            .map_err(|_| {
                InvalidTime::new(text, "an RFC 3339 instant with an offset, such as 2026-10-01T00:00:00Z")
            })
    }

    /// Parses an RFC 3339 instant, or a bare date, which means the end of that UTC day (the next midnight).
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse_or_end_of_day(text: &str) -> Result<Self, InvalidTime> {
        if let Ok(date) = text.trim().parse::<jiff::civil::Date>()
            && text.trim().len() == 10
        {
            return Ok(Self::start_of(date).saturating_add(Days::ONE));
        }
        Self::parse(text).map_err(|_| {
            InvalidTime::new(
                text,
                "an RFC 3339 instant or a date, such as 2026-10-01T00:00:00Z or 2026-10-01",
            )
        })
    }

    /// Midnight UTC at which `date` starts.
    #[must_use]
    pub fn start_of(date: jiff::civil::Date) -> Self {
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
        Self(midnight.unwrap_or(i64::MAX))
    }

    /// The instant `span` later; stays at the end of time instead of wrapping.
    #[must_use]
    pub const fn saturating_add(self, span: Days) -> Self {
        Self(self.0.saturating_add(span.seconds()))
    }

    /// The instant `span` earlier; stays at the beginning of time instead of wrapping.
    #[must_use]
    pub const fn saturating_sub(self, span: Days) -> Self {
        Self(self.0.saturating_sub(span.seconds()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

/// A span of whole days, written `90d` in study files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Days(u32);

impl Days {
    /// One day.
    pub const ONE: Self = Self(1);

    /// Parses `90d`; between 1 day and 100 years.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        text.strip_suffix('d')
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|days| (1..=36_525).contains(days))
            .map(Self)
            .ok_or_else(|| InvalidTime::new(text, "a number of days between `1d` and `36525d`"))
    }

    /// The number of days.
    #[must_use]
    pub const fn days(self) -> u32 {
        self.0
    }

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 as i64 * DAY
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Days {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the sandbox reads the time; services and tests may give their own.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_date_means_the_end_of_that_day() {
        let end = Timestamp::parse_or_end_of_day("2011-04-12").unwrap();
        assert_eq!(end.to_string(), "2011-04-13T00:00:00Z");
        assert_eq!(Timestamp::parse_or_end_of_day("2011-04-13T08:00:00+08:00").unwrap(), end);
        for bad in ["2011-04-12T00:00:00", "20110412", "yesterday", "2011-13-01", ""] {
            assert!(Timestamp::parse_or_end_of_day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_are_days() {
        assert_eq!(Days::parse("90d").unwrap().seconds(), 90 * DAY);
        for bad in ["90", "0d", "-1d", "+1d", "1w", "99999d", "d", "9999999999999d"] {
            assert!(Days::parse(bad).is_err(), "{bad}");
        }
    }
}
