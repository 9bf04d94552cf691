//! Secret scalars: keys and blinds.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroize;

use super::Element;

/// A secret scalar other than zero: no Debug, Serialize or Clone; overwritten when dropped.
pub struct SecretScalar(pub(super) Scalar);

impl SecretScalar {
    /// The scalar that 64 uniform bytes stand for, reduced; uniform itself (`RandomScalar`, RFC 9497, section 4.7.2). `None` for zero,
    /// which one in 2^252 is.
    #[must_use]
    pub fn from_uniform(bytes: &[u8; 64]) -> Option<Self> {
        Self::new(Scalar::from_bytes_mod_order_wide(bytes))
    }

    pub(super) fn new(scalar: Scalar) -> Option<Self> {
        (scalar != Scalar::ZERO).then_some(Self(scalar))
    }

    /// `k * G`, the public key of this secret one.
    #[must_use]
    pub fn public(&self) -> Element {
        Element(&self.0 * RISTRETTO_BASEPOINT_TABLE)
    }
}

impl Drop for SecretScalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
