//! A platform's key of blind tokens, in a file of its own that never leaves the platform.

use std::path::Path;

use super::{KeyError, SigningKey, random_secret, read_seed, write_private_file};
use crate::deidentify::{TokenPublicKey, blind_context};
use crate::oprf::{SecretScalar, derive_key_pair};
use crate::types::Secret;

/// The first word of a key file, so that no other 64 digits are taken for a key of blind tokens.
const HEADER: &str = "hushtag-blind-token-1 ";
const WANTED: &str = "`hushtag-blind-token-1`, a space, 64 hexadecimal digits and a line end";
/// The public text from which the scalar is derived beside the seed.
const INFO: &[u8] = b"hushtag 2026-12 v1 blind token key";
const SIGNS: &str = "hushtag 2026-12 v1 signature of a blind token request";

/// A platform's key of blind tokens: a secret scalar, and a key that signs requests, both of one random seed.
pub struct BlindTokenKey {
    seed: Secret,
    scalar: SecretScalar,
    signing: SigningKey,
}

impl BlindTokenKey {
    /// A fresh key in a new file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when something has that name, or the system gives no randomness or storage.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let key = Self::of(random_secret()?, "a fresh key")?;
        write_private_file(path, HEADER, &key.seed)?;
        Ok(key)
    }

    /// Reads the file of a key of blind tokens.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a file, readable by others, or not such a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::of(read_seed(path, HEADER, WANTED)?, &path.display().to_string())
    }

    /// The key of a random seed (`DeriveKeyPair`, RFC 9497, section 3.2.1).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] for a seed that gives no key, which never happens.
    pub fn from_seed(seed: Secret) -> Result<Self, KeyError> {
        Self::of(seed, "a seed")
    }

    fn of(seed: Secret, place: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { place: place.to_owned(), wanted: WANTED };
        let scalar = derive_key_pair(&blind_context(), &seed, INFO).ok_or_else(malformed)?;
        let signing = SigningKey::from_seed(seed.derive(SIGNS), place)?;
        Ok(Self { seed, scalar, signing })
    }

    /// What the study pins of it.
    #[must_use]
    pub fn public(&self) -> TokenPublicKey {
        TokenPublicKey { element: self.scalar.public().encode(), signs: self.signing.public() }
    }

    /// The secret scalar.
    #[must_use]
    pub(crate) const fn scalar(&self) -> &SecretScalar {
        &self.scalar
    }

    /// The signature of a request's digest.
    #[must_use]
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message)
    }

    /// A further secret for one named use.
    #[must_use]
    pub(crate) fn derive(&self, context: &str) -> Secret {
        self.seed.derive(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deidentify::TokenKey;

    #[test]
    fn a_key_is_written_once_and_read_back_and_no_other_kind_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.key");
        let key = BlindTokenKey::create(&path).unwrap();
        assert!(matches!(BlindTokenKey::create(&path), Err(KeyError::Exists(_))));
        assert_eq!(BlindTokenKey::load(&path).unwrap().public(), key.public());
        let shared = place.path().join("agreed.key");
        TokenKey::create(&shared).unwrap();
        assert!(matches!(BlindTokenKey::load(&shared), Err(KeyError::Malformed { .. })));
        assert!(TokenKey::load(&path).is_err());
    }
}
