//! `key rotate`: another key signs the log from here on, and the way from the old key to it is in the log.

use crate::audit::{Entry, Kind, Log, Rotation, VerifierKey, rotation_to_signer};
use crate::keys::{KeyError, Keyring, SigningKey};
use crate::operator::law::in_force::InForceLaw;
use crate::operator::sandbox::{SANDBOX, SandboxFile};
use crate::operator::{NamedKey, Operator, OperatorError, SandboxState};
use crate::storage::Storage;

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotated {
    /// The key that signed until then. A holder of it alone can still verify the log and later bundles.
    pub old: VerifierKey,
    /// The key that signs from then on.
    pub new: VerifierKey,
    /// The entry of the log that both have signed.
    pub entry: u64,
}

impl Operator {
    /// Makes a fresh key that signs the log from here on, and destroys the old one. Waits for queries under way; later ones wait for it.
    ///
    /// Order: the new key, as `keys/sign.key.new`; the log's `key` entry, signed by both keys, under a checkpoint by the new
    /// one, which decides; the anchor; `sandbox.toml`; the old key is overwritten and removed, and the new one gets its name.
    /// If we stop before the checkpoint, the next open destroys the new key; after it, the next open finishes.
    ///
    /// # Errors
    /// [`OperatorError`]. After a failure that leaves the checkpoint in place the new key is in force, and the next rotation or open
    /// finishes.
    ///
    /// # Privacy
    /// Reads no data and changes no budget.
    pub fn rotate_key(&self) -> Result<Rotated, OperatorError> {
        self.inner.rotate_key()
    }
}

impl SandboxState {
    fn rotate_key(&self) -> Result<Rotated, OperatorError> {
        // Each answer is signed by the key under which it was asked: those under way come to their end first.
        let changing = self.law.changing()?;
        let (storage, law) = (&*self.storage, self.law.in_force());
        let mut file = law.file.clone();
        let mut log = self.books.log()?;
        // After a failed append only the next open knows which key is in force.
        log.tidy()?;
        settle_rotation(storage, &self.shelf.keyring, &mut file, &log)?;
        // If we stop after it, no entry names the key and it has signed nothing that is durable: the next open destroys it.
        let next = named(SigningKey::create_next(storage, &self.shelf.keyring)?, &file);
        let (log_size, log_root) = log.head();
        let sandbox = file.id.clone();
        let rotation = Rotation { sandbox, log_size, log_root, old: log.key().clone(), new: vkey(&next)? };
        let body = rotation.entry_body(&*self.books.signer(), &next);
        let body = body.map_err(|_| OperatorError::Bug("both keys of a rotation are at hand"))?;
        let entry = Entry { kind: Kind::Key, at: self.clock.now(), ledger_seq: None, body };
        // If we stop after it, the next open finds `keys/sign.key.new` as the key of the checkpoint: it is in force.
        let index = log.append_rotation(&entry, &next)?.index();
        self.books.set_signer(&log, next);
        file.vkey = rotation.new.to_string();
        self.law.replace(&changing, InForceLaw { file: file.clone(), studies: law.studies.clone() });
        // If we stop before it, the anchor is behind, under the old key: the next hand-out moves it.
        if let Some(anchor) = &self.books.anchor {
            log.advance_anchor(anchor)?;
        }
        finish(storage, &file)?;
        Ok(Rotated { old: rotation.old, new: rotation.new, entry: index })
    }
}

/// If we stop between the two, both files name the new key, and the next open destroys the old one.
fn finish(storage: &dyn Storage, file: &SandboxFile) -> Result<(), OperatorError> {
    storage.write(SANDBOX, file.to_text()?.as_bytes())?;
    Ok(SigningKey::put_next_in_force(storage)?)
}

/// Finishes or undoes a rotation that a stop interrupted: the checkpoint decides.
pub(in crate::operator) fn settle_rotation(
    storage: &dyn Storage,
    keyring: &Keyring,
    file: &mut SandboxFile,
    log: &Log,
) -> Result<(), OperatorError> {
    let Some(next) = SigningKey::load_next(storage, keyring)? else { return Ok(()) };
    if vkey(&named(next, file))? != *log.key() {
        // If we stop before it, the next open decides as this one did.
        return Ok(SigningKey::forget_next(storage)?);
    }
    file.vkey = log.key().to_string();
    finish(storage, file)
}

/// The key in force: that of `sandbox.toml`, or the one that it was rotated to when a stop kept it out of there.
pub(in crate::operator) fn log_key(
    storage: &dyn Storage,
    file: &SandboxFile,
) -> Result<VerifierKey, OperatorError> {
    let key = file.log_key()?;
    match rotation_to_signer(storage, &key)? {
        Some(rotation) if rotation.old == key && rotation.sandbox == file.id => Ok(rotation.new),
        _ => Ok(key),
    }
}

/// The signer whose key is in force, whichever of its two places it is in.
pub(in crate::operator) fn signer(
    storage: &dyn Storage,
    keyring: &Keyring,
    file: &SandboxFile,
) -> Result<NamedKey, OperatorError> {
    let in_force = log_key(storage, file)?;
    if let Some(next) = SigningKey::load_next(storage, keyring)?.map(|key| named(key, file))
        && vkey(&next)? == in_force
    {
        return Ok(next);
    }
    let lost = |why: String| OperatorError::SigningKey { why };
    let key = SigningKey::load(storage, keyring).map_err(|error| match error {
        KeyError::Absent(_) => lost("is missing".into()),
        KeyError::Sealed { .. } => lost("does not open".into()),
        KeyError::Malformed { .. } => lost("holds no key".into()),
        other => other.into(),
    })?;
    let signer = named(key, file);
    if vkey(&signer)? == in_force { Ok(signer) } else { Err(lost("holds another key".into())) }
}

fn named(key: SigningKey, file: &SandboxFile) -> NamedKey {
    NamedKey { name: format!("hushtag/{}", file.id), key }
}

fn vkey(signer: &NamedKey) -> Result<VerifierKey, OperatorError> {
    VerifierKey::of(signer).map_err(|_| OperatorError::Bug("the name of a log is plain"))
}
