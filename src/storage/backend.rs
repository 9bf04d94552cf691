//! The embedded store's view of [`Blocks`].

use super::Blocks;
use redb::StorageBackend;
use std::io;

/// A file of the sandbox as the embedded store wants it.
#[derive(Debug)]
pub(crate) struct Backend(pub(crate) Box<dyn Blocks>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}
