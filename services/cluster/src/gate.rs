//! The scheduler behind its gate: who may call what, by the role of their certificate. Ballista itself lets every client do everything.

use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::protobuf::{
    CancelJobParams, CancelJobResult, CleanJobDataParams, CleanJobDataResult, CreateUpdateSessionParams,
    CreateUpdateSessionResult, ExecuteQueryParams, ExecuteQueryResult, ExecutorStoppedParams,
    ExecutorStoppedResult, GetJobMetricsParams, GetJobMetricsResult, GetJobStatusParams, GetJobStatusResult,
    HeartBeatParams, HeartBeatResult, PollWorkParams, PollWorkResult, RegisterExecutorParams,
    RegisterExecutorResult, RemoveSessionParams, RemoveSessionResult, UpdateTaskStatusParams,
    UpdateTaskStatusResult,
};
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tonic::{Request, Response, Status};

use crate::certificates::Role;

/// The scheduler of the engine.
pub(crate) type Scheduler = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// It, for clients whose role is known.
pub(crate) struct Gate(pub(crate) Scheduler);

fn of_role<T>(request: &Request<T>, role: Role) -> Result<(), Status> {
    let certificates = request.peer_certs();
    let first = certificates.as_ref().and_then(|chain| chain.first());
    match first {
        Some(certificate) if role.is_of(certificate) => Ok(()),
        _ => Err(Status::permission_denied(format!("only the {} may do this", role.as_str()))),
    }
}

/// A seal is sent as a logical plan, which the session's planner admits or refuses; a physical plan would pass it by.
fn is_logical(request: &Request<ExecuteQueryParams>) -> Result<(), Status> {
    match request.get_ref().query {
        Some(Query::LogicalPlan(_)) => Ok(()),
        _ => Err(Status::permission_denied("only the logical plan of a seal is run")),
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SchedulerGrpc for Gate {
    type ExecuteQueryPushStream = <Scheduler as SchedulerGrpc>::ExecuteQueryPushStream;

    async fn poll_work(&self, request: Request<PollWorkParams>) -> Answer<PollWorkResult> {
        of_role(&request, Role::Executor)?;
        self.0.poll_work(request).await
    }

    async fn register_executor(
        &self,
        request: Request<RegisterExecutorParams>,
    ) -> Answer<RegisterExecutorResult> {
        of_role(&request, Role::Executor)?;
        self.0.register_executor(request).await
    }

    async fn heart_beat_from_executor(&self, request: Request<HeartBeatParams>) -> Answer<HeartBeatResult> {
        of_role(&request, Role::Executor)?;
        self.0.heart_beat_from_executor(request).await
    }

    async fn update_task_status(
        &self,
        request: Request<UpdateTaskStatusParams>,
    ) -> Answer<UpdateTaskStatusResult> {
        of_role(&request, Role::Executor)?;
        self.0.update_task_status(request).await
    }

    async fn create_update_session(
        &self,
        request: Request<CreateUpdateSessionParams>,
    ) -> Answer<CreateUpdateSessionResult> {
        of_role(&request, Role::Operator)?;
        self.0.create_update_session(request).await
    }

    async fn remove_session(&self, request: Request<RemoveSessionParams>) -> Answer<RemoveSessionResult> {
        of_role(&request, Role::Operator)?;
        self.0.remove_session(request).await
    }

    async fn execute_query_push(
        &self,
        request: Request<ExecuteQueryParams>,
    ) -> Answer<Self::ExecuteQueryPushStream> {
        of_role(&request, Role::Operator)?;
        is_logical(&request)?;
        self.0.execute_query_push(request).await
    }

    async fn execute_query(&self, request: Request<ExecuteQueryParams>) -> Answer<ExecuteQueryResult> {
        of_role(&request, Role::Operator)?;
        is_logical(&request)?;
        self.0.execute_query(request).await
    }

    async fn get_job_status(&self, request: Request<GetJobStatusParams>) -> Answer<GetJobStatusResult> {
        of_role(&request, Role::Operator)?;
        self.0.get_job_status(request).await
    }

    async fn get_job_metrics(&self, request: Request<GetJobMetricsParams>) -> Answer<GetJobMetricsResult> {
        of_role(&request, Role::Operator)?;
        self.0.get_job_metrics(request).await
    }

    async fn executor_stopped(
        &self,
        request: Request<ExecutorStoppedParams>,
    ) -> Answer<ExecutorStoppedResult> {
        of_role(&request, Role::Executor)?;
        self.0.executor_stopped(request).await
    }

    async fn cancel_job(&self, request: Request<CancelJobParams>) -> Answer<CancelJobResult> {
        of_role(&request, Role::Operator)?;
        SchedulerGrpc::cancel_job(&self.0, request).await
    }

    async fn clean_job_data(&self, request: Request<CleanJobDataParams>) -> Answer<CleanJobDataResult> {
        of_role(&request, Role::Operator)?;
        self.0.clean_job_data(request).await
    }
}
