//! `BlindEvaluate` (RFC 9497, section 3.3.2), for many elements and without its proof.

use super::multiply::multiply;
use super::{Element, Encoded, SecretScalar};

/// The encodings of `key * element` of each blinded element.
#[must_use]
pub fn blind_evaluate(key: &SecretScalar, blinded: &[Element]) -> Vec<Encoded> {
    multiply(blinded.iter().map(|element| (key.0, element)))
}
