//! Lists owner by owner, in blocks of owners: what a thread sorts, or looks at, at a time fits the processor's cache.

use crate::engine::read::scan::shared_out;

/// Owners of one block, a power of two.
pub(super) const OWNERS: usize = 4_096;
/// The bits of an owner's number that are their place in a block.
const PLACE: u32 = (1 << OWNERS.ilog2()) - 1;

/// The lists of consecutive owners, each ascending unless they were truncated.
#[derive(Default)]
pub(super) struct Block {
    /// Where the list of each owner ends; those behind the last one have none.
    ends: Vec<usize>,
    targets: Vec<u32>,
}

impl Block {
    /// The lists of all owners, empty ones included, up to the last one that has one.
    pub(super) fn lists(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let list = self.targets.get(start..*end).unwrap_or_default();
            start = *end;
            list
        })
    }

    /// Adds the list of the next owner.
    pub(super) fn add(&mut self, targets: impl IntoIterator<Item = u32>) {
        self.targets.extend(targets);
        self.ends.push(self.targets.len());
    }

    /// How many targets all lists have.
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.ends.capacity() * size_of::<usize>() + self.targets.capacity() * size_of::<u32>()
    }

    /// The lists of these pairs, in the order of their targets as they come.
    fn of(parts: &[Vec<u64>]) -> Self {
        let pairs = || parts.iter().flatten();
        let last = pairs().map(|pair| owner(*pair)).max();
        let mut ends = vec![0; last.map_or(0, |last| last + 1)];
        for pair in pairs() {
            if let Some(count) = ends.get_mut(owner(*pair)) {
                *count += 1;
            }
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        // Each end is where the list begins, and moves to where it ends while its targets are placed.
        let mut targets = vec![0; before];
        for pair in pairs() {
            if let Some(end) = ends.get_mut(owner(*pair)) {
                if let Some(slot) = targets.get_mut(*end) {
                    *slot = target(*pair);
                }
                *end += 1;
            }
        }
        Self { ends, targets }
    }

    /// Sorts each list and drops what it repeats.
    fn distinct(mut self) -> Self {
        let (mut start, mut kept) = (0, 0);
        for end in &mut self.ends {
            self.targets.get_mut(start..*end).unwrap_or_default().sort_unstable();
            let mut last = None;
            for at in start..*end {
                let target = self.targets.get(at).copied();
                if target != last {
                    if let (Some(slot), Some(target)) = (self.targets.get_mut(kept), target) {
                        *slot = target;
                    }
                    kept += 1;
                    last = target;
                }
            }
            start = std::mem::replace(end, kept);
        }
        self.targets.truncate(kept);
        self
    }
}

/// Pairs of owner and target by the block of the owner, as one thread comes across them.
#[derive(Default)]
pub(super) struct Pairs(Vec<Vec<u64>>);

fn owner(pair: u64) -> usize {
    usize::try_from(pair >> 32).unwrap_or(usize::MAX)
}

fn target(pair: u64) -> u32 {
    u32::try_from(pair & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

impl Pairs {
    /// Adds a pair.
    #[inline]
    pub(super) fn push(&mut self, owner: u32, target: u32) {
        let (block, owner) = (owner as usize / OWNERS, u64::from(owner & PLACE));
        if block >= self.0.len() {
            self.0.resize_with(block + 1, Vec::new);
        }
        if let Some(pairs) = self.0.get_mut(block) {
            pairs.push(owner << 32 | u64::from(target));
        }
    }

    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(Vec::capacity).sum::<usize>() * size_of::<u64>()
    }
}

impl FromIterator<(u32, u32)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(pairs: I) -> Self {
        let mut all = Self::default();
        pairs.into_iter().for_each(|(owner, target)| all.push(owner, target));
        all
    }
}

/// The blocks of all pairs, by so many threads, and how many pairs each owner had. Lists are sorted and have nothing twice.
pub(super) fn distinct(parts: Vec<Pairs>, threads: usize) -> Vec<(Block, Vec<u32>)> {
    shared_out(by_block(parts), threads, |pairs| {
        let block = Block::of(&pairs);
        drop(pairs);
        let rows = block.lists().map(|list| u32::try_from(list.len()).unwrap_or(u32::MAX)).collect();
        (block.distinct(), rows)
    })
}

/// The blocks of all pairs, by so many threads. The targets of each list are in the order of the parts, and inside of them as they
/// came.
pub(super) fn in_order(parts: Vec<Pairs>, threads: usize) -> Vec<Block> {
    shared_out(by_block(parts), threads, |pairs| Block::of(&pairs))
}

/// The pairs of each block, part by part.
fn by_block(parts: Vec<Pairs>) -> Vec<Vec<Vec<u64>>> {
    let mut all = Vec::new();
    for (at, Pairs(blocks)) in parts.into_iter().enumerate() {
        if all.len() < blocks.len() {
            all.resize_with(blocks.len(), || Vec::with_capacity(at + 1));
        }
        all.iter_mut().zip(blocks).for_each(|(all, pairs): (&mut Vec<_>, _)| all.push(pairs));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn lists(blocks: &[Block]) -> BTreeMap<usize, Vec<u32>> {
        let of_block = |(at, block): (usize, &Block)| {
            let lists = block.lists().map(<[u32]>::to_vec).enumerate();
            lists.map(|(owner, list)| (at * OWNERS + owner, list)).collect::<Vec<_>>()
        };
        let all = blocks.iter().enumerate().flat_map(of_block);
        all.filter(|(_, list)| !list.is_empty()).collect()
    }

    /// Guards that blocks hold what plain maps of sets and lists hold, whatever the parts and threads.
    #[test]
    fn blocks_are_what_plain_lists_are() {
        let mut rng = StdRng::seed_from_u64(20);
        for (owners, count, threads) in
            [(1, 3, 1), (30, 400, 2), (5_000, 900, 2), (20_000, 30_000, 3), (9_000, 0, 2)]
        {
            let parts: Vec<Vec<(u32, u32)>> = (0..3)
                .map(|_| (0..count).map(|_| (rng.random_range(0..owners), rng.random_range(0..40))).collect())
                .collect();
            let pairs = || parts.iter().map(|part| part.iter().copied().collect()).collect();
            let (mut sets, mut plain) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::<_, Vec<_>>::new());
            for (owner, target) in parts.iter().flatten() {
                sets.entry(*owner as usize).or_default().insert(*target);
                plain.entry(*owner as usize).or_default().push(*target);
            }
            let sets: BTreeMap<usize, Vec<u32>> =
                sets.into_iter().map(|(owner, set)| (owner, set.into_iter().collect())).collect();
            let (blocks, rows): (Vec<Block>, Vec<Vec<u32>>) = distinct(pairs(), threads).into_iter().unzip();
            assert_eq!(lists(&blocks), sets);
            for (owner, rows) in
                (0..).step_by(OWNERS).zip(&rows).flat_map(|(first, rows)| (first..).zip(rows))
            {
                assert_eq!(*rows as usize, plain.get(&owner).map_or(0, Vec::len));
            }
            assert_eq!(lists(&in_order(pairs(), threads)), plain);
        }
    }
}
