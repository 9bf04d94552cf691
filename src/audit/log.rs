//! The log as its one writer sees it.
//!
//! # Order of durable steps in an append
//! 1. The bundles and tiles that it fills, from the entries to the leaves and upwards. If we stop here, they lie beyond the
//!    checkpoint; nothing was recorded.
//! 2. The tail with the new entries of the open bundle. If we stop here, the same.
//! 3. The open bundle and the open tiles, without a wait for the disk. If we stop here, the same.
//! 4. The checkpoint: the commit point. If we stop after it, the entries are recorded; of the files of step 3 some may be
//!    missing or torn, and the next open makes them from the tail.
//! 5. The partial tiles of older widths are removed, without a wait. If we stop inside, some are left or are there again.
//! 6. The new files get the time of their entries: the time of writing reveals how long the act took. If we stop inside,
//!    some have the time at which they were written.
//!
//! Closing makes the open bundle and the open tiles durable and removes the tail, in this order. Opening reads only what the
//! checkpoint asks for, so leftovers do no harm; [`Log::tidy`] removes them and closes what a stop has left open, and the
//! first append after opening calls it.

use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::edge::{Edge, Files, Place};
use super::entry::{Entry, EntryError, Kind};
use super::error::{AuditError, VerifyError, VerifyErrorKind};
use super::folder::{head, parse_bundle, parse_entry, read, read_tile, split_bundle, strays};
use super::key_change::KeyChange;
use super::merkle::{
    CompactRange, Hash, consistency_proof, empty_root, inclusion_proof, leaf_hash, root as root_of,
    verify_inclusion,
};
use super::note::{NoteError, Signer, VerifierKey};
use super::proof::Proof;
use super::rare::{Rare, holds_rare, is_rare};
use super::rotation::{Rotation, RotationFault};
use super::tail::{self, TAIL, Tail};
use super::tiles::{CHECKPOINT, Content, FULL, Tile, hashes};
use crate::storage::{Storage, StorageError, file_time};
use crate::types::{Secret, Timestamp};

/// The proof that an entry is durable in the log; made by an append after its checkpoint is, and by nothing else.
#[must_use = "an answer is handed out only against the record of it"]
#[derive(Debug)]
pub struct Recorded {
    index: u64,
    checkpoint: Arc<str>,
}

impl Recorded {
    /// The index of the entry in the log.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The signed checkpoint that covers the entry, as a note.
    #[must_use]
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }
}

/// The log, opened by its one writer; callers that share it put it behind a mutex.
///
/// After a failure of the storage it is poisoned: what was being appended may or may not be recorded, and only opening
/// the log again shows.
pub struct Log {
    storage: Arc<dyn Storage>,
    key: VerifierKey,
    head: Checkpoint,
    checkpoint: Arc<str>,
    edge: Edge,
    tail: Option<Tail>,
    rare: Option<Rare>,
    tidy: bool,
    poisoned: bool,
    /// The time of the newest files, once this handle has written any.
    dated: Option<Timestamp>,
}

impl Log {
    /// Starts an empty log named `origin` in a folder without one.
    ///
    /// # Errors
    /// [`AuditError::Exists`] when anything lies in the place of the log; [`AuditError::Signer`],
    /// [`AuditError::Storage`].
    pub fn create(
        storage: Arc<dyn Storage>,
        signer: &(impl Signer + ?Sized),
        origin: &str,
    ) -> Result<Self, AuditError> {
        if !storage.list("log").map_err(AuditError::Storage)?.is_empty() {
            return Err(AuditError::Exists);
        }
        let key = VerifierKey::of(signer).map_err(AuditError::Signer)?;
        let head = Checkpoint { origin: origin.to_owned(), size: 0, root: empty_root() };
        let checkpoint: Arc<str> = head.sign(signer).map_err(AuditError::Signer)?.to_string().into();
        storage.write(CHECKPOINT, checkpoint.as_bytes()).map_err(AuditError::Storage)?;
        Ok(Self {
            storage,
            key,
            head,
            checkpoint,
            edge: Edge::default(),
            tail: None,
            rare: None,
            tidy: true,
            poisoned: false,
            dated: None,
        })
    }

    /// Opens the log: checks the signature of its checkpoint and that the right edge has the root it states.
    ///
    /// Changes nothing. What lies left of the edge is checked by [`verify`](super::verify()).
    ///
    /// # Errors
    /// [`AuditError::Damaged`] with the place, [`AuditError::Storage`].
    pub fn open(storage: Arc<dyn Storage>, key: &VerifierKey) -> Result<Self, AuditError> {
        let (note, head) = head(&*storage, key).map_err(AuditError::of)?;
        let edge = load_edge(&*storage, head.size).and_then(|edge| match edge.tree().root() == head.root {
            true => Ok(edge),
            false => Err(VerifyError::new(CHECKPOINT, VerifyErrorKind::Root)),
        });
        let edge = edge.or_else(|fault| tail::edge(&*storage, head.size, &head.root).ok_or(fault));
        let edge = edge.map_err(AuditError::of)?;
        let (key, checkpoint) = (key.clone(), note.to_string().into());
        let (tail, rare, dated) = (None, None, None);
        Ok(Self { storage, key, head, checkpoint, edge, tail, rare, tidy: false, poisoned: false, dated })
    }

    /// Finds rare entries by the index that this key has written, from here on, and keeps it up to date where the handle appends.
    /// Bundles that the index does not know of are read and proven now. One that cannot be read changes nothing: then all
    /// bundles are read for every search.
    pub fn index(&mut self, key: &Secret) {
        self.rare = self.indexed(key);
    }

    fn indexed(&self, key: &Secret) -> Option<Rare> {
        let mut rare = Rare::read(&*self.storage, key);
        let (known, root) = rare.covers();
        let full = self.head.size / u64::from(FULL);
        // A subtree of the bundles is one of the entries, eight levels higher.
        let load =
            |bundles| CompactRange::load(bundles, |height, index| self.node(height.saturating_add(8), index));
        let tree = (known <= full).then(|| load(known).ok()).flatten().filter(|tree| tree.root() == *root);
        let mut tree = tree.unwrap_or_else(|| {
            rare.forget();
            CompactRange::default()
        });
        for bundle in tree.size()..full {
            let tile = Tile::full(Content::Entries, bundle);
            let content = self.content(tile).ok()?;
            let texts = split_bundle(tile, &content).ok()?;
            let leaves: Vec<Hash> = texts.iter().map(|text| leaf_hash(text)).collect();
            tree.push(root_of(&leaves), |_, _| ());
            rare.add(holds_rare(texts.into_iter()), tree.root());
        }
        // What was read is what the head covers.
        (tree == self.edge.tree().above(8)).then_some(rare)
    }

    /// Takes the bundles that an append has filled into the index.
    fn index_full(&mut self, files: &Files) {
        let Some(rare) = &mut self.rare else { return };
        let tree = self.edge.tree().above(8);
        let full = |tile: &Tile| tile.width() == FULL && tile.content() == Content::Entries;
        let filled: Vec<_> = files.iter().filter(|(tile, _)| full(tile)).collect();
        // Where an append has filled several, the next open reads them.
        match filled.as_slice() {
            [] => {}
            [(tile, content)] if tree.size() == rare.covers().0.saturating_add(1) => {
                match split_bundle(**tile, content) {
                    Ok(texts) => rare.add(holds_rare(texts.into_iter()), tree.root()),
                    Err(_) => self.rare = None,
                }
            }
            _ => self.rare = None,
        }
        if let (Some(rare), Some(at)) = (&mut self.rare, self.dated) {
            rare.write(&*self.storage, file_time(at, self.head.size));
        }
    }

    /// Whether a step of the storage failed, so that only opening the log again shows what is recorded.
    #[must_use]
    pub const fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Removes what stopped appends left: tiles that the checkpoint does not ask for, which [`verify`](super::verify()) lists.
    /// Files that are no tiles stay: there they are a fault.
    ///
    /// Call it after opening, once the other book agrees with the head: had an older checkpoint been put back, the
    /// newer entries would be such leftovers.
    ///
    /// # Errors
    /// [`AuditError::Storage`], [`AuditError::Poisoned`]
    pub fn tidy(&mut self) -> Result<(), AuditError> {
        self.change(|_| Ok(()))
    }

    /// Records an entry; on return it is durable.
    ///
    /// # Errors
    /// As [`Log::append_all`].
    pub fn append(&mut self, entry: &Entry, signer: &(impl Signer + ?Sized)) -> Result<Recorded, AuditError> {
        let index = self.head.size;
        self.append_all(std::slice::from_ref(entry), signer)?;
        Ok(Recorded { index, checkpoint: self.checkpoint.clone() })
    }

    /// Records several entries under one checkpoint, all or none; on return they are durable.
    ///
    /// # Errors
    /// [`AuditError::Entry`] and [`AuditError::Signer`] change nothing. After [`AuditError::Storage`] the entries may
    /// be recorded or not; every later call is [`AuditError::Poisoned`].
    pub fn append_all(
        &mut self,
        entries: &[Entry],
        signer: &(impl Signer + ?Sized),
    ) -> Result<Vec<Recorded>, AuditError> {
        let first = self.head.size;
        let texts: Vec<_> =
            entries.iter().map(Entry::to_text).collect::<Result<_, _>>().map_err(AuditError::Entry)?;
        if VerifierKey::of(signer).map_err(AuditError::Signer)? != self.key {
            return Err(AuditError::Signer(NoteError::Unsigned { name: self.key.name().to_owned() }));
        }
        if let Some(at) = entries.iter().map(|entry| entry.at).max() {
            self.change(|log| log.commit(&texts, at, signer))?;
        }
        Ok((first..self.head.size)
            .map(|index| Recorded { index, checkpoint: self.checkpoint.clone() })
            .collect())
    }

    /// Records the entry of a rotation under a checkpoint that `next` signs, the new key of the log; on return it is durable.
    ///
    /// # Errors
    /// As [`Log::append_all`]; [`AuditError::Damaged`] when the entry is not this log's rotation to `next`.
    pub fn append_rotation(
        &mut self,
        entry: &Entry,
        next: &(impl Signer + ?Sized),
    ) -> Result<Recorded, AuditError> {
        let (index, root) = self.head();
        let rotation = Rotation::of(entry).map_err(|fault| AuditError::of(fault.at(index)))?;
        let next_key = VerifierKey::of(next).map_err(AuditError::Signer)?;
        if rotation.old != self.key || rotation.new != next_key {
            return Err(AuditError::of(RotationFault::NotInForce.at(index)));
        }
        if (rotation.log_size, rotation.log_root) != (index, root) {
            return Err(AuditError::of(RotationFault::Place.at(index)));
        }
        let text = entry.to_text().map_err(AuditError::Entry)?;
        self.change(|log| log.commit(&[text], entry.at, next))?;
        self.key = next_key;
        Ok(Recorded { index, checkpoint: self.checkpoint.clone() })
    }

    /// The key that signed the checkpoint of `size` entries, if the key changed since. Reads the entries from there on.
    pub(super) fn key_before(&self, size: u64) -> Result<Option<VerifierKey>, AuditError> {
        for (index, entry) in (size..).zip(self.entries_from(size)) {
            let entry = entry?;
            if entry.kind == Kind::Key
                && let KeyChange::Log(rotation) =
                    KeyChange::of(&entry).map_err(|fault| AuditError::of(fault.at(index)))?
            {
                return Ok(Some(rotation.old));
            }
        }
        Ok(None)
    }

    /// Runs a change; unless it succeeds, the handle is of no further use.
    fn change(&mut self, change: impl FnOnce(&mut Self) -> Result<(), AuditError>) -> Result<(), AuditError> {
        if std::mem::replace(&mut self.poisoned, true) {
            return Err(AuditError::Poisoned);
        }
        if !self.tidy {
            if self.storage.read_blocks(TAIL).map_err(AuditError::Storage)?.is_some() {
                self.close().map_err(AuditError::Storage)?;
            }
            for (path, tile) in strays(&*self.storage, self.head.size).map_err(AuditError::of)? {
                if tile.is_some() {
                    self.storage.remove_unsynced(&path).map_err(AuditError::Storage)?;
                }
            }
            self.tidy = true;
        }
        change(self)?;
        self.poisoned = false;
        Ok(())
    }

    /// Makes the open bundle and the open tiles durable, and removes the tail. If we stop before it is removed, or its removal is
    /// not durable, it says what they say.
    fn close(&mut self) -> Result<(), StorageError> {
        let mut files = Files::new();
        self.edge.partials(&mut files);
        for (tile, content) in &files {
            self.storage.write(&tile.to_string(), content)?;
        }
        self.tail = None;
        self.storage.remove_unsynced(TAIL)
    }

    fn commit(
        &mut self,
        texts: &[String],
        at: Timestamp,
        signer: &(impl Signer + ?Sized),
    ) -> Result<(), AuditError> {
        let before = self.head.size;
        let mut edge = self.edge.clone();
        let mut files = Files::new();
        for text in texts {
            edge.push(text.as_bytes(), &mut files).ok_or(AuditError::Entry(EntryError::TooLong))?;
        }
        edge.partials(&mut files);
        let head =
            Checkpoint { origin: self.head.origin.clone(), size: edge.size(), root: edge.tree().root() };
        let checkpoint = head.sign(signer).map_err(AuditError::Signer)?.to_string();

        let new = || files.iter().filter(|(tile, _)| !tile.belongs_to(before));
        let (full, open): (Vec<_>, Vec<_>) = new().partition(|(tile, _)| tile.width() == FULL);
        // Step 1: the order of `files` is the order of the steps.
        for (tile, content) in full {
            self.storage.write(&tile.to_string(), content).map_err(AuditError::Storage)?;
        }
        // Step 2.
        let tail = Tail::append(self.tail.take(), &*self.storage, (edge.size(), edge.bundle()), texts);
        self.tail = Some(tail.map_err(AuditError::Storage)?);
        // Step 3.
        for (tile, content) in open {
            self.storage.write_unsynced(&tile.to_string(), content).map_err(AuditError::Storage)?;
        }
        // Step 4, the commit point.
        self.storage.write(CHECKPOINT, checkpoint.as_bytes()).map_err(AuditError::Storage)?;
        (self.head, self.checkpoint, self.edge) = (head, checkpoint.into(), edge);
        // Step 5.
        for old in open_tiles(before).filter(|tile| !tile.belongs_to(self.head.size)) {
            let place = if old.is_full_in(self.head.size) { old.partials() } else { old.to_string() };
            self.storage.remove_unsynced(&place).map_err(AuditError::Storage)?;
        }
        // Step 6.
        self.date(new().map(|(tile, _)| tile), at);
        self.index_full(&files);
        Ok(())
    }

    /// Gives the new files the time of their entries and never an earlier one than they had. That it failed is no failure of
    /// the append: the entries are durable.
    fn date<'t>(&mut self, tiles: impl Iterator<Item = &'t Tile>, at: Timestamp) {
        let at = self.dated.map_or(at, |before| before.max(at));
        self.dated = Some(at);
        let at = file_time(at, self.head.size);
        let paths: Vec<String> = tiles.map(Tile::to_string).chain([CHECKPOINT.to_owned()]).collect();
        let _ = self.storage.set_times_of_all(&paths, at);
        if let Some(tail) = &self.tail {
            tail.date(at);
        }
    }

    /// The number of entries and the root over them.
    #[must_use]
    pub const fn head(&self) -> (u64, Hash) {
        (self.head.size, self.head.root)
    }

    /// The key that the log is verified with.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The newest signed checkpoint, as a note.
    #[must_use]
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// The entry at `index`, as stored.
    ///
    /// # Errors
    /// [`AuditError::NoEntry`] beyond the end; [`AuditError::Damaged`], [`AuditError::Storage`].
    pub fn entry(&self, index: u64) -> Result<Entry, AuditError> {
        let missing = AuditError::NoEntry { index, size: self.head.size };
        let bundle = index / u64::from(FULL);
        let Some(tile) = Tile::at(Content::Entries, bundle, self.head.size) else { return Err(missing) };
        let place = usize::try_from(index % u64::from(FULL)).unwrap_or(usize::MAX);
        self.bundle(tile)?.into_iter().nth(place).ok_or(missing)
    }

    /// The entry at `index`, after checking that the head covers it: also one left of the edge is as it was recorded.
    ///
    /// # Errors
    /// As [`Log::entry`]; [`AuditError::Damaged`] when the stored entry is another one.
    pub fn proven_entry(&self, index: u64) -> Result<Entry, AuditError> {
        let entry = self.entry(index)?;
        self.check_covered(index, entry.to_text().map_err(AuditError::Entry)?.as_bytes())?;
        Ok(entry)
    }

    /// The head covers this text as the entry at `index`.
    fn check_covered(&self, index: u64, text: &[u8]) -> Result<(), AuditError> {
        let hashes = inclusion_proof(index, self.head.size, |height, index| self.node(height, index))?;
        verify_inclusion(index, self.head.size, &leaf_hash(text), &hashes, &self.head.root).map_err(|_| {
            AuditError::of(VerifyError::new(format!("log entry {index}"), VerifyErrorKind::Changed))
        })
    }

    /// The entries of these kinds with their indexes, in order, each covered by the head. All others are read and not parsed.
    pub fn entries_of<'k>(
        &'k self,
        kinds: &'k [Kind],
    ) -> impl Iterator<Item = Result<(u64, Entry), AuditError>> + 'k {
        // The one text of an entry holds its kind like this, and no text inside it does: there, quotes are escaped.
        let marks: Vec<String> = kinds.iter().map(|kind| format!("\"kind\":\"{}\"", kind.as_str())).collect();
        let rare = self.rare.as_ref().filter(|_| kinds.iter().all(|kind| is_rare(*kind)));
        let may_hold = move |first: u64| rare.is_none_or(|rare| rare.may_hold(first / u64::from(FULL)));
        let tiles = self.bundles_from(0).filter(move |(first, _)| may_hold(*first));
        tiles.flat_map(move |(first, tile)| {
            self.marked(first, tile, &marks)
                .map_or_else(|error| vec![Err(error)], |found| found.into_iter().map(Ok).collect())
        })
    }

    /// The entries of a bundle that hold any of these marks.
    fn marked(&self, first: u64, tile: Tile, marks: &[String]) -> Result<Vec<(u64, Entry)>, AuditError> {
        let content = self.content(tile)?;
        let mut found = Vec::new();
        let entries = split_bundle(tile, &content).map_err(AuditError::of)?;
        for (place, (index, text)) in (first..).zip(entries).enumerate() {
            if std::str::from_utf8(text).is_ok_and(|text| marks.iter().any(|mark| text.contains(mark))) {
                self.check_covered(index, text)?;
                found.push((index, parse_entry(tile, place, text).map_err(AuditError::of)?));
            }
        }
        Ok(found)
    }

    /// The bundles from that of entry `index` on, each with the index of its first entry.
    fn bundles_from(&self, index: u64) -> impl Iterator<Item = (u64, Tile)> + use<> {
        let (full, size) = (u64::from(FULL), self.head.size);
        let bundles = index / full..size.div_ceil(full);
        bundles.filter_map(move |bundle| Some((bundle * full, Tile::at(Content::Entries, bundle, size)?)))
    }

    /// All entries, as stored.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, AuditError>> + '_ {
        self.entries_from(0)
    }

    /// The entries from `index` on, in order; reads no bundle before that of the first one.
    pub fn entries_from(&self, index: u64) -> impl Iterator<Item = Result<Entry, AuditError>> + '_ {
        let entries = self.bundles_from(index).flat_map(|(_, tile)| match self.bundle(tile) {
            Ok(entries) => entries.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        // An index of a bundle's entry is below 256.
        entries.skip(usize::try_from(index % u64::from(FULL)).unwrap_or(0))
    }

    fn bundle(&self, tile: Tile) -> Result<Vec<Entry>, AuditError> {
        parse_bundle(tile, &self.content(tile)?).map_err(AuditError::of)
    }

    fn content(&self, tile: Tile) -> Result<Vec<u8>, AuditError> {
        if Tile::open(Content::Entries, self.head.size) == Some(tile) {
            Ok(self.edge.bundle().to_vec())
        } else {
            read(&*self.storage, &tile.to_string()).map_err(AuditError::of)
        }
    }

    /// The proof that the entry at `index` is in the log at its present head.
    ///
    /// # Errors
    /// [`AuditError::NoEntry`] beyond the end; [`AuditError::Damaged`], [`AuditError::Storage`].
    pub fn prove(&self, index: u64) -> Result<Proof, AuditError> {
        let size = self.head.size;
        if index >= size {
            return Err(AuditError::NoEntry { index, size });
        }
        let hashes = inclusion_proof(index, size, |height, index| self.node(height, index))?;
        Ok(Proof { extra: None, index, hashes, checkpoint: self.checkpoint.to_string() })
    }

    /// The proof that the log as it was at `old` entries is the beginning of the present one.
    ///
    /// # Errors
    /// [`AuditError::NoEntry`] beyond the end; [`AuditError::Damaged`], [`AuditError::Storage`].
    pub fn prove_consistency(&self, old: u64) -> Result<Vec<Hash>, AuditError> {
        self.check_size(old)?;
        consistency_proof(old, self.head.size, |height, index| self.node(height, index))
    }

    /// The root that the log had at `size` entries.
    ///
    /// # Errors
    /// [`AuditError::NoEntry`] beyond the end; [`AuditError::Damaged`], [`AuditError::Storage`].
    pub fn root_at(&self, size: u64) -> Result<Hash, AuditError> {
        self.check_size(size)?;
        CompactRange::load(size, |height, index| self.node(height, index)).map(|range| range.root())
    }

    fn check_size(&self, size: u64) -> Result<(), AuditError> {
        if size > self.head.size {
            return Err(AuditError::NoEntry { index: size, size: self.head.size });
        }
        Ok(())
    }

    /// The root of a complete subtree, from the edge or from one full tile.
    fn node(&self, height: u32, index: u64) -> Result<Hash, AuditError> {
        let place = Place::of(height, index);
        let content = Content::Hashes(place.level);
        let full = Tile::full(content, place.tile);
        let root = if full.belongs_to(self.head.size) {
            let bytes = read(&*self.storage, &full.to_string()).map_err(AuditError::of)?;
            hashes(&bytes).and_then(|tile| place.root_in(tile))
        } else {
            place.root_in(self.edge.tile(place.level))
        };
        root.ok_or_else(|| AuditError::of(VerifyError::new(full, VerifyErrorKind::Tile)))
    }
}

impl Drop for Log {
    /// If we stop inside, or it fails, the next open does it.
    fn drop(&mut self) {
        if self.tail.is_some() && !self.poisoned && self.close().is_ok() {
            let mut files = Files::new();
            self.edge.partials(&mut files);
            if let Some(at) = self.dated {
                self.date(files.keys(), at);
            }
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("head", &self.head)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// The tiles that a log of `size` entries has not filled yet.
fn open_tiles(size: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..64).map(Content::Hashes);
    std::iter::once(Content::Entries).chain(levels).filter_map(move |content| Tile::open(content, size))
}

fn load_edge(storage: &dyn Storage, size: u64) -> Result<Edge, VerifyError> {
    let mut tiles = Vec::new();
    for content in (0..64).map(Content::Hashes).take_while(|content| content.count(size) > 0) {
        tiles.push(match Tile::open(content, size) {
            Some(tile) => read_tile(storage, tile)?,
            None => Vec::new(),
        });
    }
    let mut bundle = Vec::new();
    if let Some(tile) = Tile::open(Content::Entries, size) {
        bundle = read(storage, &tile.to_string())?;
        // Appending goes on from this bundle, so its entries must be those of the tree.
        let leaves = tiles.first().into_iter().flatten();
        for (place, (entry, leaf)) in split_bundle(tile, &bundle)?.into_iter().zip(leaves).enumerate() {
            parse_entry(tile, place, entry)?;
            if leaf_hash(entry) != *leaf {
                return Err(VerifyError::new(tile.item("entry", place), VerifyErrorKind::Changed));
            }
        }
    }
    Edge::load(size, bundle, tiles).ok_or_else(|| VerifyError::new(CHECKPOINT, VerifyErrorKind::Root))
}

#[cfg(test)]
mod tests;
