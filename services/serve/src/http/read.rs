//! What an analyst reads for free: vocabulary, budget, epochs.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::caller::analyst;
use super::{Problem, Shared};

/// What is left in one scope. Amounts are texts, so that every reader keeps them exactly.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BudgetScope {
    /// `pool`, `study` or `recipient`.
    scope: &'static str,
    /// `nano_rho` or `nano_epsilon`.
    unit: &'static str,
    /// What may be spent.
    limit: String,
    /// What was spent.
    spent: String,
    /// What is left.
    left: String,
}

/// A sealed epoch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Epoch {
    /// Its id.
    id: String,
    /// Consents and windows as of, in RFC 3339.
    as_of: String,
    /// When it was sealed, in RFC 3339.
    sealed_at: String,
    /// When it stops answering, in RFC 3339; absent where it was sealed under another text of the study.
    answers_until: Option<String>,
    /// Whether it answers now.
    answers: bool,
}

/// Everything that a query may name, with its reach.
#[utoipa::path(get, path = "/v1/vocabulary", security(("token" = [])), responses(
    (status = 200, description = "tags with their labels, measures, tag sets, named metrics", body = Value),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn vocabulary(
    State(service): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let who = analyst(&service, &headers)?;
    Ok(Json(service.read(move |service| Ok(service.sandbox.vocabulary_json(&who)?)).await?))
}

/// What may still be spent, by scope; the least of them counts.
#[utoipa::path(get, path = "/v1/budget", security(("token" = [])), responses(
    (status = 200, description = "limit, spent and left of pool, study and recipient", body = Vec<BudgetScope>),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn budget(
    State(service): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Vec<BudgetScope>>, Problem> {
    let who = analyst(&service, &headers)?;
    let lines = service.read(move |service| Ok(service.sandbox.budget(&who)?)).await?;
    let scopes = lines.into_iter().map(|line| BudgetScope {
        scope: line.scope,
        unit: line.unit,
        limit: line.limit.to_string(),
        spent: line.spent.to_string(),
        left: line.limit.saturating_sub(line.spent).to_string(),
    });
    Ok(Json(scopes.collect()))
}

/// The sealed epochs, oldest seal first.
#[utoipa::path(get, path = "/v1/epochs", security(("token" = [])), responses(
    (status = 200, description = "epochs, and until when they answer", body = Vec<Epoch>),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn epochs(
    State(service): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Vec<Epoch>>, Problem> {
    let who = analyst(&service, &headers)?;
    let lines = service.read(move |service| Ok(service.sandbox.epochs(&who)?)).await?;
    let epochs = lines.into_iter().map(|line| Epoch {
        id: line.id,
        as_of: line.as_of.to_string(),
        sealed_at: line.sealed_at.to_string(),
        answers_until: line.answers_until.map(|until| until.to_string()),
        answers: line.answers,
    });
    Ok(Json(epochs.collect()))
}
