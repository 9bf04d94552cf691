//! How long after a withdrawal an epoch may still answer with the person in it: from public constants alone.

use maud::{Markup, html};

use super::facts::Facts;
use super::parts::{self, name, time};
use super::texts::fill;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.stop;
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for epoch in &facts.status.epochs {
        let longest = epoch.longest_to_stop();
        for (study, until) in &epoch.answers_until {
            let minutes = longest.get(study).map_or(0, |seconds| seconds.saturating_add(59).div_euclid(60));
            let (hours, minutes) = (minutes / 60, minutes % 60);
            let span = fill(&t.span, &[("hours", &hours), ("minutes", &minutes)]);
            rows.push(vec![
                name(epoch.id.as_str()),
                name(study.as_str()),
                time(facts, epoch.as_of),
                html! {
                    (time(facts, *until))
                    @if let Some(entry) = epoch.retired { br; small { (fill(&t.retired, &[("entry", &entry)])) } }
                },
                html! { (span) },
            ]);
        }
    }
    let head = [t.epoch.as_str(), &t.study, &t.counted, &t.by, &t.longest];
    let content = html! {
        p { (t.lead) }
        @if rows.is_empty() {
            p { (t.none) }
        } @else {
            (parts::table(&t.table, &facts.t.page.scroll, &head, &rows))
        }
        p { (t.constants) }
        p { (t.requests) }
    };
    parts::section("stop", &t.heading, &content)
}
