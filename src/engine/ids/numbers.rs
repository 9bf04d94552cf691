//! Whole numbers -> dense numbers, looked up a batch at a time.
//!
//! A lookup in a table of millions waits for memory and little else. Looking first for the places of many ids and only then at
//! what is there lets these waits overlap, which a map asked for one id after another cannot do. Ids that are themselves dense need
//! no search: their numbers stand in a list.

use super::multiply_shift::MultiplyShift;

/// The number of no person: no list of people is so long.
pub(in crate::engine) const NO_PERSON: u32 = u32::MAX;

/// A map of ids, of which nothing is ever removed: a list for small ids, and for all others a table with open addressing, of which at
/// most half of the places are taken.
#[derive(Default)]
pub(in crate::engine) struct Numbers {
    /// The numbers of the smallest ids, by id; never more than [`MOST_LISTED`] as many as there were ids when it was made.
    listed: Vec<u32>,
    /// How many ids are listed.
    of_list: usize,
    hash: MultiplyShift,
    /// As many as a power of two; a free one has the number of no person.
    places: Vec<(i64, u32)>,
    taken: usize,
}

const FREE: (i64, u32) = (0, NO_PERSON);

/// Ids that are looked for together.
const LOOKAHEAD: usize = 256;

/// How many numbers may be listed for each id: as many bytes as its places in a table have.
const MOST_LISTED: usize = 8;

impl Numbers {
    /// The number of an id.
    pub(in crate::engine) fn find(&self, id: i64) -> Option<u32> {
        match self.listed.get(listed_at(id)) {
            Some(number) => Some(*number).filter(|number| *number != NO_PERSON),
            None => self.probe(id, self.home(id)?),
        }
    }

    /// The number of each id, or that of no person, added to `found`.
    pub(super) fn find_all(&self, ids: &[i64], found: &mut Vec<u32>) {
        if self.taken == 0 {
            found.extend(ids.iter().map(|id| self.listed.get(listed_at(*id)).copied().unwrap_or(NO_PERSON)));
        } else if self.listed.is_empty() {
            ids.chunks(LOOKAHEAD).for_each(|ids| self.find_hashed(ids, found));
        } else {
            found.extend(ids.iter().map(|id| self.find(*id).unwrap_or(NO_PERSON)));
        }
    }

    /// As [`Numbers::find_all`], of ids of which none is listed and which are few enough to be looked for together.
    fn find_hashed(&self, ids: &[i64], found: &mut Vec<u32>) {
        let mut homes = [0; LOOKAHEAD];
        let mut firsts = [FREE; LOOKAHEAD];
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

    /// Every id with its number, in about as many parts.
    pub(in crate::engine) fn parts(
        &self,
        parts: usize,
    ) -> impl Iterator<Item = impl Iterator<Item = (i64, u32)>> {
        let [listed, hashed] =
            [self.listed.len(), self.places.len()].map(|all| all.div_ceil(parts.max(1)).max(1));
        (0..parts.max(1)).map(move |part| {
            let (first, ids) = (part * listed, self.listed.iter().skip(part * listed).take(listed));
            let ids = ids.zip(first..).filter_map(|(number, id)| Some((i64::try_from(id).ok()?, *number)));
            let places = self.places.iter().skip(part * hashed).take(hashed).copied();
            ids.chain(places).filter(|(_, number)| *number != NO_PERSON)
        })
    }

    /// Bytes that are held.
    pub(in crate::engine) const fn bytes(&self) -> usize {
        self.places.len() * size_of::<(i64, u32)>() + self.listed.len() * size_of::<u32>()
    }

    /// Adds an id that is not there yet.
    pub(in crate::engine) fn add(&mut self, id: i64, number: u32) {
        if self.listed.get(listed_at(id)).is_none() && (self.taken + 1) * 2 > self.places.len() {
            self.grow();
        }
        if let Some(slot) = self.listed.get_mut(listed_at(id)) {
            *slot = number;
            self.of_list += 1;
        } else {
            self.put(id, number);
            self.taken += 1;
        }
    }

    /// Makes room for one more id beyond the list: by a longer list, if that holds most of the ids in the table, or by a larger table.
    fn grow(&mut self) {
        let ids = self.of_list + self.taken + 1;
        let bound = ids.saturating_mul(MOST_LISTED);
        let hashed = || self.places.iter().filter(|(_, number)| *number != NO_PERSON);
        let near = hashed().map(|(id, _)| listed_at(*id)).filter(|at| *at < bound);
        let (count, last) = near.fold((0, 0), |(count, last), at| (count + 1, at.max(last)));
        let mut size = self.places.len();
        if count * 2 > self.taken {
            // At most twice the bound.
            self.listed.resize((last + 1).next_power_of_two(), NO_PERSON);
        } else {
            size = (size * 2).max(LOOKAHEAD);
        }
        self.taken = 0;
        for (id, number) in std::mem::replace(&mut self.places, vec![FREE; size]) {
            if number == NO_PERSON {
                continue;
            }
            if let Some(slot) = self.listed.get_mut(listed_at(id)) {
                *slot = number;
                self.of_list += 1;
            } else {
                self.put(id, number);
                self.taken += 1;
            }
        }
    }

    /// Where the search for an id begins; `None` in an empty map.
    fn home(&self, id: i64) -> Option<usize> {
        let log = self.places.len().checked_ilog2()?;
        Some(self.hash.place(id.cast_unsigned(), log))
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

/// Where an id would be listed; a negative one nowhere.
fn listed_at(id: i64) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of ids in this order, looked up after every one and together at the end.
    fn check(ids: &[i64], strangers: &[i64]) -> Numbers {
        let mut numbers = Numbers::default();
        let mut none = Vec::new();
        numbers.find_all(ids, &mut none);
        assert!(none.len() == ids.len() && none.iter().all(|number| *number == NO_PERSON));
        for (number, id) in (0_u32..).zip(ids) {
            assert_eq!(numbers.find(*id), None, "{id}");
            // Several ids may have one number.
            numbers.add(*id, number / 2);
            assert_eq!(numbers.find(*id), Some(number / 2), "{id}");
        }
        assert!(ids.iter().zip(0_u32..).all(|(id, number)| numbers.find(*id) == Some(number / 2)));
        let asked: Vec<i64> = ids.iter().zip(strangers.iter().cycle()).flat_map(|(a, b)| [*a, *b]).collect();
        let mut found = Vec::new();
        numbers.find_all(&asked, &mut found);
        let alone: Vec<u32> = asked.iter().map(|id| numbers.find(*id).unwrap_or(NO_PERSON)).collect();
        assert!(found == alone && found.contains(&NO_PERSON));
        let mut all: Vec<(i64, u32)> = ids.iter().copied().zip((0..).map(|number| number / 2)).collect();
        all.sort_unstable();
        for parts in 1..9 {
            let mut found: Vec<(i64, u32)> = numbers.parts(parts).flatten().collect();
            found.sort_unstable();
            assert!(found == all, "{parts} parts");
        }
        assert!(numbers.listed.len() <= 2 * MOST_LISTED * ids.len());
        numbers
    }

    fn scattered(ids: std::ops::Range<i64>) -> Vec<i64> {
        ids.map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())).collect()
    }

    #[test]
    fn every_number_is_found_again_alone_and_together() {
        let sparse = check(&scattered(1..3_000), &[0, 5, -1, i64::MIN]);
        assert!(sparse.listed.is_empty());
        let mut dense: Vec<i64> = (0..3_000).map(|n| n * 1_999 % 3_001).collect();
        let listed = check(&dense, &[-1, i64::MIN, i64::MAX, 3_001, 1 << 40]);
        assert!(listed.listed.len() >= 3_000 && listed.taken == 0);
        // Dense ones, and then as many that are not, which are not listed.
        dense.extend(scattered(1..3_000));
        let both = check(&dense, &[-1, 4_000, i64::MAX, 1 << 41]);
        assert!(both.of_list >= 3_000 && both.taken == dense.len() - both.of_list);
        dense.reverse();
        check(&dense, &[-1, 4_000, i64::MAX]);
    }

    /// Guards the bound of the list: a few ids far away make no long one.
    #[test]
    fn a_list_is_as_long_as_there_are_ids() {
        let mut ids: Vec<i64> = (0..1_000).collect();
        ids.extend([1 << 20, 1 << 40, i64::MAX, -7]);
        let numbers = check(&ids, &[1 << 21]);
        assert!(numbers.listed.len() <= 1_024 && numbers.taken == 4, "{}", numbers.listed.len());
        let apart: Vec<i64> = (0..1_000).map(|n| n * 20).collect();
        assert!(check(&apart, &[-1]).listed.is_empty());
    }
}
