//! What goes into the ledger and what comes out of it.

use crate::types::{EpochId, RecipientId, StudyId, Timestamp};

/// Proof that the units of a question are durably spent; consumed when its answer is stored.
#[must_use = "a charge is spent whether or not an answer is stored"]
#[derive(Debug)]
pub struct Charge {
    seq: u64,
    units: u128,
    chain: [u8; 32],
}

impl Charge {
    pub(super) const fn new(seq: u64, units: u128, chain: [u8; 32]) -> Self {
        Self { seq, units, chain }
    }

    /// Its number in the ledger, from 1.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// What it cost, in units of the pool.
    #[must_use]
    pub const fn units(&self) -> u128 {
        self.units
    }

    /// The MAC of its record: a charge of another ledger has another one.
    pub(super) const fn chain(&self) -> &[u8; 32] {
        &self.chain
    }
}

/// The head of the audit log that a charge saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// Entries in the log.
    pub size: u64,
    /// The Merkle root over them.
    pub root: [u8; 32],
}

/// A question to be charged.
#[derive(Debug, Clone)]
pub struct Request {
    /// BLAKE3 over epoch, study hash, recipient, canonical text and price.
    pub key: [u8; 32],
    /// The study it is asked under.
    pub study: StudyId,
    /// Who asks.
    pub recipient: RecipientId,
    /// The epoch that will answer.
    pub epoch: EpochId,
    /// The price, in units of the pool.
    pub units: u128,
    /// The most that the study may spend.
    pub study_cap: Option<u128>,
    /// The most that the recipient may spend.
    pub recipient_cap: Option<u128>,
    /// The head of the audit log now.
    pub log_head: LogHead,
    /// The time now.
    pub now: Timestamp,
    /// When the act began that the charge is a part of, if it is one. Its record then has this time, or that of the last
    /// record where that is later: never the time at which the act came to its charge.
    pub began: Option<Timestamp>,
}

/// What became of a request.
#[derive(Debug)]
#[must_use]
pub enum Reservation {
    /// Charged now.
    New(Charge),
    /// Charged earlier, and nothing was drawn: it goes on under the same price.
    Resumed(Charge),
    /// Answered earlier: no charge, no new noise.
    Stored(StoredAnswer),
    /// A limit would be passed; nothing changed. Every limit that would be passed is listed.
    OverBudget(Vec<OverBudget>),
}

impl Reservation {
    /// The answer that was stored earlier.
    #[must_use]
    pub fn stored(self) -> Option<StoredAnswer> {
        match self {
            Self::Stored(answer) => Some(answer),
            Self::New(_) | Self::Resumed(_) | Self::OverBudget(_) => None,
        }
    }
}

/// A step of the ledger.
#[derive(Debug)]
pub enum Step {
    /// Charge a question.
    Reserve(Request),
    /// Store the sealed answer of a charge.
    Store(Charge, Vec<u8>),
    /// Note where the log has the answer.
    Commit {
        /// The charge.
        seq: u64,
        /// The entry of the log.
        log_index: u64,
    },
}

/// What became of a step.
#[derive(Debug)]
#[must_use]
pub enum Done {
    /// Of [`Step::Reserve`].
    Reserved(Reservation),
    /// Of [`Step::Store`].
    Stored(StoredAnswer),
    /// Of [`Step::Commit`].
    Committed,
}

impl Done {
    /// What became of a request.
    #[must_use]
    pub fn reserved(self) -> Option<Reservation> {
        match self {
            Self::Reserved(reservation) => Some(reservation),
            Self::Stored(_) | Self::Committed => None,
        }
    }

    /// The answer that was stored.
    #[must_use]
    pub fn stored(self) -> Option<StoredAnswer> {
        match self {
            Self::Stored(answer) => Some(answer),
            Self::Reserved(_) | Self::Committed => None,
        }
    }
}

/// A budget inside which a charge must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// The sandbox's.
    Pool,
    /// The recipient's.
    Recipient,
    /// The study's.
    Study,
}

/// A limit that a charge would pass; public numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget {
    /// Whose limit.
    pub share: Share,
    /// The limit, in units of the pool, like the rest.
    pub limit: u128,
    /// What is spent of it.
    pub spent: u128,
    /// What was asked for.
    pub asked: u128,
}

/// A durable answer, still sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The charge that paid for it.
    pub seq: u64,
    /// The sealed bytes as given to `store`.
    pub sealed: Vec<u8>,
    /// Its entry in the log; absent until committed.
    pub log_index: Option<u64>,
}

/// How far a charge has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Spent, nothing drawn that anyone saw.
    Reserved,
    /// Its answer is durable, not yet known to be in the log.
    Stored,
    /// Its answer is in the log.
    Committed {
        /// The entry.
        log_index: u64,
    },
}

/// One charge as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// The key of the request.
    pub key: [u8; 32],
    /// The study.
    pub study: StudyId,
    /// The recipient.
    pub recipient: RecipientId,
    /// The epoch.
    pub epoch: EpochId,
    /// What it cost.
    pub units: u128,
    /// The head of the audit log it saw.
    pub log_head: LogHead,
    /// When.
    pub at: Timestamp,
    /// How far it has come.
    pub state: State,
}

/// A charge that is not committed, and its answer if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The charge.
    pub record: Record,
    /// The sealed answer when it is stored.
    pub sealed: Option<Vec<u8>>,
}
