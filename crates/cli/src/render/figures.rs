//! Joined figures that the auditor's key opened, as a text and as JSON.

use std::fmt::Write;

use comfy_table::Table;
use serde_json::{Value, json};

use super::table::{right, table};
use crate::lang::{text, word};
use hushtag::deidentify::{CLASS_SIZES, Risk, Sharing};
use hushtag::release::{Counted, JoinDiagnostics};

/// The figures of an epoch as JSON, with the risk per way of sharing.
#[must_use]
pub(crate) fn figures_json(all: &[JoinDiagnostics]) -> Value {
    let one = |figures: &JoinDiagnostics| {
        let counted = |counts: &[Counted]| -> Value {
            let map = counts.iter().map(|(name, count)| (name.clone(), json!(count)));
            Value::Object(map.collect())
        };
        let risks = figures.risks.iter().map(|(set, risk)| {
            let sharing = Sharing::ALL.map(|sharing| {
                let level = json!({ "risk_ppm": risk.data_risk(sharing), "level": risk.level(sharing) });
                (sharing.as_str().to_owned(), level)
            });
            let worst = risk.worst_tag().map(|tag| tag.tag.clone());
            let sharing = Value::Object(sharing.into_iter().collect());
            json!({ "tag_set": set, "risk": risk, "sharing": sharing, "coarsen_first": worst })
        });
        json!({
            "study": figures.study,
            "recipient": figures.recipient,
            "consents": counted(&figures.consents),
            "present": counted(&figures.present),
            "matched": figures.matched,
            "cut": counted(&figures.cut),
            "clamped": counted(&figures.clamped),
            "risks": risks.collect::<Vec<_>>(),
        })
    };
    json!({ "exact": true, "note": text!("figures.not_for_tuning"), "recipients": all.iter().map(one).collect::<Vec<_>>() })
}

/// The figures of an epoch as tables.
#[must_use]
pub(crate) fn figures_text(all: &[JoinDiagnostics]) -> String {
    let mut text = format!("{}\n{}\n", text!("figures.header"), text!("figures.not_for_tuning"));
    for figures in all {
        text.push_str(&text!("figures.recipient", study = figures.study, recipient = figures.recipient));
        let decided = figures.consents.iter().filter(|(_, count)| *count > 0);
        let decided: Vec<Counted> = decided.map(|(status, count)| (word("status", status), *count)).collect();
        let _ = writeln!(text, "{}", counts(text!("figures.consents"), &decided));
        let mut present = figures.present.clone();
        present.push((text!("figures.matched"), figures.matched));
        let _ = writeln!(text, "{}", counts(text!("figures.present"), &present));
        if !figures.cut.is_empty() {
            let _ = writeln!(text, "{}", counts(text!("figures.truncated"), &figures.cut));
        }
        if !figures.clamped.is_empty() {
            let _ = writeln!(text, "{}", counts(text!("figures.clamped"), &figures.clamped));
        }
        for (set, risk) in &figures.risks {
            let _ = writeln!(text, "{}", risk_text(set, risk));
        }
    }
    text
}

fn counts(what: String, all: &[Counted]) -> Table {
    let mut table = table(vec![what, text!("figures.people")]);
    for (name, count) in all {
        table.add_row(vec![name.clone(), count.to_string()]);
    }
    right(&mut table, 1..);
    table
}

fn risk_text(set: &str, risk: &Risk) -> String {
    let Risk { people, classes, k, unique, .. } = risk;
    let mut text = text!("figures.risk", set, people, classes, k, unique);
    for sharing in Sharing::ALL {
        let parts = risk.data_risk(sharing);
        let number = format!("{}.{:06}", parts / 1_000_000, parts % 1_000_000);
        let (sharing, level) = (sharing.as_str(), risk.level(sharing));
        text.push_str(&text!("figures.shared", sharing, level, risk = number));
    }
    let [three, five, twenty] = CLASS_SIZES.map(|size| text!("figures.small_without", size));
    let header = [text!("figures.tag"), "l".to_owned(), "t".to_owned(), text!("figures.k_without")];
    let mut table = table(header.into_iter().chain([three, five, twenty]).collect());
    for tag in &risk.tags {
        let mut row = vec![tag.tag.clone(), tag.l.to_string()];
        row.push(format!("{}.{:03}", tag.t_thousandths / 1000, tag.t_thousandths % 1000));
        row.push(tag.k_without.to_string());
        row.extend(tag.in_small_classes_without.map(|people| people.to_string()));
        table.add_row(row);
    }
    right(&mut table, 1..);
    let [three, five, twenty] = risk.in_small_classes;
    text.push_str(&text!("figures.small", three, five, twenty));
    if let Some(worst) = risk.worst_tag().filter(|_| twenty > 0) {
        let left = worst.in_small_classes_without.last().copied().unwrap_or(0);
        text.push_str(&text!("figures.coarsen", tag = worst.tag, left));
    }
    let _ = write!(text, "{table}");
    text
}
