//! The virtual table `tags`: in the catalogue with its columns, and without rows.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::TableType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use super::private_query::{End, Number};
use crate::sandbox::{Denomination, Vocabulary};

/// Digits of the columns of measures, before and behind the point together.
const DIGITS: u8 = 20;

/// A tag with its closed vocabulary.
#[derive(Debug, Clone)]
pub struct Tag {
    /// The name, in lower case.
    pub name: String,
    /// The labels, in the order of the vocabulary.
    pub labels: Vec<String>,
}

/// A measure.
#[derive(Debug, Clone)]
pub struct Measure {
    /// The name, in lower case.
    pub name: String,
    /// How many digits behind the point its amounts are shown with.
    pub scale: u8,
}

/// What a column of `tags` is.
#[derive(Debug, Clone)]
pub enum Column<'a> {
    /// A tag.
    Tag(&'a Tag),
    /// A measure.
    Measure(&'a Measure),
    /// An end of the interval of a number.
    End(Number, End),
}

/// What the table `tags` has for one recipient: public names alone.
#[derive(Debug)]
pub struct People {
    tags: Vec<Tag>,
    measures: Vec<Measure>,
    schema: SchemaRef,
    /// Whether a sum alone is paid together with a count, which decides about small groups.
    pub sums_are_counted: bool,
}

impl People {
    /// The columns that a vocabulary gives; `sums_are_counted` as [`Sandbox::sums_are_counted`](crate::sandbox::Sandbox::sums_are_counted) says.
    #[must_use]
    pub fn new(vocabulary: &Vocabulary, sums_are_counted: bool) -> Self {
        let tags: Vec<Tag> = vocabulary
            .tags
            .iter()
            .map(|tag| Tag { name: tag.name.to_ascii_lowercase(), labels: tag.labels.clone() })
            .collect();
        let measures: Vec<Measure> = vocabulary
            .measures
            .iter()
            .map(|measure| Measure {
                name: measure.name.to_ascii_lowercase(),
                scale: measure.denomination.as_ref().map_or(0, Denomination::scale),
            })
            .collect();
        let mut fields: Vec<Field> =
            tags.iter().map(|tag| Field::new(&tag.name, DataType::Utf8, false)).collect();
        let amount = |scale: u8| DataType::Decimal128(DIGITS, i8::try_from(scale).unwrap_or(0));
        fields.extend(measures.iter().map(|m| Field::new(&m.name, amount(m.scale), true)));
        for end in End::ALL {
            fields.push(Field::new(end.column(&Number::Count), DataType::Int64, true));
            for measure in &measures {
                for number in [Number::Sum(measure.name.clone()), Number::Average(measure.name.clone())] {
                    fields.push(Field::new(end.column(&number), amount(measure.scale), true));
                }
            }
        }
        // A name of the study wins over one of ours.
        let mut seen = std::collections::HashSet::new();
        fields.retain(|field| seen.insert(field.name().clone()));
        Self { tags, measures, schema: Arc::new(Schema::new(fields)), sums_are_counted }
    }

    /// The columns of the table.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The tag of this name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    /// The measure of this name.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }

    /// What the column of this name is.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Column<'_>> {
        if let Some(tag) = self.tag(name) {
            return Some(Column::Tag(tag));
        }
        if let Some(measure) = self.measure(name) {
            return Some(Column::Measure(measure));
        }
        self.interval(name).map(|(number, end)| Column::End(number, end))
    }

    /// The end of an interval that the column of this name is.
    #[must_use]
    pub fn interval(&self, name: &str) -> Option<(Number, End)> {
        let ends = End::ALL.into_iter();
        let numbers = |end: End| {
            let of = self.measures.iter().flat_map(move |measure| {
                [Number::Sum(measure.name.clone()), Number::Average(measure.name.clone())]
            });
            std::iter::once(Number::Count).chain(of).map(move |number| (number, end))
        };
        ends.flat_map(numbers).find(|(number, end)| end.column(number) == name)
    }

    /// The names of all columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.schema.fields().iter().map(|field| field.name().as_str())
    }

    /// How many digits behind the point a number is shown with.
    #[must_use]
    pub fn scale(&self, number: &Number) -> u8 {
        number.measure().and_then(|name| self.measure(name)).map_or(0, |measure| measure.scale)
    }
}

/// The table `tags`. There are no rows behind it in this process.
#[derive(Debug)]
pub struct TagsTable(pub Arc<People>);

#[async_trait]
impl TableProvider for TagsTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Fails, whatever is asked: the last line behind the split.
    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let message = "rows of tags never leave";
        Err(super::Refusal::new(super::refusal::FORBIDDEN, message, "aggregate them").at("tags").into())
    }
}
