//! Codes and values of one person after another -> the cells of each tag set's cube.

use std::collections::BTreeMap;

use super::EngineError;
use super::records::Values;
use crate::consent::Coverage;
use crate::release::{Cube, CubeShape, Exact};
use crate::tags::{Catalogue, TagSet, TagSource};

/// The public shape of the cube of one tag set.
pub(super) fn shape(catalogue: &Catalogue, set: &TagSet) -> Option<CubeShape> {
    let radices = set.tags.iter().map(|tag| catalogue.tags().get(*tag).map_or(1, |tag| tag.labels().len()));
    CubeShape::new(radices.collect(), catalogue.summable().count())
}

/// Everything known about people, ready to be counted. No `Debug`.
pub(super) struct Table<'a> {
    pub(super) catalogue: &'a Catalogue,
    /// Values by measure.
    pub(super) measures: BTreeMap<usize, &'a Values>,
    /// Codes by field tag.
    pub(super) fields: &'a BTreeMap<usize, Vec<usize>>,
    pub(super) people: usize,
}

impl Table<'_> {
    /// The code of one person in one tag.
    fn code(&self, tag: usize, person: usize) -> usize {
        let Some(source) = self.catalogue.tags().get(tag).map(crate::tags::Tag::source) else { return 0 };
        match source {
            TagSource::Field { values, .. } => {
                self.fields.get(&tag).and_then(|codes| codes.get(person)).copied().unwrap_or(values.len())
            }
            TagSource::Banded { measure, bands, .. } => {
                // The absent label is the last one.
                let absent = bands.labels().len();
                match self.measures.get(measure) {
                    None => absent,
                    Some(Values::Mean { sums, counts, range }) => {
                        match (sums.get(person), counts.get(person)) {
                            (Some(sum), Some(count)) if *count > 0 => {
                                let low = i128::from(range.low()) * i128::from(*count);
                                let high = i128::from(range.high()) * i128::from(*count);
                                bands.code_of_fraction((*sum).clamp(low, high), *count)
                            }
                            _ => absent,
                        }
                    }
                    Some(values) => values.whole(person).map_or(absent, |value| bands.code(value)),
                }
            }
        }
    }

    /// Counts everybody who is in into the cube of every tag set.
    pub(super) fn cubes(&self, coverage: &Coverage) -> Result<Vec<Exact<Cube>>, EngineError> {
        let summed: Vec<Option<&Values>> =
            self.catalogue.summable().map(|(measure, _)| self.measures.get(&measure).copied()).collect();
        let mut cubes = Vec::new();
        for set in self.catalogue.sets() {
            let shape = shape(self.catalogue, set).ok_or(EngineError::TooManyCells)?;
            let mut cube = Cube::empty(&shape);
            for person in 0..self.people {
                if u32::try_from(person).is_ok_and(|person| coverage.contains(person)) {
                    let position = shape.position(set.tags.iter().map(|tag| self.code(*tag, person)));
                    let values =
                        summed.iter().map(|values| values.and_then(|v| v.whole(person)).unwrap_or(0));
                    cube.count(position, values);
                }
            }
            cubes.push(Exact::new(cube));
        }
        Ok(cubes)
    }
}
