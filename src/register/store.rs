//! `consents.redb`: redb over the sandbox's storage, one durable write transaction a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table,
    TableDefinition, TableError, WriteTransaction,
};

use super::blocks::Packed;
use super::error::{damaged, fault, guarded};
use super::load::Waiting;
use super::people::Tables;
use super::request::StoredRequest;
use super::rows::{
    EVENTS, HEAD, Head, Keys, META, Pseudonym, REQUESTS, RUNS, RowKey, SEALS, SealMark, TOMBSTONES,
};
use super::runs::{events_of, in_order};
use super::snapshot::Further;
use super::{Event, NewRequest, RegisterError, Request, Snapshot};
use crate::consent::Tombstone;
use crate::storage::{Backend, Blocks, KeptTime, Storage, StorageError};
use crate::types::{Secret, Timestamp};

mod rewrite;

pub use rewrite::{Left, Removal};

/// The file of the register in the folder of a sandbox.
pub const FILE: &str = "consents.redb";
/// The register before its first commit.
const NEW: &str = "consents.redb.new";
/// Bytes of the store that stay in memory, however large the register or a transaction is.
const CACHE: usize = 64 << 20;

/// The durable register of consent events.
///
/// What is found: any changed, added or missing row, by the walk over all of them ([`Snapshot::walk`]), which every seal and
/// export makes; a changed row of one person, and a gap between their rows, whenever they are read. What is not: the whole file put
/// back to an earlier state (the operator finds one from before the last seal).
pub struct Register {
    /// Always there; taken out when the register is dropped.
    database: Option<Database>,
    keys: Arc<Keys>,
    poisoned: AtomicBool,
    /// Its file keeps the time of the last write: opening and closing it does not show.
    time: KeptTime,
}

/// Takes the events of one transaction.
pub struct Writer<'t> {
    events: Table<'t, &'static RowKey, &'static [u8]>,
    pub(super) transaction: &'t WriteTransaction,
    pub(super) keys: &'t Arc<Keys>,
    pub(super) head: Head,
    pub(super) waiting: Waiting,
}

impl Register {
    /// Opens the register, if there is one.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn open(storage: &dyn Storage, key: &Secret, sandbox: &str) -> Result<Option<Self>, RegisterError> {
        if !storage.list("")?.iter().any(|name| name == FILE) {
            return Ok(None);
        }
        let register = Self::at(FILE, storage, key, sandbox)?;
        register.head()?;
        Ok(Some(register))
    }

    /// Removes a store that was being made or rewritten when its writer stopped. Only the one writer of a sandbox may.
    ///
    /// # Errors
    /// [`RegisterError::Storage`]
    pub fn remove_unfinished(storage: &dyn Storage) -> Result<(), RegisterError> {
        if storage.list("")?.iter().any(|name| name == NEW) {
            storage.remove(NEW)?;
        }
        Ok(())
    }

    /// Makes the register with the events of its first transaction. If we stop inside or `work` fails, there is none.
    ///
    /// # Errors
    /// What `work` says, or [`RegisterError`].
    pub fn create<T, E: From<RegisterError>>(
        storage: &dyn Storage,
        key: &Secret,
        sandbox: &str,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        storage.remove(NEW).map_err(RegisterError::from)?;
        let made = Self::at(NEW, storage, key, sandbox).map_err(E::from);
        let made =
            made.and_then(|register| register.write((true, None), work).map(|value| (register, value)));
        let (register, value) = made.inspect_err(|_| {
            // If removing fails too, the next one does it.
            let _ = storage.remove(NEW);
        })?;
        // If we stop here, there is no register yet, and the next one is made again. It is not opened again under its new name:
        // what closing it writes could be lost without a word.
        storage.rename(NEW, FILE).map_err(RegisterError::from)?;
        Ok((register, value))
    }

    fn at(place: &str, storage: &dyn Storage, key: &Secret, sandbox: &str) -> Result<Self, RegisterError> {
        let blocks = storage.blocks(place)?;
        if place == FILE && blocks.is_empty().map_err(|source| StorageError::new("read", place, source))? {
            return Err(damaged("the store (an empty file)"));
        }
        // Not checked as a whole on open, as the ledger is: it may be large, and each row carries its own tag.
        Self::over(blocks, false, key, sandbox)
    }

    /// The register in `blocks`, of which all pages are checked first where `whole` says so.
    pub(super) fn over(
        blocks: Box<dyn Blocks>,
        whole: bool,
        key: &Secret,
        sandbox: &str,
    ) -> Result<Self, RegisterError> {
        let (backend, time) =
            Backend::new(blocks).map_err(|source| StorageError::new("read", FILE, source))?;
        let database = guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE).set_check_integrity_on_open(whole);
            builder.create_with_backend(backend).map_err(fault)
        })?;
        let keys = Arc::new(Keys::new(key, sandbox));
        Ok(Self { database: Some(database), keys, poisoned: AtomicBool::new(false), time })
    }

    /// Records all events that `work` hands over, in one durable transaction; none of them when it fails. If we stop before
    /// the commit, nothing of it is there; after it, all.
    ///
    /// # Errors
    /// What `work` says, or [`RegisterError`].
    pub fn record<T, E: From<RegisterError>>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.record_at(None, work)
    }

    /// As [`Register::record`]; the file then has the time `at`, that of the act of which this is a part, or that of now.
    ///
    /// # Errors
    /// As [`Register::record`].
    pub fn record_at<T, E: From<RegisterError>>(
        &self,
        at: Option<SystemTime>,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write((false, at), work)
    }

    fn write<T, E: From<RegisterError>>(
        &self,
        (first, at): (bool, Option<SystemTime>),
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut transaction = self.unless_poisoned(|| {
            let mut transaction = self.database()?.begin_write().map_err(fault)?;
            transaction.set_durability(Durability::Immediate).map_err(fault)?;
            transaction.set_quick_repair(true);
            Ok(transaction)
        })?;
        let (value, before, after) = {
            let (events, head) = self.unless_poisoned(|| {
                let meta = transaction.open_table(META).map_err(fault)?;
                let head = if first { Head::EMPTY } else { read_head(&self.keys, &meta)? };
                Ok((transaction.open_table(EVENTS).map_err(fault)?, head))
            })?;
            let (before, waiting) = (head.clone(), Waiting::default());
            let mut writer = Writer { events, transaction: &transaction, keys: &self.keys, head, waiting };
            let value = work(&mut writer)?;
            self.unless_poisoned(|| writer.write_waiting())?;
            (value, before, writer.head)
        };
        self.unless_poisoned(|| {
            if before == after && !first {
                return transaction.abort().map_err(fault);
            }
            let sealed = self.keys.seal_head(&after)?;
            let mut meta = transaction.open_table(META).map_err(fault)?;
            meta.insert(HEAD, sealed.as_slice()).map_err(fault)?;
            drop(meta);
            // The store writes once more when it is closed: the time of that would reveal when the process ended.
            self.time.keep(Some(at.unwrap_or_else(SystemTime::now)));
            transaction.set_durability(Durability::Immediate).map_err(fault)?;
            transaction.commit().map_err(fault)
        })?;
        Ok(value)
    }

    /// All events of one person, in the order in which they were recorded.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn events_of(&self, ids: &str, person: &str) -> Result<Vec<Event>, RegisterError> {
        let pseudonym = self.keys.pseudonym(ids, person);
        self.unless_poisoned(|| {
            let transaction = self.database()?.begin_read().map_err(fault)?;
            let head = read_head(&self.keys, &transaction.open_table(META).map_err(fault)?)?;
            let table = transaction.open_table(EVENTS).map_err(fault)?;
            let (first, last) = (pseudonym.row(0), pseudonym.row(u64::MAX));
            let mut events = Vec::new();
            for (number, row) in (1..).zip(table.range::<&RowKey>(&first..=&last).map_err(fault)?) {
                let (key, sealed) = row.map_err(fault)?;
                if Pseudonym::of(key.value()).1 != number {
                    return Err(damaged("a person's events (one is missing)"));
                }
                events.push(self.keys.open_event(key.value(), sealed.value())?);
            }
            let packed = match further(&transaction, RUNS)? {
                Some(table) => events_of(&table, &self.keys, &head.runs, pseudonym)?,
                None if head.runs.is_empty() => None,
                None => return Err(damaged("its runs")),
            };
            let of_run = |row: Packed| Event::of_parts((ids, person), &row.times, &row.statement);
            let packed = packed.map_or(Vec::new(), |packed| packed.rows);
            Ok(in_order(events, packed, |event| event, of_run))
        })
    }

    /// What is left of removed events of this id.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn tombstone_of(&self, ids: &str, person: &str) -> Result<Option<Tombstone>, RegisterError> {
        let mark = self.keys.tombstone_mark(ids, person);
        self.unless_poisoned(|| {
            let transaction = self.database()?.begin_read().map_err(fault)?;
            let Some(table) = further(&transaction, TOMBSTONES)? else { return Ok(None) };
            let row = table.get(&mark).map_err(fault)?;
            row.map(|row| self.keys.open_tombstone(&mark, row.value())).transpose()
        })
    }

    /// Every request of the book, or those about one person, in the order of their numbers.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn requests(&self, of: Option<(&str, &str)>) -> Result<Vec<Request>, RegisterError> {
        let mark = of.map(|(ids, person)| self.keys.request_mark(ids, person));
        self.unless_poisoned(|| {
            let transaction = self.database()?.begin_read().map_err(fault)?;
            let Some(table) = further(&transaction, REQUESTS)? else { return Ok(Vec::new()) };
            let mut all = Vec::new();
            for row in table.range::<u64>(..).map_err(fault)? {
                let (number, sealed) = row.map_err(fault)?;
                let stored = self.keys.open_request(number.value(), sealed.value())?;
                if mark.is_none_or(|mark| mark == stored.person) {
                    all.push(stored.read(number.value())?);
                }
            }
            Ok(all)
        })
    }

    /// When events past their retention were last looked for.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn swept(&self) -> Result<Option<Timestamp>, RegisterError> {
        Ok(self.head()?.swept.map(Timestamp::from_seconds))
    }

    /// The present state, for walking it however long that takes.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn snapshot(&self) -> Result<Snapshot, RegisterError> {
        self.unless_poisoned(|| {
            let transaction = self.database()?.begin_read().map_err(fault)?;
            let head = read_head(&self.keys, &transaction.open_table(META).map_err(fault)?)?;
            let tables = Tables {
                events: transaction.open_table(EVENTS).map_err(fault)?,
                runs: further(&transaction, RUNS)?,
            };
            let further = Further {
                tombstones: further(&transaction, TOMBSTONES)?,
                requests: further(&transaction, REQUESTS)?,
                seals: further(&transaction, SEALS)?,
            };
            Ok(Snapshot::new(tables, further, Arc::clone(&self.keys), head))
        })
    }

    pub(super) fn database(&self) -> Result<&Database, RegisterError> {
        self.database.as_ref().ok_or(RegisterError::Poisoned)
    }

    pub(super) fn head(&self) -> Result<Head, RegisterError> {
        self.unless_poisoned(|| {
            let transaction = self.database()?.begin_read().map_err(fault)?;
            read_head(&self.keys, &transaction.open_table(META).map_err(fault)?)
        })
    }

    pub(super) fn unless_poisoned<T>(
        &self,
        work: impl FnOnce() -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(RegisterError::Poisoned);
        }
        let result = guarded(work);
        if result.as_ref().is_err_and(RegisterError::poisons) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        result
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        // Closing writes, which a damaged store may panic over; what was committed is durable all the same.
        let database = self.database.take();
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }
}

impl Writer<'_> {
    /// Adds an event to the transaction.
    ///
    /// # Errors
    /// [`RegisterError`]; the transaction must then be given up.
    pub fn add(&mut self, event: &Event) -> Result<(), RegisterError> {
        let (ids, person) = event.person();
        let pseudonym = self.keys.pseudonym(ids, person);
        guarded(|| {
            let row = pseudonym.row(self.latest(pseudonym)?.checked_add(1).ok_or(RegisterError::TooLarge)?);
            let sealed = self.keys.seal_event(&row, event)?;
            self.head.and(&self.keys.tag(&row, &sealed))?;
            self.events.insert(&row, sealed.as_slice()).map_err(fault)?;
            Ok(())
        })
    }

    /// How many events of a person were recorded one by one.
    pub(super) fn latest(&self, person: Pseudonym) -> Result<u64, RegisterError> {
        let (first, last) = (person.row(0), person.row(u64::MAX));
        let latest = self.events.range::<&RowKey>(&first..=&last).map_err(fault)?.next_back();
        Ok(latest.transpose().map_err(fault)?.map_or(0, |(key, _)| Pseudonym::of(key.value()).1))
    }

    /// Leaves a tombstone for an id, together with the one that it has.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn leave(&mut self, left: Left) -> Result<(), RegisterError> {
        let mark = self.keys.tombstone_mark(&left.ids, &left.person);
        guarded(|| {
            let mut table = self.transaction.open_table(TOMBSTONES).map_err(fault)?;
            let mut tombstone = left.tombstone;
            if let Some(before) = table.get(&mark).map_err(fault)? {
                tombstone = tombstone.and(self.keys.open_tombstone(&mark, before.value())?);
                self.head.without_other(&self.keys.tombstone_tag(&mark, before.value()))?;
            }
            let sealed = self.keys.seal_tombstone(&mark, &tombstone)?;
            self.head.and_other(&self.keys.tombstone_tag(&mark, &sealed))?;
            table.insert(&mark, sealed.as_slice()).map_err(fault)?;
            Ok(())
        })
    }

    /// Enters a request into the book; gives its number.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn open_request(&mut self, request: &NewRequest<'_>) -> Result<u64, RegisterError> {
        guarded(|| {
            let mut table = self.transaction.open_table(REQUESTS).map_err(fault)?;
            let last = table.last().map_err(fault)?.map_or(0, |(number, _)| number.value());
            let number = last.checked_add(1).ok_or(RegisterError::TooLarge)?;
            let person = self.keys.request_mark(request.person.0, request.person.1);
            let sealed = self.keys.seal_request(number, &StoredRequest::new(request, person))?;
            self.head.and_other(&self.keys.request_tag(number, &sealed))?;
            table.insert(number, sealed.as_slice()).map_err(fault)?;
            Ok(number)
        })
    }

    /// Closes an open request: it was fulfilled, or refused with a reason. `false` if there is no open one of this number, or it is
    /// about another person than the given one.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn close_request(
        &mut self,
        number: u64,
        of: Option<(&str, &str)>,
        (at, refused): (Timestamp, Option<&str>),
    ) -> Result<bool, RegisterError> {
        let mark = of.map(|(ids, person)| self.keys.request_mark(ids, person));
        guarded(|| {
            let mut table = self.transaction.open_table(REQUESTS).map_err(fault)?;
            let Some(before) = table.get(number).map_err(fault)?.map(|row| row.value().to_vec()) else {
                return Ok(false);
            };
            let stored = self.keys.open_request(number, &before)?;
            let Some(closed) = Some(stored)
                .filter(|stored| mark.is_none_or(|mark| mark == stored.person))
                .and_then(|stored| stored.closed(at, refused))
            else {
                return Ok(false);
            };
            let sealed = self.keys.seal_request(number, &closed)?;
            self.head.without_other(&self.keys.request_tag(number, &before))?;
            self.head.and_other(&self.keys.request_tag(number, &sealed))?;
            table.insert(number, sealed.as_slice()).map_err(fault)?;
            Ok(true)
        })
    }

    /// Leaves the mark of a seal, which distinguishes a register that branched off before it from a later state of this one. It stays
    /// for good.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn mark_seal(&mut self, mark: &SealMark) -> Result<(), RegisterError> {
        guarded(|| {
            let mut table = self.transaction.open_table(SEALS).map_err(fault)?;
            self.head.and_other(&self.keys.seal_tag(mark, &[]))?;
            table.insert(mark, [].as_slice()).map_err(fault)?;
            Ok(())
        })
    }

    /// Says that events past their retention were looked for now.
    pub fn sweep(&mut self, now: Timestamp) {
        self.head.swept = Some(now.seconds());
    }
}

/// A table that is there once it has a row.
fn further<K: redb::Key + 'static>(
    transaction: &ReadTransaction,
    table: TableDefinition<'_, K, &'static [u8]>,
) -> Result<Option<ReadOnlyTable<K, &'static [u8]>>, RegisterError> {
    match transaction.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(fault(error)),
    }
}

fn read_head(
    keys: &Keys,
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Head, RegisterError> {
    let row = meta.get(HEAD).map_err(fault)?.ok_or_else(|| damaged("its head"))?;
    keys.open_head(row.value())
}

#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod tests;
