//! What a query needs that follows from its text and the study alone, and what is kept of it for the next time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::dp::Accounting;
use crate::engine::shapes;
use crate::operator::{Adopted, OperatorError};
use crate::policy::{Decision, Recipient, Study, decide};
use crate::query::{Column, ColumnKind, Defaults, PartKind, Plan, Query, parse};
use crate::release::{AnswerLayout, ColumnSpec, CubeShape, OutputColumn, Selection, Value};
use crate::types::{Feasible, RecipientId, Timestamp};

/// A query before books, epoch and cube are looked at.
pub(in crate::operator) struct Prepared {
    pub(in crate::operator) plan: Plan,
    pub(in crate::operator) shape: CubeShape,
    pub(in crate::operator) selection: Selection,
    pub(in crate::operator) layout: AnswerLayout,
}

impl Prepared {
    /// Plans `query` under a study that was adopted.
    ///
    /// # Errors
    /// [`OperatorError::Query`]
    pub(in crate::operator) fn new(
        query: &Query,
        adopted: &Adopted,
        accounting: Accounting,
    ) -> Result<Self, OperatorError> {
        let plan = plan(query, adopted, accounting)?;
        let shape = shapes(&adopted.study)?.into_iter().nth(plan.set());
        let shape = shape.ok_or(OperatorError::Bug("a plan names a tag set of its study"))?;
        let (selection, layout) =
            (selection(&plan, adopted), layout(&plan, adopted.study.release.min_people));
        Ok(Self { plan, shape, selection, layout })
    }

    /// About how many bytes it takes: a few thousand, and those that grow with the cells of its tag set, its groups and its columns.
    fn size(&self) -> usize {
        let Self { plan, selection, layout, .. } = self;
        // Plan and layout have each of them.
        let columns: usize = plan.columns().iter().map(|column| 2 * bytes_of(column)).sum();
        let labels: usize =
            layout.groups.iter().flatten().map(|label| label.len() + size_of::<String>()).sum();
        ALWAYS + plan.question().len() + selection.cells.len() * size_of::<(u32, u32)>() + labels + columns
    }
}

fn bytes_of(column: &Column) -> usize {
    let ranges = match &column.kind {
        ColumnKind::Quantile { ranges, .. } => ranges.len(),
        ColumnKind::Number { .. } | ColumnKind::Average { .. } | ColumnKind::Tag(_) => 0,
    };
    size_of::<Column>() + column.name.len() + ranges * size_of::<(i64, i64)>()
}

/// Bytes of a query of few cells.
const ALWAYS: usize = 4 << 10;
/// How many bytes the prepared queries of one recipient may take: those of some hundred charts.
const MOST: usize = 8 << 20;

/// What was prepared and decided under one study, for clients that ask the same again, as a dashboard does.
///
/// # Privacy
/// Functions of texts, the study and the clock, never of people. Each recipient has queries of its own and room of its own, so that no one
/// is answered faster or slower because of what another one asked.
#[derive(Default)]
pub(in crate::operator) struct QueryCache {
    queries: Mutex<BTreeMap<RecipientId, Queries>>,
    decisions: Mutex<BTreeMap<RecipientId, (Timestamp, Arc<Decision>)>>,
}

#[derive(Default)]
struct Queries {
    by_text: HashMap<String, Arc<Prepared>>,
    /// In bytes.
    size: usize,
}

impl QueryCache {
    /// The query that `text` writes, prepared now or before.
    ///
    /// # Errors
    /// [`OperatorError::Query`]
    pub(in crate::operator) fn prepared(
        &self,
        text: &str,
        adopted: &Adopted,
        recipient: &RecipientId,
        accounting: Accounting,
    ) -> Result<Arc<Prepared>, OperatorError> {
        let queries = || self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(query) = queries().get(recipient).and_then(|own| own.by_text.get(text)) {
            return Ok(Arc::clone(query));
        }
        let query = Arc::new(Prepared::new(&parse(text, &adopted.study.catalogue)?, adopted, accounting)?);
        queries().entry(recipient.clone()).or_default().keep(text, &query);
        Ok(query)
    }

    /// The decision on the use by `recipient` at `now`: made once for every second in which something is asked.
    pub(in crate::operator) fn decision(
        &self,
        adopted: &Adopted,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Arc<Decision> {
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, decision)) = decisions.get(&recipient.id).filter(|(at, _)| *at == now) {
            return Arc::clone(decision);
        }
        let decision = Arc::new(decide(&adopted.study, &adopted.regime, recipient, now));
        decisions.insert(recipient.id.clone(), (now, Arc::clone(&decision)));
        decision
    }
}

impl Queries {
    /// Keeps one more; where there is no room, all others go.
    fn keep(&mut self, text: &str, query: &Arc<Prepared>) {
        let size = text.len() + query.size();
        if size > MOST {
            return;
        }
        if self.size + size > MOST {
            *self = Self::default();
        }
        if self.by_text.insert(text.to_owned(), Arc::clone(query)).is_none() {
            self.size += size;
        }
    }
}

pub(in crate::operator) fn plan(
    ask: &Query,
    adopted: &Adopted,
    accounting: Accounting,
) -> Result<Plan, OperatorError> {
    plan_under(ask, &adopted.study, accounting)
}

pub(in crate::operator) fn plan_under(
    ask: &Query,
    study: &Study,
    accounting: Accounting,
) -> Result<Plan, OperatorError> {
    let terms = &study.release;
    let defaults = Defaults {
        default_error: terms.default_error,
        default_error_of: terms.default_error_of.clone(),
        min_people: terms.min_people,
    };
    Ok(Plan::new(ask, &study.catalogue, &defaults, accounting)?)
}

/// Which cell of the set's cube goes into which group: from the vocabulary alone.
pub(in crate::operator) fn selection(plan: &Plan, adopted: &Adopted) -> Selection {
    let catalogue = &adopted.study.catalogue;
    let set = catalogue.sets().get(plan.set()).map_or(&[][..], |set| &set.tags);
    let columns = catalogue.columns();
    let value = |kind: PartKind| match kind {
        PartKind::Count => Some(Value::Counts(0..1)),
        PartKind::Present { measure } => {
            let present = columns.of(measure)?.present;
            Some(Value::Counts(present..present + 1))
        }
        PartKind::Sum { measure } => Some(Value::Sum(columns.of(measure)?.sum)),
        PartKind::Histogram { measure } => columns.of(measure)?.grid.clone().map(Value::Counts),
    };
    Selection {
        of: set.iter().filter_map(|tag| catalogue.tags().get(*tag)).map(|tag| tag.labels().len()).product(),
        cells: plan.groups(),
        values: plan.parts().iter().filter_map(|part| value(part.kind)).collect(),
    }
}

/// Tags and numbers as the query selects them, after the tags that it groups by and does not select.
fn order(plan: &Plan) -> Vec<OutputColumn> {
    let mut numbers = 0..;
    let selected = plan.columns().iter().filter_map(|column| match column.kind {
        ColumnKind::Tag(position) => Some(OutputColumn::Tag(position)),
        _ => numbers.next().map(OutputColumn::Number),
    });
    let mut order: Vec<OutputColumn> = Vec::new();
    for column in selected {
        // A tag that is selected twice has one label.
        if !order.contains(&column) {
            order.push(column);
        }
    }
    let tags = (0..plan.group_names().count()).map(OutputColumn::Tag);
    let unselected: Vec<OutputColumn> = tags.filter(|tag| !order.contains(tag)).collect();
    [unselected, order].concat()
}

pub(in crate::operator) fn layout(plan: &Plan, min_people: u64) -> AnswerLayout {
    let labels = |cell| plan.group_labels(cell).into_iter().map(ToString::to_string).collect();
    let feasible = |part: usize| plan.parts().get(part).map_or(Feasible::Any, |part| part.feasible);
    let columns = plan.columns().iter().filter_map(|column| {
        let holds = match &column.kind {
            ColumnKind::Number { part, offset } => {
                ColumnSpec::Number { part: *part, offset: *offset, feasible: feasible(*part) }
            }
            ColumnKind::Average { sum, count, range } => {
                ColumnSpec::Average { sum: *sum, count: *count, range: *range }
            }
            ColumnKind::Quantile { part, level, ranges } => {
                ColumnSpec::Quantile { part: *part, level: level.thousandths(), ranges: ranges.clone() }
            }
            ColumnKind::Tag(_) => return None,
        };
        Some((column.name.clone(), holds))
    });
    let denominated = |column: &Column| Some((column.name.clone(), column.denomination.clone()?));
    // A tag that is selected under another name is shown under it.
    let shown = |(position, name): (usize, &str)| {
        let column = plan.columns().iter().find(|column| column.kind == ColumnKind::Tag(position));
        column.map_or_else(|| name.to_owned(), |column| column.name.clone())
    };
    AnswerLayout {
        tags: plan.group_names().enumerate().map(shown).collect(),
        groups: (0..plan.cells()).map(labels).collect(),
        columns: columns.collect(),
        order: order(plan),
        denominations: plan.columns().iter().filter_map(denominated).collect(),
        counted: plan.parts().iter().position(|part| part.kind == PartKind::Count),
        min_people,
        confidence: plan.confidence().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Regime;

    const STUDY: &str = include_str!("../../../tests/support/study.toml");
    const COUNT: &str = "SELECT COUNT(*) FROM tags";

    fn adopted() -> Adopted {
        Adopted::new(Study::parse("study", STUDY).unwrap(), Regime::built_in("cn-pipl").unwrap())
    }

    #[test]
    fn each_recipient_has_queries_and_room_of_its_own() {
        let (adopted, accounting) = (adopted(), Accounting::Pure);
        let [one, other] = ["one", "other"].map(|id| RecipientId::new(id).unwrap());
        let of =
            |recipient, text: &str| adopted.cache.prepared(text, &adopted, recipient, accounting).unwrap();
        let first = of(&one, COUNT);
        assert!(Arc::ptr_eq(&first, &of(&one, COUNT)) && !Arc::ptr_eq(&first, &of(&other, COUNT)));
        assert!(adopted.cache.prepared("SELECT", &adopted, &one, accounting).is_err());
        let wide = (0..1_000).map(|column| format!("MEDIAN(spend) AS median_number_{column}"));
        let wide = format!("SELECT {} FROM tags", wide.collect::<Vec<_>>().join(", "));
        assert!(of(&other, &wide).size() > 1_000 * 2 * (size_of::<Column>() + 16), "its columns count");
        let others = of(&other, COUNT);
        for error in 0..3_000 {
            of(&one, &format!("{COUNT} WITH (error = {})", 1_000 + error));
        }
        let queries = adopted.cache.queries.lock().unwrap();
        let kept = &queries[&one];
        assert!(kept.size <= MOST && kept.by_text.len() < 2_100, "{} in {}", kept.size, kept.by_text.len());
        assert!(!kept.by_text.contains_key(COUNT), "room is made for those that are asked");
        assert!(Arc::ptr_eq(&others, &queries[&other].by_text[COUNT]));
    }

    #[test]
    fn a_use_is_decided_on_again_in_every_second() {
        let adopted = adopted();
        let recipient = &adopted.study.recipients[0];
        let at = |second| adopted.cache.decision(&adopted, recipient, Timestamp::from_seconds(second));
        let first = at(1_790_841_600);
        assert!(Arc::ptr_eq(&first, &at(1_790_841_600)) && !Arc::ptr_eq(&first, &at(1_790_841_601)));
        assert!(matches!(&*first, Decision::Permit(_)));
        // The documents of the study expire in 2027.
        assert!(matches!(&*at(1_853_884_800), Decision::Deny(_)));
        assert!(matches!(&*at(1_790_841_600), Decision::Permit(_)));
    }
}
