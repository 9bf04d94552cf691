//! The consent status of the register's people at a seal, one leaf each, under one root in the log: a person can be shown their own leaf,
//! and the leaves of others show nothing.
//!
//! The file of a tree holds its leaves, sorted, then its nodes of height 8, 16 and so on: a leaf is found and proved by
//! reading some blocks of it, however many people there are.

use std::cmp::Ordering;
use std::io;

use serde_json::json;

use super::commitment::commit;
use super::merkle::{CompactRange, Hash, inclusion_proof, leaf_hash, root, verify_inclusion};
use crate::storage::Blocks;
use crate::types::Secret;
use crate::types::json::{JsonError, to_canonical};

const SALTS: &str = "hushtag 2026-11 v1 salts of a consent tree";
const SALT: &str = "hushtag 2026-11 v1 salt of a consent leaf";
const PADDING: &str = "hushtag 2026-11 v1 padding of a consent tree";

/// A node of every so many levels is written.
const STEP: u32 = 8;
const HASH: u64 = 32;
/// The smallest and the largest tree, as powers of two.
const HEIGHTS: std::ops::RangeInclusive<u32> = STEP..=40;

/// Which tree a leaf is of; a leaf of one tree is none of another.
#[derive(Debug, Clone, Copy)]
pub struct TreePlace<'a> {
    /// The id of the sandbox.
    pub sandbox: &'a str,
    /// The epoch.
    pub epoch: &'a str,
    /// The hash of the study's text, as the log writes it.
    pub study: &'a str,
    /// The recipient.
    pub recipient: &'a str,
}

/// What makes the leaves of one tree: the salts, which follow from the epoch's key and die with it.
pub struct Leaves<'a> {
    place: TreePlace<'a>,
    salts: Secret,
}

impl TreePlace<'_> {
    /// The leaf of whether the consents of a person (namespace, id) put them in: RFC 6962's hash of HMAC-SHA256
    /// under the salt over the JSON of sandbox, epoch, study, recipient, namespace, id, and `in` or `out`.
    ///
    /// # Errors
    /// None that a text can cause.
    ///
    /// # Privacy
    /// Tells nothing without the salt.
    pub fn leaf(&self, salt: &Secret, (ids, id): (&str, &str), inside: bool) -> Result<Hash, JsonError> {
        let stands = if inside { "in" } else { "out" };
        let said = json!([self.sandbox, self.epoch, self.study, self.recipient, ids, id, stands]);
        Ok(leaf_hash(&commit(salt, to_canonical(&said)?.as_bytes()).bytes()))
    }
}

impl<'a> Leaves<'a> {
    /// The leaves of a tree of the epoch with this key.
    ///
    /// # Errors
    /// None that a text can cause.
    pub fn new(place: TreePlace<'a>, epoch_key: &Secret) -> Result<Self, JsonError> {
        let text = to_canonical(&json!([place.sandbox, place.epoch, place.study, place.recipient]))?;
        Ok(Self { place, salts: epoch_key.derive_for(SALTS, text.as_bytes()) })
    }

    /// The salt of a person's leaf.
    ///
    /// # Errors
    /// None that a text can cause.
    pub fn salt(&self, (ids, id): (&str, &str)) -> Result<Secret, JsonError> {
        Ok(self.salts.derive_for(SALT, to_canonical(&json!([ids, id]))?.as_bytes()))
    }

    /// A person's leaf.
    ///
    /// # Errors
    /// None that a text can cause.
    pub fn leaf(&self, who: (&str, &str), inside: bool) -> Result<Hash, JsonError> {
        self.place.leaf(&self.salt(who)?, who, inside)
    }

    /// The file of the tree over these leaves, and its root. Leaves of no person fill it up to a power of two, and all are
    /// sorted: their number and their order show nothing else.
    #[must_use]
    pub fn file(&self, mut leaves: Vec<Hash>) -> (Vec<u8>, Hash) {
        let size = leaves.len().max(1 << HEIGHTS.start()).next_power_of_two();
        for number in leaves.len() as u64..size as u64 {
            let filler = self.salts.derive_for(PADDING, &number.to_le_bytes());
            leaves.push(leaf_hash(filler.expose()));
        }
        leaves.sort_unstable();
        file_of(&leaves)
    }
}

/// The file over sorted leaves, and their root.
fn file_of(leaves: &[Hash]) -> (Vec<u8>, Hash) {
    let mut levels: Vec<Vec<u8>> = Vec::new();
    let mut range = CompactRange::default();
    for leaf in leaves {
        range.push(*leaf, |height, hash| {
            if height % STEP == 0 {
                let level = usize::try_from(height / STEP).unwrap_or(usize::MAX);
                if levels.len() == level {
                    levels.push(Vec::new());
                }
                levels.iter_mut().skip(level).take(1).for_each(|level| level.extend_from_slice(&hash));
            }
        });
    }
    (levels.concat(), range.root())
}

/// Whether a file is that of the tree with this root, down to the last byte.
#[must_use]
pub fn is_tree(file: &[u8], wanted: &Hash) -> bool {
    let Some(height) = height_of(file.len() as u64) else { return false };
    let leaves = file.as_chunks::<32>().0.get(..1 << height).unwrap_or_default();
    let (built, root) = file_of(leaves);
    built == file && root == *wanted
}

/// The height of the tree whose file has so many bytes.
fn height_of(bytes: u64) -> Option<u32> {
    HEIGHTS.into_iter().find(|height| level_at(*height, height / STEP * STEP + STEP) == bytes)
}

/// Where the nodes of a stored height begin in the file of a tree.
fn level_at(tree: u32, stored: u32) -> u64 {
    (0..stored).step_by(STEP as usize).map(|height| (HASH << tree) >> height).sum()
}

/// The file of a tree, read where it is asked.
pub struct TreeFile<'a> {
    blocks: &'a dyn Blocks,
    height: u32,
}

/// Where a leaf is, and the way from it to the root, leaf side first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The index of the leaf.
    pub index: u64,
    /// The number of leaves, a power of two.
    pub leaves: u64,
    /// The siblings.
    pub hashes: Vec<Hash>,
}

impl<'a> TreeFile<'a> {
    /// Opens a file; `None` when no tree has so many bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(blocks: &'a dyn Blocks) -> io::Result<Option<Self>> {
        Ok(height_of(blocks.len()?).map(|height| Self { blocks, height }))
    }

    fn nodes(&self, stored: u32, first: u64, count: usize) -> io::Result<Vec<Hash>> {
        let mut bytes = vec![0; count * 32];
        self.blocks.read_at(level_at(self.height, stored) + first * HASH, &mut bytes)?;
        Ok(bytes.as_chunks::<32>().0.to_vec())
    }

    fn node(&self, height: u32, index: u64) -> io::Result<Hash> {
        let above = height % STEP;
        Ok(root(&self.nodes(height - above, index << above, 1 << above)?))
    }

    /// Where a leaf is, or would be.
    ///
    /// # Errors
    /// What the system says.
    pub fn find(&self, leaf: &Hash) -> io::Result<Result<u64, u64>> {
        let (mut low, mut high) = (0, 1_u64 << self.height);
        while low < high {
            let middle = u64::midpoint(low, high);
            match self.node(0, middle)?.cmp(leaf) {
                Ordering::Equal => return Ok(Ok(middle)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(Err(low))
    }

    /// The way from the leaf at `index` to the root, or `None` when it does not lead to `wanted`. `index` is below the number of leaves.
    ///
    /// # Errors
    /// What the system says.
    pub fn path(&self, index: u64, wanted: &Hash) -> io::Result<Option<Path>> {
        let leaves = 1 << self.height;
        let hashes = inclusion_proof(index, leaves, |height, index| self.node(height, index))?;
        let leads = verify_inclusion(index, leaves, &self.node(0, index)?, &hashes, wanted).is_ok();
        Ok(leads.then_some(Path { index, leaves, hashes }))
    }

    /// Whether the leaves on both sides of the place where one would be lead to the root, so that it is not in the tree.
    ///
    /// # Errors
    /// What the system says.
    pub fn lacks(&self, place: u64, wanted: &Hash) -> io::Result<bool> {
        for near in [place.checked_sub(1), Some(place).filter(|place| *place < 1 << self.height)] {
            if let Some(near) = near
                && self.path(near, wanted)?.is_none()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Image, Storage as _};

    const PLACE: TreePlace<'_> =
        TreePlace { sandbox: "box", epoch: "2026-10", study: "blake3:00", recipient: "brand" };

    fn tree(people: usize) -> (Vec<Hash>, Vec<u8>, Hash) {
        let leaves = Leaves::new(PLACE, &Secret::new([7; 32])).unwrap();
        let own: Vec<Hash> =
            (0..people).map(|n| leaves.leaf(("phone", &n.to_string()), n % 2 == 0).unwrap()).collect();
        let (file, root) = leaves.file(own.clone());
        (own, file, root)
    }

    #[test]
    fn every_person_is_found_and_proved_and_no_other() {
        for people in [0, 1, 255, 256, 257, 70_000] {
            let (leaves, file, wanted) = tree(people);
            let image = Image::new();
            image.write("tree", &file).unwrap();
            let blocks = image.blocks("tree").unwrap();
            let open = TreeFile::open(&*blocks).unwrap().unwrap();
            assert!(is_tree(&file, &wanted));
            for leaf in leaves.iter().step_by(1 + people / 300).chain(leaves.last()) {
                let index = open.find(leaf).unwrap().unwrap();
                let path = open.path(index, &wanted).unwrap().unwrap();
                assert_eq!(open.path(index, leaf).unwrap(), None, "that is no root");
                assert_eq!(path.leaves, people.max(256).next_power_of_two() as u64);
                assert_eq!(verify_inclusion(index, path.leaves, leaf, &path.hashes, &wanted), Ok(()));
                assert!(verify_inclusion(index ^ 1, path.leaves, leaf, &path.hashes, &wanted).is_err());
            }
            let place = open.find(&leaf_hash(b"a stranger")).unwrap().unwrap_err();
            assert!(open.lacks(place, &wanted).unwrap() && !open.lacks(place, &leaf_hash(b"")).unwrap());
        }
    }

    #[test]
    fn a_file_that_was_changed_anywhere_is_not_the_tree() {
        let (_, file, wanted) = tree(70_000);
        for at in (0..file.len()).step_by(file.len() / 20).chain([file.len() - 1]) {
            let mut other = file.clone();
            other[at] ^= 1;
            assert!(!is_tree(&other, &wanted), "{at}");
        }
        assert!(!is_tree(&file[..file.len() - 32], &wanted) && !is_tree(&[], &wanted));
    }

    #[test]
    fn a_leaf_is_one_persons_in_one_place_and_says_one_thing() {
        let key = Secret::new([7; 32]);
        let leaf = |place, who, inside| Leaves::new(place, &key).unwrap().leaf(who, inside).unwrap();
        let own = leaf(PLACE, ("phone", "1"), true);
        let others = [
            leaf(PLACE, ("phone", "1"), false),
            leaf(PLACE, ("phone", "2"), true),
            leaf(PLACE, ("card", "1"), true),
            leaf(TreePlace { sandbox: "other", ..PLACE }, ("phone", "1"), true),
            leaf(TreePlace { epoch: "2026-11", ..PLACE }, ("phone", "1"), true),
            leaf(TreePlace { study: "blake3:01", ..PLACE }, ("phone", "1"), true),
            leaf(TreePlace { recipient: "other", ..PLACE }, ("phone", "1"), true),
            Leaves::new(PLACE, &Secret::new([8; 32])).unwrap().leaf(("phone", "1"), true).unwrap(),
        ];
        assert!(!others.contains(&own));
        // The maker of a tree chooses the salts, so it is the leaf itself that names its place.
        let salt = Secret::new([9; 32]);
        let bound = |place: TreePlace<'_>, who| place.leaf(&salt, who, true).unwrap();
        let others = [
            bound(PLACE, ("phone", "2")),
            bound(PLACE, ("card", "1")),
            bound(TreePlace { sandbox: "other", ..PLACE }, ("phone", "1")),
            bound(TreePlace { epoch: "2026-11", ..PLACE }, ("phone", "1")),
            bound(TreePlace { study: "blake3:01", ..PLACE }, ("phone", "1")),
            bound(TreePlace { recipient: "other", ..PLACE }, ("phone", "1")),
        ];
        assert!(!others.contains(&bound(PLACE, ("phone", "1"))));
        let salt = |place, who| Leaves::new(place, &key).unwrap().salt(who).unwrap();
        let elsewhere = TreePlace { recipient: "other", ..PLACE };
        assert_ne!(
            salt(PLACE, ("phone", "1")).expose(),
            salt(elsewhere, ("phone", "1")).expose(),
            "a salt that is shown in one place opens nothing in another"
        );
    }
}
