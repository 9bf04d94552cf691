//! From files to cubes on a cluster: the operator describes the seal, and takes its totals only if nothing was lost or counted twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use zeroize::Zeroizing;

use super::error::ClusterError;
use super::job::{Job, JobTerms, Unit, number};
use super::part::Limit;
use super::refusal::refused;
use super::report::UnitReport;
use super::tag::Tags;
use super::total::Totals;
use crate::audit::FileDigest;
use crate::consent::Demand;
use crate::engine::cube::build::BuiltEpoch;
use crate::engine::error::EngineError;
use crate::engine::ids::owner_rows::MOST_EVENTS;
use crate::engine::ids::{disjoint, one_key};
use crate::engine::read::ingest_report::{FileReport, IngestReport};
use crate::engine::read::reading::Reading;
use crate::engine::read::sources::{Inputs, Sources, Tables, by_dataset};
use crate::engine::read::{Input, Position, Record};
use crate::engine::records::measures::Records;
use crate::engine::records::people::People;
use crate::keys::random_secret;
use crate::policy::{Dataset, Shape, Study};
use crate::release::{Cube, Exact};
use crate::types::{RecipientId, Secret, Timestamp, codec};

/// What runs the steps of a job on executors.
pub trait Cluster: Send + Sync {
    /// Hands the job to all executors, has each file read and everything merged, and gives what [`TotalFold::finish`](super::TotalFold::finish)
    /// gave, decrypted.
    ///
    /// # Errors
    /// [`ClusterError`]
    fn run(&self, job: &Job, reading: &Reading) -> Result<Zeroizing<Vec<u8>>, ClusterError>;

    /// What the log says of the engine.
    fn entry(&self) -> ClusterEntry;
}

/// What the entry of a seal says of the engine that ran it; nothing in it depends on people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterEntry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of the query engine below it.
    pub datafusion: String,
    /// BLAKE3 of the plan.
    pub plan: String,
    /// How many partitions states are grouped in.
    pub partitions: u32,
}

/// Builds the cubes of every permitted recipient of one study on a cluster: byte for byte those of [`build`](crate::engine::build).
///
/// # Errors
/// As [`build`](crate::engine::build), and [`EngineError::Cluster`].
///
/// # Privacy
/// As [`build`](crate::engine::build). Executors get keys by which pseudonyms are made and lists truncated, never the epoch's own.
pub fn build_on(
    cluster: &dyn Cluster,
    terms: &JobTerms,
    (study, flows): (&Study, &[(RecipientId, Demand)]),
    sources: Sources,
    (as_of, epoch_key): (Timestamp, &Secret),
    reading: &Reading,
) -> Result<(Vec<BuiltEpoch>, IngestReport), EngineError> {
    let refused = refused(study, &sources, reading);
    if !refused.is_empty() {
        return Err(ClusterError::Refused(refused).into());
    }
    let Tables { data, consents } = Tables::of(sources)?;
    let inputs = by_dataset(study, data)?;
    one_key::check(study, &inputs, consents.iter().map(|(_, input)| input))?;
    let files = Files::new(study, inputs, consents)?;
    let tags = random_secret().map_err(|error| ClusterError::Failed(error.to_string()))?;
    let job = Job::describe(terms, flows, as_of, (epoch_key, &tags), (reading, files.units.clone()))?;
    if job.study.hash != study.hash {
        return Err(ClusterError::Job("its text is another study".to_owned()).into());
    }
    let totals = cluster.run(&job, reading)?;
    reading.uncancelled()?;
    let totals: Totals = codec::decode_fixed(&totals).map_err(ClusterError::from)?;
    files.finish(&job, totals)
}

impl Job {
    /// Checks that totals add up with what was read, as [`build_on`] does: a cluster that lost an executor can run a job again.
    ///
    /// # Errors
    /// [`ClusterError::NotConserved`], and as [`build_on`] for other totals.
    pub fn check(&self, totals: &[u8]) -> Result<(), ClusterError> {
        conserved(self, &codec::decode_fixed(totals)?, self.units.len()).map(|_| ())
    }
}

/// All files, in the order of a local seal's reports: consents, people, then records and relations as the study lists them.
struct Files {
    units: Vec<Unit>,
    records: Vec<Option<Arc<Record>>>,
}

impl Files {
    fn new(study: &Study, mut inputs: Inputs, consents: Vec<(Position, Input)>) -> Result<Self, EngineError> {
        let mut files = Self { units: Vec::new(), records: Vec::new() };
        for (position, input) in consents {
            let position = u32::try_from(position.number()).map_err(|_| ClusterError::Malformed)?;
            files.add(None, position, &input)?;
        }
        let is_people = |dataset: &Dataset| dataset.shape == Shape::People;
        let (people, others): (Vec<_>, Vec<_>) =
            study.datasets.iter().enumerate().partition(|(_, dataset)| is_people(dataset));
        for (at, dataset) in people.into_iter().chain(others) {
            let dataset_number = Some(number(at)?);
            for input in inputs.remove(&dataset.name).unwrap_or_default() {
                files.add(dataset_number, 0, &input)?;
            }
        }
        Ok(files)
    }

    fn add(&mut self, dataset: Option<u16>, position: u32, input: &Input) -> Result<(), ClusterError> {
        let refused = || ClusterError::Refused(vec![super::Refusal::NoFile { input: input.name() }]);
        let path = input.file().and_then(|path| std::path::absolute(path).ok()).ok_or_else(refused)?;
        let path = path.to_str().ok_or_else(refused)?.to_owned();
        self.units.push(Unit { dataset, position, name: input.name(), path });
        self.records.push(input.record().cloned());
        Ok(())
    }

    /// The cubes, if what all executors read is what was counted.
    fn finish(self, job: &Job, totals: Totals) -> Result<(Vec<BuiltEpoch>, IngestReport), EngineError> {
        let reports = conserved(job, &totals, self.units.len())?;
        self.check_limits(job, &totals)?;
        let mut files = Vec::new();
        for (record, report) in self.records.iter().zip(totals.reports.into_values()) {
            if let (Some(record), Some((sha256, bytes))) = (record, report.digest) {
                record.set_digest(FileDigest { sha256, bytes });
            }
            files.push(report.report.into_report()?);
        }
        for (at, dataset) in job.study.datasets.iter().enumerate() {
            let at = number(at)?;
            let mut of_dataset: Vec<usize> = Vec::new();
            of_dataset
                .extend(self.units.iter().enumerate().filter(|(_, u)| u.dataset == Some(at)).map(|(i, _)| i));
            // Files of one dataset follow each other.
            let (Some(first), Some(last)) = (of_dataset.first(), of_dataset.last()) else { continue };
            let of_dataset = files.get_mut(*first..=*last).ok_or(ClusterError::Malformed)?;
            let seen = reports.get(*first..=*last).ok_or(ClusterError::Malformed)?;
            finish_dataset(job, (at, dataset), of_dataset, seen, (&totals.pairs, &totals.differing))?;
        }
        disjoint::note(&job.study, &mut files);
        let mut built = Vec::new();
        for ((recipient, _), (statuses, cubes)) in job.flows.iter().zip(totals.flows) {
            built.push(BuiltEpoch {
                recipient: recipient.clone(),
                cubes: cubes.into_iter().map(Exact::new).collect(),
                statuses: Exact::new(Cube::of_counts(statuses)),
                figures: None,
            });
        }
        Ok((built, IngestReport { files }))
    }

    /// The limits on rows of one owner, in the order in which a local seal reads.
    fn check_limits(&self, job: &Job, totals: &Totals) -> Result<(), EngineError> {
        for unit in &self.units {
            let limit = match unit.dataset {
                Some(dataset) => Limit::RowsOfDataset(dataset),
                None => Limit::EventsOfInput(unit.position),
            };
            let Some(owners) = totals.above.get(&limit).copied() else { continue };
            let dataset = unit.dataset.map(|at| job.dataset(at)).transpose()?;
            return Err(match dataset {
                None => {
                    let (file, limit) = (unit.name.clone(), MOST_EVENTS);
                    EngineError::EventsPerPerson { file, people: owners, limit }
                }
                Some(dataset) => {
                    let (name, limit) = (dataset.name.to_string(), dataset.max_rows_per_owner);
                    EngineError::RowsPerOwner { dataset: name, owners, limit }
                }
            });
        }
        Ok(())
    }
}

/// What the report of one file adds up with.
struct Seen {
    pairs: u64,
    is_inside: bool,
}

/// Checks that every file was read once, by executors that know this very seal, and that every state and every contribution arrived once.
fn conserved(job: &Job, totals: &Totals, files: usize) -> Result<Vec<Seen>, ClusterError> {
    let lost = |what| Err(ClusterError::NotConserved { what });
    let is_each = totals.reports.keys().copied().eq((0..files).filter_map(|file| u32::try_from(file).ok()));
    if !is_each {
        return lost("the report of a file");
    }
    if totals.reports.values().any(|report| report.commitment != job.commitment) {
        return Err(ClusterError::Foreign);
    }
    let mut handed_over = Tags::default();
    totals.reports.values().for_each(|report| handed_over.add(report.sent));
    if handed_over != totals.seen {
        return lost("rows of a file");
    }
    if totals.sent != totals.received {
        return lost("what people send to those whom they list");
    }
    if totals.flows.len() != job.flows.len() {
        return Err(ClusterError::Malformed);
    }
    let seen = |report: &UnitReport| Seen { pairs: report.pairs, is_inside: report.is_inside };
    Ok(totals.reports.values().map(seen).collect())
}

/// People whose rows differ, by dataset and place of the column.
type Differing = BTreeMap<(u16, u16), u64>;

/// What is counted over all files of a dataset is in the report of its first one.
fn finish_dataset(
    job: &Job,
    (at, dataset): (u16, &Dataset),
    files: &mut [FileReport],
    seen: &[Seen],
    (pairs, differing): (&BTreeMap<u16, u64>, &Differing),
) -> Result<(), ClusterError> {
    let catalogue = &job.study.catalogue;
    match dataset.shape {
        Shape::Relation { .. } => {
            let all: u64 = seen.iter().map(|seen| seen.pairs).sum();
            let distinct = pairs.get(&at).copied().unwrap_or(0);
            let repeated = all.checked_sub(distinct);
            let repeated = repeated.ok_or(ClusterError::NotConserved { what: "pairs of a relation" })?;
            if let Some(report) = files.first_mut() {
                report.duplicates = repeated;
                report.used = report.used.saturating_sub(repeated);
            }
        }
        Shape::Records => {
            let is_inside = seen.iter().any(|seen| seen.is_inside);
            Records::new(dataset, catalogue, job.as_of, 0).note_outside(files, is_inside);
        }
        Shape::People => {
            let people = People::new(dataset, catalogue, (0, job.as_of), (&job.reading, job.reads_ages()));
            let columns: Vec<&str> =
                people.tags().map(|(_, column, _)| column).chain(people.age_column()).collect();
            if let Some(report) = files.first_mut() {
                for ((_, place), ids) in differing.range((at, 0)..=(at, u16::MAX)) {
                    let column = columns.get(usize::from(*place)).ok_or(ClusterError::Malformed)?;
                    *report.differing.entry((*column).to_owned()).or_default() += ids;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) fn units_in_test(study: &Study, sources: Sources) -> Vec<Unit> {
    let Tables { data, consents } = Tables::of(sources).unwrap();
    Files::new(study, by_dataset(study, data).unwrap(), consents).unwrap().units
}
