//! Shared-key tokens (version 1): what a platform hands over instead of ids, under a key that the parties agreed on and the sandbox
//! never has.

use std::fmt;

use crate::types::Secret;

/// The agreed key under which ids become tokens.
///
/// # Privacy
/// A holder of it can find the id of a token by trying ids, so either of two parties can reverse the other's tokens. Tokens
/// are personal information all the same (PIPL art. 73(3)).
pub struct TokenKey(Secret);

/// The public name of a token key: the same for all who have the key, and nothing that helps to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenKeyId([u8; 8]);

/// The key of the tokens of one namespace of ids.
pub struct Tokens(Secret);

/// The bytes of a token: 128 bits of keyed BLAKE3.
pub type Token = [u8; 16];

/// How many bytes a token has.
pub const TOKEN_BYTES: usize = 16;

impl TokenKey {
    /// The key made of 32 agreed bytes.
    #[must_use]
    pub fn new(agreed: &Secret) -> Self {
        Self(agreed.derive("hushtag 2026-11 v1 key of tokens"))
    }

    /// Its public name.
    #[must_use]
    pub fn id(&self) -> TokenKeyId {
        TokenKeyId::of_name(self.0.derive("hushtag 2026-11 v1 name of a key of tokens").expose())
    }

    /// The tokens of a namespace: the same for all parties and datasets, since they must join.
    #[must_use]
    pub fn namespace(&self, namespace: &str) -> Tokens {
        Tokens(self.0.derive_for("hushtag 2026-11 v1 token of an id", namespace.as_bytes()))
    }
}

impl Tokens {
    /// The token of an id in its canonical text form.
    #[must_use]
    pub fn token(&self, id: &[u8]) -> Token {
        let mut token = [0; TOKEN_BYTES];
        let hash = blake3::keyed_hash(self.0.expose(), id);
        token.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        token
    }
}

impl TokenKeyId {
    /// The first bytes of a name.
    pub(super) fn of_name(name: &[u8; 32]) -> Self {
        let mut short = [0; 8];
        short.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Self(short)
    }

    /// Reads the sixteen digits that [`fmt::Display`] writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: &[u8; 16] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 8];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for &digit in pair {
                let value = char::from(digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase())?;
                *byte = (*byte << 4) | u8::try_from(value).ok()?;
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for TokenKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_has_one_spelling() {
        let id = TokenKey::new(&Secret::new([1; 32])).id();
        assert_eq!(TokenKeyId::parse(&id.to_string()), Some(id));
        for text in ["", "0", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcdef0", "٠٠٠٠٠٠٠٠"]
        {
            assert_eq!(TokenKeyId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_join_within_a_key_and_a_namespace_only() {
        let [one, two] = [1, 2].map(|byte| TokenKey::new(&Secret::new([byte; 32])));
        let token = one.namespace("phone").token(b"13800000000");
        assert_eq!(token, TokenKey::new(&Secret::new([1; 32])).namespace("phone").token(b"13800000000"));
        assert_ne!(token, one.namespace("card").token(b"13800000000"));
        assert_ne!(token, two.namespace("phone").token(b"13800000000"));
        assert_ne!(one.id(), two.id());
    }
}
