//! Blocks of events: what an import adds, sorted by person and sealed together.
//!
//! `runs[run (8, big-endian) || pseudonym (16) || before (8, big-endian)] = AES-256-GCM(block)`, all of one size, the key being
//! associated data. A run holds the events of some imports in the order of pseudonyms. A block begins with an event of the person
//! whom its key names, of whose events in the run `before` lie in earlier blocks, and it names the key of the block after it, so
//! that a lookup of a person finds whether a block was taken out without reading the others. Statements are kept once a block.

use std::sync::Arc;

use bincode::{Decode, Encode};
use hashbrown::HashMap;
use zeroize::Zeroizing;

use super::RegisterError;
use super::cell::Cell;
use super::error::damaged;
use super::rows::{BlockKey, Keys, Pseudonym};
use super::statement::{Statement, StoredStatement};
use crate::types::codec;

/// Bytes of the content of a block: with its seal, its key and what the store adds it fills a page of 16 KiB.
pub(super) const CONTENT: usize = 16_256;
/// More than the numbers before the lists of a block take.
const FRAME: usize = 64;
/// More than the numbers of one row and its owner take.
const ROW: usize = 48;
const BLOCK: &str = "a block of events";

/// Where a block begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) run: u64,
    pub(super) first: Pseudonym,
    /// Events of that person in earlier blocks of the run.
    pub(super) before: u64,
}

impl Place {
    pub(super) fn key(self) -> BlockKey {
        let mut key = [0; 32];
        let bytes =
            self.run.to_be_bytes().into_iter().chain(self.first.bytes()).chain(self.before.to_be_bytes());
        key.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        key
    }

    pub(super) fn of(key: &BlockKey) -> Self {
        let (mut run, mut first, mut before) = ([0; 8], [0; 16], [0; 8]);
        let slots = run.iter_mut().chain(&mut first).chain(&mut before);
        slots.zip(key).for_each(|(slot, byte)| *slot = *byte);
        let (run, before) = (u64::from_be_bytes(run), u64::from_be_bytes(before));
        Self { run, first: Pseudonym::of_bytes(first), before }
    }
}

/// One run, as the head of the register knows it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) events: u64,
    pub(super) blocks: u64,
    /// The person of its first block.
    pub(super) first: [u8; 16],
}

impl Run {
    pub(super) fn start(&self) -> Place {
        Place { run: self.number, first: Pseudonym::of_bytes(self.first), before: 0 }
    }
}

/// Events of one person that follow each other in a block.
#[derive(Encode, Decode)]
pub(super) struct Owner {
    pseudonym: [u8; 16],
    ids: u32,
    id: Cell,
    rows: Vec<StoredRow>,
}

/// One event of a block.
#[derive(Encode, Decode)]
struct StoredRow {
    /// How many events of the person were recorded one by one before it.
    singles: u64,
    statement: u32,
    times: [Cell; 3],
}

#[derive(Encode, Decode)]
struct StoredBlock {
    next: Option<([u8; 16], u64)>,
    namespaces: Vec<String>,
    statements: Vec<StoredStatement>,
    people: Vec<Owner>,
}

/// An event of a block, which shares its statement with others.
pub(super) struct Packed {
    pub(super) singles: u64,
    pub(super) times: [Cell; 3],
    pub(super) statement: Arc<Statement>,
}

/// A person in a block.
pub(super) struct PackedOwner {
    pub(super) pseudonym: Pseudonym,
    pub(super) ids: Arc<str>,
    pub(super) id: String,
    pub(super) rows: Vec<Packed>,
}

/// A block whose seal was checked.
pub(super) struct Block {
    pub(super) next: Option<Place>,
    namespaces: Vec<Arc<str>>,
    statements: Vec<Arc<Statement>>,
    people: std::vec::IntoIter<Owner>,
}

impl Block {
    /// Opens a block, whose place in the store is `place`.
    pub(super) fn open(keys: &Keys, place: Place, sealed: &[u8]) -> Result<Self, RegisterError> {
        let plain = keys.open_block(&place.key(), sealed)?;
        let StoredBlock { next, namespaces, statements, people } =
            codec::decode(&plain).map_err(|_| damaged(BLOCK))?;
        let next =
            next.map(|(first, before)| Place { run: place.run, first: Pseudonym::of_bytes(first), before });
        let follows = next.is_none_or(|next| place < next);
        let begins = people.first().is_some_and(|owner| Pseudonym::of_bytes(owner.pseudonym) == place.first);
        let has_rows = people.iter().all(|owner| !owner.rows.is_empty());
        let is_sorted = people.is_sorted_by(|one, other| one.pseudonym < other.pseudonym);
        if !(follows && begins && has_rows && is_sorted) {
            return Err(damaged(BLOCK));
        }
        Ok(Self {
            next,
            namespaces: namespaces.into_iter().map(Arc::from).collect(),
            statements: statements.into_iter().map(|stored| Arc::new(Statement::from(stored))).collect(),
            people: people.into_iter(),
        })
    }

    /// Whose events come next.
    pub(super) fn peek(&self) -> Option<Pseudonym> {
        self.people.as_slice().first().map(|owner| Pseudonym::of_bytes(owner.pseudonym))
    }

    /// The events that come next.
    pub(super) fn take(&mut self) -> Result<Option<PackedOwner>, RegisterError> {
        let Some(Owner { pseudonym, ids, id, rows }) = self.people.next() else { return Ok(None) };
        let at = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let ids = self.namespaces.get(at(ids)).ok_or_else(|| damaged(BLOCK))?;
        let packed = rows.into_iter().map(|StoredRow { singles, statement, times }| {
            let statement = self.statements.get(at(statement)).ok_or_else(|| damaged(BLOCK))?;
            Ok(Packed { singles, times, statement: Arc::clone(statement) })
        });
        Ok(Some(PackedOwner {
            pseudonym: Pseudonym::of_bytes(pseudonym),
            ids: Arc::clone(ids),
            id: id.text().ok_or_else(|| damaged(BLOCK))?,
            rows: packed.collect::<Result<_, RegisterError>>()?,
        }))
    }

    /// Passes over the next person.
    pub(super) fn skip(&mut self) {
        self.people.next();
    }
}

/// One event on its way into a block, its id and times as they are encoded.
pub(super) struct Packing<'a> {
    pub(super) pseudonym: Pseudonym,
    pub(super) ids: &'a str,
    pub(super) id: &'a [u8],
    pub(super) singles: u64,
    pub(super) times: &'a [u8],
    pub(super) statement: &'a Arc<Statement>,
}

/// A block as the store takes it, with what it adds to the sum.
pub(super) struct SealedBlock {
    pub(super) key: BlockKey,
    pub(super) sealed: Vec<u8>,
    pub(super) tag: [u8; 32],
}

/// Writes the blocks of one run, whose events come person by person in the order of pseudonyms.
pub(super) struct BlockWriter<'k> {
    keys: &'k Keys,
    run: u64,
    block: BlockUnderWay,
    /// The person whose events come, and how many there were.
    owner: Option<(Pseudonym, u64)>,
}

#[derive(Default)]
struct BlockUnderWay {
    place: Option<Place>,
    namespaces: Vec<String>,
    /// Statements by where they lie in memory; held, so that no other one comes to lie there.
    known: HashMap<usize, u32>,
    held: Vec<Arc<Statement>>,
    spelled: HashMap<Vec<u8>, u32>,
    statements: Zeroizing<Vec<u8>>,
    people: Zeroizing<Vec<u8>>,
    count: u64,
    /// The number of rows of the person under way in this block, and those rows.
    rows: u64,
    own: Zeroizing<Vec<u8>>,
}

impl<'k> BlockWriter<'k> {
    pub(super) fn new(keys: &'k Keys, run: u64) -> Self {
        Self { keys, run, block: BlockUnderWay::default(), owner: None }
    }

    /// Adds an event; blocks that are full go to `emit`.
    pub(super) fn push(
        &mut self,
        row: &Packing<'_>,
        emit: &mut impl FnMut(SealedBlock) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError> {
        let before = self.owner.filter(|(owner, _)| *owner == row.pseudonym).map_or(0, |(_, rows)| rows);
        let place = Place { run: self.run, first: row.pseudonym, before };
        if !self.block.has_room(row)? {
            self.close(Some(place), emit)?;
        }
        let is_other = before == 0;
        self.block.push(row, place, is_other)?;
        self.owner = Some((row.pseudonym, before.saturating_add(1)));
        Ok(())
    }

    /// Ends the block under way, after which the one at `next` comes.
    pub(super) fn close(
        &mut self,
        next: Option<Place>,
        emit: &mut impl FnMut(SealedBlock) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError> {
        let mut block = std::mem::take(&mut self.block);
        let Some(place) = block.place else { return Ok(()) };
        let plain = block.encode(next)?;
        let key = place.key();
        let sealed = self.keys.seal_block(&key, &plain)?;
        let tag = self.keys.block_tag(&key, &sealed);
        emit(SealedBlock { key, sealed, tag })
    }
}

impl BlockUnderWay {
    /// Whether an event fits; an empty block takes any.
    fn has_room(&self, row: &Packing<'_>) -> Result<bool, RegisterError> {
        let statement = match self.known.contains_key(&address(row.statement)) {
            true => 0,
            false => row.statement.encode()?.len(),
        };
        let parts = [
            FRAME,
            self.namespaces.iter().map(|name| name.len() + FRAME).sum(),
            self.statements.len(),
            self.people.len(),
            self.own.len(),
            statement,
            row.ids.len() + FRAME,
            row.id.len(),
            row.times.len(),
            2 * ROW,
        ];
        let size = parts.into_iter().fold(0, usize::saturating_add);
        Ok(self.place.is_none() || size <= CONTENT)
    }

    fn push(&mut self, row: &Packing<'_>, place: Place, is_other: bool) -> Result<(), RegisterError> {
        if is_other || self.place.is_none() {
            self.end_owner()?;
            let ids = self.namespace(row.ids)?;
            self.people.extend(row.pseudonym.bytes());
            codec::append(&ids, &mut self.people).map_err(RegisterError::Encoding)?;
            self.people.extend_from_slice(row.id);
            self.count += 1;
        }
        self.place.get_or_insert(place);
        let statement = self.statement(row.statement)?;
        codec::append(&(row.singles, statement), &mut self.own).map_err(RegisterError::Encoding)?;
        self.own.extend_from_slice(row.times);
        self.rows += 1;
        Ok(())
    }

    /// Puts the rows of the person under way behind their id.
    fn end_owner(&mut self) -> Result<(), RegisterError> {
        if self.rows > 0 {
            codec::append(&self.rows, &mut self.people).map_err(RegisterError::Encoding)?;
            self.people.extend_from_slice(&self.own);
            self.own.clear();
            self.rows = 0;
        }
        Ok(())
    }

    fn namespace(&mut self, ids: &str) -> Result<u32, RegisterError> {
        let place = self.namespaces.iter().position(|known| known == ids).unwrap_or_else(|| {
            self.namespaces.push(ids.to_owned());
            self.namespaces.len() - 1
        });
        u32::try_from(place).map_err(|_| RegisterError::TooLarge)
    }

    fn statement(&mut self, statement: &Arc<Statement>) -> Result<u32, RegisterError> {
        if let Some(number) = self.known.get(&address(statement)) {
            return Ok(*number);
        }
        let encoded = statement.encode()?;
        let number = match self.spelled.get(&encoded) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.spelled.len()).map_err(|_| RegisterError::TooLarge)?;
                self.statements.extend_from_slice(&encoded);
                self.spelled.insert(encoded, number);
                number
            }
        };
        self.known.insert(address(statement), number);
        self.held.push(Arc::clone(statement));
        Ok(number)
    }

    /// The bytes of the block: those of a [`StoredBlock`].
    fn encode(&mut self, next: Option<Place>) -> Result<Zeroizing<Vec<u8>>, RegisterError> {
        self.end_owner()?;
        let mut plain = Zeroizing::new(Vec::with_capacity(CONTENT));
        let next = next.map(|next| (next.first.to_bytes(), next.before));
        let head = (next, std::mem::take(&mut self.namespaces), self.spelled.len() as u64);
        codec::append(&head, &mut plain).map_err(RegisterError::Encoding)?;
        plain.extend_from_slice(&self.statements);
        codec::append(&self.count, &mut plain).map_err(RegisterError::Encoding)?;
        plain.extend_from_slice(&self.people);
        Ok(plain)
    }
}

fn address(statement: &Arc<Statement>) -> usize {
    Arc::as_ptr(statement).addr()
}
