//! `init`: a new sandbox in an empty folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::open::Keys;
use super::sandbox::{HandlerEntry, SANDBOX, SandboxFile};
use super::{NamedKey, Operator, OperatorError, StudySource, accounting};
use crate::audit::{Entry, Kind, Log, Pinned, VerifierKey, amount};
use crate::dp::{Accounting, Delta};
use crate::keys::{AuditorPublicKey, Keyring, RootKey, SigningKey, random_secret};
use crate::ledger::{Pool, PoolKind, RedbLedger};
use crate::operator::books::anchor::{FIELD, absolute, path_hash};
use crate::operator::law::adopt::Candidate;
use crate::operator::query::vocabulary::units;
use crate::storage::{AnchorFile, Folder, LockError, Storage};
use crate::types::{Clock, Days, HandlerId, NanoEpsilon};

/// The budget of all people of a sandbox, fixed at init; a renewal alone opens another one.
///
/// ```
/// use hushtag::{Days, NanoEpsilon, PoolTerms};
///
/// // Epsilon 4 in all, kept as zCDP and shown at delta 1e-12; a renewal may be signed after a year.
/// let pool = PoolTerms::new(NanoEpsilon::parse("4")?).with_delta("1e-12".parse()?).with_window(Days::new(365));
/// assert!(pool.delta.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PoolTerms {
    /// The limit.
    pub epsilon: NanoEpsilon,
    /// `None`: pure differential privacy; otherwise zCDP, shown at this delta.
    pub delta: Option<Delta>,
    /// After how long a renewal may be signed.
    pub window: Option<Days>,
}

impl PoolTerms {
    /// Pure differential privacy within this epsilon, never renewed.
    #[must_use]
    pub const fn new(epsilon: NanoEpsilon) -> Self {
        Self { epsilon, delta: None, window: None }
    }

    /// zCDP, whose limit is the one that is this epsilon at `delta`.
    #[must_use]
    pub const fn with_delta(mut self, delta: Delta) -> Self {
        self.delta = Some(delta);
        self
    }

    /// A renewal may be signed after so long; `None` for never.
    #[must_use]
    pub fn with_window(mut self, window: impl Into<Option<Days>>) -> Self {
        self.window = window.into();
        self
    }
}

/// How studies take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// Once every handler that a study names has signed it.
    #[default]
    Signatures,
    /// Without signatures: the operator chooses.
    None,
}

impl Approval {
    /// The word in the log and in `sandbox.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::None => "none",
        }
    }
}

/// What a new sandbox is made of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// The studies.
    pub studies: Vec<StudySource>,
    /// The budget.
    pub pool: PoolTerms,
    /// Handlers and the keys with which they sign, as vkey strings: pinned for ever.
    pub handlers: Vec<(HandlerId, String)>,
    /// How these studies take effect, and all that are adopted later.
    pub approval: Approval,
    /// A file outside the folder that will hold the newest checkpoint: a folder that was put back is found with it, and
    /// not without it. Nothing may be there yet.
    pub anchor: Option<PathBuf>,
    /// The auditor to whom the joined figures of every epoch are sealed; without one they are not kept.
    pub auditor: Option<AuditorPublicKey>,
}

impl Setup {
    /// A sandbox under these studies, which need the signatures of their handlers, with this budget; without an anchor or an auditor.
    #[must_use]
    pub const fn new(studies: Vec<StudySource>, pool: PoolTerms) -> Self {
        Self {
            studies,
            pool,
            handlers: Vec::new(),
            approval: Approval::Signatures,
            anchor: None,
            auditor: None,
        }
    }

    /// With other studies.
    #[must_use]
    pub fn with_studies(mut self, studies: Vec<StudySource>) -> Self {
        self.studies = studies;
        self
    }

    /// With another budget.
    #[must_use]
    pub fn with_pool(mut self, pool: PoolTerms) -> Self {
        self.pool = pool;
        self
    }

    /// Handlers, and the keys with which they sign.
    #[must_use]
    pub fn with_handlers(mut self, handlers: impl IntoIterator<Item = (HandlerId, String)>) -> Self {
        self.handlers = handlers.into_iter().collect();
        self
    }

    /// Studies take effect like this.
    #[must_use]
    pub const fn with_approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
        self
    }

    /// A file outside the folder holds the newest checkpoint.
    #[must_use]
    pub fn with_anchor(mut self, anchor: impl Into<Option<PathBuf>>) -> Self {
        self.anchor = anchor.into();
        self
    }

    /// Joined figures are kept for this auditor.
    #[must_use]
    pub fn with_auditor(mut self, auditor: AuditorPublicKey) -> Self {
        self.auditor = Some(auditor);
        self
    }
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
        let leave = || {
            let _ = std::fs::remove_file(dir.join("lock"));
            if !existed {
                let _ = std::fs::remove_dir(dir);
            }
        };
        let lock = match folder.lock(Duration::ZERO, "hushtag init") {
            Ok(lock) => lock,
            Err(error) => {
                // Where another writer holds the lock, the folder is that one's.
                if matches!(error, LockError::Storage(_)) {
                    leave();
                }
                return Err(error.into());
            }
        };
        let storage: Arc<dyn Storage> = Arc::new(folder);
        let made = Self::init_on(Arc::clone(&storage), setup, keys, clock);
        match made {
            Ok(mut operator) => {
                operator.lock = Some(lock);
                Ok(operator)
            }
            Err(error) => {
                for name in storage.list("").unwrap_or_default() {
                    // What cannot be removed stays; it is no sandbox without sandbox.toml.
                    let _ = storage.remove(&name);
                }
                drop(lock);
                leave();
                Err(error)
            }
        }
    }

    /// Makes a sandbox on an empty storage and opens it.
    ///
    /// Order: keys, texts of studies and regimes, ledger, log with its first entries, anchor, and last `sandbox.toml`. If we stop before the last,
    /// there is no sandbox; an anchor that was made stays, belongs to no one, and may be removed.
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
        let anchor = setup.anchor.as_deref().map(absolute).transpose()?;
        let now = clock.now();
        let id = sandbox_id()?;
        let root = match keys {
            Keys::InFolder => RootKey::generate(&*storage)?,
            Keys::Given(root) => root,
            Keys::Provided(provider) => provider.root_key(&id)?,
        };
        let keyring = Keyring::create(&*storage, &root, &id)?;
        let key = SigningKey::create(&*storage, &keyring)?;
        let signer = NamedKey { name: format!("hushtag/{id}"), key };
        let vkey = VerifierKey::of(&signer)
            .map_err(|_| OperatorError::Bug("the name of a log is plain"))?
            .to_string();
        for study in &studies {
            study.write(&*storage)?;
        }
        let pool = pool(&setup.pool, now)?;
        let body = init_entry((&id, anchor.as_deref()), &setup, &studies, &pool);
        let mut entries = vec![Entry { kind: Kind::Init, at: now, ledger_seq: None, body }];
        entries.extend(studies.iter().flat_map(|study| study.approvals(now)));
        RedbLedger::create(&*storage, &keyring.ledger_mac(), &id, pool)?;
        let mut log = Log::create(Arc::clone(&storage), &signer, &signer.name)?;
        let _recorded = log.append_all(&entries, &signer)?;
        // If we stop after it, an anchor lies about that belongs to no sandbox.
        if let Some(path) = &anchor {
            log.start_anchor(&AnchorFile::new(path)?)?;
        }
        let file = SandboxFile {
            version: 1,
            anchor,
            id,
            created: now.to_string(),
            vkey,
            approval: setup.approval.as_str().into(),
            studies: studies
                .iter()
                .map(|study| study.named().in_force(study.adopted.study.id.clone(), 0))
                .collect(),
            handlers: setup.handlers.iter().cloned().map(|(id, vkey)| HandlerEntry { id, vkey }).collect(),
        };
        storage.write(SANDBOX, file.to_text()?.as_bytes())?;
        Self::open_on(storage, keyring, clock)
    }
}

/// Parses everything and finds every contradiction; writes nothing.
fn check(setup: &Setup) -> Result<Vec<Candidate<'_>>, OperatorError> {
    if setup.pool.epsilon == NanoEpsilon::ZERO {
        return Err(OperatorError::Invalid("the budget must be above 0: at least 0.000000001".into()));
    }
    let accounting = setup.pool.delta.map_or(Accounting::Pure, |delta| Accounting::Zcdp { delta });
    let mut studies: Vec<Candidate<'_>> = Vec::new();
    for source in &setup.studies {
        let study = Candidate::new(source, accounting)?;
        let id = &study.adopted.study.id;
        if studies.iter().any(|other| other.adopted.study.id == *id) {
            return Err(OperatorError::Invalid(format!("study `{id}` is given twice")));
        }
        studies.push(study);
    }
    if studies.is_empty() {
        return Err(OperatorError::Invalid("a sandbox needs at least one study".into()));
    }
    match setup.approval {
        Approval::Signatures => check_approval(setup, &mut studies)?,
        Approval::None => {
            for (id, vkey) in &setup.handlers {
                if vkey.parse::<VerifierKey>().is_err() {
                    let why = format!("the key of handler `{id}` is not a vkey string");
                    return Err(OperatorError::Invalid(why));
                }
            }
        }
    }
    Ok(studies)
}

/// Every handler of every study has a key of its own, and signed with it.
fn check_approval(setup: &Setup, studies: &mut [Candidate<'_>]) -> Result<(), OperatorError> {
    let handlers = setup.handlers.iter().map(|(id, vkey)| (id, vkey.as_str()));
    let pinned = Pinned::new(handlers).map_err(|error| OperatorError::Invalid(error.to_string()))?;
    let named = |id: &HandlerId| {
        studies.iter().flat_map(|study| &study.adopted.study.handlers).any(|handler| handler.id == *id)
    };
    if let Some(id) = pinned.handlers().find(|id| !named(id)) {
        let why = format!("a key is pinned for handler `{id}`, which no study names");
        return Err(OperatorError::Invalid(why));
    }
    for study in studies {
        let id = study.adopted.study.id.to_string();
        study.approve(&pinned, None).map_err(|faults| OperatorError::Approval { study: id, faults })?;
    }
    Ok(())
}

/// The limit of the pool in its own units, rounded down.
fn pool(terms: &PoolTerms, now: crate::types::Timestamp) -> Result<Pool, OperatorError> {
    let kind = match &terms.delta {
        None => PoolKind::Pure,
        Some(delta) => PoolKind::Zcdp { delta: delta.to_string() },
    };
    let limit = units(terms.epsilon, accounting(&kind)?);
    let window_days = terms.window.map(Days::days);
    Ok(Pool { accounting: kind, limit, opened_at: now, window_days })
}

fn init_entry(
    (id, anchor): (&str, Option<&Path>),
    setup: &Setup,
    studies: &[Candidate<'_>],
    pool: &Pool,
) -> Map<String, Value> {
    let accounting = match &pool.accounting {
        PoolKind::Pure => json!({ "kind": "pure" }),
        PoolKind::Zcdp { delta } => json!({ "kind": "zcdp", "delta": delta }),
    };
    let mut body = Map::new();
    body.insert("sandbox".into(), json!(id));
    body.insert(
        "studies".into(),
        studies.iter().map(|study| Value::Object(study.named().to_json())).collect(),
    );
    body.insert("approval".into(), json!(setup.approval.as_str()));
    body.insert("accounting".into(), accounting);
    body.insert("limit".into(), amount(pool.limit));
    if let Some(days) = pool.window_days {
        body.insert("window_days".into(), json!(days));
    }
    let handlers = setup.handlers.iter().map(|(id, vkey)| json!({ "id": id, "vkey": vkey }));
    body.insert("handlers".into(), handlers.collect());
    // An anchor that is taken out of sandbox.toml, or another path there, is found: it does not agree with this entry.
    body.insert("anchored".into(), json!(anchor.is_some()));
    body.extend(anchor.and_then(path_hash).map(|hash| (FIELD.to_owned(), json!(hash))));
    body.extend(setup.auditor.as_ref().map(|key| ("auditor".to_owned(), json!(key.to_string()))));
    body
}

/// A random name of 64 bits.
fn sandbox_id() -> Result<String, OperatorError> {
    let random = random_secret()?;
    Ok(random.expose().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
