//! `hushtag status`.

use std::path::PathBuf;

use clap::Args;

use super::sandbox::read;
use super::{Context, Failure};
use crate::render::status_text;

#[derive(Args)]
pub(super) struct StatusCommand {
    /// The sandbox
    dir: PathBuf,
}

impl StatusCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let status = read(&self.dir, context)?.status()?;
        context.output.either(|| status.to_json(), || status_text(&status))
    }
}
