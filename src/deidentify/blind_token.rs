//! Blind tokens (version 2): tokens that need the secrets of both platforms, and what is public of them.

use std::fmt;

use super::{Token, TokenKeyId};
use crate::oprf::{Context, Element, Encoded, hash_to_group};

/// What a public token key's text begins with, and what is between its two parts.
const GROUP: &str = "ristretto255:";
const SIGNS: &str = "+ed25519:";

/// The context string of all our hashes by RFC 9497: that of its verifiable mode, behind a name of our own.
const CONTEXT: &[u8] = b"hushtag 2026-12 v1 blind token OPRFV1-\x01-ristretto255-SHA512";
const TOKEN: &str = "hushtag 2026-12 v1 blind token";
const NAME: &str = "hushtag 2026-12 v1 name of two blind token keys";

/// What a study pins of a platform's key of blind tokens: `K = k * G`, under which evaluations are proven, and the Ed25519 key
/// that signs requests.
///
/// Its text is `ristretto255:` and 64 digits, `+ed25519:` and 64 digits, as `hushtag key new --for blind-token` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPublicKey {
    /// `K`, encoded; an element other than the identity.
    pub element: Encoded,
    /// The public key of RFC 8032 that signs requests.
    pub signs: [u8; 32],
}

/// A text that is not a public token key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a public token key is `ristretto255:` and 64 hexadecimal digits, `+ed25519:` and 64, as `hushtag key new --for blind-token` prints it"
)]
pub struct InvalidTokenKey;

impl TokenPublicKey {
    /// Reads the text of a public token key.
    ///
    /// # Errors
    /// [`InvalidTokenKey`], also for the identity and for what encodes no element.
    pub fn parse(text: &str) -> Result<Self, InvalidTokenKey> {
        let parts = text.strip_prefix(GROUP).and_then(|rest| rest.split_once(SIGNS));
        let (element, signs) = parts.ok_or(InvalidTokenKey)?;
        let element = from_hex(element).filter(|bytes| Element::decode(bytes).is_ok());
        let (Some(element), Some(signs)) = (element, from_hex(signs)) else { return Err(InvalidTokenKey) };
        Ok(Self { element, signs })
    }
}

impl fmt::Display for TokenPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(GROUP)?;
        self.element.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(SIGNS)?;
        self.signs.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Thirty-two bytes in lowercase digits, the one spelling.
fn from_hex(digits: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            let value = char::from(digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase())?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}

/// The context of all hashes of blind tokens.
#[must_use]
pub fn blind_context() -> Context {
    Context::new(CONTEXT)
}

/// `H(n, x)`: the element of an id in its canonical form, in a namespace. `None` for the identity, which no one can find an id of.
#[must_use]
pub fn hashed_id(context: &Context, namespace: &str, id: &[u8]) -> Option<Element> {
    hash_to_group(context, &[&length(namespace), namespace.as_bytes(), id])
}

/// `T(n, x)` from the encoding of `kA * kB * H(n, x)`.
///
/// # Privacy
/// Personal information all the same (PIPL art. 73(3)); the id is found by trying only with both secrets.
#[must_use]
pub fn blind_token(namespace: &str, encoded: &Encoded) -> Token {
    let material = [&length(namespace), namespace.as_bytes(), encoded].concat();
    let hash = blake3::derive_key(TOKEN, &material);
    let mut token = Token::default();
    token.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    token
}

/// The length of a namespace's name in two bytes, the greater first.
fn length(namespace: &str) -> [u8; 2] {
    u16::try_from(namespace.len()).unwrap_or(u16::MAX).to_be_bytes()
}

impl TokenKeyId {
    /// The fingerprint of both public keys, whichever is named first.
    #[must_use]
    pub fn of_both(one: &TokenPublicKey, other: &TokenPublicKey) -> Self {
        let (first, second) = (one.element.min(other.element), one.element.max(other.element));
        Self::of_name(&blake3::derive_key(NAME, &[first, second].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oprf::SecretScalar;

    fn public(byte: u8) -> TokenPublicKey {
        let element = SecretScalar::from_uniform(&[byte; 64]).unwrap().public().encode();
        TokenPublicKey { element, signs: [byte; 32] }
    }

    #[test]
    fn a_public_key_has_one_spelling_and_is_an_element() {
        let key = public(3);
        assert_eq!(TokenPublicKey::parse(&key.to_string()), Ok(key.clone()));
        let identity = format!("{GROUP}{}{SIGNS}{}", "0".repeat(64), "0".repeat(64));
        let text = key.to_string();
        let capitals =
            text.to_uppercase().replace("RISTRETTO255", "ristretto255").replace("ED25519", "ed25519");
        for bad in ["", GROUP, &identity, &capitals, &format!("{text}0"), text.trim_start_matches(GROUP)] {
            assert_eq!(TokenPublicKey::parse(bad), Err(InvalidTokenKey), "{bad}");
        }
    }

    #[test]
    fn the_fingerprint_of_two_keys_has_no_order() {
        let (one, other) = (public(1), public(2));
        assert_eq!(TokenKeyId::of_both(&one, &other), TokenKeyId::of_both(&other, &one));
        assert_ne!(TokenKeyId::of_both(&one, &other), TokenKeyId::of_both(&one, &public(3)));
    }
}
