//! `retire`: the key of an epoch is destroyed, and with it everything that was sealed under it; at the end of retention by
//! itself.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::audit::{Entry, Kind};
use crate::keys::Keyring;
use crate::operator::sandbox::EpochFile;
use crate::operator::{Operator, OperatorError, SandboxState};
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
pub(in crate::operator) const MARKER: &str = "retired.json";

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
    /// [`OperatorError::Unknown`]
    ///
    /// # Privacy
    /// Reads no data. What overwriting cannot reach, and that a backup of `keys/` undoes it, is stated at
    /// [`Keyring::destroy_epoch`]. Source: PIPL art. 47.
    pub fn retire(&self, epoch: &EpochId) -> Result<Retired, OperatorError> {
        self.inner.retire(epoch, Cause::Operator)
    }
}

impl SandboxState {
    /// Retires every epoch whose retention is over, and destroys the key of any that the log retired where a step failed before. Each act of a writer that touches epochs begins with it, so that none ends
    /// later than the first of them, however long the sandbox stays open.
    pub(in crate::operator) fn retire_ended(&self) -> Result<(), OperatorError> {
        let now = self.clock.now();
        let epochs = self.shelf.epochs()?;
        // Every query comes here, and mostly every epoch answers.
        if epochs.iter().all(|epoch| epoch.retired.is_none() && !epoch.is_over(now)) {
            return Ok(());
        }
        let keys = self.storage.list("keys")?;
        let has_key = |epoch: &EpochFile| {
            let key = Keyring::epoch_file(&epoch.epoch);
            keys.iter().any(|name| key.strip_prefix("keys/") == Some(name))
        };
        let ended = epochs.iter().filter(|epoch| match epoch.retired {
            None => epoch.is_over(now),
            Some(_) => has_key(epoch),
        });
        let ended: Vec<EpochId> = ended.map(|epoch| epoch.epoch.clone()).collect();
        ended.iter().try_for_each(|epoch| self.retire(epoch, Cause::Retention).map(drop))
    }

    fn retire(&self, id: &EpochId, cause: Cause) -> Result<Retired, OperatorError> {
        // A question is answered from one cube from its plan to its entry: those under way come to their end first.
        let _alone = self.shelf.retiring()?;
        let epochs = self.shelf.epochs()?;
        let Some(epoch) = epochs.iter().find(|epoch| epoch.epoch == *id) else {
            let known = epochs.iter().map(|epoch| epoch.epoch.to_string()).collect();
            return Err(OperatorError::Unknown { kind: "epoch", name: id.to_string(), known });
        };
        let (entry, changed) = match epoch.retired {
            Some(entry) => (entry, false),
            None => (self.log_retirement(id, cause)?, true),
        };
        self.shelf.forget_cubes(id);
        // If we stop before it, the anchor is behind: the next hand-out moves it.
        let moved =
            self.books.anchor.as_ref().map_or(Ok(()), |anchor| {
                self.books.log()?.advance_anchor(anchor).map_err(OperatorError::from)
            });
        // The log has the entry: an anchor that cannot be moved keeps no key.
        finish(&*self.storage, id)?;
        moved?;
        Ok(Retired { epoch: id.clone(), entry, changed })
    }

    /// Writes the entry by which an epoch is retired.
    fn log_retirement(&self, id: &EpochId, cause: Cause) -> Result<u64, OperatorError> {
        let mut log = self.books.log()?;
        // After a failed append only the next open knows whether there is an entry.
        log.tidy()?;
        let entry = log.head().0;
        // If we stop after it, the log has no such entry, and the next open removes it.
        write_marker(&*self.storage, &Marker { v: 1, epoch: id.clone(), entry })?;
        let mut body = Map::new();
        body.insert("epoch".into(), json!(id));
        body.insert("because".into(), json!(cause.as_str()));
        let retire = Entry { kind: Kind::Retire, at: self.clock.now(), ledger_seq: None, body };
        // If we stop after it, the epoch is retired, and the next open destroys its key.
        let _recorded = log.append(&retire, &*self.books.signer())?;
        drop(log);
        self.shelf.with_epochs(|epochs| {
            epochs
                .iter_mut()
                .filter(|epoch| epoch.epoch == *id)
                .for_each(|epoch| epoch.retired = Some(entry));
            Ok(())
        })?;
        Ok(entry)
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

/// Finishes or undoes retirements that a stop interrupted, and those that a backup undid: the log entry decides, whatever the
/// folder holds.
pub(in crate::operator) fn settle_retirements(
    storage: &dyn Storage,
    sealed: &[EpochFile],
) -> Result<(), OperatorError> {
    for epoch in sealed {
        let id = &epoch.epoch;
        match (epoch.retired, marked(storage, id)?) {
            (Some(entry), marked) => {
                if marked != Some(entry) {
                    // If we stop after it, the next open finishes.
                    write_marker(storage, &Marker { v: 1, epoch: id.clone(), entry })?;
                }
                finish(storage, id)?;
            }
            // If we stop before it, the next open decides as this one did.
            (None, Some(_)) => storage.remove(&marker_path(id))?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// The entry by which an epoch was to be retired, whether the log has it or not.
pub(in crate::operator) fn marked(
    storage: &dyn Storage,
    epoch: &EpochId,
) -> Result<Option<u64>, OperatorError> {
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
