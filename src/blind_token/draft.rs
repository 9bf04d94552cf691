//! A file that is written from its beginning to its end and gets its name when it is whole and durable.

use super::{BlindTokenError, FilePlace};
use crate::storage::{Blocks, Storage};

/// Bytes that are written together.
const BUFFER: usize = 1 << 20;

/// A file under way, as `NAME.new`; removed again unless it is finished.
pub(super) struct Draft<'a> {
    storage: &'a dyn Storage,
    name: String,
    temporary: String,
    blocks: Box<dyn Blocks>,
    buffer: Vec<u8>,
    written: u64,
    hasher: blake3::Hasher,
    is_named: bool,
}

impl<'a> Draft<'a> {
    /// Starts a file where neither it nor one under way is.
    ///
    /// # Errors
    /// [`BlindTokenError::Exists`], [`BlindTokenError::Unfinished`] or [`BlindTokenError::Storage`].
    pub(super) fn create(place: FilePlace<'a>) -> Result<Self, BlindTokenError> {
        let FilePlace { storage, name } = place;
        let temporary = format!("{name}.new");
        if storage.read_blocks(name)?.is_some() {
            return Err(BlindTokenError::Exists(name.to_owned()));
        }
        if storage.read_blocks(&temporary)?.is_some() {
            return Err(BlindTokenError::Unfinished(temporary));
        }
        let blocks = storage.blocks(&temporary)?;
        let (name, buffer) = (name.to_owned(), Vec::with_capacity(BUFFER));
        let hasher = blake3::Hasher::new();
        Ok(Self { storage, name, temporary, blocks, buffer, written: 0, hasher, is_named: false })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BlindTokenError> {
        self.hasher.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BlindTokenError> {
        self.blocks.write_at(self.written, &self.buffer).map_err(|source| self.failed("write", source))?;
        self.written = self.written.saturating_add(self.buffer.len() as u64);
        self.buffer.clear();
        Ok(())
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> BlindTokenError {
        crate::storage::StorageError { action, path: self.temporary.clone(), source }.into()
    }

    /// The BLAKE3 hash of all bytes so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// Makes all bytes durable.
    pub(super) fn sync(&mut self) -> Result<(), BlindTokenError> {
        self.flush()?;
        self.blocks.sync().map_err(|source| self.failed("write", source))
    }

    /// Makes the file durable and gives it its name. If we stop before the rename, `NAME.new` may be left and NAME is not there; after
    /// it, NAME is whole.
    pub(super) fn finish(mut self) -> Result<(), BlindTokenError> {
        self.sync()?;
        self.storage.rename(&self.temporary, &self.name)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_named {
            // The error that led here reports it.
            let _ = self.storage.remove(&self.temporary);
        }
    }
}
