//! One file read by one task: the engine's own readers and kernels, and a state for each person of the file.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::ClusterError;
use super::fold::GroupKey;
use super::job::{Job, Unit, number};
use super::people::{Named, PeopleState, PersonState};
use super::report::{UnitReport, WrittenReport};
use super::tag::{Id, Tags};
use crate::consent::{AgeFact, AgeState, Fold};
use crate::deidentify::PseudonymKey;
use crate::engine::cube::build::Seal;
use crate::engine::error::EngineError;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::{Input, Position};
use crate::engine::records::accumulator::{Accumulator, AccumulatorState};
use crate::engine::records::differing::Rows;
use crate::engine::records::measures::{Records, ScannedRecords};
use crate::engine::records::partition_buffer::PARTITION_SIZE;
use crate::engine::records::people::People;
use crate::engine::relations::lists::{Lists, ReadLists};
use crate::engine::relations::pointers::Pointed;
use crate::policy::{Dataset, Shape};
use crate::types::{CancelToken, codec};

/// What one file holds of everybody it names, by the numbers of its own ids.
enum Read {
    Consents {
        folds: Vec<Fold>,
        events: Vec<u32>,
        input: u32,
    },
    People {
        dataset: u16,
        rows: Vec<u32>,
        people: Vec<(Vec<Rows<u32>>, Rows<AgeFact>)>,
    },
    Records {
        dataset: u16,
        rows: Vec<u32>,
        partitions: Vec<Vec<Accumulator>>,
        of_people: Vec<bool>,
        named: Pairs,
    },
    List {
        dataset: u16,
        relation: u16,
        rows: Vec<u32>,
        lists: BTreeMap<u32, Vec<u32>>,
    },
}

/// By relation and owner: whom records name, and what they add up to.
type Pairs = Vec<(u16, PairsOfOwners)>;

/// By owner: whom records name, and what they add up to, measure by measure.
type PairsOfOwners = BTreeMap<u32, Vec<(u32, Vec<Option<i128>>)>>;

/// What was read of a file, and its report.
struct Scanned {
    read: Read,
    report: FileReport,
    pairs: u64,
    is_inside: bool,
}

impl Job {
    /// Reads one file of the seal and hands over a state for each person whom it names, and its report, each with the key by which it is
    /// grouped. Everybody's rows are read and handed over alike, regardless of who is in. `elsewhere` is where an executor has the file, if not
    /// at its own [path](Job::path).
    ///
    /// # Errors
    /// [`EngineError`] of the file, as a local seal has it, and that of `hand_over`.
    ///
    /// # Privacy
    /// Raw ids stay here: states know people by the pseudonyms of the epoch. States are in the clear.
    pub fn read<E: From<EngineError>>(
        &self,
        unit: usize,
        elsewhere: Option<&Path>,
        cancel: &CancelToken,
        mut hand_over: impl FnMut(GroupKey, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let of = |error: ClusterError| EngineError::from(error);
        let number = u32::try_from(unit).map_err(|_| of(ClusterError::Malformed))?;
        let file = self.units.get(unit).ok_or_else(|| of(ClusterError::Malformed))?;
        let reading = Reading { cancel: cancel.clone(), ..self.reading.clone() };
        let (input, record) = file.input(elsewhere).recorded().map_err(EngineError::from)?;
        let mut seal = Seal::new(&self.study, self.as_of, &reading);
        let scanned = self.scan(&mut seal, file, input, &reading)?;
        let digest = record.map(|record| record.digest()).transpose().map_err(EngineError::from)?.flatten();
        let ids = self.pseudonyms(&mut seal)?;
        let mut sent = Tags::default();
        for (person, id) in ids.iter().enumerate() {
            reading.uncancelled()?;
            let tag = Tags::one(self.tags.of_state(number, id));
            sent.add(tag);
            let state = PersonState { id: *id, tags: tag, ..scanned.read.state(person, &ids) };
            hand_over(*id, codec::encode_fixed(&state).map_err(|error| of(error.into()))?)?;
        }
        let key = self.tags.of_report(number);
        let report = UnitReport {
            unit: number,
            key,
            commitment: self.commitment,
            sent,
            pairs: scanned.pairs,
            is_inside: scanned.is_inside,
            digest: digest.map(|digest| (digest.sha256, digest.bytes)),
            report: WrittenReport::of(&scanned.report),
        };
        let state = PersonState { id: key, report: Some(report), ..PersonState::default() };
        hand_over(key, codec::encode_fixed(&state).map_err(|error| of(error.into()))?)
    }

    /// The pseudonym of everybody whom the file names, by number.
    fn pseudonyms(&self, seal: &mut Seal<'_>) -> Result<Vec<Id>, EngineError> {
        struct Known<'k>(Option<&'k PseudonymKey>, PseudonymKey);
        impl AsRef<PseudonymKey> for Known<'_> {
            fn as_ref(&self) -> &PseudonymKey {
                self.0.unwrap_or(&self.1)
            }
        }
        let interner = seal.interner_mut();
        if interner.namespaces().any(|name| self.pseudonym_key(name).is_none()) {
            return Err(ClusterError::Malformed.into());
        }
        // Every namespace has its key: the other one is used for none.
        let unused = || PseudonymKey::from_secret(crate::types::Secret::new([0; 32]));
        let all = interner.pseudonyms(|name| Known(self.pseudonym_key(name), unused()), 1);
        Ok(all.into_iter().map(crate::deidentify::Pseudonym::to_bytes).collect())
    }

    fn scan(
        &self,
        seal: &mut Seal<'_>,
        file: &Unit,
        input: Input,
        reading: &Reading,
    ) -> Result<Scanned, EngineError> {
        let Some(at) = file.dataset else {
            let position = Position::Recorded(usize::try_from(file.position).unwrap_or(usize::MAX));
            let (folds, events, report) = seal.consents_of_part(&self.flows, (position, input))?;
            let read = Read::Consents { folds, events, input: file.position };
            return Ok(Scanned { read, report, pairs: 0, is_inside: true });
        };
        let dataset = self.dataset(at)?;
        match &dataset.shape {
            Shape::People => self.scan_people(seal, (at, dataset), input, reading),
            Shape::Records => self.scan_records(seal, (at, dataset), input, reading),
            Shape::Relation { target, relation } => {
                let ReadLists { lists, reports, duplicates, owned } =
                    Lists::read(dataset, target, vec![input], seal.shared_interner(), reading)?;
                let pairs = duplicates + lists.len() as u64;
                let mut of = BTreeMap::<u32, Vec<u32>>::new();
                lists.pairs().for_each(|(owner, target)| of.entry(owner).or_default().push(target));
                let relation = number(*relation)?;
                let read = Read::List { dataset: at, relation, rows: owned.counts(), lists: of };
                Ok(Scanned { read, report: only(reports)?, pairs, is_inside: true })
            }
        }
    }

    fn scan_people(
        &self,
        seal: &mut Seal<'_>,
        (at, dataset): (u16, &Dataset),
        input: Input,
        reading: &Reading,
    ) -> Result<Scanned, EngineError> {
        let known = (0, self.as_of);
        let mut table = People::new(dataset, &self.study.catalogue, known, (reading, self.reads_ages()));
        let mut report = table.read(input, seal.shared_interner())?;
        // Ids that differ are counted over all files of the dataset, where their states are merged.
        report.differing.clear();
        let count = seal.interner_mut().len();
        let people = (0..count).map(|id| table.rows(id)).collect();
        let read = Read::People { dataset: at, rows: table.counts(), people };
        Ok(Scanned { read, report, pairs: 0, is_inside: true })
    }

    fn scan_records(
        &self,
        seal: &mut Seal<'_>,
        (at, dataset): (u16, &Dataset),
        input: Input,
        reading: &Reading,
    ) -> Result<Scanned, EngineError> {
        let records = Records::new(dataset, &self.study.catalogue, self.as_of, 0);
        let of_people = records.kernels().iter().map(|kernel| records.reads_people(kernel)).collect();
        let ScannedRecords { reports, accumulated, owned, is_inside } =
            records.scan(vec![input], seal.shared_interner(), reading)?;
        let (partitions, pointed) = accumulated.into_parts();
        let named =
            pointed.into_iter().map(|(relation, pointed)| Ok((number(relation)?, by_owner(&pointed))));
        let named = named.collect::<Result<_, ClusterError>>()?;
        let read = Read::Records { dataset: at, rows: owned.counts(), partitions, of_people, named };
        Ok(Scanned { read, report: only(reports)?, pairs: 0, is_inside })
    }
}

fn by_owner(pointed: &Pointed) -> PairsOfOwners {
    let mut all = BTreeMap::<u32, Vec<_>>::new();
    pointed.pairs().for_each(|(owner, target, sums)| all.entry(owner).or_default().push((target, sums)));
    all
}

/// The report of the only file.
fn only(reports: Vec<FileReport>) -> Result<FileReport, ClusterError> {
    reports.into_iter().next().ok_or(ClusterError::Malformed)
}

impl Read {
    /// What the file says of one person; of one whom it only names, nothing.
    fn state(&self, person: usize, ids: &[Id]) -> PersonState {
        let count = |rows: &[u32]| rows.get(person).copied().filter(|rows| *rows > 0);
        let number = u32::try_from(person).unwrap_or(u32::MAX);
        let id = |number: u32| ids.get(number as usize).copied().unwrap_or_default();
        match self {
            Self::Consents { folds, events, input } => match count(events) {
                None => PersonState::default(),
                Some(events) => PersonState {
                    events: vec![(*input, events)],
                    consents: folds.iter().map(|fold| fold.state(number)).collect(),
                    ..PersonState::default()
                },
            },
            Self::People { dataset, rows, people } => match (count(rows), people.get(person)) {
                (Some(rows), Some((tags, age))) => PersonState {
                    rows: vec![(*dataset, rows)],
                    people: vec![PeopleState { dataset: *dataset, tags: tags.clone(), age: age_state(*age) }],
                    ..PersonState::default()
                },
                _ => PersonState::default(),
            },
            Self::Records { dataset, rows, partitions, of_people, named } => {
                let Some(rows) = count(rows) else { return PersonState::default() };
                // A partition none of whose rows counts was never begun.
                let accumulated = partitions.get(person / PARTITION_SIZE).map(|accumulators| {
                    let states = accumulators.iter().zip(of_people).map(|(accumulator, of_people)| {
                        let state = accumulator.state(person % PARTITION_SIZE);
                        if *of_people { by_pseudonym(state, ids) } else { state }
                    });
                    (*dataset, states.collect())
                });
                let named = named.iter().filter_map(|(relation, owners)| {
                    let pairs = owners.get(&number)?.iter();
                    let mut pairs: Vec<Named> =
                        pairs.map(|(target, sums)| (id(*target), sums.clone())).collect();
                    pairs.sort_unstable();
                    Some((*relation, pairs))
                });
                PersonState {
                    rows: vec![(*dataset, rows)],
                    records: accumulated.into_iter().collect(),
                    named: named.collect(),
                    ..PersonState::default()
                }
            }
            Self::List { dataset, relation, rows, lists } => {
                let Some(rows) = count(rows) else { return PersonState::default() };
                let mut list: Vec<Id> = match lists.get(&number) {
                    Some(list) => list.iter().map(|target| id(*target)).collect(),
                    None => Vec::new(),
                };
                list.sort_unstable();
                PersonState {
                    rows: vec![(*dataset, rows)],
                    lists: vec![(*relation, list)],
                    ..PersonState::default()
                }
            }
        }
    }
}

fn age_state(age: Rows<AgeFact>) -> Rows<AgeState> {
    match age {
        Rows::None => Rows::None,
        Rows::Same(fact) => Rows::Same(fact.into()),
        Rows::Differ => Rows::Differ,
    }
}

/// Distinct people by half of their pseudonyms: of two different ones the halves are different but for one chance in 2^64, as
/// fingerprints of texts are.
fn by_pseudonym(state: AccumulatorState, ids: &[Id]) -> AccumulatorState {
    let AccumulatorState::Distinct(Some(people)) = state else { return state };
    let half = |person: u64| {
        let id = usize::try_from(person).ok().and_then(|person| ids.get(person)).copied().unwrap_or_default();
        let (half, _) = id.split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_le_bytes(*half)
    };
    let mut halves: Vec<u64> = people.into_iter().map(half).collect();
    halves.sort_unstable();
    AccumulatorState::Distinct(Some(halves))
}
