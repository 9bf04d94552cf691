//! Measure sections of a study file -> measures of the catalogue; those over relations.

use std::ops::Range;

use super::StudyFault;
use super::compile::{Outcome, as_written, fault_at, tag_fault, unknown};
use super::file::{MeasureSection, Named, Role};
use super::placed::Spanned;
use super::record_measures::RecordMeasure;
use super::study::{Dataset, Shape};
use super::test_section::TestSection;
use super::tests_written::{one_test, unit};
use crate::tags::{Aggregate, CatalogueDraft, Clamp, Grid, Inbound, Measure, Naming, Rows, Source, TagError};
use crate::types::Denomination;

/// Turns measure sections into measures; own-record measures first, so that audience measures can refer to them.
pub(super) struct Measures<'a> {
    pub(super) datasets: &'a [Dataset],
    pub(super) sections: &'a Named<MeasureSection>,
    pub(super) draft: &'a mut CatalogueDraft,
}

impl Measures<'_> {
    /// All named measures.
    pub(super) fn all(&mut self) -> Outcome<()> {
        for over_relation in [false, true] {
            let others = |section: &MeasureSection| section.over.is_some() || section.referred.is_some();
            for (name, section) in as_written(self.sections).filter(|(_, s)| others(s) == over_relation) {
                let measure = self.one(Some(name.get_ref().clone()), section, &name.span())?;
                self.draft.measures.push(measure);
            }
        }
        Ok(())
    }

    /// One measure, named or written inside a tag.
    pub(super) fn one(
        &self,
        name: Option<String>,
        section: &MeasureSection,
        place: &Range<usize>,
    ) -> Outcome<Measure> {
        let clamp = match &section.clamp {
            Some(written) => {
                let (low, high) = *written.get_ref();
                Some(Clamp::new(low, high).map_err(tag_fault(written.span()))?)
            }
            None => None,
        };
        let (source, floor) = match (&section.from, &section.over) {
            (Some(from), None) => {
                RecordMeasure::new(self.records(from)?, self.draft, section, place)?.source()?
            }
            (None, Some(over)) => self.over_relation(over, section, place)?,
            _ => {
                return fault_at(
                    place.clone(),
                    "a measure reads either records (`from`) or a relation (`over`)",
                );
            }
        };
        let mut measure = Measure { name, unit: self.unit(&source), source, clamp, grid: None, floor };
        measure.grid = match (&section.grid, clamp) {
            (None, _) => None,
            (Some(written), Some(clamp)) => {
                let grid = Grid::new(written.get_ref().clone(), clamp, measure.lowest());
                Some(grid.map_err(tag_fault(written.span()))?)
            }
            (Some(written), None) => {
                return fault_at(written.span(), "a `grid` cuts the range of a `clamp`: declare one");
            }
        };
        Ok(measure)
    }

    fn records(&self, from: &Spanned<String>) -> Outcome<&Dataset> {
        self.find(from, "records dataset")
    }

    fn find(&self, written: &Spanned<String>, wanted: &'static str) -> Outcome<&Dataset> {
        let fits = |dataset: &&Dataset| match dataset.shape {
            Shape::Records => wanted == "records dataset",
            Shape::Relation { .. } => wanted == "relation",
            Shape::People => false,
        };
        let found =
            self.datasets.iter().filter(fits).find(|dataset| dataset.name.as_str() == written.get_ref());
        let known = || self.datasets.iter().filter(fits).map(|dataset| dataset.name.as_str());
        found.ok_or_else(|| unknown(wanted, written, known()))
    }

    fn over_relation(
        &self,
        over: &Spanned<String>,
        section: &MeasureSection,
        place: &Range<usize>,
    ) -> Outcome<(Source, Option<i64>)> {
        const WANTED: &str = "a measure over a relation has `role = \"own\"` or \"mutual\" with `size = true`, \"strong\" or \"weak\" alone, or \"audience\" with exactly one of `size = true`, `sum`, `mean`, `share`";
        let dataset = self.find(over, "relation")?;
        let Shape::Relation { relation, .. } = dataset.shape else {
            return fault_at(over.span(), "not a relation");
        };
        reads_no_rows(section, place)?;
        let Some(role) = section.role else { return fault_at(place.clone(), WANTED) };
        if role != Role::Own {
            self.carries(relation, over, dataset)?;
        }
        let values = (section.size, &section.sum, &section.mean, &section.share);
        let source = match (role, values) {
            (Role::Own, (Some(true), None, None, None)) => Source::OwnListSize { relation },
            (Role::Own, (None, ..)) => {
                return fault_at(
                    place.clone(),
                    "what the people I list do would need their data to flow along my list: refused (use role = \"audience\")",
                );
            }
            (Role::Mutual, (Some(true), None, None, None)) => Source::Mutual { relation },
            (Role::Strong | Role::Weak, (None, None, None, None)) => {
                Source::Ties { relation, strong: role == Role::Strong, unit: unit(section)? }
            }
            (Role::Audience, values) => match self.arrival(values, section)? {
                Some(what) => Source::Audience { relation, what },
                None => return fault_at(place.clone(), WANTED),
            },
            _ => return fault_at(place.clone(), WANTED),
        };
        if let (Some(unit), false) = (&section.unit, has_unit(&source)) {
            return fault_at(unit.span(), "`unit` belongs to a share: what the whole is counted as");
        }
        let floor = self.floor(&source);
        Ok((source, floor))
    }

    /// Refused unless the relation is truncated.
    fn carries(&self, relation: usize, over: &Spanned<String>, dataset: &Dataset) -> Outcome<()> {
        if self.draft.relations.get(relation).is_some_and(|relation| relation.max_reach.is_some()) {
            return Ok(());
        }
        fault_at(
            over.span(),
            format!(
                "`{}` carries contributions to other people's tags and needs `max_reach`; there is no default",
                dataset.name
            ),
        )
    }

    fn arrival(&self, values: AudienceValues<'_>, section: &MeasureSection) -> Outcome<Option<Inbound>> {
        Ok(Some(match values {
            (Some(true), None, None, None) => Inbound::Size,
            (None, Some(of), None, None) => Inbound::Sum { of: self.inner(of)? },
            (None, None, Some(of), None) => Inbound::Mean { of: self.inner(of)? },
            (None, None, None, Some(share)) => {
                let mut tests = share.get_ref().iter();
                let (Some((of, test)), None) = (tests.next(), tests.next()) else {
                    return fault_at(share.span(), "a share of the audience tests exactly one measure");
                };
                Inbound::Share { of: self.inner(of)?, test: one_test(of, test, true)?, unit: unit(section)? }
            }
            _ => return Ok(None),
        }))
    }

    /// What the values are shown in: that of the amounts which are added up or compared.
    fn unit(&self, source: &Source) -> Option<Denomination> {
        let field = |rows: &Rows, field: &str| {
            let dataset = self.datasets.iter().find(|dataset| dataset.name == rows.dataset)?;
            dataset.field(field)?.unit.clone()
        };
        match source {
            Source::Own {
                rows,
                what:
                    Aggregate::Sum { field: of }
                    | Aggregate::Mean { field: of }
                    | Aggregate::Least { field: of }
                    | Aggregate::Greatest { field: of },
            }
            | Source::Referred { rows, what: Naming::Sum { field: of }, .. } => field(rows, of),
            Source::Audience { what: Inbound::Sum { of } | Inbound::Mean { of }, .. } => {
                self.draft.measures.get(*of)?.unit.clone()
            }
            _ => None,
        }
    }

    fn floor(&self, source: &Source) -> Option<i64> {
        let inner = |of: usize| self.draft.measures.get(of).map_or(i64::MIN, Measure::lowest);
        match source {
            Source::Audience { what: Inbound::Sum { of }, .. } => (inner(*of) >= 0).then_some(0),
            Source::Audience { what: Inbound::Mean { of }, .. } => Some(inner(*of)),
            _ => Some(0),
        }
    }

    /// The own-record measure inside an audience measure.
    fn inner(&self, written: &Spanned<String>) -> Outcome<usize> {
        let name = written.get_ref();
        if self.sections.iter().any(|(known, section)| {
            known.get_ref() == name && (section.over.is_some() || section.referred.is_some())
        }) {
            return Err((written.span(), StudyFault::Tag(TagError::Nested { name: name.clone() })));
        }
        let found = self.draft.measures.iter().position(|measure| measure.name.as_ref() == Some(name));
        let known = || self.draft.measures.iter().filter_map(|measure| measure.name.as_deref());
        found.ok_or_else(|| unknown("measure", written, known()))
    }
}

type AudienceValues<'a> = (
    Option<bool>,
    &'a Option<Spanned<String>>,
    &'a Option<Spanned<String>>,
    &'a Option<Spanned<Named<TestSection>>>,
);

const fn has_unit(source: &Source) -> bool {
    matches!(source, Source::Ties { .. } | Source::Audience { what: Inbound::Share { .. }, .. })
}

/// Keys of measures over records do not apply to a relation.
fn reads_no_rows(section: &MeasureSection, place: &Range<usize>) -> Outcome<()> {
    let texts = [
        &section.min,
        &section.max,
        &section.days_since_first,
        &section.days_since_last,
        &section.distinct,
        &section.referred,
        &section.time,
    ];
    let rows = section.count.is_some() || section.retained.is_some() || section.window.is_some();
    let cut = section.ending.is_some() || section.cap.is_some() || !section.conditions.is_empty();
    if rows || cut || texts.iter().any(|text| text.is_some()) {
        return fault_at(
            place.clone(),
            "`count`, `min`, `max`, `distinct`, `retained`, `referred`, `days_since_...`, `window`, `ending` and `where` belong to measures over records (`from`)",
        );
    }
    Ok(())
}
