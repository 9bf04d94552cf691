//! Rows are buffered by partition of people and accumulated many at a time: the accumulators of one partition fit the processor's
//! cache, those of all people do not. How many rows are buffered grows with people, never with rows.

use super::rows::{ColumnCells, Rows};
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::read::reading::Reading;
use crate::engine::read::work::Step;

/// People of one partition, a power of two.
pub(in crate::engine) const PARTITION_SIZE: usize = 512;
/// The bits of a person's number that are their place in a partition.
const PLACE: u32 = (1 << PARTITION_SIZE.ilog2()) - 1;
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

    /// The columns of a batch, where every row has one word of flags and a narrow number in every column.
    fn plain_columns<'a>(&self, rows: &'a Rows) -> Option<Vec<&'a [i64]>> {
        let plain = |column: &usize| rows.cells.get(*column).and_then(ColumnCells::plain);
        if self.cell == 1 && self.selected.len() == 1 {
            self.columns.iter().map(plain).collect()
        } else {
            None
        }
    }

    /// The first word of every row of a batch whose cells all have values.
    fn flag(&self, rows: &Rows, chosen: &[Vec<u32>], flags: &mut Vec<u32>) {
        let values = (0..self.columns.len()).fold(0, |all, column| all | bit(self.selections + column).1);
        flags.clear();
        flags.extend(rows.owners.iter().map(|owner| (owner & PLACE) | values));
        for (selection, chosen) in chosen.iter().enumerate() {
            let (_, mask) = bit(selection);
            for (flags, owner) in flags.iter_mut().zip(chosen) {
                *flags |= if *owner == NO_PERSON { 0 } else { mask };
            }
        }
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
    /// A block of rows for each partition, all of one size; none before the first row comes.
    blocks: Vec<u32>,
    /// How many words of each block are taken.
    taken: Vec<u32>,
    /// Words of a block, at which its partition is accumulated.
    full: usize,
    /// One batch: the first words of its rows, or all of them.
    batch: Vec<u32>,
}

impl PartitionBuffer {
    /// Nothing yet, for people numbered `0..people`.
    pub(in crate::engine) fn new(layout: &RowLayout, people: usize) -> Self {
        let partitions = people.div_ceil(PARTITION_SIZE);
        let full = full(layout, partitions);
        Self { blocks: Vec::new(), taken: vec![0; partitions], full, batch: Vec::new() }
    }

    /// Adds partitions until all people numbered `0..people` have one. The more partitions, the fewer rows may be buffered for each.
    fn grow(
        &mut self,
        layout: &RowLayout,
        people: usize,
        accumulate: &mut impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        let partitions = people.div_ceil(PARTITION_SIZE);
        if partitions > self.taken.len() {
            let full = full(layout, partitions);
            if full < self.full {
                self.accumulate_all(layout, accumulate);
                (self.blocks, self.full) = (Vec::new(), full);
            }
            self.taken.resize(partitions, 0);
        }
        let words = self.taken.len() * self.full;
        if self.blocks.is_empty() {
            // What is 0 from the beginning is taken from the system only where a row comes.
            self.blocks = vec![0; words];
        } else if self.blocks.len() < words {
            self.blocks.resize(words, 0);
        }
    }

    /// Bytes that are held.
    pub(in crate::engine) const fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<u32>()
    }

    /// Takes the rows of one batch that a selection holds; `chosen` are the owners of every selection's rows. Partitions that are
    /// full are observed.
    pub(in crate::engine) fn take(
        &mut self,
        layout: &RowLayout,
        rows: &Rows,
        chosen: &[Vec<u32>],
        reading: &Reading,
        mut accumulate: impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        self.grow(layout, rows.people(), &mut accumulate);
        reading.count(Step::Row, rows.owners.iter().filter(|owner| **owner != NO_PERSON).count());
        match layout.plain_columns(rows).as_deref() {
            Some([]) => self.write::<0>(layout, rows, (chosen, &[]), &mut accumulate),
            Some([a]) => self.write(layout, rows, (chosen, &[a]), &mut accumulate),
            Some([a, b]) => self.write(layout, rows, (chosen, &[a, b]), &mut accumulate),
            Some([a, b, c]) => self.write(layout, rows, (chosen, &[a, b, c]), &mut accumulate),
            Some([a, b, c, d]) => self.write(layout, rows, (chosen, &[a, b, c, d]), &mut accumulate),
            _ => self.copy(layout, rows, chosen, &mut accumulate),
        }
    }

    /// Writes rows straight from their columns: one word of flags, and a word for each of so many cells.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the narrow layout has numbers of 32 bits, and blocks are small"
    )]
    fn write<const COLUMNS: usize>(
        &mut self,
        layout: &RowLayout,
        rows: &Rows,
        (chosen, columns): (&[Vec<u32>], &[&[i64]; COLUMNS]),
        accumulate: &mut impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        layout.flag(rows, chosen, &mut self.batch);
        let selected = layout.selected.first().copied().unwrap_or_default();
        let width = COLUMNS + 1;
        for (row, (flags, owner)) in self.batch.iter().zip(&rows.owners).enumerate() {
            let partition = *owner as usize / PARTITION_SIZE;
            let Some(taken) = self.taken.get_mut(partition).filter(|_| flags & selected != 0) else {
                continue;
            };
            let from = partition * self.full;
            let at = from + *taken as usize;
            if let Some([first, cells @ ..]) = self.blocks.get_mut(at..at + width) {
                *first = *flags;
                for (cell, column) in cells.iter_mut().zip(columns) {
                    *cell = column.get(row).copied().unwrap_or_default() as u32;
                }
            }
            *taken += width as u32;
            if *taken as usize >= self.full {
                *taken = 0;
                let words = self.blocks.get(from..from + self.full).unwrap_or_default();
                accumulate(partition, &PartitionBatch { layout, words });
            }
        }
    }

    /// Lays a batch out, and copies its rows.
    #[expect(clippy::cast_possible_truncation, reason = "blocks are small")]
    fn copy(
        &mut self,
        layout: &RowLayout,
        rows: &Rows,
        chosen: &[Vec<u32>],
        accumulate: &mut impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        self.encode(layout, rows, chosen);
        let width = layout.width();
        for (row, owner) in self.batch.chunks_exact(width).zip(&rows.owners) {
            let partition = *owner as usize / PARTITION_SIZE;
            let held = row.iter().zip(&layout.selected).any(|(word, selected)| word & selected != 0);
            let Some(taken) = self.taken.get_mut(partition).filter(|_| held) else { continue };
            let from = partition * self.full;
            let at = from + *taken as usize;
            if let Some(slot) = self.blocks.get_mut(at..at + width) {
                slot.copy_from_slice(row);
            }
            *taken += width as u32;
            if *taken as usize >= self.full {
                *taken = 0;
                let words = self.blocks.get(from..from + self.full).unwrap_or_default();
                accumulate(partition, &PartitionBatch { layout, words });
            }
        }
    }

    /// Accumulates all that is still buffered.
    pub(in crate::engine) fn finish(
        mut self,
        layout: &RowLayout,
        mut accumulate: impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        self.accumulate_all(layout, &mut accumulate);
    }

    fn accumulate_all(
        &mut self,
        layout: &RowLayout,
        accumulate: &mut impl FnMut(usize, &PartitionBatch<'_>),
    ) {
        let blocks = self.blocks.chunks(self.full).zip(&mut self.taken).enumerate();
        for (partition, (block, taken)) in blocks.filter(|(_, (_, taken))| **taken > 0) {
            let words = block.get(..*taken as usize).unwrap_or_default();
            accumulate(partition, &PartitionBatch { layout, words });
            *taken = 0;
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

/// Words of the block of a partition, so that all partitions together stay below a fixed number of words. In steps: while people are
/// added, blocks change their size a few times and not with every batch.
fn full(layout: &RowLayout, partitions: usize) -> usize {
    let rows = MOST_WORDS / (layout.width() * partitions.max(1));
    let rows = 1_usize << rows.max(1).ilog2();
    rows.clamp(FEWEST_ROWS, MOST_ROWS) * layout.width()
}

fn set(row: &mut [u32], word: usize, bits: u32) {
    if let Some(slot) = row.get_mut(word) {
        *slot |= bits;
    }
}

/// Buffered rows of one partition of people.
pub(in crate::engine) struct PartitionBatch<'a> {
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
