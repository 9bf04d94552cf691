//! The times of files. The time of writing reveals how long that took, and copies, backups and web servers hand it on: so
//! files have the time of the act that they belong to.

use std::fs::{self, File, FileTimes};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::types::Timestamp;

/// The time of a file that was written at an instant, as the `step`-th of several in one second: of two contents of one length,
/// each has another time, by which programs that copy what has changed distinguish them.
#[must_use]
pub fn file_time(at: Timestamp, step: u64) -> SystemTime {
    const SECOND: u64 = 1_000_000_000;
    let step = Duration::from_nanos(step % SECOND);
    let seconds = Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(seconds.saturating_add(step)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn times(at: SystemTime) -> FileTimes {
    FileTimes::new().set_accessed(at).set_modified(at)
}

/// Sets the times of an open file.
pub(super) fn set(file: &File, at: SystemTime) -> io::Result<()> {
    file.set_times(times(at))
}

/// Sets the times of a file, or of a directory with all it holds.
pub(super) fn set_all(place: &Path, at: SystemTime) -> io::Result<()> {
    let metadata = fs::symlink_metadata(place)?;
    if metadata.is_symlink() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "symlinks are refused"));
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(place)? {
            set_all(&entry?.path(), at)?;
        }
    }
    set(&File::open(place)?, at)
}

/// The time that the file of an embedded store is to have whenever the store has written it, also on closing; none for the
/// machine's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptTime(Arc<Mutex<Option<SystemTime>>>);

impl KeptTime {
    pub(super) fn of(at: Option<SystemTime>) -> Self {
        Self(Arc::new(Mutex::new(at)))
    }

    pub(crate) fn keep(&self, at: Option<SystemTime>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    pub(super) fn kept(&self) -> Option<SystemTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
