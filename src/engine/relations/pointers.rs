//! Records that name another person: each owner's names are one list, truncated before any window or condition is looked at.

use hashbrown::{HashMap, HashSet};

use super::lists::{Lists, both_covered};
use crate::consent::Covered;
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::read::reading::Reading;
use crate::engine::read::work::Step;
use crate::engine::records::rows::{ColumnCells, Rows};
use crate::engine::records::values::Values;
use crate::tags::{Catalogue, Naming, Source};

/// Owner and target as one number.
type Edge = u64;

fn edge(owner: u32, target: u32) -> Edge {
    (u64::from(owner) << 32) | u64::from(target)
}

fn ends(edge: Edge) -> Option<(u32, u32)> {
    Some((u32::try_from(edge >> 32).ok()?, u32::try_from(edge & u64::from(u32::MAX)).ok()?))
}

/// A field of type person that measures read. Positions are of columns that are read, and of selections.
pub(in crate::engine) struct Pointer {
    pub(in crate::engine) relation: usize,
    pub(in crate::engine) column: usize,
    /// Measure, selection, and the summed column if there is one.
    pub(in crate::engine) measures: Vec<(usize, usize, Option<usize>)>,
}

/// What the records of all owners point at, independent of coverage; grows with pairs of people, not with rows.
pub(in crate::engine) struct Pointed {
    named: HashSet<Edge>,
    /// For every measure: what the selected records of a pair add up to.
    sums: Vec<(usize, HashMap<Edge, i128>)>,
}

impl Pointer {
    /// No records yet.
    pub(in crate::engine) fn start(&self) -> Pointed {
        let sums = self.measures.iter().map(|(measure, ..)| (*measure, HashMap::new()));
        Pointed { named: HashSet::new(), sums: sums.collect() }
    }
}

impl Pointed {
    /// Adds one batch; `chosen` are the owners of the rows of every selection.
    pub(in crate::engine) fn accumulate(
        &mut self,
        pointer: &Pointer,
        rows: &Rows,
        chosen: &[Vec<u32>],
        reading: &Reading,
    ) {
        let Some(ColumnCells::People(targets)) = rows.cells.get(pointer.column) else { return };
        let pairs = |owners: &[u32]| {
            let pairs = owners.iter().zip(targets).enumerate();
            let named = pairs.filter(|(_, (owner, target))| {
                **owner != NO_PERSON && **target != NO_PERSON && owner != target
            });
            named.map(|(row, (owner, target))| (row, edge(*owner, *target))).collect::<Vec<_>>()
        };
        let named = pairs(&rows.owners);
        reading.count(Step::Insert, named.len());
        self.named.extend(named.into_iter().map(|(_, edge)| edge));
        for ((_, selection, summed), (_, sums)) in pointer.measures.iter().zip(&mut self.sums) {
            let numbers = summed.map(|column| rows.cells.get(column).and_then(ColumnCells::numbers));
            let owners = chosen.get(*selection).map_or(&[][..], Vec::as_slice);
            let summed = pairs(owners);
            reading.count(Step::Insert, summed.len());
            for (row, edge) in summed {
                let value = match numbers {
                    None => 1,
                    Some(numbers) => {
                        use arrow_array::Array as _;
                        numbers.filter(|n| n.is_valid(row)).map_or(0, |n| i128::from(n.value(row)))
                    }
                };
                let sum = sums.entry(edge).or_insert(0);
                *sum = sum.saturating_add(value);
            }
        }
    }

    /// Adds what another thread has gathered.
    pub(in crate::engine) fn and(&mut self, other: Self) {
        self.named.extend(other.named);
        for ((_, own), (_, others)) in self.sums.iter_mut().zip(other.sums) {
            for (edge, value) in others {
                let sum = own.entry(edge).or_insert(0);
                *sum = sum.saturating_add(value);
            }
        }
    }

    /// Whom each owner names, and what the selected records of the pair add up to, measure by measure; nothing for a measure that selects
    /// none of them.
    pub(in crate::engine) fn pairs(&self) -> impl Iterator<Item = (u32, u32, Vec<Option<i128>>)> {
        self.named.iter().filter_map(|edge| {
            let (owner, target) = ends(*edge)?;
            Some((owner, target, self.sums.iter().map(|(_, sums)| sums.get(edge).copied()).collect()))
        })
    }

    /// Bytes that are held.
    pub(in crate::engine) fn bytes(&self) -> usize {
        // A hash table has one byte of its own for each entry.
        let named = self.named.capacity() * (size_of::<Edge>() + 1);
        let sums = self.sums.iter().map(|(_, sums)| sums.capacity() * (size_of::<(Edge, i128)>() + 1));
        sums.fold(named, usize::saturating_add)
    }

    /// The names of all owners as lists, which are truncated like those of a relation.
    pub(in crate::engine) fn lists(&self, threads: usize) -> Lists {
        Lists::of(self.named.iter().filter_map(|edge| ends(*edge)).collect(), threads)
    }

    /// Every measure for one recipient, from the truncated lists. What is sent is computed for every pair, and counts if both
    /// are in.
    pub(in crate::engine) fn values(
        &self,
        truncated: &Lists,
        catalogue: &Catalogue,
        (people, covered, reading): (usize, &Covered, &Reading),
    ) -> Vec<(usize, Values)> {
        let value = |(measure, sums): &(usize, HashMap<Edge, i128>)| {
            let declared = catalogue.measures().get(*measure)?;
            let Source::Referred { what, .. } = &declared.source else { return None };
            let mut totals = vec![0i128; people];
            for (owner, target) in truncated.pairs() {
                let Some(value) = sums.get(&edge(owner, target)) else { continue };
                let value = if *what == Naming::People { 1 } else { *value };
                reading.count(Step::Contribution, 1);
                if let Some(total) = totals.get_mut(target as usize) {
                    *total = total.saturating_add(both_covered(owner, target, covered).mask(value));
                }
            }
            Some((*measure, Values::whole_numbers(declared.range(), totals.into_iter())))
        };
        self.sums.iter().filter_map(value).collect()
    }
}
