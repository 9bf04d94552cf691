//! Statements as they are parsed: queries, EXPLAIN, and the few that are about the session. Everything else is refused.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Reset, Set, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use pgwire::error::PgWireResult;

use super::error::error;
use crate::catalogue::Catalogue;
use crate::sql::{cut_price, postgres_names, prepare, relations};

/// How deep a statement may be nested.
const DEEPEST: usize = 50;

/// A statement, ready to be run.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    /// About the session.
    Session(Command),
    /// Gives rows, or says what it would cost.
    Rows(Arc<Rows>),
}

/// A statement that gives rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// The text, for places in errors.
    pub(super) sql: String,
    /// What stood in its last clause `WITH ( )`.
    pub(super) price: Option<String>,
    /// Whether it is an EXPLAIN.
    pub(super) explains: bool,
    /// Its plan, with parameters.
    pub(super) plan: LogicalPlan,
}

/// A statement about the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Begin,
    Commit,
    Rollback,
    Set(String, String),
    Reset(Option<String>),
    Show(String),
    /// Nothing to do but to say so.
    Done(&'static str),
}

/// One statement after parsing, before planning.
#[derive(Debug)]
pub(super) enum Parsed {
    Session(Command),
    Query { statement: Box<Statement>, price: Option<String>, explains: bool },
}

/// Parses what a client sent: several statements, each with the price that its last one says.
pub(super) fn parse(sql: &str, catalogue: &Catalogue) -> PgWireResult<Vec<Parsed>> {
    // The protocol's decoder puts this character where bytes were no UTF-8.
    if sql.contains('\u{fffd}') {
        return Err(error("22021", "the statement is not UTF-8"));
    }
    let (text, price) = cut_price(sql);
    let syntax = |message: String| error("42601", message);
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().map_err(|e| syntax(e.to_string()))?;
    let is_ours =
        |token: &Token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case("tags"));
    let plain = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(DEEPEST)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements());
    let about_us = tokens.iter().any(is_ours)
        || plain.as_ref().is_ok_and(|all| all.iter().any(|statement| !reads_catalogue(statement)));
    // Only statements about PostgreSQL's catalogue are rewritten for compatibility.
    let parsed = if about_us { plain } else { catalogue.compatibility.parse(text) };
    let parsed = parsed.map_err(|e| syntax(e.to_string()))?;
    parsed.into_iter().map(|statement| one(statement, price, catalogue)).collect()
}

/// Whether a statement reads nothing but the catalogue, or no table at all.
fn reads_catalogue(statement: &Statement) -> bool {
    let read = relations(statement);
    read.names.is_empty() || read.are_catalogue()
}

fn one(mut statement: Statement, price: Option<&str>, catalogue: &Catalogue) -> PgWireResult<Parsed> {
    if let Some(command) = command(&statement)? {
        return Ok(Parsed::Session(command));
    }
    let mut explains = false;
    if let Statement::Explain { statement: inner, analyze, .. } = statement {
        if analyze {
            return Err(error("0A000", "EXPLAIN ANALYZE would run the query: EXPLAIN says what it costs"));
        }
        explains = true;
        statement = *inner;
    }
    if !matches!(statement, Statement::Query(_)) {
        return Err(error("0A000", "this door reads: SELECT, EXPLAIN, SET, SHOW and transactions"));
    }
    let read = relations(&statement);
    if read.has_function && !read.are_catalogue() {
        return Err(error("42501", "functions are not called as tables"));
    }
    if read.has_sample {
        return Err(error("0A000", "no samples are taken: every answer is about all people who pass"));
    }
    postgres_names(&mut statement);
    prepare(&mut statement, &catalogue.people);
    Ok(Parsed::Query { statement: Box::new(statement), price: price.map(str::to_owned), explains })
}

fn command(statement: &Statement) -> PgWireResult<Option<Command>> {
    Ok(Some(match statement {
        Statement::StartTransaction { .. } => Command::Begin,
        Statement::Commit { .. } => Command::Commit,
        Statement::Rollback { savepoint: None, .. } => Command::Rollback,
        Statement::Rollback { .. } => Command::Done("ROLLBACK"),
        Statement::Savepoint { .. } => Command::Done("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Command::Done("RELEASE"),
        Statement::Discard { .. } => Command::Reset(None),
        Statement::Deallocate { .. } => Command::Done("DEALLOCATE"),
        Statement::Reset(reset) => match &reset.reset {
            Reset::ALL => Command::Reset(None),
            Reset::ConfigurationParameter(name) => Command::Reset(Some(name.to_string())),
        },
        Statement::ShowVariable { variable } => {
            Command::Show(variable.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join(" "))
        }
        Statement::Set(set) => setting(set)?,
        _ => return Ok(None),
    }))
}

fn setting(set: &Set) -> PgWireResult<Command> {
    let text = |value: &dyn ToString| value.to_string().trim_matches('\'').replace("''", "'");
    Ok(match set {
        Set::SingleAssignment { variable, values, .. } => {
            let values: Vec<String> = values.iter().map(|value| text(value)).collect();
            Command::Set(variable.to_string(), values.join(", "))
        }
        Set::SetTimeZone { value, .. } => Command::Set("timezone".to_owned(), text(value)),
        Set::SetNames { charset_name, .. } => Command::Set("client_encoding".to_owned(), text(charset_name)),
        Set::SetTransaction { .. } | Set::SetNamesDefault {} => Command::Done("SET"),
        _ => return Err(error("0A000", "this form of SET is not known: write SET name = value")),
    })
}
