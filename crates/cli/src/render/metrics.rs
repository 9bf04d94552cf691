//! Metrics as tables.

use hushtag::dp::Accounting;
use hushtag::operator::{AskedEpoch, Metrics, MetricsForecast, Remaining};
use hushtag::query::metric::Estimate;
use hushtag::report::{NOISE_NOTE, metrics_notes};

use super::table::{asked_epoch_text, gapped, short, table, units};

/// A number with about four digits that say something, and separators.
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
    let end = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), digits);
    let mut value = end(estimate.value);
    if estimate.is_limited() {
        value.push_str(&format!(" (unbiased {})", end(estimate.unbiased)));
    }
    match (estimate.low, estimate.high) {
        (None, None) => [value, "anything".to_owned()],
        (low, high) => [value, format!("{} to {}", end(low), end(high))],
    }
}

/// The metrics of a study.
#[must_use]
pub(crate) fn metrics_text(metrics: &Metrics, accounting: Accounting) -> String {
    let mut rows = table(["metric", "of", "value", "interval", "unit"].map(str::to_owned).to_vec());
    let mut said = String::new();
    for metric in &metrics.metrics {
        match &metric.outcome {
            Err(reasons) => {
                rows.add_row([&metric.name, "", "refused", "", &metric.unit]);
                for reason in reasons {
                    said.push_str(&format!(
                        "{}: {} {}; {}\n",
                        metric.name, reason.rule, reason.because, reason.fix
                    ));
                }
            }
            Ok(groups) => {
                for row in groups {
                    let labels: Vec<&str> = row.group.iter().map(|(_, label)| label.as_str()).collect();
                    let [value, interval] =
                        row.estimate.map_or_else(|| ["(few)".to_owned(), String::new()], interval);
                    rows.add_row([&metric.name, &labels.join(", "), &value, &interval, &metric.unit]);
                }
            }
        }
    }
    for metric in metrics.metrics.iter().filter(|metric| !metric.means.is_empty()) {
        said.push_str(&format!("{}: {}\n", metric.name, metric.means));
    }
    format!(
        "{rows}\n{said}charged epsilon {} ({} {}) for {} questions, of which {} were stored\n{}\n",
        short(metrics.units(), accounting),
        units(metrics.units()),
        accounting.unit(),
        metrics.answers.len(),
        metrics.answers.iter().filter(|answer| answer.stored).count(),
        [vec![NOISE_NOTE.to_owned()], metrics_notes(metrics)].concat().join("\n"),
    )
}

/// What the metrics of a study cost.
#[must_use]
pub(crate) fn metrics_forecast_text(
    forecast: &MetricsForecast,
    remaining: &Remaining,
    epoch: Option<&AskedEpoch>,
) -> String {
    let accounting = remaining.accounting;
    let mut rows = table(["question", "cells", "reach", "cost"].map(str::to_owned).to_vec());
    for question in &forecast.questions {
        rows.add_row([
            question.question.clone(),
            question.cells.to_string(),
            question.reach.to_string(),
            format!("{} {}", units(question.cost), accounting.unit()),
        ]);
    }
    format!(
        "{rows}\n{} metrics from {} questions cost epsilon {} ({} {}), less what was answered before; {}; nothing was charged\n{}\n",
        forecast.metrics.len(),
        forecast.questions.len(),
        short(forecast.cost(), accounting),
        units(forecast.cost()),
        accounting.unit(),
        if forecast.cost() > remaining.left() { "more than is left" } else { "it fits into what is left" },
        asked_epoch_text(epoch),
    )
}
