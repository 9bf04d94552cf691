//! How far long work has come, on a terminal and nowhere else.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use hushtag::engine::Progress;

const TICK: Duration = Duration::from_millis(200);

/// Runs `work` and shows on stderr how many rows, events or entries it is through, if that is a terminal and notes are wanted.
pub(super) fn shown<T>(output: &Output, progress: &Arc<Progress>, what: &str, work: impl FnOnce() -> T) -> T {
    if output.is_quiet() || !std::io::stderr().is_terminal() {
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
    // Work that failed before its first row has only its error to tell.
    if rows == 0 {
        return made;
    }
    output.note(&format!(
        "{rows} {what} in {:.1} s, {} {what} a second{}",
        took.as_secs_f64(),
        rate(rows, took),
        peak()
    ));
    made
}

fn draw(bar: &ProgressBar, progress: &Progress, what: &str, elapsed: Duration) {
    let rows = progress.rows();
    let rate = rate(rows, elapsed);
    let left = progress.expected().zip(u64::try_from(rate).ok().filter(|rate| *rate > 0));
    let (line, left) = match left {
        Some((expected, rate)) => {
            bar.set_length(expected);
            ("{bar:30} {msg}", format!(" of {expected}, {} s left", (expected - rows.min(expected)) / rate))
        }
        None => ("{spinner} {msg}", String::new()),
    };
    // The templates are constants; should one not parse, the bar looks as it did.
    if let Ok(style) = ProgressStyle::with_template(line) {
        bar.set_style(style);
    }
    bar.set_message(format!("{rows} {what}{left}, {rate} {what} a second"));
    bar.set_position(rows);
}

fn rate(rows: u64, took: Duration) -> u128 {
    u128::from(rows) * 1000 / took.as_millis().max(1)
}

/// The most memory that the process ever held, where the system tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(String::new, |size| format!(", {} of memory at most", size.trim()))
}
