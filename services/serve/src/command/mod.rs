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
pub use start::{Started, start};

use crate::sandbox::{Place, Sandbox};
use crate::service::Service;
use crate::settings::Settings;
use crate::tokens::TokenStore;
use crate::traces;

/// Serves a sandbox of hushtag over the PostgreSQL wire and HTTP.
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
    Openapi,
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
            let mut text = format!("error: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                let inner_text = inner.to_string();
                if !text.ends_with(&inner_text) {
                    text = format!("{text}: {inner_text}");
                }
                source = inner.source();
            }
            let _ = writeln!(std::io::stderr(), "{text}");
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
            Self::Openapi => print(&json(&crate::http::document())?),
            Self::Schema => print(&json(&Settings::schema())?),
        }
    }
}

impl Run {
    fn run(self) -> Result<(), CommandError> {
        let settings = Settings::read(&self.config.config)?;
        let place = Place {
            folder: settings.sandbox.clone(),
            root_key: settings.root_key.clone(),
            wait: Duration::from_secs(self.wait),
        };
        let sandbox = Sandbox::open(&place)?;
        let tokens = TokenStore::open(&settings.state)?;
        if self.insecure {
            let banner = "WARNING: --insecure: without TLS, tokens and answers are read by anyone on the way";
            let _ = writeln!(std::io::stderr(), "{banner}");
        }
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
    let threads = service.limits().queries.size().saturating_add(112);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()
        .map_err(CommandError::Threads)?;
    runtime.block_on(async {
        let started = start(service, insecure).await?;
        then(&started)?;
        stopped().await.map_err(CommandError::Signals)?;
        tracing::info!("draining");
        started.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
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
    Ok(TokenStore::open(&Settings::read(config)?.state)?)
}
