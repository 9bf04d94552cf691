//! The register as a file of consent events, which can be imported or sealed from again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader as _};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::operator::books::access::{Act, Role};
use crate::operator::{Consents, OperatorError};
use crate::register::Snapshot;

/// Rows in a row group, at most.
const ROW_GROUP_ROWS: usize = 250_000;

/// The forms of an export, by the ending of its name.
#[derive(Clone, Copy)]
enum Form {
    JsonLines,
    Csv,
    Parquet,
}

impl Consents<'_> {
    /// Writes everything in the register to a new file that only its owner can read: `.jsonl`, `.csv` or `.parquet`. Says how
    /// many events there were. The act is logged before anything is written.
    ///
    /// # Errors
    /// [`OperatorError::File`], [`OperatorError::Invalid`] for another ending, or a damaged register; there is no file then.
    ///
    /// # Privacy
    /// The file holds raw ids in the clear.
    pub fn export(&self, path: &Path) -> Result<u64, OperatorError> {
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl") => Form::JsonLines,
            Some("csv") => Form::Csv,
            Some("parquet") => Form::Parquet,
            _ => return Err(OperatorError::Invalid("an export is a .jsonl, .csv or .parquet file".into())),
        };
        let failed = |source| OperatorError::File(path.to_owned(), source);
        let snapshot = self.snapshot()?.ok_or_else(|| {
            OperatorError::Invalid("the sandbox has no consent register: nothing was recorded".into())
        })?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let remove = || {
            let _ = std::fs::remove_file(path);
        };
        // If we stop after it, the log names an export of which an empty file or a part is there.
        self.inner.log_access(Act::ConsentExport, Role::Operator, None).inspect_err(|_| remove())?;
        let written = write(&snapshot, form, file);
        written.map_err(|error| {
            // A part of a register is not handed out as one. Its own error says more than that of its columns.
            remove();
            snapshot.take_fault().map_or_else(|| failed(error), OperatorError::from)
        })?;
        Ok(snapshot.events())
    }
}

fn write(snapshot: &Snapshot, form: Form, file: File) -> io::Result<()> {
    let out = BufWriter::with_capacity(1 << 20, file);
    // One thread, so that two exports of one state are the same.
    let reader = snapshot.reader(None, 1, None).map_err(io::Error::other)?;
    let schema = texts(&reader.schema());
    let out = match form {
        Form::JsonLines => json_lines(snapshot, out)?,
        Form::Csv => {
            let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(out);
            for batch in reader {
                let batch = batch.and_then(|batch| as_texts(&batch, &schema)).map_err(io::Error::other)?;
                writer.write(&batch).map_err(io::Error::other)?;
            }
            writer.into_inner()
        }
        Form::Parquet => {
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::default()))
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .build();
            let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))?;
            for batch in reader {
                writer
                    .write(&batch.and_then(|batch| as_texts(&batch, &schema)).map_err(io::Error::other)?)?;
            }
            writer.into_inner()?
        }
    };
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// The columns of an export: all of them texts.
fn texts(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn as_texts(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
}

fn json_lines(snapshot: &Snapshot, mut out: BufWriter<File>) -> io::Result<BufWriter<File>> {
    for event in snapshot.walk().map_err(io::Error::other)? {
        match event {
            Ok(event) => writeln!(out, "{}", event.to_json())?,
            Err(error) => return Err(snapshot.stopped(error)),
        }
    }
    Ok(out)
}
