//! Runs that become too many are merged, so that looking a person up stays quick.

use super::RegisterError;
use super::blocks::{BlockWriter, PackedOwner, Packing, Place, Run, SealedBlock};
use super::cell::Cell;
use super::error::{damaged, fault};
use super::rows::{BlockKey, Head, Keys, Pseudonym, RUNS};
use super::runs::{Cursor, Range, join};
use super::store::Writer;
use crate::types::codec;

/// The most runs that a register keeps; a lookup of a person opens a block of each.
const MOST_RUNS: usize = if cfg!(test) { 4 } else { 32 };
/// So many runs become one.
const MERGED: usize = if cfg!(test) { 3 } else { 17 };

impl Writer<'_> {
    /// Merges neighbours until there are few enough runs: of all that follow each other those with the fewest events, so that an
    /// event is written again the less often the more there are.
    pub(super) fn merge_runs(&mut self) -> Result<(), RegisterError> {
        while self.head.runs.len() > MOST_RUNS {
            let events = |runs: &[Run]| runs.iter().fold(0_u64, |all, run| all.saturating_add(run.events));
            let windows = self.head.runs.windows(MERGED).enumerate();
            let Some((start, _)) = windows.min_by_key(|(_, runs)| events(runs)) else { return Ok(()) };
            self.merge(start)?;
        }
        Ok(())
    }

    /// Writes the run that takes the place of some, and removes those. Part of one transaction: if we stop, all of them are there.
    fn merge(&mut self, start: usize) -> Result<(), RegisterError> {
        let (keys, number) = (self.keys, self.head.next_run);
        let old: Vec<Run> = self.head.runs.iter().skip(start).take(MERGED).copied().collect();
        let mut table = self.transaction.open_table(RUNS).map_err(fault)?;
        let (mut seen, mut first, mut blocks) = (Head::EMPTY, None, 0_u64);
        let cursors = old.iter().map(|run| Cursor::start(&table, keys, run, Range::ALL, &mut seen));
        let mut cursors = cursors.collect::<Result<Vec<_>, _>>()?;
        let (mut writer, mut full) = (BlockWriter::new(keys, number), Vec::new());
        while let Some(person) = cursors.iter().filter_map(Cursor::peek).min() {
            let mut owner = None;
            for cursor in cursors.iter_mut().filter(|cursor| cursor.peek() == Some(person)) {
                join(&mut owner, cursor.take(&table, keys, &mut seen)?);
            }
            let owner = owner.ok_or_else(|| damaged("its runs"))?;
            first.get_or_insert(person);
            push(&mut writer, &owner, &mut |block| {
                full.push(block);
                Ok(())
            })?;
            blocks += full.len() as u64;
            full.drain(..).try_for_each(|block| insert(&mut table, &mut self.head, &block))?;
        }
        writer.close(None, &mut |block| {
            blocks += 1;
            insert(&mut table, &mut self.head, &block)
        })?;
        let events = old.iter().map(|run| run.events).sum::<u64>();
        let first = first.filter(|_| seen.count == events).ok_or_else(|| damaged("its runs"))?.to_bytes();
        for run in &old {
            let last = Place { run: run.number, first: Pseudonym::of_bytes([u8::MAX; 16]), before: u64::MAX };
            let lowest = Place { first: Pseudonym::FIRST, before: 0, ..last };
            table.retain_in::<&BlockKey, _>(&lowest.key()..=&last.key(), |_, _| false).map_err(fault)?;
        }
        self.head.without_block(&seen.sum);
        self.head.runs.splice(start..start + old.len(), [Run { number, events, blocks, first }]);
        self.head.next_run = number.checked_add(1).ok_or(RegisterError::TooLarge)?;
        Ok(())
    }
}

/// Puts a block into the table.
pub(super) fn insert(
    table: &mut redb::Table<'_, &'static BlockKey, &'static [u8]>,
    head: &mut Head,
    block: &SealedBlock,
) -> Result<(), RegisterError> {
    head.and_block(&block.tag);
    table.insert(&block.key, block.sealed.as_slice()).map_err(fault).map(drop)
}

/// Puts all events of a person into the blocks of a run.
pub(super) fn push(
    writer: &mut BlockWriter<'_>,
    owner: &PackedOwner,
    emit: &mut impl FnMut(SealedBlock) -> Result<(), RegisterError>,
) -> Result<(), RegisterError> {
    let id = codec::encode(&Cell::of(Some(&owner.id))).map_err(RegisterError::Encoding)?;
    for row in &owner.rows {
        let times = codec::encode(&row.times).map_err(RegisterError::Encoding)?;
        let (pseudonym, ids, singles) = (owner.pseudonym, &*owner.ids, row.singles);
        let (id, times, statement) = (id.as_slice(), times.as_slice(), &row.statement);
        writer.push(&Packing { pseudonym, ids, id, singles, times, statement }, emit)?;
    }
    Ok(())
}

impl Keys {
    /// Whether the blocks of a run are found where they should be, each by its key, and name each other to the last one.
    pub(super) fn check_run(
        &self,
        table: &redb::ReadOnlyTable<&'static BlockKey, &'static [u8]>,
        run: &Run,
    ) -> Result<(), RegisterError> {
        let mut seen = Head::EMPTY;
        let mut cursor = Cursor::start(table, self, run, Range::ALL, &mut seen)?;
        while cursor.take(table, self, &mut seen)?.is_some() {}
        if seen.count == run.events { Ok(()) } else { Err(damaged("its runs")) }
    }
}
