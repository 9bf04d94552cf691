//! Sets of fingerprints, one a person, for counting different values up to a cap: small open tables in one arena.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

/// The smallest table; larger ones are twice, four times as large, and so on.
const SMALLEST: usize = 4;

/// Fingerprints that are looked for together.
const LOOKAHEAD: usize = 128;

/// Fingerprints in places; a free one has 0. Places have 32 bits until a fingerprint comes that needs more, which no fingerprint of many a column
/// does: half the memory to wait for.
struct Arena {
    words: Vec<u32>,
    /// Words of a place: one or two.
    width: usize,
}

impl Arena {
    fn len(&self) -> usize {
        self.words.len() / self.width
    }

    fn get(&self, place: usize) -> Option<u64> {
        if self.width == 1 {
            return self.words.get(place).copied().map(u64::from);
        }
        let (low, high) = (self.words.get(place * 2)?, self.words.get(place * 2 + 1)?);
        Some(u64::from(*low) | u64::from(*high) << 32)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower and the upper half")]
    fn set(&mut self, place: usize, fingerprint: u64) {
        let mut put = |place: usize, half: u32| {
            if let Some(word) = self.words.get_mut(place) {
                *word = half;
            }
        };
        put(place * self.width, fingerprint as u32);
        if self.width > 1 {
            put(place * 2 + 1, (fingerprint >> 32) as u32);
        }
    }

    /// Every place stays where it is.
    fn widen(&mut self) {
        self.words = self.words.iter().flat_map(|word| [*word, 0]).collect();
        self.width = 2;
    }

    fn clear(&mut self, first: usize, places: usize) {
        let words = first * self.width..(first + places) * self.width;
        self.words.get_mut(words).unwrap_or_default().fill(0);
    }

    fn grow(&mut self, places: usize) {
        self.words.resize(self.words.len() + places * self.width, 0);
    }
}

/// The set of one person.
#[derive(Clone, Copy, Default)]
struct Set {
    /// Where its table begins, counted in smallest tables.
    start: u32,
    /// How many fingerprints it has, the fingerprint 0 included.
    len: u16,
    /// Whether it has the fingerprint 0, which means a free place in the table.
    zero: bool,
}

/// The sets of everybody. A set that has as many fingerprints as are counted takes no more and is not looked into again.
pub(super) struct DistinctSets {
    cap: u16,
    hasher: DefaultHashBuilder,
    sets: Vec<Set>,
    arena: Arena,
    /// Tables that were outgrown, by the logarithm of their size.
    free: Vec<Vec<u32>>,
}

impl DistinctSets {
    /// Bytes that are held for a person whose set is empty.
    pub(super) const BYTES_OF_PERSON: usize = size_of::<Set>();

    /// Empty sets for people numbered `0..people`, each of at most `cap` fingerprints.
    pub(in crate::engine) fn new(people: usize, cap: u16) -> Self {
        let arena = Arena { words: Vec::new(), width: 1 };
        let sets = vec![Set::default(); people];
        Self { cap, hasher: DefaultHashBuilder::default(), sets, arena, free: Vec::new() }
    }

    /// The size of the table of a set with so many fingerprints: never more than three quarters full, but for the largest one, which
    /// is as large as the cap.
    fn size(&self, len: u16) -> usize {
        let wanted = usize::from(len) + usize::from(len) / 3 + 1;
        let largest = usize::from(self.cap) + 1;
        wanted.min(largest).next_power_of_two().max(SMALLEST)
    }

    /// Adds fingerprints to the sets of people. Looking first where many of them may be lets the waits for memory overlap.
    pub(super) fn add_all(&mut self, fingerprints: impl Iterator<Item = (usize, u64)>) {
        let mut fingerprints = fingerprints.fuse();
        let mut ahead = [(0, 0, None); LOOKAHEAD];
        let mut there = [0; LOOKAHEAD];
        loop {
            let mut count = 0;
            for (slot, (person, fingerprint)) in ahead.iter_mut().zip(&mut fingerprints) {
                let open = self.sets.get(person).filter(|set| set.len > 0 && set.len < self.cap);
                let home =
                    open.and_then(|set| self.places(set.start, self.size(set.len), fingerprint).next());
                *slot = (person, fingerprint, home);
                count += 1;
            }
            // In a loop of its own: the shorter it is, the more waits overlap.
            for (there, (.., home)) in there.iter_mut().zip(&ahead).take(count) {
                *there = home.and_then(|home| self.arena.get(home)).unwrap_or(0);
            }
            for ((person, fingerprint, _), there) in ahead.iter().zip(&there).take(count) {
                // No fingerprint ever goes, so one that was there is there.
                if there != fingerprint || *fingerprint == 0 {
                    self.add(*person, *fingerprint);
                }
            }
            if count < LOOKAHEAD {
                return;
            }
        }
    }

    /// Adds a fingerprint to the set of a person.
    fn add(&mut self, person: usize, fingerprint: u64) {
        let Some(mut set) = self.sets.get(person).copied().filter(|set| set.len < self.cap) else {
            return;
        };
        let known = if fingerprint == 0 { set.zero } else { set.len > 0 && self.holds(set, fingerprint) };
        if known {
            return;
        }
        // The fingerprint 0 has no place in the table, and counts as if it had.
        self.make_room(&mut set);
        set.len += 1;
        if fingerprint == 0 {
            set.zero = true;
        } else {
            self.put(set.start, self.size(set.len), fingerprint);
        }
        if let Some(slot) = self.sets.get_mut(person) {
            *slot = set;
        }
    }

    /// A table that is large enough for one more fingerprint.
    fn make_room(&mut self, set: &mut Set) {
        let (old, new) = (self.size(set.len), self.size(set.len + 1));
        if set.len > 0 && old == new {
            return;
        }
        let start = self.table(new);
        if set.len > 0 {
            let first = set.start as usize * SMALLEST;
            for place in first..first + old {
                if let Some(fingerprint) = self.arena.get(place).filter(|fingerprint| *fingerprint != 0) {
                    self.put(start, new, fingerprint);
                }
            }
            if let Some(tables) = self.free.get_mut(old.ilog2() as usize) {
                tables.push(set.start);
            }
        }
        set.start = start;
    }

    /// An empty table of this size.
    fn table(&mut self, size: usize) -> u32 {
        let class = size.ilog2() as usize;
        if self.free.len() <= class {
            self.free.resize(class + 1, Vec::new());
        }
        if let Some(start) = self.free.get_mut(class).and_then(Vec::pop) {
            self.arena.clear(start as usize * SMALLEST, size);
            return start;
        }
        let start = self.arena.len() / SMALLEST;
        self.arena.grow(size);
        // 2^32 smallest tables are 128 GB.
        u32::try_from(start).unwrap_or(u32::MAX)
    }

    fn places(&self, start: u32, size: usize, fingerprint: u64) -> impl Iterator<Item = usize> + use<> {
        let first = start as usize * SMALLEST;
        let mask = size - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good as all")]
        let home = self.hasher.hash_one(fingerprint) as usize;
        (0..size).map(move |step| first + (home.wrapping_add(step) & mask))
    }

    fn holds(&self, set: Set, fingerprint: u64) -> bool {
        let places = self.places(set.start, self.size(set.len), fingerprint);
        let found = places
            .filter_map(|place| self.arena.get(place))
            .find(|known| *known == fingerprint || *known == 0);
        found == Some(fingerprint)
    }

    fn put(&mut self, start: u32, size: usize, fingerprint: u64) {
        if fingerprint > u64::from(u32::MAX) && self.arena.width == 1 {
            self.arena.widen();
        }
        let free = self.places(start, size, fingerprint).find(|place| self.arena.get(*place) == Some(0));
        if let Some(place) = free {
            self.arena.set(place, fingerprint);
        }
    }

    /// Bytes of the tables of all sets.
    pub(super) fn bytes_of_sets(&self) -> usize {
        self.arena.words.capacity() * size_of::<u32>()
    }

    /// How many different fingerprints everybody has, at most the cap.
    pub(in crate::engine) fn counts(&self) -> impl Iterator<Item = u32> {
        self.sets.iter().map(|set| u32::from(set.len))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn sets_count_as_plain_sets_do_up_to_their_cap() {
        let mut rng = StdRng::seed_from_u64(8);
        for cap in [1, 2, 3, 4, 5, 7, 8, 16, 63, 64, 65, 300, 4096] {
            let mut plain = vec![BTreeSet::new(); 30];
            let mut fingerprints = DistinctSets::new(30, cap);
            let observed = (0..20_000).map(|observed| {
                let person = rng.random_range(0..31_usize);
                // Few people have many different fingerprints; 0 is one of them, and some need more than 32 bits.
                let fingerprint = rng.random_range(0..1_u64 << (person / 2).min(13));
                (
                    person,
                    if fingerprint % 5 == 4 && observed > 9_000 { fingerprint << 40 } else { fingerprint },
                )
            });
            let observed: Vec<(usize, u64)> = observed.collect();
            for part in observed.chunks(777) {
                fingerprints.add_all(part.iter().copied());
            }
            for (person, fingerprint) in observed {
                if let Some(plain) = plain.get_mut(person) {
                    plain.insert(fingerprint);
                }
            }
            let counts: Vec<u32> = fingerprints.counts().collect();
            let wanted: Vec<u32> =
                plain.iter().map(|set| u32::try_from(set.len()).unwrap().min(u32::from(cap))).collect();
            assert_eq!(counts, wanted, "cap {cap}");
        }
    }
}
