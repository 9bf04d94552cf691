//! Folders of parts, as Spark and Hive leave them: which files of one are its tables, and what is no such folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::ReadError;
use super::bytes::{Magic, open_file};
use super::folder_fault::FolderFault;
use super::partition::{partition, partitions};
use super::path::is_table;

/// The tables in a folder, in the order of their names, each with how many folders and files it is below.
///
/// Names that begin with `_` or `.` and end like no table, such as `_SUCCESS`, and checksums (`.crc`) are passed over. A link to a
/// file is that file.
///
/// # Errors
/// [`ReadError`] for an entry that is neither passed over nor read, and for a folder without tables.
pub(super) fn tables_in(folder: &Path) -> Result<Vec<(PathBuf, usize)>, ReadError> {
    let name =
        folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.display().to_string());
    let mut found = Vec::new();
    list(folder, &name, 1, &mut found)?;
    let mut columns = None;
    for (path, _) in &found {
        let named = partitions(path, &shown(&name, folder, path))?;
        let named: Vec<String> = named.into_iter().map(|(column, _)| column).collect();
        if *columns.get_or_insert_with(|| named.clone()) != named {
            return Err(fault(shown(&name, folder, path), FolderFault::Partitions));
        }
    }
    if found.is_empty() { Err(fault(name, FolderFault::Empty)) } else { Ok(found) }
}

/// How an entry is called: by its path from the folder on.
fn shown(name: &str, folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).map_or_else(|_| name.to_owned(), |below| format!("{name}/{}", below.display()))
}

fn list(folder: &Path, name: &str, depth: usize, found: &mut Vec<(PathBuf, usize)>) -> Result<(), ReadError> {
    for entry in entries(folder, name)? {
        let path = folder.join(&entry);
        let shown = format!("{name}/{entry}");
        if is_passed_over(&path, &shown)? {
            continue;
        }
        let failed = |source| ReadError::Open { file: shown.clone(), source };
        let is_link = path.symlink_metadata().map_err(failed)?.is_symlink();
        let what = path.metadata().map_err(failed)?;
        if what.is_file() {
            is_a_table(&path, &shown)?;
            found.push((path, depth));
        } else if !what.is_dir() {
            return Err(fault(shown, FolderFault::NotAFile));
        } else if is_link {
            return Err(fault(shown, FolderFault::LinkToFolder));
        } else if partition(&entry).is_some() {
            list(&path, &shown, depth + 1, found)?;
        } else {
            return Err(fault(shown, FolderFault::InnerFolder));
        }
    }
    Ok(())
}

/// The names in a folder, in order.
fn entries(folder: &Path, name: &str) -> Result<Vec<String>, ReadError> {
    let failed = |source| ReadError::Open { file: name.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?.file_name().into_string();
        names.push(entry.map_err(|_| fault(name.to_owned(), FolderFault::NoText))?);
    }
    names.sort_unstable();
    Ok(names)
}

/// A file of a folder is a table by its name, or by its first bytes where Hive gives it no ending.
fn is_a_table(path: &Path, shown: &str) -> Result<(), ReadError> {
    if is_table(path) {
        return Ok(());
    }
    let file = shown.to_owned();
    match open_file(path, shown)?.1 {
        Magic::Parquet | Magic::IpcFile | Magic::IpcStream => Ok(()),
        Magic::Unsupported(found) => Err(ReadError::Unsupported { file, found }),
        Magic::Gzip | Magic::Zstd | Magic::Other => Err(ReadError::UnknownFormat { file }),
    }
}

/// Whether an entry of a folder is none of its data: a mark or a checksum that Spark and Hive leave beside it.
///
/// # Errors
/// [`ReadError::Folder`] for one that would be passed over and holds a table by its name, and for one that says that the files beside
/// it are not all that count, or more than count.
pub fn is_passed_over(path: &Path, shown: &str) -> Result<bool, ReadError> {
    const UNFINISHED: [&str; 3] = ["_temporary", ".hive-staging", ".spark-staging"];
    const LOGS: [(&str, &str); 3] =
        [("_delta_log", "Delta Lake"), (".hoodie", "Hudi"), ("_spark_metadata", "structured streaming")];
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let refuse = |why| Err(fault(shown.to_owned(), why));
    if let Some((_, format)) = LOGS.iter().find(|(log, _)| *log == name) {
        return refuse(FolderFault::TableFormat(format));
    }
    if UNFINISHED.iter().any(|mark| name.starts_with(mark)) {
        return refuse(FolderFault::Unfinished);
    }
    if !name.starts_with(['_', '.']) {
        return Ok(name.ends_with(".crc"));
    }
    // macOS keeps what its own file systems know of a file beside it, under its name with this beginning.
    let companion = name.strip_prefix("._").map(|of| path.with_file_name(of));
    let is_companion = companion.is_some_and(|of| of.is_file());
    let holds_table = if path.is_dir() { holds_table(path) } else { is_table(path) && !is_companion };
    if holds_table { refuse(FolderFault::Hidden) } else { Ok(true) }
}

/// Whether a file somewhere below is a table by its name; what cannot be looked into may hold one.
fn holds_table(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return true };
    entries.into_iter().any(|entry| {
        entry.is_ok_and(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => holds_table(&entry.path()),
            _ => is_table(&entry.path()),
        })
    })
}

fn fault(file: String, fault: FolderFault) -> ReadError {
    ReadError::Folder { file, fault }
}
