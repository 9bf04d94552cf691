//! Bars with intervals; a suppressed bar is hatched and has no length.

use maud::{Markup, html};

use super::text::{cut, width};
use super::{Told, WIDTH, along, drawing, number, px, ticks};

/// One bar.
pub(in crate::report) struct Bar {
    /// What it stands for.
    pub(in crate::report) label: String,
    /// The number, where there is one.
    pub(in crate::report) value: Option<f64>,
    /// The ends of its interval, where it has them.
    pub(in crate::report) interval: Option<(f64, f64)>,
    /// Whether it is not shown because few people are in it.
    pub(in crate::report) suppressed: bool,
}

/// Bars over one axis.
pub(in crate::report) struct Panel {
    /// What is counted.
    pub(in crate::report) title: String,
    /// The bars from top to bottom.
    pub(in crate::report) bars: Vec<Bar>,
}

/// One chart of several panels.
pub(in crate::report) struct Bars<'a> {
    pub(in crate::report) told: Told<'a>,
    pub(in crate::report) panels: &'a [Panel],
    /// What stands at a suppressed bar.
    pub(in crate::report) suppressed: &'a str,
    /// What stands at a number that is not known.
    pub(in crate::report) unknown: &'a str,
}

const ROW: f64 = 24.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 28.0;
/// How much smaller than labels the numbers are.
const SMALL: f64 = 0.9;

impl Bars<'_> {
    /// The chart; `alone` as a file of its own.
    pub(in crate::report) fn draw(&self, alone: bool) -> Markup {
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
        drawing(&self.told, top, alone, &content)
    }

    fn hatch(&self) -> String {
        format!("{}-hatch", self.told.id)
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
        html! {
            text class="strong" x="8" y=(px(top + 18.0)) { (cut(&panel.title, WIDTH - 16.0)) }
            @for tick in ticks(range) {
                path class="grid" d=(format!("M{} {}V{}", px(at(tick)), px(first), px(bottom))) {}
                text class="small middle" x=(px(at(tick))) y=(px(bottom + 15.0)) { (number(tick)) }
            }
            @for (row, bar) in (0_u32..).zip(&panel.bars) {
                (self.bar(bar, first + ROW * f64::from(row), (left, labels), &at))
            }
            path class="axis" d=(format!("M{} {}V{}", px(at(0.0)), px(first), px(bottom))) {}
        }
    }

    fn bar(&self, bar: &Bar, top: f64, (left, labels): (f64, f64), at: &impl Fn(f64) -> f64) -> Markup {
        let (middle, baseline) = (top + ROW / 2.0, top + ROW / 2.0 + 4.5);
        let zero = at(0.0);
        let (value, ends) = (bar.value.map(at), bar.interval.map(|(low, high)| (at(low), at(high))));
        let behind =
            [Some(zero), value, ends.map(|(_, high)| high)].into_iter().flatten().fold(zero, f64::max);
        html! {
            text class="end" x=(px(left - 10.0)) y=(px(baseline)) { (cut(&bar.label, labels)) }
            @if bar.suppressed {
                rect class="hidden" x=(px(zero)) y=(px(top + 5.0)) width="64" height=(px(ROW - 10.0))
                    fill=(format!("url(#{})", self.hatch())) {}
                text class="small" x=(px(zero + 72.0)) y=(px(baseline)) { (self.suppressed) }
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
