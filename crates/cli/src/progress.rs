//! How far long work has come, on a terminal and nowhere else; that of a service's command is in front of the process that sent it.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lang::{self, filled, text};
use super::output::{Output, SendProgress, Shown};
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

/// Where it is drawn.
enum Drawing<'a> {
    Bar(ProgressBar),
    Sent(&'a SendProgress),
}

/// Runs `work` and shows on stderr how many rows, events or entries it is through, if that is a terminal and notes are wanted.
pub(super) fn shown<T>(
    output: &Output,
    progress: &Arc<Progress>,
    what: Counted,
    work: impl FnOnce() -> T,
) -> T {
    let Some(shown) = output.progress() else { return work() };
    let drawing = match shown {
        Shown::Terminal => Drawing::Bar(bar()),
        Shown::Sent(send) => Drawing::Sent(send),
    };
    let (start, lang) = (Instant::now(), lang::chosen());
    let made = std::thread::scope(|scope| {
        // Dropped when the work is done, or panics: either ends the drawing.
        let (_working, done) = channel::<()>();
        let drawing = &drawing;
        let draw = move || {
            while done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                drawing.draw(progress, what, start.elapsed());
            }
        };
        scope.spawn(move || lang::in_language(lang, draw));
        work()
    });
    let memory = match drawing {
        Drawing::Bar(bar) => {
            bar.finish_and_clear();
            peak()
        }
        // That of the service says nothing about this command.
        Drawing::Sent(_) => String::new(),
    };
    let (rows, took) = (progress.rows(), start.elapsed());
    // Work that failed before its first row has only its error to show.
    if rows == 0 {
        return made;
    }
    let (done, seconds) = (what.of(rows), format!("{:.1}", took.as_secs_f64()));
    output.note(&text!("progress.done", done, seconds, rate = what.of(rate(rows, took)), memory));
    made
}

impl Drawing<'_> {
    fn draw(&self, progress: &Progress, what: Counted, elapsed: Duration) {
        let rows = progress.rows();
        let rate = rate(rows, elapsed);
        let left = progress.expected().zip(u64::try_from(rate).ok().filter(|rate| *rate > 0));
        let text = left.map_or_else(String::new, |(expected, rate)| {
            let seconds = (expected - rows.min(expected)) / rate;
            text!("progress.left", expected, seconds)
        });
        let line = text!("progress.line", done = what.of(rows), left = text, rate = what.of(rate));
        let bar = match self {
            Self::Bar(bar) => bar,
            Self::Sent(send) => return send(&line),
        };
        let template = match left {
            Some((expected, _)) => {
                bar.set_length(expected);
                "{bar:30} {msg}"
            }
            None => SPINNER,
        };
        // The templates are constants; should one not parse, the bar looks as it did.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(line);
        bar.set_position(rows);
    }
}

const SPINNER: &str = "{spinner} {msg}";

fn bar() -> ProgressBar {
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
}

/// The lines that a service sends about a command, on this terminal.
pub(super) struct SentLines(Option<ProgressBar>);

impl SentLines {
    /// Shown if `output` would show how far a command is that runs here.
    pub(super) fn new(output: &Output) -> Self {
        let terminal = matches!(output.progress(), Some(Shown::Terminal));
        let style = ProgressStyle::with_template(SPINNER).ok();
        Self(terminal.then_some(style).flatten().map(|style| bar().with_style(style)))
    }

    /// Whether lines are wanted.
    pub(super) const fn are_shown(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn show(&self, line: &str) {
        if let Some(bar) = &self.0 {
            // It comes from another process: what a terminal would obey is not for it to send.
            bar.set_message(line.chars().filter(|letter| !letter.is_control()).collect::<String>());
            bar.tick();
        }
    }
}

impl Drop for SentLines {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
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
