//! Metrics as JSON and tables.

use serde_json::{Map, Value, json};

use super::json::asked_epoch;
#[cfg(feature = "cli")]
use super::table::{asked_epoch_text, gapped, short, table, units};
use super::{NOISE_NOTE, UNBIASED_NOTE, selection_note, unit};
use crate::audit::amount;
use crate::dp::Accounting;
use crate::operator::{AskedEpoch, MetricAnswer, Metrics, MetricsForecast, Remaining};
use crate::query::metric::Estimate;

/// The metrics of a study.
#[must_use]
pub fn metrics_json(metrics: &Metrics, accounting: Accounting) -> Value {
    let questions = metrics.answers.iter().map(|answer| {
        let mut question = Map::new();
        question.insert("question".into(), json!(answer.question));
        question.insert(unit(accounting).into(), amount(answer.units));
        question.insert("stored".into(), json!(answer.stored));
        question.insert("audit".into(), json!({ "index": answer.index }));
        Value::Object(question)
    });
    let mut charged = Map::new();
    charged.insert(unit(accounting).into(), amount(metrics.units()));
    json!({
        "metrics": metrics.metrics.iter().map(metric_json).collect::<Vec<_>>(),
        "questions": questions.collect::<Vec<_>>(),
        "charged": charged,
        "note": NOISE_NOTE,
        "notes": notes(metrics),
    })
}

/// What a reader of metrics has to know besides [`NOISE_NOTE`].
fn notes(metrics: &Metrics) -> Vec<String> {
    let mut estimates = metrics
        .metrics
        .iter()
        .flat_map(|metric| metric.outcome.iter().flatten())
        .filter_map(|row| row.estimate);
    let limited = estimates.any(|estimate| estimate.is_limited()).then(|| UNBIASED_NOTE.to_owned());
    limited.into_iter().chain(metrics.answers.iter().find_map(selection_note)).collect()
}

fn metric_json(metric: &MetricAnswer) -> Value {
    let mut all = Map::new();
    all.insert("name".into(), json!(metric.name));
    all.insert("unit".into(), json!(metric.unit));
    all.insert("means".into(), json!(metric.means));
    match &metric.outcome {
        Err(reasons) => {
            all.insert("refused".into(), json!(true));
            all.insert("reasons".into(), json!(reasons));
        }
        Ok(rows) => {
            let rows = rows.iter().map(|row| {
                let group: Map<String, Value> =
                    row.group.iter().map(|(tag, label)| (tag.clone(), json!(label))).collect();
                let value = row.estimate.map(
                    |Estimate { value, unbiased, low, high }| json!({ "estimate": value, "unbiased": unbiased, "low": low, "high": high }),
                );
                json!({ "group": group, "value": value, "suppressed": row.estimate.is_none() })
            });
            all.insert("rows".into(), rows.collect());
        }
    }
    Value::Object(all)
}

/// What the metrics of a study cost.
#[must_use]
pub fn metrics_forecast_json(
    forecast: &MetricsForecast,
    remaining: &Remaining,
    epoch: Option<&AskedEpoch>,
) -> Value {
    let accounting = remaining.accounting;
    let questions = forecast.questions.iter().map(|question| {
        let mut all = Map::new();
        all.insert("question".into(), json!(question.question));
        all.insert("cells".into(), json!(question.cells));
        all.insert("reach".into(), json!(question.reach));
        all.insert(unit(accounting).into(), amount(question.cost));
        Value::Object(all)
    });
    let metrics = forecast.metrics.iter();
    let metrics = metrics.map(|(name, unit, means)| json!({ "name": name, "unit": unit, "means": means }));
    let mut cost = Map::new();
    cost.insert(unit(accounting).into(), amount(forecast.cost()));
    json!({
        "forecast": true,
        "epoch": epoch.map(asked_epoch),
        "metrics": metrics.collect::<Vec<_>>(),
        "questions": questions.collect::<Vec<_>>(),
        "cost": cost,
        "remaining_after": remaining.left().checked_sub(forecast.cost()).map(amount),
    })
}

/// A number with about four digits that say something, and separators.
#[cfg(feature = "cli")]
pub(super) fn digits(value: f64) -> String {
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

#[cfg(feature = "cli")]
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
#[cfg(feature = "cli")]
#[must_use]
pub fn metrics_text(metrics: &Metrics, accounting: Accounting) -> String {
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
        unit(accounting),
        metrics.answers.len(),
        metrics.answers.iter().filter(|answer| answer.stored).count(),
        [vec![NOISE_NOTE.to_owned()], notes(metrics)].concat().join("\n"),
    )
}

/// What the metrics of a study cost.
#[cfg(feature = "cli")]
#[must_use]
pub fn metrics_forecast_text(
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
            format!("{} {}", units(question.cost), unit(accounting)),
        ]);
    }
    format!(
        "{rows}\n{} metrics from {} questions cost epsilon {} ({} {}), less what was answered before; {}; nothing was charged\n{}\n",
        forecast.metrics.len(),
        forecast.questions.len(),
        short(forecast.cost(), accounting),
        units(forecast.cost()),
        unit(accounting),
        if forecast.cost() > remaining.left() { "more than is left" } else { "it fits into what is left" },
        asked_epoch_text(epoch),
    )
}
