//! The rows of the register.
//!
//! `events[pseudonym (16) || number (8, big-endian)] = AES-256-GCM(event)`, padded to a multiple of 256 bytes, its key
//! being associated data. The pseudonym is keyed BLAKE3 over namespace and id; a person's events are numbered from 1.
//! `tombstones[mark (16)]` holds what is left of removed events of an id; a mark is keyed BLAKE3 over namespace and
//! [`of_every_form`] of the id under another key than pseudonyms, so that it is found whichever form a study declares later.
//! `requests[number]` is the book of requests, with marks under a third key. Both are encrypted and padded as events are.
//! `seals[mark (32)]` is an empty row for each seal, whose key is random: it says nothing of anybody, and a register that branched
//! off before the seal does not have it.
//! `runs[...]` holds blocks of events that were imported: see [`blocks`](super::blocks).
//! `meta[head] = AES-256-GCM(count, sum)`: how many rows there are, and the exclusive or of a keyed hash of each (the
//! MSet-XOR-Hash of Clarke et al., ASIACRYPT 2003, kept secret), so that the walk over all rows finds any that was
//! changed, taken out, added or put elsewhere. Version 2, once there was another row than an event or one was removed, also counts
//! the other rows and those that were ever removed, so that a number of rows ever written never falls. Version 3, once something was
//! imported, also names the runs, and counts their events one by one and their blocks in the sum.

use bincode::{Decode, Encode};
use redb::TableDefinition;

use super::blocks::{CONTENT, Run};
use super::error::damaged;
use super::request::StoredRequest;
use super::{Event, RegisterError};
use crate::consent::Tombstone;
use crate::deidentify::of_every_form;
use crate::keys::{SealError, open, seal_padded};
use crate::types::{Secret, codec};

pub(super) const EVENTS: TableDefinition<&[u8; KEY], &[u8]> = TableDefinition::new("events");
pub(super) const TOMBSTONES: TableDefinition<&Mark, &[u8]> = TableDefinition::new("tombstones");
pub(super) const REQUESTS: TableDefinition<u64, &[u8]> = TableDefinition::new("requests");
pub(super) const SEALS: TableDefinition<&SealMark, &[u8]> = TableDefinition::new("seals");
pub(super) const RUNS: TableDefinition<&BlockKey, &[u8]> = TableDefinition::new("runs");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
pub(super) const HEAD: &str = "head";
/// Every table of the store, and every row of `meta`: the check of the whole register refuses any other.
pub(super) const TABLES: [&str; 6] = ["events", "meta", "requests", "runs", "seals", "tombstones"];
pub(super) const META_ROWS: [&str; 1] = [HEAD];

const PSEUDONYM: usize = 16;
const KEY: usize = PSEUDONYM + 8;
/// Events are padded to a multiple of this many bytes, so that a grant and a withdrawal look alike.
const STEP: usize = 256;

/// Heads with runs are padded to a multiple of this many bytes.
const HEAD_STEP: usize = 2_048;

pub(super) type RowKey = [u8; KEY];
/// The run, the person with whom a block begins, and how many of their events lie before it.
pub(super) type BlockKey = [u8; 32];
/// A person as a tombstone or a request knows them: no pseudonym of an event.
pub(super) type Mark = [u8; PSEUDONYM];
/// What a seal put into the register: random bytes.
pub type SealMark = [u8; 32];

/// A person as the file knows them. It has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pseudonym([u8; PSEUDONYM]);

impl Pseudonym {
    /// Before that of everybody.
    pub(super) const FIRST: Self = Self([0; PSEUDONYM]);

    pub(super) const fn of_bytes(bytes: [u8; PSEUDONYM]) -> Self {
        Self(bytes)
    }

    pub(super) const fn to_bytes(self) -> [u8; PSEUDONYM] {
        self.0
    }

    pub(super) fn bytes(self) -> impl Iterator<Item = u8> {
        self.0.into_iter()
    }

    /// Which of so many shares of about as many people it is in, in the order of pseudonyms.
    pub(super) fn share(self, shares: usize) -> usize {
        let [first, second, ..] = self.0;
        (usize::from(u16::from_be_bytes([first, second])) * shares) >> 16
    }

    /// That of no one before the next one; `None` after the last.
    pub(super) fn next(self) -> Option<Self> {
        u128::from_be_bytes(self.0).checked_add(1).map(|next| Self(next.to_be_bytes()))
    }

    pub(super) fn row(self, number: u64) -> RowKey {
        let mut key = [0; KEY];
        let bytes = self.0.into_iter().chain(number.to_be_bytes());
        key.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        key
    }

    /// The owner of the row, and its number among theirs.
    pub(super) fn of(row: &RowKey) -> (Self, u64) {
        let (mut pseudonym, mut number) = ([0; PSEUDONYM], [0; 8]);
        pseudonym.iter_mut().chain(&mut number).zip(row).for_each(|(slot, byte)| *slot = *byte);
        (Self(pseudonym), u64::from_be_bytes(number))
    }
}

/// How many rows there are, and which.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Events, those of runs included.
    pub(super) count: u64,
    pub(super) sum: [u8; 32],
    /// Rows of the other tables.
    pub(super) others: u64,
    /// Rows that were removed or replaced, of any table, ever.
    pub(super) removed: u64,
    /// When events past their retention were last looked for, in seconds since 1970.
    pub(super) swept: Option<i64>,
    /// The runs, the oldest first: later events of a person lie in later ones.
    pub(super) runs: Vec<Run>,
    /// Numbers below it were given to runs before.
    pub(super) next_run: u64,
}

#[derive(Encode, Decode)]
struct FirstHead {
    version: u32,
    count: u64,
    sum: [u8; 32],
}

#[derive(Encode, Decode)]
struct SecondHead {
    version: u32,
    count: u64,
    sum: [u8; 32],
    others: u64,
    removed: u64,
    swept: Option<i64>,
}

#[derive(Encode, Decode)]
struct ThirdHead {
    version: u32,
    count: u64,
    sum: [u8; 32],
    others: u64,
    removed: u64,
    swept: Option<i64>,
    runs: Vec<Run>,
    next_run: u64,
}

impl Head {
    pub(super) const EMPTY: Self =
        Self { count: 0, sum: [0; 32], others: 0, removed: 0, swept: None, runs: Vec::new(), next_run: 0 };

    /// The head with one more block, of events that are counted by themselves.
    pub(super) fn and_block(&mut self, tag: &[u8; 32]) {
        self.toggle(tag);
    }

    /// The head without a block whose events another one has.
    pub(super) fn without_block(&mut self, tag: &[u8; 32]) {
        self.toggle(tag);
    }

    /// Counts so many events of blocks.
    pub(super) fn and_events(&mut self, events: u64) -> Result<(), RegisterError> {
        self.count = self.count.checked_add(events).ok_or(RegisterError::TooLarge)?;
        Ok(())
    }

    /// The head with the events that a part of a walk saw.
    pub(super) fn and_seen(&mut self, part: &Self) -> Result<(), RegisterError> {
        self.toggle(&part.sum);
        self.and_events(part.count)
    }

    /// The head with one more event.
    pub(super) fn and(&mut self, tag: &[u8; 32]) -> Result<(), RegisterError> {
        self.count = self.count.checked_add(1).ok_or(RegisterError::TooLarge)?;
        self.toggle(tag);
        Ok(())
    }

    /// The head with one more row of another table.
    pub(super) fn and_other(&mut self, tag: &[u8; 32]) -> Result<(), RegisterError> {
        self.others = self.others.checked_add(1).ok_or(RegisterError::TooLarge)?;
        self.toggle(tag);
        Ok(())
    }

    /// The head without a row of another table that is replaced.
    pub(super) fn without_other(&mut self, tag: &[u8; 32]) -> Result<(), RegisterError> {
        self.others = self.others.checked_sub(1).ok_or_else(|| damaged("its head"))?;
        self.removed = self.removed.checked_add(1).ok_or(RegisterError::TooLarge)?;
        self.toggle(tag);
        Ok(())
    }

    /// Rows that were ever written.
    pub(super) fn written(&self) -> u64 {
        self.count.saturating_add(self.others).saturating_add(self.removed)
    }

    /// A row is in the sum or not: adding it twice takes it out.
    fn toggle(&mut self, tag: &[u8; 32]) {
        self.sum.iter_mut().zip(tag).for_each(|(byte, other)| *byte ^= other);
    }

    fn encode(&self) -> Result<Vec<u8>, RegisterError> {
        let Self { count, sum, others, removed, swept, next_run, ref runs } = *self;
        let plain = if next_run > 0 {
            let runs = runs.clone();
            codec::encode(&ThirdHead { version: 3, count, sum, others, removed, swept, runs, next_run })
        } else if (others, removed, swept) == (0, 0, None) {
            codec::encode(&FirstHead { version: 1, count, sum })
        } else {
            codec::encode(&SecondHead { version: 2, count, sum, others, removed, swept })
        };
        plain.map_err(RegisterError::Encoding)
    }

    fn decode(verified: &[u8]) -> Result<Self, RegisterError> {
        if let Ok(FirstHead { version: 1, count, sum }) = codec::decode(verified) {
            return Ok(Self { count, sum, ..Self::EMPTY });
        }
        if let Ok(SecondHead { version: 2, count, sum, others, removed, swept }) = codec::decode(verified) {
            return Ok(Self { count, sum, others, removed, swept, ..Self::EMPTY });
        }
        match codec::decode(verified) {
            Ok(ThirdHead { version: 3, count, sum, others, removed, swept, runs, next_run }) => {
                Ok(Self { count, sum, others, removed, swept, runs, next_run })
            }
            _ => Err(damaged("its head (another version)")),
        }
    }
}

/// What the register derives from its key.
pub(super) struct Keys {
    people: Secret,
    rows: Secret,
    sums: Secret,
    heads: Secret,
    blocks: Secret,
    block_sums: Secret,
    tombstones: OfTable,
    requests: OfTable,
    seals: Secret,
    sandbox: String,
}

/// The keys of the rows of a further table.
struct OfTable {
    people: Secret,
    rows: Secret,
    sums: Secret,
}

impl Keys {
    pub(super) fn new(key: &Secret, sandbox: &str) -> Self {
        Self {
            people: key.derive("hushtag 2026-11 v1 people of the register"),
            rows: key.derive("hushtag 2026-11 v1 rows of the register"),
            sums: key.derive("hushtag 2026-11 v1 sums of the register"),
            heads: key.derive("hushtag 2026-11 v1 heads of the register"),
            blocks: key.derive("hushtag 2026-11 v1 blocks of the register"),
            block_sums: key.derive("hushtag 2026-11 v1 sums of blocks of the register"),
            tombstones: OfTable {
                people: key.derive("hushtag 2026-11 v1 people of tombstones of the register"),
                rows: key.derive("hushtag 2026-11 v1 rows of tombstones of the register"),
                sums: key.derive("hushtag 2026-11 v1 sums of tombstones of the register"),
            },
            requests: OfTable {
                people: key.derive("hushtag 2026-11 v1 people of requests of the register"),
                rows: key.derive("hushtag 2026-11 v1 rows of requests of the register"),
                sums: key.derive("hushtag 2026-11 v1 sums of requests of the register"),
            },
            seals: key.derive("hushtag 2026-11 v1 sums of seals of the register"),
            sandbox: sandbox.to_owned(),
        }
    }

    pub(super) fn pseudonym(&self, ids: &str, person: &str) -> Pseudonym {
        Pseudonym(mark(&self.people, ids, person))
    }

    /// Under which the tombstone of an id lies, the same for all of its spellings.
    pub(super) fn tombstone_mark(&self, ids: &str, person: &str) -> Mark {
        mark(&self.tombstones.people, ids, &of_every_form(person))
    }

    /// Whose a request is, the same for all spellings of an id.
    pub(super) fn request_mark(&self, ids: &str, person: &str) -> Mark {
        mark(&self.requests.people, ids, &of_every_form(person))
    }

    pub(super) fn seal_tombstone(&self, mark: &Mark, left: &Tombstone) -> Result<Vec<u8>, RegisterError> {
        self.seal_row(&self.tombstones, mark, left)
    }

    pub(super) fn open_tombstone(&self, mark: &Mark, sealed: &[u8]) -> Result<Tombstone, RegisterError> {
        self.open_row(&self.tombstones, mark, sealed, "a tombstone")
    }

    pub(super) fn tombstone_tag(&self, mark: &Mark, sealed: &[u8]) -> [u8; 32] {
        tag(&self.tombstones.sums, mark, sealed)
    }

    pub(super) fn seal_request(
        &self,
        number: u64,
        request: &StoredRequest,
    ) -> Result<Vec<u8>, RegisterError> {
        self.seal_row(&self.requests, &number.to_be_bytes(), request)
    }

    pub(super) fn open_request(&self, number: u64, sealed: &[u8]) -> Result<StoredRequest, RegisterError> {
        self.open_row(&self.requests, &number.to_be_bytes(), sealed, "a request")
    }

    pub(super) fn request_tag(&self, number: u64, sealed: &[u8]) -> [u8; 32] {
        tag(&self.requests.sums, &number.to_be_bytes(), sealed)
    }

    pub(super) fn seal_tag(&self, mark: &SealMark, value: &[u8]) -> [u8; 32] {
        tag(&self.seals, mark, value)
    }

    fn seal_row<T: Encode>(&self, of: &OfTable, place: &[u8], row: &T) -> Result<Vec<u8>, RegisterError> {
        let plain = zeroize::Zeroizing::new(codec::encode(row).map_err(RegisterError::Encoding)?);
        let size = plain.len().next_multiple_of(STEP);
        seal_padded(&of.rows, &[self.sandbox.as_bytes(), place], &plain, size).map_err(RegisterError::Sealing)
    }

    fn open_row<T: Encode + Decode<()>>(
        &self,
        of: &OfTable,
        place: &[u8],
        sealed: &[u8],
        what: &'static str,
    ) -> Result<T, RegisterError> {
        let plain = open(&of.rows, &[self.sandbox.as_bytes(), place], sealed).map_err(|_| damaged(what))?;
        codec::decode(&plain).map_err(|_| damaged(what))
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
        tag(&self.sums, row, sealed)
    }

    pub(super) fn seal_block(&self, key: &BlockKey, plain: &[u8]) -> Result<Vec<u8>, RegisterError> {
        let place: [&[u8]; 2] = [self.sandbox.as_bytes(), key];
        seal_padded(&self.blocks, &place, plain, CONTENT).map_err(RegisterError::Sealing)
    }

    pub(super) fn open_block(
        &self,
        key: &BlockKey,
        sealed: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, RegisterError> {
        let opened = open(&self.blocks, &[self.sandbox.as_bytes(), key], sealed);
        opened.map_err(|_| damaged("a block of events"))
    }

    /// What a block adds to the sum.
    pub(super) fn block_tag(&self, key: &BlockKey, sealed: &[u8]) -> [u8; 32] {
        tag(&self.block_sums, key, sealed)
    }

    pub(super) fn seal_head(&self, head: &Head) -> Result<Vec<u8>, RegisterError> {
        let plain = head.encode()?;
        let size = if head.next_run > 0 { plain.len().next_multiple_of(HEAD_STEP) } else { 64 };
        seal_padded(&self.heads, &[self.sandbox.as_bytes()], &plain, size).map_err(RegisterError::Sealing)
    }

    pub(super) fn open_head(&self, sealed: &[u8]) -> Result<Head, RegisterError> {
        let opened = open(&self.heads, &[self.sandbox.as_bytes()], sealed);
        let plain = opened.map_err(|error| match error {
            SealError::Forged | SealError::UnknownFormat => damaged("its head"),
            other => RegisterError::Sealing(other),
        })?;
        Head::decode(&plain)
    }
}

fn mark(key: &Secret, ids: &str, person: &str) -> Mark {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    // Its length before it, so that no two pairs have the same bytes.
    hasher.update(&(ids.len() as u64).to_le_bytes()).update(ids.as_bytes()).update(person.as_bytes());
    let (mut mark, hash) = ([0; PSEUDONYM], hasher.finalize());
    mark.iter_mut().zip(hash.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
    mark
}

fn tag(key: &Secret, place: &[u8], sealed: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    *hasher.update(place).update(sealed).finalize().as_bytes()
}
