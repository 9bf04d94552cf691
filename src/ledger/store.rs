//! The embedded ledger: redb over the sandbox's storage, and a journal before it.
//!
//! Our own writer lock keeps other processes from writing; who reads beside a live writer takes a [`super::Snapshot`].
//!
//! # How the check of the store is split
//! At open, of a store of at most 16 MiB every page has its checksum; of a larger one the header, the book, the totals and
//! the end of the chain are checked, and the journal as a whole. From then on each row is checked by its MAC whenever it is
//! read, and an answer by the hash that its state names. That a question has no row is believed of a page without a check:
//! then it is charged, so that a damaged index can cost units, and gives none back. [`Book::verify_each`] over a snapshot
//! reads and checks everything.

mod reading;

use super::journal::{self, Change, Frame, JOURNAL, Journal};
use super::rows::{
    BOOK, BookRow, ByNumber, META, Macs, RECORDS, RecordRow, RenewalRow, StateRow, Tag, TotalsRow, answer,
    book, fault, record, state, tagged_totals, totals,
};
use super::tables::{Changed, Effect, Tables};
use super::walk::{Chain, Place, Row};
use super::{
    Charge, Done, Ledger, LedgerError, OverBudget, Pool, PoolKind, Record, Renewal, Request, Reservation,
    Share, Step, StoredAnswer,
};
use crate::storage::{Backend, Blocks, KeptTime, Storage, StorageError};
use crate::types::{Secret, Timestamp};
use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend,
    WriteTransaction,
};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The file of the ledger in the folder of a sandbox.
pub const FILE: &str = "ledger.redb";
/// Up to this length every page of the store is checked at open: some tens of milliseconds.
const CHECKED_WHOLE: u64 = 16 << 20;
/// How much of the store is kept in memory at most: whatever it holds.
const CACHE: usize = 16 << 20;

/// The embedded ledger of a sandbox, `ledger.redb` and `ledger.journal`.
pub struct RedbLedger {
    database: Database,
    macs: Macs,
    accounting: PoolKind,
    poisoned: AtomicBool,
    /// The time that its file has: that of its last record, whenever it was written.
    time: KeptTime,
    /// Where the rows of a step become durable; one that is only read has none.
    journal: Option<Mutex<Journal>>,
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
        let (database, poisoned) = (database(backend, false)?, AtomicBool::new(false));
        let mut ledger = Self { database, macs, accounting: pool.accounting, poisoned, time, journal: None };
        guarded(|| {
            let transaction = ledger.begin_durable()?;
            let mut tables = Tables::open(&transaction, &ledger.time)?;
            tables.meta.insert(BOOK, row.as_slice()).map_err(fault)?;
            tables.put_totals(&ledger.macs, &totals)?;
            drop(tables);
            transaction.commit().map_err(fault)
        })?;
        ledger.journal = Some(Mutex::new(Journal::open(storage.blocks(JOURNAL)?, &ledger.macs, 0)?.0));
        Ok(ledger)
    }

    /// Opens the ledger, after a check of its store as far as the head of this room says. What the store lacks is taken from the
    /// journal.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::AnotherSandbox`], [`LedgerError::Damaged`], or a failed store.
    pub fn open(storage: &dyn Storage, key: &Secret, sandbox: &str) -> Result<Self, LedgerError> {
        if !exists(storage)? {
            return Err(LedgerError::Missing);
        }
        let blocks = storage.blocks(FILE)?;
        let check = length(&*blocks)? <= CHECKED_WHOLE;
        let (backend, time) = backend(blocks)?;
        let mut ledger = Self::over(backend, time, (key, sandbox), check)?;
        let journal = storage.blocks(JOURNAL)?;
        let (journal, frames) = Journal::open(journal, &ledger.macs, ledger.totals()?.1.steps())?;
        ledger.catch_up(frames)?;
        ledger.journal = Some(Mutex::new(journal));
        Ok(ledger)
    }

    /// The ledger in a store that exists, as far as it goes without the journal.
    pub(super) fn over(
        backend: impl StorageBackend,
        time: KeptTime,
        (key, sandbox): (&Secret, &str),
        check: bool,
    ) -> Result<Self, LedgerError> {
        let mut macs = Macs::new(key);
        let database = database(backend, check)?;
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
        Ok(Self { database, macs, accounting, poisoned: AtomicBool::new(false), time, journal: None })
    }

    /// Takes the rows that the store lacks from the frames of the journal, in memory.
    pub(super) fn catch_up(&self, frames: Vec<Frame>) -> Result<(), LedgerError> {
        let (tag, totals) = self.totals()?;
        let missing = journal::missing(frames, &tag, totals.steps())?;
        if missing.is_empty() {
            return Ok(());
        }
        guarded(|| {
            let transaction = self.begin_in_memory()?;
            let mut tables = Tables::open(&transaction, &self.time)?;
            let changes = missing.iter().flat_map(|frame| &frame.changes);
            changes.into_iter().try_for_each(|change| tables.apply(change))?;
            let now = totals_of(&self.macs, &tables)?;
            self.time.keep(Some(now.file_time()));
            drop(tables);
            transaction.commit().map_err(fault)
        })
    }

    /// So many records after that one, and the last of them.
    pub(super) fn some_records(
        &self,
        after: Place,
        count: usize,
    ) -> Result<(Vec<Record>, Place), LedgerError> {
        self.look(|transaction| {
            let mut chain = Chain::after(after, &self.macs, transaction)?;
            let rows = std::iter::from_fn(|| chain.next_row()).take(count);
            let records: Vec<Record> = rows.map(|row| row.and_then(Row::public)).collect::<Result<_, _>>()?;
            let place = if records.is_empty() { after } else { chain.place() };
            Ok((records, place))
        })
    }

    pub(super) const fn macs(&self) -> &Macs {
        &self.macs
    }

    /// The totals with their MAC.
    pub(super) fn totals(&self) -> Result<(Tag, TotalsRow), LedgerError> {
        self.look(|transaction| {
            let meta = transaction.open_table(META).map_err(fault)?;
            tagged_totals(&self.macs, &meta, &transaction.open_table(RECORDS).map_err(fault)?)
        })
    }

    /// A transaction that other transactions of this handle see, and nothing else.
    fn begin_in_memory(&self) -> Result<WriteTransaction, LedgerError> {
        let mut transaction = self.database.begin_write().map_err(fault)?;
        transaction.set_durability(Durability::None).map_err(fault)?;
        Ok(transaction)
    }

    /// A transaction that makes itself and all before it durable. The next open needs no walk through the store after it.
    fn begin_durable(&self) -> Result<WriteTransaction, LedgerError> {
        let mut transaction = self.database.begin_write().map_err(fault)?;
        transaction.set_durability(Durability::Immediate).map_err(fault)?;
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// Runs `work` as one durable transaction. If we stop before its frame is in the journal, nothing of it is there; after
    /// it, all.
    fn transact<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<Effect<T>, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.unless_poisoned(|| {
            // Lock order: the journal, then the transaction.
            let journal = self.journal.as_ref().ok_or(LedgerError::Poisoned)?;
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have failed while this one waited for its turn.
            if self.poisoned.load(Ordering::SeqCst) {
                return Err(LedgerError::Poisoned);
            }
            let transaction = self.begin_in_memory()?;
            let mut tables = Tables::open(&transaction, &self.time)?;
            let (before, _) = tagged_totals(&self.macs, &tables.meta, &tables.records)?;
            let outcome = work(&mut tables)?;
            let changed = tables.changed();
            match (outcome, changed) {
                (Effect::Changed(value), Some(changed)) => {
                    let Changed { changes, after, steps, at } = changed;
                    journal.append(&self.macs, &Frame { before, after, steps, changes }, at)?;
                    transaction.commit().map_err(fault)?;
                    if journal.is_long() && self.settle(&mut journal).is_err() {
                        // The step is durable, and what comes after it is not known.
                        self.poisoned.store(true, Ordering::SeqCst);
                    }
                    Ok(value)
                }
                (Effect::Changed(value) | Effect::Unchanged(value), _) => {
                    transaction.abort().map(|()| value).map_err(fault)
                }
            }
        })
    }

    /// Makes the store durable, so that the journal may begin again. Waits for readers beside us, which need its pages as they are,
    /// as long as the journal may grow.
    ///
    /// If we stop inside, the store is as it was last made durable, and the journal has every frame since.
    fn settle(&self, journal: &mut Journal) -> Result<(), LedgerError> {
        if !journal.claim() {
            return Ok(());
        }
        let settled = guarded(|| self.begin_durable()?.commit().map_err(fault));
        journal.unclaim();
        settled?;
        journal.begin_again();
        Ok(())
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
        let Tables { keys, records, states, answers, .. } = tables;
        self.found(keys, (records, states, answers), key)
    }

    /// [`RedbLedger::earlier`] in the tables of any transaction: records, states and answers.
    fn found(
        &self,
        keys: &impl ReadableTable<&'static [u8; 32], u64>,
        (records, states, answers): (&impl ByNumber, &impl ByNumber, &impl ByNumber),
        key: &[u8; 32],
    ) -> Result<Option<Reservation>, LedgerError> {
        let Some(seq) = keys.get(key).map_err(fault)?.map(|seq| seq.value()) else {
            return Ok(None);
        };
        let (chain, row) = record(&self.macs, records, seq)?;
        if row.key != *key {
            return Err(LedgerError::damaged(format!("key of record {seq}")));
        }
        let now = state(&self.macs, states, seq, &chain)?;
        Ok(Some(match now.answer() {
            None => Reservation::Resumed(Charge::new(seq, row.units, chain)),
            Some(hash) => Reservation::Stored(StoredAnswer {
                seq,
                sealed: answer(answers, seq, &hash)?,
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
            tables.put(Change::Renewal(next, bytes))?;
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
        tables.put(Change::Record(seq, bytes))?;
        tables.put(Change::Key(request.key, seq))?;
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
        tables.put(Change::Answer(seq, sealed.clone()))?;
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

pub(super) fn length(blocks: &dyn Blocks) -> Result<u64, LedgerError> {
    match blocks.len().map_err(|source| StorageError::new("read", FILE, source))? {
        0 => Err(LedgerError::damaged("the store (an empty file)")),
        length => Ok(length),
    }
}

fn totals_of(macs: &Macs, tables: &Tables<'_>) -> Result<TotalsRow, LedgerError> {
    totals(macs, &tables.meta, &tables.records)
}

/// The store; with `check`, after the checksum of every page that is in use.
pub(super) fn database(backend: impl StorageBackend, check: bool) -> Result<Database, LedgerError> {
    guarded(|| {
        let mut builder = Builder::new();
        builder.set_check_integrity_on_open(check).set_cache_size(CACHE);
        builder.create_with_backend(backend).map_err(fault)
    })
}

impl Drop for RedbLedger {
    /// Leaves the store with everything and the journal empty. If we stop inside, the next open takes it from the journal.
    fn drop(&mut self) {
        if self.poisoned.load(Ordering::SeqCst) || std::thread::panicking() {
            return;
        }
        let Some(journal) = self.journal.take() else { return };
        let mut journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !journal.is_there() {
            return;
        }
        let settled = guarded(|| self.begin_durable()?.commit().map_err(fault));
        if settled.is_ok()
            && let Ok((_, totals)) = self.totals()
        {
            journal.clear(totals.file_time());
        }
    }
}

/// A panic inside the store means bytes that it did not expect.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(LedgerError::damaged("the store")))
}

#[cfg(test)]
mod tests;
