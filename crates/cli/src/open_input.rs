//! `hushtag audit open-input`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::lang::{list, text};
use super::sandbox::{Copied, Opened, keys, open_or_read};
use super::{Context, Failure};
use hushtag::audit::{FileDigest, InputForm, InputTable};
use hushtag::engine::file_digest;
use hushtag::keys::{AuditorKey, RootKey};
use hushtag::operator::{InputUse, Keys};
use hushtag::storage::Folder;
use hushtag::types::EpochId;

#[derive(Args)]
pub(super) struct OpenInput {
    /// The file, byte for byte as it was handed in
    file: PathBuf,
    /// The sandbox, or a copy of its folder
    #[arg(long, value_name = "DIR")]
    sandbox: PathBuf,
    /// The epoch
    #[arg(long)]
    epoch: EpochId,
    /// The auditor's key: opens the auditor's copy, also where the keys of the sandbox are not
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    copied: Copied,
}

impl OpenInput {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let digest = file_digest(&self.file)?;
        let key = self.key.as_deref().map(AuditorKey::read_file).transpose()?;
        let found = self.uses(&digest, key.as_ref(), context)?;
        let name = self.file.display().to_string();
        context.output.either(|| as_json(&name, &digest, &found), || as_text(&name, &digest, &found))?;
        if found.tables.is_empty() { Err(Failure::findings()) } else { Ok(()) }
    }

    fn uses(
        &self,
        digest: &FileDigest,
        key: Option<&AuditorKey>,
        context: &Context,
    ) -> Result<InputUse, Failure> {
        if let Some(key) = key
            && is_without_keys(&self.sandbox, &keys(context)?)?
        {
            context.output.note(&text!("open_input.unlogged"));
            let anchor = self.copied.anchor()?;
            return Ok(InputUse::in_copy(&self.sandbox, &self.epoch, digest, key, anchor.as_ref())?);
        }
        Ok(match open_or_read(&self.sandbox, &self.copied, context)? {
            Opened::Writer(operator) => operator.open_input(&self.epoch, digest, key)?,
            Opened::Reader(reader) => reader.open_input(&self.epoch, digest, key)?,
        })
    }
}

/// Whether the root key is neither given nor in the folder.
fn is_without_keys(dir: &Path, keys: &Keys) -> Result<bool, Failure> {
    Ok(matches!(keys, Keys::InFolder) && !RootKey::is_in_folder(&Folder::open(dir)?)?)
}

fn table(table: &InputTable) -> &str {
    table.as_ref().map_or("consents", |dataset| dataset.as_str())
}

fn hex(digest: &FileDigest) -> String {
    digest.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn as_json(name: &str, digest: &FileDigest, found: &InputUse) -> Value {
    let used = |(of, form): &(InputTable, InputForm)| match of {
        Some(dataset) => json!({ "dataset": dataset, "form": form.as_str() }),
        None => json!({ "consents": true, "form": form.as_str() }),
    };
    json!({
        "file": name,
        "sha256": hex(digest),
        "bytes": digest.bytes,
        "epoch": found.epoch,
        "used": !found.tables.is_empty(),
        "tables": found.tables.iter().map(used).collect::<Vec<_>>(),
        "seal": found.seal,
        "log_entry": found.access,
        "logged": found.access.is_some(),
    })
}

fn as_text(name: &str, digest: &FileDigest, found: &InputUse) -> String {
    let InputUse { epoch, seal, access, .. } = found;
    let (sha256, bytes) = (hex(digest), digest.bytes);
    let used = match found.tables.is_empty() {
        true => text!("open_input.unused", name, epoch, seal, sha256),
        false => {
            let tables = list(found.tables.iter().map(|(of, _)| format!("`{}`", table(of))));
            text!("open_input.used", name, tables, epoch, seal, sha256, bytes)
        }
    };
    let logged =
        access.map_or_else(|| text!("open_input.not_logged"), |entry| text!("open_input.logged", entry));
    format!("{used}\n{logged}")
}
