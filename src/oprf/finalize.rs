//! `Finalize` (RFC 9497, section 3.3.2) up to its hash: what is hashed, and how, is the caller's.

use super::multiply::multiply;
use super::{Element, Encoded, SecretScalar};

/// The encodings of `factor * evaluated`, where each factor is `1 / blind`, or a further key over the blind.
#[must_use]
pub fn unblind<'a>(pairs: impl Iterator<Item = (&'a SecretScalar, &'a Element)>) -> Vec<Encoded> {
    multiply(pairs.map(|(factor, evaluated)| (factor.0, evaluated)))
}
