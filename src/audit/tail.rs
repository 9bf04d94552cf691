//! The tail of the log: the entries of the open bundle in one file that grows, `log/tail`.
//!
//! The open bundle and the open tiles are files that every append replaces by longer ones; to make each durable, with its
//! name, takes several waits for the disk. So an append makes its entries durable here, and writes those files without a
//! wait: what a stop has left of them is made again from the tail. Bundles and tiles that are full are durable at once.
//!
//! The file is the index of its first entry in 8 bytes, big-endian, and then the entries as in a bundle. It is there while
//! a process has the log open, or after it was stopped; whatever it holds counts only under the root of the checkpoint.

use super::edge::{Edge, Files};
use super::error::VerifyError;
use super::folder::{read, read_tile};
use super::merkle::{Hash, leaf_hash, root};
use super::tiles::{Content, FULL, Tile, pack};
use crate::storage::{Blocks, Storage, StorageError};
use std::time::SystemTime;

/// Where the tail lies.
pub const TAIL: &str = "log/tail";

/// The tail as its one writer sees it.
pub(super) struct Tail {
    blocks: Box<dyn Blocks>,
    /// The index of its first entry.
    first: u64,
    /// Where the next entry goes.
    end: u64,
}

/// The index of the first entry of the open bundle of a log of `size` entries.
const fn first_open(size: u64) -> u64 {
    size - size % FULL as u64
}

fn failed(source: std::io::Error) -> StorageError {
    StorageError::new("write", TAIL, source)
}

impl Tail {
    /// Makes the entries of an append durable: `texts`, of which `bundle` holds those of the bundle that is then open. Gives the
    /// tail that the next append goes on with.
    ///
    /// If we stop inside, the tail holds a part of them beyond the checkpoint, which nothing reads, or it is the tail of the next bundle,
    /// and those before are in the full one.
    pub(super) fn append(
        tail: Option<Self>,
        storage: &dyn Storage,
        (size, bundle): (u64, &[u8]),
        texts: &[String],
    ) -> Result<Self, StorageError> {
        let first = first_open(size);
        if let Some(mut tail) = tail.filter(|tail| tail.first == first) {
            let mut added = Vec::new();
            // No text is longer than an entry may be: the edge has taken it.
            for text in texts {
                let _ = pack(&mut added, text.as_bytes());
            }
            tail.blocks.write_at(tail.end, &added).and_then(|()| tail.blocks.sync()).map_err(failed)?;
            tail.end = tail.end.saturating_add(added.len() as u64);
            return Ok(tail);
        }
        let content = [&first.to_be_bytes()[..], bundle].concat();
        storage.write(TAIL, &content)?;
        Ok(Self { blocks: storage.blocks(TAIL)?, first, end: content.len() as u64 })
    }

    /// Gives the file a time.
    pub(super) fn date(&self, at: SystemTime) {
        let _ = self.blocks.set_times(at);
    }
}

/// The edge of the log with this head, made from the tail and the full tiles; `None` where the tail does not lead to it.
pub(super) fn edge(storage: &dyn Storage, size: u64, head: &Hash) -> Option<Edge> {
    let content = entries(storage, first_open(size))?;
    let (mut entries, mut bundle, mut leaves) = (content.as_slice(), Vec::new(), Vec::new());
    for _ in first_open(size)..size {
        let (length, rest) = entries.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        pack(&mut bundle, entry)?;
        leaves.push(leaf_hash(entry));
        entries = rest;
    }
    let mut tiles = vec![leaves];
    for level in (1..64).take_while(|level| Content::Hashes(*level).count(size) > 0) {
        tiles.push(open_tile(storage, level, size)?);
    }
    let edge = Edge::load(size, bundle, tiles)?;
    (edge.tree().root() == *head).then_some(edge)
}

/// The entries from this one on, of the bundle that a log without them may have open: those of the tail or, where an append was
/// stopped that filled the bundle and began another tail, those of the full bundle, which it made durable before.
fn entries(storage: &dyn Storage, first: u64) -> Option<Vec<u8>> {
    let tail = storage.read(TAIL).ok()??;
    match tail.split_first_chunk::<8>()? {
        (begins, entries) if u64::from_be_bytes(*begins) == first => Some(entries.to_vec()),
        _ => {
            let full = Tile::full(Content::Entries, first / u64::from(FULL));
            storage.read(&full.to_string()).ok()?
        }
    }
}

/// The hashes of the open tile of a level above the leaves: the root of each full tile below it.
fn open_tile(storage: &dyn Storage, level: u8, size: u64) -> Option<Vec<Hash>> {
    let Some(open) = Tile::open(Content::Hashes(level), size) else { return Some(Vec::new()) };
    let below = Content::Hashes(level.checked_sub(1)?);
    open.items().map(|index| Some(root(&read_tile(storage, Tile::full(below, index)).ok()?))).collect()
}

/// The bundles and tiles of a log; those that a stop has lost are made from its tail.
pub(super) struct Stored<'s> {
    storage: &'s dyn Storage,
    lost: Files,
}

impl<'s> Stored<'s> {
    /// Those of the log with this head.
    pub(super) fn of(storage: &'s dyn Storage, size: u64, head: &Hash) -> Self {
        Self { storage, lost: lost(storage, size, head).unwrap_or_default() }
    }

    /// What the file of a bundle or tile holds, or should hold.
    pub(super) fn read(&self, tile: Tile) -> Result<Vec<u8>, VerifyError> {
        self.lost.get(&tile).map_or_else(|| read(self.storage, &tile.to_string()), |found| Ok(found.clone()))
    }

    /// Those of which the file holds something else.
    pub(super) fn lost(&self) -> impl Iterator<Item = &Tile> {
        self.lost.keys()
    }
}

/// The open bundle and tiles of the log with this head, where what lies in their places is not what the head covers and the
/// tail is: the next open writes them there.
fn lost(storage: &dyn Storage, size: u64, head: &Hash) -> Option<Files> {
    let mut files = Files::new();
    edge(storage, size, head)?.partials(&mut files);
    let there = |tile: &Tile| storage.read(&tile.to_string()).ok().flatten();
    let as_they_are = files.iter().all(|(tile, content)| there(tile).as_ref() == Some(content));
    (!as_they_are).then_some(files)
}
