//! The rows of the register.
//!
//! `events[pseudonym (16) || number (8, big-endian)] = AES-256-GCM(event)`, padded to a multiple of 256 bytes, its key
//! being associated data. The pseudonym is keyed BLAKE3 over namespace and id; a person's events are numbered from 1.
//! `meta[head] = AES-256-GCM(count, sum)`: how many rows there are, and the exclusive or of a keyed hash of each (the
//! MSet-XOR-Hash of Clarke et al., ASIACRYPT 2003, kept secret), so that the walk over all rows finds any that was
//! changed, taken out, added or put elsewhere.

use bincode::{Decode, Encode};
use redb::TableDefinition;

use super::error::damaged;
use super::{Event, RegisterError};
use crate::keys::{SealError, open, seal_padded};
use crate::types::{Secret, codec};

pub(super) const EVENTS: TableDefinition<&[u8; KEY], &[u8]> = TableDefinition::new("events");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
pub(super) const HEAD: &str = "head";
/// Every table of the store, and every row of `meta`: the check of the whole register refuses any other.
pub(super) const TABLES: [&str; 2] = ["events", "meta"];
pub(super) const META_ROWS: [&str; 1] = [HEAD];

const PSEUDONYM: usize = 16;
const KEY: usize = PSEUDONYM + 8;
/// Events are padded to a multiple of this many bytes, so that a grant and a withdrawal look alike.
const STEP: usize = 256;
const VERSION: u32 = 1;

pub(super) type RowKey = [u8; KEY];

/// A person as the file knows her. It has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pseudonym([u8; PSEUDONYM]);

impl Pseudonym {
    pub(super) fn row(self, number: u64) -> RowKey {
        let mut key = [0; KEY];
        let bytes = self.0.into_iter().chain(number.to_be_bytes());
        key.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        key
    }

    /// Whose row it is, and which of hers.
    pub(super) fn of(row: &RowKey) -> (Self, u64) {
        let (mut pseudonym, mut number) = ([0; PSEUDONYM], [0; 8]);
        pseudonym.iter_mut().chain(&mut number).zip(row).for_each(|(slot, byte)| *slot = *byte);
        (Self(pseudonym), u64::from_be_bytes(number))
    }
}

/// How many rows there are, and which.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Head {
    version: u32,
    pub(super) count: u64,
    pub(super) sum: [u8; 32],
}

impl Head {
    pub(super) const EMPTY: Self = Self { version: VERSION, count: 0, sum: [0; 32] };

    /// The head with one more row.
    pub(super) fn and(mut self, tag: &[u8; 32]) -> Result<Self, RegisterError> {
        self.count = self.count.checked_add(1).ok_or(RegisterError::TooLarge)?;
        self.sum.iter_mut().zip(tag).for_each(|(byte, other)| *byte ^= other);
        Ok(self)
    }
}

/// What the register derives from its key.
pub(super) struct Keys {
    people: Secret,
    rows: Secret,
    sums: Secret,
    heads: Secret,
    sandbox: String,
}

impl Keys {
    pub(super) fn new(key: &Secret, sandbox: &str) -> Self {
        Self {
            people: key.derive("hushtag 2026-11 v1 people of the register"),
            rows: key.derive("hushtag 2026-11 v1 rows of the register"),
            sums: key.derive("hushtag 2026-11 v1 sums of the register"),
            heads: key.derive("hushtag 2026-11 v1 heads of the register"),
            sandbox: sandbox.to_owned(),
        }
    }

    pub(super) fn pseudonym(&self, ids: &str, person: &str) -> Pseudonym {
        let mut hasher = blake3::Hasher::new_keyed(self.people.expose());
        // Its length before it, so that no two pairs have the same bytes.
        hasher.update(&(ids.len() as u64).to_le_bytes()).update(ids.as_bytes()).update(person.as_bytes());
        let (mut pseudonym, hash) = ([0; PSEUDONYM], hasher.finalize());
        pseudonym.iter_mut().zip(hash.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
        Pseudonym(pseudonym)
    }

    pub(super) fn seal_event(&self, row: &RowKey, event: &Event) -> Result<Vec<u8>, RegisterError> {
        let plain = zeroize::Zeroizing::new(event.encode()?);
        let size = plain.len().next_multiple_of(STEP);
        seal_padded(&self.rows, &[self.sandbox.as_bytes(), row], &plain, size).map_err(RegisterError::Sealing)
    }

    pub(super) fn open_event(&self, row: &RowKey, sealed: &[u8]) -> Result<Event, RegisterError> {
        let plain =
            open(&self.rows, &[self.sandbox.as_bytes(), row], sealed).map_err(|_| damaged("an event"))?;
        let event = Event::decode(&plain)?;
        let (ids, person) = event.person();
        if self.pseudonym(ids, person) != Pseudonym::of(row).0 {
            return Err(damaged("an event"));
        }
        Ok(event)
    }

    /// What a row adds to the sum.
    pub(super) fn tag(&self, row: &RowKey, sealed: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(self.sums.expose());
        *hasher.update(row).update(sealed).finalize().as_bytes()
    }

    pub(super) fn seal_head(&self, head: &Head) -> Result<Vec<u8>, RegisterError> {
        let plain = codec::encode(head).map_err(RegisterError::Encoding)?;
        seal_padded(&self.heads, &[self.sandbox.as_bytes()], &plain, 64).map_err(RegisterError::Sealing)
    }

    pub(super) fn open_head(&self, sealed: &[u8]) -> Result<Head, RegisterError> {
        let opened = open(&self.heads, &[self.sandbox.as_bytes()], sealed);
        let plain = opened.map_err(|error| match error {
            SealError::Forged | SealError::UnknownFormat => damaged("its head"),
            other => RegisterError::Sealing(other),
        })?;
        let head: Head = codec::decode(&plain).map_err(|_| damaged("its head"))?;
        if head.version == VERSION { Ok(head) } else { Err(damaged("its head (another version)")) }
    }
}
