//! What is kept of all events of one person under one requirement: 24 bytes, the same in whatever order they come.

use bincode::{Decode, Encode};

use super::age::{AgeFact, Ages, Calendar, Stage};
use super::demand::Requirement;
use super::status::{ConsentStatus, Failing};
use crate::types::Timestamp;

/// An instant as events may have it: from 1970-01-02, since 1970-01-01 is what a null becomes, to 2106-02-07T06:28:15Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct Second(u32);

impl Second {
    /// No word at all; earlier than every event.
    const NEVER: Self = Self(0);
    const FIRST: u32 = 86_400;

    /// `None` outside the range: such an instant is unreadable.
    pub(super) fn new(seconds: i64) -> Option<Self> {
        u32::try_from(seconds).ok().filter(|seconds| *seconds >= Self::FIRST).map(Self)
    }

    pub(super) fn seconds(self) -> i64 {
        i64::from(self.0)
    }
}

/// The flaws of a consent, and who gave it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Flaws(u16);

impl Flaws {
    pub(super) const BY_SELF: Self = Self(1 << 11);
    pub(super) const BY_GUARDIAN: Self = Self(1 << 12);
    pub(super) const BY_UNKNOWN: Self = Self(1 << 13);

    /// The statuses that are bits here, from the lowest bit on.
    const STATUSES: [ConsentStatus; 11] = [
        ConsentStatus::Expired,
        ConsentStatus::Kind,
        ConsentStatus::OwnStep,
        ConsentStatus::PreTicked,
        ConsentStatus::Bundled,
        ConsentStatus::Gated,
        ConsentStatus::Notice,
        ConsentStatus::ShownLate,
        ConsentStatus::Categories,
        ConsentStatus::Methods,
        ConsentStatus::Handler,
    ];

    /// One flaw; nothing for a status that is no flaw of the consent itself.
    pub(super) const fn of(status: ConsentStatus) -> Self {
        let first = ConsentStatus::Expired as u16;
        let last = ConsentStatus::Handler as u16;
        let number = status as u16;
        if first <= number && number <= last { Self(1 << (number - first)) } else { Self(0) }
    }

    pub(super) const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub(super) fn with_if(self, holds: bool, more: Self) -> Self {
        if holds { self.and(more) } else { self }
    }

    const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

/// Whether a block or its end is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) enum Hold {
    Ends,
    Starts,
}

/// The most recent event on whether a block is in force. At equal time the block wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct LatestHold(Second, Hold);

impl LatestHold {
    pub(super) const NONE: Self = Self(Second::NEVER, Hold::Ends);

    pub(super) fn observe(&mut self, at: Second, hold: Hold) {
        *self = (*self).max(Self(at, hold));
    }

    /// The later one of two.
    pub(super) fn merge(&mut self, other: Self) {
        self.observe(other.0, other.1);
    }

    pub(super) fn is_in_force(self) -> bool {
        self.1 == Hold::Starts
    }
}

/// What was observed about one person and requirement. No `Debug`: it shows whether the person consented.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Slot {
    given: Second,
    withdrawn: Second,
    refused: Second,
    exact_hold: Second,
    wide_hold: Second,
    /// Of the latest consent; of all of them that were given at that second.
    flaws: Flaws,
    flags: u16,
}

const _: () = assert!(size_of::<Slot>() == 24, "the memory of a fold is promised");

/// A flag of a slot.
#[derive(Clone, Copy)]
pub(super) enum Flag {
    ExactHoldStarts,
    WideHoldStarts,
    /// A block that names one of the further recipients is in force.
    FurtherHold,
    Unreadable,
    Deceased,
    OtherPurpose,
    OtherRecipient,
    /// There is an event of the person, whatever it states.
    Observed,
}

/// For whom a slot is judged, and when.
#[derive(Clone, Copy)]
pub(super) struct Judged {
    pub(super) ages: Ages,
    pub(super) born: AgeFact,
    pub(super) as_of: Calendar,
}

impl Slot {
    pub(super) const EMPTY: Self = Self {
        given: Second::NEVER,
        withdrawn: Second::NEVER,
        refused: Second::NEVER,
        exact_hold: Second::NEVER,
        wide_hold: Second::NEVER,
        flaws: Flaws(0),
        flags: 0,
    };

    pub(super) fn raise(&mut self, flag: Flag) {
        self.flags |= 1 << flag as u16;
    }

    pub(super) const fn has(&self, flag: Flag) -> bool {
        self.flags & (1 << flag as u16) != 0
    }

    /// The latest consent decides; those of one second decide together, so that the order does not matter.
    pub(super) fn give(&mut self, at: Second, flaws: Flaws) {
        if at > self.given {
            (self.given, self.flaws) = (at, flaws);
        } else if at == self.given {
            self.flaws = self.flaws.and(flaws);
        }
    }

    pub(super) fn withdraw(&mut self, at: Second) {
        self.withdrawn = self.withdrawn.max(at);
    }

    pub(super) fn refuse(&mut self, at: Second) {
        self.refused = self.refused.max(at);
    }

    /// A block or its end that names trigger, purpose and recipient.
    pub(super) fn hold_exactly(&mut self, at: Second, hold: Hold) {
        let mut latest = self.latest(self.exact_hold, Flag::ExactHoldStarts);
        latest.observe(at, hold);
        self.exact_hold = latest.0;
        self.set(Flag::ExactHoldStarts, latest.is_in_force());
    }

    /// A block that leaves one of the three out, or an end that leaves all of them out.
    pub(super) fn hold_widely(&mut self, at: Second, hold: Hold) {
        let mut latest = self.latest(self.wide_hold, Flag::WideHoldStarts);
        latest.observe(at, hold);
        self.wide_hold = latest.0;
        self.set(Flag::WideHoldStarts, latest.is_in_force());
    }

    /// Adds what another part of the same person's events came to. Commutative, associative and idempotent, and [`Slot::EMPTY`] adds
    /// nothing.
    pub(super) fn merge(&mut self, other: Self) {
        self.give(other.given, other.flaws);
        self.withdraw(other.withdrawn);
        self.refuse(other.refused);
        let LatestHold(exact, hold) = other.latest(other.exact_hold, Flag::ExactHoldStarts);
        self.hold_exactly(exact, hold);
        let LatestHold(wide, hold) = other.latest(other.wide_hold, Flag::WideHoldStarts);
        self.hold_widely(wide, hold);
        // Whether the latest block is in force was decided with its instant.
        let decided = 1 << Flag::ExactHoldStarts as u16 | 1 << Flag::WideHoldStarts as u16;
        self.flags |= other.flags & !decided;
    }

    fn latest(&self, at: Second, starts: Flag) -> LatestHold {
        LatestHold(at, if self.has(starts) { Hold::Starts } else { Hold::Ends })
    }

    fn set(&mut self, flag: Flag, holds: bool) {
        self.flags = self.flags & !(1 << flag as u16) | u16::from(holds) << flag as u16;
    }

    /// Everything that excludes the person under this requirement.
    pub(super) fn failing(&self, requirement: &Requirement, judged: Judged) -> Failing {
        let mut failing = Failing::default();
        failing.add_if(self.has(Flag::Deceased), ConsentStatus::Deceased);
        let held = [Flag::ExactHoldStarts, Flag::WideHoldStarts, Flag::FurtherHold];
        failing.add_if(held.into_iter().any(|flag| self.has(flag)), ConsentStatus::Blocked);
        let stage = judged.born.stage(judged.ages, judged.as_of);
        failing.add_if(stage == Stage::Unknown, ConsentStatus::AgeUnknown);
        failing.add_if(!is_admitted(stage, judged.ages), ConsentStatus::AgeNotAdmitted);
        failing.add_if(self.has(Flag::Unreadable), ConsentStatus::Unreadable);
        let denied = self.refused.max(self.withdrawn);
        if self.given == Second::NEVER && denied == Second::NEVER && !self.has(Flag::Unreadable) {
            let elsewhere = [
                (Flag::OtherPurpose, ConsentStatus::OtherPurpose),
                (Flag::OtherRecipient, ConsentStatus::OtherRecipient),
            ];
            failing.add_if(!elsewhere.iter().any(|(flag, _)| self.has(*flag)), ConsentStatus::Absent);
            elsewhere.iter().for_each(|(flag, status)| failing.add_if(self.has(*flag), *status));
        }
        let since = |word: Second| word != Second::NEVER && word >= self.given;
        failing.add_if(since(self.refused), ConsentStatus::Refused);
        failing.add_if(since(self.withdrawn), ConsentStatus::Withdrawn);
        if self.given != Second::NEVER {
            failing.add_all(self.flaws_of_the_consent(requirement, stage, judged));
        }
        failing
    }

    fn flaws_of_the_consent(&self, requirement: &Requirement, stage: Stage, judged: Judged) -> Failing {
        let mut failing = Failing::default();
        for status in Flaws::STATUSES {
            failing.add_if(self.flaws.has(Flaws::of(status)), status);
        }
        let guardian_then = || {
            judged.born.was_a_child(judged.ages, Calendar::of(Timestamp::from_seconds(self.given.seconds())))
        };
        let wrong = match stage {
            Stage::Child => self.flaws.has(Flaws::BY_SELF),
            // A guardian's consent goes on when the child grows out of it, until it ends.
            Stage::Minor | Stage::Adult => self.flaws.has(Flaws::BY_GUARDIAN) && !guardian_then(),
            Stage::Unknown => false,
        };
        failing.add_if(wrong || self.flaws.has(Flaws::BY_UNKNOWN), ConsentStatus::Giver);
        let too_soon = self.refused != Second::NEVER
            && self.refused < self.given
            && requirement
                .cool_down
                .is_some_and(|cool_down| self.given.seconds() - self.refused.seconds() < cool_down.seconds());
        failing.add_if(too_soon, ConsentStatus::AskedTooSoon);
        failing
    }
}

fn is_admitted(stage: Stage, ages: Ages) -> bool {
    match (stage, ages) {
        (Stage::Adult | Stage::Unknown, _) | (_, Ages::DeclaredAdults) => true,
        (Stage::Child, Ages::Read { admits, .. }) => admits.children,
        (Stage::Minor, Ages::Read { admits, .. }) => admits.minors,
    }
}
