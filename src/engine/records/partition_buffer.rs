//! Rows are buffered by partition of people and accumulated many at a time: the accumulators of one partition fit the processor's
//! cache, those of all people do not. How many rows are buffered grows with people, never with rows.

use super::rows::{ColumnCells, Rows};
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::read::reading::Reading;
use crate::engine::read::work::Step;

/// People of one partition, a power of two.
pub(super) const PARTITION_SIZE: usize = 512;
/// Rows that are buffered for one partition before they are accumulated.
const MOST_ROWS: usize = 4 * PARTITION_SIZE;
/// Words that are buffered for all partitions of one layout and thread, at most: 128 MB.
const MOST_WORDS: usize = 1 << 25;
/// However many partitions there are, so many rows may be buffered for each.
const FEWEST_ROWS: usize = 64;

/// The bits of an owner's number inside their partition.
const OWNER: usize = PARTITION_SIZE.ilog2() as usize;

/// How a row is laid out in words of 32 bits: its owner; from the next bit on a bit for each selection that holds it and each
/// column that has a value; then the columns' cells.
pub(super) struct RowLayout {
    selections: usize,
    /// Positions among the columns that are read.
    columns: Vec<usize>,
    /// The bits of all selections, for each word before the cells.
    selected: Vec<u32>,
    /// Words of a cell: one where every number of a batch fits, two otherwise.
    cell: usize,
}

impl RowLayout {
    /// For so many selections and the columns whose cells are needed: the narrow layout with cells of 32 bits, and the wide one with 64.
    pub(super) fn narrow_and_wide(selections: usize, columns: impl Iterator<Item = usize>) -> [Self; 2] {
        let mut columns: Vec<usize> = columns.collect();
        columns.sort_unstable();
        columns.dedup();
        let mut selected = vec![0; (OWNER + selections + columns.len()).div_ceil(32)];
        for (word, mask) in (0..selections).map(bit) {
            if let Some(slot) = selected.get_mut(word) {
                *slot |= mask;
            }
        }
        [1, 2].map(|cell| Self { selections, columns: columns.clone(), selected: selected.clone(), cell })
    }

    /// Whether all cells of a batch have room.
    pub(in crate::engine) fn fits(&self, rows: &Rows) -> bool {
        let mut cells = self.columns.iter().filter_map(|column| rows.cells.get(*column));
        self.cell > 1 || cells.all(ColumnCells::are_narrow)
    }

    fn width(&self) -> usize {
        self.selected.len() + self.columns.len() * self.cell
    }

    /// Where a column's cell is, and the number of the bit that is set where it has a value.
    fn slot(&self, column: usize) -> Option<(usize, usize)> {
        let slot = self.columns.binary_search(&column).ok()?;
        Some((self.selected.len() + slot * self.cell, self.selections + slot))
    }

    /// The cell that begins at a word.
    fn cell(&self, row: &[u32], at: usize) -> Option<u64> {
        let low = u64::from(*row.get(at)?);
        if self.cell == 1 { Some(low) } else { Some(low | u64::from(*row.get(at + 1)?) << 32) }
    }
}

/// The word and the mask of a bit.
const fn bit(number: usize) -> (usize, u32) {
    ((OWNER + number) / 32, 1 << ((OWNER + number) % 32))
}

/// The rows that one thread has buffered.
pub(super) struct PartitionBuffer {
    partitions: Vec<Vec<u32>>,
    /// Words at which a partition is accumulated.
    full: usize,
    /// One batch in the layout.
    batch: Vec<u32>,
}

impl PartitionBuffer {
    /// Nothing yet, for people numbered `0..people`.
    pub(in crate::engine) fn new(layout: &RowLayout, people: usize) -> Self {
        let partitions = vec![Vec::new(); people.div_ceil(PARTITION_SIZE)];
        Self { full: full(layout, partitions.len()), partitions, batch: Vec::new() }
    }

    /// Adds partitions until all people numbered `0..people` have one. The more partitions, the fewer rows may be buffered for each.
    fn grow(
        &mut self,
        layout: &RowLayout,
        people: usize,
        accumulate: &mut impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        let partitions = people.div_ceil(PARTITION_SIZE);
        if partitions <= self.partitions.len() {
            return;
        }
        self.partitions.resize(partitions, Vec::new());
        let full = full(layout, partitions);
        if full < std::mem::replace(&mut self.full, full) {
            for (partition, buffered) in
                self.partitions.iter_mut().enumerate().filter(|(_, all)| all.len() >= full)
            {
                // Its memory goes with it.
                accumulate(partition, &PartitionBatch { layout, words: &std::mem::take(buffered) });
            }
        }
    }

    /// Bytes that are held, or a little more: the buffered rows, while there are fewer than may be buffered.
    pub(in crate::engine) fn bytes(&self, layout: &RowLayout, rows: u64) -> usize {
        let most = self.partitions.len() * self.full;
        usize::try_from(rows).map_or(most, |rows| (2 * rows).saturating_mul(layout.width()).min(most))
            * size_of::<u32>()
    }

    /// Takes the rows of one batch that a selection holds; `chosen` are the owners of every selection's rows. Partitions that are
    /// full are heard.
    pub(in crate::engine) fn take(
        &mut self,
        layout: &RowLayout,
        rows: &Rows,
        chosen: &[Vec<u32>],
        reading: &Reading,
        mut accumulate: impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        self.grow(layout, rows.people(), &mut accumulate);
        self.encode(layout, rows, chosen);
        let width = layout.width();
        reading.count(Step::Row, rows.owners.iter().filter(|owner| **owner != NO_PERSON).count());
        for (row, owner) in self.batch.chunks_exact(width).zip(&rows.owners) {
            let partition = *owner as usize / PARTITION_SIZE;
            let held = row.iter().zip(&layout.selected).any(|(word, selected)| word & selected != 0);
            let Some(buffered) = self.partitions.get_mut(partition).filter(|_| held) else { continue };
            append(buffered, row);
            if buffered.len() >= self.full {
                accumulate(partition, &PartitionBatch { layout, words: buffered });
                buffered.clear();
            }
        }
    }

    /// Accumulates all that is still buffered.
    pub(in crate::engine) fn finish(
        self,
        layout: &RowLayout,
        mut accumulate: impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        for (partition, words) in
            self.partitions.into_iter().enumerate().filter(|(_, words)| !words.is_empty())
        {
            accumulate(partition, &PartitionBatch { layout, words: &words });
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fingerprint's halves; in the narrow layout the upper one is 0"
    )]
    fn encode(&mut self, layout: &RowLayout, rows: &Rows, chosen: &[Vec<u32>]) {
        let width = layout.width();
        self.batch.clear();
        self.batch.resize(rows.owners.len() * width, 0);
        for (row, owner) in self.batch.chunks_exact_mut(width).zip(&rows.owners) {
            set(row, 0, owner % PARTITION_SIZE as u32);
        }
        for (selection, chosen) in chosen.iter().enumerate() {
            let (word, mask) = bit(selection);
            for (row, owner) in self.batch.chunks_exact_mut(width).zip(chosen) {
                set(row, word, if *owner == NO_PERSON { 0 } else { mask });
            }
        }
        for column in &layout.columns {
            let (Some((at, flag)), Some(cells)) = (layout.slot(*column), rows.cells.get(*column)) else {
                continue;
            };
            let (word, mask) = bit(flag);
            let each = self.batch.chunks_exact_mut(width);
            if layout.cell == 1 {
                cells.for_each_value(each, |row, fingerprint| {
                    set(row, word, mask);
                    set(row, at, fingerprint as u32);
                });
            } else {
                cells.for_each_value(each, |row, fingerprint| {
                    set(row, word, mask);
                    set(row, at, fingerprint as u32);
                    set(row, at + 1, (fingerprint >> 32) as u32);
                });
            }
        }
    }
}

/// Words at which a partition is accumulated, so that all partitions together stay below a fixed number of words.
fn full(layout: &RowLayout, partitions: usize) -> usize {
    let rows = MOST_WORDS / (layout.width() * partitions.max(1));
    rows.clamp(FEWEST_ROWS, MOST_ROWS) * layout.width()
}

fn set(row: &mut [u32], word: usize, bits: u32) {
    if let Some(slot) = row.get_mut(word) {
        *slot |= bits;
    }
}

/// Copies of a length that is known need no call.
fn append(buffered: &mut Vec<u32>, row: &[u32]) {
    match *row {
        [a] => buffered.push(a),
        [a, b] => buffered.extend_from_slice(&[a, b]),
        [a, b, c] => buffered.extend_from_slice(&[a, b, c]),
        [a, b, c, d] => buffered.extend_from_slice(&[a, b, c, d]),
        [a, b, c, d, e] => buffered.extend_from_slice(&[a, b, c, d, e]),
        _ => buffered.extend_from_slice(row),
    }
}

/// Buffered rows of one partition of people.
pub(super) struct PartitionBatch<'a> {
    layout: &'a RowLayout,
    words: &'a [u32],
}

impl PartitionBatch<'_> {
    /// The owner, counted inside the partition, of every row that a selection holds.
    pub(in crate::engine) fn owners(&self, selection: usize) -> impl Iterator<Item = usize> {
        let (word, mask) = bit(selection);
        let rows = self.words.chunks_exact(self.layout.width());
        rows.filter(move |row| row.get(word).is_some_and(|flags| flags & mask != 0)).map(owner)
    }

    /// The owner, counted inside the partition, and the fingerprint of every row that a selection holds and that has a value in a
    /// column.
    pub(in crate::engine) fn fingerprints(
        &self,
        selection: usize,
        column: usize,
    ) -> impl Iterator<Item = (usize, u64)> {
        let (word, mask) = bit(selection);
        let slot = self.layout.slot(column);
        let words = if slot.is_some() { self.words } else { &[] };
        let (at, flag) = slot.unwrap_or_default();
        let (flag, flag_mask) = bit(flag);
        words.chunks_exact(self.layout.width()).filter_map(move |row| {
            let is = |word: usize, mask| row.get(word).is_some_and(|flags| flags & mask != 0);
            if is(word, mask) && is(flag, flag_mask) {
                Some((owner(row), self.layout.cell(row, at)?))
            } else {
                None
            }
        })
    }

    /// As [`PartitionBatch::fingerprints`], of a column of numbers.
    pub(in crate::engine) fn numbers(
        &self,
        selection: usize,
        column: usize,
    ) -> impl Iterator<Item = (usize, i64)> {
        self.fingerprints(selection, column).map(|(owner, fingerprint)| (owner, fingerprint.cast_signed()))
    }
}

fn owner(row: &[u32]) -> usize {
    row.first().map_or(usize::MAX, |word| *word as usize % PARTITION_SIZE)
}
