//! The consent register of a sandbox: record, withdraw, read, import, export. Its events are never log entries: their
//! number would tell who withdrew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::law::{InForceLaw, Named, Studies, named_in, stored};
use super::person::Told;
use super::sandbox::EpochFile;
use super::sealed::found_at;
use super::view::{named_study, naming};
use super::{Operator, OperatorError, SandboxState};
use crate::audit::{Kind, Log, commit, verify_commitment};
use crate::consent::{Account, AgeFact, ConsentTable, KnownWords, Row, Tombstone, account_with};
use crate::deidentify::IdForms;
use crate::engine::{ImportTerms, Imported, Input, Progress, import};
use crate::keys::{KeyError, Keyring, open, random_secret, seal};
use crate::policy::{Decision, decide};
use crate::register::{
    Event, EventError, EventFault, EventTerms, FILE, Namespaces, Register, RegisterError, Removal, Snapshot,
    State, Tombstones, Writer,
};
use crate::storage::Storage;
use crate::types::{EpochId, RecipientId, Secret, StudyId, Timestamp, Zone};

const KEY: &str = "hushtag 2026-11 v1 consent register";
const COMMITMENT: &str = "hushtag 2026-11 v1 commitment to the register";
const SEALED: &str = "hushtag 2026-11 v1 sealed state of the register";

/// The consent register of an [`Operator`]; the file `consents.redb` is made with the first event.
pub struct Consents<'o> {
    pub(super) inner: &'o SandboxState,
}

impl Operator {
    /// The consent register.
    #[must_use]
    pub fn consents(&self) -> Consents<'_> {
        Consents { inner: &self.inner }
    }
}

impl Consents<'_> {
    /// The namespaces that the studies of the sandbox give ids in.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        let law = self.inner.law.in_force();
        law.studies.values().flat_map(|adopted| adopted.study.namespaces()).map(str::to_owned).collect()
    }

    /// The forms in which the studies of the sandbox declare the ids of every namespace.
    pub(super) fn id_forms(&self) -> Namespaces {
        self.inner.id_forms()
    }

    /// The namespace and the id of a person as the register keeps them; without a namespace the only one of the sandbox.
    ///
    /// # Errors
    /// [`EventFault`] for a namespace that no study has, and for an id that can never meet the same id in a file.
    pub fn attribute(&self, ids: Option<&str>, id: &str) -> Result<(String, String), EventFault> {
        self.id_forms().read(ids, Some(id)).map_err(|error| self.fault(ids, error))
    }

    /// The event in the words of the consent table, if everything in it can be read and is known to a study of the sandbox; times
    /// without a zone are those of `zone`.
    ///
    /// # Errors
    /// [`EventFault`] for what could only put the person out by a slip of the pen.
    pub fn checked(&self, event: &Event, zone: Option<&Zone>) -> Result<Event, EventFault> {
        let (namespaces, known, now) = (self.id_forms(), self.known_words(), self.inner.clock.now());
        let checked = event.checked(&EventTerms { known: &known, namespaces: &namespaces, zone, now });
        checked.map_err(|fault| match fault {
            EventFault::Event(error) => self.fault(Some(event.person().0), error),
            fault => fault,
        })
    }

    /// A namespace that is not known, with those that are.
    pub(super) fn fault(&self, ids: Option<&str>, error: EventError) -> EventFault {
        match error {
            EventError::UnknownNamespace => {
                EventFault::unknown("ids", ids.unwrap_or_default(), &self.namespaces())
            }
            error => error.into(),
        }
    }

    /// The ids of the studies whose words are known.
    #[must_use]
    pub fn studies(&self) -> Vec<String> {
        self.inner.law.in_force().studies.keys().map(ToString::to_string).collect()
    }

    /// The words that the studies of the sandbox and their regimes know, whether or not a use is permitted today.
    #[must_use]
    pub fn known_words(&self) -> KnownWords {
        self.inner.known_words()
    }

    /// Records all events in one durable transaction, or none; gives the register's time. Words that no study knows are kept as they
    /// are, and count as in a file; [`Consents::checked`] finds them.
    ///
    /// # Errors
    /// [`OperatorError`]; nothing is recorded. [`OperatorError::Event`] for an event that is nobody's.
    ///
    /// # Privacy
    /// Writes no log entry. The size of the file tells how much was recorded, and by its rows how many events a pseudonym has.
    pub fn record(&self, events: &[Event]) -> Result<Timestamp, OperatorError> {
        let (now, namespaces) = (self.inner.clock.now(), self.id_forms());
        let attributed = events.iter().map(|event| {
            let cells = event.to_cells();
            namespaces.attribute(cells).map_err(|error| self.fault(Some(event.person().0), error))
        });
        let events: Vec<Event> = attributed.collect::<Result<_, _>>()?;
        self.inner.record(|writer| Ok(events.iter().try_for_each(|event| writer.add(event))?))?;
        Ok(now)
    }

    /// A signed receipt for an event that stands in the register.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for an event that was not recorded.
    pub fn receipt(&self, event: &Event, recorded_at: Timestamp) -> Result<String, OperatorError> {
        let person = event.person();
        if !self.events_of(person)?.contains(event) {
            return Err(OperatorError::Invalid("a receipt is for an event that was recorded".into()));
        }
        self.inner.sign_receipt(person, recorded_at, event.statements())
    }

    /// The namespace as the studies call it, and the id as it is given, for looking up what was recorded under it: an id that the
    /// studies can read, or one of which the register holds something, whatever its form and namespace are by now. Without a namespace
    /// it is the only one of the sandbox.
    ///
    /// # Errors
    /// [`OperatorError::Event`] for an id that no study can read and the register does not hold either.
    pub fn named(&self, ids: Option<&str>, id: &str) -> Result<(String, String), OperatorError> {
        let namespaces = self.id_forms();
        let error = match namespaces.read(ids, Some(id)) {
            Ok((ids, _)) => return Ok((ids, id.to_owned())),
            Err(error) => error,
        };
        let written = ids.map(str::trim).filter(|name| !name.is_empty());
        if let Some(ids) = namespaces.name(ids).ok().or(written) {
            // As it is written: another spelling is one that the studies can read.
            let events = self.inner.register()?.map(|register| register.events_of(ids, id)).transpose()?;
            if events.is_some_and(|events| !events.is_empty()) || self.tombstone_of((ids, id))?.is_some() {
                return Ok((ids.to_owned(), id.to_owned()));
            }
        }
        Err(OperatorError::Event(self.fault(written, error)))
    }

    /// The spellings under which the register may hold events of this id, the given one first: a study may have declared another
    /// form, or none, when they were recorded.
    pub(super) fn spellings(&self, (ids, id): (&str, &str)) -> Vec<String> {
        let mut others = self.id_forms().spellings(ids, id);
        others.remove(id);
        std::iter::once(id.to_owned()).chain(others).collect()
    }

    /// All events of the person with this namespace and id, under the id as it is given and as each form of the studies spells it; of
    /// one spelling in the order in which they were recorded.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn events_of(&self, person: (&str, &str)) -> Result<Vec<Event>, OperatorError> {
        let Some(register) = self.inner.register()? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for spelling in self.spellings(person) {
            all.extend(register.events_of(person.0, &spelling)?);
        }
        Ok(all)
    }

    /// What is left of removed events of the person with this namespace and id, in whichever spelling.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn tombstone_of(&self, (ids, person): (&str, &str)) -> Result<Option<Tombstone>, OperatorError> {
        let Some(register) = self.inner.register()? else { return Ok(None) };
        let former = self.inner.former_namespaces()?;
        let names = std::iter::once(ids).chain(former.iter().map(String::as_str));
        let found = names.map(|ids| register.tombstone_of(ids, person)).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().reduce(Tombstone::and))
    }

    /// How a person of whom these are all events stands for a recipient, as the seal would see it but for her age.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`], or [`OperatorError::Refused`] for a use that policy refuses.
    pub fn standing(
        &self,
        events: &[Event],
        recipient: &RecipientId,
        study: Option<&StudyId>,
        as_of: Timestamp,
    ) -> Result<Vec<Account>, OperatorError> {
        let law = self.inner.law.in_force();
        let adopted = naming(&law.studies, recipient, study)?;
        let known =
            adopted.study.recipient(recipient).ok_or(OperatorError::Bug("a study names its recipient"))?;
        match decide(&adopted.study, &adopted.regime, known, self.inner.clock.now()) {
            Decision::Permit(flow) => {
                let rows: Vec<Row<'_>> = events.iter().map(Event::row).collect();
                let first = events.first().map(Event::person);
                let tombstone = first.map(|person| self.tombstone_of(person)).transpose()?.flatten();
                Ok(account_with(flow.demand(), &rows, tombstone.as_ref(), as_of, AgeFact::UNKNOWN))
            }
            Decision::Deny(reasons) => Err(OperatorError::Refused(reasons)),
        }
    }

    /// Records all events of a file in one durable transaction, in bounded memory, or none. Columns are those of the consent table
    /// in any spelling, or those that `[consents]` of `study` declares, with its words, constants and time zone.
    ///
    /// The same file imported twice changes nothing in effect: the latest word decides.
    ///
    /// # Errors
    /// [`OperatorError::Engine`] for a file that cannot be read, or of which one row cannot be attributed to a person, and
    /// [`OperatorError::Unknown`] for a study that the sandbox does not have; nothing is recorded.
    pub fn import(&self, input: Input, study: Option<&StudyId>) -> Result<Imported, OperatorError> {
        self.import_shown(input, study, &Progress::default())
    }

    /// As [`Consents::import`]; whoever looks at `progress` sees how many rows were read.
    ///
    /// # Errors
    /// As [`Consents::import`].
    pub fn import_shown(
        &self,
        input: Input,
        study: Option<&StudyId>,
        progress: &Progress,
    ) -> Result<Imported, OperatorError> {
        let plain = ConsentTable::default();
        let law = self.inner.law.in_force();
        let declared = study.map(|study| named_study(&law.studies, study)).transpose()?;
        let table = declared.map_or(&plain, |adopted| &adopted.study.consents);
        let namespaces = self.id_forms().with_default(table.namespace.as_deref());
        let known = self.known_words();
        let terms = ImportTerms { table, namespaces: &namespaces, known: &known, progress };
        self.inner.record(|writer| {
            let take = |event: &Event| writer.add(event).map_err(OperatorError::from);
            import(input, &terms, take)
        })
    }

    /// Everything in the register as it stands, or `None` without one.
    ///
    /// # Errors
    /// [`OperatorError`]
    ///
    /// # Privacy
    /// It yields raw ids: whatever it is written to needs the care that the register has.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, OperatorError> {
        self.inner.register_snapshot()
    }

    /// Why events past their retention could not be removed after the last write, once; what was to be written is durable all
    /// the same, and the next write and the next seal try again.
    #[must_use]
    pub fn take_unswept(&self) -> Option<OperatorError> {
        self.inner.register.unswept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Namespaces of texts that a law replaced, and that law.
type Former = (Arc<InForceLaw>, Arc<BTreeSet<String>>);

/// The register of an open sandbox, and the lock of those who write to it: a store that is written anew must not miss an event.
#[derive(Default)]
pub(super) struct RegisterPlace {
    slot: Mutex<RegisterSlot>,
    writing: Mutex<()>,
    /// Why events past their retention were not removed after a write.
    unswept: Mutex<Option<OperatorError>>,
    /// Namespaces in which only texts of before gave ids, once they were needed, and the law that replaced those texts.
    former: Mutex<Option<Former>>,
    /// What the log says about epochs, as far as it was read.
    pub(super) told: Mutex<Told>,
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
    pub(super) fn id_forms(&self) -> Namespaces {
        let mut all: BTreeMap<String, IdForms> = BTreeMap::new();
        for adopted in self.law.in_force().studies.values() {
            for namespace in adopted.study.namespaces() {
                all.entry(namespace.to_owned()).or_default().add(adopted.study.form(namespace));
            }
        }
        Namespaces::new(all)
    }

    /// The namespaces in which some text that the log names gave ids and no study in force does.
    pub(super) fn former_namespaces(&self) -> Result<Arc<BTreeSet<String>>, OperatorError> {
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
    pub(super) fn tombstones(&self, register: &Snapshot) -> Result<Tombstones, OperatorError> {
        Ok(register.tombstones()?.with_former(self.former_namespaces()?))
    }

    /// The words that the studies of the sandbox and their regimes know.
    pub(super) fn known_words(&self) -> KnownWords {
        let mut known = KnownWords::default();
        self.law
            .in_force()
            .studies
            .values()
            .for_each(|adopted| known.and(adopted.study.known_words(&adopted.regime)));
        known
    }

    pub(super) fn register(&self) -> Result<Option<Arc<Register>>, OperatorError> {
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
    pub(super) fn register_writing(&self) -> Result<MutexGuard<'_, ()>, OperatorError> {
        let writing = self.register.writing.lock();
        writing.map_err(|_| OperatorError::Bug("a thread stopped while it wrote to the register"))
    }

    /// Runs `work` as one durable transaction of the register, which is made where there is none. Then removes what is past its
    /// retention: that this fails refuses nobody's withdrawal, and [`Consents::take_unswept`] says so.
    pub(super) fn record<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, OperatorError>,
    ) -> Result<T, OperatorError> {
        let writing = self.register_writing()?;
        let value = self.record_locked(&writing, work)?;
        self.sweep_after(&writing);
        Ok(value)
    }

    /// Removes what is past its retention after a write that is durable.
    pub(super) fn sweep_after(&self, writing: &MutexGuard<'_, ()>) {
        let unswept = self.sweep(writing, None).err();
        *self.register.unswept.lock().unwrap_or_else(PoisonError::into_inner) = unswept;
    }

    /// Puts the mark of a seal into the register, if there is one, and gives what it holds then. Its file has the time `at`.
    ///
    /// If we stop after it, the register has a mark that no epoch names, as after a seal that failed: it stays and changes nothing.
    pub(super) fn mark_seal(&self, at: SystemTime) -> Result<Option<(Snapshot, State)>, OperatorError> {
        let _writing = self.register_writing()?;
        let Some(register) = self.register()? else { return Ok(None) };
        let mark = *random_secret()?.expose();
        register.record_at(Some(at), |writer| writer.mark_seal(&mark))?;
        let snapshot = register.snapshot()?;
        let state = snapshot.state().marked(mark);
        Ok(Some((snapshot, state)))
    }

    /// As [`SandboxState::record`], for who has the lock.
    pub(super) fn record_locked<T>(
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
    pub(super) fn rewrite_register(
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

    pub(super) fn register_snapshot(&self) -> Result<Option<Snapshot>, OperatorError> {
        self.register()?.map(|register| Ok(register.snapshot()?)).transpose()
    }

    /// Writes the state of the register that an epoch is sealed from, sealed; gives what the `seal` entry says of it: a
    /// commitment, and the hash of the ciphertext, by which a verifier without the key finds a replaced file.
    pub(super) fn write_register_state(
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

/// The namespaces in which some text that the log names gave ids and no study in force does.
pub(super) fn former_namespaces(
    log: &Log,
    storage: &dyn Storage,
    studies: &Studies,
) -> Result<BTreeSet<String>, OperatorError> {
    let in_force = |named: &Named| studies.values().any(|adopted| adopted.study.hash == named.hash);
    let mut replaced = BTreeMap::new();
    for found in log.entries_of(&[Kind::Init, Kind::Adopt]) {
        let named = named_in(&found?.1).into_iter().filter(|named| !in_force(named));
        replaced.extend(named.map(|named| (named.hash.clone(), named)));
    }
    let mut former = BTreeSet::new();
    for named in replaced.values() {
        let adopted = stored(storage, named)?;
        former.extend(adopted.study.namespaces().into_iter().map(str::to_owned));
    }
    former.retain(|name| !studies.values().any(|adopted| adopted.study.namespaces().contains(name.as_str())));
    Ok(former)
}

/// The register is a later state of the one that any of these epochs was sealed from, whose key is still there.
fn has_all(
    register: Option<&Register>,
    (storage, keyring, sandbox): (&dyn Storage, &Keyring, &str),
    epochs: &[EpochFile],
) -> Result<(), OperatorError> {
    let held = register.map(|register| register.snapshot()?.held()).transpose()?;
    for EpochFile { epoch, .. } in epochs {
        let Some(sealed) = storage.read(&sealed_path(&format!("epochs/{epoch}")))? else { continue };
        let key = match keyring.epoch(storage, epoch) {
            Err(KeyError::Absent(_)) => continue,
            key => key?,
        };
        let then = open_state(&key, sandbox, epoch, &sealed)?;
        if !held.as_ref().is_some_and(|now| now.covers(&then)) {
            return Err(lost_events(epoch));
        }
    }
    Ok(())
}

/// The register as a copy in memory, which is read beside its writer; nothing of it is written.
pub(super) fn register_copy(
    storage: &dyn Storage,
    keyring: &Keyring,
    sandbox: &str,
    epochs: &[EpochFile],
) -> Result<Option<Register>, OperatorError> {
    let register = Register::open_copy(storage, &keyring.derive(KEY), sandbox)?;
    has_all(register.as_ref(), (storage, keyring, sandbox), epochs)?;
    Ok(register)
}

/// The register does not hold what an epoch was sealed from.
fn lost_events(epoch: &EpochId) -> OperatorError {
    let why = format!("has lost events that epoch {epoch} was sealed from: it is missing or was rolled back");
    OperatorError::damaged(FILE, why)
}

pub(super) fn sealed_path(folder: &str) -> String {
    format!("{folder}/register.sealed")
}

fn binding<'a>(sandbox: &'a str, epoch: &'a EpochId) -> [&'a [u8]; 2] {
    [sandbox.as_bytes(), epoch.as_str().as_bytes()]
}

fn open_state(key: &Secret, sandbox: &str, epoch: &EpochId, sealed: &[u8]) -> Result<State, OperatorError> {
    let plain = open(&key.derive(SEALED), &binding(sandbox, epoch), sealed).ok();
    let state = plain.and_then(|plain| State::from_bytes(&plain));
    state.ok_or_else(|| {
        OperatorError::damaged(
            sealed_path(&format!("epochs/{epoch}")),
            "does not open: changed bytes, another key, or another place",
        )
    })
}

/// What the check of the consent register found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterCheck {
    /// There is none, and no seal commits to one.
    Absent,
    /// It is there; without the root key nothing in it can be read.
    NoKey,
    /// Every row, the head and the set hash hold, and no seal saw more, as far as the keys of epochs are there.
    Holds,
}

/// The register is there if a seal commits to one and, with the keys, holds as a whole and has lost nothing that an epoch was
/// sealed from. `seals` are the bodies of the `seal` entries, oldest first, each with its index and whether it is retired.
pub(super) fn check_register<'a>(
    storage: &dyn Storage,
    keyring: Option<&Keyring>,
    sandbox: &str,
    seals: impl Iterator<Item = (u64, &'a Map<String, Value>, bool)>,
) -> Result<RegisterCheck, OperatorError> {
    let (mut first, mut then) = (None, Vec::new());
    for (index, seal, retired) in seals {
        match (seal.contains_key("register"), first) {
            (true, _) => first = first.or(Some(index)),
            (false, Some(first)) => {
                let why =
                    format!("seals an epoch without the consent register, which entry {first} sealed from");
                return Err(OperatorError::damaged(format!("log entry {index}"), why));
            }
            (false, None) => continue,
        }
        if !retired {
            then.extend(sealed_state(storage, keyring, sandbox, (index, seal))?);
        }
    }
    if storage.read_blocks(FILE)?.is_none() {
        let Some(index) = first else { return Ok(RegisterCheck::Absent) };
        let why = format!("is missing, and log entry {index} sealed an epoch from it");
        return Err(OperatorError::damaged(FILE, why));
    }
    let Some(keyring) = keyring else { return Ok(RegisterCheck::NoKey) };
    let now = Register::verify_copy(storage, &keyring.derive(KEY), sandbox)?;
    let lost = then.iter().find(|(_, then)| now.as_ref().is_none_or(|now| !now.covers(then)));
    lost.map_or(Ok(RegisterCheck::Holds), |(epoch, _)| Err(lost_events(epoch)))
}

/// The state of the register that an unretired epoch was sealed from, which the entry commits to; `None` without its key.
fn sealed_state(
    storage: &dyn Storage,
    keyring: Option<&Keyring>,
    sandbox: &str,
    (index, seal): (u64, &Map<String, Value>),
) -> Result<Option<(EpochId, State)>, OperatorError> {
    let text = |name: &str| seal.get(name).and_then(Value::as_str).unwrap_or_default();
    let (Ok(epoch), Ok(commitment)) = (EpochId::new(text("epoch")), text("register").parse()) else {
        let why = "commits to a register in no known way";
        return Err(OperatorError::damaged(format!("log entry {index}"), why));
    };
    let place = sealed_path(&found_at(storage, &epoch)?);
    let sealed = storage.read(&place)?.ok_or_else(|| OperatorError::damaged(place.clone(), "is missing"))?;
    let Some(keyring) = keyring else { return Ok(None) };
    let key = keyring.epoch(storage, &epoch)?;
    let state = open_state(&key, sandbox, &epoch, &sealed)?;
    if verify_commitment(&commitment, &key.derive(COMMITMENT), &state.to_bytes()) {
        Ok(Some((epoch, state)))
    } else {
        Err(OperatorError::damaged(place, "is not the state that the log commits to"))
    }
}
