//! Columns of ids of one namespace that can never be equal, judged by the shapes of each file's ids alone.

use crate::deidentify::IdShapes;
use crate::engine::read::ingest_report::FileReport;
use crate::policy::{FieldKind, Shape, Study};

/// One column of ids.
struct IdsOfFile<'a> {
    /// Of the file, among the reports.
    report: usize,
    namespace: &'a str,
    column: &'a str,
    shapes: IdShapes,
}

/// Notes in the reports which columns of ids can meet no id of another column of the same namespace.
///
/// # Privacy
/// A function of the shapes of ids in each file alone: how many digits, and whether they begin with zeros. Nothing is said of which
/// ids two files share.
pub(in crate::engine) fn note(study: &Study, reports: &mut [FileReport]) {
    let known: Vec<IdsOfFile<'_>> = (reports.iter().enumerate())
        .flat_map(|(at, report)| {
            columns(study, &report.dataset).into_iter().map(move |ids| (at, report, ids))
        })
        .filter_map(|(at, report, (column, namespace))| {
            let shapes = report.id_shapes(column).filter(|shapes| !shapes.is_empty())?.clone();
            Some(IdsOfFile { report: at, namespace, column, shapes })
        })
        .collect();
    let mut notes: Vec<(usize, String)> = Vec::new();
    for (at, own) in known.iter().enumerate() {
        let others = || known.iter().enumerate().filter(|(_, other)| other.namespace == own.namespace);
        let there = |other: &IdsOfFile<'_>| {
            let file = reports.get(other.report).map_or("", |report| report.file.as_str());
            format!("column `{}` of {file}", other.column)
        };
        // Of two columns that cannot meet the later one says so.
        let never = others().find(|(place, other)| *place < at && !own.shapes.can_meet(&other.shapes));
        let never = never.map(|(_, other)| {
            let (here, that) = (own.shapes.describe(), other.shapes.describe());
            format!(
                "no id of column `{}` can be one of {}: {here} here, {that} there; one person would be two",
                own.column,
                there(other)
            )
        });
        let lost = others().find(|(_, other)| own.shapes.lost_zeros(&other.shapes)).map(|(_, other)| {
            format!(
                "ids of column `{}` begin with zeros and none of {} does: were they lost there? One person would be two",
                own.column,
                there(other)
            )
        });
        notes.extend(never.into_iter().chain(lost).map(|note| (own.report, note)));
    }
    for (at, note) in notes {
        reports.get_mut(at).into_iter().for_each(|report| report.notes.push(note.clone()));
    }
}

/// The columns of ids of a dataset, or of the consents, with their namespaces.
fn columns<'a>(study: &'a Study, dataset: &str) -> Vec<(&'a str, &'a str)> {
    if dataset == "consents" {
        let all = study.namespaces();
        let only = if all.len() == 1 { all.into_iter().next() } else { None };
        return only.or(study.consents.namespace.as_deref()).map(|ids| ("person", ids)).into_iter().collect();
    }
    if let Some(links) = study.links.iter().find(|links| links.name.as_str() == dataset) {
        return links.columns.iter().map(|column| (column.column.as_str(), column.ids.as_str())).collect();
    }
    let Some(dataset) = study.datasets.iter().find(|known| known.name.as_str() == dataset) else {
        return Vec::new();
    };
    let target = match &dataset.shape {
        Shape::Relation { target, .. } => Some((target.column.as_str(), target.ids.as_str())),
        Shape::People | Shape::Records => None,
    };
    let pointers = dataset.fields.iter().filter(|field| matches!(field.kind, FieldKind::Person { .. }));
    let pointers =
        pointers.map(|field| (field.column.as_str(), field.ids.as_ref().unwrap_or(&dataset.ids).as_str()));
    std::iter::once((dataset.owner.as_str(), dataset.ids.as_str())).chain(target).chain(pointers).collect()
}
