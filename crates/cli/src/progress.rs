//! How far long work has come, on a terminal and nowhere else.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lang::{filled, text};
use super::output::Output;
use hushtag::engine::Progress;

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    Rows,
    Events,
    Entries,
    Points,
}

impl Counted {
    /// The name of a number of them.
    fn of(self, count: impl std::fmt::Display) -> String {
        let key = match self {
            Self::Rows => "progress.rows",
            Self::Events => "progress.events",
            Self::Entries => "progress.entries",
            Self::Points => "progress.points",
        };
        filled(key, &[("count", &count)])
    }
}

const TICK: Duration = Duration::from_millis(200);

/// Runs `work` and shows on stderr how many rows, events or entries it is through, if that is a terminal and notes are wanted.
pub(super) fn shown<T>(
    output: &Output,
    progress: &Arc<Progress>,
    what: Counted,
    work: impl FnOnce() -> T,
) -> T {
    if output.is_quiet() || !output.is_terminal() {
        return work();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let start = Instant::now();
    let made = std::thread::scope(|scope| {
        // Dropped when the work is done, or panics: either ends the drawing.
        let (_working, done) = channel::<()>();
        let bar = &bar;
        scope.spawn(move || {
            while done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                draw(bar, progress, what, start.elapsed());
            }
        });
        work()
    });
    bar.finish_and_clear();
    let (rows, took) = (progress.rows(), start.elapsed());
    // Work that failed before its first row has only its error to show.
    if rows == 0 {
        return made;
    }
    let (done, seconds) = (what.of(rows), format!("{:.1}", took.as_secs_f64()));
    output.note(&text!("progress.done", done, seconds, rate = what.of(rate(rows, took)), memory = peak()));
    made
}

fn draw(bar: &ProgressBar, progress: &Progress, what: Counted, elapsed: Duration) {
    let rows = progress.rows();
    let rate = rate(rows, elapsed);
    let left = progress.expected().zip(u64::try_from(rate).ok().filter(|rate| *rate > 0));
    let (line, left) = match left {
        Some((expected, rate)) => {
            bar.set_length(expected);
            let seconds = (expected - rows.min(expected)) / rate;
            ("{bar:30} {msg}", text!("progress.left", expected, seconds))
        }
        None => ("{spinner} {msg}", String::new()),
    };
    // The templates are constants; should one not parse, the bar looks as it did.
    if let Ok(style) = ProgressStyle::with_template(line) {
        bar.set_style(style);
    }
    bar.set_message(text!("progress.line", done = what.of(rows), left, rate = what.of(rate)));
    bar.set_position(rows);
}

fn rate(rows: u64, took: Duration) -> u128 {
    u128::from(rows) * 1000 / took.as_millis().max(1)
}

/// The most memory that the process ever held, where the system reports it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(String::new, |size| text!("progress.memory", size = size.trim()))
}
