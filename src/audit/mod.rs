//! Layer 2: the audit log, a folder that anyone can check with a public key alone.
//!
//! C2SP tlog-tiles with a checkpoint that is a signed note (Ed25519), RFC 6962 hashing, and tlog-proof files for single
//! entries, so that tools made by others open it.

mod anchor;
mod approval;
mod bundle;
#[doc(hidden)]
pub mod checkpoint;
mod commitment;
#[doc(hidden)]
pub mod consent_tree;
mod cosignature;
mod edge;
#[doc(hidden)]
pub mod entry;
mod error;
mod fields;
mod folder;
mod inputs;
mod key_change;
mod key_entries;
mod log;
mod log_keys;
#[doc(hidden)]
pub mod merkle;
#[doc(hidden)]
pub mod note;
mod person_proof;
mod proof;
mod rare;
mod receipt;
mod renewal;
mod rotation;
mod tail;
#[cfg(test)]
mod testing;
#[doc(hidden)]
pub mod tiles;
mod verify;

#[doc(hidden)]
pub use anchor::{anchored, head_text};
#[doc(hidden)]
pub use approval::{ApprovalFault, PinError, Pinned, SignatureFault, approval_text, pinned_by};
pub use bundle::{Bundle, BundleError};
#[doc(hidden)]
pub use bundle::{Ground, Opened};
pub use checkpoint::Checkpoint;
pub use commitment::{Commitment, verify_commitment};
#[doc(hidden)]
pub use commitment::{InvalidCommitment, commit};
#[doc(hidden)]
pub use cosignature::Cosigned;
pub use cosignature::{WitnessKey, check_witnesses};
pub use entry::{Entry, EntryError, Kind};
#[doc(hidden)]
pub use entry::{amount, read_amount};
pub use error::{AuditError, VerifyError, VerifyErrorKind};
#[doc(hidden)]
pub use fields::FieldFault;
#[doc(hidden)]
pub use inputs::{FileDigest, InputForm, InputOpenings, InputTable, InvalidOpenings};
#[doc(hidden)]
pub use key_change::KeyChange;
#[doc(hidden)]
pub use log::{Log, Recorded};
#[doc(hidden)]
pub use log_keys::LogKeys;
pub use merkle::Hash;
pub use note::{Note, NoteError, Signer, VerifierKey};
pub use person_proof::PersonProof;
#[doc(hidden)]
pub use person_proof::{ConsentLeaf, Look, Stood, consents_of, places_text, study_of};
pub use proof::{Proof, ProofError};
#[doc(hidden)]
pub use rare::INDEX;
pub use receipt::{Receipt, ReceiptError};
pub use renewal::RenewalError;
#[doc(hidden)]
pub use renewal::{RenewalFault, RenewalText};
pub use rotation::{KeyChain, Rotation};
#[doc(hidden)]
pub use rotation::{RotationFault, rotation_to_signer};
#[doc(hidden)]
pub use tail::TAIL;
pub use verify::{Verified, verify, verify_each};
