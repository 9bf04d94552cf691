//! Interning: each distinct raw id becomes one dense number; no text per row after that.

use std::sync::{PoisonError, RwLock};

use arrow_array::Array as _;
use hashbrown::HashMap;

use super::numbers::NO_PERSON;
use super::numbers::Numbers;
use crate::deidentify::{Pseudonym, PseudonymKey, Token};
use crate::engine::error::EngineError;
use crate::engine::memory::{Held, MemoryBudget};
use crate::engine::read::scan::in_parallel;
use crate::engine::read::{Column, Id};

/// A namespace of ids: `7` as a phone and `7` as a card are two ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Namespace(usize);

/// All ids of one namespace.
#[derive(Default)]
struct Ids {
    numbers: Numbers,
    texts: HashMap<Box<str>, u32>,
    tokens: HashMap<Token, u32>,
    /// Bytes of all texts.
    spelled: usize,
}

impl Ids {
    /// Bytes that are held.
    fn bytes(&self) -> usize {
        // A hash table has one byte of its own for each entry.
        let texts = self.texts.capacity() * (size_of::<(Box<str>, u32)>() + 1) + self.spelled;
        texts + self.tokens.capacity() * (size_of::<(Token, u32)>() + 1) + self.numbers.bytes()
    }

    fn find(&self, id: &Id<'_>) -> Option<u32> {
        match id {
            Id::Number(number) => self.numbers.find(*number),
            Id::Text(text) => self.texts.get(*text).copied(),
            Id::Token(token) => self.tokens.get(token).copied(),
        }
    }

    /// The numbers of the first `count` ids of a column; no person's for an unknown or missing one.
    fn find_all(&self, column: &Column, count: usize) -> Vec<u32> {
        let mut all = Vec::with_capacity(count);
        match column {
            Column::Numbers(numbers) if numbers.null_count() == 0 => {
                self.numbers.find_all(numbers.values(), &mut all);
            }
            Column::Tokens(_) => {
                let known = |row| column.id(row).and_then(|id| self.find(&id)).unwrap_or(NO_PERSON);
                all.extend((0..count).map(known));
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
                        Some(id) => *found = self.find(&id).unwrap_or(NO_PERSON),
                        None => *found = NO_PERSON,
                    }
                }
            }
        }
        all
    }
}

/// All ids seen in one seal, numbered across namespaces. Holds raw ids in memory until it is dropped; never written
/// anywhere.
#[derive(Default)]
pub(in crate::engine) struct Interner {
    namespaces: Vec<(String, Ids)>,
    /// Rows of one person mostly follow each other.
    last: Option<(Namespace, i64, u32)>,
    len: u32,
    /// The person of each of the first ids: the smallest number of theirs. Everybody after them has one id.
    people: Vec<u32>,
    held: Held,
}

/// New ids after which it is looked whether they fit memory, a power of two.
const IDS_A_LOOK: u32 = 1_024;

impl Interner {
    /// Nothing known yet, and a budget of memory.
    pub(in crate::engine) fn within(memory: &MemoryBudget) -> Self {
        Self { held: memory.nothing(), ..Self::default() }
    }

    /// How many numbers there are. With links some of them are no person's: those of a person's further ids.
    pub(in crate::engine) fn len(&self) -> usize {
        self.len as usize
    }

    /// The names of all namespaces.
    pub(in crate::engine) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(|(name, _)| name.as_str())
    }

    /// The namespace of this name, if any id may be of it.
    pub(in crate::engine) fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.iter().position(|(known, _)| known == name).map(Namespace)
    }

    /// The namespace of this name, new or known.
    pub(in crate::engine) fn intern_namespace(&mut self, name: &str) -> Namespace {
        self.namespace(name).unwrap_or_else(|| {
            self.namespaces.push((name.to_owned(), Ids::default()));
            Namespace(self.namespaces.len() - 1)
        })
    }

    /// The person of an id that was interned before.
    #[cfg(test)]
    pub(in crate::engine) fn find(&self, namespace: Namespace, id: &Id<'_>) -> Option<u32> {
        let (_, ids) = self.namespaces.get(namespace.0)?;
        ids.find(id).map(|number| self.person(number))
    }

    /// The number of an id itself, new or known, independent of its links.
    pub(in crate::engine) fn intern_id(
        &mut self,
        namespace: Namespace,
        id: &Id<'_>,
    ) -> Result<u32, EngineError> {
        if let (Id::Number(number), Some((of, last, known))) = (id, self.last)
            && *number == last
            && namespace == of
        {
            return Ok(known);
        }
        let next = self.len;
        // Every namespace is one of this interner's.
        let (_, ids) = self.namespaces.get_mut(namespace.0).ok_or(EngineError::TooManyIds)?;
        let found = match id {
            Id::Number(number) => ids.numbers.find(*number).unwrap_or_else(|| {
                ids.numbers.add(*number, next);
                next
            }),
            Id::Text(text) => match ids.texts.get(*text) {
                Some(known) => *known,
                None => {
                    ids.spelled += text.len();
                    *ids.texts.entry((*text).into()).insert(next).get()
                }
            },
            Id::Token(token) => *ids.tokens.entry(*token).or_insert(next),
        };
        if found == next {
            self.len = next.checked_add(1).filter(|len| *len < u32::MAX).ok_or(EngineError::TooManyIds)?;
            if self.len % IDS_A_LOOK == 1 {
                self.held.set(self.namespaces.iter().map(|(_, ids)| ids.bytes()).sum())?;
            }
        }
        if let Id::Number(number) = id {
            self.last = Some((namespace, *number, found));
        }
        Ok(found)
    }

    /// Numbers the ids of a column that were not found.
    fn add_missing(
        &mut self,
        namespace: Namespace,
        column: &Column,
        found: &mut [u32],
    ) -> Result<(), EngineError> {
        for (row, number) in found.iter_mut().enumerate().filter(|(_, number)| **number == NO_PERSON) {
            if let Some(id) = column.id(row) {
                *number = self.intern_id(namespace, &id)?;
            }
        }
        Ok(())
    }

    /// The person of the id with this number.
    pub(in crate::engine) fn person(&self, id: u32) -> u32 {
        self.people.get(id as usize).copied().unwrap_or(id)
    }

    /// Says whose the ids interned so far are: for each the smallest number of its person's.
    pub(in crate::engine) fn link(&mut self, people: Vec<u32>) {
        self.people = people;
    }

    /// What `find` says of every id, by its namespace and text, with the person of the id; of a token, which has no text, nothing. By
    /// so many threads.
    pub(in crate::engine) fn look_up<T: Send>(
        &self,
        threads: usize,
        find: impl Fn(&str, &str) -> Option<T> + Sync,
    ) -> Vec<(u32, T)> {
        let mut all = Vec::new();
        for (name, ids) in &self.namespaces {
            let parts = in_parallel(ids.numbers.parts(threads), |part| {
                let of_id = |(number, id): (i64, u32)| Some((id, find(name, &number.to_string())?));
                part.filter_map(of_id).collect::<Vec<_>>()
            });
            all.extend(parts.into_iter().flatten());
            all.extend(ids.texts.iter().filter_map(|(text, id)| Some((*id, find(name, text)?))));
        }
        all.iter_mut().for_each(|(id, _)| *id = self.person(*id));
        all
    }

    /// The pseudonym of each person, by number: the smallest of their ids' pseudonyms, under the key that `key` gives for their namespace. By
    /// so many threads.
    pub(in crate::engine) fn pseudonyms<K: AsRef<PseudonymKey> + Sync>(
        &self,
        key: impl Fn(&str) -> K,
        threads: usize,
    ) -> Vec<Pseudonym> {
        let mut all = vec![Pseudonym::LARGEST; self.len()];
        let mut lower = |id: u32, pseudonym: Pseudonym| {
            if let Some(slot) = all.get_mut(self.person(id) as usize) {
                *slot = pseudonym.min(*slot);
            }
        };
        for (name, ids) in &self.namespaces {
            let key = key(name);
            let key = key.as_ref();
            let parts = in_parallel(ids.numbers.parts(threads), |part| {
                let mut spelled = String::new();
                let of_id = |(number, id): (i64, u32)| {
                    use std::fmt::Write as _;
                    spelled.clear();
                    // Writing to a string cannot fail.
                    let _ = write!(spelled, "{number}");
                    (id, key.pseudonym(spelled.as_bytes()))
                };
                part.map(of_id).collect::<Vec<_>>()
            });
            parts.into_iter().flatten().for_each(|(id, pseudonym)| lower(id, pseudonym));
            for (text, id) in &ids.texts {
                lower(*id, key.pseudonym(text.as_bytes()));
            }
            for (token, id) in &ids.tokens {
                lower(*id, key.pseudonym(token));
            }
        }
        all
    }
}

/// The numbers of the first `count` ids of a column, new or known, before links are applied; `NO_PERSON` for a missing one.
///
/// # Errors
/// [`EngineError::TooManyIds`], [`EngineError::Memory`]
pub(in crate::engine) fn numbers(
    interner: &RwLock<Interner>,
    namespace: &str,
    column: &Column,
    count: usize,
) -> Result<Vec<u32>, EngineError> {
    let known = interner.read().unwrap_or_else(PoisonError::into_inner).namespace(namespace);
    let new = || interner.write().unwrap_or_else(PoisonError::into_inner).intern_namespace(namespace);
    numbers_of(interner, known.unwrap_or_else(new), column, count)
}

/// As [`numbers`], of a namespace that is known.
///
/// # Errors
/// [`EngineError::TooManyIds`], [`EngineError::Memory`]
pub(in crate::engine) fn numbers_of(
    interner: &RwLock<Interner>,
    namespace: Namespace,
    column: &Column,
    count: usize,
) -> Result<Vec<u32>, EngineError> {
    // Read once here, and not each time that one is looked for.
    let spelled = column.as_numbers();
    let column = spelled.as_ref().unwrap_or(column);
    let known = interner.read().unwrap_or_else(PoisonError::into_inner);
    let ids = known.namespaces.get(namespace.0);
    let mut all = ids.map_or_else(|| vec![NO_PERSON; count], |(_, ids)| ids.find_all(column, count));
    drop(known);
    let unknown = |(row, number): (usize, &u32)| *number == NO_PERSON && column.id(row).is_some();
    if all.iter().enumerate().any(unknown) {
        let mut known = interner.write().unwrap_or_else(PoisonError::into_inner);
        known.add_missing(namespace, column, &mut all)?;
    }
    Ok(all)
}

/// From ids by number to the people they are of.
pub(in crate::engine) fn people(interner: &RwLock<Interner>, mut numbers: Vec<u32>) -> Vec<u32> {
    let known = interner.read().unwrap_or_else(PoisonError::into_inner);
    if !known.people.is_empty() {
        numbers.iter_mut().for_each(|number| *number = known.person(*number));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Secret;

    #[test]
    fn an_id_has_one_number_and_one_pseudonym_in_either_spelling() {
        let mut interner = Interner::default();
        let phone = interner.intern_namespace("phone");
        assert_eq!(interner.intern_id(phone, &Id::Number(7)).unwrap(), 0);
        assert_eq!(interner.intern_id(phone, &Id::Text("007")).unwrap(), 1);
        assert_eq!(interner.intern_id(phone, &Id::Number(7)).unwrap(), 0);
        assert_eq!(interner.find(phone, &Id::Text("x")), None);
        let epoch = Secret::new([3; 32]);
        let key = PseudonymKey::derive(&epoch, "phone");
        let pseudonyms = interner.pseudonyms(|name| PseudonymKey::derive(&epoch, name), 2);
        assert!(pseudonyms[0] == key.pseudonym(b"7") && pseudonyms[1] == key.pseudonym(b"007"));
    }

    #[test]
    fn ids_that_are_spelled_alike_in_two_namespaces_are_two() {
        let mut interner = Interner::default();
        let [phone, card] = ["phone", "card"].map(|name| interner.intern_namespace(name));
        assert!(interner.namespace("phone") == Some(phone) && interner.namespace("device").is_none());
        for id in [Id::Number(7), Id::Text("x")] {
            let first = interner.intern_id(phone, &id).unwrap();
            assert_eq!(interner.find(card, &id), None);
            assert_eq!(interner.intern_id(card, &id).unwrap(), first + 1);
            assert_eq!(interner.intern_id(phone, &id).unwrap(), first);
        }
    }

    #[test]
    fn the_ids_of_a_linked_person_are_theirs_and_share_their_smallest_pseudonym() {
        let mut interner = Interner::default();
        let [phone, card] = ["phone", "card"].map(|name| interner.intern_namespace(name));
        let ids =
            [(phone, Id::Number(1)), (card, Id::Number(1)), (card, Id::Number(2)), (card, Id::Text("x"))];
        for (namespace, id) in &ids {
            interner.intern_id(*namespace, id).unwrap();
        }
        interner.link(vec![0, 0, 2, 0]);
        let stranger = interner.intern_id(phone, &Id::Number(9)).unwrap();
        assert_eq!(
            ids.each_ref().map(|(namespace, id)| interner.find(*namespace, id)),
            [0, 0, 2, 0].map(Some)
        );
        assert_eq!((stranger, interner.intern_id(card, &Id::Text("x")).unwrap()), (4, 3));
        // What is found of any of their ids is theirs.
        let found = interner.look_up(2, |ids, id| (ids != "phone" || id == "9").then(|| id.to_owned()));
        let mut found: Vec<(u32, String)> = found.into_iter().collect();
        found.sort();
        assert_eq!(found, [(0, "1"), (0, "x"), (2, "2"), (4, "9")].map(|(id, text)| (id, text.to_owned())));
        for byte in 0..20 {
            let epoch = Secret::new([byte; 32]);
            let [phones, cards] = ["phone", "card"].map(|name| PseudonymKey::derive(&epoch, name));
            let smallest = phones.pseudonym(b"1").min(cards.pseudonym(b"1")).min(cards.pseudonym(b"x"));
            let all = interner.pseudonyms(|name| PseudonymKey::derive(&epoch, name), 2);
            assert!(
                all[0] == smallest && all[2] == cards.pseudonym(b"2") && all[4] == phones.pseudonym(b"9")
            );
        }
    }
}
