//! Reads consent events and folds them for every recipient at once.

use arrow_array::RecordBatch;

use super::EngineError;
use super::hygiene::{FileHygiene, MaxBadRows};
use super::intern::Interner;
use super::read::{Column, Input, ReadError, Table, Use, Wanted, open};
use crate::consent::{Fold, Row};

/// The columns of the consent table: the first six must be there, an absent other one is an absent statement.
const COLUMNS: [(&str, Use); 21] = [
    ("person", Use::Required),
    ("event", Use::Required),
    ("trigger", Use::Required),
    ("purpose", Use::Required),
    ("recipient", Use::Required),
    ("at", Use::Required),
    ("ids", Use::Optional),
    ("handler", Use::Optional),
    ("kind", Use::Optional),
    ("categories", Use::Optional),
    ("methods", Use::Optional),
    ("notice", Use::Optional),
    ("notice_version", Use::Optional),
    ("shown_at", Use::Optional),
    ("valid_to", Use::Optional),
    ("giver", Use::Optional),
    ("own_step", Use::Optional),
    ("pre_ticked", Use::Optional),
    ("bundle_size", Use::Optional),
    ("service_gate", Use::Optional),
    ("service_necessary", Use::Optional),
];

/// Hears all events of one file.
pub(super) fn hear(
    input: Input,
    namespace: &str,
    interner: &mut Interner,
    folds: &mut [Fold],
    allowed: MaxBadRows,
) -> Result<FileHygiene, EngineError> {
    let wanted = COLUMNS.map(|(column, used)| Wanted { column, used });
    let mut table = open(input, &wanted)?;
    let mut report = FileHygiene::new("consents", &table);
    let mut rows = 0;
    while let Some(batch) = table.next_batch()? {
        let columns = columns(&table, &batch)?;
        for row in 0..batch.num_rows() {
            let place = rows + row as u64;
            let cell = |name: &str| text(&columns, name, row);
            if cell("ids").is_some_and(|ids| ids != namespace) {
                report.drop_row(place, "ids", "not a namespace of the study");
                continue;
            }
            let Some(person) = find(&columns, "person").and_then(|column| column.id(row)) else {
                report.drop_row(place, "person", "no person");
                continue;
            };
            let person = interner.intern(&person)?;
            let event = event(&columns, row);
            folds.iter_mut().for_each(|fold| fold.hear(person, &event));
        }
        rows += batch.num_rows() as u64;
    }
    report.finish(rows, allowed)
}

type Columns = Vec<(&'static str, Column)>;

fn columns(table: &Table, batch: &RecordBatch) -> Result<Columns, ReadError> {
    let present =
        COLUMNS.iter().zip(&table.present).filter(|(_, present)| **present).map(|((name, _), _)| *name);
    let mut all = Vec::new();
    for (name, array) in present.zip(batch.columns()) {
        let read = if name == "person" { Column::ids } else { Column::texts };
        all.push((name, read(&table.name, name, array)?));
    }
    Ok(all)
}

fn find<'a>(columns: &'a Columns, name: &str) -> Option<&'a Column> {
    columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column)
}

fn text<'a>(columns: &'a Columns, name: &str, row: usize) -> Option<&'a str> {
    find(columns, name).and_then(|column| column.text(row))
}

fn event(columns: &Columns, row: usize) -> Row<'_> {
    let mut event = Row::default();
    for (name, column) in columns {
        let cell = column.text(row);
        match *name {
            "handler" => event.handler = cell,
            "event" => event.event = cell,
            "kind" => event.kind = cell,
            "trigger" => event.trigger = cell,
            "purpose" => event.purpose = cell,
            "recipient" => event.recipient = cell,
            "categories" => event.categories = cell,
            "methods" => event.methods = cell,
            "notice" => event.notice = cell,
            "notice_version" => event.notice_version = cell,
            "shown_at" => event.shown_at = cell,
            "at" => event.at = cell,
            "valid_to" => event.valid_to = cell,
            "giver" => event.giver = cell,
            "own_step" => event.own_step = cell,
            "pre_ticked" => event.pre_ticked = cell,
            "bundle_size" => event.bundle_size = cell,
            "service_gate" => event.service_gate = cell,
            "service_necessary" => event.service_necessary = cell,
            _ => {}
        }
    }
    event
}
