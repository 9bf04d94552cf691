//! The epochs of a folder against the log: what was sealed is there as it was, and what was retired cannot be opened.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::OperatorError;
use super::consent_tree::check_tree;
use super::figures::figures_path;
use super::inputs::inputs_path;
use super::register::check_register_state;
use super::retire::marked;
use super::sandbox::{EpochFile, cube_path};
use crate::audit::{Entry, Kind};
use crate::keys::Keyring;
use crate::register::FILE;
use crate::storage::Storage;
use crate::types::{EpochId, Timestamp};

/// What the log says about epochs.
#[derive(Default)]
pub(super) struct Epochs {
    /// Each sealed epoch: the entry of the log, when it was written, and what it says.
    sealed: Vec<(u64, Timestamp, Map<String, Value>)>,
    /// Each retired epoch and the entries that say so.
    retired: BTreeMap<String, Vec<u64>>,
}

impl Epochs {
    pub(super) fn read(&mut self, index: u64, entry: &Entry) {
        match entry.kind {
            Kind::Seal => self.sealed.push((index, entry.at, entry.body.clone())),
            Kind::Retire => self.retired.entry(text(entry.body.get("epoch"))).or_default().push(index),
            _ => (),
        }
    }

    /// How many epochs are retired.
    pub(super) fn retired(&self) -> u64 {
        self.retired.len() as u64
    }

    /// Every epoch is sealed once. Every epoch of the folder is one that the log sealed at the same instant, as of the same
    /// instant, with the same end and under the same studies, and every epoch that the log sealed is there; every file that a
    /// `seal` entry names has the hash of its ciphertext there, and the register that it commits to is there. An epoch that was
    /// retired has no key, and may have no such files. Says how many cubes there are.
    pub(super) fn check(
        &self,
        storage: &dyn Storage,
        keyring: Option<&Keyring>,
        sandbox: &str,
    ) -> Result<u64, OperatorError> {
        self.check_folders(storage)?;
        self.check_retired(storage)?;
        self.check_register(storage)?;
        let mut count = 0;
        for (_, _, seal) in &self.sealed {
            let retired = self.retired.contains_key(&text(seal.get("epoch")));
            count += check_sealed(storage, seal, retired)?;
            if !retired {
                check_register_state(storage, keyring, sandbox, seal)?;
            }
        }
        Ok(count)
    }

    fn check_folders(&self, storage: &dyn Storage) -> Result<(), OperatorError> {
        let mut seen = BTreeMap::new();
        for (index, _, seal) in &self.sealed {
            let epoch = text(seal.get("epoch"));
            if let Some(before) = seen.insert(epoch.clone(), *index) {
                let place = format!("log entry {index}");
                return Err(OperatorError::damaged(
                    place,
                    format!("seals epoch {epoch}, which entry {before} sealed"),
                ));
            }
        }
        let there = EpochFile::all(storage)?;
        if let Some(epoch) =
            seen.keys().find(|id| !there.iter().any(|epoch| epoch.epoch.as_str() == id.as_str()))
        {
            return Err(OperatorError::damaged(
                format!("epochs/{epoch}"),
                "is missing, and the log says it was sealed",
            ));
        }
        for epoch in there {
            let logged = |(_, at, seal): &(u64, Timestamp, Map<String, Value>)| {
                *at == epoch.sealed_at()
                    && seal.get("epoch") == Some(&json!(epoch.epoch))
                    && seal.get("as_of") == Some(&json!(epoch.as_of().to_string()))
                    && seal.get("ends") == Some(&json!(epoch.ends().to_string()))
                    && seal.get("studies") == Some(&json!(epoch.studies))
            };
            if !self.sealed.iter().any(logged) {
                let place = format!("epochs/{}/epoch.json", epoch.epoch);
                return Err(OperatorError::damaged(place, "is not what the log says was sealed"));
            }
        }
        Ok(())
    }

    /// A register is never removed: what an epoch was sealed from is there.
    fn check_register(&self, storage: &dyn Storage) -> Result<(), OperatorError> {
        let commits = |(_, _, seal): &&(u64, Timestamp, Map<String, Value>)| seal.contains_key("register");
        let Some((index, ..)) = self.sealed.iter().rev().find(commits) else { return Ok(()) };
        if storage.list("")?.iter().any(|name| name == FILE) {
            return Ok(());
        }
        Err(OperatorError::damaged(
            FILE,
            format!("is missing, and log entry {index} sealed an epoch from it"),
        ))
    }

    fn check_retired(&self, storage: &dyn Storage) -> Result<(), OperatorError> {
        for (epoch, entries) in &self.retired {
            let at = |why: &str| OperatorError::damaged(format!("log entry {}", joined(entries)), why);
            let [entry] = entries.as_slice() else { return Err(at("an epoch is retired twice")) };
            let epoch = EpochId::new(epoch).map_err(|_| at("retires what is no epoch"))?;
            if !self.sealed.iter().any(|(_, _, seal)| seal.get("epoch") == Some(&json!(epoch))) {
                return Err(at("retires an epoch that was never sealed"));
            }
            let unfinished = |place: String| {
                let why = format!(
                    "does not agree with log entry {entry}, which retired the epoch: open the sandbox once to finish, \
                     or something was put back"
                );
                OperatorError::damaged(place, why)
            };
            let key = Keyring::epoch_file(&epoch);
            if storage.list("keys")?.iter().any(|name| key.ends_with(&format!("/{name}"))) {
                return Err(unfinished(key));
            }
            if marked(storage, &epoch)? != Some(*entry) {
                return Err(unfinished(format!("epochs/{epoch}")));
            }
        }
        Ok(())
    }
}

/// How many cubes there are of those that an epoch was sealed with, and that they and the joined figures are as the log says.
fn check_sealed(
    storage: &dyn Storage,
    seal: &Map<String, Value>,
    retired: bool,
) -> Result<u64, OperatorError> {
    let folder = format!("epochs/{}", text(seal.get("epoch")));
    let is_there = |place: String, hash: String| match storage.read(&place)? {
        None if retired => Ok(false),
        None => Err(OperatorError::damaged(place, "is missing")),
        Some(bytes) if blake3::hash(&bytes).to_hex().to_string() == hash => Ok(true),
        Some(_) => Err(OperatorError::damaged(place, "is not the file whose hash the log names")),
    };
    let mut count = 0;
    for cube in seal.get("cubes").and_then(Value::as_array).into_iter().flatten() {
        let (study, recipient) = (text(cube.get("study")), text(cube.get("recipient")));
        let place = cube_path(&folder, &study, &recipient);
        count += u64::from(is_there(place, text(cube.get("blake3")))?);
        if let Some(root) = cube.get("consents") {
            check_tree(storage, (&folder, &study, &recipient), &text(Some(root)), retired)?;
        }
    }
    if let Some(hash) = seal.get("joined") {
        is_there(figures_path(&folder), text(Some(hash)))?;
    }
    if let Some(hash) = seal.get("openings") {
        is_there(inputs_path(&folder), text(Some(hash)))?;
    }
    Ok(count)
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn joined(entries: &[u64]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
