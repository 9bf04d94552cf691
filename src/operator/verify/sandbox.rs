//! `verify`: the log alone with a public key, or both books against each other with the root key.

use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::{
    Checkpoint, Entry, Hash, KeyChain, Kind, Verified, VerifierKey, VerifyError, VerifyErrorKind, anchored,
    head_text, rotation_to_signer, tiles::CHECKPOINT, verify_each,
};
use crate::engine::Progress;
use crate::keys::Keyring;
use crate::ledger::{self, Book, Check, LedgerError, Snapshot};
use crate::operator::OperatorError;
use crate::operator::keys::rotate_root::check_root_number;
use crate::operator::open::{Keys, keyring};
use crate::operator::register::state::RegisterCheck;
use crate::operator::sandbox::{SANDBOX, SandboxFile};
use crate::operator::verify::charges::{Asked, check_ledger};
use crate::operator::verify::epochs::{Epochs, EpochsCheck};
use crate::operator::verify::files::{Known, check_signing_key};
use crate::operator::verify::law::Laws;
use crate::operator::verify::renewals::{agree, check_renewals};
use crate::register::Register;
use crate::storage::{AnchorFile, Storage, StorageError};
use crate::types::trace::span;

/// What was checked and found to be so.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The log.
    pub log: Verified,
    /// The key that it was verified with.
    pub vkey: VerifierKey,
    /// The key that signed the checkpoint: that one, or the last one that it was rotated to.
    pub signed_by: VerifierKey,
    /// How often the key changed, each time signed by the old key and the new one.
    pub rotations: u64,
    /// How often the root key changed.
    pub root_changes: u64,
    /// Studies whose text, and whose regime's, has the hash that the log names.
    pub studies: u64,
    /// Signatures of handlers over these studies, each by the key that the log pins, or `None` where none are needed.
    pub approvals: Option<u64>,
    /// Renewals of the pool, each signed by all handlers.
    pub renewals: u64,
    /// Sealed cubes whose ciphertext has the hash that the log names.
    pub cubes: u64,
    /// Epochs whose key was destroyed.
    pub retired: u64,
    /// How many entries the anchor covers, or `None` when no anchor was read.
    pub anchored: Option<u64>,
    /// Whether the sandbox was made with an anchor.
    pub anchor_wanted: bool,
    /// Whether the log names its path, which then is that of `sandbox.toml`; `None` where there is no anchor.
    pub anchor_bound: Option<bool>,
    /// Charges of the ledger that agree with the log, or `None` when the ledger was not read (no root key).
    pub charges: Option<u64>,
    /// The consent register.
    pub register: RegisterCheck,
    /// Whether the key that signs the log is in the folder, as the one in force; `None` when it was not looked at (no root key).
    pub signing_key: Option<bool>,
    /// Files of acts that were stopped or are under way: the next open finishes or removes them, but for `.NAME.tmp`, which the next
    /// write of `NAME` replaces, and texts that no entry names.
    pub unfinished: Vec<String>,
}

/// Where the newest checkpoint is kept outside the folder.
#[derive(Debug, Clone, Copy, Default)]
pub enum Anchoring<'a> {
    /// In the file that `sandbox.toml` names: an anchor that the sandbox was made with and that is not there is damage.
    #[default]
    Configured,
    /// In this file, on another machine for instance.
    At(&'a AnchorFile),
    /// Nowhere that can be read: a folder that was put back as a whole is not found.
    Without,
}

/// How a sandbox is verified.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VerifyTerms<'a> {
    /// The key of the log, or one that it was rotated from; else that of `sandbox.toml`.
    pub vkey: Option<&'a VerifierKey>,
    /// The root key; without it nothing is checked that takes it, and [`Verification`] says so.
    pub keys: Option<Keys>,
    /// The anchor.
    pub anchor: Anchoring<'a>,
    /// Counts the entries that were verified.
    pub progress: Option<&'a Progress>,
    /// Whether another process may be writing: what looks damaged is then read again, and it is damage only if it is found
    /// twice in a row and log, ledger and register did not change in between.
    pub beside_a_writer: bool,
}

impl<'a> VerifyTerms<'a> {
    /// The key that `sandbox.toml` names, no root key, the anchor that `sandbox.toml` names, no other process writing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of the log, or one that it was rotated from.
    #[must_use]
    pub fn with_vkey(mut self, vkey: impl Into<Option<&'a VerifierKey>>) -> Self {
        self.vkey = vkey.into();
        self
    }

    /// The root key: everything is checked.
    #[must_use]
    pub fn with_keys(mut self, keys: impl Into<Option<Keys>>) -> Self {
        self.keys = keys.into();
        self
    }

    /// Where the anchor is.
    #[must_use]
    pub const fn with_anchor(mut self, anchor: Anchoring<'a>) -> Self {
        self.anchor = anchor;
        self
    }

    /// Counts the entries that were verified.
    #[must_use]
    pub const fn with_progress(mut self, progress: &'a Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Another process may be writing.
    #[must_use]
    pub const fn beside_a_writer(mut self) -> Self {
        self.beside_a_writer = true;
        self
    }
}

/// How often a folder is read that another process changes meanwhile.
const TRIES: usize = 10;

/// How long the folder is left alone before it is read again: longer than one step of a writer takes.
const PAUSE: Duration = Duration::from_millis(100);

/// Verifies the log of a sandbox and every file of its folder against it and, where the root key is at hand, the ledger, the
/// consent register and the keys. Reads only; a writer has to be at rest. Without an `anchor`, that of
/// `sandbox.toml` is read.
///
/// # Errors
/// [`OperatorError::Damaged`] with the first place that is wrong.
pub fn verify_log(
    storage: &dyn Storage,
    vkey: Option<&VerifierKey>,
    keys: Option<Keys>,
    anchor: Option<&AnchorFile>,
) -> Result<Verification, OperatorError> {
    let anchor = anchor.map_or(Anchoring::Configured, Anchoring::At);
    verify_sandbox(storage, VerifyTerms { vkey, keys, anchor, ..VerifyTerms::default() })
}

/// As [`verify_log`], on any terms.
///
/// # Errors
/// As [`verify_log`], and [`OperatorError::WriterAtWork`] where another process changed what was read at every try.
pub fn verify_sandbox(storage: &dyn Storage, terms: VerifyTerms<'_>) -> Result<Verification, OperatorError> {
    span!("verify");
    let (mut keyring, mut before) = (None, None);
    for _ in 0..TRIES {
        let verified = verify_once(storage, &terms, &mut keyring).map_err(|error| misplaced(storage, error));
        let error = match verified {
            Err(error) if terms.beside_a_writer && error.is_damage() => error,
            other => return other,
        };
        let found = Some((Books::now(storage), format!("{error:?}")));
        // Nothing changed while this one was read, so it is not what a writer left for a moment.
        if found == before {
            return Err(error);
        }
        before = found;
        if matches!(terms.keys, Some(Keys::InFolder)) {
            // The root key may have changed.
            keyring = None;
        }
        std::thread::sleep(PAUSE);
    }
    Err(OperatorError::WriterAtWork)
}

/// A directory, a symlink or another special file in the place of a file of the sandbox is damage, not a failure of the system.
fn misplaced(storage: &dyn Storage, error: OperatorError) -> OperatorError {
    let mut cause: Option<&(dyn Error + 'static)> = match &error {
        OperatorError::Storage(failed) => Some(failed),
        other => Some(other),
    };
    let failed = std::iter::from_fn(|| {
        let found = cause?;
        cause = found.source();
        Some(found.downcast_ref::<StorageError>())
    });
    let Some(place) = failed.flatten().next().map(|failed| failed.path.clone()) else { return error };
    let is_special = |source: &std::io::Error| {
        matches!(source.kind(), ErrorKind::InvalidInput | ErrorKind::IsADirectory | ErrorKind::NotADirectory)
    };
    // Asked of the folder: an anchor lies elsewhere.
    let found = if place.is_empty() { storage.list("").err() } else { storage.read(&place).err() };
    match found.filter(|found| is_special(&found.source)) {
        Some(found) => OperatorError::damaged(place, found.source.to_string()),
        None => error,
    }
}

/// What a writer changes: the same twice, and no one wrote in between. What cannot be read is the same as nothing.
#[derive(PartialEq)]
struct Books {
    checkpoint: Option<Vec<u8>>,
    ledger: Option<blake3::Hash>,
    journal: Option<blake3::Hash>,
    register: Option<[u8; 32]>,
}

impl Books {
    fn now(storage: &dyn Storage) -> Self {
        Self {
            checkpoint: storage.read(CHECKPOINT).ok().flatten(),
            ledger: fingerprint(storage, ledger::FILE),
            journal: fingerprint(storage, ledger::JOURNAL),
            register: Register::fingerprint(storage).ok(),
        }
    }
}

/// The hash of a file, read piece by piece.
fn fingerprint(storage: &dyn Storage, path: &str) -> Option<blake3::Hash> {
    const PIECE: usize = 1 << 16;
    let blocks = storage.read_blocks(path).ok()??;
    let (length, mut hasher, mut offset) = (blocks.len().ok()?, blake3::Hasher::new(), 0_u64);
    let mut piece = vec![0; PIECE];
    while offset < length {
        let left = usize::try_from(length.saturating_sub(offset)).ok()?;
        let piece = piece.get_mut(..left.min(PIECE))?;
        blocks.read_at(offset, piece).ok()?;
        hasher.update(piece);
        offset = offset.saturating_add(u64::try_from(piece.len()).ok()?);
    }
    Some(hasher.finalize())
}

/// Reads everything once. The keyring is made at the first reading that gets as far: a provider is asked once.
fn verify_once(
    storage: &dyn Storage,
    terms: &VerifyTerms<'_>,
    made: &mut Option<Keyring>,
) -> Result<Verification, OperatorError> {
    let file = match SandboxFile::read(storage) {
        Err(OperatorError::NotASandbox(_)) if storage.read(CHECKPOINT)?.is_some() => {
            return Err(OperatorError::damaged(SANDBOX, "is missing beside a log"));
        }
        file => file?,
    };
    let key = terms.vkey.map_or_else(|| file.log_key(), |key| Ok(key.clone()))?;
    let opened = match (&made, &terms.keys) {
        (None, Some(keys)) => keyring(storage, keys).map(|opened| *made = Some(opened)),
        _ => Ok(()),
    };
    let keyring = made.as_ref();
    // Checkpoint, ledger, anchor, log, in this order: the ledger has the charge of every answer below the checkpoint, and the log
    // has every entry that the ledger and the anchor know of, whatever a writer adds meanwhile.
    let below = if terms.beside_a_writer { claimed_size(storage) } else { u64::MAX };
    let ledger =
        keyring.map(|keyring| Snapshot::take(storage, &keyring.ledger_mac(), &file.id, Check::Whole));
    let anchor = read_anchor(terms.anchor, &file);
    // Until the chain has led from the given key to it, the signer is unknown.
    let signed_by = rotation_to_signer(storage, &key)?.map_or_else(|| key.clone(), |rotation| rotation.new);
    let unwatched = Progress::default();
    let (log, read) = Read::log(storage, &file, &signed_by, terms.progress.unwrap_or(&unwatched))?;
    let Read { chain, asked, mut heads, laws, epochs, renewals, .. } = read;
    let leads = chain.leads(&key, &signed_by);
    leads
        .map_err(|fault| VerifyError { place: CHECKPOINT.into(), kind: VerifyErrorKind::Rotation(fault) })?;
    check_vkey(storage, &file, (&signed_by, &chain))?;
    heads.push(log.checkpoint.root);
    let (studies, approvals) = laws.check(storage, &file)?;
    let (anchor_wanted, anchor_bound) = (laws.anchored(), laws.anchor_bound());
    let check_anchor = |anchor| check_anchor(anchor, (&signed_by, &chain), &heads, &log.checkpoint);
    let anchored = anchor?.map(check_anchor).transpose()?;
    let renewals = check_renewals(&renewals, &file, &laws, &heads)?;
    opened?;
    if let Some(keyring) = keyring {
        check_root_number(keyring, chain.root_changes())?;
    }
    let (studies_named, regimes_named) = laws.texts();
    let known = Known {
        epochs: epochs.known(),
        studies: studies_named,
        signed: approvals.is_some(),
        regimes: regimes_named,
    };
    known.check_keys(storage, keyring)?;
    let EpochsCheck { cubes, register } = epochs.check(storage, keyring, &file.id)?;
    // Its rows take the root key, that it is there does not.
    let missing = match &ledger {
        None => storage.read_blocks(ledger::FILE)?.is_none(),
        Some(found) => matches!(found, Err(LedgerError::Missing)),
    };
    if missing {
        return Err(OperatorError::damaged(ledger::FILE, "is missing"));
    }
    let charges = ledger.map(|ledger| -> Result<u64, OperatorError> {
        let ledger = ledger?;
        agree(&ledger.renewals()?, &renewals)?;
        check_ledger(&ledger, (&asked, below), &heads)
    });
    let charges = charges.transpose()?;
    let mut unfinished = log.leftovers.clone();
    unfinished.extend(known.check(storage, keyring)?);
    let signing_key = keyring.map(|keyring| check_signing_key(storage, keyring, &file)).transpose()?;
    Ok(Verification {
        log,
        vkey: key,
        signed_by,
        rotations: chain.rotations(),
        root_changes: chain.root_changes(),
        studies,
        approvals,
        renewals: renewals.len() as u64,
        cubes,
        retired: epochs.retired(),
        anchored,
        anchor_wanted,
        anchor_bound,
        charges,
        register,
        signing_key,
        unfinished,
    })
}

/// What the entries of a log say, read once.
#[derive(Default)]
struct Read {
    chain: KeyChain,
    asked: Asked,
    /// The roots over 0, 1, 2, ... entries, but for the last.
    heads: Vec<Hash>,
    laws: Laws,
    epochs: Epochs,
    renewals: Vec<(u64, Entry)>,
}

impl Read {
    fn log(
        storage: &dyn Storage,
        file: &SandboxFile,
        signed_by: &VerifierKey,
        progress: &Progress,
    ) -> Result<(Verified, Self), OperatorError> {
        progress.expect(claimed_size(storage));
        let mut read = Self::default();
        let log = verify_each(storage, signed_by, |tree, entry| {
            let index = read.heads.len() as u64;
            read.heads.push(tree.root());
            progress.add(1);
            let place = || format!("log entry {index}");
            entry
                .check_fields()
                .map_err(|fault| VerifyError { place: place(), kind: VerifyErrorKind::Fields(fault) })?;
            read.laws.read(index, entry);
            if entry.kind == Kind::Init && index > 0 {
                return Err(VerifyError { place: place(), kind: VerifyErrorKind::SecondInit });
            }
            if entry.kind == Kind::Key {
                let followed = read.chain.follow(&file.id, index, read.heads.last(), entry);
                followed.map_err(|fault| fault.at(index))?;
            }
            if entry.kind == Kind::Renew {
                read.renewals.push((index, entry.clone()));
            }
            read.epochs.read(index, entry);
            read.asked.read(index, entry);
            Ok(())
        })?;
        match read.asked.sort() {
            Some(index) => {
                Err(OperatorError::damaged(format!("log entry {index}"), "a charge is answered twice"))
            }
            None => Ok((log, read)),
        }
    }
}

/// `sandbox.toml` names the key in force, or, while a rotation is finished, the one before it.
fn check_vkey(
    storage: &dyn Storage,
    file: &SandboxFile,
    (signed_by, chain): (&VerifierKey, &KeyChain),
) -> Result<(), OperatorError> {
    let damaged = |why: &str| Err(OperatorError::damaged(SANDBOX, why));
    if signed_by.name() != format!("hushtag/{}", file.id) {
        return damaged("is of another sandbox than the key of the log");
    }
    if file.vkey == signed_by.to_string() {
        return Ok(());
    }
    let before = chain.last_but_one().is_some_and(|key| key.to_string() == file.vkey);
    if before && storage.list("keys")?.iter().any(|name| name == "sign.key.new") {
        return Ok(());
    }
    damaged("does not name the key of the log that is in force")
}

/// How many entries the checkpoint claims, before anything is verified: to show how far it is, and for nothing else.
fn claimed_size(storage: &dyn Storage) -> u64 {
    let checkpoint = storage.read(CHECKPOINT).ok().flatten().unwrap_or_default();
    let size = String::from_utf8_lossy(&checkpoint).lines().nth(1).and_then(|line| line.parse().ok());
    size.unwrap_or(0)
}

/// Where an anchor is, and what lies there.
type ReadAnchor = (PathBuf, Option<Vec<u8>>);

/// The anchor, if one is to be read.
fn read_anchor(anchoring: Anchoring<'_>, file: &SandboxFile) -> Result<Option<ReadAnchor>, OperatorError> {
    match (anchoring, &file.anchor) {
        (Anchoring::Without, _) | (Anchoring::Configured, None) => Ok(None),
        (Anchoring::At(place), _) => Ok(Some((place.path().to_owned(), place.read()?))),
        (Anchoring::Configured, Some(path)) => {
            let there = AnchorFile::new(path).ok().filter(|place| place.path().is_file());
            let place = there.ok_or_else(|| {
                let why = "the anchor that the sandbox was made with is not there, so a folder that was put back is not \
                           found: give it with --anchor, or go on with --without-anchor";
                OperatorError::damaged(path.display().to_string(), why)
            })?;
            Ok(Some((path.clone(), place.read()?)))
        }
    }
}

/// The log begins with the head that the anchor states; says how many entries that head covers.
fn check_anchor(
    (path, content): ReadAnchor,
    (key, chain): (&VerifierKey, &KeyChain),
    heads: &[Hash],
    log: &Checkpoint,
) -> Result<u64, OperatorError> {
    let anchor = anchored(&path, content, key, |size| Ok(chain.before(size).cloned()))?;
    let own = usize::try_from(anchor.size).ok().and_then(|size| heads.get(size));
    if own == Some(&anchor.root) {
        return Ok(anchor.size);
    }
    let why = VerifyErrorKind::Anchor { anchor: head_text(&anchor), log: head_text(log) };
    Err(OperatorError::damaged(path.display().to_string(), why.to_string()))
}
