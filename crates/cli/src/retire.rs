//! `hushtag retire`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::lang::text;
use super::sandbox::open;
use super::{Context, Failure};
use hushtag::operator::Retired;
use hushtag::types::EpochId;

#[derive(Args)]
pub(super) struct RetireCommand {
    /// The sandbox
    dir: PathBuf,
    /// The epoch
    #[arg(long)]
    epoch: EpochId,
}

impl RetireCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let Retired { epoch, entry, changed, .. } = open(&self.dir, context)?.retire(&self.epoch)?;
        if changed {
            context.output.note(&text!("retire.note"));
        }
        context.output.either(
            || json!({ "epoch": epoch, "entry": entry, "changed": changed }),
            || match changed {
                true => text!("retire.done", epoch, entry),
                false => text!("retire.before", epoch, entry),
            },
        )
    }
}
