//! What was spent over time: one stepped line each, under a limit.

use maud::{Markup, html};

use super::text::cut;
use super::{Told, WIDTH, along, drawing, number, px, ticks};

/// One stepped line: at a time, in seconds, the value that holds from then on.
pub(in crate::report) struct Line {
    /// Whose line it is.
    pub(in crate::report) label: String,
    /// Times and values, in the order of the times.
    pub(in crate::report) points: Vec<(f64, f64)>,
}

/// One chart of several lines; values are in percent of the limit.
pub(in crate::report) struct Steps<'a> {
    pub(in crate::report) told: Told<'a>,
    pub(in crate::report) lines: &'a [Line],
    /// The ends of the time axis, in seconds.
    pub(in crate::report) span: (f64, f64),
    /// What the ends of the time axis are called.
    pub(in crate::report) ends: (&'a str, &'a str),
    /// What the line at 100 % is called.
    pub(in crate::report) limit: &'a str,
}

const LEFT: f64 = 52.0;
const TOP: f64 = 18.0;
const TALL: f64 = 220.0;
const LENGTH: f64 = WIDTH - LEFT - 24.0;
const KEY: f64 = 20.0;
/// How many strokes there are before they begin again.
const STROKES: usize = 5;

impl Steps<'_> {
    /// The chart.
    pub(in crate::report) fn draw(&self) -> Markup {
        let most =
            self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(100.0, f64::max);
        let range = (0.0, most);
        let up = |value: f64| TOP + TALL - along(value, range, TALL);
        let across = |time: f64| LEFT + along(time, self.span, LENGTH);
        let key = TOP + TALL + 44.0;
        let rows = f64::from(u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        let content = html! {
            @for tick in ticks(range) {
                path class="grid" d=(format!("M{} {}H{}", px(LEFT), px(up(tick)), px(LEFT + LENGTH))) {}
                text class="small end" x=(px(LEFT - 8.0)) y=(px(up(tick) + 4.0)) { (number(tick)) " %" }
            }
            path class="limit" d=(format!("M{} {}H{}", px(LEFT), px(up(100.0)), px(LEFT + LENGTH))) {}
            text class="small end" x=(px(LEFT + LENGTH)) y=(px(up(100.0) - 5.0)) { (self.limit) }
            path class="axis" d=(format!("M{} {}V{}H{}", px(LEFT), px(TOP), px(TOP + TALL), px(LEFT + LENGTH))) {}
            text class="small" x=(px(LEFT)) y=(px(TOP + TALL + 18.0)) { (self.ends.0) }
            text class="small end" x=(px(LEFT + LENGTH)) y=(px(TOP + TALL + 18.0)) { (self.ends.1) }
            @for (place, line) in self.lines.iter().enumerate() {
                path class=(stroke(place)) d=(path(line, &across, &up, self.span.1)) {}
                (legend(place, line, key))
            }
        };
        drawing(&self.told, key + KEY * rows, false, &content)
    }
}

fn legend(place: usize, line: &Line, top: f64) -> Markup {
    let baseline = top + KEY * f64::from(u32::try_from(place).unwrap_or(u32::MAX));
    let last = line.points.last().map_or(0.0, |(_, value)| *value);
    html! {
        path class=(stroke(place)) d=(format!("M{} {}h36", px(LEFT), px(baseline - 4.5))) {}
        text x=(px(LEFT + 46.0)) y=(px(baseline)) {
            (cut(&line.label, LENGTH - 150.0)) " \u{00b7} " (number(last)) " %"
        }
    }
}

fn stroke(place: usize) -> String {
    format!("series s{}", place % STROKES)
}

/// Level until the next time, then straight up.
fn path(line: &Line, across: &impl Fn(f64) -> f64, up: &impl Fn(f64) -> f64, end: f64) -> String {
    let mut path = format!("M{} {}", px(LEFT), px(up(0.0)));
    for (time, value) in &line.points {
        path.push_str(&format!("H{}V{}", px(across(*time)), px(up(*value))));
    }
    path.push_str(&format!("H{}", px(across(end))));
    path
}
