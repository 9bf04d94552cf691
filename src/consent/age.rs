//! How old a person is as far as the rules care: too young, old enough, or unknown, which is out (PIPL art. 28, 31).

use bincode::{Decode, Encode};

use crate::types::Timestamp;

/// The highest possible age, in years; an earlier birth year is a typing error.
const OLDEST: i64 = 130;

/// How old people have to be, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ages {
    /// The handlers state, in a document, that all people are adults.
    DeclaredAdults,
    /// Read from a field of the people dataset.
    Read {
        /// A person younger than this, in years, is a child: the guardian consents for them (14 under PIPL art. 31).
        child_below: u8,
        /// A person of this age, in years, is an adult (18).
        adult_from: u8,
        /// Who may be in besides adults.
        admits: Admits,
    },
}

/// Who may be in besides adults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Admits {
    /// Those younger than the first threshold.
    pub children: bool,
    /// Those between the thresholds.
    pub minors: bool,
}

/// What a person's own record states about their age.
///
/// A fact about a person: no `Debug`, no `Display`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AgeFact(Known);

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
enum Known {
    Nothing,
    BirthYear(u16),
    /// Born on this day at the latest.
    BornBy(Calendar),
    /// At least `from` years, and younger than `below` if that is given.
    Band {
        from: u8,
        below: Option<u8>,
    },
}

/// An [`AgeFact`] on its way to another process. No `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct AgeState(Known);

impl From<AgeFact> for AgeState {
    fn from(fact: AgeFact) -> Self {
        Self(fact.0)
    }
}

impl From<AgeState> for AgeFact {
    fn from(state: AgeState) -> Self {
        Self(state.0)
    }
}

/// Which rule applies to a person. Any age is exactly one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Unknown,
    Child,
    Minor,
    Adult,
}

impl AgeFact {
    /// Nothing is known: no record, a cell that cannot be read, or records that disagree.
    pub const UNKNOWN: Self = Self(Known::Nothing);

    /// The year of birth.
    #[must_use]
    pub fn from_birth_year(year: i64) -> Self {
        Self(u16::try_from(year).map_or(Known::Nothing, Known::BirthYear))
    }

    /// The age, in whole years, that a person has reached on a day UTC; on a later day it is taken to be no more than that.
    #[must_use]
    pub fn from_age(age: i64, on: Timestamp) -> Self {
        let Calendar { year, day } = Calendar::of(on);
        let known = (0..OLDEST).contains(&age);
        Self(if known {
            Known::BornBy(Calendar { year: year.saturating_sub(age), day })
        } else {
            Known::Nothing
        })
    }

    /// Whether it is an age that a person can have at an instant; of a band always.
    #[must_use]
    pub fn is_possible(self, as_of: Timestamp) -> bool {
        match self.0 {
            Known::Nothing => false,
            Known::Band { .. } => true,
            Known::BirthYear(_) | Known::BornBy(_) => {
                self.lowest(Calendar::of(as_of)).is_some_and(|age| (-1..OLDEST).contains(&age))
            }
        }
    }

    /// A band as it is written: `<14`, `20-29` or `18+`; anything else is unknown, and so is, when it is judged, a band that crosses
    /// a threshold of the regime.
    #[must_use]
    pub fn from_band(word: &str) -> Self {
        let years = |digits: &str| {
            let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            digits.parse::<u8>().ok().filter(|_| canonical)
        };
        let band = if let Some(below) = word.strip_prefix('<') {
            years(below).map(|below| Known::Band { from: 0, below: Some(below) })
        } else if let Some(from) = word.strip_suffix('+') {
            years(from).map(|from| Known::Band { from, below: None })
        } else {
            let ends = word.split_once('-').and_then(|(from, last)| years(from).zip(years(last)));
            let ends = ends.filter(|(from, last)| from <= last);
            ends.and_then(|(from, last)| Some(Known::Band { from, below: Some(last.checked_add(1)?) }))
        };
        Self(band.unwrap_or(Known::Nothing))
    }

    /// The common value of two records of one person: both agree, or there is none.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::UNKNOWN }
    }

    /// The band that it is as of an instant, under the regime's thresholds; `None` for an age that is unknown.
    #[must_use]
    pub fn band(self, child_below: u8, adult_from: u8, as_of: Timestamp) -> Option<String> {
        let ages = Ages::Read { child_below, adult_from, admits: Admits::default() };
        match self.stage(ages, Calendar::of(as_of)) {
            Stage::Unknown => None,
            Stage::Child => Some(format!("<{child_below}")),
            Stage::Minor => Some(format!("{child_below}-{}", adult_from.saturating_sub(1))),
            Stage::Adult => Some(format!("{adult_from}+")),
        }
    }

    /// Which rule applies as of an instant.
    pub(super) fn stage(self, ages: Ages, as_of: Calendar) -> Stage {
        let Ages::Read { child_below, adult_from, .. } = ages else { return Stage::Adult };
        match self.0 {
            Known::Nothing => Stage::Unknown,
            Known::BirthYear(_) | Known::BornBy(_) => match self.lowest(as_of) {
                Some(age) if !(-1..OLDEST).contains(&age) => Stage::Unknown,
                Some(age) if age < i64::from(child_below) => Stage::Child,
                Some(age) if age < i64::from(adult_from) => Stage::Minor,
                Some(_) => Stage::Adult,
                None => Stage::Unknown,
            },
            Known::Band { below: Some(below), .. } if below <= child_below => Stage::Child,
            Known::Band { from, below: Some(below) } if from >= child_below && below <= adult_from => {
                Stage::Minor
            }
            Known::Band { from, .. } if from >= adult_from => Stage::Adult,
            Known::Band { .. } => Stage::Unknown,
        }
    }

    /// The lowest age that they can have on a day; a band does not show it. -1 for a person born in that year.
    fn lowest(self, at: Calendar) -> Option<i64> {
        match self.0 {
            Known::BirthYear(born) => Some(at.lowest_age(born)),
            Known::BornBy(born) => {
                Some(at.year.saturating_sub(born.year).saturating_sub(i64::from(at.day < born.day)))
            }
            Known::Nothing | Known::Band { .. } => None,
        }
    }

    /// Whether the person was certainly reckoned a child at `at`; a band does not show the past.
    pub(super) fn was_a_child(self, ages: Ages, at: Calendar) -> bool {
        match (self.lowest(at), ages) {
            (Some(age), Ages::Read { child_below, .. }) => age < i64::from(child_below),
            _ => false,
        }
    }
}

/// A day of the calendar UTC.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Calendar {
    year: i64,
    /// Ordered as the days of a year are.
    day: u16,
}

impl Calendar {
    pub(super) fn of(at: Timestamp) -> Self {
        let (month, day) = at.month_and_day();
        Self { year: at.year(), day: u16::from(month) * 32 + u16::from(day) }
    }

    /// The lowest age that a person born in a year can have: their birthday may be on the last day. -1 for this year.
    fn lowest_age(self, born: u16) -> i64 {
        self.year.saturating_sub(i64::from(born)).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGES: Ages =
        Ages::Read { child_below: 14, adult_from: 18, admits: Admits { children: false, minors: false } };

    fn stage(fact: AgeFact) -> Stage {
        fact.stage(AGES, Calendar::of(Timestamp::parse("2026-10-01T00:00:00Z").unwrap()))
    }

    #[test]
    fn a_birth_year_gives_the_lowest_age() {
        let cases = [
            (2027, Stage::Unknown),
            (2026, Stage::Child),
            (2012, Stage::Child),
            (2011, Stage::Minor),
            (2008, Stage::Minor),
            (2007, Stage::Adult),
            (1896, Stage::Adult),
            (1895, Stage::Unknown),
            (0, Stage::Unknown),
            (-1, Stage::Unknown),
            (i64::MAX, Stage::Unknown),
        ];
        for (year, wanted) in cases {
            assert!(stage(AgeFact::from_birth_year(year)) == wanted, "{year}");
        }
    }

    #[test]
    fn a_band_is_judged_where_it_crosses_no_threshold() {
        let cases = [
            ("<14", Stage::Child),
            ("<7", Stage::Child),
            ("7-13", Stage::Child),
            ("14-17", Stage::Minor),
            ("15-16", Stage::Minor),
            ("18+", Stage::Adult),
            ("20-29", Stage::Adult),
            ("60+", Stage::Adult),
        ];
        for (word, wanted) in cases {
            assert!(stage(AgeFact::from_band(word)) == wanted, "{word}");
        }
        for word in [
            "", "<", "+", "-", "14", "<18", "14+", "0-17", "13-14", "17-18", "10-20", "29-20", "20s",
            "014-17", "14-17 ", "18 +", "+18+", "<0", "300+", "adult",
        ] {
            assert!(stage(AgeFact::from_band(word)) == Stage::Unknown, "{word}");
        }
    }

    #[test]
    fn the_band_of_a_birth_year_agrees_with_the_year() {
        let as_of = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
        for year in 1880..2030 {
            let fact = AgeFact::from_birth_year(year);
            let band = fact.band(14, 18, as_of).map_or(AgeFact::UNKNOWN, |word| AgeFact::from_band(&word));
            assert!(stage(band) == stage(fact), "{year}");
        }
    }

    #[test]
    fn an_age_counts_as_stated_and_never_more() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let on = at("2026-10-01T00:00:00Z");
        for (age, wanted) in [
            (0, Stage::Child),
            (13, Stage::Child),
            (14, Stage::Minor),
            (17, Stage::Minor),
            (18, Stage::Adult),
            (129, Stage::Adult),
            (131, Stage::Unknown),
            (-1, Stage::Unknown),
            (i64::MAX, Stage::Unknown),
        ] {
            assert!(stage(AgeFact::from_age(age, on)) == wanted, "{age}");
        }
        // Who is 18 on the first of October may be 17 the day before, and 14 was 13.
        let before = Calendar::of(at("2026-09-30T23:59:59Z"));
        assert!(AgeFact::from_age(18, on).stage(AGES, before) == Stage::Minor);
        assert!(AgeFact::from_age(14, on).stage(AGES, before) == Stage::Child);
        let years = Calendar::of(at("2022-10-01T00:00:00Z"));
        assert!(AgeFact::from_age(22, on).stage(AGES, years) == Stage::Adult);
        assert!(AgeFact::from_age(21, on).stage(AGES, years) == Stage::Minor);
        assert!(
            AgeFact::from_age(17, on).was_a_child(AGES, years)
                && !AgeFact::from_age(18, on).was_a_child(AGES, years)
        );
    }

    #[test]
    fn records_that_disagree_say_nothing() {
        let (thirteen, fifteen) = (AgeFact::from_birth_year(2012), AgeFact::from_birth_year(2010));
        assert!(thirteen.and(thirteen) == thirteen);
        assert!(
            thirteen.and(fifteen) == AgeFact::UNKNOWN && thirteen.and(AgeFact::UNKNOWN) == AgeFact::UNKNOWN
        );
    }
}
