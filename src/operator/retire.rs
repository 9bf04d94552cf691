//! `retire`: the key of an epoch is destroyed, and with it everything that was sealed under it; at the end of retention by
//! itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::sandbox::EpochFile;
use super::{Inner, Operator, OperatorError};
use crate::audit::{Entry, Kind, Log};
use crate::keys::Keyring;
use crate::storage::Storage;
use crate::types::EpochId;
use crate::types::json::{from_canonical, to_canonical};

/// What became of an epoch that was to be retired.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retired {
    /// The epoch.
    pub epoch: EpochId,
    /// The entry of the log that says so.
    pub entry: u64,
    /// Whether anything was done: an epoch is retired once.
    pub changed: bool,
}

/// Who ended an epoch, as the log says it.
#[derive(Clone, Copy)]
enum Cause {
    Operator,
    Retention,
}

/// Names the log entry that retires an epoch: written before it, in force once the log has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    v: u8,
    epoch: EpochId,
    entry: u64,
}

/// The file in the folder of a retired epoch.
pub(super) const MARKER: &str = "retired.json";

fn marker_path(epoch: &EpochId) -> String {
    format!("epochs/{epoch}/{MARKER}")
}

impl Operator {
    /// Destroys the key of an epoch, so that nothing that was sealed under it can be opened again, and removes its
    /// ciphertexts. What is public about it stays, and so do the answers that were given: `prove` still opens them. Asking it
    /// anything is refused from then on, stored answers included.
    ///
    /// Order: `epochs/ID/retired.json`, which names the entry to come; the log's `retire` entry, which decides; the anchor; the
    /// key is overwritten and removed; the ciphertexts are removed. If we stop before the entry, the next open removes
    /// `retired.json`; after it, the next open finishes.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`]; [`OperatorError::Invalid`] while an [`Analyst`](super::Analyst) of this operator lives.
    ///
    /// # Privacy
    /// Reads no data. What overwriting cannot reach, and that a backup of `keys/` undoes it, is said at
    /// [`Keyring::destroy_epoch`]. Source: PIPL art. 47.
    pub fn retire(&mut self, epoch: &EpochId) -> Result<Retired, OperatorError> {
        // A question is answered from one cube from its plan to its entry, so none may be under way.
        let inner = Arc::get_mut(&mut self.inner).ok_or_else(|| {
            OperatorError::Invalid(
                "analysts still hold the sandbox: drop them, retire, and take new ones".into(),
            )
        })?;
        inner.retire(epoch, Cause::Operator)
    }
}

impl Inner {
    /// Retires every epoch whose retention is over.
    pub(super) fn retire_ended(&mut self) -> Result<(), OperatorError> {
        let now = self.clock.now();
        for epoch in self.epochs()? {
            if epoch.retired.is_none() && epoch.is_over(now) {
                self.retire(&epoch.epoch, Cause::Retention)?;
            }
        }
        Ok(())
    }

    fn retire(&mut self, id: &EpochId, cause: Cause) -> Result<Retired, OperatorError> {
        let poisoned = |_| OperatorError::Bug("a thread stopped while it held the epochs");
        let epochs = self.epochs.get_mut().map_err(poisoned)?;
        let Some(at) = epochs.iter().position(|epoch| epoch.epoch == *id) else {
            let known = epochs.iter().map(|epoch| epoch.epoch.to_string()).collect();
            return Err(OperatorError::Unknown { kind: "epoch", name: id.to_string(), known });
        };
        let Some(epoch) = epochs.get_mut(at) else { return Err(OperatorError::Bug("a position is one")) };
        let storage = &*self.storage;
        let mut log =
            self.log.lock().map_err(|_| OperatorError::Bug("a thread stopped while it held the log"))?;
        // After a failed append only the next open knows whether there is an entry.
        log.tidy()?;
        let (entry, changed) = match epoch.retired {
            Some(entry) => (entry, false),
            None => {
                let entry = log.head().0;
                // If we stop after it, the log has no such entry, and the next open removes it.
                write_marker(storage, &Marker { v: 1, epoch: id.clone(), entry })?;
                let mut body = Map::new();
                body.insert("epoch".into(), json!(id));
                body.insert("because".into(), json!(cause.as_str()));
                let retire = Entry { kind: Kind::Retire, at: self.clock.now(), ledger_seq: None, body };
                // If we stop after it, the epoch is retired, and the next open destroys its key.
                let _recorded = log.append(&retire, &self.signer)?;
                epoch.retired = Some(entry);
                (entry, true)
            }
        };
        let cubes = self.cubes.get_mut();
        let cubes = cubes.map_err(|_| OperatorError::Bug("a thread stopped while it held the cubes"))?;
        cubes.retain(|(epoch, ..), _| epoch != id);
        // If we stop before it, the anchor is behind: the next hand-out moves it.
        if let Some(anchor) = &self.anchor {
            log.advance_anchor(anchor)?;
        }
        finish(storage, id)?;
        Ok(Retired { epoch: id.clone(), entry, changed })
    }
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Retention => "retention",
        }
    }
}

/// The key goes first: from then on the ciphertexts are of no use. They go too, so that a key that comes back with a backup
/// of `keys/` alone opens nothing (PIPL art. 47 asks for deletion). If we stop inside, doing it again finishes.
fn finish(storage: &dyn Storage, epoch: &EpochId) -> Result<(), OperatorError> {
    Keyring::destroy_epoch(storage, epoch)?;
    let folder = format!("epochs/{epoch}");
    for name in storage.list(&folder)? {
        if name != MARKER && name != "epoch.json" {
            storage.remove(&format!("{folder}/{name}"))?;
        }
    }
    Ok(())
}

/// Finishes or undoes retirements that a stop interrupted, and those that a backup undid: the log entry decides.
pub(super) fn settle_retirements(
    storage: &dyn Storage,
    log: &Log,
    epochs: &mut [EpochFile],
) -> Result<(), OperatorError> {
    mark_retired(storage, log, epochs)?;
    for epoch in epochs {
        if epoch.retired.is_some() {
            finish(storage, &epoch.epoch)?;
        } else if marked(storage, &epoch.epoch)?.is_some() {
            // If we stop before it, the next open decides as this one did.
            storage.remove(&marker_path(&epoch.epoch))?;
        }
    }
    Ok(())
}

/// Says of each epoch by which entry of the log it was retired, if it was.
pub(super) fn mark_retired(
    storage: &dyn Storage,
    log: &Log,
    epochs: &mut [EpochFile],
) -> Result<(), OperatorError> {
    for epoch in epochs {
        let Some(index) = marked(storage, &epoch.epoch)?.filter(|index| *index < log.head().0) else {
            continue;
        };
        let entry = log.proven_entry(index)?;
        if entry.kind == Kind::Retire && entry.body.get("epoch") == Some(&json!(epoch.epoch)) {
            epoch.retired = Some(index);
        }
    }
    Ok(())
}

/// The entry by which an epoch was to be retired, whether the log has it or not.
pub(super) fn marked(storage: &dyn Storage, epoch: &EpochId) -> Result<Option<u64>, OperatorError> {
    let place = marker_path(epoch);
    let Some(bytes) = storage.read(&place)? else { return Ok(None) };
    let read =
        || serde_json::from_value::<Marker>(from_canonical(std::str::from_utf8(&bytes).ok()?).ok()?).ok();
    match read() {
        Some(marker) if marker.v == 1 && marker.epoch == *epoch => Ok(Some(marker.entry)),
        _ => Err(OperatorError::damaged(place, "not the text that retire wrote")),
    }
}

fn write_marker(storage: &dyn Storage, marker: &Marker) -> Result<(), OperatorError> {
    let text = serde_json::to_value(marker).ok().and_then(|value| to_canonical(&value).ok());
    let text = text.ok_or(OperatorError::Bug("retired.json is plain"))?;
    Ok(storage.write(&marker_path(&marker.epoch), text.as_bytes())?)
}
