//! The door of a platform that evaluates blind tokens: a request comes in as a file, and its reply goes out as one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::body::Octets;
use super::caller::bearer;
use super::{Problem, connected, headers, health, openapi, problem};
use crate::door::Drain;
use crate::evaluation::{Evaluation, EvaluationError, Reply, Turn};
use crate::tokens::Role;

type Shared = Arc<Evaluation>;

/// Bytes of a body that have to come in each second after the time that every client has.
const SLOWEST: u64 = 65_536;
/// Bytes above the limit that are received and dropped, so that a client that sends a little too much gets to read why.
const DROPPED: u64 = 1 << 20;
/// Bytes of a reply that are read together.
const PART: usize = 65_536;

/// All paths.
pub fn evaluation_router(evaluation: Shared) -> Router {
    Router::new()
        .route("/v1/token-evaluations", post(evaluate))
        .route("/healthz", get(health::alive))
        .route("/openapi.json", get(openapi::serve_evaluation))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(from_fn(headers))
        .with_state(evaluation)
}

/// Serves one connection of the other platform.
pub async fn serve_evaluation(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    shared: Shared,
    drain: Drain,
) {
    connected(stream, tls, router, shared.settings.limits.client_time(), drain).await;
}

/// Evaluates a request for blind tokens, within `max_ids` of the study over all requests. The body is the file that `hushtag token request`
/// wrote, the answer is the one that `hushtag tokenize --reply` reads. The same request gives the same reply, byte for byte, and is counted once.
#[utoipa::path(post, path = "/v1/token-evaluations", security(("token" = [])),
    request_body(content = inline(Octets), content_type = "application/octet-stream", description = "the request"),
    responses(
    (status = 200, description = "the reply", body = inline(Octets), content_type = "application/octet-stream"),
    (status = 400, description = "the body was cut", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role, or the study allows no more ids; nothing was counted", body = Problem, content_type = "application/problem+json"),
    (status = 408, description = "too slow", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "another request of the same session was evaluated", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "more bytes than a request within the limit has", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "not whole, not signed by the other platform, of another study, or with points that are none; nothing was counted", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "key, book or disk of the platform", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "another request is under way", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn evaluate(
    State(evaluation): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = evaluation.caller(bearer(&headers)?)?.ok_or_else(Problem::unauthorised)?;
    if caller.role != Role::Requester {
        return Err(Problem::role(Role::Requester.as_str()));
    }
    if body.size_hint().lower() > evaluation.longest().saturating_add(DROPPED) {
        return Err(Problem::too_large(evaluation.longest()));
    }
    let turn = evaluation.turn().await?;
    receive(&evaluation, &turn, body).await?;
    send(evaluation.evaluate(turn).await?).await
}

/// Writes the body to the file of the turn, as it comes.
async fn receive(evaluation: &Evaluation, turn: &Turn, body: Body) -> Result<(), Problem> {
    let failed = |error| Problem::from(EvaluationError::File(error));
    let mut options = tokio::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&turn.request).await;
    let mut file = file.map_err(failed)?;
    let (started, patience) = (Instant::now(), evaluation.settings.limits.client_time());
    let (mut parts, mut length, longest) = (body.into_data_stream(), 0_u64, evaluation.longest());
    loop {
        let until = started + patience + Duration::from_secs(length / SLOWEST);
        let part = tokio::time::timeout_at(until.into(), parts.next()).await;
        let Some(part) = part.map_err(|_| Problem::too_slow())? else { break };
        let part: Bytes = part.map_err(|_| Problem::request("the body was cut"))?;
        length = length.saturating_add(part.len() as u64);
        if length <= longest {
            file.write_all(&part).await.map_err(failed)?;
        } else if length > longest.saturating_add(DROPPED) {
            break;
        }
    }
    if length > longest {
        return Err(Problem::too_large(longest));
    }
    file.flush().await.map_err(failed)
}

/// The reply as it is read from its file, which is forgotten when all of it was sent.
async fn send(reply: Reply) -> Result<Response, Problem> {
    let file = tokio::fs::File::from_std(reply.file);
    let failed = |error| Problem::from(EvaluationError::File(error));
    let length = file.metadata().await.map_err(failed)?.len();
    let parts = stream::try_unfold((file, reply.path, length), |(mut file, path, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut part = vec![0; usize::try_from(left).unwrap_or(PART).min(PART)];
        file.read_exact(&mut part).await?;
        let left = left.saturating_sub(part.len() as u64);
        if left == 0 {
            Reply::forget(&path);
        }
        Ok::<_, std::io::Error>(Some((Bytes::from(part), (file, path, left))))
    });
    let kinds = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((StatusCode::OK, kinds, Body::from_stream(parts)).into_response())
}
