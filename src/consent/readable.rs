//! Whether the statements of a row can be read at all, whatever a study demands.

use super::act::Act;
use super::cell::{flag, giver, kind, number};
use super::event::Row;

impl Row<'_> {
    /// The first column that cannot be read, which keeps the person out under every study: an event without its word or its
    /// time, and a consent with any cell that is not what its column says.
    ///
    /// Words of the columns that [`KnownWords`](super::KnownWords) knows are read there.
    #[must_use]
    pub fn unreadable_column(&self) -> Option<&'static str> {
        let row = self.without_blanks();
        let Some(act) = row.event.and_then(Act::read) else { return Some("event") };
        let gives = act == Act::Given;
        if let Some((column, _)) = row.times().faults(gives).next() {
            return Some(column);
        }
        if !gives {
            return None;
        }
        let columns = [
            ("trigger", row.trigger.is_some()),
            ("purpose", row.purpose.is_some()),
            ("recipient", row.recipient.is_some()),
            ("kind", kind(row.kind).is_some()),
            ("giver", giver(row.giver).is_some()),
            ("notice_version", number(row.notice_version).is_some()),
            ("bundle_size", number(row.bundle_size).is_some()),
            ("own_step", flag(row.own_step).is_some()),
            ("pre_ticked", flag(row.pre_ticked).is_some()),
            ("service_gate", flag(row.service_gate).is_some()),
            ("service_necessary", flag(row.service_necessary).is_some()),
        ];
        columns.into_iter().find(|(_, readable)| !readable).map(|(column, _)| column)
    }
}
