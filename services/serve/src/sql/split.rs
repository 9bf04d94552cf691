//! The split: innermost aggregates over `tags` become released tables, the rest of the plan stays.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Aggregate, Distinct, EmptyRelation, LogicalPlan};
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::prelude::Expr;

use super::base::{Base, is_tags};
use super::condition::Condition;
use super::filter::{columns, condition, has_subquery};
use super::people::People;
use super::refusal::{FORBIDDEN, UNSUPPORTED};
use super::{Private, Refusal};

/// A statement that was split.
#[derive(Debug)]
pub struct Split {
    /// The plan over released rows.
    pub plan: LogicalPlan,
    /// Its private queries.
    pub privates: Vec<Private>,
}

/// Whether a plan reads `tags` anywhere.
#[must_use]
pub fn mentions_tags(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= is_tags(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    // What cannot be walked is taken for a reader of tags, and then fails.
    found || walked.is_err()
}

/// Splits a plan whose parameters are replaced.
///
/// # Errors
/// [`Refusal`], inside of DataFusion's error, for what cannot be split; DataFusion's own for what cannot be planned.
///
/// # Privacy
/// Looks at the statement and the vocabulary alone. What is left reads released rows and no others.
pub fn split(plan: LogicalPlan, people: &Arc<People>, state: &SessionState) -> Result<Split> {
    let plan = without_probes(plan, people, state)?;
    // A column that nothing shows is not charged.
    let rule = Optimizer::with_rules(vec![Arc::new(OptimizeProjections::new())]);
    let plan = rule.optimize(plan, state, |_, _| {})?;
    let mut privates = Vec::new();
    let plan = plan.transform_up_with_subqueries(|node| {
        let Some((base, aggregate)) = innermost(&node)? else { return Ok(Transformed::no(node)) };
        let (released, private) = Private::new(&aggregate, &base, people, state)?;
        privates.push(private);
        Ok(Transformed::yes(released))
    })?;
    check_rest(&plan.data)?;
    Private::merge(&mut privates);
    Ok(Split { plan: plan.data, privates })
}

/// The aggregate that a node is, if rows of `tags` come in; `SELECT DISTINCT tag` is one too.
fn innermost(node: &LogicalPlan) -> Result<Option<(Base, Aggregate)>> {
    let aggregate = match node {
        LogicalPlan::Aggregate(aggregate) => aggregate.clone(),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let all = input
                .schema()
                .iter()
                .map(|(qualifier, field)| Expr::Column(Column::from((qualifier, field))));
            Aggregate::try_new(Arc::clone(input), all.collect(), Vec::new())?
        }
        _ => return Ok(None),
    };
    Ok(Base::of(&aggregate.input)?.map(|base| (base, aggregate)))
}

/// Clients ask for the types of columns with `LIMIT 0` and `WHERE 1 = 0`: no rows, no query.
fn without_probes(plan: LogicalPlan, people: &People, state: &SessionState) -> Result<LogicalPlan> {
    let zero = |fetch: Option<&Expr>| matches!(fetch, Some(Expr::Literal(ScalarValue::Int64(Some(0)), _)));
    let probed = plan.transform_down_with_subqueries(|node| {
        let is_probe = match &node {
            LogicalPlan::Limit(limit) => zero(limit.fetch.as_deref()),
            LogicalPlan::Filter(filter) => {
                columns(&filter.predicate).is_empty()
                    && !has_subquery(&filter.predicate)
                    && !filter.predicate.is_volatile()
                    && Base::of(&filter.input)?.is_some()
                    && condition(&filter.predicate, people, state)? == Condition::NoOne
            }
            _ => false,
        };
        Ok(if is_probe {
            let schema = Arc::clone(node.schema());
            Transformed::yes(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }))
        } else {
            Transformed::no(node)
        })
    })?;
    Ok(probed.data)
}

/// Refuses a plan in which rows of `tags` are left.
fn check_rest(plan: &LogicalPlan) -> Result<()> {
    let (mut rows, mut joined) = (false, false);
    plan.apply_with_subqueries(|node| {
        rows |= is_tags(node);
        if let LogicalPlan::Join(join) = node {
            joined |= Base::of(&join.left)?.is_some() || Base::of(&join.right)?.is_some();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if joined {
        let hint = "aggregate tags in a subquery, and join its result";
        return Err(Refusal::new(UNSUPPORTED, "tags is joined with nothing, row by row", hint)
            .at("tags")
            .into());
    }
    if rows {
        let message = "a row of tags is a person, and rows never leave";
        let hint = "SELECT a tag, COUNT(*) FROM tags GROUP BY the tag";
        return Err(Refusal::new(FORBIDDEN, message, hint).at("tags").into());
    }
    Ok(())
}
