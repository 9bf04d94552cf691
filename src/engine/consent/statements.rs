//! What rows of consent state, each combination of cells read once: millions of events differ only in person and time.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array};
use arrow_schema::DataType;
use hashbrown::HashMap;

use super::unclear::UnclearRows;
use crate::consent::{Fold, Lists, Reading, Row, STATEMENT_COLUMNS, StatementMapping, Times, Unclear};
use crate::engine::read::{Cell, Column, ReadError};
use crate::types::Timestamp;

/// Combinations that are kept; those beyond it are read row by row.
const MOST: usize = 4_096;

/// One column of statements in a batch.
pub(in crate::engine) enum StatementColumn {
    /// The file has no such column.
    Nothing,
    Flags(BooleanArray),
    Repeats(Dictionary),
    Cells(Column),
}

/// Keys into a list of words.
pub(in crate::engine) struct Dictionary {
    keys: Int32Array,
    words: Column,
    len: usize,
}

impl Dictionary {
    fn new(file: &str, name: &str, array: &DictionaryArray<Int32Type>) -> Result<Self, ReadError> {
        let words = Column::texts(file, name, array.values())?;
        Ok(Self { keys: array.keys().clone(), words, len: array.values().len() })
    }

    fn key(&self, at: usize) -> Option<usize> {
        self.keys.is_valid(at).then(|| usize::try_from(self.keys.value(at)).ok()).flatten()
    }

    fn text(&self, at: usize) -> Option<&str> {
        self.key(at).filter(|key| *key < self.len).and_then(|key| self.words.text(key))
    }
}

impl StatementColumn {
    /// Words, flags or whole numbers.
    pub(in crate::engine) fn new(file: &str, name: &str, array: &ArrayRef) -> Result<Self, ReadError> {
        Ok(match array.data_type() {
            DataType::Boolean => Self::Flags(array.as_boolean().clone()),
            DataType::Dictionary(key, word) if **key == DataType::Int32 && **word == DataType::Utf8 => {
                match array.as_dictionary_opt() {
                    Some(words) => Self::Repeats(Dictionary::new(file, name, words)?),
                    None => Self::Cells(Column::texts(file, name, array)?),
                }
            }
            kind if kind.is_integer() => Self::Cells(Column::numbers(file, name, array)?),
            _ => Self::Cells(Column::texts(file, name, array)?),
        })
    }

    fn flag(flags: &BooleanArray, at: usize) -> Option<bool> {
        flags.is_valid(at).then(|| flags.value(at))
    }

    /// The plain spelling of a cell.
    pub(in crate::engine) fn text(&self, at: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Nothing => None,
            Self::Flags(flags) => {
                Self::flag(flags, at).map(|flag| Cow::Borrowed(if flag { "true" } else { "false" }))
            }
            Self::Repeats(words) => words.text(at).map(Cow::Borrowed),
            Self::Cells(column @ Column::Words(_)) => column.text(at).map(Cow::Borrowed),
            Self::Cells(column) => match column.number(at) {
                Cell::Value(number) => Some(Cow::Owned(number.to_string())),
                Cell::Null | Cell::Unreadable => None,
            },
        }
    }
}

/// The distinct cells of one column, numbered from 1; 0 is an absent cell.
#[derive(Default)]
struct Words {
    words: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u8>,
    /// Columns mostly repeat their last cell.
    last: usize,
    last_number: Option<(i64, u8)>,
    /// The numbers of the words of this batch's dictionary, if it is short.
    of_batch: Vec<u8>,
}

impl Words {
    /// Numbers the words of a batch's dictionary. A long one would cost more than its rows.
    fn begin(&mut self, column: &StatementColumn) {
        self.of_batch.clear();
        if let StatementColumn::Repeats(dictionary) = column
            && dictionary.len <= usize::from(u8::MAX)
        {
            for position in 0..dictionary.len {
                match dictionary.words.text(position).map_or(Some(0), |word| self.intern(word)) {
                    Some(number) => self.of_batch.push(number),
                    None => break,
                }
            }
        }
    }

    /// `None` when the column has more distinct cells than fit a byte.
    fn number(&mut self, column: &StatementColumn, at: usize) -> Option<u8> {
        match column {
            StatementColumn::Nothing => Some(0),
            StatementColumn::Flags(flags) => {
                Some(StatementColumn::flag(flags, at).map_or(0, |flag| 1 + u8::from(flag)))
            }
            StatementColumn::Repeats(words) => match words.key(at).map(|key| self.of_batch.get(key).copied())
            {
                None => Some(0),
                Some(Some(number)) => Some(number),
                Some(None) => words.text(at).map_or(Some(0), |word| self.intern(word)),
            },
            StatementColumn::Cells(cells @ Column::Words(_)) => {
                cells.text(at).map_or(Some(0), |word| self.intern(word))
            }
            StatementColumn::Cells(cells) => {
                let Cell::Value(number) = cells.number(at) else { return Some(0) };
                if let Some((_, known)) = self.last_number.filter(|(last, _)| *last == number) {
                    return Some(known);
                }
                let known = self.intern(&number.to_string())?;
                self.last_number = Some((number, known));
                Some(known)
            }
        }
    }

    fn intern(&mut self, word: &str) -> Option<u8> {
        if self.words.get(self.last).is_some_and(|last| **last == *word) {
            return u8::try_from(self.last + 1).ok();
        }
        if let Some(number) = self.numbers.get(word) {
            self.last = usize::from(*number) - 1;
            return Some(*number);
        }
        let number = u8::try_from(self.words.len() + 1).ok()?;
        self.last = self.words.len();
        self.words.push(word.into());
        self.numbers.insert(word.into(), number);
        Some(number)
    }
}

/// The readings of one combination of cells.
struct Readings {
    /// One for each fold, for every row that the combination expands to.
    rows: Vec<Vec<Reading>>,
    unclear: Unclear,
    /// Rows of the file that had it.
    count: u64,
}

/// What the rows of one file have stated so far, by combination of cells. It holds nothing of a person.
pub(super) struct StatementCache<'a> {
    statements: &'a StatementMapping,
    words: [Words; STATEMENT_COLUMNS],
    /// The cells of each row of this batch, a byte for each column; `None` where a column has too many distinct cells.
    keys: Vec<Option<u128>>,
    known: HashMap<u128, usize>,
    last: Option<(u128, usize)>,
    readings: Vec<Readings>,
    lists: Lists,
    as_of: Option<Timestamp>,
    unclear: UnclearRows,
}

impl<'a> StatementCache<'a> {
    pub(in crate::engine) fn new(
        statements: &'a StatementMapping,
        lists: Lists,
        as_of: Option<Timestamp>,
    ) -> Self {
        Self {
            statements,
            lists,
            as_of,
            unclear: UnclearRows::default(),
            words: Default::default(),
            keys: Vec::new(),
            known: HashMap::new(),
            last: None,
            readings: Vec::new(),
        }
    }

    /// Looks at all rows of one batch, column by column.
    pub(in crate::engine) fn begin(&mut self, columns: &[StatementColumn; STATEMENT_COLUMNS], rows: usize) {
        self.keys.clear();
        self.keys.resize(rows, Some(0));
        for (place, (words, column)) in (0_u32..).step_by(8).zip(self.words.iter_mut().zip(columns)) {
            words.begin(column);
            if matches!(column, StatementColumn::Nothing) {
                continue;
            }
            for (row, key) in self.keys.iter_mut().enumerate() {
                let number = words.number(column, row);
                *key = key.zip(number).map(|(key, number)| key | u128::from(number) << place);
            }
        }
    }

    /// Passes what a row states to every fold.
    pub(in crate::engine) fn apply(
        &mut self,
        (columns, at, times): (&[StatementColumn; STATEMENT_COLUMNS], usize, &Times),
        folds: &mut [Fold],
        mut observe: impl FnMut(&mut Fold, &Reading),
    ) {
        let mut fresh;
        let position = self.position(columns, at, folds);
        let readings = match position.and_then(|position| self.readings.get_mut(position)) {
            Some(known) => known,
            None => {
                fresh = self.read(columns, at, folds);
                self.unclear.add(&fresh.unclear, 1);
                &mut fresh
            }
        };
        readings.count += 1;
        self.unclear.add_times(times, readings.unclear.gives, self.as_of);
        for row in &readings.rows {
            folds.iter_mut().zip(row).for_each(|(fold, reading)| observe(fold, reading));
        }
    }

    /// What was unclear in all rows.
    pub(in crate::engine) fn finish(mut self) -> UnclearRows {
        for readings in &self.readings {
            self.unclear.add(&readings.unclear, readings.count);
        }
        self.unclear
    }

    /// Where the readings of this combination are kept, if there is room for them.
    fn position(
        &mut self,
        columns: &[StatementColumn; STATEMENT_COLUMNS],
        at: usize,
        folds: &[Fold],
    ) -> Option<usize> {
        let key = self.keys.get(at).copied().flatten()?;
        if let Some((_, position)) = self.last.filter(|(last, _)| *last == key) {
            return Some(position);
        }
        let position = match self.known.get(&key) {
            Some(position) => *position,
            None if self.readings.len() < MOST => {
                self.readings.push(self.read(columns, at, folds));
                *self.known.entry(key).insert(self.readings.len() - 1).get()
            }
            None => return None,
        };
        self.last = Some((key, position));
        Some(position)
    }
}

impl StatementCache<'_> {
    fn read(&self, columns: &[StatementColumn; STATEMENT_COLUMNS], at: usize, folds: &[Fold]) -> Readings {
        let cells = columns.each_ref().map(|column| column.text(at));
        let rows = self.statements.rows(cells);
        let of_all = |cells| folds.iter().map(|fold| fold.read(&row(cells))).collect();
        let unclear = rows.iter().map(|cells| self.lists.unclear(&row(cells)));
        let unclear = unclear.reduce(Unclear::and).unwrap_or_default();
        Readings { rows: rows.iter().map(of_all).collect(), unclear, count: 0 }
    }
}

/// What the statements of one row are, without its instants.
pub(super) fn row<'a>(cells: &'a [Option<Cow<'_, str>>; STATEMENT_COLUMNS]) -> Row<'a> {
    let [
        event,
        trigger,
        purpose,
        recipient,
        handler,
        kind,
        categories,
        methods,
        notice,
        notice_version,
        giver,
        own_step,
        pre_ticked,
        bundle_size,
        service_gate,
        service_necessary,
    ] = cells.each_ref().map(|cell| cell.as_deref());
    Row {
        handler,
        event,
        kind,
        trigger,
        purpose,
        recipient,
        categories,
        methods,
        notice,
        notice_version,
        shown_at: None,
        at: None,
        valid_to: None,
        giver,
        own_step,
        pre_ticked,
        bundle_size,
        service_gate,
        service_necessary,
    }
}
