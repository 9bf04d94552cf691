//! Instants in whole seconds UTC, spans in days, and the clock that callers may replace.

use super::read_as_text::read_as_text;
use std::fmt;

use super::{Zone, instant, zone};

/// Seconds in a day; UTC days have no leap seconds here.
const DAY: i64 = 86_400;

/// How far clocks are ahead of UTC at most: those of the Line Islands, in seconds.
const MOST_AHEAD: i64 = 14 * 3_600;

/// An instant in whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not an instant, nor a date where a date will do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTime {
    /// A text of another form.
    #[error("`{given}` is not {wanted}")]
    Unreadable {
        /// What was given, cut to 80 characters.
        given: String,
        /// What is read.
        wanted: &'static str,
    },
    /// A time that may be many instants.
    #[error("`{given}` has no UTC offset; write 2015-11-19T18:40:39+08:00 or declare `timezone`")]
    NoOffset {
        /// What was given, cut to 80 characters.
        given: String,
    },
    /// A time that the clocks of its zone show twice or never.
    #[error("`{given}` occurs twice or never in its time zone; write its UTC offset")]
    NotOnce {
        /// What was given, cut to 80 characters.
        given: String,
    },
}

impl InvalidTime {
    fn new(given: &str, wanted: &'static str) -> Self {
        Self::Unreadable { given: given.chars().take(80).collect(), wanted }
    }
}

/// Why the text of a cell is no instant. It holds nothing of the text, so that reports may show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFault {
    /// It is a local time, and no time zone is declared.
    NoOffset,
    /// It is a local time that the clocks of the declared zone show twice or never: they are turned back or forward.
    NotOnce,
    /// It has another form.
    Unreadable,
}

impl TimeFault {
    /// The reason as reports show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoOffset => "no UTC offset; declare `timezone`",
            Self::NotOnce => "a local time that occurs twice or never; write its UTC offset",
            Self::Unreadable => "not a time, such as 2015-11-19T18:40:39+08:00",
        }
    }
}

impl Timestamp {
    /// The last instant that is printed as a date; what is later is read as this one.
    pub const LAST: Self = Self(253_402_300_799);

    /// The start of year 9000 UTC. Other programs write later instants, such as 9999-12-31, where there is no end.
    pub const FAR: Self = Self(221_845_392_000);

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

    /// Reads the text of a cell: an RFC 3339 instant, or one with a blank instead of `T`, `/` instead of `-`, without seconds; a
    /// local time by the clocks of `zone`, if there is one; a bare date as the start of that day there. An offset in the text
    /// counts before `zone`, and the years 9000 and later need neither. Part of a second is dropped.
    ///
    /// # Errors
    /// [`TimeFault`]
    pub fn read_in(text: &str, zone: Option<&Zone>) -> Result<Self, TimeFault> {
        if let Some(seconds) = instant::usual(text.as_bytes()) {
            return Ok(Self(seconds));
        }
        let text = text.trim();
        let Some(written) = instant::written(text) else {
            let at = text.parse::<jiff::Timestamp>().map_err(|_| TimeFault::Unreadable)?;
            let seconds = at.as_nanosecond().div_euclid(1_000_000_000);
            return Ok(Self(seconds.try_into().unwrap_or(i64::MAX)));
        };
        let local = written.local;
        match (written.offset, zone) {
            (Some(offset), _) => Ok(Self((local - offset).min(Self::LAST.0))),
            (None, _) if local >= Self::FAR.0 => Ok(Self(local)),
            (None, Some(zone)) => {
                let at = if written.is_day { zone.start_of_day(local) } else { zone.instant(local) };
                at.map(Self).ok_or(TimeFault::NotOnce)
            }
            (None, None) => Err(TimeFault::NoOffset),
        }
    }

    /// The first and the last instant that a text may mean which [`Timestamp::read_in`] reads: the two ends of its day for a bare
    /// date, else one instant. A bare date may name its zone behind it, as in `2026-09-20[Asia/Shanghai]` (RFC 9557).
    ///
    /// # Errors
    /// [`TimeFault`]
    pub fn span_in(text: &str, zone: Option<&Zone>) -> Result<(Self, Self), TimeFault> {
        let named = text.trim().strip_suffix(']').and_then(|text| text.rsplit_once('['));
        if let Some((day, zone)) = named.and_then(|(day, zone)| Some((day, Zone::parse(zone).ok()?)))
            && instant::written(day).is_some_and(|written| written.is_day)
        {
            return Self::span_in(day, Some(&zone));
        }
        let first = Self::read_in(text, zone)?;
        if instant::usual(text.as_bytes()).is_some() || first >= Self::FAR {
            return Ok((first, first));
        }
        let day = instant::written(text.trim()).filter(|written| written.is_day);
        let next = day.zip(zone).and_then(|(day, zone)| zone.start_of_day(day.local + DAY));
        Ok((first, next.map_or(first, |next| Self(next - 1).max(first))))
    }

    /// Parses an instant as [`Timestamp::read_in`] does.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse_in(text: &str, zone: Option<&Zone>) -> Result<Self, InvalidTime> {
        Self::read_in(text, zone).map_err(|fault| {
            let given = text.chars().take(80).collect();
            match fault {
                TimeFault::NoOffset => InvalidTime::NoOffset { given },
                TimeFault::NotOnce => InvalidTime::NotOnce { given },
                TimeFault::Unreadable => {
                    InvalidTime::new(text, "an RFC 3339 instant with an offset, such as 2026-10-01T00:00:00Z")
                }
            }
        })
    }

    /// Parses an instant; an offset is required.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else, local times included.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        Self::parse_in(text, None)
    }

    /// Parses an instant, or a bare date, which means the end of that UTC day (the next midnight).
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse_or_end_of_day(text: &str) -> Result<Self, InvalidTime> {
        AsOf::parse(text).map(|as_of| as_of.at(&Zone::utc()))
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
        zone::civil(self.0).map_or(i64::MAX, |at| i64::from(at.year()))
    }

    /// Month and day of the calendar UTC; the last of a year for an instant that has none.
    #[must_use]
    pub fn month_and_day(self) -> (u8, u8) {
        let day = zone::civil(self.0).map(|at| (at.month().unsigned_abs(), at.day().unsigned_abs()));
        day.unwrap_or((12, 31))
    }

    /// The latest calendar year in which an instant can be, on the clocks of whatever place.
    #[must_use]
    pub fn latest_year(self) -> i64 {
        Self(self.0.saturating_add(MOST_AHEAD)).year()
    }

    /// The calendar year of a date or a local time, as it is written; of an instant with an offset the latest one that it can be in.
    #[must_use]
    pub fn year_written(text: &str) -> Option<i64> {
        let written = instant::written(text.trim())?;
        Some(match written.offset {
            None => Self(written.local).year(),
            Some(offset) => Self(written.local.saturating_sub(offset)).latest_year(),
        })
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
            // The last two days of year 9999, whose local times jiff keeps free.
            Err(_) => match zone::civil(self.0).filter(|_| self.0 > 0) {
                Some(at) => write!(f, "{at}Z"),
                None => write!(f, "{} s after 1970", self.0),
            },
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The value of an as-of: an instant, or a day whose end is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// An instant.
    Instant(Timestamp),
    /// The end of this day, wherever the study's clocks are.
    EndOf(jiff::civil::Date),
}

impl From<Timestamp> for AsOf {
    fn from(at: Timestamp) -> Self {
        Self::Instant(at)
    }
}

impl AsOf {
    /// Parses an instant with an offset, or a bare date `2026-10-01`.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else, local times included.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let text = text.trim();
        match text.parse::<jiff::civil::Date>() {
            Ok(date) if text.len() == 10 => Ok(Self::EndOf(date)),
            _ => Timestamp::parse(text).map(Self::Instant).map_err(|_| {
                InvalidTime::new(
                    text,
                    "an RFC 3339 instant or a date, such as 2026-10-01T00:00:00Z or 2026-10-01",
                )
            }),
        }
    }

    /// The instant; for a day the first one after it on the clocks of `zone`.
    #[must_use]
    pub fn at(self, zone: &Zone) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::EndOf(day) => {
                let next = Timestamp::start_of(day).saturating_add(Days::ONE);
                zone.start_of_day(next.seconds()).map_or(next, Timestamp)
            }
        }
    }
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

read_as_text!(Days, parse, "^[0-9]+d$");

/// How long after its seal an epoch answers, in whole minutes; written `72h` or `30m` in study files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxAge(u32);

impl MaxAge {
    /// The longest: 100 years, in minutes.
    const LONGEST: u32 = 876_600 * 60;

    /// Parses `72h` or `30m`; between 1 minute and 100 years.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let (digits, minutes) = match (text.strip_suffix('h'), text.strip_suffix('m')) {
            (Some(hours), _) => (Some(hours), 60),
            (None, minutes) => (minutes, 1),
        };
        digits
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u32>().ok()?.checked_mul(minutes))
            .filter(|minutes| (1..=Self::LONGEST).contains(minutes))
            .map(Self)
            .ok_or_else(|| InvalidTime::new(text, "a time between `1m` and `876600h`, in hours or minutes"))
    }

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 as i64 * 60
    }
}

impl fmt::Display for MaxAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 60, self.0 % 60) {
            (hours, 0) => write!(f, "{hours}h"),
            _ => write!(f, "{}m", self.0),
        }
    }
}

read_as_text!(MaxAge, parse, "^[0-9]+[hm]$");

/// Where the sandbox reads the time; services and tests may give their own.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
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
    fn a_max_age_is_in_whole_hours_or_minutes_and_above_none() {
        assert_eq!(MaxAge::parse("72h").map(MaxAge::seconds), Ok(72 * 3600));
        assert_eq!(MaxAge::parse("30m").map(MaxAge::seconds), Ok(30 * 60));
        assert_eq!(MaxAge::parse("90m").unwrap().to_string(), "90m");
        assert_eq!(MaxAge::parse("120m"), MaxAge::parse("2h"));
        assert_eq!(MaxAge::parse("876600h").unwrap().to_string(), "876600h");
        for bad in [
            "0h",
            "0m",
            "876601h",
            "52596001m",
            "h",
            "m",
            "72",
            "72d",
            "1.5h",
            "-1h",
            "+1h",
            " 1h",
            "30s",
            "1h30m",
            "4294967297h",
            "71582789h",
        ] {
            assert!(MaxAge::parse(bad).is_err(), "{bad}");
        }
    }

    fn by_jiff(text: &str) -> Option<i64> {
        text.trim()
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|at| i64::try_from(at.as_nanosecond().div_euclid(1_000_000_000)).ok())
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
            let read = Timestamp::parse(&text).ok().map(Timestamp::seconds);
            match by_jiff(&text) {
                // A time without zone of the year 9000 or later means "no end" wherever it is.
                None if text.contains(['/', ' ', ',']) || year >= 9000 || text.starts_with('9') => {}
                known => prop_assert_eq!(read, known, "{}", text),
            }
        }

        /// A local time is read as jiff reads it in the same zone, however it is spelled.
        #[test]
        fn local_times_are_those_of_their_zone(
            seconds in -2_000_000_000..6_000_000_000i64,
            place in prop_oneof![
                Just("Asia/Shanghai"), Just("Europe/Berlin"), Just("America/Sao_Paulo"), Just("Asia/Kolkata"), Just("-09:30"),
            ],
            between in prop_oneof![Just("T"), Just(" "), Just("  ")],
        ) {
            let zone = Zone::parse(place).unwrap();
            let civil = zone::civil(seconds).unwrap();
            let text = civil.to_string().replace('T', between);
            let by_jiff = if let Some(offset) = place.strip_prefix('-') {
                Some(format!("{civil}-{offset}").parse::<jiff::Timestamp>().unwrap())
            } else {
                jiff::tz::TimeZone::get(place).unwrap().to_ambiguous_timestamp(civil).unambiguous().ok()
            };
            let expected = by_jiff.map(|at| at.as_second()).ok_or(TimeFault::NotOnce);
            prop_assert_eq!(Timestamp::read_in(&text, Some(&zone)).map(Timestamp::seconds), expected);
            let slashed = text.replacen('-', "/", 2);
            if seconds > 0 {
                prop_assert_eq!(Timestamp::read_in(&slashed, Some(&zone)).map(Timestamp::seconds), expected);
            }
            prop_assert_eq!(Timestamp::read_in(&text, None), Err(TimeFault::NoOffset));
            prop_assert_eq!(
                Timestamp::read_in(&format!("{text}+08:00"), Some(&zone)).map(Timestamp::seconds), Ok(seconds - 28_800)
            );
        }

        /// What is printed is read as the same instant.
        #[test]
        fn printing_and_reading_are_inverse(seconds in -62_000_000_000..=Timestamp::LAST.0) {
            prop_assert_eq!(Timestamp::parse(&Timestamp(seconds).to_string()), Ok(Timestamp(seconds)));
        }
    }

    #[test]
    fn the_end_of_the_calendar_is_an_instant() {
        for text in ["9999-12-31", "9999-12-31T00:00:00Z", "9999-12-31 00:00:00", "9999-12-31T00:00:00+00:00"]
        {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), "9999-12-31T00:00:00Z", "{text}");
        }
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59.999-12:00"), Ok(Timestamp::LAST));
        assert_eq!(Timestamp::LAST.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Timestamp::FAR.to_string(), "9000-01-01T00:00:00Z");
        assert_eq!(Timestamp::LAST.year(), 9999);
    }

    #[test]
    fn a_day_ends_where_its_clocks_are() {
        let day = AsOf::parse("2026-09-30").unwrap();
        let at = |zone| day.at(&Zone::parse(zone).unwrap()).to_string();
        assert_eq!(at("UTC"), "2026-10-01T00:00:00Z");
        assert_eq!(at("Asia/Shanghai"), "2026-09-30T16:00:00Z");
        assert_eq!(at("-05:00"), "2026-10-01T05:00:00Z");
        // The day on which clocks are turned back has 25 hours.
        let autumn = AsOf::parse("2026-10-25").unwrap();
        assert_eq!(autumn.at(&Zone::parse("Europe/Berlin").unwrap()).to_string(), "2026-10-25T23:00:00Z");
    }

    #[test]
    fn a_time_without_an_offset_is_refused_with_what_to_write() {
        let error = Timestamp::parse("2015-11-19 18:40:39").unwrap_err().to_string();
        assert_eq!(
            error,
            "`2015-11-19 18:40:39` has no UTC offset; write 2015-11-19T18:40:39+08:00 or declare `timezone`"
        );
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
