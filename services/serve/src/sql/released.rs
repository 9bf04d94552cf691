//! Released rows as a table, in the columns that the aggregate had.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use super::private_query::{End, Number};
use crate::sandbox::{Cell, Decimal, Row};

/// What a column of a released table shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// The label of a tag.
    Label(String),
    /// A number, or an end of its interval.
    Number(Number, Option<End>),
}

/// Rows that were released, or will be before the plan around them runs.
#[derive(Debug)]
pub(super) struct ReleasedTable {
    pub(super) schema: SchemaRef,
    pub(super) rows: Arc<OnceLock<RecordBatch>>,
}

#[async_trait]
impl TableProvider for ReleasedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.rows.get().cloned();
        let rows = rows.ok_or_else(|| DataFusionError::Internal("a private query was not asked".into()))?;
        let table = MemTable::try_new(self.schema(), vec![vec![rows]])?;
        table.scan(session, projection, filters, limit).await
    }
}

/// A table of `count` rows.
pub(super) fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, count: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// The labels of a tag, row by row.
pub(super) fn labels(rows: &[Row], tag: &str, kind: &DataType) -> Result<ArrayRef> {
    let label = |row: &Row| {
        let group = row.group.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag));
        group.map(|(_, label)| label.clone())
    };
    let labels: StringArray = rows.iter().map(label).collect();
    Ok(cast(&labels, kind)?)
}

/// One column of numbers; a suppressed row has none. `scale` is how many digits of a minor unit stand behind the point.
pub(super) fn numbers(
    rows: &[Row],
    column: &str,
    end: Option<End>,
    scale: u8,
    kind: &DataType,
) -> Result<ArrayRef> {
    let shown = |cell: &Cell| match end {
        None => cell.estimate,
        Some(End::Low) => Some(cell.low),
        Some(End::High) => Some(cell.high),
    };
    let value = |row: &Row| row.cells.iter().find(|cell| cell.name == column).and_then(shown);
    // Thousandths of minor units.
    let digits = u32::from(scale).saturating_add(3);
    let values = rows.iter().map(|row| value(row).map(Decimal::thousandths));
    let beyond = || DataFusionError::Execution("a released number is beyond its column".into());
    Ok(match kind {
        DataType::Decimal128(precision, to) => {
            let to = u32::try_from(*to).unwrap_or(0);
            let scaled = values
                .map(|value| value.map(|value| rescaled(value, digits, to).ok_or_else(beyond)).transpose());
            let scaled: Decimal128Array = scaled.collect::<Result<Vec<_>>>()?.into();
            Arc::new(scaled.with_precision_and_scale(*precision, i8::try_from(to).unwrap_or(0))?)
        }
        DataType::Float64 => {
            let power = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
            Arc::new(values.map(|value| value.map(|value| float(value) / power)).collect::<Float64Array>())
        }
        _ => {
            let whole = values.map(|value| {
                let whole = value.map(|value| {
                    rescaled(value, digits, 0).and_then(|whole| i64::try_from(whole).ok()).ok_or_else(beyond)
                });
                whole.transpose()
            });
            let whole: Int64Array = whole.collect::<Result<Vec<_>>>()?.into();
            cast(&whole, kind)?
        }
    })
}

/// A number of `from` digits behind the point as one of `to`, rounded half away from zero.
fn rescaled(value: i128, from: u32, to: u32) -> Option<i128> {
    if to >= from {
        return value.checked_mul(10_i128.checked_pow(to - from)?);
    }
    let power = 10_i128.checked_pow(from - to)?;
    let half = if value < 0 { -power / 2 } else { power / 2 };
    value.checked_add(half)?.checked_div(power)
}

#[expect(clippy::cast_precision_loss, reason = "the column is of floating-point numbers, as SQL types it")]
fn float(value: i128) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::rescaled;

    #[test]
    fn numbers_change_their_scale_by_rounding_half_away_from_zero() {
        assert_eq!(rescaled(1_500, 3, 0), Some(2));
        assert_eq!(rescaled(-1_500, 3, 0), Some(-2));
        assert_eq!(rescaled(1_499, 3, 0), Some(1));
        assert_eq!(rescaled(12_345, 5, 2), Some(12));
        assert_eq!(rescaled(7, 0, 4), Some(70_000));
        assert_eq!(rescaled(i128::MAX, 0, 4), None);
    }
}
