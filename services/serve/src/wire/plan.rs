//! From a parsed statement to its plan.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Result, ToDFSchema};
use datafusion::logical_expr::{EmptyRelation, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::prelude::Expr;
use datafusion::sql::parser::Statement as Planned;
use datafusion::sql::sqlparser::ast::{Query, SelectItem, SetExpr, Statement};
use pgwire::error::PgWireResult;

use super::error::of_plan;
use super::statement::{Parsed, Prepared, Rows};
use crate::catalogue::{Catalogue, columns_as};
use crate::sql::{check_user_plan, relations};

/// Plans a statement.
pub(super) async fn plan(parsed: Parsed, sql: &str, catalogue: &Catalogue) -> PgWireResult<Prepared> {
    let (statement, price, explains) = match parsed {
        Parsed::Session(command) => return Ok(Prepared::Session(command)),
        Parsed::Query { statement, price, explains } => (statement, price, explains),
    };
    let plan = planned(&statement, catalogue).await.map_err(|error| of_plan(&error, sql))?;
    let sql = sql.to_owned();
    Ok(Prepared::Rows(Arc::new(Rows { sql, price, explains, plan })))
}

async fn planned(statement: &Statement, catalogue: &Catalogue) -> Result<LogicalPlan> {
    let state = catalogue.state();
    let is_catalogue = relations(statement).are_catalogue();
    let plan = state.statement_to_plan(Planned::Statement(Box::new(statement.clone()))).await;
    let plan = match plan {
        Ok(plan) if is_catalogue => state.optimize(&plan).map(|_| plan),
        plan => plan,
    };
    match plan {
        Ok(plan) if is_catalogue => Ok(plan),
        Ok(plan) => {
            check_user_plan(&plan)?;
            with_signed_ranks(plan)
        }
        Err(error) if is_catalogue => without_rows(statement, catalogue, error),
        Err(error) => Err(error),
    }
}

/// A question about keys, rules or functions that the catalogue cannot plan: there are none. One for columns is answered with them.
fn without_rows(
    statement: &Statement,
    catalogue: &Catalogue,
    error: datafusion::common::DataFusionError,
) -> Result<LogicalPlan> {
    let Statement::Query(query) = statement else { return Err(error) };
    let Some(names) = output_names(query) else { return Err(error) };
    let has = |name: &str| names.iter().any(|other| other == name);
    if has("format_type") && has("not_null") {
        return columns_as(catalogue, &names);
    }
    // Never no rows where columns are asked for: clients would take it for a table without them.
    if has("attname") || has("column_name") {
        return Err(error);
    }
    let mut seen = HashSet::new();
    let fields = names.into_iter().map(|name| {
        let unique = if seen.contains(&name) { format!("{name}\u{1}{}", seen.len()) } else { name };
        seen.insert(unique.clone());
        Field::new(unique, DataType::Utf8, true)
    });
    let schema = Schema::new(fields.collect::<Vec<_>>()).to_dfschema_ref()?;
    Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }))
}

/// The names of the outermost columns.
fn output_names(query: &Query) -> Option<Vec<String>> {
    let mut body = query.body.as_ref();
    let select = loop {
        match body {
            SetExpr::Select(select) => break select,
            SetExpr::Query(query) => body = query.body.as_ref(),
            SetExpr::SetOperation { left, .. } => body = left.as_ref(),
            _ => return None,
        }
    };
    let names = select.projection.iter().map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expression) => {
            expression.to_string().rsplit('.').next().map(|name| name.trim_matches('"').to_owned())
        }
        _ => None,
    });
    names.collect()
}

/// Ranks and row numbers are `int8` in PostgreSQL, and unsigned here.
fn with_signed_ranks(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_rank = |kind: &DataType| matches!(kind, DataType::UInt64 | DataType::UInt32);
    if !plan.schema().fields().iter().any(|field| is_rank(field.data_type())) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .map(|(qualifier, field)| {
            let column = Expr::Column(datafusion::common::Column::from((qualifier, field)));
            if is_rank(field.data_type()) {
                cast(column, DataType::Int64).alias_qualified(qualifier.cloned(), field.name().clone())
            } else {
                column
            }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
