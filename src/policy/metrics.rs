//! Metrics of a study: named formulas over released numbers. Which numbers they mean is read where queries are.

use std::collections::BTreeMap;
use std::ops::Range;

use super::compile::{Outcome, as_written, fault_at, unknown};
use super::file::{MetricSection, Named};
use super::placed::Spanned;

/// A named formula over released numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What it is computed from.
    pub formula: Formula,
    /// The tags by whose labels it is grouped.
    pub by: Vec<String>,
    /// The half-width of its counts, in people; the study's default without one.
    pub error: Option<u64>,
    /// The half-width of its sums by measure.
    pub error_of: BTreeMap<String, u64>,
    /// What it is counted in, for its reader.
    pub unit: String,
    /// What it means, for its reader.
    pub means: String,
    /// The place of its name in the study file, in bytes.
    pub place: Range<usize>,
}

/// How a metric is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// One number.
    Value(Operand),
    /// The first divided by the second.
    Ratio(Operand, Operand),
    /// The first less the second.
    Difference(Operand, Operand),
    /// The first divided by the second, less 1: growth from an earlier window to a later one.
    Growth(Operand, Operand),
    /// The first times the second.
    Product(Operand, Operand),
    /// The sum of other metrics, each times a weight.
    Weighted(Vec<(f64, Operand)>),
}

/// One operand of a formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Another metric, by its position among those of the study.
    Metric(usize),
    /// A number of the query language with its own filter: `COUNT(*) WHERE region = 'east'`.
    Number {
        /// The text.
        text: String,
        /// Its place in the study file, in bytes.
        place: Range<usize>,
    },
}

impl super::Study {
    /// How one of its metrics is computed, as people write it.
    #[must_use]
    pub fn formula_text(&self, metric: &Metric) -> String {
        let operand = |operand: &Operand| match operand {
            Operand::Metric(other) => {
                self.metrics.get(*other).map_or_else(String::new, |metric| metric.name.clone())
            }
            Operand::Number { text, .. } if text.contains(' ') => format!("({text})"),
            Operand::Number { text, .. } => text.clone(),
        };
        match &metric.formula {
            Formula::Value(only) => operand(only),
            Formula::Ratio(first, second) => format!("{} / {}", operand(first), operand(second)),
            Formula::Growth(first, second) => format!("{} / {} - 1", operand(first), operand(second)),
            Formula::Difference(first, second) => format!("{} - {}", operand(first), operand(second)),
            Formula::Product(first, second) => format!("{} * {}", operand(first), operand(second)),
            Formula::Weighted(all) => {
                let each = all.iter().map(|(weight, one)| format!("{weight} * {}", operand(one)));
                each.collect::<Vec<_>>().join(" + ")
            }
        }
    }
}

impl Formula {
    /// The operands, in order.
    #[must_use]
    pub fn operands(&self) -> Vec<&Operand> {
        match self {
            Self::Value(only) => vec![only],
            Self::Ratio(first, second)
            | Self::Difference(first, second)
            | Self::Growth(first, second)
            | Self::Product(first, second) => vec![first, second],
            Self::Weighted(all) => all.iter().map(|(_, operand)| operand).collect(),
        }
    }
}

/// The most metrics of a study: their formulas are walked by recursion.
const MOST: usize = 200;

/// The metrics of a study; no metric is computed from itself.
pub(super) fn metrics(sections: &Named<MetricSection>) -> Outcome<Vec<Metric>> {
    let written: Vec<_> = as_written(sections).collect();
    if let Some((name, _)) = written.get(MOST) {
        return fault_at(name.span(), format!("a study has at most {MOST} metrics"));
    }
    let names: Vec<&str> = written.iter().map(|(name, _)| name.get_ref().as_str()).collect();
    let all = written.iter().map(|(name, section)| metric(name, section, &names));
    let all = all.collect::<Outcome<Vec<Metric>>>()?;
    for metric in &all {
        check_references(metric, &all)?;
    }
    Ok(all)
}

fn metric(name: &Spanned<String>, section: &MetricSection, names: &[&str]) -> Outcome<Metric> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.get_ref().is_empty() || name.get_ref().len() > 63 || !name.get_ref().chars().all(plain) {
        return fault_at(name.span(), "the name of a metric has 1 to 63 letters a to z, digits and `_`");
    }
    let operand = |written: &Spanned<String>| match names.iter().position(|name| name == written.get_ref()) {
        Some(metric) => Operand::Metric(metric),
        None => Operand::Number { text: written.get_ref().clone(), place: written.span() },
    };
    let two = |[first, second]: &[Spanned<String>; 2]| (operand(first), operand(second));
    let MetricSection { value, ratio, difference, growth, product, weighted, .. } = section;
    let formula = match (value, ratio, difference, growth, product, weighted) {
        (Some(value), None, None, None, None, None) => Formula::Value(operand(value)),
        (None, Some(both), None, None, None, None) => {
            let (first, second) = two(both);
            Formula::Ratio(first, second)
        }
        (None, None, Some(both), None, None, None) => {
            let (first, second) = two(both);
            Formula::Difference(first, second)
        }
        (None, None, None, Some(both), None, None) => {
            let (first, second) = two(both);
            Formula::Growth(first, second)
        }
        (None, None, None, None, Some(both), None) => {
            let (first, second) = two(both);
            Formula::Product(first, second)
        }
        (None, None, None, None, None, Some(weighted)) => weights(weighted, name.span(), names)?,
        _ => {
            return fault_at(
                name.span(),
                "a metric has exactly one of `value = \"COUNT(*) WHERE ...\"`, `ratio`, `difference`, `growth`, `product` (two numbers or metrics each), `weighted = { metric = 0.5, ... }`",
            );
        }
    };
    if let Some((measure, _)) = section.error_of.iter().find(|(_, error)| **error == 0) {
        return fault_at(measure.span(), "an error of 0 would be the exact number: it must be at least 1");
    }
    if section.error == Some(0) {
        return fault_at(name.span(), "an error of 0 would be the exact number: it must be at least 1");
    }
    Ok(Metric {
        name: name.get_ref().clone(),
        formula,
        by: section.by.clone(),
        error: section.error,
        error_of: section.error_of.iter().map(|(name, error)| (name.get_ref().clone(), *error)).collect(),
        unit: section.unit.clone(),
        means: section.means.clone(),
        place: name.span(),
    })
}

fn weights(written: &Named<f64>, place: Range<usize>, names: &[&str]) -> Outcome<Formula> {
    let mut all = Vec::new();
    if written.is_empty() {
        return fault_at(place, "a weighted sum needs at least one metric");
    }
    for (name, weight) in as_written(written) {
        let Some(metric) = names.iter().position(|known| known == name.get_ref()) else {
            return Err(unknown("metric", name, names.iter().copied()));
        };
        if !weight.is_finite() || weight.abs() > 1e9 {
            return fault_at(name.span(), "a weight is a number between -1e9 and 1e9");
        }
        all.push((*weight, Operand::Metric(metric)));
    }
    Ok(Formula::Weighted(all))
}

/// No metric leads back to itself, and a metric is grouped by the same tags as those it is computed from.
fn check_references(metric: &Metric, all: &[Metric]) -> Outcome<()> {
    let mut reached: Vec<&Metric> = vec![metric];
    let mut next = 0;
    while let Some(current) = reached.get(next) {
        next += 1;
        for operand in current.formula.operands() {
            let Operand::Metric(position) = operand else { continue };
            let Some(used) = all.get(*position) else { continue };
            if used.name == metric.name {
                let message = format!("metric `{}` is computed from itself", metric.name);
                return fault_at(metric.place.clone(), message);
            }
            if used.by != metric.by {
                let message = format!(
                    "`{}` and `{}`, from which it is computed, differ in `by`",
                    metric.name, used.name
                );
                return fault_at(metric.place.clone(), message);
            }
            if !reached.iter().any(|known| known.name == used.name) {
                reached.push(used);
            }
        }
    }
    Ok(())
}
