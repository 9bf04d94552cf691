//! Ids whose rows in a people dataset differ in a column, counted from one party's tables alone.

use bincode::{Decode, Encode};

use crate::engine::ids::numbers::NO_PERSON;

/// What the rows of one id say in a column. It has no `Debug`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) enum Rows<T> {
    #[default]
    None,
    Same(T),
    Differ,
}

/// What the rows of each id say in a column, by the number of the id as it is written: links join ids of other tables.
pub(super) struct Differing<T>(Vec<Rows<T>>);

impl<T: Copy + PartialEq> Rows<T> {
    /// What these rows and others say together, in any order.
    pub(in crate::engine) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, rows) | (rows, Self::None) => rows,
            (Self::Same(known), Self::Same(value)) if known == value => self,
            _ => Self::Differ,
        }
    }
}

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
        *rows = before.and(Rows::Same(value));
        matches!((before, *rows), (Rows::Same(_), Rows::Differ))
    }

    /// What the rows of an id say.
    pub(super) fn rows(&self, id: usize) -> Rows<T> {
        self.0.get(id).copied().unwrap_or(Rows::None)
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Rows<T>>()
    }
}
