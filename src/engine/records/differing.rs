//! Ids whose rows in a people dataset differ in a column, counted from one party's tables alone.

use crate::engine::ids::numbers::NO_PERSON;

/// What the rows of one id say in a column.
#[derive(Clone, Copy)]
enum Rows<T> {
    None,
    Same(T),
    Differ,
}

/// What the rows of each id say in a column, by the number of the id as it is written: links join ids of other tables.
pub(super) struct Differing<T>(Vec<Rows<T>>);

impl<T: Copy + PartialEq> Differing<T> {
    /// No rows yet. There is room for all ids of earlier tables, so that memory does not depend on which of them this one names.
    pub(super) fn new(known: usize) -> Self {
        Self(vec![Rows::None; known])
    }

    /// Room for all ids numbered `0..known`.
    pub(super) fn cover(&mut self, known: usize) {
        if self.0.len() < known {
            self.0.resize(known, Rows::None);
        }
    }

    /// Notes one row. Whether it is the first row of its id that differs from an earlier one.
    pub(super) fn add(&mut self, id: u32, value: T) -> bool {
        let Some(rows) = self.0.get_mut(id as usize).filter(|_| id != NO_PERSON) else { return false };
        let before = *rows;
        *rows = match before {
            Rows::None => Rows::Same(value),
            Rows::Same(known) if known == value => before,
            Rows::Same(_) | Rows::Differ => Rows::Differ,
        };
        matches!((before, *rows), (Rows::Same(_), Rows::Differ))
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Rows<T>>()
    }
}
