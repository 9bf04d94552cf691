//! The rows of the ledger: a MAC before each, checked before anything is decoded.
//!
//! `records[seq]  = chain = HMAC(key, "record" || seq || chain of seq - 1 || body) || body`, the book's MAC being chain 0;
//! `states[seq]   = HMAC(key, "state" || chain of seq || body) || body`, which names the hash of `answers[seq]`;
//! `meta[totals]  = HMAC(key, "totals" || book's MAC || body) || body`, which names the last seq and its chain;
//! `renewals[n]   = HMAC(key, "renewal" || n || MAC of n - 1 || body) || body`, which names the record that it follows, the
//! book's MAC being that of renewal 0; the totals name the last one;
//! `keys` and `open` are indexes: `keys` is checked against the record it leads to, both are checked by `verify`.

use super::{LedgerError, LogHead, Pool, PoolKind, Record, Renewal, State, StoreFault, Totals};
use crate::storage::file_time;
use crate::types::{EpochId, RecipientId, Secret, StudyId, Timestamp, codec};
use bincode::{Decode, Encode};
use redb::{ReadableTable, TableDefinition};
use ring::hmac;
use std::collections::BTreeMap;
use std::time::SystemTime;

pub(super) type Rows = TableDefinition<'static, u64, &'static [u8]>;
pub(super) const RECORDS: Rows = TableDefinition::new("records");
pub(super) const STATES: Rows = TableDefinition::new("states");
pub(super) const ANSWERS: Rows = TableDefinition::new("answers");
pub(super) const RENEWALS: Rows = TableDefinition::new("renewals");
pub(super) const KEYS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("keys");
pub(super) const OPEN: TableDefinition<u64, ()> = TableDefinition::new("open");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
pub(super) const BOOK: &str = "book";
pub(super) const TOTALS: &str = "totals";

pub(super) type Tag = [u8; 32];

/// The version of these rows.
const VERSION: u32 = 2;

/// The first row: whose ledger this is, and its first pool.
#[derive(Encode, Decode)]
pub(super) struct BookRow {
    version: u32,
    sandbox: String,
    accounting: PoolKind,
    pool: PoolRow,
}

/// A pool in force.
#[derive(Encode, Decode, Clone, Copy, PartialEq, Eq)]
pub(super) struct PoolRow {
    pub(super) limit: u128,
    pub(super) opened_at: i64,
    window_days: Option<u32>,
}

impl PoolRow {
    fn new(pool: &Pool) -> Self {
        let Pool { limit, opened_at, window_days, .. } = pool;
        Self { limit: *limit, opened_at: opened_at.seconds(), window_days: *window_days }
    }

    pub(super) fn public(self, accounting: &PoolKind) -> Pool {
        Pool {
            accounting: accounting.clone(),
            limit: self.limit,
            opened_at: Timestamp::from_seconds(self.opened_at),
            window_days: self.window_days,
        }
    }
}

/// A renewal of the pool.
#[derive(Encode, Decode)]
pub(super) struct RenewalRow {
    /// The record that it follows, and the end of the chain there.
    pub(super) after: u64,
    pub(super) chain: Tag,
    pub(super) pool: PoolRow,
    log_size: u64,
    log_root: [u8; 32],
}

impl RenewalRow {
    /// A renewal after everything that `totals` hold.
    pub(super) fn new(renewal: &Renewal, totals: &TotalsRow) -> Self {
        let Renewal { limit, window_days, log_head, at, .. } = renewal;
        Self {
            after: totals.last,
            chain: totals.chain,
            pool: PoolRow { limit: *limit, opened_at: at.seconds(), window_days: *window_days },
            log_size: log_head.size,
            log_root: log_head.root,
        }
    }

    pub(super) fn public(&self, number: u64) -> Renewal {
        Renewal {
            number,
            limit: self.pool.limit,
            window_days: self.pool.window_days,
            log_head: LogHead { size: self.log_size, root: self.log_root },
            at: Timestamp::from_seconds(self.pool.opened_at),
        }
    }
}

impl BookRow {
    pub(super) fn new(sandbox: &str, pool: &Pool) -> Self {
        Self {
            version: VERSION,
            sandbox: sandbox.to_owned(),
            accounting: pool.accounting.clone(),
            pool: PoolRow::new(pool),
        }
    }

    /// The first pool.
    pub(super) const fn first(&self) -> PoolRow {
        self.pool
    }

    /// How the pools count, if the book is this sandbox's and of this version.
    pub(super) fn accounting(self, sandbox: &str) -> Result<PoolKind, LedgerError> {
        if self.version != VERSION {
            return Err(LedgerError::damaged("the book (another version)"));
        }
        if self.sandbox != sandbox {
            return Err(LedgerError::AnotherSandbox);
        }
        Ok(self.accounting)
    }
}

/// The part of a record that never changes.
#[derive(Encode, Decode)]
pub(super) struct RecordRow {
    pub(super) key: [u8; 32],
    pub(super) study: String,
    pub(super) recipient: String,
    pub(super) epoch: String,
    pub(super) units: u128,
    pub(super) log_size: u64,
    pub(super) log_root: [u8; 32],
    pub(super) at: i64,
}

impl RecordRow {
    pub(super) fn public(self, seq: u64, state: State) -> Result<Record, LedgerError> {
        let damaged = |_| LedgerError::damaged(format!("record {seq}"));
        Ok(Record {
            seq,
            key: self.key,
            study: StudyId::new(&self.study).map_err(damaged)?,
            recipient: RecipientId::new(&self.recipient).map_err(damaged)?,
            epoch: EpochId::new(&self.epoch).map_err(damaged)?,
            units: self.units,
            log_head: LogHead { size: self.log_size, root: self.log_root },
            at: Timestamp::from_seconds(self.at),
            state,
        })
    }
}

/// The part of a record that changes twice.
#[derive(Encode, Decode, Clone, Copy)]
pub(super) enum StateRow {
    Reserved,
    Stored { answer: [u8; 32] },
    Committed { answer: [u8; 32], log_index: u64 },
}

impl StateRow {
    pub(super) const fn public(self) -> State {
        match self {
            Self::Reserved => State::Reserved,
            Self::Stored { .. } => State::Stored,
            Self::Committed { log_index, .. } => State::Committed { log_index },
        }
    }

    /// The hash of the sealed answer, once there is one.
    pub(super) const fn answer(self) -> Option<[u8; 32]> {
        match self {
            Self::Reserved => None,
            Self::Stored { answer } | Self::Committed { answer, .. } => Some(answer),
        }
    }
}

/// All sums, the pool in force, and the ends of both chains.
#[derive(Encode, Decode, Clone, PartialEq, Eq)]
pub(super) struct TotalsRow {
    pub(super) last: u64,
    pub(super) chain: Tag,
    pub(super) at: i64,
    pub(super) in_force: PoolRow,
    pub(super) renewals: u64,
    pub(super) renewed: Tag,
    pub(super) pool: u128,
    pub(super) lifetime: u128,
    pub(super) studies: BTreeMap<String, u128>,
    pub(super) recipients: BTreeMap<String, u128>,
    pub(super) reserved: u64,
    pub(super) stored: u64,
    pub(super) committed: u64,
    /// How many entries a log has at least that holds all committed answers.
    pub(super) logged: u64,
}

impl TotalsRow {
    pub(super) fn empty(book: Tag, in_force: PoolRow) -> Self {
        Self {
            last: 0,
            chain: book,
            at: in_force.opened_at,
            in_force,
            renewals: 0,
            renewed: book,
            pool: 0,
            lifetime: 0,
            studies: BTreeMap::new(),
            recipients: BTreeMap::new(),
            reserved: 0,
            stored: 0,
            committed: 0,
            logged: 0,
        }
    }

    /// Adds a record with the number `last + 1`; `None` when a sum does not fit.
    pub(super) fn add(&mut self, row: &RecordRow, chain: Tag) -> Option<()> {
        self.last = self.last.checked_add(1)?;
        self.chain = chain;
        self.at = row.at;
        self.pool = self.pool.checked_add(row.units)?;
        self.lifetime = self.lifetime.checked_add(row.units)?;
        for (sums, name) in [(&mut self.studies, &row.study), (&mut self.recipients, &row.recipient)] {
            let sum = sums.entry(name.clone()).or_default();
            *sum = sum.checked_add(row.units)?;
        }
        Some(())
    }

    /// Puts the pool of renewal `renewals + 1` in force; `None` when there are too many.
    pub(super) fn renew(&mut self, row: &RenewalRow, tag: Tag) -> Option<()> {
        self.renewals = self.renewals.checked_add(1)?;
        self.renewed = tag;
        self.at = row.pool.opened_at;
        self.in_force = row.pool;
        self.pool = 0;
        self.studies.clear();
        self.recipients.clear();
        Some(())
    }

    /// Counts one charge into the state `to` and, unless it is new, out of `from`.
    pub(super) fn count(&mut self, from: Option<StateRow>, to: StateRow) -> Option<()> {
        if let Some(from) = from {
            let left = self.counter(from);
            *left = left.checked_sub(1)?;
        }
        if let StateRow::Committed { log_index, .. } = to {
            self.logged = self.logged.max(log_index.checked_add(1)?);
        }
        let entered = self.counter(to);
        *entered = entered.checked_add(1)?;
        Some(())
    }

    fn counter(&mut self, state: StateRow) -> &mut u64 {
        match state {
            StateRow::Reserved => &mut self.reserved,
            StateRow::Stored { .. } => &mut self.stored,
            StateRow::Committed { .. } => &mut self.committed,
        }
    }

    /// How many steps charges have taken.
    fn steps_of_charges(&self) -> u64 {
        let steps = self.stored.saturating_mul(2).saturating_add(self.committed.saturating_mul(3));
        self.reserved.saturating_add(steps)
    }

    /// How many steps the ledger has taken: each one makes it larger.
    pub(super) fn steps(&self) -> u64 {
        self.steps_of_charges().saturating_add(self.renewals)
    }

    /// The time of a file with these totals: that of its last record, a little later with every step.
    pub(super) fn file_time(&self) -> SystemTime {
        file_time(Timestamp::from_seconds(self.at), self.steps_of_charges())
    }

    pub(super) fn public(self) -> Totals {
        Totals {
            renewals: self.renewals,
            logged: self.logged,
            pool: self.pool,
            lifetime: self.lifetime,
            studies: self.studies,
            recipients: self.recipients,
        }
    }
}

/// The key of the MACs, and the MAC of the book, from which the chain starts.
pub(super) struct Macs {
    key: hmac::Key,
    pub(super) book: Tag,
}

impl Macs {
    pub(super) fn new(key: &Secret) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()), book: [0; 32] }
    }

    /// Parts before the body have fixed lengths for each kind, so that no two rows give the same text.
    fn text(kind: &str, parts: &[&[u8]], body: &[u8]) -> Vec<u8> {
        let mut text = [b"hushtag 2026 v1 ledger ", kind.as_bytes(), b"\0"].concat();
        parts.iter().for_each(|part| text.extend_from_slice(part));
        text.extend_from_slice(body);
        text
    }

    pub(super) fn write<T: Encode>(
        &self,
        kind: &str,
        parts: &[&[u8]],
        body: &T,
    ) -> Result<(Tag, Vec<u8>), LedgerError> {
        let body = codec::encode(body).map_err(|_| LedgerError::TooLarge)?;
        let mut tag = [0; 32];
        let mac = hmac::sign(&self.key, &Self::text(kind, parts, &body));
        tag.iter_mut().zip(mac.as_ref()).for_each(|(to, from)| *to = *from);
        Ok((tag, [&tag[..], &body].concat()))
    }

    pub(super) fn read<T: Encode + Decode<()>>(
        &self,
        kind: &str,
        parts: &[&[u8]],
        row: &[u8],
    ) -> Option<(Tag, T)> {
        let (tag, body) = row.split_first_chunk::<32>()?;
        hmac::verify(&self.key, &Self::text(kind, parts, body), tag).ok()?;
        Some((*tag, codec::decode(body).ok()?))
    }

    pub(super) fn write_book(&self, book: &BookRow) -> Result<(Tag, Vec<u8>), LedgerError> {
        self.write("book", &[], book)
    }

    pub(super) fn write_record(
        &self,
        seq: u64,
        before: &Tag,
        row: &RecordRow,
    ) -> Result<(Tag, Vec<u8>), LedgerError> {
        self.write("record", &[&seq.to_le_bytes(), before], row)
    }

    pub(super) fn read_record(
        &self,
        seq: u64,
        before: &Tag,
        row: &[u8],
    ) -> Result<(Tag, RecordRow), LedgerError> {
        self.read("record", &[&seq.to_le_bytes(), before], row)
            .ok_or_else(|| LedgerError::damaged(format!("record {seq}")))
    }

    pub(super) fn write_renewal(
        &self,
        number: u64,
        before: &Tag,
        row: &RenewalRow,
    ) -> Result<(Tag, Vec<u8>), LedgerError> {
        self.write("renewal", &[&number.to_le_bytes(), before], row)
    }

    pub(super) fn write_state(&self, chain: &Tag, state: StateRow) -> Result<Vec<u8>, LedgerError> {
        self.write("state", &[chain], &state).map(|(_, row)| row)
    }

    pub(super) fn write_totals(&self, totals: &TotalsRow) -> Result<(Tag, Vec<u8>), LedgerError> {
        self.write("totals", &[&self.book], totals)
    }
}

pub(super) fn fault(error: impl Into<redb::Error>) -> LedgerError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error.into() {
        // What the store says of a file that is not its own, or is cut short.
        redb::Error::Io(error) if matches!(error.kind(), InvalidData | UnexpectedEof) => {
            LedgerError::damaged("the store")
        }
        error @ (redb::Error::Io(_) | redb::Error::Backend(_) | redb::Error::PreviousIo) => {
            LedgerError::Store(StoreFault(error))
        }
        redb::Error::ValueTooLarge(_) => LedgerError::TooLarge,
        _ => LedgerError::damaged("the store"),
    }
}

/// All renewals in order, each checked against the one before it.
pub(super) fn renewals(macs: &Macs, rows: &impl ByNumber) -> Result<Vec<(Tag, RenewalRow)>, LedgerError> {
    let mut all: Vec<(Tag, RenewalRow)> = Vec::new();
    for (number, row) in (1_u64..).zip(rows.iter().map_err(fault)?) {
        let (found, bytes) = row.map_err(fault)?;
        let before = all.last().map_or(macs.book, |(tag, _)| *tag);
        let read = macs.read("renewal", &[&number.to_le_bytes(), &before], bytes.value());
        let read = read.filter(|_| found.value() == number);
        all.push(read.ok_or_else(|| LedgerError::damaged(format!("renewal {number}")))?);
    }
    Ok(all)
}

pub(super) trait ByNumber: ReadableTable<u64, &'static [u8]> {}
impl<T: ReadableTable<u64, &'static [u8]>> ByNumber for T {}

/// The book, and its MAC.
pub(super) fn book(
    macs: &Macs,
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<(Tag, BookRow), LedgerError> {
    let row = meta.get(BOOK).map_err(fault)?;
    row.and_then(|row| macs.read("book", &[], row.value()))
        .ok_or_else(|| LedgerError::damaged(super::THE_BOOK))
}

/// The totals, after checking that they are those of the last record.
pub(super) fn totals(
    macs: &Macs,
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    records: &impl ByNumber,
) -> Result<TotalsRow, LedgerError> {
    tagged_totals(macs, meta, records).map(|(_, totals)| totals)
}

/// As [`totals`], with their MAC.
pub(super) fn tagged_totals(
    macs: &Macs,
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    records: &impl ByNumber,
) -> Result<(Tag, TotalsRow), LedgerError> {
    let damaged = || LedgerError::damaged("the totals");
    let row = meta.get(TOTALS).map_err(fault)?.ok_or_else(damaged)?;
    let (tag, totals) = macs.read::<TotalsRow>("totals", &[&macs.book], row.value()).ok_or_else(damaged)?;
    let last = match records.last().map_err(fault)? {
        Some((seq, row)) => (seq.value(), row.value().first_chunk::<32>().copied()),
        None => (0, Some(macs.book)),
    };
    if last == (totals.last, Some(totals.chain)) { Ok((tag, totals)) } else { Err(damaged()) }
}

/// The record `seq` and its chain MAC.
pub(super) fn record(
    macs: &Macs,
    records: &impl ByNumber,
    seq: u64,
) -> Result<(Tag, RecordRow), LedgerError> {
    let damaged = |seq| move || LedgerError::damaged(format!("record {seq}"));
    let before = match seq.checked_sub(1).ok_or_else(damaged(seq))? {
        0 => macs.book,
        before => {
            let row = records.get(before).map_err(fault)?.ok_or_else(damaged(before))?;
            *row.value().first_chunk::<32>().ok_or_else(damaged(before))?
        }
    };
    let row = records.get(seq).map_err(fault)?.ok_or_else(damaged(seq))?;
    macs.read_record(seq, &before, row.value())
}

/// The state of the record `seq` with that chain MAC.
pub(super) fn state(
    macs: &Macs,
    states: &impl ByNumber,
    seq: u64,
    chain: &Tag,
) -> Result<StateRow, LedgerError> {
    let row = states.get(seq).map_err(fault)?;
    row.and_then(|row| macs.read("state", &[chain], row.value()))
        .map(|(_, state)| state)
        .ok_or_else(|| LedgerError::damaged(format!("state of record {seq}")))
}

/// The sealed answer of the record `seq`, whose state names its hash.
pub(super) fn answer(answers: &impl ByNumber, seq: u64, hash: &[u8; 32]) -> Result<Vec<u8>, LedgerError> {
    let row = answers.get(seq).map_err(fault)?;
    row.map(|row| row.value().to_vec())
        .filter(|sealed| blake3::hash(sealed) == *hash)
        .ok_or_else(|| LedgerError::damaged(format!("answer of record {seq}")))
}
