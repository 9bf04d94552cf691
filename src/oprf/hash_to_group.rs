//! `HashToGroup` (RFC 9497, section 4.1): hash_to_ristretto255 of RFC 9380, appendix B, with SHA-512.

use zeroize::Zeroizing;

use super::expand_message::expand_message;
use super::{Context, Element};

/// The element of a message; `None` for the identity, which no one can find a message of.
#[must_use]
pub fn hash_to_group(context: &Context, message: &[&[u8]]) -> Option<Element> {
    let uniform: Zeroizing<[u8; 64]> = expand_message(message, &context.tag(b"HashToGroup-")).into();
    Element::from_uniform(&uniform)
}
