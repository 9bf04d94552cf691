//! The embedded ledger in a real folder, and on an image in memory that fails on demand.

use super::{Failing, Place, Pool};
use crate::ledger::{LedgerError, RedbLedger};
use crate::storage::{Fault, Folder, Image, Storage};
use crate::types::Secret;

fn key() -> Secret {
    Secret::new([9; 32])
}

fn create(storage: &dyn Storage, pool: Pool) -> Result<RedbLedger, LedgerError> {
    RedbLedger::create(storage, &key(), "s", pool)
}

fn open(storage: &dyn Storage) -> Result<RedbLedger, LedgerError> {
    RedbLedger::open(storage, &key(), "s")
}

pub(super) struct OnDisk(tempfile::TempDir);

impl OnDisk {
    fn folder(&self) -> Folder {
        Folder::open(&self.0.path().join("sandbox")).unwrap()
    }
}

impl Place for OnDisk {
    type Ledger = RedbLedger;

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Folder::create(&dir.path().join("sandbox")).unwrap();
        Self(dir)
    }

    fn create(&self, pool: Pool) -> Result<RedbLedger, LedgerError> {
        create(&self.folder(), pool)
    }

    fn open(&self) -> Result<RedbLedger, LedgerError> {
        open(&self.folder())
    }

    /// A killed process leaves its writes with the system: the file as it reads now, without what closing would add.
    fn stopped(&self) -> Self {
        let (left, folder) = (Self::new(), self.folder());
        for name in folder.list("").unwrap() {
            left.folder().write(&name, &folder.read(&name).unwrap().unwrap()).unwrap();
        }
        left
    }
}

pub(super) struct OnImage(Image);

impl Place for OnImage {
    type Ledger = RedbLedger;

    fn new() -> Self {
        Self(Image::new())
    }

    fn create(&self, pool: Pool) -> Result<RedbLedger, LedgerError> {
        create(&self.0, pool)
    }

    fn open(&self) -> Result<RedbLedger, LedgerError> {
        open(&self.0)
    }

    fn stopped(&self) -> Self {
        Self(self.0.crash())
    }
}

impl Failing for OnImage {
    const WAYS: usize = FAULTS.len();

    fn steps(&self) -> u64 {
        self.0.operations()
    }

    fn fail_at(&self, at: u64, way: usize) {
        self.0.fail_at(at, FAULTS[way]);
    }

    fn leftovers(&self) -> Vec<Self> {
        vec![Self(self.0.crash()), Self(self.0.crash_torn(self.steps()))]
    }
}

const FAULTS: [Fault; 4] = [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite];
