//! `hushtag policy new`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::lang::text;
use crate::{Context, Failure};

#[derive(Args)]
pub(crate) struct New {
    /// The new file
    file: PathBuf,
}

/// A study that parses and passes the check as it is, with a comment at everything that has to be filled in.
pub(crate) const TEMPLATE: &str = include_str!("../../../../policies/template/study.toml");

impl New {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let shown = self.file.display().to_string();
        let failed = |error: std::io::Error| {
            Failure::failed(text!("file.unwritable", file = shown, error), text!("file.free_fix"))
        };
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).open(&self.file).map_err(failed)?;
        file.write_all(TEMPLATE.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        context.output.either(|| serde_json::json!({ "file": shown }), || text!("policy.new", file = shown))
    }
}
