//! Which tables a tag or a measure reads: what it inherits its data categories from.

use std::collections::BTreeSet;

use super::{Catalogue, Measure, Source, Tag, TagSource};
use crate::types::DatasetName;

impl Catalogue {
    /// The tables that a measure reads, those of its inner measure included.
    #[must_use]
    pub fn read_by_measure<'a>(&'a self, measure: &'a Measure) -> BTreeSet<&'a DatasetName> {
        let relation = match &measure.source {
            Source::OwnListSize { relation } => Some(*relation),
            source => source.contributing_relation(),
        };
        let relation = relation.and_then(|at| self.relations().get(at)).map(|relation| &relation.dataset);
        let rows = measure.source.rows().map(|rows| &rows.dataset);
        // Inner measures are own-record ones, so this goes one step deep.
        let inner = measure.source.inner().and_then(|at| self.measures().get(at));
        let inner = inner.into_iter().flat_map(|inner| self.read_by_measure(inner));
        relation.into_iter().chain(rows).chain(inner).collect()
    }

    /// The tables that a tag reads.
    #[must_use]
    pub fn read_by_tag<'a>(&'a self, tag: &'a Tag) -> BTreeSet<&'a DatasetName> {
        match tag.source() {
            TagSource::Field { dataset, .. } | TagSource::FieldBands { dataset, .. } => {
                BTreeSet::from([dataset])
            }
            TagSource::Banded { measure, .. } => {
                self.measures().get(*measure).map(|measure| self.read_by_measure(measure)).unwrap_or_default()
            }
        }
    }
}
