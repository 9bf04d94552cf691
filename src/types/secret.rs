//! Secrets as a type: no `Debug`, no `Serialize`, no `Clone`; the bytes are overwritten when dropped.

use zeroize::Zeroize;

/// Thirty-two secret bytes: a root key, an epoch key, a key of a commitment.
///
/// The bytes can only be reached through [`Secret::expose`], a name that can be searched for.
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes ownership of key bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one call that needs them.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A further secret for one named use (BLAKE3 key derivation; `context` names crate, version and use).
    #[must_use]
    pub fn derive(&self, context: &str) -> Self {
        Self(blake3::derive_key(context, &self.0))
    }

    /// A further secret for one named use and one public text, such as an epoch's id.
    #[must_use]
    pub fn derive_for(&self, context: &str, text: &[u8]) -> Self {
        let mut key = blake3::derive_key(context, &self.0);
        let secret = Self(*blake3::keyed_hash(&key, text).as_bytes());
        key.zeroize();
        secret
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
