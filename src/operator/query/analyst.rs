//! The analyst's handle: ask, forecast, remaining, vocabulary, and nothing else.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, json};

use crate::audit::Kind;
use crate::dp::Accounting;
use crate::ledger::{OverBudget, Share};
use crate::operator::query::post_processing::show;
use crate::operator::query::prepared::Prepared;
use crate::operator::query::vocabulary::{Remaining, View, Vocabulary, naming, units_of};
use crate::operator::sandbox::EpochFile;
use crate::operator::shelf::epoch_selection::{closed, find};
use crate::operator::shelf::sealed::check_folder;
use crate::operator::{Adopted, MetricsForecast, Operator, OperatorError, SandboxState};
use crate::policy::{Decision, Reason};
use crate::query::{Forecast, Plan, Query};
use crate::release::{ChargedQuery, Outcome, Released};
use crate::types::trace::span;
use crate::types::{EpochId, RecipientId, StudyId, Timestamp};

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
                let query = adopted.cache.prepared(question, adopted, &self.recipient, self.accounting())?;
                self.ask_under(adopted, &query, epoch)
            })
        })
    }

    /// Asks a question that was built in Rust or read from JSON.
    ///
    /// # Errors
    /// As [`Analyst::ask`].
    pub fn ask_query(&self, question: &Query, epoch: Option<&EpochId>) -> Result<Answer, OperatorError> {
        self.in_slot(|| {
            self.under_law(|adopted| {
                self.ask_under(adopted, &Prepared::new(question, adopted, self.accounting())?, epoch)
            })
        })
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
        query: &Prepared,
        epoch: Option<&EpochId>,
    ) -> Result<Answer, OperatorError> {
        let inner = &*self.inner;
        let Prepared { plan, shape, selection, layout } = query;
        inner.retire_ended()?;
        let _unretired = inner.shelf.unretired()?;
        let now = inner.clock.now();
        let epoch = find(&inner.shelf.epochs()?, epoch, adopted, now)?;
        check_folder(&*inner.storage, &epoch)?;
        let recipient = adopted.study.recipient(&self.recipient);
        let recipient = recipient.ok_or(OperatorError::Bug("an analyst's recipient is in its study"))?;
        // A stored answer is not handed out either: it stays what was released, and `prove` still opens it.
        let closed = closed(&epoch, adopted, now);
        let permit = match &*adopted.cache.decision(adopted, recipient, now) {
            Decision::Permit(flow) if closed.is_empty() => flow.permit(plan.claim().question),
            Decision::Permit(_) => return self.refuse(plan, &epoch, closed, now),
            Decision::Deny(reasons) => {
                return self.refuse(plan, &epoch, [reasons.clone(), closed].concat(), now);
            }
        };
        let cube = inner.cube(&epoch, adopted, &self.recipient, plan.set())?;
        let question = ChargedQuery {
            study_cap: units_of(adopted.study.cap, inner.law.accounting),
            recipient_cap: units_of(recipient.share, inner.law.accounting),
            epoch: &epoch.epoch,
            text: plan.question(),
            claim: plan.claim(),
            units: plan.cost(),
            selection,
            shape,
            layout,
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
                self.refuse(plan, &epoch, reasons.collect(), now)
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
