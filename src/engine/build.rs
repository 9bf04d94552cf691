//! From files to cubes: consents first, then people, records and relations, then one cube a tag set and recipient.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::EngineError;
use super::apart;
use super::cells::{Table, shape};
use super::consents;
use super::figures::{Facts, Present, standings};
use super::hygiene::Hygiene;
use super::intern::Interner;
use super::links;
use super::one_key;
use super::people::People;
use super::pointers::Pointed;
use super::read::{Input, ReadError, handed_in};
use super::reading::Reading;
use super::records::{OfRecords, Records};
use super::relations::Lists;
use super::values::Values;
use crate::consent::{Ages, Coverage, Demand, Fold};
use crate::deidentify::CutKey;
use crate::policy::{Dataset, IdColumn, Shape, Study};
use crate::release::{Cube, CubeShape, Exact, Figures};
use crate::tags::{Catalogue, Clamp, Measure, Source, nearest};
use crate::types::{DatasetName, RecipientId, Secret, Timestamp};

/// The tables of one seal.
#[derive(Default)]
pub struct Sources {
    /// Tables by dataset; a dataset may come in several, or in a folder of parts as Spark and Hive leave it.
    pub data: Vec<(DatasetName, Input)>,
    /// Tables of consent events, or folders of their parts.
    pub consents: Vec<Input>,
}

impl Sources {
    /// Folders as their parts, each table with a unique name, and none twice.
    fn whole(self) -> Result<Self, ReadError> {
        let data = self.data.into_iter().map(|(name, input)| (Some(name), input));
        let all = data.chain(self.consents.into_iter().map(|input| (None, input)));
        let mut whole = Self::default();
        for (name, input) in handed_in(all.collect())? {
            match name {
                Some(name) => whole.data.push((name, input)),
                None => whole.consents.push(input),
            }
        }
        Ok(whole)
    }
}

/// The cubes of one recipient, one for each tag set of the study, in order.
pub struct Built {
    /// The recipient.
    pub recipient: RecipientId,
    /// The cubes.
    pub cubes: Vec<Exact<Cube>>,
    /// How many people with consent events stand how, in the order of [`Standing::ALL`](crate::consent::Standing::ALL): a cube of
    /// one count.
    pub standings: Exact<Cube>,
    /// What the auditor may open, if the reading counts it.
    pub figures: Option<Exact<Figures>>,
}

/// The public shapes of a study's cubes, one for each tag set, in order.
///
/// # Errors
/// [`EngineError::TooManyCells`]
pub fn shapes(study: &Study) -> Result<Vec<CubeShape>, EngineError> {
    let sets = study.catalogue.sets().iter();
    sets.map(|set| shape(&study.catalogue, set).ok_or(EngineError::TooManyCells)).collect()
}

/// Builds the cubes of every permitted recipient of one study.
///
/// # Errors
/// [`EngineError`] for missing, damaged or too dirty files; depends on single files, never on the join.
///
/// # Privacy
/// The cubes are [`Exact`]; the hygiene is a function of single files. Raw ids and rows are gone on return.
pub fn build(
    study: &Study,
    flows: &[(RecipientId, Demand)],
    mut sources: Sources,
    as_of: Timestamp,
    epoch_key: &Secret,
    reading: &Reading,
) -> Result<(Vec<Built>, Hygiene), EngineError> {
    sources = sources.whole()?;
    let all = sources.data.iter_mut().map(|(_, input)| input).chain(&mut sources.consents);
    all.into_iter().try_for_each(Input::begin)?;
    reading.expect(sources.data.iter().map(|(_, input)| input).chain(&sources.consents));
    let mut inputs = by_dataset(study, sources.data)?;
    one_key::check(study, &inputs, &sources.consents)?;
    let mut interner = Interner::default();
    // Links say who a person is, so they are read whole before anything looks at who is in.
    let tables = study.links.iter().map(|table| (table, inputs.remove(&table.name).unwrap_or_default()));
    let hygiene = Hygiene { files: links::resolve(tables, &mut interner, reading)? };
    let mut seal = Seal { study, as_of, reading, interner: RwLock::new(interner), hygiene };
    let folds = seal.hear(flows, sources.consents)?;
    let people = seal.interner().len();
    // Ages say who is in, so people are read before everything that counts only those.
    let read_ages = flows.iter().any(|(_, demand)| demand.ages != Ages::DeclaredAdults);
    let (mut fields, mut present) = (BTreeMap::new(), Present::default());
    let mut ages = Vec::new();
    let of_people = |(_, dataset): &(usize, &Dataset)| dataset.shape == Shape::People;
    for (at, dataset) in study.datasets.iter().enumerate().filter(of_people) {
        let files = inputs.remove(&dataset.name).unwrap_or_default();
        let mut table = seal.people(dataset, files, people, read_ages)?;
        ages.extend(table.take_ages());
        present.own(at, table.take_present());
        fields.extend(table.finish());
    }
    let coverages: Vec<Coverage> = folds.into_iter().map(|fold| fold.finish(people, &ages)).collect();
    let is_in: Vec<bool> = (0..people)
        .map(|p| u32::try_from(p).is_ok_and(|p| coverages.iter().any(|c| c.contains(p))))
        .collect();
    let mut own = BTreeMap::new();
    let (mut lists, mut pointers) = (BTreeMap::new(), Vec::new());
    for (at, dataset) in study.datasets.iter().enumerate() {
        let files = inputs.remove(&dataset.name).unwrap_or_default();
        match &dataset.shape {
            Shape::People => {}
            Shape::Records => {
                let (values, pointing, owners) = seal.records(dataset, files, people, &is_in)?;
                own.extend(values);
                present.own(at, owners);
                lists.extend(pointing.iter().map(|(relation, pointed)| (*relation, pointed.lists())));
                pointers.extend(pointing);
            }
            Shape::Relation { target, relation } => {
                let read = seal.relation(dataset, files, target)?;
                if reading.figures {
                    present.listed(at, &read, people);
                }
                lists.insert(*relation, read);
            }
        }
    }
    let cut = seal.cut(&lists, &is_in, epoch_key);
    let sizes: BTreeMap<usize, Vec<u32>> =
        lists.iter().map(|(relation, lists)| (*relation, lists.own_sizes(people))).collect();
    own.extend(seal.own_lists(&sizes));
    let graph = Graph { lists, sizes, cut, pointers, people, threads: reading.threads() };
    let mut built = Vec::new();
    for ((recipient, _), coverage) in flows.iter().zip(&coverages) {
        let audience = graph.arriving(&study.catalogue, &own, coverage);
        let measures = own.iter().chain(&audience).map(|(measure, values)| (*measure, values)).collect();
        let table = Table { catalogue: &study.catalogue, measures, fields: &fields, people };
        let cubes = table.cubes(coverage, reading.threads())?;
        let facts = Facts { study, present: &present, sizes: &graph.sizes, people };
        let figures =
            reading.figures.then(|| Exact::new(facts.figures(recipient, coverage, &table.measures, &cubes)));
        let cubes = cubes.into_iter().map(|(_, cube)| Exact::new(cube)).collect();
        built.push(Built { recipient: recipient.clone(), cubes, standings: standings(coverage), figures });
    }
    apart::note(study, &mut seal.hygiene.files);
    Ok((built, seal.hygiene))
}

pub(super) type Inputs = BTreeMap<DatasetName, Vec<Input>>;

fn by_dataset(study: &Study, data: Vec<(DatasetName, Input)>) -> Result<Inputs, EngineError> {
    let mut inputs = Inputs::new();
    for (name, input) in data {
        if !study.tables().any(|table| *table == name) {
            let nearest = nearest(name.as_str(), study.tables().map(DatasetName::as_str));
            return Err(EngineError::UnknownDataset { dataset: name.to_string(), nearest });
        }
        inputs.entry(name).or_default().push(input);
    }
    match study.tables().find(|table| !inputs.contains_key(*table)) {
        Some(missing) => Err(EngineError::MissingDataset { dataset: missing.to_string() }),
        None => Ok(inputs),
    }
}

/// One seal under way. Dropped at its end, and all raw ids with it.
struct Seal<'a> {
    study: &'a Study,
    as_of: Timestamp,
    reading: &'a Reading,
    interner: RwLock<Interner>,
    hygiene: Hygiene,
}

/// Who lists whom, as written and cut, ready for every recipient.
struct Graph {
    lists: BTreeMap<usize, Lists>,
    sizes: BTreeMap<usize, Vec<u32>>,
    cut: BTreeMap<usize, Lists>,
    pointers: Vec<(usize, Pointed)>,
    people: usize,
    threads: usize,
}

impl<'s> Seal<'s> {
    fn interner(&self) -> std::sync::RwLockReadGuard<'_, Interner> {
        self.interner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&mut self, flows: &[(RecipientId, Demand)], files: Vec<Input>) -> Result<Vec<Fold>, EngineError> {
        let mut folds: Vec<Fold> =
            flows.iter().map(|(_, demand)| Fold::new(demand.clone(), self.as_of)).collect();
        let namespaces = self.study.namespaces().into_iter();
        let namespaces = namespaces.map(|namespace| (namespace, self.study.form(namespace))).collect();
        let interner = self.interner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut tombstones = Vec::new();
        for file in files {
            if let Input::Register(.., of_register) = &file {
                tombstones.push(of_register.clone());
            }
            let report = consents::hear(
                file,
                (&self.study.consents, &namespaces),
                interner,
                &mut folds,
                self.reading,
            )?;
            self.hygiene.files.push(report);
        }
        // Every id that has a consent is known now. Whether there is any tombstone does not decide whether they are looked for.
        for all in &tombstones {
            let found = interner.look_up(self.reading.threads(), |ids, id| all.of(ids, id));
            for (person, tombstone) in found {
                folds.iter_mut().for_each(|fold| fold.apply(person, tombstone));
            }
        }
        Ok(folds)
    }

    fn people(
        &mut self,
        dataset: &'s Dataset,
        files: Vec<Input>,
        people: usize,
        read_ages: bool,
    ) -> Result<People<'s>, EngineError> {
        let mut table = People::new(dataset, &self.study.catalogue, (people, self.as_of), read_ages);
        for file in files {
            let report = table.read(file, &self.interner(), self.reading)?;
            self.hygiene.files.push(report);
        }
        Ok(table)
    }

    fn records(
        &mut self,
        dataset: &Dataset,
        files: Vec<Input>,
        people: usize,
        is_in: &[bool],
    ) -> Result<OfRecords, EngineError> {
        let records = Records::new(dataset, &self.study.catalogue, self.as_of, people);
        let (reports, gathered) = records.gather(files, &self.interner, is_in, self.reading)?;
        self.hygiene.files.extend(reports);
        Ok(gathered.finish())
    }

    fn relation(
        &mut self,
        dataset: &Dataset,
        files: Vec<Input>,
        target: &IdColumn,
    ) -> Result<Lists, EngineError> {
        let (lists, mut reports, duplicates) =
            Lists::read(dataset, target, files, &self.interner, self.reading)?;
        // Rows may repeat across files; they are counted with the dataset's first one.
        if let Some(report) = reports.first_mut() {
            report.duplicates = duplicates;
            report.used = report.used.saturating_sub(duplicates);
        }
        self.hygiene.files.extend(reports);
        let lists = if self.study.links.is_empty() { lists } else { lists.join(&self.interner()) };
        Ok(lists)
    }

    /// One cut per relation and epoch, shared by all measures and recipients.
    fn cut(
        &self,
        lists: &BTreeMap<usize, Lists>,
        is_in: &[bool],
        epoch_key: &Secret,
    ) -> BTreeMap<usize, Lists> {
        if lists.is_empty() {
            return BTreeMap::new();
        }
        let pseudonyms = self.interner().pseudonyms(epoch_key, self.reading.threads());
        let carrying = self.study.catalogue.relations().iter().enumerate();
        carrying
            .filter_map(|(index, relation)| {
                let key = CutKey::derive(epoch_key, &relation.name());
                let key = (&key, pseudonyms.as_slice());
                let cut = lists.get(&index)?.cut(is_in, relation.max_reach?, key, self.reading.threads());
                Some((index, cut))
            })
            .collect()
    }

    fn own_lists(&self, sizes: &BTreeMap<usize, Vec<u32>>) -> Vec<(usize, Values)> {
        let measures = self.study.catalogue.measures().iter().enumerate();
        let own = measures.filter_map(|(index, measure)| match measure.source {
            Source::OwnListSize { relation } => Some((index, whole(sizes.get(&relation)?, measure.range()))),
            _ => None,
        });
        own.collect()
    }
}

fn whole(counts: &[u32], range: Clamp) -> Values {
    Values::whole_numbers(range, counts.iter().copied().map(i128::from))
}

impl Graph {
    /// Every measure that other people move, for one recipient.
    fn arriving(
        &self,
        catalogue: &Catalogue,
        own: &BTreeMap<usize, Values>,
        coverage: &Coverage,
    ) -> BTreeMap<usize, Values> {
        let mut all = BTreeMap::new();
        for (relation, pointed) in &self.pointers {
            if let Some(cut) = self.cut.get(relation) {
                all.extend(pointed.values(cut, catalogue, coverage, self.people));
            }
        }
        let measures = catalogue.measures().iter().enumerate();
        all.extend(
            measures.filter_map(|(index, measure)| Some((index, self.value(measure, own, coverage)?))),
        );
        all
    }

    fn value(&self, measure: &Measure, own: &BTreeMap<usize, Values>, coverage: &Coverage) -> Option<Values> {
        let range = measure.range();
        let mutual = |relation| {
            let lists = self.lists.get(relation)?;
            Some(lists.mutual(self.cut.get(relation)?, self.people, coverage, self.threads))
        };
        match &measure.source {
            Source::Audience { relation, what } => {
                let inner = what.of().and_then(|inner| own.get(&inner));
                let audience = (self.people, coverage, self.threads);
                Some(self.cut.get(relation)?.arriving(what, inner, audience, range))
            }
            Source::Mutual { relation } => Some(whole(&mutual(relation)?, range)),
            Source::Ties { relation, strong, unit } => {
                let sizes = self.sizes.get(relation)?.clone();
                let ties = mutual(relation)?.into_iter().zip(&sizes);
                let told = |(ties, size): (u32, &u32)| if *strong { ties } else { size.saturating_sub(ties) };
                let numerators = ties.map(|tie| i128::from(told(tie)) * i128::from(*unit)).collect();
                Some(Values::ratio(range, numerators, sizes))
            }
            Source::Own { .. } | Source::OwnListSize { .. } | Source::Referred { .. } => None,
        }
    }
}
