//! Parquet: the footer, and batches of its row groups.

use std::fs::File;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;

use super::bytes::{Magic, magic};
use super::table::{BATCH, OpenTerms, Table, arrow, choose, damaged, is_not_too_wide};
use super::{ReadError, int96};

/// The table of a file.
pub(super) fn parquet(file: File, name: String, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let metadata = as_dictionaries(footer(&file, &name)?, terms.repeating);
    batches(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata), name, terms)
}

pub(super) const PARQUET: &str = "Parquet";

pub(super) fn footer(file: &File, name: &str) -> Result<ArrowReaderMetadata, ReadError> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new());
    let metadata = metadata.map_err(|_| match magic(file) {
        Magic::Unsupported(found) => ReadError::Unsupported { file: name.to_owned(), found },
        _ => damaged(name, PARQUET),
    })?;
    is_not_too_wide(name, metadata.parquet_schema().num_columns())?;
    let mut chunks = metadata.metadata().row_groups().iter().flat_map(|group| group.columns());
    if chunks.any(|chunk| matches!(chunk.compression(), Compression::LZO)) {
        return Err(ReadError::Unsupported { file: name.to_owned(), found: "Parquet with LZO" });
    }
    Ok(int96::in_microseconds(metadata))
}

pub(super) fn batches(
    builder: ParquetRecordBatchReaderBuilder<File>,
    name: String,
    terms: &OpenTerms<'_>,
) -> Result<Table, ReadError> {
    let chosen = choose(&name, builder.schema(), terms)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), chosen.indices.iter().copied());
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|_| damaged(&name, PARQUET))?;
    Ok(chosen.table(name, PARQUET, arrow(reader)))
}

/// Parquet stores words that repeat as a dictionary; read as one, they are never spelled out row by row.
pub(super) fn as_dictionaries(metadata: ArrowReaderMetadata, repeating: &[&str]) -> ArrowReaderMetadata {
    if repeating.is_empty() {
        return metadata;
    }
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
