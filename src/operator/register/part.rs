//! The fourth part of an open sandbox: the register while it is open, who writes to it, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::audit::commit;
use crate::consent::KnownWords;
use crate::deidentify::IdForms;
use crate::keys::{random_secret, seal};
use crate::operator::law::in_force::InForceLaw;
use crate::operator::register::person::LoggedReleases;
use crate::operator::register::state::{
    COMMITMENT, KEY, SEALED, binding, former_namespaces, has_all, sealed_path,
};
use crate::operator::{OperatorError, SandboxState};
use crate::register::{
    Event, Namespaces, Register, RegisterError, Removal, Snapshot, State, Tombstones, Writer,
};
use crate::types::{EpochId, Secret, Timestamp};

/// Namespaces of texts that a law replaced, and that law.
type Former = (Arc<InForceLaw>, Arc<BTreeSet<String>>);

/// The register of an open sandbox, and the lock of those who write to it: a store that is rewritten must not miss an event.
#[derive(Default)]
pub(in crate::operator) struct RegisterPlace {
    slot: Mutex<RegisterSlot>,
    writing: Mutex<()>,
    /// Why events past their retention were not removed after a write.
    pub(super) unswept: Mutex<Option<OperatorError>>,
    /// Namespaces in which only texts of before gave ids, once they were needed, and the law that replaced those texts.
    former: Mutex<Option<Former>>,
    /// What the log says about epochs, as far as it was read.
    pub(in crate::operator) releases: Mutex<LoggedReleases>,
}

/// The register of an open sandbox, once it was needed.
#[derive(Default)]
struct RegisterSlot {
    open: Option<Arc<Register>>,
    /// Opening or making it failed in the storage: what is durable is known only after opening the sandbox again.
    failed: bool,
}

impl RegisterSlot {
    /// Opens the register unless it is open.
    fn or_open<T>(
        &mut self,
        work: impl FnOnce() -> Result<(Option<Register>, T), OperatorError>,
    ) -> Result<Option<T>, OperatorError> {
        if self.failed {
            return Err(RegisterError::Poisoned.into());
        }
        if self.open.is_some() {
            return Ok(None);
        }
        let (register, value) = work().inspect_err(|error| {
            self.failed = matches!(error, OperatorError::Register(error) if error.poisons());
        })?;
        self.open = register.map(Arc::new);
        Ok(Some(value))
    }
}

impl SandboxState {
    /// The forms in which the studies of the sandbox declare the ids of every namespace.
    pub(in crate::operator) fn id_forms(&self) -> Namespaces {
        let mut all: BTreeMap<String, IdForms> = BTreeMap::new();
        for adopted in self.law.in_force().studies.values() {
            for namespace in adopted.study.namespaces() {
                all.entry(namespace.to_owned()).or_default().add(adopted.study.form(namespace));
            }
        }
        Namespaces::new(all)
    }

    /// The namespaces in which some text that the log names gave ids and no study in force does.
    pub(in crate::operator) fn former_namespaces(&self) -> Result<Arc<BTreeSet<String>>, OperatorError> {
        let (law, former) = (self.law.in_force(), &self.register.former);
        if let Some((of, known)) = &*former.lock().unwrap_or_else(PoisonError::into_inner)
            && Arc::ptr_eq(of, &law)
        {
            return Ok(Arc::clone(known));
        }
        // Not under that lock: who adopts a study holds the log.
        let known = Arc::new(former_namespaces(&*self.books.log()?, &*self.storage, &law.studies)?);
        *former.lock().unwrap_or_else(PoisonError::into_inner) = Some((law, Arc::clone(&known)));
        Ok(known)
    }

    /// What is left of all removed events of a register, whatever their namespaces are called now.
    pub(in crate::operator) fn tombstones(&self, register: &Snapshot) -> Result<Tombstones, OperatorError> {
        Ok(register.tombstones()?.with_former(self.former_namespaces()?))
    }

    /// The words that the studies of the sandbox and their regimes know.
    pub(in crate::operator) fn known_words(&self) -> KnownWords {
        let mut known = KnownWords::default();
        self.law
            .in_force()
            .studies
            .values()
            .for_each(|adopted| known.and(adopted.study.known_words(&adopted.regime)));
        known
    }

    pub(in crate::operator) fn register(&self) -> Result<Option<Arc<Register>>, OperatorError> {
        let mut slot = self.register_slot()?;
        slot.or_open(|| {
            let register = Register::open(&*self.storage, &self.register_key(), &self.id)?;
            let _unretired = self.shelf.unretired()?;
            has_all(
                register.as_ref(),
                (&*self.storage, &self.shelf.keyring, &self.id),
                &self.shelf.epochs()?,
            )?;
            Ok((register, ()))
        })?;
        Ok(slot.open.clone())
    }

    fn register_key(&self) -> Secret {
        self.shelf.keyring.derive(KEY)
    }

    /// The lock of those who write to the register.
    pub(in crate::operator) fn register_writing(&self) -> Result<MutexGuard<'_, ()>, OperatorError> {
        let writing = self.register.writing.lock();
        writing.map_err(|_| OperatorError::Bug("a thread stopped while it wrote to the register"))
    }

    /// Runs `work` as one durable transaction of the register, which is made where there is none. Then removes what is past its
    /// retention: that this fails refuses no withdrawal, and [`Consents::take_unswept`] says so.
    pub(in crate::operator) fn record<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, OperatorError>,
    ) -> Result<T, OperatorError> {
        let writing = self.register_writing()?;
        let value = self.record_locked(&writing, work)?;
        self.sweep_after(&writing);
        Ok(value)
    }

    /// Removes what is past its retention after a write that is durable.
    pub(in crate::operator) fn sweep_after(&self, writing: &MutexGuard<'_, ()>) {
        let unswept = self.sweep(writing, None).err();
        *self.register.unswept.lock().unwrap_or_else(PoisonError::into_inner) = unswept;
    }

    /// Puts the mark of a seal into the register, if there is one, and gives what it holds then. Its file has the time `at`.
    ///
    /// If we stop after it, the register has a mark that no epoch names, as after a seal that failed: it stays and changes nothing.
    pub(in crate::operator) fn mark_seal(
        &self,
        at: SystemTime,
    ) -> Result<Option<(Snapshot, State)>, OperatorError> {
        let _writing = self.register_writing()?;
        let Some(register) = self.register()? else { return Ok(None) };
        let mark = *random_secret()?.expose();
        register.record_at(Some(at), |writer| writer.mark_seal(&mark))?;
        let snapshot = register.snapshot()?;
        let state = snapshot.state().marked(mark);
        Ok(Some((snapshot, state)))
    }

    /// As [`SandboxState::record`], for who has the lock.
    pub(in crate::operator) fn record_locked<T>(
        &self,
        _: &MutexGuard<'_, ()>,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, OperatorError>,
    ) -> Result<T, OperatorError> {
        if let Some(register) = self.register()? {
            return register.record(work);
        }
        let made = self.register_slot()?.or_open(|| {
            let (made, value) = Register::create(&*self.storage, &self.register_key(), &self.id, work)?;
            Ok((Some(made), value))
        })?;
        made.ok_or(OperatorError::Bug("a register that is open is not made"))
    }

    /// Puts a register in the place of this one that lacks what `judge` removes; for who has the lock.
    pub(in crate::operator) fn rewrite_register(
        &self,
        _: &MutexGuard<'_, ()>,
        register: &Register,
        judge: impl FnMut(&[Event]) -> Removal,
        swept: (Option<Timestamp>, Option<SystemTime>),
    ) -> Result<(), OperatorError> {
        let key = self.register_key();
        let rewritten = register.rewritten(&*self.storage, (&key, &self.id), judge, swept)?;
        self.register_slot()?.open = Some(Arc::new(rewritten));
        Ok(())
    }

    fn register_slot(&self) -> Result<MutexGuard<'_, RegisterSlot>, OperatorError> {
        self.register
            .slot
            .lock()
            .map_err(|_| OperatorError::Bug("a thread stopped while it held the register"))
    }

    pub(in crate::operator) fn register_snapshot(&self) -> Result<Option<Snapshot>, OperatorError> {
        self.register()?.map(|register| Ok(register.snapshot()?)).transpose()
    }

    /// Writes the state of the register that an epoch is sealed from, sealed; gives what the `seal` entry says of it: a
    /// commitment, and the hash of the ciphertext, by which a verifier without the key finds a replaced file.
    pub(in crate::operator) fn write_register_state(
        &self,
        state: State,
        epoch: &EpochId,
        key: &Secret,
        folder: &str,
    ) -> Result<[(String, Value); 2], OperatorError> {
        let sealed = seal(&key.derive(SEALED), &binding(&self.id, epoch), &state.to_bytes());
        let sealed = sealed.map_err(crate::release::ReleaseError::Seal)?;
        self.storage.write(&sealed_path(folder), &sealed)?;
        let commitment = commit(&key.derive(COMMITMENT), &state.to_bytes()).to_string();
        // A ciphertext under a fresh key reveals nothing, so its hash may be public.
        let hash = blake3::hash(&sealed).to_hex().to_string();
        Ok([("register", commitment), ("register_sealed", hash)]
            .map(|(name, text)| (name.into(), json!(text))))
    }
}
