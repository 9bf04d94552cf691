//! The register as it stood at one moment: all events, one by one or as the columns of a consent file.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use redb::ReadOnlyTable;

use super::error::{damaged, fault, guarded};
use super::rows::{Head, Keys, Mark, RowKey, SealMark};
use super::tombstones::Tombstones;
use super::{Event, RegisterError};
use crate::consent::COLUMNS;

/// Rows a batch.
const BATCH: usize = 16_384;

/// Everything that was recorded before one moment, whatever is recorded meanwhile.
pub struct Snapshot {
    events: Arc<ReadOnlyTable<&'static RowKey, &'static [u8]>>,
    further: Further,
    keys: Arc<Keys>,
    head: Head,
    fault: Arc<Mutex<Option<RegisterError>>>,
}

/// The tables besides events; absent until they have a first row.
pub(super) struct Further {
    pub(super) tombstones: Option<ReadOnlyTable<&'static Mark, &'static [u8]>>,
    pub(super) requests: Option<ReadOnlyTable<u64, &'static [u8]>>,
    pub(super) seals: Option<ReadOnlyTable<&'static SealMark, &'static [u8]>>,
}

/// What a register holds at a seal: a number of rows, a keyed sum over them, and the mark that the seal put into it.
///
/// # Privacy
/// It depends on people and their number: it leaves under a commitment or sealed only. No `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// How many rows were ever written: events, and what took the place of removed ones. It never falls.
    pub count: u64,
    sum: [u8; 32],
    /// `None` for a seal of a version that put no mark into the register.
    mark: Option<SealMark>,
}

impl State {
    /// The same state with the mark of a seal.
    #[must_use]
    pub const fn marked(self, mark: SealMark) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// Its 40 bytes, and 32 more for the mark.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mark = self.mark.as_ref().map_or(&[][..], |mark| mark);
        [self.count.to_le_bytes().as_slice(), &self.sum, mark].concat()
    }

    /// The state that 40 or 72 bytes spell.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let (sum, mark) = rest.split_first_chunk::<32>()?;
        let mark = if mark.is_empty() { None } else { Some(mark.try_into().ok()?) };
        Some(Self { count: u64::from_le_bytes(*count), sum: *sum, mark })
    }
}

/// What a register holds now, to be compared with what epochs were sealed from. No `Debug`, as [`State`].
pub struct Held {
    count: u64,
    sum: [u8; 32],
    marks: BTreeSet<SealMark>,
}

impl Held {
    /// Whether this register holds everything that was in it at `then`: it has the mark that the seal put into it, so it is a
    /// later state of that very register and not one that branched off before.
    ///
    /// Of a seal without a mark only the number of rows says so: a register that branched off before and then got more rows passes.
    #[must_use]
    pub fn covers(&self, then: &State) -> bool {
        let grown = self.count > then.count || (self.count, self.sum) == (then.count, then.sum);
        grown && then.mark.is_none_or(|mark| self.marks.contains(&mark))
    }
}

impl Snapshot {
    pub(super) fn new(
        events: ReadOnlyTable<&'static RowKey, &'static [u8]>,
        further: Further,
        keys: Arc<Keys>,
        head: Head,
    ) -> Self {
        Self { events: Arc::new(events), further, keys, head, fault: Arc::default() }
    }

    /// How many events there are.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.head.count
    }

    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    pub(super) const fn further(&self) -> &Further {
        &self.further
    }

    /// What is left of all removed events.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn tombstones(&self) -> Result<Tombstones, RegisterError> {
        guarded(|| Tombstones::read(self.further.tombstones.as_ref(), &self.keys))
    }

    /// What the walk over all events begins with: the ottheir rows, each opened.
    fn others(&self) -> Result<Head, RegisterError> {
        let mut seen = Head { removed: self.head.removed, swept: self.head.swept, ..Head::EMPTY };
        for row in self.further.tombstones.iter().map(|table| table.range::<&Mark>(..).map_err(fault)) {
            for row in row? {
                let (mark, sealed) = row.map_err(fault)?;
                self.keys.open_tombstone(mark.value(), sealed.value())?;
                seen = seen.and_other(&self.keys.tombstone_tag(mark.value(), sealed.value()))?;
            }
        }
        for row in self.further.requests.iter().map(|table| table.range::<u64>(..).map_err(fault)) {
            for row in row? {
                let (number, sealed) = row.map_err(fault)?;
                self.keys.open_request(number.value(), sealed.value())?;
                seen = seen.and_other(&self.keys.request_tag(number.value(), sealed.value()))?;
            }
        }
        for row in self.further.seals.iter().map(|table| table.range::<&SealMark>(..).map_err(fault)) {
            for row in row? {
                let (mark, value) = row.map_err(fault)?;
                seen = seen.and_other(&self.keys.seal_tag(mark.value(), value.value()))?;
            }
        }
        Ok(seen)
    }

    /// What it holds, without the mark of a seal.
    #[must_use]
    pub fn state(&self) -> State {
        State { count: self.head.written(), sum: self.head.sum, mark: None }
    }

    /// What it holds, to be compared with what epochs were sealed from.
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn held(&self) -> Result<Held, RegisterError> {
        let marks = guarded(|| {
            let rows = self.further.seals.as_ref().map(|table| table.range::<&SealMark>(..).map_err(fault));
            let marks = rows.transpose()?.into_iter().flatten();
            marks.map(|row| Ok(*row.map_err(fault)?.0.value())).collect::<Result<_, RegisterError>>()
        })?;
        Ok(Held { count: self.head.written(), sum: self.head.sum, marks })
    }

    /// Every event, person by person; the last item is an error unless they are exactly those that were recorded.
    ///
    /// # Errors
    /// [`RegisterError`] when the walk cannot begin.
    pub fn walk(&self) -> Result<Walk, RegisterError> {
        let seen = guarded(|| self.others())?;
        let rows = guarded(|| self.events.range::<&RowKey>(..).map_err(fault))?;
        let (keys, wanted) = (Arc::clone(&self.keys), self.head);
        Ok(Walk { _events: Arc::clone(&self.events), rows, keys, wanted, seen, ended: false })
    }

    /// Hands over all events of each id, id by id.
    ///
    /// # Errors
    /// [`RegisterError`] as the walk, or what `each` says; ids were handed over before.
    pub fn each_person<E: From<RegisterError>>(
        &self,
        mut each: impl FnMut(&[Event]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut events: Vec<Event> = Vec::new();
        for event in self.walk()? {
            let event = event?;
            if events.last().is_some_and(|last| last.person() != event.person()) {
                each(&events)?;
                events.clear();
            }
            events.push(event);
        }
        if events.is_empty() { Ok(()) } else { each(&events) }
    }

    /// Every event whose id is of one of these namespaces (`None`: of any), as a consent file with all of its columns as text.
    ///
    /// # Errors
    /// [`RegisterError`] when the walk cannot begin.
    pub fn reader(&self, namespaces: Option<BTreeSet<String>>) -> Result<Batches, RegisterError> {
        let fields = COLUMNS.map(|column| Field::new(column, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let is_read = |event: &Event| is_of(event, namespaces.as_ref());
        // What cannot be read counts as an event until the batches say what it is.
        let has_events = self.walk()?.any(|event| event.as_ref().map_or(true, is_read));
        Ok(Batches { walk: self.walk()?, namespaces, has_events, schema, fault: Arc::clone(&self.fault) })
    }

    /// Keeps what stopped a walk for [`Snapshot::take_fault`], and gives an error of input and output in its place.
    #[must_use]
    pub fn stopped(&self, error: RegisterError) -> std::io::Error {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        std::io::Error::other("the consent register cannot be read")
    }

    /// What stopped one of its readers, whose own error is one of columns.
    #[must_use]
    pub fn take_fault(&self) -> Option<RegisterError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Every event of a [`Snapshot`]; ends after the first error.
pub struct Walk {
    _events: Arc<ReadOnlyTable<&'static RowKey, &'static [u8]>>,
    rows: redb::Range<'static, &'static RowKey, &'static [u8]>,
    keys: Arc<Keys>,
    wanted: Head,
    seen: Head,
    ended: bool,
}

impl Walk {
    /// The next row: its key, its bytes and its event.
    pub(super) fn step(&mut self) -> Result<Option<(RowKey, Vec<u8>, Event)>, RegisterError> {
        guarded(|| {
            let Some(row) = self.rows.next() else {
                let whole = self.seen == self.wanted;
                return if whole {
                    Ok(None)
                } else {
                    Err(damaged("its head, or a row that was put in or taken out"))
                };
            };
            let (key, sealed) = row.map_err(fault)?;
            self.seen = self.seen.and(&self.keys.tag(key.value(), sealed.value()))?;
            let event = self.keys.open_event(key.value(), sealed.value())?;
            Ok(Some((*key.value(), sealed.value().to_vec(), event)))
        })
    }
}

impl Iterator for Walk {
    type Item = Result<Event, RegisterError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step().map(|row| row.map(|(_, _, event)| event)).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The events of a [`Snapshot`] as Arrow batches, in bounded memory.
pub struct Batches {
    walk: Walk,
    namespaces: Option<BTreeSet<String>>,
    has_events: bool,
    schema: SchemaRef,
    fault: Arc<Mutex<Option<RegisterError>>>,
}

/// Whether an event is of one of these namespaces (`None`: of any).
fn is_of(event: &Event, namespaces: Option<&BTreeSet<String>>) -> bool {
    namespaces.is_none_or(|known| known.contains(event.person().0))
}

impl Batches {
    /// Whether they have any event.
    #[must_use]
    pub const fn has_events(&self) -> bool {
        self.has_events
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut columns = COLUMNS.map(|_| StringBuilder::new());
        let mut rows = 0;
        while rows < BATCH {
            let Some(event) = self.walk.next() else { break };
            let event = event.map_err(|error| self.stopped(error))?;
            if is_of(&event, self.namespaces.as_ref()) {
                columns.iter_mut().zip(event.cells()).for_each(|(column, cell)| column.append_option(cell));
                rows += 1;
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some)
    }

    fn stopped(&self, error: RegisterError) -> ArrowError {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        ArrowError::ExternalError("the consent register cannot be read".into())
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
