//! What of plans is our own: the table of states, and the node that reads it. Every other table is refused.

use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, TableReference};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, Extension, LogicalPlan, ScalarUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use crate::functions::{Workplace, aggregates, scalars};
use crate::scan::{Files, ReadExec, STATES, States, is_read, refused, schema};

/// How our node is written.
const READ: &[u8] = b"hushtag read 1";

/// Logical plans.
#[derive(Debug, Default)]
pub(crate) struct LogicalCodec {
    ballista: BallistaLogicalExtensionCodec,
}

impl LogicalExtensionCodec for LogicalCodec {
    fn try_decode(&self, _: &[u8], _: &[LogicalPlan], _: &TaskContext) -> Result<Extension> {
        Err(refused("a plan with a node of another program"))
    }

    fn try_encode(&self, node: &Extension, buffer: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode(node, buffer)
    }

    fn try_decode_table_provider(
        &self,
        buffer: &[u8],
        table: &TableReference,
        written: SchemaRef,
        _: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        let numbers: Option<[u8; 8]> = buffer.try_into().ok();
        match numbers {
            Some([a, b, c, d, e, f, g, h]) if table.table() == STATES && written == schema() => {
                let files = Files {
                    files: u32::from_le_bytes([a, b, c, d]),
                    tasks: u32::from_le_bytes([e, f, g, h]),
                };
                Ok(Arc::new(States { files, place: Workplace::default() }))
            }
            _ => Err(refused("a table that is not the one of a seal")),
        }
    }

    fn try_encode_table_provider(
        &self,
        _: &TableReference,
        node: Arc<dyn TableProvider>,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        let node: &dyn std::any::Any = &*node;
        let states = node.downcast_ref::<States>();
        let Files { files, tasks } =
            states.ok_or_else(|| refused("a table that is not the one of a seal"))?.files;
        buffer.extend_from_slice(&files.to_le_bytes());
        buffer.extend_from_slice(&tasks.to_le_bytes());
        Ok(())
    }

    fn try_decode_udf(&self, name: &str, _: &[u8]) -> Result<Arc<ScalarUDF>> {
        own_scalar(name)
    }

    fn try_decode_udaf(&self, name: &str, _: &[u8]) -> Result<Arc<AggregateUDF>> {
        own_aggregate(name, &Workplace::default())
    }
}

fn own_scalar(name: &str) -> Result<Arc<ScalarUDF>> {
    let found = scalars().into_iter().find(|function| function.name() == name);
    found.ok_or_else(|| refused("a function that is none of a seal"))
}

fn own_aggregate(name: &str, place: &Workplace) -> Result<Arc<AggregateUDF>> {
    let found = aggregates(place).into_iter().find(|function| function.name() == name);
    found.ok_or_else(|| refused("a function that is none of a seal"))
}

/// Physical plans.
pub(crate) struct PhysicalCodec {
    ballista: BallistaPhysicalExtensionCodec,
    place: Workplace,
}

impl PhysicalCodec {
    pub(crate) fn new(place: Workplace) -> Self {
        Self { ballista: BallistaPhysicalExtensionCodec::default(), place }
    }
}

impl std::fmt::Debug for PhysicalCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhysicalCodec")
    }
}

impl PhysicalExtensionCodec for PhysicalCodec {
    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match inputs {
            [units] if buffer == READ => Ok(Arc::new(ReadExec::new(Arc::clone(units), self.place.clone()))),
            inputs => self.ballista.try_decode(buffer, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if is_read(&node) {
            buffer.extend_from_slice(READ);
            return Ok(());
        }
        self.ballista.try_encode(node, buffer, converter)
    }

    fn try_decode_udf(&self, name: &str, _: &[u8]) -> Result<Arc<ScalarUDF>> {
        own_scalar(name)
    }

    fn try_decode_udaf(&self, name: &str, _: &[u8]) -> Result<Arc<AggregateUDF>> {
        own_aggregate(name, &self.place)
    }
}
