//! The one table of a seal: the states of all files, read by the engine's own readers on the executors.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, BinaryBuilder, LargeBinaryBuilder, RecordBatch, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;
use hushtag::CancelToken;
use hushtag::engine::cluster::GroupKey;

use crate::encryption::Step;
use crate::error::Error;
use crate::functions::{Work, Workplace};
use crate::objects::{Fetched, fetch};

/// The name of the table.
pub(crate) const STATES: &str = "states";

/// Rows of a batch.
const ROWS: usize = 4_096;
/// Bytes of a batch, above which it is handed over with fewer rows.
const BYTES: usize = 4 << 20;

/// The columns of the table: by whom states are grouped, and their ciphertexts.
pub(crate) fn schema() -> SchemaRef {
    let key = Field::new("person", DataType::Binary, false);
    Arc::new(Schema::new(vec![key, Field::new("state", DataType::LargeBinary, false)]))
}

/// The numbers of files.
fn unit_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("file", DataType::UInt32, false)]))
}

/// How many files are read in how many tasks. Which files they are is known to operator and executors alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) files: u32,
    pub(crate) tasks: u32,
}

/// The table.
pub(crate) struct States {
    pub(crate) files: Files,
    pub(crate) place: Workplace,
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("files", &self.files).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for States {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let is_whole = projection.is_none_or(|columns| columns.iter().copied().eq(0..2));
        if !is_whole || limit.is_some() {
            return Err(Error::Plan("all states are read, or none".to_owned()).into());
        }
        let Files { files, tasks } = self.files;
        let tasks = tasks.clamp(1, files.max(1));
        let of_task = |task: u32| {
            let units: UInt32Array = (task..files).step_by(tasks as usize).collect::<Vec<_>>().into();
            Ok(vec![RecordBatch::try_new(unit_schema(), vec![Arc::new(units)])?])
        };
        let partitions = (0..tasks).map(of_task).collect::<Result<Vec<_>>>()?;
        let units = MemorySourceConfig::try_new_exec(&partitions, unit_schema(), None)?;
        Ok(Arc::new(ReadExec::new(units, self.place.clone())))
    }
}

/// Reads the files whose numbers its input has.
pub(crate) struct ReadExec {
    units: Arc<dyn ExecutionPlan>,
    place: Workplace,
    properties: Arc<PlanProperties>,
}

impl ReadExec {
    pub(crate) fn new(units: Arc<dyn ExecutionPlan>, place: Workplace) -> Self {
        let partitions = units.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { units, place, properties: Arc::new(properties) }
    }
}

impl fmt::Debug for ReadExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadExec")
    }
}

impl DisplayAs for ReadExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadExec")
    }
}

impl ExecutionPlan for ReadExec {
    fn name(&self) -> &str {
        "ReadExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.units]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let units = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.units));
        Ok(Arc::new(Self::new(units, self.place.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = self.place.work()?;
        let pool = Arc::clone(context.memory_pool());
        let mut units = self.units.execute(partition, context)?;
        let mut builder = RecordBatchReceiverStreamBuilder::new(schema(), 2);
        let sender = builder.tx();
        builder.spawn(async move {
            while let Some(batch) = units.next().await {
                let batch = batch?;
                let column = batch.column(0).as_primitive_opt::<UInt32Type>().ok_or(Error::Changed)?;
                for unit in column.values() {
                    let (work, sender, unit) = (Arc::clone(&work), sender.clone(), *unit as usize);
                    let fetched = match work.job.path(unit).and_then(|path| work.objects.at(path)) {
                        Some(object) => Some(fetch(object, &pool, (&work.stores, &work.folder)).await?),
                        None => None,
                    };
                    let read = move || {
                        let hand_over = |batch| sender.blocking_send(Ok(batch)).map_err(|_| Stopped);
                        read(&work, unit, fetched.as_ref(), hand_over)
                    };
                    let read = tokio::task::spawn_blocking(read).await;
                    read.map_err(|_| Error::Engine("reading a file stopped".to_owned()))??;
                }
            }
            Ok(())
        });
        Ok(builder.build())
    }
}

/// No one takes what is read any more.
struct Stopped;

/// Why a file was not read to its end.
enum Unread {
    Failed(Error),
    Stopped,
}

impl From<hushtag::engine::EngineError> for Unread {
    fn from(error: hushtag::engine::EngineError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Stopped> for Unread {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// States that wait to be handed over, and the batch of their encryption.
struct Waiting<'w> {
    work: &'w Work,
    states: Vec<(GroupKey, Vec<u8>)>,
    bytes: usize,
}

impl Waiting<'_> {
    fn batch(&mut self) -> Result<RecordBatch, Error> {
        let mut encryption = self.work.key.encryption(Step::Person)?;
        let (mut keys, mut states) = (BinaryBuilder::new(), LargeBinaryBuilder::new());
        for (key, state) in self.states.drain(..) {
            keys.append_value(key);
            states.append_value(encryption.message(&state)?);
        }
        self.bytes = 0;
        RecordBatch::try_new(schema(), vec![Arc::new(keys.finish()), Arc::new(states.finish())])
            .map_err(|error| Error::Engine(error.to_string()))
    }
}

/// Reads one file, or what was fetched for it, and hands its states over in batches.
fn read(
    work: &Work,
    unit: usize,
    fetched: Option<&Fetched>,
    hand_over: impl Fn(RecordBatch) -> Result<(), Stopped>,
) -> Result<(), Error> {
    let mut waiting = Waiting { work, states: Vec::new(), bytes: 0 };
    let elsewhere = fetched.map(Fetched::path);
    let all = work.job.read(unit, elsewhere.as_deref(), &CancelToken::new(), |key, state| {
        waiting.bytes += state.len();
        waiting.states.push((key, state));
        if waiting.states.len() >= ROWS || waiting.bytes >= BYTES {
            hand_over(waiting.batch()?)?;
        }
        Ok::<_, Unread>(())
    });
    let last = all.and_then(|()| Ok(hand_over(waiting.batch()?)?));
    match last {
        Ok(()) | Err(Unread::Stopped) => Ok(()),
        Err(Unread::Failed(error)) => Err(error),
    }
}

/// Whether a plan is this one.
pub(crate) fn is_read(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ReadExec>()
}

/// For errors of the table's codec.
pub(crate) fn refused(what: &str) -> DataFusionError {
    Error::Plan(what.to_owned()).into()
}

/// Whether a source is the numbers of files, in memory.
pub(crate) fn are_units(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(source) = plan.downcast_ref::<DataSourceExec>() else { return false };
    let source: &dyn Any = &**source.data_source();
    source.is::<MemorySourceConfig>() && plan.schema() == unit_schema()
}
