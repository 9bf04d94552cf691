//! What was verified when the page was made, and how its reader verifies it without trusting the page.

use maud::{Markup, html};

use super::facts::Facts;
use super::parts::{self, count};
use super::summary::anchor;
use super::texts::fill;
use hushtag::operator::RegisterCheck;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.verify;
    let content = html! {
        p { (t.lead) }
        (parts::table(&t.table, &facts.t.page.scroll, &[&t.check, &t.result], &checks(facts)))
        p { (access(facts)) }
        h3 { (t.how) }
        p { (t.how_lead) }
        (parts::region(&t.how, &html! { pre { code { (commands(facts)) } } }))
        p { (t.own_key) }
        p { (t.sample) }
        h3 { (t.checkpoint) }
        (parts::region(&t.checkpoint, &html! { pre { code { (facts.reader.checkpoint()) } } }))
    };
    parts::section("verify", &t.heading, &content)
}

/// Whether the log says that this page was made.
fn access(facts: &Facts<'_>) -> String {
    let t = &facts.t.verify;
    let logged = facts.reader.logged().map(|entry| fill(&t.access_logged, &[("n", &entry)]));
    logged.unwrap_or_else(|| t.access_unlogged.clone())
}

fn checks(facts: &Facts<'_>) -> Vec<Vec<Markup>> {
    let (t, found) = (&facts.t.verify, facts.verified);
    let kinds: Vec<String> =
        found.log.kinds.iter().map(|(kind, number)| format!("{kind} {}", count(*number))).collect();
    let approvals = found
        .approvals
        .map_or_else(|| t.approvals_none.clone(), |signed| fill(&t.approvals, &[("n", &count(signed))]));
    let register = match found.register {
        RegisterCheck::Absent => &t.register_absent,
        _ => &t.register_holds,
    };
    let lines = [
        fill(
            &t.log_entries,
            &[("n", &count(found.log.checkpoint.size)), ("kinds", &kinds.join(&facts.t.page.and))],
        ),
        fill(&t.studies, &[("n", &count(found.studies))]),
        approvals,
        fill(&t.renewals, &[("n", &count(found.renewals))]),
        fill(&t.rotations, &[("n", &count(found.rotations))]),
        fill(&t.cubes, &[("n", &count(found.cubes))]),
        fill(&t.ledger, &[("n", &count(found.charges.unwrap_or(0)))]),
        register.clone(),
        t.files.clone(),
    ];
    let held = lines.into_iter().map(|line| (line, true));
    let anchored = (format!("{}: {}", t.anchor, anchor(facts)), found.anchored.is_some());
    let mark = |good: bool| parts::verdict(good, if good { &facts.t.page.yes } else { &facts.t.page.no });
    held.chain([anchored]).map(|(line, good)| vec![html! { (line) }, mark(good)]).collect()
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn commands(facts: &Facts<'_>) -> String {
    let (place, key) = (quoted(facts.place), &facts.verified.vkey);
    let mut lines =
        vec![format!("hushtag audit verify {place} --key {key}"), format!("hushtag audit show {place}")];
    if let Some(given) = facts.given.last() {
        lines
            .push(format!("hushtag audit prove {place} --answer {} --out answer.json", given.released.index));
        lines.push(format!("hushtag audit verify answer.json --key {key}"));
    }
    lines.join("\n")
}
