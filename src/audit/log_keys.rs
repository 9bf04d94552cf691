//! Every key that a log ever had, from the log itself: for a file that one of them signed, whichever of them its reader holds.

use super::entry::{Entry, Kind};
use super::error::{VerifyError, VerifyErrorKind};
use super::key_change::KeyChange;
use super::key_entries::sandbox_of;
use super::merkle::Hash;
use super::note::VerifierKey;
use super::rotation::{KeyChain, rotation_to_signer};
use super::tiles::CHECKPOINT;
use super::verify::{Verified, verify_each};
use crate::storage::Storage;
use crate::types::Timestamp;

/// A log that was verified as a whole, as far as its keys and heads go.
#[derive(Debug, Clone)]
pub struct LogKeys {
    /// The keys in their order, each with the size of the log and the time at which the next one replaced it.
    keys: Vec<(VerifierKey, Option<(u64, Timestamp)>)>,
    /// The roots over 0, 1, 2, ... entries.
    heads: Vec<Hash>,
    verified: Verified,
}

impl LogKeys {
    /// Verifies the log with `key`, which may be any key that it ever had.
    ///
    /// # Errors
    /// [`VerifyError`]: the log does not hold, or never had this key.
    pub fn read(storage: &dyn Storage, key: &VerifierKey) -> Result<Self, VerifyError> {
        let signed_by =
            rotation_to_signer(storage, key)?.map_or_else(|| key.clone(), |rotation| rotation.new);
        let (mut sandbox, mut chain) = (String::new(), KeyChain::default());
        let (mut keys, mut heads) = (Vec::new(), Vec::new());
        let log = verify_each(storage, &signed_by, |tree, entry: &Entry| {
            let index = heads.len() as u64;
            heads.push(tree.root());
            if index == 0 {
                sandbox = sandbox_of(entry).to_owned();
            }
            if entry.kind == Kind::Key {
                let change = KeyChange::of(entry).map_err(|fault| fault.at(index))?;
                chain.follow(&sandbox, index, heads.last(), entry).map_err(|fault| fault.at(index))?;
                if let KeyChange::Log(rotation) = change {
                    keys.push((rotation.old, Some((index, entry.at))));
                }
            }
            Ok(())
        })?;
        let leads = chain.leads(key, &signed_by);
        leads.map_err(|fault| VerifyError::new(CHECKPOINT, VerifyErrorKind::Rotation(fault)))?;
        heads.push(log.checkpoint.root);
        keys.push((signed_by, None));
        Ok(Self { keys, heads, verified: log })
    }

    /// What was verified: the checkpoint, and the entries that it covers.
    #[must_use]
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The key that signed the checkpoint: the one that was given, or the last one that it was rotated to.
    #[must_use]
    pub fn signed_by(&self) -> Option<&VerifierKey> {
        self.keys.last().map(|(key, _)| key)
    }

    /// Every key with its number; the first one has the number 1.
    pub fn keys(&self) -> impl Iterator<Item = (u64, &VerifierKey)> {
        (1..).zip(self.keys.iter().map(|(key, _)| key))
    }

    /// The number of the key that signs a checkpoint of `size` entries with this root; `None` where the log had no such head.
    #[must_use]
    pub fn signer_of(&self, size: u64, root: &Hash) -> Option<u64> {
        let head = self.heads.get(usize::try_from(size).ok()?)?;
        let in_force = |(_, replaced): &(VerifierKey, Option<(u64, Timestamp)>)| {
            replaced.is_none_or(|(at, _)| size <= at)
        };
        let number = self.keys.iter().position(in_force)?.checked_add(1)?;
        if head == root { u64::try_from(number).ok() } else { None }
    }

    /// Whether the key with this number was in force at this time; the second of its replacement included.
    #[must_use]
    pub fn was_in_force(&self, number: u64, at: Timestamp) -> bool {
        let key = number.checked_sub(1).and_then(|place| self.keys.get(usize::try_from(place).ok()?));
        key.is_some_and(|(_, replaced)| replaced.is_none_or(|(_, ended)| at <= ended))
    }
}
