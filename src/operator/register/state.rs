//! What the register held at a seal, as an epoch keeps it, and whether the register of now holds it still.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::audit::{Kind, Log, verify_commitment};
use crate::keys::{KeyError, Keyring, open};
use crate::operator::OperatorError;
use crate::operator::law::in_force::{Named, Studies, named_in, stored};
use crate::operator::sandbox::EpochFile;
use crate::operator::shelf::sealed::found_at;
use crate::register::{FILE, Register, State};
use crate::storage::Storage;
use crate::types::{EpochId, Secret};

pub(super) const KEY: &str = "hushtag 2026-11 v1 consent register";
pub(super) const COMMITMENT: &str = "hushtag 2026-11 v1 commitment to the register";
pub(super) const SEALED: &str = "hushtag 2026-11 v1 sealed state of the register";

/// The namespaces in which some text that the log names gave ids and no study in force does.
pub(in crate::operator) fn former_namespaces(
    log: &Log,
    storage: &dyn Storage,
    studies: &Studies,
) -> Result<BTreeSet<String>, OperatorError> {
    let in_force = |named: &Named| studies.values().any(|adopted| adopted.study.hash == named.hash);
    let mut replaced = BTreeMap::new();
    for found in log.entries_of(&[Kind::Init, Kind::Adopt]) {
        let named = named_in(&found?.1).into_iter().filter(|named| !in_force(named));
        replaced.extend(named.map(|named| (named.hash.clone(), named)));
    }
    let mut former = BTreeSet::new();
    for named in replaced.values() {
        let adopted = stored(storage, named)?;
        former.extend(adopted.study.namespaces().into_iter().map(str::to_owned));
    }
    former.retain(|name| !studies.values().any(|adopted| adopted.study.namespaces().contains(name.as_str())));
    Ok(former)
}

/// The register is a later state of the one that any of these epochs was sealed from, whose key is still there.
pub(super) fn has_all(
    register: Option<&Register>,
    (storage, keyring, sandbox): (&dyn Storage, &Keyring, &str),
    epochs: &[EpochFile],
) -> Result<(), OperatorError> {
    let held = register.map(|register| register.snapshot()?.held()).transpose()?;
    for EpochFile { epoch, .. } in epochs {
        let Some(sealed) = storage.read(&sealed_path(&format!("epochs/{epoch}")))? else { continue };
        let key = match keyring.epoch(storage, epoch) {
            Err(KeyError::Absent(_)) => continue,
            key => key?,
        };
        let then = open_state(&key, sandbox, epoch, &sealed)?;
        if !held.as_ref().is_some_and(|now| now.covers(&then)) {
            return Err(lost_events(epoch));
        }
    }
    Ok(())
}

/// The register as a copy in memory, which is read beside its writer; nothing of it is written.
pub(in crate::operator) fn register_copy(
    storage: &dyn Storage,
    keyring: &Keyring,
    sandbox: &str,
    epochs: &[EpochFile],
) -> Result<Option<Register>, OperatorError> {
    let register = Register::open_copy(storage, &keyring.derive(KEY), sandbox)?;
    has_all(register.as_ref(), (storage, keyring, sandbox), epochs)?;
    Ok(register)
}

/// The register does not hold what an epoch was sealed from.
fn lost_events(epoch: &EpochId) -> OperatorError {
    let why = format!("has lost events that epoch {epoch} was sealed from: it is missing or was rolled back");
    OperatorError::damaged(FILE, why)
}

pub(in crate::operator) fn sealed_path(folder: &str) -> String {
    format!("{folder}/register.sealed")
}

pub(super) fn binding<'a>(sandbox: &'a str, epoch: &'a EpochId) -> [&'a [u8]; 2] {
    [sandbox.as_bytes(), epoch.as_str().as_bytes()]
}

fn open_state(key: &Secret, sandbox: &str, epoch: &EpochId, sealed: &[u8]) -> Result<State, OperatorError> {
    let plain = open(&key.derive(SEALED), &binding(sandbox, epoch), sealed).ok();
    let state = plain.and_then(|plain| State::from_bytes(&plain));
    state.ok_or_else(|| {
        OperatorError::damaged(
            sealed_path(&format!("epochs/{epoch}")),
            "does not open: changed bytes, another key, or another place",
        )
    })
}

/// What the check of the consent register found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterCheck {
    /// There is none, and no seal commits to one.
    Absent,
    /// It is there; without the root key nothing in it can be read.
    NoKey,
    /// Every row, the head and the set hash hold, and no seal saw more, as far as the keys of epochs are there.
    Holds,
}

/// The register is there if a seal commits to one and, with the keys, holds as a whole and has lost nothing that an epoch was
/// sealed from. `seals` are the bodies of the `seal` entries, oldest first, each with its index and whether it is retired.
pub(in crate::operator) fn check_register<'a>(
    storage: &dyn Storage,
    keyring: Option<&Keyring>,
    sandbox: &str,
    seals: impl Iterator<Item = (u64, &'a Map<String, Value>, bool)>,
) -> Result<RegisterCheck, OperatorError> {
    let (mut first, mut then) = (None, Vec::new());
    for (index, seal, retired) in seals {
        match (seal.contains_key("register"), first) {
            (true, _) => first = first.or(Some(index)),
            (false, Some(first)) => {
                let why =
                    format!("seals an epoch without the consent register, which entry {first} sealed from");
                return Err(OperatorError::damaged(format!("log entry {index}"), why));
            }
            (false, None) => continue,
        }
        if !retired {
            then.extend(sealed_state(storage, keyring, sandbox, (index, seal))?);
        }
    }
    if storage.read_blocks(FILE)?.is_none() {
        let Some(index) = first else { return Ok(RegisterCheck::Absent) };
        let why = format!("is missing, and log entry {index} sealed an epoch from it");
        return Err(OperatorError::damaged(FILE, why));
    }
    let Some(keyring) = keyring else { return Ok(RegisterCheck::NoKey) };
    let now = Register::verify_copy(storage, &keyring.derive(KEY), sandbox)?;
    let lost = then.iter().find(|(_, then)| now.as_ref().is_none_or(|now| !now.covers(then)));
    lost.map_or(Ok(RegisterCheck::Holds), |(epoch, _)| Err(lost_events(epoch)))
}

/// The state of the register that an unretired epoch was sealed from, which the entry commits to; `None` without its key.
fn sealed_state(
    storage: &dyn Storage,
    keyring: Option<&Keyring>,
    sandbox: &str,
    (index, seal): (u64, &Map<String, Value>),
) -> Result<Option<(EpochId, State)>, OperatorError> {
    let text = |name: &str| seal.get(name).and_then(Value::as_str).unwrap_or_default();
    let (Ok(epoch), Ok(commitment)) = (EpochId::new(text("epoch")), text("register").parse()) else {
        let why = "commits to a register in no known way";
        return Err(OperatorError::damaged(format!("log entry {index}"), why));
    };
    let place = sealed_path(&found_at(storage, &epoch)?);
    let sealed = storage.read(&place)?.ok_or_else(|| OperatorError::damaged(place.clone(), "is missing"))?;
    let Some(keyring) = keyring else { return Ok(None) };
    let key = keyring.epoch(storage, &epoch)?;
    let state = open_state(&key, sandbox, &epoch, &sealed)?;
    if verify_commitment(&commitment, &key.derive(COMMITMENT), &state.to_bytes()) {
        Ok(Some((epoch, state)))
    } else {
        Err(OperatorError::damaged(place, "is not the state that the log commits to"))
    }
}
