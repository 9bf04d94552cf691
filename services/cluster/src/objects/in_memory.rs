//! A file in memory, and a link under which readers of files find it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};

/// Bytes that are in memory as long as this process holds them. No `Debug`.
pub(super) struct InMemory(File);

impl InMemory {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(File::from(memfd_create("object", MemfdFlags::CLOEXEC)?)))
    }

    /// Makes it so long; what was not written is zeros, which take no memory.
    pub(super) fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    /// Makes a link to it, which names a file of whatever process follows it: in another one it is not this file.
    pub(super) fn link(&self, at: &Path) -> io::Result<()> {
        symlink(format!("/proc/self/fd/{}", self.0.as_raw_fd()), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_file_that_is_read_from_its_beginning_each_time_and_gone_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("a.csv");
        let held = InMemory::new().unwrap();
        held.set_size(6).unwrap();
        held.write_at(b"abc", 1).unwrap();
        held.link(&link).unwrap();
        assert!(std::fs::metadata(&link).unwrap().is_file());
        for _ in 0..2 {
            assert_eq!(std::fs::read(&link).unwrap(), b"\0abc\0\0");
        }
        drop(held);
        assert!(std::fs::read(&link).is_err());
    }
}
