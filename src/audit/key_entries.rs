//! How a file that was handed over leads from the key that its reader has to the one that signed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bundle::BundleError;
use super::commitment::Commitment;
use super::entry::{Entry, Kind};
use super::key_change::KeyChange;
use super::note::VerifierKey;
use super::proof::Proof;
use super::rotation::KeyChain;

/// A `key` entry as the log has it, and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyEntry {
    entry: String,
    proof: String,
}

/// The entries for a file.
pub(super) fn key_entries(keys: Vec<(String, Proof)>) -> Vec<KeyEntry> {
    keys.into_iter().map(|(entry, proof)| KeyEntry { entry, proof: proof.to_string() }).collect()
}

/// The id of the sandbox that the first entry of a log names.
pub(super) fn sandbox_of(init: &Entry) -> &str {
    init.body.get("sandbox").and_then(Value::as_str).unwrap_or_default()
}

/// The id of the sandbox of a log whose first entry this is, if `key` is that of its log.
pub(super) fn sandbox_of_log<'a>(init: &'a Entry, key: &VerifierKey) -> Result<&'a str, BundleError> {
    let sandbox = sandbox_of(init);
    let is_own = key.name().strip_prefix("hushtag/") == Some(sandbox);
    if init.kind == Kind::Init && is_own { Ok(sandbox) } else { Err(BundleError::Disagree("init")) }
}

/// The key that has to have signed `checkpoint`, for anyone who trusts `given`.
pub(super) fn signer(
    given: &VerifierKey,
    init: &str,
    keys: &[KeyEntry],
    checkpoint: &str,
) -> Result<VerifierKey, BundleError> {
    if keys.is_empty() {
        return Ok(given.clone());
    }
    let init = Entry::parse_whole(init)?;
    let mut chain = KeyChain::default();
    for key in keys {
        let own: Proof = key.proof.parse()?;
        let entry = Entry::parse_whole(&key.entry)?;
        if !matches!(KeyChange::of(&entry)?, KeyChange::Log(_)) {
            return Err(BundleError::Disagree("keys"));
        }
        chain.follow(sandbox_of(&init), own.index, None, &entry)?;
    }
    let signer = chain.last().unwrap_or(given).clone();
    chain.leads(given, &signer)?;
    // Its last link is a key that the given one leads to, so it may say where in the log all of them are.
    for key in keys {
        let own: Proof = key.proof.parse()?;
        own.verify(&signer, key.entry.as_bytes())?;
        if own.checkpoint != checkpoint {
            return Err(BundleError::Disagree("keys"));
        }
    }
    Ok(signer)
}

/// The bytes of a key or a hash as 64 lower-case hex digits.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    Commitment::from(*bytes).to_string()
}

/// The 32 bytes that 64 lower-case hex digits spell.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    text.parse::<Commitment>().ok().map(|read| read.bytes())
}
