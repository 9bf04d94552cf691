//! Why the program stopped.

use std::path::PathBuf;

use crate::door::DoorError;
use crate::evaluation::EvaluationError;
use crate::sandbox::SandboxError;
use crate::sandbox::demo::DemoError;
use crate::settings::SettingsError;
use crate::tokens::TokenError;

/// Why the program stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The demo cannot be made.
    #[error("{0}")]
    Demo(#[from] DemoError),
    /// A file cannot be written.
    #[error("`{}` cannot be written", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
    /// The folder of the demo is in use.
    #[error("`{0}` is not empty: give another --dir; nothing in it was touched")]
    NotEmpty(String),
    /// A door cannot be opened.
    #[error("{0}")]
    Door(#[from] DoorError),
    /// Blind tokens cannot be evaluated.
    #[error("{0}")]
    Evaluation(#[from] EvaluationError),
    /// A result cannot be printed.
    #[error("the result cannot be written")]
    Output(#[source] std::io::Error),
    /// A document is no JSON, which is a bug.
    #[error("a bug: a document is no JSON")]
    Json(#[from] serde_json::Error),
    /// The sandbox cannot be opened.
    #[error("{0}")]
    Sandbox(#[from] SandboxError),
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    /// Threads cannot be started.
    #[error("threads cannot be started")]
    Threads(#[source] std::io::Error),
    /// Spans cannot be sent.
    #[error("traces cannot be sent")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Tokens cannot be used.
    #[error("{0}")]
    Token(#[from] TokenError),
}
