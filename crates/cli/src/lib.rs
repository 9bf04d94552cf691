//! The command of hushtag, a data sandbox. Results go to stdout, everything else to stderr; exit codes are those of the interface.

mod adopt;
mod advice;
mod ask;
mod audit;
mod budget;
mod bundle;
mod chart;
mod completions;
mod consent;
mod demo;
mod demo_social;
mod documents;
mod exit;
mod init;
mod inputs;
mod inspect;
mod interactive;
mod key;
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
mod tokenize;
mod vocabulary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use exit::Failure;
use hushtag::engine::is_decoding;
use output::Output;

/// A data sandbox: two companies join a social graph with payments under per-person consent; only noised aggregates leave.
#[derive(Parser)]
#[command(name = "hushtag", version, about, arg_required_else_help = true, max_term_width = 100)]
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
    /// The whole story on made-up people: init, seal, five questions, budget, verification
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
    /// De-identify a table where it comes from: ids become tokens, declared columns are treated, nothing else is written
    #[command(
        after_help = "Examples:\n  hushtag tokenize --study study.toml --dataset payments payments.csv payments.tokens.parquet --key agreed.key\n  hushtag tokenize --study study.toml --dataset consents consents.csv consents.tokens.parquet --key agreed.key"
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
    /// The consent register: what people said, durable, for services that keep no consents of their own
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// A person's own view, on her authenticated request (PIPL 45, 48): what her consents put her into; logged
    #[command(
        after_help = "Examples:\n  hushtag person box --id-file id.txt\n  echo 13800000007 | hushtag person box --id-file - --format json"
    )]
    Person(person::PersonCommand),
    /// Ask a question, or see what it would cost
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
            (Format::Csv, command) if !matches!(command, Self::Ask(_)) => "only `ask` prints CSV",
            (Format::Sarif, command) if !matches!(command, Self::Policy(policy::PolicyCommand::Check(_))) => {
                "only `policy check` prints SARIF"
            }
            (Format::Junit, command) if !matches!(command, Self::Policy(policy::PolicyCommand::Test(_))) => {
                "only `policy test` prints JUnit XML"
            }
            _ => return None,
        };
        Some(Failure::usage(message, "use --format text or --format json"))
    }
}

/// What every command may need from the global options.
struct Context {
    wait: std::time::Duration,
    root_key: Option<PathBuf>,
    output: Output,
}

/// Panics inside decoders of files are caught and become errors; what they say may quote a value, so it is not printed. The hook is the
/// command's: the library installs none, and a service that links it can do the same with [`is_decoding`].
fn be_silent_while_decoding() {
    let other = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_decoding() {
            other(panic);
        }
    }));
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    be_silent_while_decoding();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results (0); anything else is usage (2). A closed pipe is nobody's error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let context = Context {
        wait: std::time::Duration::from_secs(cli.wait),
        root_key: cli.root_key,
        output: Output::new(cli.format, cli.quiet),
    };
    // Before anything is done: an answer must not be charged and then not printed.
    if let Some(failure) = cli.command.misprinted(cli.format) {
        return failure.report(&context.output);
    }
    let done = match cli.command {
        Command::Demo(command) => command.run(&context),
        Command::Init(command) => command.run(&context),
        Command::Adopt(command) => command.run(&context),
        Command::Tokenize(command) => command.run(&context),
        Command::Seal(command) => command.run(&context),
        Command::Inspect(command) => command.run(&context),
        Command::Consent(command) => command.run(&context),
        Command::Person(command) => command.run(&context),
        Command::Ask(command) => command.run(&context),
        Command::Metrics(command) => command.run(&context),
        Command::Budget(command) => command.run(&context),
        Command::Vocabulary(command) => command.run(&context),
        Command::Status(command) => command.run(&context),
        Command::Report(command) => command.run(&context),
        Command::Retire(command) => command.run(&context),
        Command::Audit(command) => command.run(&context),
        Command::Policy(command) => command.run(&context),
        Command::Key(command) => command.run(&context),
        Command::Completions(command) => command.run(&context),
        Command::Man(command) => command.run(&context),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&context.output),
    }
}
