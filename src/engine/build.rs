//! From files to cubes: consents first, then people, records and relations, then one cube a tag set and recipient.

use std::collections::BTreeMap;

use super::EngineError;
use super::cells::{Table, shape};
use super::consents;
use super::hygiene::{Hygiene, MaxBadRows};
use super::intern::Interner;
use super::links;
use super::people::People;
use super::read::Input;
use super::records::{Records, Values};
use super::relations::Lists;
use crate::consent::{Ages, Coverage, Demand, Fold};
use crate::deidentify::CutKey;
use crate::policy::{Dataset, IdColumn, Shape, Study};
use crate::release::{Cube, CubeShape, Exact};
use crate::tags::{Clamp, Measure, Source, nearest};
use crate::types::{DatasetName, RecipientId, Secret, Timestamp};

/// The tables of one seal.
#[derive(Default)]
pub struct Sources {
    /// Tables by dataset; a dataset may come in several.
    pub data: Vec<(DatasetName, Input)>,
    /// Tables of consent events.
    pub consents: Vec<Input>,
}

/// The cubes of one recipient, one for each tag set of the study, in order.
pub struct Built {
    /// The recipient.
    pub recipient: RecipientId,
    /// The cubes.
    pub cubes: Vec<Exact<Cube>>,
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
    sources: Sources,
    as_of: Timestamp,
    epoch_key: &Secret,
    allowed: MaxBadRows,
) -> Result<(Vec<Built>, Hygiene), EngineError> {
    let mut inputs = by_dataset(study, sources.data)?;
    let mut seal = Seal { study, as_of, allowed, interner: Interner::default(), hygiene: Hygiene::default() };
    // Links say who a person is, so they are read whole before anything looks at who is in.
    let tables = study.links.iter().map(|table| (table, inputs.remove(&table.name).unwrap_or_default()));
    seal.hygiene.files.extend(links::resolve(tables, &mut seal.interner, allowed)?);
    let folds = seal.hear(flows, sources.consents)?;
    let people = seal.interner.len();
    // Ages say who is in, so people are read before everything that counts only those.
    let read_ages = flows.iter().any(|(_, demand)| demand.ages != Ages::DeclaredAdults);
    let mut fields = BTreeMap::new();
    let mut ages = Vec::new();
    for dataset in study.datasets.iter().filter(|dataset| dataset.shape == Shape::People) {
        let files = inputs.remove(&dataset.name).unwrap_or_default();
        let mut table = seal.people(dataset, files, people, read_ages)?;
        ages.extend(table.take_ages());
        fields.extend(table.finish());
    }
    let coverages: Vec<Coverage> = folds.into_iter().map(|fold| fold.finish(people, &ages)).collect();
    let is_in: Vec<bool> = (0..people)
        .map(|p| u32::try_from(p).is_ok_and(|p| coverages.iter().any(|c| c.contains(p))))
        .collect();
    let mut own = BTreeMap::new();
    let mut lists = BTreeMap::new();
    for dataset in &study.datasets {
        let files = inputs.remove(&dataset.name).unwrap_or_default();
        match &dataset.shape {
            Shape::People => {}
            Shape::Records => own.extend(seal.records(dataset, files, people, &is_in)?),
            Shape::Relation { target, relation } => {
                lists.insert(*relation, seal.relation(dataset, files, target)?);
            }
        }
    }
    let cut = seal.cut(&lists, &is_in, epoch_key);
    own.extend(seal.own_lists(&lists, people));
    let mut built = Vec::new();
    for ((recipient, _), coverage) in flows.iter().zip(&coverages) {
        let audience = seal.audience(&cut, &own, coverage, people);
        let measures = own.iter().chain(&audience).map(|(measure, values)| (*measure, values)).collect();
        let table = Table { catalogue: &study.catalogue, measures, fields: &fields, people };
        built.push(Built { recipient: recipient.clone(), cubes: table.cubes(coverage)? });
    }
    Ok((built, seal.hygiene))
}

type Inputs = BTreeMap<DatasetName, Vec<Input>>;

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
    allowed: MaxBadRows,
    interner: Interner,
    hygiene: Hygiene,
}

impl<'s> Seal<'s> {
    fn hear(&mut self, flows: &[(RecipientId, Demand)], files: Vec<Input>) -> Result<Vec<Fold>, EngineError> {
        let mut folds: Vec<Fold> =
            flows.iter().map(|(_, demand)| Fold::new(demand.clone(), self.as_of)).collect();
        let namespaces = self.study.namespaces();
        for file in files {
            let report = consents::hear(file, &namespaces, &mut self.interner, &mut folds, self.allowed)?;
            self.hygiene.files.push(report);
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
        let mut table = People::new(dataset, &self.study.catalogue, people, read_ages);
        for file in files {
            self.hygiene.files.push(table.read(file, &self.interner, self.allowed)?);
        }
        Ok(table)
    }

    fn records(
        &mut self,
        dataset: &Dataset,
        files: Vec<Input>,
        people: usize,
        is_in: &[bool],
    ) -> Result<Vec<(usize, Values)>, EngineError> {
        let mut records = Records::new(dataset, &self.study.catalogue, self.as_of, people);
        for file in files {
            self.hygiene.files.push(records.gather(file, &self.interner, is_in, self.allowed)?);
        }
        Ok(records.finish(&self.study.catalogue, self.as_of).collect())
    }

    fn relation(
        &mut self,
        dataset: &Dataset,
        files: Vec<Input>,
        target: &IdColumn,
    ) -> Result<Lists, EngineError> {
        let mut lists = Lists::default();
        let first = self.hygiene.files.len();
        for file in files {
            let report = lists.read(file, dataset, target, &mut self.interner, self.allowed)?;
            self.hygiene.files.push(report);
        }
        // Rows may repeat across files; they are counted with the dataset's first one.
        let duplicates = lists.distinct();
        if let Some(report) = self.hygiene.files.get_mut(first) {
            report.duplicates = duplicates;
            report.used = report.used.saturating_sub(duplicates);
        }
        if !self.study.links.is_empty() {
            lists.join(&self.interner);
        }
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
        let pseudonyms = self.interner.pseudonyms(epoch_key);
        let carrying = self.study.catalogue.relations().iter().enumerate();
        carrying
            .filter_map(|(index, relation)| {
                let key = CutKey::derive(epoch_key, relation.dataset.as_str());
                let cut = lists.get(&index)?.cut(is_in, relation.max_reach?, &key, &pseudonyms);
                Some((index, cut))
            })
            .collect()
    }

    fn range(&self, measure: usize) -> Clamp {
        self.study.catalogue.measures().get(measure).map_or(Clamp::WIDEST, Measure::range)
    }

    fn own_lists(&self, lists: &BTreeMap<usize, Lists>, people: usize) -> Vec<(usize, Values)> {
        let measures = self.study.catalogue.measures().iter().enumerate();
        let own = measures.filter_map(|(index, measure)| match measure.source {
            Source::OwnListSize { relation } => {
                Some((index, lists.get(&relation)?.own_sizes(people, self.range(index))))
            }
            _ => None,
        });
        own.collect()
    }

    fn audience(
        &self,
        cut: &BTreeMap<usize, Lists>,
        own: &BTreeMap<usize, Values>,
        coverage: &Coverage,
        people: usize,
    ) -> BTreeMap<usize, Values> {
        let measures = self.study.catalogue.measures().iter().enumerate();
        let arrived = |relation: &usize, inner: Option<&usize>| {
            let inner = inner.and_then(|inner| own.get(inner));
            cut.get(relation).map(|lists| lists.contributions(people, coverage, inner))
        };
        measures
            .filter_map(|(index, measure)| {
                let range = self.range(index);
                let values = match &measure.source {
                    Source::AudienceSize { relation } => arrived(relation, None)?.sizes(range),
                    Source::AudienceSum { relation, of } => arrived(relation, Some(of))?.sums(range),
                    Source::AudienceMean { relation, of } => arrived(relation, Some(of))?.means(range),
                    _ => return None,
                };
                Some((index, values))
            })
            .collect()
    }
}
