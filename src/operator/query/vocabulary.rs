//! What anyone who may ask sees before asking: forecasts, what is left, the vocabulary. Nothing here can charge or draw.

use std::sync::Arc;

use crate::dp::{Accounting, rho_of};
use crate::ledger::Book;
use crate::operator::law::in_force::Studies;
use crate::operator::query::metrics::Program;
use crate::operator::query::prepared::plan;
use crate::operator::sandbox::EpochFile;
use crate::operator::{Adopted, MetricsForecast, OperatorError};
use crate::query::{Forecast, Plan, parse};
use crate::types::{Denomination, NanoEpsilon, RecipientId, StudyId, Timestamp};

/// The budget as an analyst may see it, in units of the pool.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remaining {
    /// Spent since the pool was opened, by everybody.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub spent: u128,
    /// The pool's limit.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub limit: u128,
    /// Spent ever, by everybody.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub lifetime: u128,
    /// The study's own cap, if it has one, and what it spent.
    #[serde(serialize_with = "crate::types::exact::share")]
    pub study: Option<(u128, u128)>,
    /// The recipient's own share, if it has one, and what it spent under all studies.
    #[serde(serialize_with = "crate::types::exact::share")]
    pub recipient: Option<(u128, u128)>,
    /// How the pool counts.
    pub accounting: Accounting,
}

impl Remaining {
    /// What may still be spent: the least that pool, study and recipient have left.
    #[must_use]
    pub fn left(&self) -> u128 {
        let caps = [Some((self.limit, self.spent)), self.study, self.recipient];
        caps.into_iter().flatten().map(|(limit, spent)| limit.saturating_sub(spent)).min().unwrap_or(0)
    }
}

/// One tag as an analyst sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TagView {
    /// Its name.
    pub name: String,
    /// Its closed vocabulary.
    pub labels: Vec<String>,
    /// How many people one person can move in it.
    pub reach: u32,
    /// Why.
    pub because: String,
}

/// One measure that can be summed and averaged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MeasureView {
    /// Its name.
    pub name: String,
    /// The range that each person's value is clamped to.
    pub clamp: (i64, i64),
    /// What its values are shown in, if they are amounts of a declared unit; clamp and grid are in minor units.
    pub denomination: Option<Denomination>,
    /// The lower bounds of its grid; without one it has no quantiles.
    pub grid: Option<Vec<i64>>,
    /// How many people one person can move in it.
    pub reach: u32,
    /// Why.
    pub because: String,
}

/// Everything a question may name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Vocabulary {
    /// The tags.
    pub tags: Vec<TagView>,
    /// The measures.
    pub measures: Vec<MeasureView>,
    /// Tag sets: a question stays inside one.
    pub sets: Vec<(String, Vec<String>)>,
    /// Named metrics with what they mean.
    pub metrics: Vec<(String, String)>,
}

/// A sandbox as one recipient under one study sees it.
pub struct View<'a> {
    pub(in crate::operator) adopted: Arc<Adopted>,
    pub(in crate::operator) recipient: &'a RecipientId,
    pub(in crate::operator) accounting: Accounting,
    pub(in crate::operator) book: &'a dyn Book,
    pub(in crate::operator) epochs: Arc<Vec<EpochFile>>,
    pub(in crate::operator) now: Timestamp,
}

impl View<'_> {
    /// What a question would cost and how wide its answer would be; free, and no data is touched.
    ///
    /// # Errors
    /// [`OperatorError::Query`]
    pub fn forecast(&self, question: &str) -> Result<Forecast, OperatorError> {
        let ask = parse(question, &self.adopted.study.catalogue)?;
        Ok(plan(&ask, &self.adopted, self.accounting)?.forecast())
    }

    /// What the metrics of the study cost, question by question; free, and no data is touched.
    ///
    /// # Errors
    /// [`OperatorError::Bug`]
    pub fn forecast_metrics(&self) -> Result<MetricsForecast, OperatorError> {
        let metrics = self.adopted.study.metrics.iter();
        let metrics = metrics.map(|m| (m.name.clone(), m.unit.clone(), m.means.clone())).collect();
        let questions = Program::adopted(&self.adopted, self.accounting)?;
        Ok(MetricsForecast { metrics, questions: questions.plans().map(Plan::forecast).collect() })
    }

    /// What is left of the budget.
    ///
    /// # Errors
    /// [`OperatorError::Ledger`]
    pub fn remaining(&self) -> Result<Remaining, OperatorError> {
        let (totals, study) = (self.book.spent()?, &self.adopted.study);
        let cap = |limit: Option<NanoEpsilon>, spent: Option<&u128>| {
            units_of(limit, self.accounting).map(|limit| (limit, spent.copied().unwrap_or(0)))
        };
        let share = study.recipient(self.recipient).and_then(|recipient| recipient.share);
        Ok(Remaining {
            spent: totals.pool,
            limit: self.book.pool()?.limit,
            lifetime: totals.lifetime,
            study: cap(study.cap, totals.studies.get(study.id.as_str())),
            recipient: cap(share, totals.recipients.get(self.recipient.as_str())),
            accounting: self.accounting,
        })
    }

    /// Everything a question may name, with its reach.
    #[must_use]
    pub fn vocabulary(&self) -> Vocabulary {
        let study = &self.adopted.study;
        let catalogue = &study.catalogue;
        let tags = catalogue.tags().iter().enumerate().map(|(index, tag)| {
            let reach = catalogue.reach([&index], []);
            let labels = tag.labels().iter().map(ToString::to_string).collect();
            TagView { name: tag.name().to_owned(), labels, reach: reach.people, because: reach.to_string() }
        });
        let measures = catalogue.summable().map(|(index, measure)| {
            let reach = catalogue.reach([], [&index]);
            MeasureView {
                name: measure.name.clone().unwrap_or_default(),
                clamp: (measure.range().low(), measure.range().high()),
                denomination: measure.unit.clone(),
                grid: measure
                    .grid
                    .as_ref()
                    .map(|grid| grid.ranges().into_iter().map(|(low, _)| low).collect()),
                reach: reach.people,
                because: reach.to_string(),
            }
        });
        let name = |tag: &usize| catalogue.tags().get(*tag).map(|tag| tag.name().to_owned());
        let sets =
            catalogue.sets().iter().map(|set| (set.name.clone(), set.tags.iter().filter_map(name).collect()));
        let metrics = study.metrics.iter().map(|metric| (metric.name.clone(), metric.means.clone()));
        Vocabulary {
            tags: tags.collect(),
            measures: measures.collect(),
            sets: sets.collect(),
            metrics: metrics.collect(),
        }
    }
}

/// A cap in units of the pool, rounded down.
pub(in crate::operator) fn units_of(cap: Option<NanoEpsilon>, accounting: Accounting) -> Option<u128> {
    cap.map(|epsilon| units(epsilon, accounting))
}

/// An epsilon in units of the pool, rounded down.
pub(in crate::operator) fn units(epsilon: NanoEpsilon, accounting: Accounting) -> u128 {
    match accounting {
        Accounting::Pure => epsilon.get(),
        Accounting::Zcdp { delta } => rho_of(epsilon, delta).get(),
    }
}

/// The study of this id.
pub(in crate::operator) fn named_study<'a>(
    studies: &'a Studies,
    study: &StudyId,
) -> Result<&'a Arc<Adopted>, OperatorError> {
    let unknown = || OperatorError::Unknown {
        kind: "study",
        name: study.to_string(),
        known: studies.keys().map(ToString::to_string).collect(),
    };
    studies.get(study).ok_or_else(unknown)
}

/// The study under which `recipient` asks; `study` may be left out where only one study names the recipient.
pub(in crate::operator) fn naming<'a>(
    studies: &'a Studies,
    recipient: &RecipientId,
    study: Option<&StudyId>,
) -> Result<&'a Arc<Adopted>, OperatorError> {
    study.map(|study| named_study(studies, study)).transpose()?;
    let naming = studies.values().filter(|adopted| study.is_none_or(|study| adopted.study.id == *study));
    let naming: Vec<&Arc<Adopted>> =
        naming.filter(|adopted| adopted.study.recipient(recipient).is_some()).collect();
    match naming.as_slice() {
        [only] => Ok(only),
        [] => {
            let all = studies.values().flat_map(|adopted| &adopted.study.recipients);
            let known = all.map(|recipient| recipient.id.to_string()).collect();
            Err(OperatorError::Unknown { kind: "recipient", name: recipient.to_string(), known })
        }
        several => {
            let names: Vec<String> = several.iter().map(|adopted| adopted.study.id.to_string()).collect();
            let names = names.join(", ");
            Err(OperatorError::Invalid(format!(
                "recipient `{recipient}` is in several studies ({names}): say which"
            )))
        }
    }
}
