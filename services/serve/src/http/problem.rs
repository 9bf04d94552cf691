//! Errors as problem details (RFC 9457), with rule and article where policy refuses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::causes::chain;
use crate::evaluation::{EvaluationError, Fault};
use crate::sandbox::{ErrorKind, Reason, SandboxError};
use crate::service::ServiceError;

/// Where the cause is that a client cannot do anything about.
const CAUSE: &str = "the operator finds the cause in the log of the service";

/// One reason of a refusal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ProblemReason {
    /// The rule, such as `R23`.
    rule: String,
    /// Its article, such as `PIPL 23`.
    article: String,
    /// What failed.
    because: String,
    /// What would lift it.
    fix: String,
}

/// What went wrong (RFC 9457), as `application/problem+json`. Depends on the request, policy and public numbers only.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, as a URN.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The status of HTTP.
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The line of the query where it went wrong, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The character within the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
    /// Why policy or budget refuses: all reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<ProblemReason>,
}

impl Problem {
    /// A problem of a kind, with its title and what went wrong this time.
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:hushtag:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            line: None,
            column: None,
            reasons: Vec::new(),
        }
    }

    /// A request that cannot be read.
    pub(super) fn request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request", "The request cannot be read", detail)
    }

    /// No token, or none that is in force: which of the two is not said.
    pub(super) fn unauthorised() -> Self {
        let detail = "send a token that is in force as `Authorization: Bearer hushtag_...`";
        Self::new(StatusCode::UNAUTHORIZED, "token", "No token in force", detail)
    }

    /// A token of another role.
    pub(super) fn role(needed: &str) -> Self {
        let detail = format!("this path is for tokens of role `{needed}`");
        Self::new(StatusCode::FORBIDDEN, "role", "The token is of another role", detail)
    }

    /// Policy or budget refuses. A refusal is an answer: it is logged, and all its reasons are given.
    pub(super) fn refused(reasons: &[Reason]) -> Self {
        let budget = reasons.iter().all(|reason| reason.rule == "BUDGET");
        let (kind, title) = if budget {
            ("budget", "The budget does not hold the query")
        } else {
            ("refused", "Policy refuses the query")
        };
        let detail = reasons.iter().map(|reason| reason.because.as_str()).collect::<Vec<_>>().join("; ");
        let reasons = reasons.iter().map(|reason| ProblemReason {
            rule: reason.rule.clone(),
            article: reason.article.clone(),
            because: reason.because.clone(),
            fix: reason.fix.clone(),
        });
        let plain = Self::new(StatusCode::FORBIDDEN, kind, title, detail);
        Self { reasons: reasons.collect(), ..plain }
    }

    /// A body that is larger than it may be.
    pub(super) fn too_large(most: u64) -> Self {
        let detail = format!("a body has at most {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "size", "The request is too large", detail)
    }

    /// A body that did not come in time.
    pub(super) fn too_slow() -> Self {
        let title = "The request took too long";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow", title, "send the body without pauses")
    }

    fn internal(detail: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed", detail)
    }
}

impl From<SandboxError> for Problem {
    fn from(error: SandboxError) -> Self {
        if !error.is_for_clients() {
            tracing::error!(kind = error.kind().as_str(), "the sandbox failed: {error}");
            return match error.kind() {
                ErrorKind::Storage => {
                    let (status, title) = (StatusCode::SERVICE_UNAVAILABLE, "The service cannot write");
                    Self::new(status, "storage", title, error.for_clients())
                }
                _ => Self::internal(error.for_clients()),
            };
        }
        if let Some(question) = error.question() {
            let title = "The query is outside the language or the vocabulary";
            let plain =
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "query", title, question.what.to_string());
            let (line, column) = (question.place.map(|at| at.line), question.place.map(|at| at.column));
            return Self { hint: Some(question.hint.clone()), line, column, ..plain };
        }
        match error.kind() {
            ErrorKind::Refused => Self::refused(error.reasons()),
            ErrorKind::Unknown => {
                Self::new(StatusCode::NOT_FOUND, "unknown", "Nothing has that name", error.to_string())
            }
            ErrorKind::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Try again", error.to_string())
            }
            _ => Self::new(StatusCode::CONFLICT, "epoch", "No epoch answers", error.to_string()),
        }
    }
}

impl From<EvaluationError> for Problem {
    fn from(error: EvaluationError) -> Self {
        let refused = |status, kind, title, hint: &str| Self {
            hint: Some(hint.to_owned()),
            ..Self::new(status, kind, title, error.to_string())
        };
        match error.fault() {
            Fault::Request => {
                let hint = "nothing was counted: send a request whole, as `hushtag token request` made it under the same study";
                let title = "The request cannot be evaluated";
                refused(StatusCode::UNPROCESSABLE_ENTITY, "evaluation", title, hint)
            }
            Fault::Session => {
                let hint = "nothing was counted: make a new request";
                refused(StatusCode::CONFLICT, "session", "The session was used for another request", hint)
            }
            Fault::Limit => {
                let hint = "nothing was counted: both platforms sign a study with another `max_ids`, or with new keys";
                refused(StatusCode::FORBIDDEN, "limit", "The study allows no more ids", hint)
            }
            Fault::Busy => {
                let hint = "send the same request again: it is counted once";
                refused(StatusCode::SERVICE_UNAVAILABLE, "busy", "Another request is under way", hint)
            }
            Fault::Own => {
                let text = chain(&error);
                tracing::error!("not evaluated: {text}");
                Self::internal(CAUSE)
            }
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let busy = |kind, title| Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, error.to_string());
        match error {
            ServiceError::Sandbox(error) => error.into(),
            ServiceError::Busy(_) => {
                let title = "Too many queries at a time";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", title, error.to_string())
            }
            ServiceError::Acting => {
                let title = "Another act is under way";
                Self::new(StatusCode::CONFLICT, "acting", title, error.to_string())
            }
            ServiceError::Draining => busy("stopping", "The service is being stopped"),
            ServiceError::TooLong(_) => {
                let title = "The query took too long";
                Self::new(StatusCode::GATEWAY_TIMEOUT, "time", title, error.to_string())
            }
            ServiceError::Token(error) => {
                tracing::error!("the tokens cannot be read: {error}");
                Self::internal(CAUSE)
            }
            ServiceError::Stopped => {
                tracing::error!("{error}");
                Self::internal(CAUSE)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// No such path.
pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "path", "No such path", "`/openapi.json` lists the paths")
}

/// No such method of a path.
pub(super) async fn wrong_method() -> Problem {
    let detail = "`/openapi.json` lists the methods of every path";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "No such method", detail)
}
