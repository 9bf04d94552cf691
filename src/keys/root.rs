//! The root key: 32 bytes from the folder, a file, a variable or a service, that seal the key of the sandbox and nothing else.

use super::keyring::destroy;
use super::{KeyError, from_hex, random_secret, read_private_file, to_hex};
use crate::storage::Storage;
use crate::types::Secret;
use std::path::Path;
use zeroize::Zeroizing;

const ROOT: &str = "keys/root.key";
/// The next root key, while one takes the place of another.
const NEXT: &str = "keys/root.next";
const WANTED: &str = "32 bytes, or 64 hexadecimal digits and a line end";

const SANDBOX_WRAP: &str = "hushtag 2026-11 v1 sandbox wrap";

/// The key under which the key of a sandbox is sealed. A holder of it and the folder has everything but retired epochs.
pub struct RootKey(Secret);

impl RootKey {
    /// Makes a fresh root key and stores it as `keys/root.key`, where none may be.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or the system gives no randomness or storage.
    pub fn generate(storage: &dyn Storage) -> Result<Self, KeyError> {
        if storage.read(ROOT)?.is_some() {
            return Err(KeyError::Exists(ROOT.to_owned()));
        }
        let key = random_secret()?;
        key_file(storage, ROOT, &key)?;
        Ok(Self(key))
    }

    /// Reads `keys/root.key` of the sandbox.
    ///
    /// # Errors
    /// [`KeyError`] when it is absent, readable by others, or not 64 digits.
    pub fn load(storage: &dyn Storage) -> Result<Self, KeyError> {
        let text = storage.read(ROOT)?.ok_or_else(|| KeyError::Absent(ROOT.to_owned()))?;
        Self::parse(&Zeroizing::new(text), ROOT)
    }

    /// Reads a key file outside the sandbox: 32 bytes, or 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a file, readable by others, or neither of the two.
    pub fn load_file(path: &Path) -> Result<Self, KeyError> {
        let content = read_private_file(path)?;
        match <&[u8; 32]>::try_from(content.as_slice()) {
            Ok(bytes) => Ok(Self(Secret::new(*bytes))),
            Err(_) => Self::parse(&content, &path.display().to_string()),
        }
    }

    /// Reads 64 hexadecimal digits, such as the value of an environment variable named `place`.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] names `place`, never the text.
    pub fn from_hex(text: &str, place: &str) -> Result<Self, KeyError> {
        Self::parse(text.as_bytes(), place)
    }

    /// Makes the key that will take the place of `keys/root.key`, durable as `keys/root.next` on return. One that an attempt
    /// before has left there, and that opens nothing, is destroyed.
    ///
    /// # Errors
    /// The system gives no randomness or storage.
    pub fn create_next(storage: &dyn Storage) -> Result<Self, KeyError> {
        Self::forget_next(storage)?;
        let key = random_secret()?;
        key_file(storage, NEXT, &key)?;
        Ok(Self(key))
    }

    /// Reads `keys/root.next`, if a rotation has left one; one whose destruction was stopped is none.
    ///
    /// # Errors
    /// [`KeyError::Storage`]
    pub fn load_next(storage: &dyn Storage) -> Result<Option<Self>, KeyError> {
        let text = storage.read(NEXT)?.map(Zeroizing::new);
        Ok(text.and_then(|text| Self::parse(&text, NEXT).ok()))
    }

    /// Whether the folder holds a root key, or what is to be one.
    ///
    /// # Errors
    /// [`KeyError::Storage`]
    pub fn is_in_folder(storage: &dyn Storage) -> Result<bool, KeyError> {
        Ok(storage.read(ROOT)?.map(Zeroizing::new).is_some() || Self::has_next(storage)?)
    }

    /// Whether there is a file `keys/root.next`, whatever it holds.
    ///
    /// # Errors
    /// [`KeyError::Storage`]
    pub fn has_next(storage: &dyn Storage) -> Result<bool, KeyError> {
        Ok(storage.read(NEXT)?.map(Zeroizing::new).is_some())
    }

    /// Destroys `keys/root.key`; fine when there is none.
    ///
    /// # Errors
    /// [`KeyError::Storage`]; doing it again finishes.
    ///
    /// # Privacy
    /// The key is overwritten as [`Keyring::destroy_epoch`](super::Keyring::destroy_epoch) does it, with the same limits.
    pub fn forget(storage: &dyn Storage) -> Result<(), KeyError> {
        destroy(storage, ROOT)
    }

    /// Destroys `keys/root.next`, as [`RootKey::forget`] does it.
    ///
    /// # Errors
    /// [`KeyError::Storage`]; doing it again finishes.
    pub fn forget_next(storage: &dyn Storage) -> Result<(), KeyError> {
        destroy(storage, NEXT)
    }

    /// Destroys `keys/root.key` and gives its name to `keys/root.next`. If we stop in between, the new key is under its old name
    /// and doing it again finishes.
    ///
    /// # Errors
    /// [`KeyError::Storage`]
    pub fn put_next_in_force(storage: &dyn Storage) -> Result<(), KeyError> {
        Self::forget(storage)?;
        Ok(storage.rename(NEXT, ROOT)?)
    }

    /// The key under which the key of `sandbox` is sealed.
    pub(super) fn sandbox_wrap(&self, sandbox: &str) -> Secret {
        self.0.derive_for(SANDBOX_WRAP, sandbox.as_bytes())
    }

    fn parse(text: &[u8], place: &str) -> Result<Self, KeyError> {
        from_hex(text.strip_suffix(b"\n").unwrap_or(text))
            .map(Self)
            .ok_or_else(|| KeyError::Malformed { place: place.to_owned(), wanted: WANTED })
    }
}

/// Gives the root key of a sandbox from where the caller keeps it, such as a key management service; asked once at every open. A closure is
/// one, too: see [`Keys::from_provider`](crate::Keys::from_provider).
///
/// ```
/// use hushtag::{KeyProvider, RootKey, sandbox::KeyError};
///
/// struct Service;
///
/// impl KeyProvider for Service {
///     fn root_key(&self, sandbox: &str) -> Result<RootKey, KeyError> {
///         let digits = std::env::var(format!("ROOT_KEY_{sandbox}")).map_err(|error| KeyError::Provider(error.into()))?;
///         RootKey::from_hex(&digits, "the variable of the sandbox")
///     }
/// }
/// assert!(Service.root_key("none").is_err());
/// ```
pub trait KeyProvider {
    /// The root key of the sandbox with the id `sandbox`, the same at every call.
    ///
    /// # Errors
    /// [`KeyError::Provider`] with the reason, which must not hold key bytes: it is shown.
    fn root_key(&self, sandbox: &str) -> Result<RootKey, KeyError>;
}

impl<F: Fn(&str) -> Result<RootKey, KeyError>> KeyProvider for F {
    fn root_key(&self, sandbox: &str) -> Result<RootKey, KeyError> {
        self(sandbox)
    }
}

/// The text of a root key in the folder: 64 digits and a line end.
fn key_file(storage: &dyn Storage, place: &str, key: &Secret) -> Result<(), KeyError> {
    let mut text = to_hex(key.expose());
    text.push('\n');
    Ok(storage.write(place, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Image;

    #[test]
    fn a_root_key_is_made_once_and_read_back() {
        let image = Image::new();
        assert!(matches!(RootKey::load(&image), Err(KeyError::Absent(_))));
        let root = RootKey::generate(&image).unwrap();
        assert!(matches!(RootKey::generate(&image), Err(KeyError::Exists(_))));
        assert_eq!(RootKey::load(&image).unwrap().0.expose(), root.0.expose());
        assert_eq!(image.read(ROOT).unwrap().unwrap().len(), 65);
        for bad in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(RootKey::from_hex(bad, "HUSHTAG_ROOT_KEY").is_err(), "{bad}");
        }
        let key = RootKey::from_hex(&format!("{}Ff", "00".repeat(31)), "HUSHTAG_ROOT_KEY").unwrap();
        assert_eq!(key.0.expose()[30..], [0, 255]);
    }

    #[test]
    fn a_key_file_that_is_none_or_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("root.key");
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::write(&path, "0".repeat(64)).unwrap();
        for loose in [0o644, 0o640, 0o620, 0o601] {
            mode(loose);
            let error = RootKey::load_file(&path).err().unwrap().to_string();
            assert!(error.contains(&format!("has mode {loose:o}")) && error.contains("chmod 600"), "{error}");
        }
        mode(0o600);
        assert!(RootKey::load_file(&path).is_ok());
        std::fs::write(&path, [7; 32]).unwrap();
        assert_eq!(RootKey::load_file(&path).unwrap().0.expose(), &[7; 32]);
        for size in [0, 16, 31, 33, 63, 66, 300] {
            std::fs::write(&path, "0".repeat(size)).unwrap();
            let error = RootKey::load_file(&path).err().unwrap().to_string();
            assert!(
                error.contains("root.key` is not a key: it should be 32 bytes, or 64"),
                "{size}: {error}"
            );
        }
        assert!(matches!(RootKey::load_file(place.path()), Err(KeyError::File(..))), "a directory");
    }
}
