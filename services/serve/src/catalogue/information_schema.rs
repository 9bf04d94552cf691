//! The standard's `information_schema`, with the type names of PostgreSQL: DataFusion's own says `Utf8`, and counts columns from 0.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, MemorySchemaProvider, SchemaProvider};
use datafusion::common::Result;

use super::DATABASE;

/// A table of these columns.
pub(super) fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Arc<MemTable>> {
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

/// A column of texts.
pub(super) fn texts<T: Into<String>>(all: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(all.into_iter().map(|text| text.map(Into::into)).collect::<StringArray>())
}

fn empty(columns: &[&str]) -> Result<Arc<MemTable>> {
    table(columns.iter().map(|name| (*name, texts::<String>([]))).collect())
}

/// PostgreSQL's two names of a type: that of the standard, and its own.
pub(super) fn type_names(kind: &DataType) -> (&'static str, &'static str) {
    match kind {
        DataType::Boolean => ("boolean", "bool"),
        DataType::Int64 => ("bigint", "int8"),
        DataType::Timestamp(..) => ("timestamp with time zone", "timestamptz"),
        DataType::Decimal128(..) => ("numeric", "numeric"),
        _ => ("text", "text"),
    }
}

/// The schema that describes `tables`.
pub(super) fn schema(tables: &[(&str, SchemaRef)]) -> Result<Arc<dyn SchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    let add = |name: &str, table| schema.register_table(name.to_owned(), table).map(drop);
    add("schemata", schemata()?)?;
    add("tables", list_of_tables(tables)?)?;
    add("columns", list_of_columns(tables)?)?;
    add("views", empty(&["table_catalog", "table_schema", "table_name", "view_definition"])?)?;
    let constraint = [
        "constraint_catalog",
        "constraint_schema",
        "constraint_name",
        "table_catalog",
        "table_schema",
        "table_name",
    ];
    let with = |more: &[&'static str]| [&constraint[..], more].concat();
    add("table_constraints", empty(&with(&["constraint_type", "is_deferrable", "initially_deferred"]))?)?;
    add(
        "key_column_usage",
        empty(&with(&["column_name", "ordinal_position", "position_in_unique_constraint"]))?,
    )?;
    add("constraint_column_usage", empty(&with(&["column_name"]))?)?;
    let referential = [
        "constraint_catalog",
        "constraint_schema",
        "constraint_name",
        "unique_constraint_schema",
        "unique_constraint_name",
        "match_option",
        "update_rule",
        "delete_rule",
    ];
    add("referential_constraints", empty(&referential)?)?;
    let routine =
        ["specific_schema", "specific_name", "routine_schema", "routine_name", "routine_type", "data_type"];
    add("routines", empty(&routine)?)?;
    let parameter = [
        "specific_schema",
        "specific_name",
        "ordinal_position",
        "parameter_mode",
        "parameter_name",
        "data_type",
    ];
    add("parameters", empty(&parameter)?)?;
    Ok(Arc::new(schema))
}

fn schemata() -> Result<Arc<MemTable>> {
    table(vec![
        ("catalog_name", texts([Some(DATABASE)])),
        ("schema_name", texts([Some("public")])),
        ("schema_owner", texts([Some(DATABASE)])),
    ])
}

fn list_of_tables(tables: &[(&str, SchemaRef)]) -> Result<Arc<MemTable>> {
    let same = |text: &'static str| texts(tables.iter().map(|_| Some(text)));
    table(vec![
        ("table_catalog", same(DATABASE)),
        ("table_schema", same("public")),
        ("table_name", texts(tables.iter().map(|(name, _)| Some(*name)))),
        ("table_type", same("BASE TABLE")),
        ("is_insertable_into", same("NO")),
    ])
}

/// A column: its table, its place from 1, and its field.
type Described<'a> = (&'a str, i32, &'a Field);

fn list_of_columns(tables: &[(&str, SchemaRef)]) -> Result<Arc<MemTable>> {
    let columns: Vec<Described<'_>> = tables
        .iter()
        .flat_map(|(name, schema)| {
            (1..).zip(schema.fields()).map(|(place, field)| (*name, place, field.as_ref()))
        })
        .collect();
    let same = |text: &'static str| texts(columns.iter().map(|_| Some(text)));
    let none = || texts(columns.iter().map(|_| None::<String>));
    let numbers = |of: &dyn Fn(&Described<'_>) -> Option<i32>| -> ArrayRef {
        Arc::new(columns.iter().map(of).collect::<Int32Array>())
    };
    let precision = |field: &Field| match field.data_type() {
        DataType::Decimal128(precision, scale) => Some((i32::from(*precision), i32::from(*scale))),
        DataType::Int64 => Some((64, 0)),
        _ => None,
    };
    table(vec![
        ("table_catalog", same(DATABASE)),
        ("table_schema", same("public")),
        ("table_name", texts(columns.iter().map(|(name, _, _)| Some(*name)))),
        ("column_name", texts(columns.iter().map(|(_, _, field)| Some(field.name().clone())))),
        ("ordinal_position", numbers(&|(_, place, _)| Some(*place))),
        ("column_default", none()),
        (
            "is_nullable",
            texts(columns.iter().map(|(_, _, field)| Some(if field.is_nullable() { "YES" } else { "NO" }))),
        ),
        ("data_type", texts(columns.iter().map(|(_, _, field)| Some(type_names(field.data_type()).0)))),
        ("character_maximum_length", numbers(&|_| None)),
        ("numeric_precision", numbers(&|(_, _, field)| precision(field).map(|p| p.0))),
        ("numeric_scale", numbers(&|(_, _, field)| precision(field).map(|p| p.1))),
        ("datetime_precision", numbers(&|_| None)),
        ("udt_catalog", same(DATABASE)),
        ("udt_schema", same("pg_catalog")),
        ("udt_name", texts(columns.iter().map(|(_, _, field)| Some(type_names(field.data_type()).1)))),
        ("is_identity", same("NO")),
        ("identity_generation", none()),
        ("is_generated", same("NEVER")),
        ("is_updatable", same("NO")),
    ])
}
