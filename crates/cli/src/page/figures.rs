//! The internal edition: exact figures about people that the auditor's key opened. Each page is marked.

use maud::{Markup, PreEscaped, html};

use super::facts::Facts;
use super::parts::{self, code, name};
use super::texts::fill;
use crate::render::table::grouped;
use hushtag::deidentify::{CLASS_SIZES, Risk, Sharing};
use hushtag::release::{Counted, JoinDiagnostics};

/// The mark on the screen, which stays where the reader is.
pub(super) fn mark(facts: &Facts<'_>) -> Markup {
    html! { @if facts.figures.is_some() { p class="mark" { strong { (facts.t.figures.mark) } } } }
}

/// The mark in the margin of every printed page.
pub(super) fn printed_mark(facts: &Facts<'_>) -> Markup {
    // The text is ours: no quotes and no backslashes, as a test checks.
    let rule = facts.figures.map(|_| format!("@page {{ @top-center {{ content: \"{}\"; color: #a11d1d; font: 600 9pt system-ui, \"Noto Sans CJK SC\", sans-serif; }} }}", facts.t.figures.mark));
    html! { @if let Some(rule) = rule { style { (PreEscaped(rule)) } } }
}

pub(super) fn section(facts: &Facts<'_>) -> Option<Markup> {
    let t = &facts.t.figures;
    let all = facts.figures?;
    let content = html! {
        p class="draft" { (t.lead) }
        p { (t.not_for_tuning) }
        @if all.is_empty() { p { (t.none) } }
        @for (epoch, recipients) in all {
            @for one in recipients { (figures(facts, epoch.as_str(), one)) }
        }
    };
    Some(parts::section("figures", &t.heading, &content))
}

fn figures(facts: &Facts<'_>, epoch: &str, one: &JoinDiagnostics) -> Markup {
    let t = &facts.t.figures;
    let title = fill(&t.one, &[("epoch", &epoch), ("study", &one.study), ("recipient", &one.recipient)]);
    let standing = |word: &str| facts.t.standings.get(word).map_or_else(|| word.to_owned(), Clone::clone);
    let decided: Vec<Counted> = one.consents.iter().filter(|(_, people)| *people > 0).cloned().collect();
    let decided: Vec<Counted> = decided.into_iter().map(|(word, people)| (standing(&word), people)).collect();
    let mut present = one.present.clone();
    present.push((t.matched.clone(), one.matched));
    html! {
        h3 { (name(&title)) }
        (counts(facts, &t.consents, &decided))
        (counts(facts, &t.present, &present))
        (counts(facts, &t.cut, &one.cut))
        (counts(facts, &t.clamped, &one.clamped))
        @for (set, risk) in &one.risks { (hiding(facts, set, risk)) }
    }
}

fn counts(facts: &Facts<'_>, title: &str, all: &[Counted]) -> Markup {
    let t = &facts.t.figures;
    if all.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<Markup>> =
        all.iter().map(|(what, people)| vec![name(what), html! { (number(*people)) }]).collect();
    parts::table(title, &facts.t.page.scroll, &[&t.what, &t.people], &rows)
}

fn number(people: u64) -> String {
    grouped(i128::from(people))
}

/// How well people hide in the table of a tag set (GB/T 42460-2023, annex D).
fn hiding(facts: &Facts<'_>, set: &str, risk: &Risk) -> Markup {
    let t = &facts.t.figures;
    let title = fill(&t.risk, &[("set", &set)]);
    let pair = |what: &str, people: u64| vec![html! { (what) }, html! { (number(people)) }];
    let mut rows = vec![
        pair(&t.people, risk.people),
        pair(&t.classes, risk.classes),
        pair(&t.smallest, risk.k),
        pair(&t.alone, risk.unique),
    ];
    for (size, people) in CLASS_SIZES.iter().zip(risk.in_small_classes) {
        rows.push(pair(&fill(&t.small, &[("size", size)]), people));
    }
    for sharing in Sharing::ALL {
        let parts = risk.data_risk(sharing);
        let what = fill(&t.level, &[("sharing", &sharing.as_str())]);
        let level = format!("{} ({}.{:06})", risk.level(sharing), parts / 1_000_000, parts % 1_000_000);
        rows.push(vec![html! { (what) }, html! { (level) }]);
    }
    let tags: Vec<Vec<Markup>> = risk
        .tags
        .iter()
        .map(|tag| {
            let t_value = format!("{}.{:03}", tag.t_thousandths / 1000, tag.t_thousandths % 1000);
            vec![
                code(&tag.tag),
                html! { (number(tag.l)) },
                html! { (t_value) },
                html! { (number(tag.k_without)) },
            ]
        })
        .collect();
    html! {
        (parts::table(&title, &facts.t.page.scroll, &[&t.what, &t.people], &rows))
        (parts::table(&fill(&t.tags, &[("set", &set)]), &facts.t.page.scroll, &[&t.tag, "l", "t", &t.without], &tags))
    }
}
