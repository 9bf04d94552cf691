//! Who hands in what, what becomes of it, and who gets answers: boxes and arrows from left to right.

use maud::{Markup, html};

use super::text::wrap;
use super::{Caption, WIDTH, drawing, px};

/// A handler and what it hands in.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
}

/// A recipient and what for.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
    pub(crate) permitted: bool,
    /// The verdict in a word.
    pub(crate) verdict: String,
}

/// The diagram of one study.
pub(crate) struct Flow<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) sources: &'a [Source],
    pub(crate) sandbox: &'a str,
    pub(crate) steps: Vec<&'a str>,
    pub(crate) targets: &'a [Target],
}

const WIDE: f64 = 206.0;
const PAD: f64 = 10.0;
const LINE: f64 = 17.0;
const BETWEEN: f64 = 16.0;
const MIDDLE: f64 = (WIDTH - WIDE) / 2.0;
const RIGHT: f64 = WIDTH - WIDE - 1.0;

/// A box with a heading and lines that fit it.
struct Boxed {
    name: Vec<String>,
    lines: Vec<String>,
    top: f64,
    tall: f64,
}

impl Flow<'_> {
    /// The diagram.
    pub(crate) fn draw(&self) -> Markup {
        let (sources, left) =
            stack(self.sources.iter().map(|source| (source.name.as_str(), &source.lines)), 0);
        let (targets, right) =
            stack(self.targets.iter().map(|target| (target.name.as_str(), &target.lines)), 1);
        let steps: Vec<String> = self.steps.iter().map(|step| (*step).to_owned()).collect();
        let (core, middle) = stack([(self.sandbox, &steps)].into_iter(), 0);
        let tall = left.max(right).max(middle);
        let core = core.into_iter().map(|core| Boxed { top: 1.0, tall: tall - 2.0, ..core });
        let content = html! {
            defs {
                marker id=(self.id("head")) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" {
                    path class="head" d="M0 0L8 4L0 8z" {}
                }
            }
            @for source in &sources {
                (boxed(source, 1.0, "box"))
                (self.arrow((1.0 + WIDE, source), MIDDLE, true))
            }
            @for core in core { (boxed(&core, MIDDLE, "core")) }
            @for (target, shown) in targets.iter().zip(self.targets) {
                (boxed(target, RIGHT, "box"))
                text class=(if shown.permitted { "strong good" } else { "strong bad" })
                    x=(px(RIGHT + PAD)) y=(px(target.top + target.tall - PAD)) { (shown.verdict) }
                (self.arrow((MIDDLE + WIDE, target), RIGHT, shown.permitted))
            }
        };
        drawing(&self.caption, tall, false, &content)
    }

    fn id(&self, part: &str) -> String {
        format!("{}-{part}", self.caption.id)
    }

    fn arrow(&self, (from, beside): (f64, &Boxed), to: f64, open: bool) -> Markup {
        let level = beside.top + beside.tall / 2.0;
        let path = format!("M{} {level}H{}", px(from + 3.0), px(to - 3.0), level = px(level));
        html! {
            path class=(if open { "flow" } else { "flow no" }) d=(path)
                marker-end=[open.then(|| format!("url(#{})", self.id("head")))] {}
        }
    }
}

/// Boxes one under the other, with room for so many lines more in each; and how tall they are together.
fn stack<'a>(boxes: impl Iterator<Item = (&'a str, &'a Vec<String>)>, more: u32) -> (Vec<Boxed>, f64) {
    let (mut all, mut top) = (Vec::new(), 1.0);
    for (name, lines) in boxes {
        let name = wrap(name, WIDE - 2.0 * PAD, 2);
        let lines: Vec<String> = lines.iter().flat_map(|line| wrap(line, WIDE - 2.0 * PAD, 3)).collect();
        let count = u32::try_from(name.len() + lines.len()).unwrap_or(u32::MAX).saturating_add(more);
        let tall = 2.0 * PAD + LINE * f64::from(count);
        all.push(Boxed { name, lines, top, tall });
        top += tall + BETWEEN;
    }
    (all, top - BETWEEN + 1.0)
}

fn boxed(shown: &Boxed, left: f64, class: &str) -> Markup {
    let baseline = |line: u32| shown.top + PAD + LINE * f64::from(line) + 12.5;
    let head = u32::try_from(shown.name.len()).unwrap_or(u32::MAX);
    html! {
        rect class=(class) x=(px(left)) y=(px(shown.top)) width=(px(WIDE)) height=(px(shown.tall)) rx="4" {}
        @for (line, text) in (0..).zip(&shown.name) {
            text class="strong" x=(px(left + PAD)) y=(px(baseline(line))) { (text) }
        }
        @for (line, text) in (head..).zip(&shown.lines) {
            text class="small" x=(px(left + PAD)) y=(px(baseline(line))) { (text) }
        }
    }
}
