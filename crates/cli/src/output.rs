//! Where results and notes go.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::{Failure, Format};

/// Prints results to stdout and notes to stderr.
pub(super) struct Output {
    format: Format,
    quiet: bool,
    printed: AtomicBool,
}

impl Output {
    pub(super) const fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet, printed: AtomicBool::new(false) }
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
        let mut out = io::stdout().lock();
        let text = text.trim_end_matches('\n');
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
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Prints an error, also when quiet.
    pub(super) fn error(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
