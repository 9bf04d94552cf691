//! JoinTables about the join for the auditor, beside the cubes and from the same values.

use std::collections::BTreeMap;

use crate::consent::Covered;
use crate::deidentify::Risk;
use crate::engine::read::reading::Reading;
use crate::engine::read::work::Step;
use crate::engine::records::values::Values;
use crate::engine::relations::lists::Lists;
use crate::policy::{Handler, Study};
use crate::release::{Counted, Cube, CubeShape, Exact, JoinDiagnostics};
use crate::tags::{Catalogue, Tag, TagSet, TagSource};
use crate::types::RecipientId;

/// Who has rows in each dataset, by the dataset's position in the study. No `Debug`: these are facts about people.
#[derive(Default)]
pub(in crate::engine) struct Present(BTreeMap<usize, Vec<bool>>);

impl Present {
    /// Rows of their own.
    pub(in crate::engine) fn own(&mut self, dataset: usize, people: Vec<bool>) {
        self.0.insert(dataset, people);
    }

    /// Everybody with a row in a relation, and everybody whom one names.
    pub(in crate::engine) fn listed(&mut self, dataset: usize, lists: &Lists, people: usize) {
        let mut present = vec![false; people];
        for person in lists.named() {
            if let Some(present) = present.get_mut(person) {
                *present = true;
            }
        }
        self.0.insert(dataset, present);
    }

    fn has(&self, dataset: usize, person: usize) -> bool {
        self.0.get(&dataset).and_then(|people| people.get(person)).copied().unwrap_or(false)
    }
}

/// Everything that figures of one study are counted from.
pub(super) struct JoinTables<'a> {
    pub(in crate::engine) study: &'a Study,
    pub(in crate::engine) present: &'a Present,
    /// How many people each person lists, by relation.
    pub(in crate::engine) sizes: &'a BTreeMap<usize, Vec<u32>>,
    pub(in crate::engine) people: usize,
}

/// The people with each status under one recipient's flow, as a cube of one count.
pub(in crate::engine) fn statuses(covered: &Covered) -> Exact<Cube> {
    let counts = covered.statuses().map(|(_, count)| count);
    Exact::new(Cube::of_counts(counts.collect()))
}

impl JoinTables<'_> {
    /// The figures of one recipient; `cubes` are those of the study's tag sets.
    pub(in crate::engine) fn diagnostics(
        &self,
        recipient: &RecipientId,
        (covered, reading): (&Covered, &Reading),
        measures: &BTreeMap<usize, &Values>,
        cubes: &[(CubeShape, Cube)],
    ) -> JoinDiagnostics {
        let catalogue = &self.study.catalogue;
        // Looked at for everybody, so that the work does not depend on who is in.
        let count = |holds: &dyn Fn(usize) -> bool| {
            let covered = |person: usize| u32::try_from(person).is_ok_and(|person| covered.contains(person));
            let look = |person: usize| {
                reading.count(Step::Person, 1);
                u64::from(holds(person) & covered(person))
            };
            (0..self.people).map(look).sum::<u64>()
        };
        let datasets = self.study.datasets.iter().enumerate();
        let present = datasets
            .clone()
            .map(|(at, dataset)| (dataset.name.to_string(), count(&|person| self.present.has(at, person))));
        let has_rows = |handler: &Handler, person: usize| {
            let mut own = datasets.clone().filter(|(_, dataset)| dataset.handler == handler.id);
            own.any(|(at, _)| self.present.has(at, person))
        };
        let handlers =
            |person: usize| self.study.handlers.iter().filter(|handler| has_rows(handler, person)).count();
        let cut = catalogue.relations().iter().enumerate().filter_map(|(at, relation)| {
            let (most, sizes) = (relation.max_reach?, self.sizes.get(&at)?);
            let is_cut = |person: usize| sizes.get(person).is_some_and(|size| *size > most);
            Some((relation.name(), count(&is_cut)))
        });
        let clamped = (0..catalogue.measures().len()).filter_map(|at| {
            let values = measures.get(&at)?;
            Some((measure_name(catalogue, at)?, count(&|person| values.is_clamped(person))))
        });
        JoinDiagnostics {
            study: self.study.id.to_string(),
            recipient: recipient.to_string(),
            consents: covered.statuses().map(|(status, count)| (status.as_str().to_owned(), count)).collect(),
            present: present.collect(),
            matched: count(&|person| handlers(person) > 1),
            cut: cut.collect::<Vec<Counted>>(),
            clamped: clamped.collect(),
            risks: self.risks(cubes),
        }
    }

    fn risks(&self, cubes: &[(CubeShape, Cube)]) -> Vec<(String, Risk)> {
        let catalogue = &self.study.catalogue;
        let risk = |(set, (shape, cube)): (&TagSet, &(CubeShape, Cube))| {
            let tags = set.tags.iter().filter_map(|tag| catalogue.tags().get(*tag));
            let tags: Vec<(String, usize)> =
                tags.map(|tag| (tag.name().to_owned(), tag.labels().len())).collect();
            (set.name.clone(), Risk::of(&cube.people(shape).collect::<Vec<_>>(), &tags))
        };
        catalogue.sets().iter().zip(cubes).map(risk).collect()
    }
}

/// The declared name of a measure, or that of the tag which it is written inside of.
fn measure_name(catalogue: &Catalogue, measure: usize) -> Option<String> {
    let of_tag = |tag: &&Tag| matches!(tag.source(), TagSource::Banded { measure: of, .. } if *of == measure);
    let tag = || catalogue.tags().iter().find(of_tag).map(|tag| tag.name().to_owned());
    catalogue.measures().get(measure)?.name.clone().or_else(tag)
}
