//! Rotation of the key that signs the log: the text that the old and the new key both sign, its entry, and the chain that
//! leads from any key that was ever in force to the present one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::checkpoint::Checkpoint;
use super::entry::{Entry, Kind};
use super::error::{VerifyError, VerifyErrorKind};
use super::folder::parse_bundle;
use super::key_change::KeyChange;
use super::merkle::Hash;
use super::note::{Note, NoteError, Signer, VerifierKey};
use super::tail::Stored;
use super::tiles::{CHECKPOINT, Content, FULL, Tile};
use crate::storage::Storage;

/// The first line of the text.
const HEADER: &str = "hushtag-key@v1";

/// What both keys sign: which log changes its key, at which place, from which key to which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The sandbox.
    pub sandbox: String,
    /// Entries in the log before: the index of the entry.
    pub log_size: u64,
    /// The root over them.
    pub log_root: Hash,
    /// The key in force until then; it signs no checkpoint that covers the entry.
    pub old: VerifierKey,
    /// The key in force from then on.
    pub new: VerifierKey,
}

/// Why a `key` entry changes no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationFault {
    /// The body, or the text in its note, is not what a rotation writes.
    #[error("the entry is not as a rotation writes it")]
    Malformed,
    /// The key that was in force has not signed.
    #[error("the old key has not signed")]
    Old(#[source] NoteError),
    /// The key that is to be in force has not signed.
    #[error("the new key has not signed")]
    New(#[source] NoteError),
    /// Signed for another sandbox.
    #[error("it is of sandbox `{0}`")]
    Sandbox(String),
    /// Signed for another place, or another log.
    #[error("it was signed for another place of the log")]
    Place,
    /// Its old key is not the one that was in force.
    #[error("its old key is not the key that was in force")]
    NotInForce,
    /// A change of the root key that does not follow the one before.
    #[error("it is root key {0}, out of turn")]
    RootNumber(u64),
    /// The given key was never in force, or a key that is no longer in force signed the checkpoint.
    #[error("the given key does not lead to the key that signed the checkpoint")]
    Unknown,
}

impl RotationFault {
    /// The fault of the `key` entry at `index`.
    #[must_use]
    pub fn at(self, index: u64) -> VerifyError {
        VerifyError::new(format!("log entry {index}"), VerifyErrorKind::Rotation(self))
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sandbox, log_size, log_root, old, new } = self;
        writeln!(f, "{HEADER}\nsandbox: {sandbox}\nlog: {log_size} {}", BASE64.encode(log_root))?;
        writeln!(f, "old: {old}\nnew: {new}")
    }
}

impl Rotation {
    /// The body of the entry: both keys, and the note that both have signed.
    ///
    /// # Errors
    /// [`RotationFault`] when a signer is not the key that the text names, or the text would not be read back.
    pub fn entry_body(
        &self,
        old: &(impl Signer + ?Sized),
        new: &(impl Signer + ?Sized),
    ) -> Result<Map<String, Value>, RotationFault> {
        let note = Note::sign(&self.to_string(), old).map_err(RotationFault::Old)?;
        let note = note.signed_by(new).map_err(RotationFault::New)?;
        let mut body = Map::new();
        body.insert("old".into(), json!(self.old.to_string()));
        body.insert("new".into(), json!(self.new.to_string()));
        body.insert("note".into(), json!(note.to_string()));
        if Self::read(&body)? == *self { Ok(body) } else { Err(RotationFault::Malformed) }
    }

    /// The rotation of a `key` entry, once both signatures hold. Whether it is in its place, [`KeyChain`] says.
    ///
    /// # Errors
    /// [`RotationFault`]
    pub fn of(entry: &Entry) -> Result<Self, RotationFault> {
        if entry.kind != Kind::Key || entry.ledger_seq.is_some() {
            return Err(RotationFault::Malformed);
        }
        Self::read(&entry.body)
    }

    fn read(body: &Map<String, Value>) -> Result<Self, RotationFault> {
        let field = |name: &str| body.get(name).and_then(Value::as_str).ok_or(RotationFault::Malformed);
        let note = Note::parse(field("note")?.as_bytes()).map_err(|_| RotationFault::Malformed)?;
        let rotation = Self::parse(note.text()).ok_or(RotationFault::Malformed)?;
        let named = rotation.old.to_string() == field("old")? && rotation.new.to_string() == field("new")?;
        if !named || body.len() != 3 || note.lines() != 2 || rotation.old.name() != rotation.new.name() {
            return Err(RotationFault::Malformed);
        }
        note.verify(&rotation.old).map_err(RotationFault::Old)?;
        note.verify(&rotation.new).map_err(RotationFault::New)?;
        if rotation.old == rotation.new { Err(RotationFault::NotInForce) } else { Ok(rotation) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut next = |label: &str| lines.next()?.strip_prefix(label);
        next(HEADER)?;
        let sandbox = next("sandbox: ")?.to_owned();
        let (size, root) = next("log: ")?.split_once(' ')?;
        let rotation = Self {
            sandbox,
            log_size: size.parse().ok()?,
            log_root: BASE64.decode(root).ok()?.try_into().ok()?,
            old: next("old: ")?.parse().ok()?,
            new: next("new: ")?.parse().ok()?,
        };
        // One spelling only.
        (rotation.to_string() == text).then_some(rotation)
    }
}

/// The keys of a log, in order: each was followed by one that it signed for, and that signed for it. Changes of the root key are
/// counted beside them.
#[derive(Debug, Clone, Default)]
pub struct KeyChain {
    links: Vec<Rotation>,
    roots: u64,
}

impl KeyChain {
    /// Goes on over the `key` entry at `index`: another key of the log, or of the root. Without `root`, that of the tree before it is
    /// not checked.
    ///
    /// # Errors
    /// [`RotationFault`]
    pub fn follow(
        &mut self,
        sandbox: &str,
        index: u64,
        root: Option<&Hash>,
        entry: &Entry,
    ) -> Result<(), RotationFault> {
        let rotation = match KeyChange::of(entry)? {
            KeyChange::Log(rotation) => *rotation,
            KeyChange::Root { number } if self.roots.checked_add(1) == Some(number) => {
                self.roots = number;
                return Ok(());
            }
            KeyChange::Root { number } => return Err(RotationFault::RootNumber(number)),
        };
        if rotation.sandbox != sandbox {
            return Err(RotationFault::Sandbox(rotation.sandbox.escape_default().take(80).collect()));
        }
        if rotation.log_size != index || root.is_some_and(|root| *root != rotation.log_root) {
            return Err(RotationFault::Place);
        }
        if self.links.last().is_some_and(|last| last.new != rotation.old) {
            return Err(RotationFault::NotInForce);
        }
        self.links.push(rotation);
        Ok(())
    }

    /// Checks that the chain has `given` and ends with `signer`; without a link, both are the same key.
    ///
    /// # Errors
    /// [`RotationFault::Unknown`]
    pub fn leads(&self, given: &VerifierKey, signer: &VerifierKey) -> Result<(), RotationFault> {
        let last = self.last().unwrap_or(given);
        let known = given == last || self.links.iter().any(|link| link.old == *given);
        if known && last == signer { Ok(()) } else { Err(RotationFault::Unknown) }
    }

    /// The key that signed a checkpoint of `size` entries, if it is another than the last one.
    #[must_use]
    pub fn before(&self, size: u64) -> Option<&VerifierKey> {
        self.links.iter().find(|link| link.log_size >= size).map(|link| &link.old)
    }

    /// The last key, once there was a change.
    #[must_use]
    pub fn last(&self) -> Option<&VerifierKey> {
        self.links.last().map(|link| &link.new)
    }

    /// The key before the last one.
    #[must_use]
    pub fn last_but_one(&self) -> Option<&VerifierKey> {
        self.links.last().map(|link| &link.old)
    }

    /// How often the key of the log changed.
    #[must_use]
    pub fn rotations(&self) -> u64 {
        self.links.len() as u64
    }

    /// How often the root key changed.
    #[must_use]
    pub const fn root_changes(&self) -> u64 {
        self.roots
    }
}

/// The rotation to the key that signed the checkpoint, or `None` when `key` has signed it, or when no entry says who did.
/// Both its signatures hold; nothing else of the log was checked. Reads entries only when `key` has not signed.
///
/// # Errors
/// [`VerifyError`] in an entry of the log.
pub fn rotation_to_signer(storage: &dyn Storage, key: &VerifierKey) -> Result<Option<Rotation>, VerifyError> {
    let note = storage.read(CHECKPOINT).ok().flatten().and_then(|content| Note::parse(&content).ok());
    let Some(note) = note else { return Ok(None) };
    let Err(NoteError::Unsigned { .. }) = note.verify(key) else { return Ok(None) };
    let Some(head) = Checkpoint::stated(&note) else { return Ok(None) };
    let stored = Stored::of(storage, head.size, &head.root);
    for bundle in (0..head.size.div_ceil(u64::from(FULL))).rev() {
        let Some(tile) = Tile::at(Content::Entries, bundle, head.size) else { continue };
        let entries = parse_bundle(tile, &stored.read(tile)?)?;
        // An entry that changes no key is found, with its place, by anyone who follows the chain.
        let rotations = entries.iter().rev().filter_map(|entry| Rotation::of(entry).ok());
        for rotation in rotations {
            if note.verify(&rotation.new).is_ok() {
                return Ok(Some(rotation));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::TestSigner;
    use crate::types::Timestamp;

    fn key(seed: u8) -> TestSigner {
        TestSigner::new("hushtag/s", [seed; 32])
    }

    fn rotation(log_size: u64, old: u8, new: u8) -> Rotation {
        let sandbox = "s".to_owned();
        Rotation { sandbox, log_size, log_root: [9; 32], old: key(old).key(), new: key(new).key() }
    }

    fn entry(rotation: &Rotation, old: u8, new: u8) -> Entry {
        let body = rotation.entry_body(&key(old), &key(new)).unwrap();
        Entry { kind: Kind::Key, at: Timestamp::from_seconds(1), ledger_seq: None, body }
    }

    #[test]
    fn both_keys_sign_one_text() {
        let rotation = rotation(3, 1, 2);
        let text = rotation.to_string();
        let lines: Vec<&str> = text.split('\n').collect();
        let root = format!("log: 3 {}", BASE64.encode([9; 32]));
        let (old, new) = (format!("old: {}", key(1).key()), format!("new: {}", key(2).key()));
        assert_eq!(lines, ["hushtag-key@v1", "sandbox: s", &root, &old, &new, ""]);
        let good = entry(&rotation, 1, 2);
        assert_eq!(Rotation::of(&good).as_ref(), Ok(&rotation));
        assert!(matches!(rotation.entry_body(&key(3), &key(2)), Err(RotationFault::Old(_))));
        assert!(matches!(rotation.entry_body(&key(1), &key(3)), Err(RotationFault::New(_))));
        // Every single changed byte of the note.
        let note = good.body["note"].as_str().unwrap();
        for place in 0..note.len() {
            let mut bytes = note.as_bytes().to_vec();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let mut bad = good.clone();
            bad.body.insert("note".into(), json!(changed));
            assert!(Rotation::of(&bad).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_chain_has_no_gap() {
        let mut chain = KeyChain::default();
        let (root, key) = ([9; 32], |seed| key(seed).key());
        assert_eq!(chain.leads(&key(1), &key(1)), Ok(()));
        assert_eq!(chain.leads(&key(1), &key(2)), Err(RotationFault::Unknown));
        chain.follow("s", 3, Some(&root), &entry(&rotation(3, 1, 2), 1, 2)).unwrap();
        let next = entry(&rotation(5, 2, 3), 2, 3);
        let refused = |sandbox, index, root: &Hash, entry| {
            chain.clone().follow(sandbox, index, Some(root), entry).unwrap_err()
        };
        assert_eq!(refused("t", 5, &root, &next), RotationFault::Sandbox("s".into()));
        assert_eq!(refused("s", 6, &root, &next), RotationFault::Place);
        assert_eq!(refused("s", 5, &[8; 32], &next), RotationFault::Place);
        let other = entry(&rotation(5, 1, 3), 1, 3);
        assert_eq!(refused("s", 5, &root, &other), RotationFault::NotInForce);
        chain.follow("s", 5, None, &next).unwrap();
        for given in [1, 2, 3] {
            assert_eq!(chain.leads(&key(given), &key(3)), Ok(()));
            assert_eq!(chain.leads(&key(given), &key(2)), Err(RotationFault::Unknown), "no longer in force");
        }
        assert_eq!(chain.leads(&key(4), &key(3)), Err(RotationFault::Unknown));
        let before = [0, 3, 4, 5, 6].map(|size| chain.before(size).cloned());
        for (number, taken) in [(2, false), (1, true), (1, false), (3, false), (2, true)] {
            let body = KeyChange::root_body(number);
            let root = Entry { body, ..next.clone() };
            assert_eq!(chain.follow("s", 6, None, &root).is_ok(), taken, "root key {number}");
        }
        assert_eq!((chain.rotations(), chain.root_changes()), (2, 2));
        assert_eq!(before, [Some(key(1)), Some(key(1)), Some(key(2)), Some(key(2)), None]);
    }
}
