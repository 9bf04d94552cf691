//! Sealing: AES-256-GCM (NIST SP 800-38D) under a key that is used for one message only.
//!
//! `"hushseal" || 1 || salt (32) || ciphertext || tag (16)`. The message key is derived from the caller's key and the
//! random salt and seals one message, so that the fixed nonce cannot repeat under a key.

use crate::types::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

const MAGIC: &[u8; 9] = b"hushseal\x01";
const SALT: usize = 32;
/// Bytes of the length that precedes the content inside.
const FRAME: usize = 8;
const MESSAGE_KEY: &str = "hushtag 2026 v1 message key";

/// A failed sealing or opening; says nothing of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Another key or associated data, or changed bytes.
    #[error("the sealed bytes do not open")]
    Forged,
    /// What seals to the recipient's public key failed.
    #[error("the public key cannot be sealed to")]
    Recipient,
    /// The content does not fit the public size it should be padded to, or the cipher.
    #[error("the content is larger than its public size")]
    TooLarge,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// Not something that this version sealed.
    #[error("the bytes are not of a sealed file of version 1")]
    UnknownFormat,
}

/// Seals `plain`; the same `associated` parts must be given to open it.
///
/// # Errors
/// [`SealError::NoRandomness`], or [`SealError::TooLarge`] above 64 GiB.
///
/// # Privacy
/// The sealed size shows the size of `plain`; see [`seal_padded`].
pub fn seal(key: &Secret, associated: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    seal_padded(key, associated, plain, plain.len())
}

/// Seals `plain`, padded with zeros inside, so that the sealed size depends on `size` alone.
///
/// # Errors
/// [`SealError::TooLarge`] when `plain` is longer than `size`.
pub fn seal_padded(
    key: &Secret,
    associated: &[&[u8]],
    plain: &[u8],
    size: usize,
) -> Result<Vec<u8>, SealError> {
    if plain.len() > size {
        return Err(SealError::TooLarge);
    }
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).map_err(|_| SealError::NoRandomness)?;
    let total = MAGIC.len().saturating_add(SALT + FRAME + AES_256_GCM.tag_len()).saturating_add(size);
    let length = u64::try_from(plain.len()).map_err(|_| SealError::TooLarge)?;

    // Reserved in full, so that no reallocation leaves a copy of the content behind.
    let mut content = Zeroizing::new(Vec::with_capacity(FRAME.saturating_add(size)));
    content.extend_from_slice(&length.to_le_bytes());
    content.extend_from_slice(plain);
    content.resize(FRAME.saturating_add(size), 0);
    let tag = message_key(key, &salt)?
        .seal_in_place_separate_tag(nonce(), Aad::from(framed(associated)), &mut content)
        .map_err(|_| SealError::TooLarge)?;

    let mut sealed = Vec::with_capacity(total);
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&content);
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what [`seal`] or [`seal_padded`] made, without the padding.
///
/// # Errors
/// [`SealError::Forged`] or [`SealError::UnknownFormat`].
pub fn open(key: &Secret, associated: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let body = sealed.strip_prefix(MAGIC).ok_or(SealError::UnknownFormat)?;
    let (salt, cipher) = body.split_first_chunk::<SALT>().ok_or(SealError::UnknownFormat)?;
    let mut buffer = Zeroizing::new(cipher.to_vec());
    let content = message_key(key, salt)?
        .open_in_place(nonce(), Aad::from(framed(associated)), &mut buffer)
        .map_err(|_| SealError::Forged)?;
    let (length, padded) = content.split_first_chunk::<FRAME>().ok_or(SealError::Forged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| SealError::Forged)?;
    padded.get(..length).map(|plain| Zeroizing::new(plain.to_vec())).ok_or(SealError::Forged)
}

fn message_key(key: &Secret, salt: &[u8; SALT]) -> Result<LessSafeKey, SealError> {
    let message_key = key.derive_for(MESSAGE_KEY, salt);
    UnboundKey::new(&AES_256_GCM, message_key.expose()).map(LessSafeKey::new).map_err(|_| SealError::Forged)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// The format and the parts, each with its length before it, so that no two lists of parts have the same bytes.
fn framed(associated: &[&[u8]]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for part in associated {
        // A slice's length always fits in 64 bits on the platforms there are.
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Secret {
        Secret::new([3; 32])
    }

    #[test]
    fn opens_only_with_the_same_key_parts_and_bytes() {
        let sealed = seal(&key(), &[b"sandbox", b"epoch"], b"cells").unwrap();
        assert_eq!(open(&key(), &[b"sandbox", b"epoch"], &sealed).unwrap().as_slice(), b"cells");
        assert_ne!(seal(&key(), &[b"sandbox", b"epoch"], b"cells").unwrap(), sealed);
        for parts in
            [&[b"sandbox".as_slice()][..], &[b"sandboxe", b"poch"], &[b"sandbox", b"epoch", b""], &[]]
        {
            assert_eq!(open(&key(), parts, &sealed), Err(SealError::Forged));
        }
        assert_eq!(open(&Secret::new([4; 32]), &[b"sandbox", b"epoch"], &sealed), Err(SealError::Forged));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(open(&key(), &[b"sandbox", b"epoch"], &changed).is_err(), "byte {place}");
            assert!(open(&key(), &[b"sandbox", b"epoch"], &sealed[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_padded_size_depends_on_the_public_size_alone() {
        let sizes = [&b""[..], b"one", &[0; 64]].map(|plain| {
            let sealed = seal_padded(&key(), &[], plain, 64).unwrap();
            assert_eq!(open(&key(), &[], &sealed).unwrap().as_slice(), plain);
            sealed.len()
        });
        assert_eq!(sizes, [sizes[0]; 3]);
        assert_eq!(seal_padded(&key(), &[], &[0; 65], 64), Err(SealError::TooLarge));
    }
}
