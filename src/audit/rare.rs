//! Where the rare entries of a log are: a million answers lie between a few seals, adoptions and changes of keys, and a reader who
//! opens the log looks for those.
//!
//! `log.index` says up to which full bundle someone with the keys of the sandbox has read the log, with the root over it, and
//! in which of those bundles there is an entry of another kind than the common ones. It has a MAC, and it counts only where
//! the log has that root there; the entries themselves are read from the log and proven as ever. Without it, or with one that is
//! of another log, all bundles are read. It can be made again.

use std::time::SystemTime;

use bincode::{Decode, Encode};
use ring::hmac;

use super::entry::Kind;
use super::merkle::Hash;
use crate::storage::Storage;
use crate::types::{Secret, codec};

/// Where it lies in the folder of a sandbox.
pub const INDEX: &str = "log.index";
const CONTEXT: &[u8] = b"hushtag 2026-11 v1 index of the log\0";
/// How many bundles are read again, at most, because the file does not know of them.
const UNWRITTEN: u64 = 4;
/// The kinds that are common: answers, refusals, and acts that read.
const COMMON: [Kind; 3] = [Kind::Ask, Kind::Refuse, Kind::Access];

/// Which bundles hold rare entries, among the first ones of a log.
pub(super) struct Rare {
    key: hmac::Key,
    row: Row,
    /// Up to which bundle the file knows.
    written: u64,
}

#[derive(Encode, Decode, Default)]
struct Row {
    /// How many full bundles were read.
    bundles: u64,
    /// The root of the log over their entries.
    root: Hash,
    /// Those of them with a rare entry.
    rare: Vec<u64>,
}

/// Whether an entry of this kind is found by the index.
pub(super) fn is_rare(kind: Kind) -> bool {
    !COMMON.contains(&kind)
}

/// Whether a bundle holds a rare entry, by its texts.
pub(super) fn holds_rare<'t>(mut texts: impl Iterator<Item = &'t [u8]>) -> bool {
    // The one text of an entry holds its kind like this, and no text inside it does: there, quotes are escaped.
    let marks = COMMON.map(|kind| format!("\"kind\":\"{}\"", kind.as_str()));
    let common = |text: &str| marks.iter().any(|mark| text.contains(mark.as_str()));
    texts.any(|text| !std::str::from_utf8(text).is_ok_and(common))
}

impl Rare {
    /// What the file says, if it was written with this key; else nothing.
    pub(super) fn read(storage: &dyn Storage, key: &Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let row = storage.read(INDEX).ok().flatten().and_then(|content| {
            let (tag, body) = content.split_first_chunk::<32>()?;
            hmac::verify(&key, &[CONTEXT, body].concat(), tag).ok()?;
            codec::decode::<Row>(body).ok()
        });
        let row = row.unwrap_or_default();
        Self { key, written: row.bundles, row }
    }

    /// Writes the file, if enough was read since.
    pub(super) fn write(&mut self, storage: &dyn Storage, at: SystemTime) {
        if self.row.bundles.saturating_sub(self.written) < UNWRITTEN {
            return;
        }
        let Ok(body) = codec::encode(&self.row) else { return };
        let tag = hmac::sign(&self.key, &[CONTEXT, &body].concat());
        // If it fails, or we stop inside, bundles are read again.
        if storage.write(INDEX, &[tag.as_ref(), &body].concat()).is_ok() {
            self.written = self.row.bundles;
            let _ = storage.set_times(INDEX, at);
        }
    }

    /// How many full bundles it covers, and the root over them.
    pub(super) const fn covers(&self) -> (u64, &Hash) {
        (self.row.bundles, &self.row.root)
    }

    /// Forgets everything: it is of another log.
    pub(super) fn forget(&mut self) {
        (self.row, self.written) = (Row::default(), 0);
    }

    /// Takes in the next full bundle, with the root over all up to it.
    pub(super) fn add(&mut self, holds_rare: bool, root: Hash) {
        if holds_rare {
            self.row.rare.push(self.row.bundles);
        }
        self.row.bundles = self.row.bundles.saturating_add(1);
        self.row.root = root;
    }

    /// Whether the bundle may hold a rare entry.
    pub(super) fn may_hold(&self, bundle: u64) -> bool {
        bundle >= self.row.bundles || self.row.rare.binary_search(&bundle).is_ok()
    }
}
