//! What sections are built of: tables that scroll inside themselves, lists of facts, names that keep their direction.

use maud::{Markup, Render, html};

use crate::policy::RuleResult;
use crate::types::Timestamp;

/// A name or text that somebody else wrote: its direction does not leak into ours.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// An id, hash or key.
pub(super) fn code(text: &str) -> Markup {
    html! { code { bdi { (text) } } }
}

/// A text in which what stands between backticks is typed or read by a machine.
pub(super) fn marked(text: &str) -> Markup {
    html! {
        bdi {
            @for (place, piece) in text.split('`').enumerate() {
                @if place % 2 == 1 { code { (piece) } } @else { (piece) }
            }
        }
    }
}

/// An instant.
pub(super) fn time(at: Timestamp) -> Markup {
    let text = at.to_string();
    html! { time datetime=(text) { (text.replace('T', " ").replace('Z', " UTC")) } }
}

/// A verdict in a word.
pub(super) fn verdict(good: bool, word: &str) -> Markup {
    html! { span class=(if good { "verdict good" } else { "verdict bad" }) { (word) } }
}

/// The result of a rule in a word or two: only one that holds looks like one.
pub(super) fn result(result: RuleResult, word: &str) -> Markup {
    let class = match result {
        RuleResult::Holds => "verdict good",
        RuleResult::Denied => "verdict bad",
        RuleResult::NotDeclared | RuleResult::Warning => "verdict open",
        RuleResult::NotApplicable | RuleResult::PerPerson | RuleResult::NotChecked => "verdict",
    };
    html! { span class=(class) { (word) } }
}

/// A section with its heading.
pub(super) fn section(id: &str, heading: &str, content: &Markup) -> Markup {
    let heading_id = format!("{id}-heading");
    html! {
        section id=(id) aria-labelledby=(heading_id) {
            h2 id=(heading_id) { (heading) }
            (content)
        }
    }
}

/// Pairs of a term and what is said of it.
pub(super) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! {
        dl class="facts" {
            @for (term, said) in pairs {
                div { dt { (term) } dd { (said) } }
            }
        }
    }
}

/// A table that is named, whose first column heads its rows, and that scrolls inside its own region.
pub(super) fn table(caption: &str, scroll: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    region(
        &format!("{caption} ({scroll})"),
        &html! {
            table {
                caption { (caption) }
                thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// What may be wider than the page, reachable by keyboard.
pub(super) fn region(label: &str, content: &impl Render) -> Markup {
    html! { div class="scroll" role="region" tabindex="0" aria-label=(label) { (content) } }
}

/// A chart in a figure.
pub(super) fn figure(label: &str, chart: &Markup) -> Markup {
    html! { figure { (region(label, chart)) } }
}
