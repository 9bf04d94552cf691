//! From the file as written to a study that cannot be invalid; every refusal keeps its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::value::Datetime;

use super::Fault;
use super::file::{
    AgeStatement, DatasetKind, DatasetSection, DocumentSection, FieldSection, FieldType, MeasureSection,
    Named, Role, StudyFile, TagSection, Written,
};
use super::study::{
    Dataset, Document, Field, FieldKind, Handler, Notice, Recipient, ReleaseTerms, Shape, Study,
};
use crate::tags::{
    Bands, CatalogueDraft, Clamp, Label, Measure, Relation, Source, Tag, TagError, TagSource, Window, nearest,
};
use crate::types::{DatasetName, Timestamp};

/// A fault and where it stands.
type Misplaced = (Range<usize>, Fault);
type Outcome<T> = Result<T, Misplaced>;

fn says<T>(span: Range<usize>, message: impl Into<String>) -> Outcome<T> {
    Err((span, Fault::Contradiction(message.into())))
}

fn unknown<'a>(
    kind: &'static str,
    written: &Spanned<String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Misplaced {
    let name = written.get_ref().chars().take(80).collect::<String>();
    let nearest = nearest(&name, known);
    (written.span(), Fault::Unknown { kind, name, nearest })
}

fn tag_fault(span: Range<usize>) -> impl FnOnce(TagError) -> Misplaced {
    move |error| (span, Fault::Tag(error))
}

pub(super) fn compile(file: StudyFile, text: &str) -> Outcome<Study> {
    let handlers = handlers(&file)?;
    let recipients = recipients(&file)?;
    let mut draft = CatalogueDraft { max_cells: file.release.max_cells, ..CatalogueDraft::default() };
    let mut datasets = Vec::new();
    for (name, section) in &file.datasets {
        datasets.push(dataset(name, section, &handlers, &mut draft)?);
    }
    if let Some(first) = datasets.first()
        && let Some(other) = datasets.iter().find(|dataset| dataset.ids != first.ids)
    {
        let place =
            file.datasets.keys().find(|name| *name.get_ref() == other.name).map_or(0..0, Spanned::span);
        return says(place, "all datasets must use one namespace of ids: people of two are not linked yet");
    }
    Measures { datasets: &datasets, sections: &file.measures, draft: &mut draft }.all()?;
    for (name, section) in file.tags.get_ref() {
        let tag = tag(name, section, &datasets, &file.measures, &mut draft)?;
        draft.tags.push(tag);
    }
    if draft.tags.is_empty() {
        return says(file.tags.span(), "a study needs at least one tag");
    }
    for (name, members) in &file.tag_sets {
        let members = members.iter().map(|member| member.get_ref().clone()).collect();
        draft.sets.push((name.get_ref().clone(), members));
    }
    let release = release(&file, &draft)?;
    let place = file.tag_sets.keys().next().map_or_else(|| file.tags.span(), Spanned::span);
    let catalogue = check(draft, &file, place)?;
    let documents = file.documents.iter().map(|(kind, section)| Ok((kind.clone(), document(section)?)));
    Ok(Study {
        id: file.study.id.clone(),
        hash: format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()),
        regime: file.study.regime.clone(),
        purpose: file.study.purpose.clone(),
        action: file.study.action,
        basis: file.study.basis.clone(),
        methods: file.study.methods.iter().cloned().collect(),
        retention: file.study.retention,
        notice: Notice { id: file.notice.id.clone(), version: file.notice.version },
        documents: documents.collect::<Outcome<BTreeMap<_, _>>>()?,
        handlers,
        recipients,
        declared_adults: matches!(file.population.age, Some(AgeStatement::DeclaredAdults)),
        datasets,
        catalogue,
        cap: file.budget.epsilon,
        release,
    })
}

fn handlers(file: &StudyFile) -> Outcome<Vec<Handler>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for section in file.handlers.get_ref() {
        if !seen.insert(section.id.get_ref().clone()) {
            return says(section.id.span(), format!("handler `{}` is already defined", section.id.get_ref()));
        }
        let (id, legal_id, kind) =
            (section.id.get_ref().clone(), section.legal_id.clone(), section.kind.clone());
        all.push(Handler { id, legal_id, kind });
    }
    Ok(all)
}

fn recipients(file: &StudyFile) -> Outcome<Vec<Recipient>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for section in file.recipients.get_ref() {
        if !seen.insert(section.id.get_ref().clone()) {
            return says(
                section.id.span(),
                format!("recipient `{}` is already defined", section.id.get_ref()),
            );
        }
        all.push(Recipient {
            id: section.id.get_ref().clone(),
            legal_id: section.legal_id.clone(),
            name: section.name.clone(),
            contact: section.contact.clone(),
            country: section.country.clone(),
        });
    }
    if all.is_empty() {
        return says(file.recipients.span(), "a study needs at least one recipient");
    }
    Ok(all)
}

fn document(section: &DocumentSection) -> Outcome<Document> {
    let (approved, expires) = (day(&section.approved)?, day(&section.expires)?);
    if expires <= approved {
        return says(section.expires.span(), "a document must expire after it was approved");
    }
    Ok(Document { id: section.id.clone(), approved, expires })
}

fn day(written: &Spanned<Datetime>) -> Outcome<Timestamp> {
    let text = written.get_ref().to_string();
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if written.get_ref().time.is_none() => Ok(Timestamp::start_of(date)),
        _ => says(written.span(), format!("`{text}` is not a date, such as 2026-09-01")),
    }
}

fn dataset(
    name: &Spanned<DatasetName>,
    section: &DatasetSection,
    handlers: &[Handler],
    draft: &mut CatalogueDraft,
) -> Outcome<Dataset> {
    if !handlers.iter().any(|handler| handler.id == *section.handler.get_ref()) {
        let written = Spanned::new(section.handler.span(), section.handler.get_ref().to_string());
        return Err(unknown("handler", &written, handlers.iter().map(|handler| handler.id.as_str())));
    }
    let shape = match (section.kind, &section.target) {
        (DatasetKind::Relation, Some(target)) => {
            let max_reach = section.max_reach.as_ref().map(|reach| *reach.get_ref());
            draft.relations.push(Relation { dataset: name.get_ref().clone(), max_reach });
            Shape::Relation { target: target.get_ref().clone(), relation: draft.relations.len() - 1 }
        }
        (DatasetKind::Relation, None) => {
            return says(name.span(), "a relation needs `target`: the column of the person who is listed");
        }
        (_, Some(target)) => return says(target.span(), "`target` belongs to a relation"),
        (DatasetKind::People, None) => Shape::People,
        (DatasetKind::Records, None) => Shape::Records,
    };
    if let (Some(reach), Shape::People | Shape::Records) = (&section.max_reach, &shape) {
        return says(reach.span(), "`max_reach` belongs to a relation, or to a field of type person");
    }
    let mut fields = Vec::new();
    for (column, written) in &section.fields {
        fields.push(field(column, written)?);
    }
    Ok(Dataset {
        name: name.get_ref().clone(),
        shape,
        handler: section.handler.get_ref().clone(),
        ids: section.ids.clone(),
        owner: section.owner.clone(),
        category: section.category.clone(),
        fields,
    })
}

fn field(column: &Spanned<String>, written: &Written<FieldSection>) -> Outcome<Field> {
    const TYPES: [(&str, FieldType); 6] = [
        ("amount", FieldType::Amount),
        ("flag", FieldType::Flag),
        ("integer", FieldType::Integer),
        ("person", FieldType::Person),
        ("text", FieldType::Text),
        ("time", FieldType::Time),
    ];
    let from_word;
    let section = match written {
        Written::Table(section) => section,
        Written::Word(word) => match TYPES.iter().find(|(known, _)| known == word) {
            Some((_, kind)) => {
                from_word = FieldSection::from(*kind);
                &from_word
            }
            None => {
                let written = Spanned::new(column.span(), word.clone());
                return Err(unknown("field type", &written, TYPES.iter().map(|(known, _)| *known)));
            }
        },
    };
    let kind = match (section.kind, section.max_reach, section.negative) {
        (FieldType::Amount, None, negative) => FieldKind::Amount { negative: negative.unwrap_or(false) },
        (FieldType::Person, Some(max_reach), None) => FieldKind::Person { max_reach },
        (FieldType::Person, None, _) => {
            return says(
                column.span(),
                "a field of type person needs `max_reach`: how many people one owner may reach",
            );
        }
        (FieldType::Flag, None, None) => FieldKind::Flag,
        (FieldType::Integer, None, None) => FieldKind::Integer,
        (FieldType::Text, None, None) => FieldKind::Text,
        (FieldType::Time, None, None) => FieldKind::Time,
        _ => {
            return says(
                column.span(),
                "`max_reach` belongs to fields of type person and `negative` to those of type amount",
            );
        }
    };
    Ok(Field { column: column.get_ref().clone(), kind })
}

/// Turns measure sections into measures; own-record measures first, so that audience measures can refer to them.
struct Measures<'a> {
    datasets: &'a [Dataset],
    sections: &'a Named<MeasureSection>,
    draft: &'a mut CatalogueDraft,
}

impl Measures<'_> {
    fn all(&mut self) -> Outcome<()> {
        for over_relation in [false, true] {
            for (name, section) in self.sections.iter().filter(|(_, s)| s.over.is_some() == over_relation) {
                let measure = self.one(Some(name.get_ref().clone()), section, &name.span())?;
                self.draft.measures.push(measure);
            }
        }
        Ok(())
    }

    fn one(&self, name: Option<String>, section: &MeasureSection, place: &Range<usize>) -> Outcome<Measure> {
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
        Ok(Measure { name, source, clamp, floor })
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
                let span = span
                    .or_else(|| crate::types::Days::parse("36525d").ok())
                    .unwrap_or(crate::types::Days::ONE);
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

/// The window of a measure over records; without one it reads everything before as-of, if the records have a time.
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

fn tag(
    name: &Spanned<String>,
    section: &TagSection,
    datasets: &[Dataset],
    sections: &Named<MeasureSection>,
    draft: &mut CatalogueDraft,
) -> Outcome<Tag> {
    let source = match (&section.measure, &section.field) {
        (Some(measure), None) => banded(name, measure, section, datasets, sections, draft)?,
        (None, Some(field)) => listed(name, field, section, datasets)?,
        _ => return says(name.span(), "a tag reads either a `measure` or a `field`"),
    };
    Tag::new(name.get_ref(), source).map_err(tag_fault(name.span()))
}

fn banded(
    name: &Spanned<String>,
    written: &Spanned<Written<MeasureSection>>,
    section: &TagSection,
    datasets: &[Dataset],
    sections: &Named<MeasureSection>,
    draft: &mut CatalogueDraft,
) -> Outcome<TagSource> {
    let Some(bands) = &section.bands else {
        return says(name.span(), "a tag of a measure needs `bands`: labels with their lower bounds");
    };
    if let Some(values) = &section.values {
        return says(values.span(), "`values` belong to a tag of a field; a measure has `bands`");
    }
    let measure = match written.get_ref() {
        Written::Word(word) => {
            let position = draft.measures.iter().position(|measure| measure.name.as_ref() == Some(word));
            let known = || draft.measures.iter().filter_map(|measure| measure.name.as_deref());
            position
                .ok_or_else(|| unknown("measure", &Spanned::new(written.span(), word.clone()), known()))?
        }
        Written::Table(table) => {
            let measure = Measures { datasets, sections, draft }.one(None, table, &written.span())?;
            draft.measures.push(measure);
            draft.measures.len() - 1
        }
    };
    let list = bands.get_ref().iter().map(|(label, bound)| (label.clone(), *bound));
    let bands = Bands::new(list).map_err(tag_fault(bands.span()))?;
    let absent = match &section.absent {
        Some(label) => Some(Label::new(label.get_ref()).map_err(tag_fault(label.span()))?),
        None => None,
    };
    Ok(TagSource::Banded { measure, bands, absent })
}

fn listed(
    name: &Spanned<String>,
    field: &Spanned<String>,
    section: &TagSection,
    datasets: &[Dataset],
) -> Outcome<TagSource> {
    if let Some(bands) = &section.bands {
        return says(bands.span(), "`bands` belong to a tag of a measure; a field has `values`");
    }
    let Some(values) = &section.values else {
        return says(name.span(), "a tag of a field needs `values`: the closed list of its labels");
    };
    let people = || datasets.iter().filter(|dataset| dataset.shape == Shape::People);
    let fields =
        || people().flat_map(|d| d.fields.iter().map(move |f| (format!("{}.{}", d.name, f.column), d, f)));
    let found = fields().find(|(path, ..)| path == field.get_ref());
    let Some((_, dataset, declared)) = found else {
        let known: Vec<String> = fields().map(|(path, ..)| path).collect();
        return Err(unknown("field of a people dataset", field, known.iter().map(String::as_str)));
    };
    if !matches!(declared.kind, FieldKind::Text | FieldKind::Integer | FieldKind::Flag) {
        return says(field.span(), "a tag lists values of a field of type text, integer or flag");
    }
    let labels = values.get_ref().iter().map(|value| Label::new(value)).collect::<Result<Vec<_>, _>>();
    Ok(TagSource::Field {
        dataset: dataset.name.clone(),
        field: declared.column.clone(),
        values: labels.map_err(tag_fault(values.span()))?,
    })
}

fn release(file: &StudyFile, draft: &CatalogueDraft) -> Outcome<ReleaseTerms> {
    let section = &file.release;
    if *section.default_error.get_ref() == 0 {
        return says(
            section.default_error.span(),
            "an error of 0 would be the exact number: it must be at least 1",
        );
    }
    let mut default_error_of = BTreeMap::new();
    for (name, error) in &section.default_error_of {
        let summable =
            || draft.measures.iter().filter(|m| m.clamp.is_some()).filter_map(|m| m.name.as_deref());
        if !summable().any(|measure| measure == name.get_ref()) {
            return Err(unknown("measure with a clamp", name, summable()));
        }
        if *error == 0 {
            return says(name.span(), "an error of 0 would be the exact number: it must be at least 1");
        }
        default_error_of.insert(name.get_ref().clone(), *error);
    }
    Ok(ReleaseTerms {
        min_people: section.min_people,
        default_error: *section.default_error.get_ref(),
        default_error_of,
    })
}

/// Checks the catalogue as a whole and points at the tag, set or measure that the error is about.
fn check(
    draft: CatalogueDraft,
    file: &StudyFile,
    otherwise: Range<usize>,
) -> Outcome<crate::tags::Catalogue> {
    // The draft is checked tag by tag so that an error can point at the first tag that brings it in.
    let sets = draft.sets.clone();
    let mut prefix =
        CatalogueDraft { tags: Vec::new(), sets: Vec::new(), max_cells: u64::MAX, ..draft.clone() };
    for tag in &draft.tags {
        prefix.tags = vec![tag.clone()];
        let named = file.tags.get_ref().keys().find(|name| name.get_ref() == tag.name());
        let place = named.map_or_else(|| otherwise.clone(), Spanned::span);
        prefix.clone().check().map_err(tag_fault(place))?;
    }
    for (name, members) in &file.tag_sets {
        let own = sets.iter().filter(|(set, _)| set == name.get_ref()).cloned().collect();
        let alone = CatalogueDraft { sets: own, ..draft.clone() };
        if let Err(error) = alone.check() {
            let member = members
                .iter()
                .find(|m| matches!(&error, TagError::Unknown { name, .. } if name == m.get_ref()));
            let place = member.map_or_else(|| name.span(), Spanned::span);
            return Err((place, Fault::Tag(error)));
        }
    }
    draft.check().map_err(tag_fault(otherwise))
}
