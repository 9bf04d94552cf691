//! The program: `run`, `demo`, `token`, and what describes it.

mod demo;
mod error;
mod start;
mod token;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use error::CommandError;
pub use start::{Started, start, start_evaluation};

use crate::causes::chain;
use crate::door::DoorError;
use crate::evaluation::Evaluation;
use crate::sandbox::{Place, Sandbox};
use crate::service::Service;
use crate::settings::{EvaluationSettings, ServeFile, Settings};
use crate::tokens::TokenStore;
use crate::traces;

/// Serves a sandbox of hushtag over the PostgreSQL wire and HTTP, or evaluates blind tokens for another platform.
#[derive(Debug, Parser)]
#[command(name = "hushtag-serve", version, about, arg_required_else_help = true, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; then finish what is under way and stop
    Run(Run),
    /// Serve made-up people, with a token and lines to paste for psql, psycopg, pandas, JDBC and curl
    Demo(demo::Demo),
    /// Make, list and revoke tokens; a running service sees it at once
    #[command(subcommand)]
    Token(token::Tokens),
    /// Print the OpenAPI document of the HTTP door
    Openapi {
        /// That of a platform that evaluates blind tokens
        #[arg(long)]
        evaluation: bool,
    },
    /// Print the JSON Schema of serve.toml
    Schema,
}

/// Where the settings are.
#[derive(Debug, Clone, Args)]
struct Config {
    /// The settings
    #[arg(long, default_value = "serve.toml", value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    config: Config,
    /// Listen on the network without TLS: anyone on the way reads tokens and answers
    #[arg(long)]
    insecure: bool,
    /// How long to wait for another writing process, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    match Program::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Run(run) => run.run(),
            Self::Demo(demo) => demo.run(),
            Self::Token(tokens) => tokens.run(),
            Self::Openapi { evaluation: false } => print(&json(&crate::http::document())?),
            Self::Openapi { evaluation: true } => print(&json(&crate::http::evaluation_document())?),
            Self::Schema => print(&json(&ServeFile::schema())?),
        }
    }
}

impl Run {
    fn run(self) -> Result<(), CommandError> {
        let file = ServeFile::read(&self.config.config)?;
        if self.insecure {
            let banner = "WARNING: --insecure: without TLS, tokens and answers are read by anyone on the way";
            let _ = writeln!(std::io::stderr(), "{banner}");
        }
        match file {
            ServeFile::Sandbox(settings) => self.sandbox(settings),
            ServeFile::Evaluation(settings) => self.evaluation(settings),
        }
    }

    fn evaluation(self, settings: EvaluationSettings) -> Result<(), CommandError> {
        let evaluation = Arc::new(Evaluation::open(settings)?);
        let _tracing = traces::begin(None)?;
        // One request is evaluated at a time; files are read and written beside it.
        let runtime = runtime(16)?;
        let served = runtime.block_on(until_stopped(start_evaluation(evaluation, self.insecure), |_| Ok(())));
        // An evaluation that the drain did not wait for is stopped: its request is counted, and can be sent again.
        runtime.shutdown_background();
        served
    }

    fn sandbox(self, settings: Settings) -> Result<(), CommandError> {
        let place = Place {
            folder: settings.sandbox.clone(),
            root_key: settings.root_key.clone(),
            wait: Duration::from_secs(self.wait),
        };
        let sandbox = Sandbox::open(&place)?;
        let tokens = TokenStore::open(&settings.state)?;
        let _tracing = traces::begin(settings.traces.as_ref())?;
        serve(Arc::new(Service::new(sandbox, tokens, settings)), self.insecure, |_| Ok(()))
    }
}

/// Serves until a signal; `then` is given the addresses, once the doors are open.
fn serve(
    service: Arc<Service>,
    insecure: bool,
    then: impl FnOnce(&Started) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    // A query holds a thread for as long as its turn lasts; reads need some more.
    let runtime = runtime(service.limits().queries.size().saturating_add(112))?;
    runtime.block_on(until_stopped(start(service, insecure), then))
}

/// A runtime with so many threads for work that blocks.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, CommandError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().max_blocking_threads(threads).build().map_err(CommandError::Threads)
}

/// Opens the doors, serves until a signal, and drains.
async fn until_stopped(
    start: impl Future<Output = Result<Started, DoorError>>,
    then: impl FnOnce(&Started) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let started = start.await?;
    then(&started)?;
    stopped().await.map_err(CommandError::Signals)?;
    tracing::info!("draining");
    started.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
async fn stopped() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, CommandError> {
    Ok(serde_json::to_string_pretty(value)?)
}

/// Prints a result.
fn print(text: &str) -> Result<(), CommandError> {
    writeln!(std::io::stdout(), "{text}").map_err(CommandError::Output)
}

/// The tokens of the service that `config` describes.
fn tokens(config: &Path) -> Result<TokenStore, CommandError> {
    Ok(TokenStore::open(ServeFile::read(config)?.state())?)
}
