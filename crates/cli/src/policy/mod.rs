//! `hushtag policy`.

mod check;
mod diff;
mod explain;
mod files;
mod new;
mod schema;
mod test;

use clap::Subcommand;

pub(super) use check::finding_text;
pub(super) use files::study_under_regime;
pub(super) use new::TEMPLATE;

use super::sign::Sign;
use super::{Context, Failure};

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Check study, regime and scenario files: do they parse, is every recipient permitted today, what is odd, are the default prices workable
    #[command(
        after_help = "Examples:\n  hushtag policy check study.toml\n  hushtag policy check policies --format sarif"
    )]
    Check(check::Check),
    /// Explain the decision on one use, in English or Chinese, and whether one person's consents meet it
    #[command(
        after_help = "Examples:\n  hushtag policy explain --study study.toml --recipient brand-insights --as-of 2026-11-01\n  hushtag policy explain --study study.toml --recipient brand-insights --as-of 2026-11-01 --person-file events.csv --lang zh\n  hushtag policy explain --sandbox box --epoch 2026-q3 --recipient brand-insights"
    )]
    Explain(explain::Explain),
    /// Run the scenario files beside policies
    #[command(
        after_help = "Examples:\n  hushtag policy test policies\n  hushtag policy test policies --format junit > policies.xml"
    )]
    Test(test::Test),
    /// Compare two studies or two regimes exactly: what the second lets through, with examples
    #[command(after_help = "Example:\n  hushtag policy diff study.toml new-study.toml")]
    Diff(diff::Diff),
    /// Print the JSON Schema of study, regime, scenario and consent event files
    #[command(after_help = "Examples:\n  hushtag policy schema study\n  hushtag policy schema --out schemas")]
    Schema(schema::Schema),
    /// Sign a study as one of its handlers: it takes effect once every handler has signed
    #[command(after_help = "Example:\n  hushtag policy sign --study study.toml --key platform.key")]
    Sign(Sign),
    /// Write a commented study to start from
    #[command(after_help = "Example:\n  hushtag policy new study.toml")]
    New(new::New),
}

impl PolicyCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Check(command) => command.run(context),
            Self::Explain(command) => command.run(context),
            Self::Test(command) => command.run(context),
            Self::Diff(command) => command.run(context),
            Self::Schema(command) => command.run(context),
            Self::Sign(command) => command.run(context),
            Self::New(command) => command.run(context),
        }
    }
}
