//! Refusals by rule, as the log has them; and what is not kept of the files.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde_json::Value;

use super::PageError;
use super::facts::Facts;
use super::parts::{self, code, name};
use super::statutes::cited;
use hushtag::audit::{Entry, Kind};

pub(super) fn section(facts: &Facts<'_>) -> Result<Markup, PageError> {
    let t = &facts.t.refusals;
    let table = if facts.count(Kind::Refuse) == 0 {
        html! { p { (t.none) } }
    } else {
        table(facts)?
    };
    let content = html! {
        p { (t.lead) }
        (table)
    };
    Ok(parts::section("refusals", &t.heading, &content))
}

pub(super) fn hygiene(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.hygiene;
    let content = html! {
        p { (t.lead) }
        p class="note" { (t.not_kept) }
        p { (parts::marked(&t.ask_for)) }
    };
    parts::section("hygiene", &t.heading, &content)
}

fn text<'e>(entry: &'e Entry, field: &str) -> &'e str {
    entry.body.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn table(facts: &Facts<'_>) -> Result<Markup, PageError> {
    let t = &facts.t.refusals;
    let mut counts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for found in facts.reader.entries_of(&[Kind::Refuse]) {
        let (_, entry) = found?;
        let rules = entry.body.get("rules").and_then(Value::as_array).into_iter().flatten();
        // Two limits in the way are one refusal by the rule on the budget.
        for rule in rules.filter_map(Value::as_str).collect::<BTreeSet<_>>() {
            let place =
                (rule.to_owned(), text(&entry, "act").to_owned(), text(&entry, "recipient").to_owned());
            *counts.entry(place).or_default() += 1;
        }
    }
    let rows: Vec<Vec<Markup>> = counts
        .into_iter()
        .map(|((rule, act, recipient), count)| {
            let (article, asks) = facts
                .studies
                .iter()
                .find_map(|(_, regime)| regime.rule_asks(&rule, facts.lang))
                .unwrap_or_else(|| ("", facts.t.mechanism_rules.get(&rule).unwrap_or(&t.other_rule)));
            vec![
                code(&rule),
                name(&cited(facts, article)),
                name(asks),
                code(&act),
                name(&recipient),
                html! { (parts::count(count)) },
            ]
        })
        .collect();
    let head = [t.rule.as_str(), &t.article, &t.asks, &t.act, &t.recipient, &t.count];
    Ok(parts::table(&t.table, &facts.t.page.scroll, &head, &rows))
}
