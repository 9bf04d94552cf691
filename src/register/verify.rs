//! Checking the register as a whole, from a copy: its writer may be at work, and nothing of it is changed.

use std::io::ErrorKind;

use redb::{ReadableDatabase, ReadableTable, TableHandle};

use super::RegisterError;
use super::error::{damaged, fault};
use super::rows::{EVENTS, Head, META, META_ROWS, Pseudonym, RowKey, TABLES};
use super::snapshot::State;
use super::store::{FILE, Register, read_head};
use crate::storage::{Blocks, Overlay, Storage, StorageError};
use crate::types::Secret;

/// How often the register is read again where a writer changed it meanwhile.
const TRIES: usize = 4;
/// How much of the file is read at once.
const CHUNK: usize = 1 << 20;

impl Register {
    /// Checks every page of the store, every row, the head and the set hash, and gives what the register holds; `None` where
    /// there is no register. Reads only, in bounded memory.
    ///
    /// # Errors
    /// [`RegisterError::Damaged`] for a row that was changed, taken out, added or put elsewhere, a person's events with a gap, a
    /// row that its key does not lead to, a table or a row that no register has, and a store that is none.
    pub fn verify_copy(
        storage: &dyn Storage,
        key: &Secret,
        sandbox: &str,
    ) -> Result<Option<State>, RegisterError> {
        let mut before = None;
        for _ in 1..TRIES {
            match checked(storage, key, sandbox) {
                // What a writer changed while it was read looks damaged, and is read again.
                Err(error @ RegisterError::Damaged { .. }) => {
                    let now = fingerprint(storage)?;
                    if before == Some(now) {
                        return Err(error);
                    }
                    before = Some(now);
                }
                other => return other,
            }
        }
        checked(storage, key, sandbox)
    }

    fn verify(&self) -> Result<State, RegisterError> {
        self.unless_poisoned(|| {
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
            let wanted = read_head(self.keys(), &meta)?;
            let seen = self.walk_rows(&transaction.open_table(EVENTS).map_err(fault)?)?;
            if seen == wanted {
                Ok(State::of(&seen))
            } else {
                Err(damaged("its head, or a row that was put in or taken out"))
            }
        })
    }

    fn walk_rows(
        &self,
        events: &impl ReadableTable<&'static RowKey, &'static [u8]>,
    ) -> Result<Head, RegisterError> {
        let (mut seen, mut last) = (Head::EMPTY, None);
        for row in events.range::<&RowKey>(..).map_err(fault)? {
            let (key, sealed) = row.map_err(fault)?;
            let (person, number) = Pseudonym::of(key.value());
            let expected = match last {
                Some((before, number)) if before == person => number,
                _ => 0_u64,
            };
            if expected.checked_add(1) != Some(number) {
                return Err(damaged("a person's events (one is missing)"));
            }
            // A page that leads elsewhere hides rows from whoever looks one up.
            let found = events.get(key.value()).map_err(fault)?;
            if found.is_none_or(|found| found.value() != sealed.value()) {
                return Err(damaged("an event (its key does not lead to it)"));
            }
            seen = seen.and(&self.keys().tag(key.value(), sealed.value()))?;
            drop(self.keys().open_event(key.value(), sealed.value())?);
            last = Some((person, number));
        }
        Ok(seen)
    }
}

fn checked(storage: &dyn Storage, key: &Secret, sandbox: &str) -> Result<Option<State>, RegisterError> {
    let Some(blocks) = storage.read_blocks(FILE)? else { return Ok(None) };
    let read = |source| StorageError::new("read", FILE, source);
    let overlay = Overlay::new(blocks).map_err(read)?;
    if overlay.is_empty().map_err(read)? {
        return Err(damaged("the store (an empty file)"));
    }
    Register::over(Box::new(overlay), true, key, sandbox)?.verify().map(Some)
}

/// Which bytes the file has.
fn fingerprint(storage: &dyn Storage) -> Result<[u8; 32], RegisterError> {
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
