//! `VerifyProof` (RFC 9497, section 2.2.2).

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use super::compute_composites::{Statement, weighted_sum};
use super::{Context, Element, Encoded, PROOF_BYTES};

/// Whether a proof shows that every evaluated element is the blinded one times the key of `public`. Variable time: all of it is public.
#[must_use]
pub fn verify_proof(
    context: &Context,
    public: &Element,
    blinded: (&[Element], &[Encoded]),
    evaluated: (&[Element], &[Encoded]),
    proof: &[u8; PROOF_BYTES],
) -> bool {
    let (public_bytes, point) = (public.encode(), public.0);
    let statement = Statement { context, public: &public_bytes, blinded, evaluated: evaluated.1 };
    let Some((challenge, response)) = scalars(proof) else { return false };
    if !statement.is_well_formed() || evaluated.0.len() != evaluated.1.len() {
        return false;
    }
    let weights = statement.weights();
    let (m, z) = (weighted_sum(&weights, blinded.0), weighted_sum(&weights, evaluated.0));
    let t2 = RistrettoPoint::vartime_double_scalar_mul_basepoint(&challenge, &point, &response);
    let t3 = RistrettoPoint::vartime_multiscalar_mul([response, challenge], [m, z]);
    let [m, z, t2, t3] = [m, z, t2, t3].map(|point| point.compress().to_bytes());
    statement.challenge(&m, &z, &t2, &t3) == challenge
}

/// The two scalars of a proof, each in its one encoding.
fn scalars(proof: &[u8; PROOF_BYTES]) -> Option<(Scalar, Scalar)> {
    let (challenge, rest) = proof.split_first_chunk::<32>()?;
    let response: &[u8; 32] = rest.try_into().ok()?;
    let read = |bytes: &[u8; 32]| Option::from(Scalar::from_canonical_bytes(*bytes));
    Some((read(challenge)?, read(response)?))
}
