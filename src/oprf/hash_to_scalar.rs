//! `HashToScalar` (RFC 9497, section 4.1).

use curve25519_dalek::scalar::Scalar;

use super::expand_message::expand_message;
use super::{Context, SecretScalar};

/// The scalar of a secret message, such as the nonce of a proof from a secret and what is proven; `None` for zero.
#[must_use]
pub fn hash_to_scalar(context: &Context, message: &[&[u8]]) -> Option<SecretScalar> {
    SecretScalar::new(scalar_of(message, &context.tag(b"HashToScalar-")))
}

/// The scalar of a message under a domain separation tag.
pub(super) fn scalar_of(message: &[&[u8]], tag: &[u8]) -> Scalar {
    let mut uniform: [u8; 64] = expand_message(message, tag);
    let scalar = Scalar::from_bytes_mod_order_wide(&uniform);
    zeroize::Zeroize::zeroize(&mut uniform);
    scalar
}
