//! Walking the whole ledger: every record against its predecessor, every total against its sum.

use super::rows::{
    ANSWERS, KEYS, META, Macs, OPEN, RECORDS, RENEWALS, RecordRow, RenewalRow, STATES, StateRow, Tag,
    TotalsRow, answer, book, fault, renewals, state, totals,
};
use super::store::guarded;
use super::{LedgerError, Record};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableHandle};

/// Every table of the store: a ledger has no other.
const TABLES: [&str; 7] = ["records", "states", "answers", "keys", "open", "renewals", "meta"];

/// A record as it lies in the store, its chain checked.
pub(super) struct Row {
    seq: u64,
    chain: Tag,
    body: RecordRow,
    state: StateRow,
}

impl Row {
    pub(super) fn public(self) -> Result<Record, LedgerError> {
        self.body.public(self.seq, self.state.public())
    }
}

/// A record that was read, and its MAC; none of either before the first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place(Option<(u64, Tag)>);

/// Walks the records, each against its predecessor's MAC.
pub(super) struct Chain<'l> {
    macs: &'l Macs,
    rows: redb::Range<'static, u64, &'static [u8]>,
    states: ReadOnlyTable<u64, &'static [u8]>,
    seq: u64,
    chain: Tag,
    ended: bool,
}

impl<'l> Chain<'l> {
    pub(super) fn from_the_first(macs: &'l Macs, transaction: &ReadTransaction) -> Result<Self, LedgerError> {
        Self::after(Place::default(), macs, transaction)
    }

    /// From the record after that one.
    pub(super) fn after(
        Place(place): Place,
        macs: &'l Macs,
        transaction: &ReadTransaction,
    ) -> Result<Self, LedgerError> {
        // The first record is 1: a row 0 is one too many, and is met here.
        let from = place.map_or(0, |(seq, _)| seq.saturating_add(1));
        let (seq, chain) = place.unwrap_or((0, macs.book));
        let records = transaction.open_table(RECORDS).map_err(fault)?;
        Ok(Self {
            macs,
            rows: records.range(from..).map_err(fault)?,
            states: transaction.open_table(STATES).map_err(fault)?,
            seq,
            chain,
            ended: false,
        })
    }

    /// The record that was read last.
    pub(super) const fn place(&self) -> Place {
        Place(Some((self.seq, self.chain)))
    }

    pub(super) fn next_row(&mut self) -> Option<Result<Row, LedgerError>> {
        if self.ended {
            return None;
        }
        let row = guarded(|| self.checked()).transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }

    fn checked(&mut self) -> Result<Option<Row>, LedgerError> {
        let Some(row) = self.rows.next() else { return Ok(None) };
        let (found, bytes) = row.map_err(fault)?;
        let seq = self.seq.saturating_add(1);
        if found.value() != seq {
            return Err(LedgerError::damaged(format!("record {seq}")));
        }
        let (chain, body) = self.macs.read_record(seq, &self.chain, bytes.value())?;
        let state = state(self.macs, &self.states, seq, &chain)?;
        (self.seq, self.chain) = (seq, chain);
        Ok(Some(Row { seq, chain, body, state }))
    }
}

/// Puts a renewal in force where it is between the records.
fn renew(sums: &mut TotalsRow, renewal: &RenewalRow, tag: Tag) -> Result<(), LedgerError> {
    let here = (renewal.after, renewal.chain) == (sums.last, sums.chain) && renewal.pool.opened_at >= sums.at;
    let number = sums.renewals.saturating_add(1);
    let renewed = if here { sums.renew(renewal, tag) } else { None };
    renewed.ok_or_else(|| LedgerError::damaged(format!("renewal {number}")))
}

/// Checks all rows of one snapshot and shows each record; the number of records.
pub(super) fn verify(
    macs: &Macs,
    transaction: &ReadTransaction,
    each: &mut dyn FnMut(&Record),
) -> Result<u64, LedgerError> {
    let strange = transaction.list_tables().map_err(fault)?.any(|table| !TABLES.contains(&table.name()));
    if strange || transaction.list_multimap_tables().map_err(fault)?.next().is_some() {
        return Err(LedgerError::damaged("the list of tables"));
    }
    let answers = transaction.open_table(ANSWERS).map_err(fault)?;
    let keys = transaction.open_table(KEYS).map_err(fault)?;
    let open = transaction.open_table(OPEN).map_err(fault)?;
    let meta = transaction.open_table(META).map_err(fault)?;
    let records = transaction.open_table(RECORDS).map_err(fault)?;
    let states = transaction.open_table(STATES).map_err(fault)?;
    let (tag, row) = book(macs, &meta)?;
    if tag != macs.book {
        return Err(LedgerError::damaged(super::THE_BOOK));
    }
    let mut sums = TotalsRow::empty(tag, row.first());
    let mut renewed =
        renewals(macs, &transaction.open_table(RENEWALS).map_err(fault)?)?.into_iter().peekable();
    let mut chain = Chain::from_the_first(macs, transaction)?;
    while let Some(row) = chain.next_row() {
        let Row { seq, chain, body, state } = row?;
        while let Some((tag, renewal)) = renewed.next_if(|(_, renewal)| renewal.after < seq) {
            renew(&mut sums, &renewal, tag)?;
        }
        let wrong = |what: &str| LedgerError::damaged(format!("{what} of record {seq}"));
        if body.at < sums.at {
            return Err(wrong("time"));
        }
        if let Some(hash) = state.answer() {
            answer(&answers, seq, &hash)?;
        }
        if keys.get(&body.key).map_err(fault)?.map(|seq| seq.value()) != Some(seq) {
            return Err(wrong("key"));
        }
        let finished = matches!(state, StateRow::Committed { .. });
        if open.get(seq).map_err(fault)?.is_some() == finished {
            return Err(wrong("state"));
        }
        sums.add(&body, chain).and_then(|()| sums.count(None, state)).ok_or_else(|| wrong("units"))?;
        each(&body.public(seq, state.public())?);
    }
    for (tag, renewal) in renewed {
        renew(&mut sums, &renewal, tag)?;
    }
    if sums != totals(macs, &meta, &records)? {
        return Err(LedgerError::damaged("the totals"));
    }
    let lengths = [
        ("states", states.len().map_err(fault)?, sums.last),
        ("keys", keys.len().map_err(fault)?, sums.last),
        ("answers", answers.len().map_err(fault)?, sums.stored.saturating_add(sums.committed)),
        ("open charges", open.len().map_err(fault)?, sums.reserved.saturating_add(sums.stored)),
        ("book rows", meta.len().map_err(fault)?, 2),
    ];
    match lengths.into_iter().find(|(_, found, expected)| found != expected) {
        Some((place, ..)) => Err(LedgerError::damaged(format!("the list of {place}"))),
        None => Ok(sums.last),
    }
}
