//! Bearer tokens, known by their SHA-256 alone.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ring::digest::{SHA256, digest};

/// The SHA-256 of a token.
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, String> {
        let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
        let bytes: Option<Vec<u8>> = digits.and_then(|digits| {
            digits
                .chunks(2)
                .map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok())
                .collect()
        });
        match bytes.map(<[u8; 32]>::try_from) {
            Some(Ok(bytes)) if text.len() == 64 => Ok(Self(bytes)),
            _ => Err("the SHA-256 of a token has 64 hexadecimal digits".into()),
        }
    }

    /// Whether a request carries the token. Digests are compared, so the time shows nothing about the token itself.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| digest(&SHA256, token.as_bytes()).as_ref() == self.0)
    }
}
