//! What a client's plan over released rows may not do: write, recurse, or multiply tables without a condition.

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::Refusal;
use super::refusal::{FORBIDDEN, TOO_LARGE};

/// The most joins without a condition in one statement; totals beside rows need one or two.
const MOST_CROSS_JOINS: usize = 3;

/// Checks the plan of a client's statement.
///
/// # Errors
/// [`Refusal`], inside of DataFusion's error.
pub fn check_user_plan(plan: &LogicalPlan) -> Result<()> {
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    if reads.verify_plan(plan).is_err() {
        return Err(Refusal::new(FORBIDDEN, "this door only reads", "write SELECT").into());
    }
    let (mut recursive, mut crossed) = (false, 0_usize);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::RecursiveQuery(_) => recursive = true,
            LogicalPlan::Join(join)
                if join.join_type == JoinType::Inner && join.on.is_empty() && join.filter.is_none() =>
            {
                crossed = crossed.saturating_add(1);
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if recursive {
        return Err(Refusal::new(FORBIDDEN, "recursive queries are not run", "").at("recursive").into());
    }
    if crossed > MOST_CROSS_JOINS {
        let message = format!("more than {MOST_CROSS_JOINS} joins have no condition");
        return Err(Refusal::new(TOO_LARGE, message, "join on columns").into());
    }
    Ok(())
}
