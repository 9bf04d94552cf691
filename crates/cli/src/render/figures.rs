//! Joined figures that the auditor's key opened, as a text and as JSON.

use std::fmt::Write;

use comfy_table::Table;
use serde_json::{Value, json};

use super::table::{right, table};
use hushtag::deidentify::{CLASS_SIZES, Risk, Sharing};
use hushtag::release::{Counted, JoinDiagnostics};

/// What joined figures must not be used for.
const NOT_FOR_TUNING: &str = "counts of clamped and truncated people are exact facts: they must not tune public constants; choose clamps, bands, grids and max_reach from public knowledge or from a charged QUANTILE";

const HEADER: &str = "exact figures about people, opened with the auditor's key: not differentially private, not for recipients";

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
                let said = json!({ "risk_ppm": risk.data_risk(sharing), "level": risk.level(sharing) });
                (sharing.as_str().to_owned(), said)
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
    json!({ "exact": true, "note": NOT_FOR_TUNING, "recipients": all.iter().map(one).collect::<Vec<_>>() })
}

/// The figures of an epoch as tables.
#[must_use]
pub(crate) fn figures_text(all: &[JoinDiagnostics]) -> String {
    let mut text = format!("{HEADER}\n{NOT_FOR_TUNING}\n");
    for figures in all {
        let _ = writeln!(text, "\nstudy {}, recipient {}", figures.study, figures.recipient);
        let stands: Vec<Counted> = figures.consents.iter().filter(|(_, count)| *count > 0).cloned().collect();
        let _ = writeln!(text, "{}", counts("people with consent events, by what decides", &stands));
        let mut present = figures.present.clone();
        present.push(("two handlers or more".into(), figures.matched));
        let _ = writeln!(text, "{}", counts("of those who are in: rows in", &present));
        if !figures.cut.is_empty() {
            let _ = writeln!(text, "{}", counts("of those who are in: list cut in", &figures.cut));
        }
        if !figures.clamped.is_empty() {
            let _ = writeln!(text, "{}", counts("of those who are in: clamped in", &figures.clamped));
        }
        for (set, risk) in &figures.risks {
            let _ = writeln!(text, "{}", risk_text(set, risk));
        }
    }
    text
}

fn counts(what: &str, all: &[Counted]) -> Table {
    let mut table = table(vec![what.to_owned(), "people".to_owned()]);
    for (name, count) in all {
        table.add_row(vec![name.clone(), count.to_string()]);
    }
    right(&mut table, 1);
    table
}

fn risk_text(set: &str, risk: &Risk) -> String {
    let mut text = format!(
        "tag set {set}: {} people in {} classes; smallest class (k) {}; {} alone in theirs\n",
        risk.people, risk.classes, risk.k, risk.unique
    );
    for sharing in Sharing::ALL {
        let parts = risk.data_risk(sharing);
        let _ = writeln!(
            text,
            "  shared as {}: identifiability level {} (GB/T 42460-2023), risk {}.{:06} before context",
            sharing.as_str(),
            risk.level(sharing),
            parts / 1_000_000,
            parts % 1_000_000
        );
    }
    let [three, five, twenty] = CLASS_SIZES.map(|size| format!("people in classes < {size} without it"));
    let header = ["tag", "l", "t", "k without it"].map(str::to_owned).into_iter();
    let mut table = table(header.chain([three, five, twenty]).collect());
    for tag in &risk.tags {
        let mut row = vec![tag.tag.clone(), tag.l.to_string()];
        row.push(format!("{}.{:03}", tag.t_thousandths / 1000, tag.t_thousandths % 1000));
        row.push(tag.k_without.to_string());
        row.extend(tag.in_small_classes_without.map(|people| people.to_string()));
        table.add_row(row);
    }
    right(&mut table, 1);
    let [three, five, twenty] = risk.in_small_classes;
    let _ = writeln!(text, "  people in classes < 3: {three}; < 5: {five}; < 20: {twenty}");
    if let Some(worst) = risk.worst_tag().filter(|_| twenty > 0) {
        let left = worst.in_small_classes_without.last().copied().unwrap_or(0);
        let _ = writeln!(text, "  coarsen `{}` first: at best {left} people stay in classes < 20", worst.tag);
    }
    let _ = write!(text, "{table}");
    text
}
