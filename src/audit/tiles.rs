//! The folder of the log (C2SP tlog-tiles): where hashes and entries lie, and how they are packed.

use std::fmt;

use super::merkle::Hash;

/// Where the checkpoint lies.
pub const CHECKPOINT: &str = "log/checkpoint";

/// The entries of a full bundle, and the hashes of a full tile.
pub const FULL: u16 = 256;

/// What a file under `log/tile` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Entries, each with its length.
    Entries,
    /// Hashes of subtrees of 256^level leaves each; level 0 to 63.
    Hashes(u8),
}

impl Content {
    /// How many items a log of `size` entries has on this level.
    #[must_use]
    pub fn count(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Hashes(level) => size.checked_shr(u32::from(level) * 8).unwrap_or(0),
        }
    }
}

/// A bundle of entries or a tile of hashes: `log/tile/<content>/<index>[.p/<width>]`.
///
/// The order is the one in which an append makes files durable: entries, then hashes from the leaves upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    content: Content,
    index: u64,
    width: u16,
}

impl Tile {
    /// The full tile at `index`.
    #[must_use]
    pub const fn full(content: Content, index: u64) -> Self {
        Self { content, index, width: FULL }
    }

    /// The partial tile at the right edge of a log of `size` entries, if there is one.
    #[must_use]
    pub fn open(content: Content, size: u64) -> Option<Self> {
        let count = content.count(size);
        let width = u16::try_from(count % u64::from(FULL)).ok().filter(|width| *width > 0)?;
        Some(Self { content, index: count / u64::from(FULL), width })
    }

    /// The tile at `index` as a log of `size` entries has it, full or partial.
    #[must_use]
    pub fn at(content: Content, index: u64, size: u64) -> Option<Self> {
        let full = Self::full(content, index);
        if full.belongs_to(size) {
            Some(full)
        } else {
            Self::open(content, size).filter(|open| open.index == index)
        }
    }

    /// Whether a log of `size` entries has exactly this file.
    #[must_use]
    pub fn belongs_to(self, size: u64) -> bool {
        if self.width == FULL {
            self.index < self.content.count(size) / u64::from(FULL)
        } else {
            Self::open(self.content, size) == Some(self)
        }
    }

    /// Whether a log of `size` entries has the full tile at this place.
    #[must_use]
    pub fn is_full_in(self, size: u64) -> bool {
        Self::full(self.content, self.index).belongs_to(size)
    }

    /// What it holds.
    pub(super) const fn content(self) -> Content {
        self.content
    }

    /// How many items it holds, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// The indexes that its items have on their level.
    pub(super) fn items(self) -> std::ops::Range<u64> {
        let first = self.index.saturating_mul(u64::from(FULL));
        first..first.saturating_add(u64::from(self.width))
    }

    /// The place of one item for a message, such as `log/tile/entries/000.p/5, entry 3`.
    pub(super) fn item(self, what: &str, number: usize) -> String {
        format!("{self}, {what} {number}")
    }

    /// Reads a path; only the one spelling is accepted.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (content, rest) = path.strip_prefix("log/tile/")?.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            level => Content::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => (groups, width.parse().ok().filter(|width| (1..FULL).contains(width))?),
            None => (rest, FULL),
        };
        let index = groups.split('/').try_fold(0_u64, |index, group| {
            let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
            index.checked_mul(1000)?.checked_add(digits)
        })?;
        let tile = Self { content, index, width };
        (tile.to_string() == path).then_some(tile)
    }

    /// The folder of all partial tiles at this place.
    #[must_use]
    pub fn partials(self) -> String {
        format!("{}.p", Self::full(self.content, self.index))
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("log/tile/entries/")?,
            Content::Hashes(level) => write!(f, "log/tile/{level}/")?,
        }
        let mut above = Vec::new();
        let mut rest = self.index / 1000;
        while rest > 0 {
            above.push(rest % 1000);
            rest /= 1000;
        }
        above.iter().rev().try_for_each(|group| write!(f, "x{group:03}/"))?;
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < FULL { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Appends an entry to a bundle; `None`, and no change, when it has more than 65,535 bytes.
#[must_use]
pub fn pack(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle; an error holds the number of the entry at which the bundle breaks off.
///
/// # Errors
/// The place, when a length is cut or leads beyond the end.
pub fn unpack(mut bundle: &[u8]) -> Result<Vec<&[u8]>, usize> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let next = bundle
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let (entry, rest) = next.ok_or(entries.len())?;
        entries.push(entry);
        bundle = rest;
    }
    Ok(entries)
}

/// The hashes of a tile, or `None` when it is cut.
#[must_use]
pub fn hashes(tile: &[u8]) -> Option<&[Hash]> {
    let (hashes, rest) = tile.as_chunks();
    rest.is_empty().then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        let partial = Tile { content: Content::Entries, index: 1_234_067, width: 5 };
        assert_eq!(partial.to_string(), "log/tile/entries/x001/x234/067.p/5");
        assert_eq!(partial.partials(), "log/tile/entries/x001/x234/067.p");
        for content in [Content::Entries, Content::Hashes(0), Content::Hashes(63)] {
            for index in [0, 1, 999, 1000, 999_999, 1_000_000, u64::MAX] {
                for width in [1, 255, FULL] {
                    let tile = Tile { content, index, width };
                    assert_eq!(Tile::parse(&tile.to_string()), Some(tile));
                }
            }
        }
        for bad in [
            "log/tile/00/000",
            "log/tile/64/000",
            "log/tile/+1/000",
            "log/tile/0/0",
            "log/tile/0/x000/000",
            "log/tile/0/001/000",
            "log/tile/0/x001",
            "log/tile/0/000.p/0",
            "log/tile/0/000.p/256",
            "log/tile/0/000.p/01",
            "log/tile/0/000.p",
            "log/tile/0/000/",
            "log/tile/entries",
            "tile/0/000",
            "log/tile/0/x018/x446/x744/x073/x709/x551/616",
            "log/checkpoint",
            "",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        let size = 70_000;
        let open = |level| Tile::open(Content::Hashes(level), size).map(|tile| (tile.index, tile.width));
        assert_eq!(
            (open(0), open(1), open(2), open(3)),
            (Some((273, 112)), Some((1, 17)), Some((0, 1)), None)
        );
        assert!(Tile::full(Content::Hashes(1), 0).belongs_to(size));
        assert!(!Tile::full(Content::Hashes(1), 1).belongs_to(size));
        assert_eq!(Tile::at(Content::Entries, 273, size), Tile::open(Content::Entries, size));
        assert_eq!(Tile::at(Content::Entries, 274, size), None);
        assert_eq!(Tile::open(Content::Hashes(0), 256), None);
    }

    #[test]
    fn bundles_break_off_at_a_place() {
        let mut bundle = Vec::new();
        let entries = [b"one".as_slice(), b"", &[7; 65_535]];
        entries.iter().for_each(|entry| pack(&mut bundle, entry).unwrap());
        assert_eq!(unpack(&bundle).unwrap(), entries);
        assert_eq!(pack(&mut bundle, &[0; 65_536]), None);
        assert_eq!(unpack(&bundle[..bundle.len() - 1]), Err(2));
        assert_eq!(unpack(&bundle[..4]), Err(0));
        assert_eq!(unpack(&bundle[..6]), Err(1));
    }
}
