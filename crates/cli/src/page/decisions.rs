//! The decision on every study and recipient with its articles: the opinion that every question is decided by.

use maud::{Markup, html};

use super::facts::Facts;
use super::parts::{self, marked, name, time, verdict};
use super::statutes::in_opinion;
use super::texts::fill;
use hushtag::policy::{Explanation, Line, with_opinion};

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.decisions;
    let content = html! {
        p { (t.lead) }
        p { (t.judged_at) " " (time(facts, facts.now)) }
        @for (study, regime) in &facts.studies {
            @for recipient in &study.recipients {
                @let explained = with_opinion(study, regime, recipient, facts.now, |opinion| opinion.explain(facts.lang));
                @let title = fill(&t.study_and_recipient, &[("study", &study.id), ("recipient", &recipient.id)]);
                (opinion(facts, &title, &explained))
            }
        }
    };
    parts::section("decisions", &t.heading, &content)
}

fn opinion(facts: &Facts<'_>, title: &str, explained: &Explanation) -> Markup {
    let t = &facts.t.decisions;
    html! {
        h3 { (name(title)) }
        p { (marked(&in_opinion(facts, &explained.question))) }
        p { (verdict(explained.permitted, if explained.permitted { &t.permitted } else { &t.refused })) " \u{2013} " (name(&explained.answer)) }
        details open {
            summary { (t.all) }
            @for section in &explained.sections {
                h4 { (name(&in_opinion(facts, &section.text))) }
                (lines(facts, &section.under))
            }
        }
    }
}

/// Lines and those under them; the result of each rule is marked in words and colour.
fn lines(facts: &Facts<'_>, all: &[Line]) -> Markup {
    html! {
        ul class="opinion" {
            @for line in all {
                li {
                    @if let (Some(result), Some(word)) = (line.result, &line.verdict) {
                        (parts::result(result, word)) " "
                    }
                    (marked(&in_opinion(facts, &line.text)))
                    @if !line.under.is_empty() { (lines(facts, &line.under)) }
                }
            }
        }
    }
}
