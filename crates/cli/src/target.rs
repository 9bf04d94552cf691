//! Plots and pages: files that the command makes as a whole and may make anew.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::lang::text;
use super::{Failure, exit};
use hushtag::storage::{Folder, Storage as _, StorageError};

/// How a page or plot begins that this command made and may make anew.
pub(crate) const MADE_BY: &str = concat!("<!-- made by hushtag ", env!("CARGO_PKG_VERSION"), " -->");

/// The part of [`MADE_BY`] that all versions share.
pub(crate) const PAGE_MARK: &str = "<!-- made by hushtag ";

/// What the folder of a sandbox holds.
const SANDBOX: &str = "sandbox.toml";

/// A place that is free, or holds a file that this command made before. Any other file is left alone.
pub(super) struct Target {
    path: PathBuf,
    folder: Folder,
    name: String,
    replaces: bool,
}

impl Target {
    /// Looks at the place of a page or a plot; nothing is written.
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        Self::marked(path, PAGE_MARK)
    }

    /// As [`Target::new`], for a file whose first line has another mark.
    pub(super) fn marked(path: &Path, mark: &str) -> Result<Self, Failure> {
        let wrong = |message: String| Failure::failed(message, text!("file.other_fix"));
        let unread = |error: std::io::Error| wrong(text!("file.unwritable", file = path.display(), error));
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name
            .filter(|name| !name.starts_with('.'))
            .ok_or_else(|| wrong(text!("file.no_name", file = path.display())))?;
        is_outside_sandboxes(path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = Folder::open(&parent.canonicalize().map_err(unread)?)?;
        let replaces = match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(unread(error)),
            Ok(there) if there.is_file() && has_mark(path, mark).map_err(unread)? => true,
            Ok(_) => {
                let message = text!("file.foreign", file = path.display());
                return Err(wrong(message));
            }
        };
        Ok(Self { path: path.to_owned(), folder, name: name.to_owned(), replaces })
    }

    /// Puts the text there as a whole, by renaming.
    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        // If we stop inside, the old file is there.
        self.written(self.folder.write(&self.name, text.as_bytes()))
    }

    /// As [`Target::write`], into a file that only its owner may read.
    pub(super) fn write_for_owner(&self, text: &str) -> Result<(), Failure> {
        self.written(self.folder.write_for_owner(&self.name, text.as_bytes()))
    }

    fn written(&self, written: Result<(), StorageError>) -> Result<(), Failure> {
        written.map_err(|error| Failure::of_error(exit::chain(&error), text!("file.folder_fix")))
    }

    /// What became of the place, for a note.
    pub(super) fn done(&self) -> String {
        let file = self.path.display();
        if self.replaces { text!("file.replaced", file) } else { text!("file.written", file) }
    }
}

/// Whether a folder is one of a sandbox.
pub(super) fn is_sandbox(folder: &Path) -> bool {
    folder.join(SANDBOX).is_file()
}

/// Whether two paths name one file, however each is written.
pub(super) fn are_one_place(path: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((parent.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    path == other || place(path).is_some_and(|this| Some(this) == place(other))
}

/// Refuses a new file inside the folder of a sandbox: `audit verify` finds every file there that nothing binds.
pub(super) fn is_outside_sandboxes(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Where there is no folder, the writing fails.
    let Ok(parent) = parent.canonicalize() else { return Ok(()) };
    match parent.ancestors().find(|folder| is_sandbox(folder)) {
        None => Ok(()),
        Some(_) => {
            Err(Failure::usage(text!("file.in_sandbox", file = path.display()), text!("file.in_sandbox_fix")))
        }
    }
}

/// Whether the beginning of a file has the mark of this command, of any version.
pub(crate) fn has_mark(path: &Path, mark: &str) -> std::io::Result<bool> {
    let mut beginning = String::new();
    let read = std::fs::File::open(path)?.take(80).read_to_string(&mut beginning);
    // What is no text is not ours.
    Ok(read.is_ok() && beginning.contains(mark))
}
