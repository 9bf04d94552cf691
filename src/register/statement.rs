//! What an event states besides whose it is and when: the same for millions of events, so that it is kept once for many.

use bincode::{Decode, Encode};

use super::RegisterError;
use super::cell::Cell;
use crate::consent::{COLUMNS, Row, STATEMENT_COLUMNS};
use crate::types::codec;

/// The last [`STATEMENT_COLUMNS`] cells of an event, in the order of [`COLUMNS`].
///
/// # Privacy
/// It holds what someone stated, and a column may hold a text of theirs: no `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Statement {
    cells: [Option<String>; STATEMENT_COLUMNS],
}

/// A statement in the store.
#[derive(Encode, Decode)]
pub(super) struct StoredStatement([Cell; STATEMENT_COLUMNS]);

impl Statement {
    /// The statement of these cells; an empty text is an absent cell.
    pub fn of<'a>(cells: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut cells = cells.into_iter();
        let cell = |_| cells.next().flatten().filter(|text| !text.is_empty()).map(str::to_owned);
        Self { cells: std::array::from_fn(cell) }
    }

    /// Its cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = Option<&str>> {
        self.cells.iter().map(Option::as_deref)
    }

    /// The row that the fold observes, without its instants.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        let columns = COLUMNS.iter().skip(COLUMNS.len() - STATEMENT_COLUMNS);
        Row::from_cells(|column| {
            let place = columns.clone().position(|known| *known == column)?;
            self.cells.get(place)?.as_deref()
        })
    }

    /// Bytes of its texts.
    pub(super) fn len(&self) -> usize {
        self.cells().flatten().map(str::len).sum()
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, RegisterError> {
        codec::encode(&StoredStatement(self.cells.each_ref().map(|cell| Cell::of(cell.as_deref()))))
            .map_err(RegisterError::Encoding)
    }
}

impl From<StoredStatement> for Statement {
    fn from(StoredStatement(cells): StoredStatement) -> Self {
        Self { cells: cells.map(Cell::text) }
    }
}
