//! Lists and what travels along them: distinct, no self, one cut of the owner's own list, then contributions.
//!
//! The order is that of PRIVACY.md, normal form, and nothing here may change it: the cut comes before any look at who is
//! in, so that one person moves at most `max_reach` others.

use std::sync::RwLock;

use super::EngineError;
use super::fractions::quotient;
use super::hygiene::FileHygiene;
use super::intern::{Interner, numbers};
use super::read::{Ids, Input, OpenTerms, Use, Wanted};
use super::reading::Reading;
use super::rows::NOBODY;
use super::scan::{Piece, Scan, together};
use super::values::Values;
use crate::consent::Coverage;
use crate::deidentify::{CutKey, Pseudonym};
use crate::policy::{Dataset, IdColumn};
use crate::tags::{Arrival, Clamp};

/// Owner and target as one number, ordered by owner, then target.
pub(super) type Edge = u64;

pub(super) fn edge(owner: u32, target: u32) -> Edge {
    (u64::from(owner) << 32) | u64::from(target)
}

pub(super) fn owner(edge: Edge) -> usize {
    usize::try_from(edge >> 32).unwrap_or(usize::MAX)
}

pub(super) fn target(edge: Edge) -> u32 {
    u32::try_from(edge & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn by_owner(edges: &[Edge]) -> impl Iterator<Item = &[Edge]> {
    edges.chunk_by(|a, b| owner(*a) == owner(*b))
}

/// Edges of which both ends are in, from target to owner, in order.
fn reversed(edges: &[Edge], coverage: &Coverage) -> Vec<Edge> {
    let reversed = edges.iter().filter_map(|joined| {
        let (from, to) = (u32::try_from(owner(*joined)).ok()?, target(*joined));
        (coverage.contains(from) && coverage.contains(to)).then(|| edge(to, from))
    });
    let mut reversed: Vec<Edge> = reversed.collect();
    reversed.sort_unstable();
    reversed
}

/// All lists of one relation as written: distinct, without self.
#[derive(Default)]
pub(super) struct Lists {
    edges: Vec<Edge>,
    /// Who follows herself: no edge, and a row all the same.
    selves: Vec<u32>,
}

impl Lists {
    /// Distinct lists of any edges.
    pub(super) fn of(mut edges: Vec<Edge>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        Self { edges, selves: Vec::new() }
    }

    /// Everybody whom a row names.
    pub(super) fn named(&self) -> impl Iterator<Item = usize> {
        let ends = self.edges.iter().flat_map(|edge| [owner(*edge), target(*edge) as usize]);
        ends.chain(self.selves.iter().map(|person| *person as usize))
    }

    /// Owner and target of every row, ascending by owner unless the lists were cut.
    pub(super) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Reads all files of a relation, and says how many rows repeat another one. Every row is read, whoever is in, so that
    /// the reports depend on the files alone.
    pub(super) fn read(
        dataset: &Dataset,
        target: &IdColumn,
        files: Vec<Input>,
        interner: &RwLock<Interner>,
        reading: &Reading,
    ) -> Result<(Self, Vec<FileHygiene>, u64), EngineError> {
        let mut wanted = vec![
            Wanted { column: dataset.owner.as_str(), used: Use::Required },
            Wanted { column: &target.column, used: Use::Required },
        ];
        wanted
            .extend(dataset.fields.iter().map(|field| Wanted { column: &field.column, used: Use::Declared }));
        wanted.extend(Wanted::dropped(dataset));
        let target_column = target.column.as_str();
        let terms = OpenTerms { csv: &dataset.csv, ..OpenTerms::new(&wanted) };
        let scan = Scan { dataset: dataset.name.as_str(), terms, reading };
        let hear = |read: &mut Self, piece: Piece<'_>| {
            let [owners, targets] = piece.batch.columns() else { return Ok(()) };
            let count = piece.batch.num_rows();
            let owner_ids = Ids::read(piece.name, &dataset.owner, owners, piece.tokenised, dataset.form)?;
            let target_ids = Ids::read(piece.name, target_column, targets, piece.tokenised, target.form)?;
            piece.report.observe_ids(piece.first, &dataset.owner, &owner_ids);
            piece.report.observe_ids(piece.first, target_column, &target_ids);
            // Ids and not people: the reports are about these files, and say nothing of who is linked.
            let owners = numbers(interner, &dataset.ids, &owner_ids.column, count, true)?;
            let targets = numbers(interner, &target.ids, &target_ids.column, count, true)?;
            for (row, (owner, target)) in owners.into_iter().zip(targets).enumerate() {
                let place = piece.first + row as u64;
                match (owner, target) {
                    (NOBODY, _) => {
                        let reason = owner_ids.why_none(row, "no owner");
                        piece.report.drop_row(place, &dataset.owner, reason);
                    }
                    (_, NOBODY) => {
                        let reason = target_ids.why_none(row, "no target");
                        piece.report.drop_row(place, target_column, reason);
                    }
                    (owner, target) if owner == target => {
                        piece.report.self_follows += 1;
                        read.selves.push(owner);
                    }
                    (owner, target) => read.edges.push(edge(owner, target)),
                }
            }
            Ok(())
        };
        let (reports, mut states) = scan.read(files, Self::default, hear)?;
        // Each thread's edges are sorted by themselves; sorting them together then only merges ordered runs.
        std::thread::scope(|scope| {
            states.iter_mut().for_each(|read| drop(scope.spawn(|| read.edges.sort_unstable())));
        });
        let all = states.into_iter().reduce(|mut all, more| {
            all.edges.extend(more.edges);
            all.selves.extend(more.selves);
            all
        });
        let mut all = all.unwrap_or_default();
        all.edges.sort();
        let before = all.edges.len();
        all.edges.dedup();
        let duplicates = (before - all.edges.len()) as u64;
        Ok((all, reports, duplicates))
    }

    /// From ids as written to the people they are of: distinct, and nobody lists herself under another id.
    pub(super) fn join(self, interner: &Interner) -> Self {
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
    pub(super) fn own_sizes(&self, people: usize) -> Vec<u32> {
        let mut sizes = vec![0; people];
        for list in by_owner(&self.edges) {
            if let Some(slot) = list.first().and_then(|edge| sizes.get_mut(owner(*edge))) {
                *slot = u32::try_from(list.len()).unwrap_or(u32::MAX);
            }
        }
        sizes
    }

    /// How many of those whose list in `cut` holds a person are in her own list here, as written. Both must be in.
    pub(super) fn mutual(&self, cut: &Self, people: usize, coverage: &Coverage, threads: usize) -> Vec<u32> {
        let count = |edges: &[Edge]| {
            // They and all lists are read once, from one end to the other.
            let turned = reversed(edges, coverage);
            let (mut ties, mut own) = (vec![0u32; people], self.edges.iter().peekable());
            for edge in &turned {
                while own.next_if(|own| *own < edge).is_some() {}
                if own.peek() == Some(&edge)
                    && let Some(ties) = ties.get_mut(owner(*edge))
                {
                    *ties += 1;
                }
            }
            ties
        };
        let mut ties = vec![0; people];
        for part in cut.in_parts(threads, count) {
            ties.iter_mut().zip(part).for_each(|(ties, more)| *ties += more);
        }
        ties
    }

    /// What each thread makes of its part of the lists, in their order.
    fn in_parts<T: Send>(&self, threads: usize, work: impl Fn(&[Edge]) -> T + Sync) -> Vec<T> {
        together(self.parts(threads), work)
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

    /// The lists of people who are in for somebody, each cut to its `max_reach` smallest ranks over *all* its targets.
    ///
    /// # Privacy
    /// Reads the owner's own list and a key; never who is in.
    pub(super) fn cut(
        &self,
        is_in: &[bool],
        max_reach: u32,
        (key, pseudonyms): (&CutKey, &[Pseudonym]),
        threads: usize,
    ) -> Lists {
        let keep = max_reach as usize;
        let cut = |edges: &[Edge]| {
            let mut kept = Vec::new();
            for list in by_owner(edges) {
                let Some(first) = list.first().filter(|edge| is_in.get(owner(**edge)) == Some(&true)) else {
                    continue;
                };
                if list.len() <= keep {
                    kept.extend_from_slice(list);
                    continue;
                }
                let Some(owner) = pseudonyms.get(owner(*first)) else { continue };
                let rank = |edge: &Edge| {
                    pseudonyms.get(target(*edge) as usize).map(|target| key.rank(owner, target))
                };
                let mut ranked: Vec<_> = list.iter().map(|edge| (rank(edge), *edge)).collect();
                ranked.select_nth_unstable(keep - 1);
                kept.extend(ranked.iter().take(keep).map(|(_, edge)| *edge));
            }
            kept
        };
        Lists { edges: self.in_parts(threads, cut).concat(), selves: Vec::new() }
    }

    /// What arrives at each person from those who list them, for one recipient. Called on cut lists. Both ends must be in.
    pub(super) fn arriving(
        &self,
        what: &Arrival,
        inner: Option<&Values>,
        (people, coverage, threads): (usize, &Coverage, usize),
        range: Clamp,
    ) -> Values {
        if let (Arrival::Sum { .. } | Arrival::Mean { .. }, Some(inner)) = (what, inner)
            && !inner.are_whole()
        {
            let is_mean = matches!(what, Arrival::Mean { .. });
            return self.arriving_fractions(is_mean, inner, (people, coverage, threads), range);
        }
        let arrive = |edges: &[Edge]| {
            let mut sums = vec![0i128; if *what == Arrival::Size { 0 } else { people }];
            let mut counts = vec![0u32; people];
            for list in by_owner(edges) {
                let from = list.first().map_or(usize::MAX, |edge| owner(*edge));
                if !u32::try_from(from).is_ok_and(|from| coverage.contains(from)) {
                    continue;
                }
                let value = inner.and_then(|values| values.fraction(from));
                let sent = match what {
                    Arrival::Size => Some(0),
                    Arrival::Share { test, unit, .. } => {
                        Some(if test.holds_fraction(value) { i128::from(*unit) } else { 0 })
                    }
                    // Whole numbers, so the denominator is 1.
                    Arrival::Sum { .. } | Arrival::Mean { .. } => value.map(|(whole, _)| whole),
                };
                let Some(sent) = sent else { continue };
                for to in list.iter().map(|edge| target(*edge)).filter(|to| coverage.contains(*to)) {
                    if let Some(count) = counts.get_mut(to as usize) {
                        *count += 1;
                    }
                    if let Some(sum) = sums.get_mut(to as usize) {
                        *sum += sent;
                    }
                }
            }
            (sums, counts)
        };
        let (mut sums, mut counts) = arrive(&[]);
        for (more, others) in self.in_parts(threads, arrive) {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            counts.iter_mut().zip(others).for_each(|(count, more)| *count += more);
        }
        match what {
            Arrival::Size => Values::whole_numbers(range, counts.into_iter().map(i128::from)),
            Arrival::Sum { .. } => Values::whole_numbers(range, sums.into_iter()),
            _ => Values::ratio(range, sums, counts),
        }
    }

    /// The sum or mean of fractions that arrive at each person: exact, in whatever order they come.
    fn arriving_fractions(
        &self,
        is_mean: bool,
        inner: &Values,
        (people, coverage, threads): (usize, &Coverage, usize),
        range: Clamp,
    ) -> Values {
        let mut arriving = self.in_parts(threads, |edges| reversed(edges, coverage)).concat();
        // The parts are ordered runs, which this only merges.
        arriving.sort();
        let total = |edges: &[Edge]| {
            let mut terms = Vec::new();
            let totals = by_owner(edges).filter_map(|list| {
                terms.clear();
                terms.extend(list.iter().filter_map(|from| inner.fraction(target(*from) as usize)));
                let by = if is_mean { u32::try_from(terms.len()).ok()? } else { 1 };
                Some((owner(*list.first()?), quotient(&mut terms, by)?))
            });
            totals.collect::<Vec<_>>()
        };
        let arriving = Lists { edges: arriving, selves: Vec::new() };
        // The mean of nothing is absent, the sum of nothing is 0.
        let (mut numerators, mut denominators) = (vec![0; people], vec![u32::from(!is_mean); people]);
        for (person, total) in arriving.in_parts(threads, total).into_iter().flatten() {
            if let (Some(top), Some(bottom)) = (numerators.get_mut(person), denominators.get_mut(person)) {
                (*top, *bottom) = total;
            }
        }
        Values::ratio(range, numerators, denominators)
    }
}
