//! Queries, forecasts and named metrics.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::body::{EpochRequest, QueryRequest, read};
use super::caller::analyst;
use super::{Problem, Shared};
use crate::sandbox::Answer;

type Reply = Result<Json<Value>, Problem>;

/// Asks a query. What it costs is charged before anything is drawn; asking again gives the stored answer, at no cost.
#[utoipa::path(post, path = "/v1/queries", request_body = QueryRequest, security(("token" = [])), responses(
    (status = 200, description = "released: rows with intervals, the charge, what is left, the entry of the log", body = Value),
    (status = 400, description = "not a request", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "refused by policy or budget, with rules and articles", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "no such epoch", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "no epoch answers", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "too large", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "outside the language or the vocabulary, with the place", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "too many at a time", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ask(
    State(service): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let who = analyst(&service, &headers)?;
    let request: QueryRequest = read(&service, body, None).await?;
    let asked = service.ask("http", &who, request.sql, request.epoch).await?;
    match asked.answer {
        Answer::Released(released) => Ok(Json(service.sandbox.answer_json(&released)).into_response()),
        Answer::Refused(reasons) => Err(Problem::refused(&reasons)),
    }
}

/// What a query would cost and how wide its answer would be; free, and no data is touched.
#[utoipa::path(post, path = "/v1/forecasts", request_body = QueryRequest, security(("token" = [])), responses(
    (status = 200, description = "cost, widths, what would be left, and whether the answer is stored", body = Value),
    (status = 400, description = "not a request", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "too large", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "outside the language or the vocabulary, with the place", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn forecast(State(service): State<Shared>, headers: HeaderMap, body: Body) -> Reply {
    let who = analyst(&service, &headers)?;
    let request: QueryRequest = read(&service, body, None).await?;
    let forecast = service
        .read(move |service| {
            Ok(service.sandbox.forecast_json(&who, &request.sql, request.epoch.as_deref())?)
        })
        .await?;
    Ok(Json(forecast))
}

/// The named metrics of the study with their values. Numbers that several use are charged once; stored answers are free.
#[utoipa::path(post, path = "/v1/metrics", request_body = EpochRequest, security(("token" = [])), responses(
    (status = 200, description = "every metric with its values, or why it was refused", body = Value),
    (status = 400, description = "not a request", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "no such epoch", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "no epoch answers", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "too large", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "too many at a time", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn metrics(State(service): State<Shared>, headers: HeaderMap, body: Body) -> Reply {
    let who = analyst(&service, &headers)?;
    let request = read(&service, body, Some(EpochRequest::default())).await?;
    let client = who.clone();
    let metrics = service
        .in_turn(&who, move |service| Ok(service.sandbox.metrics_json(&client, request.epoch.as_deref())?))
        .await?;
    Ok(Json(metrics))
}

/// What the named metrics would cost; free.
#[utoipa::path(get, path = "/v1/metrics/forecast", security(("token" = [])), responses(
    (status = 200, description = "the queries behind the metrics with their costs", body = Value),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn metrics_forecast(State(service): State<Shared>, headers: HeaderMap) -> Reply {
    let who = analyst(&service, &headers)?;
    Ok(Json(service.read(move |service| Ok(service.sandbox.metrics_forecast_json(&who)?)).await?))
}
