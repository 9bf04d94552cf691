//! What becomes of each column: ids become tokens, fields what a seal makes of them, consent events stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::types::TimestampSecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};

use super::terms::{CONSENTS, IdTokens, TokenSource, TokeniseError, TokeniseTerms, is_consents};
use crate::consent::{COLUMNS, ConsentTable, STATEMENT_COLUMNS};
use crate::deidentify::{Form, IdShapes, TOKEN_BYTES};
use crate::engine::consent::events::wanted;
use crate::engine::consent::namespaces::Namespaces;
use crate::engine::consent::statements::StatementColumn;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::{Column, Ids, ReadError, Use, Wanted};
use crate::engine::records::ages::{Aged, ages as read_ages};
use crate::engine::records::people::field_word;
use crate::engine::records::rows::{ColumnCells, Findings};
use crate::policy::{Dataset, Field, FieldKind, LinksTable, Shape, Study};
use crate::tags::nearest;
use crate::types::{AmountFormat, Timestamp};

/// What becomes of one table.
pub(super) enum Plan<'a> {
    Consents(Consents<'a>),
    Table { columns: Vec<OutputColumn<'a>>, dropped: &'a [String], ages: Ages },
}

/// The tokens of consent events, whose rows say their namespace where there are several.
pub(super) struct Consents<'a> {
    known: BTreeMap<&'a str, (IdTokens<'a>, Form)>,
    table: &'a ConsentTable,
}

/// What becomes of one column.
pub(super) enum OutputColumn<'a> {
    /// Tokens; a row without an id is bad for this reason, if there is one.
    Ids { column: &'a str, tokens: IdTokens<'a>, form: Form, missing: Option<&'static str> },
    /// As the records of a seal read it: a row that cannot be read is bad.
    Strict(&'a Field),
    /// As a seal reads fields of people and of lists: what cannot be read is empty.
    Lenient(&'a Field),
}

/// Where ages change their names, and the day of which they are.
#[derive(Clone, Copy)]
pub(super) struct Ages {
    child_below: u8,
    adult_from: u8,
    as_of: Timestamp,
}

/// The columns of one batch as they are written, and the rows that are not.
pub(super) struct Treated<'a> {
    pub(super) columns: Vec<ArrayRef>,
    found: Findings<'a>,
    /// The shapes of the ids of each column that has any.
    shapes: Vec<(&'a str, IdShapes)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(terms: &TokeniseTerms<'a>) -> Result<Self, TokeniseError> {
        let (study, name) = (terms.study, terms.table);
        if is_consents(name) {
            let namespaces = study.namespaces().into_iter();
            let known =
                namespaces.map(|name| (name, (terms.tokens.namespace(name), study.form(name)))).collect();
            return Ok(Self::Consents(Consents { known, table: &study.consents }));
        }
        let dataset = study.datasets.iter().find(|dataset| dataset.name.as_str() == name);
        let links = study.links.iter().find(|links| links.name.as_str() == name);
        let columns = dataset.map(|dataset| of_dataset(dataset, terms.tokens));
        let Some(columns) = columns.or_else(|| links.map(|links| of_links(links, terms.tokens))) else {
            return Err(unknown_table(study, name));
        };
        let (child_below, adult_from) = terms.regime.age_thresholds();
        let dropped = dataset.map(|dataset| dataset.dropped.as_slice()).unwrap_or_default();
        Ok(Self::Table { columns, dropped, ages: Ages { child_below, adult_from, as_of: terms.as_of } })
    }

    /// The columns that are read.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        match self {
            Self::Consents(Consents { known, table }) => {
                wanted(table, known.len() == 1 || table.namespace.is_some()).into()
            }
            Self::Table { columns, dropped, .. } => {
                let read =
                    columns.iter().map(|column| Wanted { column: column.column(), used: Use::Required });
                read.chain(dropped.iter().map(|column| Wanted { column, used: Use::Dropped })).collect()
            }
        }
    }

    /// The columns whose words repeat.
    pub(super) fn repeating(&self) -> &'static [&'static str] {
        match self {
            Self::Consents(_) => COLUMNS.split_at(COLUMNS.len() - STATEMENT_COLUMNS).1,
            Self::Table { .. } => &[],
        }
    }

    /// The columns that are written. Consent events keep the types that they come in.
    pub(super) fn schema(&self, first: Option<&RecordBatch>, present: &[bool]) -> SchemaRef {
        let fields: Vec<ArrowField> = match self {
            Self::Table { columns, .. } => columns.iter().map(OutputColumn::written).collect(),
            Self::Consents(_) => {
                let here = COLUMNS.iter().zip(present).filter(|(_, present)| **present);
                let kind = |at: usize, name: &str| match first {
                    _ if name == "person" => token_type(),
                    Some(batch) => batch.schema_ref().field(at).data_type().clone(),
                    None => DataType::Utf8,
                };
                let here = here.enumerate();
                here.map(|(at, (name, _))| ArrowField::new(*name, kind(at, name), true)).collect()
            }
        };
        Arc::new(Schema::new(fields))
    }

    /// Looks for direct identifiers in the texts of one batch.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub(super) fn look(
        &self,
        present: &[bool],
        batch: &RecordBatch,
        report: &mut FileReport,
    ) -> Result<(), ReadError> {
        match self {
            Self::Table { columns, .. } => {
                let texts = columns.iter().zip(batch.columns()).filter(|(column, _)| column.is_text());
                texts.into_iter().try_for_each(|(column, array)| report.look(column.column(), array))
            }
            Self::Consents(_) => {
                let (_, statements) = COLUMNS.split_at(COLUMNS.len() - STATEMENT_COLUMNS);
                let here = COLUMNS.iter().zip(present).filter(|(_, present)| **present);
                let here = here.zip(batch.columns()).filter(|((name, _), _)| statements.contains(name));
                here.into_iter().try_for_each(|((name, _), array)| report.look(name, array))
            }
        }
    }

    /// Treats one batch of the wanted columns.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub(super) fn treat(
        &self,
        file: &str,
        present: &[bool],
        batch: &RecordBatch,
    ) -> Result<Treated<'_>, ReadError> {
        match self {
            Self::Consents(consents) => consents.treat(file, present, batch),
            Self::Table { columns, ages, .. } => {
                let (mut found, mut shapes) = (Findings::default(), Vec::new());
                let all = columns.iter().zip(batch.columns());
                let all =
                    all.map(|(column, array)| column.treat(file, array, *ages, (&mut found, &mut shapes)));
                let columns = all.collect::<Result<_, _>>()?;
                // By row, then in the order of reading: a row is dropped once, for the first thing that is wrong with it.
                found.bad.sort_by_key(|(row, ..)| *row);
                found.bad.dedup_by_key(|(row, ..)| *row);
                Ok(Treated { columns, found, shapes })
            }
        }
    }
}

/// The error of a table that the study does not declare.
pub(super) fn unknown_table(study: &Study, name: &str) -> TokeniseError {
    let nearest = nearest(name, study.tables().map(|table| table.as_str()).chain([CONSENTS]));
    TokeniseError::UnknownTable { name: name.chars().take(80).collect(), nearest }
}

fn of_dataset<'a>(dataset: &'a Dataset, tokens: TokenSource<'a>) -> Vec<OutputColumn<'a>> {
    let ids = |column, ids: &str, form, missing| OutputColumn::Ids {
        column,
        tokens: tokens.namespace(ids),
        form,
        missing,
    };
    let mut all = vec![ids(&dataset.owner, &dataset.ids, dataset.form, Some("no owner"))];
    if let Shape::Relation { target, .. } = &dataset.shape {
        all.push(ids(&target.column, &target.ids, target.form, Some("no target")));
    }
    all.extend(dataset.fields.iter().map(|field| match field.kind {
        FieldKind::Person { .. } => {
            ids(&field.column, field.ids.as_ref().unwrap_or(&dataset.ids), field.form, None)
        }
        _ if dataset.shape == Shape::Records => OutputColumn::Strict(field),
        _ => OutputColumn::Lenient(field),
    }));
    all
}

fn of_links<'a>(links: &'a LinksTable, tokens: TokenSource<'a>) -> Vec<OutputColumn<'a>> {
    let ids = links.columns.iter().map(|column| OutputColumn::Ids {
        column: &column.column,
        tokens: tokens.namespace(&column.ids),
        form: column.form,
        missing: Some("no id"),
    });
    ids.collect()
}

fn token_type() -> DataType {
    // Sixteen fits any number.
    DataType::FixedSizeBinary(i32::try_from(TOKEN_BYTES).unwrap_or_default())
}

impl<'a> OutputColumn<'a> {
    fn column(&self) -> &'a str {
        match self {
            Self::Ids { column, .. } => column,
            Self::Strict(field) | Self::Lenient(field) => &field.column,
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Strict(field) | Self::Lenient(field) if field.kind == FieldKind::Text)
    }

    /// The column as it is written.
    fn written(&self) -> ArrowField {
        let kind = match self {
            Self::Ids { .. } => token_type(),
            Self::Strict(field) | Self::Lenient(field) => match (field.kind, self) {
                (FieldKind::Amount { format, .. }, _) => amount_type(format),
                (FieldKind::Integer, Self::Strict(_)) => DataType::Int64,
                (FieldKind::Time, _) => DataType::Timestamp(TimeUnit::Second, Some(UTC.into())),
                (FieldKind::Flag, Self::Strict(_)) => DataType::Boolean,
                _ => DataType::Utf8,
            },
        };
        ArrowField::new(self.column(), kind, true)
    }

    fn treat<'s>(
        &'s self,
        file: &str,
        array: &ArrayRef,
        ages: Ages,
        (found, shapes): (&mut Findings<'s>, &mut Vec<(&'s str, IdShapes)>),
    ) -> Result<ArrayRef, ReadError> {
        match self {
            Self::Ids { column, tokens, form, missing } => {
                let ids = Ids::read(file, column, array, false, *form)?;
                if let Some(reason) = missing {
                    let none = (0..array.len()).filter(|row| ids.id(*row).is_none());
                    found.bad.extend(none.map(|row| (row, *column, ids.why_none(row, reason))));
                } else {
                    found.bad.extend(ids.bad().iter().map(|(row, reason)| (*row, *column, *reason)));
                }
                shapes.push((*column, ids.shapes().clone()));
                tokenised((file, column), &ids.column, array.len(), |_| Some((tokens, Form::AsIs)))
            }
            Self::Strict(field) => Ok(as_written(field, ColumnCells::read(file, field, array, found)?)),
            Self::Lenient(field) => lenient(file, field, array, ages, found),
        }
    }
}

const UTC: &str = "+00:00";

/// The type of a column of amounts: one that the same declaration reads as the same amounts.
fn amount_type(format: AmountFormat) -> DataType {
    match format.scale.and_then(|scale| i8::try_from(scale).ok()) {
        Some(scale @ 1..) => DataType::Decimal128(DIGITS, scale),
        _ => DataType::Int64,
    }
}

/// The decimal digits of 64 bits.
const DIGITS: u8 = 19;

fn as_written(field: &Field, cells: ColumnCells) -> ArrayRef {
    match (cells, field.kind) {
        (ColumnCells::Numbers(numbers), FieldKind::Amount { format, .. }) => match amount_type(format) {
            kind @ DataType::Decimal128(..) => {
                let decimals: Decimal128Array = numbers.unary(i128::from);
                Arc::new(decimals.with_data_type(kind))
            }
            _ => Arc::new(numbers),
        },
        (ColumnCells::Numbers(numbers), FieldKind::Time) => {
            let instants: PrimitiveArray<TimestampSecondType> = numbers.reinterpret_cast();
            Arc::new(instants.with_timezone(UTC))
        }
        (ColumnCells::Numbers(numbers), FieldKind::Flag) => {
            Arc::new(numbers.iter().map(|number| number.map(|number| number != 0)).collect::<BooleanArray>())
        }
        (ColumnCells::Numbers(numbers), _) => Arc::new(numbers),
        (ColumnCells::Words(words), _) => Arc::new(words),
        // Pointers are ids.
        (ColumnCells::People(_), _) => Arc::new(StringArray::new_null(0)),
    }
}

/// Fields of people keep their spelling, by which tags find their labels.
fn lenient<'f>(
    file: &str,
    field: &'f Field,
    array: &ArrayRef,
    ages: Ages,
    found: &mut Findings<'f>,
) -> Result<ArrayRef, ReadError> {
    let name = &field.column;
    let words = || Column::texts(file, name, array);
    let kept = |keep: &dyn Fn(&str) -> bool| -> Result<ArrayRef, ReadError> {
        let words = words()?;
        let words = (0..array.len()).map(|row| words.text(row).filter(|word| keep(word)));
        let treated = words.map(|word| word.map(|word| field_word(&field.treatment, word)));
        Ok(Arc::new(treated.collect::<StringArray>()))
    };
    match field.kind {
        FieldKind::Integer => kept(&|word| word.trim().parse::<i64>().is_ok()),
        FieldKind::Flag => kept(&|word| matches!(word, "true" | "false")),
        FieldKind::Text => kept(&|_| true),
        FieldKind::Age { .. } | FieldKind::AgeBand | FieldKind::BirthYear => {
            let band =
                |aged: Result<Aged, _>| aged.ok()?.fact().band(ages.child_below, ages.adult_from, ages.as_of);
            let read = read_ages(file, field, array, ages.as_of, false)?;
            Ok(Arc::new(read.into_iter().map(band).collect::<StringArray>()))
        }
        FieldKind::Amount { .. } | FieldKind::Time | FieldKind::Person { .. } => {
            let mut unread = Findings::default();
            let cells = ColumnCells::read(file, field, array, &mut unread)?;
            found.spellings.append(&mut unread.spellings);
            Ok(as_written(field, cells))
        }
    }
}

/// The token of every id; nothing where there is no id, or no namespace.
///
/// # Errors
/// [`ReadError::Unrequested`] for an id whose blind token was not asked for.
fn tokenised<'k>(
    (file, column): (&str, &str),
    ids: &Column,
    count: usize,
    of: impl Fn(usize) -> Option<(&'k IdTokens<'k>, Form)>,
) -> Result<ArrayRef, ReadError> {
    let size = i32::try_from(TOKEN_BYTES).unwrap_or_default();
    let mut all = FixedSizeBinaryBuilder::with_capacity(count, size);
    let (mut last, mut known) = (None, String::new());
    for row in 0..count {
        let text = ids.spelled(row);
        let fitted = of(row).and_then(|(tokens, form)| Some((tokens, form.read(text.as_deref()?).ok()?)));
        let Some((tokens, text)) = fitted else {
            all.append_null();
            continue;
        };
        let token = match last {
            // Rows of one person mostly follow each other.
            Some((of, token)) if std::ptr::eq(of, tokens) && known == *text => token,
            _ => {
                let unrequested =
                    || ReadError::Unrequested { file: file.to_owned(), column: column.to_owned() };
                let token = tokens.token(text.as_bytes()).ok_or_else(unrequested)?;
                known.clear();
                known.push_str(&text);
                last = Some((tokens, token));
                token
            }
        };
        // Sixteen bytes are what the column holds.
        drop(all.append_value(token));
    }
    Ok(Arc::new(all.finish()))
}

impl Consents<'_> {
    /// The tokens of the namespaces that rows may name.
    fn namespaces(&self) -> Namespaces<'_, &(IdTokens<'_>, Form)> {
        const NONE: &BTreeSet<String> = &BTreeSet::new();
        let known = self.known.iter().map(|(name, tokens)| (*name, tokens));
        Namespaces::new(known, self.table.namespace.as_deref(), NONE)
    }

    fn treat(&self, file: &str, present: &[bool], batch: &RecordBatch) -> Result<Treated<'_>, ReadError> {
        let here = COLUMNS.iter().zip(present).filter(|(_, present)| **present).map(|(name, _)| *name);
        let (mut columns, mut person, mut ids) = (Vec::new(), None, None);
        for (name, array) in here.zip(batch.columns()) {
            match name {
                "person" => person = Some(Column::ids(file, name, array, false)?),
                "ids" => ids = Some(Column::texts(file, name, array)?),
                "at" | "shown_at" | "valid_to" => {
                    drop(Column::instants(file, name, array, self.table.timezone.as_ref())?)
                }
                name => drop(StatementColumn::new(file, name, array)?),
            }
            columns.push(Arc::clone(array));
        }
        let count = batch.num_rows();
        let known = self.namespaces();
        let of_row = |row| match known.of(ids.as_ref().and_then(|ids: &Column| ids.text(row))) {
            Ok(Some((tokens, form))) => Ok((tokens, *form)),
            Ok(None) => Err("not a namespace of the study"),
            Err(reason) => Err(reason),
        };
        let namespaces: Vec<Result<(&IdTokens<'_>, Form), &'static str>> = (0..count).map(of_row).collect();
        let Some(person) = person else {
            return Ok(Treated { columns, found: Findings::default(), shapes: Vec::new() });
        };
        let shapes = known.default().map(|(_, form)| ("person", person.shapes(*form))).into_iter().collect();
        let bad = namespaces.iter().enumerate().filter_map(|(row, namespace)| match namespace {
            Err(reason) => Some((row, "ids", *reason)),
            Ok((_, form)) => match person.spelled(row) {
                None => Some((row, "person", "no person")),
                Some(id) => form.read(&id).err().map(|reason| (row, "person", reason)),
            },
        });
        let found = Findings { bad: bad.collect(), spellings: Vec::new() };
        let of = |row: usize| namespaces.get(row).and_then(|namespace| namespace.as_ref().ok().copied());
        if let Some(first) = columns.first_mut() {
            *first = tokenised((file, "person"), &person, count, of)?;
        }
        Ok(Treated { columns, found, shapes })
    }
}

impl Treated<'_> {
    /// The runs of rows that are kept, each by its start and length; counts all others.
    pub(super) fn keep(&self, rows: usize, before: u64, report: &mut FileReport) -> Vec<(usize, usize)> {
        let (mut runs, mut from) = (Vec::new(), 0);
        for (column, shapes) in &self.shapes {
            report.observe_shapes(before, column, shapes);
        }
        for (column, spellings) in &self.found.spellings {
            report.observe_spellings(column, *spellings);
        }
        for (row, column, reason) in &self.found.bad {
            report.drop_row(before + *row as u64, column, reason);
            if *row > from {
                runs.push((from, row - from));
            }
            from = row + 1;
        }
        if rows > from {
            runs.push((from, rows - from));
        }
        runs
    }
}
