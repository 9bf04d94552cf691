//! The embedded store's view of [`Blocks`].

use super::Blocks;
use super::times::KeptTime;
use redb::StorageBackend;
use std::io;

/// A file of the sandbox as the embedded store wants it.
///
/// The store writes on closing, too: the file then has the time that is kept, at first the one it was opened with.
#[derive(Debug)]
pub(crate) struct Backend {
    blocks: Box<dyn Blocks>,
    time: KeptTime,
}

impl Backend {
    /// The file, and the time that it keeps.
    pub(crate) fn new(blocks: Box<dyn Blocks>) -> io::Result<(Self, KeptTime)> {
        let time = KeptTime::of(blocks.modified()?);
        Ok((Self { blocks, time: time.clone() }, time))
    }

    /// If we stop before it, or it fails, the file has the time of its last write: nothing but that time depends on it.
    fn keep_time(&self) {
        if let Some(at) = self.time.kept() {
            let _ = self.blocks.set_times(at);
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.blocks.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.blocks.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.blocks.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.blocks.sync()?;
        self.keep_time();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.blocks.write_at(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.keep_time();
        Ok(())
    }
}
