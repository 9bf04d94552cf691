//! All events of a register one by one, and person by person.

use super::error::{damaged, guarded};
use super::people::{People, Person};
use super::rows::Head;
use super::{Event, RegisterError};

/// Every event of a [`Snapshot`](super::Snapshot); ends after the first error.
pub struct Walk {
    people: People,
    events: std::vec::IntoIter<Event>,
    wanted: Head,
    /// What was seen of the tables besides events.
    others: Head,
    ended: bool,
}

impl Walk {
    pub(super) fn new(people: People, wanted: Head, others: Head) -> Self {
        Self { people, events: Vec::new().into_iter(), wanted, others, ended: false }
    }

    /// The next person; an error in the place of the end unless all rows are those that were written.
    pub(super) fn person(&mut self) -> Result<Option<Person>, RegisterError> {
        guarded(|| match self.people.next()? {
            Some(person) => Ok(Some(person)),
            None => whole(self.others.clone(), self.people.seen(), &self.wanted).map(|()| None),
        })
    }

    fn step(&mut self) -> Result<Option<Event>, RegisterError> {
        loop {
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            let Some(person) = self.person()? else { return Ok(None) };
            self.events = person.into_events().into_iter();
        }
    }
}

/// Whether other tables and events together are what the head says.
pub(super) fn whole(mut others: Head, events: &Head, wanted: &Head) -> Result<(), RegisterError> {
    others.and_seen(events)?;
    if others == *wanted { Ok(()) } else { Err(damaged("its head, or a row that was put in or taken out")) }
}

impl Iterator for Walk {
    type Item = Result<Event, RegisterError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
