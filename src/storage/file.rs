//! A file of a real directory, and how often the disk was waited for.

use super::{Blocks, times};
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// How often the disk was waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct Syncs(Arc<AtomicU64>);

impl Syncs {
    pub(super) fn counted(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn count<T>(&self, wait: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.fetch_add(1, Ordering::Relaxed);
        wait()
    }

    /// Makes the names beside `place` durable.
    pub(super) fn parent(&self, place: &Path) -> io::Result<()> {
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.count(|| File::open(parent)?.sync_all())
    }
}

#[derive(Debug)]
pub(super) struct FileBlocks {
    file: File,
    syncs: Syncs,
}

impl FileBlocks {
    pub(super) fn new(file: File, syncs: &Syncs) -> Self {
        Self { file, syncs: syncs.clone() }
    }
}

impl Blocks for FileBlocks {
    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn write_at(&self, offset: u64, content: &[u8]) -> io::Result<()> {
        self.file.write_all_at(content, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.count(|| self.file.sync_data())
    }

    fn modified(&self) -> io::Result<Option<SystemTime>> {
        self.file.metadata()?.modified().map(Some)
    }

    fn set_times(&self, at: SystemTime) -> io::Result<()> {
        times::set(&self.file, at)
    }

    fn share(&self) -> io::Result<()> {
        self.file.lock_shared()
    }

    fn try_claim(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(source),
        }
    }

    fn unclaim(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
