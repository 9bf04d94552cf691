//! The scheduler of one seal: plans and hands tasks out, over TLS on which both ends prove their role. It holds no key of an epoch.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::metrics::default_metrics_collector;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::prelude::SessionConfig;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::admission::session;
use crate::certificates::Certificates;
use crate::codec::{LogicalCodec, PhysicalCodec};
use crate::error::Error;
use crate::functions::Workplace;
use crate::gate::Gate;

/// The largest message between scheduler, executors and client: the totals of a seal are one, and so is a plan.
pub(crate) const MESSAGE: usize = 256 << 20;

/// How a scheduler runs.
#[derive(Debug, Clone, Copy)]
pub struct SchedulerTerms {
    /// Where it listens; port 0 for any.
    pub listen: SocketAddr,
    /// After so many seconds without a sign an executor is dead, and what it has is made again.
    pub dead_after: u64,
}

/// A scheduler that listens.
pub struct Scheduler {
    /// Where.
    pub address: SocketAddr,
    server: tokio::task::JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Scheduler {
    /// Listens.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn start(terms: &SchedulerTerms, certificates: &Certificates) -> Result<Self, Error> {
        let SchedulerTerms { listen, dead_after } = *terms;
        let failed = |error: &dyn std::fmt::Display| Error::Engine(error.to_string());
        let incoming = TcpIncoming::bind(listen).map_err(|error| failed(&error))?;
        let address = incoming.local_addr().map_err(|error| failed(&error))?;
        let config = SchedulerConfig {
            bind_host: listen.ip().to_string(),
            external_host: "localhost".to_owned(),
            bind_port: address.port(),
            // Executors ask for tasks: nothing connects to them but those who read what they shuffled.
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            executor_timeout_seconds: dead_after,
            expire_dead_executor_interval_seconds: 1,
            // A plan that waits for executors waits for the first one that polls, or for the operator to give up.
            no_executors_grace_period_seconds: dead_after,
            use_tls: true,
            override_session_builder: Some(Arc::new(|config: SessionConfig| {
                Ok(session(config, &Workplace::default()))
            })),
            ..SchedulerConfig::default()
        };
        let codec = BallistaCodec::new(
            Arc::new(LogicalCodec::default()),
            Arc::new(PhysicalCodec::new(Workplace::default())),
        );
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(|error| failed(&error))?;
        let metrics = default_metrics_collector().map_err(|error| failed(&error))?;
        let mut scheduler =
            SchedulerServer::new(config.scheduler_endpoint(), cluster, codec, Arc::new(config), metrics);
        scheduler.init().await.map_err(|error| failed(&error))?;
        let service = SchedulerGrpcServer::new(Gate(scheduler))
            .max_decoding_message_size(MESSAGE)
            .max_encoding_message_size(MESSAGE);
        let mut server =
            Server::builder().tls_config(certificates.server()).map_err(|error| failed(&error))?;
        let server = tokio::spawn(server.add_service(service).serve_with_incoming(incoming));
        Ok(Self { address, server })
    }

    /// Serves until it fails.
    ///
    /// # Errors
    /// [`Error::Engine`]
    pub async fn run(self) -> Result<(), Error> {
        let ended = self.server.await.map_err(|error| Error::Engine(error.to_string()))?;
        ended.map_err(|error| Error::Engine(error.to_string()))
    }
}
