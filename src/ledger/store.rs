//! The embedded ledger: redb over the sandbox's storage, one durable write transaction a step.
//!
//! Our own writer lock keeps other processes from writing; a reader beside a live writer takes a copy
//! ([`read_copy`]), because redb's shared modes need byte-range locks that only real files have.

use super::rows::{
    ANSWERS, BOOK, BookRow, KEYS, META, Macs, OPEN, RECORDS, RENEWALS, RecordRow, RenewalRow, STATES,
    StateRow, TOTALS, Tag, TotalsRow, answer, book, fault, record, renewals, state, totals,
};
use super::walk::{Chain, verify};
use super::{
    Book, Charge, Done, Ledger, LedgerError, OverBudget, Pool, PoolKind, Record, Renewal, Request,
    Reservation, Share, Step, StoredAnswer, Totals, Unfinished,
};
use crate::storage::{Backend, Blocks, KeptTime, Storage, StorageError};
use crate::types::{Secret, Timestamp};
use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, Table,
    WriteTransaction,
};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// The file of the ledger in the folder of a sandbox.
pub const FILE: &str = "ledger.redb";
/// How often a copy is taken again when a writer changed the file meanwhile.
const COPIES: usize = 8;

/// The embedded ledger of a sandbox, `ledger.redb`.
pub struct RedbLedger {
    database: Database,
    macs: Macs,
    accounting: PoolKind,
    poisoned: AtomicBool,
    /// The time that its file has: that of its last record, whenever it was written.
    time: KeptTime,
}

/// The tables inside one write transaction.
struct Tables<'t> {
    records: Table<'t, u64, &'static [u8]>,
    states: Table<'t, u64, &'static [u8]>,
    answers: Table<'t, u64, &'static [u8]>,
    keys: Table<'t, &'static [u8; 32], u64>,
    open: Table<'t, u64, ()>,
    renewals: Table<'t, u64, &'static [u8]>,
    meta: Table<'t, &'static str, &'static [u8]>,
    time: &'t KeptTime,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction, time: &'t KeptTime) -> Result<Self, LedgerError> {
        Ok(Self {
            time,
            records: transaction.open_table(RECORDS).map_err(fault)?,
            states: transaction.open_table(STATES).map_err(fault)?,
            answers: transaction.open_table(ANSWERS).map_err(fault)?,
            keys: transaction.open_table(KEYS).map_err(fault)?,
            open: transaction.open_table(OPEN).map_err(fault)?,
            renewals: transaction.open_table(RENEWALS).map_err(fault)?,
            meta: transaction.open_table(META).map_err(fault)?,
        })
    }

    fn put_state(&mut self, macs: &Macs, seq: u64, chain: &Tag, state: StateRow) -> Result<(), LedgerError> {
        self.states.insert(seq, macs.write_state(chain, state)?.as_slice()).map_err(fault)?;
        match state {
            StateRow::Committed { .. } => self.open.remove(seq).map_err(fault)?,
            StateRow::Reserved | StateRow::Stored { .. } => self.open.insert(seq, ()).map_err(fault)?,
        };
        Ok(())
    }

    fn put_totals(&mut self, macs: &Macs, totals: &TotalsRow) -> Result<(), LedgerError> {
        self.meta.insert(TOTALS, macs.write_totals(totals)?.as_slice()).map_err(fault)?;
        self.time.keep(Some(totals.file_time()));
        Ok(())
    }

    /// Moves a charge from one state to the next, and counts it.
    fn advance(
        &mut self,
        macs: &Macs,
        seq: u64,
        chain: &Tag,
        from: StateRow,
        to: StateRow,
    ) -> Result<(), LedgerError> {
        let mut totals = totals(macs, &self.meta, &self.records)?;
        totals.count(Some(from), to).ok_or_else(|| LedgerError::damaged("the totals"))?;
        self.put_state(macs, seq, chain, to)?;
        self.put_totals(macs, &totals)
    }
}

/// Whether a step changed anything that must become durable.
enum Effect<T> {
    Changed(T),
    Unchanged(T),
}

impl RedbLedger {
    /// Makes the ledger of a new sandbox; durable on return.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], or a failed store.
    pub fn create(
        storage: &dyn Storage,
        key: &Secret,
        sandbox: &str,
        pool: Pool,
    ) -> Result<Self, LedgerError> {
        if exists(storage)? {
            return Err(LedgerError::Exists);
        }
        let mut macs = Macs::new(key);
        let book = BookRow::new(sandbox, &pool);
        let (tag, row) = macs.write_book(&book)?;
        macs.book = tag;
        let totals = TotalsRow::empty(tag, book.first());
        // If we stop before the first commit, there is a file without a book, and opening it says so.
        let (backend, time) = backend(storage.blocks(FILE)?)?;
        let (database, poisoned) = (database(backend)?, AtomicBool::new(false));
        let ledger = Self { database, macs, accounting: pool.accounting, poisoned, time };
        ledger.transact(|tables| {
            tables.meta.insert(BOOK, row.as_slice()).map_err(fault)?;
            tables.put_totals(&ledger.macs, &totals).map(Effect::Changed)
        })?;
        Ok(ledger)
    }

    /// Opens the ledger after checking the whole file's checksums, the book and the end of the chain.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::AnotherSandbox`], [`LedgerError::Damaged`], or a failed store.
    pub fn open(storage: &dyn Storage, key: &Secret, sandbox: &str) -> Result<Self, LedgerError> {
        if !exists(storage)? {
            return Err(LedgerError::Missing);
        }
        let blocks = storage.blocks(FILE)?;
        if blocks.is_empty().map_err(|source| StorageError::new("read", FILE, source))? {
            return Err(LedgerError::damaged("the store (an empty file)"));
        }
        let (backend, time) = backend(blocks)?;
        Self::over(backend, time, key, sandbox)
    }

    fn over(
        backend: impl StorageBackend,
        time: KeptTime,
        key: &Secret,
        sandbox: &str,
    ) -> Result<Self, LedgerError> {
        let mut macs = Macs::new(key);
        let database = database(backend)?;
        let accounting = guarded(|| {
            let transaction = database.begin_read().map_err(fault)?;
            let meta = transaction.open_table(META).map_err(fault)?;
            let (tag, row) = book(&macs, &meta)?;
            macs.book = tag;
            let accounting = row.accounting(sandbox)?;
            let totals = totals(&macs, &meta, &transaction.open_table(RECORDS).map_err(fault)?)?;
            time.keep(Some(totals.file_time()));
            Ok(accounting)
        })?;
        Ok(Self { database, macs, accounting, poisoned: AtomicBool::new(false), time })
    }

    /// Runs `work` as one durable transaction. If we stop before its commit, nothing of it is there; after it, all.
    fn transact<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<Effect<T>, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.unless_poisoned(|| {
            let mut transaction = self.database.begin_write().map_err(fault)?;
            // Another thread may have failed while this one waited for its turn.
            if self.poisoned.load(Ordering::SeqCst) {
                return Err(LedgerError::Poisoned);
            }
            transaction.set_durability(Durability::Immediate).map_err(fault)?;
            transaction.set_quick_repair(true);
            let outcome = work(&mut Tables::open(&transaction, &self.time)?)?;
            match outcome {
                Effect::Changed(value) => transaction.commit().map(|()| value).map_err(fault),
                Effect::Unchanged(value) => transaction.abort().map(|()| value).map_err(fault),
            }
        })
    }

    fn look<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.unless_poisoned(|| work(&self.database.begin_read().map_err(fault)?))
    }

    fn unless_poisoned<T>(&self, work: impl FnOnce() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(LedgerError::Poisoned);
        }
        let result = guarded(work);
        if result.as_ref().is_err_and(LedgerError::poisons) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        result
    }

    /// What was done before for the key of a request.
    fn earlier(&self, tables: &Tables<'_>, key: &[u8; 32]) -> Result<Option<Reservation>, LedgerError> {
        let Some(seq) = tables.keys.get(key).map_err(fault)?.map(|seq| seq.value()) else {
            return Ok(None);
        };
        let (chain, row) = record(&self.macs, &tables.records, seq)?;
        if row.key != *key {
            return Err(LedgerError::damaged(format!("key of record {seq}")));
        }
        let now = state(&self.macs, &tables.states, seq, &chain)?;
        Ok(Some(match now.answer() {
            None => Reservation::Resumed(Charge::new(seq, row.units, chain)),
            Some(hash) => Reservation::Stored(StoredAnswer {
                seq,
                sealed: answer(&tables.answers, seq, &hash)?,
                log_index: log_index(now),
            }),
        }))
    }
}

impl Ledger for RedbLedger {
    fn take(&self, steps: Vec<Step>) -> Result<Vec<Result<Done, LedgerError>>, LedgerError> {
        self.transact(|tables| {
            let mut changed = false;
            let mut outcomes = Vec::with_capacity(steps.len());
            for step in steps {
                let outcome = match step {
                    Step::Reserve(request) => self.reserve_one(tables, &request),
                    Step::Store(charge, sealed) => self.store_one(tables, &charge, sealed),
                    Step::Commit { seq, log_index } => self.commit_one(tables, seq, log_index),
                };
                outcomes.push(match outcome {
                    Ok(Effect::Changed(done)) => {
                        changed = true;
                        Ok(done)
                    }
                    Ok(Effect::Unchanged(done)) => Ok(done),
                    Err(error) if error.is_of_one() => Err(error),
                    Err(error) => return Err(error),
                });
            }
            Ok(if changed { Effect::Changed(outcomes) } else { Effect::Unchanged(outcomes) })
        })
    }

    fn renew(&self, renewal: &Renewal) -> Result<(), LedgerError> {
        self.transact(|tables| {
            let mut totals = totals(&self.macs, &tables.meta, &tables.records)?;
            let next = totals.renewals.checked_add(1).ok_or(LedgerError::TooLarge)?;
            if renewal.number != next {
                return Err(LedgerError::NotNext { number: renewal.number, next });
            }
            if renewal.at.seconds() < totals.at {
                let last = Timestamp::from_seconds(totals.at);
                return Err(LedgerError::ClockBackwards { now: renewal.at, last });
            }
            let row = RenewalRow::new(renewal, &totals);
            let (tag, bytes) = self.macs.write_renewal(next, &totals.renewed, &row)?;
            totals.renew(&row, tag).ok_or(LedgerError::TooLarge)?;
            tables.renewals.insert(next, bytes.as_slice()).map_err(fault)?;
            tables.put_totals(&self.macs, &totals).map(Effect::Changed)
        })
    }
}

impl RedbLedger {
    fn reserve_one(&self, tables: &mut Tables<'_>, request: &Request) -> Result<Effect<Done>, LedgerError> {
        if let Some(earlier) = self.earlier(tables, &request.key)? {
            return Ok(Effect::Unchanged(Done::Reserved(earlier)));
        }
        let mut totals = totals(&self.macs, &tables.meta, &tables.records)?;
        if request.now.seconds() < totals.at {
            let last = Timestamp::from_seconds(totals.at);
            return Err(LedgerError::ClockBackwards { now: request.now, last });
        }
        let over = over_budget(&totals, request);
        if !over.is_empty() {
            return Ok(Effect::Unchanged(Done::Reserved(Reservation::OverBudget(over))));
        }
        let row = RecordRow {
            key: request.key,
            study: request.study.as_str().to_owned(),
            recipient: request.recipient.as_str().to_owned(),
            epoch: request.epoch.as_str().to_owned(),
            units: request.units,
            log_size: request.log_head.size,
            log_root: request.log_head.root,
            at: request.began.map_or(request.now.seconds(), |began| began.seconds().max(totals.at)),
        };
        let seq = totals.last.checked_add(1).ok_or(LedgerError::TooLarge)?;
        let (chain, bytes) = self.macs.write_record(seq, &totals.chain, &row)?;
        totals
            .add(&row, chain)
            .and_then(|()| totals.count(None, StateRow::Reserved))
            .ok_or(LedgerError::TooLarge)?;
        tables.records.insert(seq, bytes.as_slice()).map_err(fault)?;
        tables.keys.insert(&request.key, seq).map_err(fault)?;
        tables.put_state(&self.macs, seq, &chain, StateRow::Reserved)?;
        tables.put_totals(&self.macs, &totals)?;
        Ok(Effect::Changed(Done::Reserved(Reservation::New(Charge::new(seq, request.units, chain)))))
    }

    fn store_one(
        &self,
        tables: &mut Tables<'_>,
        charge: &Charge,
        sealed: Vec<u8>,
    ) -> Result<Effect<Done>, LedgerError> {
        let seq = charge.seq();
        let wrong = LedgerError::WrongState { seq };
        if totals(&self.macs, &tables.meta, &tables.records)?.last < seq {
            return Err(wrong);
        }
        let (chain, _) = record(&self.macs, &tables.records, seq)?;
        if chain != *charge.chain() {
            return Err(wrong);
        }
        let from = state(&self.macs, &tables.states, seq, &chain)?;
        if from.answer().is_some() {
            return Err(LedgerError::AlreadyStored { seq });
        }
        tables.answers.insert(seq, sealed.as_slice()).map_err(fault)?;
        let to = StateRow::Stored { answer: *blake3::hash(&sealed).as_bytes() };
        tables.advance(&self.macs, seq, &chain, from, to)?;
        Ok(Effect::Changed(Done::Stored(StoredAnswer { seq, sealed, log_index: None })))
    }

    fn commit_one(
        &self,
        tables: &mut Tables<'_>,
        seq: u64,
        log_index: u64,
    ) -> Result<Effect<Done>, LedgerError> {
        if seq == 0 || totals(&self.macs, &tables.meta, &tables.records)?.last < seq {
            return Err(LedgerError::WrongState { seq });
        }
        let (chain, _) = record(&self.macs, &tables.records, seq)?;
        match state(&self.macs, &tables.states, seq, &chain)? {
            from @ StateRow::Stored { answer } => tables
                .advance(&self.macs, seq, &chain, from, StateRow::Committed { answer, log_index })
                .map(|()| Effect::Changed(Done::Committed)),
            StateRow::Committed { log_index: before, .. } if before == log_index => {
                Ok(Effect::Unchanged(Done::Committed))
            }
            StateRow::Committed { .. } | StateRow::Reserved => Err(LedgerError::WrongState { seq }),
        }
    }
}

impl Book for RedbLedger {
    fn pool(&self) -> Result<Pool, LedgerError> {
        self.look(|transaction| {
            let meta = transaction.open_table(META).map_err(fault)?;
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            Ok(totals(&self.macs, &meta, &records)?.in_force.public(&self.accounting))
        })
    }

    fn last_renewal(&self) -> Result<Option<Renewal>, LedgerError> {
        // They are few: one in a window of days.
        Ok(self.renewals()?.pop())
    }

    fn renewals(&self) -> Result<Vec<Renewal>, LedgerError> {
        self.look(|transaction| {
            let meta = transaction.open_table(META).map_err(fault)?;
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            let totals = totals(&self.macs, &meta, &records)?;
            let all = renewals(&self.macs, &transaction.open_table(RENEWALS).map_err(fault)?)?;
            if all.last().map_or(self.macs.book, |(tag, _)| *tag) != totals.renewed {
                return Err(LedgerError::damaged("the list of renewals"));
            }
            Ok((1..).zip(all).map(|(number, (_, row))| row.public(number)).collect())
        })
    }

    fn spent(&self) -> Result<Totals, LedgerError> {
        self.look(|transaction| {
            let meta = transaction.open_table(META).map_err(fault)?;
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            totals(&self.macs, &meta, &records).map(TotalsRow::public)
        })
    }

    fn uncommitted(&self) -> Result<Vec<Unfinished>, LedgerError> {
        self.look(|transaction| {
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            let states = transaction.open_table(STATES).map_err(fault)?;
            let answers = transaction.open_table(ANSWERS).map_err(fault)?;
            let open = transaction.open_table(OPEN).map_err(fault)?;
            let mut unfinished = Vec::new();
            for row in open.iter().map_err(fault)? {
                let seq = row.map_err(fault)?.0.value();
                let (chain, row) = record(&self.macs, &records, seq)?;
                let now = state(&self.macs, &states, seq, &chain)?;
                let sealed = now.answer().map(|hash| answer(&answers, seq, &hash)).transpose()?;
                unfinished.push(Unfinished { record: row.public(seq, now.public())?, sealed });
            }
            Ok(unfinished)
        })
    }

    fn last(&self) -> Result<Option<Record>, LedgerError> {
        self.look(|transaction| {
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            let states = transaction.open_table(STATES).map_err(fault)?;
            let Some(seq) = records.last().map_err(fault)?.map(|(seq, _)| seq.value()) else {
                return Ok(None);
            };
            let (chain, row) = record(&self.macs, &records, seq)?;
            let now = state(&self.macs, &states, seq, &chain)?;
            row.public(seq, now.public()).map(Some)
        })
    }

    fn answer(&self, seq: u64) -> Result<Option<StoredAnswer>, LedgerError> {
        self.look(|transaction| {
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            let states = transaction.open_table(STATES).map_err(fault)?;
            let answers = transaction.open_table(ANSWERS).map_err(fault)?;
            if records.get(seq).map_err(fault)?.is_none() {
                return Ok(None);
            }
            let (chain, _) = record(&self.macs, &records, seq)?;
            let now = state(&self.macs, &states, seq, &chain)?;
            let sealed = now.answer().map(|hash| answer(&answers, seq, &hash)).transpose()?;
            Ok(sealed.map(|sealed| StoredAnswer { seq, sealed, log_index: log_index(now) }))
        })
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>, LedgerError> {
        self.look(|transaction| {
            let mut chain = Chain::from_the_first(&self.macs, transaction)?;
            Ok(Box::new(std::iter::from_fn(move || {
                chain.next_row().map(|row| row.and_then(|row| row.body.public(row.seq, row.state.public())))
            })) as Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>)
        })
    }

    fn verify(&self) -> Result<u64, LedgerError> {
        self.look(|transaction| verify(&self.macs, transaction))
    }
}

/// A copy of the ledger as it stands, for reading beside a live writer; needs no lock.
///
/// The store is a tree of checksums under its newest commit, so a copy that a commit has torn is refused by the check
/// on open, and taken again.
///
/// # Errors
/// As [`RedbLedger::open`].
pub fn read_copy(storage: &dyn Storage, key: &Secret, sandbox: &str) -> Result<Box<dyn Book>, LedgerError> {
    let mut content = storage.read(FILE)?.ok_or(LedgerError::Missing)?;
    for _ in 1..COPIES {
        match book_of(&content, key, sandbox) {
            Err(LedgerError::Damaged { place }) => {
                let again = storage.read(FILE)?.ok_or(LedgerError::Missing)?;
                if again == content {
                    return Err(LedgerError::Damaged { place });
                }
                content = again;
            }
            other => return other,
        }
    }
    book_of(&content, key, sandbox)
}

/// The ledger in the bytes of its file; a copy that a commit has torn is damaged.
///
/// # Errors
/// As [`RedbLedger::open`].
pub fn book_of(content: &[u8], key: &Secret, sandbox: &str) -> Result<Box<dyn Book>, LedgerError> {
    if content.is_empty() {
        return Err(LedgerError::damaged("the store (an empty file)"));
    }
    let backend = InMemoryBackend::new();
    let length = u64::try_from(content.len()).map_err(|_| LedgerError::TooLarge)?;
    backend.set_len(length).and_then(|()| backend.write(0, content)).map_err(fault)?;
    Ok(Box::new(RedbLedger::over(backend, KeptTime::default(), key, sandbox)?))
}

fn over_budget(totals: &TotalsRow, request: &Request) -> Vec<OverBudget> {
    let spent = |sums: &BTreeMap<String, u128>, name: &str| sums.get(name).copied().unwrap_or(0);
    let shares = [
        (Share::Pool, Some(totals.in_force.limit), totals.pool),
        (Share::Study, request.study_cap, spent(&totals.studies, request.study.as_str())),
        (Share::Recipient, request.recipient_cap, spent(&totals.recipients, request.recipient.as_str())),
    ];
    let passes = |limit: u128, spent: u128| spent.checked_add(request.units).is_none_or(|sum| sum > limit);
    shares
        .into_iter()
        .filter_map(|(share, limit, spent)| {
            limit.map(|limit| OverBudget { share, limit, spent, asked: request.units })
        })
        .filter(|over| passes(over.limit, over.spent))
        .collect()
}

const fn log_index(state: StateRow) -> Option<u64> {
    match state {
        StateRow::Committed { log_index, .. } => Some(log_index),
        StateRow::Reserved | StateRow::Stored { .. } => None,
    }
}

fn exists(storage: &dyn Storage) -> Result<bool, LedgerError> {
    Ok(storage.list("")?.iter().any(|name| name == FILE))
}

fn backend(blocks: Box<dyn Blocks>) -> Result<(Backend, KeptTime), LedgerError> {
    Ok(Backend::new(blocks).map_err(|source| StorageError::new("read", FILE, source))?)
}

fn database(backend: impl StorageBackend) -> Result<Database, LedgerError> {
    // Without the check a flipped bit can panic inside the store, or change rows.
    guarded(|| Builder::new().set_check_integrity_on_open(true).create_with_backend(backend).map_err(fault))
}

/// A panic inside the store means bytes that it did not expect.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(LedgerError::damaged("the store")))
}

#[cfg(test)]
mod tests;
