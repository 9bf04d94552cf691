//! The root key, what is derived from it, and the epoch keys that are wrapped under it.

use super::{KeyError, from_hex, open, read_private_file, seal, to_hex};
use crate::storage::Storage;
use crate::types::{EpochId, Secret};
use ring::rand::{SecureRandom, SystemRandom};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

const ROOT: &str = "keys/root.key";
const WANTED: &str = "32 bytes, or 64 hexadecimal digits and a line end";

const LEDGER_MAC: &str = "hushtag 2026 v1 ledger mac";
const EPOCH_WRAP: &str = "hushtag 2026 v1 epoch wrap";
const SIGN_WRAP: &str = "hushtag 2026 v1 sign wrap";

/// Thirty-two fresh bytes from the system.
///
/// # Errors
/// [`KeyError::NoRandomness`]
pub fn random_secret() -> Result<Secret, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| KeyError::NoRandomness)?;
    Ok(Secret::new(*bytes))
}

/// The one key that opens all others. Whoever has it and the folder has everything but retired epochs.
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
        let mut text = to_hex(key.expose());
        text.push('\n');
        storage.write(ROOT, text.as_bytes())?;
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

    fn parse(text: &[u8], place: &str) -> Result<Self, KeyError> {
        from_hex(text.strip_suffix(b"\n").unwrap_or(text))
            .map(Self)
            .ok_or_else(|| KeyError::Malformed { place: place.to_owned(), wanted: WANTED })
    }
}

/// Gives the root key of a sandbox from where the caller keeps it, such as a key management service; asked once at every open.
pub trait KeyProvider {
    /// The root key of the sandbox with the id `sandbox`, the same at every call.
    ///
    /// # Errors
    /// [`KeyError::Provider`] with the reason, which must not hold key bytes: it is shown.
    fn root_key(&self, sandbox: &str) -> Result<RootKey, KeyError>;
}

/// All keys of one sandbox.
pub struct Keyring {
    root: RootKey,
    sandbox: String,
}

impl Keyring {
    /// The keys of the sandbox with the id `sandbox`.
    #[must_use]
    pub fn new(root: RootKey, sandbox: &str) -> Self {
        Self { root, sandbox: sandbox.to_owned() }
    }

    /// The key of the ledger's MACs.
    #[must_use]
    pub fn ledger_mac(&self) -> Secret {
        self.derive(LEDGER_MAC)
    }

    /// A key for a use of its own; `context` names crate, version and use.
    #[must_use]
    pub fn derive(&self, context: &str) -> Secret {
        self.root.0.derive_for(context, self.sandbox.as_bytes())
    }

    pub(super) fn sign_wrap(&self) -> Secret {
        self.derive(SIGN_WRAP)
    }

    pub(super) fn sandbox(&self) -> &str {
        &self.sandbox
    }

    /// Makes the random key of a new epoch and stores it wrapped; durable on return.
    ///
    /// # Errors
    /// [`KeyError::Exists`]: an epoch is sealed once.
    pub fn create_epoch(&self, storage: &dyn Storage, epoch: &EpochId) -> Result<Secret, KeyError> {
        let place = Self::epoch_file(epoch);
        if storage.read(&place)?.is_some() {
            return Err(KeyError::Exists(place));
        }
        let key = random_secret()?;
        let wrapped = seal(&self.derive(EPOCH_WRAP), &self.epoch_data(epoch), key.expose())
            .map_err(|source| KeyError::Sealed { place: place.clone(), source })?;
        storage.write(&place, &wrapped)?;
        Ok(key)
    }

    /// The key of an epoch.
    ///
    /// # Errors
    /// [`KeyError::Absent`] for an epoch that was retired or never sealed; [`KeyError::Sealed`] for a file of another
    /// sandbox, epoch or root key.
    pub fn epoch(&self, storage: &dyn Storage, epoch: &EpochId) -> Result<Secret, KeyError> {
        let place = Self::epoch_file(epoch);
        let wrapped = storage.read(&place)?.ok_or_else(|| KeyError::Absent(place.clone()))?;
        let plain = open(&self.derive(EPOCH_WRAP), &self.epoch_data(epoch), &wrapped)
            .map_err(|source| KeyError::Sealed { place: place.clone(), source })?;
        let mut bytes: [u8; 32] = plain
            .as_slice()
            .try_into()
            .map_err(|_| KeyError::Malformed { place, wanted: "32 wrapped bytes" })?;
        let key = Secret::new(bytes);
        bytes.zeroize();
        Ok(key)
    }

    /// Where the wrapped key of an epoch lies.
    #[must_use]
    pub fn epoch_file(epoch: &EpochId) -> String {
        format!("keys/epoch-{epoch}.key")
    }

    fn epoch_data<'a>(&'a self, epoch: &'a EpochId) -> [&'a [u8]; 2] {
        [self.sandbox.as_bytes(), epoch.as_str().as_bytes()]
    }

    /// Destroys the key of an epoch, after which nothing sealed under it can be opened; fine when there is none.
    ///
    /// # Errors
    /// [`KeyError::Storage`]; destroying again finishes.
    ///
    /// # Privacy
    /// The bytes are overwritten first. On flash and copy-on-write stores old blocks may survive that, and so does any
    /// backup of `keys/`.
    pub fn destroy_epoch(storage: &dyn Storage, epoch: &EpochId) -> Result<(), KeyError> {
        destroy(storage, &Self::epoch_file(epoch))
    }
}

/// Overwrites and removes the file of a key; fine when there is none.
pub(super) fn destroy(storage: &dyn Storage, place: &str) -> Result<(), KeyError> {
    if let Some(wrapped) = storage.read(place)? {
        let failed = |source| crate::storage::StorageError::new("write", place, source);
        let blocks = storage.blocks(place)?;
        blocks.write_at(0, &vec![0; wrapped.len()]).and_then(|()| blocks.sync()).map_err(failed)?;
        // If we stop here, the file is there and opens for nobody.
    }
    Ok(storage.remove(place)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Fault, Image};

    fn ring(storage: &Image, sandbox: &str) -> Keyring {
        Keyring::new(RootKey::load(storage).unwrap(), sandbox)
    }

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

    #[test]
    fn an_epoch_key_opens_for_its_own_epoch_and_sandbox_until_destroyed() {
        let image = Image::new();
        RootKey::generate(&image).unwrap();
        let (one, two) = (EpochId::new("one").unwrap(), EpochId::new("two").unwrap());
        let key = ring(&image, "s").create_epoch(&image, &one).unwrap();
        assert!(matches!(ring(&image, "s").create_epoch(&image, &one), Err(KeyError::Exists(_))));
        assert_eq!(ring(&image, "s").epoch(&image, &one).unwrap().expose(), key.expose());
        assert!(matches!(ring(&image, "t").epoch(&image, &one), Err(KeyError::Sealed { .. })));
        image.write("keys/epoch-two.key", &image.read("keys/epoch-one.key").unwrap().unwrap()).unwrap();
        assert!(matches!(ring(&image, "s").epoch(&image, &two), Err(KeyError::Sealed { .. })));
        image.fail_at(image.operations() + 3, Fault::Error);
        assert!(Keyring::destroy_epoch(&image, &one).is_err());
        assert!(matches!(
            ring(&image.crash(), "s").epoch(&image.crash(), &one),
            Err(KeyError::Sealed { .. })
        ));
        Keyring::destroy_epoch(&image, &one).unwrap();
        assert!(matches!(ring(&image, "s").epoch(&image, &one), Err(KeyError::Absent(_))));
    }

    #[test]
    fn derived_keys_differ_by_use_and_sandbox() {
        let make = |sandbox| Keyring::new(RootKey(Secret::new([7; 32])), sandbox);
        assert_ne!(make("a").ledger_mac().expose(), make("b").ledger_mac().expose());
        assert_ne!(make("a").ledger_mac().expose(), make("a").sign_wrap().expose());
    }
}
