//! The little that has to happen on the syntax tree, because a plan no longer shows it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, ObjectName, Query, Select, SelectItem,
    SetExpr, Statement, TableFactor, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::People;

/// What a statement reads.
#[derive(Debug, Default)]
pub struct Relations {
    /// The names, in lower case and without quotes.
    pub names: Vec<String>,
    /// Whether it calls a function as a table.
    pub has_function: bool,
    /// Whether it takes a sample of a table, which a plan would silently leave out.
    pub has_sample: bool,
}

impl Relations {
    /// Whether all that is read is PostgreSQL's catalogue.
    #[must_use]
    pub fn are_catalogue(&self) -> bool {
        let catalogue = |name: &String| {
            name.starts_with("pg_") || name.starts_with("information_schema.") || name == "generate_series"
        };
        self.names.iter().any(|name| name != "generate_series") && self.names.iter().all(catalogue)
    }
}

/// What a statement reads.
#[must_use]
pub fn relations(statement: &Statement) -> Relations {
    struct Walk(Relations);
    impl Visitor for Walk {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            self.0.names.push(name.to_string().replace('"', "").to_lowercase());
            ControlFlow::Continue(())
        }
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            self.0.has_sample |= matches!(
                factor,
                TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. }
            );
            self.0.has_function |= match factor {
                TableFactor::Table { args, .. } => args.is_some(),
                TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => false,
                _ => true,
            };
            ControlFlow::Continue(())
        }
    }
    let mut walk = Walk(Relations::default());
    let _ = Visit::visit(statement, &mut walk);
    walk.0
}

/// Prepares a statement for planning: ends of intervals are aggregates, `HAVING COUNT(1) > 0` is dropped, `= ANY($1)` compares with an
/// array of texts, and patterns have PostgreSQL's escapes.
pub fn prepare(statement: &mut Statement, people: &People) {
    let _ = VisitMut::visit(statement, &mut Selects(people));
    let _ = VisitMut::visit(statement, &mut Expressions);
}

struct Selects<'a>(&'a People);

impl VisitorMut for Selects<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.body(query.body.as_mut());
        ControlFlow::Continue(())
    }
}

impl Selects<'_> {
    fn body(&self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) if is_from_tags(select) => self.select(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            _ => {}
        }
    }

    fn select(&self, select: &mut Select) {
        // Always true of a released group; kept, it would be a count more to pay.
        if select.having.as_ref().is_some_and(is_count_above_zero) {
            select.having = None;
        }
        let grouped = matches!(&select.group_by, GroupByExpr::Expressions(groups, _) if !groups.is_empty());
        let aggregated = select.projection.iter().any(|item| item.to_string().contains('('));
        if !grouped && !aggregated {
            return;
        }
        for item in &mut select.projection {
            let (expression, alias) = match item {
                SelectItem::UnnamedExpr(expression) => (expression.clone(), None),
                SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), Some(alias.clone())),
                _ => continue,
            };
            let name = match &expression {
                Expr::Identifier(name) => name.clone(),
                Expr::CompoundIdentifier(names) => match names.last() {
                    Some(name) => name.clone(),
                    None => continue,
                },
                _ => continue,
            };
            if self.0.interval(&name.value.to_lowercase()).is_some() {
                let alias = alias.unwrap_or_else(|| Ident::with_quote('"', name.value.to_lowercase()));
                *item = SelectItem::ExprWithAlias { expr: call("min", vec![expression]), alias };
            }
        }
    }
}

fn is_from_tags(select: &Select) -> bool {
    let [only] = select.from.as_slice() else { return false };
    let TableFactor::Table { name, .. } = &only.relation else { return false };
    let last = name.0.last().and_then(|part| part.as_ident());
    only.joins.is_empty() && last.is_some_and(|name| name.value.eq_ignore_ascii_case("tags"))
}

fn is_count_above_zero(having: &Expr) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Gt, right } = unnested(having) else { return false };
    let counts = |expression: &Expr| matches!(unnested(expression), Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("count"));
    counts(left) && unnested(right).to_string() == "0"
}

fn unnested(mut expression: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    expression
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    let list = FunctionArgumentList { duplicate_treatment: None, args: args.collect(), clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

struct Expressions;

impl VisitorMut for Expressions {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => as_text_array(right),
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                let escape =
                    escape_char.as_ref().map(|value| value.to_string().trim_matches('\'').to_owned());
                if let Some(escape) = escape.filter(|escape| escape != "\\" && escape.chars().count() == 1) {
                    let text = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).into());
                    **pattern = call("replace", vec![pattern.as_ref().clone(), text(&escape), text("\\")]);
                    *escape_char = None;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Without a type the parameter would be planned as one text, and a driver that sends `{north}` would get a wrong answer in silence.
fn as_text_array(right: &mut Expr) {
    let untyped = matches!(right, Expr::Value(value) if matches!(value.value, Value::Placeholder(_) | Value::SingleQuotedString(_)));
    if untyped {
        let element = Box::new(DataType::Text);
        *right = Expr::Cast {
            kind: CastKind::DoubleColon,
            expr: Box::new(right.clone()),
            data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)),
            array: false,
            format: None,
        };
    }
}
