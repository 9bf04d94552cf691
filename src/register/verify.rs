//! Checking the register as a whole, from a copy: its writer may be at work, and nothing of it is changed.

use std::io::ErrorKind;

use redb::{ReadableDatabase, ReadableTable, TableHandle};

use super::error::{damaged, fault, guarded};
use super::rows::{META, META_ROWS, TABLES};
use super::snapshot::Held;
use super::store::{FILE, Register};
use super::{Event, RegisterError};
use crate::storage::{Blocks, Overlay, Storage, StorageError};
use crate::types::Secret;

/// How much of the file is read at once.
const CHUNK: usize = 1 << 20;

impl Register {
    /// Checks every page of the store, every row, the head and the set hash, and gives what the register holds; `None` where
    /// there is no register. Reads only, in bounded memory.
    ///
    /// # Errors
    /// [`RegisterError::Damaged`] where a writer changed it while it was read, which [`Register::fingerprint`] shows, and for a row that was changed, taken out, added or put elsewhere, a person's events with a gap, a
    /// row that its key does not lead to, a table or a row that no register has, and a store that is none.
    pub fn verify_copy(
        storage: &dyn Storage,
        key: &Secret,
        sandbox: &str,
    ) -> Result<Option<Held>, RegisterError> {
        copied(storage, true, key, sandbox)?.map(|copy| copy.verify()).transpose()
    }

    /// Opens the register to read it beside its writer; `None` where there is none. Nothing of it is written. A writer that goes
    /// on reuses pages, so a long walk may find what looks like damage: then it is to be opened again.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn open_copy(
        storage: &dyn Storage,
        key: &Secret,
        sandbox: &str,
    ) -> Result<Option<Self>, RegisterError> {
        let copy = copied(storage, false, key, sandbox)?;
        copy.iter().try_for_each(|copy| copy.head().map(|_| ()))?;
        Ok(copy)
    }

    /// A hash of the bytes of the file as they are now: whether a writer changed it between two checks.
    ///
    /// # Errors
    /// [`RegisterError::Storage`]
    pub fn fingerprint(storage: &dyn Storage) -> Result<[u8; 32], RegisterError> {
        let Some(blocks) = storage.read_blocks(FILE)? else { return Ok([0; 32]) };
        let read = |source| StorageError::new("read", FILE, source);
        let (mut hasher, mut at, mut chunk) = (blake3::Hasher::new(), 0_u64, vec![0; CHUNK]);
        let len = blocks.len().map_err(read)?;
        while at < len {
            let size = usize::try_from(len.saturating_sub(at)).unwrap_or(CHUNK).min(CHUNK);
            chunk.truncate(size);
            match blocks.read_at(at, &mut chunk) {
                // A writer cut the file: what was read before is not the file any more either.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                read_now => read_now.map_err(read)?,
            }
            hasher.update(&chunk);
            at = at.saturating_add(size as u64);
        }
        Ok(*hasher.finalize().as_bytes())
    }

    fn verify(&self) -> Result<Held, RegisterError> {
        self.unless_poisoned(|| self.check_tables())?;
        let snapshot = self.snapshot()?;
        let mut walk = snapshot.walk()?;
        while let Some(person) = walk.person()? {
            // Blocks lead to each other: they are looked at as a whole.
            if !person.singles.is_empty() {
                self.is_found(&person.into_events())?;
            }
        }
        guarded(|| snapshot.check_runs())?;
        snapshot.held()
    }

    /// There is no table and no row of `meta` that is never read.
    fn check_tables(&self) -> Result<(), RegisterError> {
        let transaction = self.database()?.begin_read().map_err(fault)?;
        let mut tables = transaction.list_tables().map_err(fault)?;
        let strange = tables.any(|table| !TABLES.contains(&table.name()));
        if strange || transaction.list_multimap_tables().map_err(fault)?.next().is_some() {
            return Err(damaged("the store (a table that no register has)"));
        }
        let meta = transaction.open_table(META).map_err(fault)?;
        for row in meta.iter().map_err(fault)? {
            if !META_ROWS.contains(&row.map_err(fault)?.0.value()) {
                return Err(damaged("the store (a row that no register has)"));
            }
        }
        Ok(())
    }

    /// A look-up of a person finds what the walk found: a page that leads elsewhere hides rows from a look alone.
    fn is_found(&self, events: &[Event]) -> Result<(), RegisterError> {
        let Some((ids, person)) = events.first().map(Event::person) else { return Ok(()) };
        if self.events_of(ids, person)? == events {
            Ok(())
        } else {
            Err(damaged("a person's events (their keys do not lead to them)"))
        }
    }
}

/// The register over its file, of which nothing is written; all pages are checked first where `whole` says so.
fn copied(
    storage: &dyn Storage,
    whole: bool,
    key: &Secret,
    sandbox: &str,
) -> Result<Option<Register>, RegisterError> {
    let Some(blocks) = storage.read_blocks(FILE)? else { return Ok(None) };
    let read = |source| StorageError::new("read", FILE, source);
    let overlay = Overlay::new(blocks).map_err(read)?;
    if overlay.is_empty().map_err(read)? {
        return Err(damaged("the store (an empty file)"));
    }
    Register::over(Box::new(overlay), whole, key, sandbox).map(Some)
}
