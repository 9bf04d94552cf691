//! Rows wait in ranges of people until many of one range are together: what is gathered for a range fits the processor's
//! cache, what is gathered for everybody does not. How many wait grows with people, never with rows.

use super::rows::{Cells, Rows};
use crate::engine::ids::numbers::NOBODY;
use crate::engine::read::reading::Reading;
use crate::engine::read::work::Step;

/// People of one range, a power of two.
pub(super) const RANGE: usize = 512;
/// Rows that wait in one range before they are heard.
const MOST_ROWS: usize = 4 * RANGE;
/// Words that wait in all ranges of one lane and thread together, at most: 128 MB.
const MOST_WORDS: usize = 1 << 25;
/// However many ranges there are, so many rows may wait in each.
const FEWEST_ROWS: usize = 64;

/// The bits of an owner's number inside her range.
const OWNER: usize = RANGE.ilog2() as usize;

/// How a row is laid out in words of 32 bits: its owner; from the next bit on a bit for each selection that holds it and each
/// column that says something; then the columns' cells.
pub(super) struct Layout {
    selections: usize,
    /// Positions among the columns that are read.
    columns: Vec<usize>,
    /// The bits of all selections, for each word before the cells.
    selected: Vec<u32>,
    /// Words of a cell: one where every number of a batch fits, two otherwise.
    cell: usize,
}

impl Layout {
    /// For so many selections and the columns whose cells are needed: the lane of cells of 32 bits, and the one of 64.
    pub(super) fn lanes(selections: usize, columns: impl Iterator<Item = usize>) -> [Self; 2] {
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
        self.cell > 1 || cells.all(Cells::are_narrow)
    }

    fn width(&self) -> usize {
        self.selected.len() + self.columns.len() * self.cell
    }

    /// Where a column's cell is, and the number of the bit that says it is there.
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

/// The rows of one thread that wait.
pub(super) struct Waiting {
    ranges: Vec<Vec<u32>>,
    /// Words at which a range is heard.
    full: usize,
    /// One batch, laid out.
    batch: Vec<u32>,
}

impl Waiting {
    /// Nothing yet, for people numbered `0..people`.
    pub(in crate::engine) fn new(layout: &Layout, people: usize) -> Self {
        let ranges = vec![Vec::new(); people.div_ceil(RANGE)];
        Self { full: full(layout, ranges.len()), ranges, batch: Vec::new() }
    }

    /// Adds ranges until there is one for everybody numbered `0..people`. The more ranges, the fewer rows may wait in each.
    fn grow(&mut self, layout: &Layout, people: usize, hear: &mut impl FnMut(usize, &Together<'_>)) {
        let ranges = people.div_ceil(RANGE);
        if ranges <= self.ranges.len() {
            return;
        }
        self.ranges.resize(ranges, Vec::new());
        let full = full(layout, ranges);
        if full < std::mem::replace(&mut self.full, full) {
            for (range, waiting) in self.ranges.iter_mut().enumerate().filter(|(_, all)| all.len() >= full) {
                // Its memory goes with it.
                hear(range, &Together { layout, words: &std::mem::take(waiting) });
            }
        }
    }

    /// Bytes that are held, or a little more: rows that wait, while there are fewer than may wait.
    pub(in crate::engine) fn bytes(&self, layout: &Layout, rows: u64) -> usize {
        let most = self.ranges.len() * self.full;
        usize::try_from(rows).map_or(most, |rows| (2 * rows).saturating_mul(layout.width()).min(most))
            * size_of::<u32>()
    }

    /// Takes the rows of one batch that a selection holds; `chosen` are the owners of every selection's rows. Ranges that are
    /// full are heard.
    pub(in crate::engine) fn take(
        &mut self,
        layout: &Layout,
        rows: &Rows,
        chosen: &[Vec<u32>],
        reading: &Reading,
        mut hear: impl FnMut(usize, &Together<'_>),
    ) {
        self.grow(layout, rows.people(), &mut hear);
        self.lay_out(layout, rows, chosen);
        let width = layout.width();
        reading.count(Step::Row, rows.owners.iter().filter(|owner| **owner != NOBODY).count());
        for (row, owner) in self.batch.chunks_exact(width).zip(&rows.owners) {
            let range = *owner as usize / RANGE;
            let held = row.iter().zip(&layout.selected).any(|(word, selected)| word & selected != 0);
            let Some(waiting) = self.ranges.get_mut(range).filter(|_| held) else { continue };
            append(waiting, row);
            if waiting.len() >= self.full {
                hear(range, &Together { layout, words: waiting });
                waiting.clear();
            }
        }
    }

    /// Hears all that still waits.
    pub(in crate::engine) fn finish(self, layout: &Layout, mut hear: impl FnMut(usize, &Together<'_>)) {
        for (range, words) in self.ranges.into_iter().enumerate().filter(|(_, words)| !words.is_empty()) {
            hear(range, &Together { layout, words: &words });
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a mark's halves; in a narrow lane the upper one is 0"
    )]
    fn lay_out(&mut self, layout: &Layout, rows: &Rows, chosen: &[Vec<u32>]) {
        let width = layout.width();
        self.batch.clear();
        self.batch.resize(rows.owners.len() * width, 0);
        for (row, owner) in self.batch.chunks_exact_mut(width).zip(&rows.owners) {
            set(row, 0, owner % RANGE as u32);
        }
        for (selection, chosen) in chosen.iter().enumerate() {
            let (word, mask) = bit(selection);
            for (row, owner) in self.batch.chunks_exact_mut(width).zip(chosen) {
                set(row, word, if *owner == NOBODY { 0 } else { mask });
            }
        }
        for column in &layout.columns {
            let (Some((at, flag)), Some(cells)) = (layout.slot(*column), rows.cells.get(*column)) else {
                continue;
            };
            let (word, mask) = bit(flag);
            let each = self.batch.chunks_exact_mut(width);
            if layout.cell == 1 {
                cells.tell(each, |row, mark| {
                    set(row, word, mask);
                    set(row, at, mark as u32);
                });
            } else {
                cells.tell(each, |row, mark| {
                    set(row, word, mask);
                    set(row, at, mark as u32);
                    set(row, at + 1, (mark >> 32) as u32);
                });
            }
        }
    }
}

/// Words at which a range is accumulated, so that all ranges together stay below a fixed number of words.
fn full(layout: &Layout, ranges: usize) -> usize {
    let rows = MOST_WORDS / (layout.width() * ranges.max(1));
    rows.clamp(FEWEST_ROWS, MOST_ROWS) * layout.width()
}

fn set(row: &mut [u32], word: usize, bits: u32) {
    if let Some(slot) = row.get_mut(word) {
        *slot |= bits;
    }
}

/// Copies of a length that is known need no call.
fn append(waiting: &mut Vec<u32>, row: &[u32]) {
    match *row {
        [a] => waiting.push(a),
        [a, b] => waiting.extend_from_slice(&[a, b]),
        [a, b, c] => waiting.extend_from_slice(&[a, b, c]),
        [a, b, c, d] => waiting.extend_from_slice(&[a, b, c, d]),
        [a, b, c, d, e] => waiting.extend_from_slice(&[a, b, c, d, e]),
        _ => waiting.extend_from_slice(row),
    }
}

/// Rows of one range of people.
pub(super) struct Together<'a> {
    layout: &'a Layout,
    words: &'a [u32],
}

impl Together<'_> {
    /// The owner, counted inside the range, of every row that a selection holds.
    pub(in crate::engine) fn owners(&self, selection: usize) -> impl Iterator<Item = usize> {
        let (word, mask) = bit(selection);
        let rows = self.words.chunks_exact(self.layout.width());
        rows.filter(move |row| row.get(word).is_some_and(|flags| flags & mask != 0)).map(owner)
    }

    /// The owner, counted inside the range, and the mark of every row that a selection holds and that says something in a
    /// column.
    pub(in crate::engine) fn marks(
        &self,
        selection: usize,
        column: usize,
    ) -> impl Iterator<Item = (usize, u64)> {
        let (word, mask) = bit(selection);
        let slot = self.layout.slot(column);
        let words = if slot.is_some() { self.words } else { &[] };
        let (at, told) = slot.unwrap_or_default();
        let (told, told_mask) = bit(told);
        words.chunks_exact(self.layout.width()).filter_map(move |row| {
            let is = |word: usize, mask| row.get(word).is_some_and(|flags| flags & mask != 0);
            if is(word, mask) && is(told, told_mask) {
                Some((owner(row), self.layout.cell(row, at)?))
            } else {
                None
            }
        })
    }

    /// As [`Together::marks`], of a column of numbers.
    pub(in crate::engine) fn numbers(
        &self,
        selection: usize,
        column: usize,
    ) -> impl Iterator<Item = (usize, i64)> {
        self.marks(selection, column).map(|(owner, mark)| (owner, mark.cast_signed()))
    }
}

fn owner(row: &[u32]) -> usize {
    row.first().map_or(usize::MAX, |word| *word as usize % RANGE)
}
