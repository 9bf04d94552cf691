//! How a sandbox is made or opened: keys, clock, patience.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::open::{Keys, keyring};
use super::{Operator, OperatorError, Setup};
use crate::storage::Storage;
use crate::types::{Clock, SystemClock};

/// The interval in which every reply leaves.
pub(super) const RESPONSE_SLOT: Duration = Duration::from_millis(250);

/// How a sandbox is made or opened, beside its folder: by [`Operator::options`].
///
/// ```
/// use std::time::Duration;
/// use hushtag::{Keys, Operator};
///
/// let folder = tempfile::tempdir()?;
/// let opened = Operator::options(Keys::InFolder).with_wait(Duration::from_secs(5)).open(folder.path());
/// assert!(opened.is_err(), "an empty folder is no sandbox");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct OperatorOptions {
    keys: Keys,
    clock: Box<dyn Clock>,
    wait: Duration,
    slot: Option<Duration>,
}

impl Operator {
    /// Options with these keys, the clock of the system, and no waiting for another writer.
    pub fn options(keys: Keys) -> OperatorOptions {
        OperatorOptions {
            keys,
            clock: Box::new(SystemClock),
            wait: Duration::ZERO,
            slot: Some(RESPONSE_SLOT),
        }
    }
}

impl fmt::Debug for OperatorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, wait, slot, .. } = self;
        f.debug_struct("OperatorOptions")
            .field("keys", keys)
            .field("wait", wait)
            .field("slot", slot)
            .finish_non_exhaustive()
    }
}

impl OperatorOptions {
    /// Another clock, which may be a closure.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Waits so long for another writer to leave.
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Lets replies leave as soon as they are ready, for benchmarks and tests.
    ///
    /// # Privacy
    /// How long a reply took then reveals something about the work behind it.
    pub fn without_response_slot(mut self) -> Self {
        self.slot = None;
        self
    }

    /// Makes a sandbox in `dir`, as [`Operator::init`].
    ///
    /// # Errors
    /// As [`Operator::init`].
    pub fn init(self, dir: &Path, setup: Setup) -> Result<Operator, OperatorError> {
        let slot = self.slot;
        Ok(Operator::init(dir, setup, self.keys, self.clock)?.in_slots_of(slot))
    }

    /// Opens the sandbox in `dir`, as [`Operator::open`].
    ///
    /// # Errors
    /// As [`Operator::open`].
    pub fn open(self, dir: &Path) -> Result<Operator, OperatorError> {
        Ok(Operator::open(dir, self.keys, self.clock, self.wait)?.in_slots_of(self.slot))
    }

    /// Makes a sandbox on an empty storage, as [`Operator::init_on`].
    ///
    /// # Errors
    /// As [`Operator::init_on`].
    pub fn init_on(self, storage: Arc<dyn Storage>, setup: Setup) -> Result<Operator, OperatorError> {
        Ok(Operator::init_on(storage, setup, self.keys, self.clock)?.in_slots_of(self.slot))
    }

    /// Opens the sandbox on a storage, as [`Operator::open_on`].
    ///
    /// # Errors
    /// As [`Operator::open_on`].
    pub fn open_on(self, storage: Arc<dyn Storage>) -> Result<Operator, OperatorError> {
        let keyring = keyring(&*storage, &self.keys)?;
        Ok(Operator::open_on(storage, keyring, self.clock)?.in_slots_of(self.slot))
    }
}
