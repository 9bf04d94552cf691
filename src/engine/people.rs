//! Declared fields of people -> codes of closed lists.

use super::EngineError;
use super::hygiene::{FileHygiene, MaxBadRows};
use super::intern::Interner;
use super::read::{Column, Input, Use, Wanted, open};
use crate::policy::Dataset;
use crate::tags::{Catalogue, TagSource};

/// The code of one tag for everybody. Rows of one person that disagree make her `other`, in whatever order they come.
struct Codes<'a> {
    tag: usize,
    column: &'a str,
    codes: Vec<Option<usize>>,
    other: usize,
}

/// The field tags of one people dataset.
pub(super) struct People<'a> {
    dataset: &'a Dataset,
    catalogue: &'a Catalogue,
    tags: Vec<Codes<'a>>,
}

impl<'a> People<'a> {
    /// The tags over `dataset`, for people numbered `0..people`.
    pub(super) fn new(dataset: &'a Dataset, catalogue: &'a Catalogue, people: usize) -> Self {
        let tags =
            catalogue.tags().iter().enumerate().filter_map(|(tag, declared)| match declared.source() {
                TagSource::Field { dataset: of, field, values } if *of == dataset.name => {
                    Some(Codes { tag, column: field, codes: vec![None; people], other: values.len() })
                }
                TagSource::Field { .. } | TagSource::Banded { .. } => None,
            });
        Self { dataset, catalogue, tags: tags.collect() }
    }

    /// Reads one file.
    pub(super) fn read(
        &mut self,
        input: Input,
        interner: &Interner,
        allowed: MaxBadRows,
    ) -> Result<FileHygiene, EngineError> {
        let owner = self.dataset.owner.as_str();
        let mut wanted = vec![Wanted { column: owner, used: Use::Required }];
        wanted.extend(self.tags.iter().map(|codes| Wanted { column: codes.column, used: Use::Required }));
        let unread =
            self.dataset.fields.iter().filter(|f| !self.tags.iter().any(|codes| codes.column == f.column));
        wanted.extend(unread.map(|field| Wanted { column: &field.column, used: Use::Declared }));
        let mut table = open(input, &wanted)?;
        let mut report = FileHygiene::new(self.dataset.name.as_str(), &table);
        let mut rows = 0;
        while let Some(batch) = table.next_batch()? {
            let Some((owners, fields)) = batch.columns().split_first() else { break };
            let owners = Column::ids(&table.name, owner, owners)?;
            for row in 0..batch.num_rows() {
                if owners.id(row).is_none() {
                    report.drop_row(rows + row as u64, owner, "no owner");
                }
            }
            for (codes, array) in self.tags.iter_mut().zip(fields) {
                let words = Column::texts(&table.name, codes.column, array)?;
                let Some(tag) = self.catalogue.tags().get(codes.tag) else { continue };
                for row in 0..batch.num_rows() {
                    let person =
                        owners.id(row).and_then(|id| interner.find(&id)).map(|person| person as usize);
                    if let Some(slot) = person.and_then(|person| codes.codes.get_mut(person)) {
                        let code = words.text(row).and_then(|word| tag.code(word)).unwrap_or(codes.other);
                        *slot = Some(slot.filter(|known| *known != code).map_or(code, |_| codes.other));
                    }
                }
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, allowed)
    }

    /// Every tag with its codes.
    pub(super) fn finish(self) -> impl Iterator<Item = (usize, Vec<usize>)> {
        self.tags.into_iter().map(|codes| {
            let other = codes.other;
            (codes.tag, codes.codes.into_iter().map(|code| code.unwrap_or(other)).collect())
        })
    }
}
