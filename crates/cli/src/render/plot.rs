//! Answers and metrics as bars with intervals, in a file of their own.

use super::table::titled;
use crate::chart::{Bar, Bars, Caption, Panel};
use crate::lang::text;
use crate::target::MADE_BY;
use hushtag::operator::{MetricAnswer, Metrics};
use hushtag::release::{Released, Row};
use hushtag::types::{Decimal, Denomination};

/// The most bars of one panel; the table has them all.
const MOST: usize = 60;

/// An answer as an SVG file: a panel for each of its numbers, a bar for each of its groups.
#[must_use]
pub(crate) fn answer_plot(released: &Released) -> String {
    let panels = answer_panels(released, &text!("plot.everybody"));
    let Released { study, recipient, epoch, index, .. } = released;
    let (bars, noise) = (in_words_all(&panels, &text!("plot.few")), text!("note.noise"));
    let description = text!("plot.answer", bars, study, recipient, epoch, entry = index, noise);
    file(&released.question, &description, &panels)
}

/// The metrics of a study as an SVG file: a panel for each that was answered.
#[must_use]
pub(crate) fn metrics_plot(metrics: &Metrics) -> String {
    let panels: Vec<Panel> = metrics.metrics.iter().filter_map(metric_panel).collect();
    let (bars, noise) = (in_words_all(&panels, &text!("plot.few")), text!("note.noise"));
    file(&text!("plot.metrics"), &text!("plot.metrics_bars", bars, noise), &panels)
}

fn file(title: &str, description: &str, panels: &[Panel]) -> String {
    let caption = Caption { id: "plot", title, description };
    let (suppressed, unknown) = (text!("plot.suppressed"), text!("answer.unknown"));
    let bars = Bars { caption, panels, suppressed: &suppressed, unknown: &unknown };
    format!("{MADE_BY}\n{}\n", bars.draw(true).into_string())
}

/// The panels of an answer; `everybody` is the label of an answer without groups.
pub(crate) fn answer_panels(released: &Released, everybody: &str) -> Vec<Panel> {
    let columns = released.columns.iter();
    columns
        .map(|column| Panel {
            title: titled(column, released.denominations.get(column)),
            bars: released.rows.iter().take(MOST).map(|row| bar(released, row, column, everybody)).collect(),
        })
        .collect()
}

fn bar(released: &Released, row: &Row, column: &str, everybody: &str) -> Bar {
    let float = |value| float(value, released.denominations.get(column));
    let cell = row.cells.iter().find(|cell| cell.name == column);
    let known = cell.and_then(|cell| Some((cell.estimate?, cell.low, cell.high)));
    Bar {
        label: label(&row.group, everybody),
        value: known.map(|(estimate, ..)| float(estimate)),
        interval: known.map(|(_, low, high)| (float(low), float(high))),
        suppressed: row.suppressed,
    }
}

fn metric_panel(metric: &MetricAnswer) -> Option<Panel> {
    let rows = metric.outcome.as_ref().ok()?;
    let bars = rows.iter().take(MOST).map(|row| Bar {
        label: label(&row.group, &text!("plot.everybody")),
        value: row.estimate.and_then(|estimate| estimate.value),
        interval: row.estimate.and_then(|estimate| estimate.low.zip(estimate.high)),
        suppressed: row.estimate.is_none(),
    });
    Some(Panel { title: format!("{} ({})", metric.name, metric.unit), bars: bars.collect() })
}

fn label(group: &[(String, String)], everybody: &str) -> String {
    let labels: Vec<&str> = group.iter().map(|(_, label)| label.as_str()).collect();
    if labels.is_empty() { everybody.to_owned() } else { labels.join(" \u{00b7} ") }
}

/// What the panels show, in words.
pub(crate) fn in_words_all(panels: &[Panel], suppressed: &str) -> String {
    let panels = panels.iter().map(|panel| {
        let bars: Vec<String> = panel.bars.iter().map(|bar| in_words(bar, suppressed)).collect();
        format!("{}: {}", panel.title, bars.join(", "))
    });
    panels.collect::<Vec<_>>().join("; ")
}

fn in_words(bar: &Bar, suppressed: &str) -> String {
    match (bar.suppressed, bar.value, bar.interval) {
        (true, ..) => format!("{} {suppressed}", bar.label),
        (false, Some(value), Some((low, high))) => {
            let [value, low, high] = [value, low, high].map(crate::chart::number);
            format!("{} {value} ({low} \u{2013} {high})", bar.label)
        }
        (false, value, _) => {
            format!("{} {}", bar.label, value.map_or_else(|| "?".to_owned(), crate::chart::number))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length on paper, shown beside the number")]
fn float(value: Decimal, denomination: Option<&Denomination>) -> f64 {
    let unit = 10_f64.powi(denomination.map_or(0, |denomination| denomination.scale().into()));
    value.thousandths() as f64 / 1000.0 / unit
}
