//! Reads consent events and folds them for every recipient at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use arrow_array::{Array, ArrayRef, RecordBatch};

use super::namespaces::Namespaces;
use super::statements::{StatementCache, StatementColumn};
use super::unclear::UnclearRows;
use crate::consent::{COLUMNS, ConsentTable, Fold, Lists, Moment, STATEMENT_COLUMNS, Times};
use crate::deidentify::Form;
use crate::engine::error::EngineError;
use crate::engine::ids::intern::{Interner, Namespace, numbers_of};
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::ids::owner_rows::OwnerRows;
use crate::engine::memory::Held;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::scan::shared_out;
use crate::engine::read::{
    Column, Id, Input, OpenTerms, Part, Position, ReadError, Table, Use, Wanted, parts,
};
use crate::register::Time;
use crate::types::{Timestamp, Zone};

/// The consent events of a seal, while its files are read.
pub(in crate::engine) struct Consents<'a> {
    gathered: Gathered,
    reading: &'a Reading,
    /// The position of the input that is read, and its first file.
    input: Option<(Position, String)>,
}

/// What all events add to.
struct Gathered {
    folds: Vec<Fold>,
    held: Held,
    /// Events by id of the input that is read: a file, or all parts of a folder.
    owned: OwnerRows,
}

/// What the threads that read one file share.
struct Pass<'p> {
    reading: &'p Reading,
    written: &'p ConsentTable,
    namespaces: Namespaces<'p, (Namespace, Form)>,
    terms: OpenTerms<'p>,
    interner: &'p RwLock<Interner>,
    gathered: Mutex<&'p mut Gathered>,
}

impl<'a> Consents<'a> {
    /// Nothing read yet.
    pub(in crate::engine) fn new(folds: Vec<Fold>, reading: &'a Reading) -> Self {
        let gathered = Gathered { folds, held: reading.memory.nothing(), owned: OwnerRows::default() };
        Self { gathered, reading, input: None }
    }

    /// Reads all events of one file, which belongs to the input at this position; its parts by all threads. Folds do not depend on the
    /// order of events, and what is unclear is counted part by part.
    ///
    /// # Errors
    /// [`EngineError`] for a damaged file, and for a person with too many events in the input before it.
    ///
    /// # Privacy
    /// Work and memory depend on the rows of this file: 24 bytes a person and requirement, whatever the events are, and an entry
    /// for each further recipient whom a block of a person names.
    pub(in crate::engine) fn read(
        &mut self,
        (position, input): (Position, Input),
        (written, namespaces): (&ConsentTable, &BTreeMap<&str, Form>),
        interner: &RwLock<Interner>,
    ) -> Result<FileReport, EngineError> {
        let is_register = matches!(input, Input::Register(..));
        // Events of a register are rows of the consent table, however the files of a study are written.
        let plain = ConsentTable::default();
        let written = if is_register { &plain } else { written };
        let known: Vec<_> = {
            let mut interner = interner.write().unwrap_or_else(PoisonError::into_inner);
            let known =
                namespaces.iter().map(|(name, form)| (*name, (interner.intern_namespace(name), *form)));
            known.collect()
        };
        let elsewhere = &self.reading.elsewhere;
        let namespaces = Namespaces::new(known, written.namespace.as_deref(), &elsewhere.namespaces);
        let wanted = wanted(written, namespaces.default().is_some());
        let (_, repeating) = COLUMNS.split_at(COLUMNS.len() - STATEMENT_COLUMNS);
        let terms = OpenTerms { repeating, csv: &written.csv, ..OpenTerms::new(&wanted) };
        let name = input.name();
        let parts = parts(input)?;
        self.begin(position, &name)?;
        let (reading, gathered) = (self.reading, Mutex::new(&mut self.gathered));
        let pass = Pass { reading, written, namespaces, terms, interner, gathered };
        let parts = shared_out(parts, reading.threads(), |part| pass.part(part));
        let (mut all, mut unclear) = (None, UnclearRows::default());
        for part in parts {
            let (report, of_part) = part?;
            unclear.and(of_part);
            all = Some(match all.take() {
                None => report,
                Some(known) => FileReport::and(known, report),
            });
        }
        // A file has one part at least.
        let mut report = all.ok_or(EngineError::Stopped)?;
        if is_register {
            report.forget_shapes();
        }
        unclear.write_to(&mut report);
        let rows = report.rows;
        report.finish_consents(rows)
    }

    /// Counts events again where another input begins: inputs may be of several parties, and the limit is of one party's file alone.
    fn begin(&mut self, position: Position, name: &str) -> Result<(), EngineError> {
        if self.input.as_ref().is_none_or(|(known, _)| *known != position) {
            self.check_last()?;
            self.input = Some((position, name.to_owned()));
        }
        Ok(())
    }

    fn check_last(&mut self) -> Result<(), EngineError> {
        let owned = std::mem::take(&mut self.gathered.owned);
        self.input.take().map_or(Ok(()), |(_, file)| owned.check_events(&file))
    }

    /// The folds of all files, and what holds their memory.
    ///
    /// # Errors
    /// [`EngineError::EventsPerPerson`]
    pub(in crate::engine) fn finish(mut self, interner: &Interner) -> Result<(Vec<Fold>, Held), EngineError> {
        self.check_last()?;
        let mut gathered = self.gathered;
        gathered.cover(interner.len());
        gathered.held.set(gathered.folds.iter().map(Fold::bytes).sum())?;
        Ok((gathered.folds, gathered.held))
    }
}

impl Consents<'_> {
    /// The folds of one part of an input, and the events of each id in it.
    pub(in crate::engine) fn into_part(self) -> (Vec<Fold>, Vec<u32>) {
        (self.gathered.folds, self.gathered.owned.counts())
    }
}

impl Gathered {
    /// Makes room for everybody who is known, so that memory does not depend on whom events and tombstones name.
    fn cover(&mut self, known: usize) {
        self.owned.cover(known);
        self.folds.iter_mut().for_each(|fold| fold.cover(known));
    }

    fn hold(&mut self) -> Result<(), EngineError> {
        let folds: usize = self.folds.iter().map(Fold::bytes).sum();
        self.held.set(folds + self.owned.bytes())
    }
}

impl<'p> Pass<'p> {
    fn gathered(&self) -> MutexGuard<'_, &'p mut Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one part. What rows say is read before, and only then added to what all threads add to.
    fn part(&self, part: Part) -> Result<(FileReport, UnclearRows), EngineError> {
        let mut table = part.open(self.terms)?;
        let mut report = FileReport::new("consents", &table);
        let mut cache = {
            let folds = &self.gathered().folds;
            let lists = Lists::new(folds.iter().map(Fold::demand), &self.reading.elsewhere.recipients);
            StatementCache::new(&self.written.statements, lists, folds.first().map(Fold::as_of))
        };
        let start = table.first;
        let mut rows = start;
        while let Some(batch) = table.next_batch()? {
            self.reading.count_rows(batch.num_rows())?;
            let events = Events::new(&table, &batch, self.written.timezone.as_ref())?;
            cache.begin(&events.statements, batch.num_rows());
            let ids = self.ids(&events, rows, &mut report, batch.num_rows())?;
            let times: Vec<Times> = ids.iter().map(|(row, _)| events.times(*row, self.written)).collect();
            self.observe(&mut cache, &events, (&ids, &times))?;
            rows += batch.num_rows() as u64;
        }
        report.rows = rows - start;
        Ok((report, cache.finish()))
    }

    /// Adds the events of one batch to the folds.
    fn observe(
        &self,
        cache: &mut StatementCache<'_>,
        events: &Events,
        (ids, times): (&[(usize, u32)], &[Times]),
    ) -> Result<(), EngineError> {
        let known = self.interner.read().unwrap_or_else(PoisonError::into_inner);
        let mut gathered = self.gathered();
        gathered.cover(known.len());
        gathered.owned.add(ids.iter().map(|(_, id)| *id));
        for ((row, id), times) in ids.iter().zip(times) {
            let person = known.person(*id);
            cache.apply((&events.statements, *row, times), &mut gathered.folds, |fold, reading| {
                fold.observe_reading(person, reading, times);
            });
        }
        gathered.hold()
    }

    /// The id of each event of a batch by number; one that cannot be attributed to a person is reported. In a loop of its own, so that the
    /// processor waits for the memory of several ids at a time.
    fn ids(
        &self,
        events: &Events,
        before: u64,
        report: &mut FileReport,
        count: usize,
    ) -> Result<Vec<(usize, u32)>, EngineError> {
        const UNATTRIBUTED: &str = "no person";
        let mut all = Vec::with_capacity(count);
        if let (Some(column), Some((_, form))) = (&events.person, self.namespaces.default())
            && (events.ids.is_none() || !self.namespaces.has_others())
        {
            report.observe_shapes(before, "person", &column.shapes(form));
        }
        if let (Some(column), None, Some((namespace, form))) =
            (&events.person, &events.ids, self.namespaces.default())
            && form.is_bytewise()
            && column.is_free_of_suspicious_ids()
        {
            for (row, id) in numbers_of(self.interner, namespace, column, count)?.into_iter().enumerate() {
                if id == NO_PERSON {
                    report.drop_row(before + row as u64, "person", UNATTRIBUTED);
                } else {
                    all.push((row, id));
                }
            }
            return Ok(all);
        }
        let mut interner = self.interner.write().unwrap_or_else(PoisonError::into_inner);
        for row in 0..count {
            let place = before + row as u64;
            let (namespace, form) =
                match self.namespaces.of(events.ids.as_ref().and_then(|ids| ids.text(row))) {
                    Ok(Some(namespace)) => namespace,
                    Ok(None) => {
                        report.of_other_studies += 1;
                        continue;
                    }
                    Err(reason) => {
                        report.drop_row(place, "ids", reason);
                        continue;
                    }
                };
            let Some(person) = events.person.as_ref().and_then(|column| column.id(row)) else {
                report.drop_row(place, "person", UNATTRIBUTED);
                continue;
            };
            let is_plain = form.is_bytewise() && matches!(person, Id::Number(_));
            let text = if is_plain { None } else { person.text() };
            let id = match text.as_deref().map(|text| form.read(text)) {
                None => interner.intern_id(namespace, &person)?,
                Some(Ok(fitted)) => interner.intern_id(namespace, &Id::of(&fitted))?,
                Some(Err(reason)) => {
                    report.drop_row(place, "person", reason);
                    continue;
                }
            };
            all.push((row, id));
        }
        Ok(all)
    }
}

/// The columns of the consent table; `ids` may be absent where there is one namespace only.
pub(in crate::engine) fn wanted(table: &ConsentTable, one_namespace: bool) -> [Wanted<'_>; COLUMNS.len()] {
    COLUMNS.map(|column| {
        let required = table.requires(column) || column == "ids" && !one_namespace;
        Wanted { column, used: Use::Consent { columns: &table.columns, required } }
    })
}

/// The columns of one batch.
pub(in crate::engine) struct Events {
    person: Option<Column>,
    ids: Option<Column>,
    times: [Option<Column>; 3],
    statements: [StatementColumn; STATEMENT_COLUMNS],
}

impl Events {
    pub(in crate::engine) fn new(
        table: &Table,
        batch: &RecordBatch,
        zone: Option<&Zone>,
    ) -> Result<Self, ReadError> {
        let mut arrays = batch.columns().iter();
        let mut columns = COLUMNS.iter().zip(&table.present).map(|(name, present)| {
            let array = if *present { arrays.next() } else { None };
            (*name, array)
        });
        let file = &table.name;
        let mut next = |read: &dyn Fn(&str, &str, &ArrayRef) -> Result<Column, ReadError>| {
            let (name, array) = columns.next().unwrap_or_default();
            array.map(|array| read(file, name, array)).transpose()
        };
        let tokenised = table.tokenised.is_some();
        let person = next(&|file, name, array| Column::ids(file, name, array, tokenised))?;
        let ids = next(&Column::texts)?;
        let instants = |file: &str, name: &str, array: &ArrayRef| Column::instants(file, name, array, zone);
        let times = [next(&instants)?, next(&instants)?, next(&instants)?];
        let mut statements = [const { StatementColumn::Nothing }; STATEMENT_COLUMNS];
        for (column, (name, array)) in statements.iter_mut().zip(columns) {
            if let Some(array) = array {
                *column = StatementColumn::new(file, name, array)?;
            }
        }
        Ok(Self { person, ids, times, statements })
    }

    /// The namespace and the id of one row, as they are written.
    pub(super) fn who(&self, row: usize) -> (Option<&str>, Option<Cow<'_, str>>) {
        let person = self.person.as_ref().and_then(|column| column.spelled(row));
        (self.ids.as_ref().and_then(|ids| ids.text(row)), person)
    }

    /// The three instants of one row, as they are written or in seconds.
    pub(super) fn instants(&self, row: usize) -> [Time<'_>; 3] {
        self.times.each_ref().map(|column| match column {
            Some(Column::Numbers(seconds)) if seconds.is_valid(row) => Time::At(seconds.value(row)),
            Some(column) => column.text(row).map_or(Time::Absent, Time::Text),
            None => Time::Absent,
        })
    }

    /// What one row states, column by column.
    pub(super) fn statements(&self, row: usize) -> [Option<Cow<'_, str>>; STATEMENT_COLUMNS] {
        self.statements.each_ref().map(|column| column.text(row))
    }

    /// The cells of one row as text, in the order of [`COLUMNS`].
    pub(in crate::engine) fn cells(&self, row: usize) -> [Option<String>; COLUMNS.len()] {
        let mut cells = [const { None }; COLUMNS.len()];
        let person = self.person.as_ref().and_then(|column| column.id(row));
        let person = person.and_then(|id| id.text().map(Cow::into_owned));
        let ids = self.ids.as_ref().and_then(|column| column.text(row)).map(str::to_owned);
        let times = self.times.iter().map(|column| match column {
            Some(Column::Numbers(seconds)) if seconds.is_valid(row) => {
                Some(Timestamp::from_seconds(seconds.value(row)).to_string())
            }
            Some(column) => column.text(row).map(str::to_owned),
            None => None,
        });
        let statements = self.statements.iter().map(|column| column.text(row).map(Cow::into_owned));
        let all = [person, ids].into_iter().chain(times).chain(statements);
        cells.iter_mut().zip(all).for_each(|(cell, text)| *cell = text);
        cells
    }

    fn times(&self, row: usize, written: &ConsentTable) -> Times {
        let [at, shown_at, valid_to] = self.times.each_ref().map(|column| match column {
            Some(column @ Column::Words(_)) => Moment::read(column.text(row), written.timezone.as_ref()),
            Some(Column::Numbers(seconds)) if seconds.is_valid(row) => Moment::At(seconds.value(row)),
            Some(Column::Numbers(_) | Column::Tokens(_)) | None => Moment::Absent,
        });
        // The notice is shown when the consent is given, so no later.
        let shown_at = if written.statements.shown_at_is_at() { at.start() } else { shown_at };
        Times { at, shown_at, valid_to }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::File;
    use std::ops::Range;
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        BooleanArray, DictionaryArray, Int64Array, RecordBatchIterator, StringArray,
        TimestampMillisecondArray, TimestampSecondArray,
    };
    use arrow_schema::{Field, Schema};
    use parquet::arrow::ArrowWriter;
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::consent::{Ages, Check, ConsentKind, Covered, Demand, Requirement, Row};
    use crate::types::Days;

    const PEOPLE: u32 = 400;
    const AS_OF: Timestamp = Timestamp::from_seconds(1_790_812_800);

    /// What may be in each column; the first word is a clean one.
    const WORDS: [(&str, &[&str]); 20] = [
        (
            "at",
            &[
                "2026-09-01T00:00:10Z",
                "2026-09-02T08:00:00+08:00",
                "2027-01-01T00:00:00Z",
                "2026-06-01T00:00:00Z",
            ],
        ),
        ("shown_at", &["2026-09-01T00:00:00Z", "2026-09-01T00:00:10Z", "2026-09-30T00:00:00Z", ""]),
        ("valid_to", &["", "2026-10-01T00:00:00Z", "2026-10-01T00:00:01Z"]),
        ("ids", &["phone", "", "phone", "phone"]),
        ("event", &["given", "given", "given", "withdrawn", "refused", "hold", "lifted"]),
        ("trigger", &["SC23", "SC23", "SC29"]),
        ("purpose", &["measurement", "ads"]),
        ("recipient", &["LEGAL-C", "our partners"]),
        ("handler", &["platform", "elsewhere"]),
        ("kind", &["separate", "written", "ordinary", ""]),
        ("categories", &["a|b", "b | a", "a"]),
        ("methods", &["", "x"]),
        ("notice", &["N-1", "N-2"]),
        ("notice_version", &["3", "2", ""]),
        ("giver", &["self", "guardian", ""]),
        ("own_step", &["true", "false", ""]),
        ("pre_ticked", &["false", "true", ""]),
        ("bundle_size", &["1", "2", ""]),
        ("service_gate", &["false", "true"]),
        ("service_necessary", &["", "true"]),
    ];

    fn demand(checks: &[Check]) -> Demand {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        let requirement = Requirement {
            trigger: "SC23".into(),
            purpose: "measurement".into(),
            recipients: words(&["LEGAL-C"]),
            categories: words(&["a", "b"]),
            methods: words(&[]),
            notice: "N-1".into(),
            notice_versions: 3..=3,
            retention: Days::parse("90d").unwrap(),
            handlers: words(&["platform"]),
            known_triggers: words(&["SC23", "SC29"]),
            known_purposes: words(&["measurement", "ads"]),
            known_categories: words(&["a", "b", "income"]),
            own_categories: words(&["a", "b"]),
            recipient_names: words(&[]),
            other_recipients: words(&["LEGAL-B"]),
            kinds: [ConsentKind::Separate, ConsentKind::Written].into(),
            checks: checks.iter().copied().collect(),
            cool_down: None,
        };
        Demand { requirements: vec![requirement], ages: Ages::DeclaredAdults }
    }

    fn folds() -> Vec<Fold> {
        [&Check::ALL[..], &[]].map(|checks| Fold::new(demand(checks), AS_OF)).into()
    }

    fn coverages(folds: Vec<Fold>) -> Vec<Covered> {
        folds.into_iter().map(|fold| fold.finish(PEOPLE as usize, &[])).collect()
    }

    /// Cells of every column, column by column, and the person of each row.
    fn table(rng: &mut StdRng, rows: usize, various: bool) -> (Vec<u32>, Vec<Vec<String>>) {
        // Everybody has one row at least.
        let others = rows.saturating_sub(PEOPLE as usize);
        let people = (0..PEOPLE).take(rows).chain((0..others).map(|_| rng.random_range(0..PEOPLE))).collect();
        let mut cell = |name: &str, words: &[&str]| match name {
            // More distinct cells than a column's numbers, and more combinations than are kept.
            "categories" if various && rng.random_bool(0.5) => {
                ["a|b|", "a|"][rng.random_range(0..2)].to_owned() + &rng.random_range(0..900).to_string()
            }
            "handler" if various && rng.random_bool(0.2) => format!("unknown-{}", rng.random_range(0..240)),
            _ if rng.random_bool(0.93) => words[0].to_owned(),
            _ => (*words.choose(rng).unwrap()).to_owned(),
        };
        let columns = WORDS.iter().map(|(name, words)| (0..rows).map(|_| cell(name, words)).collect());
        (people, columns.collect())
    }

    /// How the same cells reach the engine.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Form {
        Text,
        Typed,
        Dictionary,
        Parquet,
    }

    fn array(name: &str, cells: &[String], form: Form) -> ArrayRef {
        let typed = form == Form::Typed;
        let some = |cell: &String| (!cell.is_empty()).then(|| cell.clone());
        let second = |cell: &String| Timestamp::parse(cell).ok().map(Timestamp::seconds);
        match name {
            "own_step" | "pre_ticked" | "service_gate" | "service_necessary" if typed => Arc::new(
                cells.iter().map(|cell| some(cell).map(|cell| cell == "true")).collect::<BooleanArray>(),
            ),
            "notice_version" | "bundle_size" if typed => {
                Arc::new(cells.iter().map(|cell| cell.parse::<i64>().ok()).collect::<Int64Array>())
            }
            "at" | "shown_at" if typed => {
                let millis = cells.iter().map(|cell| second(cell).map(|at| at * 1_000 + 999));
                Arc::new(millis.collect::<TimestampMillisecondArray>().with_timezone("+08:00"))
            }
            "valid_to" if typed => {
                Arc::new(cells.iter().map(second).collect::<TimestampSecondArray>().with_timezone("UTC"))
            }
            _ if form == Form::Dictionary => {
                let cells: Vec<Option<String>> = cells.iter().map(some).collect();
                Arc::new(cells.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())
            }
            _ => Arc::new(cells.iter().map(some).collect::<StringArray>()),
        }
    }

    /// Some rows as a batch with dictionaries of its own.
    fn batch(people: &[u32], columns: &[Vec<String>], rows: Range<usize>, form: Form) -> RecordBatch {
        let people = people[rows.clone()].iter().map(|person| i64::from(*person));
        let mut arrays: Vec<(&str, ArrayRef)> = vec![("person", Arc::new(people.collect::<Int64Array>()))];
        let cells = WORDS.iter().zip(columns).map(|((name, _), cells)| (*name, &cells[rows.clone()]));
        arrays.extend(cells.map(|(name, cells)| (name, array(name, cells, form))));
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(arrays.iter().map(field).collect::<Vec<_>>()));
        RecordBatch::try_new(schema, arrays.into_iter().map(|(_, array)| array).collect()).unwrap()
    }

    fn from_file(people: &[u32], columns: &[Vec<String>], form: Form) -> Vec<Covered> {
        let parts = [0..700, 700..people.len()].map(|rows| batch(people, columns, rows, form));
        let schema = parts[0].schema();
        let folder = tempfile::tempdir().unwrap();
        let input = if form == Form::Parquet {
            let path = folder.path().join("consents.parquet");
            let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema, None).unwrap();
            for part in parts {
                writer.write(&part).unwrap();
                // Each row group has its dictionaries.
                writer.flush().unwrap();
            }
            writer.close().unwrap();
            Input::Path(path)
        } else {
            Input::Reader("consents".into(), Box::new(RecordBatchIterator::new(parts.map(Ok), schema)))
        };
        let (mut interner, reading) = (Interner::default(), Reading::default());
        // Row groups are read by several threads, which would number people in any order.
        let phone = interner.intern_namespace("phone");
        for person in 0..PEOPLE {
            interner.intern_id(phone, &Id::Number(person.into())).unwrap();
        }
        let interner = RwLock::new(interner);
        let mut consents = Consents::new(folds(), &reading);
        let namespaces = BTreeMap::from([("phone", crate::deidentify::Form::AsIs)]);
        consents
            .read((Position::Given(0), input), (&ConsentTable::default(), &namespaces), &interner)
            .unwrap();
        coverages(consents.finish(&interner.read().unwrap()).unwrap().0)
    }

    /// The same table, row by row and past all that is kept.
    fn row_by_row(people: &[u32], columns: &[Vec<String>]) -> Vec<Covered> {
        let mut folds = folds();
        for (row, person) in people.iter().enumerate() {
            let mut cells =
                columns.iter().map(|column| Some(column[row].as_str()).filter(|cell| !cell.is_empty()));
            let [at, shown_at, valid_to, _ids] = [(); 4].map(|()| cells.next().flatten());
            let stated = [(); STATEMENT_COLUMNS].map(|()| cells.next().flatten().map(Cow::Borrowed));
            let event = Row { at, shown_at, valid_to, ..crate::engine::consent::statements::row(&stated) };
            folds.iter_mut().for_each(|fold| fold.observe(*person, &event));
        }
        coverages(folds)
    }

    #[test]
    fn what_is_read_once_for_many_rows_is_what_each_row_says() {
        let mut rng = StdRng::seed_from_u64(7);
        for various in [false, true] {
            let (people, columns) = table(&mut rng, if various { 12_000 } else { 2_000 }, various);
            let expected = row_by_row(&people, &columns);
            let inside = |covered: &Covered| (0..PEOPLE).filter(|person| covered.contains(*person)).count();
            for form in [Form::Text, Form::Typed, Form::Dictionary, Form::Parquet] {
                for (found, expected) in from_file(&people, &columns, form).iter().zip(&expected) {
                    let differ = |person: &u32| found.contains(*person) != expected.contains(*person);
                    assert_eq!((0..PEOPLE).find(differ), None, "various {various}, {form:?}");
                }
            }
            let inside: Vec<usize> = expected.iter().map(inside).collect();
            println!("{inside:?} of {PEOPLE} are in");
            assert!(
                inside[0] > 5 && inside[0] < inside[1] && inside[1] < 395,
                "the rows say little: {inside:?}"
            );
        }
    }
}
