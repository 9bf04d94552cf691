//! The epochs of a folder against the log: what was sealed is there as it was, and what was retired cannot be opened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::audit::consent_tree::is_tree;
use crate::audit::{Commitment, Entry, Kind};
use crate::keys::Keyring;
use crate::operator::OperatorError;
use crate::operator::register::consent_tree::tree_path;
use crate::operator::register::state::{RegisterCheck, check_register, sealed_path};
use crate::operator::sandbox::{CUBE, EpochFile, cube_path};
use crate::operator::shelf::figures::figures_path;
use crate::operator::shelf::inputs::inputs_path;
use crate::operator::shelf::retire::{MARKER, marked};
use crate::operator::shelf::sealed::found_at;
use crate::storage::Storage;
use crate::types::{EpochId, Timestamp};

/// What the log says about epochs.
#[derive(Default)]
pub(in crate::operator) struct Epochs {
    /// Each sealed epoch: the entry of the log, when it was written, and what it says.
    sealed: Vec<(u64, Timestamp, Map<String, Value>)>,
    /// Each retired epoch and the entries that say so.
    retired: BTreeMap<String, Vec<u64>>,
}

/// What the check of all epochs found.
pub(in crate::operator) struct EpochsCheck {
    /// Cubes with the hash that the log names.
    pub(in crate::operator) cubes: u64,
    pub(in crate::operator) register: RegisterCheck,
}

/// The files that the folder of an epoch may have.
pub(in crate::operator) struct EpochFiles {
    pub(in crate::operator) names: BTreeSet<String>,
    pub(in crate::operator) retired: bool,
}

impl Epochs {
    pub(in crate::operator) fn read(&mut self, index: u64, entry: &Entry) {
        match entry.kind {
            Kind::Seal => self.sealed.push((index, entry.at, entry.body.clone())),
            Kind::Retire => self.retired.entry(text(entry.body.get("epoch"))).or_default().push(index),
            _ => (),
        }
    }

    /// How many epochs are retired.
    pub(in crate::operator) fn retired(&self) -> u64 {
        self.retired.len() as u64
    }

    /// Every epoch is sealed once. Every epoch of the folder is one that the log sealed at the same instant, as of the same
    /// instant, with the same end and under the same studies, and every epoch that the log sealed is there; every file that a
    /// `seal` entry names is as it says. An epoch that was retired has no key, and may have no such files.
    pub(in crate::operator) fn check(
        &self,
        storage: &dyn Storage,
        keyring: Option<&Keyring>,
        sandbox: &str,
    ) -> Result<EpochsCheck, OperatorError> {
        self.check_folders(storage)?;
        self.check_retired(storage)?;
        let mut cubes = 0;
        for (index, _, seal) in &self.sealed {
            cubes += check_sealed(storage, (*index, seal), self.is_retired(seal))?;
        }
        let seals = self.sealed.iter().map(|(index, _, seal)| (*index, seal, self.is_retired(seal)));
        let register = check_register(storage, keyring, sandbox, seals)?;
        Ok(EpochsCheck { cubes, register })
    }

    fn is_retired(&self, seal: &Map<String, Value>) -> bool {
        self.retired.contains_key(&text(seal.get("epoch")))
    }

    /// The ids of all epochs that the log sealed, each with the names of the files that its folder may have, and whether it is
    /// retired.
    pub(in crate::operator) fn known(&self) -> BTreeMap<String, EpochFiles> {
        let each = self.sealed.iter().map(|(_, _, seal)| {
            let names = sealed_files(seal).into_iter().map(|(name, _)| name);
            let own = ["epoch.json".to_owned()].into_iter();
            let retired = self.is_retired(seal);
            let marker = retired.then(|| MARKER.to_owned());
            (text(seal.get("epoch")), EpochFiles { names: own.chain(names).chain(marker).collect(), retired })
        });
        each.collect()
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
        let mut there: Vec<_> = EpochFile::all(storage)?
            .into_iter()
            .map(|epoch| (format!("epochs/{}", epoch.epoch), epoch))
            .collect();
        for id in seen.keys() {
            let place = match EpochId::new(id) {
                Ok(epoch) => found_at(storage, &epoch)?,
                Err(_) => format!("epochs/{id}"),
            };
            if there.iter().any(|(known, _)| *known == place) {
                continue;
            }
            let unnamed = EpochFile::read(storage, &place, id)?;
            let why = "is missing, and the log says it was sealed";
            let unnamed = unnamed.ok_or_else(|| OperatorError::damaged(&place, why))?;
            there.push((place, unnamed));
        }
        for (folder, epoch) in there {
            let logged = |(_, at, seal): &(u64, Timestamp, Map<String, Value>)| {
                *at == epoch.sealed_at()
                    && seal.get("epoch") == Some(&json!(epoch.epoch))
                    && seal.get("as_of") == Some(&json!(epoch.as_of().to_string()))
                    && seal.get("ends") == Some(&json!(epoch.ends().to_string()))
                    && seal.get("studies") == Some(&json!(epoch.studies))
            };
            if !self.sealed.iter().any(logged) {
                let place = format!("{folder}/epoch.json");
                return Err(OperatorError::damaged(place, "is not what the log says was sealed"));
            }
        }
        Ok(())
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

/// What binds a file of an epoch to its `seal` entry.
enum Bound {
    /// The BLAKE3 hash of its bytes.
    Hash(String),
    /// The root of the consent tree that it is.
    Tree(String),
    /// An entry of before hashes of it were written commits to its content alone.
    Key,
}

/// The files of an epoch that its `seal` entry names, and what it says of each.
fn sealed_files(seal: &Map<String, Value>) -> Vec<(String, Bound)> {
    let mut all = Vec::new();
    for cube in seal.get("cubes").and_then(Value::as_array).into_iter().flatten() {
        let (study, recipient) = (text(cube.get("study")), text(cube.get("recipient")));
        all.push((cube_path("", &study, &recipient), Bound::Hash(text(cube.get("blake3")))));
        if let Some(root) = cube.get("consents") {
            all.push((tree_path("", &study, &recipient), Bound::Tree(text(Some(root)))));
        }
    }
    if let Some(hash) = seal.get("joined") {
        all.push((figures_path(""), Bound::Hash(text(Some(hash)))));
    }
    if let Some(hash) = seal.get("openings") {
        all.push((inputs_path(""), Bound::Hash(text(Some(hash)))));
    }
    if seal.contains_key("register") {
        let hash = seal.get("register_sealed");
        all.push((sealed_path(""), hash.map_or(Bound::Key, |hash| Bound::Hash(text(Some(hash))))));
    }
    let named = all.into_iter().map(|(path, bound)| (path.trim_start_matches('/').to_owned(), bound));
    named.collect()
}

/// How many cubes there are of those that an epoch was sealed with, and that all its files are as the log says.
fn check_sealed(
    storage: &dyn Storage,
    (index, seal): (u64, &Map<String, Value>),
    retired: bool,
) -> Result<u64, OperatorError> {
    let epoch = EpochId::new(&text(seal.get("epoch")));
    let epoch =
        epoch.map_err(|_| OperatorError::damaged(format!("log entry {index}"), "seals what is no epoch"))?;
    let (folder, mut count) = (found_at(storage, &epoch)?, 0);
    for (name, bound) in sealed_files(seal) {
        let place = format!("{folder}/{name}");
        let Some(content) = storage.read(&place)? else {
            if retired {
                continue;
            }
            return Err(OperatorError::damaged(place, "is missing"));
        };
        let (holds, why) = match bound {
            Bound::Hash(hash) => (
                blake3::hash(&content).to_hex().to_string() == hash,
                "is not the file whose hash the log names",
            ),
            Bound::Tree(root) => (
                root.parse::<Commitment>().is_ok_and(|root| is_tree(&content, &root.bytes())),
                "is not the tree whose root the log names",
            ),
            Bound::Key => (true, ""),
        };
        if !holds {
            return Err(OperatorError::damaged(place, why));
        }
        count += u64::from(name.ends_with(CUBE));
    }
    Ok(count)
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn joined(entries: &[u64]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
