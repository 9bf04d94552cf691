//! A command that a service runs on the sandbox that it holds, for a process that sent its arguments.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use hushtag::policy::Lang;
use hushtag::{CancelToken, Operator, Released};
use serde::{Deserialize, Serialize};

use super::lang::{self, text};
pub use super::output::SendProgress;
use super::output::{Output, Printed};
use super::{Cli, Command, Context, Failure, Format};

/// The path of the operator's socket that takes commands.
pub const PATH: &str = "/operator/commands";

/// The sandbox that a service holds.
pub struct Running {
    /// It, open.
    pub operator: Arc<Operator>,
    /// Its folder.
    pub folder: PathBuf,
    /// The file of its root key, if that is not in the folder.
    pub root_key: Option<PathBuf>,
    /// Stops a seal that has charged nothing yet.
    pub stop: CancelToken,
    /// Called with every answer that the command was given: to ask it again is free.
    pub answered: Box<dyn Fn(&Released) + Send>,
    /// Called with lines that say how far long work has come, if its sender shows them.
    pub progress: Option<SendProgress>,
}

impl Running {
    /// Whether `dir` is its folder.
    pub(super) fn is_at(&self, dir: &Path) -> bool {
        let place = |path: &Path| path.canonicalize().ok();
        place(dir).is_some_and(|dir| Some(dir) == place(&self.folder))
    }
}

/// A line of the answer to a command.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// How far long work has come.
    Progress(String),
    /// The last line.
    Done(Done),
}

/// What a command came to. It has no Debug: a person's own view and the auditor's figures are among the results.
#[derive(Serialize, Deserialize)]
pub struct Done {
    /// Its exit code.
    pub exit: u8,
    /// What goes to stdout.
    pub results: String,
    /// What goes to stderr.
    pub notes: String,
}

/// A command that was sent.
pub struct Sent {
    cli: Cli,
}

impl Sent {
    /// Parses what follows the name of the program.
    ///
    /// # Errors
    /// [`Done`] with exit code 2 for what is no command, or one that needs no sandbox of a service.
    pub fn parse(arguments: &[String]) -> Result<Self, Done> {
        let usage = |notes: String| Done { exit: 2, results: String::new(), notes };
        let names = std::iter::once("hushtag").chain(arguments.iter().map(String::as_str));
        let cli = Cli::try_parse_from(names).map_err(|error| usage(error.to_string()))?;
        if cli.command.is_beside() {
            Ok(Self { cli })
        } else {
            Err(usage(text!("service.no_command") + "\n"))
        }
    }

    /// Whether it changes what is in force or seals: such commands follow one another.
    #[must_use]
    pub const fn is_act(&self) -> bool {
        self.cli.command.is_act()
    }

    /// Whether it seals, which takes all processors for as long as it reads.
    #[must_use]
    pub const fn is_seal(&self) -> bool {
        matches!(self.cli.command, Command::Seal(_))
    }

    /// How long it waits for another act.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        Duration::from_secs(self.cli.wait)
    }

    /// Runs it on the calling thread, and blocks until it is done.
    ///
    /// # Privacy
    /// That of the command: what it prints is what `hushtag` prints.
    #[must_use]
    pub fn run(self, mut running: Running) -> Done {
        let Cli { wait, root_key, format, quiet, lang, command } = self.cli;
        let named = lang.map(Lang::from);
        let texts = if format == Format::Json { Lang::En } else { named.unwrap_or(Lang::En) };
        let context = Context {
            wait: Duration::from_secs(wait),
            root_key: root_key.or_else(|| running.root_key.clone()),
            output: Output::kept(format, quiet, running.progress.take()),
            lang: named,
            running: Some(running),
            cluster: None,
        };
        let exit = lang::in_language(texts, || match command.run(&context) {
            Ok(()) => 0,
            Err(failure) => failure.report(&context.output),
        });
        let Printed { results, notes } = context.output.take();
        Done { exit, results, notes }
    }
}

impl Command {
    /// Whether it opens a sandbox as its writer, or logs that it reads.
    const fn is_beside(&self) -> bool {
        matches!(
            self,
            Self::Adopt(_)
                | Self::Seal(_)
                | Self::Inspect(_)
                | Self::Consent(_)
                | Self::Person(_)
                | Self::Ask(_)
                | Self::Metrics(_)
                | Self::Budget(_)
                | Self::Report(_)
                | Self::Retire(_)
                | Self::Audit(_)
                | Self::Key(_)
        )
    }

    const fn is_act(&self) -> bool {
        matches!(self, Self::Adopt(_) | Self::Seal(_) | Self::Budget(_) | Self::Retire(_) | Self::Key(_))
    }
}

/// The failure of a command that would act on another sandbox than the one of the service.
pub(super) fn other_sandbox(dir: &Path) -> Failure {
    Failure::usage(text!("service.other", folder = dir.display()), text!("service.other_fix"))
}
