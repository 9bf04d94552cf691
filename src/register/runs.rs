//! Runs of blocks, read in the order of pseudonyms.

use redb::ReadableTable;

use super::RegisterError;
use super::blocks::{Block, Packed, PackedOwner, Place, Run};
use super::error::{damaged, fault};
use super::rows::{BlockKey, Head, Keys, Pseudonym};

const MISSING: &str = "a block of events (one is missing)";

/// Part of the people: from `first` on and before `end`.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) first: Pseudonym,
    pub(super) end: Option<Pseudonym>,
}

impl Range {
    pub(super) const ALL: Self = Self { first: Pseudonym::FIRST, end: None };

    fn is_before_end(&self, person: Pseudonym) -> bool {
        self.end.is_none_or(|end| person < end)
    }

    /// So many ranges of about as many people; a power of two up to 256.
    pub(super) fn parts(count: usize) -> Vec<Self> {
        let count = count.clamp(1, 256).next_power_of_two();
        let bound = |part: usize| {
            let byte = u8::try_from(part * 256 / count).ok()?;
            let mut bytes = [0; 16];
            bytes.iter_mut().take(1).for_each(|first| *first = byte);
            Some(Pseudonym::of_bytes(bytes))
        };
        let part = |part| Self { first: bound(part).unwrap_or(Pseudonym::FIRST), end: bound(part + 1) };
        (0..count).map(part).collect()
    }
}

/// Reads the events of one run in a range. What it reads is added to a [`Head`], each block where the range has its first person.
pub(super) struct Cursor {
    range: Range,
    block: Option<Block>,
    next: Option<Place>,
}

impl Cursor {
    /// Goes to the first person of the range. A block that should have that person and was taken out is found at once.
    pub(super) fn start(
        table: &impl ReadableTable<&'static BlockKey, &'static [u8]>,
        keys: &Keys,
        run: &Run,
        range: Range,
        seen: &mut Head,
    ) -> Result<Self, RegisterError> {
        let wanted = Place { run: run.number, first: range.first, before: 0 };
        let lowest = Place { first: Pseudonym::FIRST, ..wanted };
        let found = table.range::<&BlockKey>(&lowest.key()..=&wanted.key()).map_err(fault)?.next_back();
        let found = found.transpose().map_err(fault)?.map(|(key, _)| Place::of(key.value()));
        let start = match found {
            None if run.start() <= wanted => return Err(damaged(MISSING)),
            None => run.start(),
            Some(place) => place,
        };
        let mut cursor = Self { range, block: None, next: Some(start) };
        cursor.refill(table, keys, seen)?;
        if found.is_some() && cursor.block.is_some() && cursor.next.is_some_and(|next| next <= wanted) {
            return Err(damaged(MISSING));
        }
        while cursor.block.as_ref().and_then(Block::peek).is_some_and(|person| person < range.first) {
            cursor.block.iter_mut().for_each(Block::skip);
            cursor.refill(table, keys, seen)?;
        }
        Ok(cursor)
    }

    /// Whose events come next.
    pub(super) fn peek(&self) -> Option<Pseudonym> {
        let person = self.block.as_ref().and_then(Block::peek);
        person.filter(|person| self.range.is_before_end(*person))
    }

    /// All events of the next person.
    pub(super) fn take(
        &mut self,
        table: &impl ReadableTable<&'static BlockKey, &'static [u8]>,
        keys: &Keys,
        seen: &mut Head,
    ) -> Result<Option<PackedOwner>, RegisterError> {
        let Some(person) = self.peek() else { return Ok(None) };
        let mut all: Option<PackedOwner> = None;
        while self.peek() == Some(person) {
            let Some(more) = self.block.as_mut().map(Block::take).transpose()?.flatten() else { break };
            match &mut all {
                Some(all) => all.rows.extend(more.rows),
                None => all = Some(more),
            }
            self.refill(table, keys, seen)?;
        }
        let rows = all.as_ref().map_or(0, |all| all.rows.len());
        seen.and_events(u64::try_from(rows).map_err(|_| RegisterError::TooLarge)?)?;
        Ok(all)
    }

    /// Opens the next block once this one is read.
    fn refill(
        &mut self,
        table: &impl ReadableTable<&'static BlockKey, &'static [u8]>,
        keys: &Keys,
        seen: &mut Head,
    ) -> Result<(), RegisterError> {
        if self.block.as_ref().is_some_and(|block| block.peek().is_some()) {
            return Ok(());
        }
        self.block = None;
        let Some(place) = self.next.take().filter(|place| self.range.is_before_end(place.first)) else {
            return Ok(());
        };
        let key = place.key();
        let sealed = table.get(&key).map_err(fault)?.ok_or_else(|| damaged(MISSING))?;
        if self.range.first <= place.first {
            seen.and_block(&keys.block_tag(&key, sealed.value()));
        }
        let block = Block::open(keys, place, sealed.value())?;
        self.next = block.next;
        self.block = Some(block);
        Ok(())
    }
}

/// The events of one person in all runs, the oldest run first.
pub(super) fn events_of(
    table: &impl ReadableTable<&'static BlockKey, &'static [u8]>,
    keys: &Keys,
    runs: &[Run],
    person: Pseudonym,
) -> Result<Option<PackedOwner>, RegisterError> {
    let mut all: Option<PackedOwner> = None;
    for run in runs {
        let mut seen = Head::EMPTY;
        let range = Range { first: person, end: person.next() };
        let mut cursor = Cursor::start(table, keys, run, range, &mut seen)?;
        join(&mut all, cursor.take(table, keys, &mut seen)?);
    }
    Ok(all)
}

/// Puts the events that one more run has of a person behind those of earlier ones.
pub(super) fn join(all: &mut Option<PackedOwner>, more: Option<PackedOwner>) {
    match (all, more) {
        (Some(all), Some(more)) => all.rows.extend(more.rows),
        (all @ None, more) => *all = more,
        (_, None) => {}
    }
}

/// The order in which events of a person were recorded: those of runs, each after so many that were recorded one by one.
pub(super) fn in_order<S, T>(
    singles: Vec<S>,
    mut packed: Vec<Packed>,
    single: impl Fn(S) -> T,
    of_run: impl Fn(Packed) -> T,
) -> Vec<T> {
    packed.sort_by_key(|row| row.singles);
    let (mut packed, mut all) = (packed.into_iter().peekable(), Vec::new());
    for (number, one) in (0..).zip(singles) {
        while let Some(row) = packed.next_if(|row| row.singles <= number) {
            all.push(of_run(row));
        }
        all.push(single(one));
    }
    all.extend(packed.map(of_run));
    all
}
