//! What was spent over time: one stepped line each, under a limit.

use maud::{Markup, html};

use super::text::cut;
use super::{Caption, WIDTH, along, drawing, number, px, ticks};

/// One stepped line: at a time, in seconds, the value that holds from then on.
pub(crate) struct Line {
    /// Whose line it is.
    pub(crate) label: String,
    /// Times and values, in the order of the times.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One chart of several lines; values are in percent of the limit.
pub(crate) struct Steps<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) lines: &'a [Line],
    /// The ends of the time axis, in seconds.
    pub(crate) span: (f64, f64),
    /// What the ends of the time axis are called.
    pub(crate) ends: (&'a str, &'a str),
    /// What the line at 100 % is called.
    pub(crate) limit: &'a str,
    /// What is written at the top where the line at 100 % lies above the chart.
    pub(crate) beyond: &'a str,
}

const LEFT: f64 = 52.0;
const TOP: f64 = 18.0;
const TALL: f64 = 220.0;
const LENGTH: f64 = WIDTH - LEFT - 24.0;
const KEY: f64 = 20.0;
/// The part of the limit, in percent, from which on the chart reaches up to it: below, little would be seen of the lines.
const NEAR: f64 = 40.0;
/// How much higher than the highest line the chart is where it does not reach the limit.
const HEADROOM: f64 = 1.25;
/// How many strokes there are before they begin again.
const STROKES: usize = 5;

impl Steps<'_> {
    /// The chart.
    pub(crate) fn draw(&self) -> Markup {
        let range = (0.0, self.top());
        let limited = range.1 >= 100.0;
        let up = |value: f64| TOP + TALL - along(value, range, TALL);
        let across = |time: f64| LEFT + along(time, self.span, LENGTH);
        let key = TOP + TALL + 44.0;
        let rows = f64::from(u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        let content = html! {
            @for tick in ticks(range) {
                path class="grid" d=(format!("M{} {}H{}", px(LEFT), px(up(tick)), px(LEFT + LENGTH))) {}
                text class="small end" x=(px(LEFT - 8.0)) y=(px(up(tick) + 4.0)) { (number(tick)) " %" }
            }
            @if limited {
                path class="limit" d=(format!("M{} {}H{}", px(LEFT), px(up(100.0)), px(LEFT + LENGTH))) {}
            }
            text class="small end" x=(px(LEFT + LENGTH)) y=(px(if limited { up(100.0) - 5.0 } else { TOP - 5.0 })) {
                (if limited { self.limit } else { self.beyond })
            }
            path class="axis" d=(format!("M{} {}V{}H{}", px(LEFT), px(TOP), px(TOP + TALL), px(LEFT + LENGTH))) {}
            text class="small" x=(px(LEFT)) y=(px(TOP + TALL + 18.0)) { (self.ends.0) }
            text class="small end" x=(px(LEFT + LENGTH)) y=(px(TOP + TALL + 18.0)) { (self.ends.1) }
            @for (place, line) in self.lines.iter().enumerate() {
                path class=(stroke(place)) d=(path(line, &across, &up, self.span.1)) {}
                (legend(place, line, key))
            }
        };
        drawing(&self.caption, key + KEY * rows, false, &content)
    }

    /// Where the axis of values ends: at the limit or above it, or a little above the lines where these are far below it.
    fn top(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        if most > 0.0 && most < NEAR { most * HEADROOM } else { most.max(100.0) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The chart of one line that ends at this percentage.
    fn drawn(spent: f64) -> String {
        let lines = [Line { label: "all".into(), points: vec![(5.0, spent / 2.0), (9.0, spent)] }];
        let caption = Caption { id: "b", title: "budget", description: "spent" };
        let (span, ends) = ((0.0, 10.0), ("a", "b"));
        Steps { caption, lines: &lines, span, ends, limit: "limit", beyond: "beyond" }.draw().into_string()
    }

    /// How high the last step of the line ends, from 0 at the bottom to 1 at the top.
    fn height(chart: &str) -> f64 {
        let path = chart.split("class=\"series s0\" d=\"").nth(1).and_then(|rest| rest.split('"').next());
        let up = path.and_then(|path| path.rsplit('V').next()).and_then(|rest| rest.split('H').next());
        1.0 - (up.and_then(|up| up.parse::<f64>().ok()).unwrap_or(f64::NAN) - TOP) / TALL
    }

    #[test]
    fn what_was_spent_is_seen_whether_it_is_little_or_almost_all() {
        for spent in [0.000_02, 0.4, 3.0, 39.0, 41.0, 90.0, 100.0, 130.0] {
            let chart = drawn(spent);
            assert!((0.4..=1.001).contains(&height(&chart)), "{spent}: {} {chart}", height(&chart));
            assert_eq!(chart.contains("class=\"limit\""), spent >= NEAR, "{spent}");
            assert_eq!(chart.contains(">beyond<"), spent < NEAR, "{spent}");
            // The axis has numbers of its own.
            assert!(chart.matches(" %</text>").count() >= 3, "{spent}: {chart}");
        }
        assert!(drawn(0.0).contains("class=\"limit\""));
    }
}
