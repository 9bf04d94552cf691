//! `hushtag key`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{Context, Failure};
use crate::audit::{NoteError, VerifierKey};
use crate::keys::SigningKey;
use crate::operator::NamedKey;

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
}

impl KeyCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::New { out, name } = self;
        let named = named_key(SigningKey::generate()?, name, &out)?;
        let vkey = VerifierKey::of(&named).map_err(unfit)?.to_string();
        named.key.write_file(&out)?;
        context.output.either(|| json!({ "vkey": vkey, "file": out.display().to_string() }), || vkey.clone())
    }
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
