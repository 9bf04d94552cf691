//! Opens Parquet, CSV and Arrow IPC files, and Arrow readers of the caller, as one kind of table.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_csv::reader::{Format, ReaderBuilder};
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::quotes::Quotes;
use super::{ReadError, Tokenised, int96};

/// Rows a batch: large enough to amortise a call, small enough to stay in the cache.
const BATCH: usize = 16_384;

/// Where the rows of a dataset come from.
#[non_exhaustive]
pub enum Input {
    /// A file; the format follows from its name.
    Path(PathBuf),
    /// Batches of the caller, with the name that reports give them.
    Reader(String, Box<dyn RecordBatchReader + Send>),
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl<'a> Wanted<'a> {
    /// The columns of a dataset that are never read.
    pub fn dropped(dataset: &'a crate::policy::Dataset) -> impl Iterator<Item = Self> {
        dataset.dropped.iter().map(|column| Self { column, used: Use::Dropped })
    }
}

impl Input {
    /// How reports call it: the file's name without its folders.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => file_name(path),
            Self::Reader(name, _) => name.clone(),
        }
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

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
    format: &'static str,
    positions: Vec<usize>,
    batches: Batches,
    rows: u64,
}

/// How a dataset uses a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
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
    pub used: Use,
}

/// Opens `input` for the wanted columns.
///
/// # Errors
/// [`ReadError`] for a file that is missing, cut off, of another format, or without a required column.
pub fn open(input: Input, wanted: &[Wanted<'_>]) -> Result<Table, ReadError> {
    open_repeating(input, wanted, &[])
}

/// Opens `input` for the wanted columns; text of those that repeat the same few words may come as an Arrow dictionary.
///
/// # Errors
/// As [`open`].
pub fn open_repeating(input: Input, wanted: &[Wanted<'_>], repeating: &[&str]) -> Result<Table, ReadError> {
    match input {
        Input::Reader(name, reader) => {
            let chosen = choose(&name, &reader.schema(), wanted)?;
            let indices = chosen.indices.clone();
            let batches = reader.map(move |batch| batch?.project(&indices));
            Ok(chosen.table(name, "Arrow batches", Box::new(batches)))
        }
        Input::Path(path) => {
            let name = file_name(&path);
            caught(&name, || match extension(&path).as_str() {
                "parquet" => parquet(&path, name.clone(), wanted, repeating),
                "csv" => csv(&path, name.clone(), wanted),
                "arrow" | "ipc" | "feather" => ipc(&path, name.clone(), wanted),
                _ => Err(ReadError::UnknownFormat { file: name.clone() }),
            })
        }
    }
}

/// A part of an input that can be read by itself: whole row groups of a Parquet file, or all of any other input.
pub struct Part(Unread);

enum Unread {
    Whole(Input),
    Groups { path: PathBuf, metadata: ArrowReaderMetadata, group: usize, first: u64 },
}

/// The parts of `input`, in the order of its rows; at least one. No file stays open.
///
/// # Errors
/// [`ReadError`] for a Parquet file that is missing or whose footer is damaged.
pub fn parts(input: Input) -> Result<Vec<Part>, ReadError> {
    let Input::Path(path) = input else { return Ok(vec![Part(Unread::Whole(input))]) };
    if extension(&path) != "parquet" {
        return Ok(vec![Part(Unread::Whole(Input::Path(path)))]);
    }
    let name = file_name(&path);
    let metadata = caught(&name, || footer(&file(&path, &name)?, &name))?;
    let groups = metadata.metadata().row_groups();
    if groups.len() < 2 {
        return Ok(vec![Part(Unread::Whole(Input::Path(path)))]);
    }
    let mut first = 0u64;
    let parts = groups.iter().enumerate().map(|(group, rows)| {
        let before = first;
        first = first.saturating_add(u64::try_from(rows.num_rows()).unwrap_or(0));
        Part(Unread::Groups { path: path.clone(), metadata: metadata.clone(), group, first: before })
    });
    Ok(parts.collect())
}

/// How many rows an input has, if it says so without being read.
pub fn known_rows(input: &Input) -> Option<u64> {
    let Input::Path(path) = input else { return None };
    if extension(path) != "parquet" {
        return None;
    }
    let name = file_name(path);
    let metadata = caught(&name, || footer(&file(path, &name)?, &name)).ok()?;
    u64::try_from(metadata.metadata().file_metadata().num_rows()).ok()
}

/// Where an input comes from, if its ids are tokens.
///
/// # Errors
/// [`ReadError`] for a file that is missing or whose schema cannot be read.
pub fn tokenised(input: &Input) -> Result<Option<Tokenised>, ReadError> {
    let path = match input {
        Input::Reader(name, reader) => return Tokenised::read(name, reader.schema().metadata()),
        Input::Path(path) => path,
    };
    let name = file_name(path);
    let schema = caught(&name, || {
        let file = || file(path, &name);
        Ok(match extension(path).as_str() {
            "parquet" => Some(Arc::clone(footer(&file()?, &name)?.schema())),
            "arrow" | "ipc" | "feather" => Some(ipc_reader(file()?, &name, None)?.schema()),
            _ => None,
        })
    })?;
    schema.map_or(Ok(None), |schema| Tokenised::read(&name, schema.metadata()))
}

impl Part {
    /// Opens the part for the wanted columns.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(self, wanted: &[Wanted<'_>]) -> Result<Table, ReadError> {
        match self.0 {
            Unread::Whole(input) => open(input, wanted),
            Unread::Groups { path, metadata, group, first } => {
                let name = file_name(&path);
                let table = caught(&name, || {
                    let file = file(&path, &name)?;
                    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
                    batches(builder.with_row_groups(vec![group]), name.clone(), wanted)
                })?;
                Ok(Table { first, rows: first, ..table })
            }
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

pub(super) fn extension(path: &Path) -> String {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("").to_ascii_lowercase()
}

/// The decoders are meant to return errors; should one panic on a forged file, the seal stops all the same.
pub(super) fn caught<T>(name: &str, decode: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    std::panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(damaged(name, "of its format")))
}

impl Table {
    /// The next batch: one array for every wanted column that is present, in the wanted order.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] with the rows read before.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        let damaged =
            |row| ReadError::Damaged { file: self.name.clone(), format: self.format, row: Some(row) };
        // The decoders are meant to return errors; should one panic on a forged file, the seal stops all the same.
        let batches = &mut self.batches;
        let next =
            std::panic::catch_unwind(AssertUnwindSafe(|| batches.next())).map_err(|_| damaged(self.rows))?;
        match next {
            None => Ok(None),
            // The error's own text may quote a value, so it is not passed on.
            Some(Err(_)) => Err(damaged(self.rows)),
            Some(Ok(batch)) => {
                let batch = batch.project(&self.positions).map_err(|_| damaged(self.rows))?;
                self.rows += batch.num_rows() as u64;
                Ok(Some(batch))
            }
        }
    }
}

/// Which columns of a file are read.
struct Chosen {
    /// Ascending positions in the file.
    indices: Vec<usize>,
    /// For every present wanted column its position inside `indices`.
    positions: Vec<usize>,
    present: Vec<bool>,
    undeclared: Vec<String>,
    tokenised: Option<Tokenised>,
}

fn choose(file: &str, schema: &Schema, wanted: &[Wanted<'_>]) -> Result<Chosen, ReadError> {
    let names: Vec<&str> =
        schema.fields().iter().map(|field| field.name().trim_start_matches('\u{feff}')).collect();
    let (mut found, mut known) = (Vec::new(), Vec::new());
    for want in wanted {
        let mut places = names.iter().enumerate().filter(|(_, name)| **name == want.column);
        match (places.next(), places.next()) {
            (Some((place, _)), None) => {
                known.push(place);
                found.push(matches!(want.used, Use::Optional | Use::Required).then_some(place));
            }
            (Some(_), Some(_)) => {
                return Err(ReadError::DuplicateColumn {
                    file: file.to_owned(),
                    column: want.column.to_owned(),
                });
            }
            (None, _) if matches!(want.used, Use::Declared | Use::Required) => {
                let nearest = crate::tags::nearest(want.column, names.iter().copied());
                let column = want.column.to_owned();
                return Err(ReadError::MissingColumn { file: file.to_owned(), column, nearest });
            }
            (None, _) => found.push(None),
        }
    }
    let mut indices: Vec<usize> = found.iter().flatten().copied().collect();
    indices.sort_unstable();
    indices.dedup();
    let position = |place: &usize| indices.iter().position(|index| index == place);
    let positions = found.iter().flatten().filter_map(position).collect();
    let unread = names.iter().enumerate().filter(|(place, _)| !known.contains(place));
    let undeclared = unread.map(|(_, name)| (*name).to_owned()).collect();
    let present = found.iter().map(Option::is_some).collect();
    let tokenised = Tokenised::read(file, schema.metadata())?;
    Ok(Chosen { positions, present, undeclared, indices, tokenised })
}

impl Chosen {
    fn table(self, name: String, format: &'static str, batches: Batches) -> Table {
        let Self { positions, present, undeclared, tokenised, .. } = self;
        Table { name, undeclared, present, first: 0, tokenised, format, positions, batches, rows: 0 }
    }
}

pub(super) fn file(path: &Path, name: &str) -> Result<File, ReadError> {
    let open = || {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
    };
    open().map_err(|source| ReadError::Open { file: name.to_owned(), source })
}

pub(super) fn damaged(file: &str, format: &'static str) -> ReadError {
    ReadError::Damaged { file: file.to_owned(), format, row: None }
}

fn parquet(path: &Path, name: String, wanted: &[Wanted<'_>], repeating: &[&str]) -> Result<Table, ReadError> {
    let file = file(path, &name)?;
    let metadata = as_dictionaries(footer(&file, &name)?, repeating);
    batches(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata), name, wanted)
}

const PARQUET: &str = "Parquet";

pub(super) fn footer(file: &File, name: &str) -> Result<ArrowReaderMetadata, ReadError> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new());
    metadata.map(int96::in_microseconds).map_err(|_| damaged(name, PARQUET))
}

fn batches(
    builder: ParquetRecordBatchReaderBuilder<File>,
    name: String,
    wanted: &[Wanted<'_>],
) -> Result<Table, ReadError> {
    let chosen = choose(&name, builder.schema(), wanted)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), chosen.indices.iter().copied());
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|_| damaged(&name, PARQUET))?;
    Ok(chosen.table(name, PARQUET, Box::new(reader)))
}

/// Parquet stores words that repeat as a dictionary; read as one, they are never spelled out row by row.
fn as_dictionaries(metadata: ArrowReaderMetadata, repeating: &[&str]) -> ArrowReaderMetadata {
    let field = |field: &Arc<Field>| {
        let repeats = *field.data_type() == DataType::Utf8 && repeating.contains(&field.name().as_str());
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        if repeats { Arc::new(field.as_ref().clone().with_data_type(words)) } else { Arc::clone(field) }
    };
    let fields: Vec<Arc<Field>> = metadata.schema().fields().iter().map(field).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    // A file whose own schema does not allow it is read as plain text.
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).unwrap_or(metadata)
}

const IPC: &str = "Arrow IPC";

pub(super) fn ipc_reader(
    file: File,
    name: &str,
    columns: Option<Vec<usize>>,
) -> Result<FileReader<File>, ReadError> {
    FileReader::try_new(file, columns).map_err(|_| damaged(name, IPC))
}

fn ipc(path: &Path, name: String, wanted: &[Wanted<'_>]) -> Result<Table, ReadError> {
    let schema = ipc_reader(file(path, &name)?, &name, None)?.schema();
    let chosen = choose(&name, &schema, wanted)?;
    let reader = ipc_reader(file(path, &name)?, &name, Some(chosen.indices.clone()))?;
    Ok(chosen.table(name, IPC, Box::new(reader)))
}

pub(super) const CSV: &str = "CSV with a header";

/// Every CSV cell is read as text; its column's declaration says how to read on.
fn csv(path: &Path, name: String, wanted: &[Wanted<'_>]) -> Result<Table, ReadError> {
    let format = Format::default().with_header(true);
    let (header, _) = format.infer_schema(file(path, &name)?, Some(0)).map_err(|_| damaged(&name, CSV))?;
    let texts = header.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    let schema: SchemaRef = Arc::new(Schema::new(texts.collect::<Vec<_>>()));
    let chosen = choose(&name, &schema, wanted)?;
    let builder = ReaderBuilder::new(schema).with_format(format).with_batch_size(BATCH);
    let reader = builder.with_projection(chosen.indices.clone()).build(Quotes::new(file(path, &name)?));
    Ok(chosen.table(name.clone(), CSV, Box::new(reader.map_err(|_| damaged(&name, CSV))?)))
}
