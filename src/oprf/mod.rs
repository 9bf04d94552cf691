//! Layer 1: oblivious pseudorandom functions of RFC 9497 over ristretto255 with SHA-512, one function of the RFC a file.
//!
//! Group and scalars are `curve25519-dalek`'s. Multiplications by a secret take constant time; what takes variable time works on
//! points and scalars that both parties have.

mod blind;
mod blind_evaluate;
mod compute_composites;
mod derive_key_pair;
mod element;
mod expand_message;
mod finalize;
mod generate_proof;
mod hash_to_group;
mod hash_to_scalar;
mod multiply;
mod scalar;
#[cfg(test)]
mod tests;
mod verify_proof;

pub use blind::{blind, invert};
pub use blind_evaluate::blind_evaluate;
pub use compute_composites::MOST;
pub use derive_key_pair::derive_key_pair;
pub use element::{ELEMENT_BYTES, Element, Encoded, NotAnElement};
pub use finalize::unblind;
pub use generate_proof::generate_proof;
pub use hash_to_group::hash_to_group;
pub use hash_to_scalar::hash_to_scalar;
pub use scalar::SecretScalar;
pub use verify_proof::verify_proof;

/// The bytes of a proof: two scalars (RFC 9497, section 2.2.1).
pub const PROOF_BYTES: usize = 64;

/// What keeps the hashes of one use apart from those of all others (`contextString`, RFC 9497, section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context(Vec<u8>);

impl Context {
    /// A use by its name, at most 200 bytes.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        Self(name.to_vec())
    }

    /// A domain separation tag of this use.
    fn tag(&self, prefix: &[u8]) -> Vec<u8> {
        [prefix, &self.0].concat()
    }
}

/// `I2OSP(length, 2) || bytes`, as transcripts hold every part (RFC 9497, section 1.2). Nothing here is as long as 64 KiB.
fn framed(transcript: &mut Vec<u8>, part: &[u8]) {
    transcript.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
    transcript.extend_from_slice(part);
}
