//! A file that is read from its beginning to its end.

use super::{BlindTokenError, FilePlace, FormatFault};
use crate::storage::{Blocks, StorageError};

/// A file being read, with the hash of what was read.
pub(super) struct Source {
    name: String,
    blocks: Box<dyn Blocks>,
    length: u64,
    at: u64,
    hasher: blake3::Hasher,
}

impl Source {
    /// Opens a file and reads its first bytes, which have to be `magic`; `kind` is how an error calls such a file.
    ///
    /// # Errors
    /// [`BlindTokenError::Missing`], [`BlindTokenError::Format`] or [`BlindTokenError::Storage`].
    pub(super) fn open(
        place: FilePlace<'_>,
        magic: &[u8],
        kind: &'static str,
    ) -> Result<Self, BlindTokenError> {
        let name = place.name.to_owned();
        let Some(blocks) = place.storage.read_blocks(&name)? else {
            return Err(BlindTokenError::Missing(name));
        };
        let length = blocks.len().map_err(|source| failed(&name, source))?;
        let mut own = Self { name, blocks, length, at: 0, hasher: blake3::Hasher::new() };
        let is_kind = own.length >= magic.len() as u64 && own.take(magic.len())? == magic;
        if is_kind { Ok(own) } else { Err(own.fault(FormatFault::Kind(kind))) }
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u8>, BlindTokenError> {
        let end = self.at.saturating_add(count as u64);
        if end > self.length {
            // Asked before any memory is, so that a header cannot ask for more than there is.
            return Err(self.fault(FormatFault::Length { found: self.length, wanted: end }));
        }
        let mut bytes = vec![0; count];
        self.blocks.read_at(self.at, &mut bytes).map_err(|source| failed(&self.name, source))?;
        self.at = end;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], BlindTokenError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.fault(FormatFault::Header))
    }

    /// Refuses a file that has other than so many bytes behind what was read.
    pub(super) fn ends_after(&self, rest: u64) -> Result<(), BlindTokenError> {
        let wanted = self.at.saturating_add(rest);
        if self.length == wanted {
            return Ok(());
        }
        Err(self.fault(FormatFault::Length { found: self.length, wanted }))
    }

    /// The BLAKE3 hash of all bytes that were read.
    pub(super) fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    pub(super) fn fault(&self, fault: FormatFault) -> BlindTokenError {
        BlindTokenError::Format { file: self.name.clone(), fault }
    }

    /// The name of the file.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }
}

fn failed(name: &str, source: std::io::Error) -> BlindTokenError {
    StorageError { action: "read", path: name.to_owned(), source }.into()
}
