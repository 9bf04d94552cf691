//! Promise: a cluster makes the cubes of one machine, byte for byte, or none; states are merged in any order and split anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use zeroize::Zeroizing;

use super::{Cluster, ClusterEntry, ClusterError, Fold, GroupKey, Job, JobTerms, PeopleFold};
use super::{SettleFold, TotalFold, build_on};
use crate::consent::{Admits, Ages, Demand};
use crate::engine::reference_tests::row_groups::in_row_groups;
use crate::engine::reference_tests::{self, each};
use crate::engine::{BuiltEpoch, EngineError, IngestReport, Input, Reading, Sources, build};
use crate::policy::{Decision, Regime, Study, decide};
use crate::types::{CancelToken, RecipientId, Secret, Timestamp, codec};

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// A state of a file is missing, or there twice.
    LostState,
    RepeatedState,
    /// A file is read twice.
    RepeatedTask,
    /// A part is missing, or there twice.
    LostPart,
    RepeatedPart,
    /// What is settled of one partition of people is missing.
    LostPartition,
    /// A later state takes the place of an earlier one.
    Overwritten,
    /// One executor has other keys.
    OtherKeys,
    /// States of one person are merged in two places.
    TwoPlaces,
}

/// A cluster in this process: every step split and ordered by chance.
pub(crate) struct InProcess {
    pub(crate) seed: u64,
    pub(crate) partitions: usize,
    pub(crate) fault: Fault,
}

type Keyed = Vec<(GroupKey, Vec<u8>)>;

/// States of keys, split over a few folds whose states are then merged.
fn folded<F: Fold>(
    rng: &mut StdRng,
    start: impl Fn() -> F,
    add: impl Fn(&mut F, usize, &[u8]) -> Result<(), ClusterError>,
    keyed: &Keyed,
    fault: Fault,
) -> Result<F, ClusterError> {
    let mut merged = Vec::new();
    for chunk in keyed.chunks(rng.random_range(1..=keyed.len().max(2))) {
        let (mut fold, mut groups) = (start(), BTreeMap::new());
        for (key, state) in chunk {
            let next = groups.len();
            add(&mut fold, *groups.entry(*key).or_insert(next), state)?;
        }
        let mut keys: Vec<(usize, GroupKey)> = groups.into_iter().map(|(key, group)| (group, key)).collect();
        keys.sort_unstable();
        merged.extend(keys.into_iter().map(|(_, key)| key).zip(fold.take_states()?));
    }
    merged.shuffle(rng);
    let (mut fold, mut groups) = (start(), BTreeMap::new());
    for (key, state) in merged {
        let next = groups.len();
        let known = groups.contains_key(&key);
        let group = *groups.entry(key).or_insert(next);
        if fault == Fault::Overwritten && known {
            continue;
        }
        fold.merge(group, &state)?;
    }
    Ok(fold)
}

fn by_partition(keyed: Keyed, partitions: usize) -> Vec<Keyed> {
    let mut all = vec![Keyed::new(); partitions];
    for (key, state) in keyed {
        all[usize::from(key[3]) % partitions].push((key, state));
    }
    all
}

impl InProcess {
    fn states(&self, job: &Job, rng: &mut StdRng) -> Result<Keyed, ClusterError> {
        let mut states = Keyed::new();
        let other = job.with_other_keys()?;
        let mut units: Vec<usize> = (0..job.units()).collect();
        units.shuffle(rng);
        units.extend((self.fault == Fault::RepeatedTask).then(|| units[0]));
        for (place, unit) in units.into_iter().enumerate() {
            let job = if self.fault == Fault::OtherKeys && place == 0 { &other } else { job };
            job.read(unit, None, &CancelToken::new(), |key, state| {
                states.push((key, state));
                Ok::<_, EngineError>(())
            })
            .map_err(|error| ClusterError::Failed(error.to_string()))?;
        }
        states.shuffle(rng);
        // The report of a file is no state of a person.
        let person = states.iter().position(|(_, state)| state.len() < 200);
        match (self.fault, person) {
            (Fault::LostState, Some(person)) => drop(states.remove(person)),
            (Fault::RepeatedState, Some(person)) => states.push(states[person].clone()),
            _ => {}
        }
        Ok(states)
    }
}

impl Cluster for InProcess {
    fn run(&self, job: &Job, _: &Reading) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let job = Arc::new(Job::from_bytes(&job.to_bytes()?)?);
        let mut parts = Keyed::new();
        let mut partitions = by_partition(self.states(&job, &mut rng)?, self.partitions);
        if self.fault == Fault::TwoPlaces {
            // Someone of whom several files have rows.
            let is_shared =
                |states: &Keyed, key| states.iter().filter(|(known, _)| *known == key).count() > 1;
            let shared = |states: &Keyed| states.iter().position(|(key, _)| is_shared(states, *key));
            let found = partitions.iter().enumerate().find_map(|(at, states)| Some((at, shared(states)?)));
            let (partition, state) = found.unwrap();
            let state = partitions[partition].remove(state);
            partitions.push(vec![state]);
        }
        for states in partitions {
            let start = || PeopleFold::new(Arc::clone(&job)).unwrap();
            let add = |fold: &mut PeopleFold, group, state: &[u8]| fold.merge(group, state);
            let mut fold = folded(&mut rng, start, add, &states, self.fault)?;
            parts.extend(fold.take_parts()?.into_iter().flatten());
        }
        parts.shuffle(&mut rng);
        match self.fault {
            Fault::LostPart => drop(parts.pop()),
            Fault::RepeatedPart => parts.push(parts[0].clone()),
            _ => {}
        }
        let mut totals = Vec::new();
        let mut partitions = by_partition(parts, self.partitions);
        if self.fault == Fault::LostPartition {
            let lost = partitions.iter().position(|parts| !parts.is_empty()).unwrap();
            partitions.remove(lost);
        }
        for parts in partitions {
            let start = || SettleFold::new(Arc::clone(&job)).unwrap();
            let add = |fold: &mut SettleFold, group, part: &[u8]| fold.observe(group, part);
            let mut fold = folded(&mut rng, start, add, &parts, Fault::None)?;
            let mut settled = fold.take_settled()?;
            settled.shuffle(&mut rng);
            for some in settled.chunks(rng.random_range(1..9)) {
                let mut fold = TotalFold::new(Arc::clone(&job))?;
                some.iter().try_for_each(|settled| fold.observe(settled))?;
                totals.extend(fold.take_states()?);
            }
        }
        totals.shuffle(&mut rng);
        let mut all = TotalFold::new(job)?;
        totals.iter().try_for_each(|totals| all.merge(0, totals))?;
        all.finish().map(Zeroizing::new)
    }

    fn entry(&self) -> ClusterEntry {
        ClusterEntry {
            name: "ballista".into(),
            version: "55.0.0".into(),
            datafusion: "55.2.0".into(),
            plan: format!("blake3:{}", blake3::hash(b"no plan").to_hex()),
            partitions: 3,
        }
    }
}

/// A seal of files in a folder.
struct Case {
    text: String,
    as_of: Timestamp,
    key: Secret,
    tables: Vec<(Option<String>, std::path::PathBuf)>,
    _place: tempfile::TempDir,
}

type Made = (Vec<BuiltEpoch>, IngestReport);

impl Case {
    fn new(text: String, as_of: i64, tables: Sources, rng: &mut StdRng) -> Self {
        let place = tempfile::tempdir().unwrap();
        let Sources { data, consents } = in_row_groups(tables, place.path(), rng.random_range(1..9));
        let path = |input: Input| input.file().unwrap().to_owned();
        let data = data.into_iter().map(|(name, input)| (Some(name.to_string()), path(input)));
        let tables = data.chain(consents.into_iter().map(|input| (None, path(input)))).collect();
        let as_of = Timestamp::from_seconds(as_of);
        Self { text, as_of, key: Secret::new(rng.random()), tables, _place: place }
    }

    /// Every kind of measure.
    fn each(rng: &mut StdRng) -> Self {
        let world = each::World::random(rng);
        let files = rng.random_range(1..4);
        Self::new(each::study_text(), each::AS_OF, world.tables(files), rng)
    }

    /// Two recipients, fractions, several types of columns.
    fn reference(rng: &mut StdRng) -> Self {
        let terms = reference_tests::random_terms(rng);
        let rows = reference_tests::random_rows(rng, &terms);
        let dress = reference_tests::Dress::random(rng).in_files();
        let tables = reference_tests::sources(&rows, &terms, dress);
        Self::new(reference_tests::study_text(&terms), terms.as_of, tables, rng)
    }

    fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        for (name, path) in &self.tables {
            match name {
                Some(name) => sources.data.push((name.parse().unwrap(), Input::Path(path.clone()))),
                None => sources.consents.push(Input::Path(path.clone())),
            }
        }
        sources
    }

    fn flows(&self, study: &Study) -> Vec<(RecipientId, Demand)> {
        let regime = Regime::built_in("cn-pipl").unwrap();
        let flow = |recipient| match decide(study, &regime, recipient, self.as_of) {
            Decision::Permit(flow) => (recipient.id.clone(), flow.demand().clone()),
            Decision::Deny(reasons) => panic!("{reasons:?}"),
        };
        study.recipients.iter().map(flow).collect()
    }

    fn reading() -> Reading {
        Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() }
    }

    /// The seal as executors know it.
    fn job(&self) -> Job {
        let study = Study::parse("study", &self.text).unwrap();
        let regime = Regime::built_in_text("cn-pipl").unwrap().to_owned();
        let terms = JobTerms { study: self.text.clone(), regime, now: self.as_of };
        let units = super::build::units_in_test(&study, self.sources());
        let (flows, tags) = (self.flows(&study), Secret::new([9; 32]));
        Job::describe(&terms, &flows, self.as_of, (&self.key, &tags), (&Self::reading(), units)).unwrap()
    }

    fn alone(&self) -> Result<Made, EngineError> {
        let study = Study::parse("study", &self.text).unwrap();
        build(&study, &self.flows(&study), self.sources(), self.as_of, &self.key, &Self::reading())
    }

    fn on(&self, cluster: &InProcess) -> Result<Made, EngineError> {
        let study = Study::parse("study", &self.text).unwrap();
        let regime = Regime::built_in_text("cn-pipl").unwrap().to_owned();
        let terms = JobTerms { study: self.text.clone(), regime, now: self.as_of };
        let flows = self.flows(&study);
        let of = (&study, flows.as_slice());
        build_on(cluster, &terms, of, self.sources(), (self.as_of, &self.key), &Self::reading())
    }
}

fn bytes(made: &[BuiltEpoch]) -> Vec<Vec<u8>> {
    let of = |epoch: &BuiltEpoch| {
        let statuses = codec::encode(epoch.statuses.reveal_in_test()).unwrap();
        let cubes = epoch.cubes.iter().map(|cube| codec::encode(cube.reveal_in_test()).unwrap());
        cubes.chain([statuses]).collect::<Vec<_>>()
    };
    made.iter().flat_map(of).collect()
}

#[test]
fn cubes_and_reports_are_those_of_one_machine() {
    let mut rng = StdRng::seed_from_u64(23);
    let mut people = 0;
    for case in 0..60 {
        let of = if case % 2 == 0 { Case::each(&mut rng) } else { Case::reference(&mut rng) };
        let partitions = [1, 2, 7, 64][case % 4];
        let cluster = InProcess { seed: rng.random(), partitions, fault: Fault::None };
        let (alone, mut report) = of.alone().unwrap();
        let (on_cluster, mut reported) = of.on(&cluster).unwrap();
        assert!(bytes(&alone) == bytes(&on_cluster), "case {case}");
        for files in [&mut report.files, &mut reported.files] {
            // Of several files of one dataset the first one has what one machine counts where it comes across it.
            let differing: Vec<_> =
                files.iter_mut().map(|file| std::mem::take(&mut file.differing)).collect();
            let all = differing.into_iter().flatten().map(|(_, ids)| ids).sum::<u64>();
            files[0].ambiguous_ids = all;
        }
        assert_eq!(report, reported, "case {case}");
        let counts = alone[0].cubes[0].reveal_in_test().cells_in_test().0.to_vec();
        people += counts.into_iter().max().unwrap_or(0);
    }
    assert!(people > 50, "cubes of no one would agree for the wrong reason");
}

#[test]
fn what_is_lost_or_repeated_leaves_no_cube() {
    let faults = [
        Fault::LostState,
        Fault::RepeatedState,
        Fault::RepeatedTask,
        Fault::LostPart,
        Fault::RepeatedPart,
        Fault::LostPartition,
        Fault::OtherKeys,
        Fault::TwoPlaces,
    ];
    let mut rng = StdRng::seed_from_u64(24);
    for case in 0..15 {
        let of = Case::each(&mut rng);
        for fault in faults {
            let cluster = InProcess { seed: rng.random(), partitions: 3, fault };
            assert!(of.on(&cluster).is_err(), "case {case}, {fault:?}");
        }
        // One chunk leaves nothing to overwrite, so that not every case shows it.
        let overwrites = (0..20).map(|seed| InProcess { seed, partitions: 1, fault: Fault::Overwritten });
        let refused = overwrites.filter(|cluster| of.on(cluster).is_err()).count();
        assert!(refused > 0, "case {case}: no state was overwritten, or no one saw it");
    }
}

/// The states of all people, by key.
fn states<F: Fold>(mut fold: F, keys: &[GroupKey]) -> BTreeMap<GroupKey, Vec<u8>> {
    keys.iter().copied().zip(fold.take_states().unwrap()).collect()
}

/// Merges states in their order, one by one.
fn one_by_one<F: Fold>(
    mut fold: F,
    keyed: &Keyed,
    add: impl Fn(&mut F, usize, &[u8]) -> Result<(), ClusterError>,
) -> (F, Vec<GroupKey>) {
    let mut keys: Vec<GroupKey> = Vec::new();
    for (key, state) in keyed {
        let group = keys.iter().position(|known| known == key).unwrap_or_else(|| {
            keys.push(*key);
            keys.len() - 1
        });
        add(&mut fold, group, state).unwrap();
    }
    (fold, keys)
}

/// The laws of `state` and `merge` of every kernel: commutative, associative, split anywhere. Bytes of states are compared, so that a state
/// that only finishes alike fails, too.
fn laws(seed: u64) -> Result<(), TestCaseError> {
    let mut rng = StdRng::seed_from_u64(seed);
    let of = if seed.is_multiple_of(2) { Case::each(&mut rng) } else { Case::reference(&mut rng) };
    let job = Arc::new(of.job());
    let mut keyed = InProcess { seed, partitions: 1, fault: Fault::None }.states(&job, &mut rng).unwrap();
    let people = || PeopleFold::new(Arc::clone(&job)).unwrap();
    let merge = |fold: &mut PeopleFold, group, state: &[u8]| fold.merge(group, state);
    let (fold, keys) = one_by_one(people(), &keyed, merge);
    let wanted = states(fold, &keys);
    keyed.shuffle(&mut rng);
    let (fold, keys) = one_by_one(people(), &keyed, merge);
    prop_assert!(states(fold, &keys) == wanted);
    // Any tree: partial states take the place of what they were made of.
    let mut trees = keyed.clone();
    while trees.len() > 1 && rng.random_bool(0.9) {
        let some = trees.split_off(trees.len() - rng.random_range(1..=trees.len()));
        let (fold, keys) = one_by_one(people(), &some, merge);
        trees.extend(states(fold, &keys));
        trees.shuffle(&mut rng);
    }
    let (mut fold, keys) = one_by_one(people(), &trees, merge);
    prop_assert!(states(fold, &keys) == wanted);
    fold = one_by_one(people(), &trees, merge).0;
    let mut parts: Keyed = fold.take_parts().unwrap().into_iter().flatten().collect();
    let settle = || SettleFold::new(Arc::clone(&job)).unwrap();
    let observe = |fold: &mut SettleFold, group, part: &[u8]| fold.observe(group, part);
    let merge = |fold: &mut SettleFold, group, state: &[u8]| fold.merge(group, state);
    let (fold, keys) = one_by_one(settle(), &parts, observe);
    let wanted = states(fold, &keys);
    parts.shuffle(&mut rng);
    let mut trees = Keyed::new();
    for some in parts.chunks(rng.random_range(1..=parts.len())) {
        let (fold, keys) = one_by_one(settle(), &some.to_vec(), observe);
        trees.extend(states(fold, &keys));
    }
    trees.shuffle(&mut rng);
    let (fold, keys) = one_by_one(settle(), &trees, merge);
    prop_assert!(states(fold, &keys) == wanted);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn states_are_merged_in_any_order_and_split_anywhere(seed: u64) {
        laws(seed)?;
    }
}

/// In this world a file has people none of whose rows counts.
#[test]
fn a_file_of_whom_no_row_counts_is_merged_like_any_other() {
    laws(17_395_080_629_353_730_737).unwrap();
}

/// Parts, settled people and totals of these states.
fn messages(job: &Arc<Job>, keyed: &Keyed) -> [Vec<Vec<u8>>; 3] {
    let merge = |fold: &mut PeopleFold, group, state: &[u8]| fold.merge(group, state);
    let (mut fold, _) = one_by_one(PeopleFold::new(Arc::clone(job)).unwrap(), keyed, merge);
    let parts: Keyed = fold.take_parts().unwrap().into_iter().flatten().collect();
    let observe = |fold: &mut SettleFold, group, part: &[u8]| fold.observe(group, part);
    let (mut fold, _) = one_by_one(SettleFold::new(Arc::clone(job)).unwrap(), &parts, observe);
    let settled = fold.take_settled().unwrap();
    let mut fold = TotalFold::new(Arc::clone(job)).unwrap();
    settled.iter().for_each(|settled| fold.observe(settled).unwrap());
    [parts.into_iter().map(|(_, part)| part).collect(), settled, vec![fold.finish().unwrap()]]
}

/// Guards membership applied last where sizes are seen: how long ciphertexts on disks and wires are does not depend on who is in.
#[test]
fn the_size_of_no_message_depends_on_who_is_in() {
    let mut rng = StdRng::seed_from_u64(26);
    let mut differing = 0;
    for case in 0..12 {
        let of = if case % 2 == 0 { Case::each(&mut rng) } else { Case::reference(&mut rng) };
        let job = Arc::new(of.job());
        let keyed = InProcess { seed: 1, partitions: 1, fault: Fault::None }.states(&job, &mut rng).unwrap();
        let mut none = of.job();
        // No age is known, so that no one is in.
        let read = Ages::Read { child_below: 14, adult_from: 18, admits: Admits::default() };
        none.flows.iter_mut().for_each(|(_, demand)| demand.ages = read);
        let (some, none) = (messages(&job, &keyed), messages(&Arc::new(none), &keyed));
        differing += usize::from(some[1] != none[1]);
        for (step, (some, none)) in some.iter().zip(&none).enumerate() {
            let lengths = |all: &[Vec<u8>]| all.iter().map(Vec::len).collect::<Vec<_>>();
            assert!(lengths(some) == lengths(none), "case {case}, step {step}");
        }
    }
    assert!(differing > 6, "no one was in anyway");
}

#[test]
fn bytes_that_are_no_state_are_refused() {
    let mut rng = StdRng::seed_from_u64(25);
    let of = Case::each(&mut rng);
    let job = of.job();
    let written = job.to_bytes().unwrap();
    let job = Arc::new(job);
    let keyed = InProcess { seed: 1, partitions: 1, fault: Fault::None }.states(&job, &mut rng).unwrap();
    let (_, state) = &keyed[0];
    for length in 0..state.len() {
        assert!(PeopleFold::new(Arc::clone(&job)).unwrap().merge(0, &state[..length]).is_err());
        assert!(SettleFold::new(Arc::clone(&job)).unwrap().observe(0, &state[..length]).is_err());
    }
    for length in [0, 1, 100, written.len() - 1] {
        assert!(Job::from_bytes(&written[..length]).is_err());
    }
    let mut fold = PeopleFold::new(Arc::clone(&job)).unwrap();
    let two: Vec<_> = keyed.iter().filter(|(key, _)| *key != keyed[0].0).take(1).chain(&keyed[..1]).collect();
    fold.merge(0, &two[0].1).unwrap();
    assert!(matches!(fold.merge(0, &two[1].1), Err(ClusterError::TwoPeople)));
}
