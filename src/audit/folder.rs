//! Reading the folder of the log: files that must be there, what is in them, and all that are.

use super::checkpoint::Checkpoint;
use super::entry::Entry;
use super::error::{VerifyError, VerifyErrorKind};
use super::merkle::Hash;
use super::note::{Note, NoteError, VerifierKey};
use super::tail::TAIL;
use super::tiles::{CHECKPOINT, Tile, hashes, unpack};
use crate::storage::Storage;

/// The content of a file that must be there.
pub(super) fn read(storage: &dyn Storage, path: &str) -> Result<Vec<u8>, VerifyError> {
    match storage.read(path) {
        Ok(content) => content.ok_or_else(|| VerifyError::new(path, VerifyErrorKind::Missing)),
        Err(error) => Err(VerifyError::new(path, VerifyErrorKind::Storage(error))),
    }
}

/// The head that the folder states, signed by `key`.
pub(super) fn head(storage: &dyn Storage, key: &VerifierKey) -> Result<(Note, Checkpoint), VerifyError> {
    let content = read(storage, CHECKPOINT)?;
    let open = || -> Result<_, NoteError> {
        let note = Note::parse(&content)?;
        let head = Checkpoint::open(&note, key)?;
        Ok((note, head))
    };
    open().map_err(|error| VerifyError::new(CHECKPOINT, VerifyErrorKind::Checkpoint(error)))
}

/// The entries of a bundle, which must be as many as its width says.
pub(super) fn parse_bundle(tile: Tile, content: &[u8]) -> Result<Vec<Entry>, VerifyError> {
    split_bundle(tile, content)?
        .iter()
        .enumerate()
        .map(|(place, bytes)| parse_entry(tile, place, bytes))
        .collect()
}

pub(super) fn split_bundle(tile: Tile, content: &[u8]) -> Result<Vec<&[u8]>, VerifyError> {
    let entries = unpack(content)
        .map_err(|place| VerifyError::new(tile.item("entry", place), VerifyErrorKind::Bundle))?;
    if entries.len() == usize::from(tile.width()) {
        Ok(entries)
    } else {
        Err(VerifyError::new(tile, VerifyErrorKind::Bundle))
    }
}

pub(super) fn parse_entry(tile: Tile, place: usize, bytes: &[u8]) -> Result<Entry, VerifyError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| VerifyError::new(tile.item("entry", place), VerifyErrorKind::NotText))?;
    Entry::parse(text)
        .map_err(|error| VerifyError::new(tile.item("entry", place), VerifyErrorKind::Entry(error)))
}

/// The hashes of a tile, which must be as many as its width says.
pub(super) fn read_tile(storage: &dyn Storage, tile: Tile) -> Result<Vec<Hash>, VerifyError> {
    parse_tile(tile, &read(storage, &tile.to_string())?)
}

/// As [`read_tile`], of the content of its file.
pub(super) fn parse_tile(tile: Tile, bytes: &[u8]) -> Result<Vec<Hash>, VerifyError> {
    let hashes = hashes(bytes).filter(|hashes| hashes.len() == usize::from(tile.width()));
    hashes.map(<[Hash]>::to_vec).ok_or_else(|| VerifyError::new(tile, VerifyErrorKind::Tile))
}

/// The files that a log of `size` entries does not have: tiles by their place, anything else by its path.
pub(super) fn strays(storage: &dyn Storage, size: u64) -> Result<Vec<(String, Option<Tile>)>, VerifyError> {
    let mut paths = Vec::new();
    walk(storage, "log".to_owned(), 0, &mut paths)?;
    let mut strays: Vec<_> =
        paths.into_iter().map(|path| (Tile::parse(&path), path)).map(|(a, b)| (b, a)).collect();
    strays.retain(|(path, tile)| {
        path != CHECKPOINT && path != TAIL && !tile.is_some_and(|tile| tile.belongs_to(size))
    });
    Ok(strays)
}

fn walk(
    storage: &dyn Storage,
    directory: String,
    depth: usize,
    paths: &mut Vec<String>,
) -> Result<(), VerifyError> {
    let names = storage
        .list(&directory)
        .map_err(|error| VerifyError::new(&directory, VerifyErrorKind::Storage(error)))?;
    // A file may have the name of a directory.
    if names.is_empty() && matches!(storage.read(&directory), Ok(Some(_))) {
        paths.push(directory);
        return Ok(());
    }
    for name in names {
        let is_directory = match depth {
            0 => name == "tile",
            1 => name == "entries" || name.bytes().all(|byte| byte.is_ascii_digit()),
            // An index has at most seven groups of digits; what lies deeper is no tile.
            2..=9 => name.starts_with('x') || name.ends_with(".p"),
            _ => false,
        };
        let path = format!("{directory}/{name}");
        if is_directory {
            walk(storage, path, depth + 1, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
