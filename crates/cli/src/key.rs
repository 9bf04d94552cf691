//! `hushtag key`.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::sandbox::{given_root, keys, open};
use super::target::is_outside_sandboxes;
use super::{Context, Failure};
use hushtag::audit::VerifierKey;
use hushtag::keys::{AuditorKey, SigningKey, load_token_key, new_token_key};
use hushtag::operator::{Keys, NamedKey, NewRoot, RootRotated, Rotated};

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key in a new file of mode 0600 and print what others may know of it: the vkey of one that signs (Ed25519), the
    /// public key of an auditor's (X25519), the id of one that makes tokens
    #[command(
        after_help = "Examples:\n  hushtag key new --out platform.key --name social-platform\n  hushtag key new --out auditor.key --for auditor\n  hushtag key new --out agreed.key --for token"
    )]
    New {
        /// The new file
        #[arg(long)]
        out: PathBuf,
        /// What the key is for
        #[arg(long = "for", value_enum, default_value_t = Purpose::Sign)]
        purpose: Purpose,
        /// The name in the vkey [default: the file's name without its ending]
        #[arg(long)]
        name: Option<String>,
        /// Where the file is there already, print what others may know of the key in it, instead of exit code 6
        #[arg(long)]
        if_absent: bool,
    },
    /// Print what others may know of a key: the vkey of one that signs, the public key of an auditor's, the id of one that makes tokens
    #[command(after_help = "Example:\n  hushtag key show platform.key --name social-platform")]
    Show {
        /// The file of the key
        file: PathBuf,
        /// What the key is for
        #[arg(long = "for", value_enum, default_value_t = Purpose::Sign)]
        purpose: Purpose,
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
    /// Put a new root key in force: nothing is sealed anew but the key of the sandbox, and the old root key opens nothing in the
    /// folder from here on. Keep both until this has succeeded
    #[command(
        after_help = "Examples:\n  hushtag key rotate-root box\n  hushtag --root-key old.key key rotate-root box --new-root-key new.key"
    )]
    RotateRoot {
        /// The sandbox
        dir: PathBuf,
        /// A file with the new root key, 32 bytes or 64 hexadecimal digits, kept outside the folder; HUSHTAG_NEW_ROOT_KEY holds the
        /// digits instead [default: a fresh key in keys/root.key, where the old one is there]
        #[arg(long)]
        new_root_key: Option<PathBuf>,
    },
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Purpose {
    /// Signing: studies, and the log of a sandbox.
    Sign,
    /// Opening the joined figures of a sandbox that was made with the public part.
    Auditor,
    /// Tokens that two platforms make of ids; both need the same file.
    Token,
}

impl KeyCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if let Self::New { out, .. } = &self {
            is_outside_sandboxes(out)?;
        }
        match self {
            Self::New { out, purpose, name, if_absent } => {
                let there = out.exists();
                match make(purpose, name.clone(), &out, context) {
                    Err(failure) if if_absent && there && failure.is_exists() => {
                        show(purpose, name, &out, context)
                    }
                    made => made,
                }
            }
            Self::Show { file, purpose, name } => show(purpose, name, &file, context),
            Self::Rotate { dir } => rotate(&dir, context),
            Self::RotateRoot { dir, new_root_key } => rotate_root(&dir, new_root_key.as_deref(), context),
        }
    }
}

fn make(purpose: Purpose, name: Option<String>, out: &Path, context: &Context) -> Result<(), Failure> {
    match purpose {
        Purpose::Sign => {
            let named = named_key(SigningKey::generate()?, name, out)?;
            let vkey = vkey(&named)?;
            named.key.write_file(out)?;
            public("vkey", &vkey, out, context)
        }
        Purpose::Auditor => {
            unnamed(name.as_ref())?;
            let key = AuditorKey::generate()?;
            key.write_file(out)?;
            public("public", &key.public().to_string(), out, context)
        }
        Purpose::Token => {
            unnamed(name.as_ref())?;
            public("key_id", &new_token_key(out)?.id().to_string(), out, context)
        }
    }
}

fn show(purpose: Purpose, name: Option<String>, file: &Path, context: &Context) -> Result<(), Failure> {
    match purpose {
        Purpose::Sign => {
            let vkey = vkey(&named_key(SigningKey::read_file(file)?, name, file)?)?;
            public("vkey", &vkey, file, context)
        }
        Purpose::Auditor => {
            unnamed(name.as_ref())?;
            public("public", &AuditorKey::read_file(file)?.public().to_string(), file, context)
        }
        Purpose::Token => {
            unnamed(name.as_ref())?;
            let key = load_token_key(file).map_err(Failure::token_key)?;
            public("key_id", &key.id().to_string(), file, context)
        }
    }
}

fn vkey(named: &NamedKey) -> Result<String, Failure> {
    VerifierKey::of(named).map(|vkey| vkey.to_string()).map_err(|_| unfit(&named.name))
}

fn unnamed(name: Option<&String>) -> Result<(), Failure> {
    match name {
        None => Ok(()),
        Some(_) => Err(Failure::usage(
            "only a key that signs has a name",
            "leave out --name: what identifies the key is printed",
        )),
    }
}

/// Prints what others may know of a key.
fn public(word: &str, value: &str, file: &Path, context: &Context) -> Result<(), Failure> {
    context.output.either(|| json!({ word: value, "file": file.display().to_string() }), || value.to_owned())
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

fn rotate_root(dir: &Path, new: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let new = match (given_root(new, "HUSHTAG_NEW_ROOT_KEY")?, keys(context)?) {
        (Some(root), _) => NewRoot::Given(root),
        (None, Keys::InFolder) => NewRoot::InFolder,
        (None, _) => {
            return Err(Failure::usage(
                "the root key lies outside the folder, and so does the new one",
                "give --new-root-key FILE or HUSHTAG_NEW_ROOT_KEY",
            ));
        }
    };
    let inside = matches!(new, NewRoot::InFolder);
    let RootRotated { number, entry, .. } = open(dir, context)?.rotate_root(new)?;
    context.output.note(
        "note: the old root key with an older copy of keys/sandbox.key still opens everything: remove both from backups",
    );
    let place = if inside { "keys/root.key" } else { "the one that was given: give it from now on" };
    context.output.either(
        || json!({ "number": number, "entry": entry, "in_folder": inside }),
        || format!("the root key was changed (log entry {entry}); it is {place}"),
    )
}

/// The key under the name that is given, or that of its file without the ending.
pub(super) fn named_key(key: SigningKey, name: Option<String>, file: &Path) -> Result<NamedKey, Failure> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let named = NamedKey { name: name.or(stem).unwrap_or_default(), key };
    VerifierKey::of(&named).map_err(|_| unfit(&named.name))?;
    Ok(named)
}

fn unfit(name: &str) -> Failure {
    Failure::usage(format!("a key cannot be called `{name}`"), "give --name without spaces and `+`")
}
