//! States of people merged by pseudonym, and what follows from them: own parts and contributions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bincode::{Decode, Encode};

use super::error::ClusterError;
use super::fold::{Fold, GroupKey, KeyedParts};
use super::job::{Job, number};
use super::part::{Contribution, Counted, Limit, OwnPart, Part, Sent};
use super::report::UnitReport;
use super::tag::{Id, Tags};
use crate::consent::{self, AgeFact, AgeState, ConsentStatus, PersonConsents};
use crate::deidentify::Pseudonym;
use crate::engine::ids::owner_rows::MOST_EVENTS;
use crate::engine::records::accumulator::{Accumulator, AccumulatorState, MeasureKernel};
use crate::engine::records::differing::Rows;
use crate::engine::records::measures::Records;
use crate::engine::records::people::People;
use crate::engine::records::values::Values;
use crate::engine::relations::graph::{adds, relations_of_ties};
use crate::engine::relations::lists::{self, smallest_ranks};
use crate::policy::Shape;
use crate::tags::{Naming, Source};
use crate::types::codec;

/// What one file, or several merged, say of a person. No `Debug`.
#[derive(Default, Encode, Decode)]
pub(super) struct PersonState {
    pub(super) id: Id,
    pub(super) tags: Tags,
    /// Events by input of consents.
    pub(super) events: Vec<(u32, u32)>,
    /// One for each recipient, if there is any event.
    pub(super) consents: Vec<PersonConsents>,
    /// Rows by dataset.
    pub(super) rows: Vec<(u16, u32)>,
    pub(super) people: Vec<PeopleState>,
    /// By dataset, measure by measure.
    pub(super) records: Vec<(u16, Vec<AccumulatorState>)>,
    /// Distinct people whom they list, by relation, ascending.
    pub(super) lists: Vec<(u16, Vec<Id>)>,
    /// People whom their records name, by relation, ascending, each with what the selected records add up to, measure by measure.
    pub(super) named: Vec<(u16, Vec<Named>)>,
    pub(super) report: Option<UnitReport>,
}

/// A person whom records name, and what the selected records add up to, measure by measure.
pub(super) type Named = (Id, Vec<Option<i128>>);

/// What the rows of a people dataset say.
#[derive(Encode, Decode)]
pub(super) struct PeopleState {
    pub(super) dataset: u16,
    pub(super) tags: Vec<Rows<u32>>,
    pub(super) age: Rows<AgeState>,
}

/// What is kept of one person beside the accumulators that all people share.
#[derive(Default)]
struct Person {
    id: Option<Id>,
    tags: Tags,
    events: BTreeMap<u32, u32>,
    rows: BTreeMap<u16, u32>,
    people: BTreeMap<u16, (Vec<Rows<u32>>, Rows<AgeState>)>,
    lists: BTreeMap<u16, Vec<Id>>,
    named: BTreeMap<u16, BTreeMap<Id, Vec<Option<i128>>>>,
    report: Option<UnitReport>,
}

/// Everybody's states, merged by person: consents and measures as one machine accumulates them, with groups in place of numbers.
pub struct PeopleFold {
    job: Arc<Job>,
    consents: Vec<consent::Fold>,
    records: Vec<(u16, Vec<MeasureKernel>, Vec<Accumulator>)>,
    people: Vec<Person>,
    /// Bytes of lists, which grow with pairs.
    listed: usize,
}

impl PeopleFold {
    /// No state yet.
    ///
    /// # Errors
    /// [`ClusterError::Job`]
    pub fn new(job: Arc<Job>) -> Result<Self, ClusterError> {
        let consents = folds(&job);
        let mut records = Vec::new();
        for (at, dataset) in job.study.datasets.iter().enumerate() {
            if dataset.shape == Shape::Records {
                let of = Records::new(dataset, &job.study.catalogue, job.as_of, 0);
                let accumulators = of.kernels().iter().map(|kernel| kernel.op.start(0)).collect();
                records.push((number(at)?, of.kernels().to_vec(), accumulators));
            }
        }
        Ok(Self { job, consents, records, people: Vec::new(), listed: 0 })
    }

    fn grow(&mut self, people: usize) {
        self.people.resize_with(people.max(self.people.len()), Person::default);
        self.consents.iter_mut().for_each(|fold| fold.cover(people));
        let accumulators = self.records.iter_mut().flat_map(|(.., all)| all);
        accumulators.for_each(|accumulator| accumulator.grow(people));
    }

    fn add(&mut self, group: usize, state: PersonState) -> Result<(), ClusterError> {
        if group >= self.people.len() {
            self.grow(group + 1);
        }
        let person = self.people.get_mut(group).ok_or(ClusterError::Malformed)?;
        if *person.id.get_or_insert(state.id) != state.id {
            return Err(ClusterError::TwoPeople);
        }
        person.tags.add(state.tags);
        for (input, events) in state.events {
            let known = person.events.entry(input).or_insert(0);
            *known = known.saturating_add(events);
        }
        for (dataset, rows) in state.rows {
            let known = person.rows.entry(dataset).or_insert(0);
            *known = known.saturating_add(rows);
        }
        for PeopleState { dataset, tags, age } in state.people {
            let (known, known_age) = person.people.entry(dataset).or_default();
            known.resize(known.len().max(tags.len()), Rows::None);
            known.iter_mut().zip(tags).for_each(|(known, rows)| *known = known.and(rows));
            *known_age = known_age.and(age);
        }
        for (relation, targets) in state.lists {
            let list = person.lists.entry(relation).or_default();
            let before = list.len();
            merge_list(list, targets);
            self.listed += (list.len() - before) * size_of::<Id>();
        }
        for (relation, pairs) in state.named {
            let known = person.named.entry(relation).or_default();
            for (target, sums) in pairs {
                self.listed += size_of::<Named>() + sums.len() * size_of::<Option<i128>>();
                merge_sums(known.entry(target).or_default(), sums);
            }
        }
        if let Some(report) = state.report
            && person.report.replace(report).is_some()
        {
            return Err(ClusterError::NotConserved { what: "the report of a file" });
        }
        let number = u32::try_from(group).map_err(|_| ClusterError::Malformed)?;
        if !state.consents.is_empty() && state.consents.len() != self.consents.len() {
            return Err(ClusterError::Malformed);
        }
        for (fold, consents) in self.consents.iter_mut().zip(&state.consents) {
            if !fold.merge(number, consents) {
                return Err(ClusterError::Malformed);
            }
        }
        for (dataset, accumulated) in state.records {
            let known = self.records.iter_mut().find(|(known, ..)| *known == dataset);
            let (.., accumulators) = known.ok_or(ClusterError::Malformed)?;
            if accumulated.len() != accumulators.len() {
                return Err(ClusterError::Malformed);
            }
            for (accumulator, state) in accumulators.iter_mut().zip(accumulated) {
                accumulator.merge(group, state)?;
            }
        }
        Ok(())
    }

    /// Everything that is known of everybody, and nothing behind it.
    fn take(&mut self) -> Result<Self, ClusterError> {
        let empty = Self::new(Arc::clone(&self.job))?;
        Ok(std::mem::replace(self, empty))
    }

    fn state(&self, group: usize, person: Person) -> PersonState {
        let number = u32::try_from(group).unwrap_or(u32::MAX);
        let consents = self.consents.iter().map(|fold| fold.state(number));
        let records = self.records.iter().filter(|(dataset, ..)| person.rows.contains_key(dataset));
        let records = records.map(|(dataset, _, accumulators)| {
            (*dataset, accumulators.iter().map(|accumulator| accumulator.state(group)).collect())
        });
        PersonState {
            id: person.id.unwrap_or_default(),
            tags: person.tags,
            consents: if person.events.is_empty() { Vec::new() } else { consents.collect() },
            records: records.collect(),
            events: person.events.into_iter().collect(),
            rows: person.rows.into_iter().collect(),
            people: (person.people.into_iter())
                .map(|(dataset, (tags, age))| PeopleState { dataset, tags, age })
                .collect(),
            lists: person.lists.into_iter().collect(),
            named: (person.named.into_iter())
                .map(|(relation, pairs)| (relation, pairs.into_iter().collect()))
                .collect(),
            report: person.report,
        }
    }

    /// Takes out the parts of all groups, in their order, and is empty after it: for each person the own part and a contribution to each
    /// person of the truncated lists, regardless of who is in; for each report itself.
    ///
    /// # Errors
    /// [`ClusterError`] for a part that is too large to be written.
    pub fn take_parts(&mut self) -> Result<Vec<KeyedParts>, ClusterError> {
        let Self { job, mut consents, records, people, .. } = self.take()?;
        let count = people.len();
        let ages = ages(&people);
        let statuses: Vec<Vec<(u8, bool)>> = consents
            .iter_mut()
            .map(|fold| {
                fold.statuses(count, &ages).map(|(first, observed)| (first as u8, observed)).collect()
            })
            .collect();
        let mut own = own_values(&job, records);
        own.extend(list_sizes(&job, &people));
        let emission = Emission::new(&job, statuses, own, count)?;
        people.into_iter().enumerate().map(|(group, person)| emission.parts(group, person)).collect()
    }
}

impl Fold for PeopleFold {
    fn merge(&mut self, group: usize, state: &[u8]) -> Result<(), ClusterError> {
        self.add(group, codec::decode_fixed(state)?)
    }

    fn take_states(&mut self) -> Result<Vec<Vec<u8>>, ClusterError> {
        let mut all = self.take()?;
        let people = std::mem::take(&mut all.people).into_iter().enumerate();
        people.map(|(group, person)| Ok(codec::encode_fixed(&all.state(group, person))?)).collect()
    }

    fn bytes(&self) -> usize {
        let accumulators = self.records.iter().flat_map(|(_, kernels, all)| kernels.iter().zip(all));
        let records = accumulators
            .map(|(kernel, all)| kernel.op.bytes_of_person() * self.people.len() + all.bytes_of_sets());
        let consents = self.consents.iter().map(consent::Fold::bytes);
        // Maps of a person have a node each, of some hundred bytes.
        let people = self.people.capacity() * (size_of::<Person>() + 256);
        records.chain(consents).fold(people + self.listed, usize::saturating_add)
    }
}

fn folds(job: &Job) -> Vec<consent::Fold> {
    job.flows.iter().map(|(_, demand)| consent::Fold::new(demand.clone(), job.as_of)).collect()
}

/// Both lists are ascending and have nothing twice, and so has what they come to.
fn merge_list(list: &mut Vec<Id>, more: Vec<Id>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.extend(more);
        list.sort_unstable();
        list.dedup();
    }
}

fn merge_sums(known: &mut Vec<Option<i128>>, sums: Vec<Option<i128>>) {
    known.resize(known.len().max(sums.len()), None);
    for (known, sum) in known.iter_mut().zip(sums) {
        *known = match (*known, sum) {
            (Some(known), Some(sum)) => Some(known.saturating_add(sum)),
            (one, other) => one.or(other),
        };
    }
}

/// What is known of everybody's age; one field of a study holds it.
fn ages(people: &[Person]) -> Vec<AgeFact> {
    let of = |person: &Person| {
        let known = person.people.values().find_map(|(_, age)| match age {
            Rows::None => None,
            Rows::Same(fact) => Some(AgeFact::from(*fact)),
            Rows::Differ => Some(AgeFact::UNKNOWN),
        });
        known.unwrap_or(AgeFact::UNKNOWN)
    };
    people.iter().map(of).collect()
}

/// Values of all measures over own records.
fn own_values(
    job: &Job,
    records: Vec<(u16, Vec<MeasureKernel>, Vec<Accumulator>)>,
) -> BTreeMap<usize, Values> {
    let mut own = BTreeMap::new();
    for (_, kernels, accumulators) in records {
        for (kernel, accumulator) in kernels.into_iter().zip(accumulators) {
            if let Some(declared) = job.study.catalogue.measures().get(kernel.measure) {
                own.insert(kernel.measure, accumulator.finish(&kernel.op, declared.range(), job.as_of));
            }
        }
    }
    own
}

/// Values of every measure that is the length of an own list.
fn list_sizes(job: &Job, people: &[Person]) -> Vec<(usize, Values)> {
    let measures = job.study.catalogue.measures().iter().enumerate();
    let sizes = measures.filter_map(|(measure, declared)| {
        let Source::OwnListSize { relation } = declared.source else { return None };
        let relation = u16::try_from(relation).ok()?;
        let size = |person: &Person| person.lists.get(&relation).map_or(0, |list| list.len() as i128);
        Some((measure, Values::whole_numbers(declared.range(), people.iter().map(size))))
    });
    sizes.collect()
}

/// A dataset and the tags over it, each with the code of what is not listed.
type TagsOfDataset = (u16, Vec<(u16, u32)>);

/// What everybody sends, measure by measure.
enum Sending {
    Whole(lists::Sent),
    /// The fraction of the inner measure.
    Fraction(usize),
    /// The place among the sums of the pair, and whether people are counted instead of records.
    Named(usize, bool),
}

/// All people of a batch on their way to parts.
struct Emission<'a> {
    job: &'a Job,
    statuses: Vec<Vec<(u8, bool)>>,
    own: BTreeMap<usize, Values>,
    /// What travels along each relation, by measure.
    sending: Vec<(u16, Vec<(u16, Sending)>)>,
    ties: Vec<u16>,
    /// The limit of rows of each dataset.
    limits: Vec<u32>,
    /// For every people dataset the tags over it, with the code of what is not listed.
    tags: Vec<TagsOfDataset>,
}

impl<'a> Emission<'a> {
    fn new(
        job: &'a Job,
        statuses: Vec<Vec<(u8, bool)>>,
        own: BTreeMap<usize, Values>,
        people: usize,
    ) -> Result<Self, ClusterError> {
        let catalogue = &job.study.catalogue;
        let mut sending = BTreeMap::<u16, Vec<(u16, Sending)>>::new();
        let mut named = BTreeMap::<usize, usize>::new();
        for (measure, declared) in catalogue.measures().iter().enumerate() {
            let travels = match &declared.source {
                Source::Audience { what, .. } => {
                    let inner = what.of().and_then(|inner| Some((inner, own.get(&inner)?)));
                    match inner.filter(|(_, values)| adds(what) && !values.are_whole()) {
                        Some((inner, _)) => Sending::Fraction(inner),
                        None => Sending::Whole(lists::Sent::new(what, inner.map(|(_, all)| all), people)),
                    }
                }
                Source::Referred { relation, what, .. } => {
                    // The order of the measures is that in which a dataset's pointer lists them.
                    let place = named.entry(*relation).or_insert(0);
                    *place += 1;
                    Sending::Named(*place - 1, *what == Naming::People)
                }
                // A tie is that there is a contribution.
                Source::Mutual { relation } | Source::Ties { relation, .. } => {
                    sending.entry(number(*relation)?).or_default();
                    continue;
                }
                Source::Own { .. } | Source::OwnListSize { .. } => continue,
            };
            let relation = declared.source.contributing_relation().ok_or(ClusterError::Malformed)?;
            sending.entry(number(relation)?).or_default().push((number(measure)?, travels));
        }
        let ties = relations_of_ties(catalogue).into_iter().map(number).collect::<Result<_, _>>()?;
        let limits = job.study.datasets.iter().map(|dataset| dataset.max_rows_per_owner).collect();
        let tags = tags_of_people(job)?;
        Ok(Self { job, statuses, own, sending: sending.into_iter().collect(), ties, limits, tags })
    }

    fn parts(&self, group: usize, person: Person) -> Result<Vec<(GroupKey, Vec<u8>)>, ClusterError> {
        let written = |part: &Part| Ok::<_, ClusterError>((part.key(), codec::encode_fixed(part)?));
        let id = person.id.ok_or(ClusterError::Malformed)?;
        if let Some(report) = person.report {
            return Ok(vec![written(&Part::Report(Box::new(report)))?]);
        }
        let covered: Vec<bool> = (self.statuses.iter())
            .map(|all| all.get(group).is_some_and(|(first, _)| *first == ConsentStatus::Live as u8))
            .collect();
        let (mut sent, mut parts) = (Tags::default(), Vec::new());
        for (relation, travels) in &self.sending {
            for (to, sums) in self.truncated(*relation, id, &person)? {
                let values = travels.iter().map(|(measure, what)| (*measure, self.value(what, group, &sums)));
                let tag = self.job.tags.of_contribution(*relation, &id, &to);
                sent.add(Tags::one(tag));
                let (relation, covered) = (*relation, covered.clone());
                let values = values.collect();
                parts.push(written(&Part::Sent(Contribution {
                    to,
                    from: id,
                    tag,
                    relation,
                    covered,
                    values,
                }))?);
            }
        }
        let counted = self.counted(group, &person)?;
        let lists = person.lists.into_iter().filter(|(relation, _)| self.ties.contains(relation)).collect();
        let own = OwnPart { id, seen: person.tags, sent, counted, lists };
        parts.push(written(&Part::Own(Box::new(own)))?);
        Ok(parts)
    }

    /// The truncated list of a relation: over all targets, in or not, before any look at who is covered.
    fn truncated(&self, relation: u16, id: Id, person: &Person) -> Result<Vec<Named>, ClusterError> {
        let at = usize::from(relation);
        let declared = self.job.study.catalogue.relations().get(at).ok_or(ClusterError::Malformed)?;
        let (Some(keep), Some(key)) = (declared.max_reach, self.job.cut_key(at)) else {
            return Ok(Vec::new());
        };
        let owner = Pseudonym::from_bytes(id);
        let rank = |target: &Id| key.rank(&owner, &Pseudonym::from_bytes(*target));
        if let Some(named) = person.named.get(&relation) {
            let targets: Vec<Id> = named.keys().copied().collect();
            let kept = smallest_ranks(&targets, keep as usize, rank);
            return Ok(kept
                .map(|target| (target, named.get(&target).cloned().unwrap_or_default()))
                .collect());
        }
        let list = person.lists.get(&relation).map_or(&[][..], Vec::as_slice);
        Ok(smallest_ranks(list, keep as usize, rank).map(|target| (target, Vec::new())).collect())
    }

    fn value(&self, what: &Sending, group: usize, sums: &[Option<i128>]) -> Sent {
        match what {
            Sending::Whole(sent) => {
                let (whole, some) = sent.of(u32::try_from(group).unwrap_or(u32::MAX));
                Sent::Whole(whole, some > 0)
            }
            Sending::Fraction(inner) => {
                Sent::Fraction(self.own.get(inner).and_then(|values| values.fraction(group)))
            }
            Sending::Named(place, counts_people) => {
                let sum = sums.get(*place).copied().flatten();
                Sent::Named(if *counts_people { sum.map(|_| 1) } else { sum })
            }
        }
    }

    fn counted(&self, group: usize, person: &Person) -> Result<Counted, ClusterError> {
        let statuses = self.statuses.iter().map(|all| all.get(group).copied());
        let statuses = statuses.collect::<Option<_>>().ok_or(ClusterError::Malformed)?;
        let values = self.own.iter().map(|(measure, values)| Ok((number(*measure)?, values.element(group))));
        let values = values.collect::<Result<_, ClusterError>>()?;
        let limit = |dataset: u16| self.limits.get(usize::from(dataset)).copied().unwrap_or(0);
        let rows = person.rows.iter().filter(|(dataset, rows)| **rows > limit(**dataset));
        let events = person.events.iter().filter(|(_, events)| **events > MOST_EVENTS);
        let above = rows.map(|(dataset, _)| Limit::RowsOfDataset(*dataset));
        let above = above.chain(events.map(|(input, _)| Limit::EventsOfInput(*input))).collect();
        let (mut codes, mut differing) = (Vec::new(), Vec::new());
        for (dataset, tags) in &self.tags {
            let (rows, age) = match person.people.get(dataset) {
                Some((rows, age)) => (rows.as_slice(), *age),
                None => (&[][..], Rows::None),
            };
            for (place, (tag, other)) in tags.iter().enumerate() {
                let rows = rows.get(place).copied().unwrap_or_default();
                if rows == Rows::Differ {
                    differing.push((*dataset, number(place)?));
                }
                codes.push((*tag, if let Rows::Same(code) = rows { code } else { *other }));
            }
            if age == Rows::Differ {
                differing.push((*dataset, number(tags.len())?));
            }
        }
        let pairs = self.job.list_relations().filter_map(|(dataset, relation)| {
            let list = person.lists.get(&u16::try_from(relation).ok()?)?;
            Some((u16::try_from(dataset).ok()?, list.len() as u64))
        });
        Ok(Counted { statuses, values, codes, above, differing, pairs: pairs.collect() })
    }
}

/// The tags over each people dataset, in the order of states.
fn tags_of_people(job: &Job) -> Result<Vec<TagsOfDataset>, ClusterError> {
    let mut all = Vec::new();
    for (at, dataset) in job.study.datasets.iter().enumerate() {
        if dataset.shape == Shape::People {
            let table = People::new(dataset, &job.study.catalogue, (0, job.as_of), (&job.reading, false));
            let tags = table.tags().map(|(tag, _, other)| {
                Ok((number(tag)?, u32::try_from(other).map_err(|_| ClusterError::Malformed)?))
            });
            all.push((number(at)?, tags.collect::<Result<_, ClusterError>>()?));
        }
    }
    Ok(all)
}
