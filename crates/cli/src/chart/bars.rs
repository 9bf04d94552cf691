//! Bars with intervals; a suppressed bar is hatched and has no length.

use maud::{Markup, html};

use super::text::{cut, width};
use super::{Caption, WIDTH, along, drawing, number, px, ticks};

/// One bar.
pub(crate) struct Bar {
    /// Its meaning.
    pub(crate) label: String,
    /// The number, where there is one.
    pub(crate) value: Option<f64>,
    /// The ends of its interval, where it has them.
    pub(crate) interval: Option<(f64, f64)>,
    /// Whether it is not shown because few people are in it.
    pub(crate) suppressed: bool,
}

/// Bars over one axis.
pub(crate) struct Panel {
    /// What is counted.
    pub(crate) title: String,
    /// The bars from top to bottom.
    pub(crate) bars: Vec<Bar>,
}

/// One chart of several panels.
pub(crate) struct Bars<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) panels: &'a [Panel],
    /// The text of a suppressed bar.
    pub(crate) suppressed: &'a str,
    /// The text of an unknown number.
    pub(crate) unknown: &'a str,
}

const ROW: f64 = 24.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 28.0;
/// How long a suppressed bar is at most: its length shows no number.
const HIDDEN: f64 = 64.0;
/// How much smaller than labels the numbers are.
const SMALL: f64 = 0.9;

impl Bars<'_> {
    /// The chart; `alone` as a file of its own.
    pub(crate) fn draw(&self, alone: bool) -> Markup {
        let mut top = 8.0;
        let mut drawn = Vec::new();
        for panel in self.panels {
            drawn.push(self.panel(panel, top));
            top += height(panel);
        }
        let hatch = self.hatch();
        let content = html! {
            defs {
                pattern id=(hatch) width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    path class="hatch" d="M0 0V7" {}
                }
            }
            @for panel in &drawn { (panel) }
        };
        drawing(&self.caption, top, alone, &content)
    }

    fn hatch(&self) -> String {
        format!("{}-hatch", self.caption.id)
    }

    fn panel(&self, panel: &Panel, top: f64) -> Markup {
        let labels = panel.bars.iter().map(|bar| width(&bar.label)).fold(40.0, f64::max).min(230.0);
        let left = labels + 18.0;
        // Room for the number behind the longest bar.
        let numbers = panel.bars.iter().map(|bar| SMALL * width(&self.in_numbers(bar))).fold(120.0, f64::max);
        let length = (WIDTH - left - numbers - 16.0).max(100.0);
        let range = range(&panel.bars);
        let (first, rows) = (top + HEAD, panel.bars.len());
        let bottom = first + ROW * f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
        let at = |value: f64| left + along(value, range, length);
        // A few people are not drawn longer than any number that is known; where none is known there is no scale.
        let known = panel.bars.iter().filter_map(|bar| Some((at(bar.value?) - at(0.0)).abs()));
        let hidden = known.fold(HIDDEN, f64::min);
        let scaled = panel.bars.iter().any(|bar| bar.value.is_some());
        html! {
            text class="strong" x="8" y=(px(top + 18.0)) { (cut(&panel.title, WIDTH - 16.0)) }
            @for tick in ticks(range).into_iter().filter(|_| scaled) {
                path class="grid" d=(format!("M{} {}V{}", px(at(tick)), px(first), px(bottom))) {}
                text class="small middle" x=(px(at(tick))) y=(px(bottom + 15.0)) { (number(tick)) }
            }
            @for (row, bar) in (0_u32..).zip(&panel.bars) {
                (self.bar(bar, first + ROW * f64::from(row), (left, labels, hidden), &at))
            }
            path class="axis" d=(format!("M{} {}V{}", px(at(0.0)), px(first), px(bottom))) {}
        }
    }

    fn bar(
        &self,
        bar: &Bar,
        top: f64,
        (left, labels, hidden): (f64, f64, f64),
        at: &impl Fn(f64) -> f64,
    ) -> Markup {
        let (middle, baseline) = (top + ROW / 2.0, top + ROW / 2.0 + 4.5);
        let zero = at(0.0);
        let (value, ends) = (bar.value.map(at), bar.interval.map(|(low, high)| (at(low), at(high))));
        let behind =
            [Some(zero), value, ends.map(|(_, high)| high)].into_iter().flatten().fold(zero, f64::max);
        html! {
            text class="end" x=(px(left - 10.0)) y=(px(baseline)) { (cut(&bar.label, labels)) }
            @if bar.suppressed {
                rect class="hidden" x=(px(zero)) y=(px(top + 5.0)) width=(px(hidden)) height=(px(ROW - 10.0))
                    fill=(format!("url(#{})", self.hatch())) {}
                text class="small" x=(px(zero + hidden + 8.0)) y=(px(baseline)) { (self.suppressed) }
            } @else {
                @if let Some(end) = value {
                    rect class="bar" x=(px(zero.min(end))) y=(px(top + 5.0)) width=(px((end - zero).abs()))
                        height=(px(ROW - 10.0)) {}
                }
                @if let Some((low, high)) = ends {
                    path class="interval" d=(format!(
                        "M{low} {middle}H{high}M{low} {upper}V{lower}M{high} {upper}V{lower}",
                        low = px(low), high = px(high), middle = px(middle), upper = px(middle - 4.0), lower = px(middle + 4.0),
                    )) {}
                }
                text class="small" x=(px(behind + 8.0)) y=(px(baseline)) { (self.in_numbers(bar)) }
            }
        }
    }

    fn in_numbers(&self, bar: &Bar) -> String {
        let value = bar.value.map_or_else(|| self.unknown.to_owned(), number);
        match bar.interval {
            Some((low, high)) => format!("{value} ({} \u{2013} {})", number(low), number(high)),
            None => value,
        }
    }
}

fn height(panel: &Panel) -> f64 {
    let rows = f64::from(u32::try_from(panel.bars.len()).unwrap_or(u32::MAX));
    HEAD + ROW * rows + FOOT
}

/// From the smallest to the largest number of the bars, zero included.
fn range(bars: &[Bar]) -> (f64, f64) {
    let numbers = bars.iter().flat_map(|bar| {
        let (low, high) = bar.interval.unzip();
        [bar.value, low, high]
    });
    let finite = numbers.flatten().filter(|number| number.is_finite());
    let (least, most) = finite.fold((0.0_f64, 0.0_f64), |(least, most), n| (least.min(n), most.max(n)));
    if most > least { (least, most) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>]) -> String {
        let bars = values.iter().map(|value| Bar {
            label: "label".into(),
            value: *value,
            interval: value.map(|value| (value - 1.0, value + 1.0)),
            suppressed: value.is_none(),
        });
        let panels = [Panel { title: "people".into(), bars: bars.collect() }];
        let caption = Caption { id: "b", title: "bars", description: "bars" };
        Bars { caption, panels: &panels, suppressed: "few", unknown: "unknown" }.draw(false).into_string()
    }

    /// The lengths of all bars of a class.
    fn lengths(chart: &str, class: &str) -> Vec<f64> {
        let mark = format!("rect class=\"{class}\"");
        let bars = chart.split(&mark).skip(1);
        let width = |bar: &str| bar.split("width=\"").nth(1)?.split('"').next()?.parse().ok();
        bars.filter_map(width).collect()
    }

    #[test]
    fn a_bar_of_few_people_is_never_longer_than_one_that_is_known() {
        for known in [vec![9_000.0, 25.0], vec![30.0], vec![5.0, -3.0, 1_000_000.0], vec![0.0, 8.0]] {
            let values: Vec<Option<f64>> = known.iter().copied().map(Some).chain([None]).collect();
            let chart = drawn(&values);
            let shortest = lengths(&chart, "bar").into_iter().fold(f64::INFINITY, f64::min);
            let hidden = lengths(&chart, "hidden");
            assert!(
                hidden.len() == 1 && hidden.iter().all(|hidden| *hidden <= shortest),
                "{known:?}: {chart}"
            );
        }
        let alone = drawn(&[None, None]);
        assert!(lengths(&alone, "hidden").len() == 2 && !alone.contains("class=\"grid\""), "{alone}");
    }
}
