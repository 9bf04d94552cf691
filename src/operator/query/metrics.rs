//! The named metrics of a study: their questions are asked once each, their values are post-processing.

use std::collections::BTreeMap;

use crate::dp::{Accounting, Mechanism};
use crate::operator::query::analyst::{plan, plan_under};
use crate::operator::{Adopted, Analyst, Answer, Given, OperatorError, Reader};
use crate::policy::{Fault, Formula, Operand, Reason, StudyError};
use crate::query::metric::{Estimate, Node, Number, Questions, Written, evaluate};
use crate::query::{
    Ask, Canonical, ColumnKind, Condition, Forecast, Plan, Possible, QuestionError, parse, possible,
};
use crate::release::{Released, Row};
use crate::tags::Catalogue;
use crate::types::EpochId;

/// One metric in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// Tag and label of the group.
    pub group: Vec<(String, String)>,
    /// The value with its interval, as the released numbers give it; `None` where a number of it is suppressed.
    pub estimate: Option<Estimate>,
    /// What values it can have, whatever the noise: a share of people lies between 0 and 1.
    pub possible: Possible,
}

/// One metric of the study.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
    asks: Vec<Ask>,
    plans: Vec<Plan>,
    nodes: Vec<Node>,
}

/// The most numbers that all formulas may have together, metrics inside metrics counted each time.
const MOST_NUMBERS: usize = 10_000;

/// A metric that means nothing, and where it stands in the study file.
type Misplaced = (std::ops::Range<usize>, String);

impl Program {
    pub(in crate::operator) fn new(adopted: &Adopted, accounting: Accounting) -> Result<Self, Misplaced> {
        let mut builder = Builder { adopted, questions: Questions::default(), left: MOST_NUMBERS };
        let metrics = &adopted.study.metrics;
        let nodes = (0..metrics.len()).map(|metric| builder.metric(metric)).collect::<Result<Vec<_>, _>>()?;
        let asks: Vec<Ask> = builder.questions.asks().cloned().collect();
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
fn pointed(mut error: QuestionError) -> String {
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
    Program::new(adopted, accounting)
        .map(drop)
        .map_err(|(place, message)| StudyError::at(file, text, Some(place), Fault::Contradiction(message)))
}

impl Analyst {
    /// The named metrics of the study, over `epoch` or the newest one. Numbers that several metrics use are charged once,
    /// and stored answers are free.
    ///
    /// # Errors
    /// As [`Analyst::ask`]; a refused question is told beside the metrics that need it, and the others are answered.
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
            match self.ask_under(adopted, ask, epoch)? {
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
#[derive(Debug, Clone)]
pub struct GivenMetrics {
    /// The study.
    pub study: String,
    /// The recipient.
    pub recipient: String,
    /// The epoch.
    pub epoch: String,
    /// The metrics of which every number was released, in declared order, each with its formula.
    pub metrics: Vec<(MetricAnswer, String)>,
}

impl Reader {
    /// The named metrics of the studies in force, as far as all their numbers are among the answers that were `given`.
    ///
    /// # Errors
    /// [`OperatorError::Bug`]
    ///
    /// # Privacy
    /// None: post-processing of answers that left through the door.
    pub fn given_metrics(&self, given: &[Given]) -> Result<Vec<GivenMetrics>, OperatorError> {
        let mut all = Vec::new();
        for adopted in self.adopted() {
            let program = Program::adopted(adopted, self.accounting)?;
            // Stored answers are laid out as their canonical questions are.
            let mut plans = Vec::new();
            for plan in program.plans() {
                let ask = parse(plan.question(), &adopted.study.catalogue)?;
                plans.push(plan_under(&ask, &adopted.study, self.accounting)?);
            }
            let mut asked: BTreeMap<(&str, &str), BTreeMap<usize, Released>> = BTreeMap::new();
            for Given { released, .. } in given.iter().filter(|one| one.released.policy == adopted.study.hash)
            {
                let question = plans.iter().position(|plan| plan.question() == released.question);
                if let Some(question) = question {
                    let answers = asked.entry((&released.epoch, &released.recipient)).or_default();
                    answers.insert(question, released.clone());
                }
            }
            for ((epoch, recipient), answers) in asked {
                let metrics = program.known(adopted, &plans, &answers);
                if !metrics.is_empty() {
                    let (study, recipient) = (adopted.study.id.to_string(), recipient.to_owned());
                    all.push(GivenMetrics { study, recipient, epoch: epoch.to_owned(), metrics });
                }
            }
        }
        Ok(all)
    }
}

impl Program {
    /// What values a metric can have; any where a question has no canonical form, which no checked study has.
    fn possible(&self, node: &Node, catalogue: &Catalogue) -> Possible {
        let conditions = self.asks.iter().map(|ask| Ok(Canonical::new(ask, catalogue)?.condition));
        let conditions: Result<Vec<Option<Condition>>, QuestionError> = conditions.collect();
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
        let told = known.map(|(metric, node)| {
            let answer = MetricAnswer {
                name: metric.name.clone(),
                unit: metric.unit.clone(),
                means: metric.means.clone(),
                outcome: Ok(rows(node, self.possible(node, &adopted.study.catalogue), plans, answers)),
            };
            (answer, adopted.study.formula_text(metric))
        });
        told.collect()
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
        MetricRow { group: row.group.clone(), estimate: evaluate(node, &noisy, first.confidence), possible }
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
