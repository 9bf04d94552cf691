//! Which epochs there are: the log decides, and the folder has to agree.
//!
//! An id is used up by the `seal` entry, for good: retiring the epoch or removing its folder does not free it.

use std::collections::BTreeSet;

use crate::audit::{Entry, Kind, Log, Signer};
use crate::keys::Keyring;
use crate::operator::books::access::failed_seal;
use crate::operator::sandbox::EpochFile;
use crate::operator::shelf::retire::settle_retirements;
use crate::operator::{Operator, OperatorError, SandboxState};
use crate::storage::{AnchorFile, Storage, file_time};
use crate::types::{EpochId, Timestamp};

/// What the folder of an epoch is called until the log has its entry, and for a moment longer.
pub(in crate::operator) const UNFINISHED: &str = ".new";

/// The folder that an epoch is written into.
pub(in crate::operator) fn unfinished(epoch: &EpochId) -> String {
    format!("epochs/{epoch}{UNFINISHED}")
}

fn folder(epoch: &EpochId) -> String {
    format!("epochs/{epoch}")
}

/// Where a sealed epoch lies for a reader beside a writer or after one that was stopped: under its name, or under the
/// unfinished one, which its writer or the next one renames.
///
/// # Errors
/// [`OperatorError::Damaged`] where both are there, which no stop leaves.
pub(in crate::operator) fn found_at(storage: &dyn Storage, epoch: &EpochId) -> Result<String, OperatorError> {
    let names = storage.list("epochs")?;
    let there = |place: &String| names.iter().any(|name| place.strip_prefix("epochs/") == Some(name));
    let (named, unfinished) = (folder(epoch), unfinished(epoch));
    match (there(&named), there(&unfinished)) {
        (true, true) => Err(beside(epoch)),
        (false, true) => Ok(unfinished),
        (_, false) => Ok(named),
    }
}

fn beside(epoch: &EpochId) -> OperatorError {
    OperatorError::damaged(unfinished(epoch), "lies beside the folder that it was renamed to")
}

/// Every epoch that the log seals, oldest seal first, with the entry that retires it, if there is one.
pub(in crate::operator) fn sealed(log: &Log) -> Result<Vec<EpochFile>, OperatorError> {
    let mut all: Vec<EpochFile> = Vec::new();
    for found in log.entries_of(&[Kind::Seal, Kind::Retire]) {
        let (index, entry) = found?;
        let damaged = |why: &str| OperatorError::damaged(format!("log entry {index}"), why);
        let id = entry.body.get("epoch").and_then(|id| id.as_str()).unwrap_or_default();
        let known = all.iter_mut().find(|epoch| epoch.epoch.as_str() == id);
        match (entry.kind, known) {
            (Kind::Retire, None) => return Err(damaged("retires an epoch that was never sealed")),
            (Kind::Retire, Some(epoch)) => {
                if epoch.retired.replace(index).is_some() {
                    return Err(damaged("retires an epoch that was retired before"));
                }
            }
            (_, Some(_)) => return Err(damaged("seals an epoch that was sealed before")),
            (_, None) => {
                let epoch = EpochFile::of_entry(&entry);
                all.push(epoch.ok_or_else(|| damaged("a seal is not as it was written"))?);
            }
        }
    }
    all.sort_by_key(|epoch| (epoch.sealed_at(), epoch.epoch.clone()));
    Ok(all)
}

/// The folder of an epoch is there, and holds what the log says was sealed.
pub(in crate::operator) fn check_folder(
    storage: &dyn Storage,
    epoch: &EpochFile,
) -> Result<(), OperatorError> {
    check_at(storage, epoch, &folder(&epoch.epoch))
}

fn check_at(storage: &dyn Storage, epoch: &EpochFile, folder: &str) -> Result<(), OperatorError> {
    let file = match EpochFile::read(storage, folder, epoch.epoch.as_str()) {
        // Said of the folder: an empty one is no better than none.
        Ok(None) => {
            return Err(OperatorError::damaged(
                folder,
                "is missing or has no epoch.json, and the log says it was sealed: restore it from a backup",
            ));
        }
        Ok(Some(file)) => file,
        Err(error) => return Err(error),
    };
    if file.is_of(epoch) {
        return Ok(());
    }
    Err(OperatorError::damaged(format!("{folder}/epoch.json"), "is not what the log says was sealed"))
}

/// The folder has every epoch that the log seals, as it was sealed, and no other one.
///
/// With `beside_a_writer`, one that still has its unfinished name counts: its entry is in the log, and its writer, or the next one,
/// renames it.
pub(in crate::operator) fn check_folders(
    storage: &dyn Storage,
    sealed: &[EpochFile],
    beside_a_writer: bool,
) -> Result<(), OperatorError> {
    let names = storage.list("epochs")?;
    check_strangers(&names, sealed)?;
    for epoch in sealed {
        if beside_a_writer {
            check_at(storage, epoch, &found_at(storage, &epoch.epoch)?)?;
        } else {
            check_folder(storage, epoch)?;
        }
    }
    Ok(())
}

/// No folder has the name of an epoch that the log never sealed.
fn check_strangers(names: &[String], sealed: &[EpochFile]) -> Result<(), OperatorError> {
    let is_sealed = |id: &EpochId| sealed.iter().any(|epoch| epoch.epoch == *id);
    let strange = names.iter().filter_map(|name| EpochId::new(name).ok()).find(|id| !is_sealed(id));
    strange
        .map_or(Ok(()), |id| Err(OperatorError::damaged(folder(&id), "is not what the log says was sealed")))
}

/// The epochs of a sandbox that its one writer opens. Seals and retirements that a stop interrupted are finished or undone: the
/// log entry decides. A seal that is undone becomes an entry first.
///
/// # Errors
/// [`OperatorError::Damaged`] where the folder of a sealed epoch is missing or another one; nothing is removed then, so that the
/// epoch answers again once its folder is restored.
pub(in crate::operator) fn settle_epochs(
    storage: &dyn Storage,
    log: &mut Log,
    (signer, anchor): (&dyn Signer, Option<&AnchorFile>),
    now: Timestamp,
) -> Result<Vec<EpochFile>, OperatorError> {
    let sealed = sealed(log)?;
    let stopped = settle_seals(storage, &sealed)?;
    check_folders(storage, &sealed, true)?;
    let entries: Vec<Entry> = stopped.iter().map(|epoch| failed_seal(epoch, "stopped", now)).collect();
    // If we stop before what is left of a seal is removed, the next open writes another entry.
    if !entries.is_empty() {
        let _recorded = log.append_all(&entries, signer)?;
        if let Some(anchor) = anchor {
            // If we stop before it, the anchor is behind until the next entry.
            log.advance_anchor(anchor)?;
        }
    }
    for epoch in stopped {
        storage.remove(&unfinished(&epoch))?;
        Keyring::destroy_epoch(storage, &epoch)?;
    }
    check_folders(storage, &sealed, false)?;
    settle_retirements(storage, &sealed)?;
    Ok(sealed)
}

/// Finishes what was sealed; the epochs of which a stopped seal left a folder or a key.
fn settle_seals(storage: &dyn Storage, sealed: &[EpochFile]) -> Result<BTreeSet<EpochId>, OperatorError> {
    let names = storage.list("epochs")?;
    check_strangers(&names, sealed)?;
    let find = |id: &EpochId| sealed.iter().find(|epoch| epoch.epoch == *id);
    let mut stopped = BTreeSet::new();
    for name in &names {
        let Some(id) = name.strip_suffix(UNFINISHED).and_then(|id| EpochId::new(id).ok()) else { continue };
        match find(&id) {
            Some(_) if names.iter().any(|name| name == id.as_str()) => {
                return Err(beside(&id));
            }
            // If we stop before it, the next open finds it as this one did.
            Some(epoch) => finish_seal(storage, epoch)?,
            None => drop(stopped.insert(id)),
        }
    }
    for name in storage.list("keys")? {
        let id = name.strip_prefix("epoch-").and_then(|name| name.strip_suffix(".key"));
        // The key of a sealed epoch stays, whatever the folder holds: only retiring the epoch destroys it.
        stopped.extend(id.and_then(|id| EpochId::new(id).ok()).filter(|id| find(id).is_none()));
    }
    Ok(stopped)
}

/// Gives the folder of a sealed epoch its name. If we stop before it, the next open does it.
fn finish_seal(storage: &dyn Storage, epoch: &EpochFile) -> Result<(), OperatorError> {
    let folder = folder(&epoch.epoch);
    storage.rename(&unfinished(&epoch.epoch), &folder)?;
    // The folder above has the time of the renaming. If we stop before it, or it fails, that stays until the next seal.
    let _ = storage.set_times(&folder, file_time(epoch.sealed_at(), 0));
    Ok(())
}

impl Operator {
    /// Whether an epoch of this id can still be sealed.
    ///
    /// # Errors
    /// [`OperatorError::EpochExists`] for an id that the log has sealed, whether or not it was retired since;
    /// [`OperatorError::Damaged`] where the folder of a sealed epoch is missing or another one.
    pub fn check_epoch(&self, epoch: &EpochId) -> Result<(), OperatorError> {
        self.inner.check_folders()?;
        is_free(&self.inner.shelf.epochs()?, epoch)
    }
}

/// Whether no epoch of these has the id.
pub(in crate::operator) fn is_free(sealed: &[EpochFile], epoch: &EpochId) -> Result<(), OperatorError> {
    if sealed.iter().any(|sealed| sealed.epoch == *epoch) {
        return Err(OperatorError::EpochExists(epoch.to_string()));
    }
    Ok(())
}

impl SandboxState {
    /// Takes in an epoch that the log has sealed, and gives its folder its name: a reader sees both or neither. If we stop
    /// before, or it fails, the id is used all the same.
    pub(in crate::operator) fn add_epoch(&self, epoch: EpochFile) -> Result<(), OperatorError> {
        self.shelf.with_epochs(|epochs| {
            epochs.push(epoch.clone());
            finish_seal(&*self.storage, &epoch)
        })
    }

    /// The folder agrees with the log now, also where someone changed it since the sandbox was opened.
    pub(in crate::operator) fn check_folders(&self) -> Result<(), OperatorError> {
        check_folders(&*self.storage, &self.shelf.epochs()?, false)
    }
}
