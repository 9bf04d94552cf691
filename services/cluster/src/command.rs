//! The program: `certificates`, `scheduler`, `executor`, `seal`.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::certificates::{Certificates, Role, make};
use crate::error::Error;
use crate::executor::{ExecutorTerms, run as run_executor};
use crate::objects::Listed;
use crate::run::{Ballista, ClusterTerms, Notice};
use crate::scheduler::{Scheduler, SchedulerTerms};

/// Seals an epoch of hushtag on a cluster that is started for it and destroyed afterwards.
#[derive(Debug, Parser)]
#[command(name = "hushtag-cluster", version, about, arg_required_else_help = true, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the certificates of one seal: a folder for each role, and an authority whose key is not kept
    Certificates(Folder),
    /// Plan and hand out tasks; holds no key
    Scheduler(SchedulerCommand),
    /// Read, merge and count, until the operator ends the seal
    Executor(ExecutorCommand),
    /// Seal as `hushtag seal` does, its tables read by the executors: what follows -- is what `hushtag seal` takes, and s3://bucket/key where it takes a path
    #[command(
        after_help = "Example:\n  hushtag-cluster seal --certificates certificates/operator --scheduler 10.0.0.2:50050 --listen 10.0.0.1:50049 --executors 8 --partitions 64 \\\n    -- box --epoch 2026-q3 --as-of 2026-10-01 --data follows=/data/follows --data payments=/data/payments --consents /data/consents"
    )]
    Seal(SealCommand),
}

#[derive(Debug, Args)]
struct Folder {
    /// A folder that is not there yet
    folder: PathBuf,
}

#[derive(Debug, Args)]
struct SchedulerCommand {
    /// The certificates of the scheduler
    #[arg(long, value_name = "FOLDER")]
    certificates: PathBuf,
    /// Where it listens
    #[arg(long, default_value = "0.0.0.0:50050", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// After so many seconds without a sign an executor is dead, and its work is done again; a busy one gives a sign every 5 seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(6..))]
    dead_after: u64,
}

#[derive(Debug, Args)]
struct ExecutorCommand {
    /// The certificates of executors
    #[arg(long, value_name = "FOLDER")]
    certificates: PathBuf,
    /// Where `hushtag-cluster seal` hands the work out
    #[arg(long, value_name = "HOST:PORT")]
    operator: String,
    /// Where the scheduler is
    #[arg(long, value_name = "HOST:PORT")]
    scheduler: String,
    /// Where it serves what it shuffles
    #[arg(long, default_value = "0.0.0.0:50051", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The name or address by which other executors and the operator find it
    #[arg(long, default_value = "localhost", value_name = "HOST")]
    host: String,
    /// A scratch folder, in memory or on an encrypted disk; what it writes there is its own and gone at the end
    #[arg(long, value_name = "FOLDER")]
    scratch: PathBuf,
    /// Tasks at a time
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    cores: u32,
    /// Mebibytes that the states of all tasks together may take before they spill
    #[arg(long, default_value_t = 2_048, value_name = "MIB")]
    memory: usize,
}

#[derive(Debug, Args)]
struct SealCommand {
    /// The certificates of the operator
    #[arg(long, value_name = "FOLDER")]
    certificates: PathBuf,
    /// Where the scheduler is
    #[arg(long, value_name = "HOST:PORT")]
    scheduler: String,
    /// Where executors get the work of this seal
    #[arg(long, default_value = "0.0.0.0:50049", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// How many executors are waited for
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    executors: usize,
    /// How long they are waited for
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    wait: u64,
    /// How many partitions people are grouped in; more need less memory each
    #[arg(long, default_value_t = 16, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    partitions: u32,
    /// Let the engine change partitions while it runs
    #[arg(long)]
    adaptive: bool,
    /// What `hushtag seal` takes
    #[arg(last = true, required = true, value_name = "ARGUMENTS")]
    seal: Vec<OsString>,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    // The one provider of TLS in this process; another one can only be this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match Program::parse().command {
        Command::Certificates(Folder { folder }) => make(&folder),
        Command::Scheduler(command) => command.run(),
        Command::Executor(command) => command.run(),
        Command::Seal(command) => match command.run() {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What is no result goes to stderr; if that is closed, it goes nowhere.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line stays; how far a stage is is shown on a terminal alone, where the next line is written over it.
fn show(notice: Notice<'_>) {
    let is_terminal = std::io::stderr().is_terminal();
    match notice {
        Notice::Line(line) if is_terminal => say(&format!("\r\x1b[K{line}")),
        Notice::Line(line) => say(line),
        Notice::Stage(line) if is_terminal => {
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
        Notice::Stage(_) => {}
    }
}

/// Deep plans need more than a thread has by default.
const STACK: usize = 8 << 20;

fn threads() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    built.map_err(|error| Error::Engine(error.to_string()))
}

/// Ends with SIGTERM or SIGINT.
async fn stopped() -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Engine(error.to_string());
    let kind = tokio::signal::unix::SignalKind::terminate();
    let mut terminate = tokio::signal::unix::signal(kind).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
    }
}

impl SchedulerCommand {
    fn run(self) -> Result<(), Error> {
        let certificates = Certificates::read(&self.certificates, Role::Scheduler)?;
        let terms = SchedulerTerms { listen: self.listen, dead_after: self.dead_after };
        threads()?.block_on(async {
            let scheduler = Scheduler::start(&terms, &certificates).await?;
            say(&format!("scheduler at {}", scheduler.address));
            tokio::select! {
                ended = scheduler.run() => ended,
                ended = stopped() => ended,
            }
        })
    }
}

impl ExecutorCommand {
    fn run(self) -> Result<(), Error> {
        let certificates = Certificates::read(&self.certificates, Role::Executor)?;
        let terms = ExecutorTerms {
            operator: self.operator,
            scheduler: self.scheduler,
            listen: self.listen,
            host: self.host,
            folder: self.scratch,
            cores: self.cores,
            memory: self.memory.saturating_mul(1 << 20),
        };
        threads()?.block_on(async {
            tokio::select! {
                ended = run_executor(&terms, &certificates) => ended,
                ended = stopped() => ended,
            }
        })
    }
}

impl SealCommand {
    fn run(self) -> Result<ExitCode, Error> {
        let certificates = Certificates::read(&self.certificates, Role::Operator)?;
        let terms = ClusterTerms {
            listen: self.listen,
            scheduler: self.scheduler,
            executors: self.executors,
            wait: Duration::from_secs(self.wait),
            partitions: self.partitions,
            adaptive: self.adaptive,
        };
        let (seal, listed) = threads()?.block_on(Listed::of(self.seal))?;
        if listed.count() > 0 {
            say(&format!("{} objects", listed.count()));
        }
        let cluster = Ballista::new(terms, certificates, listed, show);
        let arguments = ["hushtag", "seal"].map(OsString::from).into_iter().chain(seal);
        Ok(hushtag_cli::run_with(arguments.collect(), Some(Arc::new(cluster))))
    }
}
