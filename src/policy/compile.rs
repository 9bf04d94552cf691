//! From the file as written to a study that cannot be invalid; every refusal keeps its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::value::Datetime;

use super::StudyFault;
use super::consents::consent_table;
use super::fields::field;
use super::file::{
    Admitted, AgeStatement, ChangeSection, DatasetKind, DatasetSection, DocumentSection, MeasureSection,
    Named, RecipientSection, StudyFile, TagSection, WordOrTable,
};
use super::links::{IdColumn, LinksTable, check_namespaces, links_table, spell};
use super::measures::Measures;
use super::metrics::metrics;
use super::placed::Spanned;
use super::study::{
    Covers, Dataset, Document, Field, FieldKind, Handler, Notice, Recipient, ReleaseTerms, Screen, Shape,
    Study,
};
use super::test_section::BoundSection;
use super::tokens::{token_key, token_terms};
use crate::consent::Admits;
use crate::deidentify::Form;
use crate::tags::{
    Bands, Bound, CatalogueDraft, Label, Relation, Tag, TagError, TagSource, is_reach, nearest,
};
use crate::types::{DatasetName, Timestamp};

/// A fault and its place in the file.
pub(super) type Misplaced = (Range<usize>, StudyFault);
pub(super) type Outcome<T> = Result<T, Misplaced>;

pub(super) fn fault_at<T>(span: Range<usize>, message: impl Into<String>) -> Outcome<T> {
    Err((span, StudyFault::Contradiction(message.into())))
}

pub(super) fn unknown<'a>(
    kind: &'static str,
    written: &Spanned<String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Misplaced {
    let name = written.get_ref().chars().take(80).collect::<String>();
    let nearest = nearest(&name, known);
    (written.span(), StudyFault::Unknown { kind, name, nearest })
}

pub(super) fn tag_fault(span: Range<usize>) -> impl FnOnce(TagError) -> Misplaced {
    move |error| (span, StudyFault::Tag(error))
}

/// The entries of a table in the order in which they are written.
pub(super) fn as_written<K: Ord, V>(
    table: &BTreeMap<Spanned<K>, V>,
) -> impl Iterator<Item = (&Spanned<K>, &V)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter()
}

pub(super) fn compile(file: StudyFile, text: &str) -> Outcome<Study> {
    let handlers = handlers(&file)?;
    let recipients = recipients(&file)?;
    let mut draft = CatalogueDraft { max_cells: file.release.max_cells, ..CatalogueDraft::default() };
    let (mut datasets, mut links) = (Vec::new(), Vec::<LinksTable>::new());
    for (name, section) in as_written(&file.datasets) {
        known_handler(section, &handlers)?;
        if section.kind == DatasetKind::Links {
            links.push(links_table(name, section, &links)?);
            continue;
        }
        let next = dataset(name, section, &mut draft)?;
        one_age(&next, section, &datasets)?;
        datasets.push(next);
    }
    check_namespaces(&file.datasets)?;
    let forms = spell(&file.ids, &mut datasets, &mut links)?;
    Measures { datasets: &datasets, sections: &file.measures, draft: &mut draft }.all()?;
    for (name, section) in as_written(file.tags.get_ref()) {
        let tag = tag(name, section, &datasets, &file.measures, &mut draft)?;
        draft.tags.push(tag);
    }
    if draft.tags.is_empty() {
        return fault_at(file.tags.span(), "a study needs at least one tag");
    }
    for (name, members) in as_written(&file.tag_sets) {
        let members = members.iter().map(|member| member.get_ref().clone()).collect();
        draft.sets.push((name.get_ref().clone(), members));
    }
    let release = release(&file, &draft)?;
    let tokens = token_terms(&file, &datasets, &links)?;
    let namespaces = namespaces(&datasets, &links);
    let consents = consent_table(&file.consents, namespaces.iter().copied())?;
    let place = file.tag_sets.keys().next().map_or_else(|| file.tags.span(), Spanned::span);
    let catalogue = check(draft, &file, place)?;
    let documents =
        file.documents.iter().map(|(kind, section)| Ok((kind.get_ref().clone(), document(section)?)));
    Ok(Study {
        id: file.study.id.clone(),
        hash: format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()),
        regime: file.study.regime.clone(),
        purpose: file.study.purpose.clone(),
        action: file.study.action,
        basis: file.study.basis.clone(),
        methods: file.study.methods.iter().cloned().collect(),
        retention: file.study.retention,
        timezone: file.study.timezone.clone(),
        start: file.study.start.as_ref().map(day).transpose()?,
        profile: file.study.profile.as_ref().map(|profile| profile.get_ref().clone()),
        sub_processors: file.study.sub_processors.clone(),
        notice: notice(&file)?,
        documents: documents.collect::<Outcome<BTreeMap<_, _>>>()?,
        handlers,
        recipients,
        declared_adults: matches!(file.population.age, Some(AgeStatement::DeclaredAdults)),
        admits: Admits {
            minors: file.population.admit.contains(&Admitted::Minors),
            children: file.population.admit.contains(&Admitted::Children),
        },
        figures: file.figures.iter().map(|(name, figure)| (name.get_ref().clone(), *figure)).collect(),
        infers: infers(file.tags.get_ref()),
        forms,
        consents,
        datasets,
        links,
        catalogue,
        metrics: metrics(&file.metrics)?,
        cap: file.budget.epsilon,
        release,
        tokens,
    })
}

fn namespaces<'a>(datasets: &'a [Dataset], links: &'a [LinksTable]) -> BTreeSet<&'a str> {
    let linked = links.iter().flat_map(|links| &links.columns).map(|column| column.ids.as_str());
    datasets.iter().map(|dataset| dataset.ids.as_str()).chain(linked).collect()
}

fn handlers(file: &StudyFile) -> Outcome<Vec<Handler>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for section in file.handlers.get_ref() {
        if !seen.insert(section.id.get_ref().clone()) {
            return fault_at(
                section.id.span(),
                format!("handler `{}` is already defined", section.id.get_ref()),
            );
        }
        all.push(Handler {
            id: section.id.get_ref().clone(),
            legal_id: section.legal_id.clone(),
            kind: section.kind.clone(),
            name: section.name.clone(),
            contact: section.contact.clone(),
            token_key: section.token_key.as_ref().map(token_key).transpose()?,
        });
    }
    Ok(all)
}

fn recipients(file: &StudyFile) -> Outcome<Vec<Recipient>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for section in file.recipients.get_ref() {
        if !seen.insert(section.id.get_ref().clone()) {
            return fault_at(
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
            role: section.role,
            succeeds: section.succeeds.clone(),
            suspended: section.suspended,
            share: section.epsilon.as_ref().map(|epsilon| *epsilon.get_ref()),
        });
    }
    let above = |section: &&RecipientSection| {
        let share = section.epsilon.as_ref().map(Spanned::get_ref);
        share.zip(file.budget.epsilon.as_ref()).is_some_and(|(share, cap)| share > cap)
    };
    if let Some(share) = file.recipients.get_ref().iter().find(above).and_then(|r| r.epsilon.as_ref()) {
        return fault_at(
            share.span(),
            "the share of a recipient is above the study's own epsilon in [budget]",
        );
    }
    if all.is_empty() {
        return fault_at(file.recipients.span(), "a study needs at least one recipient");
    }
    Ok(all)
}

fn document(section: &DocumentSection) -> Outcome<Document> {
    let (approved, expires) = (day(&section.approved)?, day(&section.expires)?);
    if expires <= approved {
        return fault_at(section.expires.span(), "a document must expire after it was approved");
    }
    let covers = Covers {
        purposes: words(&section.purposes),
        categories: words(&section.categories),
        recipients: section.recipients.clone(),
        sub_processors: section.sub_processors.clone(),
    };
    Ok(Document { id: section.id.clone(), approved, expires, sha256: section.sha256, covers })
}

fn notice(file: &StudyFile) -> Outcome<Notice> {
    let section = &file.notice;
    let mut changes = BTreeMap::new();
    for change in &section.changes {
        let ChangeSection { version, changed } = change.get_ref();
        if *version > section.version {
            return fault_at(change.span(), format!("version {version} is later than the notice's own"));
        }
        if changes.insert(*version, words(changed)).is_some() {
            return fault_at(change.span(), format!("what version {version} changed is already declared"));
        }
    }
    let mut screens: Vec<Screen> = Vec::new();
    for screen in &section.screens {
        let name = screen.name.get_ref();
        if screens.iter().any(|known| known.name == *name) {
            return fault_at(screen.name.span(), format!("screen `{name}` is already defined"));
        }
        screens.push(Screen { name: name.clone(), sha256: screen.sha256 });
    }
    Ok(Notice {
        id: section.id.clone(),
        version: section.version,
        states: section.states.as_ref().map(words),
        changes,
        sha256: section.sha256,
        screens,
    })
}

fn words(written: &BTreeSet<Spanned<String>>) -> BTreeSet<String> {
    written.iter().map(|word| word.get_ref().clone()).collect()
}

fn infers(tags: &Named<TagSection>) -> BTreeMap<String, String> {
    let inferring =
        |(name, tag): (&Spanned<String>, &TagSection)| Some((name.get_ref().clone(), tag.infers.clone()?));
    tags.iter().filter_map(inferring).collect()
}

pub(super) fn day(written: &Spanned<Datetime>) -> Outcome<Timestamp> {
    let text = written.get_ref().to_string();
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if written.get_ref().time.is_none() => Ok(Timestamp::start_of(date)),
        _ => fault_at(written.span(), format!("`{text}` is not a date, such as 2026-09-01")),
    }
}

fn known_handler(section: &DatasetSection, handlers: &[Handler]) -> Outcome<()> {
    if handlers.iter().any(|handler| handler.id == *section.handler.get_ref()) {
        return Ok(());
    }
    let written = Spanned::new(section.handler.span(), section.handler.get_ref().to_string());
    Err(unknown("handler", &written, handlers.iter().map(|handler| handler.id.as_str())))
}

fn dataset(
    name: &Spanned<DatasetName>,
    section: &DatasetSection,
    draft: &mut CatalogueDraft,
) -> Outcome<Dataset> {
    let Some(ids) = &section.ids else {
        return fault_at(name.span(), "missing field `ids`: the namespace of the owners' ids");
    };
    let Some(owner) = &section.owner else {
        return fault_at(name.span(), "missing field `owner`: the column of the person who owns the row");
    };
    let ids = ids.get_ref().clone();
    if let Some(place) =
        section.columns.as_ref().map(Spanned::span).or(section.several.first().map(Spanned::span))
    {
        return fault_at(place, "`columns` and `several` belong to a dataset of kind links");
    }
    let shape = match (section.kind, &section.target) {
        (DatasetKind::Relation, Some(target)) => {
            let max_reach = section.max_reach.as_ref().map(|reach| *reach.get_ref());
            if let (Some(given), Some(reach)) = (max_reach, &section.max_reach)
                && !is_reach(given)
            {
                return Err((reach.span(), StudyFault::Tag(TagError::InvalidReach { given })));
            }
            draft.relations.push(Relation { dataset: name.get_ref().clone(), field: None, max_reach });
            let target_ids = section.target_ids.as_ref().map_or(&ids, Spanned::get_ref).clone();
            let target =
                IdColumn { column: target.get_ref().clone(), ids: target_ids, form: Form::default() };
            Shape::Relation { target, relation: draft.relations.len() - 1 }
        }
        (DatasetKind::Relation, None) => {
            return fault_at(
                name.span(),
                "a relation needs `target`: the column of the person who is listed",
            );
        }
        (_, Some(target)) => return fault_at(target.span(), "`target` belongs to a relation"),
        (DatasetKind::People, None) => Shape::People,
        (_, None) => Shape::Records,
    };
    if let (Some(place), Shape::People | Shape::Records) = (&section.target_ids, &shape) {
        return fault_at(place.span(), "`target_ids` belongs to a relation");
    }
    if let (Some(reach), Shape::People | Shape::Records) = (&section.max_reach, &shape) {
        return fault_at(reach.span(), "`max_reach` belongs to a relation, or to a field of type person");
    }
    let max_rows_per_owner = match &section.max_rows_per_owner {
        Some(most) if *most.get_ref() == 0 => {
            return fault_at(most.span(), "`max_rows_per_owner` is at least 1");
        }
        Some(most) => *most.get_ref(),
        None => Dataset::MAX_ROWS_PER_OWNER,
    };
    let (mut fields, mut dropped) = (Vec::new(), Vec::new());
    for (column, written) in &section.fields {
        let Some(next) = field(column, written, section.timezone.as_ref().map(Spanned::get_ref))? else {
            dropped.push(column.get_ref().clone());
            continue;
        };
        if let FieldKind::Person { max_reach } = next.kind {
            if shape != Shape::Records {
                return fault_at(column.span(), "a field of type person belongs to records");
            }
            if !is_reach(max_reach) {
                return Err((column.span(), StudyFault::Tag(TagError::InvalidReach { given: max_reach })));
            }
            let (dataset, field) = (name.get_ref().clone(), Some(next.column.clone()));
            draft.relations.push(Relation { dataset, field, max_reach: Some(max_reach) });
        }
        fields.push(next);
    }
    Ok(Dataset {
        name: name.get_ref().clone(),
        shape,
        handler: section.handler.get_ref().clone(),
        ids,
        owner: owner.get_ref().clone(),
        form: Form::default(),
        category: section.category.clone(),
        fields,
        dropped,
        csv: section.csv(),
        max_rows_per_owner,
    })
}

/// Ages are in one field of one people dataset: two could contradict each other.
fn one_age(dataset: &Dataset, section: &DatasetSection, before: &[Dataset]) -> Outcome<()> {
    let ages: Vec<&Field> = dataset.fields.iter().filter(|field| field.kind.is_age()).collect();
    let Some(last) = ages.last() else { return Ok(()) };
    let column = section.fields.keys().find(|column| *column.get_ref() == last.column);
    let place = column.map_or(0..0, Spanned::span);
    if dataset.shape != Shape::People {
        return fault_at(place, "fields of type age, age-band and birth-year belong to a people dataset");
    }
    if ages.len() > 1 || before.iter().any(|dataset| dataset.age_field().is_some()) {
        return fault_at(place, "a study has at most one field of type age, age-band or birth-year");
    }
    Ok(())
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
        _ => return fault_at(name.span(), "a tag reads either a `measure` or a `field`"),
    };
    Tag::new(name.get_ref(), source).map_err(tag_fault(name.span()))
}

fn banded(
    name: &Spanned<String>,
    written: &Spanned<WordOrTable<MeasureSection>>,
    section: &TagSection,
    datasets: &[Dataset],
    sections: &Named<MeasureSection>,
    draft: &mut CatalogueDraft,
) -> Outcome<TagSource> {
    let Some(bands) = &section.bands else {
        return fault_at(name.span(), "a tag of a measure needs `bands`: labels with their lower bounds");
    };
    if let Some(values) = &section.values {
        return fault_at(values.span(), "`values` belong to a tag of a field; a measure has `bands`");
    }
    let measure = match written.get_ref() {
        WordOrTable::Word(word) => {
            let position = draft.measures.iter().position(|measure| measure.name.as_ref() == Some(word));
            let known = || draft.measures.iter().filter_map(|measure| measure.name.as_deref());
            position
                .ok_or_else(|| unknown("measure", &Spanned::new(written.span(), word.clone()), known()))?
        }
        WordOrTable::Table(table) => {
            let measure = Measures { datasets, sections, draft }.one(None, table, &written.span())?;
            draft.measures.push(measure);
            draft.measures.len() - 1
        }
    };
    let bands = cut(bands)?;
    let absent = match &section.absent {
        Some(label) => Some(Label::new(label.get_ref()).map_err(tag_fault(label.span()))?),
        None => None,
    };
    Ok(TagSource::Banded { measure, bands, absent })
}

fn cut(bands: &Spanned<BTreeMap<String, BoundSection>>) -> Outcome<Bands> {
    let list = bands.get_ref().iter().map(|(label, written)| {
        let bound = match written {
            BoundSection::Whole(bound) => Ok(Bound::from(*bound)),
            BoundSection::Fraction(text) => Bound::parse(text),
        };
        bound.map(|bound| (label.clone(), bound))
    });
    let list = list.collect::<Result<Vec<_>, _>>().map_err(tag_fault(bands.span()))?;
    Bands::new(list).map_err(tag_fault(bands.span()))
}

fn listed(
    name: &Spanned<String>,
    field: &Spanned<String>,
    section: &TagSection,
    datasets: &[Dataset],
) -> Outcome<TagSource> {
    if let Some(absent) = &section.absent {
        return fault_at(
            absent.span(),
            "`absent` belongs to a tag of a measure; of a field all others are `other`",
        );
    }
    let people = || datasets.iter().filter(|dataset| dataset.shape == Shape::People);
    let fields =
        || people().flat_map(|d| d.fields.iter().map(move |f| (format!("{}.{}", d.name, f.column), d, f)));
    let found = fields().find(|(path, ..)| path == field.get_ref());
    let Some((_, dataset, declared)) = found else {
        let known: Vec<String> = fields().map(|(path, ..)| path).collect();
        return Err(unknown("field of a people dataset", field, known.iter().map(String::as_str)));
    };
    let values = match (&section.values, &section.bands) {
        (Some(values), None) => values,
        (None, Some(bands)) => {
            if !matches!(declared.kind, FieldKind::Integer | FieldKind::BirthYear | FieldKind::Age { .. }) {
                return fault_at(
                    bands.span(),
                    "`bands` cut a measure, or a field of type integer, birth-year or age",
                );
            }
            let (dataset, field) = (dataset.name.clone(), declared.column.clone());
            return Ok(TagSource::FieldBands { dataset, field, bands: cut(bands)? });
        }
        _ => {
            return fault_at(
                name.span(),
                "a tag of a field needs either `values`, the closed list of its labels, or `bands`, labels with their lower bounds",
            );
        }
    };
    if !matches!(declared.kind, FieldKind::Text | FieldKind::Integer | FieldKind::Flag) {
        return fault_at(field.span(), "a tag lists values of a field of type text, integer or flag");
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
    let errors = std::iter::once(&section.default_error).chain(&section.consent_error);
    if let Some(none) = errors.into_iter().find(|error| *error.get_ref() == 0) {
        return fault_at(none.span(), "an error of 0 would be the exact number: it must be at least 1");
    }
    let mut default_error_of = BTreeMap::new();
    for (name, error) in &section.default_error_of {
        let summable =
            || draft.measures.iter().filter(|m| m.clamp.is_some()).filter_map(|m| m.name.as_deref());
        if !summable().any(|measure| measure == name.get_ref()) {
            return Err(unknown("measure with a clamp", name, summable()));
        }
        if *error == 0 {
            return fault_at(name.span(), "an error of 0 would be the exact number: it must be at least 1");
        }
        default_error_of.insert(name.get_ref().clone(), *error);
    }
    Ok(ReleaseTerms {
        min_people: section.min_people,
        default_error: *section.default_error.get_ref(),
        default_error_of,
        consent_error: section.consent_error.as_ref().map(|error| *error.get_ref()),
        max_age: section.max_age,
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
            return Err((place, StudyFault::Tag(error)));
        }
    }
    draft.check().map_err(tag_fault(otherwise))
}
