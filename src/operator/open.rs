//! `open`: the keys, the two books, their agreement, and what a stop has left unfinished.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::sandbox::{SANDBOX, SandboxFile};
use super::{Operator, OperatorError, SandboxState, accounting};
use crate::audit::{Kind, Log, Pinned, VerifierKey};
use crate::keys::{KeyProvider, Keyring, RootKey};
use crate::ledger::{Book, Ledger, RedbLedger};
use crate::operator::books::anchor::{anchor, read_anchor};
use crate::operator::books::ledger_and_log::Books;
use crate::operator::books::renew::{last_seen, settle};
use crate::operator::keys::rotate::{settle_rotation, signer};
use crate::operator::law::in_force::{InForceLaw, Law, in_force, settle_adoption};
use crate::operator::options::RESPONSE_SLOT;
use crate::operator::register::part::RegisterPlace;
use crate::operator::shelf::epochs::Shelf;
use crate::operator::shelf::figures::auditor;
use crate::operator::shelf::sealed::settle_epochs;
use crate::register::Register;
use crate::release::Releaser;
use crate::storage::{Folder, Storage};
use crate::types::{Clock, Secret};

/// Where the root key is.
pub enum Keys {
    /// `keys/root.key` in the folder of the sandbox, mode 0600.
    InFolder,
    /// Given by the caller.
    Given(RootKey),
    /// Wherever the provider gets it from, by the id of the sandbox.
    Provided(Box<dyn KeyProvider>),
}

impl Keys {
    /// From whatever gives the root key by the id of the sandbox, which may be a closure.
    ///
    /// ```
    /// use hushtag::{Keys, RootKey};
    ///
    /// let keys = Keys::from_provider(|sandbox: &str| {
    ///     // Asked of a key management service, by the id of the sandbox; the place is named in errors, never the text.
    ///     RootKey::from_hex(&"5a".repeat(32), &format!("the key of {sandbox}"))
    /// });
    /// # let _ = keys;
    /// ```
    #[must_use]
    pub fn from_provider(provider: impl KeyProvider + 'static) -> Self {
        Self::Provided(Box::new(provider))
    }
}

impl From<RootKey> for Keys {
    fn from(root: RootKey) -> Self {
        Self::Given(root)
    }
}

/// Says where the key is, never what it is.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InFolder => "InFolder",
            Self::Given(_) => "Given(..)",
            Self::Provided(_) => "Provided(..)",
        })
    }
}

impl Operator {
    /// Opens the sandbox in `dir` as its one writer, after waiting up to `wait` for another one.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn open(
        dir: &Path,
        keys: Keys,
        clock: Box<dyn Clock>,
        wait: Duration,
    ) -> Result<Self, OperatorError> {
        let folder = Folder::open(dir)?;
        if folder.read(SANDBOX)?.is_none() {
            return Err(OperatorError::NotASandbox(dir.display().to_string()));
        }
        let lock = folder.lock(wait, "hushtag")?;
        let storage: Arc<dyn Storage> = Arc::new(folder);
        let keyring = keyring(&*storage, &keys)?;
        let mut operator = Self::open_on(storage, keyring, clock)?;
        operator.lock = Some(lock);
        Ok(operator)
    }

    /// Opens the sandbox on a storage of which the caller is the one writer.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn open_on(
        storage: Arc<dyn Storage>,
        keyring: Keyring,
        clock: Box<dyn Clock>,
    ) -> Result<Self, OperatorError> {
        let mut file = SandboxFile::read(&*storage)?;
        let signer = signer(&*storage, &keyring, &file)?;
        let vkey = VerifierKey::of(&signer).map_err(|_| OperatorError::Bug("the name of a log is plain"))?;
        let ledger = RedbLedger::open(&*storage, &keyring.ledger_mac(), &file.id)?;
        let anchored = read_anchor(&file);
        let mut log = Log::open(Arc::clone(&storage), &vkey)?;
        log.index(&log_index(&keyring));
        let anchor = anchor(anchored, &log)?;
        knows_all(&ledger, &log)?;
        begins_as_seen(&ledger, &log)?;
        // Only now that the ledger has seen no later head may leftovers beyond this one go.
        log.tidy()?;
        settle_rotation(&*storage, &keyring, &mut file, &log)?;
        settle_renewal(&ledger, &log, file.pinned()?.as_ref())?;
        let epochs = settle_epochs(&*storage, &mut log, (&signer, anchor.as_ref()), clock.now())?;
        settle_adoption(&*storage, &mut file, &log)?;
        let studies = in_force(&*storage, &file, &log)?;
        let auditor = auditor(&log)?;
        let accounting = accounting(&ledger.pool()?.accounting)?;
        let inner = SandboxState {
            id: file.id.clone(),
            books: Books::new(Box::new(ledger), log, signer, anchor, answers(&keyring)),
            law: Law::new(InForceLaw { file, studies }, accounting, auditor),
            shelf: Shelf::new(keyring, epochs),
            register: RegisterPlace::default(),
            response_slot: Some(RESPONSE_SLOT),
            storage,
            clock,
        };
        inner.settle_root()?;
        // A register that was being rewritten when we stopped is as it was.
        Register::remove_unfinished(&*inner.storage)?;
        inner.with_door(|door| door.recover())?;
        inner.retire_ended()?;
        Ok(Self { inner: Arc::new(inner), lock: None })
    }

    /// Names, to other processes, the Unix socket at which this one takes the operator's commands
    /// ([`Folder::operator_socket`]); for a sandbox in a folder.
    ///
    /// # Errors
    /// [`OperatorError::Storage`]
    pub fn name_socket(&self, socket: &Path) -> Result<(), OperatorError> {
        self.lock.as_ref().map_or(Ok(()), |lock| Ok(lock.name_socket(socket)?))
    }

    /// Lets replies leave at the ends of slots of this length; for a sandbox that was just opened.
    pub(super) fn in_slots_of(mut self, slot: Option<Duration>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.response_slot = slot;
        }
        self
    }

    /// As [`OperatorOptions::without_response_slot`](super::OperatorOptions::without_response_slot), for our own tests and benchmarks.
    #[cfg(any(test, feature = "internals"))]
    #[doc(hidden)]
    #[must_use]
    pub fn without_response_slot(self) -> Self {
        self.in_slots_of(None)
    }
}

/// The keyring of the sandbox on `storage`.
pub(super) fn keyring(storage: &dyn Storage, keys: &Keys) -> Result<Keyring, OperatorError> {
    let file = SandboxFile::read(storage)?;
    Ok(match keys {
        Keys::InFolder => Keyring::open_in_folder(storage, &file.id)?,
        Keys::Given(root) => Keyring::open(storage, root, &file.id)?,
        Keys::Provided(provider) => Keyring::open(storage, &provider.root_key(&file.id)?, &file.id)?,
    })
}

/// The key under which answers are stored.
pub(super) fn answers(keyring: &Keyring) -> Secret {
    keyring.derive("hushtag 2026-11 v1 stored answers")
}

/// The key under which it is noted where the rare entries of the log are.
pub(super) fn log_index(keyring: &Keyring) -> Secret {
    keyring.derive("hushtag 2026-11 v1 index of the log")
}

/// The ledger has every charge that the log names: one that was put back has lost some, and what they spent must not come
/// back. Read the log before the ledger where another process writes.
pub(super) fn knows_all(ledger: &dyn Book, log: &Log) -> Result<(), OperatorError> {
    let charges = ledger.last()?.map_or(0, |last| last.seq);
    let seen = last_seen(ledger)?.map_or(0, |head| head.size);
    for entry in log.entries_from(seen) {
        if let Some(seq) = entry?.ledger_seq.filter(|seq| *seq > charges) {
            let why = format!("does not have charge {seq}, which the log names: the ledger was rolled back");
            return Err(OperatorError::damaged("ledger.redb", why));
        }
    }
    Ok(())
}

/// The log begins with the head that the ledger saw last, and has every entry that it knows of. Read the ledger before the log where another process writes.
pub(super) fn begins_as_seen(ledger: &dyn Book, log: &Log) -> Result<(), OperatorError> {
    let Some(seen) = last_seen(ledger)? else { return Ok(()) };
    let (size, _) = log.head();
    if size >= seen.size.max(ledger.spent()?.logged) && log.root_at(seen.size)? == seen.root {
        return Ok(());
    }
    let why = "is not the log that the ledger has seen: one of the two was rolled back or replaced";
    Err(OperatorError::damaged("log/checkpoint", why))
}

/// Finishes a renewal that a stop interrupted: the log entry decides.
fn settle_renewal(ledger: &dyn Ledger, log: &Log, pinned: Option<&Pinned>) -> Result<(), OperatorError> {
    let seen = last_seen(ledger)?.map_or(0, |head| head.size);
    for (index, entry) in (seen..).zip(log.entries_from(seen)) {
        let entry = entry?;
        if entry.kind == Kind::Renew {
            settle(ledger, log, pinned, index, &entry)?;
        }
    }
    Ok(())
}

impl SandboxState {
    /// Runs `release` with the trust boundary between ledger and log; see [`Books::with_door`].
    pub(super) fn with_door<T>(&self, release: impl FnOnce(&Releaser<'_>) -> T) -> T {
        self.books.with_door(&self.id, &*self.clock, release)
    }
}
