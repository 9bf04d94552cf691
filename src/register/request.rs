//! The book of requests: what people asked about their own data, by when it must be answered, and how it was (PIPL art. 44 to 50).

use bincode::{Decode, Encode};

use super::RegisterError;
use super::error::damaged;
use super::rows::Mark;
use crate::types::Timestamp;

/// The longest reason of a refusal, in bytes.
pub const LONGEST_REASON: usize = 1_024;

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// To see their data (PIPL art. 45).
    Access,
    /// A copy of it (art. 45).
    Copy,
    /// That it is transferred to another handler (art. 45).
    Transfer,
    /// That it is corrected or completed (art. 46).
    Correction,
    /// That it is erased (art. 47).
    Erasure,
    /// An explanation of the processing rules (art. 48).
    Explanation,
    /// That processing is restricted (art. 44).
    Restriction,
    /// That processing is ended altogether: the refusal of the person (art. 44).
    Objection,
}

impl RequestKind {
    /// Every kind; its place is its number in the store.
    pub const ALL: [Self; 8] = [
        Self::Access,
        Self::Copy,
        Self::Transfer,
        Self::Correction,
        Self::Erasure,
        Self::Explanation,
        Self::Restriction,
        Self::Objection,
    ];

    /// The kind of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Copy => "copy",
            Self::Transfer => "transfer",
            Self::Correction => "correction",
            Self::Erasure => "erasure",
            Self::Explanation => "explanation",
            Self::Restriction => "restriction",
            Self::Objection => "objection",
        }
    }

    /// The article that gives the right.
    #[must_use]
    pub const fn article(self) -> &'static str {
        match self {
            Self::Access | Self::Copy | Self::Transfer => "PIPL 45",
            Self::Correction => "PIPL 46",
            Self::Erasure => "PIPL 47",
            Self::Explanation => "PIPL 48",
            Self::Restriction | Self::Objection => "PIPL 44",
        }
    }

    /// What is asked for, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Access => "to see the data",
            Self::Copy => "a copy",
            Self::Transfer => "transfer to another handler",
            Self::Correction => "correction or completion",
            Self::Erasure => "erasure; `consent erase` does it",
            Self::Explanation => "explanation of the rules",
            Self::Restriction => "restriction of processing",
            Self::Objection => "an end of processing",
        }
    }

    /// Whether a near relative of a deceased person may ask for it (art. 49).
    #[must_use]
    pub const fn is_open_to_kin(self) -> bool {
        matches!(self, Self::Access | Self::Copy | Self::Correction | Self::Erasure)
    }
}

/// A request that is to be entered.
pub struct NewRequest<'a> {
    /// What is asked for.
    pub kind: RequestKind,
    /// Whether a near relative asks for a deceased person.
    pub by_kin: bool,
    /// The namespace and the id of the person whom it is about.
    pub person: (&'a str, &'a str),
    /// When it was entered.
    pub opened_at: Timestamp,
    /// By when it must be answered.
    pub due: Timestamp,
}

/// A request as the book has it. It does not say whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number in the book, from 1.
    pub number: u64,
    /// What is asked for.
    pub kind: RequestKind,
    /// Whether a near relative asks for a deceased person.
    pub by_kin: bool,
    /// When it was entered.
    pub opened_at: Timestamp,
    /// By when it must be answered.
    pub due: Timestamp,
    /// When it was answered and, if it was refused, why.
    pub closed: Option<(Timestamp, Option<String>)>,
}

/// A request in the store. The person is a keyed hash: the book outlives the erasure that was asked for, and holds no id.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct StoredRequest {
    version: u32,
    kind: u32,
    by_kin: bool,
    pub(super) person: Mark,
    opened_at: i64,
    due: i64,
    closed: Option<(i64, Option<String>)>,
}

impl StoredRequest {
    pub(super) fn new(request: &NewRequest<'_>, person: Mark) -> Self {
        let kind = (0..).zip(RequestKind::ALL).find(|(_, kind)| *kind == request.kind);
        Self {
            version: 1,
            kind: kind.map_or(0, |(place, _)| place),
            by_kin: request.by_kin,
            person,
            opened_at: request.opened_at.seconds(),
            due: request.due.seconds(),
            closed: None,
        }
    }

    /// The same request, closed; `None` if it was before.
    pub(super) fn closed(mut self, at: Timestamp, refused: Option<&str>) -> Option<Self> {
        let before = self.closed.replace((at.seconds(), refused.map(str::to_owned)));
        before.is_none().then_some(self)
    }

    pub(super) fn read(&self, number: u64) -> Result<Request, RegisterError> {
        let kind = usize::try_from(self.kind).ok().and_then(|place| RequestKind::ALL.get(place).copied());
        let kind = kind.filter(|_| self.version == 1).ok_or_else(|| damaged("a request"))?;
        let at = Timestamp::from_seconds;
        Ok(Request {
            number,
            kind,
            by_kin: self.by_kin,
            opened_at: at(self.opened_at),
            due: at(self.due),
            closed: self.closed.as_ref().map(|(closed, refused)| (at(*closed), refused.clone())),
        })
    }
}
