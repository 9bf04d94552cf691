//! Opening a sandbox with the key that the options name.

use std::path::Path;

use super::{Context, Failure};
use crate::keys::RootKey;
use crate::operator::{Keys, Operator, Reader};
use crate::types::SystemClock;

/// The root key from `--root-key`, from `HUSHTAG_ROOT_KEY`, or in the folder.
pub(super) fn keys(context: &Context) -> Result<Keys, Failure> {
    const VARIABLE: &str = "HUSHTAG_ROOT_KEY";
    if let Some(path) = &context.root_key {
        return Ok(Keys::Given(RootKey::load_file(path)?));
    }
    match std::env::var(VARIABLE) {
        Ok(text) => Ok(Keys::Given(RootKey::from_hex(&text, VARIABLE)?)),
        Err(std::env::VarError::NotPresent) => Ok(Keys::InFolder),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{VARIABLE} is not text"), "give 64 hex digits"))
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
