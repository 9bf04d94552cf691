//! One consent event as written, and its meaning for one requirement.
//!
//! Reading has two steps: a [`Gist`] of all cells but the three instants, which is the same for millions of rows and may
//! be kept, and a [`Word`] once the instants are there. Every row goes through both.

use super::act::Act;
use super::cell::{Giver, flag, giver, kind, lists, number};
use super::demand::{Check, Requirement};
use super::meaning::{Meaning, is_known, of_categories, of_closed, of_recipient};
use super::moment::{Moment, Times};
use super::slot::{Flaws, Hold, Second};
use super::status::ConsentStatus;
use crate::types::{Timestamp, is_blank, is_same_word};

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

/// The columns of the consent table: whose, when, and what. An absent one that is not [`REQUIRED`] is an absent statement.
pub const COLUMNS: [&str; 21] = [
    "person",
    "ids",
    "at",
    "shown_at",
    "valid_to",
    "event",
    "trigger",
    "purpose",
    "recipient",
    "handler",
    "kind",
    "categories",
    "methods",
    "notice",
    "notice_version",
    "giver",
    "own_step",
    "pre_ticked",
    "bundle_size",
    "service_gate",
    "service_necessary",
];

/// The columns that a consent table must have.
pub const REQUIRED: [&str; 6] = ["person", "at", "event", "trigger", "purpose", "recipient"];

impl<'a> Row<'a> {
    /// A row whose cells are read by column name; `None` is an absent cell.
    pub fn from_cells(cell: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self {
            handler: cell("handler"),
            event: cell("event"),
            kind: cell("kind"),
            trigger: cell("trigger"),
            purpose: cell("purpose"),
            recipient: cell("recipient"),
            categories: cell("categories"),
            methods: cell("methods"),
            notice: cell("notice"),
            notice_version: cell("notice_version"),
            shown_at: cell("shown_at"),
            at: cell("at"),
            valid_to: cell("valid_to"),
            giver: cell("giver"),
            own_step: cell("own_step"),
            pre_ticked: cell("pre_ticked"),
            bundle_size: cell("bundle_size"),
            service_gate: cell("service_gate"),
            service_necessary: cell("service_necessary"),
        }
    }
}

impl Row<'_> {
    /// Its three instants; a time without UTC offset cannot be read.
    #[must_use]
    pub fn times(&self) -> Times {
        Times {
            at: Moment::read(self.at, None),
            shown_at: Moment::read(self.shown_at, None),
            valid_to: Moment::read(self.valid_to, None),
        }
    }

    /// The same row, in which a blank cell is an absent one.
    pub(super) fn without_blanks(mut self) -> Self {
        let cells = [
            &mut self.handler,
            &mut self.event,
            &mut self.kind,
            &mut self.trigger,
            &mut self.purpose,
            &mut self.recipient,
            &mut self.categories,
            &mut self.methods,
            &mut self.notice,
            &mut self.notice_version,
            &mut self.shown_at,
            &mut self.at,
            &mut self.valid_to,
            &mut self.giver,
            &mut self.own_step,
            &mut self.pre_ticked,
            &mut self.bundle_size,
            &mut self.service_gate,
            &mut self.service_necessary,
        ];
        cells.into_iter().for_each(|cell| *cell = cell.filter(|text| !is_blank(text)));
        self
    }
}

/// The meaning of the cells of a row for one requirement, at any time.
#[derive(Clone, Copy)]
pub(super) enum Gist {
    /// It names something else.
    Silent,
    /// It does not record what happened, so it puts the person out for good, at any time.
    Unreadable,
    /// Something else in it cannot be read, so it does the same unless it is after as-of.
    UnreadableThen,
    Given(Flaws),
    Withdrawn,
    Refused,
    Hold(Whose, Hold),
    /// The end of blocks that this requirement does not know.
    EndsNothing,
    Deceased,
    /// A consent for the trigger that cannot count here; it only gives a better reason than none.
    Elsewhere(ConsentStatus),
}

/// Which blocks a row speaks about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those that name trigger, purpose and this one of the requirement's recipients.
    Recipient(u16),
    /// Those that leave one of the three out.
    Anybody,
}

/// The meaning of a row for one requirement as of a date.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Silent,
    Unreadable,
    Given(Second, Flaws),
    Withdrawn(Second),
    Refused(Second),
    Hold(Second, Whose, Hold),
    /// Nothing lifts it.
    Deceased,
    Elsewhere(ConsentStatus),
}

impl Requirement {
    /// Whether the row may speak about this requirement: whatever it names must match, and what it leaves out or
    /// spells unreadably may mean anything.
    ///
    /// A consent and the end of a block have to name it: a word that is not known makes neither.
    fn may_be_named_by(&self, row: &Row<'_>, act: Option<Act>) -> bool {
        let [trigger, purpose, recipient] = self.meanings(row);
        if act.is_none_or(Act::is_negative) {
            // A word that is not known may be one that no category limits, such as a death.
            let categories = act.map_or(Meaning::Anything, |_| {
                of_categories(row.categories, &self.own_categories, &self.known_categories)
            });
            return [trigger, purpose, recipient, categories]
                .into_iter()
                .all(|meaning| meaning != Meaning::Another);
        }
        let named = |cell: Option<&str>, meaning| cell.is_none() || meaning == Meaning::Ours;
        trigger != Meaning::Another && named(row.purpose, purpose) && named(row.recipient, recipient)
    }

    /// What trigger, purpose and recipient of a row can mean.
    fn meanings(&self, row: &Row<'_>) -> [Meaning; 3] {
        [
            of_closed(row.trigger, &self.trigger, &self.known_triggers),
            of_closed(row.purpose, &self.purpose, &self.known_purposes),
            of_recipient(
                row.recipient,
                self.recipients.iter().chain(&self.recipient_names),
                &self.other_recipients,
            ),
        ]
    }

    /// Whether the row names trigger, purpose and one of the recipients.
    fn is_named_by(&self, row: &Row<'_>) -> bool {
        self.meanings(row) == [Meaning::Ours; 3]
    }

    /// Which of the recipients a row names that names this requirement; none for one named by the study's own id.
    fn named_recipient(&self, row: &Row<'_>) -> Option<u16> {
        let word = row.recipient.filter(|_| self.is_named_by(row))?;
        let of = |alike: &dyn Fn(&String) -> bool| self.recipients.iter().position(alike);
        let position = of(&|name| name == word).or_else(|| of(&|name| is_same_word(name, word)))?;
        u16::try_from(position).ok()
    }

    /// The meaning of the cells besides the instants.
    pub(super) fn gist(&self, row: &Row<'_>) -> Gist {
        let row = &row.without_blanks();
        let act = row.event.and_then(Act::read);
        // Death is a status of the person (PIPL art. 49), whatever purpose the row names.
        if act != Some(Act::Deceased) && !self.may_be_named_by(row, act) {
            return self.elsewhere(row, act).map_or(Gist::Silent, Gist::Elsewhere);
        }
        let gist = match act {
            Some(Act::Given) => match self.examine(row).filter(|_| self.is_named_by(row)) {
                Some(flaws) => Gist::Given(flaws),
                // A consent that leaves out trigger, purpose or recipient, or cannot be read, puts the person out.
                None => Gist::UnreadableThen,
            },
            Some(Act::Refused) => Gist::Refused,
            Some(Act::Withdrawn | Act::Revoked) => Gist::Withdrawn,
            Some(Act::Objected | Act::Restricted | Act::Hold) => self.block(row),
            Some(Act::Lifted) => self.lift(row),
            Some(Act::Deceased) => Gist::Deceased,
            None => return Gist::Unreadable,
        };
        // A word that the regime does not know may mean this trigger, so the row can neither lift a block nor be outlived.
        let unknown = row.trigger.is_some_and(|word| !is_known(word, &self.known_triggers));
        if unknown { Gist::UnreadableThen } else { gist }
    }

    /// A readable consent for this trigger, but for another purpose, or for this one and another recipient.
    fn elsewhere(&self, row: &Row<'_>, act: Option<Act>) -> Option<ConsentStatus> {
        let consent = act == Some(Act::Given) && is(row.trigger, &self.trigger);
        let purpose = row.purpose.filter(|_| consent)?;
        self.examine(row)?;
        if !is_same_word(purpose, &self.purpose) {
            return Some(ConsentStatus::OtherPurpose);
        }
        row.recipient.map(|_| ConsentStatus::OtherRecipient)
    }

    /// A block that names all three belongs to that recipient; one by the study's own id of it to no recipient in particular.
    fn block(&self, row: &Row<'_>) -> Gist {
        let whose = self.named_recipient(row).map_or(Whose::Anybody, Whose::Recipient);
        Gist::Hold(whose, Hold::Starts)
    }

    /// An end ends what it names in full, or, naming nothing, the blocks that leave something out. Were it otherwise, a
    /// hold by law would end with an objection. One that lists fewer categories than are read ends nothing.
    fn lift(&self, row: &Row<'_>) -> Gist {
        if row.categories.is_some() && !lists(row.categories, &self.categories) {
            return Gist::EndsNothing;
        }
        match (row.trigger, row.purpose, row.recipient) {
            (None, None, None) => Gist::Hold(Whose::Anybody, Hold::Ends),
            _ => self
                .named_recipient(row)
                .map_or(Gist::EndsNothing, |position| Gist::Hold(Whose::Recipient(position), Hold::Ends)),
        }
    }

    /// The meaning of a row of this gist as of a date. Never yields a consent without flaws unless every part that the
    /// requirement demands is present and right.
    pub(super) fn word(&self, gist: Gist, times: &Times, as_of: Timestamp) -> Word {
        if matches!(gist, Gist::Silent | Gist::Unreadable) {
            return if matches!(gist, Gist::Silent) { Word::Silent } else { Word::Unreadable };
        }
        let (Some(Some(first)), Some(Some(last))) = (times.at.first(), times.at.last()) else {
            return if matches!(gist, Gist::Elsewhere(_)) { Word::Silent } else { Word::Unreadable };
        };
        let (begun, over) = (first.seconds() <= as_of.seconds(), last.seconds() <= as_of.seconds());
        if !begun {
            return Word::Silent;
        }
        // Of a day without a time, what speaks against a use counts from its start and until its end; a consent, or the end of a
        // block, once the day is over, and as if it were of its start.
        let until = Second::new(as_of.seconds()).map_or(last, |as_of| last.min(as_of));
        let in_time = || self.flaws_in_time(first, times, as_of);
        match gist {
            Gist::Silent | Gist::EndsNothing => Word::Silent,
            Gist::Unreadable | Gist::UnreadableThen => Word::Unreadable,
            Gist::Given(_) | Gist::Elsewhere(_) | Gist::Hold(_, Hold::Ends) if !over => Word::Silent,
            Gist::Given(flaws) => {
                in_time().map_or(Word::Unreadable, |more| Word::Given(first, flaws.and(more)))
            }
            Gist::Withdrawn => Word::Withdrawn(until),
            Gist::Refused => Word::Refused(until),
            Gist::Hold(whose, Hold::Starts) => Word::Hold(until, whose, Hold::Starts),
            Gist::Hold(whose, Hold::Ends) => Word::Hold(first, whose, Hold::Ends),
            Gist::Deceased => Word::Deceased,
            Gist::Elsewhere(status) => in_time().map_or(Word::Silent, |_| Word::Elsewhere(status)),
        }
    }

    /// The flaws of a given consent that its instants do not decide, or `None` when a word or number in it cannot be
    /// read. An absent cell is a flaw wherever the cell is asked for.
    fn examine(&self, row: &Row<'_>) -> Option<Flaws> {
        let own_step = flag(row.own_step)?;
        let pre_ticked = flag(row.pre_ticked)?;
        let gate = flag(row.service_gate)?;
        let necessary = flag(row.service_necessary)?;
        let bundle = number(row.bundle_size)?;
        let version = number(row.notice_version)?;
        let kind = kind(row.kind)?;
        let giver = match giver(row.giver)? {
            Some(Giver::Oneself) => Flaws::BY_SELF,
            Some(Giver::Guardian) => Flaws::BY_GUARDIAN,
            None => Flaws::BY_UNKNOWN,
        };
        let asked = |check: Check, holds: bool| !holds && self.checks.contains(&check);
        let free = gate == Some(false) || (gate == Some(true) && necessary == Some(true));
        let informed = is(row.notice, &self.notice)
            && version.is_some_and(|version| self.notice_versions.contains(&version));
        let found = [
            (!kind.is_some_and(|kind| self.kinds.contains(&kind)), ConsentStatus::Kind),
            (asked(Check::OwnStep, own_step == Some(true)), ConsentStatus::OwnStep),
            (asked(Check::NotPreTicked, pre_ticked == Some(false)), ConsentStatus::PreTicked),
            (asked(Check::Single, bundle == Some(1)), ConsentStatus::Bundled),
            (asked(Check::NotGated, free), ConsentStatus::Gated),
            (asked(Check::Notice, informed), ConsentStatus::Notice),
            (!lists(row.categories, &self.categories), ConsentStatus::Categories),
            (!lists(row.methods, &self.methods), ConsentStatus::Methods),
            (!row.handler.is_some_and(|handler| is_known(handler, &self.handlers)), ConsentStatus::Handler),
        ];
        Some(found.into_iter().fold(giver, |flaws, (holds, flaw)| flaws.with_if(holds, Flaws::of(flaw))))
    }

    /// The flaws that the instants decide, or `None` when one of them cannot be read.
    fn flaws_in_time(&self, at: Second, times: &Times, as_of: Timestamp) -> Option<Flaws> {
        let shown_at = times.shown_at.last()?;
        let ends = match times.valid_to {
            Moment::Unreadable(_) => return None,
            Moment::Absent => at.seconds().saturating_add(self.retention.seconds()),
            Moment::At(end) | Moment::Day(end, _) => end,
        };
        let late = shown_at.is_none_or(|shown| shown > at) && self.checks.contains(&Check::ShownBefore);
        let expired = Flaws::default().with_if(ends <= as_of.seconds(), Flaws::of(ConsentStatus::Expired));
        Some(expired.with_if(late, Flaws::of(ConsentStatus::ShownLate)))
    }
}

fn is(cell: Option<&str>, word: &str) -> bool {
    cell.is_some_and(|cell| is_same_word(cell, word))
}
