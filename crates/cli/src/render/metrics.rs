//! Metrics as tables.

use hushtag::dp::Accounting;
use hushtag::operator::{Metrics, MetricsForecast, Remaining, ResolvedEpoch};
use hushtag::policy::Reason;
use hushtag::query::metric::Estimate;

use super::answer::selection_text;
use super::table::{asked_epoch_text, gapped, short, table, units};
use crate::exit::demand;
use crate::lang::text;

/// A number with about four significant digits, and separators.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    let places = if size >= 1_000.0 {
        0
    } else if size >= 10.0 {
        2
    } else {
        4
    };
    gapped(&format!("{value:.places$}"))
}

fn interval(estimate: Estimate) -> [String; 2] {
    let end = |value: Option<f64>| value.map_or_else(|| text!("answer.unknown"), digits);
    let mut value = end(estimate.value);
    if estimate.is_limited() {
        value.push_str(&text!("answer.unbiased", number = end(estimate.unbiased)));
    }
    let outside = if estimate.is_outside() { " *" } else { "" };
    match (estimate.low, estimate.high) {
        (None, None) => [value, text!("metrics.anything")],
        (low, high) => [value, text!("answer.ends", low = end(low), high = end(high)) + outside],
    }
}

/// The metrics of a study.
#[must_use]
pub(crate) fn metrics_text(metrics: &Metrics, accounting: Accounting) -> String {
    let header = [
        text!("metrics.metric"),
        text!("metrics.of"),
        text!("metrics.value"),
        text!("metrics.interval"),
        text!("metrics.unit"),
    ];
    let mut rows = table(header.to_vec());
    let mut details = String::new();
    for metric in &metrics.metrics {
        match &metric.outcome {
            Err(reasons) => {
                rows.add_row([&metric.name, "", &text!("metrics.refused"), "", &metric.unit]);
                for Reason { rule, because, fix, .. } in reasons {
                    let demand = demand(rule);
                    details.push_str(&text!(
                        "metrics.reason",
                        metric = metric.name,
                        rule,
                        demand,
                        because,
                        fix
                    ));
                }
            }
            Ok(groups) => {
                for row in groups {
                    let labels: Vec<&str> = row.group.iter().map(|(_, label)| label.as_str()).collect();
                    let [value, interval] =
                        row.estimate.map_or_else(|| [text!("answer.few"), String::new()], interval);
                    rows.add_row([&metric.name, &labels.join(", "), &value, &interval, &metric.unit]);
                }
            }
        }
    }
    for metric in metrics.metrics.iter().filter(|metric| !metric.means.is_empty()) {
        details.push_str(&text!("metrics.means", metric = metric.name, means = metric.means));
    }
    text!(
        "metrics.table",
        rows,
        details,
        epsilon = short(metrics.units(), accounting),
        amount = units(metrics.units()),
        unit = accounting.unit(),
        queries = metrics.answers.len(),
        stored = metrics.answers.iter().filter(|answer| answer.stored).count(),
        notes = notes(metrics).join("\n"),
    )
}

/// What a reader of metrics has to know.
fn notes(metrics: &Metrics) -> Vec<String> {
    let rows = || metrics.metrics.iter().flat_map(|metric| metric.outcome.iter().flatten());
    let estimates = || rows().filter_map(|row| row.estimate);
    let notes = [
        Some(text!("note.noise")),
        estimates().any(|estimate| estimate.is_limited()).then(|| text!("note.unbiased")),
        estimates().any(|estimate| estimate.is_outside()).then(|| text!("note.outside")),
        metrics.answers.iter().find_map(selection_text),
    ];
    notes.into_iter().flatten().collect()
}

/// What the metrics of a study cost.
#[must_use]
pub(crate) fn metrics_forecast_text(
    forecast: &MetricsForecast,
    remaining: &Remaining,
    epoch: Option<&ResolvedEpoch>,
) -> String {
    let accounting = remaining.accounting;
    let header =
        [text!("forecast.query"), text!("forecast.cells"), text!("forecast.reach"), text!("forecast.cost")];
    let mut rows = table(header.to_vec());
    for question in &forecast.questions {
        rows.add_row([
            question.question.clone(),
            question.cells.to_string(),
            question.reach.to_string(),
            format!("{} {}", units(question.cost), accounting.unit()),
        ]);
    }
    let fits = forecast.cost() <= remaining.left();
    text!(
        "metrics.forecast",
        rows,
        metrics = forecast.metrics.len(),
        queries = forecast.questions.len(),
        epsilon = short(forecast.cost(), accounting),
        amount = units(forecast.cost()),
        unit = accounting.unit(),
        fits = if fits { text!("metrics.fits") } else { text!("forecast.too_much") },
        epoch = asked_epoch_text(epoch),
    )
}
