//! Every released answer with its intervals, price and place in the log.

use maud::{Markup, html};

use super::budget::amount;
use super::facts::Facts;
use super::parts::{self, code, name, time};
use super::texts::fill;
use crate::operator::Given;
use crate::release::{Cell, Released, Row};
use crate::report::chart::{Bars, Told};
use crate::report::plot::{answer_panels, said};
use crate::report::table::{grouped, shown, titled};
use crate::types::Denomination;

/// The most bars that a chart beside a table has.
const MOST: usize = 30;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.releases;
    let content = html! {
        p { (t.lead) }
        @if facts.given.is_empty() { p { (t.none) } }
        @else { p { (t.noise_note) } }
        @for given in &facts.given { (answer(facts, given)) }
    };
    parts::section("releases", &t.heading, &content)
}

fn answer(facts: &Facts<'_>, given: &Given) -> Markup {
    let (t, released) = (&facts.t.releases, &given.released);
    let heading = fill(&t.prove, &[("index", &released.index)]);
    let interval = fill(&t.interval, &[("percent", &percent(released.confidence.get()))]);
    html! {
        details open id=(format!("answer-{}", released.index)) {
            summary { (heading) " \u{00b7} " (name(&released.recipient)) " \u{00b7} " (time(given.at)) }
            (parts::region(&t.question, &html! { pre { code { (released.question) } } }))
            (parts::facts(&[
                (&t.recipient, html! { (name(&released.recipient)) ", " (t.study) " " (name(&released.study)) ", " (t.epoch) " " (name(&released.epoch)) }),
                (&t.policy, code(&released.policy)),
                (&t.cost, amount(facts, released.units)),
                (&t.mechanism, mechanisms(facts, released)),
                (&t.reach, html! { (reach(facts, released.reach)) }),
            ]))
            (rows(facts, released, &interval, &heading))
            @if released.rows.iter().any(|row| row.suppressed) { p { (t.suppressed_note) } }
            (chart(facts, released, &heading))
        }
    }
}

fn reach(facts: &Facts<'_>, people: u32) -> String {
    let t = &facts.t.tags;
    if people == 1 { t.people_one.clone() } else { fill(&t.people, &[("n", &people)]) }
}

fn percent(confidence: f64) -> String {
    let text = format!("{:.1}", confidence * 100.0);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn mechanisms(facts: &Facts<'_>, released: &Released) -> Markup {
    let t = &facts.t.releases;
    html! {
        @for part in &released.parts {
            div {
                (part.mechanism) " (" (if part.mechanism == "discrete-laplace" { "scale" } else { "\u{03c3}\u{00b2}" }) " = " (part.parameter) "), "
                (t.half_width) " \u{00b1} " (grouped(i128::from(part.half_width)))
            }
        }
    }
}

fn rows(facts: &Facts<'_>, released: &Released, interval: &str, heading: &str) -> Markup {
    let t = &facts.t.releases;
    let tags: Vec<&str> =
        released.rows.first().into_iter().flat_map(|row| &row.group).map(|(tag, _)| tag.as_str()).collect();
    let title = |column: &String| titled(column, released.denominations.get(column));
    let titles: Vec<String> =
        released.columns.iter().map(|column| format!("{}, {interval}", title(column))).collect();
    let mut head: Vec<&str> = if tags.is_empty() { vec![t.group.as_str()] } else { tags };
    head.extend(titles.iter().map(String::as_str));
    let rows: Vec<Vec<Markup>> = released.rows.iter().map(|row| cells(facts, row, released)).collect();
    parts::table(&format!("{heading}: {}", t.estimate), &facts.t.page.scroll, &head, &rows)
}

fn cells(facts: &Facts<'_>, row: &Row, released: &Released) -> Vec<Markup> {
    let t = &facts.t.releases;
    let mut cells: Vec<Markup> = row.group.iter().map(|(_, label)| name(label)).collect();
    if cells.is_empty() {
        cells.push(html! { (t.everybody) });
    }
    if row.suppressed {
        cells.extend(released.columns.iter().map(|_| html! { em { (t.suppressed) } }));
    }
    let unit = |cell: &Cell| released.denominations.get(&cell.name);
    cells.extend(row.cells.iter().map(|cell| number(facts, cell, unit(cell))));
    cells
}

fn number(facts: &Facts<'_>, cell: &Cell, unit: Option<&Denomination>) -> Markup {
    let estimate = cell.estimate.map_or_else(|| facts.t.page.unknown.clone(), |value| shown(value, unit));
    html! { (estimate) " (" (shown(cell.low, unit)) " \u{2013} " (shown(cell.high, unit)) ")" }
}

/// Bars of the first number, where a few groups have one; more numbers would be more charts than help.
fn chart(facts: &Facts<'_>, released: &Released, heading: &str) -> Markup {
    let title = fill(&facts.t.releases.shown_bars, &[("answer", &heading)]);
    if (2..=MOST).contains(&released.rows.len()) {
        bars(facts, released, &format!("bars-{}", released.index), &title)
    } else {
        html! {}
    }
}

/// Bars of the first number of an answer.
pub(super) fn bars(facts: &Facts<'_>, released: &Released, id: &str, title: &str) -> Markup {
    let t = &facts.t.releases;
    let panels: Vec<_> = answer_panels(released, &t.everybody).into_iter().take(1).collect();
    let description = format!("{} {}", t.chart_says, said(&panels, &t.suppressed));
    let bars = Bars {
        told: Told { id, title, description: &description },
        panels: &panels,
        suppressed: &t.suppressed,
        unknown: &facts.t.page.unknown,
    };
    parts::figure(title, &bars.draw(false))
}
