//! The operator's commands, over a Unix socket that only the user of the service and root can open. No token: the socket is the permission.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures::{Stream, StreamExt as _, future, stream};
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::sync::mpsc::unbounded_channel;

use super::body::read;
use super::{Problem, Shared, problem, talk};
use crate::door::Drain;
use crate::sandbox::{COMMANDS_PATH, CancelToken, Line, SendProgress, Sent};
use crate::service::ServiceError;

/// What follows `hushtag` on a command line; paths are absolute.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandRequest {
    arguments: Vec<String>,
    /// Whether its sender shows how far long work has come.
    #[serde(default)]
    progress: bool,
}

#[derive(Clone)]
struct Commands {
    service: Shared,
    /// Stops a seal when the service is stopped.
    stop: CancelToken,
}

/// The paths of the socket. A seal that is under way when `drain` begins stops, if nothing was charged yet.
pub fn operator_router(service: Shared, mut drain: Drain) -> Router {
    let stop = CancelToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        drain.begun().await;
        stopped.cancel();
    });
    Router::new()
        .route(COMMANDS_PATH, post(command))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(Commands { service, stop })
}

/// Serves one connection of a user that may operate: `owner`, whose socket it is, or root.
pub async fn serve_operator(stream: UnixStream, owner: u32, router: Router, service: Shared, drain: Drain) {
    let peer = stream.peer_cred().map(|peer| peer.uid());
    if !peer.is_ok_and(|uid| uid == owner || uid == 0) {
        tracing::warn!("a process of another user was turned away from the operator's socket");
        return;
    }
    talk(stream, router, service.limits().client_time(), drain).await;
}

/// Runs a command; what is wrong with it is in what it printed, not in the status. The answer is lines of JSON: how far it has come, if
/// that is wanted, and at last what it came to.
async fn command(State(commands): State<Commands>, body: Body) -> Result<Response, Problem> {
    let CommandRequest { arguments, progress } = read(&commands.service, body, None).await?;
    let sent = match Sent::parse(&arguments) {
        Ok(sent) => sent,
        Err(done) => return Ok(lines(stream::iter([Line::Done(done)]))),
    };
    let (stop, is_act, turn) = (commands.stop, sent.is_act(), sent.is_act().then(|| sent.wait()));
    let (sender, mut receiver) = unbounded_channel();
    let send = progress.then(|| -> SendProgress { Box::new(move |line| drop(sender.send(line.to_owned()))) });
    let service = commands.service;
    let done = tokio::spawn(async move {
        let done = service.operate(turn, move |service| {
            let done = service.sandbox.run(sent, &stop, send);
            // What clients see is of the study in force.
            service.catalogues.forget();
            done
        });
        let done = done.await;
        tracing::info!(is_act, exit = done.as_ref().ok().map(|done| done.exit), "operator");
        done
    });
    // The status depends on whether it came to its turn: its first line says so, or its end.
    let first = receiver.recv().await;
    let end = async move { done.await.map_err(|_| ServiceError::Stopped)? };
    let Some(first) = first else {
        return Ok(lines(stream::iter([Line::Done(end.await.map_err(problem_of)?)])));
    };
    let rest =
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let end = stream::once(end).filter_map(|done| future::ready(done.ok().map(Line::Done)));
    Ok(lines(stream::iter([first]).chain(rest).map(Line::Progress).chain(end)))
}

/// An answer of lines.
fn lines(lines: impl Stream<Item = Line> + Send + 'static) -> Response {
    let text = lines.map(|line| serde_json::to_string(&line).map(|line| line + "\n"));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(text)).into_response()
}

fn problem_of(error: ServiceError) -> Problem {
    match error {
        ServiceError::Acting => {
            let title = "Another act is under way";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title, error.to_string())
        }
        error => error.into(),
    }
}
