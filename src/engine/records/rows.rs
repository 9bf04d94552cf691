//! The rows of one batch of records: the owner of each, its cells, and which of them a measure reads.

use arrow_array::{Array, ArrayRef, Int64Array, StringArray};
use twox_hash::XxHash64;

use crate::deidentify::Treatment;
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::read::{Amounts, Cell, Column, ReadError, Spellings};
use crate::policy::{Field, FieldKind};
use crate::tags::{Test, Word};

/// One batch.
pub(in crate::engine) struct Rows {
    /// The owner of each row, or no person for a row that counts nowhere.
    pub(in crate::engine) owners: Vec<u32>,
    /// The columns that are read.
    pub(in crate::engine) cells: Vec<ColumnCells>,
}

/// The cells of one column.
pub(in crate::engine) enum ColumnCells {
    /// Amounts, integers, instants in seconds, flags as 1 and 0; null where a row has no value.
    Numbers(Int64Array),
    /// Texts; null or empty where a row has no value.
    Words(StringArray),
    /// People by number, or no person.
    People(Vec<u32>),
}

/// A half-open span of a time column: its position, the first instant inside and the first one after it.
pub(super) type TimeSpan = (usize, i64, i64);

/// Which rows a measure reads: inside all spans, and meeting all conditions.
#[derive(PartialEq, Eq)]
pub(super) struct Selection<'a> {
    pub(super) spans: Vec<TimeSpan>,
    pub(super) conditions: Vec<(usize, &'a Test)>,
}

/// A row, a column and what is wrong there.
pub(in crate::engine) type Bad<'a> = (usize, &'a str, &'static str);

/// What reading the columns of one batch found besides their cells.
#[derive(Default)]
pub(in crate::engine) struct Findings<'a> {
    /// Bad cells.
    pub(in crate::engine) bad: Vec<Bad<'a>>,
    /// How columns of amounts spell them.
    pub(in crate::engine) spellings: Vec<(&'a str, Spellings)>,
}

impl ColumnCells {
    /// Reads a column as its field declares it, as coarse as declared; bad cells are named in `found`.
    pub(in crate::engine) fn read<'a>(
        file: &str,
        field: &'a Field,
        array: &ArrayRef,
        found: &mut Findings<'a>,
    ) -> Result<Self, ReadError> {
        Ok(Self::as_is(file, field, array, found)?.treated(&field.treatment))
    }

    /// As coarse as declared.
    pub(in crate::engine) fn treated(self, treatment: &Treatment) -> Self {
        match self {
            all if *treatment == Treatment::AsIs => all,
            Self::Numbers(numbers) => Self::Numbers(numbers.unary(|number| treatment.number(number))),
            Self::Words(words) => {
                // An empty word is no value, and stays one.
                let words = words.iter().map(|word| word.filter(|word| !word.is_empty()));
                Self::Words(words.map(|word| Some(treatment.word(word?))).collect())
            }
            Self::People(people) => Self::People(people),
        }
    }

    fn of_amounts<'a>(field: &'a Field, negative: bool, amounts: Amounts, found: &mut Findings<'a>) -> Self {
        let (name, Amounts { minor, faults, spellings }) = (field.column.as_str(), amounts);
        found.spellings.push((name, spellings));
        if minor.null_count() == 0 && (negative || minor.values().iter().all(|amount| *amount >= 0)) {
            return Self::Numbers(minor);
        }
        let mut faults = faults.into_iter().peekable();
        for (row, amount) in minor.iter().enumerate() {
            let fault = faults.next_if(|(of, _)| *of == row).map(|(_, fault)| fault.as_str());
            let fault = fault.or(match amount {
                None if !field.optional => Some("empty"),
                Some(amount) if amount < 0 && !negative => Some("below zero"),
                _ => None,
            });
            found.bad.extend(fault.map(|fault| (row, name, fault)));
        }
        Self::Numbers(minor)
    }

    /// Reads a column as its field declares it, and leaves it as fine as it is; bad cells are named in `found`.
    pub(super) fn as_is<'a>(
        file: &str,
        field: &'a Field,
        array: &ArrayRef,
        found: &mut Findings<'a>,
    ) -> Result<Self, ReadError> {
        if let FieldKind::Amount { negative, format } = field.kind {
            let amounts = Amounts::read(file, &field.column, array, format)?;
            return Ok(Self::of_amounts(field, negative, amounts, found));
        }
        let bad = &mut found.bad;
        let (name, zone) = (&field.column, field.zone.as_ref());
        let column = match field.kind {
            FieldKind::Time => Column::times(file, name, array, zone)?,
            FieldKind::Flag => Column::flags(file, name, array)?,
            FieldKind::Text => Column::texts(file, name, array)?,
            _ => Column::numbers(file, name, array)?,
        };
        if let (FieldKind::Text, Column::Words(words)) = (field.kind, &column) {
            let missing = (0..words.len()).filter(|row| !field.optional && column.text(*row).is_none());
            bad.extend(missing.map(|row| (row, name.as_str(), "empty")));
            return Ok(Self::Words(words.clone()));
        }
        if let (Column::Numbers(numbers), true) = (&column, field.kind != FieldKind::Flag) {
            if numbers.null_count() > 0 && !field.optional {
                let empty = (0..numbers.len()).filter(|row| numbers.is_null(*row));
                bad.extend(empty.map(|row| (row, name.as_str(), "empty")));
            }
            return Ok(Self::Numbers(numbers.clone()));
        }
        let unreadable = |row| match field.kind {
            FieldKind::Time => column.time_fault(row, zone).as_str(),
            FieldKind::Flag => "not true or false",
            _ => "not a whole number",
        };
        let mut numbers = Vec::with_capacity(array.len());
        for row in 0..array.len() {
            let cell = match field.kind {
                FieldKind::Time => column.time(row, zone),
                FieldKind::Flag => column.flag(row),
                _ => column.number(row),
            };
            let (number, fault) = match cell {
                Cell::Value(value) => (Some(value), None),
                Cell::Null => (None, (!field.optional).then_some("empty")),
                Cell::Unreadable => (None, Some(unreadable(row))),
            };
            numbers.push(number);
            bad.extend(fault.map(|fault| (row, name.as_str(), fault)));
        }
        Ok(Self::Numbers(numbers.into()))
    }

    /// Whether every row meets a test.
    fn met(&self, test: &Test) -> Vec<bool> {
        match self {
            Self::Numbers(numbers) => numbers.iter().map(|number| test.holds(number)).collect(),
            Self::People(people) => {
                people.iter().map(|person| test.holds((*person != NO_PERSON).then_some(0))).collect()
            }
            Self::Words(words) => {
                let holds = |text: Option<&str>| match (test, text.filter(|text| !text.is_empty())) {
                    (Test::OneOf(words), Some(text)) => {
                        words.iter().any(|word| matches!(word, Word::Text(word) if word == text))
                    }
                    (test, text) => test.holds(text.map(|_| 0)),
                };
                words.iter().map(holds).collect()
            }
        }
    }

    /// The numbers of a column of numbers, row by row; 0 where a row has no value, and whether it has one.
    pub(in crate::engine) fn numbers(&self) -> Option<&Int64Array> {
        if let Self::Numbers(numbers) = self { Some(numbers) } else { None }
    }

    /// The numbers of a column of numbers in which every row has one.
    pub(super) fn plain(&self) -> Option<&[i64]> {
        self.numbers().filter(|numbers| numbers.null_count() == 0).map(|numbers| &**numbers.values())
    }

    /// Whether every fingerprint has 32 bits.
    pub(super) fn are_narrow(&self) -> bool {
        match self {
            // Under a null may be any number, which only makes it wide for nothing.
            Self::Numbers(numbers) => numbers.values().iter().fold(0, |all, number| all | number) >> 32 == 0,
            Self::People(_) => true,
            Self::Words(_) => false,
        }
    }

    /// Calls `observe` for every cell that has a value with its one of `rows` and 64 bits: equal for equal cells, and different for
    /// different ones but for one chance in 2^64; a number is its own 64 bits.
    pub(in crate::engine) fn for_each_value<R>(
        &self,
        rows: impl Iterator<Item = R>,
        mut observe: impl FnMut(R, u64),
    ) {
        match self {
            Self::Numbers(numbers) if numbers.null_count() == 0 => {
                rows.zip(numbers.values()).for_each(|(row, number)| observe(row, number.cast_unsigned()));
            }
            Self::Numbers(numbers) => {
                let valid = rows.zip(numbers).filter_map(|(row, number)| Some((row, number?)));
                valid.for_each(|(row, number)| observe(row, number.cast_unsigned()));
            }
            Self::People(people) => {
                let named = rows.zip(people).filter(|(_, person)| **person != NO_PERSON);
                named.for_each(|(row, person)| observe(row, u64::from(*person)));
            }
            Self::Words(words) => {
                for (row, text) in rows.zip(words) {
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        // The same in every process and version: fingerprints of several machines are merged.
                        observe(row, XxHash64::oneshot(0, text.as_bytes()));
                    }
                }
            }
        }
    }
}

impl Rows {
    /// One more than the largest number of an owner.
    pub(in crate::engine) fn people(&self) -> usize {
        // One more than the number of no person is 0.
        self.owners.iter().map(|owner| owner.wrapping_add(1)).max().map_or(0, |people| people as usize)
    }

    /// Whether a row has an instant inside all of these spans.
    fn is_inside(&self, spans: &[TimeSpan], row: usize) -> bool {
        spans.iter().all(|(column, from, to)| {
            let times = self.cells.get(*column).and_then(ColumnCells::numbers);
            times.is_none_or(|times| times.is_valid(row) && (*from..*to).contains(&times.value(row)))
        })
    }

    /// Whether any row of any person is inside all spans of one of these windows.
    pub(super) fn is_any_inside(&self, windows: &[Vec<TimeSpan>]) -> bool {
        windows.iter().any(|spans| (0..self.owners.len()).any(|row| self.is_inside(spans, row)))
    }

    /// The owners of the selected rows; no person for all others.
    pub(super) fn select(&self, selection: &Selection<'_>) -> Vec<u32> {
        let mut chosen = self.owners.clone();
        for (column, from, to) in &selection.spans {
            if let Some(times) = self.cells.get(*column).and_then(ColumnCells::numbers) {
                keep(&mut chosen, times, |at| *from <= at && at < *to);
            }
        }
        for (column, test) in &selection.conditions {
            match (self.cells.get(*column), test) {
                (Some(ColumnCells::Numbers(numbers)), Test::OneOf(words)) if words.len() == 1 => {
                    let only = if let Some(Word::Number(only)) = words.first() { Some(*only) } else { None };
                    keep(&mut chosen, numbers, |number| Some(number) == only);
                }
                (Some(ColumnCells::Numbers(numbers)), Test::Range { .. }) => {
                    keep(&mut chosen, numbers, |number| test.holds(Some(number)));
                }
                (cells, test) => {
                    let met = cells.map(|cells| cells.met(test)).unwrap_or_default();
                    let met = met.into_iter().chain(std::iter::repeat(false));
                    chosen.iter_mut().zip(met).for_each(|(owner, met)| *owner |= mask(met));
                }
            }
        }
        chosen
    }
}

/// Leaves rows out that have no number, or one that is not wanted.
fn keep(chosen: &mut [u32], numbers: &Int64Array, wanted: impl Fn(i64) -> bool) {
    if numbers.null_count() == 0 {
        let rows = chosen.iter_mut().zip(numbers.values());
        rows.for_each(|(owner, number)| *owner |= mask(wanted(*number)));
    } else {
        let rows = chosen.iter_mut().zip(numbers);
        rows.for_each(|(owner, number)| *owner |= mask(number.is_some_and(&wanted)));
    }
}

/// What makes an owner that of no person in a row that is not kept, without a branch.
fn mask(kept: bool) -> u32 {
    if kept { 0 } else { NO_PERSON }
}
