//! INT96 columns of Parquet, as Spark and Impala write instants.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type;

/// The metadata of a file whose INT96 columns are read as microseconds: in nanoseconds, as they are read otherwise, an instant of
/// the year 9999 wraps round to one of today.
pub(super) fn in_microseconds(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let columns = metadata.parquet_schema().columns();
    let is_int96 = |name: &str| {
        let mut of_name = columns.iter().filter(|column| column.path().parts() == [name]);
        of_name.any(|column| column.physical_type() == Type::INT96)
    };
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if is_int96(field.name()) => {
            let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Arc::new(field.as_ref().clone().with_data_type(kind))
        }
        _ => Arc::clone(field),
    };
    if !columns.iter().any(|column| column.physical_type() == Type::INT96) {
        return metadata;
    }
    let fields: Vec<Arc<Field>> = metadata.schema().fields().iter().map(field).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).unwrap_or(metadata)
}
