//! Charts as SVG with text alternatives: the same code draws those inside the auditor's page and files of their own.

mod bars;
mod flow;
mod plain;
mod steps;
mod text;

pub(super) use bars::{Bar, Bars, Panel};
pub(super) use flow::{Flow, Source, Target};
pub(super) use steps::{Line, Steps};

use maud::{Markup, PreEscaped, html};

/// How wide a chart is, in its own units; a page scales it down or lets it scroll.
const WIDTH: f64 = 720.0;

/// The colours and letters of all charts; the page has the same variables.
pub(super) const STYLE: &str = include_str!("chart.css");

/// The variables of both themes.
pub(super) const THEME: &str = include_str!("theme.css");

/// The title of a chart and its text alternative.
pub(super) struct Caption<'a> {
    /// An id that no other chart of the page has.
    pub(super) id: &'a str,
    /// What it shows.
    pub(super) title: &'a str,
    /// What it shows, in words.
    pub(super) description: &'a str,
}

/// A drawing of this height with its text alternatives.
fn drawing(caption: &Caption<'_>, height: f64, alone: bool, content: &Markup) -> Markup {
    let (title, description) = (format!("{}-title", caption.id), format!("{}-desc", caption.id));
    let space = alone.then_some("http://www.w3.org/2000/svg");
    let drawn = html! {
        svg xmlns=[space] class="chart" role="img" viewBox=(format!("0 0 {} {}", px(WIDTH), px(height)))
            aria-labelledby=(format!("{title} {description}")) {
            title id=(title) { (caption.title) }
            desc id=(description) { (caption.description) }
            @if alone {
                style { (PreEscaped(dark_style())) }
                rect class="paper" width="100%" height="100%" {}
            }
            (content)
        }
    };
    if alone { PreEscaped(plain::with_attributes(&drawn.into_string())) } else { drawn }
}

/// The colours of the dark theme for a chart in a file of its own, in a query that viewers other than browsers ignore; the light
/// ones are attributes of its elements.
fn dark_style() -> String {
    let (_, dark) = THEME.split_once("@media").unwrap_or((THEME, ""));
    let lines = dark.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';'));
    let colours = lines.filter_map(|line| line.split_once(": "));
    let style = colours
        .fold(STYLE.to_owned(), |style, (name, colour)| style.replace(&format!("var(--{name})"), colour));
    format!(":root {{ color-scheme: light dark; }}\n@media (prefers-color-scheme: dark) {{\n{style}}}\n")
}

/// A length with one digit behind the point.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Where a value of `0 ..= most` lies on a line of this length.
fn along(value: f64, (least, most): (f64, f64), length: f64) -> f64 {
    let share = if most > least { (value - least) / (most - least) } else { 0.0 };
    share.clamp(0.0, 1.0) * length
}

/// A round number of which about five reach from one end to the other.
fn step(span: f64) -> f64 {
    if !span.is_finite() || span <= 0.0 {
        return 1.0;
    }
    let rough = span / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

/// The round numbers between two ends.
fn ticks((least, most): (f64, f64)) -> Vec<f64> {
    let step = step(most - least);
    let first = (least / step).ceil();
    (0..20_u32).map(|n| (first + f64::from(n)) * step).take_while(|tick| *tick <= most + step / 1e6).collect()
}

/// A number as an axis shows it: about four significant digits, separators every three before the point.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        size if size >= 1_000.0 || size.fract() <= size * 1e-9 => 0,
        size if size >= 10.0 => 2,
        size if size >= 0.01 => 4,
        _ => 7,
    };
    let text = format!("{size:.places$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign =
        if value < 0.0 && text.chars().any(|digit| ('1'..='9').contains(&digit)) { "\u{2212}" } else { "" };
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers_and_numbers_their_digits() {
        assert_eq!(ticks((0.0, 100.0)), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks((-3.0, 7.0)), [-2.0, 0.0, 2.0, 4.0, 6.0]);
        assert_eq!(ticks((0.0, 0.0)).first(), Some(&0.0));
        assert!(ticks((0.0, f64::INFINITY)).len() <= 20 && ticks((f64::NAN, 1.0)).len() <= 20);
        let shown = [
            (1_234_567.0, "1,234,567"),
            (-1200.0, "\u{2212}1,200"),
            (0.4242, "0.4242"),
            (12.5, "12.5"),
            (-0.000_000_01, "0"),
            (0.000_02, "0.00002"),
            (5.0 * 0.2, "1"),
        ];
        for (value, text) in shown {
            assert_eq!(number(value), text);
        }
        assert_eq!((px(3.0), px(2.25)), ("3".to_owned(), "2.2".to_owned()));
        assert!(along(5.0, (0.0, 10.0), 100.0) > 49.0 && along(20.0, (0.0, 10.0), 100.0) < 100.1);
    }
}
