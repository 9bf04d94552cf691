//! The register as it stood at one moment: all events, one by one or as the columns of a consent file.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{ReadOnlyTable, ReadableTableMetadata as _};

use super::batches::{Batches, Terms, Visitor};
use super::error::{damaged, fault, guarded};
use super::people::{People, Tables};
use super::rows::{Head, Keys, Mark, SealMark};
use super::runs::Range;
use super::tombstones::Tombstones;
use super::walk::Walk;
use super::{Event, RegisterError};

/// Everything that was recorded before one moment, whatever is recorded meanwhile.
pub struct Snapshot {
    tables: Arc<Tables>,
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
    pub(super) fn new(tables: Tables, further: Further, keys: Arc<Keys>, head: Head) -> Self {
        Self { tables: Arc::new(tables), further, keys, head, fault: Arc::default() }
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

    /// What the walk over all events begins with: the other rows, each opened.
    fn others(&self) -> Result<Head, RegisterError> {
        let blocks = self.head.runs.iter().fold(0_u64, |all, run| all.saturating_add(run.blocks));
        // Blocks that no head names are never read: that there are none shows by their number.
        if self.tables.runs.as_ref().map_or(Ok(0), |table| table.len()).map_err(fault)? != blocks {
            return Err(damaged("its runs"));
        }
        let mut seen = Head { count: 0, sum: [0; 32], others: 0, ..self.head.clone() };
        for row in self.further.tombstones.iter().map(|table| table.range::<&Mark>(..).map_err(fault)) {
            for row in row? {
                let (mark, sealed) = row.map_err(fault)?;
                self.keys.open_tombstone(mark.value(), sealed.value())?;
                seen.and_other(&self.keys.tombstone_tag(mark.value(), sealed.value()))?;
            }
        }
        for row in self.further.requests.iter().map(|table| table.range::<u64>(..).map_err(fault)) {
            for row in row? {
                let (number, sealed) = row.map_err(fault)?;
                self.keys.open_request(number.value(), sealed.value())?;
                seen.and_other(&self.keys.request_tag(number.value(), sealed.value()))?;
            }
        }
        for row in self.further.seals.iter().map(|table| table.range::<&SealMark>(..).map_err(fault)) {
            for row in row? {
                let (mark, value) = row.map_err(fault)?;
                seen.and_other(&self.keys.seal_tag(mark.value(), value.value()))?;
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

    /// Whether every block of every run leads to the next one.
    pub(super) fn check_runs(&self) -> Result<(), RegisterError> {
        let runs =
            self.tables.runs.iter().flat_map(|table| self.head.runs.iter().map(move |run| (table, run)));
        runs.into_iter().try_for_each(|(table, run)| self.keys.check_run(table, run))
    }

    /// The people of a range.
    pub(super) fn people(&self, range: Range) -> Result<People, RegisterError> {
        People::new(&self.tables, &self.keys, &self.head, range)
    }

    /// Every event, person by person; the last item is an error unless they are exactly those that were recorded.
    ///
    /// # Errors
    /// [`RegisterError`] when the walk cannot begin.
    pub fn walk(&self) -> Result<Walk, RegisterError> {
        let others = guarded(|| self.others())?;
        let people = guarded(|| self.people(Range::ALL))?;
        Ok(Walk::new(people, self.head.clone(), others))
    }

    /// Hands over all events of each id, id by id.
    ///
    /// # Errors
    /// [`RegisterError`] as the walk, or what `each` says; ids were handed over before.
    pub fn each_person<E: From<RegisterError>>(
        &self,
        mut each: impl FnMut(&[Event]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut walk = self.walk()?;
        while let Some(person) = walk.person()? {
            each(&person.into_events())?;
        }
        Ok(())
    }

    /// Every event whose id is of one of these namespaces (`None`: of any), as a consent file with all of its columns, read by so many
    /// threads. The columns whose words repeat are dictionaries. Of one thread they come in an order of their own that is always the
    /// same; of several in none.
    ///
    /// # Errors
    /// [`RegisterError`] when the walk cannot begin.
    pub fn reader(
        &self,
        namespaces: Option<BTreeSet<String>>,
        threads: usize,
        visitor: Option<Arc<dyn Visitor>>,
    ) -> Result<Batches, RegisterError> {
        let is_read = |event: &Event| is_of(event, namespaces.as_ref());
        // What cannot be read counts as an event until the batches say what it is.
        let has_events = self.walk()?.any(|event| event.as_ref().map_or(true, is_read));
        let others = guarded(|| self.others())?;
        let terms = Terms { namespaces, threads: threads.max(1), visitor, others, has_events };
        let walked = (Arc::clone(&self.tables), Arc::clone(&self.keys), self.head.clone());
        Ok(Batches::start(walked, terms, Arc::clone(&self.fault)))
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

/// Whether an event is of one of these namespaces (`None`: of any).
fn is_of(event: &Event, namespaces: Option<&BTreeSet<String>>) -> bool {
    namespaces.is_none_or(|known| known.contains(event.person().0))
}
