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
        if let Some(seconds) = usual_spelling(text.as_bytes()) {
            return Ok(Self(seconds));
        }
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

    /// The calendar year UTC; the end of time for an instant that has none.
    #[must_use]
    pub fn year(self) -> i64 {
        let at = jiff::Timestamp::from_second(self.0);
        at.map_or(i64::MAX, |at| i64::from(at.to_zoned(jiff::tz::TimeZone::UTC).year()))
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

/// The seconds that an instant of the years 1000 to 8999 spelled `2026-10-01T00:00:00Z` or `2026-10-01T08:00:00+08:00`
/// names; `None` for every other text, which may be an instant all the same. Files hold millions of these.
fn usual_spelling(text: &[u8]) -> Option<i64> {
    let (clock, zone) = text.split_at_checked(19)?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] = clock
    else {
        return None;
    };
    let (year, month, day) = (two(y0, y1)? * 100 + two(y2, y3)?, two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(n0, n1)?, two(s0, s1)?);
    let ahead = match *zone {
        [b'Z'] => 0,
        [b'+', h0, h1, b':', n0, n1] => offset(two(h0, h1)?, two(n0, n1)?)?,
        [b'-', h0, h1, b':', n0, n1] => -offset(two(h0, h1)?, two(n0, n1)?).filter(|ahead| *ahead > 0)?,
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => 31,
    };
    let fine = (1000..9000).contains(&year) && (1..=12).contains(&month) && (1..=last).contains(&day);
    if !fine || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years that begin in March put the leap day last: Hinnant, chrono-compatible low-level date algorithms.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some(days * DAY + hour * 3_600 + minute * 60 + second - ahead)
}

fn offset(hours: i64, minutes: i64) -> Option<i64> {
    (hours <= 23 && minutes <= 59).then_some(hours * 3_600 + minutes * 60)
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// A span of whole days, written `90d` in study files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Days(u32);

impl Days {
    /// One day.
    pub const ONE: Self = Self(1);

    /// A span of `days`; `None` unless it is between 1 day and 100 years.
    #[must_use]
    pub const fn new(days: u32) -> Option<Self> {
        if days >= 1 && days <= 36_525 { Some(Self(days)) } else { None }
    }

    /// Parses `90d`; between 1 day and 100 years.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        text.strip_suffix('d')
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .and_then(Self::new)
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

impl schemars::JsonSchema for Days {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Days".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+d$" })
    }
}

/// A span of whole hours, written `72h` in study files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hours(u32);

impl Hours {
    /// Parses `72h`; between 1 hour and 100 years.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        text.strip_suffix('h')
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|hours| (1..=876_600).contains(hours))
            .map(Self)
            .ok_or_else(|| InvalidTime::new(text, "a number of hours between `1h` and `876600h`"))
    }

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 as i64 * 3600
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}h", self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Hours {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Hours {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+h$" })
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hours_are_whole_and_above_none() {
        assert_eq!(Hours::parse("72h").map(Hours::seconds), Ok(72 * 3600));
        assert_eq!(Hours::parse("876600h").unwrap().to_string(), "876600h");
        for bad in ["0h", "876601h", "h", "72", "72d", "1.5h", "-1h", "+1h", " 1h", "4294967297h"] {
            assert!(Hours::parse(bad).is_err(), "{bad}");
        }
    }

    fn by_jiff(text: &str) -> Option<i64> {
        text.trim()
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|at| i64::try_from(at.as_nanosecond().div_euclid(1_000_000_000)).ok())
    }

    #[test]
    fn the_usual_spelling_is_usual() {
        for text in ["2026-10-01T00:00:00Z", "2024-02-29T23:59:59+08:00", "1000-01-01T00:00:00-23:59"] {
            assert!(usual_spelling(text.as_bytes()).is_some(), "{text}");
        }
        assert_eq!(usual_spelling(b"1970-01-01T00:00:00Z"), Some(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Every instant has one reading, whichever path reads it.
        #[test]
        fn the_usual_spelling_reads_as_any_other(
            year in prop_oneof![1..9999i64, 1960..2110i64, Just(2000), Just(1900), Just(2400)],
            rest in (0..14u8, 0..33u8, 0..26u8, 0..62u8, 0..62u8),
            zone in prop_oneof![
                Just("Z".to_owned()),
                ("[+-]", 0..26u8, 0..62u8).prop_map(|(sign, h, m)| format!("{sign}{h:02}:{m:02}")),
                Just(String::new()),
                Just("z".to_owned()),
            ],
            slip in prop_oneof![4 => Just(None), 1 => (0..25usize, any::<char>()).prop_map(Some)],
        ) {
            let (month, day, hour, minute, second) = rest;
            let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}");
            if let Some((place, letter)) = slip {
                text = text.chars().enumerate().map(|(at, c)| if at == place { letter } else { c }).collect();
            }
            prop_assert_eq!(Timestamp::parse(&text).ok().map(Timestamp::seconds), by_jiff(&text), "{}", text);
        }
    }

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
