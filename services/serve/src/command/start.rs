//! Opening the doors, and closing them.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::door::{DoorError, Drain, Socket, Stop, Terms, acceptor, bind, run};
use crate::evaluation::Evaluation;
use crate::service::Service;
use crate::{http, wire};

/// A service whose doors are open.
pub struct Started {
    /// Where HTTP listens.
    pub http: Option<SocketAddr>,
    /// Where PostgreSQL's protocol listens.
    pub postgres: Option<SocketAddr>,
    stop: Stop,
    doors: JoinSet<()>,
}

impl Started {
    /// Lets nothing new in, and waits for what is under way.
    pub async fn stop(mut self) {
        self.stop.begin();
        while self.doors.join_next().await.is_some() {}
    }
}

/// Opens the doors that the settings have.
///
/// # Errors
/// [`DoorError`]
pub async fn start(service: Arc<Service>, insecure: bool) -> Result<Started, DoorError> {
    let (stop, drain) = Drain::new();
    let limits = service.limits();
    let terms = Terms { connections: limits.connections.size(), drain: limits.drain_time() };
    let tls = service.settings.tls.as_ref();
    let mut doors = JoinSet::new();
    let (mut at_http, mut at_postgres) = (None, None);
    let operator = service.settings.operator_socket();
    let (listener, socket) = Socket::bind(&operator)?;
    let failed = |error: std::io::Error| DoorError::Socket(operator.clone(), error);
    let absolute = std::path::absolute(&operator).map_err(failed)?;
    service.sandbox.name_socket(&absolute).map_err(|error| failed(std::io::Error::other(error)))?;
    let router = http::operator_router(Arc::clone(&service), drain.clone());
    let (shared, watched, begun) = (Arc::clone(&service), drain.clone(), drain.clone());
    doors.spawn(async move {
        let owner = socket.owner;
        let serve = |stream| {
            http::serve_operator(stream, owner, router.clone(), Arc::clone(&shared), watched.clone())
        };
        run(listener, terms, begun, serve).await;
        drop(socket);
    });
    if let Some(door) = &service.settings.http {
        let acceptor = tls.map(|files| acceptor(files, b"http/1.1")).transpose()?;
        let listener = bind(door.listen, tls.is_some(), insecure).await?;
        at_http = listener.local_addr().ok();
        tracing::info!(listen = ?at_http, "http");
        let (service, watched) = (Arc::clone(&service), drain.clone());
        let router = http::router(Arc::clone(&service));
        let serve = move |stream| {
            http::serve(stream, acceptor.clone(), router.clone(), Arc::clone(&service), watched.clone())
        };
        doors.spawn(run(listener, terms, drain.clone(), serve));
    }
    if let Some(door) = &service.settings.postgres {
        let acceptor = tls.map(|files| acceptor(files, b"postgresql")).transpose()?;
        let listener = bind(door.listen, tls.is_some(), insecure).await?;
        at_postgres = listener.local_addr().ok();
        tracing::info!(listen = ?at_postgres, "postgres");
        let (service, watched) = (Arc::clone(&service), drain.clone());
        let cancels = wire::Cancels::default();
        let serve = move |stream| {
            let (service, cancels) = (Arc::clone(&service), cancels.clone());
            wire::serve(stream, acceptor.clone(), service, cancels, watched.clone())
        };
        doors.spawn(run(listener, terms, drain.clone(), serve));
    }
    Ok(Started { http: at_http, postgres: at_postgres, stop, doors })
}

/// Opens the door of a platform that evaluates blind tokens.
///
/// # Errors
/// [`DoorError`]
pub async fn start_evaluation(evaluation: Arc<Evaluation>, insecure: bool) -> Result<Started, DoorError> {
    let (stop, drain) = Drain::new();
    let settings = &evaluation.settings;
    let limits = &settings.limits;
    let terms = Terms { connections: limits.connections.size(), drain: limits.drain_time() };
    let acceptor = settings.tls.as_ref().map(|files| acceptor(files, b"http/1.1")).transpose()?;
    let listener = bind(settings.http.listen, settings.tls.is_some(), insecure).await?;
    let http = listener.local_addr().ok();
    tracing::info!(listen = ?http, "http");
    let (router, watched) = (http::evaluation_router(Arc::clone(&evaluation)), drain.clone());
    let serve = move |stream| {
        let (acceptor, router) = (acceptor.clone(), router.clone());
        http::serve_evaluation(stream, acceptor, router, Arc::clone(&evaluation), watched.clone())
    };
    let mut doors = JoinSet::new();
    doors.spawn(run(listener, terms, drain, serve));
    Ok(Started { http, postgres: None, stop, doors })
}
