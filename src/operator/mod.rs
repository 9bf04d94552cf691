//! Layer 5: the folder on disk. Init, open, seal, ask, verify: orchestration only, every decision is made below.
//!
//! [`Operator`] runs the sandbox and holds its keys; [`Analyst`] asks questions and can do nothing else.

mod books;
#[cfg(test)]
mod cluster_seals;
#[cfg(test)]
mod cube_questions;
mod error;
mod init;
mod keys;
mod law;
mod open;
mod options;
mod public;
mod query;
#[cfg(test)]
mod random_measures;
#[cfg(test)]
mod random_questions;
mod register;
mod sandbox;
mod seal;
mod shelf;
mod verify;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use books::access::{Act, Role};
pub use books::prove::show_log;
pub use books::renew::Renewed;
pub use error::{ErrorKind, OperatorError};
pub use init::{Approval, PoolTerms, Setup};
pub use keys::rotate::Rotated;
pub use keys::rotate_root::{NewRoot, RootRotated};
pub use law::adopt::Adoption;
pub use law::check::{check_regime, check_sandbox, check_study};
pub use law::documents::studies_in_force;
pub use law::replay::Replay;
pub use law::source::StudySource;
pub use open::Keys;
pub use options::OperatorOptions;
pub use query::analyst::{Analyst, Answer};
pub use query::health::{Action, Cause, Health, Obstacle};
pub use query::metrics::{GivenMetrics, MetricAnswer, MetricRow, Metrics, MetricsForecast, MetricsOfGiven};
pub use query::reader::Reader;
pub use query::released_history::Given;
pub use query::status::{EpochStatus, Status};
pub use query::vocabulary::{MeasureView, Remaining, TagView, View, Vocabulary};
pub use register::consents::Consents;
pub use register::erase::Erased;
pub use register::person::{PersonEpoch, PersonView};
pub use register::state::RegisterCheck;
pub use seal::epoch::{SealTerms, Sealed};
pub use shelf::epoch_selection::ResolvedEpoch;
pub use shelf::inputs::InputUse;
pub use shelf::retire::Retired;
pub use verify::sandbox::{Anchoring, Verification, VerifyTerms, verify_log, verify_sandbox};

use crate::audit::Signer;
use crate::dp::{Accounting, Delta};
use crate::keys::SigningKey;
use crate::ledger::PoolKind;
use crate::policy::{Regime, Study};
use crate::storage::{Storage, WriterLock};
use crate::types::Clock;
use books::ledger_and_log::Books;
use law::in_force::Law;
use query::prepared::QueryCache;
use register::part::RegisterPlace;
use shelf::epochs::Shelf;

/// A study under which the sandbox works, and its regime.
struct Adopted {
    study: Study,
    regime: Regime,
    cache: QueryCache,
}

impl Adopted {
    fn new(study: Study, regime: Regime) -> Self {
        Self { study, regime, cache: QueryCache::default() }
    }
}

/// Everything that the operator and its analysts share: four parts, each with its own locks. Order of locks: law, shelf, register, books.
struct SandboxState {
    storage: Arc<dyn Storage>,
    clock: Box<dyn Clock>,
    /// The id of the sandbox, which never changes.
    id: String,
    books: Books,
    law: Law,
    shelf: Shelf,
    register: RegisterPlace,
    response_slot: Option<Duration>,
}

/// Runs a sandbox: one writing process at a time. Every method takes `&self`, so one operator serves many threads.
///
/// ```no_run
/// use std::path::{Path, PathBuf};
/// use hushtag::{DatasetName, EpochId, Keys, Operator, SealTerms, Sources, Timestamp};
///
/// let operator = Operator::options(Keys::InFolder).open(Path::new("box"))?;
/// let sources = Sources::default()
///     .with_data(DatasetName::new("follows")?, PathBuf::from("follows.csv"))
///     .with_data(DatasetName::new("payments")?, PathBuf::from("payments.csv"))
///     .with_consents(PathBuf::from("consents.csv"));
/// let terms = SealTerms::new(EpochId::new("2026-q3")?, Timestamp::parse("2026-10-01T00:00:00+08:00")?);
/// let sealed = operator.seal(&terms, sources)?;
/// println!("{} recipients; healthy: {}", sealed.recipients.len(), operator.health().answers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Operator {
    inner: Arc<SandboxState>,
    /// Held as long as the operator lives; `None` on a storage that is not a folder.
    lock: Option<WriterLock>,
}

/// A signing key under the name that notes give it.
pub struct NamedKey {
    /// The name, such as that of a log or a handler.
    pub name: String,
    /// The key.
    pub key: SigningKey,
}

/// Shows the name alone.
impl fmt::Debug for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Shows the id of the sandbox alone.
impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("sandbox", &self.inner.id).finish_non_exhaustive()
    }
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
