//! Settled people counted into cubes, and the reports of all files, in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

use bincode::{Decode, Encode};

use super::error::ClusterError;
use super::fold::Fold;
use super::job::Job;
use super::part::{Counted, Limit};
use super::report::UnitReport;
use super::settle::{Settled, SettledPerson};
use super::tag::Tags;
use crate::consent::{ConsentStatus, Covered};
use crate::engine::cube::cells::CubeCounter;
use crate::engine::records::values::{Element, Values};
use crate::release::Cube;
use crate::types::codec;

/// People who are counted at a time: values of one measure lie beside each other for so many.
const BATCH: usize = 4_096;

/// What is known of all people together. No `Debug`.
#[derive(Default, Encode, Decode)]
pub(super) struct Totals {
    pub(super) seen: Tags,
    pub(super) sent: Tags,
    pub(super) received: Tags,
    /// For each recipient how many people have each status, and the cube of each tag set.
    pub(super) flows: Vec<(Vec<u64>, Vec<Cube>)>,
    /// Owners above a limit.
    pub(super) above: BTreeMap<Limit, u64>,
    /// People whose rows differ in a column, by dataset and place of the column.
    pub(super) differing: BTreeMap<(u16, u16), u64>,
    /// Distinct pairs, by dataset.
    pub(super) pairs: BTreeMap<u16, u64>,
    /// By file.
    pub(super) reports: BTreeMap<u32, UnitReport>,
}

/// Settled people of one group, which is all of them.
pub struct TotalFold {
    job: Arc<Job>,
    totals: Totals,
    waiting: Vec<SettledPerson>,
    /// Bytes of the cubes of all recipients.
    cubes: usize,
}

impl TotalFold {
    /// No one yet.
    ///
    /// # Errors
    /// [`ClusterError::Job`] for cubes that do not fit memory.
    pub fn new(job: Arc<Job>) -> Result<Self, ClusterError> {
        let shapes = job.study.catalogue.shapes();
        let shapes = shapes
            .ok_or_else(|| ClusterError::Job("the cube of a tag set does not fit memory".to_owned()))?;
        let cubes = shapes.iter().map(crate::tags::CubeShape::bytes).sum::<usize>() * job.flows.len();
        let empty = || (vec![0; ConsentStatus::ALL.len()], shapes.iter().map(Cube::empty).collect());
        let flows = job.flows.iter().map(|_| empty()).collect();
        Ok(Self { job, totals: Totals { flows, ..Totals::default() }, waiting: Vec::new(), cubes })
    }

    /// Adds what was settled of one group.
    ///
    /// # Errors
    /// [`ClusterError`] for bytes that are none, and for a report that comes twice.
    pub fn observe(&mut self, settled: &[u8]) -> Result<(), ClusterError> {
        match codec::decode_fixed(settled)? {
            Settled::Report(report) => self.totals.report(*report)?,
            Settled::Person(person) => {
                self.totals.seen.add(person.seen);
                self.totals.sent.add(person.sent);
                self.totals.received.add(person.received);
                self.waiting.push(*person);
                if self.waiting.len() >= BATCH {
                    self.count()?;
                }
            }
        }
        Ok(())
    }

    /// Counts the people who wait.
    fn count(&mut self) -> Result<(), ClusterError> {
        let people = std::mem::take(&mut self.waiting);
        if people.is_empty() {
            return Ok(());
        }
        for SettledPerson { counted: Counted { above, differing, pairs, .. }, .. } in &people {
            above.iter().for_each(|limit| *self.totals.above.entry(*limit).or_default() += 1);
            differing.iter().for_each(|column| *self.totals.differing.entry(*column).or_default() += 1);
            for (dataset, pairs) in pairs {
                *self.totals.pairs.entry(*dataset).or_default() += pairs;
            }
        }
        let catalogue = &self.job.study.catalogue;
        let fields = codes(&people);
        for (recipient, (statuses, cubes)) in self.totals.flows.iter_mut().enumerate() {
            let covered = covered(&people, recipient)?;
            for (known, (_, more)) in statuses.iter_mut().zip(covered.statuses()) {
                *known += more;
            }
            let values = values(&self.job, &people, recipient)?;
            let measures = values.iter().map(|(measure, values)| (*measure, values)).collect();
            let reading = &self.job.reading;
            let counter = CubeCounter { catalogue, measures, fields: &fields, people: people.len(), reading };
            let more = counter.cubes(&covered).map_err(|error| ClusterError::Job(error.to_string()))?;
            *cubes =
                std::mem::take(cubes).into_iter().zip(&more).map(|(all, (_, more))| all.and(more)).collect();
        }
        Ok(())
    }

    /// The totals of everybody, for the operator.
    ///
    /// # Errors
    /// [`ClusterError::Codec`] for totals of more than 192 MiB.
    ///
    /// # Privacy
    /// True cubes: they leave an executor encrypted to a key of the operator alone.
    pub fn finish(&mut self) -> Result<Vec<u8>, ClusterError> {
        self.count()?;
        Ok(codec::encode_fixed(&self.totals)?)
    }
}

impl Totals {
    fn report(&mut self, report: UnitReport) -> Result<(), ClusterError> {
        match self.reports.insert(report.unit, report) {
            None => Ok(()),
            Some(_) => Err(ClusterError::NotConserved { what: "the report of a file" }),
        }
    }

    fn merge(&mut self, other: Self) -> Result<(), ClusterError> {
        self.seen.add(other.seen);
        self.sent.add(other.sent);
        self.received.add(other.received);
        if self.flows.len() != other.flows.len() {
            return Err(ClusterError::Malformed);
        }
        for ((statuses, cubes), (more, others)) in self.flows.iter_mut().zip(other.flows) {
            statuses.iter_mut().zip(more).for_each(|(all, more)| *all += more);
            *cubes =
                std::mem::take(cubes).into_iter().zip(&others).map(|(all, more)| all.and(more)).collect();
        }
        for (limit, owners) in other.above {
            *self.above.entry(limit).or_default() += owners;
        }
        for (column, people) in other.differing {
            *self.differing.entry(column).or_default() += people;
        }
        for (dataset, pairs) in other.pairs {
            *self.pairs.entry(dataset).or_default() += pairs;
        }
        other.reports.into_values().try_for_each(|report| self.report(report))
    }
}

impl Fold for TotalFold {
    fn merge(&mut self, _: usize, state: &[u8]) -> Result<(), ClusterError> {
        self.totals.merge(codec::decode_fixed(state)?)
    }

    fn take_states(&mut self) -> Result<Vec<Vec<u8>>, ClusterError> {
        let state = self.finish()?;
        *self = Self::new(Arc::clone(&self.job))?;
        Ok(vec![state])
    }

    fn bytes(&self) -> usize {
        // The cubes of a batch are counted apart and added.
        2 * self.cubes + self.waiting.capacity() * size_of::<SettledPerson>()
    }
}

fn covered(people: &[SettledPerson], recipient: usize) -> Result<Covered, ClusterError> {
    let status = |person: &SettledPerson| {
        let (first, observed) = *person.counted.statuses.get(recipient)?;
        Some((ConsentStatus::ALL.get(usize::from(first)).copied()?, observed))
    };
    let statuses = people.iter().map(status).collect::<Option<Vec<_>>>();
    Ok(Covered::of(statuses.ok_or(ClusterError::Malformed)?.into_iter()))
}

/// Codes by field tag.
fn codes(people: &[SettledPerson]) -> BTreeMap<usize, Vec<usize>> {
    let mut all = BTreeMap::<usize, Vec<usize>>::new();
    for (tag, code) in people.iter().flat_map(|person| &person.counted.codes) {
        let code = usize::try_from(*code).unwrap_or(usize::MAX);
        all.entry(usize::from(*tag)).or_default().push(code);
    }
    all
}

/// Values by measure, for one recipient.
fn values(
    job: &Job,
    people: &[SettledPerson],
    recipient: usize,
) -> Result<BTreeMap<usize, Values>, ClusterError> {
    let mut all = BTreeMap::<usize, Vec<Element>>::new();
    for person in people {
        for (measure, value) in &person.counted.values {
            all.entry(usize::from(*measure)).or_default().push(*value);
        }
        for (measure, values) in &person.inbound {
            let value = values.get(recipient).ok_or(ClusterError::Malformed)?;
            all.entry(usize::from(*measure)).or_default().push(*value);
        }
    }
    let of = |(measure, elements): (usize, Vec<Element>)| {
        // Everybody has a value of every measure, one of those of no rows at least.
        let declared = job.study.catalogue.measures().get(measure)?;
        let elements = Some(elements).filter(|elements| elements.len() == people.len())?;
        Some((measure, Values::of_elements(declared.range(), &elements)?))
    };
    all.into_iter().map(|one| of(one).ok_or(ClusterError::Malformed)).collect()
}
