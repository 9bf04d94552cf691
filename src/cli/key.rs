//! `hushtag key`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::sandbox::open;
use super::{Context, Failure};
use crate::audit::{NoteError, VerifierKey};
use crate::keys::SigningKey;
use crate::operator::{NamedKey, Rotated};

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make an Ed25519 key in a new file of mode 0600 and print its public part as a vkey
    #[command(after_help = "Example:\n  hushtag key new --out platform.key --name social-platform")]
    New {
        /// The new file
        #[arg(long)]
        out: PathBuf,
        /// The name in the vkey [default: the file's name without its ending]
        #[arg(long)]
        name: Option<String>,
    },
    /// Let a fresh key sign the log of a sandbox from here on and destroy the old one; both sign the change
    #[command(after_help = "Example:\n  hushtag key rotate box")]
    Rotate {
        /// The sandbox
        dir: PathBuf,
    },
}

impl KeyCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::New { out, name } => new(name, &out, context),
            Self::Rotate { dir } => rotate(&dir, context),
        }
    }
}

fn new(name: Option<String>, out: &Path, context: &Context) -> Result<(), Failure> {
    let named = named_key(SigningKey::generate()?, name, out)?;
    let vkey = VerifierKey::of(&named).map_err(unfit)?.to_string();
    named.key.write_file(out)?;
    context.output.either(|| json!({ "vkey": vkey, "file": out.display().to_string() }), || vkey.clone())
}

fn rotate(dir: &Path, context: &Context) -> Result<(), Failure> {
    let Rotated { old, new, entry, .. } = open(dir, context)?.rotate_key()?;
    context.output.either(
        || json!({ "old": old, "new": new, "entry": entry }),
        || {
            format!(
                "the log is signed by a new key from entry {entry} on; keep it outside the folder:\n  {new}\nwhoever has the old one alone can still verify:\n  {old}"
            )
        },
    )
}

/// The key under the name that is given, or that of its file without the ending.
pub(super) fn named_key(key: SigningKey, name: Option<String>, file: &Path) -> Result<NamedKey, Failure> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let named = NamedKey { name: name.or(stem).unwrap_or_default(), key };
    VerifierKey::of(&named).map_err(unfit)?;
    Ok(named)
}

fn unfit(error: NoteError) -> Failure {
    Failure::usage(error.to_string(), "give --name without spaces and `+`")
}
