//! The small public tables: `vocabulary`, `metrics`, `budget`, `epochs`. They are read anew by every statement, at no cost.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use crate::sandbox::{Timestamp, Who};
use crate::service::{Service, ServiceError};

type Read = fn(&Service, &Who) -> Result<Vec<ArrayRef>, ServiceError>;

/// A table whose rows are read when a statement runs.
struct Public {
    schema: SchemaRef,
    service: Weak<Service>,
    who: Who,
    read: Read,
}

impl std::fmt::Debug for Public {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Public").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Public {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let failed = |_| DataFusionError::Execution("the sandbox cannot be read now".into());
        let service = self.service.upgrade().ok_or_else(|| failed(()))?;
        let (read, who) = (self.read, self.who.clone());
        let columns = service.read(move |service| read(service, &who)).await;
        let columns = columns.map_err(|error| {
            tracing::error!("a public table cannot be read: {error}");
            failed(())
        })?;
        let batch = RecordBatch::try_new(self.schema(), columns)?;
        MemTable::try_new(self.schema(), vec![vec![batch]])?.scan(session, projection, filters, limit).await
    }
}

/// All of them.
pub(super) fn all(service: &Arc<Service>, who: &Who) -> Result<Vec<(&'static str, Arc<dyn TableProvider>)>> {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let amount = |name: &str| Field::new(name, DataType::Decimal128(38, 0), false);
    let instant = |name: &str, null| {
        Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), null)
    };
    let tables: [(&'static str, Vec<Field>, Read); 4] = [
        ("vocabulary", vec![text("tag"), text("label")], vocabulary),
        ("metrics", vec![text("name"), text("unit"), text("means")], metrics),
        (
            "budget",
            vec![
                text("scope"),
                text("unit"),
                amount("limit_units"),
                amount("spent_units"),
                amount("left_units"),
            ],
            budget,
        ),
        (
            "epochs",
            vec![
                text("id"),
                instant("as_of", false),
                instant("sealed_at", false),
                instant("answers_until", true),
                Field::new("answers", DataType::Boolean, false),
            ],
            epochs,
        ),
    ];
    let table = |(name, fields, read): (&'static str, Vec<Field>, Read)| {
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let service = Arc::downgrade(service);
        let table: Arc<dyn TableProvider> = Arc::new(Public { schema, service, who: who.clone(), read });
        (name, table)
    };
    Ok(tables.into_iter().map(table).collect())
}

fn texts(all: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(all.map(Some).collect::<StringArray>())
}

fn vocabulary(service: &Service, who: &Who) -> Result<Vec<ArrayRef>, ServiceError> {
    let vocabulary = service.sandbox.vocabulary(who)?;
    let rows =
        || vocabulary.tags.iter().flat_map(|tag| tag.labels.iter().map(move |label| (&tag.name, label)));
    let tags = texts(rows().map(|(tag, _)| tag.to_ascii_lowercase()));
    Ok(vec![tags, texts(rows().map(|(_, label)| label.clone()))])
}

fn metrics(service: &Service, who: &Who) -> Result<Vec<ArrayRef>, ServiceError> {
    let named = service.sandbox.named_metrics(who)?;
    Ok(vec![
        texts(named.iter().map(|(name, _, _)| name.clone())),
        texts(named.iter().map(|(_, unit, _)| unit.clone())),
        texts(named.iter().map(|(_, _, means)| means.clone())),
    ])
}

fn budget(service: &Service, who: &Who) -> Result<Vec<ArrayRef>, ServiceError> {
    let lines = service.sandbox.budget(who)?;
    let amounts = |of: fn(u128, u128) -> u128| -> ArrayRef {
        let amounts = lines.iter().map(|line| i128::try_from(of(line.limit, line.spent)).ok());
        let array = amounts.collect::<Decimal128Array>().with_precision_and_scale(38, 0);
        array.map_or_else(
            |_| Arc::new(Decimal128Array::new_null(lines.len())) as ArrayRef,
            |array| Arc::new(array),
        )
    };
    Ok(vec![
        texts(lines.iter().map(|line| line.scope.to_owned())),
        texts(lines.iter().map(|line| line.unit.to_owned())),
        amounts(|limit, _| limit),
        amounts(|_, spent| spent),
        amounts(u128::saturating_sub),
    ])
}

fn epochs(service: &Service, who: &Who) -> Result<Vec<ArrayRef>, ServiceError> {
    let lines = service.sandbox.epochs(who)?;
    let instants = |of: &dyn Fn(usize) -> Option<Timestamp>| -> ArrayRef {
        let micros = |at: Timestamp| at.seconds().saturating_mul(1_000_000);
        let instants = (0..lines.len()).map(|place| of(place).map(micros));
        Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    Ok(vec![
        texts(lines.iter().map(|line| line.id.clone())),
        instants(&|place| lines.get(place).map(|line| line.as_of)),
        instants(&|place| lines.get(place).map(|line| line.sealed_at)),
        instants(&|place| lines.get(place).and_then(|line| line.answers_until)),
        Arc::new(lines.iter().map(|line| Some(line.answers)).collect::<BooleanArray>()),
    ])
}
