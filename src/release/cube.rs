//! The cube: for every cell of a tag set's vocabulary the number of people and their clamped sums.

use bincode::{Decode, Encode};

use super::Exact;
use crate::keys::{SealError, open, seal_padded};
use crate::types::{Secret, codec};

/// The public shape of a cube: vocabulary sizes of its tags in order, and how many sums each cell carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CubeShape {
    radices: Vec<usize>,
    sums: usize,
    cells: usize,
}

impl CubeShape {
    /// A shape, or `None` when its cells do not fit the address space.
    #[must_use]
    pub fn new(radices: Vec<usize>, sums: usize) -> Option<Self> {
        let cells = radices.iter().try_fold(1usize, |cells, radix| cells.checked_mul(*radix))?;
        cells.checked_mul(sums.checked_add(1)?)?;
        Some(Self { radices, sums, cells })
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

    /// The length of a sealed cube in bytes before encryption: the longest that any cube of this shape can have.
    fn padded(&self) -> usize {
        // The codec writes an u64 in at most 9 bytes and an i128 in at most 17; two lengths come first.
        18 + self.cells * (9 + 17 * self.sums)
    }
}

/// People and sums of every cell. A true cube is always inside an [`Exact`].
#[derive(Encode, Decode)]
pub struct Cube {
    people: Vec<u64>,
    /// Cell by cell, `sums` numbers each.
    sums: Vec<i128>,
}

impl Cube {
    /// A cube of this shape without anybody in it.
    #[must_use]
    pub fn empty(shape: &CubeShape) -> Self {
        Self { people: vec![0; shape.cells], sums: vec![0; shape.cells * shape.sums] }
    }

    /// Counts one person with her clamped values into a cell. A position outside the shape counts nowhere.
    pub fn count(&mut self, position: usize, values: impl ExactSizeIterator<Item = i64>) {
        let Some(people) = self.people.get_mut(position) else { return };
        *people += 1;
        let start = position * values.len();
        self.sums.iter_mut().skip(start).zip(values).for_each(|(sum, value)| *sum += i128::from(value));
    }

    /// The number of people in a cell.
    pub(super) fn people(&self, position: usize) -> i128 {
        self.people.get(position).copied().map_or(0, i128::from)
    }

    /// People of every cell and all sums, for unit tests that compare true cubes.
    #[cfg(test)]
    pub(crate) fn cells_in_test(&self) -> (&[u64], &[i128]) {
        (&self.people, &self.sums)
    }

    /// One of a cell's sums.
    pub(super) fn sum(&self, position: usize, shape: &CubeShape, sum: usize) -> i128 {
        self.sums.get(position * shape.sums + sum).copied().unwrap_or(0)
    }
}

impl Exact<Cube> {
    /// Encrypts the cube under `key`, padded to the one size that its public shape gives.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn seal(&self, shape: &CubeShape, key: &Secret, associated: &[&[u8]]) -> Result<Vec<u8>, SealError> {
        let plain = codec::encode(self.open()).map_err(|_| SealError::TooLarge)?;
        seal_padded(key, associated, &plain, shape.padded())
    }

    /// Opens a sealed cube; it must have been sealed for the same shape and associated data.
    ///
    /// # Errors
    /// [`SealError`] when one byte, the key, the place or the shape is another.
    pub fn unseal(
        sealed: &[u8],
        shape: &CubeShape,
        key: &Secret,
        associated: &[&[u8]],
    ) -> Result<Self, SealError> {
        let plain = open(key, associated, sealed)?;
        let cube: Cube = codec::decode(&plain).map_err(|_| SealError::UnknownFormat)?;
        if cube.people.len() != shape.cells || cube.sums.len() != shape.cells * shape.sums {
            return Err(SealError::UnknownFormat);
        }
        Ok(Self::new(cube))
    }
}
