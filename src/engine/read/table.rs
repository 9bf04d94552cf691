//! A table as batches of the wanted columns, whatever its format, and how a declaration chooses them.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::limits::MOST_COLUMNS;
use super::longest::column_of_long_cell;
use super::partition::Partition;
use super::{ReadError, Tokenised};
use crate::consent::{ConsentColumns, ResolvedColumns, is_name};
use crate::types::CsvDialect;

/// Rows a batch: large enough to amortise a call, small enough to stay in the cache.
pub(super) const BATCH: usize = 16_384;

impl<'a> Wanted<'a> {
    /// The columns of a dataset that are never read.
    pub fn dropped(dataset: &'a crate::policy::Dataset) -> impl Iterator<Item = Self> {
        dataset.dropped.iter().map(|column| Self { column, used: Use::Dropped })
    }
}

/// Why batches end early.
pub(super) enum Stop {
    /// The format is damaged; the decoder's own text may quote a value, so it is not passed on.
    Damaged,
    Because(ReadError),
}

pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Stop>> + Send>;

/// An open table that yields batches of the wanted columns, in the wanted order.
pub struct Table {
    /// How reports call it: the file's name without its folders.
    pub name: String,
    /// Columns that the file has and nothing declares; never decoded.
    pub undeclared: Vec<String>,
    /// For every wanted column whether batches carry it.
    pub present: Vec<bool>,
    /// Rows of the file before those of the table.
    pub first: u64,
    /// Where it comes from, if its ids are tokens.
    pub tokenised: Option<Tokenised>,
    /// What was taken for granted in reading it, such as a separator that nothing declares.
    pub notes: Vec<String>,
    format: &'static str,
    /// The position of every wanted column that is present, columns of folder names after those of a batch.
    positions: Vec<usize>,
    /// The columns that the folders above the file name.
    partitions: Vec<Partition>,
    batches: Batches,
    rows: u64,
}

/// How a dataset uses a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use<'a> {
    /// Read as a column of a consent table: found under every spelling of its name, in a file that has no other columns than
    /// those of such a table and those declared.
    Consent {
        /// How the handler calls its columns.
        columns: &'a ConsentColumns,
        /// Whether its absence stops the seal.
        required: bool,
    },
    /// Declared and not needed: the file must have it, and it is never decoded.
    Declared,
    /// Declared as one that is never read: the file may have it.
    Dropped,
    /// Read where the file has it.
    Optional,
    /// Read; its absence stops the seal.
    Required,
}

/// A wanted column.
pub struct Wanted<'a> {
    /// The column's name.
    pub column: &'a str,
    /// How it is used.
    pub used: Use<'a>,
}

/// Which columns of an input are read, and how.
#[derive(Clone, Copy)]
pub struct OpenTerms<'a> {
    /// The columns.
    pub wanted: &'a [Wanted<'a>],
    /// Those of them that repeat the same few words, which may come as an Arrow dictionary.
    pub repeating: &'a [&'a str],
    /// How CSV is written.
    pub csv: &'a CsvDialect,
    /// Columns that the folders above the file name, and what they say of all its rows: `open` finds them.
    pub partitions: &'a [(String, Option<String>)],
}

impl<'a> OpenTerms<'a> {
    /// These columns, of CSV that is written in no way of its own.
    #[must_use]
    pub fn new(wanted: &'a [Wanted<'a>]) -> Self {
        const PLAIN: &CsvDialect = &CsvDialect { encoding: None, separator: None, skip_lines: 0 };
        Self { wanted, repeating: &[], csv: PLAIN, partitions: &[] }
    }
}

impl<'a> From<&'a [Wanted<'a>]> for OpenTerms<'a> {
    fn from(wanted: &'a [Wanted<'a>]) -> Self {
        Self::new(wanted)
    }
}

impl<'a> From<&'a Vec<Wanted<'a>>> for OpenTerms<'a> {
    fn from(wanted: &'a Vec<Wanted<'a>>) -> Self {
        Self::new(wanted)
    }
}

impl<'a, const N: usize> From<&'a [Wanted<'a>; N]> for OpenTerms<'a> {
    fn from(wanted: &'a [Wanted<'a>; N]) -> Self {
        Self::new(wanted)
    }
}

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder of files, where a panic is caught and becomes a [`ReadError`]; a program's panic hook may
/// then be silent. The library itself installs no hook.
#[must_use]
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs a decoder: it is meant to return errors; should it panic on a forged file, the seal stops all the same.
pub(super) fn unpanicked<T>(decode: impl FnOnce() -> T) -> Option<T> {
    let outer = DECODING.replace(true);
    let done = std::panic::catch_unwind(AssertUnwindSafe(decode)).ok();
    DECODING.set(outer);
    done
}

pub(super) fn caught<T>(name: &str, decode: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    unpanicked(decode).unwrap_or_else(|| Err(damaged(name, "of its format")))
}

impl Table {
    /// A table of consents whose batches have the columns that are present, in the wanted order.
    pub(super) fn of_consents(
        name: String,
        format: &'static str,
        present: Vec<bool>,
        batches: Batches,
    ) -> Self {
        let positions = (0..present.iter().filter(|present| **present).count()).collect();
        let (undeclared, notes, partitions) = Default::default();
        Self {
            name,
            partitions,
            undeclared,
            present,
            first: 0,
            tokenised: None,
            notes,
            format,
            positions,
            batches,
            rows: 0,
        }
    }

    /// The next batch: one array for every wanted column that is present, in the wanted order.
    ///
    /// # Errors
    /// [`ReadError`]: of CSV with the line, of any other format [`ReadError::Damaged`] with the rows read before.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        let damaged =
            |row| ReadError::Damaged { file: self.name.clone(), format: self.format, row: Some(row) };
        let batches = &mut self.batches;
        match unpanicked(|| batches.next()).ok_or_else(|| damaged(self.rows))? {
            None => Ok(None),
            Some(Err(Stop::Damaged)) => Err(damaged(self.rows)),
            Some(Err(Stop::Because(error))) => Err(error),
            Some(Ok(batch)) => {
                if let Some(at) = column_of_long_cell(&batch) {
                    let column = batch.schema().field(at).name().clone();
                    return Err(ReadError::LongCell { file: self.name.clone(), column });
                }
                let batch = self.in_order(batch).map_err(|_| damaged(self.rows))?;
                self.rows += batch.num_rows() as u64;
                Ok(Some(batch))
            }
        }
    }
}

impl Table {
    /// The table as one that begins behind so many rows of its file.
    pub(super) fn behind(self, first: u64) -> Self {
        Self { first, rows: first, ..self }
    }

    /// The wanted columns of a batch, and those that the folders above the file name.
    fn in_order(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.partitions.is_empty() {
            return batch.project(&self.positions);
        }
        let rows = batch.num_rows();
        let schema = batch.schema();
        let (mut fields, mut columns) = (schema.fields().to_vec(), batch.columns().to_vec());
        for (column, value) in &self.partitions {
            fields.push(Arc::new(Field::new(column, DataType::Utf8, true)));
            columns.push(Arc::new(std::iter::repeat_n(value.as_deref(), rows).collect::<StringArray>()));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(Schema::new(fields));
        RecordBatch::try_new_with_options(schema, columns, &options)?.project(&self.positions)
    }
}

/// Which columns of a file are read.
pub(super) struct Chosen {
    /// Ascending positions in the file.
    pub(super) indices: Vec<usize>,
    /// Positions in the file of all declared columns but dropped ones.
    pub(super) declared: Vec<usize>,
    /// For every present wanted column its position inside `indices`, or behind them that of a column of the folders.
    positions: Vec<usize>,
    partitions: Vec<Partition>,
    present: Vec<bool>,
    undeclared: Vec<String>,
    tokenised: Option<Tokenised>,
}

/// Which column is which in a file of consents; `None` for any other file.
fn consent_columns(
    file: &str,
    names: &[&str],
    wanted: &[Wanted<'_>],
    is_tokenised: bool,
) -> Result<Option<ResolvedColumns>, ReadError> {
    let columns = wanted.iter().find_map(|want| match want.used {
        Use::Consent { columns, .. } => Some(columns),
        _ => None,
    });
    // What this program wrote has the names of the consent table, whatever the handler calls its columns.
    let resolve = |columns: &ConsentColumns| match is_tokenised {
        true => columns.under_own_names().resolve(names),
        false => columns.resolve(names),
    };
    let resolved = columns.map(resolve).transpose();
    resolved.map_err(|error| ReadError::ConsentColumn { file: file.to_owned(), error })
}

pub(super) fn choose(file: &str, schema: &Schema, terms: &OpenTerms<'_>) -> Result<Chosen, ReadError> {
    let OpenTerms { wanted, partitions, .. } = *terms;
    let of_file = schema.fields().iter().map(|field| field.name().trim_start_matches('\u{feff}'));
    let names: Vec<&str> = of_file.chain(partitions.iter().map(|(column, _)| column.as_str())).collect();
    let width = schema.fields().len();
    let tokenised = Tokenised::read(file, schema.metadata())?;
    let consents = consent_columns(file, &names, wanted, tokenised.is_some())?;
    let (mut found, mut known, mut declared) = (Vec::new(), Vec::new(), Vec::new());
    for want in wanted {
        let exact =
            || names.iter().enumerate().filter(|(_, name)| **name == want.column).map(|(place, _)| place);
        let places = match &consents {
            Some(columns) => (columns.place(want.column), None),
            None => (exact().next(), exact().nth(1)),
        };
        match places {
            (Some(place), None) => {
                known.push(place);
                declared.extend((want.used != Use::Dropped).then_some(place));
                let read = matches!(want.used, Use::Optional | Use::Required | Use::Consent { .. });
                found.push(read.then_some(place));
            }
            (Some(_), Some(_)) => {
                return Err(ReadError::DuplicateColumn {
                    file: file.to_owned(),
                    column: want.column.to_owned(),
                });
            }
            (None, _)
                if matches!(
                    want.used,
                    Use::Declared | Use::Required | Use::Consent { required: true, .. }
                ) =>
            {
                let has_digits = |name: &str| name.contains(char::is_numeric);
                let shown = names
                    .iter()
                    .filter(|name| is_name(name) && (!has_digits(name) || has_digits(want.column)));
                let nearest = crate::tags::nearest(want.column, shown.copied());
                let column = want.column.to_owned();
                return Err(ReadError::MissingColumn { file: file.to_owned(), column, nearest });
            }
            (None, _) => found.push(None),
        }
    }
    let mut indices: Vec<usize> = found.iter().flatten().copied().filter(|place| *place < width).collect();
    indices.sort_unstable();
    indices.dedup();
    let position = |place: &usize| match place.checked_sub(width) {
        Some(folder) => Some(indices.len() + folder),
        None => indices.iter().position(|index| index == place),
    };
    let positions = found.iter().flatten().filter_map(position).collect();
    let unread = names.iter().enumerate().filter(|(place, _)| !known.contains(place));
    let shown = |(place, name): (usize, &&str)| match is_name(name) {
        true => (*name).to_owned(),
        false => format!("column {}", place + 1),
    };
    let undeclared = unread.map(shown).collect();
    let present = found.iter().map(Option::is_some).collect();
    let partitions = partitions.to_vec();
    Ok(Chosen { positions, partitions, present, undeclared, indices, declared, tokenised })
}

impl Chosen {
    /// Whether the file has any of the columns that are read.
    pub(super) fn finds_some(&self) -> bool {
        !self.indices.is_empty()
    }

    pub(super) fn table(self, name: String, format: &'static str, batches: Batches) -> Table {
        let Self { positions, partitions, present, undeclared, tokenised, .. } = self;
        let (first, rows, notes) = (0, 0, Vec::new());
        Table {
            name,
            undeclared,
            present,
            first,
            tokenised,
            notes,
            format,
            positions,
            partitions,
            batches,
            rows,
        }
    }
}

pub(super) fn damaged(file: &str, format: &'static str) -> ReadError {
    ReadError::Damaged { file: file.to_owned(), format, row: None }
}

/// A header of more columns than any file of a study takes memory for nothing.
pub(super) fn is_not_too_wide(file: &str, columns: usize) -> Result<(), ReadError> {
    if columns <= MOST_COLUMNS {
        return Ok(());
    }
    Err(ReadError::TooManyColumns { file: file.to_owned(), columns, most: MOST_COLUMNS })
}

pub(super) fn arrow(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
) -> Batches {
    Box::new(batches.map(|batch| batch.map_err(|_| Stop::Damaged)))
}
