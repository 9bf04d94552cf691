//! `hushtag audit`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::sandbox::keys;
use super::{Context, Failure};
use crate::audit::VerifierKey;
use crate::keys::{KeyError, RootKey};
use crate::operator::{Keys, verify_log};
use crate::storage::Folder;

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Verify the log and, where the root key is at hand, the ledger against it
    #[command(after_help = "Example:\n  hushtag audit verify box --key hushtag/...+...+...")]
    Verify {
        /// The sandbox
        dir: PathBuf,
        /// The key of the log, kept outside the folder [default: the one that sandbox.toml names]
        #[arg(long, value_name = "VKEY")]
        key: Option<VerifierKey>,
    },
}

impl AuditCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::Verify { dir, key } = self;
        let folder = Folder::open(&dir)?;
        let keys = match keys(context)? {
            // Without the root key the log alone is verified.
            Keys::InFolder => match RootKey::load(&folder) {
                Ok(root) => Some(Keys::Given(root)),
                Err(KeyError::Absent(_)) => None,
                Err(error) => return Err(error.into()),
            },
            given => Some(given),
        };
        let verified = verify_log(&folder, key.as_ref(), keys)?;
        if key.is_none() {
            context
                .output
                .note("note: the key came from the folder itself; give --key with one kept elsewhere");
        }
        let kinds: Vec<String> =
            verified.log.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        context.output.either(
            || {
                let kinds: serde_json::Map<_, _> =
                    verified.log.kinds.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect();
                json!({
                    "verified": true,
                    "key": verified.vkey,
                    "entries": verified.log.checkpoint.size,
                    "kinds": kinds,
                    "charged_units": crate::audit::amount(verified.log.charged_units),
                    "studies": verified.studies,
                    "cubes": verified.cubes,
                    "ledger_charges": verified.charges,
                    "other_signatures": verified.log.other_signatures,
                })
            },
            || {
                let ledger = verified.charges.map_or_else(
                    || "the ledger was not read: no root key".to_owned(),
                    |charges| format!("{charges} charges of the ledger agree with it, heads and units included"),
                );
                format!(
                    "verified: signature, tree and {} entries ({})\n{} study text(s) and {} cube file(s) have the hash that the log names\n{ledger}\nkey {}",
                    verified.log.checkpoint.size,
                    kinds.join(", "),
                    verified.studies,
                    verified.cubes,
                    verified.vkey
                )
            },
        )
    }
}
