//! `ComputeComposites` and `ComputeCompositesFast` (RFC 9497, sections 2.2.1 and 2.2.2): many elements and their multiples as one pair.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use ring::digest::{SHA512, digest};

use super::hash_to_scalar::scalar_of;
use super::{Context, Element, Encoded, framed};

/// The most elements of one proof: their number fits two bytes.
pub const MOST: usize = 1 << 16;

/// Elements that are to be multiples of one another by the same key, as both parties have them.
pub(super) struct Statement<'a> {
    pub(super) context: &'a Context,
    /// `k * G`.
    pub(super) public: &'a Encoded,
    /// `C` and its encodings, in the same order and number.
    pub(super) blinded: (&'a [Element], &'a [Encoded]),
    /// The encodings of `D`.
    pub(super) evaluated: &'a [Encoded],
}

impl Statement<'_> {
    /// Whether there are as many evaluated elements as blinded ones, at least one and at most [`MOST`].
    pub(super) fn is_well_formed(&self) -> bool {
        let count = self.evaluated.len();
        (1..=MOST).contains(&count) && self.blinded.0.len() == count && self.blinded.1.len() == count
    }

    /// The public weights `d_i`, after which no one can choose elements.
    pub(super) fn weights(&self) -> Vec<Scalar> {
        let seed_tag = self.context.tag(b"Seed-");
        let mut seed = Vec::new();
        framed(&mut seed, self.public);
        framed(&mut seed, &seed_tag);
        let seed = digest(&SHA512, &seed);
        let tag = self.context.tag(b"HashToScalar-");
        let mut transcript = Vec::with_capacity(160);
        let pairs = self.blinded.1.iter().zip(self.evaluated).zip(0..=u16::MAX);
        pairs
            .map(|((blinded, evaluated), number)| {
                transcript.clear();
                framed(&mut transcript, seed.as_ref());
                transcript.extend_from_slice(&number.to_be_bytes());
                framed(&mut transcript, blinded);
                framed(&mut transcript, evaluated);
                transcript.extend_from_slice(b"Composite");
                scalar_of(&[&transcript], &tag)
            })
            .collect()
    }

    /// The challenge of a proof about the composites `m` and `z` (RFC 9497, section 2.2.1).
    pub(super) fn challenge(&self, m: &Encoded, z: &Encoded, t2: &Encoded, t3: &Encoded) -> Scalar {
        let mut transcript = Vec::with_capacity(192);
        for part in [self.public, m, z, t2, t3] {
            framed(&mut transcript, part);
        }
        transcript.extend_from_slice(b"Challenge");
        scalar_of(&[&transcript], &self.context.tag(b"HashToScalar-"))
    }
}

/// The weighted sum of elements. Variable time: weights and elements are public.
pub(super) fn weighted_sum(weights: &[Scalar], elements: &[Element]) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(weights, elements.iter().map(|element| element.0))
}
