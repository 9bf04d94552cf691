//! One answer with all that is needed to check it: anyone who has the log's public key can, without the sandbox.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::{ApprovalFault, PinError, pinned_by};
use super::checkpoint::Checkpoint;
use super::commitment::{Commitment, verify_commitment};
use super::entry::{Entry, EntryError, Kind, read_amount};
use super::key_entries::{KeyEntry, from_hex, hex, key_entries, sandbox_of_log, signer};
use super::note::VerifierKey;
use super::proof::{Proof, ProofError};
use super::rotation::RotationFault;
use crate::policy::{Regime, Study};
use crate::types::json::{JsonError, from_canonical, to_canonical};
use crate::types::{HandlerId, Secret};

/// Why a bundle convinces no one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not the text of a bundle.
    #[error("the file is not a bundle")]
    Malformed(#[source] Option<JsonError>),
    /// The entry is not in the log of the key.
    #[error("the entry is not proven by the key")]
    Proof(#[from] ProofError),
    /// The key does not lead to the one that signed.
    #[error("the key of the log was not changed as the bundle says")]
    Key(#[from] RotationFault),
    /// The entry cannot be read.
    #[error("the entry cannot be read")]
    Entry(#[from] EntryError),
    /// The entry is of another kind.
    #[error("the entry is of the kind `{0}`, not an answer")]
    NotAnAnswer(Kind),
    /// An entry that is to show how a person stood at a seal is of another kind.
    #[error("the entry is of the kind `{0}`, not a seal")]
    NotASeal(Kind),
    /// What is reported of a person is not under the root that the seal names.
    #[error("the seal of epoch `{0}` does not commit to what is said about the person")]
    NotCommitted(String),
    /// A person's proof of an older version, from which places may have been taken out.
    #[error("the proof is of another version, which does not say whether a place was left out")]
    OtherVersion,
    /// A person's proof says nothing.
    #[error("the proof shows no place")]
    NoPlaces,
    /// The places of a person's proof are not those that the log says were shown.
    #[error("the places are not those to which the log committed: one was left out, added, doubled or moved")]
    OtherPlaces,
    /// The head that a file states is not one of the log that it was compared with.
    #[error("the checkpoint of the file is not one of this log")]
    OtherLog,
    /// The answer is not the one to which the entry commits.
    #[error("the answer is not the one to which the log committed")]
    OtherAnswer,
    /// A field of the answer contradicts the entry.
    #[error("what the file says and the log do not agree in `{0}`")]
    Disagree(&'static str),
    /// The study is not signed as the log says that it has to be.
    #[error("the study is not approved")]
    Approval(#[source] ApprovalFault),
    /// The first entry of the log pins no keys that can be read.
    #[error("the keys of the handlers cannot be read")]
    Pinned(#[source] PinError),
    /// This version cannot read the study or its regime.
    #[error("the study or its regime cannot be read")]
    Unreadable,
    /// The study text is not the one under which the answer was given.
    #[error("the study text does not have the hash that the entry names")]
    OtherStudy,
}

/// The format of the file.
const FORMAT: &str = "hushtag-answer@v1";

/// An answer, its entry in the log, the way from the entry to a signed checkpoint, the key of its commitment, and the study
/// that it was given under.
///
/// # Privacy
/// Holds what left through the door before, groups that were shown as suppressed included: all of it is noisy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    format: String,
    /// The entry as the log has it.
    entry: String,
    /// Its proof (C2SP tlog-proof).
    proof: String,
    /// The body of the answer, to which the entry commits.
    answer: String,
    /// The key of the commitment, in hex.
    opening: String,
    /// The text of the study.
    study: String,
    /// The first entry of the log, which says how studies are approved, and its proof.
    init: String,
    init_proof: String,
    /// Where studies are approved by signatures: the text of the regime, and the note that the handlers signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    regime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approval: Option<String>,
    /// Where the key of the log changed: each `key` entry, and its proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyEntry>,
}

/// By what right a study was in force: what a bundle shows beside the answer.
#[derive(Debug)]
pub struct Ground {
    /// The text of the study.
    pub study: String,
    /// The first entry of the log, as the log has it.
    pub init: String,
    /// Its proof.
    pub init_proof: Proof,
    /// The text of the regime and the signed note, where studies are approved by signatures.
    pub approval: Option<(String, String)>,
    /// Every `key` entry of the log, as the log has it, and its proof.
    pub keys: Vec<(String, Proof)>,
}

/// What a bundle has shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The entry.
    pub entry: Entry,
    /// Its index in the log.
    pub index: u64,
    /// The head of the log that covers it.
    pub head: Checkpoint,
    /// The body of the answer: question, noise and noisy numbers.
    pub answer: Value,
    /// The handlers that signed the study, or `None` where the log says that studies need no signatures.
    pub signed_by: Option<Vec<HandlerId>>,
}

/// A file of evidence: one canonical JSON object and a line break.
pub(super) fn canonical_file(evidence: &impl Serialize) -> Result<String, BundleError> {
    let value = serde_json::to_value(evidence).map_err(|_| BundleError::Malformed(None))?;
    let text = to_canonical(&value).map_err(|error| BundleError::Malformed(Some(error)))?;
    Ok(format!("{text}\n"))
}

/// The object in a file of evidence, if its text is canonical.
pub(super) fn of_canonical_file(text: &str) -> Result<Value, BundleError> {
    from_canonical(text.strip_suffix('\n').unwrap_or(text))
        .map_err(|error| BundleError::Malformed(Some(error)))
}

impl Bundle {
    /// Puts a bundle together; [`Bundle::verify`] says whether it convinces.
    #[must_use]
    pub fn new(entry: String, proof: &Proof, answer: String, opening: &Secret, ground: Ground) -> Self {
        let (regime, approval) = ground.approval.unzip();
        Self {
            format: FORMAT.to_owned(),
            entry,
            proof: proof.to_string(),
            answer,
            opening: hex(opening.expose()),
            study: ground.study,
            init: ground.init,
            init_proof: ground.init_proof.to_string(),
            regime,
            approval,
            keys: key_entries(ground.keys),
        }
    }

    /// The text of the file: one canonical JSON object and a line break.
    ///
    /// # Errors
    /// [`BundleError::Malformed`]
    pub fn to_text(&self) -> Result<String, BundleError> {
        canonical_file(self)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`BundleError::Malformed`]
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let bundle: Self =
            serde_json::from_value(of_canonical_file(text)?).map_err(|_| BundleError::Malformed(None))?;
        if bundle.format == FORMAT { Ok(bundle) } else { Err(BundleError::Malformed(None)) }
    }

    /// Checks the whole chain: the key, or one that it was rotated to, signed a checkpoint, which covers the entry, which commits to the answer and names
    /// the hash of the study, which every handler signed with the key that the log's first entry pins for it.
    ///
    /// # Errors
    /// [`BundleError`] for the first link that does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<Opened, BundleError> {
        let proof: Proof = self.proof.parse()?;
        let key = &self.log_key(key)?;
        let head = proof.verify(key, self.entry.as_bytes())?;
        let entry = Entry::parse_whole(&self.entry)?;
        if entry.kind != Kind::Ask {
            return Err(BundleError::NotAnAnswer(entry.kind));
        }
        let named = |field: &str| entry.body.get(field).and_then(Value::as_str).unwrap_or_default();
        let commitment: Option<Commitment> = named("answer").parse().ok();
        let opens = |(commitment, key): (Commitment, Secret)| {
            verify_commitment(&commitment, &key, self.answer.as_bytes())
        };
        if !commitment.zip(from_hex(&self.opening).map(Secret::new)).is_some_and(opens) {
            return Err(BundleError::OtherAnswer);
        }
        let answer = from_canonical(&self.answer).map_err(|_| BundleError::OtherAnswer)?;
        let init = Entry::parse_whole(&self.init)?;
        let of_body = answer.get("sandbox").and_then(Value::as_str);
        if of_body != Some(sandbox_of_log(&init, key)?) || answer.get("v").and_then(Value::as_u64) != Some(1)
        {
            return Err(BundleError::Disagree("sandbox"));
        }
        for field in ["study", "policy", "recipient", "epoch", "question"] {
            if answer.get(field).and_then(Value::as_str) != Some(named(field)) {
                return Err(BundleError::Disagree(field));
            }
        }
        if answer.get("ledger_seq").and_then(Value::as_u64) != entry.ledger_seq {
            return Err(BundleError::Disagree("ledger_seq"));
        }
        let units = answer.get("units").and_then(Value::as_str).and_then(|units| units.parse().ok());
        if units.is_none() || units != entry.body.get("units").and_then(read_amount) {
            return Err(BundleError::Disagree("units"));
        }
        if format!("blake3:{}", blake3::hash(self.study.as_bytes()).to_hex()) != named("policy") {
            return Err(BundleError::OtherStudy);
        }
        let signed_by = self.check_approval(key, &proof)?;
        Ok(Opened { index: proof.index, entry, head, answer, signed_by })
    }

    /// The key of the log that signed the checkpoint of the bundle, for a verifier that trusts `given`.
    ///
    /// # Errors
    /// [`BundleError`]
    pub fn log_key(&self, given: &VerifierKey) -> Result<VerifierKey, BundleError> {
        let proof: Proof = self.proof.parse()?;
        signer(given, &self.init, &self.keys, &proof.checkpoint)
    }

    /// The handlers that signed the study, or `None` where the first entry of the log says that none need to.
    fn check_approval(
        &self,
        key: &VerifierKey,
        proof: &Proof,
    ) -> Result<Option<Vec<HandlerId>>, BundleError> {
        let init: Proof = self.init_proof.parse()?;
        init.verify(key, self.init.as_bytes())?;
        if init.index != 0 || init.checkpoint != proof.checkpoint {
            return Err(BundleError::Disagree("init"));
        }
        let pinned = pinned_by(&Entry::parse_whole(&self.init)?).map_err(BundleError::Pinned)?;
        match (pinned, &self.regime, &self.approval) {
            (None, None, None) => Ok(None),
            (Some(pinned), Some(regime), Some(note)) => {
                let study = Study::parse("study", &self.study).map_err(|_| BundleError::Unreadable)?;
                let regime = Regime::parse("the regime", regime).map_err(|_| BundleError::Unreadable)?;
                let handlers: BTreeSet<&HandlerId> =
                    study.handlers.iter().map(|handler| &handler.id).collect();
                let signed = pinned.check(&study, &regime, Some(note), &handlers);
                let signed = signed.map_err(|faults| match faults.into_iter().next() {
                    Some(fault) => BundleError::Approval(fault),
                    None => BundleError::Unreadable,
                })?;
                Ok(Some(signed.into_iter().map(|(handler, _)| handler).collect()))
            }
            _ => Err(BundleError::Disagree("approval")),
        }
    }
}
