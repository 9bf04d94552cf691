//! A small file outside the sandbox that several processes may replace, one after the other: an anchor, an evaluation book.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Folder, Storage, StorageError};

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(5);

/// A file that is only replaced as a whole and under a lock. Beside it lies an empty `NAME.lock`.
#[derive(Debug)]
pub struct AnchorFile {
    folder: Folder,
    name: String,
    path: PathBuf,
}

impl AnchorFile {
    /// The file at `path`, there or not; its directory must be there.
    ///
    /// # Errors
    /// [`StorageError`] for a path without a plain file name, or whose directory is absent or a symlink.
    pub fn new(path: &Path) -> Result<Self, StorageError> {
        let shown = path.display().to_string();
        let invalid = |why| StorageError::new("open", &shown, io::Error::new(ErrorKind::InvalidInput, why));
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.filter(|name| !name.starts_with('.'));
        let name = name.ok_or_else(|| invalid("the name of the file is not a plain one"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = Folder::open(parent.unwrap_or(Path::new(".")))?;
        Ok(Self { folder, name: name.to_owned(), path: path.to_owned() })
    }

    /// The directory that it is in, and its name there.
    #[must_use]
    pub fn place(&self) -> (&Folder, &str) {
        (&self.folder, &self.name)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its content, or `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError`]
    pub fn read(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.folder.read(&self.name)
    }

    /// Replaces the content by what `next` makes of the present one, if anything; no one else replaces it meanwhile, and
    /// on return it is durable.
    ///
    /// # Errors
    /// That of `next`, or [`StorageError`]; then the content is as before.
    pub fn replace<E: From<StorageError>>(
        &self,
        next: impl FnOnce(Option<Vec<u8>>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        let _held = self.lock()?;
        match next(self.read()?)? {
            Some(content) => Ok(self.folder.write(&self.name, &content)?),
            None => Ok(()),
        }
    }

    /// Locks the file until what is returned is dropped: no one else locks or replaces it meanwhile.
    ///
    /// # Errors
    /// [`StorageError`] when another process holds it for long, or the lock cannot be used.
    #[must_use = "the file is unlocked when this is dropped"]
    pub fn lock(&self) -> Result<File, StorageError> {
        let path = self.path.with_file_name(format!("{}.lock", self.name));
        let failed = |source| StorageError::new("lock", &path.display().to_string(), source);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => {
                    return Err(failed(io::Error::new(ErrorKind::TimedOut, "another process holds it")));
                }
            }
        }
    }
}
