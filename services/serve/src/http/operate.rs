//! The operator's commands, over a Unix socket that only the user of the service and root can open. No token: the socket is the permission.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::UnixStream;

use super::body::read;
use super::{Problem, Shared, problem, talk};
use crate::door::Drain;
use crate::sandbox::{COMMANDS_PATH, CancelToken, Done, Sent};
use crate::service::ServiceError;

/// What follows `hushtag` on a command line; paths are absolute.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandRequest {
    arguments: Vec<String>,
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

/// Runs a command; what is wrong with it is in what it printed, not in the status.
async fn command(State(commands): State<Commands>, body: Body) -> Result<Json<Done>, Problem> {
    let CommandRequest { arguments } = read(&commands.service, body, None).await?;
    let sent = match Sent::parse(&arguments) {
        Ok(sent) => sent,
        Err(done) => return Ok(Json(done)),
    };
    let (stop, is_act, turn) = (commands.stop, sent.is_act(), sent.is_act().then(|| sent.wait()));
    let done = commands.service.operate(turn, move |service| {
        let done = service.sandbox.run(sent, &stop);
        // What clients see is of the study in force.
        service.catalogues.forget();
        done
    });
    let done = done.await;
    tracing::info!(is_act, exit = done.as_ref().ok().map(|done| done.exit), "operator");
    done.map(Json).map_err(|error| match error {
        ServiceError::Acting => {
            let title = "Another act is under way";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title, error.to_string())
        }
        error => error.into(),
    })
}
