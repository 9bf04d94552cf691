//! Checking a log with a public key alone: no other book, no other module of the sandbox.

use std::collections::BTreeMap;

use super::checkpoint::Checkpoint;
use super::edge::{Edge, Files};
use super::entry::{Entry, Kind};
use super::error::{VerifyError, VerifyErrorKind};
use super::folder::{head, parse_entry, parse_tile, read_tile, split_bundle, strays};
use super::merkle::{CompactRange, Hash, leaf_hash};
use super::note::VerifierKey;
use super::tail::Stored;
use super::tiles::{CHECKPOINT, Content, FULL, Tile};
use crate::storage::Storage;

/// What a check of the whole log found to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The head, signed by the key.
    pub checkpoint: Checkpoint,
    /// The number of entries of each kind; they sum up to the size of the head.
    pub kinds: BTreeMap<Kind, u64>,
    /// The sum of the charges of all `ask` entries, in units of the pool.
    pub charged_units: u128,
    /// The names on signature lines of other keys, which were not checked.
    pub other_signatures: Vec<String>,
    /// Tiles and bundles that an append left which was stopped or is under way: they lie beyond the head or are outgrown, and
    /// the next append removes them, or they belong to the head and the tail of the log holds what they should, and the next
    /// append writes them. Nothing reads them.
    pub leftovers: Vec<String>,
}

/// Checks the signature, that every entry is in its canonical form, that the tree over the entries has the signed root,
/// that every tile holds exactly their hashes, and that the folder `log` holds nothing else but [`Verified::leftovers`].
///
/// The folder must be at rest. An older checkpoint put back *together with the files of its time* is a valid log: only
/// an anchor or a witness outside the folder, or the other book, shows that it was once longer.
///
/// # Errors
/// The first [`VerifyError`] with its place.
pub fn verify(storage: &dyn Storage, key: &VerifierKey) -> Result<Verified, VerifyError> {
    verify_each(storage, key, |_, _| Ok(()))
}

/// As [`verify()`], and shows each entry with the tree before it: what a record in another book may have seen as the head.
///
/// The entries shown are those of the checkpoint only if this returns without a fault.
///
/// # Errors
/// The first [`VerifyError`], of the log or from `visit`.
pub fn verify_each(
    storage: &dyn Storage,
    key: &VerifierKey,
    mut visit: impl FnMut(&CompactRange, &Entry) -> Result<(), VerifyError>,
) -> Result<Verified, VerifyError> {
    let (note, head) = head(storage, key)?;
    let mut kinds = BTreeMap::new();
    let mut charged_units = 0_u128;
    let mut edge = Edge::default();
    let mut files = Files::new();
    let stored = Stored::of(storage, head.size, &head.root);
    for index in 0..head.size.div_ceil(u64::from(FULL)) {
        let Some((bundle, leaves)) = Option::zip(
            Tile::at(Content::Entries, index, head.size),
            Tile::at(Content::Hashes(0), index, head.size),
        ) else {
            continue;
        };
        let content = stored.read(bundle)?;
        let hashes = parse_tile(leaves, &stored.read(leaves)?)?;
        for (place, (bytes, hash)) in split_bundle(bundle, &content)?.into_iter().zip(&hashes).enumerate() {
            let fault = |why| VerifyError::new(bundle.item("entry", place), why);
            let entry = parse_entry(bundle, place, bytes)?;
            if leaf_hash(bytes) != *hash {
                // One of the two was changed: the hashes are right if they lead to the signed root.
                return Err(if root_of_tiles(storage, head.size)? == head.root {
                    fault(VerifyErrorKind::Changed)
                } else {
                    VerifyError::new(leaves.item("hash", place), VerifyErrorKind::Tile)
                });
            }
            visit(edge.tree(), &entry)?;
            edge.push(bytes, &mut files).ok_or_else(|| fault(VerifyErrorKind::Bundle))?;
            *kinds.entry(entry.kind).or_default() += 1;
            let units = entry.charged_units().map_err(|error| fault(VerifyErrorKind::Entry(error)))?;
            charged_units =
                charged_units.checked_add(units).ok_or_else(|| fault(VerifyErrorKind::Charges))?;
        }
        compare(&stored, &mut files)?;
    }
    edge.partials(&mut files);
    compare(&stored, &mut files)?;
    if edge.tree().root() != head.root {
        return Err(VerifyError::new(CHECKPOINT, VerifyErrorKind::Root));
    }
    let mut leftovers: Vec<String> = stored.lost().map(Tile::to_string).collect();
    for (path, tile) in strays(storage, head.size)? {
        // `Log::tidy` removes tiles and nothing else.
        if tile.is_none() {
            return Err(VerifyError::new(path, VerifyErrorKind::Stray));
        }
        leftovers.push(path);
    }
    let other_signatures = note.others(key).map(|line| line.name().to_owned()).collect();
    Ok(Verified { checkpoint: head, kinds, charged_units, other_signatures, leftovers })
}

/// Compares files with what the entries give for them.
fn compare(stored: &Stored<'_>, files: &mut Files) -> Result<(), VerifyError> {
    while let Some((tile, content)) = files.pop_first() {
        if stored.read(tile)? != content {
            return Err(VerifyError::new(tile, VerifyErrorKind::Tile));
        }
    }
    Ok(())
}

/// The root over the hashes of the leaves as the tiles have them.
fn root_of_tiles(storage: &dyn Storage, size: u64) -> Result<Hash, VerifyError> {
    let mut range = CompactRange::default();
    for index in 0..size.div_ceil(u64::from(FULL)) {
        if let Some(tile) = Tile::at(Content::Hashes(0), index, size) {
            read_tile(storage, tile)?.into_iter().for_each(|leaf| range.push(leaf, |_, _| ()));
        }
    }
    Ok(range.root())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::Log;
    use crate::audit::testing::{TestSigner, entry, log, signer};
    use crate::audit::tiles::{pack, unpack};
    use crate::storage::Image;

    fn check(image: &Image) -> Result<Verified, VerifyError> {
        verify(image, &signer().key())
    }

    fn place(image: &Image) -> String {
        check(image).unwrap_err().place
    }

    /// Every file of the log with its content.
    fn contents(image: &Image) -> Vec<(String, Vec<u8>)> {
        // Nothing belongs to the log of size 0, so all its tiles are listed.
        let mut paths: Vec<_> = strays(image, 0).unwrap().into_iter().map(|(path, _)| path).collect();
        paths.push(CHECKPOINT.to_owned());
        paths.into_iter().map(|path| (path.clone(), image.read(&path).unwrap().unwrap())).collect()
    }

    #[test]
    fn counts_what_is_there() {
        let (image, _) = log(600);
        let mut seen = 0;
        let verified = verify_each(&image, &signer().key(), |before, shown| {
            assert_eq!((before.size(), shown), (seen, &entry(seen)));
            seen += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!((seen, verified.checkpoint.size), (600, 600));
        assert_eq!(verified.kinds, BTreeMap::from([(Kind::Ask, 300), (Kind::Refuse, 300)]));
        assert_eq!(verified.charged_units, (0..600).step_by(2).sum::<u128>());
        assert_eq!(contents(&image).len(), 2 * 3 + 1 + 1);
        assert!(verify(&image, &TestSigner::new("sandbox.example/log", [8; 32]).key()).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found_in_its_file() {
        let (image, _) = log(260);
        for (path, content) in contents(&image) {
            // A step that is no multiple of 8, 32 or an entry's length visits all kinds of places.
            let step = if content.len() < 1000 { 1 } else { (content.len() / 61) | 1 };
            for at in (0..content.len()).step_by(step) {
                let mut damaged = content.clone();
                damaged[at] ^= 1 << (at % 8);
                image.write(&path, &damaged).unwrap();
                assert!(place(&image).starts_with(&path), "{path} {at}: {}", place(&image));
            }
            for length in [0, 1, content.len() / 2, content.len() - 1] {
                image.write(&path, &content[..length]).unwrap();
                assert!(place(&image).starts_with(&path), "{path} cut to {length}");
            }
            let longer = [content.as_slice(), b"\n"].concat();
            image.write(&path, &longer).unwrap();
            assert!(place(&image).starts_with(&path), "{path} longer");
            image.remove(&path).unwrap();
            assert!(
                matches!(check(&image).unwrap_err(), VerifyError { place, kind: VerifyErrorKind::Missing } if place == path)
            );
            image.write(&path, &content).unwrap();
        }
        assert!(check(&image).is_ok());
    }

    #[test]
    fn the_place_names_the_entry_or_the_hash() {
        let (image, _) = log(5);
        let change = |path: &str, at: usize, byte: u8| {
            let mut content = image.read(path).unwrap().unwrap();
            let old = std::mem::replace(&mut content[at], byte);
            image.write(path, &content).unwrap();
            old
        };
        let (entries, tile) = ("log/tile/entries/000.p/5", "log/tile/0/000.p/5");
        let text = image.read(entries).unwrap().unwrap();
        let at = String::from_utf8_lossy(&text).match_indices("\"units\":3").next().unwrap().0 + 8;
        let old = change(entries, at, b'9');
        assert_eq!(place(&image), "log/tile/entries/000.p/5, entry 3");
        assert!(matches!(check(&image).unwrap_err().kind, VerifyErrorKind::Changed));
        change(entries, at, old);
        let old = change(tile, 4 * 32 + 1, 0);
        assert_eq!(place(&image), "log/tile/0/000.p/5, hash 4");
        change(tile, 4 * 32 + 1, old);
        assert!(check(&image).is_ok());
    }

    #[test]
    fn stray_files_are_found() {
        for stray in [
            "log/stray",
            "log/tile/stray",
            "log/tile/7",
            "log/tile/0/000.p/05",
            "log/tile/0/x000/000",
            "log/tile/0/000.p/5.bak",
            "log/tile/0/000.p/deep/er",
            "log/tile/64/000",
            "log/tile/0/x001/x001/x001/x001/x001/x001/x001/x001/x001/001",
            "log/checkpoint.bak",
        ] {
            let (image, _) = log(5);
            image.write(stray, b"").unwrap();
            let fault = check(&image).unwrap_err();
            assert!(matches!(fault.kind, VerifyErrorKind::Stray), "{stray}");
            assert!(stray.starts_with(&fault.place), "{stray}: {}", fault.place);
        }
    }

    #[test]
    fn tiles_beyond_the_head_and_outgrown_ones_are_what_the_next_append_removes() {
        let tiles = [
            "log/tile/entries/000",
            "log/tile/entries/001.p/4",
            "log/tile/entries/000.p/4",
            "log/tile/entries/000.p/6",
            "log/tile/0/001",
            "log/tile/1/000.p/1",
        ];
        for leftover in tiles {
            let (image, _) = log(5);
            image.write(leftover, b"").unwrap();
            assert_eq!(check(&image).unwrap().leftovers, [leftover]);
            Log::open(Arc::new(image.clone()), &signer().key()).unwrap().tidy().unwrap();
            assert_eq!(image.read(leftover).unwrap(), None);
            assert!(check(&image).unwrap().leftovers.is_empty());
        }
    }

    #[test]
    fn reordered_entries_and_a_rewritten_log_are_found() {
        let (image, _) = log(5);
        let path = "log/tile/entries/000.p/5";
        let content = image.read(path).unwrap().unwrap();
        let mut entries = unpack(&content).unwrap();
        entries.swap(1, 3);
        let mut swapped = Vec::new();
        entries.iter().for_each(|entry| pack(&mut swapped, entry).unwrap());
        image.write(path, &swapped).unwrap();
        assert_eq!(place(&image), "log/tile/entries/000.p/5, entry 1");

        // Entries and tiles of another log, consistent in themselves, under our checkpoint.
        let (other, mut forged) = log(4);
        forged.append_all(&[entry(17)], &signer()).unwrap();
        other.write(CHECKPOINT, &image.read(CHECKPOINT).unwrap().unwrap()).unwrap();
        let fault = check(&other).unwrap_err();
        assert!(matches!(fault, VerifyError { place, kind: VerifyErrorKind::Root } if place == CHECKPOINT));
    }

    #[test]
    fn an_old_checkpoint_lacks_its_files_and_an_old_folder_by_nothing_in_it() {
        let (old, _) = log(5);
        let (new, _) = log(6);
        new.write(CHECKPOINT, &old.read(CHECKPOINT).unwrap().unwrap()).unwrap();
        assert!(check(&new).is_err());
        // The whole folder of an earlier time is a valid log: only an anchor knows better.
        assert_eq!(check(&old).unwrap().checkpoint.size, 5);
    }
}
