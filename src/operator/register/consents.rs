//! The consent register of a sandbox: record, withdraw, read, import, export. Its events are never log entries: their
//! number would show who withdrew.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::PoisonError;

use crate::consent::{Account, AgeFact, ConsentTable, KnownWords, Row, Tombstone, account_with};
use crate::engine::{ImportTerms, Imported, Input, Progress, import};
use crate::operator::query::vocabulary::{named_study, naming};
use crate::operator::{Operator, OperatorError, SandboxState};
use crate::policy::{Decision, decide};
use crate::register::{Event, EventError, EventFault, EventTerms, Namespaces, Snapshot};
use crate::types::{RecipientId, StudyId, Timestamp, Zone};

/// The consent register of an [`Operator`]; the file `consents.redb` is made with the first event.
pub struct Consents<'o> {
    pub(in crate::operator) inner: &'o SandboxState,
}

/// Shows the id of the sandbox alone.
impl fmt::Debug for Consents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consents").field("sandbox", &self.inner.id).finish_non_exhaustive()
    }
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
    pub(in crate::operator) fn id_forms(&self) -> Namespaces {
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
    pub(in crate::operator) fn fault(&self, ids: Option<&str>, error: EventError) -> EventFault {
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
    /// [`OperatorError`]; nothing is recorded. [`OperatorError::Event`] for an event without a person.
    ///
    /// # Privacy
    /// Writes no log entry. The size of the file shows how much was recorded, and by its rows how many events a pseudonym has.
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

    /// A signed receipt for an event that is in the register.
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
    pub(in crate::operator) fn spellings(&self, (ids, id): (&str, &str)) -> Vec<String> {
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

    /// The consent status for a recipient of a person of whom these are all events, as the seal would see it but for their age.
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
    /// The same file imported twice changes nothing in effect: the latest word decides. Of who was erased, what was given or withdrawn
    /// up to that instant is not recorded, and counted.
    ///
    /// # Errors
    /// [`OperatorError::Engine`] for a file that cannot be read, or of which one row cannot be attributed to a person, and
    /// [`OperatorError::Unknown`] for a study that the sandbox does not have; nothing is recorded.
    pub fn import(&self, input: Input, study: Option<&StudyId>) -> Result<Imported, OperatorError> {
        self.import_shown(input, study, &Progress::default())
    }

    /// As [`Consents::import`]; `progress` shows how many rows were read.
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
        // Who is erased while the file is read is erased all the same: what was said before counts for nothing. A tombstone of a
        // namespace that no study has any more may stop counting here, so that it keeps no withdrawal out.
        let left = self.snapshot()?.map(|register| register.tombstones()).transpose()?;
        let erased = left.as_ref().filter(|left| !left.is_empty());
        let terms =
            ImportTerms { table, namespaces: &namespaces, known: &known, progress, erased, threads: None };
        self.inner.record(|writer| {
            let packers = writer.packers();
            import(input, &terms, || packers.packer(), |part| Ok(writer.load(part)?))
        })
    }

    /// Everything in the register as it is, or `None` without one.
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
