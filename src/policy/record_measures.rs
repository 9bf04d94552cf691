//! Measure sections over records: what is made of which rows, and of records of others that name a person.

use std::ops::Range;

use super::StudyFault;
use super::compile::{Outcome, fault_at, unknown};
use super::file::MeasureSection;
use super::placed::Spanned;
use super::study::{Dataset, FieldKind};
use super::tests_written::{conditions, unit};
use crate::tags::{Aggregate, CatalogueDraft, Naming, Rows, Source, Window};

/// The largest cap of a distinct count: what a seal may remember of each person.
const MOST_DISTINCT: u32 = 4_096;

/// What makes an aggregate of a field.
type OfField = fn(String) -> Aggregate;

/// One measure over records while it is read.
pub(super) struct RecordMeasure<'a> {
    records: &'a Dataset,
    draft: &'a CatalogueDraft,
    section: &'a MeasureSection,
    place: &'a Range<usize>,
    rows: Rows,
}

impl<'a> RecordMeasure<'a> {
    pub(super) fn new(
        records: &'a Dataset,
        draft: &'a CatalogueDraft,
        section: &'a MeasureSection,
        place: &'a Range<usize>,
    ) -> Outcome<Self> {
        let rows = Rows {
            dataset: records.name.clone(),
            window: window(records, section, place)?,
            conditions: conditions(records, &section.conditions)?,
        };
        Ok(Self { records, draft, section, place, rows })
    }

    /// What the measure reads, and the smallest value it can have.
    pub(super) fn source(self) -> Outcome<(Source, Option<i64>)> {
        if self.section.role.is_some() {
            return fault_at(self.place.clone(), "`role` belongs to measures over a relation (`over`)");
        }
        if let Some(referred) = &self.section.referred {
            return self.referred(referred);
        }
        let (what, floor) = self.aggregate()?;
        if let (Some(unit), false) = (&self.section.unit, matches!(what, Aggregate::Share { .. })) {
            return fault_at(unit.span(), "`unit` belongs to a share: what the whole is counted as");
        }
        if let (Some(cap), false) = (&self.section.cap, matches!(what, Aggregate::Distinct { .. })) {
            return fault_at(cap.span(), "`cap` belongs to `distinct`: where counting ends");
        }
        Ok((Source::Own { rows: self.rows, what }, floor))
    }

    fn aggregate(&self) -> Outcome<(Aggregate, Option<i64>)> {
        let section = self.section;
        let flags = [
            section.count.is_some(),
            section.share.is_some(),
            section.retained.is_some(),
            section.size.is_some(),
        ];
        let fields = [
            &section.sum,
            &section.mean,
            &section.min,
            &section.max,
            &section.days_since_first,
            &section.days_since_last,
            &section.distinct,
        ];
        let fields_given = fields.iter().filter(|field| field.is_some()).count();
        if flags.iter().filter(|flag| **flag).count() + fields_given != 1 {
            return self.nothing();
        }
        let of_numbers: [(_, OfField); 4] = [
            (&section.sum, |field| Aggregate::Sum { field }),
            (&section.mean, |field| Aggregate::Mean { field }),
            (&section.min, |field| Aggregate::Least { field }),
            (&section.max, |field| Aggregate::Greatest { field }),
        ];
        for (field, aggregate) in of_numbers {
            if let Some(field) = field {
                let (field, floor) = self.number(field)?;
                return Ok((aggregate(field), floor));
            }
        }
        let what =
            match (&section.days_since_first, &section.days_since_last, &section.distinct, &section.share) {
                (Some(field), ..) => {
                    Aggregate::DaysSinceFirst { field: time_field(self.records, Some(field))? }
                }
                (_, Some(field), ..) => {
                    Aggregate::DaysSinceLast { field: time_field(self.records, Some(field))? }
                }
                (_, _, Some(field), _) => self.distinct(field)?,
                (_, _, _, Some(share)) if !share.get_ref().is_empty() => {
                    Aggregate::Share { of: conditions(self.records, share.get_ref())?, unit: unit(section)? }
                }
                _ if section.count == Some(true) => Aggregate::Count,
                _ if section.retained == Some(true) => self.retained()?,
                _ => return self.nothing(),
            };
        Ok((what, Some(0)))
    }

    fn nothing<T>(&self) -> Outcome<T> {
        fault_at(
            self.place.clone(),
            "a measure over records has exactly one of `count = true`, `sum`, `mean`, `min`, `max`, `distinct`, `days_since_first`, `days_since_last` with a field, `share = { field = ... }`, `retained = true`, or `referred` with a field of type person",
        )
    }

    /// A field that can be added up or compared, and the smallest value it can have.
    fn number(&self, written: &Spanned<String>) -> Outcome<(String, Option<i64>)> {
        let known = || self.records.fields.iter().map(|field| field.column.as_str());
        let field =
            self.records.field(written.get_ref()).ok_or_else(|| unknown("field", written, known()))?;
        let floor = match field.kind {
            FieldKind::Amount { negative: false, .. } => Some(0),
            FieldKind::Amount { negative: true, .. } | FieldKind::Integer => None,
            _ => {
                return fault_at(
                    written.span(),
                    "only fields of type amount or integer can be summed or compared",
                );
            }
        };
        Ok((field.column.clone(), floor))
    }

    fn distinct(&self, written: &Spanned<String>) -> Outcome<Aggregate> {
        let known = || self.records.fields.iter().map(|field| field.column.as_str());
        let field =
            self.records.field(written.get_ref()).ok_or_else(|| unknown("field", written, known()))?;
        if field.kind == FieldKind::Time {
            return fault_at(
                written.span(),
                "different instants are not counted: take text, integer, amount, flag or person",
            );
        }
        let cap = match &self.section.cap {
            Some(cap) if (1..=MOST_DISTINCT).contains(cap.get_ref()) => *cap.get_ref(),
            Some(cap) => return fault_at(cap.span(), format!("`cap` is between 1 and {MOST_DISTINCT}")),
            None => return fault_at(written.span(), "`distinct` needs a `cap`: where counting ends"),
        };
        Ok(Aggregate::Distinct { field: field.column.clone(), cap })
    }

    fn retained(&self) -> Outcome<Aggregate> {
        if self.rows.window.as_ref().is_some_and(|window| window.ending.is_some()) {
            return Ok(Aggregate::Retained);
        }
        fault_at(
            self.place.clone(),
            "`retained` needs a `window` that ends before as-of: who has a row in it, and who of them has one after its `ending`, too",
        )
    }

    fn referred(self, written: &Spanned<String>) -> Outcome<(Source, Option<i64>)> {
        let pointers = || {
            let fields = self.records.fields.iter();
            fields.filter(|f| matches!(f.kind, FieldKind::Person { .. })).map(|f| f.column.as_str())
        };
        let of = |relation: &crate::tags::Relation| {
            relation.dataset == self.records.name && relation.field.as_ref() == Some(written.get_ref())
        };
        let Some(relation) = self.draft.relations.iter().position(of) else {
            return Err(unknown("field of type person", written, pointers()));
        };
        let section = self.section;
        let others = [
            &section.mean,
            &section.min,
            &section.max,
            &section.days_since_first,
            &section.days_since_last,
            &section.distinct,
        ];
        let strange = others.iter().any(|field| field.is_some())
            || section.share.is_some()
            || section.retained.is_some()
            || section.unit.is_some()
            || section.cap.is_some();
        let (what, floor) = match (section.size, section.count, &section.sum) {
            (Some(true), None, None) if !strange => (Naming::People, Some(0)),
            (None, Some(true), None) if !strange => (Naming::Count, Some(0)),
            (None, None, Some(field)) if !strange => {
                let (field, floor) = self.number(field)?;
                (Naming::Sum { field }, floor)
            }
            _ => {
                return fault_at(
                    self.place.clone(),
                    "`referred` has exactly one of `size = true` (people), `count = true` (records) or `sum`",
                );
            }
        };
        Ok((Source::Referred { relation, rows: self.rows, what }, floor))
    }
}

/// The part of time that a measure over records reads. Without a `window` it reads all before as-of, by the field that `time` or
/// `days_since_...` names, or by the only one; records without any time field are read whole.
fn window(records: &Dataset, section: &MeasureSection, place: &Range<usize>) -> Outcome<Option<Window>> {
    let Some(span) = &section.window else {
        if let Some(ending) = &section.ending {
            return fault_at(
                ending.span(),
                "`ending` is how long before as-of a `window` ends, and there is no window",
            );
        }
        let named = [&section.time, &section.days_since_first, &section.days_since_last];
        return match time_field(records, named.into_iter().flatten().next()) {
            Ok(field) => Ok(Some(Window { field, span: None, ending: None })),
            Err((_, StudyFault::WindowWithoutTime { .. })) => Ok(None),
            Err((own, fault)) => Err((if own.is_empty() { place.clone() } else { own }, fault)),
        };
    };
    let field = match time_field(records, section.time.as_ref()) {
        Ok(field) => field,
        Err((place, fault)) if place.is_empty() => return Err((span.span(), fault)),
        Err(error) => return Err(error),
    };
    let ending = section.ending.as_ref();
    if let Some(ending) = ending.filter(|ending| ending.get_ref() >= span.get_ref()) {
        return fault_at(
            ending.span(),
            "the window ends before it begins: `ending` is shorter than `window`",
        );
    }
    let (span, ending) = (Some(*span.get_ref()), ending.map(|ending| *ending.get_ref()));
    Ok(Some(Window { field, span, ending }))
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
            (Some(_), Some(_)) => fault_at(
                0..0,
                "the records have several time fields: say with `time = \"...\"` by which of them a record is before as-of",
            ),
            (None, _) => Err((0..0, StudyFault::WindowWithoutTime { dataset: records.name.to_string() })),
        },
    }
}
