//! Consent coverage: the noised counts that a seal paid for, or why there are none; and the states of the register.

use maud::{Markup, html};
use serde_json::Value;

use super::facts::Facts;
use super::parts::{self, code, marked, name, time};
use super::releases;
use super::texts::fill;
use hushtag::operator::Given;
use hushtag::query::ConsentCounts;
use hushtag::release::Row;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.consents;
    let counts: Vec<&Given> = facts
        .given
        .iter()
        .filter(|given| ConsentCounts::sealed_at(&given.released.question).is_some())
        .collect();
    let paid = facts.studies.iter().any(|(study, _)| study.release.consent_error.is_some());
    let content = html! {
        p { (marked(&t.lead)) }
        @if counts.is_empty() && !paid { p class="note" { (t.no_share) } }
        @for given in &counts { (counted(facts, given)) }
        p { (t.why_not) }
        p { (t.where_demand) " " a href="#decisions" { (facts.t.decisions.heading) } }
        p { (t.effect) }
        (register(facts))
    };
    parts::section("consents", &t.heading, &content)
}

/// The counts of one epoch and recipient, with the reasons in the words of the page.
fn counted(facts: &Facts<'_>, given: &Given) -> Markup {
    let t = &facts.t.consents;
    let mut shown = given.released.clone();
    for (_, word) in shown.rows.iter_mut().flat_map(|row: &mut Row| &mut row.group) {
        if let Some(text) = facts.t.standings.get(word) {
            word.clone_from(text);
        }
    }
    let places: [(&str, &dyn std::fmt::Display); 3] =
        [("epoch", &shown.epoch), ("study", &shown.study), ("recipient", &shown.recipient)];
    let title = fill(&t.counted, &places);
    html! {
        h3 { (t.released) }
        p { (name(&title)) (facts.t.page.join) a href=(format!("#answer-{}", shown.index)) { (facts.t.releases.index) " " (shown.index) } }
        (releases::bars(facts, &shown, &format!("consents-{}", shown.index), &title))
    }
}

/// The states of the consent register that seals committed to.
fn register(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.consents;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<Markup>> = facts
        .seals
        .iter()
        .filter_map(|(index, entry)| {
            let state = entry.body.get("register")?;
            let epoch = text(entry.body.get("epoch"));
            Some(vec![name(&epoch), time(facts, entry.at), html! { (index) }, code(&text(Some(state)))])
        })
        .collect();
    if rows.is_empty() {
        return html! { p { (t.register_none) } };
    }
    let head = [t.epoch.as_str(), &facts.t.summary.sealed_at, &facts.t.releases.index, &t.state];
    parts::table(&t.register, &facts.t.page.scroll, &head, &rows)
}
