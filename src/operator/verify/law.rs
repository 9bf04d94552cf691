//! `verify`, the law: every study that the log ever put in force has its text, its regime's and its handlers' signatures,
//! and `sandbox.toml` names the newest of each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::audit::{Entry, Kind, Pinned, pinned_by};
use crate::operator::books::anchor::{FIELD, check_path};
use crate::operator::law::in_force::{Named, check_signatures, named_in, signers, stored};
use crate::operator::sandbox::{InForce, SANDBOX, SANDBOX_NEW, SandboxFile};
use crate::operator::{Adopted, OperatorError};
use crate::storage::Storage;
use crate::types::{Days, HandlerId, StudyId, Timestamp};

/// The entries of the log that make law, in order.
#[derive(Default)]
pub(in crate::operator) struct Laws {
    init: Option<Entry>,
    adopted: Vec<(u64, Named)>,
    /// Hash of the study, handler and vkey, each with the first entry that says so.
    approved: BTreeMap<(String, String, String), u64>,
}

impl Laws {
    pub(in crate::operator) fn read(&mut self, index: u64, entry: &Entry) {
        if index == 0 {
            self.init = Some(entry.clone());
        }
        // A second `init` entry would be no beginning; only the first one counts.
        if index == 0 || entry.kind == Kind::Adopt {
            self.adopted.extend(named_in(entry).into_iter().map(|named| (index, named)));
        }
        if entry.kind == Kind::Approve {
            let text = |name: &str| entry.body.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
            let approval = (text("hash"), text("handler"), text("vkey"));
            self.approved.entry(approval).or_insert(index);
        }
    }

    /// The keys that the first entry pins, or `None` where nothing is signed.
    pub(in crate::operator) fn pinned(&self) -> Result<Option<Pinned>, OperatorError> {
        let damaged = |why: &str| OperatorError::damaged("log entry 0", why);
        let init = self.init.as_ref().ok_or_else(|| damaged("is missing"))?;
        pinned_by(init).map_err(|error| damaged(&error.to_string()))
    }

    /// When the first pool was opened, and its window.
    pub(in crate::operator) fn first_pool(&self) -> Option<(Timestamp, Option<Days>)> {
        let init = self.init.as_ref()?;
        let days = init.body.get("window_days").and_then(Value::as_u64);
        Some((init.at, days.and_then(|days| u32::try_from(days).ok()).and_then(Days::new)))
    }

    /// How many studies, and how many signatures over them where they are approved so.
    pub(in crate::operator) fn check(
        &self,
        storage: &dyn Storage,
        file: &SandboxFile,
    ) -> Result<(u64, Option<u64>), OperatorError> {
        let pinned = self.pinned()?;
        let mut current: BTreeMap<StudyId, (InForce, Adopted)> = BTreeMap::new();
        let mut signatures = 0;
        self.check_approvals(pinned.as_ref())?;
        for (index, named) in &self.adopted {
            let adopted = stored(storage, named)?;
            let id = adopted.study.id.clone();
            let before = current.get(&id).map(|(_, before)| &before.study);
            if let Some(pinned) = &pinned {
                let signers = signers(&adopted.study, before);
                self.check_entries(*index, named, pinned, &signers)?;
                signatures += check_signatures(storage, &adopted, pinned, &signers)? as u64;
            }
            current.insert(id.clone(), (named.in_force(id, *index), adopted));
        }
        self.check_constants(storage, file)?;
        check_file(storage, file, current.into_values().map(|(study, _)| study).collect())?;
        Ok((self.adopted.len() as u64, pinned.map(|_| signatures)))
    }

    /// The hexadecimal digits of the hashes of all texts of studies and of regimes that were ever adopted.
    pub(in crate::operator) fn texts(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let digits = |hash: &str| hash.trim_start_matches("blake3:").to_owned();
        let named = || self.adopted.iter().map(|(_, named)| named);
        (
            named().map(|named| digits(&named.hash)).collect(),
            named().map(|named| digits(&named.regime_hash)).collect(),
        )
    }

    /// Whether the sandbox was made with an anchor.
    pub(in crate::operator) fn anchored(&self) -> bool {
        let init = self.init.as_ref().and_then(|init| init.body.get("anchored")?.as_bool());
        init.unwrap_or(false)
    }

    /// Whether the first entry names the path of the anchor, where there is one: entries of earlier versions do not.
    pub(in crate::operator) fn anchor_bound(&self) -> Option<bool> {
        let init = self.init.as_ref().filter(|_| self.anchored())?;
        Some(init.body.contains_key(FIELD))
    }

    /// What `sandbox.toml` says of the sandbox itself is what the first entry says, and it is the text that the program writes.
    fn check_constants(&self, storage: &dyn Storage, file: &SandboxFile) -> Result<(), OperatorError> {
        let damaged = |why: &str| OperatorError::damaged(SANDBOX, why);
        if storage.read(SANDBOX)?.as_deref() != Some(file.to_text()?.as_bytes()) {
            return Err(damaged("is not written as the program writes it"));
        }
        if file.pinned()? != self.pinned()? {
            return Err(damaged("does not name the keys of handlers that the log pins"));
        }
        let Some(init) = &self.init else { return Err(damaged("has no log")) };
        let handlers = file.handlers.iter().map(|entry| json!({ "id": entry.id, "vkey": entry.vkey }));
        let fields = [
            ("id", Some(&json!(file.id)) == init.body.get("sandbox")),
            ("approval", Some(&json!(file.approval)) == init.body.get("approval")),
            ("handlers", Some(&Value::Array(handlers.collect())) == init.body.get("handlers")),
            ("created", file.created == init.at.to_string()),
            ("anchor", file.anchor.is_some() == self.anchored()),
        ];
        match fields.into_iter().find(|(_, agrees)| !agrees) {
            Some((field, _)) => Err(damaged(&format!("does not agree with log entry 0 in `{field}`"))),
            None => file.anchor.as_deref().map_or(Ok(()), |path| check_path(init, path)),
        }
    }

    /// Every approval is by the key that the first entry pins for its handler.
    fn check_approvals(&self, pinned: Option<&Pinned>) -> Result<(), OperatorError> {
        for ((_, handler, vkey), index) in &self.approved {
            let key = HandlerId::new(handler).ok().and_then(|handler| pinned?.key(&handler));
            if key.is_none_or(|key| key.to_string() != *vkey) {
                let why = "says that a handler approved with a key that log entry 0 does not pin";
                return Err(OperatorError::damaged(format!("log entry {index}"), why));
            }
        }
        Ok(())
    }

    /// The log says of each signer that it approved.
    fn check_entries(
        &self,
        index: u64,
        named: &Named,
        pinned: &Pinned,
        signers: &BTreeSet<&HandlerId>,
    ) -> Result<(), OperatorError> {
        for handler in signers {
            let key = pinned.key(handler).map(ToString::to_string).unwrap_or_default();
            if !self.approved.contains_key(&(named.hash.clone(), handler.to_string(), key)) {
                let why = format!(
                    "adopts study `{}`, and no entry says that handler `{handler}` approved",
                    named.id
                );
                return Err(OperatorError::damaged(format!("log entry {index}"), why));
            }
        }
        Ok(())
    }
}

/// `sandbox.toml` names what the log put in force last, or will once the next open has finished an adoption.
fn check_file(
    storage: &dyn Storage,
    file: &SandboxFile,
    mut current: Vec<InForce>,
) -> Result<(), OperatorError> {
    let sorted = |file: &SandboxFile| {
        let mut studies = file.studies.clone();
        studies.sort_by(|one, other| one.id.cmp(&other.id));
        studies
    };
    current.sort_by(|one, other| one.id.cmp(&other.id));
    if sorted(file) == current {
        return Ok(());
    }
    match SandboxFile::read_at(storage, SANDBOX_NEW)? {
        Some(new) if sorted(&new) == current => Ok(()),
        _ => Err(OperatorError::damaged(SANDBOX, "does not name the studies that the log put in force last")),
    }
}
