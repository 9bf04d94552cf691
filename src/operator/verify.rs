//! `verify`: the log alone with a public key, or both books against each other with the root key.

use std::collections::BTreeMap;

use serde_json::Value;

use super::OperatorError;
use super::open::{Keys, keyring};
use super::rotate_root::check_root_number;
use super::sandbox::{SANDBOX, SandboxFile};
use super::verify_epochs::Epochs;
use super::verify_law::Laws;
use super::verify_renewals::{agree, check_renewals};
use crate::audit::{
    Checkpoint, Entry, Fault, Hash, KeyChain, Kind, Verified, VerifierKey, Why, anchored, head_text,
    rotation_to_signer, tiles::CHECKPOINT, verify_each,
};
use crate::engine::Progress;
use crate::ledger::{Book, State, read_copy};
use crate::storage::{AnchorFile, Storage};

/// What was checked and found to be so.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The log.
    pub log: Verified,
    /// The key that it was verified with.
    pub vkey: String,
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
    /// Charges of the ledger that agree with the log, or `None` when the ledger was not read (no root key).
    pub charges: Option<u64>,
}

/// An `ask` entry as the ledger has to know it.
struct Asked {
    index: u64,
    units: u128,
    study: String,
    recipient: String,
}

/// Verifies the log of a sandbox, the study texts that it names and, where the root key is at hand, the ledger.
/// Reads only; the folder may be in use if the writer is at rest. Without an `anchor`, that of `sandbox.toml` is read.
///
/// # Errors
/// [`OperatorError::Damaged`] with the first place that is wrong.
pub fn verify_log(
    storage: &dyn Storage,
    vkey: Option<&VerifierKey>,
    keys: Option<Keys>,
    anchor: Option<&AnchorFile>,
) -> Result<Verification, OperatorError> {
    verify_log_shown(storage, vkey, keys, anchor, &Progress::default())
}

/// As [`verify_log`]; whoever looks at `progress` sees how many entries were verified.
///
/// # Errors
/// As [`verify_log`].
pub fn verify_log_shown(
    storage: &dyn Storage,
    vkey: Option<&VerifierKey>,
    keys: Option<Keys>,
    anchor: Option<&AnchorFile>,
    progress: &Progress,
) -> Result<Verification, OperatorError> {
    let file = SandboxFile::read(storage)?;
    progress.expect(claimed_size(storage));
    let own = || {
        file.vkey.parse::<VerifierKey>().map_err(|_| OperatorError::damaged(SANDBOX, "its vkey is no key"))
    };
    let key = vkey.map_or_else(own, |key| Ok(key.clone()))?;
    // Until the chain has led from the given key to it, whoever signed is nobody.
    let signed_by = rotation_to_signer(storage, &key)?.map_or_else(|| key.clone(), |rotation| rotation.new);
    let mut chain = KeyChain::default();
    let mut asked = BTreeMap::new();
    let mut heads: Vec<Hash> = Vec::new();
    let (mut laws, mut epochs) = (Laws::default(), Epochs::default());
    let (mut twice, mut anchor_wanted, mut renewals) = (None, false, Vec::new());
    let log = verify_each(storage, &signed_by, |tree, entry| {
        let index = heads.len() as u64;
        heads.push(tree.root());
        progress.add(1);
        if entry.kind == Kind::Init {
            anchor_wanted = entry.body.get("anchored").and_then(Value::as_bool).unwrap_or(false);
        }
        laws.read(index, entry);
        if entry.kind == Kind::Key {
            chain.follow(&file.id, index, heads.last(), entry).map_err(|fault| fault.at(index))?;
        }
        if entry.kind == Kind::Renew {
            renewals.push((index, entry.clone()));
        }
        epochs.read(index, entry);
        if entry.kind == Kind::Ask
            && let Some(seq) = entry.ledger_seq
            && asked.insert(seq, asked_entry(index, entry)).is_some()
        {
            twice = Some(index);
        }
        Ok(())
    })?;
    let leads = chain.leads(&key, &signed_by);
    leads.map_err(|fault| Fault { place: CHECKPOINT.into(), why: Why::Rotation(fault) })?;
    if let Some(index) = twice {
        return Err(OperatorError::damaged(format!("log entry {index}"), "a charge is answered twice"));
    }
    heads.push(log.checkpoint.root);
    // On another machine the anchor that sandbox.toml names is not there; whoever has it gives it.
    let own = file.anchor.as_deref().and_then(|path| AnchorFile::new(path).ok());
    let own = own.filter(|own| anchor.is_none() && own.path().is_file());
    let place = anchor.or(own.as_ref());
    let anchored =
        place.map(|place| check_anchor(place, (&signed_by, &chain), &heads, &log.checkpoint)).transpose()?;
    let (studies, approvals) = laws.check(storage, &file)?;
    let renewals = check_renewals(&renewals, &file, &laws, &heads)?;
    let keyring = keys.map(|keys| keyring(storage, keys)).transpose()?;
    if let Some(keyring) = &keyring {
        check_root_number(keyring, chain.root_changes())?;
    }
    let cubes = epochs.check(storage, keyring.as_ref(), &file.id)?;
    let charges = match &keyring {
        None => None,
        Some(keyring) => {
            let ledger = read_copy(storage, &keyring.ledger_mac(), &file.id)?;
            agree(&ledger.renewals()?, &renewals)?;
            Some(check_ledger(&*ledger, &asked, &heads)?)
        }
    };
    Ok(Verification {
        log,
        vkey: key.to_string(),
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
        charges,
    })
}

/// How many entries the checkpoint claims, before anything is verified: to show how far it is, and for nothing else.
fn claimed_size(storage: &dyn Storage) -> u64 {
    let checkpoint = storage.read(CHECKPOINT).ok().flatten().unwrap_or_default();
    let size = String::from_utf8_lossy(&checkpoint).lines().nth(1).and_then(|line| line.parse().ok());
    size.unwrap_or(0)
}

/// The log begins with the head that the anchor states; says how many entries that head covers.
fn check_anchor(
    place: &AnchorFile,
    (key, chain): (&VerifierKey, &KeyChain),
    heads: &[Hash],
    log: &Checkpoint,
) -> Result<u64, OperatorError> {
    let anchor = anchored(place, place.read()?, key, |size| Ok(chain.before(size).cloned()))?;
    let own = usize::try_from(anchor.size).ok().and_then(|size| heads.get(size));
    if own == Some(&anchor.root) {
        return Ok(anchor.size);
    }
    let why = Why::Anchor { anchor: head_text(&anchor), log: head_text(log) };
    Err(OperatorError::damaged(place.path().display().to_string(), why.to_string()))
}

fn asked_entry(index: u64, entry: &Entry) -> Asked {
    let text = |name: &str| entry.body.get(name).and_then(|value| value.as_str()).unwrap_or("").to_owned();
    let units = entry.charged_units().unwrap_or(0);
    Asked { index, units, study: text("study"), recipient: text("recipient") }
}

/// Ledger against log, both ways: heads, sequence numbers, units, totals.
fn check_ledger(
    ledger: &dyn Book,
    asked: &BTreeMap<u64, Asked>,
    heads: &[Hash],
) -> Result<u64, OperatorError> {
    let count = ledger.verify()?;
    let mut committed = 0usize;
    for record in ledger.records()? {
        let record = record?;
        let damaged = |why: &str| OperatorError::damaged(format!("ledger record {}", record.seq), why);
        let seen = usize::try_from(record.log_head.size).ok().and_then(|size| heads.get(size));
        if seen != Some(&record.log_head.root) {
            return Err(damaged(
                "saw a head that the log does not have: one of the two was rolled back or replaced",
            ));
        }
        let entry = asked.get(&record.seq);
        if let State::Committed { log_index } = record.state {
            committed += 1;
            let agrees = entry.is_some_and(|entry| {
                entry.index == log_index
                    && entry.units == record.units
                    && entry.study == record.study.as_str()
                    && entry.recipient == record.recipient.as_str()
            });
            if !agrees {
                return Err(damaged("and its log entry do not agree"));
            }
        }
    }
    let unknown = asked.iter().find(|(seq, _)| **seq == 0 || **seq > count);
    if let Some((seq, entry)) = unknown {
        let why =
            format!("names charge {seq}, which the ledger does not have: it was rolled back or replaced");
        return Err(OperatorError::damaged(format!("log entry {}", entry.index), why));
    }
    // An answer that was logged and not yet marked is finished at the next open; any other entry has its charge.
    if asked.len() < committed {
        return Err(OperatorError::damaged("log", "has fewer answers than the ledger has committed charges"));
    }
    Ok(count)
}
