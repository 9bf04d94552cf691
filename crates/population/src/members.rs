//! Profiles: one row a person.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Int32Builder, StringBuilder};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::Population;
use super::batches::{Table, schema};

/// The columns of `members`.
#[derive(Default)]
pub(super) struct Columns {
    user: StringBuilder,
    region: StringBuilder,
    birth_year: Int32Builder,
}

impl Table for Columns {
    fn schema() -> SchemaRef {
        schema(&[
            ("user", DataType::Utf8, false),
            ("region", DataType::Utf8, false),
            ("birth_year", DataType::Int32, false),
        ])
    }

    fn add(&mut self, population: &Population, index: u32) {
        let person = population.person(index);
        self.user.append_value(population.id(index));
        self.region.append_value(person.region);
        self.birth_year.append_value(person.birth_year);
    }

    fn rows(&self) -> usize {
        self.birth_year.len()
    }

    fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.user.finish()),
            Arc::new(self.region.finish()),
            Arc::new(self.birth_year.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}
