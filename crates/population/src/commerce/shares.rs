//! Shares: log-normal in number, and how often each is opened.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Int64Builder, StringBuilder, TimestampSecondBuilder,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use rand::RngExt;

use super::super::Population;
use super::super::batches::{Table, instant, schema};
use super::super::person::{DAY, Stream, log_normal_count};
use super::any_scene;

/// Shares of a sharer in 60 days, on average.
const SHARES: f64 = 6.0;

/// Openings of a share on average: a chat group and those to whom it passes the share on.
const OPENS: f64 = 60.0;

/// Percent of shares that go to someone on the sharer's own list.
const FOLLOWED: u32 = 85;

/// The columns of `shares`.
#[derive(Default)]
pub(super) struct Columns {
    sharer: StringBuilder,
    at: TimestampSecondBuilder,
    scene: StringBuilder,
    opens: Int64Builder,
    followed: BooleanBuilder,
}

impl Table for Columns {
    fn schema() -> SchemaRef {
        schema(&[
            ("sharer", DataType::Utf8, false),
            ("at", instant(), false),
            ("scene", DataType::Utf8, false),
            ("opens", DataType::Int64, false),
            ("followed", DataType::Boolean, false),
        ])
    }

    fn add(&mut self, population: &Population, index: u32) {
        if !population.habits(index).shares {
            return;
        }
        let sharer = population.id(index);
        let as_of = population.config().as_of;
        let mut rng = population.generator(Stream::Shares, index, 0);
        for _ in 0..log_normal_count(&mut rng, SHARES, 1.0, 1_000).max(1) {
            self.sharer.append_value(&sharer);
            self.at.append_value(as_of - rng.random_range(1..=60 * DAY));
            self.scene.append_value(any_scene(&mut rng).name);
            self.opens.append_value(i64::from(log_normal_count(&mut rng, OPENS, 1.2, 100_000)));
            self.followed.append_value(rng.random_ratio(FOLLOWED, 100));
        }
    }

    fn rows(&self) -> usize {
        self.opens.len()
    }

    fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.sharer.finish()),
            Arc::new(self.at.finish().with_timezone("+00:00")),
            Arc::new(self.scene.finish()),
            Arc::new(self.opens.finish()),
            Arc::new(self.followed.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}
