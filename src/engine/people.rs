//! Declared fields of people -> codes of closed lists.

use std::borrow::Cow;

use arrow_array::{Array as _, ArrayRef};

use super::EngineError;
use super::ages::ages;
use super::hygiene::FileHygiene;
use super::intern::Interner;
use super::read::{Cell, Column, Ids, Input, OpenTerms, ReadError, Table, Use, Wanted, open};
use super::reading::Reading;
use crate::consent::AgeFact;
use crate::deidentify::Treatment;
use crate::policy::{Dataset, Field, FieldKind};
use crate::tags::{Bands, Catalogue, TagSource};
use crate::types::Timestamp;

/// The code of one tag for everybody. Rows of one person that disagree make her `other`, in whatever order they come.
struct Codes<'a> {
    tag: usize,
    column: &'a str,
    /// The bands of its numbers; without them words are listed.
    bands: Option<&'a Bands>,
    codes: Vec<Option<usize>>,
    other: usize,
}

/// What her own rows say about the age of everybody; `None` for whom no row was read yet.
struct Born<'a> {
    field: &'a Field,
    people: Vec<Option<AgeFact>>,
}

/// The field tags of one people dataset, and ages if it has them.
pub(super) struct People<'a> {
    dataset: &'a Dataset,
    catalogue: &'a Catalogue,
    as_of: Timestamp,
    tags: Vec<Codes<'a>>,
    born: Option<Born<'a>>,
    /// Who has a row.
    present: Vec<bool>,
}

impl<'a> People<'a> {
    /// The tags over `dataset`, for people numbered `0..people`. An age is decoded only if somebody asks for it.
    pub(super) fn new(
        dataset: &'a Dataset,
        catalogue: &'a Catalogue,
        (people, as_of): (usize, Timestamp),
        read_ages: bool,
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
            Some(Codes { tag, column, bands, codes: vec![None; people], other })
        });
        let born = dataset.age_field().filter(|_| read_ages);
        let born = born.map(|field| Born { field, people: vec![None; people] });
        Self { dataset, catalogue, as_of, tags: tags.collect(), born, present: vec![false; people] }
    }

    /// The columns that are read after the owner's: those of the tags, then that of ages.
    fn read_columns(&self) -> Vec<&'a str> {
        let ages = self.born.iter().map(|born| born.field.column.as_str());
        self.tags.iter().map(|codes| codes.column).chain(ages).collect()
    }

    /// Reads one file.
    pub(super) fn read(
        &mut self,
        input: Input,
        interner: &Interner,
        reading: &Reading,
    ) -> Result<FileHygiene, EngineError> {
        let owner = self.dataset.owner.as_str();
        let read = self.read_columns();
        let mut wanted = vec![Wanted { column: owner, used: Use::Required }];
        wanted.extend(read.iter().map(|column| Wanted { column, used: Use::Required }));
        let unread = self.dataset.fields.iter().filter(|field| !read.contains(&field.column.as_str()));
        wanted.extend(unread.map(|field| Wanted { column: &field.column, used: Use::Declared }));
        wanted.extend(Wanted::dropped(self.dataset));
        let mut table = open(input, OpenTerms { csv: &self.dataset.csv, ..OpenTerms::new(&wanted) })?;
        let mut report = FileHygiene::new(self.dataset.name.as_str(), &table);
        let namespace = interner.namespace(&self.dataset.ids);
        let mut rows = 0;
        while let Some(batch) = table.next_batch()? {
            reading.heard(batch.num_rows());
            let Some((owners, fields)) = batch.columns().split_first() else { break };
            let owners = Ids::read(&table.name, owner, owners, table.tokenised.is_some(), self.dataset.form)?;
            report.observe_ids(rows, owner, &owners);
            for row in 0..batch.num_rows() {
                if owners.id(row).is_none() {
                    report.drop_row(rows + row as u64, owner, owners.why_none(row, "no owner"));
                }
            }
            let numbers = (0..batch.num_rows()).map(|row| interner.find(namespace?, &owners.id(row)?));
            let people: Vec<Option<u32>> = numbers.collect();
            for person in people.iter().flatten() {
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
            self.observe_tags(&table, tags, &people, &mut report)?;
            if let (Some(born), Some(array)) = (&mut self.born, ages.first()) {
                born.observe(&table, array, (&people, self.as_of), &mut report)?;
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, reading.max_bad_rows)
    }

    /// Codes of the tags, row by row; a value that cannot be read or is on no list counts for every row, and its label is `other`.
    fn observe_tags(
        &mut self,
        table: &Table,
        fields: &[ArrayRef],
        people: &[Option<u32>],
        report: &mut FileHygiene,
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
            for (code, person) in read.into_iter().zip(people) {
                if let Err(Some(reason)) = code {
                    report.observe_unreadable_label(codes.column, reason);
                }
                codes.observe(*person, code.unwrap_or(codes.other));
            }
        }
        Ok(())
    }

    /// What is known of the age of everybody; nobody's if this dataset does not say or nobody asked. Once.
    pub(super) fn take_ages(&mut self) -> Vec<AgeFact> {
        let born = self.born.take().map(|born| born.people).unwrap_or_default();
        born.into_iter().map(|fact| fact.unwrap_or(AgeFact::UNKNOWN)).collect()
    }

    /// Who has a row here. Once.
    pub(super) fn take_present(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.present)
    }

    /// Every tag with its codes.
    pub(super) fn finish(self) -> impl Iterator<Item = (usize, Vec<usize>)> {
        self.tags.into_iter().map(|codes| {
            let other = codes.other;
            (codes.tag, codes.codes.into_iter().map(|code| code.unwrap_or(other)).collect())
        })
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
pub(super) fn field_word<'a>(treatment: &Treatment, word: &'a str) -> Cow<'a, str> {
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
        (people, as_of): (&[Option<u32>], Timestamp),
        report: &mut FileHygiene,
    ) -> Result<(), ReadError> {
        let ages = ages(&table.name, self.field, array, as_of, table.tokenised.is_some())?;
        for (aged, person) in ages.into_iter().zip(people) {
            if let Err(reason) = aged {
                report.observe_unreadable_age(&self.field.column, reason);
            }
            let Some(slot) = person.and_then(|person| self.people.get_mut(person as usize)) else { continue };
            let fact = aged.map_or(AgeFact::UNKNOWN, |aged| aged.fact());
            *slot = Some(slot.map_or(fact, |known| known.and(fact)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch, RecordBatchIterator, StringArray};
    use arrow_schema::{Field, Schema};

    use super::super::{Sources, build};
    use super::*;
    use crate::policy::{Decision, Regime, Study, decide};
    use crate::population::{Population, PopulationConfig};
    use crate::types::Secret;

    const DEMO: &str = include_str!("../../policies/demo/study.toml");
    const DECLARED: &str = "age = \"declared-adults\"";

    fn study(replaced: &[(&str, &str)]) -> Study {
        let text = replaced.iter().fold(DEMO.to_owned(), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        Study::parse("study.toml", &text).unwrap()
    }

    fn table(name: &str, columns: &[(&str, ArrayRef)]) -> Input {
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
        Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
    }

    #[test]
    fn an_age_is_what_all_rows_of_a_person_say() {
        let ids = ["a", "b", "b", "c", "c", "d", "e", "f", "g", "a"];
        let years = [1990, 2013, 2011, 1990, 0, 1990, 1990, 1990, 1990, 1990];
        let years: Int64Array = years.into_iter().map(|year| (year > 0).then_some(year)).collect();
        let texts = ["1990", "2013", "2011", "1990", "", "born", "19 90", "1990.0", "1990", "1990"];
        let bands = ["18+", "<14", "14-17", "18+", "", "adult", "18 +", "18", "18+", "18+"];
        let columns: [(&str, ArrayRef); 3] = [
            ("birth-year", Arc::new(years)),
            ("birth-year", Arc::new(StringArray::from(texts.to_vec()))),
            ("age-band", Arc::new(StringArray::from(bands.to_vec()))),
        ];
        for (position, (kind, column)) in columns.into_iter().enumerate() {
            let field = format!("born = \"{kind}\", region = \"text\"");
            let study = study(&[("region = \"text\"", &field)]);
            let members = study.dataset(&"members".parse().unwrap()).unwrap();
            let mut interner = Interner::default();
            let phone = interner.intern_namespace("phone");
            for id in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                interner.intern(phone, &super::super::read::Id::Text(id)).unwrap();
            }
            let mut people = People::new(
                members,
                &study.catalogue,
                (interner.len(), Timestamp::from_seconds(1_790_812_800)),
                true,
            );
            let owners: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
            let regions: ArrayRef = Arc::new(StringArray::from(vec!["east"; ids.len()]));
            let input = table("members", &[("born", column), ("user", owners), ("region", regions)]);
            people.read(input, &interner, &Reading::default()).unwrap();
            let known =
                if kind == "birth-year" { AgeFact::from_birth_year(1990) } else { AgeFact::from_band("18+") };
            let found = people.take_ages();
            let known: Vec<bool> = found.iter().map(|fact| *fact == known).collect();
            let numbers = position == 0;
            assert_eq!(
                known,
                [true, false, false, numbers, numbers, numbers, true, false],
                "{kind} {position}"
            );
            assert!([1, 2, 7].iter().all(|person| found[*person] == AgeFact::UNKNOWN), "{kind} {position}");
        }
    }

    /// The people of a table read under a study in which `members` has one field `born`, and the report of the file.
    fn read(declared: &str, tags: &str, born: ArrayRef) -> (Vec<AgeFact>, Vec<Vec<usize>>, FileHygiene) {
        let field = format!("born = {declared}, region = \"text\"");
        let study = study(&[
            ("region = \"text\"", &field),
            ("[tags.region]", &format!("{tags}\n[tags.region]")),
            ("[tag_sets]", "[tag_sets]\nbanded = [\"region\"]"),
        ]);
        let members = study.dataset(&"members".parse().unwrap()).unwrap();
        let mut interner = Interner::default();
        let phone = interner.intern_namespace("phone");
        let ids: Vec<String> = (0..born.len()).map(|person| format!("p{person}")).collect();
        for id in &ids {
            interner.intern(phone, &super::super::read::Id::Text(id)).unwrap();
        }
        let mut people = People::new(members, &study.catalogue, (ids.len(), as_of()), true);
        let regions: ArrayRef = Arc::new(StringArray::from(vec!["east"; ids.len()]));
        let owners: ArrayRef = Arc::new(StringArray::from(ids));
        let input = table("members", &[("user", owners), ("born", born), ("region", regions)]);
        let report = people.read(input, &interner, &Reading::default()).unwrap();
        let ages = people.take_ages();
        (ages, people.finish().map(|(_, codes)| codes).collect(), report)
    }

    fn as_of() -> Timestamp {
        Timestamp::parse("2026-10-01T00:00:00Z").unwrap()
    }

    fn bands(facts: &[AgeFact]) -> Vec<String> {
        facts.iter().map(|fact| fact.band(14, 18, as_of()).unwrap_or_default()).collect()
    }

    fn words(words: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(words.to_vec()))
    }

    #[test]
    fn years_of_birth_are_read_from_dates_and_what_is_none_is_counted() {
        let texts = [
            "1990",
            "1990-05-17",
            "1990/5/17 00:00:00",
            " 2008 ",
            "2012-01-01",
            "1990.0",
            "90",
            "19900517",
            "",
            "2027",
            "1989-12-31T16:00:00Z",
        ];
        let (facts, _, report) = read("\"birth-year\"", "", words(&texts));
        assert_eq!(bands(&facts), ["18+", "18+", "18+", "14-17", "<14", "", "", "", "", "", "18+"]);
        let counted: Vec<(&str, u64)> =
            report.unreadable_ages["born"].iter().map(|(why, count)| (*why, *count)).collect();
        let fraction = "a year or an age with a fraction, such as 1990.0";
        assert_eq!(counted, [(fraction, 1), ("no age", 1), ("not a year or a date of birth", 3)]);
        assert_eq!((report.rows, report.used), (11, 11), "these rows are used all the same");
        // The year of a date is the latest that it can be: nobody is older than they are.
        let day = |text: &str| i32::try_from(Timestamp::parse(text).unwrap().seconds() / 86_400).unwrap();
        let dates =
            arrow_array::Date32Array::from(vec![day("2007-12-31T00:00:00Z"), day("2008-01-01T00:00:00Z")]);
        let (facts, _, _) = read("\"birth-year\"", "", Arc::new(dates));
        assert_eq!(bands(&facts), ["18+", "14-17"]);
        let eve = Timestamp::parse("2007-12-31T16:00:00Z").unwrap().seconds();
        let local = arrow_array::TimestampSecondArray::from(vec![eve]);
        let zoned = local.clone().with_timezone("UTC");
        assert_eq!(bands(&read("\"birth-year\"", "", Arc::new(local)).0), ["18+"]);
        assert_eq!(bands(&read("\"birth-year\"", "", Arc::new(zoned)).0), ["14-17"], "2008 in Shanghai");
    }

    #[test]
    fn ages_are_those_of_as_of_or_of_a_later_declared_day() {
        let texts = ["13", "14", "17", "18", "130", "-1", "18.0", "adult", ""];
        let (facts, _, report) = read("\"age\"", "", words(&texts));
        assert_eq!(bands(&facts), ["<14", "14-17", "14-17", "18+", "", "", "", "", ""]);
        assert_eq!(report.unreadable_ages["born"].values().sum::<u64>(), 5);
        let ages = |on: &str| {
            let declared = format!("{{ type = \"age\", on = {on} }}");
            bands(&read(&declared, "", Arc::new(Int64Array::from(vec![17, 18, 19, 20]))).0)
        };
        assert_eq!(ages("2020-01-01"), ["14-17", "18+", "18+", "18+"], "nobody is older than was stated");
        assert_eq!(ages("2026-12-01"), ["14-17", "14-17", "18+", "18+"]);
        assert_eq!(ages("2027-12-01"), ["14-17", "14-17", "14-17", "18+"]);
    }

    #[test]
    fn labels_stand_for_the_bands_that_the_study_says() {
        let declared = "{ type = \"age-band\", bands = { \"20s\" = \"20-29\", \"under 18\" = \"<14\", teens = \"13-19\" } }";
        let (facts, _, report) =
            read(declared, "", words(&["20s", "under 18", "18+", "30-39", "teens", "30s", ""]));
        assert_eq!(bands(&facts), ["18+", "<14", "18+", "18+", "", "", ""]);
        let counted: Vec<u64> = report.unreadable_ages["born"].values().copied().collect();
        assert_eq!(counted, [1, 1], "a band that crosses a threshold is read, and nobody's who may be in");
    }

    #[test]
    fn bands_cut_numbers_of_people_and_nobody_without_one() {
        let tag = |bands: &str| format!("[tags.banded]\nfield = \"members.born\"\nbands = {bands}");
        let codes = |declared: &str, bands: &str, array: ArrayRef| {
            let (_, codes, _) = read(declared, &tag(bands), array);
            codes.into_iter().max_by_key(|codes| codes.iter().max().copied()).unwrap()
        };
        let ages = "{ child = 0, adult = 18, older = 30 }";
        let numbers = || -> ArrayRef {
            Arc::new(Int64Array::from(vec![
                Some(0),
                Some(17),
                Some(18),
                Some(29),
                Some(30),
                Some(200),
                Some(-1),
                None,
            ]))
        };
        assert_eq!(codes("{ type = \"integer\" }", ages, numbers()), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(codes("{ type = \"integer\", round = 20 }", ages, numbers()), [0, 0, 0, 1, 1, 2, 3, 3]);
        assert_eq!(codes("\"age\"", ages, numbers()), [0, 0, 1, 1, 2, 3, 3, 3], "nobody is 200");
        let decades = "{ before = 1900, eighties = 1980, nineties = 1990 }";
        let born = words(&["1979", "1980-02-29", "1995", "1995.0", "", "1899"]);
        assert_eq!(codes("\"birth-year\"", decades, born), [0, 1, 2, 3, 3, 3]);
    }

    /// Promise: one value has one label in every spelling and column type, and a value that cannot be read is counted.
    #[test]
    fn a_value_has_one_label_however_it_is_spelled() {
        let read = |declared: &str, values: &str, array: ArrayRef| {
            let (_, codes, report) =
                read(declared, &format!("[tags.listed]\nfield = \"members.born\"\nvalues = {values}"), array);
            let codes = codes.into_iter().max_by_key(|codes| codes.iter().max().copied()).unwrap();
            let counted: Vec<_> = report.unreadable_labels.get("born").into_iter().flatten().collect();
            (codes, counted.into_iter().map(|(reason, rows)| (*reason, *rows)).collect::<Vec<_>>())
        };
        let texts = words(&["true", "True", "1", "yes", "FALSE", "no", "0", "maybe", "", "2"]);
        let expected = (vec![0, 0, 0, 0, 1, 1, 1, 2, 2, 2], vec![("not true or false", 2)]);
        assert_eq!(read("\"flag\"", "[\"true\", \"false\"]", texts), expected);
        let booleans = Arc::new(arrow_array::BooleanArray::from(vec![Some(true), Some(false), None]));
        assert_eq!(read("\"flag\"", "[\"true\", \"false\"]", booleans), (vec![0, 1, 2], vec![]));
        let numbers = words(&["5", "+5", " 7", "007", "5.0", "x", "9", ""]);
        let expected = (vec![0, 0, 1, 1, 2, 2, 2, 2], vec![("not a whole number", 2), (UNLISTED, 1)]);
        assert_eq!(read("\"integer\"", "[\"5\", \"7\"]", numbers), expected);
        let decimals = arrow_array::Decimal128Array::from(vec![5, 7, 9]).with_precision_and_scale(20, 0);
        let decimals = Arc::new(decimals.unwrap());
        assert_eq!(read("\"integer\"", "[\"5\", \"7\"]", decimals), (vec![0, 1, 2], vec![(UNLISTED, 1)]));
    }

    #[test]
    fn contradictions_of_ages_and_bands_are_refused() {
        let refused = |replaced: &[(&str, &str)]| {
            let text = replaced.iter().fold(DEMO.to_owned(), |text, (old, new)| text.replace(old, new));
            Study::parse("study.toml", &text).unwrap_err().to_string()
        };
        let field = |declared: &str| {
            refused(&[("region = \"text\"", &format!("region = \"text\", born = {declared}"))])
        };
        for (declared, says) in [
            ("{ type = \"age-band\", bands = { \"18+\" = \"20-29\" } }", "is a band of ages itself"),
            ("{ type = \"age-band\", bands = { young = \"teens\" } }", "`young` is no band of ages"),
            ("{ type = \"text\", bands = { young = \"<14\" } }", "belongs to fields of type age-band"),
            ("{ type = \"birth-year\", on = 2026-01-01 }", "`on` belongs to fields of type age"),
            ("\"age\", old = \"birth-year\"", "at most one field of type age"),
        ] {
            let error = field(declared);
            assert!(error.contains(says), "{error}");
        }
        let tag = |body: &str| {
            refused(&[(
                "[tags.region]",
                &format!("[tags.banded]\nfield = \"members.region\"\n{body}\n[tags.region]"),
            )])
        };
        assert!(tag("bands = { low = 0 }").contains("or a field of type integer, birth-year or age"));
        assert!(tag("bands = { low = 0 }\nvalues = [\"a\"]").contains("either `values`"));
        assert!(
            tag("values = [\"a\"]\nabsent = \"none\"").contains("`absent` belongs to a tag of a measure")
        );
    }

    /// How many people of a made-up population are in.
    fn inside(study: &Study, config: &PopulationConfig) -> u64 {
        let regime = Regime::built_in(&study.regime).unwrap();
        let Decision::Permit(flow) = decide(study, &regime, &study.recipients[0], config.as_of) else {
            panic!("the study is permitted");
        };
        let flows = [(study.recipients[0].id.clone(), flow.demand().clone())];
        let people = Population::new(config.clone()).unwrap();
        let table = |name: &str, reader| (name.parse().unwrap(), Input::Reader(name.into(), reader));
        let sources = Sources {
            data: vec![
                table("follows", people.follows()),
                table("payments", people.payments()),
                table("members", people.members()),
            ],
            consents: vec![Input::Reader("consents".into(), people.consents())],
        };
        let key = Secret::new([9; 32]);
        let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
        let (built, _) = build(study, &flows, sources, config.as_of, &key, &reading).unwrap();
        let (counts, _) = built[0].cubes[0].reveal_in_test().cells_in_test();
        counts.iter().step_by(study.catalogue.columns().counts).sum()
    }

    #[test]
    fn who_is_an_adult_by_her_record_is_in_and_who_is_not_is_out() {
        let config = PopulationConfig {
            people: 300,
            follows_per_person: 2,
            payments_per_person: 1,
            ..Default::default()
        };
        let declared = inside(&study(&[]), &config);
        assert!(declared > 200, "{declared}");
        let born = "birth_year = \"birth-year\", region = \"text\"";
        let read = study(&[(DECLARED, ""), ("region = \"text\"", born)]);
        // Everybody made up is 19 or older by the calendar year, so 18 at least.
        assert_eq!(inside(&read, &config), declared);
        // A declaration makes the column one that nobody reads.
        assert_eq!(inside(&study(&[("region = \"text\"", born)]), &config), declared);
        let words = "region = \"age-band\"";
        let unknown = study(&[
            (DECLARED, ""),
            ("region = \"text\"", words),
            ("[tags.region]\nfield = \"members.region\"", "[tags.region]\nfield = \"members.birth_year\""),
            ("fields = { region", "fields = { birth_year = \"integer\", region"),
        ]);
        assert_eq!(inside(&unknown, &config), 0, "a region is no age");
    }
}
