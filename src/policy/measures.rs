//! Measure sections of a study file -> measures of the catalogue.

use std::ops::Range;

use super::Fault;
use super::compile::{Outcome, as_written, says, tag_fault, unknown};
use super::file::{MeasureSection, Named, Role};
use super::placed::Spanned;
use super::study::{Dataset, FieldKind, Shape};
use crate::tags::{CatalogueDraft, Clamp, Grid, Measure, Source, TagError, Window};
use crate::types::Days;

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
            for (name, section) in
                as_written(self.sections).filter(|(_, s)| s.over.is_some() == over_relation)
            {
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
            (Some(from), None) => self.over_records(from, section, place)?,
            (None, Some(over)) => self.over_relation(over, section, place)?,
            _ => {
                return says(place.clone(), "a measure reads either records (`from`) or a relation (`over`)");
            }
        };
        let mut measure = Measure { name, source, clamp, grid: None, floor };
        measure.grid = match (&section.grid, clamp) {
            (None, _) => None,
            (Some(written), Some(clamp)) => {
                let grid = Grid::new(written.get_ref().clone(), clamp, measure.lowest());
                Some(grid.map_err(tag_fault(written.span()))?)
            }
            (Some(written), None) => {
                return says(written.span(), "a `grid` cuts the range of a `clamp`: declare one");
            }
        };
        Ok(measure)
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

    fn over_records(
        &self,
        from: &Spanned<String>,
        section: &MeasureSection,
        place: &Range<usize>,
    ) -> Outcome<(Source, Option<i64>)> {
        let records = self.find(from, "records dataset")?;
        if section.role.is_some() || section.size.is_some() || section.mean.is_some() {
            return says(
                place.clone(),
                "`role`, `size` and `mean` belong to measures over a relation (`over`)",
            );
        }
        let dataset = records.name.clone();
        let window = window(records, section)?;
        match (section.count, &section.sum, &section.days_since_last) {
            (Some(true), None, None) => Ok((Source::Count { dataset, window }, Some(0))),
            (None, Some(sum), None) => {
                let floor = match records.field(sum.get_ref()).map(|field| field.kind) {
                    Some(FieldKind::Amount { negative: false }) => Some(0),
                    Some(FieldKind::Amount { negative: true } | FieldKind::Integer) => None,
                    Some(_) => {
                        return says(sum.span(), "only fields of type amount or integer can be summed");
                    }
                    None => {
                        return Err(unknown("field", sum, records.fields.iter().map(|f| f.column.as_str())));
                    }
                };
                Ok((Source::Sum { dataset, field: sum.get_ref().clone(), window }, floor))
            }
            (None, None, Some(last)) => {
                let field = time_field(records, Some(last))?;
                let limited = section.window.is_some();
                let span = section.window.as_ref().map(|window| *window.get_ref());
                let span = span.or_else(|| Days::parse("36525d").ok()).unwrap_or(Days::ONE);
                Ok((Source::DaysSinceLast { dataset, window: Window { field, span }, limited }, Some(0)))
            }
            _ => says(
                place.clone(),
                "a measure over records says exactly one of `count = true`, `sum = \"field\"`, `days_since_last = \"field\"`",
            ),
        }
    }

    fn over_relation(
        &self,
        over: &Spanned<String>,
        section: &MeasureSection,
        place: &Range<usize>,
    ) -> Outcome<(Source, Option<i64>)> {
        let dataset = self.find(over, "relation")?;
        let Shape::Relation { relation, .. } = dataset.shape else {
            return says(over.span(), "not a relation");
        };
        if section.count.is_some() || section.days_since_last.is_some() || section.window.is_some() {
            return says(
                place.clone(),
                "`count`, `days_since_last` and `window` belong to measures over records (`from`)",
            );
        }
        let carries = section.role == Some(Role::Audience);
        if carries && self.draft.relations.get(relation).is_some_and(|relation| relation.max_reach.is_none())
        {
            return says(
                over.span(),
                format!(
                    "`{}` carries contributions to other people's tags and needs `max_reach`; there is no default",
                    dataset.name
                ),
            );
        }
        let source = match (section.role, section.size, &section.sum, &section.mean) {
            (Some(Role::Own), Some(true), None, None) => Source::OwnListSize { relation },
            (Some(Role::Own), None, ..) => {
                return says(
                    place.clone(),
                    "what the people I list do would need their data to flow along my list: refused (use role = \"audience\")",
                );
            }
            (Some(Role::Audience), Some(true), None, None) => Source::AudienceSize { relation },
            (Some(Role::Audience), None, Some(of), None) => {
                Source::AudienceSum { relation, of: self.inner(of)? }
            }
            (Some(Role::Audience), None, None, Some(of)) => {
                Source::AudienceMean { relation, of: self.inner(of)? }
            }
            _ => {
                return says(
                    place.clone(),
                    "a measure over a relation says `role = \"own\"` with `size = true`, or `role = \"audience\"` with exactly one of `size = true`, `sum`, `mean`",
                );
            }
        };
        let floor = match &source {
            Source::AudienceSum { of, .. } => {
                let inner = self.draft.measures.get(*of).map_or(i64::MIN, Measure::lowest);
                (inner >= 0).then_some(0)
            }
            Source::AudienceMean { of, .. } => self.draft.measures.get(*of).map(Measure::lowest),
            _ => Some(0),
        };
        Ok((source, floor))
    }

    /// The own-record measure inside an audience measure.
    fn inner(&self, written: &Spanned<String>) -> Outcome<usize> {
        let name = written.get_ref();
        if self.sections.iter().any(|(known, section)| known.get_ref() == name && section.over.is_some()) {
            return Err((written.span(), Fault::Tag(TagError::Nested { name: name.clone() })));
        }
        let found = self.draft.measures.iter().position(|measure| measure.name.as_ref() == Some(name));
        let known = || self.draft.measures.iter().filter_map(|measure| measure.name.as_deref());
        found.ok_or_else(|| unknown("measure", written, known()))
    }
}

/// The window of a measure over records; without one it reads every row of the files, whatever its time.
fn window(records: &Dataset, section: &MeasureSection) -> Outcome<Option<Window>> {
    match (&section.window, &section.time) {
        (None, None) => Ok(None),
        (None, Some(time)) => {
            says(time.span(), "`time` says which field a `window` reads, and there is no window")
        }
        (Some(span), time) => {
            let field = match time_field(records, time.as_ref()) {
                Ok(field) => field,
                Err((place, fault)) if place.is_empty() => return Err((span.span(), fault)),
                Err(error) => return Err(error),
            };
            Ok(Some(Window { field, span: *span.get_ref() }))
        }
    }
}

/// The time field that is named, or the only one; an error without a place of its own has an empty span.
fn time_field(records: &Dataset, named: Option<&Spanned<String>>) -> Outcome<String> {
    let times =
        || records.fields.iter().filter(|field| field.kind == FieldKind::Time).map(|f| f.column.as_str());
    match named {
        Some(name) if times().any(|time| time == name.get_ref()) => Ok(name.get_ref().clone()),
        Some(name) => Err(unknown("time field", name, times())),
        None => match (times().next(), times().nth(1)) {
            (Some(only), None) => Ok(only.to_owned()),
            (Some(_), Some(_)) => {
                says(0..0, "the records have several time fields: say which with `time = \"...\"`")
            }
            (None, _) => Err((0..0, Fault::WindowWithoutTime { dataset: records.name.to_string() })),
        },
    }
}
