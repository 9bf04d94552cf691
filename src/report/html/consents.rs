//! Consent coverage: why exact numbers are not here, and what the log knows instead.

use maud::{Markup, html};
use serde_json::Value;

use super::facts::Facts;
use super::parts::{self, code, name, time};
use crate::audit::Kind;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.consents;
    let content = html! {
        p { (t.lead) }
        p class="note" { (t.no_share) }
        p { (t.why_not) }
        p { (t.where_demand) " " a href="#decisions" { (facts.t.decisions.heading) } }
        p { (t.effect) }
        (register(facts))
    };
    parts::section("consents", &t.heading, &content)
}

/// The states of the consent register that seals committed to.
fn register(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.consents;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<Markup>> = facts
        .of_kind(Kind::Seal)
        .filter_map(|(index, entry)| {
            let state = entry.body.get("register")?;
            let epoch = text(entry.body.get("epoch"));
            Some(vec![name(&epoch), time(entry.at), html! { (index) }, code(&text(Some(state)))])
        })
        .collect();
    if rows.is_empty() {
        return html! { p { (t.register_none) } };
    }
    let head = [t.epoch.as_str(), &facts.t.summary.sealed_at, &facts.t.releases.index, &t.state];
    parts::table(&t.register, &facts.t.page.scroll, &head, &rows)
}
