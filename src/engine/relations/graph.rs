//! Lists as written, truncated and transposed, and the measures that travel along them.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::Lists;
use super::pointers::Pointed;
use crate::consent::Covered;
use crate::deidentify::{CutKey, Pseudonym, PseudonymKey};
use crate::engine::error::EngineError;
use crate::engine::ids::intern::Interner;
use crate::engine::memory::Held;
use crate::engine::read::reading::Reading;
use crate::engine::records::values::Values;
use crate::policy::Study;
use crate::release::CubeShape;
use crate::tags::{Catalogue, Clamp, Inbound, Measure, Source};
use crate::types::Secret;

/// Who lists whom, as written and truncated, ready for every recipient.
pub(in crate::engine) struct Graph {
    /// How many people each person lists, by relation.
    pub(in crate::engine) sizes: BTreeMap<usize, Vec<u32>>,
    /// The truncated lists of relations that records make.
    truncated: BTreeMap<usize, Lists>,
    /// The truncated lists transposed, where anything travels along them.
    transposed: BTreeMap<usize, Lists>,
    /// Pairs of the transposed truncated lists that the own list of the first person holds, too.
    mutual: BTreeMap<usize, Lists>,
    pointers: Vec<(usize, Pointed)>,
    people: usize,
    threads: usize,
    _held: Vec<Held>,
}

impl Graph {
    /// One truncation per relation and epoch, shared by all measures and recipients, and what is made of it once for all of them.
    ///
    /// # Errors
    /// [`EngineError::Memory`]
    pub(in crate::engine) fn new(
        (study, interner): (&Study, &Interner),
        lists: BTreeMap<usize, Lists>,
        pointers: Vec<(usize, Pointed)>,
        (epoch_key, reading): (&Secret, &Reading),
    ) -> Result<Self, EngineError> {
        let (people, threads, catalogue) = (interner.len(), reading.threads(), &study.catalogue);
        let (mut held, mut truncated) = (Vec::new(), BTreeMap::new());
        if !lists.is_empty() {
            let _held = reading.memory.hold(people.saturating_mul(size_of::<Pseudonym>()))?;
            let pseudonyms = interner.pseudonyms(|name| PseudonymKey::derive(epoch_key, name), threads);
            for (index, relation) in catalogue.relations().iter().enumerate() {
                let (Some(list), Some(max_reach)) = (lists.get(&index), relation.max_reach) else { continue };
                held.push(reading.memory.hold(list.bytes())?);
                let key = CutKey::derive(epoch_key, &relation.name());
                truncated.insert(
                    index,
                    list.truncate_out_degree(max_reach, (&key, pseudonyms.as_slice()), reading),
                );
            }
        }
        let (mut transposed, mut mutual) = (BTreeMap::new(), BTreeMap::new());
        let (ties, audiences) = (relations_of_ties(catalogue), relations_of_audiences(catalogue));
        for relation in audiences.union(&ties) {
            let (Some(kept), Some(list)) = (truncated.get(relation), lists.get(relation)) else { continue };
            held.push(reading.memory.hold(kept.bytes())?);
            let transposed_list = kept.transposed(reading);
            if ties.contains(relation) {
                held.push(reading.memory.hold(kept.bytes())?);
                mutual.insert(*relation, list.mutual(&transposed_list, threads));
            }
            if audiences.contains(relation) {
                transposed.insert(*relation, transposed_list);
            }
        }
        truncated.retain(|relation, _| pointers.iter().any(|(pointing, _)| pointing == relation));
        held.push(reading.memory.hold(lists.len() * people.saturating_mul(size_of::<u32>()))?);
        let sizes = lists.iter().map(|(relation, lists)| (*relation, lists.out_degrees(people))).collect();
        Ok(Self { sizes, truncated, transposed, mutual, pointers, people, threads, _held: held })
    }

    /// Values of every measure that is the length of an own list.
    pub(in crate::engine) fn own_lists(&self, catalogue: &Catalogue) -> Vec<(usize, Values)> {
        let measures = catalogue.measures().iter().enumerate();
        let own = measures.filter_map(|(index, measure)| match measure.source {
            Source::OwnListSize { relation } => {
                Some((index, whole(self.sizes.get(&relation)?, measure.range())))
            }
            _ => None,
        });
        own.collect()
    }

    /// Bytes of everything that is made for one recipient: measures that other people move, and cubes.
    pub(in crate::engine) fn bytes_of_recipient(&self, study: &Study) -> Result<usize, EngineError> {
        let moved =
            |measure: &&Measure| !matches!(measure.source, Source::Own { .. } | Source::OwnListSize { .. });
        let measures = study.catalogue.measures().iter().filter(moved).count();
        let of_person = size_of::<i128>() + size_of::<u32>();
        // One measure at a time is added up, from what everybody sends.
        let more = if measures > 0 { 2 } else { 0 };
        let values = (measures + more).saturating_mul(self.people).saturating_mul(of_person);
        let shapes = study.catalogue.shapes().ok_or(EngineError::TooManyCells)?;
        let cubes = shapes.iter().map(CubeShape::bytes).fold(0, usize::saturating_add);
        Ok(cubes.saturating_mul(self.threads + 1).saturating_add(values).saturating_add(self.people))
    }

    /// Every measure that other people move, for one recipient.
    pub(in crate::engine) fn inbound(
        &self,
        catalogue: &Catalogue,
        own: &BTreeMap<usize, Values>,
        (covered, reading): (&Covered, &Reading),
    ) -> BTreeMap<usize, Values> {
        let audience = (self.people, covered, reading);
        let mut all = BTreeMap::new();
        for (relation, pointed) in &self.pointers {
            if let Some(kept) = self.truncated.get(relation) {
                all.extend(pointed.values(kept, catalogue, audience));
            }
        }
        let measures = catalogue.measures().iter().enumerate();
        all.extend(
            measures.filter_map(|(index, measure)| Some((index, self.value(measure, own, audience)?))),
        );
        all
    }

    fn value(
        &self,
        measure: &Measure,
        own: &BTreeMap<usize, Values>,
        audience: (usize, &Covered, &Reading),
    ) -> Option<Values> {
        let range = measure.range();
        let mutual = |relation| Some(self.mutual.get(relation)?.ties(audience));
        match &measure.source {
            Source::Audience { relation, what } => {
                let inner = what.of().and_then(|inner| own.get(&inner));
                let arriving = self.transposed.get(relation)?;
                Some(match inner.filter(|inner| adds(what) && !inner.are_whole()) {
                    Some(inner) => {
                        let is_mean = matches!(what, Inbound::Mean { .. });
                        arriving.inbound_fractions(is_mean, inner, audience, range)
                    }
                    None => arriving.inbound(what, inner, audience, range),
                })
            }
            Source::Mutual { relation } => Some(whole(&mutual(relation)?, range)),
            Source::Ties { relation, strong, unit } => {
                let sizes = self.sizes.get(relation)?.clone();
                let ties = mutual(relation)?.into_iter().zip(&sizes);
                let numerators = ties.map(|(ties, size)| share_of_ties((ties, *size), *strong, *unit));
                Some(Values::ratio(range, numerators.collect(), sizes))
            }
            Source::Own { .. } | Source::OwnListSize { .. } | Source::Referred { .. } => None,
        }
    }
}

/// The numerator of the share of strong or weak ties of a list of this size, in parts of `unit`.
pub(in crate::engine) fn share_of_ties((ties, size): (u32, u32), strong: bool, unit: u32) -> i128 {
    let counted = if strong { ties } else { size.saturating_sub(ties) };
    i128::from(counted) * i128::from(unit)
}

/// Relations along which anything travels to people whom others list.
fn relations_of_audiences(catalogue: &Catalogue) -> BTreeSet<usize> {
    let of_audience = |measure: &Measure| match &measure.source {
        Source::Audience { relation, .. } => Some(*relation),
        _ => None,
    };
    catalogue.measures().iter().filter_map(of_audience).collect()
}

/// Relations whose mutual ties are counted.
pub(in crate::engine) fn relations_of_ties(catalogue: &Catalogue) -> BTreeSet<usize> {
    let of_ties = |measure: &Measure| match &measure.source {
        Source::Mutual { relation } | Source::Ties { relation, .. } => Some(*relation),
        _ => None,
    };
    catalogue.measures().iter().filter_map(of_ties).collect()
}

/// Whether what travels is added up as it is.
pub(in crate::engine) const fn adds(what: &Inbound) -> bool {
    matches!(what, Inbound::Sum { .. } | Inbound::Mean { .. })
}

fn whole(counts: &[u32], range: Clamp) -> Values {
    Values::whole_numbers(range, counts.iter().copied().map(i128::from))
}
