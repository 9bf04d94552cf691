//! Consent events for the triggers of PIPL art. 23 and 29: clean for most, every kind of flaw for the rest.

use rand::RngExt;

use super::Population;
use super::person::{DAY, Stream, percent};

/// A purpose and a recipient that no study of a population names.
const OTHER_PURPOSE: &str = "another-purpose";
const OTHER_RECIPIENT: &str = "LEGAL-ID-ELSEWHERE";

/// Provision to another handler (art. 23), and sensitive personal information (art. 29).
#[derive(Clone, Copy)]
pub(super) enum Trigger {
    Sc23 = 1,
    Sc29,
}

impl Trigger {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sc23 => "SC23",
            Self::Sc29 => "SC29",
        }
    }
}

/// What makes the consents of a person differ from two clean ones; strikes one trigger or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// There is no event at all.
    Absent,
    /// The consent was one of three behind a single tick.
    Bundled,
    /// Given, then the person died.
    Deceased,
    /// Its validity ended before `as_of`.
    Expired,
    /// Given after `as_of`.
    FutureDated,
    /// The service was refused without it, though the service does not need it.
    Gated,
    /// Given, withdrawn and given again: the one case that is in.
    GivenAgain,
    /// A guardian gave it for an adult.
    GuardianForAdult,
    /// Given, then put on hold.
    Held,
    /// One data category is missing.
    MissingCategory,
    /// Not a step of its own.
    NotOwnStep,
    /// An ordinary consent where a separate one is needed.
    Ordinary,
    /// The box was ticked beforehand.
    PreTicked,
    /// Refused, never given.
    Refused,
    /// Given, then refused.
    RefusedAfterGiven,
    /// Given by someone who is neither the person nor a guardian.
    UnknownGiver,
    /// The event is a word outside the vocabulary.
    UnknownWord,
    /// The time has no offset, so it names no instant.
    UnparsableTime,
    /// Given, then withdrawn.
    Withdrawn,
    /// Given on an earlier version of the notice.
    WrongNoticeVersion,
    /// Given for another purpose.
    WrongPurpose,
    /// Given for another recipient.
    WrongRecipient,
}

/// Percent of the people with a flaw who have this one; the rest are [`Flaw::Absent`].
const SHARES: [(u32, Flaw); 21] = [
    (10, Flaw::Refused),
    (8, Flaw::Withdrawn),
    (6, Flaw::Expired),
    (3, Flaw::Bundled),
    (3, Flaw::Deceased),
    (3, Flaw::FutureDated),
    (3, Flaw::Gated),
    (3, Flaw::GivenAgain),
    (3, Flaw::GuardianForAdult),
    (3, Flaw::Held),
    (3, Flaw::MissingCategory),
    (3, Flaw::NotOwnStep),
    (3, Flaw::Ordinary),
    (3, Flaw::PreTicked),
    (3, Flaw::RefusedAfterGiven),
    (3, Flaw::UnknownGiver),
    (3, Flaw::UnknownWord),
    (3, Flaw::UnparsableTime),
    (3, Flaw::WrongNoticeVersion),
    (3, Flaw::WrongPurpose),
    (3, Flaw::WrongRecipient),
];

impl Flaw {
    /// Whether people with this history are in all the same.
    #[must_use]
    pub fn is_in(self) -> bool {
        self == Self::GivenAgain
    }

    /// Death and a hold concern the person, not one consent.
    fn strikes_all(self) -> bool {
        matches!(self, Self::Deceased | Self::Held)
    }
}

/// The flaw of a person, and the consents that it strikes.
pub(super) struct Case {
    flaw: Option<Flaw>,
    sc23: bool,
    sc29: bool,
}

impl Case {
    pub(super) const fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// The flaw of one of their consents.
    pub(super) fn flaw_of(&self, trigger: Trigger) -> Option<Flaw> {
        let struck = match trigger {
            Trigger::Sc23 => self.sc23,
            Trigger::Sc29 => self.sc29,
        };
        self.flaw.filter(|_| struck)
    }
}

/// An event as it is written down.
#[derive(Clone)]
pub(super) struct Event<'a> {
    pub(super) handler: &'a str,
    pub(super) event: &'a str,
    pub(super) kind: &'a str,
    pub(super) purpose: &'a str,
    pub(super) recipient: &'a str,
    pub(super) categories: &'a [String],
    pub(super) notice_version: u32,
    pub(super) at: String,
    pub(super) giver: &'a str,
    /// Only a consent that was given has this.
    pub(super) asked: Option<Asked>,
}

/// How a consent was asked for, and until when it holds.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) shown_at: i64,
    pub(super) valid_to: Option<i64>,
    pub(super) own_step: bool,
    pub(super) pre_ticked: bool,
    pub(super) bundle_size: i64,
    pub(super) service_gate: bool,
}

/// When things happened to one consent, all before `as_of`; `future` is after it.
struct Times {
    given: i64,
    ended: i64,
    again: i64,
    future: i64,
    valid_to: Option<i64>,
}

/// An instant in seconds as the text of a cell.
pub(super) fn rfc3339(at: i64) -> String {
    // [`Population::new`] takes the years 1971 to 9000 only, so that every instant near them has a text.
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}

/// A minute before `at`: when the notice was shown.
fn shown_before(at: i64) -> i64 {
    at - 60
}

impl Population {
    pub(super) fn consent_case(&self, index: u32) -> Case {
        let mut rng = self.generator(Stream::Consents, index, 0);
        let clean = rng.random_ratio(self.config().clean_percent, 100);
        let flaw = (!clean).then(|| percent(&mut rng, &SHARES, Flaw::Absent));
        let one = percent(&mut rng, &[(25, Some(Trigger::Sc23)), (25, Some(Trigger::Sc29))], None);
        let one = one.filter(|_| !flaw.is_some_and(Flaw::strikes_all));
        Case { flaw, sc23: !matches!(one, Some(Trigger::Sc29)), sc29: !matches!(one, Some(Trigger::Sc23)) }
    }

    /// Consents are younger than the study's retention, so that a clean one without `valid_to` is still valid.
    fn consent_times(&self, index: u32, trigger: Trigger) -> Times {
        let mut rng = self.generator(Stream::Consents, index, trigger as u32);
        let as_of = self.config().as_of;
        let retention = i64::from(self.config().terms.retention_days) * DAY;
        let given = as_of - rng.random_range(retention / 2..retention - DAY);
        let ended = given + rng.random_range(3_600..retention / 4);
        let again = ended + rng.random_range(3_600..retention / 5);
        let future = as_of + rng.random_range(3_600..30 * DAY);
        let until = future + rng.random_range(DAY..retention);
        let valid_to = rng.random_ratio(4, 5).then_some(until);
        Times { given, ended, again, future, valid_to }
    }

    /// The events of one person under one trigger, oldest first.
    pub(super) fn consent_history(&self, index: u32, trigger: Trigger, flaw: Option<Flaw>) -> Vec<Event<'_>> {
        let terms = &self.config().terms;
        let times = self.consent_times(index, trigger);
        let [first, second] = &terms.handlers;
        let asked = Asked {
            shown_at: shown_before(times.given),
            valid_to: times.valid_to,
            own_step: true,
            pre_ticked: false,
            bundle_size: 1,
            service_gate: false,
        };
        let clean = Event {
            handler: first,
            event: "given",
            kind: "separate",
            purpose: &terms.purpose,
            recipient: &terms.recipient,
            categories: &terms.categories,
            notice_version: terms.notice_version,
            at: rfc3339(times.given),
            giver: "self",
            asked: Some(asked.clone()),
        };
        // The other handler records it: what ends a consent counts wherever it is recorded.
        let ended =
            |event| Event { handler: second, event, at: rfc3339(times.ended), asked: None, ..clean.clone() };
        let otherwise = |asked| vec![Event { asked: Some(asked), ..clean.clone() }];
        let moved = |at| Event {
            at: rfc3339(at),
            asked: Some(Asked { shown_at: shown_before(at), ..asked.clone() }),
            ..clean.clone()
        };
        match flaw {
            None => vec![clean.clone()],
            Some(Flaw::Absent) => Vec::new(),
            Some(Flaw::Bundled) => otherwise(Asked { bundle_size: 3, ..asked }),
            Some(Flaw::Deceased) => vec![clean.clone(), ended("deceased")],
            Some(Flaw::Expired) => otherwise(Asked { valid_to: Some(times.ended), ..asked }),
            Some(Flaw::FutureDated) => vec![moved(times.future)],
            Some(Flaw::Gated) => otherwise(Asked { service_gate: true, ..asked }),
            Some(Flaw::GivenAgain) => vec![clean.clone(), ended("withdrawn"), moved(times.again)],
            Some(Flaw::GuardianForAdult) => vec![Event { giver: "guardian", ..clean.clone() }],
            Some(Flaw::Held) => vec![clean.clone(), ended("hold")],
            Some(Flaw::MissingCategory) => {
                let categories = terms.categories.split_last().map_or(&[][..], |(_, others)| others);
                vec![Event { categories, ..clean.clone() }]
            }
            Some(Flaw::NotOwnStep) => otherwise(Asked { own_step: false, ..asked }),
            Some(Flaw::Ordinary) => vec![Event { kind: "ordinary", ..clean.clone() }],
            Some(Flaw::PreTicked) => otherwise(Asked { pre_ticked: true, ..asked }),
            Some(Flaw::Refused) => vec![ended("refused")],
            Some(Flaw::RefusedAfterGiven) => vec![clean.clone(), ended("refused")],
            Some(Flaw::UnknownGiver) => vec![Event { giver: "agent", ..clean.clone() }],
            Some(Flaw::UnknownWord) => vec![Event { event: "agreed", ..clean.clone() }],
            Some(Flaw::UnparsableTime) => {
                vec![Event { at: rfc3339(times.given).trim_end_matches('Z').to_owned(), ..clean.clone() }]
            }
            Some(Flaw::Withdrawn) => vec![clean.clone(), ended("withdrawn")],
            Some(Flaw::WrongNoticeVersion) => {
                vec![Event { notice_version: terms.notice_version.saturating_sub(1), ..clean.clone() }]
            }
            Some(Flaw::WrongPurpose) => vec![Event { purpose: OTHER_PURPOSE, ..clean.clone() }],
            Some(Flaw::WrongRecipient) => vec![Event { recipient: OTHER_RECIPIENT, ..clean.clone() }],
        }
    }
}
