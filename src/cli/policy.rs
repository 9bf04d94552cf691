//! `hushtag policy`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::init::read_text;
use super::{Context, Failure};
use crate::operator::{Finding, check_study};
use crate::types::{Clock, SystemClock};

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Check study files: do they parse, is every recipient permitted today, are the default prices workable
    #[command(after_help = "Example:\n  hushtag policy check study.toml --format json")]
    Check {
        /// Study files, or folders that hold a study.toml
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

impl PolicyCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::Check { files } = self;
        let now = SystemClock.now();
        let mut all: Vec<Finding> = Vec::new();
        for path in &files {
            let path = if path.is_dir() { path.join("study.toml") } else { path.clone() };
            all.extend(check_study(&path.display().to_string(), &read_text(&path)?, now));
        }
        context.output.either(
            || json!({ "files": files.len(), "findings": all }),
            || {
                let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
                let count = match all.len() {
                    0 => format!("{} file(s), no findings", files.len()),
                    some => format!("{} file(s), {some} finding(s)", files.len()),
                };
                lines.into_iter().chain([count]).collect::<Vec<_>>().join("\n")
            },
        )?;
        if all.is_empty() { Ok(()) } else { Err(Failure::findings()) }
    }
}
