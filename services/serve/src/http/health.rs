//! Whether the service lives, is ready, and how it is.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::caller::admit;
use super::{Problem, Shared};
use crate::tokens::Role;

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "it does", body = String, content_type = "text/plain")))]
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Whether queries are answered: the sandbox and its books can be read.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "they are", body = String, content_type = "text/plain"),
    (status = 503, description = "they are not", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ready(State(service): State<Shared>) -> Result<&'static str, Problem> {
    let read = service.read(|service| Ok(service.sandbox.gauges()?)).await;
    match read {
        Ok(_) => Ok("ready\n"),
        Err(error) => {
            tracing::error!("not ready: {error}");
            let detail = "the operator finds the cause in the log of the service";
            Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unready",
                "The sandbox cannot be read",
                detail,
            ))
        }
    }
}

/// Numbers for monitoring, in the text format of OpenMetrics; none of them is about people.
#[utoipa::path(get, path = "/metrics", security((), ("token" = [])), responses(
    (status = 200, description = "the numbers", body = String, content_type = "application/openmetrics-text"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn metrics(State(service): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let public = service.settings.http.as_ref().is_some_and(|door| door.public_metrics);
    admit(&service, &headers, Role::Monitor, public)?;
    let gauges = service.read(|service| Ok(service.sandbox.gauges()?)).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], service.monitoring.text(&gauges)).into_response())
}
