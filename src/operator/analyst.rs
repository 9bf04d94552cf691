//! The analyst's handle: ask, forecast, remaining, vocabulary, and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, json};

use super::sandbox::EpochFile;
use super::seal::newest;
use super::shown::show;
use super::{Adopted, Inner, Operator, OperatorError};
use crate::audit::Kind;
use crate::dp::{Accounting, rho_of};
use crate::engine::shapes;
use crate::ledger::{OverBudget, Share};
use crate::policy::{Decision, Reason, decide};
use crate::query::{Ask, ColumnKind, Defaults, Forecast, PartKind, Plan, parse};
use crate::release::{Holds, Layout, Outcome, Question, Released, Selection, Value};
use crate::types::{EpochId, NanoEpsilon, RecipientId, StudyId, Timestamp};

/// What became of a question.
#[derive(Debug)]
pub enum Answer {
    /// It left through the door.
    Released(Box<Released>),
    /// It was refused, for all of these reasons; logged.
    Refused(Vec<Reason>),
}

/// The budget as an analyst may see it, in units of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// Spent since the pool was opened, by everybody.
    pub spent: u128,
    /// The pool's limit.
    pub limit: u128,
    /// Spent ever, by everybody.
    pub lifetime: u128,
    /// The study's own cap, if it has one, and what it spent.
    pub study: Option<(u128, u128)>,
    /// The recipient's own share, if it has one, and what it spent under all studies.
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureView {
    /// Its name.
    pub name: String,
    /// The range that each person's value is clamped to.
    pub clamp: (i64, i64),
    /// The lower bounds of its grid; without one it has no quantiles.
    pub grid: Option<Vec<i64>>,
    /// How many people one person can move in it.
    pub reach: u32,
    /// Why.
    pub because: String,
}

/// Everything a question may name.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Asks questions for one recipient under one study. Cheap to clone; blocking; writes to no stream.
#[derive(Clone)]
pub struct Analyst {
    inner: Arc<Inner>,
    study: StudyId,
    recipient: RecipientId,
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
        let studies = &self.inner.studies;
        if let Some(study) = study
            && !studies.contains_key(study)
        {
            let known = studies.keys().map(ToString::to_string).collect();
            return Err(OperatorError::Unknown { kind: "study", name: study.to_string(), known });
        }
        let naming = studies.values().filter(|adopted| study.is_none_or(|study| adopted.study.id == *study));
        let naming: Vec<&Adopted> =
            naming.filter(|adopted| adopted.study.recipient(recipient).is_some()).collect();
        match naming.as_slice() {
            [only] => {
                let study = only.study.id.clone();
                Ok(Analyst { inner: Arc::clone(&self.inner), study, recipient: recipient.clone() })
            }
            [] => {
                let all = studies.values().flat_map(|adopted| &adopted.study.recipients);
                let known = all.map(|recipient| recipient.id.to_string()).collect();
                Err(OperatorError::Unknown { kind: "recipient", name: recipient.to_string(), known })
            }
            several => {
                let names: Vec<String> = several.iter().map(|adopted| adopted.study.id.to_string()).collect();
                let message = format!(
                    "recipient `{recipient}` is in several studies ({}): say which",
                    names.join(", ")
                );
                Err(OperatorError::Invalid(message))
            }
        }
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
    /// the response slot, so that its time tells nothing about people.
    pub fn ask(&self, question: &str, epoch: Option<&EpochId>) -> Result<Answer, OperatorError> {
        self.in_slot(|| self.ask_parsed(&parse(question, &self.adopted()?.study.catalogue)?, epoch))
    }

    /// Asks a question that was built in Rust or read from JSON.
    ///
    /// # Errors
    /// As [`Analyst::ask`].
    pub fn ask_built(&self, question: &Ask, epoch: Option<&EpochId>) -> Result<Answer, OperatorError> {
        self.in_slot(|| self.ask_parsed(question, epoch))
    }

    /// What a question would cost and how wide its answer would be; free, and no data is touched.
    ///
    /// # Errors
    /// [`OperatorError::Question`]
    pub fn forecast(&self, question: &str) -> Result<Forecast, OperatorError> {
        let adopted = self.adopted()?;
        let ask = parse(question, &adopted.study.catalogue)?;
        Ok(plan(&ask, adopted, self.inner.accounting)?.forecast())
    }

    /// What is left of the budget.
    ///
    /// # Errors
    /// [`OperatorError::Ledger`]
    pub fn remaining(&self) -> Result<Remaining, OperatorError> {
        let totals = self.inner.ledger.spent()?;
        let study = &self.adopted()?.study;
        let cap = |limit: Option<NanoEpsilon>, spent: Option<&u128>| {
            self.inner.units_of(limit).map(|limit| (limit, spent.copied().unwrap_or(0)))
        };
        let share = study.recipient(&self.recipient).and_then(|recipient| recipient.share);
        Ok(Remaining {
            spent: totals.pool,
            limit: self.inner.ledger.pool().limit,
            lifetime: totals.lifetime,
            study: cap(study.cap, totals.studies.get(study.id.as_str())),
            recipient: cap(share, totals.recipients.get(self.recipient.as_str())),
            accounting: self.inner.accounting,
        })
    }

    /// Everything a question may name, with its reach.
    ///
    /// # Errors
    /// [`OperatorError::Bug`]
    pub fn vocabulary(&self) -> Result<Vocabulary, OperatorError> {
        let study = &self.adopted()?.study;
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
        Ok(Vocabulary {
            tags: tags.collect(),
            measures: measures.collect(),
            sets: sets.collect(),
            metrics: metrics.collect(),
        })
    }

    pub(super) fn adopted(&self) -> Result<&Adopted, OperatorError> {
        self.inner.studies.get(&self.study).ok_or(OperatorError::Bug("an analyst's study is adopted"))
    }

    /// How the pool counts.
    pub(super) fn accounting(&self) -> Accounting {
        self.inner.accounting
    }

    /// Runs `reply` and returns at the end of a slot, whatever it was.
    pub(super) fn in_slot<T>(&self, reply: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let replied = reply();
        if let Some(slot) = self.inner.response_slot.filter(|slot| !slot.is_zero()) {
            let slots = started.elapsed().as_nanos() / slot.as_nanos() + 1;
            let due = u64::try_from(slots * slot.as_nanos()).map(Duration::from_nanos).unwrap_or(slot);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        replied
    }

    pub(super) fn ask_parsed(&self, ask: &Ask, epoch: Option<&EpochId>) -> Result<Answer, OperatorError> {
        let (inner, adopted) = (&*self.inner, self.adopted()?);
        let plan = plan(ask, adopted, inner.accounting)?;
        let epoch = self.epoch(epoch, adopted)?;
        let now = inner.clock.now();
        let recipient = adopted.study.recipient(&self.recipient);
        let recipient = recipient.ok_or(OperatorError::Bug("an analyst's recipient is in its study"))?;
        let permit = match decide(&adopted.study, &adopted.regime, recipient, now) {
            Decision::Permit(flow) => flow.permit(plan.claim().question),
            Decision::Deny(reasons) => return self.refuse(&plan, &epoch, reasons, now),
        };
        let cube = inner.cube(&epoch, adopted, &self.recipient, plan.set())?;
        let shapes = shapes(&adopted.study)?;
        let shape =
            shapes.get(plan.set()).ok_or(OperatorError::Bug("a plan names a tag set of its study"))?;
        let question = Question {
            study_cap: inner.units_of(adopted.study.cap),
            recipient_cap: inner.units_of(recipient.share),
            epoch: &epoch.epoch,
            text: plan.question(),
            claim: plan.claim(),
            units: plan.cost(),
            selection: &selection(&plan, adopted),
            shape,
            layout: &layout(&plan, adopted.study.release.min_people),
            now,
        };
        match inner.door().release(permit, &question, &cube)? {
            Outcome::Released(mut released) => {
                show(plan.shown(), &mut released);
                Ok(Answer::Released(released))
            }
            Outcome::OverBudget(limits) => {
                self.refuse(&plan, &epoch, limits.iter().map(over_budget).collect(), now)
            }
        }
    }

    fn epoch(&self, wanted: Option<&EpochId>, adopted: &Adopted) -> Result<EpochFile, OperatorError> {
        let all = self.inner.epochs()?;
        // An adopted study answers only from epochs sealed under its own text.
        let same = |epoch: &EpochFile| {
            epoch.studies.iter().any(|entry| entry.id == adopted.study.id && entry.hash == adopted.study.hash)
        };
        let own: Vec<EpochFile> = all.into_iter().filter(same).collect();
        let found = match wanted {
            Some(id) => own.iter().find(|epoch| epoch.epoch == *id),
            None => newest(&own),
        };
        found.cloned().ok_or_else(|| OperatorError::Unknown {
            kind: "epoch",
            name: wanted.map_or_else(|| "(the newest)".to_owned(), ToString::to_string),
            known: own.iter().map(|epoch| epoch.epoch.to_string()).collect(),
        })
    }

    /// A refusal is logged before it is said.
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
        self.inner.append(Kind::Refuse, now, body)?;
        Ok(Answer::Refused(reasons))
    }
}

pub(super) fn plan(ask: &Ask, adopted: &Adopted, accounting: Accounting) -> Result<Plan, OperatorError> {
    let terms = &adopted.study.release;
    let defaults = Defaults {
        default_error: terms.default_error,
        default_error_of: terms.default_error_of.clone(),
        min_people: terms.min_people,
    };
    Ok(Plan::new(ask, &adopted.study.catalogue, &defaults, accounting)?)
}

/// Which cell of the set's cube goes into which group: from the vocabulary alone.
pub(super) fn selection(plan: &Plan, adopted: &Adopted) -> Selection {
    let catalogue = &adopted.study.catalogue;
    let tags = catalogue.sets().get(plan.set()).map_or(&[][..], |set| &set.tags);
    let radices: Vec<usize> =
        tags.iter().map(|tag| catalogue.tags().get(*tag).map_or(1, |tag| tag.labels().len())).collect();
    let cells: usize = radices.iter().product();
    let mut codes = vec![0; radices.len()];
    let mut groups = Vec::with_capacity(cells);
    for _ in 0..cells {
        let group = plan.matches(&codes).then(|| plan.cell(&codes)).flatten();
        groups.push(group.and_then(|group| u32::try_from(group).ok()));
        // Counts on like an odometer: the last tag fastest, as the cube's cells are ordered.
        for (code, radix) in codes.iter_mut().zip(&radices).rev() {
            *code += 1;
            if *code < *radix {
                break;
            }
            *code = 0;
        }
    }
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
    Selection { groups, values: plan.parts().iter().filter_map(|part| value(part.kind)).collect() }
}

fn layout(plan: &Plan, min_people: u64) -> Layout {
    let labels = |cell| plan.group_labels(cell).into_iter().map(ToString::to_string).collect();
    let people =
        |part: usize| plan.parts().get(part).is_some_and(|part| !matches!(part.kind, PartKind::Sum { .. }));
    let columns = plan.columns().iter().filter_map(|column| {
        let holds = match &column.kind {
            ColumnKind::Number { part, offset } => {
                Holds::Number { part: *part, offset: *offset, people: people(*part) }
            }
            ColumnKind::Average { sum, count, range } => {
                Holds::Average { sum: *sum, count: *count, range: *range }
            }
            ColumnKind::Quantile { part, level, ranges } => {
                Holds::Quantile { part: *part, level: level.thousandths(), ranges: ranges.clone() }
            }
            ColumnKind::Tag(_) => return None,
        };
        Some((column.name.clone(), holds))
    });
    // A tag that is selected under another name is shown under it.
    let shown = |(position, name): (usize, &str)| {
        let column = plan.columns().iter().find(|column| column.kind == ColumnKind::Tag(position));
        column.map_or_else(|| name.to_owned(), |column| column.name.clone())
    };
    Layout {
        tags: plan.group_names().enumerate().map(shown).collect(),
        groups: (0..plan.cells()).map(labels).collect(),
        columns: columns.collect(),
        counted: plan.parts().iter().position(|part| part.kind == PartKind::Count),
        min_people,
        confidence: plan.confidence().into(),
    }
}

/// A limit in the way, as a reason like any other: public numbers only.
fn over_budget(limit: &OverBudget) -> Reason {
    let whose = match limit.share {
        Share::Pool => "the pool of the sandbox",
        Share::Recipient => "the share of the recipient",
        Share::Study => "the cap of the study",
    };
    let OverBudget { limit, spent, asked, .. } = limit;
    Reason {
        rule: "BUDGET".into(),
        article: String::new(),
        because: format!("{whose} has {} of {limit} units left, and the question costs {asked}", limit.saturating_sub(*spent)),
        fix: "allow a larger error, drop a tag that others can move, or ask a question that was answered before".into(),
    }
}

impl Inner {
    /// A cap in units of the pool, rounded down.
    pub(super) fn units_of(&self, cap: Option<NanoEpsilon>) -> Option<u128> {
        cap.map(|epsilon| match self.accounting {
            Accounting::Pure => epsilon.get(),
            Accounting::Zcdp { delta } => rho_of(epsilon, delta).get(),
        })
    }
}
