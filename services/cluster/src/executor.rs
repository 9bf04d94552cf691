//! An executor of one seal: takes the work from the operator, polls the scheduler for tasks, serves what it shuffles, and ends when the
//! operator does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::BALLISTA_PROTOCOL_VERSION;
use ballista_core::extension::{EndpointOverrideFn, SessionConfigExt};
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::executor_resource::Resource;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    ExecutorOperatingSystemSpecification, ExecutorRegistration, ExecutorResource, ExecutorSpecification,
};
use ballista_core::utils::create_grpc_client_endpoint;
use ballista_executor::execution_engine::DefaultExecutionEngine;
use ballista_executor::execution_loop::poll_loop;
use ballista_executor::executor::Executor;
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};

use crate::admission::SealEngine;
use crate::certificates::{Certificates, Role};
use crate::codec::{LogicalCodec, PhysicalCodec};
use crate::error::Error;
use crate::functions::{Workplace, aggregates, scalars};
use crate::handover::take;
use crate::progress::Ran;
use crate::scheduler::MESSAGE;
use crate::work_folder::WorkFolder;

/// How an executor runs.
#[derive(Debug, Clone)]
pub struct ExecutorTerms {
    /// Where the operator hands the work out, as host and port.
    pub operator: String,
    /// Where the scheduler is, as host and port.
    pub scheduler: String,
    /// Where it serves what it shuffles; port 0 for any.
    pub listen: SocketAddr,
    /// The name or address by which other executors and the operator find it.
    pub host: String,
    /// The folder in which its folder of work is made.
    pub folder: PathBuf,
    /// Tasks at a time.
    pub cores: u32,
    /// Bytes that all tasks together may hold before they spill, and refuse.
    pub memory: usize,
}

/// Runs tasks of one seal until the operator ends it.
///
/// # Errors
/// [`Error`]; an operator that ends the seal is none.
pub async fn run(terms: &ExecutorTerms, certificates: &Certificates) -> Result<(), Error> {
    let folder = WorkFolder::make(&terms.folder)?;
    let (work, connected) = take(&terms.operator, certificates, folder.path()).await?;
    let failed = |error: &dyn std::fmt::Display| Error::Engine(error.to_string());
    let path = folder.path().to_str().ok_or_else(|| failed(&"the folder of work is no text"))?.to_owned();
    let incoming = TcpIncoming::bind(terms.listen).map_err(|error| failed(&error))?;
    let port = incoming.local_addr().map_err(|error| failed(&error))?.port();
    let place = Workplace::of(work);
    let (says, ran) = unbounded_channel();
    let executor = executor(terms, certificates, (&path, port), (&place, says));
    let flight = FlightServiceServer::new(BallistaFlightService::new(path.clone()))
        .max_decoding_message_size(MESSAGE)
        .max_encoding_message_size(MESSAGE);
    let mut server = Server::builder().tls_config(certificates.server()).map_err(|error| failed(&error))?;
    let server = server.add_service(flight).serve_with_incoming(incoming);
    let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> =
        BallistaCodec::new(Arc::new(LogicalCodec::default()), Arc::new(PhysicalCodec::new(place)));
    let polling = async {
        let scheduler = scheduler(&terms.scheduler, certificates).await?;
        poll_loop(scheduler, Arc::new(executor), codec, None, None, ExecutorHealth::new())
            .await
            .map_err(|error| failed(&error))
    };
    tokio::select! {
        () = connected.until_closed(ran) => Ok(()),
        ended = polling => ended,
        ended = server => ended.map_err(|error| failed(&error)),
    }
}

/// Connects to the scheduler, again and again until it is there.
async fn scheduler(
    place: &str,
    certificates: &Certificates,
) -> Result<SchedulerGrpcClient<tonic::transport::Channel>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Engine(error.to_string());
    let endpoint = create_grpc_client_endpoint(format!("https://{place}"), None).map_err(|e| failed(&e))?;
    let endpoint = endpoint.tls_config(certificates.client(Role::Scheduler)).map_err(|e| failed(&e))?;
    loop {
        match endpoint.connect().await {
            Ok(channel) => {
                return Ok(SchedulerGrpcClient::new(channel)
                    .max_decoding_message_size(MESSAGE)
                    .max_encoding_message_size(MESSAGE));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    }
}

fn executor(
    terms: &ExecutorTerms,
    certificates: &Certificates,
    (folder, port): (&str, u16),
    (place, says): (&Workplace, UnboundedSender<Ran>),
) -> Executor {
    let cores = terms.cores.max(1);
    let registration = ExecutorRegistration {
        id: ballista_core::ids::new_instance_id(),
        host: Some(terms.host.clone()),
        port: port.into(),
        // Nothing is pushed to an executor.
        grpc_port: 0,
        specification: Some(ExecutorSpecification {
            resources: vec![ExecutorResource { resource: Some(Resource::Vcores(cores)) }],
        }),
        // A scheduler takes no registration without it; that of this machine is nothing to it.
        os_info: Some(ExecutorOperatingSystemSpecification::default()),
        ballista_protocol_version: BALLISTA_PROTOCOL_VERSION,
    };
    let of_task = terms.memory / cores as usize;
    let spills = folder.to_owned();
    let runtime = move |_: &SessionConfig| {
        RuntimeEnvBuilder::new()
            .with_temp_file_path(spills.clone())
            .with_memory_pool(Arc::new(FairSpillPool::new(of_task)))
            .build_arc()
    };
    let between = certificates.client(Role::Executor);
    let config = move || {
        let tls = between.clone();
        let with_tls: EndpointOverrideFn =
            Arc::new(move |endpoint: Endpoint| Ok(endpoint.tls_config(tls.clone())?));
        SessionConfig::new_with_ballista()
            .with_ballista_use_tls(true)
            .with_ballista_grpc_client_max_message_size(MESSAGE)
            .with_ballista_override_create_grpc_client_endpoint(with_tls)
    };
    let registry = BallistaFunctionRegistry {
        scalar_functions: scalars().into_iter().map(|f| (f.name().to_owned(), f)).collect(),
        aggregate_functions: aggregates(place).into_iter().map(|f| (f.name().to_owned(), f)).collect(),
        window_functions: Default::default(),
        higher_order_functions: Default::default(),
    };
    Executor::new(
        registration,
        folder,
        Arc::new(runtime),
        Arc::new(config),
        Arc::new(registry),
        Arc::new(LoggingMetricsCollector::default()),
        cores as usize,
        Arc::new(SealEngine::new(DefaultExecutionEngine::new(), says)),
    )
}
