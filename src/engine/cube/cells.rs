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
use crate::tags::{Bands, Catalogue, CubeShape, Grid, MeasureColumns, TagSet, TagSource};

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

/// Where the codes of one tag come from.
enum Codes<'a> {
    /// By person; `other`, the last label, where there is none.
    Field { codes: &'a [usize], other: usize },
    /// The label behind all bands is that of no value.
    Banded { values: Option<&'a Values>, bands: &'a Bands },
    /// Of a tag that the catalogue does not have.
    Nothing,
}

impl Codes<'_> {
    /// The code of one person.
    fn of(&self, person: usize) -> usize {
        match self {
            Self::Field { codes, other } => codes.get(person).copied().unwrap_or(*other),
            Self::Banded { values, bands } => {
                let value = values.and_then(|values| values.fraction(person));
                value.map_or(bands.labels().len(), |(sum, count)| bands.code_of_fraction(sum, count))
            }
            Self::Nothing => 0,
        }
    }
}

impl CubeCounter<'_> {
    fn codes(&self, tag: usize) -> Codes<'_> {
        let Some(declared) = self.catalogue.tags().get(tag) else { return Codes::Nothing };
        match declared.source() {
            TagSource::Field { .. } | TagSource::FieldBands { .. } => Codes::Field {
                codes: self.fields.get(&tag).map(Vec::as_slice).unwrap_or_default(),
                other: declared.labels().len().saturating_sub(1),
            },
            TagSource::Banded { measure, bands, .. } => {
                Codes::Banded { values: self.measures.get(measure).copied(), bands }
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
        let tags: Vec<Codes<'_>> = set.tags.iter().map(|tag| self.codes(*tag)).collect();
        let mut values = vec![None; used.len()];
        let mut cube = Cube::empty(shape);
        for person in people {
            self.reading.count(Step::Person, 1);
            let position = shape.position(tags.iter().map(|codes| codes.of(person)));
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
