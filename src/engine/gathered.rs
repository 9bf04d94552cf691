//! What accumulates for each person while records stream past, in whatever order and by however many threads.

use super::marks::Marks;
use super::rows::{NOBODY, Rows};
use super::values::Values;
use crate::tags::Clamp;
use crate::types::Timestamp;

/// A day in seconds.
const DAY: i64 = 86_400;

/// A measure over the records of one dataset. Positions are of columns that are read, and of selections.
pub(super) struct Kernel {
    pub(super) measure: usize,
    pub(super) selection: usize,
    pub(super) what: What,
}

/// What is made of the selected rows.
pub(super) enum What {
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

/// What one thread has gathered for one measure. Counts stop at their type's end, far above any clamp.
pub(super) enum Gathered {
    Count(Vec<u32>),
    Sum(Vec<i128>),
    Mean {
        sums: Vec<i128>,
        counts: Vec<u32>,
    },
    /// `i64::MAX` for none.
    Least(Vec<i64>, Vec<bool>),
    Greatest(Vec<i64>, Vec<bool>),
    Distinct(Marks),
    Share {
        met: Vec<u32>,
        all: Vec<u32>,
    },
    Retained {
        before: Vec<bool>,
        later: Vec<bool>,
    },
}

impl What {
    /// Nothing gathered yet, for people numbered `0..people`.
    pub(super) fn start(&self, people: usize) -> Gathered {
        match self {
            Self::Count => Gathered::Count(vec![0; people]),
            Self::Sum(_) => Gathered::Sum(vec![0; people]),
            Self::Mean(_) => Gathered::Mean { sums: vec![0; people], counts: vec![0; people] },
            Self::Least(_) | Self::First(_) => Gathered::Least(vec![i64::MAX; people], vec![false; people]),
            Self::Greatest(_) | Self::Last(_) => {
                Gathered::Greatest(vec![i64::MIN; people], vec![false; people])
            }
            Self::Distinct { cap, .. } => Gathered::Distinct(Marks::new(people, *cap)),
            Self::Share { .. } => Gathered::Share { met: vec![0; people], all: vec![0; people] },
            Self::Retained { .. } => {
                Gathered::Retained { before: vec![false; people], later: vec![false; people] }
            }
        }
    }

    const fn column(&self) -> usize {
        match self {
            Self::Sum(column)
            | Self::Mean(column)
            | Self::Least(column)
            | Self::Greatest(column)
            | Self::First(column)
            | Self::Last(column)
            | Self::Distinct { column, .. } => *column,
            Self::Count | Self::Share { .. } | Self::Retained { .. } => usize::MAX,
        }
    }
}

/// Nobody's number is outside every list.
fn at<T>(list: &mut [T], person: u32) -> Option<&mut T> {
    list.get_mut(person as usize)
}

fn tally(counts: &mut [u32], chosen: &[u32]) {
    for person in chosen {
        if let Some(count) = at(counts, *person) {
            *count = count.saturating_add(1);
        }
    }
}

fn mark(seen: &mut [bool], chosen: &[u32]) {
    for person in chosen {
        if let Some(seen) = at(seen, *person) {
            *seen = true;
        }
    }
}

impl Gathered {
    /// Hears one batch; `chosen` are the owners of the rows of every selection.
    pub(super) fn hear(&mut self, kernel: &Kernel, rows: &Rows, chosen: &[Vec<u32>]) {
        let of = |selection: usize| chosen.get(selection).map_or(&[][..], Vec::as_slice);
        let own = of(kernel.selection);
        let numbers = || rows.numbers(own, kernel.what.column());
        match (self, &kernel.what) {
            (Self::Count(counts), _) => tally(counts, own),
            (Self::Sum(sums), _) => {
                for (person, number) in numbers() {
                    if let Some(sum) = at(sums, person) {
                        *sum = sum.saturating_add(i128::from(number));
                    }
                }
            }
            (Self::Mean { sums, counts }, _) => {
                for (person, number) in numbers() {
                    if let (Some(sum), Some(count)) = (at(sums, person), at(counts, person)) {
                        // A mean of the first four thousand million rows: both stop together.
                        if let Some(more) = count.checked_add(1) {
                            (*sum, *count) = (sum.saturating_add(i128::from(number)), more);
                        }
                    }
                }
            }
            (Self::Least(best, some), _) => {
                for (person, number) in numbers() {
                    if let (Some(best), Some(some)) = (at(best, person), at(some, person)) {
                        (*best, *some) = (number.min(*best), true);
                    }
                }
            }
            (Self::Greatest(best, some), _) => {
                for (person, number) in numbers() {
                    if let (Some(best), Some(some)) = (at(best, person), at(some, person)) {
                        (*best, *some) = (number.max(*best), true);
                    }
                }
            }
            (Self::Distinct(marks), What::Distinct { column, .. }) => {
                let Some(cells) = rows.cells.get(*column) else { return };
                for (row, person) in own.iter().enumerate().filter(|(_, person)| **person != NOBODY) {
                    if marks.is_open(*person)
                        && let Some(mark) = cells.mark(row)
                    {
                        marks.add(*person, mark);
                    }
                }
            }
            (Self::Share { met, all }, What::Share { met: of_met, .. }) => {
                tally(all, own);
                tally(met, of(*of_met));
            }
            (Self::Retained { before, later }, What::Retained { later: of_later }) => {
                mark(before, own);
                mark(later, of(*of_later));
            }
            (Self::Distinct(_) | Self::Share { .. } | Self::Retained { .. }, _) => {}
        }
    }

    /// Adds what another thread has gathered for the same measure.
    pub(super) fn and(&mut self, other: Self) {
        fn each<T>(own: &mut [T], others: Vec<T>, add: impl Fn(&mut T, T)) {
            own.iter_mut().zip(others).for_each(|(own, other)| add(own, other));
        }
        let add = |own: &mut u32, other: u32| *own = own.saturating_add(other);
        let or = |own: &mut bool, other: bool| *own |= other;
        match (self, other) {
            (Self::Count(own), Self::Count(others)) => each(own, others, add),
            (Self::Sum(own), Self::Sum(others)) => each(own, others, |a, b| *a = a.saturating_add(b)),
            (Self::Mean { sums, counts }, Self::Mean { sums: more, counts: others }) => {
                each(sums, more, |a, b| *a = a.saturating_add(b));
                each(counts, others, add);
            }
            (Self::Least(best, some), Self::Least(others, more)) => {
                each(best, others, |a, b| *a = b.min(*a));
                each(some, more, or);
            }
            (Self::Greatest(best, some), Self::Greatest(others, more)) => {
                each(best, others, |a, b| *a = b.max(*a));
                each(some, more, or);
            }
            (Self::Distinct(own), Self::Distinct(others)) => own.and(&others),
            (Self::Share { met, all }, Self::Share { met: more, all: others }) => {
                each(met, more, add);
                each(all, others, add);
            }
            (Self::Retained { before, later }, Self::Retained { before: others, later: more }) => {
                each(before, others, or);
                each(later, more, or);
            }
            _ => {}
        }
    }

    /// The clamped values.
    pub(super) fn finish(self, what: &What, range: Clamp, as_of: Timestamp) -> Values {
        let whole =
            |values: Vec<i128>| Values::Whole(values.into_iter().map(|value| range.apply(value)).collect());
        let counts = |counts: Vec<u32>| {
            Values::Whole(counts.into_iter().map(|n| range.apply(i128::from(n))).collect())
        };
        let since = matches!(what, What::First(_) | What::Last(_));
        let best = |best: Vec<i64>, some: Vec<bool>| {
            let value = |best: i64| {
                let days = || as_of.seconds().saturating_sub(best).div_euclid(DAY);
                range.apply(i128::from(if since { days() } else { best }))
            };
            Values::Partial(
                best.into_iter().zip(some).map(|(best, some)| some.then(|| value(best))).collect(),
            )
        };
        match self {
            Self::Count(all) => counts(all),
            Self::Sum(sums) => whole(sums),
            Self::Mean { sums, counts } => Values::Ratio { numerators: sums, denominators: counts, range },
            Self::Least(values, some) | Self::Greatest(values, some) => best(values, some),
            Self::Distinct(marks) => counts(marks.counts().collect()),
            Self::Share { met, all } => {
                let unit = if let What::Share { unit, .. } = what { *unit } else { 1 };
                let numerators = met.into_iter().map(|met| i128::from(met) * i128::from(unit)).collect();
                Values::Ratio { numerators, denominators: all, range }
            }
            Self::Retained { before, later } => Values::Partial(
                before.into_iter().zip(later).map(|(b, l)| b.then(|| range.apply(i128::from(l)))).collect(),
            ),
        }
    }
}
