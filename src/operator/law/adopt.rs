//! `adopt`: a new or changed study for a sandbox that exists, once every handler has signed it.

use std::sync::{Arc, RwLockWriteGuard};

use serde_json::{Map, Value, json};

use crate::audit::{ApprovalFault, Entry, Kind, Note, Pinned, VerifierKey};
use crate::dp::Accounting;
use crate::operator::law::in_force::{InForceLaw, Named, named_in, signers};
use crate::operator::query::metrics::check_metrics;
use crate::operator::sandbox::{SANDBOX, SANDBOX_NEW, SandboxFile, regime_path, signatures_path, study_path};
use crate::operator::{Adopted, Operator, OperatorError, SandboxState, StudySource};
use crate::policy::{Reason, Study};
use crate::storage::Storage;
use crate::types::trace::span;
use crate::types::{HandlerId, StudyId, Timestamp};

/// What an adoption did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adoption {
    /// The study.
    pub study: StudyId,
    /// The hash of its text.
    pub hash: String,
    /// The id of its regime.
    pub regime: String,
    /// The hash of the regime's text.
    pub regime_hash: String,
    /// The hash of the text that it replaced, if the study was there before.
    pub replaced: Option<String>,
    /// Whose signatures were checked; empty in a sandbox that was made without approval.
    pub signed_by: Vec<HandlerId>,
    /// Whether anything was done: the text in force is adopted once.
    pub changed: bool,
}

/// A study that parses and whose metrics mean something, with its texts.
pub(in crate::operator) struct Candidate<'a> {
    pub(in crate::operator) adopted: Adopted,
    source: &'a StudySource,
    regime: &'a str,
    signed: Vec<(HandlerId, VerifierKey)>,
}

impl<'a> Candidate<'a> {
    pub(in crate::operator) fn new(
        source: &'a StudySource,
        accounting: Accounting,
    ) -> Result<Self, OperatorError> {
        let (study, regime) = source.parse()?;
        let text = source.regime_text(&study)?;
        let adopted = Adopted::new(study, regime);
        check_metrics(&adopted, &source.name, &source.text, accounting)?;
        Ok(Self { adopted, source, regime: text, signed: Vec::new() })
    }

    /// Checks the signatures beside the study.
    pub(in crate::operator) fn approve(
        &mut self,
        pinned: &Pinned,
        replaces: Option<&Study>,
    ) -> Result<(), Vec<ApprovalFault>> {
        let Adopted { study, regime, .. } = &self.adopted;
        let note = self.source.signatures.as_deref();
        self.signed = pinned.check(study, regime, note, &signers(study, replaces))?;
        Ok(())
    }

    pub(in crate::operator) fn named(&self) -> Named {
        Named::of(&self.adopted)
    }

    /// Writes the texts, each under its hash. If we stop in between or after, they are texts that nothing names.
    pub(in crate::operator) fn write(&self, storage: &dyn Storage) -> Result<(), OperatorError> {
        let Adopted { study, regime, .. } = &self.adopted;
        storage.write(&regime_path(regime.hash()), self.regime.as_bytes())?;
        storage.write(&study_path(&study.hash), self.source.text.as_bytes())?;
        if let Some(note) = self.source.signatures.as_deref().filter(|_| !self.signed.is_empty()) {
            let place = signatures_path(&study.hash);
            storage.write(&place, merged(storage, &place, note).as_bytes())?;
        }
        Ok(())
    }

    /// One `approve` entry for each handler.
    pub(in crate::operator) fn approvals(&self, at: Timestamp) -> Vec<Entry> {
        let Adopted { study, regime, .. } = &self.adopted;
        let entry = |(handler, key): &(HandlerId, VerifierKey)| {
            let body = json!({
                "study": study.id,
                "hash": study.hash,
                "regime_hash": regime.hash(),
                "handler": handler,
                "vkey": key.to_string(),
            });
            let Value::Object(body) = body else { return None };
            Some(Entry { kind: Kind::Approve, at, ledger_seq: None, body })
        };
        self.signed.iter().filter_map(entry).collect()
    }
}

/// A text that was adopted before keeps the signatures that it was adopted with.
fn merged(storage: &dyn Storage, place: &str, note: &str) -> String {
    let old = storage.read(place).ok().flatten().and_then(|old| Note::parse(&old).ok());
    let merged = Note::parse(note.as_bytes()).ok().zip(old).and_then(|(note, old)| note.merged(old).ok());
    merged.map_or_else(|| note.to_owned(), |note| note.to_string())
}

impl Operator {
    /// Adopts a new study, or a changed one in place of its old text. The pool stays as it is; what was spent under the id of
    /// a study or recipient counts on; epochs that were sealed under the old text answer no more. A text that was adopted
    /// before may come back if it is signed: the log then names it once more. Waits for queries under way; later ones wait for it.
    ///
    /// Order: texts; `sandbox.toml.new`; the log's `approve` entries and its `adopt` entry, under one checkpoint, which decide;
    /// the anchor; `sandbox.toml`. If we stop before the entries, the next open removes `sandbox.toml.new`; after them, the
    /// next open finishes.
    ///
    /// # Errors
    /// [`OperatorError::Refused`] (logged) when a signature is missing or wrong.
    ///
    /// # Privacy
    /// Reads no data. The pool's limit is not raised, whatever the study's own caps say.
    pub fn adopt(&self, source: &StudySource) -> Result<Adoption, OperatorError> {
        span!("adopt");
        self.inner.adopt(source)
    }
}

impl SandboxState {
    fn adopt(&self, source: &StudySource) -> Result<Adoption, OperatorError> {
        let now = self.clock.now();
        let mut candidate = Candidate::new(source, self.law.accounting)?;
        // A query is decided under one law from its plan to its entry: those under way come to their end first.
        let changing = self.law.changing()?;
        let law = self.law.in_force();
        let before = law.studies.get(&candidate.adopted.study.id);
        let adoption = adoption(&candidate, before.map(|before| &**before));
        self.same_regime(&candidate.named())?;
        if !adoption.changed {
            return Ok(adoption);
        }
        if let Some(pinned) = law.file.pinned()?
            && let Err(faults) = candidate.approve(&pinned, before.map(|before| &before.study))
        {
            return Err(self.refuse_adoption(&adoption, &faults, now)?);
        }
        let signed_by = candidate.signed.iter().map(|(handler, _)| handler.clone()).collect();
        let adoption = Adoption { signed_by, ..adoption };
        self.take_effect(candidate, &adoption, now, &changing)?;
        Ok(adoption)
    }

    /// In one sandbox a study text has one regime text: answers name the study's hash alone.
    fn same_regime(&self, new: &Named) -> Result<(), OperatorError> {
        let log = self.books.log()?;
        for entry in log.entries() {
            let named = named_in(&entry?);
            if named.iter().any(|old| old.hash == new.hash && old.regime_hash != new.regime_hash) {
                return Err(OperatorError::Invalid(format!(
                    "this text of study `{}` was adopted under another text of its regime: say in the study what is new, \
                     so that the two are distinguished",
                    new.id
                )));
            }
        }
        Ok(())
    }

    /// The refusal, after it was logged.
    fn refuse_adoption(
        &self,
        adoption: &Adoption,
        faults: &[ApprovalFault],
        now: Timestamp,
    ) -> Result<OperatorError, OperatorError> {
        let mut body = Map::new();
        body.insert("act".into(), json!("adopt"));
        body.insert("study".into(), json!(adoption.study));
        body.insert("hash".into(), json!(adoption.hash));
        body.insert("rules".into(), json!(["APPROVAL"]));
        self.books.append(Kind::Refuse, now, body)?;
        let reasons = faults.iter().map(|fault| Reason {
            rule: "APPROVAL".into(),
            article: String::new(),
            because: format!("study `{}`: {fault}", adoption.study),
            fix: fix(fault).into(),
        });
        Ok(OperatorError::Refused(reasons.collect()))
    }

    fn take_effect(
        &self,
        candidate: Candidate<'_>,
        adoption: &Adoption,
        now: Timestamp,
        changing: &RwLockWriteGuard<'_, ()>,
    ) -> Result<(), OperatorError> {
        let law = self.law.in_force();
        let mut log = self.books.log()?;
        // After a failed append only the next open knows whether there is an entry, and so what the files mean.
        log.tidy()?;
        // An adoption that failed after its entry is finished first, or its study would be lost with `sandbox.toml.new`.
        if self.storage.read(SANDBOX_NEW)?.is_some() {
            self.write_sandbox(&law.file)?;
        }
        // If we stop after it, there are texts that nothing names.
        candidate.write(&*self.storage)?;
        let mut entries = candidate.approvals(now);
        let index = log.head().0.saturating_add(entries.len() as u64);
        entries.push(adopt_entry(&law.file, &candidate, adoption, now));
        let mut file: SandboxFile = law.file.clone();
        file.studies.retain(|study| study.id != adoption.study);
        file.studies.push(candidate.named().in_force(adoption.study.clone(), index));
        // If we stop after it, the log has no such entry, and the next open removes the file: the old law stays in force.
        self.storage.write(SANDBOX_NEW, file.to_text()?.as_bytes())?;
        // If we stop after it, the next open gives the file its name: the new law is in force.
        let _recorded = log.append_all(&entries, &*self.books.signer())?;
        let mut studies = law.studies.clone();
        studies.insert(adoption.study.clone(), Arc::new(candidate.adopted));
        self.law.replace(changing, InForceLaw { file: file.clone(), studies });
        // If we stop before it, the anchor is behind: the next hand-out moves it.
        if let Some(anchor) = &self.books.anchor {
            log.advance_anchor(anchor)?;
        }
        drop(log);
        self.write_sandbox(&file)
    }

    /// If we stop between the two, `sandbox.toml.new` names nothing newer, and the next open removes it.
    fn write_sandbox(&self, file: &SandboxFile) -> Result<(), OperatorError> {
        self.storage.write(SANDBOX, file.to_text()?.as_bytes())?;
        Ok(self.storage.remove(SANDBOX_NEW)?)
    }
}

fn adopt_entry(file: &SandboxFile, candidate: &Candidate<'_>, adoption: &Adoption, at: Timestamp) -> Entry {
    let mut body = Map::new();
    body.insert("study".into(), json!(adoption.study));
    body.insert("adopted".into(), Value::Object(candidate.named().to_json()));
    body.insert("approval".into(), json!(file.approval));
    if let Some(replaced) = &adoption.replaced {
        body.insert("replaces".into(), json!(replaced));
    }
    Entry { kind: Kind::Adopt, at, ledger_seq: None, body }
}

fn adoption(candidate: &Candidate<'_>, before: Option<&Adopted>) -> Adoption {
    let Named { hash, regime, regime_hash, .. } = candidate.named();
    let replaced = before.map(|before| before.study.hash.clone());
    Adoption {
        study: candidate.adopted.study.id.clone(),
        changed: replaced.as_ref() != Some(&hash),
        hash,
        regime,
        regime_hash,
        replaced,
        signed_by: Vec::new(),
    }
}

/// What would fix a fault.
fn fix(fault: &ApprovalFault) -> &'static str {
    match fault {
        ApprovalFault::NotPinned { .. } => {
            "name handlers whose keys were pinned at init; another handler needs a new sandbox"
        }
        ApprovalFault::RegimeId { .. } => "give the regime a plain id",
        ApprovalFault::OtherText | ApprovalFault::Note(_) => {
            "remove FILE.sig and let every handler run `hushtag policy sign --study FILE --key KEY` on this text"
        }
        _ => {
            "let every handler run `hushtag policy sign --study FILE --key KEY`, with the key that is pinned for it"
        }
    }
}
