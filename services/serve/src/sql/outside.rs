//! Groups that are expressions over a tag: the private query groups by the tag itself, and its released numbers are summed outside, at
//! no cost.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Aggregate, LogicalPlan, LogicalPlanBuilder, cast, when};
use datafusion::prelude::{Expr, col, lit};

use super::Refusal;
use super::people::People;
use super::private::{Group, released_column};
use super::private_query::{End, Number};
use super::refusal::UNSUPPORTED;
use super::released::Shown;

/// The columns that are released so that they can be summed: each tag once, and of a mean its sum and its count.
pub(super) fn layout(
    groups: &[Group],
    asked: &[(Number, Option<End>)],
    people: &People,
) -> Result<Vec<(Shown, DataType)>> {
    let tags: BTreeSet<&String> = groups
        .iter()
        .filter_map(|group| match group {
            Group::Tag(tag) | Group::OfTag(tag, _) => Some(tag),
            Group::Constant(_) => None,
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for (number, end) in asked {
        match (number, end) {
            (Number::Count | Number::Present(_) | Number::Sum(_), None) => {
                numbers.insert(number.clone());
            }
            (Number::Average(measure), None) => {
                numbers.insert(Number::Sum(measure.clone()));
                numbers.insert(Number::Present(measure.clone()));
            }
            _ => {
                let hint = "GROUP BY the tag itself";
                let message = "quantiles and intervals of several labels together do not follow from theirs";
                return Err(Refusal::new(UNSUPPORTED, message, hint).into());
            }
        }
    }
    let kind = |number: &Number| match number {
        Number::Count | Number::Present(_) => DataType::Int64,
        other => DataType::Decimal128(38, i8::try_from(people.scale(other)).unwrap_or(0)),
    };
    let tags = tags.into_iter().map(|tag| (Shown::Label(tag.clone()), DataType::Utf8));
    let numbers = numbers.into_iter().map(|number| {
        let kind = kind(&number);
        (Shown::Number(number, None), kind)
    });
    Ok(tags.chain(numbers).collect())
}

/// Groups the released rows by the expressions, sums them, and gives the columns the names and types of the aggregate.
pub(super) fn plan(
    scan: LogicalPlanBuilder,
    aggregate: &Aggregate,
    groups: &[Group],
    asked: &[(Number, Option<End>)],
    shown: &[Shown],
) -> Result<LogicalPlan> {
    let place = |wanted: &Shown| {
        let place = shown.iter().position(|other| other == wanted);
        place.map(released_column)
    };
    let label = |tag: &str| place(&Shown::Label(tag.to_owned())).ok_or_else(missing);
    let mut keys = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        let key = match group {
            Group::Tag(tag) => label(tag)?,
            Group::OfTag(tag, expression) => over_released(expression, &label(tag)?)?,
            Group::Constant(expression) => expression.clone(),
        };
        keys.push(key.alias(format!("g{place}")));
    }
    let mut sums = Vec::new();
    for (place, column) in shown.iter().enumerate() {
        if matches!(column, Shown::Number(..)) {
            sums.push(sum(released_column(place)).alias(format!("s{place}")));
        }
    }
    let summed = |number: Number| {
        let wanted = Shown::Number(number, None);
        let place = shown.iter().position(|other| *other == wanted).ok_or_else(missing)?;
        Ok::<Expr, DataFusionError>(col(format!("s{place}")))
    };
    let mut outputs: Vec<Expr> = (0..groups.len()).map(|place| col(format!("g{place}"))).collect();
    for (number, _) in asked {
        outputs.push(match number {
            Number::Average(measure) => {
                let total = cast(summed(Number::Sum(measure.clone()))?, DataType::Float64);
                let count = summed(Number::Present(measure.clone()))?;
                when(count.clone().gt(lit(0_i64)), total / cast(count, DataType::Float64)).end()?
            }
            other => summed(other.clone())?,
        });
    }
    let named = outputs.into_iter().zip(aggregate.schema.iter()).map(|(output, (qualifier, field))| {
        cast(output, field.data_type().clone()).alias_qualified(qualifier.cloned(), field.name().clone())
    });
    let named: Vec<Expr> = named.collect();
    scan.aggregate(keys, sums)?.project(named)?.build()
}

fn missing() -> DataFusionError {
    DataFusionError::Internal("a released column is missing".into())
}

fn over_released(expression: &Expr, label: &Expr) -> Result<Expr> {
    let over = expression.clone().transform(|inner| {
        Ok(match inner {
            Expr::Column(_) => Transformed::yes(label.clone()),
            other => Transformed::no(other),
        })
    })?;
    Ok(over.data)
}
