//! The contract in its plainest form: maps in memory behind one lock. It shows that the suite asks for nothing that only
//! the embedded store has, and is what a new implementation can be read against.

use super::{Failing, Place};
use crate::ledger::{
    Book, Charge, Done, Ledger, LedgerError, OverBudget, Pool, Record, Renewal, Request, Reservation, Share,
    State, Step, StoreFault, StoredAnswer, Totals, Unfinished,
};
use crate::types::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What is durable.
#[derive(Clone)]
struct Rows {
    /// The first pool, and what distinguishes the ledger from others.
    pool: Pool,
    renewals: Vec<Renewal>,
    /// The last record before the pool in force.
    renewed_after: u64,
    spent: Totals,
    records: BTreeMap<u64, Record>,
    keys: BTreeMap<[u8; 32], u64>,
    answers: BTreeMap<u64, Vec<u8>>,
}

impl Rows {
    fn answer(&self, seq: u64) -> Option<StoredAnswer> {
        let log_index = match self.records.get(&seq)?.state {
            State::Committed { log_index } => Some(log_index),
            State::Reserved | State::Stored => None,
        };
        let sealed = self.answers.get(&seq)?.clone();
        Some(StoredAnswer { seq, sealed, log_index })
    }

    /// What takes the place of the MAC of a record: no other ledger, and no other record, has the same.
    fn chain(&self, record: &Record) -> [u8; 32] {
        let text = format!("{:?} {} {:?} {:?}", self.pool, record.seq, record.key, record.units);
        *blake3::hash(text.as_bytes()).as_bytes()
    }

    fn charge(&self, record: &Record) -> Charge {
        Charge::new(record.seq, record.units, self.chain(record))
    }

    fn reserve(&mut self, request: &Request) -> Result<Reservation, LedgerError> {
        if let Some(seq) = self.keys.get(&request.key) {
            let resumed = || Reservation::Resumed(self.charge(&self.records[seq]));
            return Ok(self.answer(*seq).map_or_else(resumed, Reservation::Stored));
        }
        self.not_before_the_last(request.now)?;
        let seq = self.last() + 1;
        let over = self.over_budget(request);
        if !over.is_empty() {
            return Ok(Reservation::OverBudget(over));
        }
        let spent = &mut self.spent;
        for sum in [
            &mut spent.pool,
            &mut spent.lifetime,
            spent.studies.entry(request.study.to_string()).or_default(),
            spent.recipients.entry(request.recipient.to_string()).or_default(),
        ] {
            *sum += request.units;
        }
        let record = Record {
            seq,
            key: request.key,
            study: request.study.clone(),
            recipient: request.recipient.clone(),
            epoch: request.epoch.clone(),
            units: request.units,
            log_head: request.log_head,
            at: request.began.map_or(request.now, |began| began.max(self.newest())),
            state: State::Reserved,
        };
        let charge = self.charge(&record);
        self.keys.insert(request.key, seq);
        self.records.insert(seq, record);
        Ok(Reservation::New(charge))
    }

    fn last(&self) -> u64 {
        self.records.keys().next_back().copied().unwrap_or(0)
    }

    fn not_before_the_last(&self, now: Timestamp) -> Result<(), LedgerError> {
        let last = self.newest();
        if now < last { Err(LedgerError::ClockBackwards { now, last }) } else { Ok(()) }
    }

    /// The time of the last record or renewal.
    fn newest(&self) -> Timestamp {
        let times = self.records.values().map(|record| record.at);
        let times = times.chain(self.renewals.iter().map(|renewal| renewal.at));
        times.fold(self.pool.opened_at, Timestamp::max)
    }

    fn in_force(&self) -> Pool {
        let Some(last) = self.renewals.last() else { return self.pool.clone() };
        let Renewal { limit, window_days, at, .. } = *last;
        Pool { accounting: self.pool.accounting.clone(), limit, opened_at: at, window_days }
    }

    fn renew(&mut self, renewal: &Renewal) -> Result<(), LedgerError> {
        let next = self.renewals.len() as u64 + 1;
        if renewal.number != next {
            return Err(LedgerError::NotNext { number: renewal.number, next });
        }
        self.not_before_the_last(renewal.at)?;
        self.renewals.push(renewal.clone());
        self.renewed_after = self.last();
        let Totals { lifetime, logged, .. } = self.spent;
        self.spent = Totals { renewals: next, lifetime, logged, ..Totals::default() };
        Ok(())
    }

    fn over_budget(&self, request: &Request) -> Vec<OverBudget> {
        let of = |sums: &BTreeMap<String, u128>, name: &str| sums.get(name).copied().unwrap_or_default();
        let (study, recipient) = (request.study.as_str(), request.recipient.as_str());
        [
            (Share::Pool, Some(self.in_force().limit), self.spent.pool),
            (Share::Study, request.study_cap, of(&self.spent.studies, study)),
            (Share::Recipient, request.recipient_cap, of(&self.spent.recipients, recipient)),
        ]
        .into_iter()
        .filter_map(|(share, limit, spent)| Some((share, limit?, spent)))
        .filter(|(_, limit, spent)| spent.checked_add(request.units).is_none_or(|sum| sum > *limit))
        .map(|(share, limit, spent)| OverBudget { share, limit, spent, asked: request.units })
        .collect()
    }

    fn store(&mut self, charge: &Charge, sealed: Vec<u8>) -> Result<StoredAnswer, LedgerError> {
        let seq = charge.seq();
        let ours = self.records.get(&seq).filter(|record| self.chain(record) == *charge.chain());
        match ours.ok_or(LedgerError::WrongState { seq })?.state {
            State::Reserved => {
                self.answers.insert(seq, sealed.clone());
                self.set_state(seq, State::Stored);
                Ok(StoredAnswer { seq, sealed, log_index: None })
            }
            State::Stored | State::Committed { .. } => Err(LedgerError::AlreadyStored { seq }),
        }
    }

    fn commit(&mut self, seq: u64, log_index: u64) -> Result<(), LedgerError> {
        let committed = State::Committed { log_index };
        let state = self.records.get(&seq).map(|record| record.state);
        if state == Some(State::Stored) || state == Some(committed) {
            self.set_state(seq, committed);
            self.spent.logged = self.spent.logged.max(log_index + 1);
            Ok(())
        } else {
            Err(LedgerError::WrongState { seq })
        }
    }

    fn set_state(&mut self, seq: u64, state: State) {
        self.records.entry(seq).and_modify(|record| record.state = state);
    }

    fn uncommitted(&self) -> Vec<Unfinished> {
        let open = self.records.values().filter(|record| !matches!(record.state, State::Committed { .. }));
        open.map(|record| Unfinished {
            record: record.clone(),
            sealed: self.answer(record.seq).map(|answer| answer.sealed),
        })
        .collect()
    }

    fn verify(&self) -> Result<u64, LedgerError> {
        let sum = |wanted: &dyn Fn(&Record) -> bool| {
            self.records.values().filter(|record| wanted(record)).map(|record| record.units).sum::<u128>()
        };
        let now = |record: &Record| record.seq > self.renewed_after;
        let of = |name: &str| sum(&|record| now(record) && record.study.as_str() == name);
        let studies = self.spent.studies.iter().all(|(name, sum)| *sum == of(name));
        if !studies || sum(&now) != self.spent.pool || sum(&|_| true) != self.spent.lifetime {
            return Err(LedgerError::damaged("the totals"));
        }
        Ok(self.records.len() as u64)
    }
}

/// A ledger in memory as a place; it can be made to fail before or after a step.
#[derive(Clone, Default)]
pub(super) struct InMemory(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    rows: Option<Rows>,
    steps: u64,
    fails: Option<(u64, usize)>,
}

impl Disk {
    /// Replaces what is durable in one step.
    fn write(&mut self, rows: Rows) -> Result<(), LedgerError> {
        self.steps += 1;
        let way = self.fails.filter(|(at, _)| *at == self.steps).map(|(_, way)| way);
        if way != Some(BEFORE) {
            self.rows = Some(rows);
        }
        match way {
            None => Ok(()),
            Some(_) => Err(LedgerError::Store(StoreFault(redb::Error::PreviousIo))),
        }
    }
}

/// The step fails and nothing of it is there; otherwise all of it is there, and only the caller does not learn it.
const BEFORE: usize = 0;

impl Place for InMemory {
    type Ledger = PlainLedger;

    fn new() -> Self {
        Self::default()
    }

    fn create(&self, pool: Pool) -> Result<PlainLedger, LedgerError> {
        let mut disk = self.0.lock().unwrap();
        if disk.rows.is_some() {
            return Err(LedgerError::Exists);
        }
        disk.write(Rows {
            pool,
            renewals: Vec::new(),
            renewed_after: 0,
            spent: Totals::default(),
            records: BTreeMap::new(),
            keys: BTreeMap::new(),
            answers: BTreeMap::new(),
        })?;
        drop(disk);
        self.open()
    }

    fn open(&self) -> Result<PlainLedger, LedgerError> {
        if self.0.lock().unwrap().rows.is_none() {
            return Err(LedgerError::Missing);
        }
        Ok(PlainLedger { disk: self.clone(), poisoned: AtomicBool::new(false) })
    }

    fn stopped(&self) -> Self {
        let rows = self.0.lock().unwrap().rows.clone();
        Self(Arc::new(Mutex::new(Disk { rows, ..Disk::default() })))
    }
}

impl Failing for InMemory {
    const WAYS: usize = 2;

    fn steps(&self) -> u64 {
        self.0.lock().unwrap().steps
    }

    fn fail_at(&self, at: u64, way: usize) {
        self.0.lock().unwrap().fails = Some((at, way));
    }

    fn leftovers(&self) -> Vec<Self> {
        vec![self.stopped()]
    }
}

pub(super) struct PlainLedger {
    disk: InMemory,
    poisoned: AtomicBool,
}

impl PlainLedger {
    fn on<T>(&self, work: impl FnOnce(&mut Disk) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mut disk = self.disk.0.lock().unwrap();
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(LedgerError::Poisoned);
        }
        let result = work(&mut disk);
        if result.as_ref().is_err_and(LedgerError::poisons) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        result
    }

    /// One step: it is there as a whole, or not at all.
    fn step<T>(&self, work: impl FnOnce(&mut Rows) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.on(|disk| {
            let mut rows = disk.rows.clone().unwrap();
            let value = work(&mut rows)?;
            disk.write(rows)?;
            Ok(value)
        })
    }

    fn look<T>(&self, work: impl FnOnce(&Rows) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.on(|disk| work(disk.rows.as_ref().unwrap()))
    }
}

impl Ledger for PlainLedger {
    fn take(&self, steps: Vec<Step>) -> Result<Vec<Result<Done, LedgerError>>, LedgerError> {
        self.step(|rows| {
            let mut outcomes = Vec::new();
            for step in steps {
                let outcome = match step {
                    Step::Reserve(request) => rows.reserve(&request).map(Done::Reserved),
                    Step::Store(charge, sealed) => rows.store(&charge, sealed).map(Done::Stored),
                    Step::Commit { seq, log_index } => rows.commit(seq, log_index).map(|()| Done::Committed),
                };
                match outcome {
                    Err(error) if !error.is_of_one() => return Err(error),
                    outcome => outcomes.push(outcome),
                }
            }
            Ok(outcomes)
        })
    }

    fn renew(&self, renewal: &Renewal) -> Result<(), LedgerError> {
        self.step(|rows| rows.renew(renewal))
    }
}

impl Book for PlainLedger {
    fn pool(&self) -> Result<Pool, LedgerError> {
        self.look(|rows| Ok(rows.in_force()))
    }

    fn last_renewal(&self) -> Result<Option<Renewal>, LedgerError> {
        Ok(self.renewals()?.pop())
    }

    fn renewals(&self) -> Result<Vec<Renewal>, LedgerError> {
        self.look(|rows| Ok(rows.renewals.clone()))
    }

    fn spent(&self) -> Result<Totals, LedgerError> {
        self.look(|rows| Ok(rows.spent.clone()))
    }

    fn uncommitted(&self) -> Result<Vec<Unfinished>, LedgerError> {
        self.look(|rows| Ok(rows.uncommitted()))
    }

    fn last(&self) -> Result<Option<Record>, LedgerError> {
        self.look(|rows| Ok(rows.records.values().next_back().cloned()))
    }

    fn answer(&self, seq: u64) -> Result<Option<StoredAnswer>, LedgerError> {
        self.look(|rows| Ok(rows.answer(seq)))
    }

    fn answered(&self, key: &[u8; 32]) -> Result<Option<StoredAnswer>, LedgerError> {
        self.look(|rows| Ok(rows.keys.get(key).and_then(|seq| rows.answer(*seq))))
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>, LedgerError> {
        let records = self.look(|rows| Ok(rows.records.clone()))?;
        Ok(Box::new(records.into_values().map(Ok)))
    }

    fn record(&self, seq: u64) -> Result<Option<Record>, LedgerError> {
        self.look(|rows| Ok(rows.records.get(&seq).cloned()))
    }

    fn verify_each(&self, each: &mut dyn FnMut(&Record)) -> Result<u64, LedgerError> {
        self.look(|rows| {
            let count = rows.verify()?;
            rows.records.values().for_each(each);
            Ok(count)
        })
    }
}
