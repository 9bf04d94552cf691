//! Errors of the wire: SQLSTATE, place, detail and hint. They hold what the client wrote and public words, nothing of people.

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use pgwire::error::{ErrorInfo, PgWireError};

use crate::sandbox::{ErrorKind, Reason, SandboxError};
use crate::service::ServiceError;
use crate::sql::Refusal;

/// An error of a class with its text.
pub(super) fn info(severity: &str, code: &str, message: impl Into<String>) -> ErrorInfo {
    ErrorInfo::new(severity.to_owned(), code.to_owned(), message.into())
}

/// An error of a statement.
pub(super) fn error(code: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(info("ERROR", code, message)))
}

/// An error after which the connection ends.
pub(super) fn fatal(code: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(info("FATAL", code, message)))
}

/// An error that came up inside of `pgwire` or an encoder, without what only the operator may see.
pub(super) fn cleaned(raised: PgWireError) -> PgWireError {
    match raised {
        PgWireError::ApiError(inner) => match inner.downcast::<DataFusionError>() {
            Ok(inner) => of_plan(&inner, ""),
            Err(_) => {
                tracing::error!("an answer could not be encoded");
                error("XX000", "the service failed; the operator finds the cause in its log")
            }
        },
        other => other,
    }
}

/// What DataFusion or the split says about a statement.
pub(super) fn of_plan(raised: &DataFusionError, sql: &str) -> PgWireError {
    let root = raised.find_root();
    if let DataFusionError::External(inner) = root
        && let Some(refusal) = inner.downcast_ref::<Refusal>()
    {
        return of_refusal(refusal, sql);
    }
    let text = root.strip_backtrace();
    let code = match root {
        DataFusionError::SQL(..) => "42601",
        DataFusionError::SchemaError(..) => "42703",
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::Plan(message) if message.contains("table") && message.contains("not found") => {
            "42P01"
        }
        DataFusionError::Plan(message) if message.contains("nvalid function") => "42883",
        DataFusionError::Plan(message) if message.contains("GROUP BY") => "42803",
        DataFusionError::Plan(_) => "42000",
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => "22000",
        _ => {
            tracing::error!("a plan failed in a way that it should not");
            return error("XX000", "the service failed; the operator finds the cause in its log");
        }
    };
    error(code, text)
}

fn of_refusal(refusal: &Refusal, sql: &str) -> PgWireError {
    let mut raised = info("ERROR", refusal.code, refusal.message.clone());
    raised.hint = Some(refusal.hint.clone()).filter(|hint| !hint.is_empty());
    raised.position =
        refusal.word.as_deref().and_then(|word| place(sql, word)).map(|place| place.to_string());
    PgWireError::UserError(Box::new(raised))
}

/// Where the word is in the statement, in characters from 1.
fn place(sql: &str, word: &str) -> Option<u64> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().ok()?;
    let is_word =
        |token: &Token| matches!(token, Token::Word(found) if found.value.eq_ignore_ascii_case(word));
    let start = tokens.iter().find(|token| is_word(&token.token))?.span.start;
    let lines = usize::try_from(start.line).ok()?.checked_sub(1)?;
    let before: usize = sql.split_inclusive('\n').take(lines).map(|line| line.chars().count()).sum();
    u64::try_from(before).ok()?.checked_add(start.column)
}

/// A policy or budget that refuses: all reasons, each with its rule and article.
pub(super) fn of_reasons(reasons: &[Reason]) -> PgWireError {
    let budget = reasons.iter().all(|reason| reason.rule == "BUDGET");
    let because = reasons.iter().map(|reason| reason.because.as_str()).collect::<Vec<_>>().join("; ");
    let mut raised = info("ERROR", if budget { "53400" } else { "42501" }, because);
    let rule = |reason: &Reason| format!("{} {}", reason.rule, reason.article).trim().to_owned();
    raised.detail = Some(reasons.iter().map(rule).collect::<Vec<_>>().join("; "));
    raised.hint = Some(reasons.iter().map(|reason| reason.fix.as_str()).collect::<Vec<_>>().join("; "));
    PgWireError::UserError(Box::new(raised))
}

/// What the service says.
pub(super) fn of_service(raised: &ServiceError) -> PgWireError {
    match raised {
        ServiceError::Sandbox(inner) => of_sandbox(inner),
        ServiceError::Acting | ServiceError::Busy(_) => error("53300", raised.to_string()),
        ServiceError::TooLong(_) => error("57014", raised.to_string()),
        ServiceError::Draining => fatal("57P01", raised.to_string()),
        ServiceError::Token(inner) => {
            tracing::error!("the tokens cannot be read: {inner}");
            fatal("58000", "the service failed; the operator finds the cause in its log")
        }
        ServiceError::Stopped => {
            tracing::error!("{raised}");
            error("XX000", "the service failed; the operator finds the cause in its log")
        }
    }
}

fn of_sandbox(raised: &SandboxError) -> PgWireError {
    if !raised.is_for_clients() {
        tracing::error!(kind = raised.kind().as_str(), "the sandbox failed: {raised}");
        return error("58000", format!("the service failed: {}", raised.for_clients()));
    }
    if let Some(question) = raised.question() {
        let mut sent = info("ERROR", raised.sqlstate(), question.what.to_string());
        sent.hint = Some(question.hint.clone());
        return PgWireError::UserError(Box::new(sent));
    }
    match raised.kind() {
        ErrorKind::Refused => of_reasons(raised.reasons()),
        ErrorKind::Busy => error("55P03", raised.to_string()),
        ErrorKind::Unknown => error("42704", raised.to_string()),
        _ => error("55000", raised.to_string()),
    }
}
