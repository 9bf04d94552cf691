//! The ids of a table that a request for blind tokens asks for: those that `tokenise` will look up.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch};

use super::dialect;
use super::terms::{TokeniseError, is_consents};
use super::treat::unknown_table;
use crate::blind_token::Request;
use crate::consent::{COLUMNS, STATEMENT_COLUMNS};
use crate::deidentify::Form;
use crate::engine::consent::events::wanted;
use crate::engine::consent::namespaces::Namespaces;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::{Column, Ids, Input, OpenTerms, ReadError, Use, Wanted, open};
use crate::policy::{FieldKind, Shape, Study};

/// The table whose ids a request asks for.
pub struct RequestIds<'a> {
    /// The study that both parties have.
    pub study: &'a Study,
    /// A table of the study, or `consents`.
    pub table: &'a str,
    /// How the table is read.
    pub reading: Reading,
}

/// A column of ids.
struct IdsOf<'a> {
    column: &'a str,
    namespace: &'a str,
    form: Form,
    /// Why a row without an id is bad, if it is.
    missing: Option<&'static str>,
}

impl<'a> RequestIds<'a> {
    /// The namespaces of the table's ids: all of the study for consent events, whose rows say theirs.
    ///
    /// # Errors
    /// [`TokeniseError::UnknownTable`]
    pub fn namespaces(&self) -> Result<BTreeSet<&'a str>, TokeniseError> {
        if is_consents(self.table) {
            return Ok(self.study.namespaces());
        }
        Ok(self.columns()?.iter().map(|ids| ids.namespace).collect())
    }

    fn columns(&self) -> Result<Vec<IdsOf<'a>>, TokeniseError> {
        let study = self.study;
        if let Some(links) = study.links.iter().find(|links| links.name.as_str() == self.table) {
            let columns = links.columns.iter().map(|ids| IdsOf {
                column: &ids.column,
                namespace: &ids.ids,
                form: ids.form,
                missing: Some("no id"),
            });
            return Ok(columns.collect());
        }
        let dataset = study.datasets.iter().find(|dataset| dataset.name.as_str() == self.table);
        let dataset = dataset.ok_or_else(|| unknown_table(study, self.table))?;
        let ids = |column, namespace, form, missing| IdsOf { column, namespace, form, missing };
        let mut all = vec![ids(&dataset.owner, &dataset.ids, dataset.form, Some("no owner"))];
        if let Shape::Relation { target, .. } = &dataset.shape {
            all.push(ids(&target.column, &target.ids, target.form, Some("no target")));
        }
        let people = dataset.fields.iter().filter(|field| matches!(field.kind, FieldKind::Person { .. }));
        all.extend(
            people.map(|field| {
                ids(&field.column, field.ids.as_ref().unwrap_or(&dataset.ids), field.form, None)
            }),
        );
        Ok(all)
    }
}

/// Adds all ids of a table to a request, and says what was read and dropped.
///
/// # Errors
/// [`TokeniseError`]
///
/// # Privacy
/// The request holds blinded ids alone; the report is a function of the table.
pub fn request_ids(
    terms: &RequestIds<'_>,
    input: Input,
    request: &mut Request<'_>,
) -> Result<FileReport, TokeniseError> {
    let study = terms.study;
    let is_consents = is_consents(terms.table);
    let columns = if is_consents { Vec::new() } else { terms.columns()? };
    let namespaces = study.namespaces();
    let consents = wanted(&study.consents, namespaces.len() == 1 || study.consents.namespace.is_some());
    let read = columns.iter().map(|ids| Wanted { column: ids.column, used: Use::Required });
    let read: Vec<Wanted<'_>> = if is_consents { consents.into() } else { read.collect() };
    let (_, statements) = COLUMNS.split_at(COLUMNS.len() - STATEMENT_COLUMNS);
    let repeating = if is_consents { statements } else { &[] };
    let mut input = input;
    input.begin()?;
    terms.reading.expect(std::iter::once(&input));
    let csv = dialect(study, terms.table);
    let mut table = open(input, OpenTerms { repeating, csv: &csv, ..OpenTerms::new(&read) })?;
    if table.tokenised.is_some() {
        return Err(ReadError::Tokenised { file: table.name }.into());
    }
    let mut report = FileReport::new(terms.table, &table);
    let mut rows = 0;
    while let Some(batch) = table.next_batch()? {
        terms.reading.count_rows(batch.num_rows())?;
        let place = (table.name.as_str(), rows);
        match is_consents {
            true => add_consents(study, place, &table.present, &batch, request, &mut report)?,
            false => add_columns(&columns, place, &batch, request, &mut report)?,
        }
        rows += batch.num_rows() as u64;
    }
    Ok(match is_consents {
        true => report.finish_consents(rows)?,
        false => report.finish(rows, terms.reading.max_bad_rows)?,
    })
}

fn add_columns(
    columns: &[IdsOf<'_>],
    (file, before): (&str, u64),
    batch: &RecordBatch,
    request: &mut Request<'_>,
    report: &mut FileReport,
) -> Result<(), TokeniseError> {
    let mut bad = Vec::new();
    for (IdsOf { column, namespace, form, missing }, array) in columns.iter().zip(batch.columns()) {
        let ids = Ids::read(file, column, array, false, *form)?;
        let mut last = None;
        for row in 0..array.len() {
            let text = ids.column.spelled(row);
            match (&text, missing) {
                (None, Some(reason)) => bad.push((row, *column, ids.why_none(row, reason))),
                // Rows of one person mostly follow each other.
                (Some(text), _) if last.as_ref() != Some(text) => request.add(namespace, text.as_bytes())?,
                _ => {}
            }
            last = text;
        }
        if missing.is_none() {
            bad.extend(ids.bad().iter().map(|(row, reason)| (*row, *column, *reason)));
        }
    }
    // A row is dropped once, for the first thing that is wrong with it.
    bad.sort_by_key(|(row, ..)| *row);
    bad.dedup_by_key(|(row, ..)| *row);
    bad.iter().for_each(|(row, column, reason)| report.drop_row(before + *row as u64, column, reason));
    Ok(())
}

fn add_consents(
    study: &Study,
    (file, before): (&str, u64),
    present: &[bool],
    batch: &RecordBatch,
    request: &mut Request<'_>,
    report: &mut FileReport,
) -> Result<(), TokeniseError> {
    let here = COLUMNS.iter().zip(present).filter(|(_, present)| **present).map(|(name, _)| *name);
    let (mut person, mut ids) = (None, None);
    for (name, array) in here.zip(batch.columns()) {
        match name {
            "person" => person = Some(Column::ids(file, name, array, false)?),
            "ids" => ids = Some(Column::texts(file, name, array)?),
            _ => {}
        }
    }
    let none = BTreeSet::new();
    let known = study.namespaces().into_iter().map(|name| (name, (name, study.form(name))));
    let known = Namespaces::new(known, study.consents.namespace.as_deref(), &none);
    for row in 0..batch.num_rows() {
        let mut drop_row = |column, reason| report.drop_row(before + row as u64, column, reason);
        let (namespace, form) = match known.of(ids.as_ref().and_then(|ids| ids.text(row))) {
            Ok(Some(found)) => found,
            Ok(None) => {
                drop_row("ids", "not a namespace of the study");
                continue;
            }
            Err(reason) => {
                drop_row("ids", reason);
                continue;
            }
        };
        let Some(text) = person.as_ref().and_then(|person| person.spelled(row)) else {
            drop_row("person", "no person");
            continue;
        };
        match form.read(&text) {
            Ok(id) => request.add(namespace, id.as_bytes())?,
            Err(reason) => drop_row("person", reason),
        }
    }
    Ok(())
}
