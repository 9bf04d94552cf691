//! One consent event as it was written: the cells of one row of the consent table.

use super::RegisterError;
use super::cell::Cell;
use super::error::damaged;
use super::statement::Statement;
use crate::consent::{COLUMNS, Row};
use crate::types::{Timestamp, codec};

/// The most bytes that the cells of one event may have together.
pub(super) const LONGEST: usize = 8 << 10;

/// One consent event, its cells as text; an absent cell is an absent statement.
///
/// Cells mean what they mean in a consent file: one that cannot be read is kept as it is, and puts the person out.
///
/// # Privacy
/// It holds a raw id: no `Debug`, no `Display`, no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    cells: [Option<String>; COLUMNS.len()],
}

/// Why cells are no event of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// An id that can never meet the same id in a file, and why.
    #[error("{0}")]
    Id(&'static str),
    /// Nothing says whose it is.
    #[error("no person")]
    NoPerson,
    /// Nothing says of which namespace their id is.
    #[error("no namespace, and the sandbox has several")]
    NoNamespace,
    /// No study of the sandbox has such ids.
    #[error("not a namespace of the sandbox")]
    UnknownNamespace,
    /// Its cells have more than 8 KiB.
    #[error("the row is longer than 8 KiB")]
    TooLong,
}

impl EventError {
    /// The column and the reason, for reports of bad rows.
    #[must_use]
    pub const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Id(reason) => ("person", reason),
            Self::NoPerson => ("person", "no person"),
            Self::NoNamespace => ("ids", "no namespace, and the sandbox has several"),
            Self::UnknownNamespace => ("ids", "not a namespace of the sandbox"),
            Self::TooLong => ("person", "the row is longer than 8 KiB"),
        }
    }
}

impl Event {
    /// An event whose cells are read by column name; `None` and an empty text are an absent cell.
    ///
    /// # Errors
    /// [`EventError`] without a person or a namespace, or above 8 KiB.
    pub fn from_cells(cell: impl Fn(&str) -> Option<String>) -> Result<Self, EventError> {
        Self::new(COLUMNS.map(cell))
    }

    /// An event with these cells, in the order of [`COLUMNS`]; an empty text is an absent cell.
    ///
    /// # Errors
    /// As [`Event::from_cells`].
    pub fn new(cells: [Option<String>; COLUMNS.len()]) -> Result<Self, EventError> {
        let cells = cells.map(|cell| cell.filter(|text| !text.is_empty()));
        if cells.iter().flatten().map(String::len).fold(0, usize::saturating_add) > LONGEST {
            return Err(EventError::TooLong);
        }
        let event = Self { cells };
        match (event.cell("person"), event.cell("ids")) {
            (None, _) => Err(EventError::NoPerson),
            (_, None) => Err(EventError::NoNamespace),
            _ => Ok(event),
        }
    }

    /// The cell of a column.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<&str> {
        let position = COLUMNS.iter().position(|known| *known == column)?;
        self.cells.get(position)?.as_deref()
    }

    /// Its cells in the order of [`COLUMNS`].
    pub fn cells(&self) -> impl Iterator<Item = Option<&str>> {
        self.cells.iter().map(Option::as_deref)
    }

    /// A copy of its cells, in the order of [`COLUMNS`].
    pub(crate) fn to_cells(&self) -> [Option<String>; COLUMNS.len()] {
        self.cells.clone()
    }

    /// The namespace and the id of the person.
    #[must_use]
    pub fn person(&self) -> (&str, &str) {
        (self.cell("ids").unwrap_or_default(), self.cell("person").unwrap_or_default())
    }

    /// The row that the fold observes.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        Row::from_cells(|column| self.cell(column))
    }

    /// When it happened, if that can be read; of a day its start.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.cell("at").and_then(|text| Timestamp::span_in(text, None).ok()).map(|(first, _)| first)
    }

    /// The event of these parts, which were one before.
    pub(super) fn of_parts((ids, person): (&str, &str), times: &[Cell; 3], statement: &Statement) -> Self {
        let who = [Some(person.to_owned()), Some(ids.to_owned())].into_iter();
        let mut all = who
            .chain(times.iter().map(Cell::spelled))
            .chain(statement.cells().map(|cell| cell.map(str::to_owned)));
        Self { cells: std::array::from_fn(|_| all.next().flatten()) }
    }

    /// The instants and the statement of the event; what is left is whose it is.
    pub(super) fn parts(&self) -> ([Cell; 3], Statement) {
        let mut cells = self.cells().skip(2);
        let times = std::array::from_fn(|_| Cell::of(cells.next().flatten()));
        (times, Statement::of(cells))
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, RegisterError> {
        let cells: Vec<Cell> = self.cells().map(Cell::of).collect();
        codec::encode(&cells).map_err(RegisterError::Encoding)
    }

    /// The event that verified bytes spell.
    pub(super) fn decode(verified: &[u8]) -> Result<Self, RegisterError> {
        let cells: Vec<Cell> = codec::decode(verified).map_err(|_| damaged("an event"))?;
        let cells: Vec<Option<String>> = cells.into_iter().map(Cell::text).collect();
        cells.try_into().map(|cells| Self { cells }).map_err(|_| damaged("an event"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The text of a cell comes back letter by letter.
        #[test]
        fn cells_come_back_as_they_were(
            cells in proptest::collection::vec(
                prop_oneof![
                    Just(String::new()),
                    any::<i64>().prop_map(|n| n.to_string()),
                    (0..4_000_000_000i64).prop_map(|n| Timestamp::from_seconds(n).to_string()),
                    "[0-9tfrue:.TZ+-]{0,24}",
                    Just("2026-09-01T10:00:00.5Z".to_owned()),
                    Just("2026-09-01t10:00:00+08:00".to_owned()),
                    Just("007".to_owned()),
                    any::<String>(),
                ],
                21,
            ),
        ) {
            let cell = |column: &str| match column {
                "person" => Some("p".to_owned()),
                "ids" => Some("phone".to_owned()),
                _ => COLUMNS.iter().position(|known| *known == column).map(|at| cells[at].clone()),
            };
            if let Ok(event) = Event::from_cells(cell) {
                prop_assert!(Event::decode(&event.encode().unwrap()).unwrap() == event);
            }
        }
    }

    #[test]
    fn an_event_needs_a_person_and_a_namespace_and_an_end() {
        let event = |person: &str, ids: &str, purpose: &str| {
            Event::from_cells(|column| match column {
                "person" => Some(person.to_owned()),
                "ids" => Some(ids.to_owned()),
                "purpose" => Some(purpose.to_owned()),
                _ => None,
            })
            .err()
        };
        assert_eq!(event("p", "phone", "x"), None);
        assert_eq!(event("", "phone", "x"), Some(EventError::NoPerson));
        assert_eq!(event("p", "", "x"), Some(EventError::NoNamespace));
        assert_eq!(event("p", "phone", &"x".repeat(LONGEST)), Some(EventError::TooLong));
    }
}
