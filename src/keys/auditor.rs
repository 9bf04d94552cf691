//! Sealing to the auditor: HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
//! ChaCha20Poly1305. The operator can seal and cannot open.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use zeroize::Zeroizing;

use super::{KeyError, SealError, from_hex, random_secret, read_seed, to_hex, write_private_file};
use crate::types::Secret;

type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The first word of a key file, so that no other 64 digits are taken for an auditor's key.
const HEADER: &str = "hushtag-x25519-1 ";
const WANTED: &str = "`hushtag-x25519-1`, a space, 64 hexadecimal digits and a line end";
/// What the public key's text begins with.
const PREFIX: &str = "x25519:";
const INFO: &[u8] = b"hushtag 2026-11 v1 joined figures";
/// Bytes of the encapsulated key and of the tag, which come on top of the content.
const OVERHEAD: usize = 32 + 16;

/// The auditor's public key: figures are sealed to it. Its text is `x25519:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditorPublicKey([u8; 32]);

/// The auditor's private key (X25519, RFC 7748): the only one that opens joined figures.
pub struct AuditorKey {
    seed: Secret,
    pair: Private,
}

impl AuditorPublicKey {
    /// Seals `plain` so that only the auditor opens it, and only with the same `associated` text.
    ///
    /// # Errors
    /// [`SealError`]
    ///
    /// # Privacy
    /// The sealed size shows the size of `plain`: pad it to a public one.
    pub fn seal(&self, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let public = Public::from_bytes(&self.0).map_err(|_| SealError::UnknownFormat)?;
        let (key, cipher) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            INFO,
            plain,
            associated,
        )
        .map_err(|_| SealError::Recipient)?;
        Ok([key.to_bytes().as_slice(), &cipher].concat())
    }

    /// The sealed size of a content of so many bytes.
    #[must_use]
    pub const fn sealed_size(plain: usize) -> usize {
        plain.saturating_add(OVERHEAD)
    }
}

impl fmt::Display for AuditorPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", to_hex(&self.0).as_str())
    }
}

impl FromStr for AuditorPublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|digits| from_hex(digits.as_bytes()));
        // Seven points have a known secret with every key; to seal to one of them is to seal to no one.
        let fit = bytes.map(|bytes| Self(*bytes.expose())).filter(|key| key.seal(&[], &[]).is_ok());
        fit.ok_or_else(|| KeyError::Malformed {
            place: "the auditor's public key".into(),
            wanted: "`x25519:` and 64 hexadecimal digits",
        })
    }
}

impl AuditorKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`]
    pub fn generate() -> Result<Self, KeyError> {
        Self::of(random_secret()?, "a fresh key")
    }

    fn of(seed: Secret, place: &str) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed { place: place.to_owned(), wanted: WANTED };
        Ok(Self { pair: Private::from_bytes(seed.expose()).map_err(malformed)?, seed })
    }

    /// The public part.
    #[must_use]
    pub fn public(&self) -> AuditorPublicKey {
        AuditorPublicKey(X25519HkdfSha256::sk_to_pk(&self.pair).to_bytes().into())
    }

    /// Opens what was sealed to the public part.
    ///
    /// # Errors
    /// [`SealError::Forged`] for another key, another text or changed bytes.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (key, cipher) = sealed.split_first_chunk::<32>().ok_or(SealError::UnknownFormat)?;
        let key = Encapped::from_bytes(key).map_err(|_| SealError::UnknownFormat)?;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.pair,
            &key,
            INFO,
            cipher,
            associated,
        )
        .map(Zeroizing::new)
        .map_err(|_| SealError::Forged)
    }

    /// Writes the key to a new file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when something has that name.
    pub fn write_file(&self, path: &Path) -> Result<(), KeyError> {
        write_private_file(path, HEADER, &self.seed)
    }

    /// Reads a file that [`AuditorKey::write_file`] wrote.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a file, readable by others, or not such a key.
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        Self::of(read_seed(path, HEADER, WANTED)?, &path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_auditors_key_opens_with_the_same_text_and_bytes() {
        let (key, other) = (AuditorKey::generate().unwrap(), AuditorKey::generate().unwrap());
        let sealed = key.public().seal(b"epoch", b"figures").unwrap();
        assert_eq!(sealed.len(), AuditorPublicKey::sealed_size(7));
        assert_eq!(key.open(b"epoch", &sealed).unwrap().as_slice(), b"figures");
        assert_eq!(key.open(b"another", &sealed), Err(SealError::Forged));
        assert_eq!(other.open(b"epoch", &sealed), Err(SealError::Forged));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(b"epoch", &changed).is_err(), "byte {place}");
            assert!(key.open(b"epoch", &sealed[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_key_is_written_and_read_back_and_its_public_text_too() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("auditor.key");
        let key = AuditorKey::generate().unwrap();
        key.write_file(&path).unwrap();
        assert!(matches!(key.write_file(&path), Err(KeyError::Exists(_))));
        let again = AuditorKey::read_file(&path).unwrap();
        let text = again.public().to_string();
        assert_eq!(text.parse::<AuditorPublicKey>().unwrap(), key.public());
        let low_order = format!("x25519:{}", "0".repeat(64));
        for bad in ["", "x25519:", &low_order, text.trim_start_matches(PREFIX), &format!("{text}0")] {
            assert!(bad.parse::<AuditorPublicKey>().is_err(), "{bad}");
        }
        super::super::SigningKey::generate().unwrap().write_file(&place.path().join("sign.key")).unwrap();
        assert!(AuditorKey::read_file(&place.path().join("sign.key")).is_err(), "a key of another kind");
    }
}
