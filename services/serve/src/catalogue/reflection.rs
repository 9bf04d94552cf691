//! The columns of all tables under the names that SQLAlchemy's reflection gives its outputs: its statement cannot be planned here, and
//! an answer without rows would mean that there is no such table.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::common::{Result, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use super::Catalogue;
use super::information_schema::{table, texts, type_names};

/// A plan that gives every column of every table, one row each, as columns of these names.
///
/// # Errors
/// DataFusion's.
pub fn columns_as(catalogue: &Catalogue, names: &[String]) -> Result<LogicalPlan> {
    let rows: Vec<_> = catalogue
        .tables()
        .iter()
        .flat_map(|(name, schema)| schema.fields().iter().map(move |field| (*name, field)))
        .collect();
    let column = |name: &String| -> ArrayRef {
        match name.as_str() {
            "name" => texts(rows.iter().map(|(_, field)| Some(field.name().clone()))),
            "format_type" => texts(rows.iter().map(|(_, field)| Some(type_names(field.data_type()).0))),
            "not_null" => {
                Arc::new(rows.iter().map(|(_, field)| Some(!field.is_nullable())).collect::<BooleanArray>())
            }
            "table_name" | "relname" => texts(rows.iter().map(|(table, _)| Some(*table))),
            "generated" => texts(rows.iter().map(|_| Some(""))),
            _ => texts(rows.iter().map(|_| None::<String>)),
        }
    };
    let columns = names.iter().map(|name| (name.as_str(), column(name))).collect();
    LogicalPlanBuilder::scan(TableReference::bare("\u{1}columns"), provider_as_source(table(columns)?), None)?
        .build()
}
