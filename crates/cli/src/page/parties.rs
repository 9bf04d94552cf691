//! Who takes part under which terms and on which documents: what a study says of its parties, as an auditor files it.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

use super::facts::Facts;
use super::parts::{self, code, count, date, name};
use super::texts::fill;
use hushtag::policy::{PaperKind, Regime, Role, Study};
use hushtag::types::Timestamp;

/// Parties, terms and documents of one study.
pub(super) fn of_study(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    html! {
        (parties(facts, study))
        (terms(facts, study))
        (documents(facts, study, regime))
    }
}

/// What a study may leave open.
fn declared(facts: &Facts<'_>, text: &str) -> Markup {
    html! { @if text.is_empty() { em { (facts.t.parties.undeclared) } } @else { (name(text)) } }
}

fn parties(facts: &Facts<'_>, study: &Study) -> Markup {
    let t = &facts.t.parties;
    let handlers = study.handlers.iter().map(|handler| {
        let kind = html! { (t.handler) " (" (name(&handler.kind)) ")" };
        vec![
            name(handler.id.as_str()),
            kind,
            code(&handler.legal_id),
            declared(facts, &handler.name),
            declared(facts, &handler.contact),
        ]
    });
    let recipients = study.recipients.iter().map(|recipient| {
        let role = declared(facts, recipient.role.map_or("", Role::as_str));
        let kind = html! { (t.recipient) " (" (role) ")" };
        vec![
            name(recipient.id.as_str()),
            kind,
            code(&recipient.legal_id),
            declared(facts, &recipient.name),
            declared(facts, &recipient.contact),
        ]
    });
    let rows: Vec<Vec<Markup>> = handlers.chain(recipients).collect();
    let head = [t.party.as_str(), &t.role, &t.legal_id, &t.name, &t.contact];
    parts::table(&t.table, &facts.t.page.scroll, &head, &rows)
}

/// A span in hours, or in minutes where it is no whole number of them.
fn span(facts: &Facts<'_>, seconds: i64) -> String {
    let t = &facts.t.parties;
    let whole = |unit: i64| (seconds % unit == 0).then(|| count(seconds / unit));
    match whole(3600) {
        Some(hours) => fill(&t.hours, &[("n", &hours)]),
        None => fill(&t.minutes, &[("n", &count(seconds / 60))]),
    }
}

fn terms(facts: &Facts<'_>, study: &Study) -> Markup {
    let t = &facts.t.parties;
    let retention = fill(&t.days, &[("n", &count(study.retention.days()))]);
    let max_age = study.release.max_age.map_or_else(
        || fill(&t.max_age_none, &[("retention", &retention)]),
        |age| fill(&t.max_age_says, &[("span", &span(facts, age.seconds()))]),
    );
    parts::facts(&[
        (&t.max_age, html! { (max_age) }),
        (&t.retention, html! { (retention) }),
        (&t.min_people, html! { (count(study.release.min_people)) }),
        (&t.tokens, tokens(facts, study)),
    ])
}

/// How ids of the handlers meet, and what was evaluated for blind tokens.
fn tokens(facts: &Facts<'_>, study: &Study) -> Markup {
    let t = &facts.t.parties;
    let Some((terms, key)) = study.tokens.zip(study.token_key_id()) else {
        return html! { (t.tokens_shared) };
    };
    let key = key.to_string();
    let word = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let seals = facts.seals.iter().filter_map(|(_, entry)| entry.body.get("token_sessions")?.as_array());
    let own = seals.flatten().filter(|one| word(one, "key") == key);
    let sessions: BTreeSet<(String, u64)> = own
        .map(|one| (word(one, "session"), one.get("ids").and_then(Value::as_u64).unwrap_or_default()))
        .collect();
    let limits =
        [("max", &count(terms.max_ids) as &dyn std::fmt::Display), ("padding", &count(terms.padding))];
    html! {
        (fill(&t.tokens_blind, &limits))
        @for (session, ids) in &sessions {
            br;
            (fill(&t.token_session, &[("ids", &count(*ids))])) " " (code(session))
        }
    }
}

/// The documents, the notice and the consent screens that a study names, with the digests by which files are compared.
pub(super) fn documents(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    let t = &facts.t.parties;
    let version = fill(&t.version, &[("n", &study.notice.version)]);
    let rows = study.papers().into_iter().map(|paper| {
        let day = |at: Option<Timestamp>| at.map_or_else(|| html! { "\u{2013}" }, date);
        let digest = match paper.sha256 {
            Some(digest) => code(&digest.to_string()),
            None => html! { em { (t.no_digest) } },
        };
        let id = html! {
            (code(&paper.id))
            @if paper.kind == PaperKind::Notice { (facts.t.page.join) (version) }
        };
        let title = name(&regime.paper_title(&paper, facts.lang));
        vec![title, id, day(paper.approved), day(paper.expires), digest]
    });
    let rows: Vec<Vec<Markup>> = rows.collect();
    let head = [t.document.as_str(), &t.id, &t.approved, &t.expires, "SHA-256"];
    parts::table(&t.documents, &facts.t.page.scroll, &head, &rows)
}
