//! The OpenAPI 3.1 document, from the very handlers.

use axum::Json;
use utoipa::openapi::Required;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{evaluate, health, log, query, read};

#[derive(OpenApi)]
#[openapi(
    paths(
        query::ask,
        query::forecast,
        query::metrics,
        query::metrics_forecast,
        read::vocabulary,
        read::budget,
        read::epochs,
        log::checkpoint,
        log::key,
        log::tile,
        health::alive,
        health::ready,
        health::metrics,
    ),
    modifiers(&Bearer, &WithoutBody),
    info(
        title = "hushtag",
        version = "1",
        description = "A data sandbox: only differentially private aggregates leave.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    )
)]
struct Document;

#[derive(OpenApi)]
#[openapi(
    paths(evaluate::evaluate, health::alive),
    modifiers(&Bearer),
    info(
        title = "hushtag, blind tokens",
        version = "1",
        description = "A platform that evaluates blind tokens for the other one: it sees random points, and how many.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    )
)]
struct EvaluationDocument;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// Named metrics need no body, which the attribute of the handler cannot say.
struct WithoutBody;

impl Modify for WithoutBody {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let metrics = document.paths.paths.get_mut("/v1/metrics").and_then(|path| path.post.as_mut());
        if let Some(body) = metrics.and_then(|post| post.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
    }
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The document of a platform that evaluates blind tokens.
#[must_use]
pub fn evaluation_document() -> utoipa::openapi::OpenApi {
    EvaluationDocument::openapi()
}

pub(super) async fn serve_evaluation() -> Json<utoipa::openapi::OpenApi> {
    Json(evaluation_document())
}

pub(super) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
