//! Layer 2, floor: the one trait through which every durable byte of a sandbox passes.
//!
//! Two implementors: [`Folder`], a real directory, and [`Image`], a pair of a live and a durable image in memory that
//! can fail at its k-th operation, so that tests can stop a sandbox between any two durable steps.

use std::time::SystemTime;

mod anchor;
mod backend;
mod file;
mod folder;
mod image;
mod overlay;
mod times;

pub use anchor::AnchorFile;
pub(crate) use backend::Backend;
pub use folder::{Folder, LockError, WriterLock};
pub use image::{Fault, Image};
pub(crate) use overlay::Overlay;
pub(crate) use times::KeptTime;
pub use times::file_time;

/// A failed storage operation; after one, the handle that saw it is poisoned until the sandbox is reopened.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{path}`")]
pub struct StorageError {
    /// What was tried: `read`, `write`, `remove`, `rename`, `list`, `open`, `lock`, `set the times of`.
    pub action: &'static str,
    /// The path inside the sandbox folder.
    pub path: String,
    /// What the system reported.
    #[source]
    pub source: std::io::Error,
}

impl StorageError {
    pub(crate) fn new(action: &'static str, path: &str, source: std::io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

/// Refuses a path that is absolute, empty, or holds a component that is empty, hidden, `.` or `..`.
///
/// Hidden names are kept for the temporary files of [`Folder`].
fn checked<'a>(action: &'static str, path: &'a str) -> Result<&'a str, StorageError> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if path.split('/').all(plain) {
        return Ok(path);
    }
    let reason = "a path inside the folder has plain names between single `/`";
    Err(StorageError::new(action, path, std::io::Error::new(std::io::ErrorKind::InvalidInput, reason)))
}

/// A directory of durable files. Paths are relative, `/`-separated, and never leave the directory.
pub trait Storage: Send + Sync {
    /// The content of a file, or `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError`] when it exists and cannot be read (a symlink or a directory in its place included).
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Replaces a file as a whole; durable on return. If we stop inside, the old content is still there.
    ///
    /// # Errors
    /// [`StorageError`]; the old content is still there.
    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError>;

    /// Removes a file, or a directory with all it holds; durable on return; fine when there is none.
    ///
    /// # Errors
    /// [`StorageError`]
    fn remove(&self, path: &str) -> Result<(), StorageError>;

    /// As [`Storage::write`], and a reader sees one content or the other, but what a power cut leaves in its place is anything: for
    /// what can be made again. A storage that knows no difference waits for it.
    ///
    /// # Errors
    /// As [`Storage::write`].
    fn write_unsynced(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.write(path, content)
    }

    /// As [`Storage::remove`], but after a power cut what was removed may be there again: for what nothing reads.
    ///
    /// # Errors
    /// As [`Storage::remove`].
    fn remove_unsynced(&self, path: &str) -> Result<(), StorageError> {
        self.remove(path)
    }

    /// Gives a file or directory another name in one step; durable on return. The new name must be free. [`Blocks`] that are
    /// open stay with their file.
    ///
    /// # Errors
    /// [`StorageError`]; nothing was renamed.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Gives a file the name of another one and removes that one, in one step; durable on return. If we stop inside, one of the two
    /// has the name. [`Blocks`] that are open on the removed file may fail.
    ///
    /// # Errors
    /// [`StorageError`]; which of the two has the name is known only after opening again.
    fn rename_over(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// The names directly inside a directory, sorted; empty when there is no such directory.
    ///
    /// # Errors
    /// [`StorageError`]
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError>;

    /// Opens a file (created when absent) for random access: what the embedded ledger is stored on.
    ///
    /// # Errors
    /// [`StorageError`]
    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError>;

    /// Sets the times of a file, or of a directory with all it holds, and of the directories above it, as far as they belong to
    /// the user of the process. Not durable: a power cut may leave the times at which they were written. A storage without times does
    /// nothing.
    ///
    /// # Errors
    /// [`StorageError`] for the file or the directory and what it holds.
    fn set_times(&self, path: &str, at: SystemTime) -> Result<(), StorageError> {
        let _ = (path, at);
        Ok(())
    }

    /// As [`Storage::set_times`] for each of several paths.
    ///
    /// # Errors
    /// As [`Storage::set_times`], of the first that fails; the others are set all the same.
    fn set_times_of_all(&self, paths: &[String], at: SystemTime) -> Result<(), StorageError> {
        paths.iter().map(|path| self.set_times(path, at)).fold(Ok(()), Result::and)
    }

    /// Opens a file for reading alone, or `None` when there is none; nothing is made. Writing to it fails or is not allowed.
    ///
    /// # Errors
    /// [`StorageError`]
    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError>;

    /// The paths of all files at any depth, sorted: hidden ones, symlinks (which are not followed) and other special files
    /// included, which no other function shows.
    ///
    /// # Errors
    /// [`StorageError`]
    fn files(&self) -> Result<Vec<String>, StorageError>;
}

/// A file with random access, as the embedded store needs it.
pub trait Blocks: Send + Sync + std::fmt::Debug {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> std::io::Result<u64>;

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// What the system says; reading past the end is an error.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()>;

    /// Cuts or extends (with zeros) the file.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, len: u64) -> std::io::Result<()>;

    /// Writes at `offset`; not durable before [`Blocks::sync`].
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, offset: u64, content: &[u8]) -> std::io::Result<()>;

    /// Makes all writes before it durable.
    ///
    /// # Errors
    /// What the system says; afterwards nothing is known about the writes before it.
    fn sync(&self) -> std::io::Result<()>;

    /// When it was written last, where the storage knows.
    ///
    /// # Errors
    /// What the system says.
    fn modified(&self) -> std::io::Result<Option<SystemTime>> {
        Ok(None)
    }

    /// Sets its times, as [`Storage::set_times`] does, and nothing above it.
    ///
    /// # Errors
    /// What the system says.
    fn set_times(&self, at: SystemTime) -> std::io::Result<()> {
        let _ = at;
        Ok(())
    }

    /// Shows the writer of the file that this handle reads what belongs to it, until it is dropped; waits while it is claimed.
    /// A storage that no one else writes does nothing.
    ///
    /// # Errors
    /// What the system says.
    fn share(&self) -> std::io::Result<()> {
        Ok(())
    }

    /// Whether no other handle reads what belongs to the file; then none begins to, until [`Blocks::unclaim`].
    ///
    /// # Errors
    /// What the system says.
    fn try_claim(&self) -> std::io::Result<bool> {
        Ok(true)
    }

    /// Ends what [`Blocks::try_claim`] began.
    ///
    /// # Errors
    /// What the system says.
    fn unclaim(&self) -> std::io::Result<()> {
        Ok(())
    }

    /// Whether the file is empty.
    ///
    /// # Errors
    /// As [`Blocks::len`].
    fn is_empty(&self) -> std::io::Result<bool> {
        Ok(self.len()? == 0)
    }
}
