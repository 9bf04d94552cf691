//! The command of hushtag, a data sandbox. Results go to stdout, everything else to stderr; exit codes are those of the interface.

mod adopt;
mod advice;
mod annex;
mod ask;
mod audit;
mod beside;
mod budget;
mod bundle;
mod chart;
mod completions;
mod consent;
mod demo;
mod demo_social;
mod documents;
mod exit;
mod forward;
mod init;
mod inputs;
mod inspect;
mod interactive;
mod key;
mod lang;
mod man;
mod metrics;
mod open_input;
mod output;
mod page;
mod person;
mod policy;
mod progress;
mod render;
mod report;
mod retire;
mod sandbox;
mod seal;
mod sign;
mod status;
mod target;
mod token;
mod tokenize;
mod vocabulary;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use beside::{Done, Line, PATH, Running, SendProgress, Sent};
use exit::Failure;
use hushtag::Released;
use hushtag::engine::cluster::Cluster;
use hushtag::engine::is_decoding;
use hushtag::policy::Lang;
use lang::{Language, text};
use output::Output;

/// A data sandbox: two companies join a social graph with payments under per-person consent; only noised aggregates leave.
#[derive(Parser)]
#[command(name = "hushtag", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    /// How long to wait for another writing process, in seconds
    #[arg(long, global = true, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
    /// The root key: a file of mode 0600 with 32 bytes or 64 hex digits [default: keys/root.key in the sandbox]
    #[arg(long, global = true, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print results only, no notes
    #[arg(long, global = true)]
    quiet: bool,
    /// The language of results and messages, in which a page or an explanation is written too [default: that of LC_ALL, LC_MESSAGES
    /// or LANG; JSON is the same in every language]
    #[arg(long, global = true, value_enum)]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Command,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    #[value(alias = "table", alias = "pretty")]
    Text,
    /// JSON for scripts.
    Json,
    /// CSV (`ask` only).
    Csv,
    /// SARIF 2.1.0 (`policy check` only).
    Sarif,
    /// JUnit XML (`policy test` only).
    Junit,
}

#[derive(Subcommand)]
enum Command {
    /// The whole story on made-up people: init, seal, five queries, budget, verification
    #[command(after_help = "Examples:\n  hushtag demo\n  hushtag demo --dir try --people 1000000 --seed 3")]
    Demo(demo::Demo),
    /// Make a sandbox in an empty folder
    #[command(
        after_help = "Examples:\n  hushtag init box --study study.toml --epsilon 4 \\\n    --handler social-platform=platform+...+... --handler payment-platform=payments+...+...\n  hushtag init box --study study.toml --epsilon 4 --approval none\n  hushtag init box --interactive"
    )]
    Init(init::Init),
    /// Adopt a new or changed study that every handler has signed; the budget stays as it is
    #[command(after_help = "Example:\n  hushtag adopt box --study study.toml")]
    Adopt(adopt::Adopt),
    /// Blind tokens: requests and replies between two platforms, so that neither can reverse the other's tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// De-identify a table where it comes from: ids become tokens, declared columns are treated, nothing else is written
    #[command(
        after_help = "Examples:\n  hushtag tokenize --study study.toml --dataset payments payments.csv payments.tokens.parquet --key b.key --state b.state --reply reply.bin\n  hushtag tokenize --study study.toml --dataset payments payments.csv payments.tokens.parquet --key agreed.key\n  hushtag tokenize --study study.toml --dataset consents consents.csv consents.tokens.parquet --key agreed.key"
    )]
    Tokenize(tokenize::Tokenize),
    /// Seal an epoch: read the files, keep only encrypted tag counts
    #[command(
        after_help = "Example:\n  hushtag seal box --epoch 2026-q3 --as-of 2026-10-01 \\\n    --data follows=follows.csv --data payments=payments.parquet --consents consents.csv"
    )]
    Seal(seal::Seal),
    /// Open the joined figures of an epoch with the auditor's key; logged
    #[command(after_help = "Example:\n  hushtag inspect box --epoch 2026-q3 --key auditor.key")]
    Inspect(inspect::Inspect),
    /// The consent register: consent events of people, durable, for services that keep no consents of their own
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// A person's own view, on their authenticated request (PIPL 45, 48): which epochs their consents put them into; logged
    #[command(
        after_help = "Examples:\n  hushtag person box --id-file id.txt\n  echo 13800000007 | hushtag person box --id-file - --format json"
    )]
    Person(person::PersonCommand),
    /// Run a query, or see what it would cost
    #[command(
        after_help = "Examples:\n  hushtag ask box --recipient brand-insights --forecast \"SELECT COUNT(*) FROM tags\"\n  hushtag ask box --recipient brand-insights --format json \\\n    \"SELECT spend_tier, COUNT(*) AS people FROM tags GROUP BY spend_tier WITH (error = 200)\""
    )]
    Ask(ask::AskCommand),
    /// The study's named metrics, or what they would cost
    #[command(
        after_help = "Examples:\n  hushtag metrics box --recipient brand-insights --forecast\n  hushtag metrics box --recipient brand-insights --format json"
    )]
    Metrics(metrics::MetricsCommand),
    /// What was spent and what is left
    #[command(after_help = "Example:\n  hushtag budget box")]
    Budget(budget::Budget),
    /// Tags, labels, measures and how far one person reaches into each
    #[command(after_help = "Example:\n  hushtag vocabulary box --recipient brand-insights")]
    Vocabulary(vocabulary::VocabularyCommand),
    /// Epochs, recipients, budget
    #[command(after_help = "Example:\n  hushtag status box --format json")]
    Status(status::StatusCommand),
    /// The auditor's page: one HTML file of what was permitted, released and can be verified
    #[command(
        after_help = "Examples:\n  hushtag report box --out report.html\n  hushtag report box --out report.html --lang zh --pipia"
    )]
    Report(report::ReportCommand),
    /// Destroy the key of an epoch, after which nothing sealed under it can be opened
    #[command(after_help = "Example:\n  hushtag retire box --epoch 2026-q3")]
    Retire(retire::RetireCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Study files
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Print the completions of a shell
    #[command(
        after_help = "Examples:\n  hushtag completions bash > ~/.local/share/bash-completion/completions/hushtag\n  hushtag completions zsh > ~/.zfunc/_hushtag\n  hushtag completions fish > ~/.config/fish/completions/hushtag.fish"
    )]
    Completions(completions::Completions),
    /// Write the man pages, one a command
    #[command(after_help = "Example:\n  hushtag man --out man1")]
    Man(man::ManPages),
}

impl Command {
    /// The failure of a format that the command does not print.
    fn misprinted(&self, format: Format) -> Option<Failure> {
        let message = match (format, self) {
            (Format::Csv, command) if !matches!(command, Self::Ask(_)) => text!("usage.csv"),
            (Format::Sarif, command) if !matches!(command, Self::Policy(policy::PolicyCommand::Check(_))) => {
                text!("usage.sarif")
            }
            (Format::Junit, command) if !matches!(command, Self::Policy(policy::PolicyCommand::Test(_))) => {
                text!("usage.junit")
            }
            _ => return None,
        };
        Some(Failure::usage(message, text!("usage.format_fix")))
    }

    fn run(self, context: &Context) -> Result<(), Failure> {
        // Before anything is done: an answer must not be charged and then not printed.
        if let Some(failure) = self.misprinted(context.output.format()) {
            return Err(failure);
        }
        match self {
            Self::Demo(command) => command.run(context),
            Self::Init(command) => command.run(context),
            Self::Adopt(command) => command.run(context),
            Self::Token(command) => command.run(context),
            Self::Tokenize(command) => command.run(context),
            Self::Seal(command) => command.run(context),
            Self::Inspect(command) => command.run(context),
            Self::Consent(command) => command.run(context),
            Self::Person(command) => command.run(context),
            Self::Ask(command) => command.run(context),
            Self::Metrics(command) => command.run(context),
            Self::Budget(command) => command.run(context),
            Self::Vocabulary(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Report(command) => command.run(context),
            Self::Retire(command) => command.run(context),
            Self::Audit(command) => command.run(context),
            Self::Policy(command) => command.run(context),
            Self::Key(command) => command.run(context),
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}

/// What every command may need from the global options.
struct Context {
    wait: std::time::Duration,
    root_key: Option<PathBuf>,
    output: Output,
    /// The language that was named with `--lang`.
    lang: Option<Lang>,
    /// The sandbox of the service that runs the command.
    running: Option<Running>,
    /// What reads the tables of a seal, if it is not this process.
    cluster: Option<Arc<dyn Cluster>>,
}

impl Context {
    /// Lets the service that runs the command know of an answer.
    fn answered(&self, released: &Released) {
        if let Some(running) = &self.running {
            (running.answered)(released);
        }
    }

    /// The language of a text that is a result, such as a page: the one that was named, else that of all texts.
    fn lang(&self) -> Lang {
        self.lang.unwrap_or_else(lang::chosen)
    }
}

/// Panics inside decoders of files are caught and become errors; their message may quote a value, so it is not printed. The hook is the
/// command's: the library installs none, and a service that links it can do the same with [`is_decoding`].
fn be_silent_while_decoding() {
    let other = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_decoding() {
            other(panic);
        }
    }));
}

fn of_environment() -> Lang {
    lang::of_environment(|variable| std::env::var_os(variable))
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    run_with(std::env::args_os().collect(), None)
}

/// Runs a command line, such as that of a seal whose tables a cluster reads. The first argument is the name of the program.
#[must_use]
pub fn run_with(arguments: Vec<OsString>, cluster: Option<Arc<dyn Cluster>>) -> ExitCode {
    be_silent_while_decoding();
    // Values are read while arguments are parsed, so what is wrong with one is written before `--lang` is known for sure.
    lang::choose(lang::of_arguments(arguments.iter().cloned()).unwrap_or_else(of_environment));
    let mut grammar = lang::in_chosen_language(Cli::command());
    let parsed = grammar.try_get_matches_from_mut(arguments);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Arguments are in English, and so is what is wrong with them.
            if error.use_stderr() && !lang::is_english() {
                Output::new(Format::Text, false).error(&text!("usage.arguments"));
            }
            // Help and version are results (0); anything else is usage (2). A closed pipe is no failure.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.format(&mut grammar).print();
            return code.into();
        }
    };
    let lang = cli.lang.map(Lang::from);
    // JSON is for scripts, in whichever language their users read.
    lang::choose(if cli.format == Format::Json { Lang::En } else { lang.unwrap_or_else(of_environment) });
    let context = Context {
        wait: std::time::Duration::from_secs(cli.wait),
        root_key: cli.root_key,
        output: Output::new(cli.format, cli.quiet),
        lang,
        running: None,
        cluster,
    };
    let failure = match cli.command.run(&context) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    // A service reads tables in its own process.
    let service = failure.service().filter(|_| context.cluster.is_none());
    let Some(socket) = service else { return failure.report(&context.output).into() };
    match forward::forward(socket, &grammar, &matches, &context) {
        Ok(done) => printed(&done, &context).unwrap_or_else(|failure| failure.report(&context.output)),
        Err(failure) => failure.report(&context.output),
    }
    .into()
}

/// Prints what a service printed, and gives its exit code.
fn printed(done: &Done, context: &Context) -> Result<u8, Failure> {
    if !done.results.is_empty() {
        context.output.result(&done.results)?;
    }
    if !done.notes.is_empty() {
        context.output.error(done.notes.trim_end_matches('\n'));
    }
    Ok(done.exit)
}
