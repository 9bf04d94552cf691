//! Declared fields of people -> codes of closed lists.

use std::borrow::Cow;
use std::sync::RwLock;

use arrow_array::{Array as _, ArrayRef};

use super::ages::ages;
use super::differing::{Differing, Rows};
use crate::consent::AgeFact;
use crate::deidentify::Treatment;
use crate::engine::error::EngineError;
use crate::engine::ids::intern::{Interner, numbers as id_numbers, people as people_of};
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::ids::owner_rows::OwnerRows;
use crate::engine::memory::Held;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::work::Step;
use crate::engine::read::{Cell, Column, Ids, Input, OpenTerms, ReadError, Table, Use, Wanted, open};
use crate::policy::{Dataset, Field, FieldKind};
use crate::tags::{Bands, Catalogue, TagSource};
use crate::types::Timestamp;

/// The code of one tag for everybody. Rows of one person that disagree make the person `other`, in whatever order they come.
struct Codes<'a> {
    tag: usize,
    column: &'a str,
    /// The bands of its numbers; without them words are listed.
    bands: Option<&'a Bands>,
    codes: Vec<Option<usize>>,
    other: usize,
    differing: Differing<u32>,
}

/// What the own rows of each person hold about their age; `None` for whom no row was read yet.
struct Born<'a> {
    field: &'a Field,
    people: Vec<Option<AgeFact>>,
    differing: Differing<AgeFact>,
}

/// Whose the rows of a batch are.
struct Owners {
    /// The numbers of the ids as they are written.
    ids: Vec<u32>,
    /// The people of these ids.
    people: Vec<Option<u32>>,
}

/// The field tags of one people dataset, and ages if it has them.
pub(in crate::engine) struct People<'a> {
    dataset: &'a Dataset,
    catalogue: &'a Catalogue,
    as_of: Timestamp,
    tags: Vec<Codes<'a>>,
    born: Option<Born<'a>>,
    /// Who has a row.
    present: Vec<bool>,
    owned: OwnerRows,
    reading: &'a Reading,
    held: Held,
}

impl<'a> People<'a> {
    /// The tags over `dataset`; people numbered `0..people` are known, and its tables bring more. An age is decoded only if someone asks for it.
    pub(in crate::engine) fn new(
        dataset: &'a Dataset,
        catalogue: &'a Catalogue,
        (people, as_of): (usize, Timestamp),
        (reading, read_ages): (&'a Reading, bool),
    ) -> Self {
        let tags = catalogue.tags().iter().enumerate().filter_map(|(tag, declared)| {
            let (column, bands, other) = match declared.source() {
                TagSource::Field { dataset: of, field, values } if *of == dataset.name => {
                    (field, None, values.len())
                }
                TagSource::FieldBands { dataset: of, field, bands } if *of == dataset.name => {
                    (field, Some(bands), bands.labels().len())
                }
                TagSource::Field { .. } | TagSource::FieldBands { .. } | TagSource::Banded { .. } => {
                    return None;
                }
            };
            let differing = Differing::new(people);
            Some(Codes { tag, column, bands, codes: vec![None; people], other, differing })
        });
        let born = dataset.age_field().filter(|_| read_ages);
        let born = born.map(|field| {
            let differing = Differing::new(people);
            Born { field, people: vec![None; people], differing }
        });
        let (tags, present) = (tags.collect(), vec![false; people]);
        let (owned, held) = (OwnerRows::new(people), reading.memory.nothing());
        Self { dataset, catalogue, as_of, tags, born, present, owned, reading, held }
    }

    /// Room for the owners of a batch.
    fn grow(&mut self, owners: &Owners) -> Result<(), EngineError> {
        let above =
            |numbers: &mut dyn Iterator<Item = u32>| numbers.max().map_or(0, |last| last as usize + 1);
        let people = above(&mut owners.people.iter().flatten().copied()).max(self.present.len());
        let ids = above(&mut owners.ids.iter().copied().filter(|id| *id != NO_PERSON));
        self.present.resize(people, false);
        for codes in &mut self.tags {
            codes.codes.resize(people, None);
            codes.differing.cover(ids);
        }
        if let Some(born) = &mut self.born {
            born.people.resize(people, None);
            born.differing.cover(ids);
        }
        let of_tags = self.tags.len() * size_of::<Option<usize>>();
        let of_ages = self.born.as_ref().map_or(0, |_| size_of::<Option<AgeFact>>());
        let differing = self.tags.iter().map(|codes| codes.differing.bytes()).sum::<usize>()
            + self.born.as_ref().map_or(0, |born| born.differing.bytes());
        self.held.set(people * (of_tags + of_ages + size_of::<bool>()) + self.owned.bytes() + differing)
    }

    /// # Errors
    /// [`EngineError::RowsPerOwner`] after all files.
    pub(in crate::engine) fn check_owners(&self) -> Result<(), EngineError> {
        self.owned.check(self.dataset)
    }

    /// The tags over the dataset, in their order, each with its column and the code of what is not listed.
    pub(in crate::engine) fn tags(&self) -> impl Iterator<Item = (usize, &'a str, usize)> {
        self.tags.iter().map(|codes| (codes.tag, codes.column, codes.other))
    }

    /// The column of ages, if they are read.
    pub(in crate::engine) fn age_column(&self) -> Option<&'a str> {
        self.born.as_ref().map(|born| born.field.column.as_str())
    }

    /// The rows of each id.
    pub(in crate::engine) fn counts(&self) -> Vec<u32> {
        self.owned.counts()
    }

    /// What the rows of an id say of each tag, and of its age if that is read.
    pub(in crate::engine) fn rows(&self, id: usize) -> (Vec<Rows<u32>>, Rows<AgeFact>) {
        let tags = self.tags.iter().map(|codes| codes.differing.rows(id)).collect();
        (tags, self.born.as_ref().map_or(Rows::None, |born| born.differing.rows(id)))
    }

    /// The columns that are read after the owner's: those of the tags, then that of ages.
    fn read_columns(&self) -> Vec<&'a str> {
        let ages = self.born.iter().map(|born| born.field.column.as_str());
        self.tags.iter().map(|codes| codes.column).chain(ages).collect()
    }

    /// Reads one file.
    pub(in crate::engine) fn read(
        &mut self,
        input: Input,
        interner: &RwLock<Interner>,
    ) -> Result<FileReport, EngineError> {
        let owner = self.dataset.owner.as_str();
        let read = self.read_columns();
        let mut wanted = vec![Wanted { column: owner, used: Use::Required }];
        wanted.extend(read.iter().map(|column| Wanted { column, used: Use::Required }));
        let unread = self.dataset.fields.iter().filter(|field| !read.contains(&field.column.as_str()));
        wanted.extend(unread.map(|field| Wanted { column: &field.column, used: Use::Declared }));
        wanted.extend(Wanted::dropped(self.dataset));
        let mut table = open(input, OpenTerms { csv: &self.dataset.csv, ..OpenTerms::new(&wanted) })?;
        let mut report = FileReport::new(self.dataset.name.as_str(), &table);
        let mut rows = 0;
        while let Some(batch) = table.next_batch()? {
            self.reading.count_rows(batch.num_rows())?;
            let Some((owners, fields)) = batch.columns().split_first() else { break };
            let owners = Ids::read(&table.name, owner, owners, table.tokenised.is_some(), self.dataset.form)?;
            report.observe_ids(rows, owner, &owners);
            for row in 0..batch.num_rows() {
                if owners.id(row).is_none() {
                    report.drop_row(rows + row as u64, owner, owners.why_none(row, "no owner"));
                }
            }
            // People whom no other table knows are numbered, too, as owners of records are.
            let ids = id_numbers(interner, &self.dataset.ids, &owners.column, batch.num_rows())?;
            self.owned.add(ids.iter().copied());
            let people = people_of(interner, ids.clone()).into_iter();
            let people: Vec<Option<u32>> =
                people.map(|person| Some(person).filter(|person| *person != NO_PERSON)).collect();
            let owners = Owners { ids, people };
            self.reading.count(Step::Row, owners.people.iter().flatten().count());
            self.grow(&owners)?;
            for person in owners.people.iter().flatten() {
                if let Some(present) = self.present.get_mut(*person as usize) {
                    *present = true;
                }
            }
            let (tags, ages) = fields.split_at_checked(self.tags.len()).unwrap_or((fields, &[]));
            for (column, array) in read.iter().zip(tags) {
                if self.dataset.field(column).is_some_and(|field| field.kind == FieldKind::Text) {
                    report.look(column, array)?;
                }
            }
            self.observe_tags(&table, tags, &owners, &mut report)?;
            if let (Some(born), Some(array)) = (&mut self.born, ages.first()) {
                born.observe(&table, array, (&owners, self.as_of), &mut report)?;
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, self.reading.max_bad_rows)
    }

    /// Codes of the tags, row by row; a value that cannot be read or is on no list counts for every row, and its label is `other`.
    fn observe_tags(
        &mut self,
        table: &Table,
        fields: &[ArrayRef],
        owners: &Owners,
        report: &mut FileReport,
    ) -> Result<(), ReadError> {
        for (codes, array) in self.tags.iter_mut().zip(fields) {
            let (Some(field), Some(tag)) =
                (self.dataset.field(codes.column), self.catalogue.tags().get(codes.tag))
            else {
                continue;
            };
            let read: Vec<Read<usize>> = match codes.bands {
                Some(bands) => {
                    let code = |number| match bands.lowest().is_above(number) {
                        true => codes.other,
                        false => bands.code(number),
                    };
                    let numbers = numbers(table, field, array, self.as_of)?.into_iter();
                    numbers.map(|number| number.map(code)).collect()
                }
                None => {
                    let words = FieldWords::read(table, field, array)?;
                    let listed = |word: &str| tag.code(&field_word(&field.treatment, word)).ok_or(UNLISTED);
                    let code = |word: Cow<'_, str>| listed(&word).map_err(Some);
                    (0..array.len()).map(|row| words.word(row).and_then(code)).collect()
                }
            };
            for (code, (id, person)) in read.into_iter().zip(owners.ids.iter().zip(&owners.people)) {
                if let Err(Some(reason)) = code {
                    report.observe_unreadable_label(codes.column, reason);
                }
                let code = code.unwrap_or(codes.other);
                if codes.differing.add(*id, u32::try_from(code).unwrap_or(u32::MAX)) {
                    report.observe_differing(codes.column);
                }
                codes.observe(*person, code);
            }
        }
        Ok(())
    }

    /// What is known of the age of each person; empty if this dataset has no age or none was wanted. Once.
    pub(in crate::engine) fn take_ages(&mut self) -> Vec<AgeFact> {
        let born = self.born.take().map(|born| born.people).unwrap_or_default();
        born.into_iter().map(|fact| fact.unwrap_or(AgeFact::UNKNOWN)).collect()
    }

    /// Who has a row here. Once.
    pub(in crate::engine) fn take_present(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.present)
    }

    /// Every tag with its codes, and what holds their memory.
    pub(in crate::engine) fn finish(self) -> (impl Iterator<Item = (usize, Vec<usize>)>, Held) {
        let codes = self.tags.into_iter().map(|codes| {
            let other = codes.other;
            (codes.tag, codes.codes.into_iter().map(|code| code.unwrap_or(other)).collect())
        });
        (codes, self.held)
    }
}

impl Codes<'_> {
    /// Counts a row of a person, if it is anybody's who is known.
    fn observe(&mut self, person: Option<u32>, code: usize) {
        if let Some(slot) = person.and_then(|person| self.codes.get_mut(person as usize)) {
            *slot = Some(slot.filter(|known| *known != code).map_or(code, |_| self.other));
        }
    }
}

/// The value of a cell; the reason where it cannot be read, and `None` where it is empty.
type Read<T> = Result<T, Option<&'static str>>;

fn read<T>(cell: Cell<T>, reason: &'static str) -> Read<T> {
    match cell {
        Cell::Value(value) => Ok(value),
        Cell::Null => Err(None),
        Cell::Unreadable => Err(Some(reason)),
    }
}

const NO_NUMBER: &str = "not a whole number";
const UNLISTED: &str = "not one of the values that the tag lists";

/// The numbers of a field whose bands are a tag.
fn numbers(
    table: &Table,
    field: &Field,
    array: &ArrayRef,
    as_of: Timestamp,
) -> Result<Vec<Read<i64>>, ReadError> {
    if field.kind.is_age() {
        if table.tokenised.is_some() {
            let (file, column) = (table.name.clone(), field.column.clone());
            let found = "tokenised: each age as a band of the law".to_owned();
            let wanted = "a tag cuts this field into bands of its own: seal the raw file";
            return Err(ReadError::WrongType { file, column, found, wanted });
        }
        let ages = ages(&table.name, field, array, as_of, false)?;
        return Ok(ages.into_iter().map(|aged| aged.map_err(Some)?.number().ok_or(None)).collect());
    }
    let numbers = Column::numbers(&table.name, &field.column, array)?;
    let number = |row| read(numbers.number(row), NO_NUMBER).map(|number| field.treatment.number(number));
    Ok((0..array.len()).map(number).collect())
}

/// The cells of a field whose values are a tag, as words: one value has one word, however a file spells it.
struct FieldWords {
    column: Column,
    kind: FieldKind,
}

impl FieldWords {
    fn read(table: &Table, field: &Field, array: &ArrayRef) -> Result<Self, ReadError> {
        let (file, name) = (&table.name, &field.column);
        let column = match field.kind {
            FieldKind::Flag => Column::flags(file, name, array)?,
            FieldKind::Integer => Column::numbers(file, name, array)?,
            _ => Column::texts(file, name, array)?,
        };
        Ok(Self { column, kind: field.kind })
    }

    fn word(&self, row: usize) -> Read<Cow<'_, str>> {
        match self.kind {
            FieldKind::Flag => read(self.column.flag(row), "not true or false")
                .map(|flag| if flag == 1 { "true" } else { "false" }.into()),
            FieldKind::Integer => {
                read(self.column.number(row), NO_NUMBER).map(|number| number.to_string().into())
            }
            _ => self.column.text(row).map(Cow::Borrowed).ok_or(None),
        }
    }
}

/// The word of a field of people, coarsened as its field is declared; numbers are words here, too.
pub(in crate::engine) fn field_word<'a>(treatment: &Treatment, word: &'a str) -> Cow<'a, str> {
    match (treatment, word.trim().parse()) {
        (Treatment::Round(_), Ok(number)) => Cow::Owned(treatment.number(number).to_string()),
        _ => Cow::Borrowed(treatment.word(word)),
    }
}

impl Born<'_> {
    /// A cell that cannot be read, or that says something else than another row of theirs, leaves an age unknown; the former is
    /// counted for every row of the file.
    fn observe(
        &mut self,
        table: &Table,
        array: &ArrayRef,
        (owners, as_of): (&Owners, Timestamp),
        report: &mut FileReport,
    ) -> Result<(), ReadError> {
        let ages = ages(&table.name, self.field, array, as_of, table.tokenised.is_some())?;
        for (aged, (id, person)) in ages.into_iter().zip(owners.ids.iter().zip(&owners.people)) {
            if let Err(reason) = aged {
                report.observe_unreadable_age(&self.field.column, reason);
            }
            let fact = aged.map_or(AgeFact::UNKNOWN, |aged| aged.fact());
            if self.differing.add(*id, fact) {
                report.observe_differing(&self.field.column);
            }
            let Some(slot) = person.and_then(|person| self.people.get_mut(person as usize)) else { continue };
            *slot = Some(slot.map_or(fact, |known| known.and(fact)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
