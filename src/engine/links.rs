//! Links: which ids are one person's. Resolved before everything else over all rows, whoever is in, so that neighbours have
//! the same people.

use std::collections::BTreeSet;

use super::EngineError;
use super::hygiene::{FileHygiene, MaxBadRows};
use super::intern::{Interner, Namespace};
use super::read::{Column, Input, Use, Wanted, open};
use crate::policy::LinksTable;

/// The most ids of one namespace that one person may have where the study allows several.
const MOST_IDS: usize = 16;

/// Reads all links and tells the interner whose its ids are.
///
/// # Errors
/// [`EngineError`] for missing, damaged or too dirty files.
///
/// # Privacy
/// Each report is a function of its own dataset; what several tables make ambiguous together is told to nobody.
pub(super) fn resolve<'a>(
    tables: impl Iterator<Item = (&'a LinksTable, Vec<Input>)>,
    interner: &mut Interner,
    allowed: MaxBadRows,
) -> Result<Vec<FileHygiene>, EngineError> {
    let (mut all, mut reports) = (Vec::new(), Vec::new());
    for (table, files) in tables {
        let first = reports.len();
        let mut links = Links::new(table, interner);
        for file in files {
            reports.push(links.read(file, table, interner, allowed)?);
        }
        // Rows may repeat across files; they are counted with the dataset's first one.
        let duplicates = links.distinct();
        if let Some(report) = reports.get_mut(first) {
            report.duplicates = duplicates;
            report.used = report.used.saturating_sub(duplicates);
            report.ambiguous_ids = people(std::slice::from_ref(&links), interner.len()).ambiguous;
        }
        all.push(links);
    }
    interner.link(people(&all, interner.len()).of_ids);
    Ok(reports)
}

/// The rows of one links table: pairs of ids by number, the first of each in the first namespace.
struct Links {
    namespaces: [Namespace; 2],
    several: BTreeSet<Namespace>,
    pairs: Vec<(u32, u32)>,
}

impl Links {
    fn new(table: &LinksTable, interner: &mut Interner) -> Self {
        Self {
            namespaces: table.columns.each_ref().map(|column| interner.intern_namespace(&column.ids)),
            several: table.several.iter().map(|name| interner.intern_namespace(name)).collect(),
            pairs: Vec::new(),
        }
    }

    fn read(
        &mut self,
        input: Input,
        declared: &LinksTable,
        interner: &mut Interner,
        allowed: MaxBadRows,
    ) -> Result<FileHygiene, EngineError> {
        let names = declared.columns.each_ref().map(|column| column.column.as_str());
        let mut table = open(input, &names.map(|column| Wanted { column, used: Use::Required }))?;
        let mut report = FileHygiene::new(declared.name.as_str(), &table);
        let ([left, right], [left_ids, right_ids]) = (names, self.namespaces);
        let mut rows = 0;
        while let Some(batch) = table.next_batch()? {
            let [lefts, rights] = batch.columns() else { break };
            let lefts = Column::ids(&table.name, left, lefts)?;
            let rights = Column::ids(&table.name, right, rights)?;
            for row in 0..batch.num_rows() {
                let place = rows + row as u64;
                match (lefts.id(row), rights.id(row)) {
                    (None, _) => report.drop_row(place, left, "no id"),
                    (_, None) => report.drop_row(place, right, "no id"),
                    (Some(one), Some(other)) => {
                        let one = interner.intern_id(left_ids, &one)?;
                        self.pairs.push((one, interner.intern_id(right_ids, &other)?));
                    }
                }
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, allowed)
    }

    /// Drops repeated rows and says how many there were.
    fn distinct(&mut self) -> u64 {
        let before = self.pairs.len();
        self.pairs.sort_unstable();
        self.pairs.dedup();
        (before - self.pairs.len()) as u64
    }
}

/// Who the ids are.
struct People {
    /// For every id the smallest number among its person's ids.
    of_ids: Vec<u32>,
    /// How many ids are in ambiguous groups: each of them stays a person of its own.
    ambiguous: u64,
}

/// The people of these tables, for ids numbered `0..ids`: connected groups with one id a namespace, or several where that
/// is allowed. A function of the set of rows alone.
fn people(tables: &[Links], ids: usize) -> People {
    let mut groups = Groups { towards_first: (0..).take(ids).collect() };
    let mut linked = Vec::new();
    for Links { namespaces: [left, right], pairs, .. } in tables {
        for (one, other) in pairs {
            groups.unite(*one, *other);
            linked.extend([(*left, *one), (*right, *other)]);
        }
    }
    linked.sort_unstable();
    linked.dedup();
    let mut members: Vec<(u32, Namespace, u32)> =
        linked.into_iter().map(|(namespace, id)| (groups.first(id), namespace, id)).collect();
    members.sort_unstable();
    let may_repeat = |namespace| tables.iter().any(|table| table.several.contains(&namespace));
    let mut people = People { of_ids: (0..).take(ids).collect(), ambiguous: 0 };
    for group in members.chunk_by(|(group, ..), (other, ..)| group == other) {
        let mut namespaces = group.chunk_by(|(_, namespace, _), (_, other, _)| namespace == other);
        let is_person = namespaces.all(|ids| match ids {
            [_] => true,
            [(_, namespace, _), ..] => ids.len() <= MOST_IDS && may_repeat(*namespace),
            [] => false,
        });
        if !is_person {
            people.ambiguous += group.len() as u64;
            continue;
        }
        for (first, _, id) in group {
            if let Some(person) = people.of_ids.get_mut(*id as usize) {
                *person = *first;
            }
        }
    }
    people
}

/// Which ids hang together; each group is known by its smallest number.
struct Groups {
    /// An id of the same group with a smaller number, or itself.
    towards_first: Vec<u32>,
}

impl Groups {
    fn next(&self, id: u32) -> u32 {
        self.towards_first.get(id as usize).copied().unwrap_or(id)
    }

    fn first(&mut self, mut id: u32) -> u32 {
        while self.next(id) != id {
            // Halves the path for whoever comes this way again.
            let after = self.next(self.next(id));
            if let Some(next) = self.towards_first.get_mut(id as usize) {
                *next = after;
            }
            id = after;
        }
        id
    }

    fn unite(&mut self, one: u32, other: u32) {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(next) = self.towards_first.get_mut(one.max(other) as usize) {
            *next = one.min(other);
        }
    }
}
