//! Lists and what travels along them: distinct, no self, one cut of the owner's own list, then contributions.
//!
//! The order is that of PRIVACY.md, normal form, and nothing here may change it: the cut comes before any look at who is
//! in, so that one person moves at most `max_reach` others.

use super::EngineError;
use super::hygiene::{FileHygiene, MaxBadRows};
use super::intern::Interner;
use super::read::{Column, Input, Use, Wanted, open};
use super::records::Values;
use crate::consent::Coverage;
use crate::deidentify::{CutKey, Pseudonym};
use crate::policy::{Dataset, IdColumn};
use crate::tags::Clamp;

/// Owner and target as one number, ordered by owner, then target.
type Edge = u64;

fn edge(owner: u32, target: u32) -> Edge {
    (u64::from(owner) << 32) | u64::from(target)
}

fn owner(edge: Edge) -> usize {
    usize::try_from(edge >> 32).unwrap_or(usize::MAX)
}

fn target(edge: Edge) -> u32 {
    u32::try_from(edge & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// All lists of one relation as written: distinct, without self.
#[derive(Default)]
pub(super) struct Lists {
    edges: Vec<Edge>,
}

impl Lists {
    /// Reads one file. Every row is kept, whoever is in, so that the report depends on the file alone.
    pub(super) fn read(
        &mut self,
        input: Input,
        dataset: &Dataset,
        target: &IdColumn,
        interner: &mut Interner,
        allowed: MaxBadRows,
    ) -> Result<FileHygiene, EngineError> {
        let mut wanted = vec![
            Wanted { column: dataset.owner.as_str(), used: Use::Required },
            Wanted { column: &target.column, used: Use::Required },
        ];
        wanted
            .extend(dataset.fields.iter().map(|field| Wanted { column: &field.column, used: Use::Declared }));
        let mut table = open(input, &wanted)?;
        let mut report = FileHygiene::new(dataset.name.as_str(), &table);
        let namespaces = [&dataset.ids, &target.ids].map(|ids| interner.intern_namespace(ids));
        let target_column = target.column.as_str();
        let mut rows = 0;
        while let Some(batch) = table.next_batch()? {
            let [owners, targets] = batch.columns() else { break };
            let owners = Column::ids(&table.name, &dataset.owner, owners)?;
            let targets = Column::ids(&table.name, target_column, targets)?;
            for row in 0..batch.num_rows() {
                let place = rows + row as u64;
                match (owners.id(row), targets.id(row)) {
                    (None, _) => report.drop_row(place, &dataset.owner, "no owner"),
                    (_, None) => report.drop_row(place, target_column, "no target"),
                    (Some(owner), Some(target)) => {
                        // Ids and not people: the report is about this file, and says nothing of who is linked.
                        let [owners, targets] = namespaces;
                        let owner = interner.intern_id(owners, &owner)?;
                        let target = interner.intern_id(targets, &target)?;
                        if owner == target {
                            report.self_follows += 1;
                        } else {
                            self.edges.push(edge(owner, target));
                        }
                    }
                }
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, allowed)
    }

    /// Drops repeated rows and says how many there were.
    pub(super) fn distinct(&mut self) -> u64 {
        let before = self.edges.len();
        self.edges.sort_unstable();
        self.edges.dedup();
        (before - self.edges.len()) as u64
    }

    /// From ids as written to the people they are of: distinct, and nobody lists herself under another id.
    pub(super) fn join(&mut self, interner: &Interner) {
        for joined in &mut self.edges {
            let (from, to) = (u32::try_from(*joined >> 32).unwrap_or(u32::MAX), target(*joined));
            *joined = edge(interner.person(from), interner.person(to));
        }
        self.edges.retain(|joined| owner(*joined) != target(*joined) as usize);
        self.distinct();
    }

    /// How many distinct people each person lists, whoever they are.
    pub(super) fn own_sizes(&self, people: usize, range: Clamp) -> Values {
        let mut sizes = vec![0i64; people];
        for list in self.by_owner() {
            let size = i128::try_from(list.len()).unwrap_or(i128::MAX);
            if let Some(slot) = list.first().and_then(|edge| sizes.get_mut(owner(*edge))) {
                *slot = range.apply(size);
            }
        }
        sizes.iter_mut().filter(|size| **size == 0).for_each(|size| *size = range.apply(0));
        Values::Whole(sizes)
    }

    fn by_owner(&self) -> impl Iterator<Item = &[Edge]> {
        self.edges.chunk_by(|a, b| owner(*a) == owner(*b))
    }

    /// The lists of people who are in for somebody, each cut to its `max_reach` smallest ranks over *all* its targets.
    ///
    /// # Privacy
    /// Reads the owner's own list and a key; never who is in.
    pub(super) fn cut(
        &self,
        is_in: &[bool],
        max_reach: u32,
        key: &CutKey,
        pseudonyms: &[Pseudonym],
    ) -> Lists {
        let keep = max_reach as usize;
        let mut kept = Vec::new();
        for list in self.by_owner() {
            let Some(first) = list.first().filter(|edge| is_in.get(owner(**edge)) == Some(&true)) else {
                continue;
            };
            if list.len() <= keep {
                kept.extend_from_slice(list);
                continue;
            }
            let Some(owner) = pseudonyms.get(owner(*first)) else { continue };
            let rank =
                |edge: &Edge| pseudonyms.get(target(*edge) as usize).map(|target| key.rank(owner, target));
            let mut ranked: Vec<_> = list.iter().map(|edge| (rank(edge), *edge)).collect();
            ranked.select_nth_unstable(keep - 1);
            kept.extend(ranked.iter().take(keep).map(|(_, edge)| *edge));
        }
        Lists { edges: kept }
    }

    /// What arrives at each person from those who list her, for one recipient: how many, and the sum and number of
    /// their values. Called on cut lists. Both ends must be in.
    pub(super) fn contributions(
        &self,
        people: usize,
        coverage: &Coverage,
        inner: Option<&Values>,
    ) -> Arrived {
        let mut arrived = Arrived { size: vec![0; people], sums: Vec::new(), counts: Vec::new() };
        if inner.is_some() {
            arrived.sums = vec![0; people];
            arrived.counts = vec![0; people];
        }
        for edge in &self.edges {
            let (from, to) = (owner(*edge), target(*edge));
            let both = coverage.contains(to) && u32::try_from(from).is_ok_and(|from| coverage.contains(from));
            let to = to as usize;
            if !both {
                continue;
            }
            if let Some(size) = arrived.size.get_mut(to) {
                *size += 1;
            }
            let value = inner.and_then(|values| values.whole(from));
            if let (Some(value), Some(sum), Some(count)) =
                (value, arrived.sums.get_mut(to), arrived.counts.get_mut(to))
            {
                *sum += i128::from(value);
                *count += 1;
            }
        }
        arrived
    }
}

/// What arrived at each person.
pub(super) struct Arrived {
    size: Vec<u32>,
    sums: Vec<i128>,
    counts: Vec<u32>,
}

impl Arrived {
    /// How many people list each person.
    pub(super) fn sizes(self, range: Clamp) -> Values {
        Values::Whole(self.size.into_iter().map(|size| range.apply(i128::from(size))).collect())
    }

    /// The sums of their values.
    pub(super) fn sums(self, range: Clamp) -> Values {
        Values::Whole(self.sums.into_iter().map(|sum| range.apply(sum)).collect())
    }

    /// The means of their values.
    pub(super) fn means(self, range: Clamp) -> Values {
        Values::Mean { sums: self.sums, counts: self.counts, range }
    }
}
