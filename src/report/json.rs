//! The JSON that scripts rely on.

use serde_json::{Map, Value, json};

use super::answer::{BudgetJson, Delta, Noise, Privacy, anchor, shown};
use crate::audit::amount;
use crate::dp::Accounting;
use crate::engine::IngestReport;
use crate::operator::{Remaining, ResolvedEpoch, Status, Vocabulary};
use crate::policy::Reason;
use crate::query::Forecast;
use crate::release::BudgetView;

fn budget(spent: u128, limit: u128, lifetime: u128, accounting: Accounting) -> Value {
    json!(BudgetJson { budget: BudgetView { spent, limit, lifetime }, accounting })
}

impl Forecast {
    /// A forecast as JSON: the same objects as the later answer has, before anything is charged. `epoch` is the one that
    /// would be asked, with the reason if it does not answer now.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self, remaining: &Remaining, epoch: Option<&ResolvedEpoch>) -> Value {
        let accounting = remaining.accounting;
        let parts = self.parts.iter().map(|part| {
            let mut part_json = json!(Noise::new(&part.mechanism, part.sensitivity, part.half_width));
            if let Value::Object(all) = &mut part_json {
                all.insert("name".into(), json!(part.name));
                all.insert("hidden".into(), json!(part.hidden));
                all.extend(part.denomination.as_ref().map(|unit| {
                    let half = unit.major(i128::from(part.half_width).into());
                    ("major".to_owned(), json!({ "unit": unit.name(), "half_width": half }))
                }));
                all.insert(accounting.unit().into(), amount(part.cost));
            }
            part_json
        });
        let left = remaining.left();
        json!({
            "forecast": true,
            "epoch": epoch.map(asked_epoch),
            "question": self.question,
            "cells": self.cells,
            "computed": self.computed,
            "reach_because": self.reach_because,
            "privacy": Privacy::new(parts.collect::<Vec<Value>>(), self.reach, self.cost, accounting),
            "budget": budget(remaining.spent, remaining.limit, remaining.lifetime, accounting),
            "remaining_after": left.checked_sub(self.cost).map(amount),
            "such_questions_left": amount(left.checked_div(self.cost).unwrap_or(0)),
        })
    }
}

/// A refusal is an answer too.
#[must_use]
pub fn refusal_json(reasons: &[Reason]) -> Value {
    json!({ "refused": true, "reasons": reasons })
}

/// The epoch that would be asked, and why it answers nothing now, if it does not.
pub(super) fn asked_epoch(epoch: &ResolvedEpoch) -> Value {
    json!({ "id": epoch.id, "answers_until": epoch.answers_until.to_string(), "closed": epoch.closed })
}

/// What asks that a withdrawal ends processing.
const STOP_ARTICLES: [&str; 2] = ["PIPL 15", "PIPL 47"];

impl Status {
    /// The budget of a sandbox as JSON, in nano-epsilon or nano-rho, and as epsilon.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn budget_to_json(&self) -> Value {
        let totals = &self.totals;
        let shares = |shares: &std::collections::BTreeMap<String, u128>| -> Map<String, Value> {
            shares.iter().map(|(name, units)| (name.clone(), amount(*units))).collect()
        };
        let mut all = budget(totals.pool, self.pool.limit, totals.lifetime, self.accounting);
        if let Value::Object(map) = &mut all {
            map.insert("delta".into(), json!(Delta(self.accounting)));
            map.insert("epsilon_limit".into(), json!(shown(self.accounting.epsilon(self.pool.limit))));
            map.insert("opened_at".into(), json!(self.pool.opened_at.to_string()));
            map.insert("window_days".into(), json!(self.pool.window_days));
            map.insert("renewals".into(), json!(totals.renewals));
            map.insert("studies".into(), Value::Object(shares(&totals.studies)));
            map.insert("recipients".into(), Value::Object(shares(&totals.recipients)));
        }
        all
    }

    /// The public state of a sandbox as JSON.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let recipients = self.recipients.iter().map(|(id, study)| json!({ "id": id, "study": study }));
        let epochs = self.epochs.iter().map(|epoch| {
            json!({
                "id": epoch.id,
                "as_of": epoch.as_of.to_string(),
                "sealed_at": epoch.sealed_at.to_string(),
                "hours_since_seal": epoch.hours_since_seal,
                "ends": epoch.ends.to_string(),
                "retired": epoch.retired,
                "answers": epoch.answers,
                "answers_until": epoch
                    .answers_until
                    .iter()
                    .map(|(study, until)| (study.to_string(), json!(until.to_string())))
                    .collect::<Map<_, _>>(),
                "withdrawals": {
                    "counted_until": epoch.as_of.to_string(),
                    "longest_seconds_to_stop": epoch
                        .longest_to_stop()
                        .iter()
                        .map(|(study, seconds)| (study.to_string(), json!(seconds)))
                        .collect::<Map<_, _>>(),
                    "articles": STOP_ARTICLES,
                },
            })
        });
        json!({
            "sandbox": self.sandbox,
            "vkey": self.vkey,
            "recipients": recipients.collect::<Vec<_>>(),
            "epochs": epochs.collect::<Vec<_>>(),
            "pool": self.budget_to_json(),
            "log_size": self.log_size,
            "anchor": anchor(self.anchored),
        })
    }
}

impl Vocabulary {
    /// What queries may name, as JSON.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tags = self.tags.iter().map(|tag| {
            let (name, labels, reach) = (&tag.name, &tag.labels, tag.reach);
            json!({ "name": name, "labels": labels, "reach": reach, "reach_because": tag.because })
        });
        let measures = self.measures.iter().map(|measure| {
            let (name, grid, clamp) = (&measure.name, &measure.grid, [measure.clamp.0, measure.clamp.1]);
            let (reach, because) = (measure.reach, &measure.because);
            let mut all = json!({
                "name": name, "clamp": clamp, "grid": grid, "reach": reach, "reach_because": because
            });
            if let (Value::Object(all), Some(unit)) = (&mut all, &measure.denomination) {
                all.insert("unit".into(), json!(unit.name()));
                all.insert("scale".into(), json!(unit.scale()));
            }
            all
        });
        let sets: Map<String, Value> =
            self.sets.iter().map(|(name, tags)| (name.clone(), json!(tags))).collect();
        let metrics = self.metrics.iter().map(|(name, means)| json!({ "name": name, "means": means }));
        json!({
            "metrics": metrics.collect::<Vec<_>>(),
            "tags": tags.collect::<Vec<_>>(),
            "measures": measures.collect::<Vec<_>>(),
            "tag_sets": sets,
        })
    }
}

impl IngestReport {
    /// What was read of each file and what was dropped, as JSON. It is for the operator, who has the files: its counts are exact.
    ///
    /// # Privacy
    /// Not differentially private: it stays with the operator.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "files": self.files })
    }
}
