//! Own parts and contributions of one person settled: what the cubes count of them, for every recipient.

use std::collections::BTreeMap;
use std::sync::Arc;

use bincode::{Decode, Encode};

use super::error::ClusterError;
use super::fold::Fold;
use super::job::{Job, number};
use super::part::{Contribution, Counted, OwnPart, Part, Sent};
use super::report::UnitReport;
use super::tag::{Id, Tags};
use crate::engine::records::values::Element;
use crate::engine::relations::fractions::{Fraction, quotient};
use crate::engine::relations::graph::share_of_ties;
use crate::tags::{Inbound, Source};
use crate::types::codec;

/// What is settled of a person, or the report of a file. No `Debug`.
#[derive(Encode, Decode)]
pub(super) enum Settled {
    Person(Box<SettledPerson>),
    Report(Box<UnitReport>),
}

/// What cubes count of a person.
#[derive(Encode, Decode)]
pub(super) struct SettledPerson {
    pub(super) seen: Tags,
    pub(super) sent: Tags,
    /// The tags of the contributions that arrived.
    pub(super) received: Tags,
    pub(super) counted: Counted,
    /// By measure that other people move: a value for each recipient.
    pub(super) inbound: Vec<(u16, Vec<Element>)>,
}

/// What arrived for one measure, for every recipient. Sums are exact, so the order in which it arrives changes nothing.
#[derive(Clone, Encode, Decode)]
enum Arrived {
    Whole {
        sums: Vec<i128>,
        counts: Vec<u32>,
    },
    /// Sums of numerators by denominator.
    Fractions {
        sums: BTreeMap<u32, Vec<i128>>,
        counts: Vec<u32>,
    },
}

/// The parts of one person so far.
#[derive(Default, Encode, Decode)]
struct Settling {
    id: Option<Id>,
    own: Option<Box<OwnPart>>,
    report: Option<Box<UnitReport>>,
    received: Tags,
    arrived: BTreeMap<u16, Arrived>,
    /// Who sent along a relation whose mutual ties are counted, and for which recipients the sender is in.
    senders: BTreeMap<u16, BTreeMap<Id, Vec<bool>>>,
}

/// Parts merged by person.
pub struct SettleFold {
    job: Arc<Job>,
    people: Vec<Settling>,
    /// Relations whose senders are kept.
    ties: Vec<u16>,
    /// Bytes of what grows with contributions and lists.
    listed: usize,
}

impl SettleFold {
    /// No part yet.
    ///
    /// # Errors
    /// [`ClusterError::Job`]
    pub fn new(job: Arc<Job>) -> Result<Self, ClusterError> {
        let ties = crate::engine::relations::graph::relations_of_ties(&job.study.catalogue);
        let ties = ties.into_iter().map(number).collect::<Result<_, _>>()?;
        Ok(Self { job, people: Vec::new(), ties, listed: 0 })
    }

    /// Adds a part of one group.
    ///
    /// # Errors
    /// [`ClusterError`] for bytes that are no part, for two own parts of a person, and for parts of two people.
    pub fn observe(&mut self, group: usize, part: &[u8]) -> Result<(), ClusterError> {
        let recipients = self.job.flows.len();
        let part: Part = codec::decode_fixed(part)?;
        self.grow(group);
        let person = self.people.get_mut(group).ok_or(ClusterError::Malformed)?;
        let key = part.key();
        if *person.id.get_or_insert(key) != key {
            return Err(ClusterError::TwoPeople);
        }
        match part {
            Part::Own(own) => {
                self.listed += own.lists.iter().map(|(_, list)| list.len() * size_of::<Id>()).sum::<usize>();
                keep(&mut person.own, own, "a person")?;
            }
            Part::Report(report) => keep(&mut person.report, report, "the report of a file")?,
            Part::Sent(contribution) => {
                person.received.add(Tags::one(contribution.tag));
                let Contribution { from, relation, covered, values, .. } = contribution;
                if covered.len() != recipients {
                    return Err(ClusterError::Malformed);
                }
                for (measure, value) in values {
                    let arrived = Arrived::of(value, &covered);
                    merge_arrived(&mut person.arrived, measure, arrived)?;
                }
                if self.ties.contains(&relation) {
                    self.listed += size_of::<Id>() + recipients;
                    person.senders.entry(relation).or_default().insert(from, covered);
                }
            }
        }
        Ok(())
    }

    fn grow(&mut self, group: usize) {
        self.people.resize_with(self.people.len().max(group + 1), Settling::default);
    }

    /// Takes out what is settled of every group, in their order, and is empty after it.
    ///
    /// # Errors
    /// [`ClusterError::NotConserved`] for contributions to someone whose own part is missing.
    pub fn take_settled(&mut self) -> Result<Vec<Vec<u8>>, ClusterError> {
        self.listed = 0;
        std::mem::take(&mut self.people).into_iter().map(|person| self.settled(person)).collect()
    }

    fn settled(&self, person: Settling) -> Result<Vec<u8>, ClusterError> {
        let settled = match (person.own, person.report) {
            (None, Some(report)) => Settled::Report(report),
            (Some(own), None) => {
                let inbound = self.inbound(&own, &person.arrived, &person.senders)?;
                let OwnPart { seen, sent, counted, .. } = *own;
                let received = person.received;
                Settled::Person(Box::new(SettledPerson { seen, sent, received, counted, inbound }))
            }
            // Everybody whom a row names has an own part, so that one that is missing was lost.
            _ => return Err(ClusterError::NotConserved { what: "a person" }),
        };
        Ok(codec::encode_fixed(&settled)?)
    }

    /// Values of all measures that other people move, for every recipient.
    fn inbound(
        &self,
        own: &OwnPart,
        arrived: &BTreeMap<u16, Arrived>,
        senders: &BTreeMap<u16, BTreeMap<Id, Vec<bool>>>,
    ) -> Result<Vec<(u16, Vec<Element>)>, ClusterError> {
        let mut all = Vec::new();
        for (at, declared) in self.job.study.catalogue.measures().iter().enumerate() {
            let measure = number(at)?;
            let recipients = 0..self.job.flows.len();
            let values: Vec<Element> = match &declared.source {
                Source::Own { .. } | Source::OwnListSize { .. } => continue,
                Source::Audience { what, .. } => {
                    let arrived = arrived.get(&measure);
                    recipients.map(|recipient| self.audience(what, arrived, recipient)).collect()
                }
                Source::Referred { .. } => recipients
                    .map(|recipient| Element::Whole(whole(arrived.get(&measure), recipient)))
                    .collect(),
                Source::Mutual { relation } => {
                    let ties = Ties::new(own, senders, number(*relation)?);
                    recipients.map(|recipient| Element::Whole(ties.count(recipient).into())).collect()
                }
                Source::Ties { relation, strong, unit } => {
                    let ties = Ties::new(own, senders, number(*relation)?);
                    let share = |ties_of| share_of_ties((ties_of, ties.size()), *strong, *unit);
                    let share = |recipient| Element::Ratio(share(ties.count(recipient)), ties.size());
                    recipients.map(share).collect()
                }
            };
            all.push((measure, values));
        }
        Ok(all)
    }

    fn audience(&self, what: &Inbound, arrived: Option<&Arrived>, recipient: usize) -> Element {
        let count = |counts: &[u32]| counts.get(recipient).copied().unwrap_or(0);
        match (what, arrived) {
            (Inbound::Size | Inbound::Sum { .. }, None) if !self.adds_fractions(what) => Element::Whole(0),
            (Inbound::Sum { .. }, None) => Element::Ratio(0, 1),
            (_, None) => Element::Ratio(0, 0),
            (Inbound::Size, Some(Arrived::Whole { counts, .. })) => Element::Whole(count(counts).into()),
            (Inbound::Sum { .. }, Some(Arrived::Whole { .. })) => Element::Whole(whole(arrived, recipient)),
            (_, Some(Arrived::Whole { sums, counts })) => {
                Element::Ratio(sums.get(recipient).copied().unwrap_or(0), count(counts))
            }
            (what, Some(Arrived::Fractions { sums, counts })) => {
                let term =
                    |(denominator, sums): (&u32, &Vec<i128>)| Some((*sums.get(recipient)?, *denominator));
                let mut terms: Vec<Fraction> = sums.iter().filter_map(term).collect();
                let by = if matches!(what, Inbound::Mean { .. }) { count(counts) } else { 1 };
                let (top, bottom) = quotient(&mut terms, by.max(1), by.max(1)).unwrap_or((0, 1));
                // The mean of nothing is absent, the sum of nothing is 0.
                Element::Ratio(top, if by == 0 { 0 } else { bottom })
            }
        }
    }

    /// Whether the inner measure is one of fractions, so that its sum is one.
    fn adds_fractions(&self, what: &Inbound) -> bool {
        use crate::tags::Aggregate;
        let inner = what.of().and_then(|inner| self.job.study.catalogue.measures().get(inner));
        let is_fraction =
            |aggregate: &Aggregate| matches!(aggregate, Aggregate::Mean { .. } | Aggregate::Share { .. });
        inner.is_some_and(|inner| matches!(&inner.source, Source::Own { what, .. } if is_fraction(what)))
    }
}

impl Fold for SettleFold {
    fn merge(&mut self, group: usize, state: &[u8]) -> Result<(), ClusterError> {
        let state: Settling = codec::decode_fixed(state)?;
        self.grow(group);
        let person = self.people.get_mut(group).ok_or(ClusterError::Malformed)?;
        if let Some(id) = state.id
            && *person.id.get_or_insert(id) != id
        {
            return Err(ClusterError::TwoPeople);
        }
        state.own.map_or(Ok(()), |own| keep(&mut person.own, own, "a person"))?;
        state.report.map_or(Ok(()), |report| keep(&mut person.report, report, "the report of a file"))?;
        person.received.add(state.received);
        for (measure, arrived) in state.arrived {
            merge_arrived(&mut person.arrived, measure, arrived)?;
        }
        for (relation, senders) in state.senders {
            self.listed += senders.len() * (size_of::<Id>() + self.job.flows.len());
            person.senders.entry(relation).or_default().extend(senders);
        }
        Ok(())
    }

    fn take_states(&mut self) -> Result<Vec<Vec<u8>>, ClusterError> {
        self.listed = 0;
        std::mem::take(&mut self.people).iter().map(|person| Ok(codec::encode_fixed(person)?)).collect()
    }

    fn bytes(&self) -> usize {
        let measures = self.job.study.catalogue.measures().len();
        let of_person = size_of::<Settling>() + size_of::<OwnPart>() + 48 * measures + 128;
        self.people.capacity() * of_person + self.listed
    }
}

/// Keeps the only one of its kind.
fn keep<T>(slot: &mut Option<T>, one: T, what: &'static str) -> Result<(), ClusterError> {
    match slot.replace(one) {
        None => Ok(()),
        Some(_) => Err(ClusterError::NotConserved { what }),
    }
}

fn merge_arrived(
    all: &mut BTreeMap<u16, Arrived>,
    measure: u16,
    arrived: Arrived,
) -> Result<(), ClusterError> {
    match all.get_mut(&measure) {
        Some(known) => known.merge(arrived),
        None => {
            all.insert(measure, arrived);
            Ok(())
        }
    }
}

/// What arrived of a measure of whole numbers.
fn whole(arrived: Option<&Arrived>, recipient: usize) -> i64 {
    let Some(Arrived::Whole { sums, .. }) = arrived else { return 0 };
    let sum = sums.get(recipient).copied().unwrap_or(0);
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

impl Arrived {
    /// One contribution; the mask of its sender is applied here and at no earlier step.
    fn of(value: Sent, covered: &[bool]) -> Self {
        let masked =
            |value: i128| covered.iter().map(move |covered| value & i128::from(*covered).wrapping_neg());
        let counted = |some: bool| covered.iter().map(|covered| u32::from(*covered & some)).collect();
        match value {
            Sent::Whole(value, some) => {
                Self::Whole { sums: masked(value.into()).collect(), counts: counted(some) }
            }
            Sent::Named(sum) => {
                Self::Whole { sums: masked(sum.unwrap_or(0)).collect(), counts: counted(sum.is_some()) }
            }
            Sent::Fraction(Some((numerator, denominator))) => Self::Fractions {
                sums: BTreeMap::from([(denominator, masked(numerator).collect())]),
                counts: counted(true),
            },
            Sent::Fraction(None) => Self::Fractions { sums: BTreeMap::new(), counts: counted(false) },
        }
    }

    fn merge(&mut self, other: Self) -> Result<(), ClusterError> {
        match (self, other) {
            (Self::Whole { sums, counts }, Self::Whole { sums: more, counts: counted }) => {
                add_sums(sums, &more)?;
                add_counts(counts, &counted)
            }
            (Self::Fractions { sums, counts }, Self::Fractions { sums: more, counts: counted }) => {
                for (denominator, more) in more {
                    let known = sums.entry(denominator).or_insert_with(|| vec![0; more.len()]);
                    add_sums(known, &more)?;
                }
                add_counts(counts, &counted)
            }
            _ => Err(ClusterError::Malformed),
        }
    }
}

/// Contributions are 64 bits each, or sums of up to 2^32 records, so that sums of all people of a seal fit.
fn add_sums(all: &mut [i128], more: &[i128]) -> Result<(), ClusterError> {
    if all.len() != more.len() {
        return Err(ClusterError::Malformed);
    }
    all.iter_mut().zip(more).for_each(|(all, more)| *all = all.saturating_add(*more));
    Ok(())
}

fn add_counts(all: &mut [u32], more: &[u32]) -> Result<(), ClusterError> {
    if all.len() != more.len() {
        return Err(ClusterError::Malformed);
    }
    for (all, more) in all.iter_mut().zip(more) {
        *all = all.checked_add(*more).ok_or(ClusterError::TooManyRows)?;
    }
    Ok(())
}

/// The mutual ties of one person and relation: senders whom the person's own list, as written, holds.
struct Ties<'a> {
    list: &'a [Id],
    senders: Option<&'a BTreeMap<Id, Vec<bool>>>,
}

impl<'a> Ties<'a> {
    fn new(own: &'a OwnPart, senders: &'a BTreeMap<u16, BTreeMap<Id, Vec<bool>>>, relation: u16) -> Self {
        let list = own.lists.iter().find(|(known, _)| *known == relation);
        Self { list: list.map_or(&[], |(_, list)| list), senders: senders.get(&relation) }
    }

    fn size(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    fn count(&self, recipient: usize) -> u32 {
        let mutual = self.senders.into_iter().flatten().filter(|(sender, covered)| {
            let is_listed = self.list.binary_search(sender).is_ok();
            is_listed & covered.get(recipient).copied().unwrap_or(false)
        });
        u32::try_from(mutual.count()).unwrap_or(u32::MAX)
    }
}
