//! The JSON that scripts rely on.

use serde_json::{Map, Value, json};

use super::{NOISE_NOTE, OUTSIDE_NOTE, UNBIASED_NOTE, UNCERTAIN_NOTE, selection_note};
use crate::audit::amount;
use crate::dp::{Accounting, Mechanism, Sensitivity};
use crate::engine::IngestReport;
use crate::operator::{Remaining, ResolvedEpoch, Status, Vocabulary};
use crate::policy::Reason;
use crate::query::Forecast;
use crate::release::{Cell, OutputColumn, Released, Row};
use crate::types::{Decimal, Denomination, NanoEpsilon};

/// An epsilon as a JSON number; shown, never charged.
#[expect(clippy::cast_precision_loss, reason = "a shown number of at most ten digits")]
fn number(epsilon: NanoEpsilon) -> Value {
    json!(epsilon.get() as f64 / 1e9)
}

/// A released integer: a JSON number where every reader keeps it exactly, text beyond.
fn integer(value: i128) -> Value {
    i64::try_from(value)
        .ok()
        .filter(|small| small.unsigned_abs() < 1 << 53)
        .map_or_else(|| json!(value.to_string()), Value::from)
}

fn delta_json(accounting: Accounting) -> Value {
    accounting.delta().map_or(json!(0), |delta| json!(delta.get()))
}

impl Released {
    /// An answer as JSON, as the book describes it; `accounting` is that of the sandbox.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self, accounting: Accounting) -> Value {
        let parts: Vec<Value> = self
            .parts
            .iter()
            .map(|part| mechanism(&part.mechanism, part.sensitivity, part.half_width))
            .collect();
        let spent = &self.budget;
        json!({
            "question": self.question,
            "study": self.study,
            "recipient": self.recipient,
            "epoch": self.epoch,
            "policy": self.policy,
            "columns": columns(self),
            "rows": self.rows.iter().map(|row| row_json(self, row)).collect::<Vec<_>>(),
            "confidence": self.confidence.get(),
            "note": NOISE_NOTE,
            "selected_on": self.selected_on.iter().map(|selection| selection.as_str()).collect::<Vec<_>>(),
            "notes": notes(self),
            "privacy": privacy(parts, self.reach, self.units, accounting),
            "budget": budget(spent.spent, spent.limit, spent.lifetime, accounting),
            "stored": self.stored,
            "audit": { "index": self.index, "checkpoint": self.checkpoint, "anchor": anchor(self.anchored) },
        })
    }
}

/// The names of tags and numbers in the order of the select list, which the keys of an object do not keep.
fn columns(released: &Released) -> Vec<Value> {
    let group = released.rows.first().map_or(&[][..], |row| &row.group);
    let named = released.shown_order().into_iter().filter_map(|column| match column {
        OutputColumn::Tag(place) => group.get(place).map(|(tag, _)| json!({ "tag": tag })),
        OutputColumn::Number(place) => released.columns.get(place).map(|name| json!({ "number": name })),
    });
    named.collect()
}

/// What a reader of these rows has to know besides [`NOISE_NOTE`].
fn notes(released: &Released) -> Vec<String> {
    let cells = || released.rows.iter().flat_map(|row| &row.cells);
    let limited = cells().any(Cell::is_limited).then(|| UNBIASED_NOTE.to_owned());
    let uncertain = cells().any(Cell::is_uncertain).then(|| UNCERTAIN_NOTE.to_owned());
    let outside = cells().any(Cell::is_outside).then(|| OUTSIDE_NOTE.to_owned());
    [limited, uncertain, outside, selection_note(released)].into_iter().flatten().collect()
}

fn anchor(anchored: bool) -> &'static str {
    if anchored { "file" } else { "none" }
}

fn row_json(released: &Released, row: &Row) -> Value {
    let group: Map<String, Value> =
        row.group.iter().map(|(tag, label)| (tag.clone(), json!(label))).collect();
    let mut all = Map::new();
    all.insert("group".into(), Value::Object(group));
    for cell in &row.cells {
        all.insert(cell.name.clone(), cell_json(cell, released.denominations.get(&cell.name)));
    }
    all.insert("suppressed".into(), json!(row.suppressed));
    Value::Object(all)
}

/// A released decimal: an integer where it is one.
fn decimal(value: Decimal) -> Value {
    match value.whole() {
        Some(whole) => integer(whole),
        None => serde_json::from_str(&value.to_string()).unwrap_or(Value::Null),
    }
}

/// The number to read, the unbiased one before it was limited to what is possible, its interval and its relative error; of an amount
/// in minor units, and in major ones as texts. `outside` is there for an interval that was wholly outside of what is possible. `noisy` is the integer that left through the door, where there is one.
fn cell_json(cell: &Cell, denomination: Option<&Denomination>) -> Value {
    let mut all = Map::new();
    all.insert("estimate".into(), cell.estimate.map_or(Value::Null, decimal));
    all.extend(cell.unbiased.map(|unbiased| ("unbiased".to_owned(), decimal(unbiased))));
    all.insert("low".into(), decimal(cell.low));
    all.insert("high".into(), decimal(cell.high));
    all.insert("relative_error_percent".into(), cell.relative_error.map_or(Value::Null, decimal));
    all.insert("uncertain".into(), json!(cell.is_uncertain()));
    if cell.is_outside() {
        all.insert("outside".into(), json!(true));
    }
    all.extend(cell.noisy.map(|noisy| ("noisy".to_owned(), integer(noisy))));
    all.extend(denomination.map(|unit| {
        let [estimate, unbiased, low, high] = [cell.estimate, cell.unbiased, Some(cell.low), Some(cell.high)]
            .map(|value| value.map(|value| unit.major(value)));
        let major = json!({ "unit": unit.name(), "estimate": estimate, "unbiased": unbiased, "low": low, "high": high });
        ("major".to_owned(), major)
    }));
    Value::Object(all)
}

/// The norm that the mechanism is calibrated to, and its parameter, as exact texts.
fn mechanism(mechanism: &Mechanism, sensitivity: Sensitivity, half_width: u64) -> Value {
    let common = json!({ "mechanism": mechanism.name(), "half_width": half_width });
    let Value::Object(mut all) = common else { return common };
    let parameter = mechanism.parameter();
    match mechanism {
        Mechanism::DiscreteLaplace(_) => {
            all.insert("sensitivity".into(), json!(sensitivity.l1.to_string()));
            all.insert("scale".into(), json!(parameter));
        }
        Mechanism::DiscreteGaussian(_) => {
            all.insert("sensitivity_squared".into(), json!(sensitivity.l2_squared.to_string()));
            all.insert("sigma_squared".into(), json!(parameter));
        }
    }
    Value::Object(all)
}

/// If there is one part only, it describes the answer; all parts are listed.
fn privacy(parts: Vec<Value>, reach: u32, units: u128, accounting: Accounting) -> Value {
    let mut all = match parts.first() {
        Some(Value::Object(first)) => first.clone(),
        _ => Map::new(),
    };
    all.insert("reach".into(), json!(reach));
    all.insert(accounting.unit().into(), amount(units));
    all.insert("epsilon".into(), number(accounting.epsilon(units)));
    all.insert("delta".into(), delta_json(accounting));
    all.insert("parts".into(), Value::Array(parts));
    Value::Object(all)
}

fn budget(spent: u128, limit: u128, lifetime: u128, accounting: Accounting) -> Value {
    let unit = accounting.unit();
    let mut all = Map::new();
    all.insert(format!("spent_{unit}"), amount(spent));
    all.insert(format!("limit_{unit}"), amount(limit));
    all.insert(format!("lifetime_{unit}"), amount(lifetime));
    all.insert("epsilon_spent".into(), number(accounting.epsilon(spent)));
    all.insert("epsilon_lifetime".into(), number(accounting.epsilon(lifetime)));
    Value::Object(all)
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
            let mut part_json = mechanism(&part.mechanism, part.sensitivity, part.half_width);
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
            "privacy": privacy(parts.collect(), self.reach, self.cost, accounting),
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
            map.insert("delta".into(), delta_json(self.accounting));
            map.insert("epsilon_limit".into(), number(self.accounting.epsilon(self.pool.limit)));
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
