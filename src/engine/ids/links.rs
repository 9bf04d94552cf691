//! Links: which ids are one person's. Resolved before everything else over all rows, independent of coverage, so that neighbours have
//! the same people.

use std::collections::BTreeSet;

use super::intern::{Interner, Namespace};
use crate::engine::error::EngineError;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::{Ids, Input, OpenTerms, Use, Wanted, open};
use crate::policy::LinksTable;

/// The most ids of one namespace that one person may have where the study allows several.
const MOST_IDS: usize = 16;

/// Reads all links and gives the interner the person of each id.
///
/// # Errors
/// [`EngineError`] for missing, damaged or too dirty files.
///
/// # Privacy
/// Each report is a function of its own dataset; what several tables make ambiguous together is reported nowhere.
pub(in crate::engine) fn resolve<'a>(
    tables: impl Iterator<Item = (&'a LinksTable, Vec<Input>)>,
    interner: &mut Interner,
    reading: &Reading,
) -> Result<Vec<FileReport>, EngineError> {
    let (mut all, mut reports) = (Vec::new(), Vec::new());
    for (table, files) in tables {
        let first = reports.len();
        let mut links = Links::new(table, interner);
        for file in files {
            reports.push(links.read(file, table, interner, reading)?);
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
        reading: &Reading,
    ) -> Result<FileReport, EngineError> {
        let names = declared.columns.each_ref().map(|column| column.column.as_str());
        let wanted = names.map(|column| Wanted { column, used: Use::Required });
        let mut table = open(input, OpenTerms { csv: &declared.csv, ..OpenTerms::new(&wanted) })?;
        let mut report = FileReport::new(declared.name.as_str(), &table);
        let ([left, right], [left_ids, right_ids]) = (names, self.namespaces);
        let (tokenised, mut rows) = (table.tokenised.is_some(), 0);
        while let Some(batch) = table.next_batch()? {
            reading.count_rows(batch.num_rows())?;
            let [lefts, rights] = batch.columns() else { break };
            let [left_form, right_form] = declared.columns.each_ref().map(|column| column.form);
            let lefts = Ids::read(&table.name, left, lefts, tokenised, left_form)?;
            let rights = Ids::read(&table.name, right, rights, tokenised, right_form)?;
            report.observe_ids(rows, left, &lefts);
            report.observe_ids(rows, right, &rights);
            for row in 0..batch.num_rows() {
                let place = rows + row as u64;
                match (lefts.id(row), rights.id(row)) {
                    (None, _) => report.drop_row(place, left, lefts.why_none(row, "no id")),
                    (_, None) => report.drop_row(place, right, rights.why_none(row, "no id")),
                    (Some(one), Some(other)) => {
                        let one = interner.intern_id(left_ids, &one)?;
                        self.pairs.push((one, interner.intern_id(right_ids, &other)?));
                    }
                }
            }
            rows += batch.num_rows() as u64;
        }
        report.finish(rows, reading.max_bad_rows)
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
            // Halves the path for the next look-up on this path.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, RecordBatchIterator, StringArray};

    use super::*;
    use crate::deidentify::Form;
    use crate::engine::read::Id;
    use crate::policy::IdColumn;
    use crate::types::CsvDialect;

    /// A declared table between two namespaces; each column is called as its namespace.
    fn table(namespaces: [&str; 2], several: &[&str]) -> LinksTable {
        LinksTable {
            name: "links".parse().unwrap(),
            handler: "platform".parse().unwrap(),
            category: "profile".into(),
            columns: namespaces.map(|ids| IdColumn { column: ids.into(), ids: ids.into(), form: Form::AsIs }),
            several: several.iter().map(|name| (*name).to_owned()).collect(),
            csv: CsvDialect::default(),
        }
    }

    fn file(table: &LinksTable, rows: &[[&str; 2]]) -> Input {
        let columns = [0, 1].map(|side| {
            let cells = StringArray::from(rows.iter().map(|row| row[side]).collect::<Vec<_>>());
            (table.columns[side].column.as_str(), Arc::new(cells) as ArrayRef)
        });
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let schema = batch.schema();
        Input::Reader("made up".into(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
    }

    /// Everybody who has several ids, each id as its namespace and its spelling; and the reports.
    fn resolved(tables: &[(&LinksTable, &[&[[&str; 2]]])]) -> (Vec<Vec<String>>, Vec<FileReport>) {
        let mut interner = Interner::default();
        let inputs = tables
            .iter()
            .map(|(table, files)| (*table, files.iter().map(|rows| file(table, rows)).collect::<Vec<_>>()));
        let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
        let reports = resolve(inputs, &mut interner, &reading).unwrap();
        let mut people = BTreeMap::<u32, BTreeSet<String>>::new();
        for (table, files) in tables {
            for (row, side) in files.concat().iter().flat_map(|row| [(row, 0), (row, 1)]) {
                let namespace = table.columns[side].ids.as_str();
                let id = row[side].parse().map_or(Id::Text(row[side]), Id::Number);
                let Some(person) = interner.find(interner.namespace(namespace).unwrap(), &id) else {
                    continue;
                };
                people.entry(person).or_default().insert(format!("{namespace} {}", row[side]));
            }
        }
        let several = people.into_values().filter(|ids| ids.len() > 1);
        let mut several: Vec<Vec<String>> = several.map(|ids| ids.into_iter().collect()).collect();
        several.sort();
        (several, reports)
    }

    fn one(several: &[&str], rows: &[[&str; 2]]) -> (Vec<Vec<String>>, FileReport) {
        let (people, mut reports) = resolved(&[(&table(["phone", "card"], several), &[rows])]);
        (people, reports.remove(0))
    }

    #[test]
    fn one_id_of_each_namespace_is_one_person_also_where_they_are_spelled_alike() {
        let (people, report) = one(&[], &[["1", "a"], ["2", "1"], ["7", "7"], ["8", "2"]]);
        let expected =
            [["card 1", "phone 2"], ["card 2", "phone 8"], ["card 7", "phone 7"], ["card a", "phone 1"]];
        assert_eq!(people, expected);
        assert_eq!((report.rows, report.used, report.duplicates, report.ambiguous_ids), (4, 4, 0, 0));
    }

    #[test]
    fn two_ids_on_one_side_are_one_person_only_where_the_study_says_so() {
        let rows = [["1", "a"], ["1", "b"], ["2", "c"]];
        let (people, report) = one(&[], &rows);
        assert_eq!((people, report.ambiguous_ids), (vec![vec!["card c".into(), "phone 2".into()]], 3));
        let (people, report) = one(&["phone"], &rows);
        assert_eq!((people.len(), report.ambiguous_ids), (1, 3));
        let (people, report) = one(&["card"], &rows);
        assert_eq!(people, [vec!["card a", "card b", "phone 1"], vec!["card c", "phone 2"]]);
        assert_eq!(report.ambiguous_ids, 0);
    }

    #[test]
    fn two_persons_on_one_id_are_no_one_together() {
        // Persons 1 and 2 share card a; both hang together with everything else that either has.
        let rows = [["1", "a"], ["2", "a"], ["2", "b"], ["3", "c"]];
        let (people, report) = one(&["card"], &rows);
        assert_eq!((people, report.ambiguous_ids), (vec![vec!["card c".into(), "phone 3".into()]], 4));
        let (people, _) = one(&["card", "phone"], &rows);
        assert_eq!(people[0], ["card a", "card b", "phone 1", "phone 2"]);
    }

    #[test]
    fn more_ids_than_a_person_has_are_ambiguous() {
        let cards: Vec<String> = (100..=100 + MOST_IDS).map(|card| card.to_string()).collect();
        let rows: Vec<[&str; 2]> = cards.iter().map(|card| ["1", card.as_str()]).collect();
        let (people, report) = one(&["card"], &rows);
        assert_eq!((people.len(), report.ambiguous_ids), (0, 18));
        let (people, report) = one(&["card"], &rows[1..]);
        assert_eq!((people[0].len(), report.ambiguous_ids), (17, 0));
    }

    #[test]
    fn repeated_rows_cycles_order_and_files_change_nothing() {
        // 1-a-2-b-1 is a cycle; 3-c occurs twice.
        let rows =
            [["1", "a"], ["2", "a"], ["2", "b"], ["1", "b"], ["3", "c"], ["3", "c"], ["4", "d"], ["5", "d"]];
        let declared = table(["phone", "card"], &["phone", "card"]);
        let (whole, reports) = resolved(&[(&declared, &[&rows])]);
        assert_eq!(whole[0], ["card a", "card b", "phone 1", "phone 2"]);
        assert_eq!((reports[0].rows, reports[0].duplicates, reports[0].used), (8, 1, 7));
        let mut turned = rows;
        for turn in 0..rows.len() {
            turned.rotate_left(1);
            let mut reversed = turned;
            reversed.reverse();
            assert_eq!(resolved(&[(&declared, &[&turned])]).0, whole);
            assert_eq!(resolved(&[(&declared, &[&reversed])]).0, whole);
            let (first, rest) = turned.split_at(turn);
            let (people, reports) = resolved(&[(&declared, &[first, rest])]);
            assert_eq!((people, reports[0].duplicates, reports[1].duplicates), (whole.clone(), 1, 0));
        }
        let strict = table(["phone", "card"], &[]);
        let (people, reports) = resolved(&[(&strict, &[&rows[..3], &rows[3..]])]);
        assert_eq!((people.len(), reports[0].ambiguous_ids, reports[1].ambiguous_ids), (1, 7, 0));
    }

    #[test]
    fn several_tables_make_people_of_three_namespaces_and_each_reports_itself_alone() {
        let (cards, devices) = (table(["phone", "card"], &[]), table(["card", "device"], &[]));
        let joined = [["1", "a"], ["2", "b"], ["3", "c"]];
        // Cards b and c are on one device: nothing in the first table says so.
        let on = [["a", "x"], ["b", "y"], ["c", "y"]];
        let (people, reports) = resolved(&[(&cards, &[&joined]), (&devices, &[&on])]);
        assert_eq!(people, [["card a", "device x", "phone 1"]]);
        assert_eq!((reports[0].ambiguous_ids, reports[1].ambiguous_ids), (0, 3));
        assert_eq!(reports[0], resolved(&[(&cards, &[&joined])]).1[0]);
        let (again, _) = resolved(&[(&devices, &[&on]), (&cards, &[&joined])]);
        assert_eq!(again, people);
        // A table that closes the triangle the wrong way.
        let direct = table(["phone", "device"], &[]);
        let (people, _) =
            resolved(&[(&cards, &[&joined]), (&devices, &[&on[..1]]), (&direct, &[&[["2", "x"]]])]);
        assert_eq!(people, [["card c", "phone 3"]]);
    }

    #[test]
    fn a_row_without_one_of_its_ids_is_bad_and_links_no_one() {
        let (people, report) = one(&[], &[["", "a"], ["1", ""], ["1", "b"], ["", ""]]);
        assert_eq!(people, [["card b", "phone 1"]]);
        assert_eq!((report.rows, report.used, report.dropped), (4, 1, BTreeMap::from([("no id", 3)])));
    }
}
