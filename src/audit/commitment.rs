//! Commitments: what the log holds in place of anything that depends on people, input files or answers.

use std::fmt;
use std::str::FromStr;

use ring::hmac;

use crate::types::Secret;

/// HMAC-SHA256 of a value under a fresh 256-bit key; written as 64 lower-case hex digits.
///
/// # Privacy
/// Tells nothing about the value while the key is secret, which a plain hash of a guessable value would. A key is
/// used for one value only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment([u8; 32]);

/// Commits to a value under a key that is used for nothing else.
#[must_use]
pub fn commit(key: &Secret, value: &[u8]) -> Commitment {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), value);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    Commitment(bytes)
}

/// Whether key and value open the commitment; takes the same time wherever they differ.
#[must_use]
pub fn verify_commitment(commitment: &Commitment, key: &Secret, value: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), value, &commitment.0).is_ok()
}

impl Commitment {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl From<[u8; 32]> for Commitment {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a commitment is written as 64 lower-case hex digits")]
pub struct InvalidCommitment;

impl FromStr for Commitment {
    type Err = InvalidCommitment;

    fn from_str(text: &str) -> Result<Self, InvalidCommitment> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        let commitment = bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidCommitment)?;
        if rest.is_empty() && commitment.to_string() == text {
            Ok(commitment)
        } else {
            Err(InvalidCommitment)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, has a shorter key; HMAC pads keys with zeros, so the same bytes padded are the same key.
    #[test]
    fn known_answer() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let commitment = commit(&Secret::new(key), b"what do ya want for nothing?");
        let text = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(commitment.to_string(), text);
        assert_eq!(text.parse(), Ok(commitment));
        assert!(verify_commitment(&commitment, &Secret::new(key), b"what do ya want for nothing?"));
        assert!(!verify_commitment(&commitment, &Secret::new(key), b"what do ya want for nothing!"));
        assert!(!verify_commitment(&commitment, &Secret::new([0; 32]), b"what do ya want for nothing?"));
        for bad in [
            text.trim_start_matches('5'),
            &text.to_uppercase(),
            &format!("{text}0"),
            &format!("{text}00"),
            "",
        ] {
            assert!(bad.parse::<Commitment>().is_err(), "{bad}");
        }
    }
}
