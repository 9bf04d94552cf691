//! Every released answer with its intervals, price and place in the log.

use std::ops::Range;

use maud::{Markup, html};

use super::budget::amount;
use super::facts::Facts;
use super::older;
use super::parts::{self, code, name, time};
use super::texts::fill;
use crate::chart::{Bars, Caption};
use crate::render::plot::{answer_panels, in_words_all};
use crate::render::table::{decimal, grouped, shown, titled};
use hushtag::dp::Mechanism;
use hushtag::operator::Given;
use hushtag::release::{Cell, Part, PartUse, Released, Row};
use hushtag::types::{Decimal, Denomination, Ratio};

/// The most bars that a chart beside a table has.
const MOST: usize = 30;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    of(facts, &facts.t.releases.heading, &facts.given)
}

/// A section of these answers, and of what became of the others.
pub(super) fn of(facts: &Facts<'_>, heading: &str, answers: &[Given]) -> Markup {
    let t = &facts.t.releases;
    let content = html! {
        p { (t.lead) }
        (older::answers(facts))
        @if answers.is_empty() { p { (t.none) } }
        @else { p { (t.noise_note) } p { (t.unbiased_note) } p { (parts::marked(&t.computed_note)) } }
        @for given in answers { (answer(facts, given)) }
    };
    parts::section("releases", heading, &content)
}

fn answer(facts: &Facts<'_>, given: &Given) -> Markup {
    let (t, released) = (&facts.t.releases, &given.released);
    let heading = fill(&t.prove, &[("index", &released.index)]);
    let join = &facts.t.page.join;
    let interval = fill(&t.interval, &[("percent", &percent(released.confidence.get()))]);
    html! {
        details open id=(format!("answer-{}", released.index)) {
            summary { (heading) " \u{00b7} " (name(released.recipient.as_str())) " \u{00b7} " (time(facts, given.at)) }
            (parts::region(&t.question, &html! { pre { code { (released.question) } } }))
            (parts::facts(&[
                (&t.recipient, html! { (name(released.recipient.as_str())) (join) (t.study) " " (name(released.study.as_str())) (join) (t.epoch) " " (name(released.epoch.as_str())) }),
                (&t.policy, code(&released.policy)),
                (&t.cost, amount(facts, released.units)),
                (&t.mechanism, mechanisms(facts, released)),
                (&t.reach, html! { (reach(facts, released.reach)) }),
            ]))
            (rows(facts, released, &interval, &heading))
            @if released.rows.iter().any(|row| row.suppressed) { p { (t.suppressed_note) } }
            @if !released.selected_on.is_empty() { p { (t.selected_note) } }
            (chart(facts, released, &heading))
        }
    }
}

fn reach(facts: &Facts<'_>, people: u32) -> String {
    let t = &facts.t.tags;
    if people == 1 { t.people_one.clone() } else { fill(&t.people, &[("n", &parts::count(people))]) }
}

fn percent(confidence: f64) -> String {
    let text = format!("{:.1}", confidence * 100.0);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A line for each noised vector: the numbers that it is in, how it was noised, and how far from the exact ones they may be.
fn mechanisms(facts: &Facts<'_>, released: &Released) -> Markup {
    let t = &facts.t.releases;
    html! {
        @for part in &released.parts {
            @let (mechanism, symbol) = match part.mechanism {
                Mechanism::DiscreteLaplace(_) => (&t.laplace, t.scale.as_str()),
                Mechanism::DiscreteGaussian(_) => (&t.gaussian, "\u{03c3}\u{00b2}"),
            };
            div {
                (noised(facts, part)) ": " (mechanism) " (" (symbol) " = " (ratio(part.mechanism.parameter())) "), "
                (t.half_width) " \u{00b1} " (half_width(part, released))
            }
        }
    }
}

/// What a vector is in the answer: its own columns where it has some, otherwise those that are computed from it.
fn noised(facts: &Facts<'_>, part: &Part) -> Markup {
    let t = &facts.t.releases;
    let own: Vec<_> = part.columns.iter().filter(|(_, used)| *used == PartUse::Number).cloned().collect();
    let columns = if own.is_empty() { part.columns.as_slice() } else { own.as_slice() };
    match columns {
        [] => html! { (t.minimum) },
        // The cells of a histogram.
        [(first, PartUse::Number), _, .., (last, PartUse::Number)] => {
            let places: [(&str, &dyn std::fmt::Display); 3] =
                [("first", first), ("last", last), ("n", &columns.len())];
            name(&fill(&t.first_to_last, &places))
        }
        columns => {
            let each = columns.iter().map(|(column, used)| {
                let text = match used {
                    PartUse::Number => return column.clone(),
                    PartUse::Sum => &t.sum_of,
                    PartUse::Count => &t.count_of,
                    PartUse::Histogram => &t.histogram_of,
                };
                fill(text, &[("column", column)])
            });
            name(&each.collect::<Vec<_>>().join(&facts.t.page.and))
        }
    }
}

/// A parameter of noise, a whole number or an exact ratio, with separators.
fn ratio(parameter: Ratio) -> String {
    let parts = [parameter.numerator(), parameter.denominator()];
    let grouped = |part: u128| grouped(i128::try_from(part).unwrap_or(i128::MAX));
    match parts.map(grouped) {
        [whole, _] if parameter.denominator() == 1 => whole,
        [top, bottom] => format!("{top}/{bottom}"),
    }
}

/// The half-width of a vector's numbers; amounts in the unit of their column, people as people.
fn half_width(part: &Part, released: &Released) -> String {
    let unit = part.columns.iter().find_map(|(column, used)| match used {
        PartUse::Number | PartUse::Sum => released.denominations.get(column),
        PartUse::Count | PartUse::Histogram => None,
    });
    titled(&shown(i128::from(part.half_width).into(), unit), unit)
}

/// How many letters have room side by side on a sheet of A4.
const SHEET: usize = 88;
/// The space between two columns, in letters.
const GAP: usize = 3;
/// The longest part of a label or heading, in letters, that counts: it may break after so many.
const LABEL: usize = 20;

/// About how wide a text is, in Latin letters.
fn letters(text: &str) -> usize {
    text.chars().map(|letter| if letter.is_ascii() { 1 } else { 2 }).sum()
}

/// Columns of these widths in blocks of at most this width, in their order; each block has one column at least.
fn blocks(widths: &[usize], room: usize) -> Vec<Range<usize>> {
    let (mut all, mut start, mut used) = (Vec::new(), 0, 0);
    for (place, width) in widths.iter().enumerate() {
        if place > start && used + width > room {
            all.push(start..place);
            (start, used) = (place, 0);
        }
        used += width;
    }
    all.push(start..widths.len());
    all
}

/// The released numbers as tables that are no wider than a sheet of paper; each has all groups.
fn rows(facts: &Facts<'_>, released: &Released, interval: &str, heading: &str) -> Markup {
    let t = &facts.t.releases;
    let tags: Vec<&str> =
        released.rows.first().into_iter().flat_map(|row| &row.group).map(|(tag, _)| tag.as_str()).collect();
    let label = |place: usize, tag: &str| {
        let labels = released.rows.iter().filter_map(|row| row.group.get(place));
        labels.map(|(_, label)| letters(label)).fold(letters(tag), usize::max).min(LABEL) + GAP
    };
    let labels: usize = tags.iter().enumerate().map(|(place, tag)| label(place, tag)).sum();
    let widths: Vec<usize> = released.columns.iter().map(|column| width(released, column)).collect();
    let blocks = blocks(&widths, SHEET - labels.min(SHEET / 2));
    let caption = format!("{heading}: {}", t.estimate);
    html! {
        @for block in &blocks {
            @let columns = released.columns.get(block.clone()).unwrap_or_default();
            @if blocks.len() == 1 {
                (numbers(facts, released, (&tags, columns), interval, &caption))
            } @else {
                @let places: [(&str, &dyn std::fmt::Display); 3] =
                    [("first", &(block.start + 1)), ("last", &block.end), ("n", &released.columns.len())];
                (numbers(facts, released, (&tags, columns), interval, &format!("{caption}{}", fill(&t.block, &places))))
            }
        }
    }
}

/// How wide a column is, in letters.
fn width(released: &Released, column: &str) -> usize {
    let unit = released.denominations.get(column);
    let title = letters(&titled(column, unit)).min(LABEL);
    let cells = released.rows.iter().flat_map(|row| row.cells.iter().filter(|cell| cell.name == column));
    let lines = cells.flat_map(|cell| {
        let number = |value: Decimal| letters(&shown(value, unit));
        let ends = number(cell.low) + number(cell.high) + 5;
        [cell.estimate.map_or(0, number), ends]
    });
    lines.fold(title, usize::max) + GAP
}

fn numbers(
    facts: &Facts<'_>,
    released: &Released,
    (tags, columns): (&[&str], &[String]),
    interval: &str,
    caption: &str,
) -> Markup {
    let t = &facts.t.releases;
    let everybody = [t.group.as_str()];
    let labels = if tags.is_empty() { &everybody[..] } else { tags };
    let titles = columns.iter().map(|column| {
        html! { (parts::column(&titled(column, released.denominations.get(column)))) (facts.t.page.join) (interval) }
    });
    let head: Vec<Markup> = labels.iter().map(|tag| parts::column(tag)).chain(titles).collect();
    let rows: Vec<Vec<Markup>> =
        released.rows.iter().map(|row| cells(facts, row, columns, released)).collect();
    parts::numbers(caption, &facts.t.page.scroll, labels.len(), &head, &rows)
}

fn cells(facts: &Facts<'_>, row: &Row, columns: &[String], released: &Released) -> Vec<Markup> {
    let t = &facts.t.releases;
    let mut cells: Vec<Markup> = row.group.iter().map(|(_, label)| name(label)).collect();
    if cells.is_empty() {
        cells.push(html! { (t.everybody) });
    }
    cells.extend(columns.iter().map(|column| {
        let cell = row.cells.iter().find(|cell| cell.name == *column);
        let unit = released.denominations.get(column);
        cell.map_or_else(|| html! { em { (t.suppressed) } }, |cell| number(facts, cell, unit))
    }));
    cells
}

/// The number before it was limited to what is possible, where it was, and its relative error.
fn beside(facts: &Facts<'_>, cell: &Cell, unit: Option<&Denomination>) -> Markup {
    let t = &facts.t.releases;
    let unbiased = cell.unbiased.filter(|_| cell.is_limited());
    html! {
        @if let Some(unbiased) = unbiased { " " small class="line" { (fill(&t.unbiased, &[("n", &shown(unbiased, unit))])) } }
        @if let Some(error) = cell.relative_error { " " small class="line" { "\u{b1} " (decimal(error)) " %" } }
        @if cell.is_outside() { " " small class="line bad" { (t.outside) } }
        @if cell.is_uncertain() { " " small class="line bad" { (t.uncertain) } }
    }
}

fn number(facts: &Facts<'_>, cell: &Cell, unit: Option<&Denomination>) -> Markup {
    let estimate = cell.estimate.map_or_else(|| facts.t.page.unknown.clone(), |value| shown(value, unit));
    let [low, high] = [cell.low, cell.high].map(|end| shown(end, unit));
    html! {
        (parts::value(&estimate, &low, &high)) (beside(facts, cell, unit))
    }
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
    let description = format!("{} {}", t.chart_says, in_words_all(&panels, &t.suppressed));
    let bars = Bars {
        caption: Caption { id, title, description: &description },
        panels: &panels,
        suppressed: &t.suppressed,
        unknown: &facts.t.page.unknown,
    };
    parts::figure(title, &bars.draw(false))
}
