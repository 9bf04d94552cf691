//! Opening a sandbox with the key that the options name.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, Failure};
use crate::keys::RootKey;
use crate::operator::{Keys, Operator, Reader};
use crate::types::{EpochId, RecipientId, StudyId, SystemClock};

/// Who asks, of what; the same for single questions and metrics.
#[derive(Args)]
pub(super) struct Asker {
    /// The sandbox
    pub(super) dir: PathBuf,
    /// Who asks
    #[arg(long)]
    pub(super) recipient: RecipientId,
    /// Under which study, if several name the recipient
    #[arg(long)]
    pub(super) study: Option<StudyId>,
    /// Which epoch answers [default: greatest as-of, then last sealed]
    #[arg(long)]
    pub(super) epoch: Option<EpochId>,
    /// Show the cost and the width of the answer; nothing is charged and no data is touched
    #[arg(long)]
    pub(super) forecast: bool,
}

/// The root key from `--root-key`, from `HUSHTAG_ROOT_KEY`, or in the folder.
pub(super) fn keys(context: &Context) -> Result<Keys, Failure> {
    Ok(given_root(context.root_key.as_deref(), "HUSHTAG_ROOT_KEY")?.map_or(Keys::InFolder, Keys::Given))
}

/// The root key of a file, or else of a variable.
pub(super) fn given_root(file: Option<&Path>, variable: &str) -> Result<Option<RootKey>, Failure> {
    if let Some(path) = file {
        return Ok(Some(RootKey::load_file(path)?));
    }
    match std::env::var(variable) {
        Ok(text) => Ok(Some(RootKey::from_hex(&text, variable)?)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{variable} is not text"), "give 64 hex digits"))
        }
    }
}

/// Opens the sandbox as its one writer.
pub(super) fn open(dir: &Path, context: &Context) -> Result<Operator, Failure> {
    Ok(Operator::open(dir, keys(context)?, Box::new(SystemClock), context.wait)?)
}

/// Opens the sandbox to read, also beside its writer.
pub(super) fn read(dir: &Path, context: &Context) -> Result<Reader, Failure> {
    Ok(Reader::open(dir, keys(context)?, Box::new(SystemClock))?)
}
