//! What values a formula over released numbers can have: a share of people lies between 0 and 1 and a mean inside the clamp of its
//! measure, whatever the noise. A function of the study alone.

use super::metric::{Node, Number};
use super::{Condition, PartKind};
use crate::tags::{Catalogue, Measure};
use crate::types::Feasible;

/// The smallest and the largest value that is possible; infinite where there is no bound.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Possible {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Possible {
    const ANY: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
    const POSITIVE: Self = Self { low: 0.0, high: f64::INFINITY };
    const SHARE: Self = Self { low: 0.0, high: 1.0 };

    /// The nearest possible value.
    #[must_use]
    pub fn limit(self, value: f64) -> f64 {
        value.max(self.low).min(self.high)
    }

    fn is_positive(self) -> bool {
        self.low >= 0.0
    }

    fn map(self, turn: impl Fn(f64) -> f64) -> Self {
        let [one, other] = [self.low, self.high].map(turn);
        Self { low: one.min(other), high: one.max(other) }
    }

    fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    fn times(self, other: Self) -> Self {
        if self.is_positive() && other.is_positive() {
            // Nothing times no bound is no bound.
            let high = self.high * other.high;
            Self { low: 0.0, high: if high.is_nan() { f64::INFINITY } else { high } }
        } else {
            Self::ANY
        }
    }
}

/// What values `node` can have; `conditions` are those of the queries in the order that [`Number::question`] counts.
#[must_use]
pub fn possible(node: &Node, conditions: &[Option<Condition>], catalogue: &Catalogue) -> Possible {
    let of = |node: &Node| possible(node, conditions, catalogue);
    match node {
        Node::Number(number) => number_range(number.part, catalogue),
        Node::Ratio(first, second, less) => {
            let quotient = match (&**first, &**second) {
                (Node::Number(top), Node::Number(bottom)) => ratio(*top, *bottom, conditions, catalogue),
                _ => None,
            };
            let positive = of(first).is_positive() && of(second).is_positive();
            let any = if positive { Possible::POSITIVE } else { Possible::ANY };
            quotient.unwrap_or(any).map(|value| value - less)
        }
        Node::Difference(first, second) => of(first).plus(of(second).map(|value| -value)),
        Node::Product(first, second) => of(first).times(of(second)),
        Node::Weighted(all) => all
            .iter()
            .filter(|(weight, _)| *weight != 0.0)
            .fold(Possible { low: 0.0, high: 0.0 }, |sum, (weight, node)| {
                sum.plus(of(node).map(|value| value * weight))
            }),
    }
}

fn number_range(part: PartKind, catalogue: &Catalogue) -> Possible {
    match feasible(part, catalogue) {
        Feasible::NotNegative => Possible::POSITIVE,
        Feasible::NotPositive => Possible::POSITIVE.map(|value| -value),
        Feasible::Any => Possible::ANY,
    }
}

/// What the numbers of a part can be: how many people there are is not public, so a sum has no other bound than zero.
pub(super) fn feasible(part: PartKind, catalogue: &Catalogue) -> Feasible {
    let PartKind::Sum { measure } = part else { return Feasible::NotNegative };
    let range = catalogue.measures().get(measure).map(Measure::range);
    range.map_or(Feasible::Any, |range| Feasible::of_sum(range.low(), range.high()))
}

/// The clamp of a measure.
#[expect(clippy::cast_precision_loss, reason = "the ends of a shown number, never charged")]
fn clamp(measure: usize, catalogue: &Catalogue) -> Option<(f64, f64)> {
    let range = catalogue.measures().get(measure)?.range();
    Some((range.low() as f64, range.high() as f64))
}

/// The range of a share or of a mean; `None` for other quotients.
fn ratio(
    top: Number,
    bottom: Number,
    conditions: &[Option<Condition>],
    catalogue: &Catalogue,
) -> Option<Possible> {
    let condition = |number: Number| conditions.get(number.question).map(Option::as_ref);
    let inside = is_within(condition(top)?, condition(bottom)?);
    match (top.part, bottom.part) {
        // A mean: those who lack a value count 0 in the sum.
        (PartKind::Sum { measure }, counted) if inside && counted.counts_people() => {
            let (low, high) = clamp(measure, catalogue)?;
            let own = counted == PartKind::present(measure, catalogue) && top.question == bottom.question;
            let (low, high) = if own { (low, high) } else { (low.min(0.0), high.max(0.0)) };
            // People without a value are in the sum and not in the count of another measure.
            (own || counted == PartKind::Count).then_some(Possible { low, high })
        }
        (top, PartKind::Count) if inside && top.counts_people() => Some(Possible::SHARE),
        (top, bottom) if inside && top == bottom => Some(Possible::SHARE),
        _ => None,
    }
}

/// Whether every person who meets the first condition meets the second, as far as their form shows it.
fn is_within(first: Option<&Condition>, second: Option<&Condition>) -> bool {
    match (first, second) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(first), Some(second)) => implies(first, second),
    }
}

fn implies(first: &Condition, second: &Condition) -> bool {
    match (first, second) {
        (Condition::In { tag, codes }, Condition::In { tag: other, codes: others }) => {
            tag == other && codes.is_subset(others)
        }
        (Condition::Any(parts), _) => parts.iter().all(|part| implies(part, second)),
        (_, Condition::All(parts)) => parts.iter().all(|part| implies(first, part)),
        (Condition::All(parts), _) if parts.iter().any(|part| implies(part, second)) => true,
        (_, Condition::Any(parts)) => parts.iter().any(|part| implies(first, part)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Study;
    use crate::query::{Canonical, parse};

    /// What a ratio of two numbers of the demo can be; each number is an item with its WHERE.
    fn of(top: (&str, PartKind), bottom: (&str, PartKind)) -> Possible {
        let study = Study::parse("demo", include_str!("../../policies/demo/study.toml")).unwrap();
        let condition = |filter: &str| {
            let ask = parse(&format!("SELECT COUNT(*) FROM tags {filter}"), &study.catalogue).unwrap();
            Canonical::new(&ask, &study.catalogue).unwrap().condition
        };
        let conditions = [condition(top.0), condition(bottom.0)];
        let number = |question, part| Box::new(Node::Number(Number { question, part }));
        let same = top.0 == bottom.0;
        let node = Node::Ratio(number(0, top.1), number(usize::from(!same), bottom.1), 0.0);
        possible(&node, &conditions, &study.catalogue)
    }

    #[test]
    fn a_share_is_between_nothing_and_all_and_other_quotients_are_not_bounded_so() {
        const COUNT: PartKind = PartKind::Count;
        for (part, whole) in [
            ("WHERE region = 'east'", ""),
            ("WHERE region = 'east'", "WHERE region IN ('east', 'west')"),
            ("WHERE region = 'east' AND lapsed = 'never'", "WHERE lapsed = 'never'"),
            ("WHERE region = 'east' AND lapsed = 'never'", "WHERE lapsed = 'never' OR region = 'south'"),
            ("WHERE region = 'east' OR region = 'west'", "WHERE region <> 'south'"),
        ] {
            assert_eq!(of((part, COUNT), (whole, COUNT)), Possible::SHARE, "{part} of {whole}");
        }
        for (top, bottom) in [
            ("", "WHERE region = 'east'"),
            ("WHERE region IN ('east', 'west')", "WHERE region = 'east'"),
            ("WHERE lapsed = 'never' OR region = 'south'", "WHERE lapsed = 'never'"),
        ] {
            assert_eq!(of((top, COUNT), (bottom, COUNT)), Possible::POSITIVE, "{top} by {bottom}");
        }
        let spend = PartKind::Sum { measure: 0 };
        let mean = of(("", spend), ("", COUNT));
        assert!(mean.low >= 0.0 && mean.high.is_finite() && mean.high > 1.0, "{mean:?}");
        assert!(Possible::SHARE.limit(1.2) <= 1.0 && Possible::SHARE.limit(-0.1) >= 0.0);
    }
}
