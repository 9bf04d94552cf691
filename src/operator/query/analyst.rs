//! The analyst's handle: ask, forecast, remaining, vocabulary, and nothing else.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, json};

use crate::audit::Kind;
use crate::dp::Accounting;
use crate::engine::shapes;
use crate::ledger::{OverBudget, Share};
use crate::operator::query::post_processing::show;
use crate::operator::query::vocabulary::{Remaining, View, Vocabulary, naming, units_of};
use crate::operator::sandbox::EpochFile;
use crate::operator::shelf::epoch_selection::{closed, find};
use crate::operator::shelf::sealed::check_folder;
use crate::operator::{Adopted, MetricsForecast, Operator, OperatorError, SandboxState};
use crate::policy::{Decision, Reason, Study, decide};
use crate::query::{Column, ColumnKind, Defaults, Forecast, PartKind, Plan, Query, parse};
use crate::release::{
    AnswerLayout, ChargedQuery, ColumnSpec, Outcome, OutputColumn, Released, Selection, Value,
};
use crate::types::trace::span;
use crate::types::{EpochId, Feasible, RecipientId, StudyId, Timestamp};

/// What became of a question.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It left through the door.
    Released(Box<Released>),
    /// It was refused, for all of these reasons; logged.
    Refused(Vec<Reason>),
}

/// Asks queries for one recipient under one study. Cheap to clone; blocking; writes to no stream.
///
/// ```no_run
/// use hushtag::{Answer, Keys, Operator, RecipientId};
///
/// let operator = Operator::options(Keys::InFolder).open("box".as_ref())?;
/// let analyst = operator.analyst(&RecipientId::new("brand-insights")?, None)?;
/// let query = "SELECT spend_tier, COUNT(*) FROM tags GROUP BY spend_tier";
/// let (cost, left) = (analyst.forecast(query)?.cost, analyst.remaining()?.left());
/// println!("costs {cost} of {left} units");
/// match analyst.ask(query, None)? {
///     Answer::Released(answer) => println!("{}", serde_json::to_string(&answer)?),
///     Answer::Refused(reasons) => println!("{reasons:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Analyst {
    pub(super) inner: Arc<SandboxState>,
    pub(super) study: StudyId,
    pub(super) recipient: RecipientId,
}

impl Operator {
    /// A handle for `recipient`; `study` may be left out where only one study names the recipient.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`]
    pub fn analyst(
        &self,
        recipient: &RecipientId,
        study: Option<&StudyId>,
    ) -> Result<Analyst, OperatorError> {
        let law = self.inner.law.in_force();
        let study = naming(&law.studies, recipient, study)?.study.id.clone();
        Ok(Analyst { inner: Arc::clone(&self.inner), study, recipient: recipient.clone() })
    }
}

/// Shows who asks of which sandbox.
impl fmt::Debug for Analyst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, study, recipient } = self;
        f.debug_struct("Analyst")
            .field("sandbox", &inner.id)
            .field("study", study)
            .field("recipient", recipient)
            .finish()
    }
}

impl Analyst {
    /// Asks a question in SQL of `epoch`, or of the newest one.
    ///
    /// # Errors
    /// [`OperatorError`] for a question outside the language or vocabulary, an unknown epoch, or damaged books.
    ///
    /// # Privacy
    /// Charged before anything is drawn; a repeated question gives the stored answer. Every reply leaves on a multiple of
    /// the response slot, so that its time shows nothing about people.
    pub fn ask(&self, question: &str, epoch: Option<&EpochId>) -> Result<Answer, OperatorError> {
        self.in_slot(|| {
            self.under_law(|adopted| {
                self.ask_under(adopted, &parse(question, &adopted.study.catalogue)?, epoch)
            })
        })
    }

    /// Asks a question that was built in Rust or read from JSON.
    ///
    /// # Errors
    /// As [`Analyst::ask`].
    pub fn ask_query(&self, question: &Query, epoch: Option<&EpochId>) -> Result<Answer, OperatorError> {
        self.in_slot(|| self.under_law(|adopted| self.ask_under(adopted, question, epoch)))
    }

    /// What a question would cost and how wide its answer would be; free, and no data is touched.
    ///
    /// # Errors
    /// [`OperatorError::Query`]
    pub fn forecast(&self, question: &str) -> Result<Forecast, OperatorError> {
        self.view()?.forecast(question)
    }

    /// What is left of the budget.
    ///
    /// # Errors
    /// [`OperatorError::Ledger`]
    pub fn remaining(&self) -> Result<Remaining, OperatorError> {
        self.view()?.remaining()
    }

    /// Everything a question may name, with its reach.
    ///
    /// # Errors
    /// [`OperatorError::Bug`]
    pub fn vocabulary(&self) -> Result<Vocabulary, OperatorError> {
        Ok(self.view()?.vocabulary())
    }

    /// What the metrics of the study cost, question by question; free, and no data is touched.
    ///
    /// # Errors
    /// [`OperatorError::Bug`]
    pub fn forecast_metrics(&self) -> Result<MetricsForecast, OperatorError> {
        self.view()?.forecast_metrics()
    }

    fn view(&self) -> Result<View<'_>, OperatorError> {
        let inner = &*self.inner;
        Ok(View {
            adopted: self.adopted()?,
            recipient: &self.recipient,
            accounting: inner.law.accounting,
            book: &*inner.books.ledger,
            epochs: inner.shelf.epochs()?,
            now: inner.clock.now(),
        })
    }

    fn adopted(&self) -> Result<Arc<Adopted>, OperatorError> {
        let law = self.inner.law.in_force();
        law.studies.get(&self.study).cloned().ok_or(OperatorError::Bug("an analyst's study is adopted"))
    }

    /// Runs `ask` under the study as it is in force, which nothing replaces until it has returned.
    pub(in crate::operator) fn under_law<T>(
        &self,
        ask: impl FnOnce(&Adopted) -> Result<T, OperatorError>,
    ) -> Result<T, OperatorError> {
        let _unchanged = self.inner.law.unchanged()?;
        ask(&*self.adopted()?)
    }

    /// How the pool counts.
    pub(in crate::operator) fn accounting(&self) -> Accounting {
        self.inner.law.accounting
    }

    /// Runs `reply` and returns at the end of a slot, whatever it was.
    pub(in crate::operator) fn in_slot<T>(&self, reply: impl FnOnce() -> T) -> T {
        // Around the slot, so that it lasts as long as the reply.
        span!("ask");
        let started = Instant::now();
        let replied = reply();
        if let Some(slot) = self.inner.response_slot.filter(|slot| !slot.is_zero()) {
            let slots = started.elapsed().as_nanos() / slot.as_nanos() + 1;
            let due = u64::try_from(slots * slot.as_nanos()).map(Duration::from_nanos).unwrap_or(slot);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        replied
    }

    /// Asks under a study; within [`Analyst::under_law`].
    pub(in crate::operator) fn ask_under(
        &self,
        adopted: &Adopted,
        ask: &Query,
        epoch: Option<&EpochId>,
    ) -> Result<Answer, OperatorError> {
        let inner = &*self.inner;
        let plan = plan(ask, adopted, inner.law.accounting)?;
        inner.retire_ended()?;
        let _unretired = inner.shelf.unretired()?;
        let now = inner.clock.now();
        let epoch = find(&inner.shelf.epochs()?, epoch, adopted, now)?;
        check_folder(&*inner.storage, &epoch)?;
        let recipient = adopted.study.recipient(&self.recipient);
        let recipient = recipient.ok_or(OperatorError::Bug("an analyst's recipient is in its study"))?;
        // A stored answer is not handed out either: it stays what was released, and `prove` still opens it.
        let closed = closed(&epoch, adopted, now);
        let permit = match decide(&adopted.study, &adopted.regime, recipient, now) {
            Decision::Permit(flow) if closed.is_empty() => flow.permit(plan.claim().question),
            Decision::Permit(_) => return self.refuse(&plan, &epoch, closed, now),
            Decision::Deny(reasons) => return self.refuse(&plan, &epoch, [reasons, closed].concat(), now),
        };
        let cube = inner.cube(&epoch, adopted, &self.recipient, plan.set())?;
        let shapes = shapes(&adopted.study)?;
        let shape =
            shapes.get(plan.set()).ok_or(OperatorError::Bug("a plan names a tag set of its study"))?;
        let question = ChargedQuery {
            study_cap: units_of(adopted.study.cap, inner.law.accounting),
            recipient_cap: units_of(recipient.share, inner.law.accounting),
            epoch: &epoch.epoch,
            text: plan.question(),
            claim: plan.claim(),
            units: plan.cost(),
            selection: &selection(&plan, adopted),
            shape,
            layout: &layout(&plan, adopted.study.release.min_people),
            began: None,
        };
        match inner.with_door(|door| door.release(permit, &question, &cube))? {
            Outcome::Released(mut released) => {
                show(plan.shown(), &mut released);
                Ok(Answer::Released(released))
            }
            Outcome::OverBudget(limits) => {
                let left = limits.iter().map(|limit| limit.limit.saturating_sub(limit.spent)).min();
                let fitting = left.and_then(|left| plan.price_within(left));
                let reasons = limits.iter().map(|limit| over_budget(limit, fitting.as_deref()));
                self.refuse(&plan, &epoch, reasons.collect(), now)
            }
        }
    }

    /// A refusal is logged before it is returned.
    fn refuse(
        &self,
        plan: &Plan,
        epoch: &EpochFile,
        reasons: Vec<Reason>,
        now: Timestamp,
    ) -> Result<Answer, OperatorError> {
        let mut body = Map::new();
        body.insert("act".into(), json!("ask"));
        body.insert("study".into(), json!(self.study));
        body.insert("recipient".into(), json!(self.recipient));
        body.insert("epoch".into(), json!(epoch.epoch));
        body.insert("question".into(), json!(plan.question()));
        body.insert("rules".into(), reasons.iter().map(|reason| json!(reason.rule)).collect());
        self.inner.books.append(Kind::Refuse, now, body)?;
        Ok(Answer::Refused(reasons))
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

/// A limit in the way, as a reason like any other, and the price that would fit all of them: public numbers only.
fn over_budget(limit: &OverBudget, fitting: Option<&str>) -> Reason {
    let whose = match limit.share {
        Share::Pool => "the pool of the sandbox",
        Share::Recipient => "the share of the recipient",
        Share::Study => "the cap of the study",
    };
    let OverBudget { limit, spent, asked, .. } = limit;
    Reason {
        rule: "BUDGET".into(),
        article: String::new(),
        because: format!("{whose} has {} of {limit} units left, and the query costs {asked}", limit.saturating_sub(*spent)),
        fix: match fitting {
            Some(price) => format!("`WITH ({price})` would fit what is left; or drop a tag to which others contribute, or repeat a query that was answered before"),
            None => "no error fits what is left: drop a tag to which others contribute, or repeat a query that was answered before".into(),
        },
    }
}
