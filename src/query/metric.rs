//! Metrics: formulas over released numbers, as few queries as they need, and their intervals. Post-processing.
//!
//! All numbers of all metrics that have one filter and one grouping are one query, so that a cell that two metrics
//! use is paid once. Intervals: a ratio or difference of two released numbers as in [`dp`](crate::dp::ratio_interval);
//! anything else is a box, in which each of k operands has an interval of confidence 1 - (1 - c) / k, so that all hold
//! together with confidence c (Bonferroni).

use std::collections::BTreeMap;

use super::canonical::{find_summable, find_tag, measure_name};
use super::part::parts_of;
use super::{Canonical, Cost, Item, PartKind, Possible, Problem, Query, QueryError, parse};
use crate::dp::{Confidence, Mechanism, Noisy, Spread, combined_half_width, float, ratio_interval};
use crate::tags::Catalogue;

/// A released number: the position of its query, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// The query.
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

/// The text of a number in a formula, with the tags by whose labels it is grouped.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// An item of the query language, perhaps with a filter: `COUNT(*) WHERE region = 'east'`.
    pub text: &'a str,
    /// The tags.
    pub by: &'a [String],
    /// The half-width of counts, in people, if another than the study's.
    pub error: Option<u64>,
    /// The half-width of sums by measure.
    pub error_of: &'a BTreeMap<String, u64>,
}

/// The queries behind some formulas, each asked once.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    asked: Vec<(String, Query)>,
}

/// The largest count and sum errors that all metrics of one query accept.
fn tighten(cost: &mut Cost, count: Option<u64>, sum: Option<(&str, u64)>) {
    if matches!(cost, Cost::Default | Cost::Epsilon(_)) {
        *cost = Cost::Errors { count: None, sums: BTreeMap::new() };
    }
    let Cost::Errors { count: before, sums } = cost else { return };
    *before = [*before, count].into_iter().flatten().min();
    if let Some((measure, error)) = sum {
        let known = sums.entry(measure.to_owned()).or_insert(error);
        *known = error.min(*known);
    }
}

impl Questions {
    /// The queries, in the order that [`Number::question`] counts.
    pub fn asks(&self) -> impl Iterator<Item = &Query> {
        self.asked.iter().map(|(_, ask)| ask)
    }

    /// The node of a number, whose query joins the others or becomes a new one.
    ///
    /// # Errors
    /// [`QueryError`] for anything but one COUNT, SUM or AVG with a filter over the catalogue.
    pub fn add(&mut self, written: Written<'_>, catalogue: &Catalogue) -> Result<Node, QueryError> {
        let (item, filter) = cut(written.text);
        let mut ask = parse(&format!("SELECT {item} FROM tags{filter}"), catalogue)?;
        let of_one_number = |ask: &Query| match ask.selected() {
            [only] if only.alias.is_none() && ask.shown.is_plain() && ask.group_by.is_empty() => {
                matches!(&only.item, Item::Count | Item::Present(_) | Item::Sum(_) | Item::Average(_))
            }
            _ => false,
        };
        if !of_one_number(&ask) || ask.cost != Cost::Default {
            let hint = "write COUNT(*), COUNT(measure), SUM(measure) or AVG(measure), with WHERE or without; errors are in `error` and `error_of`";
            return Err(QueryError::outside(written.text, hint));
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
                        tighten(&mut joined.cost, None, error);
                    }
                    _ => tighten(&mut joined.cost, written.error, None),
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
            _ => Err(QueryError::outside(written.text, "write one number")),
        }
    }

    /// The position of the query with this filter and grouping, which now also asks for `items`.
    fn joined(&mut self, filter: String, ask: Query, items: impl Iterator<Item = Item>) -> usize {
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

/// Cuts `COUNT(*) WHERE ...` before its WHERE. No label is before the first quote, so it is the first WHERE there.
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
    /// Refuses two operands that are the same released number: a formula over both has no content.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn check_different(first: &Self, second: &Self) -> Result<(), QueryError> {
        if first != second {
            return Ok(());
        }
        Err(QueryError::new(
            Problem::SameNumber,
            "compare two different numbers, by another filter or another measure",
        ))
    }
}

/// A number computed from released ones, with its interval; an end that is `None` is not bounded by what was released.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The number to read, where there is one: the unbiased one, limited to its interval.
    pub value: Option<f64>,
    /// The formula over unbiased numbers, not limited to what is possible: the number to use in totals. Without bias itself for
    /// sums, differences and products; a quotient of unbiased numbers is nearly so where the denominator is far from zero.
    pub unbiased: Option<f64>,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Estimate {
    const UNKNOWN: Self = Self { value: None, unbiased: None, low: None, high: None };

    /// An unbiased number with its interval, which is limited to what is possible.
    fn of(unbiased: f64, low: f64, high: f64) -> Self {
        let value = Some(unbiased.max(low).min(high));
        Self { value, unbiased: Some(unbiased), low: Some(low), high: Some(high) }
    }

    /// A constant.
    fn exactly(value: f64) -> Self {
        Self::of(value, value, value)
    }

    /// Whether the number to read was limited to what is possible, and so is biased.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.unbiased.is_some() && self.unbiased != self.value
    }

    /// Whether the whole interval was outside of what is possible before it was limited: what is left of it is one point, which
    /// the noise decided and not the data.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.is_limited() && self.low.is_some() && self.low == self.high
    }

    /// The number to read and its interval, limited to what is possible.
    #[must_use]
    pub fn within(self, possible: Possible) -> Self {
        let limited = |number: Option<f64>| number.map(|number| possible.limit(number));
        let (value, low, high) = (limited(self.value), limited(self.low), limited(self.high));
        Self { value, low, high, unbiased: self.unbiased }
    }

    fn map(self, turn: impl Fn(f64) -> f64) -> Self {
        let turned = |number: Option<f64>| number.map(&turn);
        let (value, unbiased) = (turned(self.value), turned(self.unbiased));
        Self { value, unbiased, low: turned(self.low), high: turned(self.high) }
    }

    /// The box around `combine` of both, where all four corners are known.
    fn corners(self, other: Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let unbiased = self.unbiased.zip(other.unbiased).map(|(a, b)| combine(a, b));
        let (Some(low), Some(high), Some(other_low), Some(other_high)) =
            (self.low, self.high, other.low, other.high)
        else {
            return Self { value: unbiased, unbiased, low: None, high: None };
        };
        let corners = [(low, other_low), (low, other_high), (high, other_low), (high, other_high)];
        let corners = corners.map(|(a, b)| combine(a, b));
        let low = corners.into_iter().fold(f64::INFINITY, f64::min).next_down();
        let high = corners.into_iter().fold(f64::NEG_INFINITY, f64::max).next_up();
        match unbiased {
            Some(unbiased) => Self::of(unbiased, low, high),
            None => Self { low: Some(low), high: Some(high), ..Self::UNKNOWN },
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
                Some(Estimate::of(value, value - half, value + half))
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
            all.iter().try_fold(Estimate::exactly(0.0), |sum, (weight, node)| {
                let part = evaluate(node, noisy, each)?.corners(Estimate::exactly(*weight), |a, b| a * b);
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
    // No count is below zero.
    let people = number.part.counts_people();
    let possible = |value: i128| float(if people { value.max(0) } else { value });
    Some(Estimate::of(float(value), possible(value - half), possible(value + half)))
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
        Some((low, high)) => Estimate::of(float(first.value) / float(second.value), held(low), held(high)),
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
    use super::*;
    use crate::types::Ratio;

    #[test]
    fn a_total_of_counts_is_computed_from_unbiased_ones_and_limited_once() {
        let counts = [-10, 30, -200];
        let mechanism = Mechanism::gaussian(Ratio::new(100, 1).unwrap()).unwrap();
        let noisy = |number: Number| Some((counts[number.question], mechanism));
        let count = |question| Node::Number(Number { question, part: PartKind::Count });
        let value = |node: Node| {
            let estimate = evaluate(&node, &noisy, Confidence::DEFAULT).unwrap();
            assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
            (estimate.value.unwrap(), estimate.unbiased.unwrap(), estimate.is_limited())
        };
        assert_eq!(value(count(0)), (0.0, -10.0, true));
        assert_eq!(value(count(1)), (30.0, 30.0, false));
        // Limited first, this would be 30 and not 20.
        assert_eq!(value(Node::Weighted(vec![(1.0, count(0)), (1.0, count(1))])), (20.0, 20.0, false));
        assert_eq!(value(Node::Difference(Box::new(count(1)), Box::new(count(0)))), (40.0, 40.0, false));
        let (share, unbiased, limited) = value(Node::Ratio(Box::new(count(0)), Box::new(count(1)), 0.0));
        assert_eq!((share, limited), (0.0, true));
        assert!((unbiased + 1.0 / 3.0).abs() < 1e-9);
        let (product, unbiased, limited) = value(Node::Product(Box::new(count(2)), Box::new(count(1))));
        assert!(product.abs() < 1e-9 && limited, "{product}");
        assert!((unbiased + 6_000.0).abs() < 1e-9);
    }

    /// Promise: an interval of a metric of which nothing is possible is one point, and is marked.
    #[test]
    fn an_interval_is_limited_to_what_is_possible_and_marked_where_one_point_is_left() {
        let possible = Possible { low: 0.0, high: 1.0 };
        let within = |low: f64, value: f64, high: f64| Estimate::of(value, low, high).within(possible);
        let inside = within(0.2, 0.3, 0.4);
        assert!(inside == Estimate::of(0.3, 0.2, 0.4) && !inside.is_outside() && !inside.is_limited());
        let across = within(0.9, 1.1, 1.3);
        assert_eq!((across.value, across.unbiased), (Some(1.0), Some(1.1)));
        assert!(
            (across.low, across.high) == (Some(0.9), Some(1.0))
                && across.is_limited()
                && !across.is_outside()
        );
        let outside = within(1.2, 1.3, 1.4);
        assert_eq!((outside.value, outside.low, outside.high), (Some(1.0), Some(1.0), Some(1.0)));
        assert!(outside.is_outside() && outside.unbiased == Some(1.3));
        // A constant is one point and exact.
        assert!(!Estimate::exactly(1.0).within(possible).is_outside());
        assert!(!Estimate::UNKNOWN.within(possible).is_outside());
    }

    #[test]
    fn a_number_is_cut_before_the_word_where() {
        assert_eq!(cut("COUNT(*)"), ("COUNT(*)", String::new()));
        assert_eq!(cut("SUM(nowhere) where a = ' WHERE '"), ("SUM(nowhere)", " where a = ' WHERE '".into()));
        assert_eq!(cut("COUNT(*)WHERE(whereabouts = 'x')"), ("COUNT(*)", " WHERE(whereabouts = 'x')".into()));
        assert_eq!(cut("SUM(where_to)"), ("SUM(where_to)", String::new()));
        assert_eq!(cut("é where 'x"), ("é", " where 'x".into()));
    }
}
