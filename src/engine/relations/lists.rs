//! Lists and what travels along them: distinct, no self, one truncation of the owner's own list, then contributions.
//!
//! The order is that of PRIVACY.md, normal form, and nothing here may change it: lists are truncated before any look at who is
//! covered, so that one person affects at most `max_reach` others. Coverage masks contributions at their targets and nothing before:
//! what is read, sorted, looked up and added depends on the tables alone.

use std::sync::{PoisonError, RwLock};

use super::fractions::quotient;
use crate::consent::Covered;
use crate::deidentify::{CutKey, Pseudonym};
use crate::engine::error::EngineError;
use crate::engine::ids::intern::{Interner, numbers};
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::ids::owner_rows::OwnerRows;
use crate::engine::memory::Held;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::scan::{BatchRef, ParallelScan, in_parallel};
use crate::engine::read::work::Step;
use crate::engine::read::{Ids, Input, OpenTerms, Use, Wanted};
use crate::engine::records::values::Values;
use crate::policy::{Dataset, IdColumn};
use crate::tags::{Clamp, Inbound};

/// Owner and target as one number, ordered by owner, then target.
pub(super) type Edge = u64;

pub(in crate::engine) fn edge(owner: u32, target: u32) -> Edge {
    (u64::from(owner) << 32) | u64::from(target)
}

pub(in crate::engine) fn owner(edge: Edge) -> usize {
    usize::try_from(edge >> 32).unwrap_or(usize::MAX)
}

pub(in crate::engine) fn target(edge: Edge) -> u32 {
    u32::try_from(edge & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn by_owner(edges: &[Edge]) -> impl Iterator<Item = &[Edge]> {
    edges.chunk_by(|a, b| owner(*a) == owner(*b))
}

/// Whether what an owner sends counts at its target: a mask instead of a branch.
#[derive(Clone, Copy)]
pub(super) struct BothCovered(bool);

impl BothCovered {
    /// The value, or 0.
    pub(in crate::engine) fn mask(self, value: i128) -> i128 {
        value & i128::from(self.0).wrapping_neg()
    }

    /// One, or 0.
    fn one(self) -> u32 {
        u32::from(self.0)
    }
}

/// Whether both ends of a pair are in; both are looked up in any case.
///
/// # Privacy
/// Membership is applied last: only a contribution that was computed asks for it.
pub(super) fn both_covered(edge: Edge, covered: &Covered) -> BothCovered {
    let owner = u32::try_from(owner(edge)).is_ok_and(|owner| covered.contains(owner));
    BothCovered(owner & covered.contains(target(edge)))
}

/// All lists of one relation as written: distinct, without self.
#[derive(Default)]
pub(in crate::engine) struct Lists {
    edges: Vec<Edge>,
    /// Who follows themselves: no edge, and a row all the same.
    selves: Vec<u32>,
}

/// What a thread reads of a relation.
struct State {
    lists: Lists,
    rows: OwnerRows,
    held: Held,
}

/// The lists of a relation, the reports of its files, and how many rows repeat another one.
pub(in crate::engine) struct ReadLists {
    pub(in crate::engine) lists: Lists,
    pub(in crate::engine) reports: Vec<FileReport>,
    pub(in crate::engine) duplicates: u64,
}

impl Lists {
    /// Distinct lists of any edges.
    pub(in crate::engine) fn of(mut edges: Vec<Edge>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        Self { edges, selves: Vec::new() }
    }

    /// Everybody whom a row names.
    pub(in crate::engine) fn named(&self) -> impl Iterator<Item = usize> {
        let ends = self.edges.iter().flat_map(|edge| [owner(*edge), target(*edge) as usize]);
        ends.chain(self.selves.iter().map(|person| *person as usize))
    }

    /// Owner and target of every row, ascending by owner unless the lists were truncated.
    pub(in crate::engine) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Bytes that are held.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.edges.capacity() * size_of::<Edge>() + self.selves.capacity() * size_of::<u32>()
    }

    /// Reads all files of a relation. Every row is read, independent of coverage, so that the reports depend on the files alone.
    ///
    /// # Errors
    /// [`EngineError`] for damaged files, and for owners with more rows than the study allows.
    pub(in crate::engine) fn read(
        dataset: &Dataset,
        target: &IdColumn,
        files: Vec<Input>,
        interner: &RwLock<Interner>,
        reading: &Reading,
    ) -> Result<ReadLists, EngineError> {
        let mut wanted = vec![
            Wanted { column: dataset.owner.as_str(), used: Use::Required },
            Wanted { column: &target.column, used: Use::Required },
        ];
        wanted
            .extend(dataset.fields.iter().map(|field| Wanted { column: &field.column, used: Use::Declared }));
        wanted.extend(Wanted::dropped(dataset));
        let target_column = target.column.as_str();
        let terms = OpenTerms { csv: &dataset.csv, ..OpenTerms::new(&wanted) };
        let scan = ParallelScan { dataset: dataset.name.as_str(), terms, reading };
        let observe = |state: &mut State, input: BatchRef<'_>| {
            let read = &mut state.lists;
            let [owners, targets] = input.batch.columns() else { return Ok(()) };
            let count = input.batch.num_rows();
            let owner_ids = Ids::read(input.name, &dataset.owner, owners, input.tokenised, dataset.form)?;
            let target_ids = Ids::read(input.name, target_column, targets, input.tokenised, target.form)?;
            input.report.observe_ids(input.first, &dataset.owner, &owner_ids);
            input.report.observe_ids(input.first, target_column, &target_ids);
            // Ids and not people: the reports are about these files, and say nothing of who is linked.
            let owners = numbers(interner, &dataset.ids, &owner_ids.column, count)?;
            let targets = numbers(interner, &target.ids, &target_ids.column, count)?;
            let before = read.edges.len() + read.selves.len();
            state.rows.add(owners.iter().copied());
            for (row, (owner, target)) in owners.into_iter().zip(targets).enumerate() {
                let place = input.first + row as u64;
                match (owner, target) {
                    (NO_PERSON, _) => {
                        let reason = owner_ids.why_none(row, "no owner");
                        input.report.drop_row(place, &dataset.owner, reason);
                    }
                    (_, NO_PERSON) => {
                        let reason = target_ids.why_none(row, "no target");
                        input.report.drop_row(place, target_column, reason);
                    }
                    (owner, target) if owner == target => {
                        input.report.self_follows += 1;
                        read.selves.push(owner);
                    }
                    (owner, target) => read.edges.push(edge(owner, target)),
                }
            }
            reading.count(Step::Row, read.edges.len() + read.selves.len() - before);
            state.held.set(read.bytes() + state.rows.bytes())
        };
        let known = interner.read().unwrap_or_else(PoisonError::into_inner).len();
        let start =
            || State { lists: Self::default(), rows: OwnerRows::new(known), held: reading.memory.nothing() };
        let (reports, states) = scan.read(files, start, observe)?;
        let (mut rows, mut every) = (OwnerRows::default(), Vec::new());
        for state in states {
            rows.and(state.rows);
            every.push((state.lists, state.held));
        }
        rows.check(dataset)?;
        drop(rows);
        // Each thread's edges are sorted by themselves; sorting them together then only merges ordered runs.
        in_parallel(every.iter_mut(), |(read, _)| read.edges.sort_unstable());
        let all = every.into_iter().reduce(|(mut all, held), (more, _)| {
            all.edges.extend(more.edges);
            all.selves.extend(more.selves);
            (all, held)
        });
        let (mut all, _held) = all.unwrap_or_else(|| (Self::default(), reading.memory.nothing()));
        all.edges.sort();
        let before = all.edges.len();
        all.edges.dedup();
        let duplicates = (before - all.edges.len()) as u64;
        reading.count(Step::Pair, all.edges.len());
        Ok(ReadLists { lists: all, reports, duplicates })
    }

    /// From ids as written to the people they are of: distinct, and no person lists themselves under another id.
    pub(in crate::engine) fn join(self, interner: &Interner) -> Self {
        let person = |joined: &Edge| {
            let from = u32::try_from(*joined >> 32).unwrap_or(u32::MAX);
            (interner.person(from), interner.person(target(*joined)))
        };
        let (joined, same): (Vec<_>, Vec<_>) =
            self.edges.iter().map(person).partition(|(from, to)| from != to);
        let selves =
            self.selves.iter().map(|id| interner.person(*id)).chain(same.into_iter().map(|(own, _)| own));
        let selves = selves.collect();
        Self { selves, ..Self::of(joined.into_iter().map(|(from, to)| edge(from, to)).collect()) }
    }

    /// How many distinct people each person lists, whoever they are.
    pub(super) fn out_degrees(&self, people: usize) -> Vec<u32> {
        let mut sizes = vec![0; people];
        for list in by_owner(&self.edges) {
            if let Some(slot) = list.first().and_then(|edge| sizes.get_mut(owner(*edge))) {
                *slot = u32::try_from(list.len()).unwrap_or(u32::MAX);
            }
        }
        sizes
    }

    /// These lists turned around, in order: under each person those whose list holds them.
    pub(super) fn transposed(&self, reading: &Reading) -> Self {
        let transpose = |edges: &[Edge]| {
            let swapped = edges
                .iter()
                .filter_map(|joined| Some(edge(target(*joined), u32::try_from(owner(*joined)).ok()?)));
            let mut turned: Vec<Edge> = swapped.collect();
            turned.sort_unstable();
            turned
        };
        let mut edges = self.in_parts(reading.threads(), transpose).concat();
        // The parts are ordered runs, which this only merges.
        edges.sort();
        reading.count(Step::Pair, edges.len());
        Self { edges, selves: Vec::new() }
    }

    /// Those of `transposed`, the truncated lists, whom a person's own list here, as written, holds, too.
    pub(in crate::engine) fn mutual(&self, transposed: &Self, threads: usize) -> Self {
        let both = |edges: &[Edge]| {
            let first = edges.first().copied().unwrap_or_default();
            // Both are ordered, so both are read once, from one end to the other.
            let from = self.edges.partition_point(|own| *own < first);
            let mut own = self.edges.iter().skip(from).peekable();
            let held = edges.iter().filter(|edge| {
                while own.next_if(|own| own < edge).is_some() {}
                own.peek() == Some(edge)
            });
            held.copied().collect::<Vec<_>>()
        };
        Self { edges: transposed.in_parts(threads, both).concat(), selves: Vec::new() }
    }

    /// How many of the people under each person count for one recipient: both must be in. Called on mutual pairs.
    pub(in crate::engine) fn ties(
        &self,
        (people, covered, reading): (usize, &Covered, &Reading),
    ) -> Vec<u32> {
        let count = |edges: &[Edge]| {
            let mut ties = vec![0u32; people];
            for edge in edges {
                reading.count(Step::Contribution, 1);
                if let Some(ties) = ties.get_mut(owner(*edge)) {
                    *ties += both_covered(*edge, covered).one();
                }
            }
            ties
        };
        let mut ties = vec![0; people];
        for part in self.in_parts(reading.threads(), count) {
            ties.iter_mut().zip(part).for_each(|(ties, more)| *ties += more);
        }
        ties
    }

    /// What each thread makes of its part of the lists, in their order.
    fn in_parts<T: Send>(&self, threads: usize, work: impl Fn(&[Edge]) -> T + Sync) -> Vec<T> {
        in_parallel(self.parts(threads), work)
    }

    /// About as many parts, none of which ends inside somebody's list.
    fn parts(&self, threads: usize) -> Vec<&[Edge]> {
        let size = self.edges.len().div_ceil(threads.max(1)).max(1);
        let (mut parts, mut rest) = (Vec::new(), self.edges.as_slice());
        while let Some(last) = rest.get(..size).map_or(rest.last(), <[Edge]>::last).copied() {
            let more = rest.iter().skip(size).take_while(|edge| owner(**edge) == owner(last)).count();
            let Some((part, after)) = rest.split_at_checked((size + more).min(rest.len())) else { break };
            parts.push(part);
            rest = after;
        }
        parts
    }

    /// All lists, each truncated to its `max_reach` smallest ranks over *all* its targets.
    ///
    /// # Privacy
    /// Reads the owner's own list and a key; never who is in.
    pub(in crate::engine) fn truncate_out_degree(
        &self,
        max_reach: u32,
        (key, pseudonyms): (&CutKey, &[Pseudonym]),
        reading: &Reading,
    ) -> Lists {
        let keep = max_reach as usize;
        let truncate = |edges: &[Edge]| {
            let mut kept = Vec::new();
            for list in by_owner(edges) {
                if list.len() <= keep {
                    kept.extend_from_slice(list);
                    continue;
                }
                let Some(owner) = list.first().and_then(|edge| pseudonyms.get(owner(*edge))) else {
                    continue;
                };
                let rank = |edge: &Edge| {
                    pseudonyms.get(target(*edge) as usize).map(|target| key.rank(owner, target))
                };
                let mut ranked: Vec<_> = list.iter().map(|edge| (rank(edge), *edge)).collect();
                ranked.select_nth_unstable(keep - 1);
                kept.extend(ranked.iter().take(keep).map(|(_, edge)| *edge));
            }
            kept
        };
        let edges = self.in_parts(reading.threads(), truncate).concat();
        reading.count(Step::Pair, edges.len());
        Lists { edges, selves: Vec::new() }
    }

    /// What arrives at each person from those who list them, for one recipient. Called on truncated lists. What is sent is computed for
    /// every pair, and counts if both are in.
    pub(in crate::engine) fn inbound(
        &self,
        what: &Inbound,
        inner: Option<&Values>,
        (people, covered, reading): (usize, &Covered, &Reading),
        range: Clamp,
    ) -> Values {
        let contributions = |edges: &[Edge]| {
            let mut sums = vec![0i128; if *what == Inbound::Size { 0 } else { people }];
            let mut counts = vec![0u32; people];
            for list in by_owner(edges) {
                let from = list.first().map_or(usize::MAX, |edge| owner(*edge));
                let value = inner.and_then(|values| values.fraction(from));
                let sent = match what {
                    Inbound::Size => Some(0),
                    Inbound::Share { test, unit, .. } => {
                        Some(if test.holds_fraction(value) { i128::from(*unit) } else { 0 })
                    }
                    // Whole numbers, so the denominator is 1.
                    Inbound::Sum { .. } | Inbound::Mean { .. } => value.map(|(whole, _)| whole),
                };
                let Some(sent) = sent else { continue };
                reading.count(Step::Contribution, list.len());
                for edge in list {
                    let (to, joined) = (target(*edge) as usize, both_covered(*edge, covered));
                    if let Some(count) = counts.get_mut(to) {
                        *count += joined.one();
                    }
                    if let Some(sum) = sums.get_mut(to) {
                        *sum += joined.mask(sent);
                    }
                }
            }
            (sums, counts)
        };
        let (mut sums, mut counts) = contributions(&[]);
        for (more, others) in self.in_parts(reading.threads(), contributions) {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            counts.iter_mut().zip(others).for_each(|(count, more)| *count += more);
        }
        match what {
            Inbound::Size => Values::whole_numbers(range, counts.into_iter().map(i128::from)),
            Inbound::Sum { .. } => Values::whole_numbers(range, sums.into_iter()),
            _ => Values::ratio(range, sums, counts),
        }
    }

    /// The sum or mean of fractions that arrive at each person: exact, in whatever order they come. Called on transposed lists.
    pub(super) fn inbound_fractions(
        &self,
        is_mean: bool,
        inner: &Values,
        (people, covered, reading): (usize, &Covered, &Reading),
        range: Clamp,
    ) -> Values {
        let total = |edges: &[Edge]| {
            let mut terms = Vec::new();
            let totals = by_owner(edges).filter_map(|list| {
                terms.clear();
                let mut count = 0;
                for edge in list {
                    let Some((sent, of)) = inner.fraction(target(*edge) as usize) else { continue };
                    // Symmetric, so that the direction of a turned pair does not matter.
                    let joined = both_covered(*edge, covered);
                    terms.push((joined.mask(sent), of));
                    count += joined.one();
                }
                reading.count(Step::Contribution, terms.len());
                let (by, most) = if is_mean { (count, u32::try_from(terms.len()).ok()?) } else { (1, 1) };
                let (top, bottom) = quotient(&mut terms, by.max(1), most.max(1))?;
                // The mean of nothing is absent, the sum of nothing is 0.
                Some((owner(*list.first()?), (top, if by == 0 { 0 } else { bottom })))
            });
            totals.collect::<Vec<_>>()
        };
        let (mut numerators, mut denominators) = (vec![0; people], vec![u32::from(!is_mean); people]);
        for (person, total) in self.in_parts(reading.threads(), total).into_iter().flatten() {
            if let (Some(top), Some(bottom)) = (numerators.get_mut(person), denominators.get_mut(person)) {
                (*top, *bottom) = total;
            }
        }
        Values::ratio(range, numerators, denominators)
    }
}
