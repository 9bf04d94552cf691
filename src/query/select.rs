//! From the syntax tree of `sqlparser` to an [`Query`]: what is not expected is refused, never ignored.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    Query as SqlQuery, Select, SelectItem, SetExpr, Spanned, UnaryOperator, Value,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

use super::canonical::{find_gridded, find_label, find_summable, find_tag};
use super::error::excerpt;
use super::select_shown::{Clauses, shown};
use super::sql::{DIALECT, SHAPE};
use super::{Cost, Filter, Item, Probability, Problem, Query, QueryError, QueryPlace, Selected};
use crate::tags::Catalogue;

/// The query that a parsed statement holds.
pub(super) fn lower(mut query: SqlQuery, catalogue: &Catalogue) -> Result<Query, QueryError> {
    let beginning = query.span();
    let clauses = clauses(&mut query);
    let select = only_select(query).map_err(|error| with_span(error, beginning))?;
    check_table(&select)?;
    let items = select.projection.iter().map(|item| selected(item, catalogue));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let filter = select.selection.as_ref().map(|expression| filter(expression, catalogue)).transpose()?;
    let group_by = group_by(&select.group_by, catalogue)?;
    for (item, written) in items.iter().zip(&select.projection) {
        if let Item::Tag(name) = &item.item
            && !group_by.contains(name)
        {
            let problem = Problem::NotGrouped { tag: name.clone() };
            return Err(with_span(QueryError::new(problem, format!("add GROUP BY {name}")), written.span()));
        }
    }
    if items.iter().all(|item| matches!(item.item, Item::Tag(_))) {
        let error = QueryError::new(Problem::NoNumber, "add COUNT(*) or SUM of a measure");
        return Err(with_span(error, beginning));
    }
    let shown = shown(&clauses, &items, catalogue)?;
    let (cost, confidence) = (Cost::Default, Probability::nominal());
    Ok(Query { select: items, filter, group_by, cost, confidence, shown })
}

/// Removes what only decides how rows are shown.
fn clauses(query: &mut SqlQuery) -> Clauses {
    let having = match &mut *query.body {
        SetExpr::Select(select) => select.having.take(),
        _ => None,
    };
    Clauses { having, order_by: query.order_by.take(), limit: query.limit_clause.take() }
}

fn with_span(error: QueryError, span: Span) -> QueryError {
    error.at(QueryPlace::from(span.start))
}

pub(super) fn outside(written: &(impl ToString + Spanned), hint: impl Into<String>) -> QueryError {
    with_span(QueryError::outside(&written.to_string(), hint), written.span())
}

/// The SELECT of a query that has nothing around it, and nothing in it but the four clauses of the language.
fn only_select(mut query: SqlQuery) -> Result<Select, QueryError> {
    let refused = || QueryError::outside("SELECT", SHAPE);
    // The smallest query, parsed by the same parser: whatever else differs from it, in any field, is outside.
    let smallest = Parser::parse_sql(&DIALECT, "SELECT x FROM tags").ok().and_then(|mut list| list.pop());
    let Some(sqlparser::ast::Statement::Query(mut smallest)) = smallest else { return Err(refused()) };
    let SetExpr::Select(select) = std::mem::replace(
        &mut *query.body,
        SetExpr::Values(sqlparser::ast::Values { explicit_row: false, value_keyword: false, rows: vec![] }),
    ) else {
        return Err(refused());
    };
    let SetExpr::Select(plain) = std::mem::replace(&mut *smallest.body, (*query.body).clone()) else {
        return Err(refused());
    };
    let mut rest = (*select).clone();
    rest.projection.clone_from(&plain.projection);
    rest.from.clone_from(&plain.from);
    rest.selection.clone_from(&plain.selection);
    rest.group_by.clone_from(&plain.group_by);
    if query != *smallest || rest != *plain {
        return Err(refused());
    }
    Ok(*select)
}

fn check_table(select: &Select) -> Result<(), QueryError> {
    let Some(first) = select.from.first() else {
        return Err(with_span(
            QueryError::new(Problem::OtherTable { found: String::new() }, "add FROM tags"),
            select.span(),
        ));
    };
    let other = |found: String, span| {
        let problem = Problem::OtherTable { found: excerpt(&found) };
        Err(with_span(QueryError::new(problem, "the one table is FROM tags; it has no alias"), span))
    };
    let written = first.to_string();
    let name = written.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(&written);
    if !name.eq_ignore_ascii_case("tags") {
        return other(first.to_string(), first.span());
    }
    select.from.get(1).map_or(Ok(()), |second| other(second.to_string(), second.span()))
}

fn selected(item: &SelectItem, catalogue: &Catalogue) -> Result<Selected, QueryError> {
    match item {
        SelectItem::UnnamedExpr(expression) => {
            Ok(Selected { item: number_or_tag(expression, catalogue)?, alias: None })
        }
        SelectItem::ExprWithAlias { expr, alias } => {
            Ok(Selected { item: number_or_tag(expr, catalogue)?, alias: Some(alias.value.clone()) })
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
            Err(outside(item, "rows never leave: ask for COUNT(*) or SUM of a measure"))
        }
        SelectItem::ExprWithAliases { .. } => Err(outside(item, SHAPE)),
    }
}

pub(super) fn number_or_tag(expression: &Expr, catalogue: &Catalogue) -> Result<Item, QueryError> {
    match expression {
        Expr::Identifier(name) => Ok(Item::Tag(tag_name(name, catalogue)?)),
        Expr::Function(function) => {
            number(function, catalogue).map_err(|error| with_span(error, function.span()))
        }
        Expr::Nested(inner) => number_or_tag(inner, catalogue),
        Expr::Subquery(_) => Err(outside(expression, "there are no sub-queries: ask two queries")),
        _ => Err(outside(
            expression,
            "select tags, COUNT(*), SUM, AVG or MEDIAN of a measure; compute with released numbers",
        )),
    }
}

fn tag_name(name: &Ident, catalogue: &Catalogue) -> Result<String, QueryError> {
    let found = find_tag(catalogue, &name.value).map_err(|error| with_span(error, name.span))?;
    Ok(found.1.name().to_owned())
}

/// What the functions are, for hints.
const FUNCTIONS: &str = "the functions are COUNT(*), COUNT(measure), SUM(measure), AVG(measure), MEDIAN(measure), QUANTILE(measure, 0.9) and HISTOGRAM(measure)";

fn number(function: &Function, catalogue: &Catalogue) -> Result<Item, QueryError> {
    let name = function.name.to_string().to_ascii_lowercase();
    let arguments = match &function.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
    };
    // Printing it again shows that there are arguments and nothing else: no DISTINCT, FILTER, OVER.
    let written: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let whole = function.to_string() == format!("{}({})", function.name, written.join(", "));
    let measure = |argument: &Ident, find: fn(&Catalogue, &str) -> Result<usize, QueryError>| {
        find(catalogue, &argument.value).map_err(|error| with_span(error, argument.span))?;
        Ok(argument.value.to_ascii_lowercase())
    };
    let arguments: Vec<&FunctionArgExpr> = arguments
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(expression) if whole => Some(expression),
            _ => None,
        })
        .collect();
    match (name.as_str(), arguments.as_slice()) {
        ("count", [FunctionArgExpr::Wildcard]) => Ok(Item::Count),
        ("count", [FunctionArgExpr::Expr(Expr::Identifier(of))]) => {
            measure(of, find_summable).map(Item::Present)
        }
        ("sum", [FunctionArgExpr::Expr(Expr::Identifier(of))]) => measure(of, find_summable).map(Item::Sum),
        ("avg", [FunctionArgExpr::Expr(Expr::Identifier(of))]) => {
            measure(of, find_summable).map(Item::Average)
        }
        ("histogram", [FunctionArgExpr::Expr(Expr::Identifier(of))]) => {
            measure(of, find_gridded).map(Item::Histogram)
        }
        ("median", [FunctionArgExpr::Expr(Expr::Identifier(of))]) => {
            Ok(Item::Quantile { measure: measure(of, find_gridded)?, level: Probability::HALF })
        }
        ("quantile", [FunctionArgExpr::Expr(Expr::Identifier(of)), FunctionArgExpr::Expr(level)]) => {
            Ok(Item::Quantile { measure: measure(of, find_gridded)?, level: quantile_level(level)? })
        }
        _ => Err(QueryError::outside(&function.to_string(), usage(&name))),
    }
}

fn usage(name: &str) -> &'static str {
    match name {
        "count" => "write COUNT(*), each person once, or COUNT(measure): those who have a value",
        "sum" => "write SUM(measure), a single declared measure",
        "avg" => "write AVG(measure), a single declared measure",
        "median" => "write MEDIAN(measure), a single declared measure with a grid",
        "quantile" => "write QUANTILE(measure, 0.9), a declared measure with a grid and a level",
        "histogram" => "write HISTOGRAM(measure), a single declared measure with a grid",
        _ => FUNCTIONS,
    }
}

fn quantile_level(expression: &Expr) -> Result<Probability, QueryError> {
    let read = match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(text, false) => Probability::read(text),
            _ => None,
        },
        _ => None,
    };
    read.ok_or_else(|| outside(expression, "a level is between 0.001 and 0.999, such as 0.5 for the median"))
}

fn group_by(clause: &GroupByExpr, catalogue: &Catalogue) -> Result<Vec<String>, QueryError> {
    let GroupByExpr::Expressions(expressions, modifiers) = clause else {
        return Err(outside(clause, "name the tags: GROUP BY tag, tag"));
    };
    if !modifiers.is_empty() {
        return Err(outside(clause, "every combination of labels is answered already: drop the modifier"));
    }
    let mut names: Vec<String> = Vec::new();
    for expression in expressions {
        let Expr::Identifier(name) = expression else {
            return Err(outside(expression, "name the tags: GROUP BY tag, tag"));
        };
        let name = tag_name(name, catalogue)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn filter(expression: &Expr, catalogue: &Catalogue) -> Result<Filter, QueryError> {
    match expression {
        Expr::Nested(inner) => filter(inner, catalogue),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(!filter(expr, catalogue)?),
        Expr::BinaryOp { op: BinaryOperator::And, .. } => {
            chain(expression, &BinaryOperator::And, catalogue).map(Filter::All)
        }
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => {
            chain(expression, &BinaryOperator::Or, catalogue).map(Filter::Any)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => comparison(left, [&**right], catalogue),
        Expr::BinaryOp { left, op: BinaryOperator::NotEq, right } => {
            Ok(!comparison(left, [&**right], catalogue)?)
        }
        Expr::InList { expr, list, negated } => {
            let inside = comparison(expr, list, catalogue)?;
            Ok(if *negated { !inside } else { inside })
        }
        Expr::InSubquery { .. } | Expr::Subquery(_) | Expr::Exists { .. } => {
            Err(outside(expression, "there are no sub-queries: list the labels"))
        }
        Expr::Identifier(_) => Err(outside(expression, "compare the tag with a label: tag = 'label'")),
        Expr::BinaryOp { .. } => Err(outside(expression, "list the labels: `tag IN ('a', 'b')`")),
        _ => Err(outside(expression, "compare tags with labels by =, <> or IN, joined by AND, OR, NOT")),
    }
}

/// The operands of a chain of one connective. The tree leans left, so the walk is a loop and not a recursion.
fn chain(
    expression: &Expr,
    connective: &BinaryOperator,
    catalogue: &Catalogue,
) -> Result<Vec<Filter>, QueryError> {
    let mut operands = Vec::new();
    let mut rest = expression;
    while let Expr::BinaryOp { left, op, right } = rest
        && op == connective
    {
        operands.push(&**right);
        rest = left;
    }
    operands.push(rest);
    operands.into_iter().rev().map(|operand| filter(operand, catalogue)).collect()
}

fn comparison<'a>(
    left: &Expr,
    labels: impl IntoIterator<Item = &'a Expr>,
    catalogue: &Catalogue,
) -> Result<Filter, QueryError> {
    let Expr::Identifier(name) = left else {
        return Err(outside(left, "write the tag first: tag = 'label'"));
    };
    let (_, tag) = find_tag(catalogue, &name.value).map_err(|error| with_span(error, name.span))?;
    let label = |expression: &Expr| match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => {
                find_label(tag, text).map_err(|error| with_span(error, value.span))?;
                Ok(text.clone())
            }
            other => Err(outside(
                expression,
                format!("labels take single quotes: '{}'", excerpt(&other.to_string())),
            )),
        },
        Expr::Identifier(word) => {
            Err(outside(expression, format!("labels take single quotes: '{}'", excerpt(&word.value))))
        }
        _ => Err(outside(expression, "compare the tag with a label in single quotes")),
    };
    let labels = labels.into_iter().map(label).collect::<Result<Vec<_>, _>>()?;
    Ok(Filter::In { tag: tag.name().to_owned(), labels })
}
