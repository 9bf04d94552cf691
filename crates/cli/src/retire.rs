//! `hushtag retire`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

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
            context.output.note(
                "note: the key was overwritten; flash and copy-on-write disks may keep old blocks, and a backup of the folder holds it still",
            );
        }
        context.output.either(
            || json!({ "epoch": epoch, "entry": entry, "changed": changed }),
            || match changed {
                true => format!(
                    "epoch {epoch} is retired (log entry {entry}): its key is destroyed and its cubes are removed; answers that were given stay"
                ),
                false => format!("epoch {epoch} is retired since log entry {entry}: nothing was done"),
            },
        )
    }
}
