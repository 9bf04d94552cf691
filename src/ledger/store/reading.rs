//! The reading half of the embedded ledger: each method in one read transaction, which waits for no step that is under way.

use redb::ReadableTable;

use super::{RedbLedger, log_index};
use crate::ledger::rows::{
    ANSWERS, KEYS, META, OPEN, RECORDS, RENEWALS, STATES, TotalsRow, answer, fault, record, renewals, state,
    totals,
};
use crate::ledger::walk::{Chain, Row, verify};
use crate::ledger::{
    Book, LedgerError, Pool, Record, Renewal, Reservation, StoredAnswer, Totals, Unfinished,
};

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

    fn record(&self, seq: u64) -> Result<Option<Record>, LedgerError> {
        self.look(|transaction| {
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            let states = transaction.open_table(STATES).map_err(fault)?;
            if records.get(seq).map_err(fault)?.is_none() {
                return Ok(None);
            }
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

    fn answered(&self, key: &[u8; 32]) -> Result<Option<StoredAnswer>, LedgerError> {
        self.look(|transaction| {
            let keys = transaction.open_table(KEYS).map_err(fault)?;
            let records = transaction.open_table(RECORDS).map_err(fault)?;
            let states = transaction.open_table(STATES).map_err(fault)?;
            let answers = transaction.open_table(ANSWERS).map_err(fault)?;
            Ok(self.found(&keys, (&records, &states, &answers), key)?.and_then(Reservation::stored))
        })
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>, LedgerError> {
        self.look(|transaction| {
            let mut chain = Chain::from_the_first(&self.macs, transaction)?;
            Ok(Box::new(std::iter::from_fn(move || chain.next_row().map(|row| row.and_then(Row::public))))
                as Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>)
        })
    }

    fn verify_each(&self, each: &mut dyn FnMut(&Record)) -> Result<u64, LedgerError> {
        self.look(|transaction| verify(&self.macs, transaction, each))
    }
}
