//! Aggregates of SQL as numbers that the library releases.

use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::prelude::Expr;

use super::Refusal;
use super::base::bare;
use super::people::{Column, People};
use super::private_query::{End, Number};
use super::refusal::{FORBIDDEN, UNSUPPORTED};

/// What an aggregate shows: a number, or an end of its interval.
pub(super) fn shown(function: &AggregateFunction, people: &People) -> Result<(Number, Option<End>)> {
    let name = function.func.name().to_ascii_lowercase();
    let parameters = &function.params;
    if parameters.distinct {
        let hint = "labels are counted for free: SELECT COUNT(*) FROM vocabulary WHERE tag = '...'";
        return Err(Refusal::new(FORBIDDEN, "DISTINCT of people is not released", hint)
            .at("distinct")
            .into());
    }
    if parameters.filter.is_some() {
        let hint = "put the condition in WHERE, or GROUP BY the tag";
        return Err(Refusal::new(UNSUPPORTED, "FILTER is one more query", hint).at("filter").into());
    }
    let arguments: Vec<Expr> = parameters.args.iter().map(|argument| bare(argument.clone())).collect();
    let of = arguments.first().and_then(plain).and_then(|name| people.column(name));
    let constant = match arguments.first() {
        None => Some(None),
        Some(Expr::Literal(value, _)) => Some(Some(value)),
        Some(_) => None,
    };
    match (name.as_str(), of, constant) {
        ("count", None, Some(value)) if value.is_none_or(|value| !value.is_null()) => {
            Ok((Number::Count, None))
        }
        // A tag has a label for everybody.
        ("count", Some(Column::Tag(_)), _) => Ok((Number::Count, None)),
        ("count", Some(Column::Measure(measure)), _) => Ok((Number::Present(measure.name.clone()), None)),
        ("sum", None, Some(Some(ScalarValue::Int64(Some(1))))) => Ok((Number::Count, None)),
        ("sum", Some(Column::Measure(measure)), _) => Ok((Number::Sum(measure.name.clone()), None)),
        ("avg", Some(Column::Measure(measure)), _) => Ok((Number::Average(measure.name.clone()), None)),
        ("median", Some(Column::Measure(measure)), _) => {
            Ok((Number::Quantile(measure.name.clone(), 500), None))
        }
        ("quantile", Some(Column::Measure(measure)), _) => {
            Ok((Number::Quantile(measure.name.clone(), level(arguments.get(1))?), None))
        }
        ("min" | "max" | "avg" | "sum", Some(Column::End(number, end)), _) => Ok((number, Some(end))),
        (_, of, _) => Err(refusal(&name, of.as_ref()).at(name.as_str()).into()),
    }
}

fn refusal(name: &str, of: Option<&Column<'_>>) -> Refusal {
    match of {
        Some(Column::Tag(tag)) => {
            let hint = format!("SELECT label FROM vocabulary WHERE tag = '{}'", tag.name);
            Refusal::new(UNSUPPORTED, format!("{name} of a tag is a label of its vocabulary"), hint)
        }
        Some(Column::Measure(_)) => {
            let hint = "COUNT, SUM, AVG, MEDIAN and QUANTILE of a measure are";
            Refusal::new(FORBIDDEN, format!("{name} of a measure is not released"), hint)
        }
        Some(Column::End(..)) => {
            let hint = "select the column itself, beside the number";
            Refusal::new(UNSUPPORTED, format!("{name} of an end of an interval has no meaning"), hint)
        }
        None => {
            let hint = "aggregate a measure itself, and compute with the released number outside";
            Refusal::new(UNSUPPORTED, format!("{name} of an expression is not released"), hint)
        }
    }
}

/// The level of a quantile, in thousandths.
fn level(argument: Option<&Expr>) -> Result<u16> {
    let value = match argument {
        Some(Expr::Literal(ScalarValue::Float64(Some(value)), _)) => Some(*value),
        Some(Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale), _)) => {
            format!("{value}e-{scale}").parse().ok()
        }
        _ => None,
    };
    // Levels are compared with the thousandths they are written as.
    let thousandths = value
        .and_then(|value: f64| (1..1000).find(|level| (f64::from(*level) / 1000.0 - value).abs() < 1e-9));
    let hint = "QUANTILE(measure, 0.9), with at most three digits";
    Ok(thousandths.ok_or_else(|| {
        Refusal::new(UNSUPPORTED, "a level is between 0.001 and 0.999", hint).at("quantile")
    })?)
}

/// The column that an expression is, under casts, which change no number here.
pub(super) fn plain(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) => plain(&cast.expr),
        Expr::TryCast(cast) => plain(&cast.expr),
        Expr::Alias(alias) => plain(&alias.expr),
        _ => None,
    }
}
