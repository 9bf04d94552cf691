//! `GenerateProof` (RFC 9497, section 2.2.1).

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;

use super::compute_composites::{Statement, weighted_sum};
use super::{Context, Element, Encoded, PROOF_BYTES, SecretScalar};

/// Proves that every evaluated element is `key` times the blinded one, without telling `key`.
///
/// `nonce` gives the random scalar of the RFC from the two composites; it must be secret, and another one for other composites, or the
/// key can be computed from two proofs. `None` for no elements, more than [`MOST`](super::MOST), different numbers of them, or without
/// a nonce.
#[must_use]
pub fn generate_proof(
    context: &Context,
    key: &SecretScalar,
    blinded: (&[Element], &[Encoded]),
    evaluated: &[Encoded],
    nonce: impl FnOnce(&Encoded, &Encoded) -> Option<SecretScalar>,
) -> Option<[u8; PROOF_BYTES]> {
    let public = key.public().encode();
    let statement = Statement { context, public: &public, blinded, evaluated };
    if !statement.is_well_formed() {
        return None;
    }
    let m = weighted_sum(&statement.weights(), blinded.0);
    // ComputeCompositesFast: who has the key need not sum the evaluated elements.
    let z = key.0 * m;
    let (m_bytes, z_bytes) = (m.compress().to_bytes(), z.compress().to_bytes());
    let nonce = nonce(&m_bytes, &z_bytes)?;
    let t2 = (&nonce.0 * RISTRETTO_BASEPOINT_TABLE).compress().to_bytes();
    let t3 = (nonce.0 * m).compress().to_bytes();
    let challenge = statement.challenge(&m_bytes, &z_bytes, &t2, &t3);
    let response = nonce.0 - challenge * key.0;
    let mut proof = [0; PROOF_BYTES];
    let bytes = challenge.to_bytes().into_iter().chain(response.to_bytes());
    proof.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Some(proof)
}
