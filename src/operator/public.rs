//! What can be read of a sandbox without any of its keys.

use std::path::Path;
use std::sync::Arc;

use super::OperatorError;
use super::sandbox::{SANDBOX, SandboxFile};
use crate::audit::Log;
use crate::operator::keys::rotate::log_key;
use crate::storage::{Folder, Storage};

/// The storage of a sandbox, its `sandbox.toml`, and its log under the key that the file names or the log leads to.
pub(super) struct Public {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) file: SandboxFile,
    pub(super) log: Log,
}

impl Public {
    /// Opens the folder for reading.
    ///
    /// # Errors
    /// [`OperatorError::NotASandbox`], and [`OperatorError`] for a damaged `sandbox.toml` or log.
    pub(super) fn open(dir: &Path) -> Result<Self, OperatorError> {
        let folder = Folder::open(dir)?;
        if folder.read(SANDBOX)?.is_none() {
            return Err(OperatorError::NotASandbox(dir.display().to_string()));
        }
        let storage: Arc<dyn Storage> = Arc::new(folder);
        let file = SandboxFile::read(&*storage)?;
        let log = Log::open(Arc::clone(&storage), &log_key(&*storage, &file)?)?;
        Ok(Self { storage, file, log })
    }
}
