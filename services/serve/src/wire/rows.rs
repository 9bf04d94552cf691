//! Results in PostgreSQL's types, under PostgreSQL's names.

use std::sync::Arc;

use arrow_pg::datatypes::{arrow_schema_to_pg_fields, encode_recordbatch};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response};
use pgwire::error::PgWireResult;

use crate::sql::shown;

/// The columns of a result.
pub(super) fn fields(schema: &Schema, format: &Format) -> PgWireResult<Vec<FieldInfo>> {
    let named = schema.fields().iter().map(|field| field.as_ref().clone().with_name(shown(field.name())));
    let named = Schema::new(named.collect::<Vec<Field>>());
    arrow_schema_to_pg_fields(&named, format, None)
}

/// Rows of a result, all of which are there.
pub(super) fn rows(schema: &Schema, batches: Vec<RecordBatch>, format: &Format) -> PgWireResult<Response> {
    let fields = Arc::new(fields(schema, format)?);
    let of = Arc::clone(&fields);
    let rows = batches.into_iter().flat_map(move |batch| encode_recordbatch(Arc::clone(&of), batch));
    let rows: Vec<_> = rows.collect();
    Ok(Response::Query(QueryResponse::new(fields, futures::stream::iter(rows))))
}

/// One column of texts.
pub(super) fn text_field(name: &str) -> FieldInfo {
    FieldInfo::new(name.to_owned(), None, None, Type::TEXT, FieldFormat::Text)
}

/// One text a row.
pub(super) fn texts(name: &str, all: &[String]) -> PgWireResult<Response> {
    let fields = Arc::new(vec![text_field(name)]);
    let mut rows = Vec::new();
    for text in all {
        let mut encoder = DataRowEncoder::new(Arc::clone(&fields));
        encoder.encode_field(text)?;
        rows.push(Ok(encoder.take_row()));
    }
    Ok(Response::Query(QueryResponse::new(fields, futures::stream::iter(rows))))
}
