//! How instants are spelled in text: RFC 3339, and the forms without `T` or without an offset that databases and spreadsheets write.

use super::Timestamp;

/// Seconds in a day; UTC days have no leap seconds here.
const DAY: i64 = 86_400;

/// A time as it is written.
pub(super) struct Written {
    /// What the clock showed, in seconds since 1970-01-01T00:00:00 on that clock, rounded towards the past.
    pub(super) local: i64,
    /// How far that clock is ahead of UTC, in seconds, if the text has it.
    pub(super) offset: Option<i64>,
    /// Whether only the day is written.
    pub(super) is_day: bool,
}

/// The seconds that an instant spelled `2026-10-01T00:00:00Z` or `2026-10-01T08:00:00+08:00` names; `None` for every other text,
/// which may be an instant all the same. Files hold millions of these.
pub(super) fn usual(text: &[u8]) -> Option<i64> {
    let (clock, zone) = text.split_at_checked(19)?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] = clock
    else {
        return None;
    };
    let (year, month, day) = (two(y0, y1)? * 100 + two(y2, y3)?, two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(n0, n1)?, two(s0, s1)?);
    let ahead = match zone {
        b"Z" => 0,
        zone => fixed_offset(zone)?,
    };
    if year < 1000 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let local = days(year, month, day)? * DAY + hour * 3_600 + minute * 60 + second;
    Some((local - ahead).min(Timestamp::LAST.seconds()))
}

/// Seconds ahead of UTC of an offset spelled `+08:00` or `-03:30`, other than `-00:00`.
pub(super) fn fixed_offset(text: &[u8]) -> Option<i64> {
    match *text {
        [b'+', h0, h1, b':', n0, n1] => offset(two(h0, h1)?, two(n0, n1)?),
        [b'-', h0, h1, b':', n0, n1] => {
            Some(-offset(two(h0, h1)?, two(n0, n1)?).filter(|behind| *behind > 0)?)
        }
        _ => None,
    }
}

/// Days from 1970-01-01 to a day of the calendar; `None` for a day that it has not.
///
/// Source: Hinnant, chrono-compatible low-level date algorithms: years that begin in March put the leap day last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leaps + (153 * month + 2) / 5 + day - 719_469)
}

fn offset(hours: i64, minutes: i64) -> Option<i64> {
    (hours <= 23 && minutes <= 59).then_some(hours * 3_600 + minutes * 60)
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Reads `2015-11-19`, `2015/11/19 8:40`, `2015-11-19T18:40:39.5`, each with an offset `Z`, `+08`, `+0800` or `+08:00` behind the
/// clock, after blanks or not. A year has four digits and is first: other orders mean several days.
pub(super) fn written(text: &str) -> Option<Written> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4, 4)?;
    let between = rest.one_of(b"-/")?;
    let month = rest.number(1, 2)?;
    rest.one_of(&[between])?;
    let day = rest.number(1, 2)?;
    let midnight = days(year, month, day)? * DAY;
    if rest.is_empty() {
        return Some(Written { local: midnight, offset: None, is_day: true });
    }
    if rest.one_of(b"Tt").is_none() {
        rest.one_of(b" ")?;
        rest.blanks();
    }
    let hour = rest.number(1, 2)?;
    rest.one_of(b":")?;
    let minute = rest.number(2, 2)?;
    let seconds = rest.one_of(b":").is_some();
    let second = if seconds { rest.number(2, 2)? } else { 0 };
    if seconds && rest.one_of(b".,").is_some() {
        // Part of a second is dropped.
        rest.number(1, 18)?;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    rest.blanks();
    let offset = if rest.is_empty() { None } else { Some(rest.offset()?) };
    rest.is_empty().then_some(Written {
        local: midnight + hour * 3_600 + minute * 60 + second,
        offset,
        is_day: false,
    })
}

/// What is left of a text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte, if it is one of these.
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let found = wanted.contains(first).then_some(*first)?;
        self.0 = rest;
        Some(found)
    }

    fn blanks(&mut self) {
        while self.one_of(b" ").is_some() {}
    }

    /// The next number, of so many digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(least..=most).contains(&digits) {
            return None;
        }
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        Some(number.iter().fold(0, |all, digit| all * 10 + i64::from(digit - b'0')))
    }

    fn offset(&mut self) -> Option<i64> {
        if self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (hours, minutes) = if digits == 4 {
            let both = self.number(4, 4)?;
            (both / 100, both % 100)
        } else {
            let hours = self.number(2, 2)?;
            (hours, if self.one_of(b":").is_some() { self.number(2, 2)? } else { 0 })
        };
        offset(hours, minutes).map(|ahead| sign * ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spelling_is_usual() {
        for text in ["2026-10-01T00:00:00Z", "2024-02-29T23:59:59+08:00", "1000-01-01T00:00:00-23:59"] {
            assert!(usual(text.as_bytes()).is_some(), "{text}");
        }
        assert_eq!(usual(b"1970-01-01T00:00:00Z"), Some(0));
    }

    #[test]
    fn other_spellings_are_the_same_time() {
        let seconds = 1_447_958_439;
        for text in [
            "2015-11-19T18:40:39",
            "2015-11-19 18:40:39",
            "2015/11/19 18:40:39",
            "2015-11-19t18:40:39.999",
            "2015-11-19  18:40:39,5",
        ] {
            let found = written(text).unwrap();
            assert_eq!((found.local, found.offset, found.is_day), (seconds, None, false), "{text}");
        }
        for (text, offset) in [
            ("2015-11-19 18:40:39+08:00", 28_800),
            ("2015-11-19 18:40:39 +0800", 28_800),
            ("2015-11-19T18:40:39+08", 28_800),
            ("2015-11-19 18:40:39 Z", 0),
            ("2015-11-19 18:40:39 -0330", -12_600),
        ] {
            assert_eq!(
                written(text).map(|found| (found.local, found.offset)),
                Some((seconds, Some(offset))),
                "{text}"
            );
        }
        let day = written("2015/1/9").unwrap();
        assert_eq!((day.local, day.is_day), (1_420_761_600, true));
        assert_eq!(written("2015/1/9 8:05").map(|found| found.local), Some(1_420_761_600 + 8 * 3_600 + 300));
    }

    #[test]
    fn what_may_be_two_times_is_none() {
        for text in [
            "",
            "19/11/2015",
            "11-19-2015",
            "15-11-19",
            "2015-11/19",
            "2015-13-01",
            "2015-02-29",
            "2015-11-19T",
            "2015-11-19 6:40 PM",
            "2015-11-19 18",
            "2015-11-19 24:00:00",
            "2015-11-19 18:60",
            "2015-11-19 18:40:39 CST",
            "2015-11-19 18:40:39 +8",
            "2015-11-19 18:40:39+24:00",
            "２０１５-11-19",
            "2015-11-19 18:40:39.",
            "20151119",
            "1447958439",
            "2015-11-19x",
        ] {
            assert!(written(text).is_none(), "{text}");
        }
    }
}
