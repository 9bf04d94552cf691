//! The four tables as files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatchReader;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{MAX_CSV_PEOPLE, Population, PopulationError};

/// Rows in a row group, at most.
const ROW_GROUP_ROWS: usize = 250_000;

/// Where the tables of a population were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Follow lists.
    pub follows: PathBuf,
    /// Payments.
    pub payments: PathBuf,
    /// Profiles.
    pub members: PathBuf,
    /// Consent events.
    pub consents: PathBuf,
}

type Reader = Box<dyn RecordBatchReader + Send>;

fn parquet(path: &Path, reader: Reader) -> Result<(), PopulationError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(create(path)?, reader.schema(), Some(properties))?;
    for batch in reader {
        writer.write(&batch?)?;
    }
    let mut file = writer.into_inner()?;
    file.flush().map_err(|source| PopulationError::File { path: path.into(), source })
}

fn csv(path: &Path, reader: Reader) -> Result<(), PopulationError> {
    let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(create(path)?);
    for batch in reader {
        writer.write(&batch?)?;
    }
    writer.into_inner().flush().map_err(|source| PopulationError::File { path: path.into(), source })
}

fn create(path: &Path) -> Result<BufWriter<File>, PopulationError> {
    let file = File::create(path).map_err(|source| PopulationError::File { path: path.into(), source })?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// How a table is written.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Csv,
    Parquet,
}

/// Writes tables into `folder`, which is made when absent, each under its name.
pub(super) fn write_tables<const N: usize>(
    folder: &Path,
    format: Format,
    tables: [(&'static str, Reader); N],
) -> Result<Vec<(&'static str, PathBuf)>, PopulationError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| PopulationError::File { path: folder.into(), source })?;
    let extension = match format {
        Format::Csv => "csv",
        Format::Parquet => "parquet",
    };
    let written = tables.into_iter().map(|(name, reader)| {
        let path = folder.join(name).with_extension(extension);
        let done = match format {
            Format::Csv => csv(&path, reader),
            Format::Parquet => parquet(&path, reader),
        };
        done.map(|()| (name, path))
    });
    written.collect()
}

impl Population {
    /// Writes `follows.parquet`, `payments.parquet`, `members.parquet` and `consents.parquet` (zstd) into `folder`,
    /// which is made when absent. Memory stays bounded by a row group.
    ///
    /// # Errors
    /// [`PopulationError`] when a file cannot be made or written.
    pub fn write_parquet(&self, folder: &Path) -> Result<Files, PopulationError> {
        self.write(folder, Format::Parquet)
    }

    /// Writes the same tables as CSV with a header.
    ///
    /// # Errors
    /// [`PopulationError::TooManyForCsv`] above [`MAX_CSV_PEOPLE`], else as [`Population::write_parquet`].
    pub fn write_csv(&self, folder: &Path) -> Result<Files, PopulationError> {
        let people = self.config().people;
        if people > MAX_CSV_PEOPLE {
            return Err(PopulationError::TooManyForCsv { people });
        }
        self.write(folder, Format::Csv)
    }

    fn write(&self, folder: &Path, format: Format) -> Result<Files, PopulationError> {
        let file = |name: &'static str, reader: Reader| {
            write_tables(folder, format, [(name, reader)])
                .map(|written| written.into_iter().map(|(_, path)| path).collect())
        };
        Ok(Files {
            follows: file("follows", self.follows())?,
            payments: file("payments", self.payments())?,
            members: file("members", self.members())?,
            consents: file("consents", self.consents())?,
        })
    }
}
