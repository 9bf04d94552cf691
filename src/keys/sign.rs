//! Ed25519 signing keys (RFC 8032): of the sandbox, sealed in `keys/sign.key`, and of a handler, in a file of its own.

use super::keyring::destroy;
use super::{KeyError, Keyring, open, random_secret, read_seed, seal, write_private_file};
use crate::storage::Storage;
use crate::types::Secret;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::path::Path;
use zeroize::Zeroizing;

const PLACE: &str = "keys/sign.key";
/// The next key, while one takes the place of another.
const NEXT: &str = "keys/sign.key.new";
/// The first word of a key file, so that no other 64 digits are taken for a signing key.
const HEADER: &str = "hushtag-ed25519-1 ";
const WANTED: &str = "`hushtag-ed25519-1`, a space, 64 hexadecimal digits and a line end";

/// A key that signs: checkpoints of the log, approvals of a study.
pub struct SigningKey {
    seed: Secret,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`]
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_seed(random_secret()?, "a fresh key")
    }

    pub(super) fn from_seed(seed: Secret, place: &str) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed { place: place.to_owned(), wanted: WANTED };
        // "Unchecked" means that no public key is given to compare with: the seed alone is the key.
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(malformed)?;
        Ok(Self { seed, pair })
    }

    /// Makes the signing key of a sandbox and stores it sealed as `keys/sign.key`, where none may be.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or the system gives no randomness or storage.
    pub fn create(storage: &dyn Storage, keyring: &Keyring) -> Result<Self, KeyError> {
        Self::create_at(PLACE, storage, keyring)
    }

    /// Opens `keys/sign.key` of a sandbox.
    ///
    /// # Errors
    /// [`KeyError::Absent`]; [`KeyError::Sealed`] under another root key or in another sandbox.
    pub fn load(storage: &dyn Storage, keyring: &Keyring) -> Result<Self, KeyError> {
        Self::load_at(PLACE, storage, keyring)
    }

    /// Makes the key that will take the place of `keys/sign.key`, durable as `keys/sign.key.new` on return.
    ///
    /// # Errors
    /// As [`SigningKey::create`].
    pub fn create_next(storage: &dyn Storage, keyring: &Keyring) -> Result<Self, KeyError> {
        Self::create_at(NEXT, storage, keyring)
    }

    /// Opens `keys/sign.key.new`, if a rotation has left one.
    ///
    /// # Errors
    /// As [`SigningKey::load`].
    pub fn load_next(storage: &dyn Storage, keyring: &Keyring) -> Result<Option<Self>, KeyError> {
        match Self::load_at(NEXT, storage, keyring) {
            Err(KeyError::Absent(_)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Destroys `keys/sign.key.new`, which has signed nothing.
    ///
    /// # Errors
    /// [`KeyError::Storage`]; doing it again finishes.
    pub fn forget_next(storage: &dyn Storage) -> Result<(), KeyError> {
        destroy(storage, NEXT)
    }

    /// Destroys `keys/sign.key` and gives its name to `keys/sign.key.new`. If we stop in between, the new key is under its old
    /// name and doing it again finishes.
    ///
    /// # Errors
    /// [`KeyError::Storage`]
    ///
    /// # Privacy
    /// The old key is overwritten as [`Keyring::destroy_epoch`] does it, with the same limits.
    pub fn put_next_in_force(storage: &dyn Storage) -> Result<(), KeyError> {
        destroy(storage, PLACE)?;
        Ok(storage.rename(NEXT, PLACE)?)
    }

    fn create_at(place: &str, storage: &dyn Storage, keyring: &Keyring) -> Result<Self, KeyError> {
        if storage.read(place)?.is_some() {
            return Err(KeyError::Exists(place.to_owned()));
        }
        let key = Self::generate()?;
        let sealed = seal(&keyring.sign_wrap(), &[keyring.sandbox().as_bytes()], key.seed.expose())
            .map_err(|source| KeyError::Sealed { place: place.to_owned(), source })?;
        storage.write(place, &sealed)?;
        Ok(key)
    }

    fn load_at(place: &str, storage: &dyn Storage, keyring: &Keyring) -> Result<Self, KeyError> {
        let sealed = storage.read(place)?.ok_or_else(|| KeyError::Absent(place.to_owned()))?;
        let seed = open(&keyring.sign_wrap(), &[keyring.sandbox().as_bytes()], &sealed)
            .map_err(|source| KeyError::Sealed { place: place.to_owned(), source })?;
        let malformed = |_| KeyError::Malformed { place: place.to_owned(), wanted: "32 sealed bytes" };
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.as_slice().try_into().map_err(malformed)?);
        Self::from_seed(Secret::new(*seed), place)
    }

    /// Writes the key to a new file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when something has that name.
    pub fn write_file(&self, path: &Path) -> Result<(), KeyError> {
        write_private_file(path, HEADER, &self.seed)
    }

    /// Reads a file that [`SigningKey::write_file`] wrote.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a file, readable by others, or not such a key.
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        Self::from_seed(read_seed(path, HEADER, WANTED)?, &path.display().to_string())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        fixed(self.pair.public_key().as_ref())
    }

    /// The signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        fixed(self.pair.sign(message).as_ref())
    }
}

/// Copies bytes whose number the algorithm fixes.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{RootKey, from_hex, to_hex};
    use super::*;
    use crate::storage::Image;
    use ring::signature::{ED25519, UnparsedPublicKey};

    #[test]
    fn rfc_8032_test_1() {
        let seed = from_hex(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = SigningKey::from_seed(seed, "vector").unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(to_hex(&key.public()).as_str(), public);
        assert_eq!(key.sign(b"")[..4], [0xe5, 0x56, 0x43, 0x00]);
    }

    #[test]
    fn a_sandbox_key_is_sealed_and_comes_back() {
        let image = Image::new();
        let root = RootKey::generate(&image).unwrap();
        let ring = Keyring::create(&image, &root, "s").unwrap();
        let key = SigningKey::create(&image, &ring).unwrap();
        assert!(matches!(SigningKey::create(&image, &ring), Err(KeyError::Exists(_))));
        let again = SigningKey::load(&image, &ring).unwrap();
        let signature = again.sign(b"text");
        UnparsedPublicKey::new(&ED25519, key.public()).verify(b"text", &signature).unwrap();
        let other = Keyring::create(&Image::new(), &root, "t").unwrap();
        assert!(matches!(SigningKey::load(&image, &other), Err(KeyError::Sealed { .. })));
    }

    #[test]
    fn a_key_file_is_written_once_and_read_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("handler.key");
        let key = SigningKey::generate().unwrap();
        key.write_file(&path).unwrap();
        assert!(matches!(key.write_file(&path), Err(KeyError::Exists(_))));
        assert_eq!(SigningKey::read_file(&path).unwrap().public(), key.public());
        std::fs::write(&path, to_hex(&[0; 32]).as_bytes()).unwrap();
        assert!(matches!(SigningKey::read_file(&path), Err(KeyError::Malformed { .. })));
    }
}
