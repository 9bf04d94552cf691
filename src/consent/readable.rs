//! Whether the statements of a row can be read at all, whatever a study demands.

use super::act::Act;
use super::demand::ConsentKind;
use super::event::{Moment, Row, flag, number};
use super::slot::Second;
use crate::types::folded_word;

/// Who gave a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giver {
    /// The guardian of a child.
    Guardian,
    /// The person.
    Oneself,
}

impl Giver {
    /// What a cell says; `None` for a word that is neither.
    #[must_use]
    pub fn read(cell: &str) -> Option<Self> {
        match folded_word(cell).as_str() {
            "guardian" => Some(Self::Guardian),
            "self" => Some(Self::Oneself),
            _ => None,
        }
    }

    /// The word of the consent table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guardian => "guardian",
            Self::Oneself => "self",
        }
    }
}

impl Row<'_> {
    /// The first column that cannot be read, which keeps the person out under every study: an event without its word or its
    /// time, and a consent with any cell that is not what its column says.
    ///
    /// Words of the columns that [`KnownWords`](super::KnownWords) knows are read there.
    #[must_use]
    pub fn unreadable_column(&self) -> Option<&'static str> {
        let Some(act) = self.event.and_then(Act::read) else { return Some("event") };
        let times = self.times();
        if !matches!(times.at, Moment::At(at) if Second::new(at).is_some()) {
            return Some("at");
        }
        if act != Act::Given {
            return None;
        }
        let named = |cell: Option<&str>| cell.is_some_and(|cell| !folded_word(cell).is_empty());
        let known = |cell: Option<&str>, read: &dyn Fn(&str) -> bool| cell.is_none_or(read);
        let columns = [
            ("trigger", named(self.trigger)),
            ("purpose", named(self.purpose)),
            ("recipient", named(self.recipient)),
            ("kind", known(self.kind, &|cell| ConsentKind::read(cell).is_some())),
            ("giver", known(self.giver, &|cell| Giver::read(cell).is_some())),
            ("shown_at", times.shown_at.second().is_some()),
            ("valid_to", !matches!(times.valid_to, Moment::Unreadable)),
            ("notice_version", number(self.notice_version).is_some()),
            ("bundle_size", number(self.bundle_size).is_some()),
            ("own_step", flag(self.own_step).is_some()),
            ("pre_ticked", flag(self.pre_ticked).is_some()),
            ("service_gate", flag(self.service_gate).is_some()),
            ("service_necessary", flag(self.service_necessary).is_some()),
        ];
        columns.into_iter().find(|(_, readable)| !readable).map(|(column, _)| column)
    }
}
