//! Records -> one number per person and measure: counts, sums and last instants over half-open windows.

use super::EngineError;
use super::hygiene::{FileHygiene, MaxBadRows};
use super::intern::Interner;
use super::read::{Cell, Column, Input, Table, Use, Wanted, open};
use crate::policy::{Dataset, FieldKind};
use crate::tags::{Catalogue, Clamp, Source, Window};
use crate::types::Timestamp;

/// A day in seconds.
const DAY: i64 = 86_400;

/// The values of one measure for everybody, by dense number, clamped. No `Debug`: these are facts about people.
pub(super) enum Values {
    /// Everybody has a whole number.
    Whole(Vec<i64>),
    /// Some have none.
    Partial(Vec<Option<i64>>),
    /// The fraction `sum / count`; a count of 0 is none.
    Mean {
        /// Sums.
        sums: Vec<i128>,
        /// Counts.
        counts: Vec<u32>,
        /// The declared range.
        range: Clamp,
    },
}

impl Values {
    /// The value as a whole number, rounded down and clamped; `None` when absent.
    pub(super) fn whole(&self, person: usize) -> Option<i64> {
        match self {
            Self::Whole(values) => values.get(person).copied(),
            Self::Partial(values) => values.get(person).copied().flatten(),
            Self::Mean { sums, counts, range } => {
                let (sum, count) = (sums.get(person)?, counts.get(person).filter(|count| **count > 0)?);
                Some(range.apply(sum.div_euclid(i128::from(*count))))
            }
        }
    }
}

/// What one measure accumulates.
enum Gathered {
    Count(Vec<u32>),
    Sum(Vec<i128>),
    /// The last instant; `i64::MIN` for none.
    Last(Vec<i64>),
}

/// One measure while its records stream past.
struct Kernel {
    measure: usize,
    /// Position of the summed column among those read.
    summed: Option<usize>,
    /// Position of the time column and the half-open span that counts.
    span: Option<(usize, i64, i64)>,
    gathered: Gathered,
}

/// The measures over one records dataset.
pub(super) struct Records<'a> {
    dataset: &'a Dataset,
    /// Fields that are read, each with whether it is a time and whether it may be negative.
    read: Vec<(&'a str, FieldKind)>,
    kernels: Vec<Kernel>,
}

impl<'a> Records<'a> {
    /// The kernels of every measure over `dataset`, for people numbered `0..people`.
    pub(super) fn new(dataset: &'a Dataset, catalogue: &Catalogue, as_of: Timestamp, people: usize) -> Self {
        let mut all = Self { dataset, read: Vec::new(), kernels: Vec::new() };
        for (measure, declared) in catalogue.measures().iter().enumerate() {
            let (window, field, gathered) = match &declared.source {
                Source::Count { dataset: of, window } if *of == dataset.name => {
                    (window.as_ref(), None, Gathered::Count(vec![0; people]))
                }
                Source::Sum { dataset: of, field, window } if *of == dataset.name => {
                    (window.as_ref(), Some(field), Gathered::Sum(vec![0; people]))
                }
                Source::DaysSinceLast { dataset: of, window, .. } if *of == dataset.name => {
                    (Some(window), None, Gathered::Last(vec![i64::MIN; people]))
                }
                _ => continue,
            };
            let summed = field.and_then(|field| all.column(field));
            let span = window.and_then(|window| all.span(window, as_of));
            all.kernels.push(Kernel { measure, summed, span, gathered });
        }
        all
    }

    /// The position of a field among those read, which it joins if it is new.
    fn column(&mut self, name: &str) -> Option<usize> {
        let field = self.dataset.field(name)?;
        let known = self.read.iter().position(|(column, _)| *column == field.column);
        Some(known.unwrap_or_else(|| {
            self.read.push((&field.column, field.kind));
            self.read.len() - 1
        }))
    }

    fn span(&mut self, window: &Window, as_of: Timestamp) -> Option<(usize, i64, i64)> {
        let from = as_of.saturating_sub(window.span);
        Some((self.column(&window.field)?, from.seconds(), as_of.seconds()))
    }

    /// Streams one file past all kernels. Only rows of people who are in for somebody count.
    pub(super) fn gather(
        &mut self,
        input: Input,
        interner: &Interner,
        is_in: &[bool],
        allowed: MaxBadRows,
    ) -> Result<FileHygiene, EngineError> {
        let mut wanted = vec![Wanted { column: &self.dataset.owner, used: Use::Required }];
        wanted.extend(self.read.iter().map(|(column, _)| Wanted { column, used: Use::Required }));
        let unread =
            self.dataset.fields.iter().filter(|field| !self.read.iter().any(|(c, _)| *c == field.column));
        wanted.extend(unread.map(|field| Wanted { column: &field.column, used: Use::Declared }));
        let mut table = open(input, &wanted)?;
        let mut report = FileHygiene::new(self.dataset.name.as_str(), &table);
        let namespace = interner.namespace(&self.dataset.ids);
        let mut rows = 0;
        while let Some(batch) = table.next_batch()? {
            let (owners, columns) = self.columns(&table, &batch)?;
            let mut cells = Vec::with_capacity(columns.len());
            for row in 0..batch.num_rows() {
                let place = rows + row as u64;
                let Some(owner) = owners.id(row) else {
                    report.drop_row(place, &self.dataset.owner, "no owner");
                    continue;
                };
                if let Err((column, reason)) = read_cells(&self.read, &columns, row, &mut cells) {
                    report.drop_row(place, column, reason);
                    continue;
                }
                let person =
                    namespace.and_then(|ids| interner.find(ids, &owner)).map(|person| person as usize);
                if let Some(person) = person.filter(|person| is_in.get(*person) == Some(&true)) {
                    self.kernels.iter_mut().for_each(|kernel| kernel.hear(person, &cells));
                }
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, allowed)
    }

    fn columns(
        &self,
        table: &Table,
        batch: &arrow_array::RecordBatch,
    ) -> Result<(Column, Vec<Column>), EngineError> {
        let missing = || super::ReadError::MissingColumn {
            file: table.name.clone(),
            column: self.dataset.owner.clone(),
            nearest: None,
        };
        let (owner, rest) = batch.columns().split_first().ok_or_else(missing)?;
        let owners = Column::ids(&table.name, &self.dataset.owner, owner)?;
        let mut columns = Vec::with_capacity(rest.len());
        for ((column, kind), array) in self.read.iter().zip(rest) {
            let read = if *kind == FieldKind::Time { Column::times } else { Column::numbers };
            columns.push(read(&table.name, column, array)?);
        }
        Ok((owners, columns))
    }

    /// Every measure with its clamped values.
    pub(super) fn finish(
        self,
        catalogue: &Catalogue,
        as_of: Timestamp,
    ) -> impl Iterator<Item = (usize, Values)> {
        self.kernels.into_iter().map(move |kernel| {
            let range =
                catalogue.measures().get(kernel.measure).map_or(Clamp::WIDEST, crate::tags::Measure::range);
            let values = match kernel.gathered {
                Gathered::Count(counts) => {
                    Values::Whole(counts.into_iter().map(|count| range.apply(i128::from(count))).collect())
                }
                Gathered::Sum(sums) => Values::Whole(sums.into_iter().map(|sum| range.apply(sum)).collect()),
                Gathered::Last(last) => {
                    let days = |at: i64| i128::from(as_of.seconds().saturating_sub(at).div_euclid(DAY));
                    let value = |at: i64| (at != i64::MIN).then(|| range.apply(days(at)));
                    Values::Partial(last.into_iter().map(value).collect())
                }
            };
            (kernel.measure, values)
        })
    }
}

/// Reads the cells of one row; a bad one names its column and the reason.
fn read_cells<'a>(
    read: &[(&'a str, FieldKind)],
    columns: &[Column],
    row: usize,
    cells: &mut Vec<i64>,
) -> Result<(), (&'a str, &'static str)> {
    cells.clear();
    for ((name, kind), column) in read.iter().zip(columns) {
        let cell = if *kind == FieldKind::Time { column.time(row) } else { column.number(row) };
        let value = match cell {
            Cell::Value(value) => value,
            Cell::Null => return Err((name, "empty")),
            Cell::Unreadable if *kind == FieldKind::Time => {
                return Err((name, "not an instant with an offset"));
            }
            Cell::Unreadable => return Err((name, "not a whole number")),
        };
        if value < 0 && *kind == (FieldKind::Amount { negative: false }) {
            return Err((name, "below zero"));
        }
        cells.push(value);
    }
    Ok(())
}

impl Kernel {
    fn hear(&mut self, person: usize, cells: &[i64]) {
        let at = match self.span {
            None => None,
            Some((column, from, to)) => match cells.get(column) {
                Some(at) if (from..to).contains(at) => Some(*at),
                _ => return,
            },
        };
        match &mut self.gathered {
            Gathered::Count(counts) => {
                if let Some(count) = counts.get_mut(person) {
                    *count = count.saturating_add(1);
                }
            }
            Gathered::Sum(sums) => {
                let value = self.summed.and_then(|column| cells.get(column)).copied().unwrap_or(0);
                if let Some(sum) = sums.get_mut(person) {
                    *sum = sum.saturating_add(i128::from(value));
                }
            }
            Gathered::Last(last) => {
                if let (Some(last), Some(at)) = (last.get_mut(person), at) {
                    *last = at.max(*last);
                }
            }
        }
    }
}
