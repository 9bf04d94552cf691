//! HAVING, ORDER BY and LIMIT of a syntax tree: conditions and orders over columns that are selected.

use sqlparser::ast::{
    BinaryOperator, Expr, LimitClause, OrderBy, OrderByKind, OrderBySort, UnaryOperator, Value,
};

use super::select::{number_or_tag, outside};
use super::{Comparison, Having, Item, Order, QueryError, Selected, Shown};
use crate::tags::Catalogue;

/// The clauses of a query that decide how its rows are shown.
pub(super) struct Clauses {
    pub(super) having: Option<Expr>,
    pub(super) order_by: Option<OrderBy>,
    pub(super) limit: Option<LimitClause>,
}

const HAVING: &str = "compare a selected number with a whole number, as in HAVING people > 100";

pub(super) fn shown(
    clauses: &Clauses,
    items: &[Selected],
    catalogue: &Catalogue,
) -> Result<Shown, QueryError> {
    let columns = Columns { items, catalogue };
    Ok(Shown {
        having: clauses.having.as_ref().map(|expression| columns.having(expression)).transpose()?,
        order_by: clauses.order_by.as_ref().map_or(Ok(Vec::new()), |clause| columns.order(clause))?,
        limit: clauses.limit.as_ref().map(limit).transpose()?,
    })
}

/// The selected columns, to which names in these clauses refer.
struct Columns<'a> {
    items: &'a [Selected],
    catalogue: &'a Catalogue,
}

impl Columns<'_> {
    /// The shown name of what `expression` means: an alias, a default name, or the selected item itself.
    fn column(&self, expression: &Expr, only_numbers: bool) -> Result<String, QueryError> {
        let fits = |selected: &&Selected| !only_numbers || !matches!(selected.item, Item::Tag(_));
        let by_name = |name: &str| {
            let mut items = self.items.iter().filter(fits);
            items.find(|selected| selected.name().eq_ignore_ascii_case(name)).map(Selected::name)
        };
        if let Expr::Identifier(name) = expression
            && let Some(found) = by_name(&name.value)
        {
            return Ok(found);
        }
        let item = match expression {
            Expr::Identifier(_) => {
                let near = self.items.iter().filter(fits).map(Selected::name).collect::<Vec<_>>().join(", ");
                return Err(outside(expression, format!("name a selected column: {near}")));
            }
            other => number_or_tag(other, self.catalogue)?,
        };
        let selected = self.items.iter().filter(fits).find(|selected| selected.item == item);
        selected.map(Selected::name).ok_or_else(|| outside(expression, "select it as well"))
    }

    fn having(&self, expression: &Expr) -> Result<Having, QueryError> {
        match expression {
            Expr::Nested(inner) => self.having(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(Having::Not(Box::new(self.having(expr)?))),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Ok(Having::All(vec![self.having(left)?, self.having(right)?]))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Ok(Having::Any(vec![self.having(left)?, self.having(right)?]))
            }
            Expr::BinaryOp { left, op, right } => {
                let is = match op {
                    BinaryOperator::Eq => Comparison::Equal,
                    BinaryOperator::Gt => Comparison::Greater,
                    BinaryOperator::GtEq => Comparison::GreaterOrEqual,
                    BinaryOperator::Lt => Comparison::Less,
                    BinaryOperator::LtEq => Comparison::LessOrEqual,
                    BinaryOperator::NotEq => Comparison::NotEqual,
                    _ => return Err(outside(expression, HAVING)),
                };
                let number = whole(right).ok_or_else(|| outside(&**right, HAVING))?;
                Ok(Having::Compare { column: self.column(left, true)?, is, number })
            }
            _ => Err(outside(expression, HAVING)),
        }
    }

    fn order(&self, clause: &OrderBy) -> Result<Vec<Order>, QueryError> {
        const HINT: &str = "name selected columns: ORDER BY people DESC";
        let OrderByKind::Expressions(list) = &clause.kind else { return Err(outside(clause, HINT)) };
        let one = |by: &sqlparser::ast::OrderByExpr| {
            let descending = match by.options.sort {
                None | Some(OrderBySort::Asc) => false,
                Some(OrderBySort::Desc) => true,
                Some(_) => return Err(outside(&by.expr, HINT)),
            };
            if by.options.nulls_first.is_some() || by.with_fill.is_some() || clause.interpolate.is_some() {
                return Err(outside(&by.expr, "no released number is null: drop the words"));
            }
            Ok(Order { column: self.column(&by.expr, false)?, descending })
        };
        list.iter().map(one).collect()
    }
}

/// A whole number, perhaps below zero.
fn whole(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Nested(inner) => whole(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => whole(expr)?.checked_neg(),
        Expr::Value(value) => match &value.value {
            Value::Number(text, false) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn limit(clause: &LimitClause) -> Result<u64, QueryError> {
    const HINT: &str = "write LIMIT and a whole number; it does not lower the cost";
    match clause {
        LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by } if limit_by.is_empty() => {
            let number = whole(limit).and_then(|number| u64::try_from(number).ok());
            number.ok_or_else(|| outside(limit, HINT))
        }
        _ => Err(QueryError::outside("LIMIT", HINT)),
    }
}
