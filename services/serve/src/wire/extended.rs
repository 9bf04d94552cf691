//! The extended protocol: parse, bind parameters, describe, execute.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use arrow_pg::datatypes::into_pg_type;
use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use futures::Sink;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::ExtendedQueryHandler;
use pgwire::api::results::{FieldInfo, Response};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;

use super::connection::Connection;
use super::error::{error, of_plan};
use super::execute::{PLAN, schema};
use super::plan::plan;
use super::rows;
use super::statement::{Command, Prepared, Rows, parse};

/// Runs prepared statements.
pub(super) struct Extended {
    connection: Arc<Connection>,
    parser: Arc<Preparing>,
}

/// Parses and plans them.
pub(super) struct Preparing(Arc<Connection>);

impl Extended {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { parser: Arc::new(Preparing(Arc::clone(&connection))), connection }
    }
}

/// The types of the parameters in order, as far as the plan says them.
fn parameters(statement: &Rows) -> PgWireResult<Vec<Option<DataType>>> {
    let failed = |error| of_plan(&error, &statement.sql);
    let mut types = statement.plan.get_parameter_types().map_err(failed)?;
    for (name, kind) in cast_types(&statement.plan).map_err(failed)? {
        types.entry(name).or_default().get_or_insert(kind);
    }
    let mut numbered = Vec::new();
    for (name, kind) in types {
        let number: usize =
            name.trim_start_matches('$').parse().map_err(|_| error("42P02", "parameters are $1, $2, ..."))?;
        numbered.push((number, kind));
    }
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, kind)| kind).collect())
}

/// The types that parameters are cast to, as in `$1::text[]`, and those of LIMIT and OFFSET: a plan says none for them.
fn cast_types(plan: &LogicalPlan) -> Result<Vec<(String, DataType)>> {
    let mut types = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            for bound in [&limit.skip, &limit.fetch].into_iter().flatten() {
                if let Expr::Placeholder(placeholder) = bound.as_ref() {
                    types.push((placeholder.id.clone(), DataType::Int64));
                }
            }
        }
        node.apply_expressions(|expression| {
            expression.apply(|inner| {
                if let Expr::Cast(cast) = inner
                    && let Expr::Placeholder(placeholder) = cast.expr.as_ref()
                {
                    types.push((placeholder.id.clone(), cast.field.data_type().clone()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(types)
}

fn wire_types(types: &[Option<DataType>]) -> PgWireResult<Vec<Type>> {
    types.iter().map(|kind| kind.as_ref().map_or(Ok(Type::TEXT), into_pg_type)).collect()
}

#[async_trait]
impl QueryParser for Preparing {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, _: &C, sql: &str, _: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let login = self.0.login()?;
        let mut statements = parse(sql, &login.catalogue)?;
        let Some(statement) = statements.pop() else { return Ok(None) };
        if !statements.is_empty() {
            return Err(error("42601", "cannot insert multiple commands into a prepared statement"));
        }
        plan(statement, sql, &login.catalogue).await.map(Some)
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        match statement {
            Prepared::Session(_) => Ok(Vec::new()),
            Prepared::Rows(statement) => wire_types(&parameters(statement)?),
        }
    }

    fn get_result_schema(
        &self,
        statement: &Prepared,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        match statement {
            Prepared::Session(Command::Show(name)) => Ok(vec![rows::text_field(name)]),
            Prepared::Session(_) => Ok(Vec::new()),
            Prepared::Rows(statement) if statement.explains => Ok(vec![rows::text_field(PLAN)]),
            Prepared::Rows(statement) => {
                rows::fields(&schema(statement), format.unwrap_or(&Format::UnifiedText))
            }
        }
    }
}

#[async_trait]
impl ExtendedQueryHandler for Extended {
    type Statement = Prepared;
    type QueryParser = Preparing;

    fn query_parser(&self) -> Arc<Preparing> {
        Arc::clone(&self.parser)
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, _: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        let bound = match prepared {
            Prepared::Session(_) => None,
            Prepared::Rows(statement) => {
                let types = parameters(statement)?;
                let wire = wire_types(&types)?;
                let types: Vec<Option<&DataType>> = types.iter().map(Option::as_ref).collect();
                let wire: Vec<Option<&Type>> = wire.iter().map(Some).collect();
                Some(deserialize_parameters_with_server_types(portal, &types, &wire)?)
            }
        };
        self.connection.run(client, prepared, bound, &portal.result_column_format).await
    }
}
