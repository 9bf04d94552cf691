//! The Parquet file that is handed over: row groups encoded by several threads, written in order, named when whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::terms::TokeniseError;
use crate::engine::read::Tokenised;

/// The file under way.
pub(super) struct Out {
    path: PathBuf,
    temporary: Temporary,
    schema: SchemaRef,
    factory: ArrowRowGroupWriterFactory,
    writing: Mutex<Writing>,
}

struct Writing {
    file: SerializedFileWriter<File>,
    /// The number of the next row group.
    next: usize,
    /// Row groups that others finished before their turn.
    waiting: BTreeMap<usize, Vec<ArrowColumnChunk>>,
}

/// A row group under way.
pub(super) struct Group<'a> {
    out: &'a Out,
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

/// A file that is removed unless it is kept.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // The error that led here reports it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Out {
    /// Starts `PATH.new`, where neither it nor `path` may be.
    pub(super) fn create(path: &Path, schema: &SchemaRef, origin: &Tokenised) -> Result<Self, TokeniseError> {
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
            return Err(TokeniseError::NotParquet(path.to_owned()));
        }
        absent(path)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let temporary = PathBuf::from(name);
        // Neither an old file nor what a symlink names is ever written to.
        let file = File::options().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => TokeniseError::Unfinished(temporary.clone()),
            _ => TokeniseError::Write(path.to_owned(), error),
        })?;
        let temporary = Temporary { path: temporary, kept: false };
        let failed = |error| failed(path, error);
        let properties = Arc::new(properties(schema, origin));
        let root = ArrowSchemaConverter::new().convert(schema).map_err(failed)?.root_schema_ptr();
        let file = SerializedFileWriter::new(file, root, properties).map_err(failed)?;
        let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(schema));
        let writing = Mutex::new(Writing { file, next: 0, waiting: BTreeMap::new() });
        Ok(Self { path: path.to_owned(), temporary, schema: Arc::clone(schema), factory, writing })
    }

    /// Starts a row group.
    pub(super) fn group(&self, number: usize) -> Result<Group<'_>, TokeniseError> {
        let columns = self.factory.create_column_writers(number);
        let columns = columns.map_err(|error| failed(&self.path, error))?;
        Ok(Group { out: self, columns, rows: 0 })
    }

    /// Writes a row group when its turn has come; every number comes once.
    pub(super) fn append(&self, number: usize, group: Group<'_>) -> Result<(), TokeniseError> {
        let failed = |error| failed(&self.path, error);
        let rows = group.rows;
        let chunks = group.columns.into_iter().map(ArrowColumnWriter::close);
        let chunks = chunks.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.waiting.insert(number, if rows == 0 { Vec::new() } else { chunks });
        loop {
            let next = writing.next;
            let Some(chunks) = writing.waiting.remove(&next) else { return Ok(()) };
            writing.next += 1;
            if chunks.is_empty() {
                continue;
            }
            let mut rows = writing.file.next_row_group().map_err(failed)?;
            for chunk in chunks {
                chunk.append_to_row_group(&mut rows).map_err(failed)?;
            }
            rows.close().map_err(failed)?;
        }
    }

    /// Makes the file durable and gives it its name.
    pub(super) fn finish(self) -> Result<(), TokeniseError> {
        let Self { path, mut temporary, writing, .. } = self;
        let mut writing = writing.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Not `into_inner`, which makes a text of the system's error.
        writing.file.finish().map_err(|error| failed(&path, error))?;
        drop(writing);
        let unwritten = |error| TokeniseError::Write(path.clone(), error);
        File::open(&temporary.path).and_then(|file| file.sync_all()).map_err(unwritten)?;
        absent(&path)?;
        // If we stop here, `OUT.new` is whole and OUT is not there.
        std::fs::rename(&temporary.path, &path).map_err(unwritten)?;
        temporary.kept = true;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritten)
    }
}

impl Group<'_> {
    /// Encodes `len` rows of all columns, from row `from` on.
    pub(super) fn write(
        &mut self,
        arrays: &[ArrayRef],
        from: usize,
        len: usize,
    ) -> Result<(), TokeniseError> {
        let failed = |error| failed(&self.out.path, error);
        let fields = self.out.schema.fields().iter();
        let mut writers = self.columns.iter_mut();
        for (field, array) in fields.zip(arrays) {
            for leaf in compute_leaves(field, &array.slice(from, len)).map_err(failed)? {
                let Some(writer) = writers.next() else { continue };
                writer.write(&leaf).map_err(failed)?;
            }
        }
        self.rows += len;
        Ok(())
    }
}

/// Refuses a name that something has, a symlink to nothing included.
fn absent(path: &Path) -> Result<(), TokeniseError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(TokeniseError::Exists(path.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(TokeniseError::Write(path.to_owned(), error)),
    }
}

/// The encoder's own text may quote a value, so only the error of the system is passed on.
fn failed(path: &Path, error: ParquetError) -> TokeniseError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => TokeniseError::Write(path.to_owned(), *error),
            Err(_) => TokeniseError::Encode(path.to_owned()),
        },
        _ => TokeniseError::Encode(path.to_owned()),
    }
}

/// Tokens are random, so they are neither compressed nor looked up; words repeat.
fn properties(schema: &Schema, origin: &Tokenised) -> WriterProperties {
    let metadata =
        origin.metadata().into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("hushtag ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::default()));
    for field in schema.fields() {
        let column = ColumnPath::new(vec![field.name().clone()]);
        properties = match field.data_type() {
            DataType::FixedSizeBinary(_) => {
                properties.set_column_compression(column, Compression::UNCOMPRESSED)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                properties.set_column_dictionary_enabled(column, true)
            }
            _ => properties,
        };
    }
    let mut properties = properties.build();
    add_encoded_arrow_schema_to_metadata(schema, &mut properties);
    properties
}
