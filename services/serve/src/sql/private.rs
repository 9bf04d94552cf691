//! An innermost aggregate over `tags`: the private query that it is, and the plan over its released rows that takes its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, Result, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Aggregate, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;

use super::Refusal;
use super::base::{Base, bare};
use super::condition::Condition;
use super::filter::{columns, condition, has_subquery};
use super::number::{plain, shown};
use super::outside;
use super::people::People;
use super::private_query::{Number, PrivateQuery};
use super::refusal::{BAD_VALUE, FORBIDDEN, TOO_LARGE, UNSUPPORTED};
use super::released::{ReleasedTable, Shown, batch, labels, numbers};
use crate::sandbox::{Released, Row};

/// The name that released tables have in a plan; no statement can write it.
const RELEASED: &str = "\u{1}released";

/// The most combinations of labels that are listed from the vocabulary.
const MOST_LABELS: usize = 10_000;

/// One private query of a statement, and the place where its released rows are awaited.
#[derive(Debug)]
pub struct Private {
    /// What the library is asked; `None` where the vocabulary answers, at no cost.
    pub question: Option<PrivateQuery>,
    people: Arc<People>,
    shown: Vec<Shown>,
    schema: SchemaRef,
    rows: Arc<OnceLock<RecordBatch>>,
}

/// A column of the released table.
pub(super) fn released_column(place: usize) -> Expr {
    Expr::Column(Column::new(Some(TableReference::bare(RELEASED)), format!("c{place}")))
}

/// What one expression of GROUP BY is.
pub(super) enum Group {
    /// A tag itself.
    Tag(String),
    /// An expression over one tag: grouped by the tag inside, and summed outside.
    OfTag(String, Expr),
    /// The same for everybody.
    Constant(Expr),
}

impl Private {
    /// The private query that `aggregate` over `base` is, and the plan that takes its place.
    pub(super) fn new(
        aggregate: &Aggregate,
        base: &Base,
        people: &Arc<People>,
        state: &SessionState,
    ) -> Result<(LogicalPlan, Self)> {
        let mut filter = Condition::Everybody;
        for predicate in &base.filters {
            filter = filter.and(condition(predicate, people, state)?, people);
        }
        if filter == Condition::NoOne {
            let hint = "compare with labels of the vocabulary: SELECT * FROM vocabulary";
            return Err(Refusal::new(BAD_VALUE, "no one passes this filter, whatever the data", hint).into());
        }
        let mut groups = Vec::new();
        for expression in &aggregate.group_expr {
            groups.push(group(expression, aggregate, base, people)?);
        }
        let mut asked = Vec::new();
        for expression in &aggregate.aggr_expr {
            let Expr::AggregateFunction(mut function) = bare(expression.clone()) else {
                return Err(
                    Refusal::new(UNSUPPORTED, "this aggregate is not released", "COUNT, SUM, AVG").into()
                );
            };
            let arguments = function.params.args.iter();
            let arguments = arguments.map(|argument| base.inline(argument, &aggregate.input));
            function.params.args = arguments.collect::<Result<_>>()?;
            asked.push(shown(&function, people)?);
        }
        let fields: Vec<DataType> = aggregate.schema.fields().iter().map(|f| f.data_type().clone()).collect();
        let summed = groups.iter().any(|group| matches!(group, Group::OfTag(..)));
        let layout = if summed {
            outside::layout(&groups, &asked, people)?
        } else {
            let of_groups = groups.iter().zip(&fields).filter_map(|(group, kind)| match group {
                Group::Tag(tag) => Some((Shown::Label(tag.clone()), kind.clone())),
                Group::OfTag(..) | Group::Constant(_) => None,
            });
            let of_numbers = asked.iter().zip(fields.get(groups.len()..).unwrap_or_default());
            let of_numbers =
                of_numbers.map(|((number, end), kind)| (Shown::Number(number.clone(), *end), kind.clone()));
            of_groups.chain(of_numbers).collect()
        };
        let private = Self::laid_out(layout, filter, people)?;
        let scan = private.scan()?;
        let plan = if summed {
            outside::plan(scan, aggregate, &groups, &asked, &private.shown)?
        } else {
            plain_plan(scan, aggregate, &groups)?
        };
        Ok((plan, private))
    }

    fn laid_out(layout: Vec<(Shown, DataType)>, condition: Condition, people: &Arc<People>) -> Result<Self> {
        let (shown, kinds): (Vec<Shown>, Vec<DataType>) = layout.into_iter().unzip();
        let fields = kinds.into_iter().enumerate();
        let fields = fields.map(|(place, kind)| Field::new(format!("c{place}"), kind, true));
        let group: BTreeSet<String> = shown
            .iter()
            .filter_map(|shown| match shown {
                Shown::Label(tag) => Some(tag.clone()),
                Shown::Number(..) => None,
            })
            .collect();
        let numbers: BTreeSet<Number> = shown
            .iter()
            .filter_map(|shown| match shown {
                Shown::Number(number, _) => Some(number.clone()),
                Shown::Label(_) => None,
            })
            .collect();
        let question = PrivateQuery { group, numbers, condition };
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut private =
            Self { question: None, people: Arc::clone(people), shown, schema, rows: Arc::default() };
        if question.numbers.is_empty() {
            // Labels alone are public: no private query.
            let _ = private.rows.set(private.table(&private.label_rows(&question)?)?);
        } else {
            private.question = Some(question);
        }
        Ok(private)
    }

    /// The combinations of labels of the vocabulary that may pass.
    fn label_rows(&self, question: &PrivateQuery) -> Result<Vec<Row>> {
        let mut combinations: Vec<Vec<(String, String)>> = vec![Vec::new()];
        for name in &question.group {
            let labels = self.people.tag(name).map_or(&[][..], |tag| &tag.labels);
            if combinations.len().saturating_mul(labels.len()) > MOST_LABELS {
                let message = format!("these are more than {MOST_LABELS} combinations of labels");
                return Err(Refusal::new(TOO_LARGE, message, "ask for fewer tags at a time").into());
            }
            let with = |combination: &Vec<(String, String)>, label: &String| {
                let mut longer = combination.clone();
                longer.push((name.clone(), label.clone()));
                longer
            };
            combinations =
                combinations.iter().flat_map(|c| labels.iter().map(move |label| with(c, label))).collect();
        }
        let may_pass = |combination: &Vec<(String, String)>| {
            let label =
                |tag: &str| combination.iter().find(|(name, _)| name == tag).map(|(_, label)| label.clone());
            question.condition.may_pass(&label)
        };
        let rows = combinations.into_iter().filter(may_pass);
        Ok(rows.map(|group| Row { group, cells: Vec::new(), suppressed: false }).collect())
    }

    /// Puts together what is asked about the same people in the same groups: a table that a statement uses twice, each time with other
    /// columns, is one query and one charge.
    pub(super) fn merge(privates: &mut [Self]) {
        let mut merged: BTreeMap<(BTreeSet<String>, Condition), BTreeSet<Number>> = BTreeMap::new();
        for question in privates.iter().filter_map(|private| private.question.as_ref()) {
            let key = (question.group.clone(), question.condition.clone());
            merged.entry(key).or_default().extend(question.numbers.iter().cloned());
        }
        for question in privates.iter_mut().filter_map(|private| private.question.as_mut()) {
            let key = (question.group.clone(), question.condition.clone());
            if let Some(numbers) = merged.get(&key) {
                question.numbers.clone_from(numbers);
            }
        }
    }

    /// What the library is asked, at this price; `None` where the vocabulary answers.
    #[must_use]
    pub fn text(&self, price: &str) -> Option<String> {
        self.question.as_ref().map(|question| question.text(price, &self.people))
    }

    fn scan(&self) -> Result<LogicalPlanBuilder> {
        let table = ReleasedTable { schema: Arc::clone(&self.schema), rows: Arc::clone(&self.rows) };
        LogicalPlanBuilder::scan(TableReference::bare(RELEASED), provider_as_source(Arc::new(table)), None)
    }

    /// Lays the released rows out as the plan around them expects.
    ///
    /// # Errors
    /// [`datafusion::common::DataFusionError`] for a number beyond its column.
    pub fn fill(&self, released: &Released) -> Result<()> {
        let rows = self.table(&released.rows)?;
        // A plan is run once, so nothing was filled before.
        let _ = self.rows.set(rows);
        Ok(())
    }

    fn table(&self, rows: &[Row]) -> Result<RecordBatch> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (shown, field) in self.shown.iter().zip(self.schema.fields()) {
            let kind = field.data_type();
            arrays.push(match shown {
                Shown::Label(tag) => labels(rows, tag, kind)?,
                Shown::Number(number, end) => {
                    let alias = self.question.as_ref().and_then(|question| question.alias(number));
                    let scale = if number.is_count() { 0 } else { self.people.scale(number) };
                    numbers(rows, &alias.unwrap_or_default(), *end, scale, kind)?
                }
            });
        }
        batch(&self.schema, arrays, rows.len())
    }
}

fn group(expression: &Expr, aggregate: &Aggregate, base: &Base, people: &People) -> Result<Group> {
    if matches!(expression, Expr::GroupingSet(_)) {
        let hint = "ask each of them, and put them together by UNION ALL";
        let message = "ROLLUP, CUBE and GROUPING SETS are several queries";
        return Err(Refusal::new(UNSUPPORTED, message, hint).into());
    }
    let inlined = base.inline(expression, &aggregate.input)?;
    if has_subquery(&inlined) {
        let hint = "GROUP BY a tag, and compute outside";
        return Err(Refusal::new(UNSUPPORTED, "people are not grouped by another query", hint).into());
    }
    if inlined.is_volatile() {
        let hint = "leave the random part out";
        return Err(Refusal::new(FORBIDDEN, "random groups of people are not made", hint)
            .at("random")
            .into());
    }
    if let Some(name) = plain(&inlined) {
        if people.tag(name).is_some() {
            return Ok(match &inlined {
                Expr::Column(_) => Group::Tag(name.to_owned()),
                _ => Group::OfTag(name.to_owned(), inlined.clone()),
            });
        }
        let message = format!("people are grouped by tags, and `{name}` is none");
        let hint = "GROUP BY a tag: SELECT DISTINCT tag FROM vocabulary";
        return Err(Refusal::new(FORBIDDEN, message, hint).at(name).into());
    }
    let names = columns(&inlined);
    let mut named = names.iter();
    match (named.next(), named.next()) {
        (None, _) => Ok(Group::Constant(inlined)),
        (Some(name), None) if people.tag(name).is_some() => Ok(Group::OfTag(name.clone(), inlined)),
        (Some(name), None) => {
            let message = format!("people are grouped by tags, and `{name}` is none");
            Err(Refusal::new(FORBIDDEN, message, "GROUP BY a tag").at(name).into())
        }
        (Some(name), Some(_)) => {
            let hint = "GROUP BY the tags themselves inside, and compute outside";
            Err(Refusal::new(UNSUPPORTED, "one expression of several tags is no group", hint).at(name).into())
        }
    }
}

/// The released columns under the names and in the order of the aggregate.
fn plain_plan(scan: LogicalPlanBuilder, aggregate: &Aggregate, groups: &[Group]) -> Result<LogicalPlan> {
    let mut next = (0_usize..).map(released_column);
    let mut outputs = Vec::new();
    for (place, (qualifier, field)) in aggregate.schema.iter().enumerate() {
        let column = match groups.get(place) {
            Some(Group::Constant(expression)) => expression.clone(),
            _ => next.next().unwrap_or_else(|| released_column(place)),
        };
        outputs.push(column.alias_qualified(qualifier.cloned(), field.name().clone()));
    }
    scan.project(outputs)?.build()
}
