//! Many events at once: packed by several threads, sorted, and put into the register as a run of blocks.

use std::collections::HashMap as StdMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::blocks::{BlockWriter, Packing, Place, Run, SealedBlock};
use super::cell::Cell;
use super::error::{damaged, fault, guarded};
use super::event::LONGEST;
use super::merge::insert;
use super::rows::{Keys, Pseudonym, RUNS};
use super::statement::Statement;
use super::store::Writer;
use super::{Event, EventError, RegisterError};
use crate::types::codec;

/// Bytes of packed events that are sorted together, about: what an import holds in memory.
const CHUNK: usize = if cfg!(test) { 96 << 10 } else { 96 << 20 };
/// Fewer events are recorded one by one: a run would have no full block.
const FEWEST: usize = if cfg!(test) { 8 } else { 4_096 };
/// Threads that sort and seal.
const MOST_THREADS: usize = 4;

/// An instant of an event: as a cell is spelled, or in seconds since 1970.
#[derive(Clone, Copy)]
pub enum Time<'a> {
    /// No cell.
    Absent,
    /// Seconds since 1970-01-01T00:00:00Z.
    At(i64),
    /// Any text; an empty one is an absent cell.
    Text(&'a str),
}

impl Time<'_> {
    fn cell(self) -> Cell {
        match self {
            Self::Absent => Cell::Absent,
            Self::At(seconds) => Cell::of_seconds(seconds),
            Self::Text(text) => Cell::of(Some(text).filter(|text| !text.is_empty())),
        }
    }
}

/// Makes a [`Packer`] for each thread.
pub struct Packers(Arc<Keys>);

impl Packers {
    /// A packer for one thread.
    #[must_use]
    pub fn packer(&self) -> Packer {
        Packer { keys: Arc::clone(&self.0), part: Part::default(), last: None }
    }
}

/// Packs events for a register; each thread has one of its own.
pub struct Packer {
    keys: Arc<Keys>,
    part: Part,
    /// The person of the last event, whose rows mostly follow each other.
    last: Option<(String, String, Pseudonym)>,
}

/// Packed events, in the order in which they were packed. They belong to people: no `Debug`.
#[derive(Default)]
pub struct Part {
    namespaces: Vec<String>,
    statements: Vec<Arc<Statement>>,
    rows: Vec<Row>,
    bytes: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Row {
    pseudonym: Pseudonym,
    /// Where its id begins in the bytes, where its times do, and where they end.
    at: [u32; 3],
    statement: u32,
    ids: u32,
}

impl Packer {
    /// Adds a statement that events of this part make; gives its number.
    ///
    /// # Errors
    /// [`RegisterError::TooLarge`]
    pub fn statement(&mut self, statement: &Arc<Statement>) -> Result<u32, RegisterError> {
        let number = number(self.part.statements.len())?;
        self.part.statements.push(Arc::clone(statement));
        Ok(number)
    }

    /// Adds an event of a person, by namespace and id, with this statement.
    ///
    /// # Errors
    /// [`EventError`] for an event that is no event of anybody; nothing is added. The outer error is one of the register.
    pub fn add(
        &mut self,
        (ids, id): (&str, &str),
        times: [Time<'_>; 3],
        statement: u32,
    ) -> Result<Result<(), EventError>, RegisterError> {
        if id.is_empty() {
            return Ok(Err(EventError::NoPerson));
        }
        if ids.is_empty() {
            return Ok(Err(EventError::NoNamespace));
        }
        let times = times.map(Time::cell);
        let place = usize::try_from(statement).unwrap_or(usize::MAX);
        let stated = self.part.statements.get(place).map_or(0, |statement| statement.len());
        let lengths = [ids.len(), id.len(), stated].into_iter().chain(times.iter().map(Cell::len));
        if lengths.fold(0, usize::saturating_add) > LONGEST {
            return Ok(Err(EventError::TooLong));
        }
        self.push((ids, id), &times, statement).map(Ok)
    }

    /// Adds an event.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn event(&mut self, event: &Event) -> Result<(), RegisterError> {
        let (times, statement) = event.parts();
        let statement = self.statement(&Arc::new(statement))?;
        self.push(event.person(), &times, statement)
    }

    fn push(
        &mut self,
        (ids, id): (&str, &str),
        times: &[Cell; 3],
        statement: u32,
    ) -> Result<(), RegisterError> {
        let pseudonym = match &self.last {
            Some((last_ids, last_id, known)) if last_ids == ids && last_id == id => *known,
            _ => {
                let pseudonym = self.keys.pseudonym(ids, id);
                self.last = Some((ids.to_owned(), id.to_owned(), pseudonym));
                pseudonym
            }
        };
        let Part { namespaces, rows, bytes, .. } = &mut self.part;
        let ids = namespaces.iter().position(|known| known == ids).unwrap_or_else(|| {
            namespaces.push(ids.to_owned());
            namespaces.len() - 1
        });
        let start = number(bytes.len())?;
        codec::append(&Cell::of(Some(id)), bytes).map_err(RegisterError::Encoding)?;
        let middle = number(bytes.len())?;
        codec::append(times, bytes).map_err(RegisterError::Encoding)?;
        let at = [start, middle, number(bytes.len())?];
        rows.push(Row { pseudonym, at, statement, ids: number(ids)? });
        Ok(())
    }

    /// The events that were packed since the last part.
    #[must_use]
    pub fn take(&mut self) -> Part {
        std::mem::take(&mut self.part)
    }
}

fn number(number: usize) -> Result<u32, RegisterError> {
    u32::try_from(number).map_err(|_| RegisterError::TooLarge)
}

impl Part {
    fn len(&self) -> usize {
        let stated: usize = self.statements.iter().map(|statement| statement.len() + 512).sum();
        // Each row is also in the order that they are sorted by.
        self.bytes.len() + stated + self.rows.len() * (size_of::<Row>() + size_of::<(u32, u32)>() + 24)
    }

    fn packing(&self, row: &Row, singles: u64) -> Option<Packing<'_>> {
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let [start, middle, end] = row.at.map(place);
        Some(Packing {
            pseudonym: row.pseudonym,
            ids: self.namespaces.get(place(row.ids))?,
            id: self.bytes.get(start..middle)?,
            singles,
            times: self.bytes.get(middle..end)?,
            statement: self.statements.get(place(row.statement))?,
        })
    }

    fn event(&self, row: &Row) -> Result<Event, RegisterError> {
        let packing = self.packing(row, 0).ok_or(RegisterError::TooLarge)?;
        let decoded = |bytes: &[u8]| codec::decode::<Cell>(bytes).map_err(RegisterError::Encoding);
        let id = decoded(packing.id)?.text().unwrap_or_default();
        let times: [Cell; 3] = codec::decode(packing.times).map_err(RegisterError::Encoding)?;
        Ok(Event::of_parts((packing.ids, &id), &times, packing.statement))
    }
}

/// Packed events that wait to be sorted.
#[derive(Default)]
pub(super) struct Waiting {
    parts: Vec<Part>,
    bytes: usize,
}

/// A row by where it is: part and place. Rows of one person come in the order in which they were packed.
type Found = (Pseudonym, u32, u32);

impl Writer<'_> {
    /// What packs events for this transaction.
    #[must_use]
    pub fn packers(&self) -> Packers {
        Packers(Arc::clone(self.keys))
    }

    /// Takes packed events. Those of one person are recorded in the order in which they come here.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn load(&mut self, part: Part) -> Result<(), RegisterError> {
        self.waiting.bytes = self.waiting.bytes.saturating_add(part.len());
        self.waiting.parts.push(part);
        if self.waiting.bytes < CHUNK { Ok(()) } else { self.write_waiting() }
    }

    /// Puts what waits into the register.
    pub(super) fn write_waiting(&mut self) -> Result<(), RegisterError> {
        let Waiting { parts, .. } = std::mem::take(&mut self.waiting);
        let rows: usize = parts.iter().map(|part| part.rows.len()).sum();
        if rows >= FEWEST {
            return guarded(|| self.write_run(&parts));
        }
        for part in &parts {
            part.rows.iter().try_for_each(|row| self.add(&part.event(row)?))?;
        }
        Ok(())
    }

    /// Puts events into a run of their own.
    fn write_run(&mut self, parts: &[Part]) -> Result<(), RegisterError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let sorted = in_threads((0..threads).collect(), |share| Ok(sorted(parts, (share, threads))))?;
        let singles = self.singles_of(&sorted)?;
        let number = self.head.next_run;
        let place = |first: &Found| Place { run: number, first: first.0, before: 0 };
        let mut firsts: Vec<Option<Place>> =
            sorted.iter().skip(1).map(|share| share.first().map(place)).collect();
        firsts.push(None);
        // A share without a person is followed by what the next one begins with.
        for at in (0..firsts.len().saturating_sub(1)).rev() {
            let later = firsts.get(at + 1).copied().flatten();
            firsts.iter_mut().skip(at).take(1).for_each(|first| *first = first.or(later));
        }
        let shares: Vec<(&[Found], Option<Place>)> = sorted.iter().map(Vec::as_slice).zip(firsts).collect();
        let keys = self.keys;
        let sealed =
            in_threads(shares, |(share, next)| blocks(keys, (parts, &singles), share, (number, next)))?;
        let first = sorted.iter().flatten().next().ok_or_else(|| damaged("its runs"))?.0.to_bytes();
        let events = sorted.iter().map(Vec::len).sum::<usize>() as u64;
        drop(sorted);
        let mut table = self.transaction.open_table(RUNS).map_err(fault)?;
        let blocks = sealed.iter().map(Vec::len).sum::<usize>() as u64;
        let mut all = sealed.into_iter().flatten();
        all.try_for_each(|block| insert(&mut table, &mut self.head, &block))?;
        drop(table);
        self.head.and_events(events)?;
        self.head.runs.push(Run { number, events, blocks, first });
        self.head.next_run = number.checked_add(1).ok_or(RegisterError::TooLarge)?;
        self.merge_runs()
    }

    /// How many events of these people were recorded one by one, for those who have any.
    fn singles_of(&self, sorted: &[Vec<Found>]) -> Result<StdMap<Pseudonym, u64>, RegisterError> {
        let mut all = StdMap::new();
        if self.head.count == self.head.runs.iter().map(|run| run.events).sum::<u64>() {
            return Ok(all);
        }
        let mut last = None;
        for (person, ..) in sorted.iter().flatten() {
            if last == Some(*person) {
                continue;
            }
            last = Some(*person);
            let latest = self.latest(*person)?;
            if latest > 0 {
                all.insert(*person, latest);
            }
        }
        Ok(all)
    }
}

/// One share of the people of all parts, sorted.
fn sorted(parts: &[Part], (share, threads): (usize, usize)) -> Vec<Found> {
    let mut all = Vec::new();
    for (part, of) in (0..).zip(parts) {
        let own = (0..).zip(&of.rows).filter(|(_, row)| row.pseudonym.share(threads) == share);
        all.extend(own.map(|(place, row)| (row.pseudonym, part, place)));
    }
    all.sort_unstable();
    all
}

/// The blocks of one share of a run, before the block that comes `next`.
fn blocks(
    keys: &Keys,
    (parts, singles): (&[Part], &StdMap<Pseudonym, u64>),
    share: &[Found],
    (run, next): (u64, Option<Place>),
) -> Result<Vec<SealedBlock>, RegisterError> {
    let (mut writer, mut all) = (BlockWriter::new(keys, run), Vec::new());
    let mut emit = |block| {
        all.push(block);
        Ok(())
    };
    for (person, part, row) in share {
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let found = parts.get(place(*part)).and_then(|part| {
            part.packing(part.rows.get(place(*row))?, singles.get(person).copied().unwrap_or(0))
        });
        writer.push(&found.ok_or_else(|| damaged("its runs"))?, &mut emit)?;
    }
    writer.close(next, &mut emit)?;
    Ok(all)
}

/// What `work` makes of each of some things, each in a thread of its own, in their order.
fn in_threads<T: Send, R: Send>(
    things: Vec<T>,
    work: impl Fn(T) -> Result<R, RegisterError> + Sync,
) -> Result<Vec<R>, RegisterError> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = things.into_iter().map(|thing| scope.spawn(move || work(thing))).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(damaged("its runs"))));
        joined.collect()
    })
}
