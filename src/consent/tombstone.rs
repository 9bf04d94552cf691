//! What stays of events that were removed from a register: enough that no older consent counts again, and nothing else.

use std::collections::BTreeSet;

use bincode::{Decode, Encode};

use super::act::Act;
use super::event::Row;
use super::unclear::Lists;
use crate::types::{Days, Timestamp, is_blank};

/// The longest cell that a remainder keeps, in bytes: a word, never a text.
const LONGEST: usize = 64;

/// What stays of the removed events of one id: the instant of an erasure, and of events that still protect the person what
/// happened, when, and to which consents.
///
/// A person named by one is judged as if they had withdrawn everything at the instant of the erasure, whatever the as-of:
/// what was erased is used in no later epoch.
///
/// # Privacy
/// It belongs to a person: no `Debug`. It holds no id and no evidence.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Tombstone {
    /// Seconds since 1970.
    erased_at: Option<i64>,
    remainders: BTreeSet<Remainder>,
}

/// What stays of one event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct Remainder {
    event: String,
    at: String,
    trigger: Option<String>,
    purpose: Option<String>,
    recipient: Option<String>,
    categories: Option<String>,
}

impl Remainder {
    /// What stays of an event that happened like this; `None` if a cell is no word.
    fn of(act: Act, row: &Row<'_>) -> Option<Self> {
        let word = |cell: Option<&str>| match cell.filter(|text| !is_blank(text)) {
            Some(text) if text.len() > LONGEST => None,
            cell => Some(cell.map(str::to_owned)),
        };
        Some(Self {
            event: act.as_str().to_owned(),
            at: word(row.at)??,
            trigger: word(row.trigger)?,
            purpose: word(row.purpose)?,
            recipient: word(row.recipient)?,
            categories: word(row.categories)?,
        })
    }

    /// What an erasure leaves of an event that happened like this, if anything: death and blocks end with no withdrawal. A cell that
    /// is no word is left blank, which counts against everything that it could mean, and so does a time. The end of a block that is
    /// not described in words ends nothing, so nothing of it is left.
    fn of_erased(act: Act, row: &Row<'_>) -> Option<Self> {
        if act == Act::Lifted {
            return Self::of(act, row);
        }
        let word = |cell: Option<&str>| cell.filter(|text| text.len() <= LONGEST).map(str::to_owned);
        let left = Self {
            event: act.as_str().to_owned(),
            at: word(row.at).unwrap_or_default(),
            trigger: word(row.trigger),
            purpose: word(row.purpose),
            recipient: word(row.recipient),
            categories: word(row.categories),
        };
        Some(left).filter(Self::outlives_an_erasure)
    }

    fn row(&self) -> Row<'_> {
        Row {
            event: Some(&self.event),
            at: Some(&self.at),
            trigger: self.trigger.as_deref(),
            purpose: self.purpose.as_deref(),
            recipient: self.recipient.as_deref(),
            categories: self.categories.as_deref(),
            ..Row::default()
        }
    }

    /// Whether an erasure leaves it: death and blocks end with no withdrawal.
    fn outlives_an_erasure(&self) -> bool {
        let act = Act::read(&self.event);
        matches!(act, Some(Act::Objected | Act::Restricted | Act::Hold | Act::Lifted | Act::Deceased))
    }
}

impl Tombstone {
    /// What an erasure at this instant leaves of events: the instant, and blocks, their ends and death.
    #[must_use]
    pub fn of_erasure<'a>(at: Timestamp, rows: impl IntoIterator<Item = Row<'a>>) -> Self {
        let remainders = rows.into_iter().filter_map(|row| {
            let act = row.event.and_then(Act::read)?;
            Remainder::of_erased(act, &row)
        });
        Self { erased_at: Some(at.seconds()), remainders: remainders.collect() }
    }

    /// Both together. What an erasure ends is left out.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.erased_at = self.erased_at.max(other.erased_at);
        self.remainders.extend(other.remainders);
        if let Some(erased) = self.erased_at {
            self.remainders.retain(|left| {
                let is_older =
                    left.row().times().at.last().flatten().is_some_and(|at| at.seconds() <= erased);
                left.outlives_an_erasure() || !is_older
            });
        }
        self
    }

    /// When everything of the person was erased, if it was.
    #[must_use]
    pub fn erased_at(&self) -> Option<Timestamp> {
        self.erased_at.map(Timestamp::from_seconds)
    }

    /// The events that are left, as rows of the consent table.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.remainders.iter().map(Remainder::row)
    }
}

/// How long a register keeps events.
pub struct Expiry<'a> {
    /// Events from before this instant are removed if they decide nothing as of then or later.
    pub before: Timestamp,
    /// The longest that a consent without an end of its own lasts under a study.
    pub validity: Days,
    /// The words that are known.
    pub lists: &'a Lists,
}

impl Expiry<'_> {
    /// Which of all events of one id decide nothing any more but by what [`Tombstone`] keeps of them, and that tombstone.
    ///
    /// For every demand no one is covered afterwards who was not before, whatever the as-of; and with an as-of that is not before
    /// [`Expiry::before`] everyone has the status they had.
    ///
    /// A consent goes once it ended, was followed by another one for the same trigger, purpose and recipient, or was withdrawn or
    /// refused; a withdrawal in its place and at its time keeps older consents, also those of files, from counting again. Of any
    /// other event what happened, when, and to which consents is left. What cannot be read stays whole: it puts the person out.
    #[must_use]
    pub fn removed(&self, rows: &[Row<'_>]) -> (Vec<bool>, Tombstone) {
        let mut left = Tombstone::default();
        let removed = rows.iter().map(|row| {
            let remainder = self.remainder(row, rows);
            let is_removed = remainder.is_some();
            left.remainders.extend(remainder);
            is_removed
        });
        (removed.collect(), left)
    }

    fn remainder(&self, row: &Row<'_>, rows: &[Row<'_>]) -> Option<Remainder> {
        let last = row.times().at.last().flatten()?;
        if last.seconds() >= self.before.seconds() {
            return None;
        }
        match row.event.and_then(Act::read)? {
            Act::Given if has_another_in_its_day(row, rows) => None,
            Act::Given if self.is_clear(row) && self.is_over(row, rows) => Remainder::of(
                Act::Withdrawn,
                // A withdrawal of some categories would be one of all.
                &Row { categories: None, ..*row },
            ),
            Act::Given => None,
            act => Remainder::of(act, row),
        }
    }

    fn is_clear(&self, row: &Row<'_>) -> bool {
        let unclear = self.lists.unclear(row);
        unclear.faults.is_empty() && !unclear.stranger && row.times().faults(true).next().is_none()
    }

    /// Whether a clear consent decides nothing as of [`Expiry::before`] or later.
    fn is_over(&self, given: &Row<'_>, rows: &[Row<'_>]) -> bool {
        let times = given.times();
        let Some(at) = times.at.last().flatten() else { return false };
        let end = match times.valid_to.first() {
            Some(Some(end)) => end.seconds(),
            Some(None) => at.seconds().saturating_add(self.validity.seconds()),
            // An end beyond the years in which events may be.
            None => i64::MAX,
        };
        end <= self.before.seconds() || rows.iter().any(|other| self.outlives(other, (given, at.seconds())))
    }

    /// Whether an event decides in place of a consent that was given by `at`.
    fn outlives(&self, other: &Row<'_>, (given, at): (&Row<'_>, i64)) -> bool {
        let times = other.times().at;
        let (Some(Some(first)), Some(Some(last))) = (times.first(), times.last()) else { return false };
        if last.seconds() > self.before.seconds() {
            return false;
        }
        let scope = |row: &Row<'_>| {
            [row.trigger, row.purpose, row.recipient]
                .map(|cell| cell.filter(|text| !is_blank(text)).map(str::to_owned))
        };
        let (other_scope, own) = (scope(other), scope(given));
        match other.event.and_then(Act::read) {
            Some(Act::Given) => first.seconds() > at && other_scope == own && self.is_clear(other),
            Some(Act::Refused | Act::Withdrawn | Act::Revoked) => {
                let covers = other_scope.iter().zip(&own).all(|(cell, own)| cell.is_none() || cell == own);
                first.seconds() >= at && covers && other.categories.is_none_or(is_blank)
            }
            _ => false,
        }
    }
}

/// Whether a consent of which only the day is known is followed by another one within that day. What would be left of it counts until the
/// end of the day, and so would end the other one: it stays instead.
fn has_another_in_its_day(given: &Row<'_>, rows: &[Row<'_>]) -> bool {
    let own = given.times().at;
    let (Some(Some(first)), Some(Some(last))) = (own.first(), own.last()) else { return false };
    rows.iter().filter(|other| other.event.and_then(Act::read) == Some(Act::Given)).any(|other| {
        let at = other.times().at.first().flatten();
        at.is_some_and(|at| at.seconds() > first.seconds() && at.seconds() <= last.seconds())
    })
}

#[cfg(test)]
mod tests;
