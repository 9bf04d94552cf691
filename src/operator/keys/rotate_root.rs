//! `key rotate-root`: the key of the sandbox is sealed under another root key. Nothing that it protects is read or encrypted again.

use crate::audit::{Entry, KeyChange, Kind, Log};
use crate::keys::{KeyError, Keyring, RootKey, RootNumber};
use crate::operator::{Operator, OperatorError, SandboxState};

/// Where the new root key is.
pub enum NewRoot {
    /// A fresh one, in `keys/root.key`.
    InFolder,
    /// The caller has it, and gives it at every open from then on; none is left in the folder.
    Given(RootKey),
}

/// What a change of the root key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootRotated {
    /// How often the root key was changed since init.
    pub number: u64,
    /// The entry of the log that says so.
    pub entry: u64,
}

impl Operator {
    /// Puts a new root key in force, after which the old one opens nothing in the folder.
    ///
    /// Order: the new key, as `keys/root.next`, where it will lie in the folder; `keys/sandbox.key`, sealed under the new key,
    /// which decides; `keys/root.key` is overwritten and removed, and the new one gets its name; the log's `key` entry; the anchor.
    /// If we stop before `keys/sandbox.key` is replaced, the old key is in force and the next open destroys `keys/root.next`;
    /// after it, the new key is in force, and the next open with it finishes: the entry that is missing says so.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for the root key that is in force.
    /// After [`OperatorError::Storage`] and [`OperatorError::Key`] either key may be in force: keep both until it has succeeded, here
    /// or at the next open.
    ///
    /// # Privacy
    /// Reads no data and changes no budget. The old key is overwritten as `retire` does it, with the same limits; with a copy of the
    /// old `keys/sandbox.key` it opens everything still, because the key that it seals is the same.
    pub fn rotate_root(&self, new: NewRoot) -> Result<RootRotated, OperatorError> {
        self.inner.rotate_root(new)
    }
}

impl SandboxState {
    fn rotate_root(&self, new: NewRoot) -> Result<RootRotated, OperatorError> {
        let _changing = self.law.changing()?;
        // After a failed append only the next open knows what is recorded.
        self.books.log()?.tidy()?;
        let logged = root_changes(&*self.books.log()?, 0)?;
        check_root_number(&self.shelf.keyring, logged)?;
        let (storage, log_size) = (&*self.storage, self.books.log()?.head().0);
        let root = match new {
            NewRoot::InFolder => self.next_in_folder()?,
            NewRoot::Given(root) => root,
        };
        let under = self.shelf.keyring.is_under(storage, &root)?;
        if under && Keyring::open(storage, &root, &self.id)?.sealed_for().number == logged {
            return Err(OperatorError::Invalid("this root key is in force already: give another one".into()));
        }
        let number = logged.checked_add(1).ok_or(OperatorError::Bug("a root key is changed by hand"))?;
        // If we stop before it, the old root key is in force; after it, the new one. An attempt that failed here is done again, so
        // that what lies there is durable before another key is destroyed.
        self.shelf.keyring.seal_under(storage, &root, RootNumber { number, log_size })?;
        self.leave_key_in_force()?;
        let entry = self.log_root(number)?;
        Ok(RootRotated { number, entry })
    }

    /// The key of `keys/root.next`: what an attempt that failed has sealed for, else a fresh one.
    fn next_in_folder(&self) -> Result<RootKey, OperatorError> {
        let storage = &*self.storage;
        Ok(match RootKey::load_next(storage)? {
            Some(next) if self.shelf.keyring.is_under(storage, &next)? => next,
            // If we stop after it, `keys/sandbox.key` does not open under it, and the next open destroys it.
            _ => RootKey::create_next(storage)?,
        })
    }

    /// Finishes or undoes a change that a stop interrupted: `keys/sandbox.key` decides, and it has opened.
    pub(in crate::operator) fn settle_root(&self) -> Result<(), OperatorError> {
        let number = self.shelf.keyring.sealed_for().number;
        let missing = number > 0 && !self.is_logged(self.shelf.keyring.sealed_for())?;
        if missing || RootKey::has_next(&*self.storage)? {
            // What was read may not be durable yet, if the write before failed late.
            Keyring::settle(&*self.storage)?;
            self.leave_key_in_force()?;
        }
        if missing {
            self.log_root(number)?;
        }
        Ok(())
    }

    /// Leaves no root key in the folder but the one in force. Only once `keys/sandbox.key` is durable. If we stop inside, the next
    /// open does it again, because `keys/root.next` is there or the entry of the log is not.
    fn leave_key_in_force(&self) -> Result<(), OperatorError> {
        let storage = &*self.storage;
        if let Some(next) = RootKey::load_next(storage)?
            && self.shelf.keyring.is_under(storage, &next)?
        {
            return Ok(RootKey::put_next_in_force(storage)?);
        }
        let in_force = match RootKey::load(storage) {
            Ok(root) => self.shelf.keyring.is_under(storage, &root)?,
            // Absent, or overwritten and not yet removed.
            Err(KeyError::Absent(_) | KeyError::Malformed { .. }) => false,
            Err(other) => return Err(other.into()),
        };
        if !in_force {
            RootKey::forget(storage)?;
        }
        Ok(RootKey::forget_next(storage)?)
    }

    /// The last step: with its entry a change is over.
    fn log_root(&self, number: u64) -> Result<u64, OperatorError> {
        self.books.append(Kind::Key, self.clock.now(), KeyChange::root_body(number))
    }

    /// Whether the log has the entry of the change after which `keys/sandbox.key` was sealed.
    fn is_logged(&self, sealed: RootNumber) -> Result<bool, OperatorError> {
        let log = self.books.log()?;
        let (size, _) = log.head();
        let own = KeyChange::Root { number: sealed.number };
        // Where it belongs, unless the change was finished later.
        if sealed.log_size < size && change(sealed.log_size, &log.entry(sealed.log_size)?)? == Some(own) {
            return Ok(true);
        }
        Ok(root_changes(&log, sealed.log_size)? >= sealed.number)
    }
}

/// What the entry at `index` changes, if it is a `key` entry.
fn change(index: u64, entry: &Entry) -> Result<Option<KeyChange>, OperatorError> {
    let changes = (entry.kind == Kind::Key).then(|| KeyChange::of(entry)).transpose();
    changes.map_err(|fault| fault.at(index).into())
}

/// The number of the last change of the root key from entry `from` on; 0 when there is none.
fn root_changes(log: &Log, from: u64) -> Result<u64, OperatorError> {
    let mut last = 0;
    for (index, entry) in (from..).zip(log.entries_from(from)) {
        if let Some(KeyChange::Root { number }) = change(index, &entry?)? {
            last = number;
        }
    }
    Ok(last)
}

/// `keys/sandbox.key` is that of the last change that the log names, or of one that is not logged yet: one that was put back, with
/// the root key of its time, is found.
pub(in crate::operator) fn check_root_number(keyring: &Keyring, logged: u64) -> Result<(), OperatorError> {
    let number = keyring.sealed_for().number;
    if number == logged || Some(number) == logged.checked_add(1) {
        return Ok(());
    }
    let why =
        format!("is sealed for root key {number}, and the log names root key {logged}: it was put back");
    Err(OperatorError::damaged("keys/sandbox.key", why))
}
