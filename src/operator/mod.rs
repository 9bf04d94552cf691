//! Layer 5: the folder on disk. Init, open, seal, ask, verify: orchestration only, every decision is made below.
//!
//! [`Operator`] runs the sandbox and holds its keys; [`Analyst`] asks questions and can do nothing else.

mod access;
mod adopt;
mod analyst;
mod anchor;
mod check;
mod closed;
mod consent_tree;
#[cfg(test)]
mod cube_questions;
mod documents;
mod erase;
mod error;
mod export;
mod figures;
mod given;
mod init;
mod inputs;
mod law;
mod metrics;
mod open;
mod permitted;
mod person;
mod prove;
mod public;
#[cfg(test)]
mod random_measures;
#[cfg(test)]
mod random_questions;
mod reader;
mod register;
mod renew;
mod replay;
mod requests;
mod retire;
mod rotate;
mod rotate_root;
mod sandbox;
mod seal;
mod sealed;
mod shown;
mod source;
mod status;
mod verify;
mod verify_epochs;
mod verify_files;
mod verify_law;
mod verify_renewals;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

pub use access::{Act, Role};
pub use adopt::Adoption;
pub use analyst::{Analyst, Answer};
pub use check::{check_regime, check_sandbox, check_study};
pub use closed::AskedEpoch;
pub use documents::studies_in_force;
pub use erase::Erased;
pub use error::{ErrorKind, OperatorError};
pub use given::Given;
pub use init::{Approval, PoolTerms, Setup};
pub use inputs::InputUse;
pub use metrics::{GivenMetrics, MetricAnswer, MetricRow, Metrics, MetricsForecast};
pub use open::Keys;
pub use person::{PersonEpoch, PersonView};
pub use prove::show_log;
pub use reader::Reader;
pub use register::{Consents, RegisterCheck};
pub use renew::Renewed;
pub use replay::Replay;
pub use retire::Retired;
pub use rotate::Rotated;
pub use rotate_root::{NewRoot, RootRotated};
pub use seal::{SealTerms, Sealed};
pub use source::StudySource;
pub use status::{EpochStatus, Status};
pub use verify::{Anchoring, Verification, VerifyTerms, verify_log, verify_sandbox};
pub use view::{MeasureView, Remaining, TagView, View, Vocabulary};

use crate::audit::{Log, Signer};
use crate::dp::{Accounting, Delta};
use crate::keys::{AuditorPublicKey, Keyring, SigningKey};
use crate::ledger::{Ledger, PoolKind};
use crate::policy::{Regime, Study};
use crate::release::{CommitQueue, Cube, Exact};
use crate::storage::{AnchorFile, Storage, WriterLock};
use crate::types::{Clock, EpochId, RecipientId, Secret, StudyId};
use person::Told;
use register::RegisterPlace;
use sandbox::{EpochFile, SandboxFile};

/// A study under which the sandbox works, and its regime.
struct Adopted {
    study: Study,
    regime: Regime,
}

/// The cube of one tag set for one recipient of one study in one epoch.
type CubeKey = (EpochId, StudyId, RecipientId, usize);

/// Everything that the operator and its analysts share.
struct Inner {
    storage: Arc<dyn Storage>,
    clock: Box<dyn Clock>,
    file: SandboxFile,
    keyring: Keyring,
    answers: Secret,
    signer: NamedKey,
    ledger: Box<dyn Ledger>,
    accounting: Accounting,
    log: Mutex<Log>,
    askers: CommitQueue,
    anchor: Option<AnchorFile>,
    auditor: Option<AuditorPublicKey>,
    studies: BTreeMap<StudyId, Adopted>,
    /// Every epoch that the log seals.
    epochs: RwLock<Vec<EpochFile>>,
    /// Held to read while something is opened that is sealed under the key of an epoch, to write while one is retired.
    retiring: RwLock<()>,
    cubes: Mutex<BTreeMap<CubeKey, Arc<Exact<Cube>>>>,
    register: RegisterPlace,
    told: Mutex<Told>,
    response_slot: Option<Duration>,
}

/// Runs a sandbox: one writing process at a time.
pub struct Operator {
    inner: Arc<Inner>,
    /// Held as long as the operator lives; `None` on a storage that is not a folder.
    _lock: Option<WriterLock>,
}

/// A signing key under the name that notes give it.
pub struct NamedKey {
    /// The name, such as that of a log or a handler.
    pub name: String,
    /// The key.
    pub key: SigningKey,
}

impl Signer for NamedKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn public_key(&self) -> [u8; 32] {
        self.key.public()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

/// How the pool counts, in the terms of `dp`.
fn accounting(kind: &PoolKind) -> Result<Accounting, OperatorError> {
    match kind {
        PoolKind::Pure => Ok(Accounting::Pure),
        PoolKind::Zcdp { delta } => {
            let delta: Delta =
                delta.parse().map_err(|_| OperatorError::Bug("the delta of a pool was checked at init"))?;
            Ok(Accounting::Zcdp { delta })
        }
    }
}
