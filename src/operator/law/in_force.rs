//! The law of a sandbox: the studies in force and their regimes, by hash, as the log says and as it was signed.
//!
//! The texts lie in the folder, so that a newer crate does not change the law of a sandbox that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Map, Value, json};

use crate::audit::{ApprovalFault, Entry, Kind, Log, Pinned, pinned_by};
use crate::dp::Accounting;
use crate::keys::AuditorPublicKey;
use crate::operator::sandbox::{
    InForce, SANDBOX, SANDBOX_NEW, SandboxFile, regime_path, signatures_path, study_path,
};
use crate::operator::{Adopted, OperatorError};
use crate::policy::{Regime, Study};
use crate::storage::Storage;
use crate::types::{HandlerId, StudyId};

/// The studies under which a sandbox works, each with its regime.
pub(in crate::operator) type Studies = BTreeMap<StudyId, Arc<Adopted>>;

/// What is in force at one moment: never changed, only replaced.
pub(in crate::operator) struct InForceLaw {
    pub(in crate::operator) file: SandboxFile,
    pub(in crate::operator) studies: Studies,
}

/// The second part of a sandbox: sandbox file, studies, regimes, pinned keys, accounting. A query and the last part of a seal keep it as it
/// is from plan to entry; adoption, renewal and both rotations wait for them and replace it alone.
pub(in crate::operator) struct Law {
    current: Mutex<Arc<InForceLaw>>,
    /// Held to read by who needs the law unchanged, to write by who replaces it. Always taken before any other lock.
    changing: RwLock<()>,
    pub(in crate::operator) accounting: Accounting,
    pub(in crate::operator) auditor: Option<AuditorPublicKey>,
}

const STOPPED: OperatorError = OperatorError::Bug("a thread stopped while it changed what is in force");

impl Law {
    pub(in crate::operator) fn new(
        law: InForceLaw,
        accounting: Accounting,
        auditor: Option<AuditorPublicKey>,
    ) -> Self {
        Self { current: Mutex::new(Arc::new(law)), changing: RwLock::default(), accounting, auditor }
    }

    /// What is in force now. It stays what it was for who has it, whatever is adopted meanwhile.
    pub(in crate::operator) fn in_force(&self) -> Arc<InForceLaw> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// While it is held, nothing else comes into force. Nothing that waits for [`Law::changing`] may run under it.
    pub(in crate::operator) fn unchanged(&self) -> Result<RwLockReadGuard<'_, ()>, OperatorError> {
        self.changing.read().map_err(|_| STOPPED)
    }

    /// Waits until no query needs what is in force, and keeps others away from it.
    pub(in crate::operator) fn changing(&self) -> Result<RwLockWriteGuard<'_, ()>, OperatorError> {
        self.changing.write().map_err(|_| STOPPED)
    }

    /// Puts something else in force, for who has [`Law::changing`].
    pub(in crate::operator) fn replace(&self, _: &RwLockWriteGuard<'_, ()>, law: InForceLaw) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(law);
    }
}

/// A study as `init` and `adopt` entries name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::operator) struct Named {
    pub(in crate::operator) id: String,
    pub(in crate::operator) hash: String,
    pub(in crate::operator) regime: String,
    pub(in crate::operator) regime_hash: String,
}

impl Named {
    pub(in crate::operator) fn of(adopted: &Adopted) -> Self {
        Self {
            id: adopted.study.id.to_string(),
            hash: adopted.study.hash.clone(),
            regime: adopted.regime.id().to_owned(),
            regime_hash: adopted.regime.hash().to_owned(),
        }
    }

    pub(in crate::operator) fn to_json(&self) -> Map<String, Value> {
        let fields = [
            ("id", &self.id),
            ("hash", &self.hash),
            ("regime", &self.regime),
            ("regime_hash", &self.regime_hash),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
    }

    fn read(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { id: text("id"), hash: text("hash"), regime: text("regime"), regime_hash: text("regime_hash") }
    }

    fn is(&self, study: &InForce) -> bool {
        self.id == study.id.as_str()
            && self.hash == study.hash
            && self.regime == study.regime
            && self.regime_hash == study.regime_hash
    }

    pub(in crate::operator) fn in_force(&self, id: StudyId, entry: u64) -> InForce {
        let Self { hash, regime, regime_hash, .. } = self.clone();
        InForce { id, hash, regime, regime_hash, entry }
    }
}

/// The studies that an entry puts in force.
pub(in crate::operator) fn named_in(entry: &Entry) -> Vec<Named> {
    let list = |name: &str| entry.body.get(name).and_then(Value::as_array).into_iter().flatten();
    match entry.kind {
        Kind::Init => list("studies").map(Named::read).collect(),
        Kind::Adopt => entry.body.get("adopted").map(Named::read).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Whose signatures a study needs: those of its handlers and, where it replaces a text, of the handlers of that one too, so
/// that no handler is removed from a study without having signed.
pub(in crate::operator) fn signers<'a>(
    study: &'a Study,
    replaces: Option<&'a Study>,
) -> BTreeSet<&'a HandlerId> {
    let studies = [Some(study), replaces].into_iter().flatten();
    studies.flat_map(|study| &study.handlers).map(|handler| &handler.id).collect()
}

/// The texts of an adopted study and of its regime, by the hashes under which they were adopted.
pub(in crate::operator) fn stored(storage: &dyn Storage, named: &Named) -> Result<Adopted, OperatorError> {
    let place = study_path(&named.hash);
    let study = Study::parse(&place, &text(storage, &place, &named.hash)?)?;
    let regime = regime_path(&named.regime_hash);
    let law = Regime::parse(&regime, &text(storage, &regime, &named.regime_hash)?)?;
    if study.id.as_str() != named.id {
        return Err(OperatorError::damaged(place, "is another study than was adopted"));
    }
    if law.id() != named.regime {
        return Err(OperatorError::damaged(regime, "is another regime than was adopted"));
    }
    Ok(Adopted::new(study, law))
}

pub(in crate::operator) fn text(
    storage: &dyn Storage,
    place: &str,
    hash: &str,
) -> Result<String, OperatorError> {
    let damaged = |why: &str| OperatorError::damaged(place, why);
    let bytes = storage.read(place)?.ok_or_else(|| damaged("is missing"))?;
    if format!("blake3:{}", blake3::hash(&bytes).to_hex()) != hash {
        return Err(damaged("is not the text whose hash was adopted"));
    }
    String::from_utf8(bytes).map_err(|_| damaged("not UTF-8"))
}

/// The stored signatures of an adopted study hold for all of `signers`; says how many.
pub(in crate::operator) fn check_signatures(
    storage: &dyn Storage,
    adopted: &Adopted,
    pinned: &Pinned,
    signers: &BTreeSet<&HandlerId>,
) -> Result<usize, OperatorError> {
    let place = signatures_path(&adopted.study.hash);
    let note = storage.read(&place)?.map(String::from_utf8).transpose();
    let note = note.map_err(|_| OperatorError::damaged(place.clone(), "not UTF-8"))?;
    let checked = pinned.check(&adopted.study, &adopted.regime, note.as_deref(), signers);
    checked.map(|signed| signed.len()).map_err(|faults| OperatorError::damaged(place, listed(&faults)))
}

/// Faults in one line.
pub(in crate::operator) fn listed(faults: &[ApprovalFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl SandboxFile {
    /// The keys by which studies are approved, or `None` where none are needed.
    pub(in crate::operator) fn pinned(&self) -> Result<Option<Pinned>, OperatorError> {
        match self.approval.as_str() {
            "none" => Ok(None),
            "signatures" => {
                let handlers = self.handlers.iter().map(|handler| (&handler.id, handler.vkey.as_str()));
                let pinned = Pinned::new(handlers);
                pinned.map(Some).map_err(|error| OperatorError::damaged(SANDBOX, error.to_string()))
            }
            _ => Err(OperatorError::damaged(SANDBOX, "its kind of approval is not known")),
        }
    }
}

/// The studies in force: each is named by an entry that the log's head covers, has its text and its regime's and, where the
/// log says so, the signature of each of its handlers.
///
/// Reads no entry that adopted something later: that `sandbox.toml` is the newest one is for `verify` to find.
pub(in crate::operator) fn in_force(
    storage: &dyn Storage,
    file: &SandboxFile,
    log: &Log,
) -> Result<Studies, OperatorError> {
    let damaged = |why: String| OperatorError::damaged(SANDBOX, why);
    let pinned = pinned_by(&log.proven_entry(0)?).map_err(|error| damaged(error.to_string()))?;
    if file.pinned()? != pinned {
        return Err(damaged("does not name the keys of handlers that the log pins".into()));
    }
    let mut all = BTreeMap::new();
    for study in &file.studies {
        let named = adopted_by(log, study)?.ok_or_else(|| {
            damaged(format!(
                "names a text of study `{}` that log entry {} does not adopt",
                study.id, study.entry
            ))
        })?;
        let adopted = stored(storage, &named)?;
        if let Some(pinned) = &pinned {
            check_signatures(storage, &adopted, pinned, &signers(&adopted.study, None))?;
        }
        all.insert(study.id.clone(), Arc::new(adopted));
    }
    Ok(all)
}

/// What the entry of a study in force says about it, if it does.
fn adopted_by(log: &Log, study: &InForce) -> Result<Option<Named>, OperatorError> {
    if study.entry >= log.head().0 {
        return Ok(None);
    }
    Ok(named_in(&log.proven_entry(study.entry)?).into_iter().find(|named| named.is(study)))
}

/// Finishes or undoes an adoption that a stop interrupted: the log entry decides.
pub(in crate::operator) fn settle_adoption(
    storage: &dyn Storage,
    file: &mut SandboxFile,
    log: &Log,
) -> Result<(), OperatorError> {
    let Some(new) = SandboxFile::read_at(storage, SANDBOX_NEW)? else { return Ok(()) };
    let newest = new.studies.iter().max_by_key(|study| study.entry);
    if let Some(study) = newest.filter(|study| study.entry > file.newest())
        && adopted_by(log, study)?.is_some()
    {
        file.studies = new.studies;
        // If we stop after it, `sandbox.toml.new` names nothing newer and is removed at the next open.
        storage.write(SANDBOX, file.to_text()?.as_bytes())?;
    }
    // If we stop before it, the next open decides as this one did.
    storage.remove(SANDBOX_NEW)?;
    Ok(())
}
