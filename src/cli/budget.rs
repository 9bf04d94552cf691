//! `hushtag budget`.

use std::path::PathBuf;

use clap::Args;

use super::sandbox::read;
use super::{Context, Failure};
use crate::report::{budget_json, budget_text};

#[derive(Args)]
pub(super) struct Budget {
    /// The sandbox
    dir: PathBuf,
}

impl Budget {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let status = read(&self.dir, context)?.status()?;
        context.output.either(|| budget_json(&status), || budget_text(&status))
    }
}
