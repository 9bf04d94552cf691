//! What stands between an aggregate and the scan of `tags`: columns as expressions over those of `tags`, and the filters passed.

use std::any::Any;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;

use super::people::TagsTable;

/// Rows of `tags` before they are aggregated.
pub(super) struct Base {
    /// The output columns, over columns of `tags`.
    pub(super) columns: Vec<Expr>,
    /// The filters passed, over columns of `tags`.
    pub(super) filters: Vec<Expr>,
}

/// Whether a plan is the scan of `tags`.
pub(super) fn is_tags(plan: &LogicalPlan) -> bool {
    let LogicalPlan::TableScan(scan) = plan else { return false };
    source_as_provider(&scan.source).is_ok_and(|provider| {
        let provider: &dyn Any = provider.as_ref();
        provider.is::<TagsTable>()
    })
}

/// An expression without the names that were given to it.
pub(super) fn bare(mut expression: Expr) -> Expr {
    while let Expr::Alias(alias) = expression {
        expression = *alias.expr;
    }
    expression
}

impl Base {
    /// The base that `plan` is, if every row of it is one of `tags`: scans, aliases, projections, filters and orders. A limit would
    /// take a sample, so it is none.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        Ok(match plan {
            scan if is_tags(scan) => {
                let names = scan.schema().fields().iter();
                let columns = names.map(|field| Expr::Column(Column::from_name(field.name()))).collect();
                let filters = match scan {
                    LogicalPlan::TableScan(scan) if scan.fetch.is_some() => return Ok(None),
                    LogicalPlan::TableScan(scan) => scan.filters.clone(),
                    _ => Vec::new(),
                };
                Some(Self { columns, filters })
            }
            LogicalPlan::SubqueryAlias(alias) => Self::of(&alias.input)?,
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => Self::of(&sort.input)?,
            LogicalPlan::Filter(filter) => match Self::of(&filter.input)? {
                Some(mut base) => {
                    let predicate = base.inline(&filter.predicate, &filter.input)?;
                    base.filters.push(predicate);
                    Some(base)
                }
                None => None,
            },
            LogicalPlan::Projection(projection) => match Self::of(&projection.input)? {
                Some(base) => {
                    let columns = projection.expr.iter();
                    let columns = columns.map(|column| base.inline(column, &projection.input));
                    Some(Self { columns: columns.collect::<Result<_>>()?, filters: base.filters })
                }
                None => None,
            },
            _ => None,
        })
    }

    /// `expression` over the outputs of `input`, as one over columns of `tags`.
    pub(super) fn inline(&self, expression: &Expr, input: &LogicalPlan) -> Result<Expr> {
        let schema = input.schema();
        let inlined = expression.clone().transform_up(|inner| {
            let Expr::Column(column) = &inner else { return Ok(Transformed::no(inner)) };
            let place = schema.index_of_column(column)?;
            Ok(match self.columns.get(place) {
                Some(meant) => Transformed::yes(bare(meant.clone())),
                None => Transformed::no(inner),
            })
        })?;
        Ok(bare(inlined.data))
    }
}
