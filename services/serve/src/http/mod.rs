//! The door for HTTP: JSON for services, the log as static files for auditors, health and monitoring; the operator's socket; and the door of a
//! platform that evaluates blind tokens.

mod body;
mod caller;
mod evaluate;
mod health;
mod log;
mod openapi;
mod operate;
mod problem;
mod query;
mod read;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

pub use evaluate::{evaluation_router, serve_evaluation};
pub use openapi::{document, evaluation_document};
pub use operate::{operator_router, serve_operator};
pub use problem::Problem;

use crate::door::Drain;
use crate::service::Service;

/// What every handler is given.
type Shared = Arc<Service>;

/// All paths.
pub fn router(service: Shared) -> Router {
    Router::new()
        .route("/v1/queries", post(query::ask))
        .route("/v1/forecasts", post(query::forecast))
        .route("/v1/metrics", post(query::metrics))
        .route("/v1/metrics/forecast", get(query::metrics_forecast))
        .route("/v1/vocabulary", get(read::vocabulary))
        .route("/v1/budget", get(read::budget))
        .route("/v1/epochs", get(read::epochs))
        .route("/log/checkpoint", get(log::checkpoint))
        .route("/log/key", get(log::key))
        .route("/log/tile/{*path}", get(log::tile))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::serve))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(from_fn(headers))
        .layer(DefaultBodyLimit::max(service.limits().request_bytes.size()))
        .with_state(service)
}

/// Answers are for one recipient: nothing on the way may keep them, and no browser may guess another type.
async fn headers(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Serves one connection until the client leaves, is too slow, or the drain begins and its request is answered.
pub async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    service: Shared,
    drain: Drain,
) {
    let _connected = service.monitoring.connection("http");
    connected(stream, tls, router, service.limits().client_time(), drain).await;
}

/// Talks over a connection, behind TLS if there is any; `limit` is how long a client may take to log in and to send a head.
async fn connected(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    limit: Duration,
    drain: Drain,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(stream, router, limit, drain).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(limit, acceptor.accept(stream)).await {
                talk(stream, router, limit, drain).await;
            }
        }
    }
}

async fn talk<S>(stream: S, router: Router, limit: Duration, mut drain: Drain)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limit).max_headers(64).max_buf_size(64 << 10);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let mut draining = false;
    loop {
        tokio::select! {
            // A client that broke off is none of our errors.
            _ = connection.as_mut() => return,
            () = drain.begun(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
