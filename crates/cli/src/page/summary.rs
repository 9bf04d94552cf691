//! What the page is about, and how it was found.

use base64::Engine as _;
use maud::{Markup, html};
use serde_json::Value;

use super::facts::Facts;
use super::parts::{self, code, count, name, time};
use super::texts::fill;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let (t, verified) = (&facts.t.summary, facts.verified);
    let checkpoint = &verified.log.checkpoint;
    let mut pairs = vec![
        (t.sandbox.as_str(), code(&facts.status.sandbox)),
        (
            t.verified.as_str(),
            html! { (parts::verdict(true, &facts.t.page.yes)) " \u{2013} " (t.verified_note) },
        ),
        (t.studies.as_str(), studies(facts)),
        (t.approval.as_str(), approval(facts)),
        (t.log_key.as_str(), code(&verified.vkey.to_string())),
    ];
    if verified.rotations > 0 {
        pairs.push((&t.signed_by, code(&verified.signed_by.to_string())));
    }
    let entries = fill(&t.entries, &[("n", &count(checkpoint.size))]);
    let root = base64::engine::general_purpose::STANDARD.encode(checkpoint.root);
    pairs.push((&t.checkpoint, html! { (entries) (facts.t.page.join) (t.root) " " (code(&root)) }));
    pairs.push((&t.anchor, html! { (anchor(facts)) }));
    let content = html! {
        p { (t.lead) }
        (parts::facts(&pairs))
        (epochs(facts))
    };
    parts::section("summary", &t.heading, &content)
}

/// Whether someone outside the folder would notice that ledger and log were put back.
pub(super) fn anchor(facts: &Facts<'_>) -> String {
    let t = &facts.t.summary;
    match (facts.verified.anchored, facts.verified.anchor_wanted) {
        (Some(size), _) => fill(&t.anchor_held, &[("n", &count(size))]),
        (None, true) => t.anchor_away.clone(),
        (None, false) => t.anchor_none.clone(),
    }
}

fn studies(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.summary;
    html! {
        @for (study, regime) in &facts.studies {
            div {
                (name(study.id.as_str())) " \u{2013} " (t.regime) " " (name(&regime.title(facts.lang)))
                br; (t.hash) " " (code(&study.hash))
            }
        }
    }
}

fn approval(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.summary;
    let signatures = |signed| fill(&t.approval_signed, &[("n", &count(signed))]);
    html! { (facts.verified.approvals.map_or_else(|| t.approval_none.clone(), signatures)) }
}

fn epochs(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.summary;
    let rows: Vec<Vec<Markup>> = facts
        .status
        .epochs
        .iter()
        .map(|epoch| {
            let sealed = facts.seals.iter().find(|(_, entry)| {
                entry.body.get("epoch").and_then(Value::as_str) == Some(epoch.id.as_str())
            });
            let index = sealed.map_or_else(String::new, |(index, _)| index.to_string());
            let retired = epoch.retired.map(|entry| fill(&t.retired, &[("index", &entry)]));
            vec![
                name(epoch.id.as_str()),
                time(facts, epoch.as_of),
                time(facts, epoch.sealed_at),
                html! { (index) },
                html! { (time(facts, epoch.ends)) @if let Some(retired) = &retired { br; (retired) } },
            ]
        })
        .collect();
    if rows.is_empty() {
        return html! { p { (t.no_epochs) } };
    }
    let head = [t.epoch.as_str(), &t.as_of, &t.sealed_at, &facts.t.releases.index, &t.ends];
    parts::table(&t.epochs, &facts.t.page.scroll, &head, &rows)
}
