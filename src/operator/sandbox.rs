//! The files of a sandbox that are neither book nor key: `sandbox.toml`, adopted studies, epoch folders.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OperatorError;
use crate::audit::{Entry, VerifierKey};
use crate::storage::Storage;
use crate::types::json::{from_canonical, to_canonical};
use crate::types::{EpochId, HandlerId, StudyId, Timestamp};

/// Says that the folder is a sandbox; written last at init.
pub(super) const SANDBOX: &str = "sandbox.toml";

/// What `sandbox.toml` will be, while a study is being adopted.
pub(super) const SANDBOX_NEW: &str = "sandbox.toml.new";

/// A study in force: the hashes of its text and of its regime's, and the entry of the log by which it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InForce {
    pub(super) id: StudyId,
    pub(super) hash: String,
    pub(super) regime: String,
    pub(super) regime_hash: String,
    pub(super) entry: u64,
}

/// A study that an epoch was sealed under, by the hash of its text; in one sandbox a text has one regime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StudyEntry {
    pub(super) id: StudyId,
    pub(super) hash: String,
}

/// A handler and the key with which it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandlerEntry {
    pub(super) id: HandlerId,
    pub(super) vkey: String,
}

/// Public constants of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SandboxFile {
    pub(super) version: u32,
    pub(super) id: String,
    pub(super) created: String,
    /// The key that the log is verified with.
    pub(super) vkey: String,
    /// `signatures`, or `none`: studies take effect without the handlers' signatures.
    pub(super) approval: String,
    /// The file outside the folder that holds the newest checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) anchor: Option<PathBuf>,
    pub(super) studies: Vec<InForce>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) handlers: Vec<HandlerEntry>,
}

impl SandboxFile {
    pub(super) fn read(storage: &dyn Storage) -> Result<Self, OperatorError> {
        Self::read_at(storage, SANDBOX)?.ok_or_else(|| OperatorError::NotASandbox("this folder".into()))
    }

    pub(super) fn read_at(storage: &dyn Storage, place: &str) -> Result<Option<Self>, OperatorError> {
        let Some(bytes) = storage.read(place)? else { return Ok(None) };
        let damaged = |why: &str| OperatorError::damaged(place, why);
        let text = String::from_utf8(bytes).map_err(|_| damaged("not UTF-8"))?;
        let file: Self = toml::from_str(&text).map_err(|_| damaged("not the text that init wrote"))?;
        if file.version != 1 {
            return Err(damaged(&format!("version {} is not known", file.version)));
        }
        Ok(Some(file))
    }

    /// The key that the log is verified with.
    pub(super) fn log_key(&self) -> Result<VerifierKey, OperatorError> {
        self.vkey.parse().map_err(|_| OperatorError::damaged(SANDBOX, "its vkey is no key"))
    }

    /// The newest entry of the log that put a study in force.
    pub(super) fn newest(&self) -> u64 {
        self.studies.iter().map(|study| study.entry).max().unwrap_or(0)
    }

    pub(super) fn to_text(&self) -> Result<String, OperatorError> {
        toml::to_string(self).map_err(|_| OperatorError::Bug("sandbox.toml is plain"))
    }
}

/// Where the text of an adopted study lies.
pub(super) fn study_path(hash: &str) -> String {
    format!("studies/{}.toml", hash.trim_start_matches("blake3:"))
}

/// Where the text of a pinned regime lies.
pub(super) fn regime_path(hash: &str) -> String {
    format!("regimes/{}.toml", hash.trim_start_matches("blake3:"))
}

/// Where the signatures of an adopted study lie.
pub(super) fn signatures_path(hash: &str) -> String {
    format!("studies/{}.sig", hash.trim_start_matches("blake3:"))
}

/// What is public about a sealed epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EpochFile {
    pub(super) v: u8,
    pub(super) epoch: EpochId,
    as_of: i64,
    sealed_at: i64,
    /// When the first of the retentions that its studies declare is over, counted from the seal.
    ends: i64,
    /// The studies it was sealed under; it answers under no other text.
    pub(super) studies: Vec<StudyEntry>,
    /// Not of this file: the entry of the log by which its key was destroyed.
    #[serde(skip)]
    pub(super) retired: Option<u64>,
}

impl EpochFile {
    pub(super) fn new(
        epoch: EpochId,
        as_of: Timestamp,
        sealed_at: Timestamp,
        ends: Timestamp,
        studies: Vec<StudyEntry>,
    ) -> Self {
        let [as_of, sealed_at, ends] = [as_of, sealed_at, ends].map(Timestamp::seconds);
        Self { v: 1, epoch, as_of, sealed_at, ends, studies, retired: None }
    }

    pub(super) fn as_of(&self) -> Timestamp {
        Timestamp::from_seconds(self.as_of)
    }

    pub(super) fn sealed_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.sealed_at)
    }

    pub(super) fn ends(&self) -> Timestamp {
        Timestamp::from_seconds(self.ends)
    }

    /// Whether its key is destroyed, or has to be as soon as a writer acts.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.retired.is_some() || now >= self.ends()
    }

    pub(super) fn to_text(&self) -> Result<String, OperatorError> {
        let bug = OperatorError::Bug("epoch.json is plain");
        let Ok(value) = serde_json::to_value(self) else { return Err(bug) };
        to_canonical(&value).map_err(|_| bug)
    }

    /// What a `seal` entry says was sealed.
    pub(super) fn of_entry(entry: &Entry) -> Option<Self> {
        let text = |name: &str| entry.body.get(name).and_then(Value::as_str);
        let at = |name: &str| Timestamp::parse(text(name)?).ok();
        let studies = serde_json::from_value(entry.body.get("studies")?.clone()).ok()?;
        Some(Self::new(EpochId::new(text("epoch")?).ok()?, at("as_of")?, entry.at, at("ends")?, studies))
    }

    /// Whether it says the same as the log does, but for what became of the epoch since.
    pub(super) fn is_of(&self, logged: &Self) -> bool {
        Self { retired: None, ..logged.clone() } == *self
    }

    /// The epochs that lie in the folder, oldest seal first. Leftovers of stopped seals have names that no epoch has.
    pub(super) fn all(storage: &dyn Storage) -> Result<Vec<Self>, OperatorError> {
        let mut all = Vec::new();
        for name in storage.list("epochs")? {
            if EpochId::new(&name).is_ok() {
                let folder = format!("epochs/{name}");
                let file = Self::read(storage, &folder, &name)?;
                all.push(
                    file.ok_or_else(|| OperatorError::damaged(format!("{folder}/epoch.json"), "is missing"))?,
                );
            }
        }
        all.sort_by_key(|epoch| (epoch.sealed_at, epoch.epoch.clone()));
        Ok(all)
    }

    /// The file in the folder of an epoch, if there is one.
    pub(super) fn read(
        storage: &dyn Storage,
        folder: &str,
        name: &str,
    ) -> Result<Option<Self>, OperatorError> {
        let place = format!("{folder}/epoch.json");
        let damaged = |why: &str| OperatorError::damaged(place.clone(), why);
        let Some(bytes) = storage.read(&place)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| damaged("not UTF-8"))?;
        let value = from_canonical(&text).map_err(|_| damaged("not the text that seal wrote"))?;
        let file: Self =
            serde_json::from_value(value).map_err(|_| damaged("not the text that seal wrote"))?;
        if file.v == 1 && file.epoch.as_str() == name {
            Ok(Some(file))
        } else {
            Err(damaged("is of another epoch"))
        }
    }

    /// What binds a cube to its place: changing any of it makes the cube unreadable.
    pub(super) fn binding(
        &self,
        sandbox: &str,
        study: &StudyEntry,
        recipient: &str,
        set: &str,
    ) -> Vec<Vec<u8>> {
        let times = [self.as_of, self.sealed_at, self.ends].map(|at| at.to_be_bytes().to_vec());
        let texts = [sandbox, self.epoch.as_str(), study.id.as_str(), &study.hash, recipient, set];
        texts.iter().map(|text| text.as_bytes().to_vec()).chain(times).collect()
    }
}

/// How the name of a file of cubes ends.
pub(super) const CUBE: &str = ".cube";

/// Where the cubes of one study and recipient lie.
pub(super) fn cube_path(folder: &str, study: &str, recipient: &str) -> String {
    format!("{folder}/{study}.{recipient}{CUBE}")
}

/// Several sealed cubes as one file: a length of eight bytes before each.
pub(super) fn join_cubes(cubes: &[Vec<u8>]) -> Vec<u8> {
    let framed = |cube: &Vec<u8>| [&(cube.len() as u64).to_be_bytes(), cube.as_slice()].concat();
    cubes.iter().flat_map(framed).collect()
}

/// The sealed cube at `position` of such a file.
pub(super) fn split_cube(file: &[u8], position: usize) -> Option<&[u8]> {
    let mut rest = file;
    for index in 0..=position {
        let (length, after) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let (cube, after) = after.split_at_checked(length)?;
        if index == position {
            return Some(cube);
        }
        rest = after;
    }
    None
}
