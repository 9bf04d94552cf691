//! What is wrong with each table by itself: a seal stops at the first fault, and a check reports all of them.

use super::build::Seal;
use crate::consent::Demand;
use crate::engine::error::EngineError;
use crate::engine::ids::links;
use crate::engine::read::reading::Reading;
use crate::engine::read::sources::{Sources, unknown_dataset};
use crate::engine::read::{HandedIn, expand};
use crate::policy::{Shape, Study};
use crate::types::{RecipientId, Timestamp};

/// Reads each table as if it was the only one, and gives what is wrong with each, in the order in which they are handed in.
///
/// What only several tables together break, such as a limit for the rows of one person, is not found here.
///
/// # Privacy
/// Each fault is a function of one file.
#[must_use]
pub fn faults_of_files(
    study: &Study,
    flows: &[(RecipientId, Demand)],
    sources: Sources,
    as_of: Timestamp,
    reading: &Reading,
) -> Vec<EngineError> {
    // Rows were counted when they were read first.
    let reading = Reading { progress: None, ..reading.clone() };
    let (tables, faults) = expand(sources.in_order());
    let mut all: Vec<EngineError> = faults.into_iter().map(EngineError::from).collect();
    all.extend(tables.into_iter().filter_map(|table| read(study, flows, table, as_of, &reading).err()));
    all
}

fn read(
    study: &Study,
    flows: &[(RecipientId, Demand)],
    (position, dataset, mut input): HandedIn,
    as_of: Timestamp,
    reading: &Reading,
) -> Result<(), EngineError> {
    input.begin()?;
    let mut seal = Seal::new(study, as_of, reading);
    let Some(name) = dataset else { return seal.consents(flows, vec![(position, input)]).map(|_| ()) };
    if let Some(table) = study.links.iter().find(|table| table.name == name) {
        return links::resolve(std::iter::once((table, vec![input])), seal.interner_mut(), reading)
            .map(|_| ());
    }
    let Some(dataset) = study.datasets.iter().find(|dataset| dataset.name == name) else {
        return Err(unknown_dataset(study, &name));
    };
    match &dataset.shape {
        Shape::People => seal.people(dataset, vec![input], true).map(|_| ()),
        Shape::Records => seal.records(dataset, vec![input]).map(|_| ()),
        Shape::Relation { target, .. } => seal.relation(dataset, vec![input], target).map(|_| ()),
    }
}
