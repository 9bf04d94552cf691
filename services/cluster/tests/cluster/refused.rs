//! Guards that nothing but a seal runs, for no one but who has the certificate of a role, and that what a cluster does not do is refused.

use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use ballista_core::extension::{EndpointOverrideFn, SessionConfigExt, SessionStateExt};
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{CreateUpdateSessionParams, ExecuteQueryParams};
use ballista_core::utils::create_grpc_client_endpoint;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};
use datafusion_proto::bytes::physical_plan_to_bytes;
use hushtag_cluster::{Certificates, Role, make_certificates};
use tonic::transport::{ClientTlsConfig, Endpoint};

use super::support::{Case, Cluster, Terms};

/// What a client of the engine gets for a statement.
async fn asked(scheduler: &str, tls: ClientTlsConfig, statement: &str) -> Result<(), String> {
    let with_tls: EndpointOverrideFn =
        Arc::new(move |endpoint: Endpoint| Ok(endpoint.tls_config(tls.clone())?));
    let config = SessionConfig::new_with_ballista()
        .with_ballista_use_tls(true)
        .with_ballista_override_create_grpc_client_endpoint(with_tls)
        .set_bool("ballista.client.pull", true);
    let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    let state = state.upgrade_for_ballista(format!("https://{scheduler}")).map_err(|e| e.to_string())?;
    let context = SessionContext::new_with_state(state).enable_url_table();
    let frame = context.sql(statement).await.map_err(|e| format!("planned here: {e}"))?;
    frame.collect().await.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn other_statements_and_other_clients_are_refused() {
    let cluster = Cluster::start(1);
    let place = &cluster.scheduler_address;
    let of = |role: Role| {
        let folder = cluster.folder.path().join("certificates").join(role.as_str());
        Certificates::read(&folder, role).unwrap().client(Role::Scheduler)
    };
    let strangers = tempfile::tempdir().unwrap();
    make_certificates(&strangers.path().join("certificates")).unwrap();
    let stranger = strangers.path().join("certificates/operator");
    let stranger = Certificates::read(&stranger, Role::Operator).unwrap().client(Role::Scheduler);
    let file = cluster.folder.path().join("secret.csv");
    std::fs::write(&file, "word\nsecret\n").unwrap();
    let threads = tokio::runtime::Runtime::new().unwrap();
    let ask = |tls, statement: &str| threads.block_on(asked(place, tls, statement));
    // What the engine alone would run for anyone.
    let statements = [
        "SELECT 1",
        &format!("SELECT word FROM '{}'", file.display()),
        "SELECT count(*) FROM (VALUES (1)) t",
    ];
    for statement in statements {
        let refused = ask(of(Role::Operator), statement).unwrap_err();
        assert!(!refused.starts_with("planned here"), "{refused}");
        assert!(refused.contains("refused") || refused.contains("seal"), "{statement}: {refused}");
    }
    // An executor runs tasks and asks for none; the scheduler's own certificate neither.
    for role in [Role::Executor, Role::Scheduler] {
        let refused = ask(of(role), "SELECT 1").unwrap_err();
        assert!(refused.contains("only the operator"), "{refused}");
    }
    assert!(ask(stranger, "SELECT 1").is_err(), "another authority");
    assert!(ask(ClientTlsConfig::new(), "SELECT 1").is_err(), "no certificate");
}

/// What the scheduler says to a query that is sent as it is, past the engine's own client.
async fn sent(scheduler: &str, tls: ClientTlsConfig, query: Query) -> Result<(), String> {
    let endpoint = create_grpc_client_endpoint(format!("https://{scheduler}"), None).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.map_err(|e| e.to_string())?;
    let mut client = SchedulerGrpcClient::new(channel);
    let session = CreateUpdateSessionParams { session_id: String::new(), settings: vec![] };
    let session = client.create_update_session(session).await.map_err(|e| e.to_string())?.into_inner();
    let query = ExecuteQueryParams {
        session_id: session.session_id,
        settings: vec![],
        operation_id: "1".to_owned(),
        query: Some(query),
    };
    assert!(client.execute_query_push(query.clone()).await.is_err(), "the push door");
    client.execute_query(query).await.map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn plans_that_pass_the_planner_by_are_refused() {
    let cluster = Cluster::start(1);
    let file = cluster.folder.path().join("secret.csv");
    std::fs::write(&file, "word\nsecret\n").unwrap();
    let certificates = cluster.folder.path().join("certificates/operator");
    let tls = Certificates::read(&certificates, Role::Operator).unwrap().client(Role::Scheduler);
    let threads = tokio::runtime::Runtime::new().unwrap();
    threads.block_on(async {
        // A plan that an executor could run: it reads a file of the machine.
        let context = SessionContext::new();
        let frame = context.read_csv(file.to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let plan = physical_plan_to_bytes(plan).unwrap().to_vec();
        for query in [Query::PhysicalPlan(plan), Query::SubstraitPlan(vec![])] {
            let refused = sent(&cluster.scheduler_address, tls.clone(), query).await.unwrap_err();
            assert!(refused.contains("only the logical plan of a seal"), "{refused}");
        }
    });
}

#[test]
fn no_one_without_an_executors_certificate_gets_the_work() {
    let case = Case::demo(200, 1);
    let cluster = Cluster::start(0);
    let mut arguments = cluster.arguments(&case, &Terms::new("none", 1));
    let wanted = arguments.iter().position(|word| word == "--executors").unwrap() + 1;
    arguments[wanted] = "1".into();
    let wait = arguments.iter().position(|word| word == "--wait").unwrap() + 1;
    arguments[wait] = "6".into();
    let mut seal = Command::new(env!("CARGO_BIN_EXE_hushtag-cluster"))
        .args(&arguments)
        .current_dir(cluster.folder.path())
        .spawn()
        .unwrap();
    // The scheduler's certificate is one of this seal, and of no executor.
    let folder = cluster.folder.path().join("certificates/scheduler");
    assert!(Certificates::read(&folder, Role::Executor).is_err());
    let begun = std::time::Instant::now();
    while TcpStream::connect(&cluster.operator_address).is_err() {
        assert!(begun.elapsed().as_secs() < 30);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let status = seal.wait().unwrap();
    assert!(!status.success() && !case.is_sealed("none"));
}

#[test]
fn what_a_cluster_does_not_do_is_refused_before_a_file_is_read() {
    let case = Case::demo(200, 1);
    let cluster = Cluster::start(1);
    let mut arguments = cluster.arguments(&case, &Terms::new("refused", 1));
    arguments.push("--count-duplicates".into());
    let output = Command::new(env!("CARGO_BIN_EXE_hushtag-cluster"))
        .args(&arguments)
        .current_dir(cluster.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("counting identical records"), "{said}");
    assert!(!case.is_sealed("refused"));
}
