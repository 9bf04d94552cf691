//! The studies in force, for a comparison of the documents that they name.

use std::path::Path;
use std::sync::Arc;

use crate::operator::OperatorError;
use crate::operator::law::check::in_force_of;
use crate::operator::sandbox::SandboxFile;
use crate::policy::Study;
use crate::storage::{Folder, Storage};

/// The studies in force of the sandbox in `dir`, in the order of its file; the log's signature and the hashes of the texts are
/// checked. Reads beside a writer and needs no key.
///
/// # Errors
/// [`OperatorError`]
///
/// # Privacy
/// None: studies are public texts.
pub fn studies_in_force(dir: &Path) -> Result<Vec<Study>, OperatorError> {
    let storage: Arc<dyn Storage> = Arc::new(Folder::open(dir)?);
    let file = SandboxFile::read(&*storage)?;
    Ok(in_force_of(&storage, &file)?.into_iter().map(|adopted| adopted.study.clone()).collect())
}
