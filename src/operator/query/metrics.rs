//! The named metrics of a study: their questions are asked once each, their values are post-processing.

use std::collections::BTreeMap;

use crate::dp::{Accounting, Mechanism};
use crate::operator::query::prepared::{Prepared, plan, plan_under};
use crate::operator::{Adopted, Analyst, Answer, Given, OperatorError, Reader};
use crate::policy::{Formula, Operand, Reason, StudyError, StudyFault};
use crate::query::metric::{Estimate, Node, Number, Questions, Written, evaluate};
use crate::query::{
    Canonical, ColumnKind, Condition, Forecast, Plan, Possible, Query, QueryError, parse, possible,
};
use crate::release::{Released, Row};
use crate::tags::Catalogue;
use crate::types::{EpochId, RecipientId, StudyId};

/// One metric in one group.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MetricRow {
    /// Tag and label of the group.
    pub group: Vec<(String, String)>,
    /// The value with its interval, limited to what is possible; `None` where a number of it is suppressed.
    pub estimate: Option<Estimate>,
    /// What values it can have, whatever the noise: a share of people lies between 0 and 1.
    pub possible: Possible,
}

/// One metric of the study.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MetricAnswer {
    /// Its name.
    pub name: String,
    /// What it is counted in.
    pub unit: String,
    /// What it means.
    pub means: String,
    /// Its values, or why a question of it was refused.
    pub outcome: Result<Vec<MetricRow>, Vec<Reason>>,
}

/// All metrics of a study, and the questions behind them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Metrics {
    /// The metrics in declared order.
    pub metrics: Vec<MetricAnswer>,
    /// The answers behind them, each charged once.
    pub answers: Vec<Released>,
}

impl Metrics {
    /// What this run charged, in units of the pool: a stored answer costs nothing.
    #[must_use]
    pub fn units(&self) -> u128 {
        self.answers.iter().filter(|answer| !answer.stored).map(|answer| answer.units).sum()
    }
}

/// What all metrics of a study cost together.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MetricsForecast {
    /// The metrics: name, unit and meaning.
    pub metrics: Vec<(String, String, String)>,
    /// The questions behind them. One that was answered before is free.
    pub questions: Vec<Forecast>,
}

impl MetricsForecast {
    /// The cost of all questions, in units of the pool.
    #[must_use]
    pub fn cost(&self) -> u128 {
        self.questions.iter().fold(0, |sum, question| sum.saturating_add(question.cost))
    }
}

/// The metrics of a study, resolved against its catalogue.
pub(in crate::operator) struct Program {
    asks: Vec<Query>,
    plans: Vec<Plan>,
    nodes: Vec<Node>,
}

/// The most numbers that all formulas may have together, metrics inside metrics counted each time.
const MOST_NUMBERS: usize = 10_000;

/// A metric without meaning, and its place in the study file.
type Misplaced = (std::ops::Range<usize>, String);

impl Program {
    pub(in crate::operator) fn new(adopted: &Adopted, accounting: Accounting) -> Result<Self, Misplaced> {
        let mut builder = Builder { adopted, questions: Questions::default(), left: MOST_NUMBERS };
        let metrics = &adopted.study.metrics;
        let nodes = (0..metrics.len()).map(|metric| builder.metric(metric)).collect::<Result<Vec<_>, _>>()?;
        let asks: Vec<Query> = builder.questions.asks().cloned().collect();
        let mut plans = Vec::new();
        for (question, ask) in asks.iter().enumerate() {
            plans.push(plan(ask, adopted, accounting).map_err(|error| {
                let user = nodes.iter().position(|node| numbers(node).iter().any(|n| n.question == question));
                let place =
                    user.and_then(|user| metrics.get(user)).map_or(0..0, |metric| metric.place.clone());
                (place, error.to_string())
            })?);
        }
        Ok(Self { asks, plans, nodes })
    }

    /// The metrics of a study that was checked when it was adopted.
    pub(in crate::operator) fn adopted(
        adopted: &Adopted,
        accounting: Accounting,
    ) -> Result<Self, OperatorError> {
        Self::new(adopted, accounting)
            .map_err(|_| OperatorError::Bug("the metrics of an adopted study were checked"))
    }

    pub(in crate::operator) fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter()
    }
}

struct Builder<'a> {
    adopted: &'a Adopted,
    questions: Questions,
    left: usize,
}

impl Builder<'_> {
    fn metric(&mut self, position: usize) -> Result<Node, Misplaced> {
        let adopted = self.adopted;
        let Some(metric) = adopted.study.metrics.get(position) else {
            return Err((0..0, "no metric".into()));
        };
        let mut operands = Vec::new();
        for operand in metric.formula.operands() {
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                (metric.place.clone(), format!("the metrics need more than {MOST_NUMBERS} numbers"))
            })?;
            operands.push(match operand {
                Operand::Metric(other) => self.metric(*other)?,
                Operand::Number { text, place } => {
                    let written =
                        Written { text, by: &metric.by, error: metric.error, error_of: &metric.error_of };
                    let catalogue = &adopted.study.catalogue;
                    self.questions.add(written, catalogue).map_err(|error| (place.clone(), pointed(error)))?
                }
            });
        }
        let mut next = operands.into_iter();
        let (first, second) = match &metric.formula {
            Formula::Weighted(weights) => {
                return Ok(Node::Weighted(weights.iter().map(|(weight, _)| *weight).zip(next).collect()));
            }
            Formula::Value(_) => (next.next(), None),
            _ => (next.next(), next.next()),
        };
        let (first, second) = match (first, second) {
            (Some(first), Some(second)) => (first, second),
            (Some(only), None) => return Ok(only),
            _ => return Err((metric.place.clone(), "a metric without a number".into())),
        };
        Node::check_different(&first, &second).map_err(|error| (metric.place.clone(), error.to_string()))?;
        let (first, second) = (Box::new(first), Box::new(second));
        Ok(match &metric.formula {
            Formula::Difference(..) => Node::Difference(first, second),
            Formula::Growth(..) => Node::Ratio(first, second, 1.0),
            Formula::Product(..) => Node::Product(first, second),
            Formula::Ratio(..) | Formula::Value(_) | Formula::Weighted(_) => Node::Ratio(first, second, 0.0),
        })
    }
}

/// A question's own error; its place is that of the text inside the study.
fn pointed(mut error: QueryError) -> String {
    error.place = None;
    error.to_string()
}

fn numbers(node: &Node) -> Vec<Number> {
    match node {
        Node::Number(number) => vec![*number],
        Node::Ratio(first, second, _) | Node::Difference(first, second) | Node::Product(first, second) => {
            [numbers(first), numbers(second)].concat()
        }
        Node::Weighted(all) => all.iter().flat_map(|(_, node)| numbers(node)).collect(),
    }
}

/// Refuses a study whose metrics mean nothing in its own catalogue, with their place in its text.
pub(in crate::operator) fn check_metrics(
    adopted: &Adopted,
    file: &str,
    text: &str,
    accounting: Accounting,
) -> Result<(), StudyError> {
    Program::new(adopted, accounting).map(drop).map_err(|(place, message)| {
        StudyError::at(file, text, Some(place), StudyFault::Contradiction(message))
    })
}

impl Analyst {
    /// The named metrics of the study, over `epoch` or the newest one. Numbers that several metrics use are charged once,
    /// and stored answers are free.
    ///
    /// # Errors
    /// As [`Analyst::ask`]; a refused question is shown beside the metrics that need it, and the others are answered.
    ///
    /// # Privacy
    /// That of its questions: each leaves by the door, and the formulas see released numbers only.
    pub fn metrics(&self, epoch: Option<&EpochId>) -> Result<Metrics, OperatorError> {
        self.in_slot(|| self.under_law(|adopted| self.metrics_under(adopted, epoch)))
    }

    fn metrics_under(&self, adopted: &Adopted, epoch: Option<&EpochId>) -> Result<Metrics, OperatorError> {
        let program = Program::adopted(adopted, self.accounting())?;
        let mut answers = BTreeMap::new();
        let mut refused = BTreeMap::new();
        for (question, ask) in program.asks.iter().enumerate() {
            match self.ask_under(adopted, &Prepared::new(ask, adopted, self.accounting())?, epoch)? {
                Answer::Released(released) => answers.insert(question, *released).map_or((), drop),
                Answer::Refused(reasons) => refused.insert(question, reasons).map_or((), drop),
            }
        }
        let study = &adopted.study;
        let catalogue = &study.catalogue;
        let declared = study.metrics.iter().zip(&program.nodes);
        let metrics = declared.map(|(metric, node)| {
            let missing = numbers(node).into_iter().find_map(|number| refused.get(&number.question));
            MetricAnswer {
                name: metric.name.clone(),
                unit: metric.unit.clone(),
                means: metric.means.clone(),
                outcome: match missing {
                    Some(reasons) => Err(reasons.clone()),
                    None => Ok(rows(node, program.possible(node, catalogue), &program.plans, &answers)),
                },
            }
        });
        Ok(Metrics { metrics: metrics.collect(), answers: answers.into_values().collect() })
    }
}

/// Metrics of one study, recipient and epoch, computed from answers that were given before.
#[derive(Debug, Clone, serde::Serialize)]
pub struct GivenMetrics {
    /// The study.
    pub study: StudyId,
    /// The recipient.
    pub recipient: RecipientId,
    /// The epoch.
    pub epoch: EpochId,
    /// The metrics of which every number was released, in declared order, each with its formula.
    pub metrics: Vec<(MetricAnswer, String)>,
}

/// The named metrics of the studies in force, while the answers that were given are read.
pub struct MetricsOfGiven<'r> {
    studies: Vec<OfStudy<'r>>,
}

/// The metrics of one study, and the answers to their questions by epoch and recipient: the last one to each.
struct OfStudy<'r> {
    adopted: &'r Adopted,
    program: Program,
    plans: Vec<Plan>,
    asked: BTreeMap<(EpochId, RecipientId), BTreeMap<usize, Released>>,
}

impl Reader {
    /// The named metrics of the studies in force, as far as all their numbers are among the answers that will be
    /// [taken in](MetricsOfGiven::take).
    ///
    /// # Errors
    /// [`OperatorError::Bug`]
    ///
    /// # Privacy
    /// None: post-processing of answers that left through the door.
    pub fn metrics_of_given(&self) -> Result<MetricsOfGiven<'_>, OperatorError> {
        let mut studies = Vec::new();
        for adopted in self.adopted() {
            let program = Program::adopted(adopted, self.accounting)?;
            // Stored answers are laid out as their canonical questions are.
            let mut plans = Vec::new();
            for plan in program.plans() {
                let ask = parse(plan.question(), &adopted.study.catalogue)?;
                plans.push(plan_under(&ask, &adopted.study, self.accounting)?);
            }
            studies.push(OfStudy { adopted, program, plans, asked: BTreeMap::new() });
        }
        Ok(MetricsOfGiven { studies })
    }
}

impl MetricsOfGiven<'_> {
    /// Takes an answer in, if a metric needs it; the last one to a question counts.
    pub fn take(&mut self, Given { released, .. }: &Given) {
        for study in self.studies.iter_mut().filter(|study| released.policy == study.adopted.study.hash) {
            let question = study.plans.iter().position(|plan| plan.question() == released.question);
            if let Some(question) = question {
                let place = (released.epoch.clone(), released.recipient.clone());
                study.asked.entry(place).or_default().insert(question, released.clone());
            }
        }
    }

    /// The metrics of which every number was among the answers.
    #[must_use]
    pub fn known(&self) -> Vec<GivenMetrics> {
        let mut all = Vec::new();
        for OfStudy { adopted, program, plans, asked } in &self.studies {
            for ((epoch, recipient), answers) in asked {
                let metrics = program.known(adopted, plans, answers);
                if !metrics.is_empty() {
                    let study = adopted.study.id.clone();
                    let (recipient, epoch) = (recipient.clone(), epoch.clone());
                    all.push(GivenMetrics { study, recipient, epoch, metrics });
                }
            }
        }
        all
    }
}

impl Program {
    /// What values a metric can have; any where a question has no canonical form, which no checked study has.
    fn possible(&self, node: &Node, catalogue: &Catalogue) -> Possible {
        let conditions = self.asks.iter().map(|ask| Ok(Canonical::new(ask, catalogue)?.condition));
        let conditions: Result<Vec<Option<Condition>>, QueryError> = conditions.collect();
        possible(node, &conditions.unwrap_or_default(), catalogue)
    }

    /// The metrics of which every number was answered.
    fn known(
        &self,
        adopted: &Adopted,
        plans: &[Plan],
        answers: &BTreeMap<usize, Released>,
    ) -> Vec<(MetricAnswer, String)> {
        let declared = adopted.study.metrics.iter().zip(&self.nodes);
        let known = declared
            .filter(|(_, node)| numbers(node).iter().all(|number| answers.contains_key(&number.question)));
        let described = known.map(|(metric, node)| {
            let answer = MetricAnswer {
                name: metric.name.clone(),
                unit: metric.unit.clone(),
                means: metric.means.clone(),
                outcome: Ok(rows(node, self.possible(node, &adopted.study.catalogue), plans, answers)),
            };
            (answer, adopted.study.formula_text(metric))
        });
        described.collect()
    }
}

/// The values of one metric, group by group.
fn rows(
    node: &Node,
    possible: Possible,
    plans: &[Plan],
    answers: &BTreeMap<usize, Released>,
) -> Vec<MetricRow> {
    let Some(first) = numbers(node).first().and_then(|number| answers.get(&number.question)) else {
        return Vec::new();
    };
    let rows = first.rows.iter().enumerate();
    rows.map(|(group, row)| {
        let noisy = |number: Number| {
            let (plan, answer) = (plans.get(number.question)?, answers.get(&number.question)?);
            noisy(number, plan, answer.rows.get(group)?)
        };
        let estimate = evaluate(node, &noisy, first.confidence).map(|estimate| estimate.within(possible));
        MetricRow { group: row.group.clone(), estimate, possible }
    })
    .collect()
}

fn noisy(number: Number, plan: &Plan, row: &Row) -> Option<(i128, Mechanism)> {
    let part = plan.parts().iter().position(|part| part.kind == number.part)?;
    let holds = |kind: &ColumnKind| *kind == ColumnKind::Number { part, offset: 0 };
    let column = plan.columns().iter().find(|column| holds(&column.kind))?;
    let value = row.cells.iter().find(|cell| cell.name == column.name)?.noisy?;
    Some((value, plan.claim().parts.get(part)?.mechanism))
}
