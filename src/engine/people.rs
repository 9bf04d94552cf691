//! Declared fields of people -> codes of closed lists.

use std::borrow::Cow;

use arrow_array::ArrayRef;

use super::EngineError;
use super::hygiene::FileHygiene;
use super::intern::Interner;
use super::read::{Cell, Column, Ids, Input, OpenTerms, ReadError, Table, Use, Wanted, open};
use super::reading::Reading;
use crate::consent::AgeFact;
use crate::deidentify::Treatment;
use crate::policy::{Dataset, Field, FieldKind};
use crate::tags::{Catalogue, TagSource};

/// The code of one tag for everybody. Rows of one person that disagree make her `other`, in whatever order they come.
struct Codes<'a> {
    tag: usize,
    column: &'a str,
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
        people: usize,
        read_ages: bool,
    ) -> Self {
        let tags =
            catalogue.tags().iter().enumerate().filter_map(|(tag, declared)| match declared.source() {
                TagSource::Field { dataset: of, field, values } if *of == dataset.name => {
                    Some(Codes { tag, column: field, codes: vec![None; people], other: values.len() })
                }
                TagSource::Field { .. } | TagSource::Banded { .. } => None,
            });
        let born = dataset.age_field().filter(|_| read_ages);
        let born = born.map(|field| Born { field, people: vec![None; people] });
        Self { dataset, catalogue, tags: tags.collect(), born, present: vec![false; people] }
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
            self.hear_tags(&table, tags, &people)?;
            if let (Some(born), Some(array)) = (&mut self.born, ages.first()) {
                born.hear(&table, array, &people)?;
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, reading.max_bad_rows)
    }

    fn hear_tags(
        &mut self,
        table: &Table,
        fields: &[ArrayRef],
        people: &[Option<u32>],
    ) -> Result<(), ReadError> {
        for (codes, array) in self.tags.iter_mut().zip(fields) {
            let words = Column::texts(&table.name, codes.column, array)?;
            let Some(tag) = self.catalogue.tags().get(codes.tag) else { continue };
            let treatment = self.dataset.field(codes.column).map(|field| &field.treatment);
            let treated =
                |word| treatment.map_or(Cow::Borrowed(word), |treatment| field_word(treatment, word));
            for (row, person) in people.iter().enumerate() {
                if let Some(slot) = person.and_then(|person| codes.codes.get_mut(person as usize)) {
                    let code = words.text(row).and_then(|word| tag.code(&treated(word)));
                    let code = code.unwrap_or(codes.other);
                    *slot = Some(slot.filter(|known| *known != code).map_or(code, |_| codes.other));
                }
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

/// The word of a field of people, coarsened as its field is declared; numbers are words here, too.
pub(super) fn field_word<'a>(treatment: &Treatment, word: &'a str) -> Cow<'a, str> {
    match (treatment, word.trim().parse()) {
        (Treatment::Round(_), Ok(number)) => Cow::Owned(treatment.number(number).to_string()),
        _ => Cow::Borrowed(treatment.word(word)),
    }
}

impl Born<'_> {
    /// A cell that cannot be read, or that says something else than another row of hers, leaves her age unknown.
    fn hear(&mut self, table: &Table, array: &ArrayRef, people: &[Option<u32>]) -> Result<(), ReadError> {
        let name = &self.field.column;
        // A tokenised file holds the band that stands for the year.
        let is_year = self.field.kind == FieldKind::BirthYear && table.tokenised.is_none();
        let cells = if is_year { Column::numbers } else { Column::texts }(&table.name, name, array)?;
        for (row, person) in people.iter().enumerate() {
            let Some(slot) = person.and_then(|person| self.people.get_mut(person as usize)) else { continue };
            let fact = match (is_year, cells.text(row)) {
                (true, _) => match cells.number(row) {
                    Cell::Value(year) => AgeFact::from_birth_year(year),
                    Cell::Null | Cell::Unreadable => AgeFact::UNKNOWN,
                },
                (false, Some(word)) => AgeFact::from_band(word),
                (false, None) => AgeFact::UNKNOWN,
            };
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
            let mut people = People::new(members, &study.catalogue, interner.len(), true);
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
