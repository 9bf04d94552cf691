//! The cube: for every cell of a tag set's vocabulary the number of people and their clamped sums.

use bincode::{Decode, Encode};

use super::Exact;
use crate::keys::{SealError, open, seal_padded};
use crate::tags::CubeShape;
use crate::types::{Secret, codec};

/// Counts and sums of every cell. A true cube is always inside an [`Exact`].
#[derive(Encode, Decode)]
pub struct Cube {
    /// Cell by cell, `counts` numbers each.
    counts: Vec<u64>,
    /// Cell by cell, `sums` numbers each.
    sums: Vec<i128>,
}

impl Cube {
    /// A cube of this shape without anybody in it.
    #[must_use]
    pub fn empty(shape: &CubeShape) -> Self {
        Self { counts: vec![0; shape.cells() * shape.counts()], sums: vec![0; shape.cells() * shape.sums()] }
    }

    /// A cube that has one count a cell and nothing else.
    #[must_use]
    pub fn of_counts(counts: Vec<u64>) -> Self {
        Self { counts, sums: Vec::new() }
    }

    /// How many people are in each cell.
    pub fn people(&self, shape: &CubeShape) -> impl Iterator<Item = u64> {
        self.counts.iter().step_by(shape.counts().max(1)).copied()
    }

    /// Counts one person into a cell, if they are in: among `counted`, positions of the counts they belong to, and with their
    /// clamped `values`, one a sum. A position outside the shape counts nowhere.
    ///
    /// # Privacy
    /// Nothing is added for a person who is out, and the same places are written.
    pub fn count(
        &mut self,
        shape: &CubeShape,
        position: usize,
        (counted, values): (impl IntoIterator<Item = usize>, impl IntoIterator<Item = i64>),
        covered: bool,
    ) {
        if position >= shape.cells() {
            return;
        }
        let start = position * shape.counts();
        for column in counted {
            if let Some(count) = self.counts.get_mut(start + column) {
                *count += u64::from(covered);
            }
        }
        let (start, mask) = (position * shape.sums(), i128::from(covered).wrapping_neg());
        self.sums
            .iter_mut()
            .skip(start)
            .zip(values)
            .for_each(|(sum, value)| *sum += i128::from(value) & mask);
    }

    /// Everybody of two cubes of one shape, in one.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.counts.iter_mut().zip(&other.counts).for_each(|(all, more)| *all += more);
        self.sums.iter_mut().zip(&other.sums).for_each(|(all, more)| *all += more);
        self
    }

    /// All counts and all sums, for unit tests that compare true cubes.
    #[cfg(test)]
    pub(crate) fn cells_in_test(&self) -> (&[u64], &[i128]) {
        (&self.counts, &self.sums)
    }

    /// One of a cell's counts.
    pub(super) fn counted(&self, shape: &CubeShape, cell: usize, column: usize) -> i128 {
        self.counts.get(cell * shape.counts() + column).copied().map_or(0, i128::from)
    }

    /// One of a cell's sums.
    pub(super) fn sum(&self, shape: &CubeShape, cell: usize, sum: usize) -> i128 {
        self.sums.get(cell * shape.sums() + sum).copied().unwrap_or(0)
    }
}

impl Exact<Cube> {
    /// Encrypts the cube under `key`, padded to the one size that its public shape gives.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn seal(&self, shape: &CubeShape, key: &Secret, associated: &[&[u8]]) -> Result<Vec<u8>, SealError> {
        // Memory of the longest cube: a number's length in bytes depends on the number.
        let plain = codec::encode_within(self.open(), shape.padded()).map_err(|_| SealError::TooLarge)?;
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
        if cube.counts.len() != shape.cells() * shape.counts()
            || cube.sums.len() != shape.cells() * shape.sums()
        {
            return Err(SealError::UnknownFormat);
        }
        Ok(Self::new(cube))
    }
}
