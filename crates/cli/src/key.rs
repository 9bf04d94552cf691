//! `hushtag key`.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::lang::text;
use super::sandbox::{given_root, keys, open};
use super::target::is_outside_sandboxes;
use super::{Context, Failure};
use hushtag::audit::{NoteError, VerifierKey};
use hushtag::deidentify::TokenKey;
use hushtag::keys::{AuditorKey, AuditorPublicKey, BlindTokenKey, KeyError, SigningKey};
use hushtag::operator::{Keys, NamedKey, NewRoot, RootRotated, Rotated};

/// The key of a log as an argument.
pub(crate) fn log_key(text: &str) -> Result<VerifierKey, String> {
    text.parse()
        .map_err(|error: NoteError| format!("{error}, as `hushtag init`, `status` and `key new` print it"))
}

/// The auditor's public key as an argument.
pub(crate) fn auditor_key(text: &str) -> Result<AuditorPublicKey, String> {
    text.parse().map_err(|error: KeyError| format!("{error}, as `hushtag key new --for auditor` prints it"))
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key in a new file of mode 0600 and print what others may know of it: the vkey of one that signs (Ed25519), the
    /// public key of an auditor's (X25519), the id of one that makes tokens, the `token_key` of one that makes blind tokens
    #[command(
        after_help = "Examples:\n  hushtag key new --out platform.key --name social-platform\n  hushtag key new --out auditor.key --for auditor\n  hushtag key new --out agreed.key --for token\n  hushtag key new --out a.key --for blind-token"
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
    /// Tokens under a key that two platforms share; both need the same file, and either can reverse the other's tokens.
    Token,
    /// Blind tokens, which need the keys of both platforms; each makes its own, and the study pins what is printed.
    BlindToken,
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
            let vkey = vkey_of(&named)?;
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
            public("key_id", &TokenKey::create(out)?.id().to_string(), out, context)
        }
        Purpose::BlindToken => {
            unnamed(name.as_ref())?;
            public("token_key", &BlindTokenKey::create(out)?.public().to_string(), out, context)
        }
    }
}

fn show(purpose: Purpose, name: Option<String>, file: &Path, context: &Context) -> Result<(), Failure> {
    match purpose {
        Purpose::Sign => {
            let vkey = vkey_of(&named_key(SigningKey::read_file(file)?, name, file)?)?;
            public("vkey", &vkey, file, context)
        }
        Purpose::Auditor => {
            unnamed(name.as_ref())?;
            public("public", &AuditorKey::read_file(file)?.public().to_string(), file, context)
        }
        Purpose::Token => {
            unnamed(name.as_ref())?;
            let key = TokenKey::load(file).map_err(Failure::token_key)?;
            public("key_id", &key.id().to_string(), file, context)
        }
        Purpose::BlindToken => {
            unnamed(name.as_ref())?;
            let key = BlindTokenKey::load(file).map_err(Failure::blind_token_key)?;
            public("token_key", &key.public().to_string(), file, context)
        }
    }
}

fn vkey_of(named: &NamedKey) -> Result<String, Failure> {
    VerifierKey::of(named).map(|vkey| vkey.to_string()).map_err(|_| unfit(&named.name))
}

fn unnamed(name: Option<&String>) -> Result<(), Failure> {
    match name {
        None => Ok(()),
        Some(_) => Err(Failure::usage(text!("key.no_name"), text!("key.no_name_fix"))),
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
        || text!("key.rotated", entry, new, old),
    )
}

/// The variable that holds the new root key in place of a file.
const NEW_ROOT_KEY: &str = "HUSHTAG_NEW_ROOT_KEY";

fn rotate_root(dir: &Path, new: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let by_variable = new.is_none() && std::env::var_os(NEW_ROOT_KEY).is_some();
    let new = match (given_root(new, NEW_ROOT_KEY)?, keys(context)?) {
        (Some(root), _) => NewRoot::Given(root),
        (None, Keys::InFolder) => NewRoot::InFolder,
        (None, _) => {
            return Err(Failure::usage(text!("key.root_outside"), text!("key.root_outside_fix")));
        }
    };
    let inside = matches!(new, NewRoot::InFolder);
    let operator = match open(dir, context) {
        // The service would not see the variable, and make a key of its own.
        Err(failure) if failure.service().is_some() && by_variable => {
            return Err(Failure::usage(
                text!("service.variable", name = NEW_ROOT_KEY),
                text!("key.root_outside_fix"),
            ));
        }
        opened => opened?,
    };
    let RootRotated { number, entry, .. } = operator.rotate_root(new)?;
    context.output.note(&text!("key.old_root"));
    let place = if inside { text!("key.root_in_folder") } else { text!("key.root_given") };
    context.output.either(
        || json!({ "number": number, "entry": entry, "in_folder": inside }),
        || text!("key.root_changed", entry, place),
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
    Failure::usage(text!("key.bad_name", name), text!("key.bad_name_fix"))
}
