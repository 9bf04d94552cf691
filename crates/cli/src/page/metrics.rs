//! The named metrics of which every number was released: values with intervals, formulas, meanings.

use maud::{Markup, html};

use super::facts::Facts;
use super::parts::{self, code, marked, name};
use super::texts::fill;
use crate::render::metrics::digits;
use hushtag::operator::{GivenMetrics, MetricAnswer};

/// The section, where any metric is known.
pub(super) fn section(facts: &Facts<'_>) -> Option<Markup> {
    let t = &facts.t.metrics;
    let content = html! {
        p { (t.lead) }
        @for given in &facts.metrics { (table(facts, given)) }
    };
    (!facts.metrics.is_empty()).then(|| parts::section("metrics", &t.heading, &content))
}

fn table(facts: &Facts<'_>, given: &GivenMetrics) -> Markup {
    let t = &facts.t.metrics;
    let places: [(&str, &dyn std::fmt::Display); 3] =
        [("study", &given.study), ("recipient", &given.recipient), ("epoch", &given.epoch)];
    let head = [&t.metric, &t.value, &t.unit, &t.formula, &t.means].map(String::as_str);
    let rows = given.metrics.iter().flat_map(|(metric, formula)| rows(facts, metric, formula));
    parts::table(&fill(&t.of, &places), &facts.t.page.scroll, &head, &rows.collect::<Vec<_>>())
}

/// One row for each group.
fn rows(facts: &Facts<'_>, metric: &MetricAnswer, formula: &str) -> Vec<Vec<Markup>> {
    let groups = metric.outcome.iter().flatten();
    let row = groups.map(|row| {
        let labels: Vec<&str> = row.group.iter().map(|(_, label)| label.as_str()).collect();
        let value = match row.estimate {
            None => html! { em { (facts.t.releases.suppressed) } },
            Some(estimate) => {
                let shown = |value: Option<f64>| {
                    value.map_or_else(|| facts.t.page.unknown.clone(), |value| digits(row.possible.limit(value)))
                };
                let value = parts::value(&shown(estimate.value), &shown(estimate.low), &shown(estimate.high));
                let limited = estimate.value.map(|value| row.possible.limit(value));
                let unbiased = estimate.unbiased.filter(|unbiased| limited.is_some_and(|limited| limited.total_cmp(unbiased).is_ne()));
                html! {
                    (value)
                    @if estimate.is_outside() { " " small class="line" { (facts.t.releases.outside) } }
                    @if let Some(unbiased) = unbiased {
                        " " small class="line" { (fill(&facts.t.releases.unbiased, &[("n", &digits(unbiased))])) }
                    }
                }
            }
        };
        vec![
            html! { (name(&metric.name)) @if !labels.is_empty() { ": " (name(&labels.join(", "))) } },
            value,
            name(&metric.unit),
            code(formula),
            marked(&metric.means),
        ]
    });
    row.collect()
}
