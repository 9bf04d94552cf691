//! A token and its hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// How every token begins, so that scanners of secrets find one that leaked.
const PREFIX: &str = "hushtag_";

/// The domain of the hash.
const DOMAIN: &str = "hushtag-serve 2026-11 v1 token";

/// 256 random bits. Shown once, when it is made; leaves memory when dropped.
pub struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// A new token from a source of random bits fit for keys.
    #[must_use]
    pub fn generate(rng: &mut impl rand::CryptoRng) -> Self {
        let mut bits = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bits);
        Self(bits)
    }

    /// Reads a token; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let bits = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new);
        bytes.zeroize();
        bits.map(Self)
    }

    /// The text to hand to its holder.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*self.0)))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(blake3::derive_key(DOMAIN, &*self.0))
    }
}

/// What is kept of a token: BLAKE3 of its 256 random bits, under a domain of its own. So many bits cannot be guessed, so no slow hash is
/// needed; and a hash is looked up as a whole, so that the time of a lookup says nothing about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for TokenHash {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hash = blake3::Hash::from_hex(&text).map_err(|_| "a hash has 64 hexadecimal digits")?;
        Ok(Self(*hash.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is() {
        let token = Token::generate(&mut rand::rng());
        let text = token.reveal();
        assert_eq!(Token::parse(&text).unwrap().hash(), token.hash());
        assert_ne!(Token::generate(&mut rand::rng()).hash(), token.hash());
        let long = format!("{}A", *text);
        let behind = text.trim_start_matches('h');
        let short: String = text.chars().take(text.len() - 1).collect();
        for other in ["", "hushtag_", behind, &short, &long] {
            assert!(Token::parse(other).is_none(), "{other:?}");
        }
        let hash = token.hash();
        assert_eq!(TokenHash::try_from(String::from(hash)).unwrap(), hash);
    }

    proptest! {
        #[test]
        fn whatever_is_sent_as_a_token_is_read_exactly_or_not_at_all(text in ".{0,60}") {
            if let Some(token) = Token::parse(&text) {
                let shown = token.reveal();
                prop_assert_eq!(shown.as_str(), text);
            }
        }
    }
}
