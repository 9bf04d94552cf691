//! The endpoints. The library blocks and its replies wait for their slot, so each call has a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use hushtag::answer::refusal_json;
use hushtag::{
    Analyst, Answer, DatasetName, EpochId, Operator, OperatorError, SealTerms, Sources, Timestamp,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::token::TokenHash;

/// One sandbox, one recipient, two tokens.
pub struct Service {
    pub operator: Operator,
    pub analyst: Analyst,
    pub input: PathBuf,
    pub analyst_token: TokenHash,
    pub operator_token: TokenHash,
}

type Reply = (StatusCode, Json<Value>);

/// A question.
#[derive(Deserialize, ToSchema)]
pub struct Question {
    /// In the question language.
    #[schema(example = "SELECT COUNT(*) FROM tags")]
    question: String,
}

/// What to seal.
#[derive(Deserialize, ToSchema)]
pub struct Epoch {
    /// A new id.
    epoch: String,
    /// RFC 3339.
    as_of: String,
    /// The datasets of the study; each is read from its Parquet file.
    datasets: Vec<String>,
}

#[derive(OpenApi)]
#[openapi(paths(ask, forecast, budget, seal), modifiers(&Bearer), info(title = "A hushtag service", version = "1"))]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        for name in ["analyst", "operator"] {
            api.components.get_or_insert_default().add_security_scheme(name, scheme.clone());
        }
    }
}

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/ask", post(ask))
        .route("/forecast", post(forecast))
        .route("/budget", get(budget))
        .route("/seal", post(seal))
        .route("/openapi.json", get(|| async { Json(Api::openapi()) }))
        .with_state(service)
}

fn unauthorised() -> Reply {
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": "send your token as `Authorization: Bearer ...`" })))
}

/// Errors of the library hold nothing about people: they depend on the question, the policy and public files.
fn failed(error: &OperatorError) -> Reply {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error.to_string() })))
}

async fn on_its_own_thread(
    service: Arc<Service>,
    work: impl FnOnce(&Service) -> Result<Reply, OperatorError> + Send + 'static,
) -> Reply {
    let done = tokio::task::spawn_blocking(move || work(&service).unwrap_or_else(|error| failed(&error)));
    done.await.unwrap_or((StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "the work stopped" }))))
}

/// Asks a question; what it costs is spent before anything is drawn, and asking again is free.
#[utoipa::path(post, path = "/ask", request_body = Question, security(("analyst" = [])), responses(
    (status = 200, description = "released: rows with intervals, the charge, what is left"),
    (status = 403, description = "refused, with rules and articles"),
    (status = 422, description = "not a question of this study, or over the budget"),
))]
async fn ask(State(service): State<Arc<Service>>, headers: HeaderMap, Json(body): Json<Question>) -> Reply {
    if !service.analyst_token.is_in(&headers) {
        return unauthorised();
    }
    on_its_own_thread(service, move |service| {
        let accounting = service.analyst.remaining()?.accounting;
        Ok(match service.analyst.ask(&body.question, None)? {
            Answer::Released(answer) => (StatusCode::OK, Json(answer.to_json(accounting))),
            Answer::Refused(reasons) => (StatusCode::FORBIDDEN, Json(refusal_json(&reasons))),
        })
    })
    .await
}

/// What a question would cost and how wide its answer would be; free, and touches no data.
#[utoipa::path(post, path = "/forecast", request_body = Question, security(("analyst" = [])), responses((status = 200)))]
async fn forecast(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(body): Json<Question>,
) -> Reply {
    if !service.analyst_token.is_in(&headers) {
        return unauthorised();
    }
    on_its_own_thread(service, move |service| {
        let forecast = service.analyst.forecast(&body.question)?;
        Ok((StatusCode::OK, Json(forecast.to_json(&service.analyst.remaining()?, None))))
    })
    .await
}

/// What was spent, by study and recipient.
#[utoipa::path(get, path = "/budget", security(("operator" = [])), responses((status = 200)))]
async fn budget(State(service): State<Arc<Service>>, headers: HeaderMap) -> Reply {
    if !service.operator_token.is_in(&headers) {
        return unauthorised();
    }
    on_its_own_thread(service, |service| {
        Ok((StatusCode::OK, Json(service.operator.status()?.budget_to_json())))
    })
    .await
}

/// Seals an epoch from the files of the input folder; the reply shows each file's rows and nothing about the join.
#[utoipa::path(post, path = "/seal", request_body = Epoch, security(("operator" = [])), responses((status = 200)))]
async fn seal(State(service): State<Arc<Service>>, headers: HeaderMap, Json(body): Json<Epoch>) -> Reply {
    if !service.operator_token.is_in(&headers) {
        return unauthorised();
    }
    let Some((terms, sources)) = read(&service.input, &body) else {
        let says = "an epoch id, an RFC 3339 time and dataset names are asked for";
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": says })));
    };
    on_its_own_thread(service, move |service| {
        let sealed = service.operator.seal(&terms, sources)?;
        Ok((StatusCode::OK, Json(sealed.hygiene.to_json())))
    })
    .await
}

/// Dataset names hold no separators, so that every file is inside the input folder.
fn read(input: &std::path::Path, body: &Epoch) -> Option<(SealTerms, Sources)> {
    let epoch = EpochId::new(&body.epoch).ok()?;
    let as_of = Timestamp::parse(&body.as_of).ok()?;
    let mut sources = Sources::default();
    for name in &body.datasets {
        let name = DatasetName::new(name).ok()?;
        let path = input.join(name.as_str()).with_extension("parquet");
        sources.data.push((name, path.into()));
    }
    sources.consents.push(input.join("consents.parquet").into());
    Some((SealTerms::new(epoch, as_of), sources))
}

#[cfg(test)]
mod tests;
