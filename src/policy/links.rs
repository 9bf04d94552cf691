//! Links tables of a study file, and the namespaces of ids that they join.

use std::collections::{BTreeMap, BTreeSet};

use super::compile::{Outcome, as_written, fault_at, unknown};
use super::file::{DatasetKind, DatasetSection, IdsSection, Named, WordOrTable};
use super::placed::Spanned;
use super::study::{Dataset, Shape};
use crate::deidentify::Form;
use crate::types::{CsvDialect, DatasetName, HandlerId};

/// A column of ids of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdColumn {
    /// The column's name in the files.
    pub column: String,
    /// The namespace.
    pub ids: String,
    /// How they are spelled.
    pub form: Form,
}

/// A table of which ids of two namespaces are one person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinksTable {
    /// The name inside the study.
    pub name: DatasetName,
    /// Who hands it in.
    pub handler: HandlerId,
    /// The data category, by which the regime decides sensitivity.
    pub category: String,
    /// The two columns, of two namespaces.
    pub columns: [IdColumn; 2],
    /// The namespaces of them of which one person may have several ids.
    pub several: BTreeSet<String>,
    /// How its CSV files are written.
    pub csv: CsvDialect,
}

type Datasets = BTreeMap<Spanned<DatasetName>, DatasetSection>;

/// The links table of one section; `before` are those that are written before it.
pub(super) fn links_table(
    name: &Spanned<DatasetName>,
    section: &DatasetSection,
    before: &[LinksTable],
) -> Outcome<LinksTable> {
    only_links(section)?;
    let Some(columns) = &section.columns else {
        return fault_at(
            name.span(),
            "a links table needs `columns`: two namespaces, each with its column, such as `{ phone = \"phone\", card = \"card_number\" }`",
        );
    };
    let mut written = as_written(columns.get_ref());
    let (Some((first, one)), Some((second, other)), None) = (written.next(), written.next(), written.next())
    else {
        return fault_at(columns.span(), "a links table joins exactly two namespaces");
    };
    if one == other {
        return fault_at(second.span(), "both namespaces name one column");
    }
    let mut several = BTreeSet::new();
    for namespace in &section.several {
        if namespace != first && namespace != second {
            let known = [first, second].map(|name| name.get_ref().as_str());
            return Err(unknown("namespace of this links table", namespace, known));
        }
        several.insert(namespace.get_ref().clone());
    }
    let columns = [(first, one), (second, other)];
    for (namespace, _) in columns {
        one_rule_a_namespace(namespace, &several, before)?;
    }
    let column = |(ids, column): (&Spanned<String>, &String)| IdColumn {
        column: column.clone(),
        ids: ids.get_ref().clone(),
        form: Form::default(),
    };
    Ok(LinksTable {
        name: name.get_ref().clone(),
        handler: section.handler.get_ref().clone(),
        category: section.category.clone(),
        columns: columns.map(column),
        several,
        csv: section.csv(),
    })
}

/// Refuses what a links table does not have.
fn only_links(section: &DatasetSection) -> Outcome<()> {
    let words = [&section.ids, &section.owner, &section.target, &section.target_ids];
    let place = words.into_iter().flatten().map(Spanned::span).next();
    let place = place.or_else(|| section.max_reach.as_ref().map(Spanned::span));
    let place = place.or_else(|| section.timezone.as_ref().map(Spanned::span));
    let place = place.or_else(|| section.max_rows_per_owner.as_ref().map(Spanned::span));
    match place.or_else(|| section.fields.keys().map(Spanned::span).next()) {
        Some(place) => fault_at(place, "a links table has `columns` and `several`; its rows have no owner"),
        None => Ok(()),
    }
}

/// Two tables that disagree about `several` would make a person of one table none in another.
fn one_rule_a_namespace(
    namespace: &Spanned<String>,
    several: &BTreeSet<String>,
    before: &[LinksTable],
) -> Outcome<()> {
    let name = namespace.get_ref();
    let joins = |table: &&LinksTable| table.columns.iter().any(|column| column.ids == *name);
    match before.iter().find(joins).filter(|table| table.several.contains(name) != several.contains(name)) {
        Some(table) => fault_at(
            namespace.span(),
            format!("`several` of namespace `{name}` must be the same here and in dataset `{}`", table.name),
        ),
        None => Ok(()),
    }
}

/// Writes the declared forms of ids wherever ids are read.
pub(super) fn spell(
    written: &Named<IdsSection>,
    datasets: &mut [Dataset],
    links: &mut [LinksTable],
) -> Outcome<BTreeMap<String, Form>> {
    let forms: BTreeMap<String, Form> =
        written.iter().map(|(name, section)| (name.get_ref().clone(), section.form)).collect();
    let form = |ids: &str| forms.get(ids).copied().unwrap_or_default();
    let mut known = BTreeSet::new();
    for dataset in datasets {
        dataset.form = form(&dataset.ids);
        known.insert(dataset.ids.clone());
        if let Shape::Relation { target, .. } = &mut dataset.shape {
            target.form = form(&target.ids);
        }
        for field in &mut dataset.fields {
            field.form = form(field.ids.as_ref().unwrap_or(&dataset.ids));
        }
    }
    for column in links.iter_mut().flat_map(|links| &mut links.columns) {
        column.form = form(&column.ids);
        known.insert(column.ids.clone());
    }
    match written.keys().find(|name| !known.contains(name.get_ref())) {
        Some(name) => Err(unknown("namespace", name, known.iter().map(String::as_str))),
        None => Ok(forms),
    }
}

/// Checks that every namespace is one of owners or links, and that links join all of them.
pub(super) fn check_namespaces(datasets: &Datasets) -> Outcome<()> {
    let columns = |section: &DatasetSection| -> Vec<Spanned<String>> {
        section.columns.iter().flat_map(|columns| columns.get_ref().keys().cloned()).collect()
    };
    let sections = || as_written(datasets).map(|(_, section)| section);
    let owners = sections().filter(|section| section.kind != DatasetKind::Links);
    let namespaces: Vec<Spanned<String>> =
        owners.filter_map(|section| section.ids.clone()).chain(sections().flat_map(columns)).collect();
    let known = || namespaces.iter().map(|namespace| namespace.get_ref().as_str());
    for section in sections() {
        let fields = section.fields.values().filter_map(|field| match field {
            WordOrTable::Table(field) => field.ids.as_ref(),
            WordOrTable::Word(_) => None,
        });
        for named in section.target_ids.iter().chain(fields) {
            if !namespaces.contains(named) {
                return Err(unknown("namespace", named, known()));
            }
        }
    }
    let Some(first) = namespaces.first() else { return Ok(()) };
    let mut joined = BTreeSet::from([first.clone()]);
    let mut before = 0;
    while joined.len() > before {
        before = joined.len();
        for pair in sections().map(columns) {
            if pair.iter().any(|namespace| joined.contains(namespace)) {
                joined.extend(pair);
            }
        }
    }
    match namespaces.iter().find(|namespace| !joined.contains(namespace)) {
        Some(alone) => fault_at(
            alone.span(),
            format!(
                "no links table joins namespace `{}` to `{}`, so their people would never meet: add a dataset of kind links",
                alone.get_ref(),
                first.get_ref()
            ),
        ),
        None => Ok(()),
    }
}
