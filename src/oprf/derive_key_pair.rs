//! `DeriveKeyPair` (RFC 9497, section 3.2.1).

use super::hash_to_scalar::scalar_of;
use super::{Context, SecretScalar};
use crate::types::Secret;

/// The secret key of a seed and a public text of less than 64 KiB; `None` where 256 tries give zero, which never happens.
#[must_use]
pub fn derive_key_pair(context: &Context, seed: &Secret, info: &[u8]) -> Option<SecretScalar> {
    let length = u16::try_from(info.len()).ok()?.to_be_bytes();
    let tag = context.tag(b"DeriveKeyPair");
    (0..=u8::MAX)
        .find_map(|counter| SecretScalar::new(scalar_of(&[seed.expose(), &length, info, &[counter]], &tag)))
}
