//! Layer 5: the folder on disk. Init, open, seal, ask, verify: orchestration only, every decision is made below.
//!
//! [`Operator`] runs the sandbox and holds its keys; [`Analyst`] asks questions and can do nothing else.

mod books;
#[cfg(test)]
mod cube_questions;
mod error;
mod init;
mod keys;
mod law;
mod open;
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
pub use query::analyst::{Analyst, Answer};
pub use query::metrics::{GivenMetrics, MetricAnswer, MetricRow, Metrics, MetricsForecast};
pub use query::reader::Reader;
pub use query::released_history::Given;
pub use query::status::{EpochStatus, Status};
pub use query::vocabulary::{MeasureView, Remaining, TagView, View, Vocabulary};
pub use register::consents::Consents;
pub use register::erase::Erased;
pub use register::person::{PersonEpoch, PersonView};
pub use register::state::RegisterCheck;
pub use seal::epoch::{SealTerms, Sealed};
pub use shelf::epoch_selection::AskedEpoch;
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
use register::part::RegisterPlace;
use shelf::epochs::Shelf;

/// A study under which the sandbox works, and its regime.
struct Adopted {
    study: Study,
    regime: Regime,
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

/// Runs a sandbox: one writing process at a time.
pub struct Operator {
    inner: Arc<SandboxState>,
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
