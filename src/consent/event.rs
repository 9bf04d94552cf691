//! One consent event as written, and what it says about one requirement.

use std::collections::BTreeSet;

use crate::types::{Days, Timestamp};

/// What a live, separate, informed and specific consent has to name for one recipient and one trigger (PIPL art. 14,
/// 23, 29): made by the policy from study and regime, the same for every person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The trigger, such as `SC23`.
    pub trigger: String,
    /// The purpose of the study.
    pub purpose: String,
    /// The legal id of the recipient; a name is not enough.
    pub recipient: String,
    /// The data categories that the consent has to list.
    pub categories: BTreeSet<String>,
    /// The methods that the consent has to list, if the study declares any.
    pub methods: BTreeSet<String>,
    /// The id of the notice.
    pub notice: String,
    /// Its current version.
    pub notice_version: u32,
    /// How long a consent without an end of its own lasts.
    pub retention: Days,
    /// Ids and legal ids of the handlers that may have collected it.
    pub handlers: BTreeSet<String>,
    /// All triggers that the regime knows; another word is unreadable.
    pub known_triggers: BTreeSet<String>,
}

/// One row of the consent table, cells as text; `None` is an absent column, a null or an empty cell.
///
/// It has no `Debug`: a row belongs to a person.
#[derive(Clone, Copy, Default)]
#[expect(missing_docs, reason = "the fields are the columns of the table, which the interface describes")]
pub struct Row<'a> {
    pub handler: Option<&'a str>,
    pub event: Option<&'a str>,
    pub kind: Option<&'a str>,
    pub trigger: Option<&'a str>,
    pub purpose: Option<&'a str>,
    pub recipient: Option<&'a str>,
    pub categories: Option<&'a str>,
    pub methods: Option<&'a str>,
    pub notice: Option<&'a str>,
    pub notice_version: Option<&'a str>,
    pub shown_at: Option<&'a str>,
    pub at: Option<&'a str>,
    pub valid_to: Option<&'a str>,
    pub giver: Option<&'a str>,
    pub own_step: Option<&'a str>,
    pub pre_ticked: Option<&'a str>,
    pub bundle_size: Option<&'a str>,
    pub service_gate: Option<&'a str>,
    pub service_necessary: Option<&'a str>,
}

/// Why a person is out under one requirement, in the order in which reasons are counted.
///
/// A fact about a person: no `Debug`, no `Display`, never printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Standing {
    /// No event names the requirement.
    Absent,
    /// The latest event is a clean consent that is live at as-of.
    Live,
    Broken,
    Refused,
    Withdrawn,
    Blocked,
    Expired,
    NotSeparate,
    Bundled,
    Coerced,
    WrongNotice,
    WrongScope,
    WrongGiver,
}

impl Standing {
    /// The number of variants.
    pub(super) const COUNT: usize = Self::WrongGiver as usize + 1;
}

/// What a row says about one requirement.
pub(super) enum Word {
    /// Nothing: it names something else, or it is not yet in effect.
    Silent,
    /// It cannot be read, so it puts the person out for good.
    Unreadable,
    /// From `at` on the consent stands so.
    Consent(Timestamp, Standing),
    /// From `at` on the person is blocked, or no longer.
    Block(Timestamp, bool),
    /// The person is deceased; nothing lifts it.
    Deceased,
}

/// What an event does, by its word.
enum Act {
    Given,
    Deny(Standing),
    Block,
    Lift,
    Deceased,
}

impl Requirement {
    /// Whether the row may speak about this requirement: whatever it names must match, and what it leaves out or
    /// spells unreadably may mean anything. Other case or spaces around a name do not hide a withdrawal.
    fn may_be_named_by(&self, row: &Row<'_>) -> bool {
        let like = |word: &str, name: &str| word.trim().eq_ignore_ascii_case(name.trim());
        let trigger =
            row.trigger.is_none_or(|word| word == self.trigger || !self.known_triggers.contains(word));
        let purpose = row.purpose.is_none_or(|word| like(word, &self.purpose));
        trigger && purpose && row.recipient.is_none_or(|word| like(word, &self.recipient))
    }

    /// Whether the row names exactly this requirement.
    fn is_named_by(&self, row: &Row<'_>) -> bool {
        row.trigger == Some(&self.trigger)
            && row.purpose == Some(&self.purpose)
            && row.recipient == Some(&self.recipient)
    }

    /// What the row says about this requirement as of a date. Never yields [`Standing::Live`] unless every part of
    /// the consent is present and right.
    pub(super) fn read(&self, row: &Row<'_>, as_of: Timestamp) -> Word {
        // Death is a status of the person (PIPL art. 49), whatever purpose the row names.
        if row.event != Some("deceased") && !self.may_be_named_by(row) {
            return Word::Silent;
        }
        let act = match row.event {
            Some("given") => Act::Given,
            Some("refused") => Act::Deny(Standing::Refused),
            Some("withdrawn" | "revoked") => Act::Deny(Standing::Withdrawn),
            Some("objected" | "restricted" | "hold") => Act::Block,
            Some("lifted") => Act::Lift,
            Some("deceased") => Act::Deceased,
            Some(_) | None => return Word::Unreadable,
        };
        let Some(at) = row.at.and_then(|text| Timestamp::parse(text).ok()) else { return Word::Unreadable };
        if at > as_of {
            return Word::Silent;
        }
        // A word that the regime does not know may mean this trigger, so the row can neither lift a block nor be outlived.
        if row.trigger.is_some_and(|word| !self.known_triggers.contains(word)) {
            return Word::Unreadable;
        }
        match act {
            Act::Deny(standing) => Word::Consent(at, standing),
            Act::Block => Word::Block(at, true),
            Act::Lift => Word::Block(at, false),
            Act::Deceased => Word::Deceased,
            // A consent whose trigger, purpose or recipient cannot be read puts the person out.
            Act::Given if !self.is_named_by(row) => Word::Unreadable,
            Act::Given => match self.examine(row, at, as_of) {
                Some(standing) => Word::Consent(at, standing),
                None => Word::Unreadable,
            },
        }
    }

    /// How a given consent stands, or `None` when a word or number in it cannot be read.
    ///
    /// The predicate `is_separate`: one affirmative act for one trigger, purpose, recipient and set of categories; an
    /// own step, not pre-ticked, not bundled, not gated to a service that does not need it, after the right notice.
    fn examine(&self, row: &Row<'_>, at: Timestamp, as_of: Timestamp) -> Option<Standing> {
        let own_step = flag(row.own_step)?;
        let pre_ticked = flag(row.pre_ticked)?;
        let gate = flag(row.service_gate)?;
        let necessary = flag(row.service_necessary)?;
        let bundle = number(row.bundle_size)?;
        let version = number(row.notice_version)?;
        let shown_at = instant(row.shown_at)?;
        let valid_to = instant(row.valid_to)?;
        let separate_kind = match row.kind {
            Some("separate" | "written") => true,
            Some("ordinary") | None => false,
            Some(_) => return None,
        };
        let by_herself = match row.giver {
            Some("self") => true,
            Some("guardian") | None => false,
            Some(_) => return None,
        };
        let ends = valid_to.unwrap_or_else(|| at.saturating_add(self.retention));
        let listed = |cell: Option<&str>, wanted: &BTreeSet<String>| {
            wanted.iter().all(|word| cell.is_some_and(|list| list.split('|').any(|item| item.trim() == word)))
        };
        let faults = [
            (ends <= as_of, Standing::Expired),
            (!separate_kind || own_step != Some(true) || pre_ticked != Some(false), Standing::NotSeparate),
            (bundle != Some(1), Standing::Bundled),
            (gate.is_none() || (gate == Some(true) && necessary != Some(true)), Standing::Coerced),
            (row.notice != Some(&self.notice) || version != Some(self.notice_version), Standing::WrongNotice),
            (shown_at.is_none_or(|shown| shown > at), Standing::WrongNotice),
            (!listed(row.categories, &self.categories), Standing::WrongScope),
            (!listed(row.methods, &self.methods), Standing::WrongScope),
            (!row.handler.is_some_and(|handler| self.handlers.contains(handler)), Standing::WrongScope),
            (!by_herself, Standing::WrongGiver),
        ];
        Some(
            faults
                .into_iter()
                .find_map(|(found, standing)| found.then_some(standing))
                .unwrap_or(Standing::Live),
        )
    }
}

/// Outer `None`: the cell cannot be read. Inner `None`: it is absent.
type Cell<T> = Option<Option<T>>;

fn flag(cell: Option<&str>) -> Cell<bool> {
    match cell {
        None => Some(None),
        Some("true" | "1") => Some(Some(true)),
        Some("false" | "0") => Some(Some(false)),
        Some(_) => None,
    }
}

fn number(cell: Option<&str>) -> Cell<u32> {
    cell.map(|text| text.parse().ok()).map_or(Some(None), |parsed| parsed.map(Some))
}

fn instant(cell: Option<&str>) -> Cell<Timestamp> {
    cell.map(|text| Timestamp::parse(text).ok()).map_or(Some(None), |parsed| parsed.map(Some))
}
