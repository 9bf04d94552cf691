//! Metrics as JSON.

use serde_json::{Map, Value, json};

use super::json::asked_epoch;
use super::{NOISE_NOTE, OUTSIDE_NOTE, UNBIASED_NOTE, selection_note};
use crate::audit::amount;
use crate::dp::Accounting;
use crate::operator::{MetricAnswer, Metrics, MetricsForecast, Remaining, ResolvedEpoch};
use crate::query::metric::Estimate;

impl Metrics {
    /// The metrics of a study as JSON; `accounting` is that of the sandbox.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self, accounting: Accounting) -> Value {
        let questions = self.answers.iter().map(|answer| {
            let mut question = Map::new();
            question.insert("question".into(), json!(answer.question));
            question.insert(accounting.unit().into(), amount(answer.units));
            question.insert("stored".into(), json!(answer.stored));
            question.insert("audit".into(), json!({ "index": answer.index }));
            Value::Object(question)
        });
        let mut charged = Map::new();
        charged.insert(accounting.unit().into(), amount(self.units()));
        json!({
            "metrics": self.metrics.iter().map(metric_json).collect::<Vec<_>>(),
            "questions": questions.collect::<Vec<_>>(),
            "charged": charged,
            "note": NOISE_NOTE,
            "notes": metrics_notes(self),
        })
    }
}

/// What a reader of metrics has to know besides [`NOISE_NOTE`].
#[must_use]
pub fn metrics_notes(metrics: &Metrics) -> Vec<String> {
    let rows = || metrics.metrics.iter().flat_map(|metric| metric.outcome.iter().flatten());
    let estimates = || rows().filter_map(|row| row.estimate);
    let limited = estimates().any(|estimate| estimate.is_limited()).then(|| UNBIASED_NOTE.to_owned());
    let outside = estimates().any(|estimate| estimate.is_outside()).then(|| OUTSIDE_NOTE.to_owned());
    [limited, outside, metrics.answers.iter().find_map(selection_note)].into_iter().flatten().collect()
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
                let value = row.estimate.map(|estimate| {
                    let Estimate { value, unbiased, low, high } = estimate;
                    let mut all =
                        json!({ "estimate": value, "unbiased": unbiased, "low": low, "high": high });
                    if let (Value::Object(all), true) = (&mut all, estimate.is_outside()) {
                        all.insert("outside".into(), json!(true));
                    }
                    all
                });
                json!({ "group": group, "value": value, "suppressed": row.estimate.is_none() })
            });
            all.insert("rows".into(), rows.collect());
        }
    }
    Value::Object(all)
}

impl MetricsForecast {
    /// What the metrics of a study cost, as JSON, before anything is charged.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self, remaining: &Remaining, epoch: Option<&ResolvedEpoch>) -> Value {
        let accounting = remaining.accounting;
        let questions = self.questions.iter().map(|question| {
            let mut all = Map::new();
            all.insert("question".into(), json!(question.question));
            all.insert("cells".into(), json!(question.cells));
            all.insert("reach".into(), json!(question.reach));
            all.insert(accounting.unit().into(), amount(question.cost));
            Value::Object(all)
        });
        let metrics = self.metrics.iter();
        let metrics =
            metrics.map(|(name, unit, means)| json!({ "name": name, "unit": unit, "means": means }));
        let mut cost = Map::new();
        cost.insert(accounting.unit().into(), amount(self.cost()));
        json!({
            "forecast": true,
            "epoch": epoch.map(asked_epoch),
            "metrics": metrics.collect::<Vec<_>>(),
            "questions": questions.collect::<Vec<_>>(),
            "cost": cost,
            "remaining_after": remaining.left().checked_sub(self.cost()).map(amount),
        })
    }
}
