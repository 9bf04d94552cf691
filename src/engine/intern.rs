//! Interning: each distinct raw id becomes one dense number; no text per row after that.

use std::sync::{PoisonError, RwLock};

use arrow_array::Array as _;
use hashbrown::HashMap;

use super::EngineError;
use super::numbers::Numbers;
use super::read::{Column, Id};
use super::rows::NOBODY;
use crate::deidentify::{Pseudonym, PseudonymKey};

/// All ids of one namespace seen in one seal. Holds raw ids in memory until it is dropped; never written anywhere.
#[derive(Default)]
pub(super) struct Interner {
    numbers: Numbers,
    texts: HashMap<Box<str>, u32>,
    /// Rows of one person mostly follow each other.
    last: Option<(i64, u32)>,
    len: u32,
}

impl Interner {
    /// How many distinct ids there are.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The dense number of an id that was interned before.
    pub(super) fn find(&self, id: &Id<'_>) -> Option<u32> {
        match id {
            Id::Number(number) => self.numbers.find(*number),
            Id::Text(text) => self.texts.get(*text).copied(),
        }
    }

    /// The dense numbers of the first `count` ids of a column; nobody's for an unknown or missing one.
    pub(super) fn find_all(&self, column: &Column, count: usize) -> Vec<u32> {
        let mut all = Vec::with_capacity(count);
        match column {
            Column::Numbers(numbers) if numbers.null_count() == 0 => {
                self.numbers.find_all(numbers.values(), &mut all);
            }
            column => {
                let number = |row: usize| match column.id(row) {
                    Some(Id::Number(number)) => number,
                    _ => 0,
                };
                let ids: Vec<i64> = (0..count).map(number).collect();
                self.numbers.find_all(&ids, &mut all);
                for (row, found) in all.iter_mut().enumerate() {
                    match column.id(row) {
                        Some(Id::Number(_)) => {}
                        Some(id) => *found = self.find(&id).unwrap_or(NOBODY),
                        None => *found = NOBODY,
                    }
                }
            }
        }
        all
    }

    /// The dense number of an id, new or known.
    pub(super) fn intern(&mut self, id: &Id<'_>) -> Result<u32, EngineError> {
        if let (Id::Number(number), Some((last, known))) = (id, self.last)
            && *number == last
        {
            return Ok(known);
        }
        let next = self.len;
        let found = match id {
            Id::Number(number) => self.numbers.find(*number).unwrap_or_else(|| {
                self.numbers.add(*number, next);
                next
            }),
            Id::Text(text) => match self.texts.get(*text) {
                Some(known) => *known,
                None => *self.texts.entry((*text).into()).insert(next).get(),
            },
        };
        if found == next {
            self.len = next.checked_add(1).filter(|len| *len < u32::MAX).ok_or(EngineError::TooManyIds)?;
        }
        if let Id::Number(number) = id {
            self.last = Some((*number, found));
        }
        Ok(found)
    }

    /// The pseudonym of every id, by dense number.
    pub(super) fn pseudonyms(&self, key: &PseudonymKey) -> Vec<Pseudonym> {
        let mut all = vec![key.pseudonym(b""); self.len()];
        let mut spelled = String::new();
        for (number, index) in self.numbers.iter() {
            use std::fmt::Write as _;
            spelled.clear();
            // Writing to a string cannot fail.
            let _ = write!(spelled, "{number}");
            if let Some(slot) = all.get_mut(*index as usize) {
                *slot = key.pseudonym(spelled.as_bytes());
            }
        }
        for (text, index) in &self.texts {
            if let Some(slot) = all.get_mut(*index as usize) {
                *slot = key.pseudonym(text.as_bytes());
            }
        }
        all
    }
}

/// The dense numbers of the first `count` ids of a column; nobody's for a missing one.
///
/// # Errors
/// [`EngineError::TooManyIds`] when new ones are `added`; without that, nobody's number stands for an unknown id.
pub(super) fn numbers(
    interner: &RwLock<Interner>,
    column: &Column,
    count: usize,
    added: bool,
) -> Result<Vec<u32>, EngineError> {
    let known = interner.read().unwrap_or_else(PoisonError::into_inner);
    let mut all = known.find_all(column, count);
    drop(known);
    let unknown = || all.iter().enumerate().filter(|(_, number)| **number == NOBODY).map(|(row, _)| row);
    let new: Vec<usize> = unknown().filter(|row| added && column.id(*row).is_some()).collect();
    if !new.is_empty() {
        let mut known = interner.write().unwrap_or_else(PoisonError::into_inner);
        for row in new {
            if let (Some(id), Some(slot)) = (column.id(row), all.get_mut(row)) {
                *slot = known.intern(&id)?;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_number_and_one_pseudonym_in_either_spelling() {
        let mut interner = Interner::default();
        assert_eq!(interner.intern(&Id::Number(7)).unwrap(), 0);
        assert_eq!(interner.intern(&Id::Text("007")).unwrap(), 1);
        assert_eq!(interner.intern(&Id::Number(7)).unwrap(), 0);
        assert_eq!(interner.find(&Id::Text("x")), None);
        let key = PseudonymKey::derive(&crate::types::Secret::new([3; 32]), "phone");
        let pseudonyms = interner.pseudonyms(&key);
        assert!(pseudonyms[0] == key.pseudonym(b"7") && pseudonyms[1] == key.pseudonym(b"007"));
    }
}
