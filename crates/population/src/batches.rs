//! Rows of one person after another, cut into batches of bounded size.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::Population;

/// A batch is handed over as soon as it has this many rows.
const BATCH_ROWS: usize = 65_536;

/// The type of an instant in a typed column.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Second, Some("+00:00".into()))
}

/// A schema of `(name, type, nullable)`.
pub(super) fn schema(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    let field = |(name, kind, nullable): &(&str, DataType, bool)| Field::new(*name, kind.clone(), *nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The columns of a table while they fill.
pub(super) trait Table {
    /// Names and types.
    fn schema() -> SchemaRef;
    /// Adds all rows of the person at `index`.
    fn add(&mut self, population: &Population, index: u32);
    /// Rows added since the last batch.
    fn rows(&self) -> usize;
    /// Takes the rows as a batch.
    fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch, ArrowError>;
}

/// A reader over one table of a population.
pub(super) struct Batches<T> {
    population: Population,
    columns: T,
    schema: SchemaRef,
    next: u32,
}

impl<T: Table> Batches<T> {
    pub(super) fn new(population: Population, columns: T) -> Self {
        Self { population, columns, schema: T::schema(), next: 0 }
    }
}

impl<T: Table> Iterator for Batches<T> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.population.config().people && self.columns.rows() < BATCH_ROWS {
            self.columns.add(&self.population, self.next);
            self.next += 1;
        }
        (self.columns.rows() > 0).then(|| self.columns.take(self.schema.clone()))
    }
}

impl<T: Table> RecordBatchReader for Batches<T> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
