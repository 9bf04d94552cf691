//! `hushtag audit open-input`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

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
            let note = "note: this act is not logged: the keys of the sandbox are not here; the log is verified with the key that \
                        sandbox.toml names, to be compared with one kept elsewhere";
            context.output.note(note);
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
    let mut text = match found.tables.is_empty() {
        true => format!(
            "{name}: this file was not used in epoch {epoch}: log entry {seal} commits to other files (SHA-256 {})",
            hex(digest)
        ),
        false => {
            let names: Vec<String> = found.tables.iter().map(|(of, _)| format!("`{}`", table(of))).collect();
            format!(
                "{name}: this file was used as {} in epoch {epoch}: log entry {seal} commits to it (SHA-256 {}, {} bytes)",
                names.join(" and "),
                hex(digest),
                digest.bytes
            )
        }
    };
    match access {
        Some(index) => text.push_str(&format!("\nthis act is log entry {index}")),
        None => text.push_str("\nthis act was not logged"),
    }
    text
}
