//! The tables of the store inside one write transaction.

use super::LedgerError;
use super::journal::Change;
use super::rows::{
    ANSWERS, KEYS, META, Macs, OPEN, RECORDS, RENEWALS, STATES, StateRow, TOTALS, Tag, TotalsRow, fault,
    totals,
};
use crate::storage::KeptTime;
use redb::{Table, WriteTransaction};
use std::time::SystemTime;

/// The tables inside one write transaction, and what was changed in them.
pub(super) struct Tables<'t> {
    pub(super) records: Table<'t, u64, &'static [u8]>,
    pub(super) states: Table<'t, u64, &'static [u8]>,
    pub(super) answers: Table<'t, u64, &'static [u8]>,
    pub(super) keys: Table<'t, &'static [u8; 32], u64>,
    pub(super) open: Table<'t, u64, ()>,
    pub(super) renewals: Table<'t, u64, &'static [u8]>,
    pub(super) meta: Table<'t, &'static str, &'static [u8]>,
    time: &'t KeptTime,
    changes: Vec<Change>,
    /// The MAC of the totals that were written last, the steps that they count, and the time of a file with them.
    reached: Option<(Tag, u64, SystemTime)>,
}

/// Whether a step changed anything that must become durable.
pub(super) enum Effect<T> {
    Changed(T),
    Unchanged(T),
}

/// What a transaction changed, and where the ledger is with it.
pub(super) struct Changed {
    pub(super) changes: Vec<Change>,
    pub(super) after: Tag,
    pub(super) steps: u64,
    pub(super) at: SystemTime,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, time: &'t KeptTime) -> Result<Self, LedgerError> {
        Ok(Self {
            time,
            records: transaction.open_table(RECORDS).map_err(fault)?,
            states: transaction.open_table(STATES).map_err(fault)?,
            answers: transaction.open_table(ANSWERS).map_err(fault)?,
            keys: transaction.open_table(KEYS).map_err(fault)?,
            open: transaction.open_table(OPEN).map_err(fault)?,
            renewals: transaction.open_table(RENEWALS).map_err(fault)?,
            meta: transaction.open_table(META).map_err(fault)?,
            changes: Vec::new(),
            reached: None,
        })
    }

    /// Writes a row, and remembers it for the journal.
    pub(super) fn put(&mut self, change: Change) -> Result<(), LedgerError> {
        self.apply(&change)?;
        self.changes.push(change);
        Ok(())
    }

    /// Writes a row.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), LedgerError> {
        match change {
            Change::Record(seq, row) => drop(self.records.insert(seq, row.as_slice()).map_err(fault)?),
            Change::State(seq, row) => drop(self.states.insert(seq, row.as_slice()).map_err(fault)?),
            Change::Answer(seq, row) => drop(self.answers.insert(seq, row.as_slice()).map_err(fault)?),
            Change::Renewal(number, row) => {
                drop(self.renewals.insert(number, row.as_slice()).map_err(fault)?);
            }
            Change::Key(key, seq) => drop(self.keys.insert(key, seq).map_err(fault)?),
            Change::Open(seq) => drop(self.open.insert(seq, ()).map_err(fault)?),
            Change::Closed(seq) => drop(self.open.remove(seq).map_err(fault)?),
            Change::Totals(row) => drop(self.meta.insert(TOTALS, row.as_slice()).map_err(fault)?),
        }
        Ok(())
    }

    pub(super) fn put_state(
        &mut self,
        macs: &Macs,
        seq: u64,
        chain: &Tag,
        state: StateRow,
    ) -> Result<(), LedgerError> {
        self.put(Change::State(seq, macs.write_state(chain, state)?))?;
        self.put(match state {
            StateRow::Committed { .. } => Change::Closed(seq),
            StateRow::Reserved | StateRow::Stored { .. } => Change::Open(seq),
        })
    }

    pub(super) fn put_totals(&mut self, macs: &Macs, totals: &TotalsRow) -> Result<(), LedgerError> {
        let (tag, row) = macs.write_totals(totals)?;
        self.put(Change::Totals(row))?;
        let at = totals.file_time();
        self.reached = Some((tag, totals.steps(), at));
        self.time.keep(Some(at));
        Ok(())
    }

    /// Moves a charge from one state to the next, and counts it.
    pub(super) fn advance(
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

    /// Closes the tables. Of several totals that were written the last alone is kept.
    pub(super) fn changed(mut self) -> Option<Changed> {
        let (after, steps, at) = self.reached?;
        let is_totals = |change: &Change| matches!(change, Change::Totals(_));
        let mut left = self.changes.iter().filter(|change| is_totals(change)).count();
        self.changes.retain(|change| {
            left -= usize::from(is_totals(change));
            !is_totals(change) || left == 0
        });
        Some(Changed { changes: self.changes, after, steps, at })
    }
}
