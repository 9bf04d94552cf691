//! From files to cubes: consents, then people, records and relations, then one cube a tag set and recipient.
//!
//! Consents are read first and looked at last: what is read, accumulated, listed and truncated is a function of the tables, as if all people
//! were covered. Coverage masks contributions at their targets, and people in the cubes and figures.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::cells::CubeCounter;
use super::join_diagnostics::{JoinTables, Present, statuses};
use crate::consent::{AgeFact, Ages, Demand, Fold};
use crate::deidentify::Form;
use crate::engine::consent::events::Consents;
use crate::engine::error::EngineError;
use crate::engine::ids::disjoint;
use crate::engine::ids::intern::Interner;
use crate::engine::ids::links;
use crate::engine::ids::one_key;
use crate::engine::memory::Held;
use crate::engine::read::ingest_report::{FileReport, IngestReport};
use crate::engine::read::reading::Reading;
use crate::engine::read::sources::{Inputs, Sources, Tables, by_dataset};
use crate::engine::read::{Input, Position};
use crate::engine::records::measures::{OfRecords, Records};
use crate::engine::records::people::People;
use crate::engine::records::values::Values;
use crate::engine::relations::graph::Graph;
use crate::engine::relations::lists::{Lists, ReadLists};
use crate::engine::relations::pointers::Pointed;
use crate::policy::{Dataset, IdColumn, Shape, Study};
use crate::release::{Cube, CubeShape, Exact, JoinDiagnostics};
use crate::types::trace::span;
use crate::types::{RecipientId, Secret, Timestamp};

/// The cubes of one recipient, one for each tag set of the study, in order.
pub struct BuiltEpoch {
    /// The recipient.
    pub recipient: RecipientId,
    /// The cubes.
    pub cubes: Vec<Exact<Cube>>,
    /// How many people with consent events stand how, in the order of [`ConsentStatus::ALL`](crate::consent::ConsentStatus::ALL): a cube of
    /// one count.
    pub statuses: Exact<Cube>,
    /// What the auditor may open, if the reading counts it.
    pub figures: Option<Exact<JoinDiagnostics>>,
}

/// The public shapes of a study's cubes, one for each tag set, in order.
///
/// # Errors
/// [`EngineError::TooManyCells`]
pub fn shapes(study: &Study) -> Result<Vec<CubeShape>, EngineError> {
    study.catalogue.shapes().ok_or(EngineError::TooManyCells)
}

/// Builds the cubes of every permitted recipient of one study.
///
/// # Errors
/// [`EngineError`] for missing, damaged or too dirty files; depends on single files, never on the join.
///
/// # Privacy
/// The cubes are [`Exact`]; the ingest report is a function of single files. Raw ids and rows are gone on return.
pub fn build(
    study: &Study,
    flows: &[(RecipientId, Demand)],
    sources: Sources,
    as_of: Timestamp,
    epoch_key: &Secret,
    reading: &Reading,
) -> Result<(Vec<BuiltEpoch>, IngestReport), EngineError> {
    let Tables { mut data, mut consents } = Tables::of(sources)?;
    let events = consents.iter_mut().map(|(_, input)| input);
    data.iter_mut().map(|(_, input)| input).chain(events).try_for_each(Input::begin)?;
    let events = consents.iter().map(|(_, input)| input);
    reading.expect(data.iter().map(|(_, input)| input).chain(events));
    let mut inputs = by_dataset(study, data)?;
    one_key::check(study, &inputs, consents.iter().map(|(_, input)| input))?;
    let mut seal = Seal::new(study, as_of, reading);
    // Links say who a person is, so they are read whole before anything else.
    span!("seal.read");
    let links = study.links.iter().map(|table| (table, inputs.remove(&table.name).unwrap_or_default()));
    seal.report.files = links::resolve(links, seal.interner_mut(), reading)?;
    let (folds, _held) = seal.consents(flows, consents)?;
    reading.uncancelled()?;
    let read_ages = flows.iter().any(|(_, demand)| demand.ages != Ages::DeclaredAdults);
    let rows = seal.rows(inputs, read_ages)?;
    reading.uncancelled()?;
    let people = seal.interner().len();
    let known = seal.interner();
    span!("seal.relations");
    let graph = Graph::new((study, &known), rows.lists, rows.pointers, (epoch_key, reading))?;
    drop(known);
    let mut own = rows.own;
    own.extend(graph.own_lists(&study.catalogue));
    let mut built = Vec::new();
    for ((recipient, _), fold) in flows.iter().zip(folds) {
        span!("seal.cubes");
        reading.uncancelled()?;
        // From here on coverage is known.
        let covered = fold.finish(people, &rows.ages);
        let _held = reading.memory.hold(graph.bytes_of_recipient(study)?)?;
        let audience = graph.inbound(&study.catalogue, &own, (&covered, reading));
        let measures = own.iter().chain(&audience).map(|(measure, values)| (*measure, values)).collect();
        let counter =
            CubeCounter { catalogue: &study.catalogue, measures, fields: &rows.fields, people, reading };
        let cubes = counter.cubes(&covered)?;
        let joined = JoinTables { study, present: &rows.present, sizes: &graph.sizes, people };
        let figures = reading.figures.then(|| {
            Exact::new(joined.diagnostics(recipient, (&covered, reading), &counter.measures, &cubes))
        });
        let cubes = cubes.into_iter().map(|(_, cube)| Exact::new(cube)).collect();
        built.push(BuiltEpoch { recipient: recipient.clone(), cubes, statuses: statuses(&covered), figures });
    }
    disjoint::note(study, &mut seal.report.files);
    Ok((built, seal.report))
}

/// One seal under way. Dropped at its end, and all raw ids with it.
pub(in crate::engine) struct Seal<'a> {
    study: &'a Study,
    as_of: Timestamp,
    reading: &'a Reading,
    interner: RwLock<Interner>,
    report: IngestReport,
}

/// What all tables but consents and links hold, independent of coverage.
#[derive(Default)]
struct OfTables {
    /// Codes by field tag.
    fields: BTreeMap<usize, Vec<usize>>,
    ages: Vec<AgeFact>,
    present: Present,
    /// Values by own-record measure.
    own: BTreeMap<usize, Values>,
    /// Lists as written, by relation.
    lists: BTreeMap<usize, Lists>,
    pointers: Vec<(usize, Pointed)>,
    /// The memory of codes, ages and lists.
    held: Vec<Held>,
}

impl<'s> Seal<'s> {
    pub(in crate::engine) fn new(study: &'s Study, as_of: Timestamp, reading: &'s Reading) -> Self {
        let interner = RwLock::new(Interner::within(&reading.memory));
        Self { study, as_of, reading, interner, report: IngestReport::default() }
    }

    pub(in crate::engine) fn interner_mut(&mut self) -> &mut Interner {
        self.interner.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The interner that threads which read a file share.
    pub(in crate::engine) fn shared_interner(&self) -> &RwLock<Interner> {
        &self.interner
    }

    fn interner(&self) -> std::sync::RwLockReadGuard<'_, Interner> {
        self.interner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engine) fn consents(
        &mut self,
        flows: &[(RecipientId, Demand)],
        files: Vec<(Position, Input)>,
    ) -> Result<(Vec<Fold>, Held), EngineError> {
        let (mut consents, namespaces) = self.start_consents(flows);
        let mut tombstones = Vec::new();
        for file in files {
            if let (_, Input::Register(.., of_register)) = &file {
                tombstones.push(of_register.clone());
            }
            let report = consents.read(file, (&self.study.consents, &namespaces), &self.interner)?;
            self.report.files.push(report);
        }
        let interner = self.interner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (mut folds, held) = consents.finish(interner)?;
        // Every id that has a consent is known now. Whether there is any tombstone does not decide whether they are looked for.
        for all in &tombstones {
            let found = interner.look_up(self.reading.threads(), |ids, id| all.of(ids, id));
            for (person, tombstone) in found {
                folds.iter_mut().for_each(|fold| fold.apply(person, &tombstone));
            }
        }
        Ok((folds, held))
    }

    /// No consents read yet, and the namespaces of the study, with the forms of their ids.
    fn start_consents(&self, flows: &[(RecipientId, Demand)]) -> (Consents<'s>, BTreeMap<&'s str, Form>) {
        let folds = flows.iter().map(|(_, demand)| Fold::new(demand.clone(), self.as_of)).collect();
        let namespaces = self.study.namespaces().into_iter();
        let namespaces = namespaces.map(|namespace| (namespace, self.study.form(namespace))).collect();
        (Consents::new(folds, self.reading), namespaces)
    }

    /// The consents of one file alone, with the events of each id, which the caller adds up over the parts of an input, and checks.
    pub(in crate::engine) fn consents_of_part(
        &mut self,
        flows: &[(RecipientId, Demand)],
        file: (Position, Input),
    ) -> Result<(Vec<Fold>, Vec<u32>, FileReport), EngineError> {
        let (mut consents, namespaces) = self.start_consents(flows);
        let report = consents.read(file, (&self.study.consents, &namespaces), &self.interner)?;
        let (folds, events) = consents.into_part();
        Ok((folds, events, report))
    }

    /// Reads all datasets: people first, then records and relations.
    fn rows(&mut self, mut inputs: Inputs, read_ages: bool) -> Result<OfTables, EngineError> {
        let (study, mut all) = (self.study, OfTables::default());
        let of_people = |(_, dataset): &(usize, &Dataset)| dataset.shape == Shape::People;
        for (at, dataset) in study.datasets.iter().enumerate().filter(of_people) {
            let files = inputs.remove(&dataset.name).unwrap_or_default();
            let mut table = self.people(dataset, files, read_ages)?;
            all.ages.extend(table.take_ages());
            all.present.own(at, table.take_present());
            let (codes, held) = table.finish();
            all.fields.extend(codes);
            all.held.push(held);
        }
        for (at, dataset) in study.datasets.iter().enumerate() {
            let files = inputs.remove(&dataset.name).unwrap_or_default();
            match &dataset.shape {
                Shape::People => {}
                Shape::Records => {
                    let (values, pointing, owners) = self.records(dataset, files)?;
                    all.own.extend(values);
                    all.present.own(at, owners);
                    for (relation, pointed) in &pointing {
                        let lists = pointed.lists(self.reading.threads());
                        all.held.push(self.reading.memory.hold(lists.bytes() + pointed.bytes())?);
                        all.lists.insert(*relation, lists);
                    }
                    all.pointers.extend(pointing);
                }
                Shape::Relation { target, relation } => {
                    let read = self.relation(dataset, files, target)?;
                    all.held.push(self.reading.memory.hold(read.bytes())?);
                    if self.reading.figures {
                        all.present.listed(at, &read, self.interner().len());
                    }
                    all.lists.insert(*relation, read);
                }
            }
        }
        Ok(all)
    }

    pub(in crate::engine) fn people(
        &mut self,
        dataset: &'s Dataset,
        files: Vec<Input>,
        read_ages: bool,
    ) -> Result<People<'s>, EngineError> {
        let known = (self.interner().len(), self.as_of);
        let mut table = People::new(dataset, &self.study.catalogue, known, (self.reading, read_ages));
        for file in files {
            let report = table.read(file, &self.interner)?;
            self.report.files.push(report);
        }
        table.check_owners()?;
        Ok(table)
    }

    pub(in crate::engine) fn records(
        &mut self,
        dataset: &Dataset,
        files: Vec<Input>,
    ) -> Result<OfRecords, EngineError> {
        let known = self.interner().len();
        let records = Records::new(dataset, &self.study.catalogue, self.as_of, known);
        let (reports, accumulated) = records.read(files, &self.interner, self.reading)?;
        self.report.files.extend(reports);
        Ok(accumulated.finish())
    }

    pub(in crate::engine) fn relation(
        &mut self,
        dataset: &Dataset,
        files: Vec<Input>,
        target: &IdColumn,
    ) -> Result<Lists, EngineError> {
        let ReadLists { lists, mut reports, duplicates, owned } =
            Lists::read(dataset, target, files, &self.interner, self.reading)?;
        owned.check(dataset)?;
        // Rows may repeat across files; they are counted with the dataset's first one.
        if let Some(report) = reports.first_mut() {
            report.duplicates = duplicates;
            report.used = report.used.saturating_sub(duplicates);
        }
        self.report.files.extend(reports);
        let lists = if self.study.links.is_empty() {
            lists
        } else {
            lists.join(&self.interner(), self.reading.threads())
        };
        Ok(lists)
    }
}
