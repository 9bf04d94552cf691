//! Reading beside the one writer: the state of a sandbox as it stood a moment ago, without its lock.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::audit::{Entry, Kind, Log};
use crate::dp::Accounting;
use crate::engine::{IngestReport, Reading, Sources};
use crate::keys::Keyring;
use crate::ledger::{Check, Record, Renewal, Snapshot};
use crate::operator::books::anchor::{anchor, read_anchor};
use crate::operator::books::ledger_and_log::BooksRead;
use crate::operator::keys::rotate::log_key;
use crate::operator::law::in_force::{InForceLaw, Studies, in_force};
use crate::operator::open::{Keys, answers, begins_as_seen, keyring, knows_all, log_index};
use crate::operator::query::status;
use crate::operator::query::vocabulary::{View, naming};
use crate::operator::register::state::register_copy;
use crate::operator::sandbox::{EpochFile, SANDBOX, SandboxFile};
use crate::operator::seal::permitted::again;
use crate::operator::shelf::epochs::Shelf;
use crate::operator::shelf::sealed::{check_folders, is_free, sealed};
use crate::operator::{Adopted, Anchoring, OperatorError, Status, accounting};
use crate::policy::{Regime, Study};
use crate::register::{FILE, Register};
use crate::storage::{Folder, Storage};
use crate::types::{AsOf, Clock, EpochId, RecipientId, StudyId, Timestamp};

/// A sandbox that is read and cannot be written: its budget, epochs, vocabulary and forecasts, as they were when it was opened.
/// Its parts are those of an [`Operator`](crate::operator::Operator), without what writes to them; the register is read when it is needed.
///
/// ```no_run
/// use hushtag::{Keys, Reader, SystemClock};
///
/// let reader = Reader::open("box".as_ref(), Keys::InFolder, Box::new(SystemClock))?;
/// let status = reader.status()?;
/// println!("{} epochs, {} entries in the log", status.epochs.len(), status.log_size);
/// for obstacle in reader.health().obstacles {
///     println!("{obstacle:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    pub(in crate::operator) storage: Arc<dyn Storage>,
    clock: Box<dyn Clock>,
    pub(in crate::operator) books: BooksRead,
    pub(in crate::operator) law: InForceLaw,
    pub(in crate::operator) accounting: Accounting,
    pub(in crate::operator) shelf: Shelf,
    logged: Option<u64>,
}

/// Shows the id of the sandbox alone.
impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("sandbox", &self.law.file.id).finish_non_exhaustive()
    }
}

/// How often books are read that a writer changes meanwhile.
const TRIES: usize = 5;

impl Reader {
    /// Reads the sandbox in `dir`; another process may be writing to it.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn open(dir: &Path, keys: Keys, clock: Box<dyn Clock>) -> Result<Self, OperatorError> {
        Self::open_anchored(dir, keys, clock, Anchoring::Configured)
    }

    /// As [`Reader::open`], for a copy of a folder whose anchor is elsewhere, or not at hand.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_anchored(
        dir: &Path,
        keys: Keys,
        clock: Box<dyn Clock>,
        anchoring: Anchoring<'_>,
    ) -> Result<Self, OperatorError> {
        let folder = Folder::open(dir)?;
        if folder.read(SANDBOX)?.is_none() {
            return Err(OperatorError::NotASandbox(dir.display().to_string()));
        }
        let storage: Arc<dyn Storage> = Arc::new(folder);
        let file = SandboxFile::read(&*storage)?;
        let keyring = keyring(&*storage, &keys)?;
        let mut tries = 1;
        let (books, studies, epochs) = loop {
            match read(&storage, &file, &keyring, anchoring) {
                Err(error) if error.is_damage() && tries < TRIES => tries += 1,
                other => break other?,
            }
        };
        let accounting = accounting(&books.book.pool()?.accounting)?;
        Ok(Self {
            law: InForceLaw { file, studies },
            shelf: Shelf::new(keyring, epochs),
            storage,
            clock,
            books,
            accounting,
            logged: None,
        })
    }

    /// What `recipient` sees; `study` may be left out where only one study names the recipient.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`]
    pub fn view<'a>(
        &'a self,
        recipient: &'a RecipientId,
        study: Option<&StudyId>,
    ) -> Result<View<'a>, OperatorError> {
        let adopted = Arc::clone(naming(&self.law.studies, recipient, study)?);
        Ok(View {
            adopted,
            recipient,
            accounting: self.accounting,
            book: &*self.books.book,
            epochs: self.shelf.epochs()?,
            now: self.clock.now(),
        })
    }

    /// What is public about the sandbox.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn status(&self) -> Result<Status, OperatorError> {
        let (epochs, size, now) = (self.shelf.epochs()?, self.books.log.head().0, self.clock.now());
        status::status(&self.law.file, &self.law.studies, &epochs, &*self.books.book, size, now)
    }

    /// The time of the clock that the reader was opened with.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The studies in force, each with its regime.
    pub fn studies(&self) -> impl Iterator<Item = (&Study, &Regime)> {
        self.law.studies.values().map(|adopted| (&adopted.study, &adopted.regime))
    }

    /// The instant that an as-of means here; as [`Operator::instant`](crate::operator::Operator::instant).
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for a day that is several instants in the time zones of the studies.
    pub fn instant(&self, as_of: AsOf) -> Result<Timestamp, OperatorError> {
        status::instant(&self.law.studies, as_of)
    }

    /// Whether an epoch of this id can still be sealed, as far as the log goes.
    ///
    /// # Errors
    /// [`OperatorError::EpochExists`] for an id that the log has sealed, whether or not it was retired since.
    pub fn check_epoch(&self, epoch: &EpochId) -> Result<(), OperatorError> {
        is_free(&self.shelf.epochs()?, epoch)
    }

    /// Whether there is a consent register.
    ///
    /// # Errors
    /// [`OperatorError::Storage`]
    pub fn has_register(&self) -> Result<bool, OperatorError> {
        Ok(self.storage.read_blocks(FILE)?.is_some())
    }

    /// As [`Operator::check_sources`](crate::operator::Operator::check_sources), also beside the writer: nothing of the sandbox is written.
    ///
    /// # Errors
    /// As [`Operator::check_sources`](crate::operator::Operator::check_sources).
    ///
    /// # Privacy
    /// The report is a function of single files; the cubes are dropped unopened.
    pub fn check_sources(
        &self,
        as_of: Timestamp,
        reading: &Reading,
        sources: Sources,
    ) -> Result<IngestReport, OperatorError> {
        for _ in 1..TRIES {
            let Some(again) = again(&sources) else { break };
            match self.check_once(as_of, reading, again) {
                // A writer may have changed the register while it was read.
                Err(error) if error.is_damage() => {}
                checked => return checked,
            }
        }
        self.check_once(as_of, reading, sources)
    }

    fn check_once(
        &self,
        as_of: Timestamp,
        reading: &Reading,
        sources: Sources,
    ) -> Result<IngestReport, OperatorError> {
        let (keyring, sandbox) = (&self.shelf.keyring, &self.law.file.id);
        let register = register_copy(&*self.storage, keyring, sandbox, &self.shelf.epochs()?)?;
        let snapshot = register.as_ref().map(Register::snapshot).transpose()?;
        let instants = (as_of, self.clock.now());
        self.seal_rules()?.check_sources(instants, reading, sources, snapshot.as_ref())
    }

    /// The same reader, whose reading is entry `index` of the log: see [`Operator::log_access`](crate::operator::Operator::log_access).
    #[must_use]
    pub fn logged_as(mut self, index: u64) -> Self {
        self.logged = Some(index);
        self
    }

    /// The entry of the log that says that someone read here; `None` if the log could not be written.
    #[must_use]
    pub const fn logged(&self) -> Option<u64> {
        self.logged
    }

    /// The studies in force with their regimes.
    pub(in crate::operator) fn adopted(&self) -> impl Iterator<Item = &Adopted> {
        self.law.studies.values().map(|adopted| &**adopted)
    }

    /// The newest signed checkpoint, as a note.
    #[must_use]
    pub fn checkpoint(&self) -> &str {
        self.books.log.checkpoint()
    }

    /// The entries of the log, oldest first; some are read at a time.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, OperatorError>> + '_ {
        self.books.log.entries().map(|entry| Ok(entry?))
    }

    /// The entries of these kinds with their indexes, oldest first, each covered by the head; some are read at a time.
    pub fn entries_of<'k>(
        &'k self,
        kinds: &'k [Kind],
    ) -> impl Iterator<Item = Result<(u64, Entry), OperatorError>> + 'k {
        self.books.log.entries_of(kinds).map(|found| Ok(found?))
    }

    /// Every charge, oldest first: public costs. Some are read at a time.
    ///
    /// # Errors
    /// [`OperatorError::Ledger`]
    pub fn charges(&self) -> Result<impl Iterator<Item = Result<Record, OperatorError>> + '_, OperatorError> {
        Ok(self.books.book.records()?.map(|record| Ok(record?)))
    }

    /// Every renewal of the pool, oldest first.
    ///
    /// # Errors
    /// [`OperatorError::Ledger`]
    pub fn renewals(&self) -> Result<Vec<Renewal>, OperatorError> {
        Ok(self.books.book.renewals()?)
    }
}

/// Both books as they were, the studies that `file` and they agree on (what was adopted since is not read), and the epochs that the log seals.
/// A writer that appends meanwhile leaves files that do not fit what was read before them: then they are damaged for a moment, and are read again.
fn read(
    storage: &Arc<dyn Storage>,
    file: &SandboxFile,
    keyring: &Keyring,
    anchoring: Anchoring<'_>,
) -> Result<(BooksRead, Studies, Vec<EpochFile>), OperatorError> {
    let snapshot = || Snapshot::take(&**storage, &keyring.ledger_mac(), &file.id, Check::Read);
    let mut book = snapshot()?;
    let anchored = read_anchor(file);
    let given = match anchoring {
        Anchoring::At(place) => Some((place, place.read()?)),
        Anchoring::Configured | Anchoring::Without => None,
    };
    let mut log = Log::open(Arc::clone(storage), &log_key(&**storage, file)?)?;
    log.index(&log_index(keyring));
    match (anchoring, given) {
        (_, Some((place, content))) => log.check_anchor(place, content)?,
        (Anchoring::Without, None) => {}
        (_, None) => drop(anchor(anchored, &log)?),
    }
    begins_as_seen(&book, &log)?;
    if knows_all(&book, &log).is_err() {
        // Charged and logged since the ledger was read, or lost: a ledger read now has it, or it is lost.
        book = snapshot()?;
        knows_all(&book, &log)?;
    }
    let studies = in_force(&**storage, file, &log)?;
    let epochs = sealed(&log)?;
    check_folders(&**storage, &epochs, true)?;
    Ok((BooksRead { book: Box::new(book), log, answers: answers(keyring) }, studies, epochs))
}
