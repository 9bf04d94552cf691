//! A bundle of one answer, and the entries of the log as anyone may read them.

use crate::audit::{Bundle, Entry, Ground, KeyChange, Kind, Log, Proof, RotationFault};
use crate::operator::books::access::{Act, Role};
use crate::operator::keys::rotate::log_key;
use crate::operator::law::in_force::{named_in, text};
use crate::operator::sandbox::{SandboxFile, regime_path, signatures_path, study_path};
use crate::operator::{Operator, OperatorError, SandboxState};
use crate::storage::Folder;
use std::path::Path;
use std::sync::Arc;

impl Operator {
    /// Everything that is needed to check the answer at `index` of the log, for someone who has the log's public key.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`] when there is no answer at `index`; [`OperatorError::Damaged`].
    ///
    /// # Privacy
    /// None: the answer left through the door when it was given. The act is logged before the bundle is made.
    pub fn prove(&self, index: u64) -> Result<Bundle, OperatorError> {
        let inner = &*self.inner;
        let log = inner.books.log()?;
        let unknown = || OperatorError::Unknown {
            kind: "answer",
            name: index.to_string(),
            known: vec![format!("{} entries", log.head().0)],
        };
        if index >= log.head().0 {
            return Err(unknown());
        }
        let entry = log.entry(index)?;
        let seq = entry.ledger_seq.filter(|_| entry.kind == Kind::Ask).ok_or_else(unknown)?;
        let stored = inner.books.ledger.answer(seq)?.ok_or_else(|| {
            OperatorError::damaged(format!("ledger record {seq}"), "has no answer, and the log names one")
        })?;
        drop(log);
        inner.log_access(Act::Prove, Role::Operator, None)?;
        let log = inner.books.log()?;
        let (opening, answer) = inner.with_door(|door| door.opening(&stored))?;
        let policy = entry.body.get("policy").and_then(|hash| hash.as_str()).unwrap_or_default();
        let ground = ground(inner, &log, policy, index)?;
        let text = entry.to_text().map_err(|_| OperatorError::Bug("an entry that was read has a text"))?;
        Ok(Bundle::new(text, &log.prove(index)?, answer, &opening, ground))
    }
}

/// By what right the study with the hash `policy` was in force when entry `index` was made.
fn ground(inner: &SandboxState, log: &Log, policy: &str, index: u64) -> Result<Ground, OperatorError> {
    let storage = &*inner.storage;
    let study = text(storage, &study_path(policy), policy)?;
    let init = log.proven_entry(0)?;
    let init = init.to_text().map_err(|_| OperatorError::Bug("an entry that was read has a text"))?;
    let mut approval = None;
    if inner.law.in_force().file.pinned()?.is_some() {
        let mut regime = None;
        for (_, entry) in (0..index).zip(log.entries()) {
            // One text has one regime, so that any entry that names it will do.
            regime = regime.or(named_in(&entry?).into_iter().find(|named| named.hash == policy));
        }
        let missing = || OperatorError::damaged("log", format!("does not adopt the study {policy}"));
        let hash = regime.ok_or_else(missing)?.regime_hash;
        let place = signatures_path(policy);
        let note = storage.read(&place)?.and_then(|note| String::from_utf8(note).ok());
        let note = note.ok_or_else(|| OperatorError::damaged(place, "is missing"))?;
        approval = Some((text(storage, &regime_path(&hash), &hash)?, note));
    }
    Ok(Ground { study, init, init_proof: log.prove(0)?, approval, keys: keys(log)? })
}

/// Every entry that changes the key of the log with its proof: with them, anyone who has an older key of the log follows it to
/// the present one.
pub(in crate::operator) fn keys(log: &Log) -> Result<Vec<(String, Proof)>, OperatorError> {
    let mut keys = Vec::new();
    for (index, entry) in (0..).zip(log.entries()) {
        let entry = entry?;
        let changes = |fault: RotationFault| OperatorError::from(fault.at(index));
        if entry.kind == Kind::Key && matches!(KeyChange::of(&entry).map_err(changes)?, KeyChange::Log(_)) {
            let text = entry.to_text();
            let text = text.map_err(|_| OperatorError::Bug("an entry that was read has a text"))?;
            keys.push((text, log.prove(index)?));
        }
    }
    Ok(keys)
}

/// The entries of the log in `dir` with their indexes. Reads beside a writer, needs no key but the public one, and checks
/// the head only: `verify` checks everything.
///
/// # Errors
/// [`OperatorError`]
pub fn show_log(dir: &Path) -> Result<Vec<(u64, Entry)>, OperatorError> {
    let folder = Folder::open(dir)?;
    let file = SandboxFile::read(&folder)?;
    let key = log_key(&folder, &file)?;
    let log = Log::open(Arc::new(folder), &key)?;
    let entries = log.entries().collect::<Result<Vec<_>, _>>()?;
    Ok((0..).zip(entries).collect())
}
