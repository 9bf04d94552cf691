//! The ledger as it is, read beside a live writer without a copy of it.
//!
//! The store never writes over a page that its last durable state needs. So it is read where it lies; what the journal holds
//! since is added in memory. When the writer has made the store durable meanwhile, which changes the two slots that name its
//! states, what was read is read again. A reader also keeps the journal claimed while it lives, and the writer then lets the
//! journal grow for some time, so that who reads for long comes to an end.

use super::journal::{self, JOURNAL};
use super::rows::fault;
use super::store::{FILE, RedbLedger, length};
use super::walk::Place;
use super::{Book, LedgerError, Pool, Record, Renewal, StoredAnswer, Totals, Unfinished};
use crate::storage::{Backend, Blocks, KeptTime, Overlay, Storage};
use crate::types::Secret;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often what was read is read again.
const TRIES: u32 = 12;
/// How long the writer is left alone before, the first time.
const PAUSE: Duration = Duration::from_millis(2);
/// Where the slots are that name the two last states of the store.
const SLOTS: (u64, usize) = (64, 256);
/// How many records are read at a time.
const AT_A_TIME: usize = 1024;

/// How much of a store is checked before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// What is read, by its MAC.
    Read,
    /// The checksum of every page, besides.
    Whole,
}

/// The ledger as it stood a moment ago. Needs no lock; memory does not grow with the ledger.
pub struct Snapshot {
    store: Arc<dyn Blocks>,
    journal: Option<Arc<dyn Blocks>>,
    key: Secret,
    sandbox: String,
    check: Check,
    state: Mutex<State>,
}

/// A state of the ledger, and the slots that named it.
struct State {
    ledger: RedbLedger,
    slots: Vec<u8>,
}

impl Snapshot {
    /// The ledger as it is.
    ///
    /// # Errors
    /// As [`RedbLedger::open`].
    pub fn take(
        storage: &dyn Storage,
        key: &Secret,
        sandbox: &str,
        check: Check,
    ) -> Result<Self, LedgerError> {
        let store: Arc<dyn Blocks> = storage.read_blocks(FILE)?.ok_or(LedgerError::Missing)?.into();
        let journal: Option<Arc<dyn Blocks>> = storage.read_blocks(JOURNAL)?.map(Into::into);
        if let Some(journal) = &journal {
            // Without it a writer that is at work may take the pages away that are being read, which is found.
            let _ = journal.share();
        }
        let key = Secret::new(*key.expose());
        let state = Mutex::new(read((&store, journal.as_ref()), (&key, sandbox), check)?);
        Ok(Self { store, journal, key, sandbox: sandbox.to_owned(), check, state })
    }

    /// Does `work` on one state: on a newer one if the writer has left the first behind meanwhile.
    fn look<T>(&self, mut work: impl FnMut(&RedbLedger) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 1..TRIES {
            let done = work(&state.ledger);
            if slots(&*self.store)? == state.slots {
                return done;
            }
            let files = (&self.store, self.journal.as_ref());
            *state = read(files, (&self.key, &self.sandbox), self.check)?;
        }
        Err(changed())
    }
}

/// The error for a state that a writer has left behind: a reader beside a writer reads again.
fn changed() -> LedgerError {
    LedgerError::damaged("the store (it changed while it was read)")
}

fn slots(store: &dyn Blocks) -> Result<Vec<u8>, LedgerError> {
    let (offset, length) = SLOTS;
    let mut slots = vec![0; length];
    store.read_at(offset, &mut slots).map_err(|source| fault(redb::Error::Io(source)))?;
    Ok(slots)
}

/// The state that the files hold. What a writer changed while it was read is read again.
fn read(
    (store, journal): (&Arc<dyn Blocks>, Option<&Arc<dyn Blocks>>),
    (key, sandbox): (&Secret, &str),
    check: Check,
) -> Result<State, LedgerError> {
    let mut pause = PAUSE;
    length(&**store)?;
    for _ in 1..TRIES {
        let before = slots(&**store)?;
        let ledger = once((store, journal), (key, sandbox), check);
        if slots(&**store)? == before {
            return Ok(State { ledger: ledger?, slots: before });
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2);
    }
    Err(changed())
}

fn once(
    (store, journal): (&Arc<dyn Blocks>, Option<&Arc<dyn Blocks>>),
    (key, sandbox): (&Secret, &str),
    check: Check,
) -> Result<RedbLedger, LedgerError> {
    let failed = |source| fault(redb::Error::Io(source));
    let overlay = Overlay::new(Arc::clone(store)).map_err(failed)?;
    let (backend, _) = Backend::new(Box::new(overlay)).map_err(failed)?;
    let ledger = RedbLedger::over(backend, KeptTime::default(), (key, sandbox), check == Check::Whole)?;
    if let Some(journal) = journal {
        let steps = ledger.totals()?.1.steps();
        let (frames, _) = journal::frames(ledger.macs(), &journal::content(&**journal)?, steps)?;
        ledger.catch_up(frames)?;
    }
    Ok(ledger)
}

impl Book for Snapshot {
    fn pool(&self) -> Result<Pool, LedgerError> {
        self.look(RedbLedger::pool)
    }

    fn last_renewal(&self) -> Result<Option<Renewal>, LedgerError> {
        self.look(RedbLedger::last_renewal)
    }

    fn renewals(&self) -> Result<Vec<Renewal>, LedgerError> {
        self.look(RedbLedger::renewals)
    }

    fn spent(&self) -> Result<Totals, LedgerError> {
        self.look(RedbLedger::spent)
    }

    fn uncommitted(&self) -> Result<Vec<Unfinished>, LedgerError> {
        self.look(RedbLedger::uncommitted)
    }

    fn last(&self) -> Result<Option<Record>, LedgerError> {
        self.look(RedbLedger::last)
    }

    fn record(&self, seq: u64) -> Result<Option<Record>, LedgerError> {
        self.look(|ledger| ledger.record(seq))
    }

    fn answer(&self, seq: u64) -> Result<Option<StoredAnswer>, LedgerError> {
        self.look(|ledger| ledger.answer(seq))
    }

    fn answered(&self, key: &[u8; 32]) -> Result<Option<StoredAnswer>, LedgerError> {
        self.look(|ledger| ledger.answered(key))
    }

    /// Some at a time, so that what a writer does meanwhile stops nothing: records are never changed, and each has the MAC of
    /// the one before it.
    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>, LedgerError> {
        let (mut place, mut read, mut ended) = (Place::default(), VecDeque::new(), false);
        Ok(Box::new(std::iter::from_fn(move || {
            if read.is_empty() && !ended {
                match self.look(|ledger| ledger.some_records(place, AT_A_TIME)) {
                    Ok((records, next)) => {
                        ended = records.len() < AT_A_TIME;
                        (read, place) = (records.into(), next);
                    }
                    Err(error) => {
                        ended = true;
                        return Some(Err(error));
                    }
                }
            }
            read.pop_front().map(Ok)
        })))
    }

    fn verify_each(&self, each: &mut dyn FnMut(&Record)) -> Result<u64, LedgerError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = state.ledger.verify_each(each);
        // Not read again by itself: `each` has seen the records of a state that is no more.
        if slots(&*self.store)? == state.slots { verified } else { Err(changed()) }
    }
}
