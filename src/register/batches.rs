//! The events of a register as Arrow batches, read by several threads, and shown on the way to a visitor of its people.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arrow_array::builder::StringBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, RecordBatchReader, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use hashbrown::HashMap;

use super::RegisterError;
use super::cell::Cell;
use super::error::{damaged, guarded};
use super::people::{People, Person, Tables};
use super::rows::{Head, Keys};
use super::runs::Range;
use super::statement::Statement;
use super::walk::whole;
use crate::consent::{COLUMNS, STATEMENT_COLUMNS, Times};
use crate::types::Timestamp;

/// Rows a batch, but for the last person of it.
const BATCH: usize = 16_384;
/// Rows of which a thread takes the people at a time, about.
const RANGE: u64 = 16_384;
/// The columns that are not dictionaries.
const PLAIN: [&str; 4] = ["person", "at", "shown_at", "valid_to"];

/// Sees every person of a register once, in no order, from several threads.
pub trait Visitor: Send + Sync {
    /// Sees some people with all of their events.
    ///
    /// # Errors
    /// What stops the walk.
    fn visit(&self, people: &Group) -> Result<(), RegisterError>;

    /// Everybody was seen, and no row was changed, added or taken out.
    fn end(&self);
}

/// Some people with all of their events. It belongs to them: no `Debug`.
#[derive(Default)]
pub struct Group {
    people: Vec<(Arc<str>, String, usize)>,
    rows: Vec<(usize, [Cell; 3])>,
    statements: Vec<Arc<Statement>>,
    /// Statements by where they lie in memory: `statements` and `held` keep them there.
    known: HashMap<usize, usize>,
    spelled: HashMap<Arc<Statement>, usize>,
    held: Vec<Arc<Statement>>,
}

impl Group {
    fn push(&mut self, person: Person) {
        let (ids, id, rows) = person.into_parts();
        self.people.push((ids, id, rows.len()));
        for (times, statement) in rows {
            let statement = self.intern(statement);
            self.rows.push((statement, times));
        }
    }

    fn intern(&mut self, statement: Arc<Statement>) -> usize {
        let address = Arc::as_ptr(&statement).addr();
        if let Some(number) = self.known.get(&address) {
            return *number;
        }
        let number = *self.spelled.entry(Arc::clone(&statement)).or_insert_with(|| {
            self.statements.push(Arc::clone(&statement));
            self.statements.len() - 1
        });
        self.known.insert(address, number);
        self.held.push(statement);
        number
    }

    /// The distinct statements.
    #[must_use]
    pub fn statements(&self) -> &[Arc<Statement>] {
        &self.statements
    }

    /// Namespace and id of each person, and their events: the number of the statement, and the instants.
    pub fn people(&self) -> impl Iterator<Item = ((&str, &str), impl Iterator<Item = (usize, Times)>)> {
        let mut rows = self.rows.as_slice();
        self.people.iter().map(move |(ids, id, count)| {
            let (own, rest) = rows.split_at_checked(*count).unwrap_or((rows, &[]));
            rows = rest;
            let times = |[at, shown_at, valid_to]: &[Cell; 3]| Times {
                at: at.moment(),
                shown_at: shown_at.moment(),
                valid_to: valid_to.moment(),
            };
            ((&**ids, id.as_str()), own.iter().map(move |(statement, cells)| (*statement, times(cells))))
        })
    }

    /// The rows of people of these namespaces.
    fn batch(
        &self,
        of: Option<&BTreeSet<String>>,
        schema: &SchemaRef,
    ) -> Result<Option<RecordBatch>, ArrowError> {
        let mut rows = self.rows.iter();
        let (mut person, mut ids) = (StringBuilder::new(), Dictionary::default());
        let mut times = [StringBuilder::new(), StringBuilder::new(), StringBuilder::new()];
        let mut statements = Vec::new();
        for (namespace, id, count) in &self.people {
            let own = rows.by_ref().take(*count);
            if of.is_some_and(|known| !known.contains(&**namespace)) {
                own.for_each(drop);
                continue;
            }
            for (statement, cells) in own {
                person.append_value(id);
                ids.push(Some(&**namespace));
                times.iter_mut().zip(cells).for_each(|(column, cell)| append(column, cell));
                statements.push(*statement);
            }
        }
        if statements.is_empty() {
            return Ok(None);
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(person.finish()), Arc::new(ids.finish())];
        columns.extend(times.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        let mut words: Vec<_> = self.statements.iter().map(|statement| statement.cells()).collect();
        for _ in 0..STATEMENT_COLUMNS {
            let mut column = Dictionary::default();
            let keys: Vec<Option<i32>> =
                words.iter_mut().map(|words| words.next().flatten().map(|word| column.key(word))).collect();
            column.keys =
                statements.iter().map(|statement| keys.get(*statement).copied().flatten()).collect();
            columns.push(Arc::new(column.finish()));
        }
        RecordBatch::try_new(Arc::clone(schema), columns).map(Some)
    }
}

/// One column of words that repeat.
#[derive(Default)]
struct Dictionary<'a> {
    words: Vec<&'a str>,
    known: HashMap<&'a str, i32>,
    keys: Vec<Option<i32>>,
}

impl<'a> Dictionary<'a> {
    fn key(&mut self, word: &'a str) -> i32 {
        *self.known.entry(word).or_insert_with(|| {
            self.words.push(word);
            // A batch has far fewer rows.
            i32::try_from(self.words.len()).unwrap_or(i32::MAX) - 1
        })
    }

    fn push(&mut self, word: Option<&'a str>) {
        let key = word.map(|word| self.key(word));
        self.keys.push(key);
    }

    fn finish(self) -> DictionaryArray<Int32Type> {
        DictionaryArray::new(Int32Array::from(self.keys), Arc::new(StringArray::from(self.words)))
    }
}

fn append(column: &mut StringBuilder, cell: &Cell) {
    match cell {
        Cell::Absent => column.append_null(),
        Cell::Instant(seconds) => {
            // Writing into memory does not fail.
            let _ = write!(column, "{}", Timestamp::from_seconds(*seconds));
            column.append_value("");
        }
        other => column.append_option(other.spelled()),
    }
}

/// The columns of a consent file, those whose words repeat as dictionaries.
fn schema() -> SchemaRef {
    let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let kind = |column: &str| if PLAIN.contains(&column) { DataType::Utf8 } else { words.clone() };
    Arc::new(Schema::new(COLUMNS.map(|column| Field::new(column, kind(column), true)).to_vec()))
}

/// What the threads of one walk share.
struct Shared {
    tables: Arc<Tables>,
    keys: Arc<Keys>,
    head: Head,
    ranges: Vec<Range>,
    next: AtomicUsize,
    /// The rows that were seen so far.
    seen: Mutex<Head>,
    namespaces: Option<BTreeSet<String>>,
    visitor: Option<Arc<dyn Visitor>>,
    schema: SchemaRef,
}

impl Shared {
    /// Walks ranges until none is left, or no receiver takes batches any more.
    fn work(&self, to: &SyncSender<Result<RecordBatch, RegisterError>>) -> Result<(), RegisterError> {
        let mut group = Group::default();
        while let Some(range) = self.ranges.get(self.next.fetch_add(1, Ordering::SeqCst)) {
            let mut people = People::new(&self.tables, &self.keys, &self.head, *range)?;
            while let Some(person) = people.next()? {
                group.push(person);
                if group.rows.len() >= BATCH && !self.hand_over(std::mem::take(&mut group), to)? {
                    return Ok(());
                }
            }
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).and_seen(people.seen())?;
        }
        self.hand_over(group, to).map(drop)
    }

    fn hand_over(
        &self,
        group: Group,
        to: &SyncSender<Result<RecordBatch, RegisterError>>,
    ) -> Result<bool, RegisterError> {
        self.visitor.iter().try_for_each(|visitor| visitor.visit(&group))?;
        let batch = group.batch(self.namespaces.as_ref(), &self.schema);
        let batch = batch.map_err(|_| damaged("an event (it fits no column)"))?;
        Ok(batch.is_none_or(|batch| to.send(Ok(batch)).is_ok()))
    }
}

/// The events of a [`Snapshot`](super::Snapshot) as Arrow batches, in bounded memory; those of one person follow each other.
pub struct Batches {
    shared: Arc<Shared>,
    /// Absent once everything was read.
    batches: Option<Receiver<Result<RecordBatch, RegisterError>>>,
    threads: Vec<JoinHandle<()>>,
    others: Head,
    has_events: bool,
    fault: Arc<Mutex<Option<RegisterError>>>,
}

/// What is read of a register, and by whom.
pub(super) struct Terms {
    pub(super) namespaces: Option<BTreeSet<String>>,
    pub(super) threads: usize,
    pub(super) visitor: Option<Arc<dyn Visitor>>,
    pub(super) others: Head,
    pub(super) has_events: bool,
}

impl Batches {
    pub(super) fn start(
        (tables, keys, head): (Arc<Tables>, Arc<Keys>, Head),
        terms: Terms,
        fault: Arc<Mutex<Option<RegisterError>>>,
    ) -> Self {
        let Terms { namespaces, threads, visitor, others, has_events } = terms;
        let count = usize::try_from(head.count / RANGE).unwrap_or(usize::MAX);
        let ranges = Range::parts(count);
        let (next, seen) = (AtomicUsize::new(0), Mutex::new(Head::EMPTY));
        let shared = Shared { tables, keys, head, ranges, next, seen, namespaces, visitor, schema: schema() };
        let shared = Arc::new(shared);
        let (sender, batches) = sync_channel(threads);
        let threads = (0..threads).map(|_| {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            std::thread::spawn(move || {
                if let Err(error) = guarded(|| shared.work(&sender)) {
                    // Who does not listen any more has no use for it.
                    let _ = sender.send(Err(error));
                }
            })
        });
        let threads = threads.collect();
        Self { shared, batches: Some(batches), threads, others, has_events, fault }
    }

    /// Whether they have any event.
    #[must_use]
    pub const fn has_events(&self) -> bool {
        self.has_events
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, RegisterError> {
        let Some(batches) = &self.batches else { return Ok(None) };
        if let Ok(batch) = batches.recv() {
            return batch.map(Some);
        }
        self.batches = None;
        let joined = std::mem::take(&mut self.threads).into_iter().try_for_each(JoinHandle::join);
        joined.map_err(|_| damaged("the store"))?;
        let seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        whole(self.others.clone(), &seen, &self.shared.head)?;
        self.shared.visitor.iter().for_each(|visitor| visitor.end());
        Ok(None)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batch().map_err(|error| {
            self.batches = None;
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            ArrowError::ExternalError("the consent register cannot be read".into())
        });
        batch.transpose()
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shared.schema)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // Threads end once no receiver takes their batches.
        self.batches = None;
        std::mem::take(&mut self.threads).into_iter().for_each(|thread| drop(thread.join()));
    }
}
