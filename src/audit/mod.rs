//! Layer 2: the audit log, a folder that anyone can check with a public key alone.
//!
//! C2SP tlog-tiles with a checkpoint that is a signed note (Ed25519), RFC 6962 hashing, and tlog-proof files for single
//! entries, so that tools made by others open it.

mod anchor;
mod approval;
mod bundle;
pub mod checkpoint;
mod commitment;
pub mod consent_tree;
mod cosignature;
mod edge;
pub mod entry;
mod fault;
mod fields;
mod folder;
mod inputs;
mod key_change;
mod key_entries;
mod log;
mod log_keys;
pub mod merkle;
pub mod note;
mod person_proof;
mod proof;
mod receipt;
mod renewal;
mod rotation;
#[cfg(test)]
mod testing;
pub mod tiles;
mod verify;

pub use anchor::{anchored, head_text};
pub use approval::{ApprovalFault, PinError, Pinned, SignatureFault, approval_text, pinned_by};
pub use bundle::{Bundle, BundleError, Ground, Opened};
pub use checkpoint::Checkpoint;
pub use commitment::{Commitment, InvalidCommitment, commit, verify_commitment};
pub use cosignature::{Cosigned, WitnessKey, check_witnesses};
pub use entry::{Entry, EntryError, Kind, amount, read_amount};
pub use fault::{AuditError, Fault, Why};
pub use fields::FieldFault;
pub use inputs::{FileDigest, InputForm, InputOpenings, InputTable, InvalidOpenings};
pub use key_change::KeyChange;
pub use log::{Log, Recorded};
pub use log_keys::LogKeys;
pub use merkle::Hash;
pub use note::{Note, NoteError, Signer, VerifierKey};
pub use person_proof::{Look, PersonProof, Place, Stood, consents_of, places_text, study_of};
pub use proof::{Proof, ProofError};
pub use receipt::{Receipt, ReceiptError};
pub use renewal::{RenewalError, RenewalFault, RenewalText};
pub use rotation::{KeyChain, Rotation, RotationFault, rotation_to_signer};
pub use verify::{Verified, verify, verify_each};
