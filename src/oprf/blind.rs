//! `Blind` (RFC 9497, section 3.3.1), for many inputs.

use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

use super::multiply::multiply;
use super::{Element, Encoded, SecretScalar};

/// The encodings of `blind * input`, where the input is an element that [`hash_to_group`](super::hash_to_group) gave.
///
/// # Privacy
/// Uniformly random to everybody without the blind, whatever the input is, if the blind is used once.
#[must_use]
pub fn blind<'a>(pairs: impl Iterator<Item = (&'a SecretScalar, &'a Element)>) -> Vec<Encoded> {
    multiply(pairs.map(|(blind, input)| (blind.0, input)))
}

/// `key / blind` of each blind (`G.ScalarInverse(blind)`, times a key), at the cost of one inversion.
#[must_use]
pub fn invert(key: &SecretScalar, blinds: &[SecretScalar]) -> Vec<SecretScalar> {
    let mut inverses = Zeroizing::new(Vec::with_capacity(blinds.len()));
    inverses.extend(blinds.iter().map(|blind| blind.0));
    // None of them is zero.
    Scalar::invert_batch_alloc(&mut inverses);
    inverses.iter().map(|inverse| SecretScalar(inverse * key.0)).collect()
}
