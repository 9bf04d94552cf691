//! `verify`, ledger against log: every charge saw a head that the log had, and has its entry; every answer has its charge.

use std::collections::BTreeMap;

use crate::audit::{Entry, Hash, Kind};
use crate::ledger::{Book, Record, State};
use crate::operator::OperatorError;

/// The `ask` entries of a log, as the ledger has to know them: some tens of bytes each.
#[derive(Default)]
pub(in crate::operator) struct Asked {
    /// In the order of the log, then of the charges.
    entries: Vec<Ask>,
    /// Names of studies and recipients, each once.
    names: BTreeMap<String, u32>,
}

struct Ask {
    seq: u64,
    index: u64,
    units: u128,
    study: u32,
    recipient: u32,
}

impl Asked {
    /// Takes an entry in.
    pub(in crate::operator) fn read(&mut self, index: u64, entry: &Entry) {
        let Some(seq) = entry.ledger_seq.filter(|_| entry.kind == Kind::Ask) else { return };
        let units = entry.charged_units().unwrap_or(0);
        let (study, recipient) = (self.name(entry, "study"), self.name(entry, "recipient"));
        self.entries.push(Ask { seq, index, units, study, recipient });
    }

    fn name(&mut self, entry: &Entry, field: &str) -> u32 {
        let name = entry.body.get(field).and_then(|value| value.as_str()).unwrap_or("");
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        // Beyond 2^32 names the last ones would share a number: there are not so many entries.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.insert(name.to_owned(), number);
        number
    }

    /// Orders them by their charges, once all are read; gives the later entry of the last pair that has one charge.
    pub(in crate::operator) fn sort(&mut self) -> Option<u64> {
        self.entries.sort_unstable_by_key(|ask| (ask.seq, ask.index));
        let pairs = self.entries.iter().zip(self.entries.iter().skip(1));
        pairs.filter(|(one, other)| one.seq == other.seq).map(|(_, later)| later.index).max()
    }

    fn of(&self, seq: u64) -> Option<&Ask> {
        let place = self.entries.binary_search_by_key(&seq, |ask| ask.seq).ok()?;
        self.entries.get(place)
    }

    fn is_of(&self, ask: &Ask, record: &Record) -> bool {
        let is = |number: u32, name: &str| self.names.get(name) == Some(&number);
        ask.units == record.units
            && is(ask.study, record.study.as_str())
            && is(ask.recipient, record.recipient.as_str())
    }
}

/// Ledger against log, both ways: heads, sequence numbers, units, totals. Answers from entry `below` on may be newer than the
/// ledger.
pub(in crate::operator) fn check_ledger(
    ledger: &dyn Book,
    (asked, below): (&Asked, u64),
    heads: &[Hash],
) -> Result<u64, OperatorError> {
    let (mut committed, mut wrong) = (0_usize, None);
    let count = ledger.verify_each(&mut |record| {
        committed += usize::from(matches!(record.state, State::Committed { .. }));
        if wrong.is_none() {
            wrong = disagrees(record, (asked, below), heads).map(|why| (record.seq, why));
        }
    })?;
    if let Some((seq, why)) = wrong {
        return Err(OperatorError::damaged(format!("ledger record {seq}"), why));
    }
    let unknown = |ask: &&Ask| ask.seq == 0 || (ask.seq > count && ask.index < below);
    if let Some(ask) = asked.entries.iter().find(unknown) {
        let why = format!(
            "names charge {}, which the ledger does not have: it was rolled back or replaced",
            ask.seq
        );
        return Err(OperatorError::damaged(format!("log entry {}", ask.index), why));
    }
    // An answer that was logged and not yet marked is finished at the next open; any other entry has its charge.
    if asked.entries.len() < committed {
        return Err(OperatorError::damaged("log", "has fewer answers than the ledger has committed charges"));
    }
    Ok(count)
}

/// What a record and the log do not agree on.
fn disagrees(record: &Record, (asked, below): (&Asked, u64), heads: &[Hash]) -> Option<&'static str> {
    let seen = usize::try_from(record.log_head.size).ok().and_then(|size| heads.get(size));
    if seen != Some(&record.log_head.root) {
        return Some("saw a head that the log does not have: one of the two was rolled back or replaced");
    }
    let ask = asked.of(record.seq);
    let agrees = match record.state {
        State::Committed { log_index } => {
            ask.is_some_and(|ask| ask.index == log_index && asked.is_of(ask, record))
        }
        // An answer that was logged and not yet marked.
        State::Stored => ask.is_none_or(|ask| asked.is_of(ask, record)),
        // One that was logged after the ledger was read has its answer by now.
        State::Reserved => ask.is_none_or(|ask| ask.index >= below && asked.is_of(ask, record)),
    };
    (!agrees).then_some("and its log entry do not agree")
}
