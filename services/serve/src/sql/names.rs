//! Names of columns as PostgreSQL gives them: `count`, not `count(*)`; `?column?`; and two equal ones, which a plan cannot have.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, Statement, VisitMut, VisitorMut,
};

/// What parts an added number from a name; no statement can write it, and it is cut off where rows leave.
const AGAIN: char = '\u{1}';

/// The name of a column as clients see it.
#[must_use]
pub fn shown(name: &str) -> &str {
    name.split(AGAIN).next().unwrap_or(name)
}

/// Gives the columns of a statement the names that PostgreSQL gives.
pub fn postgres_names(statement: &mut Statement) {
    let _ = VisitMut::visit(statement, &mut Names);
}

struct Names;

impl VisitorMut for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        name_body(query.body.as_mut());
        ControlFlow::Continue(())
    }
}

fn name_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            let mut taken = HashSet::new();
            for item in &mut select.projection {
                name_item(item, &mut taken);
            }
        }
        // The first one names the columns of all.
        SetExpr::SetOperation { left, right, .. } => {
            name_body(left);
            name_body(right);
        }
        _ => {}
    }
}

fn name_item(item: &mut SelectItem, taken: &mut HashSet<String>) {
    let (expression, name, given) = match item {
        SelectItem::UnnamedExpr(expression) => {
            let name = own_name(expression);
            let given = matches!(unnested(expression), Expr::Identifier(_));
            // A qualified name is distinguished by its table.
            if matches!(unnested(expression), Expr::CompoundIdentifier(_)) {
                return;
            }
            (expression.clone(), name, given)
        }
        SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), alias.value.clone(), true),
        _ => return,
    };
    if taken.insert(name.clone()) {
        if !given {
            *item = SelectItem::ExprWithAlias { expr: expression, alias: Ident::with_quote('"', name) };
        }
        return;
    }
    let alias = Ident::with_quote('"', format!("{name}{AGAIN}{}", taken.len()));
    taken.insert(alias.value.clone());
    *item = SelectItem::ExprWithAlias { expr: expression, alias };
}

fn own_name(expression: &Expr) -> String {
    let last = |names: &[Ident]| names.last().map(|name| name.value.clone());
    let name = match unnested(expression) {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => last(names),
        Expr::Function(function) => {
            let part = function.name.0.last().and_then(|part| part.as_ident());
            part.map(|name| name.value.to_lowercase())
        }
        Expr::Case { .. } => Some("case".to_owned()),
        Expr::Cast { expr, data_type, .. } => match own_name(expr) {
            name if name == UNNAMED => Some(data_type.to_string().to_lowercase()),
            name => Some(name),
        },
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        _ => None,
    };
    name.unwrap_or_else(|| UNNAMED.to_owned())
}

const UNNAMED: &str = "?column?";

fn unnested(mut expression: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    expression
}
