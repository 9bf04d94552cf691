//! Where results and notes go.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{Failure, Format};

/// What a command printed that runs for another process.
#[derive(Default)]
pub(super) struct Printed {
    pub(super) results: String,
    pub(super) notes: String,
}

/// Sends a line that says how far long work has come.
pub type SendProgress = Box<dyn Fn(&str) + Send + Sync>;

/// What is kept for another process, and how it sees how far long work has come, if it wants to.
struct Kept {
    printed: Mutex<Printed>,
    progress: Option<SendProgress>,
}

/// Where it is shown how far long work has come.
pub(super) enum Shown<'a> {
    /// On this terminal.
    Terminal,
    /// By another process.
    Sent(&'a SendProgress),
}

/// Prints results to stdout and notes to stderr, or keeps both.
pub(super) struct Output {
    format: Format,
    quiet: bool,
    printed: AtomicBool,
    kept: Option<Kept>,
}

impl Output {
    pub(super) const fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet, printed: AtomicBool::new(false), kept: None }
    }

    /// Keeps what is printed, for [`Output::take`].
    pub(super) fn kept(format: Format, quiet: bool, progress: Option<SendProgress>) -> Self {
        Self { kept: Some(Kept { printed: Mutex::default(), progress }), ..Self::new(format, quiet) }
    }

    /// What was kept.
    pub(super) fn take(&self) -> Printed {
        let kept = self.kept.as_ref();
        let kept = kept.map(|kept| kept.printed.lock().unwrap_or_else(PoisonError::into_inner));
        kept.map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }

    fn keep(&self, text: &str, of: impl FnOnce(&mut Printed) -> &mut String) -> bool {
        let Some(kept) = &self.kept else { return false };
        let mut kept = kept.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let all = of(&mut kept);
        all.push_str(text);
        all.push('\n');
        true
    }

    /// Where it is shown how far long work has come: on a terminal, here or in the process that sent the command, and nowhere else.
    pub(super) fn progress(&self) -> Option<Shown<'_>> {
        match &self.kept {
            _ if self.quiet => None,
            Some(kept) => kept.progress.as_ref().map(Shown::Sent),
            None => io::stderr().is_terminal().then_some(Shown::Terminal),
        }
    }

    pub(super) const fn format(&self) -> Format {
        self.format
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a result was printed.
    pub(super) fn has_result(&self) -> bool {
        self.printed.load(Ordering::Relaxed)
    }

    /// Prints a result.
    pub(super) fn result(&self, text: &str) -> Result<(), Failure> {
        self.printed.store(true, Ordering::Relaxed);
        let text = text.trim_end_matches('\n');
        if self.keep(text, |kept| &mut kept.results) {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // A reader that closed the pipe has all it wanted.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::output(error)),
            _ => Ok(()),
        }
    }

    /// Prints a result as JSON or, in the other formats, as text.
    pub(super) fn either(
        &self,
        json: impl FnOnce() -> Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.result(&json().to_string()),
            // CSV, SARIF and JUnit are printed by `result`; commands without them were refused before they did anything.
            Format::Text | Format::Csv | Format::Sarif | Format::Junit => self.result(&text()),
        }
    }

    /// Prints a note; lost notes are no failure.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// Prints an error, also when quiet.
    pub(super) fn error(&self, text: &str) {
        if self.keep(text, |kept| &mut kept.notes) {
            return;
        }
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
