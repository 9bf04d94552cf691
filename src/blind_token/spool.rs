//! Blinded points and the names of their ids, in the order in which ids came, until that order is replaced by a random one.

use super::session::IdName;
use super::{BlindTokenError, FilePlace};
use crate::oprf::{ELEMENT_BYTES, Encoded};
use crate::storage::{Blocks, Storage, StorageError};

/// Bytes of a name and a point.
const RECORD: usize = 16 + ELEMENT_BYTES;

/// A file beside the state that holds nothing secret, and is removed when the work ends. It need not be durable: after a stop the work
/// begins anew.
pub(super) struct Spool<'a> {
    storage: &'a dyn Storage,
    path: String,
    blocks: Box<dyn Blocks>,
    written: u64,
}

impl<'a> Spool<'a> {
    pub(super) fn create(state: FilePlace<'a>, number: usize) -> Result<Self, BlindTokenError> {
        let FilePlace { storage, name } = state;
        let path = format!("{name}.{number}.spool");
        // One that a stop has left holds nothing that is needed.
        storage.remove(&path)?;
        let blocks = storage.blocks(&path)?;
        Ok(Self { storage, path, blocks, written: 0 })
    }

    /// Appends records.
    pub(super) fn append(&mut self, names: &[IdName], points: &[Encoded]) -> Result<(), BlindTokenError> {
        let records = names.iter().zip(points);
        let bytes: Vec<u8> = records.flat_map(|(name, point)| name.iter().chain(point).copied()).collect();
        self.blocks.write_at(self.written, &bytes).map_err(|source| self.failed("write", source))?;
        self.written = self.written.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// The record with this number.
    pub(super) fn read(&self, number: u64) -> Result<(IdName, Encoded), BlindTokenError> {
        let mut bytes = [0; RECORD];
        let at = number.saturating_mul(RECORD as u64);
        self.blocks.read_at(at, &mut bytes).map_err(|source| self.failed("read", source))?;
        let (mut name, mut point) = (IdName::default(), Encoded::default());
        name.iter_mut().chain(&mut point).zip(bytes).for_each(|(to, from)| *to = from);
        Ok((name, point))
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> BlindTokenError {
        StorageError { action, path: self.path.clone(), source }.into()
    }
}

impl Drop for Spool<'_> {
    fn drop(&mut self) {
        // One that is left is removed by the next run.
        let _ = self.storage.remove(&self.path);
    }
}
