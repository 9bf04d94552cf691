//! Why a person is out under a requirement, as a word, and sets of such reasons.

/// The consent status of a person under one requirement, in the order in which reasons count.
///
/// The words are public, and a regime names the rule of each. The status of a person is a fact about them: it stays
/// inside [`Fold`](super::Fold) and [`Covered`](super::Covered), which cannot be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ConsentStatus {
    /// The person is dead (PIPL Art. 49).
    Deceased,
    /// An objection, a restriction or a hold is in force (Art. 44, 47).
    Blocked,
    /// No readable age of the person (Art. 28, 31).
    AgeUnknown,
    /// The person is a child or a minor, and the study admits none.
    AgeNotAdmitted,
    /// No event names the requirement.
    Absent,
    /// The only consents for this trigger are for another purpose.
    OtherPurpose,
    /// The only consents for this trigger and purpose name another recipient.
    OtherRecipient,
    /// A row of the person that could name the requirement cannot be read.
    Unreadable,
    /// The person refused, and has not consented since.
    Refused,
    /// The person withdrew, or it was revoked, and they have not consented since.
    Withdrawn,
    /// The consent is over.
    Expired,
    /// It is of a kind that does not count here.
    Kind,
    /// It was not a step of its own.
    OwnStep,
    /// Its box was ticked beforehand.
    PreTicked,
    /// It was one of several behind one act.
    Bundled,
    /// A service that does not need it was refused without it.
    Gated,
    /// It names another notice, or a version before the last material change.
    Notice,
    /// The notice was not shown before.
    ShownLate,
    /// It does not list all categories.
    Categories,
    /// It does not list all methods.
    Methods,
    /// It was recorded by a party that is no handler of the study.
    Handler,
    /// It was given by the wrong person.
    Giver,
    /// It was given too soon after a refusal.
    AskedTooSoon,
    /// The latest word is a clean consent that is live.
    Live,
}

impl ConsentStatus {
    /// The number of statuses.
    pub(super) const COUNT: usize = Self::Live as usize + 1;

    /// All statuses, in the order in which they count.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Deceased,
        Self::Blocked,
        Self::AgeUnknown,
        Self::AgeNotAdmitted,
        Self::Absent,
        Self::OtherPurpose,
        Self::OtherRecipient,
        Self::Unreadable,
        Self::Refused,
        Self::Withdrawn,
        Self::Expired,
        Self::Kind,
        Self::OwnStep,
        Self::PreTicked,
        Self::Bundled,
        Self::Gated,
        Self::Notice,
        Self::ShownLate,
        Self::Categories,
        Self::Methods,
        Self::Handler,
        Self::Giver,
        Self::AskedTooSoon,
        Self::Live,
    ];

    /// Whether it follows from how old someone is, or from not knowing it.
    #[must_use]
    pub(crate) const fn is_about_age(self) -> bool {
        matches!(self, Self::AgeUnknown | Self::AgeNotAdmitted)
    }

    /// The column of the consent table that states it, or leaves it open; none where no row does.
    #[must_use]
    pub const fn column(self) -> Option<&'static str> {
        Some(match self {
            Self::AgeUnknown | Self::AgeNotAdmitted | Self::Absent | Self::Unreadable | Self::Live => {
                return None;
            }
            Self::Deceased | Self::Blocked | Self::Refused | Self::Withdrawn => "event",
            Self::OtherPurpose => "purpose",
            Self::OtherRecipient => "recipient",
            Self::Expired => "valid_to",
            Self::Kind => "kind",
            Self::OwnStep => "own_step",
            Self::PreTicked => "pre_ticked",
            Self::Bundled => "bundle_size",
            Self::Gated => "service_gate",
            Self::Notice => "notice",
            Self::ShownLate => "shown_at",
            Self::Categories => "categories",
            Self::Methods => "methods",
            Self::Handler => "handler",
            Self::Giver => "giver",
            Self::AskedTooSoon => "at",
        })
    }

    /// The word of the regime file, such as `age-unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deceased => "deceased",
            Self::Blocked => "blocked",
            Self::AgeUnknown => "age-unknown",
            Self::AgeNotAdmitted => "age-not-admitted",
            Self::Absent => "absent",
            Self::OtherPurpose => "other-purpose",
            Self::OtherRecipient => "other-recipient",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Kind => "kind",
            Self::OwnStep => "own-step",
            Self::PreTicked => "pre-ticked",
            Self::Bundled => "bundled",
            Self::Gated => "gated",
            Self::Notice => "notice",
            Self::ShownLate => "shown-late",
            Self::Categories => "categories",
            Self::Methods => "methods",
            Self::Handler => "handler",
            Self::Giver => "giver",
            Self::AskedTooSoon => "asked-too-soon",
            Self::Live => "live",
        }
    }
}

/// A set of failing statuses: empty for a person who is live. No `Debug`: it belongs to a person.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Failing(u32);

impl Failing {
    pub(super) fn add_if(&mut self, holds: bool, status: ConsentStatus) {
        self.0 |= u32::from(holds) << status as u32;
    }

    pub(super) fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The first failing status, or [`ConsentStatus::Live`].
    pub(super) fn first(self) -> ConsentStatus {
        self.all().next().unwrap_or(ConsentStatus::Live)
    }

    /// All failing statuses, in order.
    pub(super) fn all(self) -> impl Iterator<Item = ConsentStatus> {
        ConsentStatus::ALL.into_iter().filter(move |status| self.0 & (1 << *status as u32) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_statuses_are_listed_in_their_order_and_under_their_names() {
        for (position, status) in ConsentStatus::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, position);
            let mut kebab = String::new();
            for letter in format!("{status:?}").chars() {
                if letter.is_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.push(letter.to_ascii_lowercase());
            }
            assert_eq!(status.as_str(), kebab);
        }
    }
}
