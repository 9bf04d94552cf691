//! The key of a sandbox, what is derived from it, and the epoch keys that are wrapped under it.

use std::sync::{Mutex, PoisonError};

use super::{KeyError, RootKey, open, seal};
use crate::storage::Storage;
use crate::types::{EpochId, Secret};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, Zeroizing};

const PLACE: &str = "keys/sandbox.key";
/// What its seal is bound to, beside the id of the sandbox.
const USE: &[u8] = b"sandbox key";

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

/// All keys of one sandbox: a random key, and what is derived from it or wrapped under that. The key itself is sealed under the
/// root key in `keys/sandbox.key`, so that another root key means another seal of 48 bytes and no other change.
pub struct Keyring {
    key: Secret,
    sandbox: String,
    sealed_for: Mutex<RootNumber>,
}

/// Under which root key of a sandbox its key is sealed; sealed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootNumber {
    /// How often the root key was changed before.
    pub number: u64,
    /// How many entries the log had then: its entry that names this number is there or beyond.
    pub log_size: u64,
}

impl Keyring {
    /// Makes the random key of a new sandbox and stores it sealed under `root` as `keys/sandbox.key`; durable on return.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or the system gives no randomness or storage.
    pub fn create(storage: &dyn Storage, root: &RootKey, sandbox: &str) -> Result<Self, KeyError> {
        if storage.read(PLACE)?.is_some() {
            return Err(KeyError::Exists(PLACE.to_owned()));
        }
        let first = RootNumber { number: 0, log_size: 0 };
        let ring = Self { key: random_secret()?, sandbox: sandbox.to_owned(), sealed_for: Mutex::new(first) };
        ring.seal_under(storage, root, first)?;
        Ok(ring)
    }

    /// The keys of the sandbox with the id `sandbox`.
    ///
    /// # Errors
    /// [`KeyError::Absent`]; [`KeyError::Sealed`] under another root key or for a file of another sandbox.
    pub fn open(storage: &dyn Storage, root: &RootKey, sandbox: &str) -> Result<Self, KeyError> {
        let sealed = storage.read(PLACE)?.ok_or_else(|| KeyError::Absent(PLACE.to_owned()))?;
        let plain = open(&root.sandbox_wrap(sandbox), &[sandbox.as_bytes(), USE], &sealed)
            .map_err(|source| KeyError::Sealed { place: PLACE.to_owned(), source })?;
        let parts = || {
            let (number, rest) = plain.split_first_chunk::<8>()?;
            let (log_size, key) = rest.split_first_chunk::<8>()?;
            let key: Zeroizing<[u8; 32]> = Zeroizing::new(key.try_into().ok()?);
            let [number, log_size] = [number, log_size].map(|bytes| u64::from_be_bytes(*bytes));
            Some((Secret::new(*key), RootNumber { number, log_size }))
        };
        let malformed = || KeyError::Malformed { place: PLACE.to_owned(), wanted: "48 sealed bytes" };
        let (key, sealed_for) = parts().ok_or_else(malformed)?;
        Ok(Self { key, sandbox: sandbox.to_owned(), sealed_for: Mutex::new(sealed_for) })
    }

    /// The keys of a sandbox whose root key lies in its folder: `keys/root.next` where a rotation has sealed for it, else
    /// `keys/root.key`.
    ///
    /// # Errors
    /// As [`RootKey::load`] and [`Keyring::open`].
    pub fn open_in_folder(storage: &dyn Storage, sandbox: &str) -> Result<Self, KeyError> {
        let found = || match RootKey::load_next(storage)? {
            Some(next) => match Self::open(storage, &next, sandbox) {
                Err(KeyError::Sealed { .. }) => Self::open(storage, &RootKey::load(storage)?, sandbox),
                other => other,
            },
            None => Self::open(storage, &RootKey::load(storage)?, sandbox),
        };
        // Beside a reader a rotation may change both files between two looks.
        found().or_else(|_| found())
    }

    /// Whether `keys/sandbox.key` is sealed under `root`.
    ///
    /// # Errors
    /// [`KeyError::Absent`], [`KeyError::Storage`]
    pub fn is_under(&self, storage: &dyn Storage, root: &RootKey) -> Result<bool, KeyError> {
        match Self::open(storage, root, &self.sandbox) {
            Ok(_) => Ok(true),
            Err(KeyError::Sealed { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Seals the key under `root` in place of what is there; durable on return. If we stop inside, the old seal is still there.
    ///
    /// # Errors
    /// [`KeyError::Storage`], [`KeyError::Sealed`]; after the first, only reading the file shows which seal is there.
    pub fn seal_under(
        &self,
        storage: &dyn Storage,
        root: &RootKey,
        number: RootNumber,
    ) -> Result<(), KeyError> {
        // Of its full size at once, so that no reallocation leaves a copy behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(48));
        plain.extend_from_slice(&number.number.to_be_bytes());
        plain.extend_from_slice(&number.log_size.to_be_bytes());
        plain.extend_from_slice(self.key.expose());
        let sealed = seal(&root.sandbox_wrap(&self.sandbox), &[self.sandbox.as_bytes(), USE], &plain)
            .map_err(|source| KeyError::Sealed { place: PLACE.to_owned(), source })?;
        storage.write(PLACE, &sealed)?;
        *self.sealed_for.lock().unwrap_or_else(PoisonError::into_inner) = number;
        Ok(())
    }

    /// Writes `keys/sandbox.key` once more as it is, so that what was read is durable.
    ///
    /// # Errors
    /// [`KeyError::Absent`], [`KeyError::Storage`]
    pub fn settle(storage: &dyn Storage) -> Result<(), KeyError> {
        let sealed = storage.read(PLACE)?.ok_or_else(|| KeyError::Absent(PLACE.to_owned()))?;
        Ok(storage.write(PLACE, &sealed)?)
    }

    /// Under which root key the key was sealed when it was opened or sealed last.
    #[must_use]
    pub fn sealed_for(&self) -> RootNumber {
        *self.sealed_for.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of the ledger's MACs.
    #[must_use]
    pub fn ledger_mac(&self) -> Secret {
        self.derive(LEDGER_MAC)
    }

    /// A key for a use of its own; `context` names crate, version and use.
    #[must_use]
    pub fn derive(&self, context: &str) -> Secret {
        self.key.derive_for(context, self.sandbox.as_bytes())
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
        // If we stop here, the file is there and opens for no one.
    }
    Ok(storage.remove(place)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Fault, Image};

    fn ring(sandbox: &str) -> Keyring {
        Keyring { key: Secret::new([7; 32]), sandbox: sandbox.into(), sealed_for: Mutex::new(FIRST) }
    }

    const FIRST: RootNumber = RootNumber { number: 0, log_size: 0 };

    #[test]
    fn an_epoch_key_opens_for_its_own_epoch_and_sandbox_until_destroyed() {
        let image = Image::new();
        let (one, two) = (EpochId::new("one").unwrap(), EpochId::new("two").unwrap());
        let key = ring("s").create_epoch(&image, &one).unwrap();
        assert!(matches!(ring("s").create_epoch(&image, &one), Err(KeyError::Exists(_))));
        assert_eq!(ring("s").epoch(&image, &one).unwrap().expose(), key.expose());
        assert!(matches!(ring("t").epoch(&image, &one), Err(KeyError::Sealed { .. })));
        image.write("keys/epoch-two.key", &image.read("keys/epoch-one.key").unwrap().unwrap()).unwrap();
        assert!(matches!(ring("s").epoch(&image, &two), Err(KeyError::Sealed { .. })));
        image.fail_at(image.operations() + 3, Fault::Error);
        assert!(Keyring::destroy_epoch(&image, &one).is_err());
        assert!(matches!(ring("s").epoch(&image.crash(), &one), Err(KeyError::Sealed { .. })));
        Keyring::destroy_epoch(&image, &one).unwrap();
        assert!(matches!(ring("s").epoch(&image, &one), Err(KeyError::Absent(_))));
    }

    #[test]
    fn derived_keys_differ_by_use_and_sandbox() {
        assert_ne!(ring("a").ledger_mac().expose(), ring("b").ledger_mac().expose());
        assert_ne!(ring("a").ledger_mac().expose(), ring("a").sign_wrap().expose());
    }

    #[test]
    fn the_key_of_a_sandbox_changes_its_seal_and_nothing_else() {
        let image = Image::new();
        let root = |byte: &str| RootKey::from_hex(&byte.repeat(32), "test").unwrap();
        let made = Keyring::create(&image, &root("01"), "s").unwrap();
        assert!(matches!(Keyring::create(&image, &root("01"), "s"), Err(KeyError::Exists(_))));
        let derived = *made.ledger_mac().expose();
        let opens = |root: &RootKey, sandbox: &str| match Keyring::open(&image, root, sandbox) {
            Ok(ring) => Some((*ring.ledger_mac().expose(), ring.sealed_for())),
            Err(KeyError::Sealed { .. }) => None,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(opens(&root("01"), "s"), Some((derived, FIRST)));
        assert_eq!((opens(&root("02"), "s"), opens(&root("01"), "t")), (None, None));
        let second = RootNumber { number: 1, log_size: 9 };
        made.seal_under(&image, &root("02"), second).unwrap();
        assert_eq!((opens(&root("01"), "s"), opens(&root("02"), "s")), (None, Some((derived, second))));
        assert!(made.is_under(&image, &root("02")).unwrap() && !made.is_under(&image, &root("01")).unwrap());
        let other = Image::new();
        let stranger = Keyring::create(&other, &root("01"), "s").unwrap();
        assert_ne!(*stranger.ledger_mac().expose(), derived, "the key is random");
    }
}
