//! How the columns of a cube are laid out for a set of tags.

use super::{Catalogue, TagSet};

/// The public shape of a cube: vocabulary sizes of its tags in order, and how many counts and sums each cell carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CubeShape {
    radices: Vec<usize>,
    counts: usize,
    sums: usize,
    cells: usize,
}

impl CubeShape {
    /// A shape, or `None` when its numbers do not fit the address space. The first count is that of all people.
    #[must_use]
    pub fn new(radices: Vec<usize>, counts: usize, sums: usize) -> Option<Self> {
        let cells = radices.iter().try_fold(1usize, |cells, radix| cells.checked_mul(*radix))?;
        cells.checked_mul(counts.checked_mul(9)?.checked_add(sums.checked_mul(17)?)?)?.checked_add(18)?;
        Some(Self { radices, counts, sums, cells })
    }

    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The position of the cell with these codes, one a tag, in order; the first tag varies slowest.
    #[must_use]
    pub fn position(&self, codes: impl IntoIterator<Item = usize>) -> usize {
        codes.into_iter().zip(&self.radices).fold(0, |position, (code, radix)| position * radix + code)
    }

    /// Bytes of memory of a cube of this shape.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells * (size_of::<u64>() * self.counts + size_of::<i128>() * self.sums)
    }

    /// How many counts each cell carries.
    #[must_use]
    pub fn counts(&self) -> usize {
        self.counts
    }

    /// How many sums each cell carries.
    #[must_use]
    pub fn sums(&self) -> usize {
        self.sums
    }

    /// The length of a cube in bytes before encryption: the longest that any cube of this shape can have.
    pub(crate) fn padded(&self) -> usize {
        // The codec writes an u64 in at most 9 bytes and an i128 in at most 17; two lengths come first.
        18 + self.cells * (9 * self.counts + 17 * self.sums)
    }
}

impl Catalogue {
    /// The public shapes of the cubes of all tag sets, in order; `None` if one does not fit the address space.
    #[must_use]
    pub fn shapes(&self) -> Option<Vec<CubeShape>> {
        self.sets().iter().map(|set| self.shape(set)).collect()
    }

    /// The public shape of the cube of one tag set, or `None` if it does not fit the address space.
    #[must_use]
    pub fn shape(&self, set: &TagSet) -> Option<CubeShape> {
        let radices = set.tags.iter().map(|tag| self.tags().get(*tag).map_or(1, |tag| tag.labels().len()));
        let columns = self.columns();
        CubeShape::new(radices.collect(), columns.counts, columns.measures.len())
    }
}
