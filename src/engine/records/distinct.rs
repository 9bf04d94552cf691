//! Sets of fingerprints, one a person, for counting different values up to a cap: small tables in one arena.
//!
//! A table of up to 64 places is a list, compared with a new fingerprint as a whole: a processor compares several places at once, and
//! nothing has to be placed anew when a set outgrows it. Larger ones are hash tables.

use crate::engine::ids::multiply_shift::MultiplyShift;

/// The logarithm of the size of the smallest table; larger ones are twice, four times as large, and so on.
const SMALLEST: u8 = 2;

/// The logarithm of the size of the largest list; larger tables are hash tables, three quarters full at most.
const LARGEST_LIST: u8 = 6;

/// Places that are compared without a branch between them.
const LINE: usize = 16;

/// Fingerprints that are looked for together.
const LOOKAHEAD: usize = 128;

/// The set of one person.
#[derive(Clone, Copy, Default)]
struct Set {
    /// Where its table begins.
    start: u32,
    /// How many fingerprints it has, the fingerprint 0 included.
    len: u16,
    /// The logarithm of the size of its table; 0 where there is none: in an empty set, and in one that takes no more.
    log: u8,
    /// Whether it has the fingerprint 0, which means a free place in the table.
    zero: bool,
}

impl Set {
    /// How many places its table has.
    const fn size(self) -> usize {
        if self.log == 0 { 0 } else { 1 << self.log }
    }

    /// How many places of the table are taken.
    fn placed(self) -> usize {
        usize::from(self.len.saturating_sub(u16::from(self.zero)))
    }
}

/// What all sets have in common.
#[derive(Clone, Copy)]
struct Rule {
    cap: u16,
    hash: MultiplyShift,
}

/// How many places of a table of this size may be taken.
const fn room(log: u8) -> usize {
    let size = 1_usize << log;
    if log <= LARGEST_LIST { size } else { size - size / 4 }
}

/// A fingerprint as it is in a table; a free place has 0.
trait Place: Copy + Default + Eq {
    /// `None` if it has no room.
    fn of(fingerprint: u64) -> Option<Self>;
    fn fingerprint(self) -> u64;
}

impl Place for u32 {
    fn of(fingerprint: u64) -> Option<Self> {
        fingerprint.try_into().ok()
    }

    fn fingerprint(self) -> u64 {
        self.into()
    }
}

impl Place for u64 {
    fn of(fingerprint: u64) -> Option<Self> {
        Some(fingerprint)
    }

    fn fingerprint(self) -> u64 {
        self
    }
}

/// The tables of all sets.
#[derive(Default)]
struct Tables<P> {
    places: Vec<P>,
    /// Where tables that were outgrown begin, by the logarithm of their size.
    free: Vec<Vec<u32>>,
}

/// Whether any place of a list is this one.
fn has<P: Place>(list: &[P], place: P) -> bool {
    let any = |places: &[P]| places.iter().fold(false, |any, known| any | (*known == place));
    let (lines, rest) = list.as_chunks::<LINE>();
    lines.iter().fold(any(rest), |found, line| found | any(line))
}

impl<P: Place> Tables<P> {
    /// Adds a few fingerprints to the sets of people. Looking first where all of them may be lets the waits for memory overlap.
    fn add_all(&mut self, sets: &mut [Set], rule: Rule, observed: &[(usize, u64)]) {
        for (person, fingerprint) in observed {
            let set = sets.get(*person).copied().unwrap_or_default();
            let there = match set.log {
                ..=LARGEST_LIST => self.touch(set),
                log => {
                    self.places.get(set.start as usize + rule.hash.place(*fingerprint, log.into())).copied()
                }
            };
            std::hint::black_box(there);
        }
        for (person, fingerprint) in observed {
            if let Some(set) = sets.get_mut(*person).filter(|set| set.len < rule.cap) {
                self.add(set, rule, *fingerprint);
            }
        }
    }

    /// Reads a place of every line of a list.
    fn touch(&self, set: Set) -> Option<P> {
        let (start, quarter) = (set.start as usize, set.size() / 4);
        let at = |place: usize| self.places.get(start + place).copied();
        std::hint::black_box([at(quarter), at(2 * quarter), at(3 * quarter)]);
        at(0)
    }

    /// Adds a fingerprint to a set that takes more.
    fn add(&mut self, set: &mut Set, rule: Rule, fingerprint: u64) {
        let Some(place) = P::of(fingerprint) else { return };
        if fingerprint == 0 {
            if !set.zero {
                (set.zero, set.len) = (true, set.len + 1);
            }
        } else {
            let Some(free) = self.free_place(*set, rule.hash, place) else { return };
            let fits = set.log > 0 && set.placed() < room(set.log);
            set.len += 1;
            // A set that has as many fingerprints as are counted needs none, so the last one is never placed.
            if set.len < rule.cap {
                let free = if fits { Some(free) } else { self.grow(set, rule, place) };
                if let Some(slot) = free.and_then(|free| self.places.get_mut(free)) {
                    *slot = place;
                }
            }
        }
        if set.len >= rule.cap && set.log > 0 {
            self.outgrow(set.start, set.log);
            set.log = 0;
        }
    }

    /// The place of a fingerprint that a set does not have yet, behind its list where that is full; `None` if it has it.
    fn free_place(&self, set: Set, hash: MultiplyShift, place: P) -> Option<usize> {
        let first = set.start as usize;
        if set.log <= LARGEST_LIST {
            let list = self.places.get(first..first + set.size()).unwrap_or_default();
            return if has(list, place) { None } else { Some(first + set.placed()) };
        }
        let mask = set.size() - 1;
        let home = hash.place(place.fingerprint(), u32::from(set.log));
        // A quarter of the places is free in every table.
        let places = (home..home + mask + 1).map(|at| first + (at & mask));
        for at in places {
            match self.places.get(at) {
                Some(known) if *known == place => return None,
                Some(known) if *known == P::default() => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// Moves a set to a table that is large enough for one more fingerprint, which its length counts, and says where its place is.
    fn grow(&mut self, set: &mut Set, rule: Rule, place: P) -> Option<usize> {
        let old = *set;
        set.log = if old.log == 0 { SMALLEST } else { old.log + 1 };
        set.start = self.table(set.log);
        let (from, to) = (old.start as usize, set.start as usize);
        if set.log <= LARGEST_LIST {
            // Every table lies inside the arena.
            if from.max(to) + old.size() <= self.places.len() {
                self.places.copy_within(from..from + old.size(), to);
            }
            self.outgrow(old.start, old.log);
            return Some(to + old.size());
        }
        for at in from..from + old.size() {
            let Some(known) = self.places.get(at).copied().filter(|known| *known != P::default()) else {
                continue;
            };
            let to = self.free_place(*set, rule.hash, known);
            if let Some(slot) = to.and_then(|to| self.places.get_mut(to)) {
                *slot = known;
            }
        }
        self.outgrow(old.start, old.log);
        self.free_place(*set, rule.hash, place)
    }

    /// Leaves a table, if there is one, to the next set that needs one of its size.
    fn outgrow(&mut self, start: u32, log: u8) {
        if log == 0 {
            return;
        }
        if self.free.len() <= usize::from(log) {
            self.free.resize(usize::from(log) + 1, Vec::new());
        }
        if let Some(tables) = self.free.get_mut(usize::from(log)) {
            tables.push(start);
        }
    }

    /// Where an empty table of this size begins.
    fn table(&mut self, log: u8) -> u32 {
        let size = 1_usize << log;
        if let Some(start) = self.free.get_mut(usize::from(log)).and_then(Vec::pop) {
            let first = start as usize;
            self.places.get_mut(first..first + size).unwrap_or_default().fill(P::default());
            return start;
        }
        let start = self.places.len();
        self.places.resize(start + size, P::default());
        // 2^32 places are 16 GB, for the people of one partition.
        u32::try_from(start).unwrap_or(u32::MAX)
    }

    /// The fingerprints that a set has placed, but for 0.
    fn of(&self, set: Set) -> Vec<u64> {
        let first = set.start as usize;
        let table = self.places.get(first..first + set.size()).unwrap_or_default();
        table.iter().filter(|place| **place != P::default()).map(|place| place.fingerprint()).collect()
    }

    fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<P>()
    }
}

/// Places have 32 bits until a fingerprint comes that needs more, which none of many a column does: half the memory to wait for.
enum AnyTables {
    Narrow(Tables<u32>),
    Wide(Tables<u64>),
}

/// The sets of everybody. A set that has as many fingerprints as are counted takes no more and is not looked into again.
pub(in crate::engine) struct DistinctSets {
    rule: Rule,
    sets: Vec<Set>,
    tables: AnyTables,
}

impl DistinctSets {
    /// Bytes that are held for a person whose set is empty.
    pub(super) const BYTES_OF_PERSON: usize = size_of::<Set>();

    /// Empty sets for people numbered `0..people`, each of at most `cap` fingerprints.
    pub(in crate::engine) fn new(people: usize, cap: u16) -> Self {
        let rule = Rule { cap, hash: MultiplyShift::random() };
        Self { rule, sets: vec![Set::default(); people], tables: AnyTables::Narrow(Tables::default()) }
    }

    /// Adds fingerprints to the sets of people.
    pub(super) fn add_all(&mut self, fingerprints: impl Iterator<Item = (usize, u64)>) {
        let mut fingerprints = fingerprints.fuse();
        let mut observed = [(0, 0); LOOKAHEAD];
        loop {
            let (mut looked, mut count, mut all) = (0, 0, 0);
            for (person, fingerprint) in fingerprints.by_ref().take(LOOKAHEAD) {
                // Those of a set that takes no more are written over, which needs no branch.
                if let Some(slot) = observed.get_mut(count) {
                    *slot = (person, fingerprint);
                }
                count += usize::from(self.sets.get(person).is_some_and(|set| set.len < self.rule.cap));
                looked += 1;
                all |= fingerprint;
            }
            if all > u64::from(u32::MAX) {
                self.widen();
            }
            let observed = observed.get(..count).unwrap_or_default();
            match &mut self.tables {
                AnyTables::Narrow(tables) => tables.add_all(&mut self.sets, self.rule, observed),
                AnyTables::Wide(tables) => tables.add_all(&mut self.sets, self.rule, observed),
            }
            if looked < LOOKAHEAD {
                return;
            }
        }
    }

    /// Makes room for people numbered `0..people`.
    pub(super) fn grow(&mut self, people: usize) {
        self.sets.resize(self.sets.len().max(people), Set::default());
    }

    /// The fingerprints of a person, ascending; `None` for a set that takes no more, which has forgotten them.
    pub(super) fn fingerprints(&self, person: usize) -> Option<Vec<u64>> {
        let set = self.sets.get(person).copied().unwrap_or_default();
        if set.len >= self.rule.cap {
            return None;
        }
        let mut all = match &self.tables {
            AnyTables::Narrow(tables) => tables.of(set),
            AnyTables::Wide(tables) => tables.of(set),
        };
        all.extend(set.zero.then_some(0));
        all.sort_unstable();
        Some(all)
    }

    /// Makes a set one that takes no more.
    pub(super) fn fill(&mut self, person: usize) {
        let Some(set) = self.sets.get_mut(person) else { return };
        set.len = self.rule.cap;
        match &mut self.tables {
            AnyTables::Narrow(tables) => tables.outgrow(set.start, set.log),
            AnyTables::Wide(tables) => tables.outgrow(set.start, set.log),
        }
        set.log = 0;
    }

    /// Every fingerprint stays where it is.
    fn widen(&mut self) {
        if let AnyTables::Narrow(narrow) = &mut self.tables {
            let places = narrow.places.iter().copied().map(u64::from).collect();
            self.tables = AnyTables::Wide(Tables { places, free: std::mem::take(&mut narrow.free) });
        }
    }

    /// Bytes of the tables of all sets.
    pub(super) fn bytes_of_sets(&self) -> usize {
        match &self.tables {
            AnyTables::Narrow(tables) => tables.bytes(),
            AnyTables::Wide(tables) => tables.bytes(),
        }
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
