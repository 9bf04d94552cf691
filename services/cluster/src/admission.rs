//! What scheduler and executors run: the plan of a seal and nothing else.

use std::fmt;
use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use tokio::sync::mpsc::UnboundedSender;

use crate::error::Error;
use crate::functions::{Workplace, aggregates, scalars};
use crate::progress::{Ran, Stage};
use crate::scan::States;

/// A session that has our functions and no others, and plans nothing but a seal.
pub(crate) fn session(config: SessionConfig, place: &Workplace) -> SessionState {
    SessionStateBuilder::new()
        .with_config(config)
        .with_scalar_functions(scalars())
        .with_aggregate_functions(aggregates(place))
        .with_query_planner(Arc::new(SealPlanner))
        .build()
}

/// Plans what [`admit`] admits.
#[derive(Debug)]
struct SealPlanner;

#[async_trait::async_trait]
impl QueryPlanner for SealPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        admit(plan)?;
        DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await
    }
}

/// Checks that a logical plan reads the table of states, groups by keys, and calls our functions.
pub(crate) fn admit(plan: &LogicalPlan) -> Result<(), Error> {
    let refused = |what: String| Err(Error::Plan(format!("{what} in a plan that is not that of a seal")));
    let mut wrong = None;
    let mut look = |node: &LogicalPlan| {
        let is_known = match node {
            LogicalPlan::TableScan(scan) => is_states(scan),
            LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Unnest(_) => true,
            _ => false,
        };
        if !is_known {
            wrong = Some(node.display().to_string());
        }
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if !is_ours(part) {
                    wrong = Some(part.schema_name().to_string());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    };
    plan.apply(&mut look).map_err(|error| Error::Engine(error.to_string()))?;
    wrong.map_or(Ok(()), refused)
}

fn is_states(scan: &datafusion::logical_expr::TableScan) -> bool {
    let source = datafusion::datasource::source_as_provider(&scan.source);
    let of_seal = |provider: Arc<dyn datafusion::catalog::TableProvider>| {
        let provider: &dyn std::any::Any = &*provider;
        provider.is::<States>()
    };
    scan.filters.is_empty() && scan.fetch.is_none() && source.is_ok_and(of_seal)
}

fn is_ours(expression: &Expr) -> bool {
    match expression {
        Expr::Column(Column { .. }) | Expr::Alias(_) | Expr::Unnest(_) => true,
        Expr::ScalarFunction(function) => scalars().iter().any(|known| known.name() == function.func.name()),
        Expr::AggregateFunction(function) => {
            let known = aggregates(&Workplace::default());
            known.iter().any(|known| known.name() == function.func.name())
                && function.params.filter.is_none()
                && !function.params.distinct
        }
        _ => false,
    }
}

/// Nodes that the plan of a seal has on an executor.
const NODES: [&str; 14] = [
    "AggregateExec",
    "CoalesceBatchesExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "DataSourceExec",
    "EmptyExec",
    "ProjectionExec",
    "ReadExec",
    "RepartitionExec",
    "RuntimeStatsExec",
    "ShuffleReaderExec",
    "ShuffleWriterExec",
    "SortShuffleWriterExec",
    "UnnestExec",
];

/// Runs stages whose nodes are those of a seal: an executor has keys, and does not take a scheduler's word for what it runs.
pub(crate) struct SealEngine {
    engine: DefaultExecutionEngine,
    ran: UnboundedSender<Ran>,
}

impl SealEngine {
    /// Says on `ran` what is run.
    pub(crate) const fn new(engine: DefaultExecutionEngine, ran: UnboundedSender<Ran>) -> Self {
        Self { engine, ran }
    }
}

impl fmt::Debug for SealEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealEngine")
    }
}

/// Checks the nodes of a stage.
pub(crate) fn admit_stage(plan: &Arc<dyn ExecutionPlan>) -> Result<(), Error> {
    let mut wrong = None;
    let looked = plan.apply(|node| {
        let is_known = NODES.contains(&node.name());
        // Of sources there is one, the numbers of files.
        let is_source = node.name() == "DataSourceExec";
        let is_numbers = || crate::scan::are_units(node);
        if !is_known || is_source && !is_numbers() {
            wrong = Some(node.name().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.map_err(|error| Error::Engine(error.to_string()))?;
    match wrong {
        None => Ok(()),
        Some(node) => Err(Error::Plan(format!("{node} in a stage that is not one of a seal"))),
    }
}

impl ExecutionEngine for SealEngine {
    fn create_query_stage_exec(
        &self,
        job: JobId,
        stage: usize,
        task: usize,
        partitions: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        folder: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        admit_stage(&plan)?;
        let ran = Stage::of(&*plan)
            .map(|stage| Ran { stage, partitions: u32::try_from(partitions.len()).unwrap_or(u32::MAX) });
        let inner =
            self.engine.create_query_stage_exec(job, stage, task, partitions, plan, folder, config)?;
        Ok(Arc::new(Counted { inner, ran, says: self.ran.clone() }))
    }
}

/// A task that says when it was run.
struct Counted {
    inner: Arc<dyn QueryStageExecutor>,
    ran: Option<Ran>,
    says: UnboundedSender<Ran>,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait::async_trait]
impl QueryStageExecutor for Counted {
    async fn execute_query_stage(
        &self,
        task: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let written = self.inner.execute_query_stage(task, context).await?;
        if let Some(ran) = self.ran {
            // When the seal ends, no one takes it.
            let _ = self.says.send(ran);
        }
        Ok(written)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.inner.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.inner.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.inner.collect_column_stats()
    }
}
