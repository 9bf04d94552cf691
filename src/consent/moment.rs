//! The instants of a consent event, each read as the time that exposes people least where a cell means several.

use std::borrow::Cow;

use super::slot::Second;
use crate::types::{TimeFault, Timestamp, Zone, is_blank};

/// Outer `None`: the cell cannot be read. Inner `None`: it is absent.
type Cell<T> = Option<Option<T>>;

/// An instant in a cell. It has no `Debug`: it belongs to a person.
#[derive(Clone, Copy)]
pub enum Moment {
    /// No column, a null or a blank cell.
    Absent,
    /// Something else than an instant with an offset.
    Unreadable(TimeFault),
    /// Seconds since 1970-01-01T00:00:00Z.
    At(i64),
    /// Some time of a day, whose first and last second these are.
    Day(i64, i64),
}

impl Moment {
    /// Reads a cell; a local time and a bare date by the clocks of `zone`, if there is one.
    #[must_use]
    pub fn read(cell: Option<&str>, zone: Option<&Zone>) -> Self {
        let Some(text) = cell.filter(|text| !is_blank(text)) else { return Self::Absent };
        match Timestamp::span_in(text, zone) {
            Ok((first, last)) if first == last => Self::At(first.seconds()),
            Ok((first, last)) => Self::Day(first.seconds(), last.seconds()),
            Err(fault) => Self::Unreadable(fault),
        }
    }

    /// Its first second as an instant.
    #[must_use]
    pub const fn start(self) -> Self {
        match self {
            Self::Day(first, _) => Self::At(first),
            other => other,
        }
    }

    /// The first second that it may be. Outer `None`: it cannot be read, or is outside the years in which events may be.
    pub(super) fn first(self) -> Cell<Second> {
        match self {
            Self::Absent => Some(None),
            Self::Unreadable(_) => None,
            Self::At(first) | Self::Day(first, _) => Second::new(first).map(Some),
        }
    }

    /// The last second that it may be, as [`Moment::first`].
    pub(super) fn last(self) -> Cell<Second> {
        match self {
            Self::Day(_, last) => Second::new(last).map(Some),
            other => other.first(),
        }
    }

    /// Why it is no time at which an event may be; an absent one is none.
    fn fault(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Unreadable(TimeFault::NoOffset) => {
                Some("a time without UTC offset; declare `timezone` under `[consents]`")
            }
            Self::Unreadable(fault) => Some(fault.as_str()),
            Self::At(_) | Self::Day(..) => {
                let readable = self.first().is_some() && self.last().is_some();
                (!readable).then_some("before 1970-01-02 or after 2106-02-07")
            }
        }
    }
}

/// The instants of one row. An event from before 1970-01-02 or after 2106-02-07T06:28:15Z, or with a notice shown then,
/// is unreadable: 1970-01-01 is what a null becomes on its way through other programs.
#[derive(Clone, Copy)]
pub struct Times {
    /// When it happened.
    pub at: Moment,
    /// When the notice was shown.
    pub shown_at: Moment,
    /// When the consent ends.
    pub valid_to: Moment,
}

impl Times {
    /// Whether the event is certainly later than an instant.
    #[must_use]
    pub fn is_after(&self, as_of: Timestamp) -> bool {
        matches!(self.at, Moment::At(first) | Moment::Day(first, _) if first > as_of.seconds())
    }

    /// The columns that cannot be read, and why; those of notice and end matter to a consent alone.
    pub fn faults(&self, gives: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        let at = match self.at {
            Moment::Absent => Some("blank"),
            at => at.fault(),
        };
        let end = match self.valid_to {
            // Other programs write far years where there is no end.
            Moment::At(_) | Moment::Day(..) => None,
            end => end.fault(),
        };
        let further = [("shown_at", self.shown_at.fault()), ("valid_to", end)];
        let further = further.into_iter().filter(move |_| gives);
        std::iter::once(("at", at)).chain(further).filter_map(|(column, fault)| Some((column, fault?)))
    }
}

/// The text that means without `zone` what a cell means in it: a local time with its offset, and a bare date with the zone
/// behind it, because it stays a whole day.
///
/// # Errors
/// [`TimeFault`] for a text that names no time, by the zone or without one.
pub(crate) fn zoned<'a>(text: &'a str, zone: Option<&Zone>) -> Result<Cow<'a, str>, TimeFault> {
    if Timestamp::span_in(text, None).is_ok() {
        return Ok(Cow::Borrowed(text));
    }
    let (first, last) = Timestamp::span_in(text, zone)?;
    Ok(match zone {
        Some(zone) if first != last => Cow::Owned(format!("{}[{}]", text.trim(), zone.name())),
        _ => Cow::Owned(first.to_string()),
    })
}

/// The start of the day that a text of [`zoned`] names; any other text as it is.
pub(super) fn start(text: &str) -> String {
    match Timestamp::span_in(text, None) {
        Ok((first, last)) if first != last => first.to_string(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A time means in a register, which has no zone, what it means in a file in the zone of the file.
        #[test]
        fn a_time_means_without_its_zone_what_it_means_by_it(
            zone in proptest::sample::select(vec!["Asia/Shanghai", "America/New_York", "+05:30", "UTC"]),
            text in prop_oneof![
                "(2015|2026|9999)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])",
                " 2026/3/8 0?2:30(:15)? ?",
                "2026-(03-08|11-01)[T ]0[0-3]:[0-5][0-9]:00(Z|\\+08:00)?",
                "\\PC{0,12}",
            ],
        ) {
            let zone = Zone::parse(zone).unwrap();
            let by_zone = Timestamp::span_in(&text, Some(&zone)).ok();
            let zoned = zoned(&text, Some(&zone)).ok();
            let without = zoned.as_deref().and_then(|text| Timestamp::span_in(text, None).ok());
            prop_assert_eq!(without, by_zone, "{:?}: {:?}", text, zoned);
        }
    }
}
