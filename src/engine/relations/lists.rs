//! Lists and what travels along them: distinct, no self, one truncation of the owner's own list, then contributions.
//!
//! The order is that of docs/src/normal-form.md, and nothing here may change it: lists are truncated before any look at who is
//! covered, so that one person affects at most `max_reach` others. Coverage masks contributions at their targets and nothing before:
//! what is read, sorted, looked up and added depends on the tables alone.

use std::sync::{PoisonError, RwLock};

use super::blocks::{Block, OWNERS, Pairs, distinct, in_order};
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
use crate::engine::read::scan::{BatchRef, ParallelScan, in_parallel, shared_out};
use crate::engine::read::work::Step;
use crate::engine::read::{Ids, Input, OpenTerms, Use, Wanted};
use crate::engine::records::values::Values;
use crate::policy::{Dataset, IdColumn};
use crate::tags::{Clamp, Inbound};

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
pub(super) fn both_covered(owner: u32, target: u32, covered: &Covered) -> BothCovered {
    BothCovered(covered.contains(owner) & covered.contains(target))
}

/// All lists of one relation as written: distinct, without self.
#[derive(Default)]
pub(in crate::engine) struct Lists {
    blocks: Vec<Block>,
    /// Who follows themselves: no pair, and a row all the same.
    selves: Vec<u32>,
}

/// What a thread reads of a relation.
struct State {
    pairs: Pairs,
    selves: Vec<u32>,
    /// Owners of rows without a target.
    alone: Vec<u32>,
    held: Held,
}

impl State {
    fn bytes(&self) -> usize {
        self.pairs.bytes() + (self.selves.capacity() + self.alone.capacity()) * size_of::<u32>()
    }
}

/// The lists of a relation, the reports of its files, how many rows repeat another one, and the rows of each owner.
pub(in crate::engine) struct ReadLists {
    pub(in crate::engine) lists: Lists,
    pub(in crate::engine) reports: Vec<FileReport>,
    pub(in crate::engine) duplicates: u64,
    pub(in crate::engine) owned: OwnerRows,
}

impl Lists {
    /// Distinct lists of any pairs of two people.
    pub(super) fn of(pairs: Pairs, threads: usize) -> Self {
        let blocks = distinct(vec![pairs], threads).into_iter().map(|(block, _)| block).collect();
        Self { blocks, selves: Vec::new() }
    }

    /// Everybody whom a row names.
    pub(in crate::engine) fn named(&self) -> impl Iterator<Item = usize> {
        let ends = self.pairs().flat_map(|(owner, target)| [owner, target]);
        ends.chain(self.selves.iter().copied()).map(|person| person as usize)
    }

    /// Owner and target of every row, ascending by owner.
    pub(in crate::engine) fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        let owners = (0..).step_by(OWNERS);
        owners.zip(&self.blocks).flat_map(|(first, block)| {
            let lists = (first..).zip(block.lists());
            lists.flat_map(|(owner, list)| list.iter().map(move |target| (owner, *target)))
        })
    }

    /// How many pairs there are.
    pub(in crate::engine) fn len(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// Bytes that are held.
    pub(in crate::engine) fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(Block::bytes).sum::<usize>();
        blocks + self.blocks.capacity() * size_of::<Block>() + self.selves.capacity() * size_of::<u32>()
    }

    /// Reads all files of a relation. Every row is read, independent of coverage, so that the reports depend on the files alone.
    ///
    /// # Errors
    /// [`EngineError`] for damaged files. The caller checks the rows of each owner.
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
            let [owners, targets] = input.batch.columns() else { return Ok(()) };
            let count = input.batch.num_rows();
            let owner_ids = Ids::read(input.name, &dataset.owner, owners, input.tokenised, dataset.form)?;
            let target_ids = Ids::read(input.name, target_column, targets, input.tokenised, target.form)?;
            input.report.observe_ids(input.first, &dataset.owner, &owner_ids);
            input.report.observe_ids(input.first, target_column, &target_ids);
            // Ids and not people: the reports are about these files, and say nothing of who is linked.
            let owners = numbers(interner, &dataset.ids, &owner_ids.column, count)?;
            let targets = numbers(interner, &target.ids, &target_ids.column, count)?;
            let mut kept = 0;
            for (row, (owner, target)) in owners.into_iter().zip(targets).enumerate() {
                let place = input.first + row as u64;
                match (owner, target) {
                    (NO_PERSON, _) => {
                        let reason = owner_ids.why_none(row, "no owner");
                        input.report.drop_row(place, &dataset.owner, reason);
                    }
                    (owner, NO_PERSON) => {
                        state.alone.push(owner);
                        let reason = target_ids.why_none(row, "no target");
                        input.report.drop_row(place, target_column, reason);
                    }
                    (owner, target) if owner == target => {
                        input.report.self_follows += 1;
                        state.selves.push(owner);
                        kept += 1;
                    }
                    (owner, target) => {
                        state.pairs.push(owner, target);
                        kept += 1;
                    }
                }
            }
            reading.count(Step::Row, kept);
            state.held.set(state.bytes())
        };
        let held = || reading.memory.nothing();
        let start = || State { pairs: Pairs::default(), selves: Vec::new(), alone: Vec::new(), held: held() };
        let (reports, states) = scan.read(files, start, observe)?;
        // Room for all ids that are known, so that memory does not depend on whose rows these are.
        let known = interner.read().unwrap_or_else(PoisonError::into_inner).len();
        let mut rows = OwnerRows::new(known);
        let _of_rows = reading.memory.hold(rows.bytes())?;
        let (mut pairs, mut selves, mut every_held) = (Vec::new(), Vec::new(), Vec::new());
        for state in states {
            rows.add(state.alone.into_iter());
            rows.add(state.selves.iter().copied());
            pairs.push(state.pairs);
            selves.extend(state.selves);
            every_held.push(state.held);
        }
        let all: usize = pairs.iter().map(Pairs::len).sum();
        let mut blocks = Vec::new();
        for (first, (block, of_owners)) in (0_u32..).step_by(OWNERS).zip(distinct(pairs, reading.threads())) {
            rows.add_counts(first, &of_owners);
            blocks.push(block);
        }
        let lists = Self { blocks, selves };
        let duplicates = (all - lists.len()) as u64;
        reading.count(Step::Pair, lists.len());
        Ok(ReadLists { lists, reports, duplicates, owned: rows })
    }

    /// From ids as written to the people they are of: distinct, and no person lists themselves under another id.
    pub(in crate::engine) fn join(self, interner: &Interner, threads: usize) -> Self {
        let mut selves: Vec<u32> = self.selves.iter().map(|id| interner.person(*id)).collect();
        let mut pairs = Pairs::default();
        for (owner, target) in self.pairs() {
            match (interner.person(owner), interner.person(target)) {
                (owner, target) if owner == target => selves.push(owner),
                (owner, target) => pairs.push(owner, target),
            }
        }
        Self { selves, ..Self::of(pairs, threads) }
    }

    /// How many distinct people each person lists, covered or not.
    pub(super) fn out_degrees(&self, people: usize) -> Vec<u32> {
        let degree = |_, list: &[u32]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.for_each_owner((people, 1), 0, degree)
    }

    /// These lists turned around, in order: under each person those whose list holds them.
    pub(super) fn transposed(&self, reading: &Reading) -> Self {
        let threads = reading.threads();
        let size = self.blocks.len().div_ceil(threads).max(1);
        // The parts are in the order of owners, so those of each target are, too.
        let turned = in_parallel(self.blocks.chunks(size).enumerate(), |(part, blocks)| {
            let owners = (part * size * OWNERS..).step_by(OWNERS);
            let mut turned = Pairs::default();
            for (first, block) in owners.zip(blocks) {
                let lists = (first..).zip(block.lists());
                for (owner, list) in
                    lists.filter_map(|(owner, list)| Some((u32::try_from(owner).ok()?, list)))
                {
                    list.iter().for_each(|target| turned.push(*target, owner));
                }
            }
            turned
        });
        let turned = Self { blocks: in_order(turned, threads), selves: Vec::new() };
        reading.count(Step::Pair, turned.len());
        turned
    }

    /// Those of `transposed`, the truncated lists, whom a person's own list here, as written, holds, too.
    pub(in crate::engine) fn mutual(&self, transposed: &Self, threads: usize) -> Self {
        let both = |(own, transposed): (&Block, &Block)| {
            let mut mutual = Block::default();
            for (own, others) in own.lists().zip(transposed.lists()) {
                // Both are ordered, so both are read once, from one end to the other.
                let mut own = own.iter().peekable();
                mutual.add(others.iter().copied().filter(|other| {
                    while own.next_if(|own| *own < other).is_some() {}
                    own.peek() == Some(&other)
                }));
            }
            mutual
        };
        let blocks = self.blocks.iter().zip(&transposed.blocks).collect();
        Self { blocks: shared_out(blocks, threads, both), selves: Vec::new() }
    }

    /// How many of the people under each person count for one recipient: both must be in. Called on mutual pairs.
    pub(in crate::engine) fn ties(
        &self,
        (people, covered, reading): (usize, &Covered, &Reading),
    ) -> Vec<u32> {
        self.for_each_owner((people, reading.threads()), 0, |owner, list| {
            reading.count(Step::Contribution, list.len());
            list.iter().map(|other| both_covered(owner, *other, covered).one()).sum()
        })
    }

    /// What is made of everybody's list, person by person; `none` of the lists of people beyond the last block.
    fn for_each_owner<T: Clone + Send>(
        &self,
        (people, threads): (usize, usize),
        none: T,
        work: impl Fn(u32, &[u32]) -> T + Sync,
    ) -> Vec<T> {
        let blocks = (0_u32..).step_by(OWNERS).zip(&self.blocks).collect();
        let made = shared_out(blocks, threads, |(first, block)| {
            let lists = (first..).zip(block.lists());
            lists.map(|(owner, list)| work(owner, list)).collect::<Vec<T>>()
        });
        let mut all = Vec::with_capacity(people);
        for (first, block) in (0..).step_by(OWNERS).zip(made) {
            all.resize(first, none.clone());
            all.extend(block);
        }
        all.resize(people, none);
        all
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
        let truncate = |(first, block): (usize, &Block)| {
            let mut kept = Block::default();
            for (owner, list) in (first..).zip(block.lists()) {
                if list.len() <= keep {
                    kept.add(list.iter().copied());
                    continue;
                }
                let Some(owner) = pseudonyms.get(owner) else {
                    kept.add([]);
                    continue;
                };
                let rank = |other: &u32| pseudonyms.get(*other as usize).map(|other| key.rank(owner, other));
                kept.add(smallest_ranks(list, keep, rank));
            }
            kept
        };
        let blocks = (0..).step_by(OWNERS).zip(&self.blocks).collect();
        let truncated = Lists { blocks: shared_out(blocks, reading.threads(), truncate), selves: Vec::new() };
        reading.count(Step::Pair, truncated.len());
        truncated
    }

    /// What arrives at each person from those who list them, for one recipient. Called on transposed lists. What is sent is computed for
    /// every pair, and counts if both are in.
    pub(in crate::engine) fn inbound(
        &self,
        what: &Inbound,
        inner: Option<&Values>,
        audience: (usize, &Covered, &Reading),
        range: Clamp,
    ) -> Values {
        let (people, covered, reading) = audience;
        if *what == Inbound::Size {
            return Values::whole_numbers(range, self.ties(audience).into_iter().map(i128::from));
        }
        let sent = Sent::new(what, inner, people);
        let arriving = self.for_each_owner((people, reading.threads()), (0, 0), |person, list| {
            let (mut sum, mut count, mut terms) = (0_i128, 0_u32, 0);
            for other in list {
                // Symmetric, so that the direction of a turned pair does not matter.
                let joined = both_covered(*other, person, covered);
                let (whole, some) = sent.of(*other);
                sum += joined.mask(i128::from(whole));
                count += joined.one() & some;
                terms += some as usize;
            }
            reading.count(Step::Contribution, terms);
            (sum, count)
        });
        let sums = arriving.iter().map(|(sum, _)| *sum);
        match what {
            Inbound::Sum { .. } => Values::whole_numbers(range, sums),
            _ => Values::ratio(range, sums.collect(), arriving.iter().map(|(_, count)| *count).collect()),
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
        let total = |person: u32, list: &[u32]| {
            let (mut terms, mut count) = (Vec::with_capacity(list.len()), 0);
            for other in list {
                let Some((sent, of)) = inner.fraction(*other as usize) else { continue };
                let joined = both_covered(*other, person, covered);
                terms.push((joined.mask(sent), of));
                count += joined.one();
            }
            reading.count(Step::Contribution, terms.len());
            let most = u32::try_from(terms.len()).unwrap_or(u32::MAX);
            let (by, most) = if is_mean { (count, most) } else { (1, 1) };
            let (top, bottom) = quotient(&mut terms, by.max(1), most.max(1)).unwrap_or((0, 1));
            // The mean of nothing is absent, the sum of nothing is 0.
            (top, if by == 0 { 0 } else { bottom })
        };
        let none = (0, u32::from(!is_mean));
        let totals = self.for_each_owner((people, reading.threads()), none, total);
        Values::ratio(
            range,
            totals.iter().map(|(top, _)| *top).collect(),
            totals.iter().map(|(_, bottom)| *bottom).collect(),
        )
    }
}

/// The `keep` targets of a list that have the smallest ranks; the one rule by which lists are truncated.
pub(in crate::engine) fn smallest_ranks<T: Copy + Ord, R: Ord>(
    list: &[T],
    keep: usize,
    rank: impl Fn(&T) -> R,
) -> impl Iterator<Item = T> {
    let mut ranked: Vec<(R, T)> = list.iter().map(|target| (rank(target), *target)).collect();
    if 0 < keep && keep < ranked.len() {
        ranked.select_nth_unstable(keep - 1);
    }
    ranked.into_iter().take(keep).map(|(_, target)| target)
}

/// What everybody sends to those whom they list, in as little memory as it needs: it is read in the order of lists.
pub(in crate::engine) struct Sent {
    wholes: Vec<i64>,
    /// 1 for everybody who sends something.
    some: Vec<u8>,
}

impl Sent {
    pub(in crate::engine) fn new(what: &Inbound, inner: Option<&Values>, people: usize) -> Self {
        let of_person = |person| {
            let value = inner.and_then(|values| values.fraction(person));
            match what {
                Inbound::Size => Some(0),
                Inbound::Share { test, unit, .. } => {
                    Some(if test.holds_fraction(value) { i64::from(*unit) } else { 0 })
                }
                // A whole number inside a clamp, so the denominator is 1 and it has 64 bits.
                Inbound::Sum { .. } | Inbound::Mean { .. } => {
                    value.and_then(|(whole, _)| i64::try_from(whole).ok())
                }
            }
        };
        let all = (0..people).map(of_person).map(|sent| (sent.unwrap_or(0), u8::from(sent.is_some())));
        let (wholes, some) = all.unzip();
        Self { wholes, some }
    }

    /// What a person sends, 0 if nothing, and 1 if they send something.
    pub(in crate::engine) fn of(&self, person: u32) -> (i64, u32) {
        let person = person as usize;
        let some = self.some.get(person).copied().unwrap_or(0);
        (self.wholes.get(person).copied().unwrap_or(0), u32::from(some))
    }
}
