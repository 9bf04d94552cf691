//! `hushtag inspect`.

use std::path::PathBuf;

use clap::Args;

use super::sandbox::open;
use super::{Context, Failure};
use crate::render::{figures_json, figures_text};
use hushtag::keys::AuditorKey;
use hushtag::types::EpochId;

#[derive(Args)]
pub(super) struct Inspect {
    /// The sandbox
    dir: PathBuf,
    /// The epoch
    #[arg(long)]
    epoch: EpochId,
    /// The auditor's key, from `hushtag key new --for auditor`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Inspect {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let key = AuditorKey::read_file(&self.key)?;
        let figures = open(&self.dir, context)?.inspect(&self.epoch, &key)?;
        context.output.either(|| figures_json(&figures), || figures_text(&figures))
    }
}
