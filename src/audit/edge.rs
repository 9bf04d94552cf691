//! The right edge of the log: all that appending needs, kept in memory, and the files that appending gives.

use std::collections::BTreeMap;

use super::merkle::{CompactRange, Hash, leaf_hash, root};
use super::tiles::{Content, FULL, Tile, pack};

/// Files by place, in the order in which they become durable.
pub(super) type Files = BTreeMap<Tile, Vec<u8>>;

/// The hashes of subtrees, the open bundle and the open tile of each level. One push costs O(log n) hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct Edge {
    range: CompactRange,
    bundle: Vec<u8>,
    tiles: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a log of `size` entries from its open bundle and the open tile of each level, leaves first.
    ///
    /// `None` when the tiles do not have the widths that `size` asks for.
    pub(super) fn load(size: u64, bundle: Vec<u8>, tiles: Vec<Vec<Hash>>) -> Option<Self> {
        let mut edge = Self { range: CompactRange::default(), bundle, tiles };
        edge.range =
            CompactRange::load(size, |height, index| edge.node(height, index, size).ok_or(())).ok()?;
        Some(edge)
    }

    /// The number of entries.
    pub(super) const fn size(&self) -> u64 {
        self.range.size()
    }

    /// The tree over the entries.
    pub(super) const fn tree(&self) -> &CompactRange {
        &self.range
    }

    /// The open bundle.
    pub(super) fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// The hashes of the open tile of a level.
    pub(super) fn tile(&self, level: u8) -> &[Hash] {
        self.tiles.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    fn node(&self, height: u32, index: u64, size: u64) -> Option<Hash> {
        let place = Place::of(height, index);
        let open = Tile::open(Content::Hashes(place.level), size)?;
        (Tile::at(Content::Hashes(place.level), place.tile, size)? == open)
            .then(|| place.root_in(self.tile(place.level)))?
    }

    /// Appends an entry of at most 65,535 bytes; what it completes goes to `files`. `None`, and no change, above.
    pub(super) fn push(&mut self, entry: &[u8], files: &mut Files) -> Option<()> {
        pack(&mut self.bundle, entry)?;
        let size = self.range.size();
        let tiles = &mut self.tiles;
        self.range.push(leaf_hash(entry), |height, hash| {
            if !height.is_multiple_of(8) {
                return;
            }
            let Ok(level) = u8::try_from(height / 8) else { return };
            if tiles.len() <= usize::from(level) {
                tiles.push(Vec::new());
            }
            let Some(tile) = tiles.get_mut(usize::from(level)) else { return };
            tile.push(hash);
            if tile.len() == usize::from(FULL) {
                let content = Content::Hashes(level);
                let index = content.count(size) / u64::from(FULL);
                files.insert(Tile::full(content, index), std::mem::take(tile).into_flattened());
            }
        });
        if self.size().is_multiple_of(u64::from(FULL)) {
            files.insert(
                Tile::full(Content::Entries, size / u64::from(FULL)),
                std::mem::take(&mut self.bundle),
            );
        }
        Some(())
    }

    /// The open bundle and the open tiles.
    pub(super) fn partials(&self, files: &mut Files) {
        files.extend(Tile::open(Content::Entries, self.size()).map(|open| (open, self.bundle.clone())));
        for (level, tile) in (0..64).zip(&self.tiles) {
            let open = Tile::open(Content::Hashes(level), self.size());
            files.extend(open.map(|open| (open, tile.as_flattened().to_vec())));
        }
    }
}

/// Where the root of a complete subtree comes from: a run of hashes of one tile.
pub(super) struct Place {
    pub(super) level: u8,
    pub(super) tile: u64,
    start: usize,
    width: usize,
}

impl Place {
    pub(super) fn of(height: u32, index: u64) -> Self {
        let first = index << (height % 8);
        Self {
            level: u8::try_from(height / 8).unwrap_or(u8::MAX),
            tile: first / u64::from(FULL),
            start: usize::try_from(first % u64::from(FULL)).unwrap_or(usize::MAX),
            width: 1 << (height % 8),
        }
    }

    pub(super) fn root_in(&self, tile: &[Hash]) -> Option<Hash> {
        tile.get(self.start..self.start.checked_add(self.width)?).map(root)
    }
}
