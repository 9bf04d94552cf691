//! Whole numbers -> dense numbers, looked up a batch at a time.
//!
//! A lookup in a table of millions waits for memory and little else. Looking first for the places of many ids and only then at
//! what is there lets these waits overlap, which a map asked for one id after another cannot do.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

/// The number of no person: no list of people is so long.
pub(in crate::engine) const NO_PERSON: u32 = u32::MAX;

/// A map with open addressing and random hashing; at most half of its places are taken, and nothing is ever removed.
#[derive(Default)]
pub(in crate::engine) struct Numbers {
    hasher: DefaultHashBuilder,
    /// As many as a power of two; a free one has the number of no person.
    places: Vec<(i64, u32)>,
    taken: usize,
}

const FREE: (i64, u32) = (0, NO_PERSON);

/// Ids that are looked for together.
const LOOKAHEAD: usize = 256;

impl Numbers {
    /// The number of an id.
    pub(in crate::engine) fn find(&self, id: i64) -> Option<u32> {
        self.probe(id, self.home(id)?)
    }

    /// The number of each id, or that of no person, added to `found`.
    pub(super) fn find_all(&self, ids: &[i64], found: &mut Vec<u32>) {
        if self.places.is_empty() {
            found.extend(ids.iter().map(|_| NO_PERSON));
            return;
        }
        let mut homes = [0; LOOKAHEAD];
        let mut firsts = [FREE; LOOKAHEAD];
        for ids in ids.chunks(LOOKAHEAD) {
            for (home, id) in homes.iter_mut().zip(ids) {
                *home = self.home(*id).unwrap_or(0);
            }
            for (first, home) in firsts.iter_mut().zip(&homes).take(ids.len()) {
                *first = self.places.get(*home).copied().unwrap_or(FREE);
            }
            found.extend(ids.iter().zip(&homes).zip(&firsts).map(|((id, home), first)| {
                if first.1 == NO_PERSON || first.0 == *id {
                    first.1
                } else {
                    self.probe(*id, home + 1).unwrap_or(NO_PERSON)
                }
            }));
        }
    }

    /// Every id with its number, in about as many parts.
    pub(in crate::engine) fn parts(
        &self,
        parts: usize,
    ) -> impl Iterator<Item = impl Iterator<Item = &(i64, u32)>> {
        let size = self.places.len().div_ceil(parts.max(1)).max(1);
        let taken = |(_, number): &&(i64, u32)| *number != NO_PERSON;
        self.places.chunks(size).map(move |part| part.iter().filter(taken))
    }

    /// Bytes that are held.
    pub(in crate::engine) const fn bytes(&self) -> usize {
        self.places.len() * size_of::<(i64, u32)>()
    }

    /// Adds an id that is not there yet.
    pub(in crate::engine) fn add(&mut self, id: i64, number: u32) {
        if (self.taken + 1) * 2 > self.places.len() {
            let larger = vec![FREE; (self.places.len() * 2).max(LOOKAHEAD)];
            for (id, number) in std::mem::replace(&mut self.places, larger) {
                if number != NO_PERSON {
                    self.put(id, number);
                }
            }
        }
        self.put(id, number);
        self.taken += 1;
    }

    /// Where the search for an id begins; `None` in an empty map.
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good as all")]
    fn home(&self, id: i64) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        Some(self.hasher.hash_one(id) as usize & mask)
    }

    fn probe(&self, id: i64, from: usize) -> Option<u32> {
        let places = self.from(from).filter_map(|place| self.places.get(place));
        places
            .take_while(|place| place.1 != NO_PERSON)
            .find_map(|(known, number)| (*known == id).then_some(*number))
    }

    fn put(&mut self, id: i64, number: u32) {
        let home = self.home(id).unwrap_or(0);
        let free =
            self.from(home).find(|place| self.places.get(*place).is_some_and(|place| place.1 == NO_PERSON));
        if let Some(slot) = free.and_then(|place| self.places.get_mut(place)) {
            *slot = (id, number);
        }
    }

    /// All places, once around.
    fn from(&self, first: usize) -> impl Iterator<Item = usize> + use<> {
        let mask = self.places.len().wrapping_sub(1);
        (0..self.places.len()).map(move |step| first.wrapping_add(step) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_found_again_alone_and_together() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.find(7), None);
        let ids: Vec<i64> =
            (0..3_000_i64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())).collect();
        let mut none = Vec::new();
        numbers.find_all(&ids, &mut none);
        assert!(none.len() == ids.len() && none.iter().all(|number| *number == NO_PERSON));
        for (number, id) in (0_u32..).zip(&ids) {
            assert_eq!(numbers.find(*id), None);
            // Several ids may have one number.
            numbers.add(*id, number / 2);
        }
        assert!(ids.iter().zip(0_u32..).all(|(id, number)| numbers.find(*id) == Some(number / 2)));
        let asked: Vec<i64> = ids.iter().flat_map(|id| [*id, id ^ 1]).collect();
        let mut found = Vec::new();
        numbers.find_all(&asked, &mut found);
        let alone: Vec<u32> = asked.iter().map(|id| numbers.find(*id).unwrap_or(NO_PERSON)).collect();
        assert!(found == alone && found.contains(&NO_PERSON));
        assert!((1..9).all(|parts| numbers.parts(parts).flatten().count() == ids.len()));
    }
}
