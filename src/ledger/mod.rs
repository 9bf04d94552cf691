//! Layer 2: the budget ledger. A charge is durable before anything is drawn for it, and is never given back.
//!
//! Each record carries a MAC over its bytes and its predecessor's MAC; its state, the answer and the totals are bound to
//! that chain. [`Ledger`] is the contract, [`RedbLedger`] the embedded implementation.

mod charge;
#[cfg(test)]
mod contract;
mod journal;
mod pool;
mod rows;
mod snapshot;
mod store;
mod tables;
mod walk;

pub use charge::{
    Charge, Done, LogHead, OverBudget, Record, Request, Reservation, Share, State, Step, StoredAnswer,
    Unfinished,
};
pub use journal::JOURNAL;
pub use pool::{Pool, PoolKind, Renewal, Totals};
pub use snapshot::{Check, Snapshot};
pub use store::{FILE, RedbLedger};

use crate::storage::StorageError;
use crate::types::Timestamp;

/// Why the ledger did not do a step; holds nothing of people or questions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The answer of this charge is already stored: reserve again to get it.
    #[error("charge {seq} already has a stored answer")]
    AlreadyStored {
        /// The charge.
        seq: u64,
    },
    /// The ledger is another sandbox's.
    #[error("the ledger belongs to another sandbox")]
    AnotherSandbox,
    /// The time given is before the last record's.
    #[error("the clock went backwards: it is {now}, the last charge was at {last}")]
    ClockBackwards {
        /// The time given.
        now: Timestamp,
        /// The time of the last record.
        last: Timestamp,
    },
    /// Bytes are not what the ledger wrote, or the key is another one.
    #[error("the ledger is damaged or forged at {place}")]
    Damaged {
        /// Where, such as `record 17`.
        place: String,
    },
    /// There is a ledger already.
    #[error("there is already a ledger")]
    Exists,
    /// There is no ledger.
    #[error("there is no ledger")]
    Missing,
    /// A renewal out of turn.
    #[error("renewal {number} is not the next one, which is {next}")]
    NotNext {
        /// Its number.
        number: u64,
        /// The number that the next one has.
        next: u64,
    },
    /// An earlier step failed in the storage: what is durable is known only after opening again.
    #[error("the ledger failed before and must be opened again")]
    Poisoned,
    /// The folder failed.
    #[error("the ledger cannot be reached")]
    Storage(#[from] StorageError),
    /// The embedded store failed.
    #[error("the store of the ledger failed")]
    Store(#[source] StoreFault),
    /// A number left its range; nothing was written.
    #[error("a number of the ledger left its range")]
    TooLarge,
    /// The step does not fit the state of this charge.
    #[error("charge {seq} is not in the state for this step")]
    WrongState {
        /// The charge.
        seq: u64,
    },
}

/// The error of the embedded store.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreFault(redb::Error);

/// Where a ledger is damaged that another sandbox wrote, or of whose first row a byte was changed.
const THE_BOOK: &str = "the book";

impl LedgerError {
    fn damaged(place: impl Into<String>) -> Self {
        Self::Damaged { place: place.into() }
    }

    /// Whether it is about one charge, and the others of its group may go on.
    #[must_use]
    pub const fn is_of_one(&self) -> bool {
        matches!(self, Self::AlreadyStored { .. } | Self::ClockBackwards { .. } | Self::WrongState { .. })
    }

    /// Whether the handle that saw it can go on.
    fn poisons(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Storage(_) | Self::Store(_))
    }
}

/// The reading half of a ledger.
pub trait Book: Send + Sync {
    /// The pool in force: that of the last renewal, or the one that the ledger was made with; O(1).
    ///
    /// # Errors
    /// [`LedgerError`]
    fn pool(&self) -> Result<Pool, LedgerError>;

    /// The last renewal, if there is one; O(1).
    ///
    /// # Errors
    /// [`LedgerError`]
    fn last_renewal(&self) -> Result<Option<Renewal>, LedgerError>;

    /// All renewals in order.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn renewals(&self) -> Result<Vec<Renewal>, LedgerError>;

    /// What was spent, reserved charges included; O(1) in the number of charges.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn spent(&self) -> Result<Totals, LedgerError>;

    /// The charges that are not committed, in order: recovery finishes those with a stored answer.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn uncommitted(&self) -> Result<Vec<Unfinished>, LedgerError>;

    /// The last record, if there is one; O(1) in the number of charges.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn last(&self) -> Result<Option<Record>, LedgerError>;

    /// The record of charge `seq`, if there is one; O(1) in the number of charges.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn record(&self, seq: u64) -> Result<Option<Record>, LedgerError>;

    /// The stored answer of charge `seq`, if there is one.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn answer(&self, seq: u64) -> Result<Option<StoredAnswer>, LedgerError>;

    /// The stored answer of the question with this key, if there is one; without waiting for a step that is under way.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn answered(&self, key: &[u8; 32]) -> Result<Option<StoredAnswer>, LedgerError>;

    /// All records in order, each checked against the chain before it is handed over; ends after the first error.
    ///
    /// # Errors
    /// [`LedgerError`]
    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, LedgerError>> + '_>, LedgerError>;

    /// Walks everything: chain, states, answers, indexes, and the totals against the sums; says how many records there are.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] names the first place.
    fn verify(&self) -> Result<u64, LedgerError> {
        self.verify_each(&mut |_| ())
    }

    /// As [`Book::verify`], and shows each record, which are those of the ledger only if this returns without an error.
    ///
    /// # Errors
    /// As [`Book::verify`].
    fn verify_each(&self, each: &mut dyn FnMut(&Record)) -> Result<u64, LedgerError>;
}

/// A durable budget: the contract that every implementation keeps.
///
/// Each method is atomic and durable on return; many threads may call at once. If we stop inside one, either all of it
/// or nothing is there when the ledger is opened again. After a [`LedgerError::Store`] it is not known which, so the
/// handle refuses everything until then.
///
/// Several steps are taken at once, in their order, so that many clients share one wait for the disk. What does not fit one
/// of them ([`LedgerError::is_of_one`]) changes nothing and is returned in its place; any other error is that of the
/// whole, of which nothing is done.
pub trait Ledger: Book {
    /// Takes `steps` as one, each as the method of its name below; an outcome for each, in their order.
    ///
    /// # Errors
    /// A failed or damaged store, or a number that left its range.
    fn take(&self, steps: Vec<Step>) -> Result<Vec<Result<Done, LedgerError>>, LedgerError>;

    /// Charges a question, or finds what was done for it before. A key is charged once: the same question goes on under
    /// its first price.
    ///
    /// If we stop after it, the units are spent and nothing was drawn: the same request gives [`Reservation::Resumed`].
    ///
    /// # Errors
    /// [`LedgerError::ClockBackwards`] for a new charge before the last one; otherwise a failed or damaged store.
    ///
    /// # Privacy
    /// The outcome depends on earlier requests and public limits, never on people.
    fn reserve(&self, request: &Request) -> Result<Reservation, LedgerError> {
        self.one(Step::Reserve(request.clone()))?.reserved().ok_or(LedgerError::Poisoned)
    }

    /// Stores the sealed answer of a charge. From here on it is never drawn again.
    ///
    /// If we stop after it, the same request gives [`Reservation::Stored`], and [`Book::uncommitted`] lists it.
    ///
    /// # Errors
    /// [`LedgerError::AlreadyStored`] when another client was first: its answer is the answer.
    fn store(&self, charge: Charge, sealed: Vec<u8>) -> Result<StoredAnswer, LedgerError> {
        self.one(Step::Store(charge, sealed))?.stored().ok_or(LedgerError::Poisoned)
    }

    /// Notes that the log has the answer of charge `seq` as entry `log_index`; again with the same index is fine.
    ///
    /// If we stop before it, the log has the entry already: recovery finds it there and commits.
    ///
    /// # Errors
    /// [`LedgerError::WrongState`] without a stored answer, or when committed with another index.
    fn commit(&self, seq: u64, log_index: u64) -> Result<(), LedgerError> {
        self.one(Step::Commit { seq, log_index }).map(drop)
    }

    /// Puts a new pool in place of the old one: its sums start at zero, those of all time and the charges stay.
    ///
    /// If we stop before it, the log has the entry already, and opening the sandbox renews.
    ///
    /// # Errors
    /// [`LedgerError::NotNext`] unless its number is the next; [`LedgerError::ClockBackwards`] before the last record.
    ///
    /// # Privacy
    /// The caller has checked that every handler signed; from here on everybody may lose the new limit once more.
    fn renew(&self, renewal: &Renewal) -> Result<(), LedgerError>;

    /// Takes one step.
    ///
    /// # Errors
    /// As the method of its name.
    fn one(&self, step: Step) -> Result<Done, LedgerError> {
        self.take(vec![step])?.pop().unwrap_or(Err(LedgerError::Poisoned))
    }
}
