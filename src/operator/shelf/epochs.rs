//! The sealed epochs of an open sandbox, the keys that open them, and the cubes in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::keys::Keyring;
use crate::operator::OperatorError;
use crate::operator::sandbox::EpochFile;
use crate::release::{Cube, Exact};
use crate::types::{EpochId, RecipientId, StudyId};

/// The cube of one tag set for one recipient of one study in one epoch.
pub(in crate::operator) type CubeKey = (EpochId, StudyId, RecipientId, usize);

/// How many cubes are kept in memory: as many as a busy service asks at a time, and no more whatever was ever asked.
const MOST_CUBES: usize = 64;

const STOPPED: OperatorError = OperatorError::Bug("a thread stopped while it held the epochs");

/// The third part of a sandbox. Lock order: `retiring`, then `epochs`, then `cubes`.
pub(in crate::operator) struct Shelf {
    pub(in crate::operator) keyring: Keyring,
    /// Every epoch that the log seals.
    epochs: RwLock<Arc<Vec<EpochFile>>>,
    /// Held to read while something is opened that is sealed under the key of an epoch, to write while one is retired.
    retiring: RwLock<()>,
    cubes: Mutex<BTreeMap<CubeKey, Arc<Exact<Cube>>>>,
}

impl Shelf {
    pub(in crate::operator) fn new(keyring: Keyring, epochs: Vec<EpochFile>) -> Self {
        let (retiring, cubes) = (RwLock::default(), Mutex::new(BTreeMap::new()));
        Self { keyring, epochs: RwLock::new(Arc::new(epochs)), retiring, cubes }
    }

    /// Every epoch that the log seals.
    pub(in crate::operator) fn epochs(&self) -> Result<Arc<Vec<EpochFile>>, OperatorError> {
        Ok(Arc::clone(&*self.epochs.read().map_err(|_| STOPPED)?))
    }

    /// Changes the epochs under their lock.
    pub(in crate::operator) fn with_epochs<T>(
        &self,
        change: impl FnOnce(&mut Vec<EpochFile>) -> Result<T, OperatorError>,
    ) -> Result<T, OperatorError> {
        change(Arc::make_mut(&mut *self.epochs.write().map_err(|_| STOPPED)?))
    }

    /// While it is held, no epoch is retired: for a caller that opens something sealed under the key of one. Nothing that retires, or asks
    /// for this once more, may run under it.
    pub(in crate::operator) fn unretired(&self) -> Result<RwLockReadGuard<'_, ()>, OperatorError> {
        self.retiring.read().map_err(|_| STOPPED)
    }

    /// Waits until nothing is open that is sealed under the key of an epoch, and keeps it so.
    pub(in crate::operator) fn retiring(&self) -> Result<RwLockWriteGuard<'_, ()>, OperatorError> {
        self.retiring.write().map_err(|_| STOPPED)
    }

    /// A cube in memory.
    pub(in crate::operator) fn cube(&self, at: &CubeKey) -> Option<Arc<Exact<Cube>>> {
        self.cubes.lock().unwrap_or_else(PoisonError::into_inner).get(at).map(Arc::clone)
    }

    /// Keeps a cube in memory; for who holds [`Shelf::unretired`], or one of a retired epoch would come back.
    pub(in crate::operator) fn keep_cube(&self, at: CubeKey, cube: Exact<Cube>) -> Arc<Exact<Cube>> {
        let mut cubes = self.cubes.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::clone(cubes.entry(at.clone()).or_insert_with(|| Arc::new(cube)));
        while cubes.len() > MOST_CUBES {
            let Some(other) = cubes.keys().find(|key| **key != at).cloned() else { break };
            cubes.remove(&other);
        }
        kept
    }

    /// Drops the cubes of an epoch from memory.
    pub(in crate::operator) fn forget_cubes(&self, epoch: &EpochId) {
        self.cubes.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, ..), _| of != epoch);
    }
}
