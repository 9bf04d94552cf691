//! What sections are built of: tables that scroll inside themselves, lists of facts, names that keep their direction.

use maud::{Markup, Render, html};

use super::facts::Facts;
use crate::render::table::grouped;
use hushtag::policy::RuleResult;
use hushtag::types::{Timestamp, Zone};

/// The longest word, in letters, that is kept on one line although it has a hyphen or a dot to break at.
const WORD: usize = 20;

/// Whether a text is one short word, such as an id: it is not broken.
fn is_word(text: &str) -> bool {
    text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A name or text that someone else wrote: its direction does not leak into ours.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi class=[is_word(text).then_some("word")] { (text) } }
}

/// An id, hash or key.
pub(super) fn code(text: &str) -> Markup {
    html! { code class=[is_word(text).then_some("word")] { bdi { (text) } } }
}

/// A whole number with a separator every three digits.
pub(super) fn count(number: impl TryInto<i128> + std::fmt::Display + Copy) -> String {
    number.try_into().map_or_else(|_| number.to_string(), grouped)
}

/// A text in which what is between backticks, and an IRI between angle brackets, is typed or read by a machine.
pub(super) fn marked(text: &str) -> Markup {
    html! {
        bdi {
            @for (place, piece) in text.split('`').enumerate() {
                @if place % 2 == 1 { code { (piece) } } @else { (iris(piece)) }
            }
        }
    }
}

/// A text whose ids and dates do not break at their hyphens.
fn unbroken(text: &str) -> Markup {
    let ends_word = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
    html! {
        @for piece in text.split_inclusive(ends_word) {
            @let word = piece.trim_end_matches(ends_word);
            @if word.contains('-') && is_word(word) {
                span class="word" { (word) } (piece.strip_prefix(word).unwrap_or_default())
            } @else { (piece) }
        }
    }
}

/// A text whose IRIs may break at any letter, so that lines behind them break where they should.
fn iris(text: &str) -> Markup {
    let mut pieces = text.split('<');
    html! {
        (unbroken(pieces.next().unwrap_or_default()))
        @for piece in pieces {
            "<"
            @match piece.split_once('>').filter(|(iri, _)| iri.contains(':') && !iri.contains(' ')) {
                Some((iri, rest)) => { code { (iri) } ">" (unbroken(rest)) }
                None => { (unbroken(piece)) }
            }
        }
    }
}

/// An instant as the readers of the page write it: in UTC, and on a Chinese page on the clocks of Beijing with their offset.
pub(super) fn clock(at: Timestamp, zone: Option<&Zone>) -> String {
    let Some(local) = zone.and_then(|zone| zone.local(at.seconds())) else {
        return at.to_string().replace('T', " ").replace('Z', " UTC");
    };
    let ahead = local.saturating_sub(at.seconds()) / 60;
    let (sign, ahead) = (if ahead < 0 { '-' } else { '+' }, ahead.unsigned_abs());
    let offset = format!(" {sign}{:02}:{:02}", ahead / 60, ahead % 60);
    Timestamp::from_seconds(local).to_string().replace('T', " ").replace('Z', &offset)
}

/// An instant.
pub(super) fn time(facts: &Facts<'_>, at: Timestamp) -> Markup {
    html! { time datetime=(at) { (clock(at, facts.zone.as_ref())) } }
}

/// A day that a study names, which is kept as the first instant of that date in UTC.
pub(super) fn date(start: Timestamp) -> Markup {
    let text = start.to_string();
    html! { time { (text.split('T').next().unwrap_or_default()) } }
}

/// The name of a column, which may break behind each low line.
pub(super) fn column(text: &str) -> Markup {
    html! {
        bdi class=[is_word(text).then_some("word")] { @for (place, piece) in text.split('_').enumerate() { @if place > 0 { "_" wbr; } (piece) } }
    }
}

/// A number and its interval, each in a line that is not broken inside a number.
pub(super) fn value(estimate: &str, low: &str, high: &str) -> Markup {
    html! {
        span class="word" { (estimate) } " "
        span class="line" { span class="word" { "(" (low) } " \u{2013} " span class="word" { (high) ")" } }
    }
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

/// Pairs of a term and its value.
pub(super) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! {
        dl class="facts" {
            @for (term, value) in pairs {
                div { dt { (term) } dd { (value) } }
            }
        }
    }
}

/// A table that is named and whose first column heads its rows. In a narrow window each row is a list of its cells under the heads
/// of their columns.
pub(super) fn table(caption: &str, scroll: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    let heads: Vec<Markup> = head.iter().map(|cell| html! { (cell) }).collect();
    let body = rows.iter().map(|row| {
        html! {
            tr {
                @for (column, (cell, head)) in row.iter().zip(head).enumerate() {
                    @if column == 0 { th scope="row" { (cell) } } @else { td data-head=(head) { (cell) } }
                }
            }
        }
    });
    framed("cards", caption, scroll, &heads, body)
}

/// A table of released numbers, whose first `labels` columns head its rows; it stays a table in every window.
pub(super) fn numbers(
    caption: &str,
    scroll: &str,
    labels: usize,
    head: &[Markup],
    rows: &[Vec<Markup>],
) -> Markup {
    let body = rows.iter().map(|row| {
        html! {
            tr {
                @for (column, cell) in row.iter().enumerate() {
                    @if column < labels { th scope="row" { (cell) } } @else { td { (cell) } }
                }
            }
        }
    });
    framed("answer", caption, scroll, head, body)
}

fn framed(
    class: &str,
    caption: &str,
    scroll: &str,
    head: &[Markup],
    body: impl Iterator<Item = Markup>,
) -> Markup {
    region(
        &format!("{caption} ({scroll})"),
        &html! {
            table class=(class) {
                caption { (caption) }
                thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                tbody { @for row in body { (row) } }
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
