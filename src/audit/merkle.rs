//! Merkle trees of RFC 6962, section 2.1: hashes, roots, and both kinds of proof, made and checked.
//!
//! Proofs are made from the roots of complete subtrees, asked for by (height, index), so the same code serves a list
//! in memory and a folder of tiles.

use ring::digest::{Context, SHA256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// A proof that does not lead to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not lead to the root")]
pub struct InvalidProof;

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The first four bytes of SHA-256, as key ids of signed notes use them.
pub(super) fn short_hash(parts: &[&[u8]]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(parts);
    [a, b, c, d]
}

/// The root over leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut range = CompactRange::default();
    leaves.iter().for_each(|leaf| range.push(*leaf, |_, _| ()));
    range.root()
}

/// The roots of the complete subtrees that a tree consists of, largest first: all that appending needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    peaks: Vec<Hash>,
}

impl CompactRange {
    /// The range of a tree of `size` leaves, from the roots of its complete subtrees.
    ///
    /// # Errors
    /// What `nodes` returns.
    pub fn load<E>(size: u64, mut nodes: impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Self, E> {
        Ok(Self { size, peaks: peaks(0, size, &mut nodes)? })
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// The range over the complete subtrees of a height, each a leaf of it.
    #[must_use]
    pub fn above(&self, height: u32) -> Self {
        let size = self.size.checked_shr(height).unwrap_or(0);
        // One peak for each 1-bit of the size, the largest first.
        let peaks = self.peaks.iter().take(usize::try_from(size.count_ones()).unwrap_or(0));
        Self { size, peaks: peaks.copied().collect() }
    }

    /// Appends a leaf and reports every subtree it completes as (height, root), the leaf itself first.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(u32, Hash)) {
        let mut hash = leaf;
        completed(0, hash);
        for height in 1..=self.size.trailing_ones() {
            // INVARIANT: one peak for each 1-bit of the size, so there is one to take.
            let left = self.peaks.pop().unwrap_or_default();
            hash = node_hash(&left, &hash);
            completed(height, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

fn fold(peaks: &[Hash]) -> Hash {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

/// The roots of the complete subtrees that `start..end` consists of, largest first.
///
/// INVARIANT: `start` is a multiple of the smallest power of two that is at least `end - start`.
fn peaks<E>(
    mut start: u64,
    end: u64,
    nodes: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut peaks = Vec::new();
    while let Some(height) = (end - start).checked_ilog2() {
        peaks.push(nodes(height, start >> height)?);
        start += 1 << height;
    }
    Ok(peaks)
}

/// The largest power of two below `width`, which is at least 2.
const fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The proof that leaf `index` is in the tree of `size` leaves, leaf side first (RFC 6962, section 2.1.1).
///
/// # Errors
/// What `nodes` returns. The caller has checked `index < size`; beyond it the proof is of no use.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut nodes: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut start, mut end, mut proof) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(fold(&peaks(middle, end, &mut nodes)?));
            end = middle;
        } else {
            proof.push(fold(&peaks(start, middle, &mut nodes)?));
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 6962, section 2.1.2).
///
/// # Errors
/// What `nodes` returns. Empty, and of no use, unless `0 < old < new`.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    mut nodes: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut start, mut end, mut proof) = (0, new, Vec::new());
    if old == 0 || old >= new {
        return Ok(proof);
    }
    while old < end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(fold(&peaks(middle, end, &mut nodes)?));
            end = middle;
        } else {
            proof.push(fold(&peaks(start, middle, &mut nodes)?));
            start = middle;
        }
    }
    // A subtree that starts at 0 is the old tree itself: the verifier has its root.
    if start > 0 {
        proof.push(fold(&peaks(start, end, &mut nodes)?));
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that a leaf is at `index` of the tree with this size and root (RFC 9162, section 2.1.3.2).
///
/// # Errors
/// [`InvalidProof`]
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), InvalidProof> {
    if index >= size {
        return Err(InvalidProof);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(InvalidProof);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            (node, last) = skip_lone_levels(node, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(InvalidProof) }
}

/// Checks that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162, section 2.1.4.2).
///
/// # Errors
/// [`InvalidProof`]
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), InvalidProof> {
    if old == new {
        // The root of the empty tree is a constant, not something to be read.
        let right_when_empty = old > 0 || *old_root == empty_root();
        return if proof.is_empty() && old_root == new_root && right_when_empty {
            Ok(())
        } else {
            Err(InvalidProof)
        };
    }
    if old == 0 || old > new {
        return Err(InvalidProof);
    }
    let trailing = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> trailing, (new - 1) >> trailing);
    // An old tree that is one complete subtree is not repeated in the proof.
    let (seed, path) =
        if old.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(InvalidProof)? };
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for sibling in path {
        if last == 0 {
            return Err(InvalidProof);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            (node, last) = skip_lone_levels(node, last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(InvalidProof) }
}

/// A node without a sibling is its own parent: go up to where it is a right child, or to the root.
const fn skip_lone_levels(mut node: u64, mut last: u64) -> (u64, u64) {
    while node & 1 == 0 && node != 0 {
        (node, last) = (node >> 1, last >> 1);
    }
    (node, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn at(number: u64) -> usize {
        number.try_into().unwrap()
    }

    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(at(split(leaves.len() as u64)));
                node_hash(&naive(left), &naive(right))
            }
        }
    }

    fn nodes(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> + '_ {
        |height, index| {
            let start = at(index << height);
            Ok(naive(&leaves[start..start + (1 << height)]))
        }
    }

    #[test]
    fn every_proof_of_every_small_tree_is_accepted_and_no_other() {
        let leaves: Vec<Hash> = (0..40_u8).map(|byte| leaf_hash(&[byte])).collect();
        for size in 1..=leaves.len() {
            let (tree, size) = (&leaves[..size], size as u64);
            let new_root = root(tree);
            assert_eq!(new_root, naive(tree));
            for index in 0..size {
                let leaf = tree[at(index)];
                let proof = inclusion_proof(index, size, nodes(tree)).unwrap();
                assert_eq!(verify_inclusion(index, size, &leaf, &proof, &new_root), Ok(()));
                assert!(verify_inclusion(index ^ 1, size, &leaf, &proof, &new_root).is_err() || size == 1);
                assert!(verify_inclusion(index, size, &empty_root(), &proof, &new_root).is_err());

                let (old, old_root) = (index + 1, root(&tree[..=at(index)]));
                let proof = consistency_proof(old, size, nodes(tree)).unwrap();
                assert_eq!(verify_consistency(old, size, &old_root, &new_root, &proof), Ok(()));
                assert!(verify_consistency(old, size, &leaf_hash(&[99]), &new_root, &proof).is_err());
            }
        }
    }
}
