//! `init`: a new sandbox in an empty folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, json};

use super::metrics::check_metrics;
use super::open::Keys;
use super::sandbox::{HandlerEntry, SANDBOX, SandboxFile, StudyEntry, study_path};
use super::{Adopted, NamedKey, Operator, OperatorError, accounting};
use crate::audit::{Entry, Kind, Log, VerifierKey, amount};
use crate::dp::{Accounting, Delta, rho_of};
use crate::keys::{Keyring, RootKey, SigningKey, random_secret};
use crate::ledger::{Pool, PoolKind, RedbLedger};
use crate::policy::{Regime, Study};
use crate::storage::{AnchorFile, Folder, Storage};
use crate::types::{Clock, Days, HandlerId, NanoEpsilon};

/// The budget of all people of a sandbox, fixed at init and never raised.
#[derive(Debug, Clone)]
pub struct PoolTerms {
    /// The limit.
    pub epsilon: NanoEpsilon,
    /// `None`: pure differential privacy; otherwise zCDP, shown at this delta.
    pub delta: Option<Delta>,
    /// After how long a renewal may be signed.
    pub window: Option<Days>,
}

/// What a new sandbox is made of.
pub struct Setup {
    /// Name and text of each study.
    pub studies: Vec<(String, String)>,
    /// The budget.
    pub pool: PoolTerms,
    /// Handlers and the keys with which they sign, as vkey strings.
    pub handlers: Vec<(HandlerId, String)>,
    /// A file outside the folder that will hold the newest checkpoint: a folder that was put back is found with it, and
    /// not without it. Nothing may be there yet.
    pub anchor: Option<PathBuf>,
}

impl Operator {
    /// Makes a sandbox in `dir`, which must be empty or absent, and opens it.
    ///
    /// # Errors
    /// [`OperatorError`]; the folder is as before.
    pub fn init(dir: &Path, setup: Setup, keys: Keys, clock: Box<dyn Clock>) -> Result<Self, OperatorError> {
        let existed = dir.exists();
        // Everything that can be refused is refused before anything is written.
        check(&setup)?;
        if let Some(anchor) = &setup.anchor
            && std::path::absolute(anchor)
                .ok()
                .zip(std::path::absolute(dir).ok())
                .is_none_or(|(a, d)| a.starts_with(d))
        {
            return Err(OperatorError::Invalid(
                "the anchor has to lie outside the folder of the sandbox".into(),
            ));
        }
        let folder = Folder::create(dir)?;
        let lock = folder.lock(Duration::ZERO, "hushtag init")?;
        let storage: Arc<dyn Storage> = Arc::new(folder);
        let made = Self::init_on(Arc::clone(&storage), setup, keys, clock);
        match made {
            Ok(mut operator) => {
                operator._lock = Some(lock);
                Ok(operator)
            }
            Err(error) => {
                for name in storage.list("").unwrap_or_default() {
                    // What cannot be removed stays; it is no sandbox without sandbox.toml.
                    let _ = storage.remove(&name);
                }
                drop(lock);
                let _ = std::fs::remove_file(dir.join("lock"));
                if !existed {
                    let _ = std::fs::remove_dir(dir);
                }
                Err(error)
            }
        }
    }

    /// Makes a sandbox on an empty storage and opens it.
    ///
    /// Order: keys, studies, ledger, log with its first entry, anchor, and last `sandbox.toml`. If we stop before the last,
    /// there is no sandbox; an anchor that was made stays, belongs to nobody, and may be removed.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn init_on(
        storage: Arc<dyn Storage>,
        setup: Setup,
        keys: Keys,
        clock: Box<dyn Clock>,
    ) -> Result<Self, OperatorError> {
        let studies = check(&setup)?;
        let now = clock.now();
        let id = sandbox_id()?;
        let root = match keys {
            Keys::InFolder => RootKey::generate(&*storage)?,
            Keys::Given(root) => root,
        };
        let keyring = Keyring::new(root, &id);
        let key = SigningKey::create(&*storage, &keyring)?;
        let signer = NamedKey { name: format!("hushtag/{id}"), key };
        let vkey = VerifierKey::of(&signer)
            .map_err(|_| OperatorError::Bug("the name of a log is plain"))?
            .to_string();
        for (study, (_, text)) in studies.iter().zip(&setup.studies) {
            storage.write(&study_path(&study.hash), text.as_bytes())?;
        }
        let pool = pool(&setup.pool, now)?;
        let body = init_entry(&id, &setup, &studies, &pool);
        RedbLedger::create(&*storage, &keyring.ledger_mac(), &id, pool)?;
        let mut log = Log::create(Arc::clone(&storage), &signer, &signer.name)?;
        let entry = Entry { kind: Kind::Init, at: now, ledger_seq: None, body };
        let _recorded = log.append(&entry, &signer)?;
        // If we stop after it, an anchor lies about that belongs to no sandbox.
        let anchor = match &setup.anchor {
            Some(path) => {
                let path = std::path::absolute(path)
                    .map_err(|_| OperatorError::Invalid("the anchor has no absolute path".into()))?;
                log.start_anchor(&AnchorFile::new(&path)?)?;
                Some(path)
            }
            None => None,
        };
        let file = SandboxFile {
            version: 1,
            anchor,
            id,
            created: now.to_string(),
            vkey,
            approval: "none".into(),
            studies,
            handlers: setup.handlers.into_iter().map(|(id, vkey)| HandlerEntry { id, vkey }).collect(),
        };
        storage.write(SANDBOX, file.to_text()?.as_bytes())?;
        Self::open_on(storage, keyring, clock)
    }
}

/// Parses everything and finds every contradiction; writes nothing.
fn check(setup: &Setup) -> Result<Vec<StudyEntry>, OperatorError> {
    if setup.pool.epsilon == NanoEpsilon::ZERO {
        return Err(OperatorError::Invalid("the budget must be above 0".into()));
    }
    let mut entries: Vec<StudyEntry> = Vec::new();
    for (name, text) in &setup.studies {
        let study = Study::parse(name, text)?;
        let regime = Regime::built_in(&study.regime)?;
        if entries.iter().any(|entry| entry.id == study.id) {
            return Err(OperatorError::Invalid(format!("study `{}` is given twice", study.id)));
        }
        entries.push(StudyEntry { id: study.id.clone(), hash: study.hash.clone() });
        let kind = setup.pool.delta.map_or(Accounting::Pure, |delta| Accounting::Zcdp { delta });
        check_metrics(&Adopted { study, regime }, name, text, kind)?;
    }
    if entries.is_empty() {
        return Err(OperatorError::Invalid("a sandbox needs at least one study".into()));
    }
    for (id, vkey) in &setup.handlers {
        if vkey.parse::<VerifierKey>().is_err() {
            return Err(OperatorError::Invalid(format!("the key of handler `{id}` is not a vkey string")));
        }
    }
    Ok(entries)
}

/// The limit of the pool in its own units, rounded down.
fn pool(terms: &PoolTerms, now: crate::types::Timestamp) -> Result<Pool, OperatorError> {
    let kind = match &terms.delta {
        None => PoolKind::Pure,
        Some(delta) => PoolKind::Zcdp { delta: delta.to_string() },
    };
    let limit = match accounting(&kind)? {
        Accounting::Pure => terms.epsilon.get(),
        Accounting::Zcdp { delta } => rho_of(terms.epsilon, delta).get(),
    };
    let window_days = terms.window.map(Days::days);
    Ok(Pool { accounting: kind, limit, opened_at: now, window_days })
}

fn init_entry(
    id: &str,
    setup: &Setup,
    studies: &[StudyEntry],
    pool: &Pool,
) -> Map<String, serde_json::Value> {
    let accounting = match &pool.accounting {
        PoolKind::Pure => json!({ "kind": "pure" }),
        PoolKind::Zcdp { delta } => json!({ "kind": "zcdp", "delta": delta }),
    };
    let mut body = Map::new();
    body.insert("sandbox".into(), json!(id));
    body.insert("studies".into(), json!(studies));
    body.insert("approval".into(), json!("none"));
    body.insert("accounting".into(), accounting);
    body.insert("limit".into(), amount(pool.limit));
    let handlers = setup.handlers.iter().map(|(id, vkey)| json!({ "id": id, "vkey": vkey }));
    body.insert("handlers".into(), handlers.collect());
    // Whoever takes the anchor out of sandbox.toml is found: it does not agree with this entry.
    body.insert("anchored".into(), json!(setup.anchor.is_some()));
    body
}

/// A random name of 64 bits.
fn sandbox_id() -> Result<String, OperatorError> {
    let random = random_secret()?;
    Ok(random.expose().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
