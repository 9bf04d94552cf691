//! WHERE over `tags` as sets of labels: whatever an expression over one tag is made of, it is evaluated on the public vocabulary.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{BinaryExpr, Operator};
use datafusion::prelude::Expr;

use super::Refusal;
use super::condition::{Condition, Truth};
use super::number::plain;
use super::people::People;
use super::refusal::{BAD_VALUE, FORBIDDEN, UNSUPPORTED};

/// Who passes a predicate over columns of `tags`.
pub(super) fn condition(predicate: &Expr, people: &People, state: &SessionState) -> Result<Condition> {
    truth(predicate, people, state).map(|truth| truth.yes)
}

/// The names of the columns that an expression is made of.
pub(super) fn columns(expression: &Expr) -> BTreeSet<String> {
    expression.column_refs().into_iter().map(|column| column.name.clone()).collect()
}

/// Whether an expression asks another query.
pub(super) fn has_subquery(expression: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let asks = |inner: &Expr| {
        matches!(
            inner,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::SetComparison(_)
        )
    };
    expression.exists(|inner| Ok(asks(inner))).unwrap_or(true)
}

fn truth(predicate: &Expr, people: &People, state: &SessionState) -> Result<Truth> {
    if has_subquery(predicate) {
        let hint = "write the labels out: region IN ('north', 'south')";
        return Err(Refusal::new(UNSUPPORTED, "a filter on people cannot ask another query", hint).into());
    }
    let of = |inner: &Expr| truth(inner, people, state);
    match predicate {
        Expr::Alias(alias) => return of(&alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            return Ok(of(left)?.and(of(right)?, people));
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            return Ok(of(left)?.or(of(right)?, people));
        }
        Expr::Not(inner) if columns(inner).len() > 1 => return Ok(!of(inner)?),
        Expr::IsTrue(inner) if columns(inner).len() > 1 => return Ok(Truth::known(of(inner)?.yes, people)),
        Expr::IsFalse(inner) if columns(inner).len() > 1 => return Ok(Truth::known(of(inner)?.no, people)),
        Expr::IsNotTrue(inner) if columns(inner).len() > 1 => {
            return Ok(!Truth::known(of(inner)?.yes, people));
        }
        Expr::IsNotFalse(inner) if columns(inner).len() > 1 => {
            return Ok(!Truth::known(of(inner)?.no, people));
        }
        _ => {}
    }
    if predicate.is_volatile() {
        let hint = "leave the random part out";
        return Err(Refusal::new(FORBIDDEN, "random samples of people are not taken", hint)
            .at("random")
            .into());
    }
    let names = columns(predicate);
    let mut named = names.iter();
    match (named.next(), named.next()) {
        (None, _) => constant(predicate, state),
        (Some(tag), None) if people.tag(tag).is_some() => {
            check_labels(predicate, tag, people)?;
            of_one_tag(predicate, tag, people, state)
        }
        (Some(measure), None) => {
            let message = format!("people are filtered by tags, and `{measure}` is a measure");
            let hint = "filter by a tag that stands for it: SELECT * FROM vocabulary";
            Err(Refusal::new(FORBIDDEN, message, hint).at(measure).into())
        }
        (Some(first), Some(second)) => {
            let message = format!("one comparison has two columns, `{first}` and `{second}`");
            let hint = "compare each tag with labels, joined by AND, OR and NOT";
            Err(Refusal::new(UNSUPPORTED, message, hint).at(first).into())
        }
    }
}

/// An expression without columns is the same for everybody.
fn constant(predicate: &Expr, state: &SessionState) -> Result<Truth> {
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one)?;
    let value = state.create_physical_expr(predicate.clone(), &DFSchema::empty())?.evaluate(&row)?;
    let value = cast(&value.into_array(1)?, &DataType::Boolean)?;
    Ok(match value.as_boolean().iter().next().flatten() {
        Some(true) => Truth { yes: Condition::Everybody, no: Condition::NoOne },
        Some(false) => Truth { yes: Condition::NoOne, no: Condition::Everybody },
        None => Truth { yes: Condition::NoOne, no: Condition::NoOne },
    })
}

fn of_one_tag(predicate: &Expr, tag: &str, people: &People, state: &SessionState) -> Result<Truth> {
    let values = on_labels(predicate, tag, people, state)?;
    let values = cast(&values, &DataType::Boolean)?;
    let values: Vec<Option<bool>> = values.as_boolean().iter().collect();
    let are = |wanted: bool| {
        Condition::labels(people, tag, |place| values.get(place).copied().flatten() == Some(wanted))
    };
    Ok(Truth { yes: are(true), no: are(false) })
}

/// The values of an expression over one tag for each of its labels.
pub(super) fn on_labels(
    expression: &Expr,
    tag: &str,
    people: &People,
    state: &SessionState,
) -> Result<Arc<dyn Array>> {
    let labels = people.tag(tag).map_or(&[][..], |tag| &tag.labels);
    let schema = Arc::new(Schema::new(vec![Field::new(tag, DataType::Utf8, false)]));
    let array: Arc<dyn Array> = Arc::new(StringArray::from_iter_values(labels));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array])?;
    let schema = DFSchema::try_from(schema.as_ref().clone())?;
    let value = state.create_physical_expr(unqualified(expression)?, &schema)?.evaluate(&batch)?;
    value.into_array(labels.len())
}

fn unqualified(expression: &Expr) -> Result<Expr> {
    use datafusion::common::Column;
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let plain = expression.clone().transform(|inner| {
        Ok(match inner {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    })?;
    Ok(plain.data)
}

/// The text of a literal, in whatever type of texts it is written or cast to.
fn literal(mut expression: &Expr) -> Option<&str> {
    loop {
        match expression {
            Expr::Alias(alias) => expression = &alias.expr,
            Expr::Cast(cast) if cast.field.data_type().is_string() => expression = &cast.expr,
            Expr::TryCast(cast) if cast.field.data_type().is_string() => expression = &cast.expr,
            Expr::Literal(value, _) => return value.try_as_str().flatten(),
            _ => return None,
        }
    }
}

/// A label that is compared for equality and is not in the vocabulary is most likely mistyped: the answer would be about others than
/// were meant.
fn check_labels(predicate: &Expr, tag: &str, people: &People) -> Result<()> {
    let is_tag = |inner: &Expr| plain(inner) == Some(tag);
    let compared: Vec<&Expr> = match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            use Operator::{Eq, IsDistinctFrom, IsNotDistinctFrom, NotEq};
            match (op, is_tag(left), is_tag(right)) {
                (Eq | NotEq | IsDistinctFrom | IsNotDistinctFrom, true, _) => vec![right],
                (Eq | NotEq | IsDistinctFrom | IsNotDistinctFrom, _, true) => vec![left],
                _ => Vec::new(),
            }
        }
        Expr::InList(list) if is_tag(&list.expr) => list.list.iter().collect(),
        _ => Vec::new(),
    };
    let labels = people.tag(tag).map_or(&[][..], |tag| &tag.labels);
    for expression in compared {
        let Some(label) = literal(expression) else { continue };
        if !labels.iter().any(|known| known == label) {
            let near = labels.iter().min_by_key(|known| strsim::damerau_levenshtein(known, label));
            let near =
                near.map(|near| format!("its labels are in the table vocabulary; did you mean '{near}'?"));
            let message = format!("tag `{tag}` has no such label");
            return Err(DataFusionError::from(
                Refusal::new(BAD_VALUE, message, near.unwrap_or_default()).at(tag),
            ));
        }
    }
    Ok(())
}
