//! The folder of an executor: its owner's alone, empty at the beginning, gone at the end.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The folder inside the one that is given: what is in it is ours to remove.
const NAME: &str = "hushtag-cluster-work";

/// A folder of mode 0700, removed when it is dropped. What an executor that was killed left there is removed when the next one starts.
pub(crate) struct WorkFolder(PathBuf);

impl WorkFolder {
    pub(crate) fn make(parent: &Path) -> Result<Self, Error> {
        let folder = parent.join(NAME);
        let wrong = |error: std::io::Error| Error::Folder { folder: folder.clone(), why: error.to_string() };
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&folder).map_err(wrong)?;
        // Whatever the process masks.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(wrong)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What cannot be removed is ciphertext under a key that is gone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_owners_alone_and_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(NAME);
        fs::create_dir(&left).unwrap();
        fs::write(left.join("shuffle.arrow"), "left by one that was killed").unwrap();
        let other = parent.path().join("other");
        fs::write(&other, "of someone else").unwrap();
        let folder = WorkFolder::make(parent.path()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join("shuffle.arrow"), "of this one").unwrap();
        drop(folder);
        assert!(!left.exists() && other.exists());
        assert!(WorkFolder::make(&parent.path().join("nowhere")).is_err());
    }
}
