//! The state of each measure for a partition of people while records stream past, in any order.

use bincode::{Decode, Encode};

use super::distinct::DistinctSets;
use super::partition_buffer::PartitionBatch;
use super::values::Values;
use crate::tags::Clamp;
use crate::types::Timestamp;

/// A day in seconds.
const DAY: i64 = 86_400;

/// A measure over the records of one dataset. Positions are of columns that are read, and of selections.
#[derive(Clone, Copy)]
pub(in crate::engine) struct MeasureKernel {
    pub(in crate::engine) measure: usize,
    pub(in crate::engine) selection: usize,
    pub(in crate::engine) op: AggregateOp,
}

/// The aggregate of the selected rows.
#[derive(Clone, Copy)]
pub(in crate::engine) enum AggregateOp {
    Count,
    Sum(usize),
    Mean(usize),
    Least(usize),
    Greatest(usize),
    First(usize),
    Last(usize),
    Distinct { column: usize, cap: u16 },
    Share { met: usize, unit: u32 },
    Retained { later: usize },
}

/// The state of one measure for a partition of people. Counts stop at their type's end, far above any clamp.
pub(in crate::engine) enum Accumulator {
    Count(Vec<u32>),
    Sum(Vec<i128>),
    Mean {
        sums: Vec<i128>,
        counts: Vec<u32>,
    },
    /// `i64::MAX` for none.
    Least(Vec<i64>, Vec<bool>),
    Greatest(Vec<i64>, Vec<bool>),
    Distinct(DistinctSets),
    Share {
        met: Vec<u32>,
        all: Vec<u32>,
    },
    Retained {
        before: Vec<bool>,
        later: Vec<bool>,
    },
}

/// What an accumulator holds of one person, to be merged into another one of the same measure. It has no `Debug`.
#[derive(Encode, Decode)]
pub(in crate::engine) enum AccumulatorState {
    Count(u32),
    Sum(i128),
    Mean(i128, u32),
    /// The least or the greatest one.
    Best(Option<i64>),
    /// Ascending fingerprints; `None` for a set that takes no more.
    Distinct(Option<Vec<u64>>),
    Share(u32, u32),
    Retained(bool, bool),
}

/// Why a state was not merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum NotMerged {
    /// It is one of another measure.
    Other,
    /// The mean of more than 2^32 rows of one person, which one machine ends early, by the order of rows.
    TooManyRows,
}

impl AggregateOp {
    /// An accumulator of no rows yet, for people numbered `0..people`.
    pub(in crate::engine) fn start(&self, people: usize) -> Accumulator {
        match self {
            Self::Count => Accumulator::Count(vec![0; people]),
            Self::Sum(_) => Accumulator::Sum(vec![0; people]),
            Self::Mean(_) => Accumulator::Mean { sums: vec![0; people], counts: vec![0; people] },
            Self::Least(_) | Self::First(_) => {
                Accumulator::Least(vec![i64::MAX; people], vec![false; people])
            }
            Self::Greatest(_) | Self::Last(_) => {
                Accumulator::Greatest(vec![i64::MIN; people], vec![false; people])
            }
            Self::Distinct { cap, .. } => Accumulator::Distinct(DistinctSets::new(people, *cap)),
            Self::Share { .. } => Accumulator::Share { met: vec![0; people], all: vec![0; people] },
            Self::Retained { .. } => {
                Accumulator::Retained { before: vec![false; people], later: vec![false; people] }
            }
        }
    }

    /// Bytes that are held for each person, sets of distinct values left out.
    pub(in crate::engine) const fn bytes_of_person(&self) -> usize {
        match self {
            Self::Count => size_of::<u32>(),
            Self::Sum(_) => size_of::<i128>(),
            Self::Mean(_) => size_of::<i128>() + size_of::<u32>(),
            Self::Least(_) | Self::First(_) | Self::Greatest(_) | Self::Last(_) => {
                size_of::<i64>() + size_of::<bool>()
            }
            Self::Distinct { .. } => DistinctSets::BYTES_OF_PERSON,
            Self::Share { .. } => 2 * size_of::<u32>(),
            Self::Retained { .. } => 2 * size_of::<bool>(),
        }
    }

    /// The column whose cells are read, if any.
    pub(in crate::engine) const fn column(&self) -> Option<usize> {
        match self {
            Self::Sum(column)
            | Self::Mean(column)
            | Self::Least(column)
            | Self::Greatest(column)
            | Self::First(column)
            | Self::Last(column)
            | Self::Distinct { column, .. } => Some(*column),
            Self::Count | Self::Share { .. } | Self::Retained { .. } => None,
        }
    }
}

/// Every owner is inside the partition that was asked for.
fn at<T>(list: &mut [T], person: usize) -> Option<&mut T> {
    list.get_mut(person)
}

fn add(counts: &mut [u32], person: usize, more: u32) {
    if let Some(count) = at(counts, person) {
        *count = count.saturating_add(more);
    }
}

fn tally(counts: &mut [u32], owners: impl Iterator<Item = usize>) {
    owners.for_each(|person| add(counts, person, 1));
}

fn set_seen(seen: &mut [bool], owners: impl Iterator<Item = usize>) {
    for person in owners {
        if let Some(seen) = at(seen, person) {
            *seen = true;
        }
    }
}

fn best(
    best: &mut [i64],
    some: &mut [bool],
    numbers: impl Iterator<Item = (usize, i64)>,
    better: fn(i64, i64) -> i64,
) {
    for (person, number) in numbers {
        if let (Some(best), Some(some)) = (at(best, person), at(some, person)) {
            (*best, *some) = (better(number, *best), true);
        }
    }
}

impl Accumulator {
    /// Bytes of the sets of distinct values.
    pub(in crate::engine) fn bytes_of_sets(&self) -> usize {
        if let Self::Distinct(sets) = self { sets.bytes_of_sets() } else { 0 }
    }

    /// Adds rows of the partition of people that this is about.
    pub(in crate::engine) fn accumulate(&mut self, kernel: &MeasureKernel, rows: &PartitionBatch<'_>) {
        let own = || rows.owners(kernel.selection);
        let numbers = |column: usize| rows.numbers(kernel.selection, column);
        match (self, &kernel.op) {
            (Self::Count(counts), _) => tally(counts, own()),
            (Self::Sum(sums), AggregateOp::Sum(column)) => {
                for (person, number) in numbers(*column) {
                    if let Some(sum) = at(sums, person) {
                        *sum = sum.saturating_add(i128::from(number));
                    }
                }
            }
            (Self::Mean { sums, counts }, AggregateOp::Mean(column)) => {
                for (person, number) in numbers(*column) {
                    if let (Some(sum), Some(count)) = (at(sums, person), at(counts, person)) {
                        // A mean of the first four thousand million rows: both stop together.
                        if let Some(more) = count.checked_add(1) {
                            (*sum, *count) = (sum.saturating_add(i128::from(number)), more);
                        }
                    }
                }
            }
            (Self::Least(least, some), AggregateOp::Least(column) | AggregateOp::First(column)) => {
                best(least, some, numbers(*column), i64::min);
            }
            (Self::Greatest(greatest, some), AggregateOp::Greatest(column) | AggregateOp::Last(column)) => {
                best(greatest, some, numbers(*column), i64::max);
            }
            (Self::Distinct(sets), AggregateOp::Distinct { column, .. }) => {
                sets.add_all(rows.fingerprints(kernel.selection, *column));
            }
            (Self::Share { met, all }, AggregateOp::Share { met: of_met, .. }) => {
                tally(all, own());
                tally(met, rows.owners(*of_met));
            }
            (Self::Retained { before, later }, AggregateOp::Retained { later: of_later }) => {
                set_seen(before, own());
                set_seen(later, rows.owners(*of_later));
            }
            _ => {}
        }
    }

    /// Makes room for people numbered `0..people`.
    pub(in crate::engine) fn grow(&mut self, people: usize) {
        match self {
            Self::Count(counts) => counts.resize(counts.len().max(people), 0),
            Self::Sum(sums) => sums.resize(sums.len().max(people), 0),
            Self::Mean { sums, counts } => {
                sums.resize(sums.len().max(people), 0);
                counts.resize(counts.len().max(people), 0);
            }
            Self::Least(best, some) => {
                best.resize(best.len().max(people), i64::MAX);
                some.resize(some.len().max(people), false);
            }
            Self::Greatest(best, some) => {
                best.resize(best.len().max(people), i64::MIN);
                some.resize(some.len().max(people), false);
            }
            Self::Distinct(sets) => sets.grow(people),
            Self::Share { met, all } => {
                met.resize(met.len().max(people), 0);
                all.resize(all.len().max(people), 0);
            }
            Self::Retained { before, later } => {
                before.resize(before.len().max(people), false);
                later.resize(later.len().max(people), false);
            }
        }
    }

    /// What was accumulated of one person.
    pub(in crate::engine) fn state(&self, person: usize) -> AccumulatorState {
        let number = |counts: &[u32]| counts.get(person).copied().unwrap_or(0);
        let sum = |sums: &[i128]| sums.get(person).copied().unwrap_or(0);
        let is = |flags: &[bool]| flags.get(person).copied().unwrap_or(false);
        match self {
            Self::Count(counts) => AccumulatorState::Count(number(counts)),
            Self::Sum(sums) => AccumulatorState::Sum(sum(sums)),
            Self::Mean { sums, counts } => AccumulatorState::Mean(sum(sums), number(counts)),
            Self::Least(best, some) | Self::Greatest(best, some) => {
                AccumulatorState::Best(best.get(person).copied().filter(|_| is(some)))
            }
            Self::Distinct(sets) => AccumulatorState::Distinct(sets.fingerprints(person)),
            Self::Share { met, all } => AccumulatorState::Share(number(met), number(all)),
            Self::Retained { before, later } => AccumulatorState::Retained(is(before), is(later)),
        }
    }

    /// Adds what another accumulator of the same measure has of a person, for whom there is room. Commutative and associative; an exact sum
    /// of up to 2^63 numbers of 64 bits does not reach the end of its type, and counts end at theirs in any order.
    pub(in crate::engine) fn merge(
        &mut self,
        person: usize,
        state: AccumulatorState,
    ) -> Result<(), NotMerged> {
        match (self, state) {
            (Self::Count(counts), AccumulatorState::Count(more)) => add(counts, person, more),
            (Self::Sum(sums), AccumulatorState::Sum(more)) => {
                at(sums, person).into_iter().for_each(|sum| *sum = sum.saturating_add(more));
            }
            (Self::Mean { sums, counts }, AccumulatorState::Mean(more, rows)) => {
                if let (Some(sum), Some(count)) = (at(sums, person), at(counts, person)) {
                    *count = count.checked_add(rows).ok_or(NotMerged::TooManyRows)?;
                    *sum = sum.saturating_add(more);
                }
            }
            (Self::Least(least, some), AccumulatorState::Best(other)) => {
                best(least, some, other.map(|other| (person, other)).into_iter(), i64::min);
            }
            (Self::Greatest(greatest, some), AccumulatorState::Best(other)) => {
                best(greatest, some, other.map(|other| (person, other)).into_iter(), i64::max);
            }
            (Self::Distinct(sets), AccumulatorState::Distinct(Some(fingerprints))) => {
                sets.add_all(fingerprints.into_iter().map(|fingerprint| (person, fingerprint)));
            }
            (Self::Distinct(sets), AccumulatorState::Distinct(None)) => sets.fill(person),
            (Self::Share { met, all }, AccumulatorState::Share(more_met, more)) => {
                add(met, person, more_met);
                add(all, person, more);
            }
            (Self::Retained { before, later }, AccumulatorState::Retained(was, is)) => {
                at(before, person).into_iter().for_each(|before| *before |= was);
                at(later, person).into_iter().for_each(|later| *later |= is);
            }
            _ => return Err(NotMerged::Other),
        }
        Ok(())
    }

    /// The values, which the clamp holds when they are read.
    pub(in crate::engine) fn finish(self, op: &AggregateOp, range: Clamp, as_of: Timestamp) -> Values {
        let counts = |counts: Vec<u32>| Values::whole_numbers(range, counts.into_iter().map(i128::from));
        let since = matches!(op, AggregateOp::First(_) | AggregateOp::Last(_));
        let best = |best: Vec<i64>, some: Vec<bool>| {
            let value = |best: i64| {
                let days = || as_of.seconds().saturating_sub(best).div_euclid(DAY);
                i128::from(if since { days() } else { best })
            };
            Values::partial(range, best.into_iter().zip(some).map(|(best, some)| some.then(|| value(best))))
        };
        match self {
            Self::Count(all) => counts(all),
            Self::Sum(sums) => Values::whole_numbers(range, sums.into_iter()),
            Self::Mean { sums, counts } => Values::ratio(range, sums, counts),
            Self::Least(values, some) | Self::Greatest(values, some) => best(values, some),
            Self::Distinct(sets) => counts(sets.counts().collect()),
            Self::Share { met, all } => {
                let unit = if let AggregateOp::Share { unit, .. } = op { *unit } else { 1 };
                let numerators = met.into_iter().map(|met| i128::from(met) * i128::from(unit)).collect();
                Values::ratio(range, numerators, all)
            }
            Self::Retained { before, later } => Values::partial(
                range,
                before.into_iter().zip(later).map(|(before, later)| before.then(|| i128::from(later))),
            ),
        }
    }
}
