//! Codes and values of one person after another -> the cells of each tag set's cube.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::consent::Covered;
use crate::engine::error::EngineError;
use crate::engine::read::reading::Reading;
use crate::engine::read::scan::in_parallel;
use crate::engine::read::work::Step;
use crate::engine::records::values::Values;
use crate::release::Cube;
use crate::tags::{Catalogue, CubeShape, Grid, MeasureColumns, TagSet, TagSource};

/// A measure that has columns in the cubes: where they are, its grid and everybody's values.
type Used<'a> = (&'a MeasureColumns, Option<&'a Grid>, Option<&'a Values>);

/// Everything known about people, ready to be counted. No `Debug`.
pub(in crate::engine) struct CubeCounter<'a> {
    pub(in crate::engine) catalogue: &'a Catalogue,
    /// Values by measure.
    pub(in crate::engine) measures: BTreeMap<usize, &'a Values>,
    /// Codes by field tag.
    pub(in crate::engine) fields: &'a BTreeMap<usize, Vec<usize>>,
    pub(in crate::engine) people: usize,
    pub(in crate::engine) reading: &'a Reading,
}

impl CubeCounter<'_> {
    /// The code of one person in one tag.
    fn code(&self, tag: usize, person: usize) -> usize {
        let Some(source) = self.catalogue.tags().get(tag).map(crate::tags::Tag::source) else { return 0 };
        match source {
            TagSource::Field { .. } | TagSource::FieldBands { .. } => {
                // Of a field, `other` is the last label.
                let other =
                    self.catalogue.tags().get(tag).map_or(0, |tag| tag.labels().len().saturating_sub(1));
                self.fields.get(&tag).and_then(|codes| codes.get(person)).copied().unwrap_or(other)
            }
            TagSource::Banded { measure, bands, .. } => {
                // The absent label is the last one.
                let absent = bands.labels().len();
                let value = self.measures.get(measure).and_then(|values| values.fraction(person));
                value.map_or(absent, |(sum, count)| bands.code_of_fraction(sum, count))
            }
        }
    }

    /// Counts everybody who is in into the cube of every tag set. Codes and values are computed for everybody.
    pub(in crate::engine) fn cubes(&self, covered: &Covered) -> Result<Vec<(CubeShape, Cube)>, EngineError> {
        let columns = self.catalogue.columns().measures;
        let used: Vec<Used<'_>> = columns
            .iter()
            .map(|columns| {
                let grid = self.catalogue.measures().get(columns.measure).and_then(|m| m.grid.as_ref());
                (columns, grid, self.measures.get(&columns.measure).copied())
            })
            .collect();
        let part = self.people.div_ceil(self.reading.threads().max(1)).max(1);
        let sets = self.catalogue.sets().iter().map(|set| {
            let shape = self.catalogue.shape(set).ok_or(EngineError::TooManyCells)?;
            let parts = (0..self.people).step_by(part).map(|first| first..(first + part).min(self.people));
            let cubes = in_parallel(parts, |people| self.cube(set, &shape, &used, covered, people));
            let cube = cubes.into_iter().reduce(|all, more| all.and(&more));
            let cube = cube.unwrap_or_else(|| Cube::empty(&shape));
            Ok((shape, cube))
        });
        sets.collect()
    }

    /// The cube of some people.
    fn cube(
        &self,
        set: &TagSet,
        shape: &CubeShape,
        used: &[Used<'_>],
        covered: &Covered,
        people: Range<usize>,
    ) -> Cube {
        let mut values = vec![None; used.len()];
        let mut cube = Cube::empty(shape);
        for person in people {
            self.reading.count(Step::Person, 1);
            let position = shape.position(set.tags.iter().map(|tag| self.code(*tag, person)));
            for (value, (_, _, all)) in values.iter_mut().zip(used) {
                *value = all.and_then(|all| all.whole(person));
            }
            let counted = values.iter().zip(used).flat_map(|(value, (columns, grid, _))| {
                // Column 0 is everybody's and counted once; a missing value is in no other column.
                let present = value.filter(|_| columns.present > 0).map(|_| columns.present);
                let cell = value.zip(*grid).zip(columns.grid.as_ref());
                [present, cell.map(|((value, grid), columns)| columns.start + grid.cell(value))]
            });
            let counted = std::iter::once(0).chain(counted.flatten());
            let values = values.iter().map(|value| value.unwrap_or(0));
            let covered = u32::try_from(person).is_ok_and(|person| covered.contains(person));
            cube.count(shape, position, (counted, values), covered);
        }
        cube
    }
}
