//! Parts of an input that are read by themselves: the row groups of a Parquet file.

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::bytes::file;
use super::open::open;
use super::parquet::{PARQUET, as_dictionaries, batches, footer};
use super::path::Promise;
use super::table::caught;
use super::{Input, OpenTerms, ReadError, Table};

/// A part of an input that can be read by itself: whole row groups of a Parquet file, or all of any other input.
pub struct Part(Unread);

enum Unread {
    Whole(Input),
    Groups { input: Input, metadata: ArrowReaderMetadata, group: usize, first: u64 },
}

/// The parts of `input`, in the order of its rows; at least one. No file stays open.
///
/// # Errors
/// [`ReadError`] for a Parquet file that is missing or whose footer is damaged.
pub fn parts(mut input: Input) -> Result<Vec<Part>, ReadError> {
    input.begin()?;
    let name = input.name();
    let Some(metadata) = parquet_file(&input, &name).transpose()? else {
        return Ok(vec![Part(Unread::Whole(input))]);
    };
    let groups = metadata.metadata().row_groups();
    if groups.len() < 2 {
        return Ok(vec![Part(Unread::Whole(input))]);
    }
    let mut first = 0u64;
    let parts = groups.iter().enumerate().map(|(group, rows)| {
        let before = first;
        first = first.saturating_add(u64::try_from(rows.num_rows()).unwrap_or(0));
        let input = input.again()?;
        Some(Part(Unread::Groups { input, metadata: metadata.clone(), group, first: before }))
    });
    // A file that became a pipe since its footer was read cannot be read again.
    parts.collect::<Option<_>>().ok_or(ReadError::Once { file: name, format: PARQUET })
}

/// The footer of an input that is a Parquet file.
fn parquet_file(input: &Input, name: &str) -> Option<Result<ArrowReaderMetadata, ReadError>> {
    let source = input.source(name)?;
    let is_parquet = Promise::of(source.path) == (Promise::Parquet, None);
    let read = || footer(&source.at_random(file(source.path, name)?)?, name);
    is_parquet.then(|| caught(name, read))
}

/// How many rows an input has, if it says so without being read.
pub fn known_rows(input: &Input) -> Option<u64> {
    input.path().filter(|path| path.is_file())?;
    let metadata = parquet_file(input, &input.name())?.ok()?;
    u64::try_from(metadata.metadata().file_metadata().num_rows()).ok()
}

impl Part {
    /// Opens the part for the wanted columns.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open<'a>(self, terms: impl Into<OpenTerms<'a>>) -> Result<Table, ReadError> {
        match self.0 {
            Unread::Whole(input) => open(input, terms),
            Unread::Groups { input, metadata, group, first } => {
                let (name, partitions) = (input.name(), input.partitions()?);
                let terms = OpenTerms { partitions: &partitions, ..terms.into() };
                let missing = || ReadError::UnknownFormat { file: name.clone() };
                let source = input.source(&name).ok_or_else(missing)?;
                let table = caught(&name, || {
                    let file = source.at_random(file(source.path, &name)?)?;
                    let metadata = as_dictionaries(metadata, terms.repeating);
                    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
                    batches(builder.with_row_groups(vec![group]), name.clone(), &terms)
                })?;
                Ok(table.behind(first))
            }
        }
    }
}
