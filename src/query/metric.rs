//! Metrics: formulas over released numbers, as few questions as they need, and their intervals. Post-processing.
//!
//! All numbers of all metrics that have one filter and one grouping are one question, so that a cell that two metrics
//! use is paid once. Intervals: a ratio or difference of two released numbers as in [`dp`](crate::dp::ratio_interval);
//! anything else is a box, in which each of k operands has an interval of confidence 1 - (1 - c) / k, so that all hold
//! together with confidence c (Bonferroni).

use std::collections::BTreeMap;

use super::canonical::{find_summable, find_tag, measure_name};
use super::part::parts_of;
use super::{Ask, Canonical, Item, PartKind, Price, Problem, QuestionError, parse};
use crate::dp::{Confidence, Mechanism, Noisy, Spread, combined_half_width, float, ratio_interval};
use crate::tags::Catalogue;

/// A released number: the position of its question, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// The question.
    pub question: usize,
    /// What is released; a single number in every group.
    pub part: PartKind,
}

/// A formula whose numbers are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A released number.
    Number(Number),
    /// The first divided by the second, less a constant.
    Ratio(Box<Node>, Box<Node>, f64),
    /// The first less the second.
    Difference(Box<Node>, Box<Node>),
    /// The first times the second.
    Product(Box<Node>, Box<Node>),
    /// A weighted sum.
    Weighted(Vec<(f64, Node)>),
}

/// The text of a number in a formula, with the tags for whose labels it is told apart.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// An item of the question language, perhaps with a filter: `COUNT(*) WHERE region = 'east'`.
    pub text: &'a str,
    /// The tags.
    pub by: &'a [String],
    /// The half-width of counts, in people, if another than the study's.
    pub error: Option<u64>,
    /// The half-width of sums by measure.
    pub error_of: &'a BTreeMap<String, u64>,
}

/// The questions behind some formulas, each asked once.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    asked: Vec<(String, Ask)>,
}

/// The largest count and sum errors that all metrics of one question accept.
fn tighten(price: &mut Price, count: Option<u64>, sum: Option<(&str, u64)>) {
    if matches!(price, Price::Default | Price::Epsilon(_)) {
        *price = Price::Errors { count: None, sums: BTreeMap::new() };
    }
    let Price::Errors { count: before, sums } = price else { return };
    *before = [*before, count].into_iter().flatten().min();
    if let Some((measure, error)) = sum {
        let known = sums.entry(measure.to_owned()).or_insert(error);
        *known = error.min(*known);
    }
}

impl Questions {
    /// The questions, in the order that [`Number::question`] counts.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.asked.iter().map(|(_, ask)| ask)
    }

    /// The node of a number, whose question joins the others or becomes a new one.
    ///
    /// # Errors
    /// [`QuestionError`] for anything but one COUNT, SUM or AVG with a filter over the catalogue.
    pub fn add(&mut self, written: Written<'_>, catalogue: &Catalogue) -> Result<Node, QuestionError> {
        let (item, filter) = cut(written.text);
        let mut ask = parse(&format!("SELECT {item} FROM tags{filter}"), catalogue)?;
        let of_one_number = |ask: &Ask| match ask.selected() {
            [only] if only.alias.is_none() && ask.shown.is_plain() && ask.group_by.is_empty() => {
                matches!(&only.item, Item::Count | Item::Present(_) | Item::Sum(_) | Item::Average(_))
            }
            _ => false,
        };
        if !of_one_number(&ask) || ask.price != Price::Default {
            let hint = "write COUNT(*), COUNT(measure), SUM(measure) or AVG(measure), with WHERE or without; errors stand in `error` and `error_of`";
            return Err(QuestionError::outside(written.text, hint));
        }
        for tag in written.by {
            ask = ask.by(find_tag(catalogue, tag)?.1.name());
        }
        let canonical = Canonical::new(&ask, catalogue)?;
        let numbers = Canonical { parts: [PartKind::Count].into(), ..canonical.clone() }.text(catalogue);
        // An average is asked for as the numbers that it is computed from.
        let item = ask.select.pop().map_or(Item::Count, |selected| selected.item);
        let parts = parts_of(&item, catalogue)?;
        let items = parts.iter().map(|part| {
            let name = part.measure().map(|measure| measure_name(catalogue, measure).to_owned());
            match (part, name) {
                (PartKind::Present { .. }, Some(name)) => Item::Present(name),
                (PartKind::Sum { .. }, Some(name)) => Item::Sum(name),
                _ => Item::Count,
            }
        });
        let question = self.joined(numbers, ask, items);
        if let Some((_, joined)) = self.asked.get_mut(question) {
            for part in &parts {
                match part {
                    PartKind::Sum { measure } => {
                        let name = measure_name(catalogue, *measure);
                        let error = written.error_of.get(name).map(|error| (name, *error));
                        tighten(&mut joined.price, None, error);
                    }
                    _ => tighten(&mut joined.price, written.error, None),
                }
            }
        }
        for measure in written.error_of.keys() {
            find_summable(catalogue, measure)?;
        }
        let number = |part: &PartKind| Node::Number(Number { question, part: *part });
        match parts.iter().collect::<Vec<_>>().as_slice() {
            // The count comes before the sum.
            [count, sum] => Ok(Node::Ratio(Box::new(number(sum)), Box::new(number(count)), 0.0)),
            [only] => Ok(number(only)),
            _ => Err(QuestionError::outside(written.text, "write one number")),
        }
    }

    /// The position of the question with this filter and grouping, which now also asks for `items`.
    fn joined(&mut self, filter: String, ask: Ask, items: impl Iterator<Item = Item>) -> usize {
        let known = self.asked.iter().position(|(text, _)| *text == filter);
        let question = known.unwrap_or_else(|| {
            self.asked.push((filter, ask));
            self.asked.len() - 1
        });
        if let Some((_, ask)) = self.asked.get_mut(question) {
            for item in items {
                if !ask.selected().iter().any(|selected| selected.item == item) {
                    *ask = ask.clone().and(item);
                }
            }
        }
        question
    }
}

/// Cuts `COUNT(*) WHERE ...` before its WHERE. No label stands before the first quote, so it is the first WHERE there.
fn cut(text: &str) -> (&str, String) {
    let unquoted = text.find('\'').and_then(|quote| text.get(..quote)).unwrap_or(text);
    let lower = unquoted.to_ascii_lowercase();
    // A measure may be called `nowhere`.
    let in_name = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let alone = |place: usize| {
        let before = place.checked_sub(1).and_then(|before| lower.as_bytes().get(before));
        !in_name(before) && !in_name(lower.as_bytes().get(place + "where".len()))
    };
    let place = lower.match_indices("where").map(|(place, _)| place).find(|place| alone(*place));
    match place.and_then(|place| Some((text.get(..place)?, text.get(place..)?))) {
        Some((item, filter)) => (item.trim(), format!(" {filter}")),
        None => (text, String::new()),
    }
}

impl Node {
    /// Refuses two operands that are the same released number: a formula over both says nothing.
    ///
    /// # Errors
    /// [`QuestionError`]
    pub fn check_different(first: &Self, second: &Self) -> Result<(), QuestionError> {
        if first != second {
            return Ok(());
        }
        Err(QuestionError::new(
            Problem::SameNumber,
            "compare two different numbers, by another filter or another measure",
        ))
    }
}

/// A number computed from released ones, with its interval; an end that is `None` is not bounded by what was released.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number to read, where there is one.
    pub value: Option<f64>,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Estimate {
    const UNKNOWN: Self = Self { value: None, low: None, high: None };

    fn map(self, turn: impl Fn(f64) -> f64) -> Self {
        Self { value: self.value.map(&turn), low: self.low.map(&turn), high: self.high.map(&turn) }
    }

    /// The box around `combine` of both, where all four corners are known.
    fn corners(self, other: Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let value = self.value.zip(other.value).map(|(a, b)| combine(a, b));
        let (Some(low), Some(high), Some(other_low), Some(other_high)) =
            (self.low, self.high, other.low, other.high)
        else {
            return Self { value, low: None, high: None };
        };
        let corners = [(low, other_low), (low, other_high), (high, other_low), (high, other_high)];
        let corners = corners.map(|(a, b)| combine(a, b));
        Self {
            value,
            low: Some(corners.into_iter().fold(f64::INFINITY, f64::min).next_down()),
            high: Some(corners.into_iter().fold(f64::NEG_INFINITY, f64::max).next_up()),
        }
    }
}

/// The value of a formula in one group; `noisy` gives the released numbers, and `None` where one is suppressed.
///
/// # Privacy
/// Post-processing: free.
pub fn evaluate(
    node: &Node,
    noisy: &impl Fn(Number) -> Option<(i128, Mechanism)>,
    confidence: Confidence,
) -> Option<Estimate> {
    match node {
        Node::Number(number) => released(*number, noisy, confidence),
        Node::Ratio(first, second, less) => {
            let quotient = match (&**first, &**second) {
                (Node::Number(top), Node::Number(bottom)) => ratio(*top, *bottom, noisy, confidence)?,
                _ => {
                    let [top, bottom] = both(first, second, noisy, confidence)?;
                    divide(top, bottom)
                }
            };
            Some(quotient.map(|value| value - less))
        }
        Node::Difference(first, second) => match (&**first, &**second) {
            (Node::Number(first), Node::Number(second)) => {
                let (first, second) = (read(*first, noisy, confidence)?, read(*second, noisy, confidence)?);
                let value = float(first.value - second.value);
                let half = combined_half_width([(1.0, first.spread), (1.0, second.spread)]);
                Some(Estimate { value: Some(value), low: Some(value - half), high: Some(value + half) })
            }
            _ => {
                let [first, second] = both(first, second, noisy, confidence)?;
                Some(first.corners(second, |a, b| a - b))
            }
        },
        Node::Product(first, second) => {
            let [first, second] = both(first, second, noisy, confidence)?;
            Some(first.corners(second, |a, b| a * b))
        }
        Node::Weighted(all) => {
            let each = confidence.for_each_of(all.len());
            let zero = Estimate { value: Some(0.0), low: Some(0.0), high: Some(0.0) };
            all.iter().try_fold(zero, |sum, (weight, node)| {
                let part = evaluate(node, noisy, each)?.corners(
                    Estimate { value: Some(*weight), low: Some(*weight), high: Some(*weight) },
                    |a, b| a * b,
                );
                Some(sum.corners(part, |a, b| a + b))
            })
        }
    }
}

fn both(
    first: &Node,
    second: &Node,
    noisy: &impl Fn(Number) -> Option<(i128, Mechanism)>,
    confidence: Confidence,
) -> Option<[Estimate; 2]> {
    let each = confidence.for_each_of(2);
    Some([evaluate(first, noisy, each)?, evaluate(second, noisy, each)?])
}

fn read(
    number: Number,
    noisy: &impl Fn(Number) -> Option<(i128, Mechanism)>,
    confidence: Confidence,
) -> Option<Noisy> {
    let (value, mechanism) = noisy(number)?;
    Some(Noisy { value, spread: Spread::of(&mechanism, confidence) })
}

fn released(
    number: Number,
    noisy: &impl Fn(Number) -> Option<(i128, Mechanism)>,
    confidence: Confidence,
) -> Option<Estimate> {
    let (value, mechanism) = noisy(number)?;
    let half = i128::from(mechanism.half_width(confidence));
    // Nobody counts below zero.
    let people = number.part.counts_people();
    let shown = |value: i128| Some(float(if people { value.max(0) } else { value }));
    Some(Estimate { value: shown(value), low: shown(value - half), high: shown(value + half) })
}

/// The quotient of two released numbers that do not share their noise.
fn ratio(
    top: Number,
    bottom: Number,
    noisy: &impl Fn(Number) -> Option<(i128, Mechanism)>,
    confidence: Confidence,
) -> Option<Estimate> {
    if !bottom.part.counts_people() {
        // A sum may be below zero, and a quotient of what may change its sign has no interval of this kind.
        let each = confidence.for_each_of(2);
        return Some(divide(released(top, noisy, each)?, released(bottom, noisy, each)?));
    }
    let (first, second) = (read(top, noisy, confidence)?, read(bottom, noisy, confidence)?);
    let held = |value: f64| if top.part.counts_people() { value.max(0.0) } else { value };
    Some(match ratio_interval(first, second) {
        None => Estimate::UNKNOWN,
        Some((low, high)) => Estimate {
            value: Some(held(float(first.value) / float(second.value))),
            low: Some(held(low)),
            high: Some(held(high)),
        },
    })
}

fn divide(top: Estimate, bottom: Estimate) -> Estimate {
    match (bottom.low, bottom.high) {
        (Some(low), Some(high)) if low > 0.0 || high < 0.0 => top.corners(bottom, |a, b| a / b),
        _ => Estimate::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_number_is_cut_before_the_word_where() {
        assert_eq!(cut("COUNT(*)"), ("COUNT(*)", String::new()));
        assert_eq!(cut("SUM(nowhere) where a = ' WHERE '"), ("SUM(nowhere)", " where a = ' WHERE '".into()));
        assert_eq!(cut("COUNT(*)WHERE(whereabouts = 'x')"), ("COUNT(*)", " WHERE(whereabouts = 'x')".into()));
        assert_eq!(cut("SUM(where_to)"), ("SUM(where_to)", String::new()));
        assert_eq!(cut("é where 'x"), ("é", " where 'x".into()));
    }
}
